//! From tokens to expressions whose kinds fit.

use barrow_format::LogicalType;

use super::call;
use super::error::Problem;
use super::expression::{Comparison, Number, Operation, Scope, Truth, Unary, divisor};
use super::lex::{Kind, Token};
use super::when::When;

/// Deeper than anybody writes; keeps hostile input from exhausting the stack.
const DEPTH_MAX: usize = 64;

pub(super) type Parsed<T> = Result<T, (usize, Problem)>;

/// What a piece of the condition stands for, before it is known what is wanted of it.
pub(super) enum Value {
    Number(Number),
    Truth(Truth),
    When(When),
    Text(String),
    TimeColumn,
    SymbolColumn,
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) => "a number",
            Self::Truth(_) => "a condition",
            Self::When(_) => "a date",
            Self::Text(_) => "text",
            Self::TimeColumn => "the time of a bar",
            Self::SymbolColumn => "the symbol of an asset",
        }
    }
}

pub(super) struct Parser<'a> {
    pub(super) tokens: &'a [Token],
    pub(super) next: usize,
    end: usize,
    scope: &'a Scope,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn over(tokens: &'a [Token], text: &str, scope: &'a Scope) -> Self {
        Self { tokens, next: 0, end: text.chars().count(), scope, depth: 0 }
    }

    pub(super) fn take_comma(&mut self) -> bool {
        let is_it = matches!(self.peek(), Some(Token { kind: Kind::Comma, .. }));
        self.next += usize::from(is_it);
        is_it
    }

    /// What stands between parentheses that are open, separated by commas, and where each begins.
    pub(super) fn arguments(&mut self) -> Parsed<Vec<(Value, usize)>> {
        let mut found = Vec::new();
        if matches!(self.peek(), Some(Token { kind: Kind::Close, .. })) {
            self.next += 1;
            return Ok(found);
        }
        self.deeper()?;
        loop {
            let at = self.at();
            found.push((self.any()?, at));
            if !self.take_comma() {
                break;
            }
        }
        self.close()?;
        self.depth -= 1;
        Ok(found)
    }

    fn deeper(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err((self.at(), Problem::TooDeep { limit: DEPTH_MAX }));
        }
        Ok(())
    }

    pub(super) fn close(&mut self) -> Parsed<()> {
        let Some(Token { kind: Kind::Close, .. }) = self.peek() else {
            return self.unexpected("`)`");
        };
        self.next += 1;
        Ok(())
    }
    pub(super) fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.next)
    }

    pub(super) fn at(&self) -> usize {
        self.peek().map_or(self.end, |token| token.at)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token { kind: Kind::Word(found), .. })
            if found.eq_ignore_ascii_case(word));
        self.next += usize::from(is_it);
        is_it
    }

    pub(super) fn unexpected<T>(&self, expected: &'static str) -> Parsed<T> {
        let found = self.peek().map_or("the end".to_owned(), quoted);
        Err((self.at(), Problem::Expected { expected, found }))
    }

    pub(super) fn any(&mut self) -> Parsed<Value> {
        let at = self.at();
        let mut value = self.and_chain()?;
        while self.take_word("or") {
            let left = self.truth(value, at)?;
            let right_at = self.at();
            let right = self.and_chain()?;
            let right = self.truth(right, right_at)?;
            value = Value::Truth(Truth::Or(Box::new(left), Box::new(right)));
        }
        Ok(value)
    }

    fn and_chain(&mut self) -> Parsed<Value> {
        let at = self.at();
        let mut value = self.negation()?;
        while self.take_word("and") {
            let left = self.truth(value, at)?;
            let right_at = self.at();
            let right = self.negation()?;
            let right = self.truth(right, right_at)?;
            value = Value::Truth(Truth::And(Box::new(left), Box::new(right)));
        }
        Ok(value)
    }

    fn negation(&mut self) -> Parsed<Value> {
        let mut negated = false;
        while self.take_word("not") {
            negated = !negated;
        }
        let at = self.at();
        let value = self.comparison()?;
        if !negated {
            return Ok(value);
        }
        let truth = self.truth(value, at)?;
        Ok(Value::Truth(Truth::Not(Box::new(truth))))
    }

    fn comparison(&mut self) -> Parsed<Value> {
        let at = self.at();
        let left = self.sum()?;
        let Some(Token { kind: Kind::Comparison(comparison), .. }) = self.peek() else {
            return Ok(left);
        };
        self.next += 1;
        let right = self.sum()?;
        if let Some(Token { kind: Kind::Comparison(_), at, .. }) = self.peek() {
            return Err((*at, Problem::Chained));
        }
        compare(*comparison, left, right).map(Value::Truth).map_err(|problem| (at, problem))
    }

    fn sum(&mut self) -> Parsed<Value> {
        self.chain(&[Operation::Add, Operation::Subtract], Self::product)
    }

    fn product(&mut self) -> Parsed<Value> {
        self.chain(&[Operation::Multiply, Operation::Divide], Self::unary)
    }

    /// A chain of `operations` of equal rank, from the left.
    fn chain(
        &mut self,
        operations: &[Operation],
        operand: fn(&mut Self) -> Parsed<Value>,
    ) -> Parsed<Value> {
        let at = self.at();
        let mut value = operand(self)?;
        while let Some(Token { kind: Kind::Operation(operation), .. }) = self.peek()
            && operations.contains(operation)
        {
            self.next += 1;
            let left = Box::new(self.number(value, at)?);
            let right_at = self.at();
            let right = operand(self)?;
            let right = Box::new(self.number(right, right_at)?);
            value = Value::Number(Number::Binary { operation: *operation, left, right });
        }
        Ok(value)
    }

    fn unary(&mut self) -> Parsed<Value> {
        let mut negated = false;
        while let Some(Token { kind: Kind::Operation(Operation::Subtract), .. }) = self.peek() {
            self.next += 1;
            negated = !negated;
        }
        let at = self.at();
        let value = self.atom()?;
        if !negated {
            return Ok(value);
        }
        let number = self.number(value, at)?;
        Ok(Value::Number(Number::Unary { function: Unary::Negate, inner: Box::new(number) }))
    }

    fn atom(&mut self) -> Parsed<Value> {
        let Some(token) = self.peek() else { return self.unexpected("a column or a value") };
        self.next += 1;
        match &token.kind {
            Kind::Number(value) => Ok(Value::Number(Number::Constant(*value))),
            Kind::When(when) => Ok(Value::When(*when)),
            Kind::Text(text) => Ok(Value::Text(text.clone())),
            Kind::Open => self.enclosed(Self::any),
            Kind::Word(word) => {
                let is_call = matches!(self.peek(), Some(Token { kind: Kind::Open, .. }));
                if is_call && self.scope.place(word).is_none() {
                    self.next += 1;
                    return call::call(self, word, token.at);
                }
                self.column(word, token.at)
            }
            Kind::Column(name) => self.column(name, token.at),
            Kind::Comparison(_) | Kind::Operation(_) | Kind::Close | Kind::Comma => {
                self.next -= 1;
                self.unexpected("a column or a value")
            }
        }
    }

    /// What stands before the closing parenthesis.
    fn enclosed(&mut self, inside: fn(&mut Self) -> Parsed<Value>) -> Parsed<Value> {
        self.deeper()?;
        let value = inside(self)?;
        self.close()?;
        self.depth -= 1;
        Ok(value)
    }

    pub(super) fn column(&self, name: &str, at: usize) -> Parsed<Value> {
        if let Some(place) = self.scope.place(name) {
            let logical = self.scope.columns[place].logical;
            return Ok(match logical {
                LogicalType::Timestamp if place == 0 => Value::TimeColumn,
                _ => Value::Number(Number::Column { place, divisor: divisor(logical) }),
            });
        }
        if name == "symbol" {
            return Ok(Value::SymbolColumn);
        }
        let nearest = self.scope.nearest(name);
        Err((at, Problem::UnknownColumn { name: name.to_owned(), nearest }))
    }

    pub(super) fn truth(&self, value: Value, at: usize) -> Parsed<Truth> {
        match value {
            Value::Truth(truth) => Ok(truth),
            _ if self.next >= self.tokens.len() => {
                let expected = "a comparison such as `> 100`";
                Err((self.end, Problem::Expected { expected, found: "the end".to_owned() }))
            }
            other => Err((at, expected("a condition", &other))),
        }
    }

    #[expect(clippy::unused_self, reason = "reads like `truth` beside it")]
    pub(super) fn number(&self, value: Value, at: usize) -> Parsed<Number> {
        match value {
            Value::Number(number) => Ok(number),
            other => Err((at, expected("a number", &other))),
        }
    }
}

pub(super) fn expected(expected: &'static str, found: &Value) -> Problem {
    Problem::Expected { expected, found: found.kind().to_owned() }
}

fn quoted(token: &Token) -> String {
    format!("`{}`", token.text)
}

fn compare(comparison: Comparison, left: Value, right: Value) -> Result<Truth, Problem> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            Ok(Truth::Numbers { comparison, left, right })
        }
        (Value::TimeColumn, Value::When(when)) => Ok(Truth::Time { comparison, when }),
        (Value::TimeColumn, Value::Text(text)) => match text.parse() {
            Ok(when) => Ok(Truth::Time { comparison, when }),
            Err(_) => Err(Problem::Time { text }),
        },
        (Value::SymbolColumn, Value::Text(text)) => Ok(Truth::Symbol { comparison, text }),
        // Said the other way round, with the column on the right.
        (
            left @ (Value::When(_) | Value::Text(_)),
            right @ (Value::TimeColumn | Value::SymbolColumn),
        ) => compare(comparison.flipped(), right, left),
        (left, right) => Err(Problem::Kinds { left: left.kind(), right: right.kind() }),
    }
}
