//! What encryption costs in the headline metric, in a clause.

use hexperiment_experiment::summary::{Measured, Row};
use hexperiment_task::ledger::Metric;

use crate::first_table::value;
use crate::units::significant;

/// What encryption costs in the headline metric, as it is shown.
pub(crate) fn quality(members: &[(&Row, &Measured)]) -> Option<String> {
    let mut told = Vec::new();
    for (row, measured) in members {
        let metric = measured.metrics.first()?;
        told.push((*row, metric, metric.plaintext?));
    }
    let (_, first, clear) = *told.first()?;
    if told.iter().any(|(_, metric, _)| metric.name != first.name) {
        return None;
    }
    let name = metric_name(&first.name);
    let unit = match first.unit.as_str() {
        "" => String::new(),
        unit => format!(" {unit}"),
    };
    let all = match told.len() {
        1 => "it keeps",
        2 => "both keep",
        _ => "all keep",
    };
    // What all rows share is no scheme's doing.
    let found = value(first.value);
    let is_shared = told.len() > 1
        && told
            .iter()
            .all(|(_, m, c)| value(m.value) == found && value(*c) == value(clear));
    let distance = |value: f64, clear: f64| (value - clear).abs();
    let worst = told
        .iter()
        .filter(|(_, metric, clear)| value(metric.value) != value(*clear))
        // NaN is the worst.
        .max_by(|(_, a, p), (_, b, q)| distance(a.value, *p).total_cmp(&distance(b.value, *q)));
    let mut clause = match worst {
        None if told.iter().all(|(.., c)| value(*c) == value(clear)) => {
            format!("{all} the {name} of the clear, {}", value(clear))
        }
        None => format!("{all} the {name} of the clear"),
        Some(_) if is_shared => format!(
            "the {name} is {found} under all, and {} in the clear",
            value(clear)
        ),
        Some((row, metric, 0.0)) if told.len() > 1 => format!(
            "the {name} is largest under {} ({}{unit}), and 0 in the clear",
            row.name(),
            value(metric.value)
        ),
        Some((_, metric, 0.0)) => {
            format!(
                "the {name} is {}{unit}, and 0 in the clear",
                value(metric.value)
            )
        }
        Some((row, metric, clear)) => {
            let most = if told.len() > 1 { " most" } else { "" };
            format!(
                "{name} differs{most} from the clear under {} ({} for {})",
                row.name(),
                value(metric.value),
                value(*clear)
            )
        }
    };
    if let Some(words) = clipping(&told, &name) {
        clause = format!("{clause}; {words}");
    }
    Some(clause)
}

/// What moving values into public ranges before they are encrypted does to the headline metric, where that is
/// seen: where it is the same of all rows, as of every scheme on the same data, what the metric is without; where
/// it differs, how much it changes at most.
fn clipping(told: &[(&Row, &Metric, f64)], name: &str) -> Option<String> {
    let changed = |(_, metric, clear): &(&Row, &Metric, f64)| {
        let unclipped = metric.unclipped.unwrap_or(*clear);
        (value(unclipped) != value(*clear)).then(|| (unclipped, (unclipped - clear).abs()))
    };
    // NaN is the most.
    let (unclipped, most) = told
        .iter()
        .filter_map(changed)
        .max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let is_shared = told.iter().all(|row| {
        let same = changed(row).map(|(other, _)| value(other));
        same == Some(value(unclipped)) && value(row.2) == value(told[0].2)
    });
    Some(if is_shared {
        format!(
            "without clipping the {name} of the clear is {}",
            value(unclipped)
        )
    } else {
        let most = significant(most, 2);
        format!("clipping changes the {name} of the clear by up to {most}")
    })
}

/// The name of a metric as people write it: `auc` in capitals, `tp` in words, other names with blanks.
pub fn metric_name(name: &str) -> String {
    match name {
        "auc" | "auprc" | "mae" | "mse" | "rmse" | "nrmse" | "mape" | "mcc" | "f1" => {
            name.to_uppercase()
        }
        "tp" => "true positives".into(),
        "fp" => "false positives".into(),
        "tn" => "true negatives".into(),
        "fn" => "false negatives".into(),
        "r2" => "R²".into(),
        other => other.replace('_', " "),
    }
}
