//! Choosing CKKS parameters for a program.

use hexperiment_program::Refusal;
use hexperiment_program::layout::{Coding, Layout};
use hexperiment_program::lower::Lowered;
use hexperiment_program::{Op, Program};
use hexperiment_scheme::security::{SecurityDemand, rlwe_max_log_qp};

use crate::flooding::Flooding;
use crate::layout::least_slots;
use crate::noise::Noise;
use crate::transparent::Encrypting;

/// The largest ring that SEAL has bounds for.
pub(crate) const LARGEST_LOG_N: u32 = 15;
/// The smallest scale: below it, few bits are left above the noise.
const SMALLEST_SCALE: u32 = 25;
/// SEAL's primes have at most 60 bits.
const LARGEST_PRIME: u32 = 60;

/// Bits of the prime that only encryption under a public key uses, where no keys are switched: enough to divide the
/// fresh error down to that of rounding.
const ENCRYPTION_PRIME: u32 = 24;
/// Bits that switching keys without a rescaling afterwards (rotations) takes away, if the
/// key-switching prime is not so many larger than the first prime.
const ROTATION_BITS: u32 = 8;
/// The scale at which errors are tried out, where ranges ask for more.
const TRIED_SCALE: u32 = 36;
/// Primes of so many bits are not used. HEXL multiplies residues of 51 to 52 bits wrongly in rare
/// cases (IntelLabs/hexl, issue 131), after which a ciphertext decrypts to garbage: seen once in
/// some 500 products and rotations at N = 32768.
const UNSOUND_PRIME: u32 = 52;
/// The rings that are tried.
const LOG_N: std::ops::RangeInclusive<u32> = 12..=LARGEST_LOG_N;

/// A choice of ring and primes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// log2 of the ring degree.
    pub(crate) log_n: u32,
    /// Bits of the scale, and of the primes that rescaling drops.
    pub(crate) scale_bits: u32,
    /// Bits of the prime that stays.
    pub(crate) first_bits: u32,
    /// Bits of the key-switching prime: at least as large as the others, so that switching adds
    /// little noise.
    pub(crate) special_bits: u32,
    /// Levels.
    pub(crate) depth: u32,
    /// Bits of the scale that the outputs' precision asks for in this ring; more than it has where no
    /// ring has room for them.
    pub(crate) wanted_bits: u32,
}

impl Choice {
    /// Bits of all primes: the first, one for each level, the key-switching prime.
    pub(crate) fn prime_bits(&self) -> Vec<u32> {
        let levels = std::iter::repeat_n(self.scale_bits, self.depth as usize);
        std::iter::once(self.first_bits)
            .chain(levels)
            .chain([self.special_bits])
            .collect()
    }

    /// Why the precision demanded of the outputs is not to be had, in words.
    pub(crate) fn why_imprecise(&self, given: Option<u32>) -> String {
        let scale = self.scale_bits;
        let ring = format!("N = 2^{LARGEST_LOG_N}");
        match given {
            Some(bits) => format!("`scale_bits = {bits}` was asked for"),
            None if scale < self.wanted_bits => format!(
                "it takes a scale of {} bits or more, and {} levels have room for {scale} in the largest \
                 ring, {ring}",
                self.wanted_bits, self.depth
            ),
            None => format!(
                "the first prime, of at most {LARGEST_PRIME} bits, has room for a scale of {scale} bits \
                 beside values of {} bits",
                self.first_bits.saturating_sub(scale)
            ),
        }
    }

    fn log_qp(&self) -> u32 {
        self.prime_bits().iter().sum()
    }

    /// Whether SEAL has such primes, and they keep the level.
    fn fits(&self, demand: SecurityDemand) -> bool {
        let bound = rlwe_max_log_qp(demand.table, self.log_n, demand.level());
        self.first_bits <= LARGEST_PRIME && bound.is_some_and(|bound| self.log_qp() <= bound)
    }
}

