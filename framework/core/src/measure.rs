//! Statistics of repetitions.
