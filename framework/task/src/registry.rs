//! Tasks register themselves; nothing keeps a list of them.

use hexperiment_scheme::registry::{UnknownPlugin, unknown};

use crate::Task;

/// A task, as a plugin submits it: `inventory::submit! { TaskPlugin(&MyTask) }`.
pub struct TaskPlugin(pub &'static dyn Task);

inventory::collect!(TaskPlugin);

/// All registered tasks, by name.
pub fn tasks() -> Vec<&'static dyn Task> {
    let mut all: Vec<_> = inventory::iter::<TaskPlugin>
        .into_iter()
        .map(|p| p.0)
        .collect();
    all.sort_by_cached_key(|t| t.manifest().name);
    all
}

/// The names of all registered tasks, in order.
pub fn names() -> Vec<&'static str> {
    tasks().iter().map(|t| t.manifest().name).collect()
}

/// The task called `name`.
///
/// # Errors
/// No task of that name is linked in.
pub fn task(name: &str) -> Result<&'static dyn Task, UnknownPlugin> {
    tasks()
        .into_iter()
        .find(|t| t.manifest().name == name)
        .ok_or_else(|| unknown("task", name, &names()))
}
