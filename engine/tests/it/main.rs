//! Promises of the engine, one module each.
#![forbid(unsafe_code)]

#[cfg(test)]
mod blocks;
#[cfg(test)]
mod budgets;
#[cfg(test)]
mod bundles;
#[cfg(test)]
mod cross_validation;
#[cfg(test)]
mod determinism;
#[cfg(test)]
mod json;
#[cfg(test)]
mod lookahead;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod scope;
#[cfg(test)]
mod searches;
#[cfg(test)]
mod spaces;
mod splits;
#[cfg(test)]
mod studies;
#[cfg(test)]
mod validation;
#[cfg(test)]
mod walk_forward;