/// What the program asks of the parameters.
#[derive(Clone, Debug)]
pub(crate) struct Needs {
    depth: u32,
    /// Bits above the scale that the last level must hold.
    headroom: u32,
    /// Whether keys are switched after products.
    products: bool,
    /// Whether keys are switched for rotations.
    rotations: bool,
    /// log2 of the slots that a ciphertext must have, where vectors must lie in one.
    log_slots: u32,
    /// Bits of the scale with which the outputs' precision is kept, for each ring of [`LOG_N`].
    wanted: Vec<u32>,
}

impl Needs {
    /// Of a program.
    pub(crate) fn of(
        layout: &Layout,
        demand: SecurityDemand,
        flooding: Option<Flooding>,
    ) -> Result<Self, Refusal> {
        let mut needs = Self::but_scale(layout.lowered())?;
        if layout.coding() == Coding::Coefficients || layout.keeps_rows() {
            // A row lies in one ciphertext.
            needs.log_slots = layout.stride().next_power_of_two().ilog2();
        }
        let encrypting = Encrypting::of(layout, demand.encryption);
        needs.wanted = LOG_N
            .map(|log_n| {
                // Trying errors out takes time, and none for rings that are too small anyway.
                let smallest = needs.with(log_n, SMALLEST_SCALE);
                if log_n > needs.log_slots && smallest.fits(demand) {
                    needs.wanted_scale(layout, log_n, (&encrypting, demand.failure_log2, flooding))
                } else {
                    LARGEST_PRIME
                }
            })
            .collect();
        Ok(needs)
    }

    /// All but the wanted scales.
    fn but_scale(lowered: &Lowered) -> Result<Self, Refusal> {
        let program = lowered.program();
        let has = |f: &dyn Fn(&Op) -> bool| program.values().iter().any(|v| f(v.op()));
        Ok(Self {
            depth: lowered.depth(),
            headroom: headroom(lowered),
            products: has(&|op| matches!(op, Op::Mul(..) | Op::Square(_))),
            rotations: has(&|op| matches!(op, Op::Shift { .. })),
            log_slots: least_slots(program)?.ilog2(),
            wanted: vec![],
        })
    }

    /// Whether the largest ring has room for a program's levels, at `scale_bits` or at least at
    /// `least` bits of scale; else how many levels there are.
    pub(crate) fn room(
        lowered: &Lowered,
        demand: SecurityDemand,
        scale_bits: Option<u32>,
        least: u32,
    ) -> Result<(), Refusal> {
        let needs = Self::but_scale(lowered)?;
        let scale_bits = scale_bits.unwrap_or(least);
        if needs.with(LARGEST_LOG_N, scale_bits).fits(demand) {
            return Ok(());
        }
        Err(needs.too_deep(demand, scale_bits))
    }

    fn too_deep(&self, demand: SecurityDemand, scale_bits: u32) -> Refusal {
        let fits = |depth: &u32| {
            let choice = self.with(LARGEST_LOG_N, scale_bits);
            let depth = *depth;
            Choice { depth, ..choice }.fits(demand)
        };
        let level = demand.level();
        let room = (0..self.depth).rev().find(fits);
        let room = room.map_or("none".to_owned(), |d| d.to_string());
        let reason = format!(
            "{} levels with values up to 2^{} do not fit N = 2^{LARGEST_LOG_N} at {level} bits; so many do: \
             {room}; lower a degree, the precision or `scale_bits`, or tighten input ranges",
            self.depth,
            self.headroom - 2,
        );
        Refusal::because("depth", reason)
    }

    fn with(&self, log_n: u32, scale_bits: u32) -> Choice {
        let scale_bits = sound(scale_bits);
        let first_bits = sound(scale_bits + self.headroom);
        let special_bits = if self.rotations {
            (first_bits + ROTATION_BITS).min(LARGEST_PRIME)
        } else if self.products {
            first_bits
        } else {
            ENCRYPTION_PRIME
        };
        Choice {
            log_n,
            scale_bits,
            first_bits,
            special_bits: sound(special_bits),
            depth: self.depth,
            wanted_bits: self.wanted_in(log_n).unwrap_or(scale_bits),
        }
    }

