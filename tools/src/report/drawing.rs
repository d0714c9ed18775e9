//! Drawings without a clock: lines and dots on a plain of shares of one, labelled in HTML so that
//! text keeps its size at every width.

use std::fmt::{self, Write};

use super::html::{Escaped, signed};
use crate::numbers::{fixed, float_len};

/// Width and height of a drawing in its own units.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 300.0;

/// A drawing; all places are shares of one from the lower left.
#[derive(Clone, Debug, Default)]
pub struct Drawing {
    /// What it shows.
    pub title: String,
    /// Words beside it; may be empty.
    pub note: String,
    /// Lines, drawn in this order.
    pub strokes: Vec<Stroke>,
    /// Dots above the lines.
    pub dots: Vec<Dot>,
    /// Labels below, with their places.
    pub below: Vec<(f64, String)>,
    /// Labels at the left, with their heights.
    pub left: Vec<(f64, String)>,
    /// Upright lines across, such as the axes of parallel coordinates.
    pub uprights: Vec<f64>,
}

/// A line.
#[derive(Clone, Debug, Default)]
pub struct Stroke {
    /// Its corners.
    pub points: Vec<(f64, f64)>,
    /// CSS colour.
    pub colour: String,
    /// Width in pixels.
    pub width: f64,
}

/// A dot.
#[derive(Clone, Debug, Default)]
pub struct Dot {
    /// Where it is.
    pub at: (f64, f64),
    /// CSS colour.
    pub colour: String,
    /// Shown when pointed at.
    pub tip: String,
}

/// Values as dots from left to right, beside a line across at `level`; `None` without a value. `tip` says a dot by
/// its place and value.
pub(super) fn ranked(
    title: &str,
    note: &str,
    values: &[f64],
    level: f64,
    tip: &dyn Fn(usize, f64) -> String,
) -> Option<Drawing> {
    let span = Span::over(values.iter().copied().chain([level])).filter(|_| !values.is_empty())?;
    let place = |at: usize| (float_len(at) + 0.5) / float_len(values.len());
    let dot = |(at, value): (usize, &f64)| Dot {
        at: (place(at), span.share(*value)),
        colour: "var(--accent)".to_owned(),
        tip: tip(at, *value),
    };
    let height = span.share(level);
    Some(Drawing {
        title: title.to_owned(),
        note: note.to_owned(),
        strokes: vec![Stroke {
            points: vec![(0.0, height), (1.0, height)],
            colour: "var(--ink)".to_owned(),
            width: 1.0,
        }],
        dots: values.iter().enumerate().map(dot).collect(),
        left: span.marks().into_iter().map(|(at, value)| (at, fixed(value, 2))).collect(),
        ..Drawing::default()
    })
}

/// Writes a drawing; nothing for one without lines and dots.
pub(super) fn write_drawing(page: &mut String, drawing: &Drawing) -> fmt::Result {
    if drawing.strokes.is_empty() && drawing.dots.is_empty() {
        return Ok(());
    }
    write!(page, "<figure class=\"block\"><figcaption><b>{}</b>", Escaped(&drawing.title))?;
    if !drawing.note.is_empty() {
        write!(page, " <span>{}</span>", Escaped(&drawing.note))?;
    }
    page.push_str("</figcaption>\n<div class=\"drawing\">");
    for (height, text) in &drawing.left {
        write!(
            page,
            "<span class=\"left\" style=\"bottom:{:.2}%\">{}</span>",
            height * 100.0,
            signed(text)
        )?;
    }
    writeln!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
    )?;
    for (height, _) in &drawing.left {
        let y = (1.0 - height) * HEIGHT;
        writeln!(page, "<path class=\"grid\" d=\"M0 {y:.1}H{WIDTH}\"/>")?;
    }
    for place in &drawing.uprights {
        writeln!(page, "<path class=\"upright\" d=\"M{:.1} 0V{HEIGHT}\"/>", place * WIDTH)?;
    }
    for stroke in &drawing.strokes {
        let mut path = String::new();
        for (at, (x, y)) in stroke.points.iter().enumerate() {
            let letter = if at == 0 { 'M' } else { 'L' };
            write!(path, "{letter}{:.1} {:.1}", x * WIDTH, (1.0 - y) * HEIGHT)?;
        }
        writeln!(
            page,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" \
             vector-effect=\"non-scaling-stroke\"/>",
            Escaped(&stroke.colour),
            stroke.width
        )?;
    }
    page.push_str("</svg>");
    for dot in &drawing.dots {
        write!(
            page,
            "<i class=\"dot\" data-tip=\"{}\" style=\"left:{:.2}%;bottom:{:.2}%;background:{}\"></i>",
            Escaped(&dot.tip),
            dot.at.0 * 100.0,
            dot.at.1 * 100.0,
            Escaped(&dot.colour)
        )?;
    }
    page.push_str("</div>\n<div class=\"below\">");
    for (place, text) in &drawing.below {
        write!(page, "<span style=\"left:{:.2}%\">{}</span>", place * 100.0, signed(text))?;
    }
    page.push_str("</div></figure>\n");
    Ok(())
}

/// A linear scale from values to shares of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    low: f64,
    high: f64,
}

impl Span {
    /// The span of the finite values; `None` without two different ones.
    pub(super) fn over(values: impl Iterator<Item = f64>) -> Option<Span> {
        let values = values.filter(|value| value.is_finite());
        let (low, high) = values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        (low < high).then_some(Span { low, high })
    }

    /// Where a value lies.
    pub(super) fn share(self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Heights of round values within the span, with the values.
    pub(super) fn marks(self) -> Vec<(f64, f64)> {
        let marks = super::scale::ticks(self.low, self.high, 4);
        let inside = marks.into_iter().filter(|v| (self.low..=self.high).contains(v));
        inside.map(|value| (self.share(value), value)).collect()
    }
}
