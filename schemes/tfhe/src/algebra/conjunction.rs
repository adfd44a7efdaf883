//! Conjunctions of bits, many of them from one blind rotation.
//!
//! The bits of a group of conjunctions are summed with weights, so that what the conjunctions tell apart are
//! places `x` of half a circle. With a step for a table, `[x >= k]` is read from one rotation for each place
//! `k`; a conjunction is 1 on some runs of places, so it is the sum of `[x >= k]` at their beginnings less that at their
//! ends. Many tables from one rotation, as differences of one: Carpov, Izabachène, Mollimard, *New techniques
//! for multi-value input homomorphic evaluation and applications*, CT-RSA 2019. How many places the bits
//! take:
//!
//!   - bits that occur together only are counted: `m` of them take `m + 1` places;
//!   - so are thresholds of one column, as what is at least 7 is at least 3;
//!   - any other bit doubles the places.
//!
//! Which share a rotation is packing (`bins`).

use std::sync::Arc;

use hexperiment_program::Interval;

use super::bins::{
    Chain, Conjunction, Digit, Literal, Packed, Packings, digits, fewest_steps, values,
};
use super::form::Form;
use super::source::{Decision, Function, Source, Sources, TABLE_ENTRIES};

const BIT: Interval = Interval {
    low: 0.0,
    high: 1.0,
};

/// The bits of conjunctions, each once.
#[derive(Default)]
struct Bits {
    forms: Vec<Form>,
    chains: Vec<Chain>,
    /// A threshold of each chain.
    first_of_chain: Vec<Source>,
}

/// What a conjunction comes to.
enum Told {
    /// A public bit.
    Public(f64),
    /// A conjunction.
    Of(Conjunction),
}

impl Bits {
    /// A conjunction of forms that are bits.
    fn conjunction(&mut self, forms: &[Form], sources: &Sources) -> Told {
        let mut all = Conjunction::new();
        for form in forms {
            if form.terms().is_empty()
                && let Some(known) = form.bias().as_scalar()
            {
                if known < 0.5 {
                    return Told::Public(0.0);
                }
                continue;
            }
            let literal = self.literal(form, sources);
            match all.binary_search_by_key(&literal.bit, |l| l.bit) {
                Ok(found) if all[found] != literal => return Told::Public(0.0),
                Ok(_) => {}
                Err(place) => all.insert(place, literal),
            }
        }
        if all.is_empty() {
            Told::Public(1.0)
        } else {
            Told::Of(all)
        }
    }

    fn literal(&mut self, form: &Form, sources: &Sources) -> Literal {
        let holds = !form.leads_negative();
        let form = if holds {
            form.clone()
        } else {
            form.clone().complement()
        };
        let known = self.forms.iter().position(|f| f.is_same_sum(&form));
        let bit = known.unwrap_or_else(|| {
            let chain = self.chain(&form, sources);
            self.chains.push(chain);
            self.forms.push(form);
            self.forms.len() - 1
        });
        Literal { bit, holds }
    }

    /// The chain of a threshold of a column, of which one rotation tells all.
    fn chain(&mut self, form: &Form, sources: &Sources) -> Chain {
        let [term] = form.terms() else {
            return None;
        };
        let source = sources.at(term.source);
        let Source::Function {
            function: Function::Ring {
                entries, offset, ..
            },
            operand,
            ..
        } = source
        else {
            return None;
        };
        let range = operand.range();
        let is_step = entries.iter().all(|e| *e == 0.5)
            && range.low >= 0.0
            && range.high <= entries.len() as f64 - 1.0
            && term.gather.is_none()
            && term.weight.as_scalar() == Some(1.0)
            && form.bias().as_scalar() == Some(0.5);
        if !is_step {
            return None;
        }
        let known = self.first_of_chain.iter();
        let chain = known.clone().position(|s| s.shares_rotation(source));
        let chain = chain.unwrap_or_else(|| {
            self.first_of_chain.push(source.clone());
            self.first_of_chain.len() - 1
        });
        Some((chain, -offset))
    }

