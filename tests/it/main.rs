//! Barrow's promises, one module each.

mod tidy;
