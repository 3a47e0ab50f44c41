//! Expressions over symbols, evaluated where they stand.

use super::lex::Token;

/// A number, and whether it follows from what stood above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// The number; in the first pass, of a forward reference, the address of the statement.
    pub number: i64,
    /// It names a symbol that is defined further down: sizes must not depend on it.
    pub forward: bool,
}

/// What an expression may look up.
pub trait Lookup {
    /// A symbol; an error where no pass defines it.
    fn symbol(&self, name: &str) -> Result<Value, String>;
    /// The address of the statement.
    fn here(&self) -> i64;
}

/// Binary operators by how tightly they bind, loosest first.
const BINDING: [&[&str]; 9] = [
    &["||"],
    &["&&"],
    &["==", "!=", "<", "<=", ">", ">="],
    &["|"],
    &["^"],
    &["&"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

/// The value of all the tokens as one expression.
pub fn evaluate(tokens: &[Token], lookup: &dyn Lookup) -> Result<Value, String> {
    if tokens.is_empty() {
        return Err("an expression is lacking".to_owned());
    }
    let mut parser = Parser { tokens, lookup, forward: false };
    let number = parser.whole()?;
    if !parser.tokens.is_empty() {
        return Err(format!("'{}' after the end of an expression", shown(&parser.tokens[0])));
    }
    Ok(Value { number, forward: parser.forward })
}

/// A token as it is written.
pub fn shown(token: &Token) -> String {
    match token {
        Token::Word(word) => word.clone(),
        Token::Number(number) => number.to_string(),
        Token::Text(text) => format!("\"{text}\""),
        Token::Sign(sign) => (*sign).to_owned(),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    lookup: &'a dyn Lookup,
    forward: bool,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first.clone())
    }

    fn whole(&mut self) -> Result<i64, String> {
        match self.tokens.first() {
            Some(Token::Sign("<")) => {
                self.next();
                Ok(self.whole()? & 0xff)
            }
            Some(Token::Sign(">")) => {
                self.next();
                Ok(self.whole()? >> 8 & 0xff)
            }
            _ => self.binary(0),
        }
    }

    fn binary(&mut self, level: usize) -> Result<i64, String> {
        let Some(operators) = BINDING.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        while let Some(&Token::Sign(sign)) = self.tokens.first() {
            if !operators.contains(&sign) {
                break;
            }
            self.next();
            let right = self.binary(level + 1)?;
            left = apply(sign, left, right)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<i64, String> {
        match self.next() {
            Some(Token::Number(number)) => Ok(number),
            Some(Token::Word(name)) => {
                let value = self.lookup.symbol(&name)?;
                self.forward |= value.forward;
                Ok(value.number)
            }
            Some(Token::Sign("-")) => Ok(self.unary()?.wrapping_neg()),
            Some(Token::Sign("+")) => self.unary(),
            Some(Token::Sign("~")) => Ok(!self.unary()?),
            Some(Token::Sign("!")) => Ok(i64::from(self.unary()? == 0)),
            Some(Token::Sign("*")) => Ok(self.lookup.here()),
            Some(Token::Sign(open @ ("(" | "["))) => {
                let inside = self.whole()?;
                let close = if open == "(" { ")" } else { "]" };
                match self.next() {
                    Some(Token::Sign(sign)) if sign == close => Ok(inside),
                    _ => Err(format!("'{open}' without its '{close}'")),
                }
            }
            Some(token) => Err(format!("'{}' where a value is wanted", shown(&token))),
            None => Err("an expression ends where a value is wanted".to_owned()),
        }
    }
}

fn apply(sign: &str, left: i64, right: i64) -> Result<i64, String> {
    let truth = |holds: bool| Ok(i64::from(holds));
    let shift = || u32::try_from(right).ok().filter(|&by| by < 64).ok_or(format!("a shift by {right}, 0 to 63 wanted"));
    match sign {
        "||" => truth(left != 0 || right != 0),
        "&&" => truth(left != 0 && right != 0),
        "==" => truth(left == right),
        "!=" => truth(left != right),
        "<" => truth(left < right),
        "<=" => truth(left <= right),
        ">" => truth(left > right),
        ">=" => truth(left >= right),
        "|" => Ok(left | right),
        "^" => Ok(left ^ right),
        "&" => Ok(left & right),
        "<<" => Ok(left << shift()?),
        ">>" => Ok(left >> shift()?),
        "+" => Ok(left.wrapping_add(right)),
        "-" => Ok(left.wrapping_sub(right)),
        "*" => Ok(left.wrapping_mul(right)),
        // Towards minus infinity, with a remainder that is never negative for a positive divisor: floor(n / 4) and tables.
        "/" => left.checked_div_euclid(right).ok_or("a division by zero".to_owned()),
        _ => left.checked_rem_euclid(right).ok_or("a remainder by zero".to_owned()),
    }
}
