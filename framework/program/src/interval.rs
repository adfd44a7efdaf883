//! Closed intervals, and how ranges travel through operations.

use serde::{Deserialize, Serialize};

/// A closed interval `[low, high]` of finite reals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The least value.
    pub low: f64,
    /// The greatest value.
    pub high: f64,
}

impl Interval {
    /// The interval between two numbers, whichever is the lesser.
    pub fn new(a: f64, b: f64) -> Self {
        Self {
            low: a.min(b),
            high: a.max(b),
        }
    }

    /// The interval `[-bound, bound]`.
    pub fn symmetric(bound: f64) -> Self {
        Self::new(-bound, bound)
    }

    /// The interval that holds one number.
    pub fn point(value: f64) -> Self {
        Self {
            low: value,
            high: value,
        }
    }

    /// The least interval that holds all `values`; `None` if there are none or one is NaN.
    pub fn hull(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        values
            .into_iter()
            .try_fold(None::<Self>, |hull, x| {
                if x.is_nan() {
                    return Err(());
                }
                Ok(Some(
                    hull.map_or(Self::point(x), |h| h.union(Self::point(x))),
                ))
            })
            .unwrap_or(None)
    }

    /// Whether both ends are finite and in order.
    pub fn is_finite(self) -> bool {
        self.low.is_finite() && self.high.is_finite() && self.low <= self.high
    }

    /// Whether `value` lies inside.
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Whether all of `other` lies inside.
    pub fn encloses(self, other: Self) -> bool {
        self.low <= other.low && other.high <= self.high
    }

    /// The largest magnitude inside.
    pub fn magnitude(self) -> f64 {
        self.low.abs().max(self.high.abs())
    }

    /// `high - low`.
    pub fn width(self) -> f64 {
        self.high - self.low
    }

    /// The middle.
    pub fn centre(self) -> f64 {
        0.5 * (self.low + self.high)
    }

    /// The least interval that holds both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }

    /// Wider by `room` at either end.
    #[must_use]
    pub fn padded(self, room: f64) -> Self {
        Self {
            low: self.low - room,
            high: self.high + room,
        }
    }

    /// `value`, moved to the nearer end if it lies outside.
    pub fn clamp(self, value: f64) -> f64 {
        value.clamp(self.low, self.high)
    }

    /// All products of one value from each.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        let products = [
            self.low * other.low,
            self.low * other.high,
            self.high * other.low,
            self.high * other.high,
        ];
        Self {
            low: products.iter().copied().fold(f64::INFINITY, f64::min),
            high: products.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// All squares.
    #[must_use]
    pub fn squared(self) -> Self {
        let high = self.magnitude().powi(2);
        let low = if self.contains(0.0) {
            0.0
        } else {
            self.low.abs().min(self.high.abs()).powi(2)
        };
        Self { low, high }
    }

    /// The image under a non-decreasing function.
    #[must_use]
    pub fn monotone(self, f: impl Fn(f64) -> f64) -> Self {
        Self {
            low: f(self.low),
            high: f(self.high),
        }
    }
}

impl std::ops::Add for Interval {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            low: self.low + other.low,
            high: self.high + other.high,
        }
    }
}

impl std::ops::Sub for Interval {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            low: self.low - other.high,
            high: self.high - other.low,
        }
    }
}

impl std::ops::Neg for Interval {
    type Output = Self;
    fn neg(self) -> Self {
        Self {
            low: -self.high,
            high: -self.low,
        }
    }
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{:.4}, {:.4}]", self.low, self.high)
    }
}
