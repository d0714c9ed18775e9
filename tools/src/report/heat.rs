//! Heat maps: a grid of cells coloured by the objective.

use std::fmt::{self, Write};

use super::html::{Escaped, signed};
use super::sweep_section::{left_out, shown};
use super::{Axis, SweepSection};
use crate::numbers::float_len;

/// Cells along one side at most; longer axes are drawn in groups, each by its best trial.
const CELLS_MAX: usize = 64;
/// Cells along one side with room for numbers.
const NUMBERS_MAX: usize = 14;

/// Anchors of a colour scale that rises evenly in lightness (viridis), red, green, blue.
const ANCHORS: [[u8; 3]; 9] = [
    [68, 1, 84],
    [71, 45, 123],
    [59, 82, 139],
    [44, 114, 142],
    [33, 145, 140],
    [40, 174, 128],
    [94, 201, 98],
    [173, 220, 48],
    [253, 231, 37],
];

/// From values to colours: yellow is best, violet worst.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ramp {
    low: f64,
    high: f64,
    smaller_is_better: bool,
    /// The worst colour stands for all values beyond its own.
    is_clipped: bool,
}

impl Ramp {
    /// Spans the better nineteen twentieths of the values, so that hopeless trials do not use up the colours.
    /// `None` without values.
    pub(super) fn over(sorted: &[f64], smaller_is_better: bool) -> Option<Self> {
        let (first, last) = (*sorted.first()?, *sorted.last()?);
        let trim = sorted.len() / 20;
        let (low, high) = if smaller_is_better {
            (first, sorted[sorted.len() - 1 - trim])
        } else {
            (sorted[trim], last)
        };
        Some(Self { low, high, smaller_is_better, is_clipped: low > first || high < last })
    }

    fn share(&self, value: f64) -> f64 {
        let span = self.high - self.low;
        let share = if span > 0.0 { ((value - self.low) / span).clamp(0.0, 1.0) } else { 0.5 };
        if self.smaller_is_better { 1.0 - share } else { share }
    }

    pub(super) fn colour(&self, value: f64) -> String {
        let [r, g, b] = mixed(self.share(value));
        format!("#{r:02x}{g:02x}{b:02x}")
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "shares of one become a place among nine anchors and bytes of colour"
)]
fn mixed(share: f64) -> [u8; 3] {
    let along = share * 8.0;
    let place = (along.floor() as usize).min(7);
    let rest = along - float_len(place);
    std::array::from_fn(|channel| {
        let (a, b) = (f64::from(ANCHORS[place][channel]), f64::from(ANCHORS[place + 1][channel]));
        (a + (b - a) * rest).round() as u8
    })
}

/// The best trial of each cell; `None` where no trial fell.
struct Grid {
    columns: usize,
    rows: usize,
    best: Vec<Option<f64>>,
}

fn groups(axis: &Axis) -> usize {
    axis.values.len().min(CELLS_MAX)
}

fn gather(sweep: &SweepSection, x: usize, y: usize) -> Grid {
    let columns = groups(&sweep.axes[x]);
    let rows = if x == y { 1 } else { groups(&sweep.axes[y]) };
    let mut best: Vec<Option<f64>> = vec![None; columns * rows];
    let cell = |axis: usize, places: &[usize]| -> Option<usize> {
        Some(places.get(axis)? * groups(&sweep.axes[axis]) / sweep.axes[axis].values.len())
    };
    for trial in sweep.trials.iter().filter(|trial| trial.objective.is_finite()) {
        let column = cell(x, &trial.places);
        let row = if x == y { Some(0) } else { cell(y, &trial.places) };
        let (Some(column), Some(row)) = (column, row) else { continue };
        let Some(held) = best.get_mut(row * columns + column) else { continue };
        let sign = if sweep.smaller_is_better { -1.0 } else { 1.0 };
        let better = held.is_none_or(|held| sign * trial.objective > sign * held);
        if better {
            *held = Some(trial.objective);
        }
    }
    Grid { columns, rows, best }
}

