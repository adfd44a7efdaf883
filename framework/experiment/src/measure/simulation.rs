//! What intervals and words are worth, by simulation.
//!
//! Times are made as records of quiet machines have them (70 series of 10 repetitions of
//! `chd-logistic`, six runs on two cores, phases of 5 ms and more): a normal core of 2.5 % on the
//! logarithm, which with what follows is the 2.7 % that the median series has; a part that all rows
//! of a round share, of 1.2 %, which goes from round to round with a correlation of 0.5, so that
//! neighbours within a row are correlated by 0.09, as they are in the records; and one time in twenty
//! is 1.5 to 3 times as long, where the records have 4.6 % beyond 1.5 times the median.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use super::comparison::{Outcome, Timed, compare_with_first};
use super::statistics::{Estimate, median};
use super::two_runs::compare_runs;
use crate::record::TIE_MARGIN;

/// How times scatter.
#[derive(Clone, Copy)]
struct Noise {
    /// Standard deviation of the logarithm, each row's own.
    own: f64,
    /// Standard deviation of what the rows of a round share.
    shared: f64,
    /// Correlation of that from one round to the next.
    correlation: f64,
    /// Share of times that are 1.5 to 3 times as long.
    outliers: f64,
}

/// As in records of quiet machines.
const RECORDED: Noise = Noise {
    own: 0.025,
    shared: 0.012,
    correlation: 0.5,
    outliers: 0.05,
};

/// Repetitions that do not depend on each other.
const INDEPENDENT: Noise = Noise {
    shared: 0.0,
    ..RECORDED
};

/// A normal number (Box and Muller 1958).
fn normal(rng: &mut ChaCha20Rng) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

impl Noise {
    /// The times of rows with these paces, row by row.
    fn times(self, paces: &[f64], rounds: usize, rng: &mut ChaCha20Rng) -> Vec<Vec<f64>> {
        let mut rows = vec![Vec::with_capacity(rounds); paces.len()];
        let mut machine = normal(rng);
        let fresh = (1.0 - self.correlation * self.correlation).sqrt();
        for _ in 0..rounds {
            for (row, pace) in rows.iter_mut().zip(paces) {
                let mut time = pace * (self.shared * machine + self.own * normal(rng)).exp();
                if rng.random_bool(self.outliers) {
                    time *= rng.random_range(1.5..3.0);
                }
                row.push(time);
            }
            machine = self.correlation * machine + fresh * normal(rng);
        }
        rows
    }
}

/// The share of runs whose interval of one row covers the true median.
fn coverage(noise: Noise, rounds: usize) -> f64 {
    let mut rng = ChaCha20Rng::seed_from_u64(73);
    let many = noise.times(&[1.0], 200_000, &mut rng);
    let truth = median(&many[0]);
    let runs = 20_000;
    let covered = (0..runs).filter(|_| {
        let times = &noise.times(&[1.0], rounds, &mut rng)[0];
        let interval = Estimate::of(times, &vec![0; rounds]).interval;
        interval.is_some_and(|i| i.low <= truth && truth <= i.high)
    });
    covered.count() as f64 / f64::from(runs)
}

/// The shares of runs with rows of these paces in which some row was slower or faster than the
/// first, and in which some row tied with it. The first is the one with the least median.
fn words(noise: Noise, paces: &[f64], rounds: usize, margin: f64) -> (f64, f64) {
    let mut rng = ChaCha20Rng::seed_from_u64(74);
    let indices: Vec<u32> = (0..).take(rounds).collect();
    let one = vec![0; rounds];
    let runs = 4000;
    let (mut differ, mut tie) = (0, 0);
    for _ in 0..runs {
        let mut rows = noise.times(paces, rounds, &mut rng);
        rows.sort_by(|a, b| median(a).total_cmp(&median(b)));
        let timed: Vec<Timed<'_>> = rows
            .iter()
            .map(|times| Timed {
                rounds: &indices,
                processes: &one,
                times,
            })
            .collect();
        let said = compare_with_first(&timed, margin);
        let differs = |o| matches!(o, Outcome::Slower | Outcome::Faster);
        differ += u32::from(said.iter().any(|c| differs(c.outcome)));
        tie += u32::from(said.iter().any(|c| c.outcome == Outcome::Tie));
    }
    let share = |count: u32| f64::from(count) / f64::from(runs);
    (share(differ), share(tie))
}

