//! Tables and charts to take away, compared with files; charts as Chromium draws them, where it is.

use std::path::Path;

use hexperiment_experiment::record::Status;
use hexperiment_experiment::summary::{Records, rows};
use hexperiment_reports::Shown;
use hexperiment_reports::export::{all_csv, charts, find_chromium, latex_table, markdown_table};

use crate::around;
use crate::fixture::{Fixture, factoring, unprotected};
use crate::same::same;

/// Rows of all kinds, and text that LaTeX would take for commands.
fn records() -> Records {
    let mut f = Fixture::new("export", 10, 128);
    f.run.question = "What do 50 % of $x_1 & {y} cost?".into();
    let [plain, paillier, ckks, refused] = ["plaintext", "paillier", "seal_ckks", "refuses"]
        .map(|s| f.cell(s, &[("task.features", 9)]));
    f.setup(&plain, unprotected);
    f.repetitions(&plain, &around(0.02), 0.7284, |r| r.errors.max_abs = 0.0);
    f.setup(&paillier, factoring(128, 3072));
    f.repetitions(&paillier, &around(400.0), 0.7284, |_| {});
    f.setup(&ckks, |_| {});
    f.repetitions(&ckks, &around(8.0), 0.7283, |_| {});
    f.stopped(&refused, Status::Refused, "max: needs a comparison");
    f.records()
}

fn with_shown<T>(records: &Records, act: impl FnOnce(Shown<'_>) -> T) -> T {
    let rows = rows(records);
    act(Shown {
        records,
        rows: &rows,
        verdicts: &[],
        folder: Path::new("nowhere"),
    })
}

/// What a document needs that takes up the table: environments closed in their order, as many cells in
/// each line as there are columns, no character that LaTeX would act on.
fn structure(text: &str) {
    let mut open = Vec::new();
    let mut columns = 0;
    for line in text.lines().filter(|line| !line.starts_with('%')) {
        let line = line.trim();
        if line == "\\makebox[\\linewidth]{" {
            open.push("makebox".to_owned());
            continue;
        }
        if line == "}" {
            assert_eq!(open.pop().as_deref(), Some("makebox"), "{text}");
            continue;
        }
        if let Some(rest) = line.strip_prefix("\\begin{") {
            let name = rest.split('}').next().unwrap();
            open.push(name.to_owned());
            if name == "tabular" {
                let form = rest.split("@{}").nth(1).unwrap();
                columns = form.len();
                assert!(form.chars().all(|c| matches!(c, 'l' | 'r')), "{form}");
            }
        } else if let Some(rest) = line.strip_prefix("\\end{") {
            assert_eq!(open.pop().as_deref(), rest.strip_suffix('}'), "{text}");
        } else if line.ends_with("\\\\") {
            let cells = line.replace("\\&", "").matches('&').count() + 1;
            assert_eq!(cells, columns, "{line}");
        }
        let plain = line
            .replace("\\%", "")
            .replace("\\$", "")
            .replace("\\#", "");
        assert!(!plain.contains(['%', '#']), "{line}");
        assert_eq!(plain.matches('$').count() % 2, 0, "{line}");
        let [opened, closed] =
            ['{', '}'].map(|c| line.replace(&format!("\\{c}"), "").matches(c).count());
        assert_eq!(opened, closed, "{line}");
    }
    assert!(open.is_empty(), "{open:?}");
    assert!(columns > 5);
}

#[test]
fn tables() {
    let records = records();
    with_shown(&records, |shown| {
        let latex = latex_table(&shown);
        same("export.tex", &latex);
        structure(&latex);
        same("export-table.md", &markdown_table(&shown));
        let csv = String::from_utf8(all_csv(&[shown, shown]).unwrap()).unwrap();
        same("export.csv", &csv);
        assert_eq!(csv.lines().count(), 1 + 2 * 4);
    });
}

/// Every chart of the page is a file that needs no other, with its title and its marks.
#[test]
fn charts_are_files() {
    let Ok(browser) = find_chromium() else {
        crate::browser::note();
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let records = records();
    let charts = with_shown(&records, |shown| {
        charts(&shown, &browser, folder.path()).unwrap()
    });
    let names: Vec<&str> = charts.iter().map(|chart| chart.name.as_str()).collect();
    for name in [
        "time-against-error.svg",
        "bytes-that-cross.svg",
        "a-query-over-links.svg",
        "memory.svg",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    for chart in &charts {
        let svg = &chart.svg;
        assert!(
            svg.starts_with("<svg") && svg.ends_with("</svg>"),
            "{}",
            chart.name
        );
        assert!(
            svg.contains("<title>") && svg.contains("viewBox"),
            "{}",
            chart.name
        );
        assert!(
            svg.contains("<path") || svg.contains("<rect"),
            "{}",
            chart.name
        );
        for word in [
            "var(--",
            "currentColor",
            "<style",
            "NaN",
            "oklab",
            "http://www.w3.org/1999/xhtml",
        ] {
            assert!(!svg.contains(word), "{word} in {}: {svg}", chart.name);
        }
    }
}

#[test]
fn a_browser_that_draws_nothing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let records = records();
    with_shown(&records, |shown| {
        let problem = charts(&shown, &"true".into(), folder.path()).unwrap_err();
        assert!(problem.to_string().contains("drew no page"), "{problem}");
        let problem = charts(&shown, &"no-such-browser".into(), folder.path()).unwrap_err();
        assert!(
            problem.to_string().contains("cannot be started"),
            "{problem}"
        );
    });
}

/// Read back by the crate's own reader: as many rows as repetitions, typed columns, nulls.
#[cfg(feature = "parquet")]
#[test]
fn repetitions_are_rows_of_parquet() {
    use hexperiment_reports::export::parquet_file;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;

    let records = records();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.parquet");
    std::fs::write(
        &path,
        with_shown(&records, |shown| parquet_file(&[shown]).unwrap()),
    )
    .unwrap();
    let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    let all: Vec<_> = reader
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(all.len(), records.repetitions.len());
    let field = |row: usize, name: &str| {
        let mut columns = all[row].get_column_iter();
        columns
            .find(|(n, _)| *n == name)
            .map(|(_, field)| field.clone())
            .unwrap()
    };
    assert_eq!(field(0, "label"), Field::Str("plaintext".into()));
    assert_eq!(field(10, "repetition"), Field::Long(0));
    assert_eq!(field(10, "evaluate_wall_ns"), Field::Long(396_000_000));
    assert_eq!(field(0, "task.features"), Field::Long(9));
    assert_eq!(field(0, "metric_auc"), Field::Double(0.7284));
    assert_eq!(field(0, "max_abs_error"), Field::Double(0.0));
    assert_eq!(field(0, "peak_rss_bytes"), Field::Null);
}