    fn wanted_in(&self, log_n: u32) -> Option<u32> {
        let place = log_n.checked_sub(*LOG_N.start())?;
        self.wanted.get(place as usize).copied()
    }

    /// The smallest scale with which every output's tolerance is within its precision, or the
    /// largest there is room for in a prime.
    fn wanted_scale(
        &self,
        layout: &Layout,
        log_n: u32,
        (encrypting, failure_log2, flooding): (&Encrypting, i32, Option<Flooding>),
    ) -> u32 {
        let most = LARGEST_PRIME
            .saturating_sub(self.headroom)
            .max(SMALLEST_SCALE);
        let keeps = |tolerances: &[f64]| {
            let outputs = layout.original().outputs();
            tolerances
                .iter()
                .zip(outputs)
                .all(|(t, o)| *t <= o.precision)
        };
        let noise = |scale_bits| {
            let choice = self.with(log_n, scale_bits);
            Noise::new(layout, &choice, encrypting, failure_log2, flooding)
        };
        let bounded = (SMALLEST_SCALE..most).find(|s| keeps(&noise(*s).bounds()));
        let bounded = bounded.unwrap_or(most);
        if bounded <= TRIED_SCALE {
            return bounded;
        }
        // Errors are as the scale's inverse, as long as they are small beside the values.
        let tried = noise(TRIED_SCALE).tolerances();
        let likely = (SMALLEST_SCALE..bounded).find(|s| {
            let factor = (f64::from(TRIED_SCALE) - f64::from(*s)).exp2();
            keeps(&tried.iter().map(|t| t * factor).collect::<Vec<_>>())
        });
        // Where they are not, a few bits more.
        (likely.unwrap_or(bounded)..bounded)
            .find(|s| keeps(&noise(*s).tolerances()))
            .unwrap_or(bounded)
    }
}

/// So many bits, or one more where that is unsound.
fn sound(bits: u32) -> u32 {
    bits + u32::from(bits == UNSOUND_PRIME)
}

/// Whether elements move between places, so that a vector must lie in one ciphertext.
pub(crate) fn shifts(program: &Program) -> bool {
    program
        .values()
        .iter()
        .any(|v| matches!(v.op(), Op::Shift { .. } | Op::Pick { .. }))
}

/// Bits between the scale and the first prime: the largest magnitude at the last level or in an
/// output, a sign bit, and a bit for noise. A value with levels left has their primes as well.
fn headroom(lowered: &Lowered) -> u32 {
    let program = lowered.program();
    let outputs: Vec<_> = program
        .outputs()
        .iter()
        .flat_map(|o| o.values.clone())
        .collect();
    let deep = program
        .iter()
        .filter(|(id, _)| lowered.level(*id) == lowered.depth() || outputs.contains(id));
    // Columns that nothing reads are no values of the program, and encrypted all the same.
    let columns = || {
        let columns = program.inputs().iter().flat_map(|input| &input.columns);
        columns.map(|column| column.range.magnitude())
    };
    let mut largest = deep.map(|(_, v)| v.range().magnitude()).fold(1.0, f64::max);
    if lowered.depth() == 0 {
        largest = columns().fold(largest, f64::max);
    }
    // Earlier values have at least one prime of the scale's size more: 2^25 above the scale.
    let all = program
        .values()
        .iter()
        .map(|v| v.range().magnitude())
        .chain(columns())
        .fold(1.0, f64::max);
    let earlier = all.log2() - f64::from(SMALLEST_SCALE);
    largest.log2().max(earlier).ceil().max(0.0) as u32 + 2
}

