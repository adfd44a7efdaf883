//! The sections of an experiment file, as lists of options.

use hexperiment_data::fleet::DEVICES;
use hexperiment_data::{MissingPolicy, SplitKind};
use hexperiment_scheme::options::{OptionKind, OptionSpec, OptionValue};
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::record::Clock;

/// What is done about rows without a target.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum MissingTarget {
    Refuse,
    DropRows,
}

/// `[experiment]`
pub fn experiment() -> Vec<OptionSpec> {
    let text = |name, doc| OptionSpec::new(name, OptionKind::Text, doc).required();
    vec![
        text(
            "name",
            "A name of small letters, digits and hyphens; runs are filed under it.",
        ),
        text("question", "The question that the experiment answers."),
        text("caveats", "What is unfair or limited about the comparison."),
    ]
}

/// `[dataset]`
#[expect(clippy::too_many_lines, reason = "a table of options")]
pub fn dataset() -> Vec<OptionSpec> {
    use OptionKind::{Text, TextList};
    vec![
        OptionSpec::new("use", Text, "The name of a manifest; `list` shows them."),
        OptionSpec::new(
            "path",
            Text,
            "A CSV file, an image (PNG, JPEG) or a folder of images of your own, from the experiment's \
             folder.",
        ),
        OptionSpec::new(
            "target",
            Text,
            "The column to predict; overrides the manifest's.",
        ),
        OptionSpec::new(
            "positive",
            Text,
            "The value of the target that counts as 1, all others as 0; for targets that are not \
             numbers, or of several classes.",
        ),
        OptionSpec::new(
            "delimiter",
            Text,
            "The character between fields, as \";\" or \"\\t\"; overrides the manifest's. A comma for \
             a file of your own.",
        ),
        OptionSpec::new(
            "drop_columns",
            TextList,
            "Columns to leave out; also a single category of a column in `one_hot`, as \
             \"colour=red\", which is then the one that the others are compared with.",
        ),
        OptionSpec::new(
            "labels",
            TextList,
            "Columns to keep as text: time stamps, names.",
        ),
        OptionSpec::new(
            "one_hot",
            TextList,
            "Columns of categories, texts or numbers, to encode: each category that the training part \
             shows becomes a column of 0 and 1 in the column's place, called \"column=category\", in \
             order. A test row of another category has 0 in all of them. A missing category is \
             filled by the training part's most frequent one where `missing` is `median`.",
        ),
        OptionSpec::new(
            "missing_marker",
            Text,
            "What stands for a missing value, besides an empty field and NA.",
        ),
        OptionSpec::new(
            "missing",
            OptionKind::choice::<MissingPolicy>(),
            "What to do about missing values; `complete-rows` drops rows as `drop-rows` does, but also \
             for gaps in columns left out; `median` is the training part's.",
        ),
        OptionSpec::new(
            "missing_target",
            OptionKind::choice::<MissingTarget>(),
            "What to do about rows without a target; if left out, they are dropped where `missing` \
             drops rows, else refused.",
        ),
        OptionSpec::flag(
            "balance",
            false,
            "Cut the larger classes down to the smallest, before the split.",
        ),
        OptionSpec::number(
            "test_fraction",
            0.0..=1.0,
            0.3,
            "The share of the test part; its rows are rounded down.",
        ),
        OptionSpec::new(
            "split",
            OptionKind::choice::<SplitKind>(),
            "How rows are dealt; overrides the manifest's.",
        ),
        OptionSpec::integer(
            "limit",
            0..=i64::MAX,
            0,
            "Use only the first rows; 0 for all.",
        ),
        OptionSpec::new(
            "devices",
            OptionKind::Integer {
                min: *DEVICES.start() as i64,
                max: *DEVICES.end() as i64,
            },
            "Devices of a fleet that is made (`use = \"fleet\"`); overrides the manifest's. Each of \
             its three classes, the rarest a tenth, needs some for training and for testing.",
        ),
        OptionSpec::new(
            "generator_seed",
            OptionKind::Integer {
                min: 0,
                max: i64::MAX,
            },
            "The seed that a fleet is made from; overrides the manifest's.",
        ),
    ]
}

/// `[run]`
pub fn run() -> Vec<OptionSpec> {
    use OptionKind::{Integer, Text};
    vec![
        OptionSpec::integer(
            "security_bits",
            0..=256,
            128,
            "The level demanded of every scheme.",
        ),
        OptionSpec::flag(
            "insecure",
            false,
            "Allow less than 128 bits; every table then says so.",
        ),
        OptionSpec::integer(
            "repetitions",
            1..=10_000,
            10,
            "Measured repetitions of each cell.",
        ),
        OptionSpec::integer(
            "warmup",
            0..=1000,
            1,
            "Repetitions before these that are not recorded.",
        ),
        OptionSpec::new(
            "threads",
            Integer { min: 1, max: 1024 },
            "Threads of each cell; all processors if left out.",
        ),
        OptionSpec::new(
            "time_limit",
            Text,
            "Time for one cell, as in \"90s\", \"5m\", \"1h\".",
        )
        .default(OptionValue::Text("10m".into())),
        OptionSpec::new(
            "memory_limit",
            Text,
            "What the process of one cell may allocate, as in \"8GiB\"; no limit if left out.",
        ),
        OptionSpec::integer(
            "seed",
            0..=i64::MAX,
            73,
            "Seeds the split, balancing, the order of cells and the bootstrap.",
        ),
        OptionSpec::choice(
            "rank_by",
            Clock::default(),
            "The clock of tables and rankings: wall time, or the CPU time of all threads, which other \
             programs on a busy machine change less.",
        ),
    ]
}

/// The keys of `[[scheme]]` and `[task]` that are not the plugin's.
pub fn plugin(label: bool) -> Vec<OptionSpec> {
    let mut specs = vec![
        OptionSpec::new(
            "use",
            OptionKind::Text,
            "The plugin's name; `list` shows them.",
        )
        .required(),
    ];
    if label {
        specs.push(OptionSpec::new(
            "label",
            OptionKind::Text,
            "What tables call this row; the name if left out.",
        ));
    }
    specs
}
