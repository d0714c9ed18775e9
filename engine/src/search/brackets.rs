//! Budgets and sizes of Hyperband's brackets.

use serde::Serialize;

use super::scale::exact_count;

/// How many points a bracket starts with, for `S` kinds of brackets and one with `s` promotions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Allocation {
    /// `ceil(S / (s + 1) * eta^s)`: Hyperband's and BOHB's papers.
    #[default]
    Paper,
    /// `floor(S / (s + 1)) * eta^s`: `HpBandSter`, the authors' program.
    HpBandSter,
}

/// One bracket: how many points run at which budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BracketPlan {
    /// The budget of each rung, ascending; the last is the largest of all.
    pub budgets: Vec<f64>,
    /// The number of points at each rung, descending; at least 1.
    pub counts: Vec<u64>,
}

impl BracketPlan {
    /// Returns the cost in whole runs when each rung is paid in full.
    pub fn cost(&self) -> f64 {
        let whole = self.budgets.last().copied().unwrap_or(1.0);
        let rungs = self.budgets.iter().zip(&self.counts);
        rungs.map(|(budget, count)| budget / whole * exact_count(*count)).sum()
    }
}

/// Returns the budgets `max * eta^-k` from at least `min` to exactly `max`, ascending.
///
/// Their number is the largest `k` with `min * eta^(k-1) <= max (1 + 1e-9)`, found by multiplying:
/// logarithms lose a rung at exact powers.
pub fn budgets(min: f64, max: f64, eta: u32) -> Vec<f64> {
    let mut powers = vec![1.0];
    let mut power = f64::from(eta);
    while min * power <= max * (1.0 + 1e-9) {
        powers.push(power);
        power *= f64::from(eta);
    }
    powers.iter().rev().map(|power| max / power).collect()
}

/// Returns the brackets over `budgets`, the one with the most promotions first.
pub fn brackets(budgets: &[f64], eta: u32, allocation: Allocation) -> Vec<BracketPlan> {
    let kinds = budgets.len() as u64;
    let eta = u64::from(eta);
    let plan = |promotions: usize| {
        let power = eta.saturating_pow(u32::try_from(promotions).unwrap_or(u32::MAX));
        let rungs = promotions as u64 + 1;
        let mut count = match allocation {
            Allocation::Paper => kinds.saturating_mul(power).div_ceil(rungs),
            Allocation::HpBandSter => (kinds / rungs).saturating_mul(power),
        };
        let budgets = budgets[budgets.len() - 1 - promotions..].to_vec();
        let counts = budgets
            .iter()
            .map(|_| {
                let here = count.max(1);
                count /= eta;
                here
            })
            .collect();
        BracketPlan { budgets, counts }
    };
    (0..budgets.len()).rev().map(plan).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors() -> serde_json::Value {
        serde_json::from_str(include_str!("../../tests/vectors/bohb.json")).unwrap()
    }

    #[test]
    fn tables_are_those_of_the_paper_and_of_the_program() {
        for case in vectors()["brackets"].as_array().unwrap() {
            let (min, max) = (case["bmin"].as_f64().unwrap(), case["bmax"].as_f64().unwrap());
            let eta = u32::try_from(case["eta"].as_u64().unwrap()).unwrap();
            let budgets = budgets(min, max, eta);
            let columns = [
                (Allocation::Paper, "paper_exact_floor", "cost_full_evals_paper"),
                (Allocation::HpBandSter, "hpbandster_exact_floor", "cost_full_evals_hpbandster"),
            ];
            for (allocation, counts, cost) in columns {
                let plans = brackets(&budgets, eta, allocation);
                let expected = case["brackets"].as_array().unwrap();
                assert_eq!(plans.len(), expected.len());
                for (plan, expected) in plans.iter().zip(expected) {
                    let counts: Vec<u64> =
                        serde_json::from_value(expected[counts].clone()).unwrap();
                    assert_eq!(plan.counts, counts, "{min} {max} {eta}");
                    let table: Vec<f64> =
                        serde_json::from_value(expected["budgets"].clone()).unwrap();
                    for (found, expected) in plan.budgets.iter().zip(&table) {
                        assert!((found / expected - 1.0).abs() < 1e-14, "{found} {expected}");
                    }
                    let expected = expected[cost].as_f64().unwrap();
                    assert!((plan.cost() - expected).abs() < 1e-9, "{min} {max} {eta}");
                }
            }
        }
    }

    #[test]
    fn no_rung_is_lost_at_exact_powers() {
        for case in vectors()["rung_counts"].as_array().unwrap() {
            let (min, max) = (case["bmin"].as_f64().unwrap(), case["bmax"].as_f64().unwrap());
            let eta = u32::try_from(case["eta"].as_u64().unwrap()).unwrap();
            let found = budgets(min, max, eta);
            assert_eq!(
                found.len() as u64,
                case["true_rungs"].as_u64().unwrap(),
                "{min} {max} {eta}"
            );
            assert_eq!(found.last(), Some(&max));
        }
        assert_eq!(budgets(1.0, 1.0, 3), [1.0]);
    }
}
