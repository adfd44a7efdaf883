//! Names of values, inputs and outputs within one program.

use serde::{Deserialize, Serialize};

/// A value of a program: the vector that one operation yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ValueId(u32);

/// An input of a program: a table of encrypted columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InputId(u32);

/// An output of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OutputId(u32);

macro_rules! index {
    ($($name:ident),*) => {$(
        impl $name {
            /// The place in the program's list.
            pub fn index(self) -> usize {
                self.0 as usize
            }

            /// The identifier of place `index`.
            pub fn from_index(index: usize) -> Self {
                Self(index as u32)
            }
        }
    )*};
}
index!(ValueId, InputId, OutputId);

impl std::fmt::Display for ValueId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "%{}", self.0)
    }
}
