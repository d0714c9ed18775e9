//! Tables on the page.

use std::fmt::{self, Write};

use super::html::{Escaped, signed};
use super::{CellKind, Table};

/// Writes the table; nothing when it has no rows.
pub(super) fn write_table(page: &mut String, table: &Table) -> fmt::Result {
    if table.rows.is_empty() {
        return Ok(());
    }
    write!(page, "<figure class=\"block\"><figcaption><b>{}</b>", Escaped(&table.heading))?;
    if !table.note.is_empty() {
        write!(page, " <span>{}</span>", Escaped(&table.note))?;
    }
    page.push_str("</figcaption>\n<div class=\"scroll\"><table class=\"rows\"><thead><tr>");
    for head in &table.columns {
        write!(page, "<th class=\"{}\">{}</th>", class(head.kind), Escaped(&head.name))?;
    }
    page.push_str("</tr></thead><tbody>\n");
    for row in &table.rows {
        page.push_str("<tr>");
        for (cell, head) in row.iter().zip(&table.columns) {
            let sign = match head.kind {
                CellKind::Gain if cell.starts_with('-') && cell.len() > 1 => " loss",
                CellKind::Gain if cell.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) => " gain",
                _ => "",
            };
            let text = match head.kind {
                CellKind::Text => Escaped(cell).to_string(),
                CellKind::Number | CellKind::Gain => signed(cell),
            };
            write!(page, "<td class=\"{}{sign}\">{text}</td>", class(head.kind))?;
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div></figure>\n");
    Ok(())
}

fn class(kind: CellKind) -> &'static str {
    match kind {
        CellKind::Text => "t",
        CellKind::Number | CellKind::Gain => "n",
    }
}
