//! A fleet that goes on reporting: the devices are simulated second by second, the model is the one that a run
//! trains, and rows become what it sees as those of the test part do.

use hexperiment_data::{Dataset, Label};
use hexperiment_task::encode::EncodedTable;
use hexperiment_task::monitor::{
    Assessment, FaultKind, MOST_ROUNDS, Monitor, MonitorRequest, Round,
};
use hexperiment_task::{Outcome, PrepareRequest, Prepared, TaskError};
use ndarray::{Array2, Axis, concatenate, s};

use crate::Risk;
use crate::fleet::{Device, FAULTS, Fault, NUMBERS, REPORTS, TEXTS};
use crate::level::{LEVELS, softmax};
use crate::lists::Rules;
use crate::multinomial::Multinomial;
use crate::plan::{Linear, RiskPlan};

/// The first stream of devices that are monitored: no device of a history has it, whatever the seed.
const FIRST_STREAM: u64 = 1 << 32;

/// Devices of a simulated fleet, and the model that tells their risk.
pub(crate) struct FleetMonitor {
    risk: Risk,
    rules: Rules,
    model: Multinomial,
    /// The units and ranges of what the model sees.
    table: EncodedTable,
    devices: Vec<Device>,
    /// Devices x all columns, in their own units.
    rows: Array2<f64>,
    /// Columns of the rows that devices report, each with its place among a report's numbers.
    reported: Vec<(usize, usize)>,
    /// Columns of the rows that the model sees.
    seen: Vec<usize>,
    notes: Vec<String>,
}

impl FleetMonitor {
    pub(crate) fn new(request: MonitorRequest<'_>) -> Result<Self, TaskError> {
        let MonitorRequest {
            history,
            source,
            things,
            readings_seed,
        } = request;
        if things == 0 {
            return Err(TaskError::Options(
                "found no device to monitor, expected at least one".into(),
            ));
        }
        // As many reports as a row of the history sums up.
        let length = source.get(REPORTS).copied().unwrap_or(1).max(1) as usize;
        let devices = (0..things as u64).map(|number| {
            let mut device = Device::new(readings_seed, FIRST_STREAM + number, number, length);
            for _ in 0..length {
                device.report();
            }
            device
        });
        let devices: Vec<Device> = devices.collect();
        let data = before(history.data, &devices)?;
        let history_again = PrepareRequest {
            data: &data,
            ..history
        };
        let (linear, worth) = RiskPlan::of_reports(history_again, things)?;
        let Linear {
            mut plan,
            model,
            table,
            columns,
            rows,
        } = linear;
        let place = |name: &str| columns.iter().position(|column| column == name);
        let reported = NUMBERS.iter().enumerate();
        let reported = reported.filter_map(|(number, name)| Some((place(name)?, number)));
        let seen = table.columns.iter().filter_map(|c| place(&c.name));
        let rules = Rules::read(history.options)?;
        let mut notes = vec![format!(
            "in the clear, on {} devices of the history that the model was not trained on: macro F1 {:.2}, balanced \
             accuracy {:.2}",
            history.data.test.len(),
            worth.macro_f1(),
            worth.balanced_accuracy()
        )];
        notes.push(rules.note());
        notes.append(&mut plan.notes);
        Ok(Self {
            reported: reported.collect(),
            seen: seen.collect(),
            risk: Risk {
                plan,
                rules,
                server_sees: "the model",
                evaluations: MOST_ROUNDS,
                fleet: None,
            },
            rules,
            model,
            table,
            devices,
            rows: rows.slice_move(s![..things, ..]),
            notes,
        })
    }

    fn device(&mut self, thing: usize) -> Result<&mut Device, String> {
        let all = self.devices.len();
        self.devices
            .get_mut(thing)
            .ok_or_else(|| format!("found device {thing}, expected 0 to {}", all - 1))
    }
}

