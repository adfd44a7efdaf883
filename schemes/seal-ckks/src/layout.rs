//! How vectors lie in slots, or in coefficients.

use std::collections::HashSet;

use hexperiment_program::Refusal;
use hexperiment_program::layout::{Coding, Layout};
use hexperiment_program::{Op, OpKind, Program, Public, ValueId};

use crate::parameters::shifts;

/// How the vectors of one program lie in slots.
///
/// Slot `s` of ciphertext `k` holds element `(k slots + s) / stride mod length`: a vector is
/// repeated to the end of its last ciphertext. So a slot beyond the batch holds what the slot of
/// a real element holds, and every value that is computed there lies in the range that is proven
/// of it. Anything else, such as 0 where a column's range excludes it, could leave the domain of a
/// polynomial, grow beyond the modulus and destroy the whole ciphertext.
///
/// Where elements move within rows alone ([`Layout::keeps_rows`]), a ciphertext holds whole rows, as many as it has
/// room for, and a rotation of its slots by as many places moves them; what it carries from one row to another, or
/// round the ciphertext, nobody reads.
///
/// Where elements move otherwise, a vector lies in one ciphertext, and a rotation of the slots is a cyclic
/// shift of the vector, if its period (its length times its stride) divides the slots. If not,
/// the rotation spoils the slots at one end, and [`Held`] tells how many: what was read from
/// beyond the end is another element, in range but in the wrong place. A picked vector keeps the
/// places of its elements, `stride` apart.
///
/// In coefficients nothing is repeated, as products there are of whole polynomials: a ciphertext holds as
/// many whole rows as it has room for, and 0 behind them.
#[derive(Clone, Debug)]
pub(crate) struct SlotLayout {
    /// Slots of a ciphertext; coefficients that whole rows fill.
    slots: usize,
    /// Whether every vector lies in one ciphertext.
    single: bool,
    moves: Moves,
    /// By value.
    places: Vec<Place>,
    coefficients: Option<Rows>,
    /// Public vectors, by value and operand, that are the same in every ciphertext, as weights of columns are
    /// whose rows lie side by side.
    repeating: HashSet<(ValueId, usize)>,
}

/// How far elements move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moves {
    /// All over a vector.
    Anywhere,
    /// Within the rows of a layout.
    WithinRows,
}

impl Moves {
    pub(crate) fn of(layout: &Layout) -> Self {
        if layout.keeps_rows() {
            Self::WithinRows
        } else {
            Self::Anywhere
        }
    }

    /// The rotation of the slots that shifts a vector of `length`, whose elements are `stride` apart, by `by`.
    pub(crate) fn rotation(self, by: i64, length: usize, stride: usize) -> i64 {
        match self {
            Self::Anywhere => rotation(by, length, stride),
            Self::WithinRows => by,
        }
    }
}

/// Rows in the coefficients of ciphertexts.
#[derive(Clone, Copy, Debug)]
struct Rows {
    degree: usize,
    /// Coefficients from one row to the next.
    stride: usize,
}

/// Where the elements of one value lie.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Slots between neighbours.
    stride: usize,
    /// Slots after which the vector begins again.
    period: usize,
    held: Held,
}

/// Slots at either end of a ciphertext that hold elements in the wrong place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    spoilt_before: usize,
    spoilt_after: usize,
}

impl Held {
    /// What two vectors, combined element by element, both hold.
    fn and(self, other: Self) -> Self {
        Self {
            spoilt_before: self.spoilt_before.max(other.spoilt_before),
            spoilt_after: self.spoilt_after.max(other.spoilt_after),
        }
    }

    /// After a rotation to the left; to the right, if `steps` is negative.
    fn rotated(self, steps: i64) -> Self {
        let by = steps.unsigned_abs() as usize;
        let (shrinking, growing) = if steps > 0 {
            (self.spoilt_before, self.spoilt_after)
        } else {
            (self.spoilt_after, self.spoilt_before)
        };
        let (shrunk, grown) = (shrinking.saturating_sub(by), growing.saturating_add(by));
        if steps > 0 {
            Self {
                spoilt_before: shrunk,
                spoilt_after: grown,
            }
        } else {
            Self {
                spoilt_before: grown,
                spoilt_after: shrunk,
            }
        }
    }
}

/// The rotation of the slots that shifts a vector of `length` by `by`, the shorter way round.
fn rotation(by: i64, length: usize, stride: usize) -> i64 {
    let length = length as i64;
    let by = by.rem_euclid(length);
    let by = if by > length / 2 { by - length } else { by };
    by * stride as i64
}