    fn form(&self, literal: Literal) -> Form {
        let form = self.forms[literal.bit].clone();
        if literal.holds {
            form
        } else {
            form.complement()
        }
    }
}

impl Sources {
    /// Conjunctions of bits, of one length. Each form of `all` is that of one.
    pub(crate) fn conjunctions(&mut self, all: &[Vec<Form>], packings: &Packings) -> Vec<Form> {
        let mut bits = Bits::default();
        let told: Vec<Told> = all.iter().map(|c| bits.conjunction(c, self)).collect();
        let mut wanted: Vec<Conjunction> = Vec::new();
        for told in &told {
            if let Told::Of(conjunction) = told
                && (2..TABLE_ENTRIES).contains(&conjunction.len())
                && !wanted.contains(conjunction)
            {
                wanted.push(conjunction.clone());
            }
        }
        let packed = packings.of(&wanted, &bits.chains);
        let read = self.packed(&packed, &mut bits);
        let forms = all.iter().zip(told).map(|(forms, told)| match told {
            Told::Public(bit) => Form::constant(bit, forms.first().map_or(1, Form::length)),
            Told::Of(conjunction) => match wanted.iter().position(|c| *c == conjunction) {
                Some(index) => read[index].clone(),
                None => {
                    let literals = conjunction.into_iter().map(|l| bits.form(l));
                    self.conjunction(literals.collect())
                }
            },
        });
        forms.collect()
    }

    /// All conjunctions of a packing, common parts last.
    fn packed(&mut self, packed: &Packed, bits: &mut Bits) -> Vec<Form> {
        let Packed {
            conjunctions,
            groups,
            common,
        } = packed;
        let mut read: Vec<Option<Form>> = vec![None; conjunctions.len()];
        let mut is_later = false;
        for group in groups {
            if group.is_later && !is_later {
                // Those that stand for common parts come after all others.
                is_later = true;
                for index in common {
                    bits.chains.push(None);
                    bits.forms.extend(read[*index].clone());
                }
            }
            let members = group.members.iter().map(|m| conjunctions[*m].as_slice());
            let members: Vec<&[Literal]> = members.collect();
            let forms = self.group(&members, bits);
            for (member, form) in group.members.iter().zip(forms) {
                read[*member] = Some(form);
            }
        }
        read.into_iter().flatten().collect()
    }

    /// Conjunctions from one rotation.
    fn group(&mut self, members: &[&[Literal]], bits: &Bits) -> Vec<Form> {
        if let [conjunction] = members {
            let literals = conjunction.iter().map(|l| bits.form(*l));
            return vec![self.conjunction(literals.collect())];
        }
        let digits = fewest_steps(&digits(members, &bits.chains), members);
        let mut weight = 1;
        let mut sum: Option<Form> = None;
        for digit in &digits {
            let literals: Vec<Literal> = match digit {
                Digit::Together(literals) => literals.clone(),
                Digit::Chain(bits) => bits
                    .iter()
                    .map(|bit| Literal {
                        bit: *bit,
                        holds: true,
                    })
                    .collect(),
            };
            for literal in literals {
                let term = bits.form(literal).scaled(weight as f64);
                sum = Some(sum.map_or(term.clone(), |sum| sum.add(&term)));
            }
            weight *= digit.places();
        }
        let Some(sum) = sum else {
            return vec![];
        };
        let sum = sum.within(Interval::new(0.0, weight as f64 - 1.0));
        let halves: Arc<[f64]> = vec![0.5; weight.next_power_of_two()].into();
        let mut at_least = |place: usize| {
            let offset = -(place as i32);
            let step = self.ring(&sum, &halves, offset, Decision::None);
            step.moved(0.5)
        };
        let members = members.iter().map(|conjunction| {
            let values = values(&digits, conjunction);
            let first = f64::from(u8::from(values[0]));
            let mut form = Form::constant(first, sum.length());
            for place in 1..values.len() {
                match (values[place - 1], values[place]) {
                    (false, true) => form = form.add(&at_least(place)),
                    (true, false) => form = form.sub(&at_least(place)),
                    _ => {}
                }
            }
            form.within(BIT)
        });
        members.collect()
    }
}
