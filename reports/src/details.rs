//! What only the page tells: all metrics, phases, links, parameters and keys, provenance.

use hexperiment_experiment::measure::Spread;
use hexperiment_experiment::record::{Clock, Setup};
use hexperiment_experiment::summary::{Measured, Phase, Records, RemotePhases, Row, StartUp};
use hexperiment_scheme::security::failure::Failure;
use hexperiment_task::ledger::{OutputErrors, Precision};

use crate::first_table::{beside, bits, value};
use crate::grid::Column;
use crate::report::{Body, Section};
use crate::units::{bytes, counted, significant};
use crate::{library, links};

/// The sections that follow what the terminal shows.
pub(crate) fn sections(records: &Records, rows: &[Row]) -> Vec<Section> {
    vec![
        Section::detail("All metrics", metrics(rows)),
        Section::detail("Phases", phases(rows)),
        Section::detail("Beside the library's calls", library::body_of_phases(rows)),
        Section::detail(
            "Operations of the library",
            library::body_of_operations(rows),
        ),
        Section::detail("Between processes", processes(rows, records.run.rank_by())),
        Section::detail("Errors by output", outputs(rows)),
        Section::detail("Over links", links::body(records, rows)),
        Section::detail("Parameters and keys", parameters(rows)),
        Section::detail(
            "Provenance",
            Body::Lists(vec![(String::new(), provenance(records))]),
        ),
    ]
}

/// All metrics, one line for each, one column for each row; beside each value the one in the clear.
fn metrics(rows: &[Row]) -> Body {
    let measured: Vec<&Row> = rows.iter().filter(|r| r.headline().is_some()).collect();
    let mut names: Vec<&str> = Vec::new();
    for metric in measured
        .iter()
        .filter_map(|r| r.measured.as_ref())
        .flat_map(|m| &m.metrics)
    {
        if !names.contains(&metric.name.as_str()) {
            names.push(&metric.name);
        }
    }
    let told = |row: &Row, name: &str| {
        row.metric(name).map_or(String::new(), |m| {
            let intervals = row.intervals(name);
            let own = value(m.value) + &beside(intervals.value);
            // As far as one sees: what differs further behind is in summary.csv.
            let other = |x: &f64| value(*x) != value(m.value);
            let clear = m.plaintext.filter(other);
            let unclipped = m.unclipped.filter(|x| Some(*x) != m.plaintext && other(x));
            let more: Vec<String> = [
                clear.map(|x| value(x) + &beside(intervals.plaintext)),
                unclipped.map(|x| format!("unclipped {}", value(x))),
            ]
            .into_iter()
            .flatten()
            .collect();
            match more.join("; ").as_str() {
                "" => own,
                more => format!("{own} ({more})"),
            }
        })
    };
    let head = |name: &&str| {
        let unit = measured.iter().find_map(|row| row.metric(name));
        match unit.map_or("", |metric| &metric.unit) {
            "" => (*name).to_owned(),
            unit => format!("{name} ({unit})"),
        }
    };
    let mut columns = vec![Column::words("metric", names.iter().map(head).collect())];
    columns.extend(measured.iter().map(|row| {
        let cells = names.iter().map(|name| told(row, name)).collect();
        Column::numbers(row.name(), cells)
    }));
    if names.is_empty() {
        columns.clear();
    }
    Body::Table {
        sources: vec![],
        about:
            "Each value as decrypted; in brackets that of the same model in the clear, where it \
                is another, and where values were clipped before encryption that of the model in the clear \
                on values as they were."
                .into(),
        columns,
    }
}

/// What a column tells of phases of evaluations by a far server.
type OfRemote = fn(&RemotePhases) -> f64;

/// Phases of evaluations by a far server, as the columns of [`phases`] that only such runs have.
const REMOTE: [(&str, OfRemote); 8] = [
    ("upload", |p| p.upload_ms),
    ("upload (service)", |p| p.upload_server_ms),
    ("job", |p| p.job_ms),
    ("queue (service)", |p| p.queue_ms),
    ("load (service)", |p| p.load_ms),
    ("compute (service)", |p| p.compute_ms),
    ("store (service)", |p| p.store_ms),
    ("download", |p| p.download_ms),
];

/// What these columns are.
const ABOUT_REMOTE: &str = " Where the server is a service on a network, wall time by the client's clock is in `upload` of ciphertexts, \
    in `job`, from asking for an evaluation to hearing that it is done, and in `download` of results; by the \
    service's own clock in the columns that say so: `upload` until it has them on its disk, and of `job` the \
    waiting for other jobs (`queue`), the reading of keys and ciphertexts (`load`), the evaluation (`compute`) \
    and the writing of results (`store`). The rest of `job` is the network and what client and service spend on it.";

