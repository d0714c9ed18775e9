//! A backtest on the page: curves, returns by month, metrics, assets, trades, fills.

use std::fmt::{self, Write};

use super::chart::{Chart, Line, write_chart};
use super::curve::{deepest, drawdown, years};
use super::html::{Escaped, signed};
use super::page::write_heading;
use super::scale::{MONTHS, Unit};
use super::tables::write_table;
use super::{Fact, RunSection};
use crate::numbers::percent;

pub(super) fn write_run(page: &mut String, run: &RunSection) -> fmt::Result {
    write_heading(page, &run.heading, &run.note, &run.tiles)?;
    page.push_str("<div class=\"charts\">\n");
    write_equity(page, run)?;
    write_drawdown(page, run)?;
    write_exposure(page, run)?;
    page.push_str("</div>\n");
    write_months(page, run)?;
    write_metrics(page, &run.metrics)?;
    write_table(page, &run.assets)?;
    write_table(page, &run.trades)?;
    write_table(page, &run.fills)?;
    page.push_str("</section>\n");
    Ok(())
}

fn write_equity(page: &mut String, run: &RunSection) -> fmt::Result {
    let chart = Chart {
        title: "Equity",
        note: "cash and positions at the close",
        unit: Unit::Money,
        size: "tall",
        lines: vec![Line { name: "equity", class: "equity", points: &run.equity, fill_to: None }],
        level: Some((run.cash, "starting cash")),
        band: deepest(&run.equity).map(|(peak, trough)| (peak, trough, "deepest drawdown")),
    };
    write_chart(page, &chart)
}

fn write_drawdown(page: &mut String, run: &RunSection) -> fmt::Result {
    let below = drawdown(&run.equity);
    let chart = Chart {
        title: "Drawdown",
        note: "below the highest equity so far",
        unit: Unit::Percent,
        size: "low",
        lines: vec![Line {
            name: "drawdown",
            class: "drawdown",
            points: &below,
            fill_to: Some(0.0),
        }],
        level: None,
        band: None,
    };
    write_chart(page, &chart)
}

fn write_exposure(page: &mut String, run: &RunSection) -> fmt::Result {
    let mut lines =
        vec![Line { name: "long", class: "long", points: &run.long, fill_to: Some(0.0) }];
    if run.short.iter().any(|(_, share)| *share < 0.0) {
        lines.push(Line { name: "short", class: "short", points: &run.short, fill_to: Some(0.0) });
    }
    let chart = Chart {
        title: "Exposure",
        note: "worth of positions, share of equity",
        unit: Unit::Percent,
        size: "low",
        lines,
        level: None,
        band: None,
    };
    write_chart(page, &chart)
}

fn write_months(page: &mut String, run: &RunSection) -> fmt::Result {
    let years = years(&run.equity, run.cash);
    if years.is_empty() {
        return Ok(());
    }
    // The colours saturate where nine in ten months lie within, so that one wild month does not
    // wash out the others.
    let mut sizes: Vec<f64> =
        years.iter().flat_map(|year| year.months).flatten().map(f64::abs).collect();
    sizes.sort_by(f64::total_cmp);
    let full = sizes.get(sizes.len() * 9 / 10).copied().unwrap_or(0.0).max(1e-9);

    page.push_str("<figure class=\"block\"><figcaption><b>Returns by month</b> ");
    page.push_str("<span>from month end to month end</span></figcaption>\n");
    page.push_str("<div class=\"scroll\"><table class=\"months\"><thead><tr><th></th>");
    for month in MONTHS {
        write!(page, "<th>{month}</th>")?;
    }
    page.push_str("<th>Year</th></tr></thead><tbody>\n");
    for year in years.iter().rev() {
        write!(page, "<tr><th>{}</th>", year.number)?;
        for month in year.months {
            write_return(page, month, full, "")?;
        }
        write_return(page, Some(year.total), full * 3.0, " total")?;
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div></figure>\n");
    Ok(())
}

fn write_return(page: &mut String, value: Option<f64>, full: f64, class: &str) -> fmt::Result {
    let Some(value) = value.filter(|value| value.is_finite()) else {
        return write!(page, "<td class=\"none{class}\"></td>");
    };
    let depth = (value.abs() / full).min(1.0) * 0.62;
    let side = if value < 0.0 { "down" } else { "up" };
    let text = percent(value);
    let short = crate::numbers::fixed(value * 100.0, 1);
    write!(
        page,
        "<td class=\"{side}{class}\" style=\"--depth:{depth:.2}\" title=\"{}\">{}</td>",
        Escaped(&text),
        signed(&short)
    )
}

fn write_metrics(page: &mut String, metrics: &[Fact]) -> fmt::Result {
    page.push_str("<figure class=\"block\"><figcaption><b>Metrics</b></figcaption>\n");
    page.push_str("<dl class=\"facts\">\n");
    for Fact { name, value } in metrics {
        writeln!(page, "<div><dt>{}</dt><dd>{}</dd></div>", Escaped(name), signed(value))?;
    }
    page.push_str("</dl></figure>\n");
    Ok(())
}
