//! How busy the machine is.

use std::fs;

use std::time::Instant;

use crate::record::{Load, Processors, Schedule};

/// Load averages of 1, 5 and 15 minutes; `None` where the system does not say.
pub fn load_averages() -> Option<[f64; 3]> {
    averages(&fs::read_to_string("/proc/loadavg").ok()?)
}

/// Of the text of `/proc/loadavg`.
fn averages(text: &str) -> Option<[f64; 3]> {
    let mut numbers = text.split_whitespace().map(|word| word.parse().ok());
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

/// Looks at the machine before and after some work of this process and others.
#[derive(Clone, Debug)]
pub struct LoadMeter {
    others: Vec<u32>,
    start: Option<f64>,
    schedule: Option<Schedule>,
    began: Instant,
    idle_ns: Option<u64>,
}

impl LoadMeter {
    /// Starts now; `others` are the numbers of processes that work for this one.
    pub fn start(others: &[u32]) -> Self {
        Self {
            others: others.to_vec(),
            start: load_averages().map(|[minute, ..]| minute),
            schedule: schedule(others),
            idle_ns: idle_ns(),
            began: Instant::now(),
        }
    }

    /// How busy the machine was since then. Threads that ended meanwhile do not count.
    pub fn finish(self) -> Load {
        let since = |now: Schedule, then: Schedule| Schedule {
            ran_ns: now.ran_ns.saturating_sub(then.ran_ns),
            waited_ns: now.waited_ns.saturating_sub(then.waited_ns),
        };
        let passed_ns = self.began.elapsed().as_nanos() as u64;
        let processors = || {
            let count = std::thread::available_parallelism().ok()?.get() as u64;
            let (all, idle) = idle_ns().zip(self.idle_ns)?;
            Some(Processors {
                capacity_ns: passed_ns.saturating_mul(count),
                idle_ns: all.saturating_sub(idle),
            })
        };
        Load {
            processors: processors(),
            start: self.start,
            end: load_averages().map(|[minute, ..]| minute),
            schedule: schedule(&self.others)
                .zip(self.schedule)
                .map(|(now, then)| since(now, then)),
        }
    }
}

/// Time in which this process's processors had nothing to do since the machine was started; `None`
/// where the system does not say.
fn idle_ns() -> Option<u64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let usable = std::thread::available_parallelism().ok()?.get();
    // A process that may use a part of the processors only does not know whose idle time it is.
    (processors(&text) == usable).then(|| idle(&text)).flatten()
}

/// Of the text of `/proc/stat`: user, nice, system, idle, and waiting for a disk, in hundredths of a
/// second.
fn idle(text: &str) -> Option<u64> {
    let mut numbers = text
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_whitespace();
    let idle: u64 = numbers.nth(3)?.parse().ok()?;
    let disk: u64 = numbers.next()?.parse().ok()?;
    idle.checked_add(disk)?.checked_mul(10_000_000)
}

/// The processors that `/proc/stat` counts.
pub(super) fn processors(text: &str) -> usize {
    let of_one = |line: &&str| {
        line.strip_prefix("cpu")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    text.lines().filter(of_one).count()
}

/// All threads of this process and `others` together; `None` where the system does not count.
fn schedule(others: &[u32]) -> Option<Schedule> {
    let mut all = Schedule::default();
    let others = others.iter().map(|id| format!("/proc/{id}/task"));
    // One that has ended meanwhile has nothing to count.
    let others = others.filter_map(|path| fs::read_dir(path).ok()).flatten();
    for thread in fs::read_dir("/proc/self/task").ok()?.chain(others) {
        // A thread may end while this looks.
        let Ok(text) = fs::read_to_string(thread.ok()?.path().join("schedstat")) else {
            continue;
        };
        let Schedule { ran_ns, waited_ns } = of_thread(&text)?;
        all.ran_ns += ran_ns;
        all.waited_ns += waited_ns;
    }
    // Some systems have the file, and count nothing.
    (all.ran_ns > 0).then_some(all)
}

/// Of the text of `schedstat`: time on a processor, time waiting for one, slices.
fn of_thread(text: &str) -> Option<Schedule> {
    let mut numbers = text.split_whitespace().map(|word| word.parse().ok());
    Some(Schedule {
        ran_ns: numbers.next()??,
        waited_ns: numbers.next()??,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_system() {
        assert_eq!(
            averages("2.14 1.88 1.16 5/127 24892\n"),
            Some([2.14, 1.88, 1.16])
        );
        assert_eq!(averages("2.14 x 1.16"), None);
        assert_eq!(averages(""), None);
        let stat = "cpu  10 20 30 400 50 0 0 6 0 0\ncpu0 5 10 15 200 25 0 0 3 0 0\n\
                    cpu1 5 10 15 200 25 0 0 3 0 0\nintr 5\n";
        assert_eq!((idle(stat), processors(stat)), (Some(4_500_000_000), 2));
        assert_eq!(idle("cpu  10 20\n"), None);
        assert_eq!(idle("cpux 10 20 30 400 50\n"), None);
        let schedule = Schedule {
            ran_ns: 114_046,
            waited_ns: 2_208_941,
        };
        assert_eq!(of_thread("114046 2208941 2\n"), Some(schedule));
        assert_eq!(of_thread("114046"), None);
        assert!((schedule.share_waited().unwrap() - 0.9509).abs() < 1e-4);
        assert_eq!(Schedule::default().share_waited(), None);
    }

    #[test]
    fn work_is_counted() {
        let meter = LoadMeter::start(&[]);
        let watch = hexperiment_task::clock::Stopwatch::start();
        let mut x = 1_u64;
        while watch.elapsed().cpu_ns < 50_000_000 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        }
        std::hint::black_box(x);
        let load = meter.finish();
        let schedule = load.schedule;
        // What it took is not idle; the system counts in hundredths of a second.
        let processors = load.processors.unwrap_or_default();
        assert!(
            processors.idle_ns <= processors.capacity_ns + 20_000_000,
            "{load:?}"
        );
        let counts = fs::exists("/proc/self/schedstat").unwrap();
        assert_eq!(schedule.is_some(), counts);
        // The system brings the account up to date at its ticks.
        assert!(
            schedule.is_none_or(|s| s.ran_ns >= 20_000_000),
            "{schedule:?}"
        );
    }
}