/// The smallest ring whose primes fit the demanded level, with the scale that the wanted
/// precision asks for; where no ring holds that many levels, the largest scale that fits.
pub(crate) fn choose(
    needs: &Needs,
    demand: SecurityDemand,
    scale_bits: Option<u32>,
) -> Result<Choice, Refusal> {
    let level = demand.level();
    if demand.bits > level {
        let reason = format!(
            "{} bits demanded; the bounds for ring-LWE end at {level}",
            demand.bits
        );
        return Err(Refusal::because("security", reason));
    }
    if needs.log_slots >= LARGEST_LOG_N {
        let (slots, most) = (1_u64 << needs.log_slots, 1 << (LARGEST_LOG_N - 1));
        let reason = format!(
            "vectors whose elements move lie in one ciphertext and take {slots} slots, of which N = \
             2^{LARGEST_LOG_N} has {most}; take fewer rows, or split the vectors"
        );
        return Err(Refusal::because("length", reason));
    }
    for (log_n, wanted) in LOG_N.zip(&needs.wanted) {
        let choice = needs.with(log_n, scale_bits.unwrap_or(*wanted));
        if log_n > needs.log_slots && choice.fits(demand) {
            return Ok(choice);
        }
    }
    if scale_bits.is_none() {
        let largest = (SMALLEST_SCALE..LARGEST_PRIME)
            .rev()
            .map(|s| needs.with(LARGEST_LOG_N, s))
            .find(|choice| choice.fits(demand));
        if let Some(choice) = largest {
            return Ok(choice);
        }
    }
    Err(needs.too_deep(demand, scale_bits.unwrap_or(SMALLEST_SCALE)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hexperiment_scheme::security::LatticeTable;

    const DEMAND: SecurityDemand = SecurityDemand::new(128, false);

    fn needs(depth: u32, headroom: u32, scale_bits: u32) -> Needs {
        Needs {
            depth,
            headroom,
            products: depth > 1,
            rotations: false,
            log_slots: 0,
            wanted: vec![scale_bits; LOG_N.count()],
        }
    }

    #[test]
    fn the_smallest_ring_is_taken() {
        for (depth, expect) in [(1, 12), (3, 13), (6, 14), (15, 15)] {
            let choice = choose(&needs(depth, 6, 36), DEMAND, None).unwrap();
            assert_eq!(choice.log_n, expect, "depth {depth}: {choice:?}");
            let bound = rlwe_max_log_qp(DEMAND.table, choice.log_n, 128).unwrap();
            assert!(choice.log_qp() <= bound);
        }
    }

    /// 216 bits are within the bound of 2018 for N = 2^13, 218, and beyond that of 2024, 214; where
    /// both hold, the choice is the same.
    #[test]
    fn the_demanded_table_bounds_the_ring() {
        let older = SecurityDemand {
            table: LatticeTable::Standard2018,
            ..DEMAND
        };
        let ring = |needs: &Needs, demand| choose(needs, demand, None).unwrap();
        let narrow = needs(3, 8, 40);
        assert_eq!(ring(&narrow, older).log_qp(), 216);
        assert_eq!(ring(&narrow, older).log_n, 13);
        assert_eq!(ring(&narrow, DEMAND).log_n, 14);
        let wide = needs(3, 6, 36);
        assert_eq!(ring(&wide, older), ring(&wide, DEMAND));
    }

    #[test]
    fn unsound_primes_are_avoided() {
        for (headroom, scale_bits) in [(8, 44), (10, 42), (8, 36), (2, 52), (4, 48)] {
            let needs = Needs {
                rotations: true,
                ..needs(2, headroom, scale_bits)
            };
            let bits = choose(&needs, DEMAND, None).unwrap().prime_bits();
            assert!(!bits.contains(&UNSOUND_PRIME), "{bits:?}");
        }
    }

    #[test]
    fn a_higher_level_needs_a_larger_ring() {
        let demand = SecurityDemand::new(256, false);
        let high = choose(&needs(3, 6, 36), demand, None).unwrap();
        let beyond = SecurityDemand {
            bits: 257,
            ..demand
        };
        assert!(choose(&needs(3, 6, 36), beyond, None).is_err());
        assert!(high.log_n > choose(&needs(3, 6, 36), DEMAND, None).unwrap().log_n);
    }

    #[test]
    fn what_does_not_fit_says_how_much_would() {
        let refusal = choose(&needs(40, 6, 36), DEMAND, None).unwrap_err();
        assert!(refusal.reason.contains("so many do: 32"), "{refusal}");
        assert!(choose(&needs(1, 45, 36), DEMAND, None).is_err());
    }
}
