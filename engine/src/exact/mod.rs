//! Comparing means of prices as exact decimal arithmetic would.
//!
//! A price such as 10.1 is stored as the nearest `f64`, and what a person means by it is the
//! shortest decimal that reads back as that `f64`: 10.1. Sums of such `f64`s err in their last
//! bits, so two equal means often compare as unequal. Here every value is taken as its shortest
//! decimal, a series is brought to one scale, and means are compared as
//! `sum_fast x slow > sum_slow x fast` on whole numbers. The result does not depend on the scale,
//! so it does not depend on later values either, although one scale serves the whole series.
//!
//! Four representations, narrowest first; all give the same answers:
//!
//! | tier | values | sums |
//! |---|---|---|
//! | `F64` | below 10^15 at a scale of at most 22 | whole numbers below 2^53 in `f64`s |
//! | `I64` | as above | below 2^63 |
//! | `I128` | any shortest decimals | below 2^126, with rounded ones that decide what they can |
//! | `Digits` | any at all, NaN and infinities included | kept in digits, summed while comparing |

mod cross;
mod decimal;

#[cfg(test)]
mod tests;

pub(crate) use cross::levels;
pub(crate) use decimal::ExactSums;
