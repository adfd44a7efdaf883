//! Products of ciphertexts that are only added: keys are switched, and the level's prime is dropped, once for
//! the sum in place of once for each product (lazy relinearization and rescaling).
//!
//! Such a product is left *open*: three polynomials at the level above, at that level's scale squared. Sums of
//! open values take nothing but additions, and the last of them is closed. It has the error of one switch and
//! one rescaling; [`crate::noise`] counts one of each product, which is more.

use hexperiment_program::{Op, Program};

/// For each value, whether it is left open, where values are computed at these levels.
pub(crate) fn open(program: &Program, levels: &[usize]) -> Vec<bool> {
    let count = program.values().len();
    let mut readers = vec![vec![]; count];
    for (id, value) in program.iter() {
        for operand in value.op().operands() {
            readers[operand.index()].push(id.index());
        }
    }
    let mut read_by_sums = vec![true; count];
    for id in program.outputs().iter().flat_map(|o| &o.values) {
        read_by_sums[id.index()] = false;
    }
    let mut open = read_by_sums.clone();
    let mut joins = vec![false; count];
    // What is not open closes sums of it, by which other values are not open either.
    loop {
        for (id, value) in program.iter() {
            let of_level = levels[id.index()];
            let joined = |v: &hexperiment_program::ValueId| {
                open[v.index()] && joins[v.index()] && levels[v.index()] == of_level
            };
            joins[id.index()] = match value.op() {
                Op::Mul(..) | Op::Square(_) => true,
                Op::Add(a, b) | Op::Sub(a, b) => joined(a) && joined(b),
                _ => false,
            };
        }
        let is_sum =
            |place: usize| matches!(program.values()[place].op(), Op::Add(..) | Op::Sub(..));
        let next: Vec<bool> = (0..count)
            .map(|place| {
                let mut all = readers[place].iter();
                let added = all.all(|reader| joins[*reader] && is_sum(*reader));
                joins[place] && read_by_sums[place] && added && !readers[place].is_empty()
            })
            .collect();
        if next == open {
            return open;
        }
        open = next;
    }
}

#[cfg(test)]
mod tests {
    use hexperiment_program::lower::lower;
    use hexperiment_program::{
        Column, Input, Interval, Output, Party, ProgramBuilder, ProgramError, ValueId,
    };
    use hexperiment_scheme::Scheme as _;
    use hexperiment_scheme::options::Options;

    use super::*;
    use crate::{SealCkks, schedule};

    /// The kinds of the values that are left open, and how many are computed.
    #[track_caller]
    fn check(
        expect: &[&str],
        state: impl FnOnce(&mut ProgramBuilder, &[ValueId]) -> Result<Vec<ValueId>, ProgramError>,
    ) {
        let mut b = ProgramBuilder::new("sums of products");
        let column = |i| Column {
            name: format!("x{i}"),
            range: Interval::symmetric(1.0),
        };
        let input = Input {
            name: "x".into(),
            owner: Party::Client(0),
            length: 8,
            columns: (0..4).map(column).collect(),
            precision: 1e-4,
        };
        let (_, columns) = b.input(input).unwrap();
        let values = state(&mut b, &columns).unwrap();
        let output = Output {
            name: "y".into(),
            values,
            precision: 1e-3,
        };
        b.output(output).unwrap();
        let program = b.finish().unwrap();
        let options = Options::with_defaults(&SealCkks.manifest().options, []);
        let lowered = lower(&program, &SealCkks.capabilities(&options).unwrap()).unwrap();
        let program = lowered.program();
        let open = open(program, &schedule::levels(&lowered));
        let found = program.iter().filter(|(id, _)| open[id.index()]);
        let found: Vec<&str> = found.map(|(_, value)| value.op().kind().name()).collect();
        assert_eq!(found, expect, "{program}");
    }

    #[test]
    fn products_that_are_only_added_stay_open() {
        check(&["mul", "mul", "square", "add"], |b, x| {
            let (one, two, three) = (b.mul(x[0], x[1])?, b.mul(x[2], x[3])?, b.square(x[0])?);
            let sum = b.add(one, two)?;
            Ok(vec![b.sub(sum, three)?])
        });
        // Two sums read one product.
        check(&["mul", "mul", "mul"], |b, x| {
            let (one, two, three) = (b.mul(x[0], x[1])?, b.mul(x[2], x[3])?, b.mul(x[0], x[2])?);
            Ok(vec![b.add(one, two)?, b.sub(one, three)?])
        });
    }

    #[test]
    fn what_else_is_done_with_a_product_closes_it() {
        // An output.
        check(&[], |b, x| {
            let (one, two) = (b.mul(x[0], x[1])?, b.mul(x[2], x[3])?);
            Ok(vec![b.add(one, two)?, one])
        });
        // A sum with what is none, and so on along the chain.
        check(&[], |b, x| {
            let (one, two) = (b.mul(x[0], x[1])?, b.mul(x[2], x[3])?);
            let sum = b.add(one, x[0])?;
            Ok(vec![b.add(sum, two)?])
        });
        // A rotation; a product of the sum; a product of another level.
        check(&[], |b, x| {
            let (one, two) = (b.mul(x[0], x[1])?, b.mul(x[2], x[3])?);
            let moved = b.shift(one, 1)?;
            Ok(vec![b.add(moved, two)?])
        });
        check(&["mul", "mul"], |b, x| {
            let (one, two) = (b.mul(x[0], x[1])?, b.mul(x[2], x[3])?);
            let sum = b.add(one, two)?;
            Ok(vec![b.mul(sum, sum)?])
        });
    }
}
