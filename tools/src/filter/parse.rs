//! From tokens to a condition whose kinds fit.

use barrow_format::{LogicalType, Schema};
use barrow_store::nearest;

use super::lex::{Kind, Token};
use super::{Comparison, Number, Operation, Problem, Truth, divisor};
use crate::instant::When;

/// Deeper than anybody writes; keeps hostile input from exhausting the stack.
const DEPTH_MAX: usize = 64;

type Parsed<T> = Result<T, (usize, Problem)>;

/// What a piece of the condition stands for, before it is known what is wanted of it.
enum Value {
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

/// Reads all of `tokens` as one condition; `end` is the length of the text in characters.
pub(super) fn condition(tokens: &[Token], end: usize, schema: &Schema) -> Parsed<Truth> {
    let mut parser = Parser { tokens, next: 0, end, schema, depth: 0 };
    let truth = parser.any()?;
    match parser.peek() {
        None => parser.truth(truth, 0),
        Some(token) => {
            let expected = "`and`, `or` or the end";
            Err((token.at, Problem::Expected { expected, found: quoted(token) }))
        }
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    next: usize,
    end: usize,
    schema: &'a Schema,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.next)
    }

    fn at(&self) -> usize {
        self.peek().map_or(self.end, |token| token.at)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token { kind: Kind::Word(found), .. })
            if found.eq_ignore_ascii_case(word));
        self.next += usize::from(is_it);
        is_it
    }

    fn unexpected<T>(&self, expected: &'static str) -> Parsed<T> {
        let found = self.peek().map_or("the end".to_owned(), quoted);
        Err((self.at(), Problem::Expected { expected, found }))
    }

    fn any(&mut self) -> Parsed<Value> {
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
        Ok(Value::Number(Number::Negate(Box::new(number))))
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
                if is_call && matches!(word.as_str(), "abs" | "missing") {
                    self.next += 1;
                    let at = self.at();
                    let value = self.enclosed(Self::sum)?;
                    let number = self.number(value, at)?;
                    return Ok(match word.as_str() {
                        "abs" => Value::Number(Number::Absolute(Box::new(number))),
                        _ => Value::Truth(Truth::Missing(number)),
                    });
                }
                self.column(word, token.at)
            }
            Kind::Column(name) => self.column(name, token.at),
            Kind::Comparison(_) | Kind::Operation(_) | Kind::Close => {
                self.next -= 1;
                self.unexpected("a column or a value")
            }
        }
    }

    /// What stands before the closing parenthesis.
    fn enclosed(&mut self, inside: fn(&mut Self) -> Parsed<Value>) -> Parsed<Value> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err((self.at(), Problem::TooDeep { limit: DEPTH_MAX }));
        }
        let value = inside(self)?;
        let Some(Token { kind: Kind::Close, .. }) = self.peek() else {
            return self.unexpected("`)`");
        };
        self.next += 1;
        self.depth -= 1;
        Ok(value)
    }

    fn column(&self, name: &str, at: usize) -> Parsed<Value> {
        if let Some(index) = self.schema.column_index(name) {
            let logical = self.schema.columns()[index].logical;
            return Ok(match logical {
                LogicalType::Timestamp if index == 0 => Value::TimeColumn,
                _ => Value::Number(Number::Column { index, divisor: divisor(logical) }),
            });
        }
        if name == "symbol" {
            return Ok(Value::SymbolColumn);
        }
        let names = self.schema.columns().iter().map(|column| column.name.as_str());
        let nearest = nearest(name, names.chain(["symbol"])).map(str::to_owned);
        Err((at, Problem::UnknownColumn { name: name.to_owned(), nearest }))
    }

    fn truth(&self, value: Value, at: usize) -> Parsed<Truth> {
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
    fn number(&self, value: Value, at: usize) -> Parsed<Number> {
        match value {
            Value::Number(number) => Ok(number),
            other => Err((at, expected("a number", &other))),
        }
    }
}

fn expected(expected: &'static str, found: &Value) -> Problem {
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
