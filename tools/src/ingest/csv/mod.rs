//! Delimited text into chunks of columns.
//!
//! A line is tried the fast way first: one pass over its bytes, digits to numbers as they come. A line
//! with anything unusual (quotes, blanks, exponents, missing values, a wrong count of fields) takes
//! the careful way, which either reads it all the same or says exactly what is wrong with it.

mod parser;
mod split;

pub(crate) use parser::Parser;
pub(crate) use split::{line_at, split};
