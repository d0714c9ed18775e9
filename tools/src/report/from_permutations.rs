//! What permuted markets and resampling say, as parts of a page.

use super::drawing::{Drawing, ranked};
use super::{CellKind, Head, StudySection, Table, Tile};
use crate::commands::resampling::Resampled;
use crate::metrics::{name, text};
use crate::numbers::{count_len, fixed, percent};
use crate::permutation::PermutationTest;

impl StudySection {
    /// What a page shows of figures that were drawn again; `None` when none were.
    pub(crate) fn of_resampled(drawn: &Resampled) -> Option<Self> {
        let rows = drawn.facts().into_iter();
        let rows: Vec<Vec<String>> =
            rows.map(|(name, value)| vec![name.to_owned(), value]).collect();
        if rows.is_empty() {
            return None;
        }
        let table = Table {
            columns: ["Figure", "Range"].map(|name| Head::new(name, CellKind::Text)).into(),
            rows,
            ..Table::default()
        };
        Some(Self {
            heading: "How sure is it?".to_owned(),
            note: "Returns drawn again in blocks, closed trades in other orders, markets with noise on their \
                   returns."
                .to_owned(),
            tables: vec![table],
            ..Self::default()
        })
    }

    /// What a page shows of a permutation test.
    pub(crate) fn of_permutations(test: &PermutationTest) -> Self {
        let metric = test.objective.metric;
        let tile = |name: &str, value: String, note: &str| Tile {
            name: name.to_owned(),
            value,
            note: note.to_owned(),
            ..Tile::default()
        };
        let (median, best) = test.spread();
        let drawing: Option<Drawing> = ranked(
            &format!("{} of permuted markets", name(metric)),
            "from the worst to the best; the line is the true market",
            &test.ascending(),
            test.real,
            &|at, value| {
                format!("{} of {}: {}", at + 1, test.values.len(), text(metric, Some(value)))
            },
        );
        Self {
            heading: "Would chance do as well?".to_owned(),
            note: "Everything again over markets whose bars have the same moves in another order: what is \
                   destroyed is any pattern in time, and what is left is luck and drift."
                .to_owned(),
            tiles: vec![
                tile("p-value", fixed(test.p_value, 3), "chance of a result as good"),
                tile("True market", text(metric, Some(test.real)), name(metric)),
                tile("Median", text(metric, median), "of permuted markets"),
                tile("Best twentieth", text(metric, best), "of permuted markets"),
                tile("Markets", count_len(test.values.len()), "permuted"),
                tile("Bars that move", percent(test.free), "of the period"),
            ],
            drawings: drawing.into_iter().collect(),
            ..Self::default()
        }
    }
}
