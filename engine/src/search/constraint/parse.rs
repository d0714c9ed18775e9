//! From a text to a rule: recursive descent, `or` binding least, then `and`, `not`, comparisons, sums,
//! products, signs.

use super::{Comparison, Expr, Operator};
use crate::params::Value;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(Value),
    Text(String),
    Word(String),
    Compare(Comparison),
    Operator(Operator),
    Open,
    Close,
}

/// Deeper nesting is refused, so that no text exhausts the stack.
const DEPTH_MAX: usize = 100;

/// So is a longer rule: a chain of sums is as deep as it is long.
const TOKENS_MAX: usize = 2000;

const MALFORMED: &str = "expected a rule such as `fast < slow`";

pub(super) fn parse(text: &str) -> Result<Expr, &'static str> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let rule = parser.either()?;
    if parser.at == parser.tokens.len() { Ok(rule) } else { Err(MALFORMED) }
}

fn tokens(text: &str) -> Result<Vec<Token>, &'static str> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '+' => (Token::Operator(Operator::Add), 1),
            '-' => (Token::Operator(Operator::Subtract), 1),
            '*' => (Token::Operator(Operator::Multiply), 1),
            '/' => (Token::Operator(Operator::Divide), 1),
            '<' | '>' | '=' | '!' => comparison(rest)?,
            '"' | '\'' => {
                let end = rest[1..].find(first).ok_or("a quote is not closed")?;
                (Token::Text(rest[1..=end].to_owned()), end + 2)
            }
            _ if first.is_ascii_digit() || first == '.' => number(rest)?,
            _ if first.is_alphabetic() || first == '_' => {
                let part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
                let length = rest.find(|c| !part(c)).unwrap_or(rest.len());
                (Token::Word(rest[..length].to_owned()), length)
            }
            _ => return Err("it has a character that means nothing here"),
        };
        found.push(token);
        if found.len() > TOKENS_MAX {
            return Err("it is too long");
        }
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

fn comparison(rest: &str) -> Result<(Token, usize), &'static str> {
    let known = [
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("==", Comparison::Equal),
        ("!=", Comparison::Differs),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let found = known.iter().find(|(sign, _)| rest.starts_with(sign));
    let (sign, how) = found.ok_or("equality is written `==`")?;
    Ok((Token::Compare(*how), sign.len()))
}

fn number(rest: &str) -> Result<(Token, usize), &'static str> {
    let mut length = 0;
    let mut before = ' ';
    for c in rest.chars() {
        let exponent_sign = (c == '+' || c == '-') && (before == 'e' || before == 'E');
        if !(c.is_ascii_digit() || c == '.' || c == 'e' || c == 'E' || exponent_sign) {
            break;
        }
        length += 1;
        before = c;
    }
    match Value::parse(&rest[..length]) {
        value @ (Value::Int(_) | Value::Float(_)) => Ok((Token::Number(value), length)),
        _ => Err("it has a number that is none"),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn word(&mut self, word: &str) -> bool {
        let is = matches!(self.tokens.get(self.at), Some(Token::Word(found)) if found == word);
        self.at += usize::from(is);
        is
    }

    fn operator(&mut self, wanted: [Operator; 2]) -> Option<Operator> {
        match self.tokens.get(self.at) {
            Some(Token::Operator(found)) if wanted.contains(found) => {
                self.at += 1;
                Some(*found)
            }
            _ => None,
        }
    }

    fn either(&mut self) -> Result<Expr, &'static str> {
        let mut left = self.both()?;
        while self.word("or") {
            left = Expr::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Expr, &'static str> {
        let mut left = self.negation()?;
        while self.word("and") {
            left = Expr::And(Box::new(left), Box::new(self.negation()?));
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<Expr, &'static str> {
        if !self.word("not") {
            return self.comparison();
        }
        self.nested(|parser| Ok(Expr::Not(Box::new(parser.negation()?))))
    }

    fn comparison(&mut self) -> Result<Expr, &'static str> {
        let left = self.sum()?;
        let Some(Token::Compare(how)) = self.tokens.get(self.at).cloned() else { return Ok(left) };
        self.at += 1;
        Ok(Expr::Compare(Box::new(left), how, Box::new(self.sum()?)))
    }

    fn sum(&mut self) -> Result<Expr, &'static str> {
        let mut left = self.product()?;
        while let Some(operator) = self.operator([Operator::Add, Operator::Subtract]) {
            left = Expr::Arithmetic(Box::new(left), operator, Box::new(self.product()?));
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Expr, &'static str> {
        let mut left = self.signed()?;
        while let Some(operator) = self.operator([Operator::Multiply, Operator::Divide]) {
            left = Expr::Arithmetic(Box::new(left), operator, Box::new(self.signed()?));
        }
        Ok(left)
    }

    fn signed(&mut self) -> Result<Expr, &'static str> {
        match self.operator([Operator::Add, Operator::Subtract]) {
            Some(Operator::Subtract) => {
                self.nested(|parser| Ok(Expr::Negative(Box::new(parser.signed()?))))
            }
            Some(_) => self.nested(Parser::signed),
            None => self.atom(),
        }
    }

    fn atom(&mut self) -> Result<Expr, &'static str> {
        let token = self.tokens.get(self.at).cloned().ok_or(MALFORMED)?;
        self.at += 1;
        match token {
            Token::Number(value) => Ok(Expr::Constant(value)),
            Token::Text(text) => Ok(Expr::Constant(Value::Text(text))),
            Token::Word(word) => match word.as_str() {
                "true" => Ok(Expr::Constant(Value::Bool(true))),
                "false" => Ok(Expr::Constant(Value::Bool(false))),
                "and" | "or" | "not" => Err(MALFORMED),
                _ => Ok(Expr::Param(word)),
            },
            Token::Open => {
                let inside = self.nested(Parser::either)?;
                if self.tokens.get(self.at) != Some(&Token::Close) {
                    return Err("a parenthesis is not closed");
                }
                self.at += 1;
                Ok(inside)
            }
            Token::Compare(_) | Token::Operator(_) | Token::Close => Err(MALFORMED),
        }
    }

    fn nested(
        &mut self,
        inside: impl FnOnce(&mut Parser) -> Result<Expr, &'static str>,
    ) -> Result<Expr, &'static str> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("it is nested too deeply");
        }
        let result = inside(self);
        self.depth -= 1;
        result
    }
}