/// The place of each value in a ring that has slots enough.
fn places(program: &Program, moves: Moves) -> Result<Vec<Place>, Refusal> {
    let mut places: Vec<Place> = Vec::with_capacity(program.values().len());
    for (id, value) in program.iter() {
        let operands = value.op().operands();
        let of = |v: &ValueId| places[v.index()];
        let before = operands.first().map_or(1, |v| of(v).stride);
        if let Some(other) = operands.iter().find(|v| of(v).stride != before) {
            return Err(Refusal::of(
                value.op().kind(),
                format!("at {id}: {other} was picked from a longer vector, its partner was not"),
            ));
        }
        let stride = match value.op() {
            Op::Pick { stride, .. } => before.saturating_mul(*stride),
            _ => before,
        };
        let period = value.length().saturating_mul(stride);
        let held = operands.iter().map(of).map(|place| place.held);
        let held = held.fold(Held::default(), Held::and);
        let held = match value.op() {
            // A power of two divides the slots, and what leaves at one end enters at the other.
            _ if period.is_power_of_two() => Held::default(),
            _ if moves == Moves::WithinRows => Held::default(),
            Op::Shift { by, .. } => held.rotated(rotation(*by, value.length(), stride)),
            _ => held,
        };
        places.push(Place {
            stride,
            period,
            held,
        });
    }
    Ok(places)
}

impl Place {
    /// Slots that hold every element once.
    fn least_slots(&self) -> usize {
        let spoilt = self
            .held
            .spoilt_before
            .saturating_add(self.held.spoilt_after);
        self.period.saturating_add(spoilt)
    }
}

/// Slots that a ciphertext must have, a power of two: 1 where a vector may take several
/// ciphertexts.
pub(crate) fn least_slots(program: &Program) -> Result<usize, Refusal> {
    if !shifts(program) {
        return Ok(1);
    }
    let most = places(program, Moves::Anywhere)?
        .iter()
        .map(Place::least_slots)
        .max();
    let most = most.unwrap_or(1).checked_next_power_of_two();
    most.ok_or_else(|| Refusal::of(OpKind::Shift, "its vectors are longer than any ciphertext"))
}

/// The public vectors that repeat after `slots` elements; operands are counted as [`crate::encoded`] does.
fn repeating(program: &Program, slots: usize) -> HashSet<(ValueId, usize)> {
    let repeats = |public: &Public| match public {
        Public::Scalar(_) => false,
        Public::Vector(xs) => {
            let after = xs.get(slots..).unwrap_or(&[]);
            after.iter().zip(xs.iter()).all(|(x, before)| x == before)
        }
    };
    let mut found = HashSet::new();
    for (id, value) in program.iter() {
        let publics: Vec<&Public> = match value.op() {
            Op::Constant(by) | Op::Offset { by, .. } | Op::Scale { by, .. } => vec![by],
            Op::WeightedSum { terms, bias } => {
                let weights = terms.iter().map(|(_, weight)| weight);
                weights.chain([bias]).collect()
            }
            _ => vec![],
        };
        let publics = publics.into_iter().enumerate();
        let same = publics.filter(|(_, public)| repeats(public));
        found.extend(same.map(|(operand, _)| (id, operand)));
    }
    found
}

impl SlotLayout {
    /// Of a program in a ring of this degree; refuses vectors that are too long to be shifted, and
    /// operations on vectors whose elements lie in different places.
    pub(crate) fn of(layout: &Layout, degree: usize) -> Result<Self, Refusal> {
        let program = layout.lowered().program();
        let stride = layout.stride();
        let (slots, coefficients) = match layout.coding() {
            Coding::Slots => (degree / 2, None),
            Coding::Coefficients => (degree / stride * stride, Some(Rows { degree, stride })),
        };
        let moves = Moves::of(layout);
        let places = places(program, moves)?;
        let single = shifts(program) && moves == Moves::Anywhere;
        let too_long = |place: &Place| single && place.least_slots() > slots;
        if let Some(index) = places.iter().position(too_long) {
            let (id, place) = (ValueId::from_index(index), &places[index]);
            let value = program.value(id);
            let spoilt = place.least_slots() - place.period;
            let room = if spoilt == 0 {
                String::new()
            } else {
                format!(
                    ", and {spoilt} more for what is shifted beyond their ends (none, if they were padded to a \
                     power of two)"
                )
            };
            return Err(Refusal::of(
                value.op().kind(),
                format!(
                    "at {id}: vectors whose elements move lie in one ciphertext of {slots} slots, found {} \
                     elements {} apart{room}",
                    value.length(),
                    place.stride,
                ),
            ));
        }
        let repeating = match moves {
            Moves::WithinRows => repeating(program, slots),
            Moves::Anywhere => HashSet::new(),
        };
        Ok(Self {
            slots,
            single,
            moves,
            places,
            coefficients,
            repeating,
        })
    }

