//! `[run]`

use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use hexperiment_diagnostics::{printable, units};
use hexperiment_scheme::Objective;
use hexperiment_scheme::security::LatticeTable;

use super::keys::{Keys, Objection};
use super::security::SecuritySettings;
use crate::record::{Clock, TIE_MARGIN};

/// Bits below which a run must say that it is insecure: the default of `security_bits`.
const SECURE_BITS: i64 = 128;

/// Bytes of the least `memory_limit`: in 16 MiB not even the program's own code and
/// the stack of one thread have room.
const LEAST_MEMORY: u64 = 32 << 20;

/// How cells are run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunSettings {
    /// What is demanded of every scheme.
    pub security: SecuritySettings,
    /// Measured repetitions of each cell.
    pub repetitions: u32,
    /// Repetitions before these, in each process.
    pub warmup: u32,
    /// Pairs of a client's and a server's process that share the repetitions of each cell.
    pub processes: u32,
    /// Threads of each cell.
    pub threads: usize,
    /// What schemes choose the layout of vectors for.
    pub objective: Objective,
    /// Time for one process of a cell.
    pub time_limit: Duration,
    /// Bytes that the process of one cell may allocate.
    pub memory_limit: Option<u64>,
    /// Seed of the split, of balancing and of the order of cells.
    pub seed: u64,
    /// Seeds of each row, from `seed` on.
    pub seeds: u32,
    /// Clock of tables and rankings.
    pub rank_by: Clock,
    /// What the times of two rows may differ by and still be called a tie; 0.06 is 6 %.
    pub tie_margin: f64,
}

impl RunSettings {
    pub(crate) fn read(keys: &mut Keys<'_>) -> Self {
        let security = security(keys);
        let repetitions = keys.integer(
            "repetitions",
            1..=10_000,
            10,
            "Measured repetitions of each cell.",
        );
        let warmup = keys.integer(
            "warmup",
            0..=1000,
            1,
            "Repetitions before these that are not recorded, in each process.",
        );
        let processes = keys.integer(
            "processes",
            1..=1000,
            1,
            "Pairs of a client's and a server's process that share the repetitions of each cell: each pair \
             compiles anew and makes fresh keys, one pair after the other. Of 3, the first has repetitions \
             0, 3, 6, …, the second 1, 4, 7, …. With more than one, intervals and rankings are over \
             processes, by Student's t, and three are the fewest that say much.",
        );
        if processes > repetitions {
            keys.object("processes", idle(processes, repetitions));
        }
        let threads = keys.optional_integer(
            "threads",
            1..=1024,
            "Threads of each cell; all processors if left out.",
        );
        let objective = keys.choice(
            "optimise",
            Objective::default(),
            "What a scheme that has several layouts of vectors in ciphertexts chooses one for: the least \
             \"latency\" of a query from encryption to decryption, \"throughput\" (the least processor time), \
             \"upload\" (the fewest bytes to the server) or \"memory\". `explain` shows the layouts, with \
             what each costs.",
        );
        let time_limit = keys.text(
            "time_limit",
            "10m",
            "Time for each process of a cell, as in \"90s\", \"5m\", \"1h\".",
        );
        let memory_limit = keys.optional_text(
            "memory_limit",
            "What each of a cell's two processes, client and server, may allocate, as in \"8GiB\"; no limit if left out.",
        );
        let seed = keys.integer(
            "seed",
            0..=i64::MAX,
            73,
            "Seeds the split, balancing and the order of cells.",
        );
        let seeds = keys.integer(
            "seeds",
            1..=1000,
            1,
            "Seeds of each row, from `seed` on: each splits the data anew, and is a cell of its own with its \
             own repetitions and processes, one seed after the other. A row has the mean of every metric over \
             them with its 95 % interval, and times as of so many processes.",
        );
        let rank_by = keys.choice(
            "rank_by",
            Clock::default(),
            "The clock of tables and rankings: wall time, or the CPU time of all threads, which other \
             programs on a busy machine change less.",
        );
        let tie_margin = keys.number(
            "tie_margin",
            0.0..=1.0,
            TIE_MARGIN,
            "What two rows may differ by and still tie: 0.06 is 6 %. They tie where the whole 95 % interval of \
             their ratio is within it; with 0 none do.",
        );
        Self {
            security,
            repetitions: repetitions as u32,
            warmup: warmup as u32,
            processes: processes as u32,
            threads: threads.map_or_else(processors, |n| n as usize),
            objective,
            // Nothing is run with a limit that was objected to.
            time_limit: keys
                .checked("time_limit", Some(time_limit), duration)
                .unwrap_or_default(),
            memory_limit: keys.checked("memory_limit", memory_limit, memory),
            seed: seed.unsigned_abs(),
            seeds: seeds as u32,
            rank_by,
            tie_margin,
        }
    }
}

