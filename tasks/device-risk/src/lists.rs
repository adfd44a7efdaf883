//! The lists that a run leaves: devices by level, those to trust and to stop, and the states of the
//! fleet in the data's order.

use std::collections::HashMap;
use std::fmt::Write as _;

use hexperiment_data::export::field;
use hexperiment_scheme::options::{OptionError, Options};
use hexperiment_task::Artefact;
use hexperiment_task::monitor::{Assessment, List};

use crate::level::{LEVELS, Scores, decide, expected};
use crate::plan::RiskPlan;

/// Rows of `states.csv`: the first ones.
const MOST_STATES: usize = 1000;

/// Which devices are listed, and how they are explained.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    whitelist_below: f64,
    blacklist_above: f64,
    /// Contributions to a device.
    shown: usize,
}

impl Rules {
    pub(crate) fn read(options: &Options) -> Result<Self, OptionError> {
        Ok(Self {
            whitelist_below: options.number("whitelist_below")?,
            blacklist_above: options.number("blacklist_above")?,
            shown: options.integer("contributions")? as usize,
        })
    }

    /// The rules in words.
    pub(crate) fn note(self) -> String {
        format!(
            "whitelist: level Low and a score of at most {}; blacklist: level High and a score of \
             at least {}; the score is (share of Medium + 2 share of High) / 2",
            self.whitelist_below, self.blacklist_above
        )
    }

    /// The list that a device is on, if any.
    fn list(self, level: usize, score: f64) -> Option<List> {
        if level == 0 && score <= self.whitelist_below {
            Some(List::White)
        } else if level == LEVELS.len() - 1 && score >= self.blacklist_above {
            Some(List::Black)
        } else {
            None
        }
    }

    /// What shares say of a device.
    pub(crate) fn assess(self, shares: Scores) -> Assessment {
        let (level, score) = (decide(shares), expected(shares));
        Assessment {
            level,
            score,
            listed: self.list(level, score),
        }
    }

    /// The files, of what was decrypted.
    pub(crate) fn files(self, plan: &RiskPlan, shares: &[Scores]) -> Vec<Artefact> {
        let rows: Vec<Listed> = shares
            .iter()
            .enumerate()
            .map(|(device, shares)| {
                let level = decide(*shares);
                Listed {
                    device,
                    score: expected(*shares),
                    level,
                    reasons: self.reasons(plan, device, level),
                }
            })
            .collect();
        let is_on = |row: &Listed, list| self.list(row.level, row.score) == Some(list);
        let white = |row: &Listed| is_on(row, List::White);
        let black = |row: &Listed| is_on(row, List::Black);
        let mut files = vec![
            file(
                plan,
                "whitelist.csv".into(),
                rows.iter().filter(|r| white(r)),
            ),
            file(
                plan,
                "blacklist.csv".into(),
                rows.iter().filter(|r| black(r)),
            ),
        ];
        for (level, name) in LEVELS.iter().enumerate() {
            let name = format!("{}_risk.csv", name.to_lowercase());
            files.push(file(plan, name, rows.iter().filter(|r| r.level == level)));
        }
        let listed = |row: &Listed| i8::from(black(row)) - i8::from(white(row));
        files.push(states(plan, &rows, listed));
        files
    }

    /// The features that add most to a level's score, or take most from it.
    fn reasons(self, plan: &RiskPlan, device: usize, level: usize) -> String {
        let parts = plan.contributions.slice(ndarray::s![device, level, ..]);
        let mut order: Vec<usize> = (0..parts.len()).filter(|j| parts[*j] != 0.0).collect();
        order.sort_by(|a, b| parts[*b].abs().total_cmp(&parts[*a].abs()));
        let shown = order.iter().take(self.shown);
        let texts = shown.map(|j| format!("{}:{:+.3}", plan.features[*j], parts[*j]));
        texts.collect::<Vec<_>>().join(";")
    }
}

/// One line of a list.
struct Listed {
    device: usize,
    score: f64,
    level: usize,
    reasons: String,
}

/// The state of each scored device, in the data's order; `reading` counts the rows of one device. In
/// the column `listed` -1 stands for the white list, 1 for the black list.
fn states(plan: &RiskPlan, rows: &[Listed], listed: impl Fn(&Listed) -> i8) -> Artefact {
    let clear = plan.decided();
    let mut readings = HashMap::new();
    let mut text = String::from("device,reading,score,level,level_in_clear,truth,listed\n");
    for row in rows.iter().take(MOST_STATES) {
        let name = &plan.devices[row.device];
        let reading = readings.entry(name).or_insert(0_usize);
        *reading += 1;
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{},{reading},{},{},{},{},{}",
            field(name),
            score(row.score),
            row.level,
            clear[row.device],
            plan.truth[row.device],
            listed(row)
        );
    }
    Artefact {
        name: "states.csv".into(),
        bytes: text.into_bytes(),
    }
}

/// Four digits after the point; noise below 0 is no less than 0.
fn score(score: f64) -> String {
    format!("{:.4}", (score * 1e4).round() / 1e4 + 0.0)
}

fn file<'a>(plan: &RiskPlan, name: String, rows: impl Iterator<Item = &'a Listed>) -> Artefact {
    let lines = rows.map(|row| {
        format!(
            "{},{},{},{}\n",
            field(&plan.devices[row.device]),
            score(row.score),
            LEVELS[row.level],
            field(&row.reasons)
        )
    });
    let heading = std::iter::once("device,score,level,contributions\n".to_owned());
    Artefact {
        name,
        bytes: heading.chain(lines).collect::<String>().into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::score;

    #[test]
    fn scores_of_nothing_have_no_sign() {
        for (number, expect) in [(-0.000_04, "0.0000"), (0.0, "0.0000"), (-0.25, "-0.2500")] {
            assert_eq!(score(number), expect);
        }
    }
}
