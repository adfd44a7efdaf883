//! Every scheme that is built in, held to what every scheme must do.

use hexperiment_scheme::options::OptionValue;
use hexperiment_tests::bounded::Bounded;
use hexperiment_tests::conformance;
use hexperiment_tests::conformance::Profile;
use {
    scheme_fernet as _, scheme_paillier as _, scheme_plaintext as _, scheme_seal_ckks as _,
    scheme_tfhe as _,
};

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

conformance!(plaintext);
conformance!(fernet);
conformance!(
    fernet_tables,
    "fernet",
    Profile {
        options: vec![("per".into(), OptionValue::Text("table".into()))],
        ..Profile::of("fernet")
    }
);
conformance!(seal_ckks, "seal-ckks");
conformance!(paillier);
conformance!(tfhe);
/// Where others than the key owner encrypt: what depends on who does.
macro_rules! by_public_key {
    ($module:ident, $name:literal) => {
        mod $module {
            use super::*;

            conformance! {
                @tests $name, Profile::of($name).by_public_key();
                round_trips,
                inputs_are_checked,
                garbage_is_refused,
                tampering_never_panics,
                other_circuits_are_refused,
                foreign_keys_are_refused,
                tampered_keys_never_panic,
                keys_are_separate,
                kept_keys_are_the_keys,
                encryption_is_randomised,
                nothing_shows_in_ciphertexts,
                statements_are_complete,
            }
        }
    };
}
by_public_key!(seal_ckks_public, "seal-ckks");
by_public_key!(paillier_public, "paillier");

/// Layouts of one kind, where the usual one is chosen among all: what depends on how elements lie.
macro_rules! laid_out {
    ($module:ident, $layout:literal; $($check:ident,)*) => {
        mod $module {
            use super::*;

            fn profile() -> Profile {
                let mut profile = Profile::of("seal-ckks");
                let layout = OptionValue::Text($layout.into());
                profile.options.push(("layout".into(), layout));
                profile
            }

            conformance! { @tests "seal-ckks", profile(); $($check,)* }
        }
    };
}
laid_out! {
    seal_ckks_columns, "columns";
    round_trips,
    ends_of_ranges_are_kept,
    outputs_are_computed_alone,
    random_programs_are_the_oracles,
    equal_operations_are_the_oracles,
    inputs_are_checked,
    results_are_checked,
    encryption_is_randomised,
    sizes_are_exact,
    statements_are_complete,
}
laid_out! {
    seal_ckks_coefficients, "coefficients";
    equal_operations_are_the_oracles,
}
laid_out! {
    seal_ckks_lanes, "lanes";
    equal_operations_are_the_oracles,
}
laid_out! {
    seal_ckks_sums, "sums";
    programs_on_sums_are_the_oracles,
    classes_are_the_oracles,
}
laid_out! {
    seal_ckks_blocks, "blocks";
    classes_are_the_oracles,
    equal_operations_are_the_oracles,
}
laid_out! {
    seal_ckks_diagonals, "diagonals";
    classes_are_the_oracles,
}