    /// How far elements move.
    pub(crate) fn moves(&self) -> Moves {
        self.moves
    }

    /// Slots between the neighbours of value number `value`.
    pub(crate) fn stride(&self, value: usize) -> usize {
        self.places[value].stride
    }

    /// Whether slots of value number `value` may hold anything but its elements, repeated: what lies between
    /// those of a picked vector, and at the ends where elements were moved beyond them.
    pub(crate) fn has_others(&self, value: usize) -> bool {
        let place = self.places[value];
        place.stride > 1 || place.held != Held::default()
    }

    /// Ciphertexts that a vector of `length` takes.
    pub(crate) fn chunks(&self, length: usize) -> usize {
        if self.single {
            1
        } else {
            length.div_ceil(self.slots)
        }
    }

    /// The slots or coefficients of one ciphertext of a vector of stride 1.
    pub(crate) fn place(&self, vector: &[f64], chunk: usize) -> Vec<f64> {
        let Some(Rows { degree, .. }) = self.coefficients else {
            return self.repeat(vector, 1, chunk);
        };
        let rest = vector.get(chunk * self.slots..).unwrap_or(&[]);
        let mut all = rest[..rest.len().min(self.slots)].to_vec();
        all.resize(degree, 0.0);
        all
    }

    /// One number for every row of a ciphertext in coefficients; `None` in slots, where it needs no
    /// vector.
    pub(crate) fn in_every_row(&self, x: f64) -> Option<Vec<f64>> {
        let Rows { degree, stride } = self.coefficients?;
        let mut all = vec![0.0; degree];
        all.iter_mut().step_by(stride).for_each(|place| *place = x);
        Some(all)
    }

    /// Which of the plaintexts of an operand's public vector meets a ciphertext: weights in coefficients are the
    /// same for all, and so are numbers that repeat.
    pub(crate) fn plaintext(
        &self,
        (id, operand, chunk): (ValueId, usize, usize),
        use_as: PublicUse,
    ) -> usize {
        match (self.coefficients, use_as) {
            (Some(_), PublicUse::Weights) => 0,
            _ if self.repeating.contains(&(id, operand)) => 0,
            _ => chunk,
        }
    }

    fn repeat(&self, vector: &[f64], stride: usize, chunk: usize) -> Vec<f64> {
        let from = chunk * self.slots;
        (from..from + self.slots)
            .map(|slot| vector[slot / stride % vector.len()])
            .collect()
    }

    /// The slots or coefficients of one chunk of public numbers that meet a value of `stride`; one
    /// number where all are equal.
    pub(crate) fn place_public(
        &self,
        public: &Public,
        stride: usize,
        chunk: usize,
        use_as: PublicUse,
    ) -> Slots {
        match (public, self.coefficients, use_as) {
            (Public::Scalar(x), ..) => Slots::Same(*x),
            (Public::Vector(xs), None, _) => Slots::Each(self.repeat(xs, stride, chunk)),
            (Public::Vector(xs), Some(_), PublicUse::Summands) => {
                Slots::Each(self.place(xs, chunk))
            }
            (Public::Vector(xs), Some(Rows { degree, stride }), PublicUse::Weights) => {
                let mut all = vec![0.0; degree];
                all[0] = xs[0];
                // X^-j is -X^(N-j).
                for (j, x) in xs.iter().enumerate().take(stride).skip(1) {
                    all[degree - j] = -x;
                }
                Slots::Each(all)
            }
        }
    }

    /// Collects the `length` elements of value number `value` from the slots of its ciphertexts.
    pub(crate) fn collect(&self, chunks: &[Vec<f64>], value: usize, length: usize) -> Vec<f64> {
        let place = self.places[value];
        let from = place.held.spoilt_before;
        if from == 0 && place.stride == 1 {
            let all = chunks.iter().flat_map(|chunk| &chunk[..self.slots]);
            return all.take(length).copied().collect();
        }
        (0..length)
            .map(|i| {
                // The first slot from `from` on that holds the element.
                let rounds = from.saturating_sub(i * place.stride).div_ceil(place.period);
                let slot = i * place.stride + rounds * place.period;
                chunks[slot / self.slots][slot % self.slots]
            })
            .collect()
    }
}

/// What is done with public numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublicUse {
    /// They are multiplied with.
    Weights,
    /// They are added, or stand for themselves.
    Summands,
}

/// Numbers for the slots or coefficients of one ciphertext.
pub(crate) enum Slots {
    /// The same for all.
    Same(f64),
    /// One for each.
    Each(Vec<f64>),
}

impl Slots {
    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Self::Same(x) => *x == 0.0,
            Self::Each(xs) => xs.iter().all(|x| *x == 0.0),
        }
    }
}
