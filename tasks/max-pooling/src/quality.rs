//! How well windows were pooled: beside pooling in the clear, in grey levels.

use hexperiment_task::ledger::{Metric, Quality};
use ndarray::s;

use crate::draft::{Method, Pooling, WHITE};
use crate::pictures::{Picture, Pictures};

/// The names of all that is measured.
pub(crate) const METRICS: [&str; 6] = [
    "max_error",
    "mean_error",
    "exact_share",
    "psnr",
    "inverted",
    "images",
];

/// What results are measured by.
#[derive(Clone, Debug)]
pub(crate) struct Measure {
    clear: Vec<f64>,
    method: Method,
    tolerance: f64,
    /// Pooled pixels, each with all its colours.
    pixels: usize,
    images: usize,
}

impl Measure {
    pub(crate) fn new(pictures: &Pictures, pooling: Pooling, tolerance: f64) -> Self {
        let (window, stride) = (pooling.window, pooling.stride);
        let mut clear = Vec::new();
        for plane in &pictures.planes {
            for y in 0..pooling.count(plane.nrows()) {
                for x in 0..pooling.count(plane.ncols()) {
                    let (top, left) = (y * stride, x * stride);
                    let pixels = plane.slice(s![top..top + window, left..left + window]);
                    clear.push(match pooling.method {
                        Method::Max => pixels.fold(0.0, |max: f64, x| max.max(*x)),
                        Method::Average => pixels.sum() / pixels.len() as f64,
                    });
                }
            }
        }
        let of_picture = |picture: &Picture| {
            let (rows, columns) = pictures.planes[picture.planes.start].dim();
            pooling.count(rows) * pooling.count(columns)
        };
        Self {
            clear,
            method: pooling.method,
            tolerance,
            pixels: pictures.pictures.iter().map(of_picture).sum(),
            images: pictures.pictures.len(),
        }
    }

    /// Pooled pixels, each with all its colours.
    pub(crate) fn pixels(&self) -> usize {
        self.pixels
    }

    /// Pooled in the clear: planes, rows, columns, one picture after the other.
    pub(crate) fn clear(&self) -> &[f64] {
        &self.clear
    }

    /// Measures what came back: one level for each window of each plane, in order.
    pub(crate) fn score(&self, pooled: &[f64]) -> Quality {
        let errors: Vec<f64> = pooled.iter().zip(&self.clear).map(|(x, y)| x - y).collect();
        let count = errors.len() as f64;
        let mean = |f: fn(f64) -> f64| errors.iter().map(|e| f(*e)).sum::<f64>() / count;
        let share = |f: &dyn Fn(f64) -> bool| errors.iter().filter(|e| f(**e)).count() as f64;
        // NaN is the greatest, and no level is near to it.
        let greatest = errors.iter().map(|e| e.abs()).max_by(f64::total_cmp);
        let metric =
            |name: &str, value: f64, plaintext: f64| Metric::new(name, value, Some(plaintext));
        // In decibels; infinite where there is no error at all.
        let psnr = 20.0 * (WHITE / mean(|e| e * e).sqrt()).log10();
        let mut metrics = vec![
            metric("max_error", greatest.unwrap_or(0.0), 0.0).in_unit("grey levels"),
            metric("mean_error", mean(f64::abs), 0.0).in_unit("grey levels"),
            metric("exact_share", share(&|e| e.abs() < 0.5) / count, 1.0),
            metric("psnr", psnr, f64::INFINITY).in_unit("dB"),
        ];
        if self.method == Method::Max {
            // The maximum in the clear is the brightest pixel of the window.
            let inverted = share(&|e| e.is_nan() || e < -self.tolerance);
            metrics.push(metric("inverted", inverted, 0.0));
        }
        metrics.push(metric("images", self.images as f64, self.images as f64));
        Quality {
            samples: self.pixels(),
            metrics,
            notes: vec![],
        }
    }
}
