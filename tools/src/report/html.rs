//! Text into HTML.

use std::fmt::{self, Display};

/// Shows `T` with the characters escaped that mean something in HTML text and attributes; what is not
/// ASCII becomes a character reference.
pub(super) struct Escaped<T>(pub(super) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        write!(Escaper(f), "{}", self.0)
    }
}

struct Escaper<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Escaper<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.write_str("&amp;")?,
                '<' => self.0.write_str("&lt;")?,
                '>' => self.0.write_str("&gt;")?,
                '"' => self.0.write_str("&quot;")?,
                '\'' => self.0.write_str("&#39;")?,
                c if c.is_ascii() => self.0.write_char(c)?,
                c => write!(self.0, "&#{};", u32::from(c))?,
            }
        }
        Ok(())
    }
}

/// A number that reads well in HTML: a true minus sign in front of negative ones.
pub(super) fn signed(text: &str) -> String {
    match text.strip_prefix('-') {
        Some(rest) if !rest.is_empty() => format!("&minus;{}", Escaped(rest)),
        _ => Escaped(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out() {
        let text = Escaped("<b a=\"x\" b='y'>&\u{e9}").to_string();
        assert_eq!(text, "&lt;b a=&quot;x&quot; b=&#39;y&#39;&gt;&amp;&#233;");
        assert_eq!(signed("-1.5%"), "&minus;1.5%");
        assert_eq!(signed("-"), "-");
    }
}