#[test]
fn intervals_cover_as_they_say() {
    for (name, noise) in [("independent", INDEPENDENT), ("recorded", RECORDED)] {
        for rounds in [6, 10, 20] {
            let covered = coverage(noise, rounds);
            println!(
                "coverage, {name}, {rounds} repetitions: {:.1} %",
                100.0 * covered
            );
            assert!(
                (0.945..=0.99).contains(&covered),
                "{name}, {rounds}: {covered}"
            );
        }
    }
}

#[test]
fn equal_rows_tie_and_slower_rows_are_slower() {
    for rounds in [6, 10, 20] {
        let (_, tie) = words(RECORDED, &[1.0, 1.0], rounds, TIE_MARGIN);
        let (slower, false_tie) = words(RECORDED, &[1.0, 1.1], rounds, TIE_MARGIN);
        let [tied, told] = [tie, slower].map(|share| 100.0 * share);
        println!("{rounds} repetitions: equal tie {tied:.1} %, 10 % slower told {told:.1} %");
        assert!(false_tie < 0.001, "{false_tie}");
        if rounds == 20 {
            assert!(tie >= 0.95 && slower >= 0.9, "{tie} {slower}");
        }
    }
    // The default margin is the least whole percentage for which this holds.
    let (_, tie) = words(RECORDED, &[1.0, 1.0], 20, TIE_MARGIN - 0.01);
    println!(
        "20 repetitions, a margin of one percentage point less: {:.1} %",
        100.0 * tie
    );
    assert!(tie < 0.95, "{tie}");
}

/// With no margin there is no tie, so that every word of difference about equal rows is wrong, and
/// all of them together are rare; so are ties of rows that differ by the margin.
#[test]
fn wrong_words_are_rare_over_a_whole_ranking() {
    for rows in [2, 3, 5] {
        let (differ, tie) = words(RECORDED, &vec![1.0; rows], 20, 0.0);
        let mut paces = vec![1.0 + TIE_MARGIN; rows];
        paces[0] = 1.0;
        let (_, false_tie) = words(RECORDED, &paces, 20, TIE_MARGIN);
        let [wrong, tied] = [differ, false_tie].map(|share| 100.0 * share);
        println!("{rows} rows: wrong differences {wrong:.1} %, wrong ties {tied:.1} %");
        assert!(differ <= 0.055 && tie == 0.0, "{differ} {tie}");
        assert!(false_tie <= 0.03, "{false_tie}");
    }
}

/// The times of two rows in so many processes, each of whose starts makes a row slower or faster by
/// this much, and the processes of their rounds, which take turns.
fn in_processes(
    paces: [f64; 2],
    (processes, rounds): (usize, usize),
    start: impl Fn(&mut ChaCha20Rng) -> f64,
    rng: &mut ChaCha20Rng,
) -> (Vec<u32>, Vec<Vec<f64>>) {
    let of: Vec<u32> = (0..processes as u32).cycle().take(rounds).collect();
    let mut rows = RECORDED.times(&paces, rounds, rng);
    for row in &mut rows {
        let starts: Vec<f64> = (0..processes).map(|_| start(rng).exp()).collect();
        for (time, process) in row.iter_mut().zip(&of) {
            *time *= starts[*process as usize];
        }
    }
    (of, rows)
}

/// How much of a process's pace its start decides, as a logarithm.
type Start = fn(&mut ChaCha20Rng) -> f64;

