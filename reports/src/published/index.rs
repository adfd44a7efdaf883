//! The index of what is published, as Markdown.

use super::{Publication, by_task, picture};
use crate::page::{Page, escaped};
use crate::units::counted;

/// What the index begins with: how it came, and why it is kept in this form.
const ABOUT: &str = "Results of the experiments that come with the program, by task. All here is written by `cargo xtask publish` \
    from the records of runs, and nothing is edited by hand; `cargo xtask publish --check` finds what is not \
    current.";

const FORM: &str = "Of each experiment there is kept `table.md` (everything that was measured, parameters, keys, \
    provenance), `summary.csv` (a row for each cell), `run.json` (what this index, the README and the pictures are \
    made of) and, where the rows are few, `picture.svg`. That is some tens of kilobytes of text, whose changes can be \
    read. The pages of HTML, with charts and filters, take more than half a megabyte each and are made of the records, \
    which are larger still: `cargo xtask publish` writes them as a site to `runs/site`, which is not kept here.";

/// The index of these publications: of each experiment its question, its answer, its picture, and where the
/// rest is.
pub fn index(all: &[Publication]) -> String {
    let mut page = Page::new("Published results", ABOUT);
    page.paragraph(FORM);
    let tasks = by_task(all);
    let experiments = counted(all.len(), "experiment", "experiments");
    let of = counted(tasks.len(), "task", "tasks");
    page.paragraph(&format!("{experiments} of {of}."));
    for (task, of_task) in tasks {
        page.heading(&escaped(task));
        for publication in of_task {
            experiment(&mut page, publication);
        }
    }
    page.finish()
}

fn experiment(page: &mut Page, publication: &Publication) {
    let name = publication.folder();
    page.subheading(&publication.experiment);
    page.paragraph(&escaped(&publication.question));
    page.paragraph(&format!("**{}**", escaped(&publication.answer)));
    if picture(publication).is_some() {
        page.paragraph(&format!(
            "![Time and bytes of each scheme]({name}/picture.svg)"
        ));
    }
    page.paragraph(&format!(
        "[Table, parameters and provenance]({name}/table.md) · [figures]({name}/summary.csv) · {}",
        escaped(&publication.facts)
    ));
    page.paragraph(&publication.environment());
}
