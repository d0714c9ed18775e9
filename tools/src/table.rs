//! Tables for the terminal: aligned columns, a line below the heads, no borders.

use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

use crate::printer::{Printer, Tone};

/// How a column is set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Rows under heads.
#[derive(Debug)]
pub(crate) struct Sheet {
    table: Table,
    aligns: Vec<CellAlignment>,
}

impl Sheet {
    /// A table with these heads and no rows.
    pub(crate) fn new<S: AsRef<str>>(heads: impl IntoIterator<Item = (S, Align)>) -> Self {
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.force_no_tty();
        let (mut names, mut aligns) = (Vec::new(), Vec::new());
        for (name, align) in heads {
            let align = match align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            };
            names.push(Cell::new(name.as_ref()).set_alignment(align));
            aligns.push(align);
        }
        table.set_header(names);
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        Self { table, aligns }
    }

    /// Adds a row; cells beyond the heads are dropped.
    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let cells = cells
            .into_iter()
            .zip(&self.aligns)
            .map(|(cell, align)| Cell::new(cell.as_ref()).set_alignment(*align));
        self.table.add_row(cells.collect::<Vec<_>>());
    }

    /// Prints the table, each line behind `indent`.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub(crate) fn print(
        &self,
        out: &mut impl Write,
        printer: Printer,
        indent: &str,
    ) -> io::Result<()> {
        for (place, line) in self.table.lines().enumerate() {
            let line = line.trim_end();
            if place == 0 {
                writeln!(out, "{indent}{}", printer.out(line, Tone::Strong))?;
            } else {
                writeln!(out, "{indent}{line}")?;
            }
        }
        Ok(())
    }
}

/// Prints names and values in two columns, each line behind `indent`.
///
/// # Errors
/// When `out` cannot be written.
pub(crate) fn print_facts(
    out: &mut impl Write,
    printer: Printer,
    indent: &str,
    facts: &[(&str, String)],
) -> io::Result<()> {
    let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in facts {
        writeln!(out, "{indent}{:<width$}  {value}", printer.out(name, Tone::Faint))?;
    }
    Ok(())
}
