//! Renders the records of a run: terminal, Markdown and CSV tables.
