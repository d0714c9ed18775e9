//! The closest spelling: what "did you mean" is made of.

/// Returns the candidate that is spelled most like `wanted`, if one is close enough to be meant.
///
/// Close enough is at most a third of the longer length in single-character edits (insert, delete, replace, swap of
/// neighbours), at least one; letter case costs nothing. Of equally close candidates the first wins. Costs
/// O(`wanted` x candidate) for candidates of about the same length, and nothing but a length comparison for others.
pub(crate) fn nearest<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted: Vec<char> = wanted.chars().flat_map(char::to_lowercase).collect();
    let mut rows = Rows::default();
    let mut letters = Vec::new();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        letters.clear();
        letters.extend(candidate.chars().flat_map(char::to_lowercase));
        let allowed = (wanted.len().max(letters.len()) / 3).max(1);
        let limit = best.map_or(allowed, |(distance, _)| allowed.min(distance.saturating_sub(1)));
        if best.is_some_and(|(distance, _)| distance == 0)
            || wanted.len().abs_diff(letters.len()) > limit
        {
            continue;
        }
        let distance = rows.distance(&wanted, &letters);
        if distance <= limit {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The three last rows of the edit-distance table, kept between candidates.
#[derive(Default)]
struct Rows {
    before: Vec<usize>,
    last: Vec<usize>,
    next: Vec<usize>,
}

impl Rows {
    /// Returns the number of single-character edits that turn `a` into `b`.
    fn distance(&mut self, a: &[char], b: &[char]) -> usize {
        self.last.clear();
        self.last.extend(0..=b.len());
        self.before.clone_from(&self.last);
        for (i, &from) in a.iter().enumerate() {
            self.next.clear();
            self.next.push(i + 1);
            for (j, &to) in b.iter().enumerate() {
                let replaced = self.last[j] + usize::from(from != to);
                let mut edits = replaced.min(self.last[j + 1] + 1).min(self.next[j] + 1);
                if i > 0 && j > 0 && from == b[j - 1] && a[i - 1] == to {
                    edits = edits.min(self.before[j - 1] + 1);
                }
                self.next.push(edits);
            }
            std::mem::swap(&mut self.before, &mut self.last);
            std::mem::swap(&mut self.last, &mut self.next);
        }
        self.last[b.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: &str, candidates: &[&str], expected: Option<&str>) {
        assert_eq!(nearest(wanted, candidates.iter().copied()), expected, "{wanted}");
    }

    #[test]
    fn a_close_spelling_is_found() {
        let symbols = ["AAPL", "ABT", "BRK.B", "GOOG", "GOOGL", "MSFT"];
        check("APPL", &symbols, Some("AAPL"));
        check("AALP", &symbols, Some("AAPL"));
        check("aapl", &symbols, Some("AAPL"));
        check("BRK-B", &symbols, Some("BRK.B"));
        check("GOOGLE", &symbols, Some("GOOGL"));
        check("MSTF", &symbols, Some("MSFT"));
        check("ABC", &symbols, Some("ABT"));
    }

    #[test]
    fn a_far_spelling_is_not() {
        check("TSLA", &["AAPL", "MSFT"], None);
        check("X", &["MSFT"], None);
        check("AAPL", &[], None);
        check("", &["AAPL"], None);
    }

    #[test]
    fn the_first_of_equals_wins() {
        check("AB", &["AC", "AD"], Some("AC"));
        check("AD", &["AC", "AD"], Some("AD"));
    }

    #[test]
    fn the_distance_counts_edits() {
        let distance = |a: &str, b: &str| {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            Rows::default().distance(&letters(a), &letters(b))
        };
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abcd", "abdc"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("ca", "abc"), 3);
    }
}
