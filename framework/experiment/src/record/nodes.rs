//! Where cells ran, and how the run of several machines was put together.

use serde::{Deserialize, Serialize};

use super::Status;

/// The machine of a cell, as the cell's processes were started. What a system does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Name of the machine; `None` where its owner does not want it recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Beginning of the kernel's random number of this boot: the same machine has one until it is started
    /// anew, whatever it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// Model of the processor.
    pub cpu: String,
    /// Revision of the processor's microcode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub microcode: Option<String>,
    /// Highest clock frequency among the processors at that moment, in MHz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency_mhz: Option<u32>,
    /// Load average of the last minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// Logical processors of the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processors: Option<usize>,
    /// Logical processors that the cell could use.
    pub usable: usize,
}

impl Environment {
    /// Whether both are the same machine in the same state: all but what changes from moment to moment.
    pub fn is_same_place(&self, other: &Self) -> bool {
        let place = |e: &Self| {
            let named = (e.node.clone(), e.boot.clone());
            let kind = (e.cpu.clone(), e.microcode.clone());
            (named, kind, e.processors, e.usable)
        };
        place(self) == place(other)
    }

    /// Whether the cell could use a part of the machine's processors only, so that others may have used the rest.
    pub fn has_a_part(&self) -> bool {
        self.processors.is_some_and(|all| self.usable < all)
    }

    /// What the machine is called: its name, else by the number of its boot.
    pub fn name(&self) -> String {
        match (&self.node, &self.boot) {
            (Some(node), _) => node.clone(),
            (None, Some(boot)) => format!("machine {boot}"),
            (None, None) => "a machine without a name".into(),
        }
    }
}

/// Of records of some cells of a plan: which.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShardOf {
    /// SHA-256 of the plan's file.
    pub plan: String,
    /// Place of the experiment in the plan.
    pub experiment: usize,
    /// Numbers of the cells in the plan, in the order in which they were run.
    pub cells: Vec<usize>,
    /// SHA-256 of the program that ran them.
    pub binary: String,
    /// When it began, in UTC (RFC 3339), to the microsecond.
    pub began: String,
    /// The machine.
    pub environment: Environment,
    /// Whether it holds the plan's reference cell, which no table shows as a row.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reference: bool,
}

/// How a run was put together from shards.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Merged {
    /// SHA-256 of the plan's file.
    pub plan: String,
    /// Place of the experiment in the plan.
    pub experiment: usize,
    /// The shards that cells were taken from, by their names.
    pub shards: Vec<MergedShard>,
    /// Ends of cells that other records took the place of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub superseded: Vec<Superseded>,
    /// What the reference cell took, by the names of shards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
}

/// A shard that cells were taken from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MergedShard {
    /// Name of its file.
    pub name: String,
    /// When it began, in UTC (RFC 3339).
    pub began: String,
    /// When it ended; `None` of one that was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    /// Whether other shards of the plan ran on the same machine meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beside_others: bool,
    /// Places in the run of the cells that were taken from it.
    pub cells: Vec<usize>,
}

/// An end of a cell that counts no more, as other records of the cell were taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Superseded {
    /// The cell's id.
    pub cell: String,
    /// How it ended there.
    pub status: Status,
    /// Why.
    pub reason: String,
    /// Name of the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

/// What the reference cell took on one machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// The cell's id.
    pub cell: String,
    /// When it began, in UTC (RFC 3339).
    pub began: String,
    /// The machine.
    pub environment: Environment,
    /// Wall time of each repetition from encryption to decryption, in nanoseconds.
    pub wall_ns: Vec<u64>,
    /// Processor time of each.
    pub cpu_ns: Vec<u64>,
}
