//! Which features a model sees.

use ndarray::{ArrayView1, ArrayView2, Axis};

use crate::TaskError;
use crate::encode::{EncodedTable, Encoding, constant_columns, name_columns};
use hexperiment_data::Partition;
use hexperiment_scheme::options::{OptionError, OptionSpec, Options};

/// The options that every task around a linear model has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearModelSettings {
    /// How many features are selected; 0 for all.
    pub features: usize,
    /// How values are brought into a public range.
    pub encoding: Encoding,
}

impl LinearModelSettings {
    /// Their descriptions; `ranking` says by what features are ranked.
    pub fn specs(ranking: &'static str) -> Vec<OptionSpec> {
        vec![
            OptionSpec::integer("features", 0..=100_000, 0, ranking),
            OptionSpec::zero_or_number(
                "clip",
                0.5..=1e6,
                5.0,
                "Values further than so many standard deviations from the training mean are moved \
                 there, in the clear too, so that an outlier neither pulls at the weights nor widens \
                 the ranges behind it; 0 to leave them.",
            ),
            OptionSpec::number(
                "range_margin",
                0.0..=100.0,
                0.25,
                "The public range of a feature: the training part's, widened by this share of its \
                 width at either end. Test values outside are moved to its ends before encryption.",
            ),
        ]
    }

    /// Reads them.
    ///
    /// # Errors
    /// The options lack one of [`LinearModelSettings::specs`], or it is of another kind.
    pub fn read(options: &Options) -> Result<Self, OptionError> {
        let clip = options.number("clip")?;
        Ok(Self {
            features: options.integer("features")? as usize,
            encoding: Encoding {
                clip: if clip > 0.0 { clip } else { f64::INFINITY },
                range_margin: options.number("range_margin")?,
            },
        })
    }
}

/// Ranks columns by what they tell of a target: places, best first.
pub type Ranking = fn(ArrayView2<'_, f64>, ArrayView1<'_, f64>) -> Vec<usize>;

/// The features of a model: selected, standardised, within public ranges.
#[derive(Clone, Debug)]
pub struct Features {
    /// The tables.
    pub table: EncodedTable,
    /// What a reader must know of their preparation.
    pub notes: Vec<String>,
}

impl Features {
    /// Chooses and encodes the features of a partition by what its training part shows: columns
    /// that are constant there are left out, of the others the best by `ranking` are taken.
    /// Fails where fewer are left than wanted, or where one chosen has gaps.
    ///
    /// # Errors
    /// `TaskError::Data` where no column varies or values are missing; `TaskError::Options` where
    /// fewer columns vary than are wanted. Where features are selected, no column that varies may
    /// have gaps.
    pub fn prepare(
        partition: &Partition,
        settings: LinearModelSettings,
        ranking: Ranking,
    ) -> Result<Self, TaskError> {
        let constant = constant_columns(partition);
        let all = partition.columns.len();
        let varying: Vec<usize> = (0..all)
            .filter(|j| constant.binary_search(j).is_err())
            .collect();
        let constant_names = name_columns(partition, &constant);
        if varying.is_empty() {
            return Err(TaskError::data(
                format!("no feature varies in the training part ({constant_names})"),
                "use more rows or other columns",
            ));
        }
        if settings.features > varying.len() {
            let without = if constant.is_empty() {
                String::new()
            } else {
                format!(", of which {constant_names} are constant in the training part")
            };
            return Err(TaskError::Options(format!(
                "`features = {}`, but the data have {all}{without}; take at most {}, or 0 for all",
                settings.features,
                varying.len()
            )));
        }
        let mut chosen = varying;
        if settings.features > 0 {
            // A ranking of columns with gaps would mean little: they are refused first.
            EncodedTable::new(partition, &chosen, settings.encoding)?;
            let train = partition.train.features.select(Axis(1), &chosen);
            let mut best = ranking(train.view(), partition.train.target.view());
            best.truncate(settings.features);
            best.sort_unstable();
            chosen = best.into_iter().map(|place| chosen[place]).collect();
        }
        let table = EncodedTable::new(partition, &chosen, settings.encoding)?;
        let mut notes = Vec::new();
        if !constant.is_empty() {
            notes.push(format!(
                "left out, because they are constant in the training part: {constant_names}"
            ));
        }
        if settings.features > 0 && settings.features <= 20 {
            let names = name_columns(partition, &chosen);
            notes.push(format!("features selected on the training part: {names}"));
        }
        notes.extend(table.notes.iter().cloned());
        Ok(Self { table, notes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hexperiment_data::{Part, transform};
    use ndarray::{Array2, array};

    fn partition(features: Array2<f64>) -> Partition {
        let part = Part {
            rows: vec![0, 1, 2, 3],
            features,
            target: array![0.0, 0.0, 1.0, 1.0],
        };
        Partition {
            columns: ["a", "b", "c"].map(String::from).to_vec(),
            train: part.clone(),
            test: part,
        }
    }

    #[track_caller]
    fn check(features: Array2<f64>, wanted: usize, expect: Result<(&[&str], &str), &str>) {
        let settings = LinearModelSettings {
            features: wanted,
            encoding: Encoding {
                clip: 5.0,
                range_margin: 0.25,
            },
        };
        let got = Features::prepare(&partition(features), settings, transform::rank_by_f);
        match (got, expect) {
            (Ok(got), Ok((names, note))) => {
                let got_names: Vec<&str> =
                    got.table.columns.iter().map(|c| c.name.as_str()).collect();
                assert_eq!(got_names, names);
                assert_eq!(got.table.train.ncols(), names.len());
                assert!(got.notes.join("\n").contains(note), "{:?}", got.notes);
            }
            (Err(got), Err(want)) => assert!(got.to_string().contains(want), "{got}"),
            (got, want) => panic!("got {got:?}, want {want:?}"),
        }
    }

    #[test]
    fn constant_columns_are_left_out_and_the_best_of_the_rest_chosen() {
        // `a` is noise, `b` tells, `c` is constant.
        let table = array![
            [0.0, 1.0, 7.0],
            [1.0, 1.1, 7.0],
            [0.2, 3.0, 7.0],
            [0.9, 3.2, 7.0]
        ];
        check(table.clone(), 0, Ok((&["a", "b"], "training part: `c`")));
        check(
            table.clone(),
            1,
            Ok((&["b"], "selected on the training part: `b`")),
        );
        check(
            table.clone(),
            3,
            Err("`c` are constant in the training part; take at most 2"),
        );
        check(table.clone(), 4, Err("the data have 3"));
        check(Array2::ones((4, 3)), 0, Err("no feature varies"));
        let mut gap = table;
        gap[[1, 0]] = f64::NAN;
        check(gap.clone(), 1, Err("in columns `a`"));
        check(gap, 0, Err("in columns `a`"));
    }
}
