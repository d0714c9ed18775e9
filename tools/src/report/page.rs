//! The page around the sections: head, heading, footer.

use std::fmt::{self, Write};

use super::html::{Escaped, signed};
use super::{Fact, Mood, Report, Section, Tile, run_section, study_section, sweep_section};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

pub(super) fn write_page(page: &mut String, report: &Report) -> fmt::Result {
    writeln!(page, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
    writeln!(page, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
    writeln!(page, "<meta name=\"color-scheme\" content=\"light dark\">")?;
    writeln!(page, "<title>{}</title>", Escaped(&report.title))?;
    writeln!(page, "<style>\n{STYLE}</style>\n</head>\n<body>\n<header>")?;
    writeln!(page, "<p class=\"brand\"><b>barrow</b> bars over arrow</p>")?;
    writeln!(page, "<h1>{}</h1>", Escaped(&report.title))?;
    writeln!(page, "<p class=\"subtitle\">{}</p>", Escaped(&report.subtitle))?;
    if !report.labels.is_empty() {
        page.push_str("<ul class=\"labels\">");
        for Fact { name, value } in &report.labels {
            write!(page, "<li><span>{}</span> {}</li>", Escaped(name), signed(value))?;
        }
        page.push_str("</ul>\n");
    }
    page.push_str("</header>\n<main>\n");
    for section in &report.sections {
        match section {
            Section::Run(run) => run_section::write_run(page, run)?,
            Section::Study(study) => study_section::write_study(page, study)?,
            Section::Sweep(sweep) => sweep_section::write_sweep(page, sweep)?,
        }
    }
    page.push_str("</main>\n<footer>\n<dl>\n");
    for Fact { name, value } in &report.footer {
        writeln!(page, "<div><dt>{}</dt><dd>{}</dd></div>", Escaped(name), Escaped(value))?;
    }
    page.push_str("</dl>\n</footer>\n<div id=\"tip\" hidden></div>\n");
    writeln!(page, "<script>\n{SCRIPT}</script>\n</body>\n</html>")
}

/// A section's heading and headline numbers.
pub(super) fn write_heading(
    page: &mut String,
    heading: &str,
    note: &str,
    tiles: &[Tile],
) -> fmt::Result {
    writeln!(page, "<section>\n<h2>{}</h2>", Escaped(heading))?;
    if !note.is_empty() {
        writeln!(page, "<p class=\"note\">{}</p>", Escaped(note))?;
    }
    page.push_str("<div class=\"tiles\">\n");
    for tile in tiles {
        let mood = match tile.mood {
            Mood::Plain => "",
            Mood::Good => " gain",
            Mood::Bad => " loss",
        };
        write!(page, "<div class=\"tile\"><span>{}</span>", Escaped(&tile.name))?;
        write!(page, "<b class=\"{}\">{}</b>", mood.trim_start(), signed(&tile.value))?;
        writeln!(page, "<small>{}</small></div>", signed(&tile.note))?;
    }
    page.push_str("</div>\n");
    Ok(())
}
