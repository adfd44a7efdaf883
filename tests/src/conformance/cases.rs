//! Small programs: at least one for each kind of operation.

use hexperiment_program::{
    Column, Input, Interval, LookupTable, Op, OpKind, Output, Party, Polynomial, Program,
    ProgramBuilder, ProgramError, Public, Relation, ValueId,
};
use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Where a case's numbers are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Draw {
    /// Anywhere in the range.
    Real,
    /// Whole numbers of the range, both ends included.
    Whole,
    /// Whole numbers, odd ones in the first column and even ones in the others: no two columns
    /// agree, and the first is never 0.
    Untied,
}

/// A program, and the numbers that it is tried on.
pub(super) struct Case {
    pub(super) program: Program,
    draw: Draw,
}

impl Case {
    /// Tables for the program's inputs. The seed is the program's name and `round`.
    pub(super) fn tables(&self, round: u64) -> Vec<Array2<f64>> {
        tables(&self.program, self.draw, round)
    }

    /// The case without ties between columns, which approximations cannot decide.
    pub(super) fn untied(mut self) -> Self {
        if self.draw == Draw::Whole && !is_bits(&self.program) {
            self.draw = Draw::Untied;
        }
        self
    }
}

fn is_bits(program: &Program) -> bool {
    program.inputs()[0].columns[0].range.width() <= 1.0
}

pub(super) fn tables(program: &Program, draw: Draw, round: u64) -> Vec<Array2<f64>> {
    // FNV-1a: every case has numbers of its own.
    let seed = program
        .name()
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325 ^ round, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3)
        });
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let inputs = program.inputs().iter();
    inputs
        .map(|input| {
            Array2::from_shape_fn((input.length, input.columns.len()), |(_, column)| {
                let range = input.columns[column].range;
                let whole = || range.low.ceil() as i64..=range.high.floor() as i64;
                match draw {
                    Draw::Real => random.random_range(range.low..=range.high),
                    Draw::Whole => random.random_range(whole()) as f64,
                    Draw::Untied => loop {
                        let x = random.random_range(whole());
                        if (x % 2 != 0) == (column == 0) {
                            break x as f64;
                        }
                    },
                }
            })
        })
        .collect()
}

pub(super) type Built = Result<ValueId, ProgramError>;

/// A program of one input and one output of one value.
pub(super) fn program(
    name: &str,
    length: usize,
    ranges: &[Interval],
    precision: (f64, f64),
    body: impl FnOnce(&mut ProgramBuilder, &[ValueId]) -> Built,
) -> Program {
    let build = || {
        let mut builder = ProgramBuilder::new(name);
        let columns = ranges.iter().enumerate().map(|(i, range)| Column {
            name: format!("x{i}"),
            range: *range,
        });
        let (_, values) = builder.input(Input {
            name: "x".into(),
            owner: Party::Client(0),
            length,
            columns: columns.collect(),
            precision: precision.0,
        })?;
        let result = body(&mut builder, &values)?;
        builder.output(Output {
            name: "y".into(),
            values: vec![result],
            precision: precision.1,
        })?;
        builder.finish()
    };
    build().unwrap_or_else(|e: ProgramError| panic!("{name}: {e}"))
}

/// The identity on all columns.
pub(super) fn identity(name: &str, length: usize, ranges: &[Interval], precision: f64) -> Program {
    let build = || {
        let mut builder = ProgramBuilder::new(name);
        let columns = ranges.iter().enumerate().map(|(i, range)| Column {
            name: format!("x{i}"),
            range: *range,
        });
        let (_, values) = builder.input(Input {
            name: "x".into(),
            owner: Party::Client(0),
            length,
            columns: columns.collect(),
            precision,
        })?;
        builder.output(Output {
            name: "x".into(),
            values,
            precision,
        })?;
        builder.finish()
    };
    build().unwrap_or_else(|e: ProgramError| panic!("{name}: {e}"))
}

/// Three weighted sums of two columns, each an output of its own.
pub(super) fn three_outputs(name: &str, length: usize, share: f64) -> Program {
    let precision = REALS.width() * share;
    let build = || {
        let mut builder = ProgramBuilder::new(name);
        let column = |i| Column {
            name: format!("x{i}"),
            range: REALS,
        };
        let (_, x) = builder.input(Input {
            name: "x".into(),
            owner: Party::Client(0),
            length,
            columns: (0..2).map(column).collect(),
            precision,
        })?;
        for (name, weights) in [
            ("first", [0.75, -0.5]),
            ("second", [0.25, 1.5]),
            ("third", [-1.25, 0.5]),
        ] {
            let weights = weights.map(Public::Scalar);
            let value = builder.weighted_sum(x.iter().copied().zip(weights).collect(), 0.25)?;
            builder.output(Output {
                name: name.into(),
                values: vec![value],
                precision: 2.0 * precision,
            })?;
        }
        builder.finish()
    };
    build().unwrap_or_else(|e: ProgramError| panic!("{name}: {e}"))
}