/// Over several processes, where starts make as much of a difference as rounds do: intervals of
/// Student's t cover, wrong words are rare, and the interval that takes rounds for independent, as
/// within one process, does not cover.
#[test]
fn intervals_over_processes_cover_as_they_say() {
    let normal_start = |rng: &mut ChaCha20Rng| 0.03 * normal(rng);
    // Memory that lies badly in one process of four: as far from normal as starts are.
    let skewed_start = |rng: &mut ChaCha20Rng| if rng.random_bool(0.25) { 0.06 } else { 0.0 };
    let starts: [(&str, Start, bool); 2] = [
        ("normal", normal_start, true),
        ("skewed", skewed_start, false),
    ];
    for (name, start, is_normal) in starts {
        for (processes, rounds) in [(3, 12), (5, 20), (10, 20)] {
            let mut rng = ChaCha20Rng::seed_from_u64(75);
            let runs = 4000;
            let (mut covered, mut naive, mut wrong) = (0, 0, 0);
            for _ in 0..runs {
                let (of, rows) = in_processes([1.0, 1.0], (processes, rounds), start, &mut rng);
                let indices: Vec<u32> = (0..).take(rounds).collect();
                let timed = |times| Timed {
                    rounds: &indices,
                    processes: &of,
                    times,
                };
                let said = compare_with_first(&[timed(&rows[0]), timed(&rows[1])], 0.0)[0];
                let holds = |i: super::Interval| i.low <= 1.0 && 1.0 <= i.high;
                covered += u32::from(said.interval.is_some_and(holds));
                wrong += u32::from(matches!(said.outcome, Outcome::Slower | Outcome::Faster));
                let one = vec![0; rounds];
                let timed = |times| Timed {
                    rounds: &indices,
                    processes: &one,
                    times,
                };
                let said = compare_with_first(&[timed(&rows[0]), timed(&rows[1])], 0.0)[0];
                naive += u32::from(said.interval.is_some_and(holds));
            }
            let [covered, naive, wrong] =
                [covered, naive, wrong].map(|n| f64::from(n) / f64::from(runs));
            println!(
                "{name} starts, {processes} processes, {rounds} rounds: covered {:.1} %, as if of one \
                 process {:.1} %; wrong words {:.1} %",
                100.0 * covered,
                100.0 * naive,
                100.0 * wrong
            );
            let least = if is_normal { 0.94 } else { 0.93 };
            assert!(
                covered >= least && wrong <= 1.0 - least,
                "{covered} {wrong}"
            );
            // Two rounds in a process: what is within them scatters as much as starts do.
            let enough = rounds > 2 * processes;
            assert!(!enough || naive < 0.9, "{naive}");
        }
    }
}

/// Of two runs of five cells each, the second with this pace: the share of cells whose interval covers
/// it, and the shares of runs in which some cell is said to differ, and to tie.
fn two_runs(noise: Noise, pace: f64, rounds: [usize; 2], margin: f64) -> (f64, f64, f64) {
    const CELLS: usize = 5;
    let mut rng = ChaCha20Rng::seed_from_u64(75);
    let runs = 2000;
    let (mut covered, mut differ, mut tie) = (0, 0, 0);
    for _ in 0..runs {
        let [base, other] = [(1.0, rounds[0]), (pace, rounds[1])]
            .map(|(p, n)| noise.times(&[p; CELLS], n, &mut rng));
        let cells: Vec<(&[f64], &[f64])> = base
            .iter()
            .zip(&other)
            .map(|(a, b)| (a.as_slice(), b.as_slice()))
            .collect();
        let changes = compare_runs(&cells, margin);
        let covers = changes.iter().filter_map(|c| c.interval);
        covered += covers.filter(|i| i.low <= pace && pace <= i.high).count();
        let differs = |o| matches!(o, Outcome::Slower | Outcome::Faster);
        differ += u32::from(changes.iter().any(|c| differs(c.outcome)));
        tie += u32::from(changes.iter().any(|c| c.outcome == Outcome::Tie));
    }
    let share = |count: u32| f64::from(count) / f64::from(runs);
    let cells = f64::from(runs) * CELLS as f64;
    (covered as f64 / cells, share(differ), share(tie))
}

#[test]
fn intervals_of_two_runs_cover_as_they_say() {
    for (name, noise) in [("independent", INDEPENDENT), ("recorded", RECORDED)] {
        for rounds in [[7, 7], [10, 10], [20, 20], [7, 20]] {
            let (covered, differ, _) = two_runs(noise, 1.0, rounds, 0.0);
            println!(
                "two runs, {name}, {rounds:?} repetitions: coverage {:.1} %, wrong differences in {:.1} %",
                100.0 * covered,
                100.0 * differ
            );
            assert!(
                (0.945..=0.995).contains(&covered),
                "{name}, {rounds:?}: {covered}"
            );
            assert!(differ <= 0.055, "{name}, {rounds:?}: {differ}");
        }
        // The factor is covered wherever it is, and one at the margin is no tie.
        let (covered, _, tie) = two_runs(noise, 1.0 + TIE_MARGIN, [20, 20], TIE_MARGIN);
        assert!(covered >= 0.945, "{name}: {covered}");
        assert!(tie <= 0.055, "{name}: {tie}");
    }
    let (_, slower, _) = two_runs(RECORDED, 1.1, [20, 20], TIE_MARGIN);
    let (_, _, tie) = two_runs(RECORDED, 1.0, [20, 20], TIE_MARGIN);
    println!(
        "two runs of 20: 10 % slower told in {:.1} %, equal tie in {:.1} %",
        100.0 * slower,
        100.0 * tie
    );
    assert!(slower >= 0.9 && tie >= 0.9, "{slower} {tie}");
}
