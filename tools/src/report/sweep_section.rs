//! A sweep on the page: a map of the objective for each pair of parameters, its distribution, and the
//! best trials.

use std::fmt::{self, Write};

use super::heat::{Ramp, write_heat_map};
use super::html::{Escaped, signed};
use super::page::write_heading;
use super::tables::write_table;
use super::{Axis, SweepSection};
use crate::numbers::{count_len, fixed, float_len, percent};

/// Pairs of more parameters than this are too many maps to look at.
const MAPS_MAX: usize = 10;
const BARS: usize = 40;

pub(super) fn write_sweep(page: &mut String, sweep: &SweepSection) -> fmt::Result {
    write_heading(page, &sweep.heading, &sweep.note, &sweep.tiles)?;
    let mut values: Vec<f64> =
        sweep.trials.iter().map(|trial| trial.objective).filter(|v| v.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    if let Some(ramp) = Ramp::over(&values, sweep.smaller_is_better) {
        write_maps(page, sweep, &ramp)?;
        write_distribution(page, sweep, &values, &ramp)?;
    }
    write_table(page, &sweep.best)?;
    page.push_str("</section>\n");
    Ok(())
}

/// The objective as it reads.
pub(super) fn shown(sweep: &SweepSection, value: f64) -> String {
    if sweep.objective_is_share { percent(value) } else { fixed(value, 3) }
}

fn write_maps(page: &mut String, sweep: &SweepSection, ramp: &Ramp) -> fmt::Result {
    let varying: Vec<usize> =
        (0..sweep.axes.len()).filter(|axis| sweep.axes[*axis].values.len() > 1).collect();
    let pairs: Vec<(usize, usize)> = match varying.as_slice() {
        [] => Vec::new(),
        [only] => vec![(*only, *only)],
        many => many
            .iter()
            .enumerate()
            .flat_map(|(place, x)| many[place + 1..].iter().map(|y| (*x, *y)))
            .take(MAPS_MAX)
            .collect(),
    };
    let class = if pairs.len() > 1 { "maps several" } else { "maps" };
    writeln!(page, "<div class=\"{class}\">")?;
    for (x, y) in pairs {
        write_heat_map(page, sweep, x, y, ramp)?;
    }
    page.push_str("</div>\n");
    Ok(())
}

fn write_distribution(
    page: &mut String,
    sweep: &SweepSection,
    sorted: &[f64],
    ramp: &Ramp,
) -> fmt::Result {
    let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) else { return Ok(()) };
    if low >= high {
        return Ok(());
    }
    let width = (high - low) / float_len(BARS);
    let edge = |bar: usize| low + width * float_len(bar);
    let counts: Vec<usize> = (0..BARS)
        .map(|bar| {
            let from = sorted.partition_point(|value| *value < edge(bar));
            let to = if bar + 1 == BARS {
                sorted.len()
            } else {
                sorted.partition_point(|value| *value < edge(bar + 1))
            };
            to - from
        })
        .collect();
    let most = float_len(counts.iter().copied().max().unwrap_or(1).max(1));
    let objective = Escaped(&sweep.objective).to_string();
    writeln!(
        page,
        "<figure class=\"block\"><figcaption><b>Distribution of {objective}</b> <span>{} trials</span></figcaption>",
        count_len(sorted.len())
    )?;
    page.push_str("<div class=\"bars\">\n");
    for (bar, count) in counts.iter().enumerate() {
        let height = float_len(*count) / most * 100.0;
        let (from, to) = (edge(bar), edge(bar + 1));
        let tip =
            format!("{} to {}: {} trials", shown(sweep, from), shown(sweep, to), count_len(*count));
        let colour = ramp.colour(f64::midpoint(from, to));
        writeln!(
            page,
            "<i data-tip=\"{}\" style=\"height:{height:.1}%;background:{colour}\"></i>",
            Escaped(&tip)
        )?;
    }
    page.push_str("</div>\n<div class=\"ends\">");
    let median = sorted[sorted.len() / 2];
    for (name, value) in [("lowest", low), ("median", median), ("highest", high)] {
        write!(page, "<span>{name} <b>{}</b></span>", signed(&shown(sweep, value)))?;
    }
    page.push_str("</div></figure>\n");
    Ok(())
}

/// The names of the parameters that a map of two of them leaves out.
pub(super) fn left_out(axes: &[Axis], x: usize, y: usize) -> Vec<&str> {
    axes.iter()
        .enumerate()
        .filter(|(place, axis)| *place != x && *place != y && axis.values.len() > 1)
        .map(|(_, axis)| axis.name.as_str())
        .collect()
}