/// What every scheme has: a weighted sum of three columns.
pub(super) fn linear(name: &str, length: usize, share: f64) -> Program {
    let precision = 8.0 * share;
    program(
        name,
        length,
        &[REALS; 3],
        (precision, 2.0 * precision),
        |b, x| {
            let weights = [0.75, -0.5, 0.25].map(Public::Scalar);
            b.weighted_sum(x.iter().copied().zip(weights).collect(), 0.5)
        },
    )
}

const REALS: Interval = Interval {
    low: -4.0,
    high: 4.0,
};
/// A range in which 0 is an outlier.
const FAR: Interval = Interval {
    low: 30.0,
    high: 31.0,
};
const WHOLES: Interval = Interval {
    low: -4.0,
    high: 3.0,
};
const BIT: Interval = Interval {
    low: 0.0,
    high: 1.0,
};
/// Whole numbers are right to less than a half.
const WHOLE_PRECISION: (f64, f64) = (0.25, 0.25);

/// Makes the cases of one kind of operation.
struct Maker {
    length: usize,
    share: f64,
    cases: Vec<Case>,
}

pub(super) type Body<'a> = &'a dyn Fn(&mut ProgramBuilder, &[ValueId]) -> Built;

impl Maker {
    /// On two columns of reals; the result carries `amplified` times their error.
    fn real(&mut self, name: &str, amplified: f64, body: Body<'_>) {
        let precision = REALS.width() * self.share;
        let precisions = (precision, amplified * precision);
        let program = program(name, self.length, &[REALS; 2], precisions, body);
        let draw = Draw::Real;
        self.cases.push(Case { program, draw });
    }

    /// On two columns of reals far from 0, of a length that is no power of two.
    fn far(&mut self, name: &str, amplified: f64, body: Body<'_>) {
        let precision = FAR.width() * self.share;
        let precisions = (precision, amplified * precision);
        let length = self.length - self.length / 4;
        let program = program(name, length, &[FAR; 2], precisions, body);
        let draw = Draw::Real;
        self.cases.push(Case { program, draw });
    }

    /// Sums over groups of a power of two, and of none.
    fn sums(&mut self) {
        let length = self.length;
        self.real("sums of pairs", 2.0, &|b, x| b.sum(x[0], 2.min(length)));
        self.real("sum of all", length as f64, &|b, x| b.sum(x[0], length));
        if length < 4 {
            return;
        }
        let uneven = 3 * length / 4;
        self.length = uneven;
        self.real("sums of threes", 3.0, &|b, x| b.sum(x[0], 3));
        self.real("sum of all, no power of two", uneven as f64, &|b, x| {
            b.sum(x[0], uneven)
        });
        self.length = length;
    }

    fn polynomials(&mut self) {
        self.real("0.5 - 0.25 x + 0.05 x^3", 4.0, &|b, x| {
            let p = Polynomial::from_powers(REALS, &[0.5, -0.25, 0.0, 0.05])?;
            b.polynomial(x[0], p)
        });
        // Of degree 15, it is some 10^29 at 0, where no element is. Slope: at most 2 times 0.02
        // times 15^2, and 0.5.
        self.far("a polynomial far from 0", 10.0, &|b, x| {
            let mut wave = vec![0.0; 16];
            (wave[1], wave[15]) = (0.25 * FAR.width(), 0.02 * FAR.width());
            b.polynomial(x[0], Polynomial::from_chebyshev(FAR, wave)?)
        });
    }

    /// On columns of whole numbers.
    fn whole(&mut self, name: &str, ranges: &[Interval], body: Body<'_>) {
        let program = program(name, self.length, ranges, WHOLE_PRECISION, body);
        let draw = Draw::Whole;
        self.cases.push(Case { program, draw });
    }
}

