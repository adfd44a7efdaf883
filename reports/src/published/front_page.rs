//! The part of a front page that shows a published experiment.

use super::{Publication, picture};
use crate::page::{Page, escaped};
use crate::units::{bytes, duration};

/// What stands before the name of the experiment in the mark that such a part begins with.
const BEGIN: &str = "<!-- published: ";
/// The mark that it ends with.
const END: &str = "<!-- end of published -->";

/// The experiment that a page shows, if it has the marks.
pub fn shown_in(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once(BEGIN)?;
    let (name, rest) = rest.split_once(" -->")?;
    rest.contains(END).then_some(name)
}

/// The page with what stands between its marks as it is published; `folder` is where publications are, as seen
/// from the page.
///
/// # Errors
/// The page has no marks, or shows an experiment that is not published.
pub fn front_page(page: &str, all: &[Publication], folder: &str) -> Result<String, String> {
    let Some(name) = shown_in(page) else {
        return Err(format!(
            "has no line `{BEGIN}EXPERIMENT -->`, or none `{END}` after it\n  help: put both where a \
             published experiment is to be shown"
        ));
    };
    let published = all.iter().find(|p| p.experiment == name).ok_or_else(|| {
        format!(
            "shows `{name}`, of which nothing is published\n  help: run that experiment and publish the run"
        )
    })?;
    let begin = format!("{BEGIN}{name} -->");
    let place = page.find(&begin).unwrap_or(0) + begin.len();
    let (before, rest) = page.split_at(place);
    let after = rest.find(END).map_or("", |end| &rest[end..]);
    Ok(format!("{before}\n{}\n{after}", part(published, folder)))
}

fn part(published: &Publication, folder: &str) -> String {
    let name = published.folder();
    let mut page = Page::empty();
    if picture(published).is_some() {
        let told: Vec<String> = published
            .rows
            .iter()
            .filter_map(|row| {
                let m = row.measured.as_ref()?;
                let sent = bytes(m.up_bytes + m.down_bytes);
                Some(format!("{} {}, {sent}", row.name, duration(m.total_ms)))
            })
            .collect();
        page.paragraph(&format!(
            "![Time from encryption to decryption, and bytes both ways: {}]({folder}/{name}/picture.svg)",
            escaped(&told.join("; "))
        ));
    }
    page.paragraph(&format!("**{}**", escaped(&published.answer)));
    page.table(&published.columns());
    page.paragraph(&format!(
        "{} {} [All of it]({folder}/{name}/table.md), and [the other results]({folder}/README.md).",
        escaped(&published.in_common()),
        published.environment()
    ));
    page.finish()
}
