//! How much a result depends on hitting its parameters exactly.

use serde::Serialize;

use super::axis::Order;
use super::importance::cube;
use super::scale::exact_count;
use super::space::{Dim, Space};
use crate::objective::Direction;
use crate::params::Params;

/// What surrounds a point, without units.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plateau {
    /// Results whose point is a neighbour: within 0.1 of the unit cube along each coordinate, or one
    /// step of whole numbers and lists, whichever is more; levels equal or, one at a time, any other.
    pub neighbours: usize,
    /// Their median.
    pub median: Option<f64>,
    /// The median over the point's own value: 1 on a plateau. `None` without neighbours, or where the
    /// point's own value is not better than 0, so that a ratio would say nothing.
    pub score: Option<f64>,
    /// The share of neighbours that keep more than half of the point's value; as `score`.
    pub share_above_half: Option<f64>,
    /// How the result changes along each coordinate with an order.
    pub slopes: Vec<Slope>,
}

/// How the result changes along one parameter around a point.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slope {
    /// The parameter.
    pub param: String,
    /// Change of the value for a tenth of the parameter's range: least squares over the neighbours.
    /// `None` where they do not vary along it.
    pub per_tenth: Option<f64>,
}

/// Describes the surroundings of `center`, whose own value is `best`, by the other results. Values in
/// the objective's own direction; those that are not finite count as neighbours that keep nothing.
///
/// Nothing here depends on a parameter's unit: distances are shares of its range.
pub fn plateau(
    space: &Space,
    results: &[(Params, f64)],
    (center, best): (&Params, f64),
    direction: Direction,
) -> Plateau {
    let middle = cube(space, center);
    let near: Vec<(Vec<f64>, f64)> = results
        .iter()
        .map(|(params, value)| (cube(space, params), *value))
        .filter(|(point, _)| *point != middle && neighbours(space, &middle, point))
        .collect();
    let worth = |value: f64| if direction == Direction::Max { value } else { -value };
    let mut sorted: Vec<f64> = near.iter().map(|(_, value)| *value).collect();
    let worst = if direction == Direction::Max { f64::NEG_INFINITY } else { f64::INFINITY };
    sorted.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = worst);
    sorted.sort_by(f64::total_cmp);
    let median = median(&sorted);
    let meaningful = worth(best) > 0.0;
    let kept = sorted.iter().filter(|value| worth(**value) > 0.5 * worth(best)).count();
    let share = exact_count(kept as u64) / exact_count(near.len().max(1) as u64);
    let slope = |(at, dim): (usize, &Dim)| Slope {
        param: space.axes()[dim.axis].name().to_owned(),
        per_tenth: slope(&near, at).map(|slope| slope * 0.1),
    };
    let ordered = space.dims().iter().enumerate().filter(|(_, dim)| dim.levels.is_none());
    Plateau {
        neighbours: near.len(),
        median: median.filter(|median| median.is_finite()),
        score: median.filter(|median| meaningful && median.is_finite()).map(|m| m / best),
        share_above_half: (meaningful && !near.is_empty()).then_some(share),
        slopes: ordered.map(slope).collect(),
    }
}

fn neighbours(space: &Space, center: &[f64], point: &[f64]) -> bool {
    let mut other_levels = 0;
    let close = space.dims().iter().zip(center).zip(point).all(|((dim, center), x)| {
        let axis = &space.axes()[dim.axis];
        if dim.levels.is_some() {
            other_levels += usize::from(center != x);
            return true;
        }
        let step = match axis.domain() {
            super::axis::Domain::List { order: Order::Levels, .. } => 0.0,
            _ => axis.count().map_or(0.0, |count| 1.0 / exact_count(count)),
        };
        // Cells are a little narrower than their share, as the outermost ones end at 0 and 1.
        (x - center).abs() <= step.max(0.1) * 1.0001
    });
    close && other_levels <= 1
}

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    let even = sorted.len().is_multiple_of(2);
    Some(if even { 0.5 * (sorted[middle - 1] + upper) } else { upper })
}

/// Least squares along one coordinate.
fn slope(near: &[(Vec<f64>, f64)], at: usize) -> Option<f64> {
    let finite: Vec<(f64, f64)> = near
        .iter()
        .filter(|(_, value)| value.is_finite())
        .map(|(point, value)| (point[at], *value))
        .collect();
    let count = exact_count(finite.len() as u64);
    let x_mean = finite.iter().map(|(x, _)| x).sum::<f64>() / count;
    let y_mean = finite.iter().map(|(_, y)| y).sum::<f64>() / count;
    let product: f64 = finite.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    let square: f64 = finite.iter().map(|(x, _)| (x - x_mean) * (x - x_mean)).sum();
    (square > 1e-12).then(|| product / square)
}

/// Results along two parameters, for a heat map: the best of each cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Surface {
    /// The parameter of the columns.
    pub x: String,
    /// The parameter of the rows.
    pub y: String,
    /// By row and column, in the objective's own direction; `None` where nothing was run.
    pub best: Vec<Vec<Option<f64>>>,
    /// The mean of each cell.
    pub mean: Vec<Vec<Option<f64>>>,
}

