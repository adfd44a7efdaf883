//! `table.md`: the same as on the terminal, and all metrics, parameters and provenance.

use hexperiment_core::summary::{Records, Row, Verdict};

use crate::first_table::{bits, first_table, number};
use crate::notes::{Footnotes, ends, remarks};
use crate::page::{Page, escaped, strings};
use crate::ranking::rank;
use crate::units::{bytes, counted, significant};

/// The report as Markdown.
pub fn markdown(records: &Records, rows: &[Row], verdicts: &[Verdict]) -> String {
    let run = &records.run;
    let footnotes = Footnotes::new(rows);
    let mut page = Page::new(&run.experiment, &run.question);
    let first = first_table(rows, &footnotes);
    page.table(&first.head, first.lines, 1..10);
    page.list(
        footnotes
            .lines()
            .into_iter()
            .map(|(mark, text)| format!("{} {}", escaped(&mark), escaped(&text))),
    );
    page.pairs("Not ok", ends(rows));
    let ranking = rank(rows);
    for group in ranking.groups {
        let lines = group
            .lines
            .into_iter()
            .map(|(what, order)| (what.to_owned(), order));
        page.pairs(
            &format!("Fastest first, at {}", group.title),
            lines.collect(),
        );
    }
    let left_out = ranking.left_out.into_iter();
    page.pairs(
        "Not ranked",
        left_out
            .map(|(label, why)| (label, why.to_owned()))
            .collect(),
    );
    page.pairs("Notes", remarks(rows, run.provenance.cores));
    if !run.caveats.trim().is_empty() {
        page.heading("Caveats");
        page.paragraph(&run.caveats);
    }
    expectations(&mut page, verdicts);
    metrics(&mut page, rows);
    phases(&mut page, rows);
    parameters(&mut page, rows);
    provenance(&mut page, records);
    page.finish()
}

fn expectations(page: &mut Page, verdicts: &[Verdict]) {
    if verdicts.is_empty() {
        return;
    }
    page.heading("Expectations");
    let lines = verdicts.iter().map(|v| {
        let word = if v.passed { "met" } else { "FAILED" };
        vec![v.expected(), word.to_owned(), v.found()]
    });
    page.table(&strings(&["expected", "", "found"]), lines.collect(), 0..0);
}

/// All metrics, one line for each, one column for each row; beside each value the one in clear.
fn metrics(page: &mut Page, rows: &[Row]) {
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
    if names.is_empty() {
        return;
    }
    page.heading("All metrics");
    page.paragraph("Each value as decrypted; in brackets that of the same model in clear, where it is another.");
    let labels = measured.iter().map(|r| r.name());
    let head: Vec<String> = std::iter::once("metric")
        .chain(labels)
        .map(str::to_owned)
        .collect();
    let lines = names.iter().map(|name| {
        let cells = measured.iter().map(|row| {
            row.metric(name)
                .map_or(String::new(), |m| match m.plaintext {
                    Some(clear) if clear.to_bits() != m.value.to_bits() => {
                        format!("{} ({})", number(m.value), number(clear))
                    }
                    _ => number(m.value),
                })
        });
        std::iter::once((*name).to_owned()).chain(cells).collect()
    });
    page.table(&head, lines.collect(), 1..head.len());
}

