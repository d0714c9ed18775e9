//! The closest spelling: what "did you mean" is made of.

/// Returns the candidate that is spelled most like `wanted`, if one is close enough to be meant.
///
/// Close enough is at most a third of the longer length in single-character edits (insert, delete, replace, swap of
/// neighbours: the optimal string alignment distance), at least one; letter case costs nothing. Of equally close
/// candidates the first wins. Costs O(`wanted` x candidate) for candidates of about the same length, and nothing but a
/// length comparison for others.
///
/// ```
/// assert_eq!(barrow_store::nearest("appl", ["MSFT", "AAPL"]), Some("AAPL"));
/// assert_eq!(barrow_store::nearest("TSLA", ["MSFT", "AAPL"]), None);
/// ```
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let len = wanted.chars().count();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let spelled = candidate.to_lowercase();
        let spelled_len = spelled.chars().count();
        let allowed = (len.max(spelled_len) / 3).max(1);
        let limit = best.map_or(allowed, |(distance, _)| allowed.min(distance.saturating_sub(1)));
        let settled = best.is_some_and(|(distance, _)| distance == 0);
        if settled || len.abs_diff(spelled_len) > limit {
            continue;
        }
        let distance = strsim::osa_distance(&wanted, &spelled);
        if distance <= limit {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
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
}
