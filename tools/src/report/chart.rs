//! Curves over time: stretched SVG for the lines, HTML for the labels, so that text keeps its size at
//! every width; the values travel along for the cursor.

use std::fmt::Write;

use super::Point;
use super::curve::thinned;
use super::html::{Escaped, signed};
use super::scale::{Unit, label, ticks, time_ticks};

/// Width and height of the drawing, in its own units: stretched to whatever the page gives.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 300.0;
/// Stretches of time of which lows and highs are kept.
const BUCKETS: usize = 600;

/// One curve.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    /// Class of the style sheet that gives the colour.
    pub(super) class: &'static str,
    pub(super) points: &'a [Point],
    /// Fills towards this value.
    pub(super) fill_to: Option<f64>,
}

/// A chart of curves over the same stretch of time.
#[derive(Debug)]
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    pub(super) note: &'a str,
    pub(super) unit: Unit,
    /// Height class: `tall` or `low`.
    pub(super) size: &'static str,
    pub(super) lines: Vec<Line<'a>>,
    /// A level drawn across, with its name.
    pub(super) level: Option<(f64, &'a str)>,
    /// A stretch of time set off, with its name.
    pub(super) band: Option<(i64, i64, &'a str)>,
}

struct Frame {
    first: i64,
    last: i64,
    low: f64,
    high: f64,
}

impl Frame {
    #[expect(clippy::cast_precision_loss, reason = "places on a drawing of a thousand units")]
    fn x(&self, time: i64) -> f64 {
        let span = (self.last - self.first).max(1) as f64;
        (time - self.first) as f64 / span
    }

    fn y(&self, value: f64) -> f64 {
        1.0 - (value - self.low) / (self.high - self.low)
    }
}

/// Writes the chart; nothing when no line has two points.
pub(super) fn write_chart(page: &mut String, chart: &Chart<'_>) -> std::fmt::Result {
    let points = || chart.lines.iter().flat_map(|line| line.points.iter());
    let values = || {
        let levels = chart.level.iter().map(|(value, _)| *value);
        let fills = chart.lines.iter().filter_map(|line| line.fill_to);
        points().map(|(_, value)| *value).chain(levels).chain(fills).filter(|v| v.is_finite())
    };
    let first = points().map(|(time, _)| *time).min().unwrap_or(0);
    let last = points().map(|(time, _)| *time).max().unwrap_or(0);
    if first >= last {
        return Ok(());
    }
    let (low, high) = values()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let marks = ticks(low, high, if chart.size == "tall" { 5 } else { 3 });
    let (Some(&low), Some(&high)) = (marks.first(), marks.last()) else { return Ok(()) };
    let frame = Frame { first, last, low, high };

    writeln!(page, "<figure class=\"chart {}\">", chart.size)?;
    write!(page, "<figcaption><b>{}</b>", Escaped(chart.title))?;
    if !chart.note.is_empty() {
        write!(page, " <span>{}</span>", Escaped(chart.note))?;
    }
    write_legend(page, chart)?;
    writeln!(page, "</figcaption>\n<div class=\"plot\" data-unit=\"{:?}\">", chart.unit)?;
    writeln!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
        Escaped(chart.title)
    )?;
    write_drawing(page, chart, &frame, &marks)?;
    page.push_str("</svg>\n");
    write_labels(page, chart, &frame, &marks)?;
    page.push_str("<i class=\"cursor\" hidden></i>");
    write_values(page, chart)?;
    page.push_str("</div>\n</figure>\n");
    Ok(())
}

fn write_legend(page: &mut String, chart: &Chart<'_>) -> std::fmt::Result {
    if chart.lines.len() == 1 && chart.level.is_none() && chart.band.is_none() {
        // The title says what the only line is.
        return Ok(());
    }
    page.push_str("<span class=\"legend\">");
    for line in &chart.lines {
        write!(page, "<span><i class=\"{}\"></i>{}</span>", line.class, Escaped(line.name))?;
    }
    if let Some((_, name)) = chart.level {
        write!(page, "<span><i class=\"level\"></i>{}</span>", Escaped(name))?;
    }
    if let Some((_, _, name)) = chart.band {
        write!(page, "<span><i class=\"band\"></i>{}</span>", Escaped(name))?;
    }
    page.push_str("</span>");
    Ok(())
}

