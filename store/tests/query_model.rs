//! Promise: a plan answers what a row-by-row model answers; the same to the last bit at any number of threads, whether or
//! not blocks are skipped, and whether the bundle is one raw file, compressed, or appended to and in several parts.
//!
//! Method: bundles and queries drawn from random bytes, over the model that the fuzz target `query_plan` uses too.

#[path = "../../fuzz/src/query/mod.rs"]
pub mod query;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn plans_agree_with_the_model(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        query::query_plan(&bytes);
    }
}