/// What the columns of [`phases`] are.
const ABOUT_PHASES: &str = "Medians over the repetitions for the whole batch, in milliseconds of wall time, and \
                in brackets of CPU time, that of all threads together. Done once in each process: `compile` chooses \
                parameters, `keygen` makes the client's keys, `key transfer` takes the evaluation \
                keys to the server, `prepare` expands them there and encodes weights. `transfer` is what \
                ciphertexts take to cross: written, sent to the other process, read. `waited` is the share of their time that threads were \
                ready and had no processor, in the median; `load` the highest load average of the \
                last minute before and after the repetitions. Memory is the most that each party's \
                process held. Errors are the worst of all repetitions: `clipping` of values moved into \
                ranges before encryption, which the others leave out. `precision bits` are those of the \
                output that has the fewest. Of the output that is furthest from its precision: the error that the \
                task bears (`wanted`), the noise that the circuit states (`stated`), and the error that was \
                `found`, before what the task itself divides by. `failure` bounds the probability that noise makes any result \
                of a run wrong by more than is stated.";

/// Times by both clocks, errors and traffic by phase.
fn phases(rows: &[Row]) -> Body {
    let all: Vec<(&Row, &StartUp, &Measured)> = rows
        .iter()
        .filter_map(|row| Some((row, row.start_up.as_ref()?, row.measured.as_ref()?)))
        .collect();
    let cells = |f: &dyn Fn(&Row, &StartUp, &Measured) -> String| -> Vec<String> {
        all.iter().map(|(row, once, m)| f(row, once, m)).collect()
    };
    let numbers = |head: &str, f: &dyn Fn(&Row, &StartUp, &Measured) -> String| {
        Column::numbers(head, cells(f))
    };
    let both = |phase: &Phase| {
        if phase.wall_ms.is_empty() {
            return String::new();
        }
        let [wall, cpu] = [Clock::Wall, Clock::Cpu].map(|clock| phase.median(clock));
        format!("{} ({})", significant(wall, 3), significant(cpu, 3))
    };
    let phase = |head: &str, f: fn(&Measured) -> &Phase| numbers(head, &|_, _, m| both(f(m)));
    let precision = |head: &str, f: fn(&Precision) -> f64| {
        numbers(head, &|_, _, m| {
            let precision = m.errors.precision.as_ref();
            precision.map_or(String::new(), |p| significant(f(p), 2))
        })
    };
    let mut columns = vec![
        Column::words("label", cells(&|row, _, _| row.name().to_owned())),
        numbers("samples", &|_, _, m| m.samples.to_string()),
        numbers("repetitions", &|_, _, m| m.repetitions.to_string()),
        numbers("threads", &|row, _, _| row.threads.to_string()),
        numbers("compile", &|_, once, _| both(&once.compile)),
        numbers("keygen", &|_, once, _| both(&once.keygen)),
        numbers("key transfer", &|_, once, _| both(&once.key_transfer)),
        numbers("prepare", &|_, once, _| both(&once.prepare)),
        phase("encrypt", |m| &m.encrypt),
        phase("evaluate", |m| &m.evaluate),
        phase("decrypt", |m| &m.decrypt),
        phase("transfer", |m| &m.transfer),
        numbers("waited", &|_, _, m| {
            m.share_waited
                .map_or(String::new(), |share| format!("{:.1} %", 100.0 * share))
        }),
        numbers("load", &|_, _, m| {
            m.load_average
                .map_or(String::new(), |load| format!("{load:.2}"))
        }),
        numbers("clipping", &|_, _, m| {
            let clipping = m.errors.clipping;
            clipping.map_or(String::new(), |c| significant(c.error, 2))
        }),
        numbers("approximation", &|_, _, m| {
            significant(m.errors.approximation, 2)
        }),
        numbers("noise", &|_, _, m| significant(m.errors.noise, 2)),
        numbers("precision bits", &|_, _, m| {
            format!("{:.1}", m.errors.precision_bits)
        }),
        precision("wanted", |p| p.demanded),
        precision("stated", |p| p.claimed),
        precision("found", |p| p.observed),
        numbers("failure", &|row, _, _| {
            let setup = row.setup.as_ref();
            match setup.map_or(Failure::NotStated, |setup| setup.parameters.failure) {
                Failure::NotStated => String::new(),
                failure => failure.to_string(),
            }
        }),
        numbers("expansion", &|_, _, m| {
            m.expansion().map_or(String::new(), |x| significant(x, 3))
        }),
        numbers("rounds", &|_, _, m| m.traffic.rounds.to_string()),
        numbers("client memory", &|_, _, m| {
            m.client_peak_rss_bytes.map_or_else(
                // Of records in which both parties were one process.
                || {
                    m.peak_rss_bytes
                        .map_or(String::new(), |n| format!("both {}", bytes(n)))
                },
                bytes,
            )
        }),
        numbers("server memory", &|_, _, m| {
            m.server_peak_rss_bytes.map_or(String::new(), bytes)
        }),
    ];
    let far = all.iter().any(|(_, _, m)| m.remote.is_some());
    if far {
        columns.extend(REMOTE.map(|(head, of)| {
            numbers(head, &|_, _, m| {
                m.remote.map_or(String::new(), |p| significant(of(&p), 3))
            })
        }));
    }
    Body::Table {
        sources: vec![],
        about: ABOUT_PHASES.to_owned() + if far { ABOUT_REMOTE } else { "" },
        columns,
    }
}

