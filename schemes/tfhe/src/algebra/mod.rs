//! What an encrypted number is to the planner, and what can be computed of it.
//!
//! - A [`Source`] stands on the torus by itself: a column, a limb of a column, or the result of a
//!   [`Function`], which is a bootstrap or a cascade of them.
//! - A [`Form`] is a sum of sources with public factors, and a public number. Linear operations
//!   act on forms and need no bootstrap. Each operation yields the range of its result; what else
//!   is proven of a value narrows it ([`Form::within`]), and nothing widens it.
//! - A [`Number`] is a form, or several: [`Limbs`], which keep whole numbers exact that no single
//!   ciphertext holds under a bootstrap's noise.
//!
//! Functions come in two halves. What may be impossible is decided first, from ranges alone, and
//! yields a description ([`Exact`]) or the reason why not; only a description becomes sources, and
//! that cannot fail. Functions that are always possible are methods of [`Sources`].
//!
//! Scales, noise and rounding follow from the same forms, once it is known what reads them: see
//! `plan`.

mod align;
mod bins;
mod carry;
mod choice;
mod compare;
mod conjunction;
mod exact;
mod form;
mod number;
mod radix;
mod source;

pub(crate) use bins::Packings;
pub(crate) use exact::Exact;
pub(crate) use form::{Form, Gather, Term};
pub(crate) use number::{Limbs, Number};
pub(crate) use radix::{LimbOptions, Radix};
pub(crate) use source::{ColumnLimb, Decision, Function, Source, Sources, TABLE_ENTRIES};
