//! Choosing CKKS parameters for a program.

use hexperiment_core::program::lower::Lowered;
use hexperiment_core::program::{Op, Program};
use hexperiment_core::scheme::Refusal;
use hexperiment_core::security::{SecurityDemand, rlwe_max_log_qp};

/// The largest ring that SEAL has bounds for.
const LARGEST_LOG_N: u32 = 15;
/// The smallest scale: below it, few bits are left above the noise.
const SMALLEST_SCALE: u32 = 25;
/// SEAL's primes have at most 60 bits.
const LARGEST_PRIME: u32 = 60;

/// A choice of ring and primes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// log2 of the ring degree.
    pub(crate) log_n: u32,
    /// Bits of the scale, and of the primes that rescaling drops.
    pub(crate) scale_bits: u32,
    /// Bits of the prime that stays.
    pub(crate) first_bits: u32,
    /// Levels.
    pub(crate) depth: u32,
}

impl Choice {
    /// Bits of the key-switching prime: as large as the largest of the others, so that
    /// switching adds little noise.
    fn special_bits(&self) -> u32 {
        self.first_bits.max(self.scale_bits)
    }

    /// Bits of all primes: the first, one for each level, the key-switching prime.
    pub(crate) fn prime_bits(&self) -> Vec<u32> {
        let levels = std::iter::repeat_n(self.scale_bits, self.depth as usize);
        std::iter::once(self.first_bits)
            .chain(levels)
            .chain([self.special_bits()])
            .collect()
    }

    fn log_qp(&self) -> u32 {
        self.prime_bits().iter().sum()
    }
}

/// What the program asks of the parameters.
#[derive(Clone, Debug)]
pub(crate) struct Needs {
    depth: u32,
    /// Bits above the scale that the last level must hold.
    headroom: u32,
    /// Bits of precision below 1 that outputs ask for.
    precision: u32,
    /// log2 of the slots that the longest vector needs, where it must fit into one ciphertext.
    log_slots: u32,
}

impl Needs {
    /// Of a program; `scale` bits stand for each level.
    pub(crate) fn of(lowered: &Lowered) -> Self {
        let program = lowered.program();
        let finest = program
            .outputs()
            .iter()
            .map(|o| o.precision)
            .fold(1.0, f64::min);
        let longest = program
            .values()
            .iter()
            .map(hexperiment_core::program::Value::length)
            .max();
        Self {
            depth: lowered.depth(),
            headroom: headroom(lowered),
            precision: (-finest.log2()).ceil().max(0.0) as u32,
            log_slots: if shifts(program) {
                longest.unwrap_or(1).next_power_of_two().ilog2()
            } else {
                0
            },
        }
    }
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
    let largest = deep.map(|(_, v)| v.range().magnitude()).fold(1.0, f64::max);
    // Earlier values have at least one prime of the scale's size more: 2^25 above the scale.
    let all = program
        .values()
        .iter()
        .map(|v| v.range().magnitude())
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
    let smallest = (needs.log_slots + 1).max(12);
    let fits = |choice: &Choice| {
        choice.first_bits <= LARGEST_PRIME
            && rlwe_max_log_qp(choice.log_n, level).is_some_and(|bound| choice.log_qp() <= bound)
    };
    let with = |log_n: u32, scale_bits: u32| Choice {
        log_n,
        scale_bits,
        first_bits: scale_bits + needs.headroom,
        depth: needs.depth,
    };
    for log_n in smallest..=LARGEST_LOG_N {
        // Fresh noise reaches about 2^(log_n + 2) in the slots; each level adds some.
        let wanted = needs.precision + log_n + 3 + needs.depth.next_power_of_two().ilog2();
        let most = LARGEST_PRIME.saturating_sub(needs.headroom);
        let wanted = scale_bits.unwrap_or(wanted.clamp(30, most.max(30)));
        if fits(&with(log_n, wanted)) {
            return Ok(with(log_n, wanted));
        }
    }
    if scale_bits.is_none() {
        let largest = (SMALLEST_SCALE..LARGEST_PRIME)
            .rev()
            .map(|s| with(LARGEST_LOG_N, s))
            .find(fits);
        if let Some(choice) = largest {
            return Ok(choice);
        }
    }
    let room = (0..needs.depth).rev().find(|depth| {
        fits(&Choice {
            depth: *depth,
            ..with(LARGEST_LOG_N, scale_bits.unwrap_or(30))
        })
    });
    let room = room.map_or("none".to_owned(), |d| d.to_string());
    Err(Refusal::because(
        "depth",
        format!(
            "{} levels with values up to 2^{} do not fit N = 2^{LARGEST_LOG_N} at {level} bits; so many do: \
             {room}; lower a degree, the precision or `scale_bits`, or tighten input ranges",
            needs.depth,
            needs.headroom - 2,
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMAND: SecurityDemand = SecurityDemand {
        bits: 128,
        insecure: false,
    };

    fn needs(depth: u32, headroom: u32, precision: u32) -> Needs {
        Needs {
            depth,
            headroom,
            precision,
            log_slots: 0,
        }
    }

    #[test]
    fn the_smallest_ring_is_taken() {
        for (depth, expect) in [(1, 13), (3, 13), (6, 14), (15, 15)] {
            let choice = choose(&needs(depth, 6, 20), DEMAND, None).unwrap();
            assert_eq!(choice.log_n, expect, "depth {depth}: {choice:?}");
            let bound = rlwe_max_log_qp(choice.log_n, 128).unwrap();
            assert!(choice.log_qp() <= bound);
        }
    }

    #[test]
    fn a_higher_level_needs_a_larger_ring() {
        let demand = SecurityDemand {
            bits: 256,
            insecure: false,
        };
        let high = choose(&needs(3, 6, 20), demand, None).unwrap();
        assert!(high.log_n > choose(&needs(3, 6, 20), DEMAND, None).unwrap().log_n);
    }

    #[test]
    fn what_does_not_fit_says_how_much_would() {
        let refusal = choose(&needs(40, 6, 20), DEMAND, None).unwrap_err();
        assert!(refusal.reason.contains("so many do: 26"), "{refusal}");
        assert!(choose(&needs(1, 45, 20), DEMAND, None).is_err());
    }
}