/// Returns the results along two of [`Space::dims`] in `cells` by `cells` equal parts of their scales;
/// levels, and scales of fewer values, have a part for each. Results that are not finite are left out.
///
/// `None` where a place is not one of the coordinates.
pub fn surface(
    space: &Space,
    results: &[(Params, f64)],
    (x, y): (usize, usize),
    cells: usize,
    direction: Direction,
) -> Option<Surface> {
    let parts = |at: usize| {
        let axis = &space.axes()[space.dims().get(at)?.axis];
        let values = axis.count().and_then(|count| usize::try_from(count).ok());
        let levels = space.dims()[at].levels;
        Some(levels.unwrap_or_else(|| values.unwrap_or(cells).min(cells)).max(1))
    };
    let (columns, rows) = (parts(x)?, parts(y)?);
    let mut best = vec![vec![None; columns]; rows];
    let mut sums = vec![vec![(0.0, 0.0); columns]; rows];
    for (params, value) in results.iter().filter(|(_, value)| value.is_finite()) {
        let point = cube(space, params);
        let column = super::scale::floor_place(point[x], columns);
        let row = super::scale::floor_place(point[y], rows);
        let cell: &mut Option<f64> = &mut best[row][column];
        let better = |old: f64| match direction {
            Direction::Max => old.max(*value),
            Direction::Min => old.min(*value),
        };
        *cell = Some(cell.map_or(*value, better));
        let (sum, count) = &mut sums[row][column];
        *sum += value;
        *count += 1.0;
    }
    let mean = |(sum, count): &(f64, f64)| (*count > 0.0).then(|| sum / count);
    let name = |at: usize| space.axes()[space.dims()[at].axis].name().to_owned();
    Some(Surface {
        x: name(x),
        y: name(y),
        best,
        mean: sums.iter().map(|row| row.iter().map(mean).collect()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(space: &Space, value: impl Fn(&Params) -> f64) -> Vec<(Params, f64)> {
        (0..space.len()).map(|at| (space.point(at), value(&space.point(at)))).collect()
    }

    fn number(params: &Params, name: &str) -> f64 {
        params.get(name).unwrap().as_f64().unwrap()
    }

    /// The same function of a share and of a percentage gets the same verdict.
    #[test]
    fn a_unit_changes_nothing() {
        let share = Space::parse(["x=0.01..0.2:0.01", "n=1..9"]).unwrap();
        let percent = Space::parse(["x=1..20", "n=1..9"]).unwrap();
        let of = |space: &Space, unit: f64, center: [&str; 2]| {
            let value = |p: &Params| 2.0 - (number(p, "x") / unit - 7.0).abs() * 0.1;
            let center = Params::parse(center).unwrap();
            plateau(space, &grid(space, value), (&center, 2.0), Direction::Max)
        };
        let (first, second) =
            (of(&share, 0.01, ["x=0.07", "n=5"]), of(&percent, 1.0, ["x=7", "n=5"]));
        assert_eq!((first.neighbours, second.neighbours), (14, 14));
        let close = |a: Option<f64>, b: Option<f64>| (a.unwrap() - b.unwrap()).abs() < 1e-9;
        assert!(close(first.score, second.score), "{first:?} {second:?}");
        assert!(close(first.slopes[0].per_tenth, second.slopes[0].per_tenth));
    }

    #[test]
    fn a_plateau_scores_one_and_a_spike_nothing() {
        let space = Space::parse(["a=1..21", "k=x,y"]).unwrap();
        let center = space.point(20);
        assert_eq!(center.to_string(), "a=11 k=x");
        let flat = plateau(&space, &grid(&space, |_| 3.0), (&center, 3.0), Direction::Max);
        // 9, 10, 11, 12, 13 for both levels, less the point itself.
        assert_eq!((flat.neighbours, flat.score, flat.share_above_half), (9, Some(1.0), Some(1.0)));
        let spike = grid(&space, |params| if *params == center { 3.0 } else { 0.1 });
        let spike = plateau(&space, &spike, (&center, 3.0), Direction::Max);
        assert!(spike.score.unwrap() < 0.05 && spike.share_above_half == Some(0.0));
        let losing = plateau(&space, &grid(&space, |_| -1.0), (&center, -1.0), Direction::Max);
        assert_eq!((losing.score, losing.median), (None, Some(-1.0)));
    }

    #[test]
    fn slopes_are_central_and_per_tenth_of_the_range() {
        let space = Space::parse(["a=0..100", "b=real(0..1)"]).unwrap();
        let results: Vec<(Params, f64)> = (0..=100_i32)
            .map(|a| (Params::new().with("a", i64::from(a)).with("b", 0.5), 2.0 * f64::from(a)))
            .collect();
        let center = results[50].0.clone();
        let found = plateau(&space, &results, (&center, 100.0), Direction::Max);
        // A tenth of the scale is 10.1 cells.
        assert!((found.slopes[0].per_tenth.unwrap() - 20.2).abs() < 0.01, "{found:?}");
        assert_eq!(found.slopes[1].per_tenth, None);
    }

    #[test]
    fn surfaces_keep_the_best_of_each_cell() {
        let space = Space::parse(["a=1..4", "b=1..4", "k=x,y"]).unwrap();
        let results = grid(&space, |p| number(p, "a") * 10.0 + number(p, "b"));
        let found = surface(&space, &results, (0, 1), 2, Direction::Max).unwrap();
        assert_eq!(found.best, [[Some(22.0), Some(42.0)], [Some(24.0), Some(44.0)]]);
        assert_eq!(found.mean[0][0], Some((11.0 + 12.0 + 21.0 + 22.0) / 4.0));
        assert_eq!(surface(&space, &results, (2, 0), 9, Direction::Min).unwrap().best.len(), 4);
        assert!(surface(&space, &results, (0, 3), 2, Direction::Max).is_none());
    }
}
