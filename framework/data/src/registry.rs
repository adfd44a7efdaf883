//! Sources of tables that need no file: they register themselves, so that a task can bring one of its
//! own; nothing keeps a list of them.
//!
//! A manifest names one in `builtin`. Files need no entry here: `tables.rs` reads them by what their
//! paths say.

use std::collections::BTreeMap;

use hexperiment_diagnostics::Complaint;

/// A source, as whoever brings it submits it: `inventory::submit! { TableSourcePlugin(&MySource) }`.
pub struct TableSourcePlugin(pub &'static dyn TableSource);

inventory::collect!(TableSourcePlugin);

/// A table that is compiled in, or computed when it is asked for.
pub trait TableSource: Sync {
    /// What a manifest calls it in `builtin`: where it comes from and what it is, as
    /// `generated:waves`.
    fn name(&self) -> &'static str;

    /// What a manifest and `[dataset]` may say of it, whole numbers all. Each name is this source's
    /// alone: a test of the runner compares all that is linked.
    fn options(&self) -> &'static [SourceOption] {
        &[]
    }

    /// The table, the same for the same options; `place` is what complaints are about. An option that
    /// neither the experiment nor the manifest sets is not among them.
    ///
    /// # Errors
    /// Where an option, which a manifest may set to any number, is not one that it can have.
    fn table(&self, options: &SourceOptions, place: &str) -> Result<Table, Complaint>;
}

/// Values of a source's options, by name.
pub type SourceOptions = BTreeMap<String, u64>;

/// A whole number that a source is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceOption {
    /// Its key in a manifest and under `[dataset]`.
    pub name: &'static str,
    /// The least value.
    pub least: u64,
    /// The greatest value, at most that of an `i64`, which TOML has.
    pub most: u64,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
}

/// What a source yields: columns of equal length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Names and numbers, NaN where one is missing; among them the target.
    pub numbers: Vec<(String, Vec<f64>)>,
    /// Names and texts.
    pub texts: Vec<(String, Vec<String>)>,
    /// Whether gaps say something, as that an image has no colours: whatever the policy, they are
    /// kept.
    pub gaps_are_meant: bool,
}

/// All registered sources, by name.
pub fn sources() -> Vec<&'static dyn TableSource> {
    let mut all: Vec<_> = inventory::iter::<TableSourcePlugin>
        .into_iter()
        .map(|plugin| plugin.0)
        .collect();
    all.sort_by_key(|source| source.name());
    all
}

/// The source called `name`.
pub fn source(name: &str) -> Option<&'static dyn TableSource> {
    sources().into_iter().find(|source| source.name() == name)
}

/// The options of all sources, each with the source that has it.
pub fn options() -> impl Iterator<Item = (&'static dyn TableSource, &'static SourceOption)> {
    let of = |source: &'static dyn TableSource| source.options().iter().map(move |o| (source, o));
    sources().into_iter().flat_map(of)
}