/// Programs whose point is one operation of this kind, on `length` elements, a power of two.
/// `share` is the precision of inputs as a share of their range. Exhaustive: a new kind of
/// operation does not compile without a case.
pub(super) fn cases(kind: OpKind, length: usize, share: f64) -> Vec<Case> {
    let mut make = Maker {
        length,
        share,
        cases: vec![],
    };
    let ramp = || -> Public {
        let numbers = (0..length).map(|i| (i % 7) as f64 / 4.0 - 0.5);
        numbers.collect::<Vec<_>>().into()
    };
    let half = length / 2;
    let pair = [WHOLES; 2];
    match kind {
        OpKind::Input => make.real("the second column", 1.0, &|_, x| Ok(x[1])),
        OpKind::Constant => make.real("public numbers only", 1.0, &|b, _| {
            b.constant(match ramp() {
                Public::Vector(numbers) => numbers.to_vec(),
                Public::Scalar(number) => vec![number],
            })
        }),
        OpKind::Add => make.real("x + y", 2.0, &|b, x| b.add(x[0], x[1])),
        OpKind::Sub => make.real("x - y", 2.0, &|b, x| b.sub(x[0], x[1])),
        OpKind::Neg => make.real("-x", 1.0, &|b, x| b.neg(x[0])),
        OpKind::Offset => {
            make.real("x + 2.5", 1.0, &|b, x| b.offset(x[0], 2.5));
            make.real("x + ramp", 1.0, &|b, x| b.offset(x[0], ramp()));
        }
        OpKind::Scale => {
            make.real("x * 0.75", 2.0, &|b, x| b.scale(x[0], 0.75));
            make.real("x * -3", 6.0, &|b, x| b.scale(x[0], -3.0));
            make.real("x * ramp", 2.0, &|b, x| b.scale(x[0], ramp()));
        }
        OpKind::WeightedSum => {
            make.real("0.7 x - 0.45 y + 0.5", 3.0, &|b, x| {
                b.weighted_sum(vec![(x[0], 0.7.into()), (x[1], (-0.45).into())], 0.5)
            });
            make.real("2 x - 3 y", 10.0, &|b, x| {
                b.weighted_sum(vec![(x[0], 2.0.into()), (x[1], (-3.0).into())], 0.0)
            });
            make.real("0 x + 0.5 y + ramp", 2.0, &|b, x| {
                b.weighted_sum(vec![(x[0], 0.0.into()), (x[1], 0.5.into())], ramp())
            });
            make.real("ramp x + 0.25 y", 3.0, &|b, x| {
                b.weighted_sum(vec![(x[0], ramp()), (x[1], 0.25.into())], 0.0)
            });
        }
        OpKind::Mul => make.real("x y", 10.0, &|b, x| b.mul(x[0], x[1])),
        OpKind::Square => make.real("x^2", 10.0, &|b, x| b.square(x[0])),
        OpKind::Shift => {
            make.real("x, one to the left", 1.0, &|b, x| b.shift(x[0], 1));
            make.real("x, three to the right", 1.0, &|b, x| b.shift(x[0], -3));
        }
        OpKind::Sum => make.sums(),
        OpKind::Pick => make.real("the first of each half", 1.0, &|b, x| {
            b.pick(x[0], half.max(1))
        }),
        OpKind::Polynomial => make.polynomials(),
        OpKind::Sigmoid => make.real("sigmoid", 1.0, &|b, x| b.sigmoid(x[0])),
        OpKind::Step => make.whole("step", &pair, &|b, x| b.step(x[0])),
        OpKind::Sign => make.whole("sign", &pair, &|b, x| b.push(Op::Sign(x[0]))),
        OpKind::Relu => make.whole("relu", &pair, &|b, x| b.push(Op::Relu(x[0]))),
        OpKind::Abs => make.whole("|x|", &pair, &|b, x| b.push(Op::Abs(x[0]))),
        OpKind::Max => make.whole("max", &pair, &|b, x| b.max(x[0], x[1])),
        OpKind::Min => make.whole("min", &pair, &|b, x| b.min(x[0], x[1])),
        OpKind::Compare => {
            for (name, relation) in [
                ("x > y", Relation::Greater),
                ("x <= y", Relation::LessOrEqual),
                ("x < y", Relation::Less),
                ("x >= y", Relation::GreaterOrEqual),
                ("x = y", Relation::Equal),
            ] {
                make.whole(name, &pair, &|b, x| b.compare(x[0], relation, x[1]));
            }
        }
        OpKind::Select => make.whole("bit ? y : z", &[BIT, WHOLES, WHOLES], &|b, x| {
            b.select(x[0], x[1], x[2])
        }),
        OpKind::Lookup => make.whole("a table", &pair, &|b, x| {
            let entries: Vec<f64> = vec![2.0, 0.0, -1.0, 3.0, 1.0, 1.0, -2.0, 0.0];
            b.push(Op::Lookup {
                value: x[0],
                table: LookupTable {
                    first: WHOLES.low as i64,
                    entries: entries.into(),
                },
            })
        }),
        OpKind::And => make.whole("three bits", &[BIT; 3], &|b, x| b.and(x.to_vec())),
    }
    make.cases
}
