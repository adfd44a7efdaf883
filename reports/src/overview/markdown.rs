//! The table as Markdown.

use super::words::Style;
use super::{LEGEND, Overview};
use crate::page::{Page, escaped};

pub(super) fn markdown(overview: &Overview) -> String {
    let mut page = Page::new("All tasks under all schemes", LEGEND);
    page.table(&overview.columns(Style::Whole));
    if !overview.reasons.is_empty() {
        page.heading("Reasons");
        let reasons = (1..).zip(&overview.reasons);
        page.list(reasons.map(|(n, reason)| escaped(&format!("[{n}] {reason}"))));
    }
    if !overview.remarks.is_empty() {
        page.heading("Notes");
        page.list(overview.remarks.iter().map(|r| escaped(r)));
    }
    page.heading("Runs");
    page.list(overview.runs.iter().map(|r| escaped(r)));
    page.finish()
}