/// Writes the map of the axes `x` (to the right) and `y` (upwards); one row when they are the same.
pub(super) fn write_heat_map(
    page: &mut String,
    sweep: &SweepSection,
    x: usize,
    y: usize,
    ramp: &Ramp,
) -> fmt::Result {
    let grid = gather(sweep, x, y);
    let (across, up) = (&sweep.axes[x], &sweep.axes[y]);
    let objective = Escaped(&sweep.objective).to_string();
    let by = if x == y {
        Escaped(&across.name).to_string()
    } else {
        format!("{} and {}", Escaped(&across.name), Escaped(&up.name))
    };
    write!(page, "<figure class=\"block map\"><figcaption><b>{objective} by {by}</b>")?;
    let others = left_out(&sweep.axes, x, y);
    if !others.is_empty() {
        write!(page, " <span>best over {}</span>", Escaped(others.join(", ")))?;
    }
    write_ramp(page, sweep, ramp)?;
    page.push_str("</figcaption>\n<div class=\"heat\">");
    if x != y {
        write!(page, "<span class=\"up\">{}</span>", Escaped(&up.name))?;
        write_ticks(page, up, grid.rows, "ys")?;
    }
    write!(
        page,
        "<div class=\"cells\" style=\"--columns:{};--rows:{}\">",
        grid.columns, grid.rows
    )?;
    write_cells(page, sweep, (x, y), &grid, ramp)?;
    page.push_str("</div>");
    write_ticks(page, across, grid.columns, "xs")?;
    write!(page, "<span class=\"across\">{}</span>", Escaped(&across.name))?;
    page.push_str("</div></figure>\n");
    Ok(())
}

fn write_ramp(page: &mut String, sweep: &SweepSection, ramp: &Ramp) -> fmt::Result {
    let stops: Vec<String> = (0..=8u8)
        .map(|stop| ramp.colour(ramp.low + (ramp.high - ramp.low) * f64::from(stop) / 8.0))
        .collect();
    let (below, beyond) = match (ramp.is_clipped, ramp.smaller_is_better) {
        (false, _) => ("", ""),
        (true, false) => ("&le; ", ""),
        (true, true) => ("", "&ge; "),
    };
    write!(
        page,
        "<span class=\"ramp\">{below}{}<i style=\"background:linear-gradient(90deg,{})\"></i>{beyond}{}</span>",
        signed(&shown(sweep, ramp.low)),
        stops.join(","),
        signed(&shown(sweep, ramp.high))
    )
}

fn write_cells(
    page: &mut String,
    sweep: &SweepSection,
    (x, y): (usize, usize),
    grid: &Grid,
    ramp: &Ramp,
) -> fmt::Result {
    let finite = || grid.best.iter().flatten().copied();
    let top =
        if sweep.smaller_is_better { finite().reduce(f64::min) } else { finite().reduce(f64::max) };
    let numbers = grid.columns <= NUMBERS_MAX && grid.rows <= NUMBERS_MAX;
    // Rows are written from the top, where the axis is highest.
    for row in (0..grid.rows).rev() {
        for column in 0..grid.columns {
            let Some(value) = grid.best[row * grid.columns + column] else {
                page.push_str("<i class=\"none\"></i>");
                continue;
            };
            let mut tip =
                format!("{} {}", sweep.axes[x].name, group(&sweep.axes[x], column, grid.columns));
            if x != y {
                let place = group(&sweep.axes[y], row, grid.rows);
                let _ = write!(tip, ", {} {place}", sweep.axes[y].name);
            }
            let _ = write!(tip, ": {} {}", sweep.objective, shown(sweep, value));
            let best = if top == Some(value) { " best" } else { "" };
            let pale = if ramp.share(value) > 0.55 { " pale" } else { "" };
            write!(
                page,
                "<i class=\"c{best}{pale}\" style=\"background:{}\" data-tip=\"{}\">",
                ramp.colour(value),
                Escaped(tip)
            )?;
            if numbers {
                let text = if sweep.objective_is_share {
                    crate::numbers::fixed(value * 100.0, 1)
                } else {
                    crate::numbers::fixed(value, 2)
                };
                page.push_str(&signed(&text));
            }
            page.push_str("</i>");
        }
    }
    Ok(())
}

/// The values that a cell stands for.
fn group(axis: &Axis, place: usize, cells: usize) -> String {
    let len = axis.values.len();
    let first = (place * len).div_ceil(cells);
    let last = ((place + 1) * len).div_ceil(cells) - 1;
    if first == last {
        axis.values[first].clone()
    } else {
        format!("{} to {}", axis.values[first], axis.values[last])
    }
}

fn write_ticks(page: &mut String, axis: &Axis, cells: usize, class: &str) -> fmt::Result {
    write!(page, "<div class=\"{class}\">")?;
    let every = cells.div_ceil(if class == "xs" { 12 } else { 10 });
    for (place, cell) in (0..cells).step_by(every).enumerate() {
        let centre = (float_len(cell) + 0.5) / float_len(cells) * 100.0;
        let at = if class == "xs" { centre } else { 100.0 - centre };
        let side = if class == "xs" { "left" } else { "top" };
        let minor = if place % 2 == 1 && cells / every > 6 { " class=\"minor\"" } else { "" };
        let text = Escaped(&axis.values[(cell * axis.values.len()).div_ceil(cells)]).to_string();
        write!(page, "<span{minor} style=\"{side}:{at:.2}%\">{text}</span>")?;
    }
    page.push_str("</div>");
    Ok(())
}
