//! How an operation is timed: the quartiles of samples, warm, on one thread or several; and with empty caches.

use std::time::{Duration, Instant};

use hexperiment_scheme::clock::processor_time;
use hexperiment_scheme::{SchemeError, Step, timed_cold};
use serde::{Deserialize, Serialize};

/// How much time an operation is given to be measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Wall time for one operation, on one thread and on all, each; one that takes longer is done
    /// three times.
    time: Duration,
    /// A sample of quick operations has so many that it takes at least as long: starting the threads that
    /// share one takes some hundredths of a millisecond, which count: with threads it takes four times as
    /// long.
    sample: Duration,
}

impl Effort {
    /// For a table that is kept.
    pub(crate) const TABLE: Self = Self {
        time: Duration::from_millis(150),
        sample: Duration::from_millis(5),
    };

    /// Beside a repetition, of which there are several.
    pub(crate) const BESIDE: Self = Self {
        time: Duration::from_millis(15),
        sample: Duration::from_millis(1),
    };
}

/// Operations that take longer find their operands in no cache anyway, or mind it little.
pub(crate) const QUICK: Duration = Duration::from_millis(5);

/// Samples of which the median and the quartiles are kept.
const SAMPLES: usize = 15;

/// Where the true time of an operation lies, by what was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// The lower quartile.
    Low,
    /// The median.
    Median,
    /// The upper quartile.
    High,
}

/// Nanoseconds of processor time: lower quartile, median, upper quartile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread([f64; 3]);

impl Spread {
    fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let last = samples.len().saturating_sub(1);
            samples
                .get((share * last as f64).round() as usize)
                .copied()
                .unwrap_or(0.0)
        };
        Self([at(0.25), at(0.5), at(0.75)])
    }

    pub(crate) fn quartiles(self) -> [f64; 3] {
        let Self(quartiles) = self;
        quartiles
    }

    pub(crate) fn at(self, bound: Bound) -> Duration {
        let Self([low, median, high]) = self;
        let nanoseconds = match bound {
            Bound::Low => low,
            Bound::Median => median,
            Bound::High => high,
        };
        // Both ends were checked when the table was read.
        Duration::from_nanos(nanoseconds.round() as u64)
    }
}

/// The time of a step that finds nothing in a cache; none of its quartiles is below that of one that does.
pub(crate) fn measure_cold(step: &Step<'_>, warm: Spread) -> Result<Spread, SchemeError> {
    let ((), time) = timed_cold(step)?;
    let cold = time.as_nanos() as f64;
    let Spread(warm) = warm;
    Ok(Spread(warm.map(|warm| cold.max(warm))))
}

/// The processor time of a step while so many threads do it.
pub(crate) fn measure_on(
    threads: usize,
    step: &Step<'_>,
    effort: Effort,
) -> Result<Spread, SchemeError> {
    // The first is slower than all others: memory is asked for, caches are empty.
    step()?;
    let began = Instant::now();
    step()?;
    let one = began.elapsed().max(Duration::from_nanos(1));
    let sample = effort.sample * if threads > 1 { 4 } else { 1 };
    let each = (sample.as_nanos() / one.as_nanos()).clamp(1, 10_000) as u32;
    let fit = effort.time.as_nanos() / (one * each).as_nanos().max(1);
    let samples = usize::try_from(fit).unwrap_or(SAMPLES).clamp(3, SAMPLES);
    let mut taken = Vec::with_capacity(samples);
    for _ in 0..samples {
        let began = processor_time();
        let many = || (0..each).try_for_each(|_| step());
        if threads == 1 {
            many()?;
        } else {
            std::thread::scope(|scope| {
                let all: Vec<_> = (0..threads).map(|_| scope.spawn(many)).collect();
                all.into_iter().try_for_each(|thread| {
                    thread.join().unwrap_or_else(|_| {
                        Err(SchemeError::Library {
                            library: "calibrate",
                            operation: "timing an operation".into(),
                            message: "a thread panicked".into(),
                        })
                    })
                })
            })?;
        }
        let spent = processor_time().saturating_sub(began).as_nanos().max(1) as f64;
        taken.push(spent / f64::from(each) / threads as f64);
    }
    Ok(Spread::of(taken))
}