/// What a column of [`processes`] tells of a row.
type OfProcesses<'a> = &'a dyn Fn(&StartUp, &Measured, Spread) -> String;

/// What differs from one process to the next, of rows that have several.
fn processes(rows: &[Row], clock: Clock) -> Body {
    let all: Vec<(&Row, &StartUp, &Measured, Spread)> = rows
        .iter()
        .filter_map(|row| {
            let measured = row.measured.as_ref()?;
            let spread = measured.spread(clock)?;
            Some((row, row.start_up.as_ref()?, measured, spread))
        })
        .collect();
    let percent = |share: f64| format!("{} %", significant(100.0 * share, 2));
    let range = |phase: &Phase| {
        let values = phase.values(clock);
        let least = values.iter().copied().reduce(f64::min);
        let most = values.iter().copied().reduce(f64::max);
        let ends = least.zip(most);
        ends.map_or(String::new(), |(least, most)| {
            format!("{} to {}", significant(least, 3), significant(most, 3))
        })
    };
    let numbers = |head: &str, f: OfProcesses<'_>| {
        let cells = all.iter().map(|(_, once, m, spread)| f(once, m, *spread));
        Column::numbers(head, cells.collect())
    };
    let names = all.iter().map(|(row, ..)| row.name().to_owned()).collect();
    let mut columns = vec![
        Column::words("label", names),
        numbers("processes", &|_, m, _| m.process_count().to_string()),
        numbers("compile", &|once, _, _| range(&once.compile)),
        numbers("keygen", &|once, _, _| range(&once.keygen)),
        numbers("key transfer", &|once, _, _| range(&once.key_transfer)),
        numbers("prepare", &|once, _, _| range(&once.prepare)),
        numbers("evaluate between", &|_, _, spread| percent(spread.between)),
        numbers("evaluate within", &|_, _, spread| {
            spread.within.map_or(String::new(), percent)
        }),
    ];
    if all.is_empty() {
        columns.clear();
    }
    Body::Table {
        sources: vec![],
        about: format!(
            "Each process has keys of its own. What it does once: the least and the most of all processes, in \
             milliseconds of {clock}. Of the evaluation: the standard deviation between processes, less what \
             repetitions within them explain of it, and that within a process, in % of the mean (Kalibera and \
             Jones, Rigorous benchmarking in reasonable time, 2013)."
        ),
        columns,
    }
}

/// The parts of the error of each output, of cells that have several.
fn outputs(rows: &[Row]) -> Body {
    let measured = rows
        .iter()
        .filter_map(|row| Some((row, row.measured.as_ref()?)));
    let all: Vec<(&str, &OutputErrors)> = measured
        .flat_map(|(row, m)| m.errors.outputs.iter().map(|o| (row.name(), o)))
        .collect();
    let cells = |f: &dyn Fn(&OutputErrors) -> String| all.iter().map(|(_, o)| f(o)).collect();
    let number = |head: &str, f: fn(&OutputErrors) -> f64| {
        Column::numbers(head, cells(&|o| significant(f(o), 2)))
    };
    let labels = all.iter().map(|(name, _)| (*name).to_owned()).collect();
    let columns = vec![
        Column::words("label", labels),
        Column::words("output", cells(&|o| o.output.clone())),
        number("magnitude", |o| o.magnitude),
        number("max error", |o| o.max_abs),
        number("clipping", |o| o.clipping),
        number("approximation", |o| o.approximation),
        number("noise", |o| o.noise),
        Column::numbers(
            "precision bits",
            cells(&|o| format!("{:.1}", o.precision_bits())),
        ),
    ];
    Body::Table {
        sources: vec![],
        about: "Of programs with several outputs: the worst of all repetitions, and the largest \
                magnitude of the output in the clear, which the bits compare its error with."
            .into(),
        columns: if all.is_empty() { vec![] } else { columns },
    }
}

