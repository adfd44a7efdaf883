//! `table.md`: the same as on the terminal, and all metrics, parameters and provenance.

use hexperiment_experiment::summary::{Records, Row};
use hexperiment_experiment::verdict::Verdict;

use crate::grid::Column;
use crate::page::{Page, escaped};
use crate::report::{Body, Section, sections};

/// The report as Markdown.
pub fn markdown(records: &Records, rows: &[Row], verdicts: &[Verdict]) -> String {
    let run = &records.run;
    let mut page = Page::new(&run.experiment, &run.question);
    for section in sections(records, rows, verdicts) {
        render(&mut page, section);
    }
    page.finish()
}

fn render(page: &mut Page, section: Section) {
    let Section { title, body, .. } = section;
    if !title.is_empty() {
        page.heading(&title);
    }
    match body {
        Body::Text(words) => page.paragraph(&words),
        Body::FirstTable(candidates, footnotes) => {
            let columns: Vec<Column> = candidates.into_iter().map(|c| c.column).collect();
            page.table(&columns);
            let notes = footnotes.by_number().into_iter();
            page.list(notes.map(|(mark, text)| escaped(&mark) + " " + &escaped(&text)));
        }
        Body::Table {
            about,
            sources,
            columns,
        } => {
            page.paragraph(&about);
            if !sources.is_empty() {
                page.paragraph(&format!("These are {}.", sources.join("; ")));
            }
            page.table(&columns);
        }
        Body::Pairs(items) => page.pairs(items),
        Body::Verdicts(verdicts) => {
            let [expected, word, found] = [0, 1, 2].map(|column| {
                let cells = verdicts
                    .iter()
                    .map(|(expected, passed, found)| match column {
                        0 => expected.clone(),
                        1 if *passed => "met".to_owned(),
                        1 => "FAILED".to_owned(),
                        _ => found.clone(),
                    });
                cells.collect()
            });
            page.table(&[
                Column::words("expected", expected),
                Column::words("", word),
                Column::words("found", found),
            ]);
        }
        Body::Lists(lists) => {
            for (heading, items) in lists {
                if !heading.is_empty() {
                    page.subheading(&heading);
                }
                page.list(items.iter().map(|item| escaped(item)));
            }
        }
    }
}
