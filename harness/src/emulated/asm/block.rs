//! Lines, and the blocks that directives make of them.

/// One line of a source.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    /// From 1.
    pub number: usize,
    /// As it is written.
    pub text: &'a str,
}

/// The line's part before its comment; a `;` in quotes is none.
pub fn without_comment(text: &str) -> &str {
    let mut quoted = false;
    let end = text.char_indices().find(|&(at, c)| {
        quoted ^= c == '"';
        c == ';' && !quoted && !text[..at].ends_with('\'')
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// The first word of a line that is no label.
fn directive(line: &Line<'_>) -> Option<String> {
    let word = |text: &str| text.split(|c: char| c.is_whitespace()).next().map(str::to_ascii_lowercase);
    word(without_comment(line.text).trim_start())
}

/// Lines until the end of a block, which may hold others of its kind.
pub fn body(lines: &[Line<'_>], begin: &[&str], end: &str) -> Result<usize, String> {
    let mut depth = 0;
    for (i, line) in lines.iter().enumerate() {
        match directive(line).as_deref() {
            Some(word) if begin.contains(&word) => depth += 1,
            Some(word) if word == end && depth == 0 => return Ok(i),
            Some(word) if word == end => depth -= 1,
            _ => {}
        }
    }
    Err(format!("'{}' without its '{end}'", begin[0]))
}

/// Where the `else` of this block stands.
pub fn otherwise(lines: &[Line<'_>]) -> Option<usize> {
    let mut depth = 0;
    lines.iter().position(|line| match directive(line).as_deref() {
        Some("if") => {
            depth += 1;
            false
        }
        Some("endif") => {
            depth -= 1;
            false
        }
        Some("else") => depth == 0,
        _ => false,
    })
}