fn write_drawing(
    page: &mut String,
    chart: &Chart<'_>,
    frame: &Frame,
    marks: &[f64],
) -> std::fmt::Result {
    if let Some((from, to, _)) = chart.band {
        let (left, right) = (frame.x(from) * WIDTH, frame.x(to) * WIDTH);
        let width = (right - left).max(1.0);
        writeln!(
            page,
            "<rect class=\"band\" x=\"{left:.1}\" y=\"0\" width=\"{width:.1}\" height=\"{HEIGHT}\"/>"
        )?;
    }
    for mark in marks {
        let y = frame.y(*mark) * HEIGHT;
        writeln!(page, "<path class=\"grid\" d=\"M0 {y:.1}H{WIDTH}\"/>")?;
    }
    for line in &chart.lines {
        let kept = thinned(line.points, BUCKETS);
        let mut path = String::new();
        let mut pen_down = false;
        for (time, value) in &kept {
            if !value.is_finite() {
                pen_down = false;
                continue;
            }
            let verb = if pen_down { 'L' } else { 'M' };
            write!(path, "{verb}{:.1} {:.1}", frame.x(*time) * WIDTH, frame.y(*value) * HEIGHT)?;
            pen_down = true;
        }
        if let (Some(fill), Some(start), Some(end)) = (line.fill_to, kept.first(), kept.last()) {
            let base = frame.y(fill.clamp(frame.low, frame.high)) * HEIGHT;
            let (left, right) = (frame.x(start.0) * WIDTH, frame.x(end.0) * WIDTH);
            writeln!(
                page,
                "<path class=\"area {}\" d=\"{path}L{right:.1} {base:.1}L{left:.1} {base:.1}Z\"/>",
                line.class
            )?;
        }
        writeln!(page, "<path class=\"line {}\" d=\"{path}\"/>", line.class)?;
    }
    if let Some((value, _)) = chart.level {
        let y = frame.y(value) * HEIGHT;
        writeln!(page, "<path class=\"level\" d=\"M0 {y:.1}H{WIDTH}\"/>")?;
    }
    Ok(())
}

fn write_labels(
    page: &mut String,
    chart: &Chart<'_>,
    frame: &Frame,
    marks: &[f64],
) -> std::fmt::Result {
    let step = marks.get(1).map_or(1.0, |second| second - marks[0]);
    for mark in marks {
        let top = frame.y(*mark) * 100.0;
        let text = signed(&label(*mark, step, chart.unit));
        writeln!(page, "<span class=\"y\" style=\"top:{top:.2}%\">{text}</span>")?;
    }
    for (place, (time, text)) in time_ticks(frame.first, frame.last).iter().enumerate() {
        let left = frame.x(*time) * 100.0;
        // Every other label gives way on narrow screens.
        let minor = if place % 2 == 1 { " minor" } else { "" };
        let edge = if left > 98.5 { " edge" } else { "" };
        writeln!(page, "<span class=\"x{minor}{edge}\" style=\"left:{left:.2}%\">{text}</span>")?;
    }
    Ok(())
}

/// The values under the cursor, as JSON beside the drawing: milliseconds and numbers, a list a line.
fn write_values(page: &mut String, chart: &Chart<'_>) -> std::fmt::Result {
    page.push_str("<script type=\"application/json\">[");
    for (place, line) in chart.lines.iter().enumerate() {
        let separator = if place == 0 { "" } else { "," };
        let name = serde_json::Value::from(line.name).to_string().replace('<', "\\u003c");
        write!(page, "{separator}{{\"name\":{name},\"t\":[")?;
        let kept: Vec<Point> =
            thinned(line.points, BUCKETS).into_iter().filter(|(_, v)| v.is_finite()).collect();
        for (i, (time, _)) in kept.iter().enumerate() {
            write!(page, "{}{}", if i == 0 { "" } else { "," }, time.div_euclid(1_000_000))?;
        }
        page.push_str("],\"v\":[");
        for (i, (_, value)) in kept.iter().enumerate() {
            let places = if chart.unit == Unit::Money { 2 } else { 5 };
            write!(page, "{}{value:.places$}", if i == 0 { "" } else { "," })?;
        }
        page.push_str("]}");
    }
    page.push_str("]</script>");
    Ok(())
}
