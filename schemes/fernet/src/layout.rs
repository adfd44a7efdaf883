//! How tables are cut into tokens, and how large these are. Public: it follows from the program.

use hexperiment_program::Program;
use strum::{EnumString, IntoStaticStr, VariantNames};

/// The table of the program that tokens hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Input(usize),
    Output(usize),
}

impl Held {
    /// One word for it: outputs are odd.
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Input(index) => 2 * index as u32,
            Self::Output(index) => 2 * index as u32 + 1,
        }
    }

    pub(crate) fn of(code: u32) -> Self {
        let index = (code / 2) as usize;
        if code.is_multiple_of(2) {
            Self::Input(index)
        } else {
            Self::Output(index)
        }
    }
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Input(index) => write!(f, "input number {index}"),
            Self::Output(index) => write!(f, "output number {index}"),
        }
    }
}

/// What goes into one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Per {
    Row,
    Table,
}

/// Version, time stamp, initial vector.
const BEFORE: usize = 1 + 8 + 16;
/// AES.
const BLOCK: usize = 16;
/// HMAC-SHA256.
const AFTER: usize = 32;
/// Which table and which row come before the numbers.
pub(crate) const PLACE: usize = 4 + 4;

/// The shape of one table, and of its tokens: all of one table are equally long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenShape {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Rows in one token; divides `rows`.
    pub(crate) rows_per_token: usize,
}

impl TokenShape {
    /// Of a table of the program; `None` if it has no such table.
    pub(crate) fn of(program: &Program, held: Held, per: Per) -> Option<Self> {
        let (rows, columns) = match held {
            Held::Input(index) => {
                let input = program.inputs().get(index)?;
                (input.length, input.columns.len())
            }
            Held::Output(index) => {
                let values = &program.outputs().get(index)?.values;
                (program.value(*values.first()?).length(), values.len())
            }
        };
        let rows_per_token = match per {
            Per::Row => 1,
            Per::Table => rows,
        };
        Some(Self {
            rows,
            columns,
            rows_per_token,
        })
    }

    /// Tokens of the table.
    pub(crate) fn tokens(&self) -> usize {
        self.rows.checked_div(self.rows_per_token).unwrap_or(0)
    }

    /// Numbers in one token.
    pub(crate) fn numbers(&self) -> usize {
        self.rows_per_token * self.columns
    }

    /// Bytes that are encrypted in one token.
    pub(crate) fn payload_bytes(&self) -> usize {
        PLACE + 8 * self.numbers()
    }

    /// Characters of one token.
    pub(crate) fn token_bytes(&self) -> usize {
        // PKCS 7 always pads, by a whole block if need be.
        let blocks = self.payload_bytes() / BLOCK + 1;
        (BEFORE + blocks * BLOCK + AFTER).div_ceil(3) * 4
    }
}