/// The table of operations in `docs/adding-a-task.md`.
mod operations {
    #![expect(
        clippy::panic,
        clippy::unwrap_used,
        reason = "clippy knows test functions, but not the functions that they share"
    )]

    use std::collections::BTreeMap;

    use hexperiment_program::{
        Column, Input, Interval, LookupTable, Op, OpKind, Output, Party, Polynomial, Program,
        ProgramBuilder, Relation, ValueId,
    };
    use hexperiment_scheme::Scheme;
    use hexperiment_scheme::options::Options;
    use hexperiment_scheme::registry;
    use hexperiment_scheme::security::SecurityDemand;

    const GUIDE: &str = include_str!("../../docs/adding-a-task.md");
    const HEAD: &str = "| operation | paillier | seal-ckks | tfhe |\n| --- | --- | --- | --- |\n";

    /// An operation on values between -1 and 1, or on bits where it is about those.
    fn operation(kind: OpKind, values: [ValueId; 2], bits: [ValueId; 3]) -> Op {
        let ([value, other], [bit, ..]) = (values, bits);
        let half = || 0.5.into();
        match kind {
            OpKind::Add => Op::Add(value, other),
            OpKind::Sub => Op::Sub(value, other),
            OpKind::Neg => Op::Neg(value),
            OpKind::Offset => Op::Offset { value, by: half() },
            OpKind::Scale => Op::Scale { value, by: half() },
            OpKind::WeightedSum => Op::WeightedSum {
                terms: vec![(value, half()), (other, half())],
                bias: half(),
            },
            OpKind::Mul => Op::Mul(value, other),
            OpKind::Square => Op::Square(value),
            OpKind::Shift => Op::Shift { value, by: 1 },
            OpKind::Sum => Op::Sum { value, group: 4 },
            OpKind::Pick => Op::Pick { value, stride: 2 },
            OpKind::Polynomial => Op::Polynomial {
                value,
                polynomial: Polynomial::from_powers(
                    Interval::symmetric(1.0),
                    &[0.0, 1.0, 0.0, 1.0],
                )
                .unwrap(),
            },
            OpKind::Sigmoid => Op::Sigmoid(value),
            OpKind::Step => Op::Step(value),
            OpKind::Sign => Op::Sign(value),
            OpKind::Relu => Op::Relu(value),
            OpKind::Abs => Op::Abs(value),
            OpKind::Max => Op::Max(value, other),
            OpKind::Min => Op::Min(value, other),
            OpKind::Compare => Op::Compare {
                left: value,
                relation: Relation::Less,
                right: other,
            },
            OpKind::Select => Op::Select {
                condition: bit,
                then: value,
                otherwise: other,
            },
            OpKind::Lookup => Op::Lookup {
                value: bit,
                table: LookupTable {
                    first: 0,
                    entries: [1.0, 0.0].into(),
                },
            },
            OpKind::And => Op::And(bits.to_vec()),
            OpKind::Input | OpKind::Constant => panic!("{kind} computes nothing"),
        }
    }

    /// A program whose output is the operation, or a sum of two of them.
    fn program(kind: OpKind, at_the_end: bool) -> Program {
        let mut builder = ProgramBuilder::new(kind.name());
        let mut declare = |name: &str, low: f64| {
            let column = |i: usize| Column {
                name: format!("{name} {i}"),
                range: Interval::new(low, 1.0),
            };
            let input = Input {
                name: name.into(),
                owner: Party::Client(0),
                length: 8,
                columns: (0..3).map(column).collect(),
                precision: 1e-3,
            };
            let (_, columns) = builder.input(input).unwrap();
            <[ValueId; 3]>::try_from(columns).unwrap()
        };
        let ([a, b, c], [x, y, z]) = (declare("values", -1.0), declare("bits", 0.0));
        let mut result = builder.push(operation(kind, [a, b], [x, y, z])).unwrap();
        if !at_the_end {
            let other = builder.push(operation(kind, [b, c], [z, x, y])).unwrap();
            result = builder.add(result, other).unwrap();
        }
        let output = Output {
            name: "result".into(),
            values: vec![result],
            precision: 1e-2,
        };
        builder.output(output).unwrap();
        builder.finish().unwrap()
    }

    /// What a scheme does about an operation, in the guide's word.
    fn word(scheme: &dyn Scheme, kind: OpKind) -> &'static str {
        let options = Options::with_defaults(&scheme.manifest().options, []);
        let security = SecurityDemand::new(128, false);
        let lowers = |at_the_end| {
            let program = program(kind, at_the_end);
            scheme.lower(&program, &options, security).is_ok()
        };
        if scheme.capabilities(&options).unwrap().has(kind) {
            "yes"
        } else if lowers(false) {
            "rewritten"
        } else if lowers(true) {
            "client"
        } else {
            "no"
        }
    }

    #[test]
    fn are_as_the_guide_says() {
        let schemes: Vec<_> = ["paillier", "seal-ckks", "tfhe"]
            .map(|name| registry::scheme(name).unwrap())
            .into();
        let (_, table) = GUIDE.split_once(HEAD).unwrap();
        let rows = table.lines().take_while(|line| line.starts_with('|'));
        let mut told = BTreeMap::new();
        for row in rows {
            let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
            for name in cells[0].split(", ") {
                let before = told.insert(name.trim_matches('`'), cells[1..].to_vec());
                assert!(before.is_none(), "{name} twice");
            }
        }
        for kind in OpKind::COMPUTING {
            let found: Vec<&str> = schemes.iter().map(|s| word(*s, kind)).collect();
            assert_eq!(told.remove(kind.name()), Some(found), "{kind}");
        }
        assert!(told.is_empty(), "no operations: {told:?}");
    }
}
