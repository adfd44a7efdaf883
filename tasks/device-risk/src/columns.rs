//! From a data set to numbers: dates become days, categories ranks; every level must be there.

use hexperiment_data::{Dataset, Label, MissingPolicy, Part, Partition};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_task::TaskError;
use ndarray::{Array1, Axis};

use crate::level::LEVELS;

/// A data set in numbers, and what its devices are called.
#[derive(Debug)]
pub(crate) struct Devices {
    pub(crate) partition: Partition,
    /// Name of each device, by row of the data set.
    pub(crate) names: Vec<String>,
    /// Notes on the columns for the report.
    pub(crate) notes: Vec<String>,
}

impl Devices {
    /// Reads the columns of text that the options name, splits, and checks the levels.
    pub(crate) fn read(data: &Dataset, options: &Options) -> Result<Self, TaskError> {
        let mut data = data.clone();
        let today = options.text("reference_date")?;
        let today = day(today).ok_or_else(|| {
            TaskError::Options(format!(
                "`reference_date`: found \"{today}\", expected a date as 2026-01-31"
            ))
        })?;
        let identifier = options.text("identifier")?;
        let names = match data.labels.iter().find(|l| l.name == identifier) {
            Some(label) => label.values.clone(),
            None => (0..data.features.nrows())
                .map(|i| format!("row {}", i + 1))
                .collect(),
        };
        let mut notes = Vec::new();
        for name in list(options, "dates") {
            let label = label(&data, &name, "dates")?;
            let days = days_before(label, today, &names)?;
            add(&mut data, format!("days_since_{name}"), days)?;
        }
        for name in list(options, "categories") {
            let label = label(&data, &name, "categories")?;
            let ranks = ranks(label, &data.train);
            let unknown = data.test.iter().filter(|row| ranks[**row].fract() != 0.0);
            match unknown.count() {
                0 => {}
                count => notes.push(format!(
                    "devices of the test part whose `{name}` no device of the training part has: \
                     {count}; it ranks half-way between its neighbours"
                )),
            }
            add(&mut data, format!("{name}_rank"), ranks)?;
        }
        drop_gaps(&mut data);
        let partition = data.partition()?;
        for (part, name) in [(&partition.train, "training"), (&partition.test, "test")] {
            check_levels(part, name)?;
        }
        Ok(Self {
            partition,
            names,
            notes,
        })
    }
}

/// The levels of a part.
pub(crate) fn levels(part: &Part) -> Vec<usize> {
    part.target.iter().map(|y| *y as usize).collect()
}

fn list(options: &Options, name: &str) -> Vec<String> {
    let Some(OptionValue::List(items)) = options.get(name) else {
        return vec![];
    };
    let texts = items.iter().filter_map(|item| match item {
        OptionValue::Text(text) => Some(text.clone()),
        _ => None,
    });
    texts.collect()
}

fn label<'a>(data: &'a Dataset, name: &str, option: &str) -> Result<&'a Label, TaskError> {
    data.labels.iter().find(|l| l.name == name).ok_or_else(|| {
        let there: Vec<&str> = data.labels.iter().map(|l| l.name.as_str()).collect();
        let there = if there.is_empty() {
            "none".into()
        } else {
            there.join(", ")
        };
        TaskError::data(
            format!(
                "{} has no column of text `{name}`, which `{option}` names; those there: {there}",
                data.place()
            ),
            format!(
                "name it under [dataset], as in `labels = [\"{name}\"]`, or set `{option}` under \
                 [task] to what the data have; `{option} = []` for none"
            ),
        )
    })
}

fn add(data: &mut Dataset, name: String, values: Vec<f64>) -> Result<(), TaskError> {
    if data.columns.contains(&name) {
        return Err(TaskError::data(
            format!("{} has a column `{name}` already", data.place()),
            "rename it, or leave it out with `drop_columns` under [dataset]",
        ));
    }
    let added = data.features.push_column(Array1::from(values).view());
    added.map_err(|e| TaskError::data(e.to_string(), "get the file anew"))?;
    data.columns.push(name);
    Ok(())
}

/// Days from each date to `today`; missing where there is no text. `names` are the devices'.
fn days_before(label: &Label, today: i64, names: &[String]) -> Result<Vec<f64>, TaskError> {
    let days = label.values.iter().zip(names).map(|(text, device)| {
        if text.trim().is_empty() {
            return Ok(f64::NAN);
        }
        let bad = |problem: &str, help: &str| {
            let found = format!("column `{}`, {device}: found \"{text}\"", label.name);
            Err(TaskError::data(format!("{found}, {problem}"), help))
        };
        match day(text) {
            None => bad(
                "expected a date as 2026-01-31",
                "correct it, or take the column out of `dates` under [task]",
            ),
            Some(day) if day > today => bad(
                "which is after `reference_date`",
                "set `reference_date` under [task] to the day of the reports, or correct the date",
            ),
            Some(day) => Ok((today - day) as f64),
        }
    });
    days.collect()
}

