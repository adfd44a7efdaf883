//! A saved model, as tasks leave and take it.

use std::path::PathBuf;

use hexperiment_task::linear_model::SavedModel;

/// A model that was dropped, or that a run of this workbench left.
pub(crate) struct Model {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) columns: Vec<String>,
}

impl Model {
    /// Reads a `model.json`.
    pub(crate) fn read(id: String, name: String, file: PathBuf) -> Result<Self, String> {
        let saved = SavedModel::load(&file).map_err(|e| {
            // The name that its owner knows it by.
            e.to_string().replace(&file.display().to_string(), &name)
        })?;
        let columns = saved
            .sensors
            .into_iter()
            .map(|column| column.name)
            .collect();
        Ok(Self {
            id,
            name,
            file,
            columns,
        })
    }
}