/// The history with the devices in front of its test part.
fn before(history: &Dataset, devices: &[Device]) -> Result<Dataset, TaskError> {
    let known = |names: &[&str], name: &str, what: &str| {
        let found = names.iter().position(|known| *known == name);
        found.ok_or_else(|| {
            TaskError::data(
                format!(
                    "{} has a column of {what} `{name}`, which no simulated device reports",
                    history.place()
                ),
                "monitor the made fleet: `use = \"fleet\"` under [dataset]",
            )
        })
    };
    let Some(target) = &history.target else {
        return Err(TaskError::data(
            format!(
                "{} has no target, expected the risk of each device",
                history.place()
            ),
            "monitor the made fleet: `use = \"fleet\"` under [dataset]",
        ));
    };
    let places = history.columns.iter();
    let places = places.map(|name| known(&NUMBERS, name, "numbers"));
    let places = places.collect::<Result<Vec<_>, _>>()?;
    let reports: Vec<[f64; 16]> = devices.iter().map(Device::row).collect();
    let rows = Array2::from_shape_fn((devices.len(), places.len()), |(row, column)| {
        reports[row][places[column]]
    });
    let stacked = concatenate(Axis(0), &[history.features.view(), rows.view()]);
    let features = stacked.map_err(|e| TaskError::data(e.to_string(), "get the data anew"))?;
    let labels = history.labels.iter().map(|label| {
        let place = known(&TEXTS, &label.name, "text")?;
        let texts = devices.iter().map(|device| device.texts()[place].clone());
        Ok(Label {
            name: label.name.clone(),
            values: label.values.iter().cloned().chain(texts).collect(),
        })
    });
    let states = devices.iter().map(|device| device.state() as f64);
    let first = history.features.nrows();
    Ok(Dataset {
        labels: labels.collect::<Result<_, TaskError>>()?,
        target: Some(hexperiment_data::Target {
            name: target.name.clone(),
            values: target.values.iter().copied().chain(states).collect(),
        }),
        features,
        test: (first..first + devices.len())
            .chain(history.test.iter().copied())
            .collect(),
        ..history.clone()
    })
}

impl Monitor for FleetMonitor {
    fn prepared(&self) -> &dyn Prepared {
        &self.risk
    }

    fn names(&self) -> &[String] {
        &self.risk.plan.devices
    }

    fn levels(&self) -> &'static [&'static str] {
        &LEVELS
    }

    fn faults(&self) -> &'static [FaultKind] {
        &FAULTS
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn next_round(&mut self) -> Round {
        for (device, mut row) in self.devices.iter_mut().zip(self.rows.rows_mut()) {
            device.report();
            let numbers = device.row();
            for (column, number) in &self.reported {
                row[*column] = numbers[*number];
            }
        }
        let seen = self.rows.select(Axis(1), &self.seen);
        let (encrypted, moved) = self.table.encode(&seen);
        let logits = self.model.logits(&encrypted).into_iter();
        Round {
            clear: logits.map(|x| self.rules.assess(softmax(x))).collect(),
            moved,
            values: encrypted.len(),
            inputs: vec![encrypted.into()],
        }
    }

    fn assess(&self, outcome: &Outcome) -> Result<Vec<Assessment>, TaskError> {
        let shares = self.risk.shares(outcome).into_iter();
        let assessed: Vec<Assessment> = shares.map(|shares| self.rules.assess(shares)).collect();
        if assessed.len() == self.devices.len() {
            return Ok(assessed);
        }
        Err(TaskError::Model {
            model: "multinomial logistic regression",
            message: format!(
                "found results of {} devices, expected {}",
                assessed.len(),
                self.devices.len()
            ),
        })
    }

    fn inject(&mut self, thing: usize, fault: usize) -> Result<(), String> {
        let known = Fault::ALL.len();
        let fault = Fault::ALL
            .get(fault)
            .ok_or_else(|| format!("found fault {fault}, expected 0 to {}", known - 1))?;
        self.device(thing)?.fail(*fault);
        Ok(())
    }

    fn repair(&mut self, thing: usize) -> Result<(), String> {
        self.device(thing)?.repair();
        Ok(())
    }
}
