//! Headline numbers, a curve, drawings and tables, one below the other.

use std::fmt;

use super::StudySection;
use super::chart::{Chart, Line, write_chart};
use super::curve::drawdown;
use super::drawing::write_drawing;
use super::page::write_heading;
use super::scale::Unit;
use super::tables::write_table;

pub(super) fn write_study(page: &mut String, section: &StudySection) -> fmt::Result {
    write_heading(page, &section.heading, &section.note, &section.tiles)?;
    let below = drawdown(&section.equity);
    let line = |name, class, points, fill_to| Line { name, class, points, fill_to };
    let charts = [
        ("Equity", Unit::Money, "tall", line("equity", "equity", &section.equity, None)),
        ("Drawdown", Unit::Percent, "low", line("drawdown", "drawdown", &below, Some(0.0))),
    ];
    page.push_str("<div class=\"charts\">\n");
    for (title, unit, size, line) in charts {
        let (level, band, note) = (None, None, "");
        write_chart(page, &Chart { title, note, unit, size, lines: vec![line], level, band })?;
    }
    page.push_str("</div>\n");
    for drawing in &section.drawings {
        write_drawing(page, drawing)?;
    }
    for table in &section.tables {
        write_table(page, table)?;
    }
    page.push_str("</section>\n");
    Ok(())
}
