//! Lines on standard output. `println!` panics where nobody reads, as behind `| head`.

use std::fmt::Arguments;
use std::io::Write as _;

/// A line, as [`println!`] makes it.
macro_rules! say {
    ($($words:tt)*) => { $crate::out::line(format_args!($($words)*)) };
}

pub(crate) use say;

/// See [`say!`].
pub(crate) fn line(words: Arguments<'_>) {
    // Checks go on, and end with their code, whoever reads.
    let _ = writeln!(std::io::stdout(), "{words}");
}
