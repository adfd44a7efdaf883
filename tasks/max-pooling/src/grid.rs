//! A vector for each class of pixels: those of one row and one column modulo the stride.
//!
//! An element stands for a window; those of a class that belong to the next window are one element
//! further, those of the next row of windows one row of the grid; zeros fill a vector that is
//! shifted up to a power of two. So each pixel is encrypted once,
//! and windows that overlap meet by shifts. Maxima and sums are separable: rows come first and are
//! shared by the windows above each other. A maximum is idempotent: pixels may count twice, so
//! that runs of any length grow by doubling, in `ceil(log2 n)` steps.

use hexperiment_program::ValueId;
use hexperiment_task::{TaskError, vector_length};
use ndarray::Array2;

use crate::draft::{Deep, Draft, Method, PoolProgram, Pooling};
use crate::pictures::Pictures;

/// Lays pictures out; each is as large as a window at least.
pub(crate) fn lay_out(pictures: &Pictures, pooling: Pooling) -> Result<PoolProgram, TaskError> {
    let (window, stride) = (pooling.window, pooling.stride);
    let planes = &pictures.planes;
    // Elements beyond the last window that it reaches into.
    let over = (window - 1) / stride;
    let widths = planes.iter().map(|p| pooling.count(p.ncols()) + over);
    let width = widths.max().unwrap_or(1);
    let mut elements = Vec::new();
    let mut places = Vec::new();
    for (plane, pixels) in planes.iter().enumerate() {
        let (rows, columns) = (pooling.count(pixels.nrows()), pooling.count(pixels.ncols()));
        for y in 0..rows + over {
            for x in 0..width {
                if y < rows && x < columns {
                    places.push(elements.len());
                }
                elements.push((plane, y * stride, x * stride));
            }
        }
    }
    let classes = window.min(stride);
    let padded = elements.len().next_power_of_two();
    let length = if over > 0 && padded <= vector_length::LONGEST_ROTATED {
        padded
    } else {
        elements.len()
    };
    pooling.check_size(length, classes * classes)?;
    let table = Array2::from_shape_fn((length, classes * classes), |(i, class)| {
        let pixel = elements.get(i).and_then(|(plane, y, x)| {
            planes[*plane].get([y + class / classes, x + class % classes])
        });
        pixel.copied().unwrap_or(0.0)
    });
    let note = format!(
        "{} windows; {} classes of {} pixels, in rows of {width}, and {} elements of padding",
        places.len(),
        classes * classes,
        elements.len(),
        length - elements.len()
    );
    let names = (0..classes * classes).map(|c| format!("{}, {}", c / classes, c % classes));
    let (mut draft, values) = Draft::new(pooling, names.collect(), table)?;
    let rows: Vec<Vec<Deep>> = values
        .chunks(classes)
        .map(|row| row.iter().map(|v| (0, *v)).collect())
        .collect();
    let line = Line { pooling, step: 1 };
    let across: Vec<Deep> = rows
        .iter()
        .map(|row| line.pool(&mut draft, row, 1.0))
        .collect::<Result<_, _>>()?;
    let line = Line {
        pooling,
        step: width,
    };
    let (_, pooled) = line.pool(&mut draft, &across, pooling.weight())?;
    draft.finish(planes, pooled, places, note)
}

/// One direction of the grid.
struct Line {
    pooling: Pooling,
    /// Elements to the next window in this direction.
    step: usize,
}

impl Line {
    /// Pools the pixels of a window in this direction; `classes` has those of each place modulo
    /// the stride.
    fn pool(&self, draft: &mut Draft, classes: &[Deep], weight: f64) -> Result<Deep, TaskError> {
        let (window, stride) = (self.pooling.window, self.pooling.stride);
        if self.pooling.method == Method::Average {
            let mut terms = Vec::with_capacity(window);
            for place in 0..window {
                let (_, value) = classes[place % stride];
                terms.push((self.shift(draft, value, place / stride)?, weight.into()));
            }
            return Ok((0, draft.builder.weighted_sum(terms, 0.0)?));
        }
        let mut runs = Vec::with_capacity(classes.len());
        for (place, class) in classes.iter().enumerate() {
            runs.push(self.run(draft, *class, (window - place).div_ceil(stride))?);
        }
        draft.max(runs)
    }

    /// The maximum of `count` neighbours in a class.
    fn run(&self, draft: &mut Draft, value: Deep, count: usize) -> Result<Deep, TaskError> {
        let (mut depth, mut max) = value;
        let mut covered = 1;
        while covered < count {
            let by = covered.min(count - covered);
            let next = self.shift(draft, max, by)?;
            max = draft.builder.max(max, next)?;
            depth += 1;
            covered += by;
        }
        Ok((depth, max))
    }

    /// Brings what is `windows` further.
    fn shift(
        &self,
        draft: &mut Draft,
        value: ValueId,
        windows: usize,
    ) -> Result<ValueId, TaskError> {
        if windows == 0 {
            return Ok(value);
        }
        Ok(draft.builder.shift(value, (windows * self.step) as i64)?)
    }
}
