//! The texts of a query: one condition, one number, a list of columns or of aggregates.

use super::aggregate::{Aggregate, Kind as AggregateKind};
use super::expression::{Item, Number, Operation, Scope, Truth};
use super::lex::{Kind, Token, tokens};
use super::parse::{Parsed, Parser, Value, expected};

/// Reads all of `text` as one condition.
pub(super) fn condition(text: &str, scope: &Scope) -> Parsed<Truth> {
    let tokens = tokens(text)?;
    let mut parser = Parser::over(&tokens, text, scope);
    let truth = parser.any()?;
    parser.end("`and`, `or` or the end")?;
    parser.truth(truth, 0)
}

/// Reads all of `text` as one number.
pub(super) fn number(text: &str, scope: &Scope) -> Parsed<Number> {
    let tokens = tokens(text)?;
    let mut parser = Parser::over(&tokens, text, scope);
    let value = parser.any()?;
    parser.end("an operation or the end")?;
    parser.number(value, 0)
}

/// Reads `text` as a list of columns and named numbers: `close, ret = close / lag(close, 1) - 1`.
pub(super) fn items(text: &str, scope: &Scope) -> Parsed<Vec<Item>> {
    let tokens = tokens(text)?;
    let mut parser = Parser::over(&tokens, text, scope);
    let mut found = Vec::new();
    loop {
        let name = parser.name();
        let (at, first) = (parser.at(), parser.next);
        let value = parser.any()?;
        let written = || parser.written(first);
        found.push(match value {
            Value::Number(Number::Column { place, .. }) => {
                let name = name.unwrap_or_else(|| scope.columns[place].name.clone());
                Item::Stored { name, place }
            }
            Value::Number(number) => Item::Number { name: name.unwrap_or_else(written), number },
            Value::Truth(truth) => Item::Truth { name: name.unwrap_or_else(written), truth },
            // They come first in every answer, asked for or not.
            Value::TimeColumn | Value::SymbolColumn if name.is_none() => {
                if !parser.take_comma() {
                    break;
                }
                continue;
            }
            other => return Err((at, expected("a number or a condition", &other))),
        });
        if !parser.take_comma() {
            break;
        }
    }
    parser.end("`,` or the end")?;
    Ok(found)
}

/// Reads `text` as a list of aggregates: `mean(close), range = max(high - low)`.
pub(super) fn aggregates(text: &str, scope: &Scope) -> Parsed<Vec<Aggregate>> {
    let tokens = tokens(text)?;
    let mut parser = Parser::over(&tokens, text, scope);
    let mut found = Vec::new();
    loop {
        let name = parser.name();
        let first = parser.next;
        let (kind, inner, weight) = parser.aggregate()?;
        let name = name.unwrap_or_else(|| parser.written(first));
        found.push(Aggregate { name, kind, inner, weight });
        if !parser.take_comma() {
            break;
        }
    }
    parser.end("`,` or the end")?;
    Ok(found)
}

impl Parser<'_> {
    fn end(&self, expected: &'static str) -> Parsed<()> {
        if self.peek().is_some() { self.unexpected(expected) } else { Ok(()) }
    }

    /// The name before a single `=`, if an item begins with one.
    fn name(&mut self) -> Option<String> {
        let (Kind::Word(name) | Kind::Column(name)) = &self.peek()?.kind else { return None };
        let follows = self.tokens.get(self.next + 1)?;
        // `==` compares, as everywhere.
        if follows.text != "=" {
            return None;
        }
        self.next += 2;
        Some(name.clone())
    }

    /// The tokens from place `first` on as text, as an unnamed column is called.
    fn written(&self, first: usize) -> String {
        let mut text = String::new();
        let mut end = None;
        for token in &self.tokens[first..self.next] {
            // As it was typed, but for the widths of gaps.
            if end.is_some_and(|end| token.at > end) {
                text.push(' ');
            }
            text.push_str(&token.text);
            end = Some(token.at + token.text.chars().count());
        }
        text
    }

    /// One aggregate: its kind, what it is of (nothing for the count of rows), and its weight.
    fn aggregate(&mut self) -> Parsed<(AggregateKind, Option<Number>, Option<Number>)> {
        let (Some(Token { kind: Kind::Word(word), at, .. }), Some(Token { kind: Kind::Open, .. })) =
            (self.peek(), self.tokens.get(self.next + 1))
        else {
            return self.unexpected("an aggregate such as `mean(close)`");
        };
        let kind = AggregateKind::of(word).map_err(|problem| (*at, problem))?;
        self.next += 2;
        let is_star =
            matches!(self.peek(), Some(Token { kind: Kind::Operation(Operation::Multiply), .. }));
        if kind == AggregateKind::Count && is_star {
            self.next += 1;
            self.close()?;
            return Ok((kind, None, None));
        }
        let mut arguments = self.arguments()?.into_iter();
        let found = arguments.len();
        let mut take = |parser: &Self| {
            arguments.next().map(|(value, at)| parser.number(value, at)).transpose()
        };
        let (inner, mut weight) = (take(self)?, take(self)?);
        kind.check_arguments(found).map_err(|problem| (*at, problem))?;
        if kind == AggregateKind::Vwap && weight.is_none() {
            let Value::Number(volume) = self.column("volume", *at)? else {
                return self.unexpected("a column `volume`");
            };
            weight = Some(volume);
        }
        Ok((kind, inner, weight))
    }
}
