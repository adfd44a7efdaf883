//! Programs over encrypted vectors, the plugin traits, experiments, data sets, measuring and records.
