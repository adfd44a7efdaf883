//! A vector for each place in a window, an element for each window of each plane.
//!
//! Nothing is shifted: the client has gathered the pixels. Where windows overlap, it repeats them.

use hexperiment_task::TaskError;
use ndarray::Array2;

use crate::draft::{Draft, Method, PoolProgram, Pooling};
use crate::pictures::Pictures;

/// Lays pictures out; each is as large as a window at least.
pub(crate) fn lay_out(pictures: &Pictures, pooling: Pooling) -> Result<PoolProgram, TaskError> {
    let (window, stride) = (pooling.window, pooling.stride);
    let mut corners = Vec::new();
    for (plane, pixels) in pictures.planes.iter().enumerate() {
        for y in 0..pooling.count(pixels.nrows()) {
            let row = (0..pooling.count(pixels.ncols())).map(|x| (plane, y * stride, x * stride));
            corners.extend(row);
        }
    }
    let places = window * window;
    pooling.check_size(corners.len(), places)?;
    let table = Array2::from_shape_fn((corners.len(), places), |(i, place)| {
        let (plane, y, x) = corners[i];
        pictures.planes[plane][[y + place / window, x + place % window]]
    });
    let names = (0..places).map(|p| format!("{}, {}", p / window, p % window));
    let (mut draft, values) = Draft::new(pooling, names.collect(), table)?;
    let pooled = match pooling.method {
        Method::Max => draft.max(values.into_iter().map(|v| (0, v)))?.1,
        Method::Average => {
            let weight = pooling.weight();
            let terms = values.into_iter().map(|v| (v, weight.into()));
            draft.builder.weighted_sum(terms.collect(), 0.0)?
        }
    };
    let all: usize = pictures.planes.iter().map(Array2::len).sum();
    let note = format!(
        "{} windows of {places} pixels, gathered by the client: {} values are encrypted of {all} \
         that there are",
        corners.len(),
        corners.len() * places
    );
    let places = (0..corners.len()).collect();
    draft.finish(&pictures.planes, pooled, places, note)
}
