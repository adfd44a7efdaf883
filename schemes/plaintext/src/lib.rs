//! The oracle as a scheme: programs evaluated in clear, the zero line of every table.