/// Where rows with gaps are dropped, those with a gap in a column that was added go, too.
fn drop_gaps(data: &mut Dataset) {
    let drops = [MissingPolicy::DropRows, MissingPolicy::CompleteRows];
    if !drops.contains(&data.missing) {
        return;
    }
    let features = &data.features;
    let whole = |row: &usize| features.row(*row).iter().all(|x| !x.is_nan());
    data.train.retain(whole);
    data.test.retain(whole);
}

/// Days since 1 January 1970 of a date `YYYY-MM-DD`; `None` where there is no such day.
fn day(text: &str) -> Option<i64> {
    let mut parts = text.trim().splitn(3, '-');
    let mut next = |digits: usize| -> Option<i64> {
        let part = parts.next()?;
        let fits = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| part.parse().ok())?
    };
    let (year, month, day) = (next(4)?, next(2)?, next(2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [
        31,
        28 + i64::from(leap),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let length = *lengths.get(usize::try_from(month - 1).ok()?)?;
    if !(1..=length).contains(&day) {
        return None;
    }
    let before: i64 = lengths[..month as usize - 1].iter().sum();
    let past = year - 1; // years that are over, from year 1
    let days = 365 * past + past / 4 - past / 100 + past / 400 + before + day - 1;
    Some(days - 719_162)
}

/// The rank of each text among those that the rows `known` have: versions by their numbers, then
/// by letter. What none of them has lies half-way between its neighbours, missing texts are
/// missing.
fn ranks(label: &Label, known: &[usize]) -> Vec<f64> {
    let key = |text: &str| -> (Vec<u64>, String) {
        let digits = text.split(|c: char| !c.is_ascii_digit());
        let numbers = digits.filter_map(|d| d.parse().ok());
        (numbers.collect(), text.to_owned())
    };
    let known = known.iter().map(|row| label.values[*row].trim());
    let mut known: Vec<_> = known.filter(|text| !text.is_empty()).map(key).collect();
    known.sort();
    known.dedup();
    let rank = |text: &String| match text.trim() {
        "" => f64::NAN,
        text => match known.binary_search(&key(text)) {
            Ok(place) => place as f64,
            Err(place) => place as f64 - 0.5,
        },
    };
    label.values.iter().map(rank).collect()
}

fn check_levels(part: &Part, name: &str) -> Result<(), TaskError> {
    let is_level = |y: &f64| (0..LEVELS.len()).any(|level| *y == level as f64);
    if let Some(y) = part.target.iter().find(|y| !is_level(y)) {
        return Err(TaskError::data(
            format!("the target has the value {y}; expected 0 (Low), 1 (Medium) or 2 (High)"),
            "choose the column of levels as the target, or write its levels as these numbers",
        ));
    }
    for (level, text) in LEVELS.iter().enumerate() {
        if !part.target.iter().any(|y| *y == level as f64) {
            let all = part.target.len_of(Axis(0));
            return Err(TaskError::data(
                format!("none of the {all} devices of the {name} part has level {text} ({level})"),
                "take more devices, split with `split = \"stratified\"`, or change `test_fraction`",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days() {
        for (text, expect) in [
            ("1970-01-01", Some(0)),
            ("1969-12-31", Some(-1)),
            ("2000-03-01", Some(11_017)),
            (" 2026-01-01 ", Some(20_454)),
            ("2024-02-29", Some(19_782)),
            ("2023-02-29", None),
            ("2023-13-01", None),
            ("2023-00-01", None),
            ("2023-1-01", None),
            ("01.02.2023", None),
            ("", None),
        ] {
            assert_eq!(day(text), expect, "{text}");
        }
    }

    #[test]
    fn versions_are_ranked_by_number() {
        let values = ["2.10.0", "2.9.1", "1.8", "2.9.1", "beta"];
        let label = Label {
            name: "firmware".into(),
            values: values.map(String::from).to_vec(),
        };
        assert_eq!(ranks(&label, &[0, 1, 2, 3, 4]), [3.0, 2.0, 1.0, 2.0, 0.0]);
        // "2.9.1" is not among the known ones, "beta" is before all of them.
        assert_eq!(ranks(&label, &[0, 2]), [1.0, 0.5, 0.0, 0.5, -0.5]);
    }

    #[test]
    fn texts_that_are_missing_are_gaps() {
        let label = |values: &[&str]| Label {
            name: "x".into(),
            values: values.iter().map(|v| (*v).into()).collect(),
        };
        let got = ranks(&label(&["1.0", " ", "2.0"]), &[0, 1, 2]);
        assert!(got[1].is_nan() && got[0] == 0.0 && got[2] == 1.0, "{got:?}");
        let names = ["a", "b"].map(String::from);
        let got = days_before(&label(&["1970-01-03", ""]), 5, &names).unwrap();
        assert!(got[0] == 3.0 && got[1].is_nan(), "{got:?}");
    }
}
