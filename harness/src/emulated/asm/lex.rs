//! A line into tokens.

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A name; a leading `.` marks a local one.
    Word(String),
    /// A number.
    Number(i64),
    /// A string.
    Text(String),
    /// An operator or a separator.
    Sign(&'static str),
}

/// Signs, those of two characters first.
const SIGNS: [&str; 28] = [
    "<<", ">>", "==", "!=", "<=", ">=", "&&", "||", "(", ")", "[", "]", ",", "#", "+", "-", "*", "/", "%", "&", "|",
    "^", "~", "!", "<", ">", "=", ":",
];

/// The tokens of a line, without its comment.
pub fn tokens(line: &str) -> Result<Vec<Token>, String> {
    let mut found: Vec<Token> = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == ';' {
            break;
        }
        let operand_before = matches!(found.last(), Some(Token::Word(_) | Token::Number(_) | Token::Sign(")")));
        // `byte %101` and `7 % 2` differ by the blank: it stands before a number and on both sides of a remainder.
        let blank_before = line[..line.len() - rest.len()].ends_with(char::is_whitespace);
        let binary = rest.starts_with("%0") || rest.starts_with("%1");
        let taken = if first.is_ascii_digit() || first == '$' || binary && (blank_before || !operand_before) {
            let (number, length) = number(rest)?;
            found.push(Token::Number(number));
            length
        } else if first == '"' {
            let end = rest[1..].find('"').ok_or("a string without its closing quote")?;
            found.push(Token::Text(rest[1..1 + end].to_owned()));
            end + 2
        } else if first == '\'' {
            // `af'`, the other registers of a Z80, is part of the word before.
            let mut inside = rest[1..].chars();
            match (inside.next(), inside.next()) {
                (Some(c), Some('\'')) if c.is_ascii() => {
                    found.push(Token::Number(i64::from(c as u32)));
                    3
                }
                _ => return Err("a character stands between two quotes: 'c'".to_owned()),
            }
        } else if word_begins(first) {
            let mut length = rest.find(|c| !word_goes_on(c)).unwrap_or(rest.len());
            if rest[..length].eq_ignore_ascii_case("af") && rest[length..].starts_with('\'') {
                length += 1;
            }
            found.push(Token::Word(rest[..length].to_owned()));
            length
        } else {
            let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
            let sign = sign.ok_or_else(|| format!("'{first}' means nothing here"))?;
            found.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest[taken..].trim_start();
    }
    Ok(found)
}

/// The first character of a name.
pub fn word_begins(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == '.'
}

/// A further character of a name; `.` for mnemonics in parts.
fn word_goes_on(c: char) -> bool {
    word_begins(c) || c.is_ascii_digit()
}

/// A number at the beginning of a text, and its length.
fn number(text: &str) -> Result<(i64, usize), String> {
    let (radix, prefix) = match text.as_bytes() {
        [b'$', ..] => (16, 1),
        [b'0', b'x' | b'X', ..] => (16, 2),
        [b'%', ..] => (2, 1),
        _ => (10, 0),
    };
    let digits = &text[prefix..];
    let length = digits.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(digits.len());
    let digits = &digits[..length];
    i64::from_str_radix(&digits.replace('_', ""), radix)
        .map(|number| (number, prefix + length))
        .map_err(|_| format!("'{}' is no number of base {radix}", &text[..prefix + length]))
}
