//! How far a job is, told piece by piece.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{Job, Status};
use crate::run_files::{self, Tail};

/// What watches a job: each look tells what is new.
pub(crate) struct Watch {
    job: Arc<Job>,
    lines: usize,
    records: Tail,
    traffic: std::collections::BTreeMap<PathBuf, (String, Tail)>,
    told: Option<Status>,
}

/// What is new.
#[derive(Serialize)]
pub(crate) struct News {
    pub(crate) status: Status,
    lines: Vec<String>,
    /// Records of the run, as it wrote them.
    records: Vec<Value>,
    /// Frames that crossed, with their cells.
    frames: Vec<Value>,
}

impl Watch {
    pub(crate) fn new(job: Arc<Job>) -> Self {
        Self {
            job,
            lines: 0,
            records: Tail::default(),
            traffic: std::collections::BTreeMap::new(),
            told: None,
        }
    }

    /// What is new since the last look, if anything is.
    pub(crate) fn look(&mut self) -> Option<News> {
        // First, so that what was written before the end is told before it.
        let status = self.job.status();
        let lines = self.job.lines_behind(self.lines);
        self.lines += lines.len();
        let (mut records, mut frames) = (vec![], vec![]);
        if let Some(run) = self.job.run() {
            records = self.records.lines(&run.join("records.jsonl"));
            frames = self.frames(&run);
        }
        let is_new = self.told != Some(status)
            || !(lines.is_empty() && records.is_empty() && frames.is_empty());
        self.told = Some(status);
        is_new.then_some(News {
            status,
            lines,
            records,
            frames,
        })
    }

    fn frames(&mut self, run: &Path) -> Vec<Value> {
        let mut frames = vec![];
        for file in run_files::traffic(run) {
            let (cell, tail) = self.traffic.entry(file.clone()).or_default();
            for mut line in tail.lines(&file) {
                if let Some(name) = line["cell"].as_str() {
                    name.clone_into(cell);
                    continue;
                }
                line["cell"] = cell.as_str().into();
                frames.push(line);
            }
        }
        frames
    }
}