/// Times, errors and traffic by phase.
fn phases(page: &mut Page, rows: &[Row]) {
    page.heading("Phases");
    page.paragraph(
        "Medians over the repetitions for the whole batch, in milliseconds; compilation and key \
         generation are done once. CPU is the processor time of the evaluation, of all threads. \
         Errors are the worst of all repetitions.",
    );
    let head = strings(&[
        "label",
        "samples",
        "repetitions",
        "threads",
        "compile",
        "keygen",
        "encrypt",
        "evaluate",
        "CPU",
        "decrypt",
        "transfer",
        "approximation",
        "noise",
        "precision bits",
        "expansion",
        "rounds",
        "peak memory",
    ]);
    let lines = rows.iter().filter_map(|row| {
        let (setup, m) = (row.setup.as_ref()?, row.measured.as_ref()?);
        let once = |t: hexperiment_core::record::Time| significant(t.wall_ns as f64 / 1e6, 3);
        let short = |x: f64| significant(x, 3);
        Some(vec![
            row.name().to_owned(),
            m.samples.to_string(),
            m.repetitions.to_string(),
            row.threads.to_string(),
            once(setup.compile),
            once(setup.keygen),
            short(m.encrypt_ms),
            short(m.evaluate_ms.median),
            short(m.evaluate_cpu_ms),
            short(m.decrypt_ms),
            short(m.transfer_ms),
            significant(m.errors.approximation, 2),
            significant(m.errors.noise, 2),
            format!("{:.1}", m.errors.precision_bits),
            m.expansion().map_or(String::new(), short),
            m.traffic.rounds.to_string(),
            bytes(m.peak_rss_bytes),
        ])
    });
    page.table(&head, lines.collect(), 1..head.len());
}

/// Parameters, operations and keys of each cell.
fn parameters(page: &mut Page, rows: &[Row]) {
    page.heading("Parameters and keys");
    for row in rows {
        let Some(setup) = &row.setup else {
            continue;
        };
        let parameters = &setup.parameters;
        page.subheading(row.name());
        let mut items = vec![format!(
            "security in bits: {} ({})",
            bits(row),
            escaped(&parameters.security.basis)
        )];
        items.extend(
            parameters
                .chosen
                .iter()
                .map(|(k, v)| format!("{}: {}", escaped(k), escaped(v))),
        );
        let counts = &parameters.counts;
        let steps: Vec<String> = [
            (counts.additions, "addition", "additions"),
            (
                counts.plain_multiplications,
                "plain multiplication",
                "plain multiplications",
            ),
            (counts.multiplications, "multiplication", "multiplications"),
            (counts.rotations, "rotation", "rotations"),
            (counts.bootstraps, "bootstrap", "bootstraps"),
        ]
        .into_iter()
        .filter(|(n, ..)| *n > 0)
        .map(|(n, one, many)| counted(n as usize, one, many))
        .collect();
        if !steps.is_empty() {
            items.push(format!(
                "one evaluation: {}, depth {}",
                steps.join(", "),
                parameters.depth
            ));
        }
        let keys = [
            ("public", setup.keys.public),
            ("relinearization", setup.keys.relinearization),
            ("Galois", setup.keys.galois),
            ("bootstrapping", setup.keys.bootstrapping),
        ];
        let keys: Vec<String> = keys
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
        items.extend(
            setup
                .lowering
                .iter()
                .map(|note| format!("lowering: {}", escaped(note))),
        );
        page.list(items.into_iter());
    }
}

fn provenance(page: &mut Page, records: &Records) {
    let run = &records.run;
    let p = &run.provenance;
    let revision = if p.revision.is_empty() {
        String::new()
    } else {
        format!(", revision {}", p.revision)
    };
    page.heading("Provenance");
    let unknown = |text: &str| {
        if text.is_empty() {
            "not stated".to_owned()
        } else {
            escaped(text)
        }
    };
    let mut items = vec![
        format!("started: {}", run.started),
        format!("hexperiment: {}{revision}", p.version),
        format!(
            "machine: {}, {}, {} of memory; {} for each cell",
            escaped(&p.cpu),
            counted(p.cores, "logical processor", "logical processors"),
            bytes(p.memory_bytes),
            counted(p.threads, "thread", "threads")
        ),
    ];
    items.extend(
        p.versions
            .iter()
            .map(|(name, version)| format!("{}: {}", escaped(name), escaped(version))),
    );
    for data in std::iter::once(&p.data).chain(&p.further_data) {
        items.push(format!("data: {}", unknown(&data.source)));
        items.push(format!("data licence: {}", unknown(&data.licence)));
        items.push(format!("data SHA-256: {}", unknown(&data.sha256)));
    }
    items.push(format!("fingerprint: {}", run.fingerprint));
    page.list(items.into_iter());
}
