//! A line into fields, quotes taken off: the careful way, for lines that the fast way does not take.

use std::borrow::Cow;

/// Splits a line (without its end) at `delimiter`, and appends its fields. Blanks around fields are taken off, quotes too,
/// and a doubled quote within quotes is one. `None` when a quote is not closed.
pub(crate) fn split<'l>(
    line: &'l [u8],
    delimiter: u8,
    fields: &mut Vec<Cow<'l, [u8]>>,
) -> Option<()> {
    let mut rest = line;
    loop {
        let blanks = rest.iter().take_while(|&&byte| byte == b' ' && delimiter != b' ').count();
        let begins = &rest[blanks..];
        if begins.first() == Some(&b'"') {
            let (field, after) = quoted(&begins[1..])?;
            fields.push(field);
            // What stands between the closing quote and the delimiter can only be blanks.
            match after.iter().position(|&byte| byte == delimiter) {
                Some(at) => rest = &after[at + 1..],
                None => return Some(()),
            }
        } else {
            let Some(at) = memchr::memchr(delimiter, rest) else {
                fields.push(Cow::Borrowed(rest.trim_ascii()));
                return Some(());
            };
            fields.push(Cow::Borrowed(rest[..at].trim_ascii()));
            rest = &rest[at + 1..];
        }
    }
}

/// The text up to the closing quote, and what follows it.
fn quoted(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let mut field = Cow::Borrowed(&text[..0]);
    let mut rest = text;
    let mut taken = 0;
    loop {
        let at = memchr::memchr(b'"', rest)?;
        taken += at;
        match &mut field {
            Cow::Borrowed(borrowed) => *borrowed = &text[..taken],
            Cow::Owned(owned) => owned.extend_from_slice(&rest[..at]),
        }
        rest = &rest[at + 1..];
        if rest.first() != Some(&b'"') {
            return Some((field, rest));
        }
        field.to_mut().push(b'"');
        rest = &rest[1..];
        taken += 2;
    }
}

/// The line (without its end) that begins at `at`, and the place of the next one.
pub(crate) fn line_at(block: &[u8], at: usize) -> (&[u8], usize) {
    let rest = &block[at.min(block.len())..];
    let (line, next) = match memchr::memchr(b'\n', rest) {
        Some(len) => (&rest[..len], at + len + 1),
        None => (rest, block.len()),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Option<Vec<String>> {
        let mut fields = Vec::new();
        split(line.as_bytes(), b',', &mut fields)?;
        Some(fields.iter().map(|field| String::from_utf8(field.to_vec()).unwrap()).collect())
    }

    #[test]
    fn fields_of_lines() {
        let cases: &[(&str, &[&str])] = &[
            ("a,b", &["a", "b"]),
            ("a", &["a"]),
            ("", &[""]),
            (",", &["", ""]),
            (" a , b ", &["a", "b"]),
            ("\"a,b\",c", &["a,b", "c"]),
            ("\"say \"\"hi\"\" now\",2", &["say \"hi\" now", "2"]),
            ("1, \"2\" ,3", &["1", "2", "3"]),
            ("\"\"", &[""]),
            ("\"\"\"\"", &["\""]),
        ];
        for (line, expected) in cases {
            assert_eq!(fields(line).unwrap(), *expected, "{line}");
        }
        assert_eq!(fields("a,\"b"), None);
    }

    #[test]
    fn lines_end_with_or_without_a_carriage_return() {
        let block = b"a\r\nb\n\nc";
        assert_eq!(line_at(block, 0), (&b"a"[..], 3));
        assert_eq!(line_at(block, 3), (&b"b"[..], 5));
        assert_eq!(line_at(block, 5), (&b""[..], 6));
        assert_eq!(line_at(block, 6), (&b"c"[..], 7));
    }
}
