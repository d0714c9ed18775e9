//! From characters to tokens.

use super::error::Problem;
use super::expression::{Comparison, Operation};
use super::when::When;

/// More than anybody writes; keeps hostile input from exhausting the stack.
const TOKENS_MAX: usize = 2000;

/// A piece of an expression and how many characters stand before it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Kind,
    /// As typed, for error texts.
    pub(super) text: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Number(f64),
    When(When),
    Text(String),
    /// A word: a column, a keyword or a function.
    Word(String),
    /// A column in square brackets.
    Column(String),
    Comparison(Comparison),
    Operation(Operation),
    Open,
    Close,
    Comma,
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, (usize, Problem)> {
    let characters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        if character.is_whitespace() {
            at += 1;
            continue;
        }
        let (kind, len) = token(&characters[at..], character).map_err(|problem| (at, problem))?;
        if found.len() == TOKENS_MAX {
            return Err((at, Problem::TooLong { limit: TOKENS_MAX }));
        }
        let text = characters[at..at + len].iter().collect();
        found.push(Token { at, kind, text });
        at += len;
    }
    Ok(found)
}

/// The token at the beginning of `rest`, and how many characters it takes.
fn token(rest: &[char], first: char) -> Result<(Kind, usize), Problem> {
    let second = rest.get(1).copied();
    Ok(match (first, second) {
        ('<', Some('=')) => (Kind::Comparison(Comparison::LessOrEqual), 2),
        ('>', Some('=')) => (Kind::Comparison(Comparison::MoreOrEqual), 2),
        ('!', Some('=')) | ('<', Some('>')) => (Kind::Comparison(Comparison::Unequal), 2),
        ('=', Some('=')) => (Kind::Comparison(Comparison::Equal), 2),
        ('<', _) => (Kind::Comparison(Comparison::Less), 1),
        ('>', _) => (Kind::Comparison(Comparison::More), 1),
        ('=', _) => (Kind::Comparison(Comparison::Equal), 1),
        ('+', _) => (Kind::Operation(Operation::Add), 1),
        ('-', _) => (Kind::Operation(Operation::Subtract), 1),
        ('*', _) => (Kind::Operation(Operation::Multiply), 1),
        ('/', _) => (Kind::Operation(Operation::Divide), 1),
        ('(', _) => (Kind::Open, 1),
        (')', _) => (Kind::Close, 1),
        (',', _) => (Kind::Comma, 1),
        ('"' | '\'', _) => {
            let inside = enclosed(rest, first, first)?;
            let len = inside.chars().count() + 2;
            (Kind::Text(inside), len)
        }
        ('[', _) => {
            let inside = enclosed(rest, '[', ']')?;
            let len = inside.chars().count() + 2;
            (Kind::Column(inside), len)
        }
        (digit, _) if digit.is_ascii_digit() || digit == '.' => return number_or_date(rest),
        (letter, _) if letter.is_alphabetic() || letter == '_' => {
            let word = while_true(rest, |c| c.is_alphanumeric() || c == '_' || c == '.');
            let len = word.chars().count();
            (Kind::Word(word), len)
        }
        (character, _) => return Err(Problem::Character { character }),
    })
}

fn enclosed(rest: &[char], opened: char, closing: char) -> Result<String, Problem> {
    let inside = &rest[1..];
    let end = inside.iter().position(|c| *c == closing).ok_or(Problem::Unclosed { opened })?;
    Ok(inside[..end].iter().collect())
}

fn while_true(rest: &[char], keep: impl Fn(char) -> bool) -> String {
    rest.iter().copied().take_while(|c| keep(*c)).collect()
}

/// A number, or a date where four digits and a minus begin one (`2012-01-03`, with a time behind a `T`).
fn number_or_date(rest: &[char]) -> Result<(Kind, usize), Problem> {
    let is_date = rest.len() >= 10
        && rest[..10].iter().enumerate().all(|(place, c)| match place {
            4 | 7 => *c == '-',
            _ => c.is_ascii_digit(),
        });
    if is_date {
        let text = while_true(rest, |c| {
            c.is_ascii_digit() || matches!(c, '-' | '+' | ':' | '.' | 'T' | 'Z')
        });
        let len = text.chars().count();
        let when = text.parse().map_err(|_| Problem::Time { text })?;
        return Ok((Kind::When(when), len));
    }
    let mut len = 0;
    while let Some(&c) = rest.get(len) {
        let sign_of_exponent = matches!(c, '+' | '-') && matches!(rest[len - 1], 'e' | 'E');
        if !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || sign_of_exponent) {
            break;
        }
        len += 1;
    }
    let text: String = rest[..len].iter().collect();
    match text.replace('_', "").parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((Kind::Number(value), len)),
        _ => Err(Problem::Number { text }),
    }
}
