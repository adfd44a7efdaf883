//! What is wrong with the fields of a file, gathered by column.

use std::collections::BTreeMap;
use std::path::Path;

use hexperiment_diagnostics::Complaint;

/// Complaints beyond this many are only counted, and so are lines in one of them.
pub(super) const SHOWN: usize = 5;

/// What is wrong with the fields of each column, by its place, and with whole rows.
#[derive(Default)]
pub(super) struct Faults(BTreeMap<Option<usize>, Fault>);

/// What is wrong with some fields of a column.
struct Fault {
    /// Of the first.
    message: String,
    line: usize,
    /// Of some of the others.
    lines: Vec<usize>,
    /// How many others there are.
    others: usize,
}

impl Faults {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes what is wrong on a line with the column at `place`, or with the whole row.
    pub(super) fn add(
        &mut self,
        place: Option<usize>,
        line: usize,
        message: impl FnOnce() -> String,
    ) {
        if let Some(fault) = self.0.get_mut(&place) {
            fault.others += 1;
            if fault.lines.len() < SHOWN {
                fault.lines.push(line);
            }
        } else {
            let fault = Fault {
                message: message(),
                line,
                lines: vec![],
                others: 0,
            };
            self.0.insert(place, fault);
        }
    }

    /// A complaint for each column, in the order in which they begin; fails if there is one.
    pub(super) fn told(
        self,
        file: &Path,
        help: impl Fn(Option<usize>) -> String,
    ) -> Result<(), Vec<Complaint>> {
        let mut faults: Vec<_> = self.0.into_iter().collect();
        faults.sort_by_key(|(_, fault)| fault.line);
        let more = faults.len().saturating_sub(SHOWN);
        let complaint = |(place, fault): (Option<usize>, Fault)| {
            Complaint::new(file, fault.message + &likewise(&fault.lines, fault.others))
                .at_line(fault.line)
                .help(help(place))
        };
        let mut complaints: Vec<_> = faults.into_iter().take(SHOWN).map(complaint).collect();
        if more > 0 {
            complaints.push(Complaint::new(file, format!("and {more} more columns")));
        }
        if complaints.is_empty() {
            Ok(())
        } else {
            Err(complaints)
        }
    }
}

/// `; likewise on 9 other lines: 3, 4, 5, 6, 7, …`
fn likewise(lines: &[usize], others: usize) -> String {
    let shown: Vec<String> = lines.iter().map(usize::to_string).collect();
    let shown = shown.join(", ");
    match others {
        0 => String::new(),
        1 => format!("; likewise on line {shown}"),
        _ if others > lines.len() => format!("; likewise on {others} other lines: {shown}, …"),
        _ => format!("; likewise on {others} other lines: {shown}"),
    }
}
