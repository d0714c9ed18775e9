//! What queries promise where a naive model is not the measure: texts, errors, skipping, rules of resampling.

mod expressions;
mod plans;
