//! Programs as text, for `--explain` and for messages.

use std::fmt::{self, Display, Write as _};

use super::{Op, Program, Public, ValueId};

/// Weights shown of a weighted sum before the rest is only counted.
const SHOWN: usize = 4;

impl Display for Public {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(x) => write!(f, "{x:.6}"),
            Self::Vector(xs) => write!(f, "<{} numbers>", xs.len()),
        }
    }
}

impl Program {
    /// One operation with its operands, as in `weighted-sum %0 * 0.25, %1 * -1.5; + 0.1`.
    pub fn describe(&self, id: ValueId) -> String {
        let op = self.value(id).op();
        let mut text = op.kind().name().to_owned();
        for (i, operand) in op.operands().into_iter().enumerate() {
            if matches!(op, Op::WeightedSum { .. }) {
                break;
            }
            let _ = write!(text, "{} {operand}", if i == 0 { "" } else { "," });
        }
        let detail = match op {
            Op::Input { input, column } => {
                let input = self.input(*input);
                format!(" {}.{}", input.name, input.columns[*column].name)
            }
            Op::Constant(by) | Op::Offset { by, .. } | Op::Scale { by, .. } => format!(" {by}"),
            Op::WeightedSum { terms, bias } => {
                let shown: Vec<String> = terms
                    .iter()
                    .take(SHOWN)
                    .map(|(v, w)| format!("{v} * {w}"))
                    .collect();
                let more = terms.len().saturating_sub(SHOWN);
                let more = if more > 0 {
                    format!(", {more} more")
                } else {
                    String::new()
                };
                format!(" {}{more}; + {bias}", shown.join(", "))
            }
            Op::Shift { by, .. } => format!(" by {by}"),
            Op::Sum { group, .. } => format!(" in groups of {group}"),
            Op::Pick { stride, .. } => format!(" every {stride}"),
            Op::Polynomial { polynomial, .. } => {
                format!(
                    " of degree {} on {}",
                    polynomial.degree(),
                    polynomial.domain()
                )
            }
            Op::Compare { relation, .. } => format!(" {relation:?}"),
            Op::Lookup { table, .. } => format!(" in {} entries", table.entries.len()),
            _ => String::new(),
        };
        text + &detail
    }

    /// The whole program, a line for each value: its length, its range, and its level where
    /// `levels` (by [`ValueId::index`]) gives one.
    pub fn listing(&self, levels: Option<&[u32]>) -> String {
        let mut text = format!("program `{}`\n", self.name());
        for (id, value) in self.iter() {
            let level = levels
                .and_then(|l| l.get(id.index()))
                .map(|l| format!("  level {l}"))
                .unwrap_or_default();
            let operation = self.describe(id);
            let _ = writeln!(
                text,
                "  {:>5} = {operation:<56} {:>6} x {}{level}",
                id.to_string(),
                value.length(),
                value.range(),
            );
        }
        for output in self.outputs() {
            let values: Vec<String> = output.values.iter().map(ToString::to_string).collect();
            let _ = writeln!(text, "  output {} = {}", output.name, values.join(", "));
        }
        text
    }
}

impl Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.listing(None))
    }
}
