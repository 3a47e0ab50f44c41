//! What an encoder sees of an instruction: its operands as tokens, and the values of expressions in them.

use super::expression::{Lookup, Value, evaluate};
use super::lex::Token;

/// One operand: what stands between commas that are in no parentheses.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a>(&'a [Token]);

impl<'a> Operand<'a> {
    /// The operands in these tokens.
    pub(super) fn split(tokens: &'a [Token]) -> Vec<Self> {
        if tokens.is_empty() {
            return Vec::new();
        }
        let mut depth = 0;
        let separates = |token: &Token| {
            match token {
                Token::Sign("(" | "[") => depth += 1,
                Token::Sign(")" | "]") => depth -= 1,
                _ => {}
            }
            depth == 0 && *token == Token::Sign(",")
        };
        tokens.split(separates).map(Operand).collect()
    }

    /// Its tokens.
    pub(super) fn tokens(self) -> &'a [Token] {
        self.0
    }

    /// The one word it consists of, in lower case: a register, say.
    pub fn word(self) -> Option<String> {
        match self.0 {
            [Token::Word(word)] => Some(word.to_ascii_lowercase()),
            _ => None,
        }
    }

    /// The text it consists of.
    pub fn text(self) -> Option<&'a str> {
        match self.0 {
            [Token::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// What follows a `#`.
    pub fn immediate(self) -> Option<Operand<'a>> {
        match self.0.split_first() {
            Some((Token::Sign("#"), rest)) => Some(Operand(rest)),
            _ => None,
        }
    }

    /// The operands inside one pair of parentheses round the whole: of `(ix+5)` or `(table,x)`.
    pub fn parenthesized(self) -> Option<Vec<Operand<'a>>> {
        let (before, inside) = self.indexed()?;
        before.0.is_empty().then(|| Operand::split(inside.0))
    }

    /// What stands before the last pair of parentheses, and inside: of `offset(register)`.
    pub fn indexed(self) -> Option<(Operand<'a>, Operand<'a>)> {
        let (Token::Sign(")"), rest) = self.0.split_last()? else {
            return None;
        };
        let mut depth = 1;
        for (i, token) in rest.iter().enumerate().rev() {
            match token {
                Token::Sign(")") => depth += 1,
                Token::Sign("(") => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some((Operand(&rest[..i]), Operand(&rest[i + 1..])));
            }
        }
        None
    }

    /// Whether nothing is there.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Its first word in lower case and what follows it: of `ix+5`, `ix` and `+5`.
    pub fn first_word(self) -> Option<(String, Operand<'a>)> {
        match self.0.split_first() {
            Some((Token::Word(word), rest)) => Some((word.to_ascii_lowercase(), Operand(rest))),
            _ => None,
        }
    }
}

/// Where an instruction stands, and what its expressions are worth.
pub struct Context<'a> {
    pub(super) lookup: &'a dyn Lookup,
    pub(super) last_pass: bool,
}

impl Context<'_> {
    /// Whether values are final.
    pub fn last_pass(&self) -> bool {
        self.last_pass
    }

    /// Address of the instruction.
    pub fn address(&self) -> i64 {
        self.lookup.here()
    }

    /// The value of an operand. Only where it is not `forward` may the instruction's size depend on it.
    pub fn value(&self, operand: Operand<'_>) -> Result<Value, String> {
        evaluate(operand.0, self.lookup)
    }

    /// A value that must lie between two bounds in the end; in the first pass it may yet be anything.
    pub fn within(&self, operand: Operand<'_>, least: i64, most: i64) -> Result<i64, String> {
        let number = self.value(operand)?.number;
        self.checked(number, least, most)
    }

    /// The same of a number that was computed from a value.
    pub fn checked(&self, number: i64, least: i64, most: i64) -> Result<i64, String> {
        match number {
            _ if (least..=most).contains(&number) => Ok(number),
            _ if !self.last_pass => Ok(least.max(0)),
            _ => Err(format!("{number} is not within {least}..={most}")),
        }
    }

    /// A byte, signed or not.
    pub fn byte(&self, operand: Operand<'_>) -> Result<u8, String> {
        Ok(self.within(operand, -128, 255)? as u8)
    }

    /// Two bytes, signed or not, low byte first.
    pub fn word(&self, operand: Operand<'_>) -> Result<[u8; 2], String> {
        Ok((self.within(operand, -32768, 65535)? as u16).to_le_bytes())
    }

    /// The distance from an address to the operand's as a signed byte: of a branch.
    pub fn relative(&self, operand: Operand<'_>, from: i64) -> Result<u8, String> {
        let distance = self.value(operand)?.number - from;
        self.checked(distance, -128, 127)
            .map(|distance| distance as u8)
            .map_err(|_| format!("a branch over {distance} bytes, -128 to 127 reach"))
    }
}