/// Parameters, operations and keys of each cell.
fn parameters(rows: &[Row]) -> Body {
    let of = |row: &Row| {
        let setup = row.setup.as_ref()?;
        Some((row.name().to_owned(), parameters_of(row, setup)))
    };
    Body::Lists(rows.iter().filter_map(of).collect())
}

fn parameters_of(row: &Row, setup: &Setup) -> Vec<String> {
    let parameters = &setup.parameters;
    let basis = &parameters.security.basis();
    let mut items = vec![format!("security in bits: {} ({basis})", bits(row))];
    items.extend(parameters.chosen.iter().map(|(k, v)| format!("{k}: {v}")));
    let steps = parameters.counts.to_string();
    if !steps.is_empty() {
        let depth = parameters.depth;
        items.push(format!("one evaluation: {steps}, depth {depth}"));
    }
    let keys: Vec<String> = [
        ("public", setup.keys.public),
        ("relinearization", setup.keys.relinearization),
        ("Galois", setup.keys.galois),
        ("bootstrapping", setup.keys.bootstrapping),
        ("shared", setup.keys.shared),
    ]
    .iter()
    .filter_map(|(name, size)| Some(format!("{name} {}", bytes((*size)?))))
    .collect();
    if !keys.is_empty() {
        items.push(format!("keys: {}", keys.join(", ")));
    }
    if let Some(traffic) = row.measured.as_ref().map(|m| &m.traffic) {
        items.push(format!(
            "ciphertexts: {} up ({}), {} down ({})",
            traffic.upload_ciphertexts,
            bytes(traffic.upload_bytes),
            traffic.download_ciphertexts,
            bytes(traffic.download_bytes)
        ));
    }
    let lowering = setup.lowering.iter();
    items.extend(lowering.map(|note| format!("lowering: {note}")));
    items
}

fn provenance(records: &Records) -> Vec<String> {
    let run = &records.run;
    let p = &run.provenance;
    let or_not_stated = |text: &str| match text {
        "" => "not stated".to_owned(),
        text => text.to_owned(),
    };
    let list = |items: &[String]| match items {
        [] => "none".to_owned(),
        items => items.join(" "),
    };
    let build = &p.build;
    let commit = match (build.commit.as_str(), build.dirty) {
        ("", _) => "not built in a checkout".to_owned(),
        (commit, false) => format!("{commit}, clean"),
        (commit, true) => format!("{commit}, dirty: compiled files differed from it"),
    };
    let load = p.load.map_or("not stated".to_owned(), |averages| {
        let averages = averages.map(|x| format!("{x:.2}")).join(", ");
        format!("{averages} (1, 5 and 15 minutes before the first cell)")
    });
    let mut items = vec![format!("started: {}", run.started)];
    if !run.set.is_empty() {
        items.push(format!("set on the command line: {}", run.set.join(" ")));
    }
    for extended in &run.extended {
        let by = match extended.set.join(" ") {
            none if none.is_empty() => none,
            set => format!(", by {set}"),
        };
        items.push(format!(
            "extended: {}, to {} repetitions{by}",
            extended.at, extended.repetitions
        ));
    }
    items.extend([
        format!("hexperiment: {}", p.version),
        format!("commit: {commit}"),
        format!("compiler: {}", or_not_stated(&build.rustc)),
        format!(
            "build: {}, for {}; features: {}; flags: {}",
            or_not_stated(&build.profile),
            or_not_stated(&build.target),
            list(&build.features),
            list(&build.flags)
        ),
        format!(
            "machine: {}, {}, {} of memory; {} for each cell",
            p.cpu,
            counted(p.cores, "logical processor", "logical processors"),
            bytes(p.memory_bytes),
            counted(p.threads, "thread", "threads")
        ),
        format!("processor's extensions: {}", list(&p.cpu_features)),
        format!("kernel: {}", or_not_stated(&p.kernel)),
        format!("load averages: {load}"),
    ]);
    let versions = p.versions.iter();
    items.extend(versions.map(|(name, version)| format!("{name}: {version}")));
    for data in std::iter::once(&p.data).chain(&p.further_data) {
        items.push(format!("data: {}", or_not_stated(&data.source)));
        items.push(format!("data licence: {}", or_not_stated(&data.licence)));
        items.push(format!("data SHA-256: {}", or_not_stated(&data.sha256)));
    }
    items.push(format!("fingerprint: {}", run.fingerprint));
    items
}