/// What is demanded of every scheme.
fn security(keys: &mut Keys<'_>) -> SecuritySettings {
    let bits = keys.integer(
        "security_bits",
        0..=256,
        SECURE_BITS,
        "The level demanded of every scheme.",
    );
    let insecure = keys.flag(
        "insecure",
        false,
        "Allow less than 128 bits; every table then says so.",
    );
    let table = keys.choice(
        "security_table",
        LatticeTable::default(),
        "The published table that bounds the parameters of ring-LWE: the security guidelines of 2024, or \
         the Homomorphic Encryption Standard of 2018, whose bounds are 1 to 4 % wider.",
    );
    let encryption = keys.optional_choice(
        "encryption",
        "Who encrypts: \"owner\", the key owner, who may use the secret key, or \"public\", others, by a \
         public key alone; the same for all schemes. As the task has it if left out: \"public\" where the \
         data are not the key owner's.",
    );
    let failure_log2 = keys.optional_integer(
        "failure_log2",
        -256..=-20,
        "A bound of log2 of the probability that any result of one run is wrong beyond what its row \
         states. If left out -128 where others than the key owner get the results, since failures that \
         others see tell of the secret key (IND-CPA-D), and -40 where not, since a failure is then only a \
         wrong result.",
    );
    if bits < SECURE_BITS && !insecure {
        keys.object("security_bits", weak(bits));
    }
    SecuritySettings {
        bits: bits as u32,
        insecure,
        table,
        encryption,
        failure_log2: failure_log2.map(|log2| log2 as i32),
    }
}

fn weak(bits: i64) -> Objection {
    let words = format!("found {bits}, expected {SECURE_BITS} to 256");
    let help = "less than 128 bits is below what published tables (Security Guidelines for \
                Implementing Homomorphic Encryption 2024, NIST SP 800-57) recommend; to compare weak parameters all the same, add \
                `insecure = true`: every table will carry the mark";
    (words, help.into())
}

fn idle(processes: i64, repetitions: i64) -> Objection {
    let words = format!("found {processes}, expected at most the {repetitions} `repetitions`");
    let help =
        "`repetitions` are those of all processes together: take more of these, or fewer processes";
    (words, help.into())
}

fn duration(text: String) -> Result<Duration, Objection> {
    units::duration(&text).ok_or_else(|| {
        let found = printable::quoted(&text);
        let words = format!("found {found}, expected a time of 1 ms or more");
        (words, "write it as \"90s\", \"5m\" or \"1h\"".into())
    })
}

fn memory(text: String) -> Result<u64, Objection> {
    let bytes = units::bytes(&text).filter(|bytes| *bytes >= LEAST_MEMORY);
    bytes.ok_or_else(|| {
        let found = printable::quoted(&text);
        let least = LEAST_MEMORY >> 20;
        let words = format!("found {found}, expected a size of {least}MiB or more");
        let help = "write it as \"512MiB\" or \"8GiB\"; units are B, kB, MB, GB, KiB, MiB, GiB; \
                    it is what the process of a cell may allocate";
        (words, help.into())
    })
}

/// Processors that this process may use.
fn processors() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}
