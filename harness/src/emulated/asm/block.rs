//! Lines, and the blocks that directives make of them.

use super::AsmError;

/// One line of a source.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    /// Place of its file in the list of sources.
    pub source: usize,
    /// From 1.
    pub number: usize,
    /// As it is written.
    pub text: &'a str,
}

/// A file and its text.
pub struct Source {
    /// As messages name it.
    pub file: String,
    /// All of it.
    pub text: String,
}

/// Most files that a program may consist of: one that includes itself is refused.
const MOST_SOURCES: usize = 64;

/// A source and, in the order in which they are met, those that it includes, by `read`. An error says where it is wanted.
pub fn sources(file: &str, text: &str, read: &dyn Fn(&str) -> Result<Source, String>) -> Result<Vec<Source>, AsmError> {
    let mut all = vec![Source { file: file.to_owned(), text: text.to_owned() }];
    let mut at = 0;
    while at < all.len() {
        let mut found = Vec::new();
        for (number, line) in all[at].text.lines().enumerate() {
            let fail = |message| AsmError { file: all[at].file.clone(), line: number + 1, message };
            if let Some(name) = included(line) {
                found.push(read(name).map_err(fail)?);
                if all.len() + found.len() > MOST_SOURCES {
                    return Err(fail(format!("more than {MOST_SOURCES} files include each other")));
                }
            }
        }
        all.extend(found);
        at += 1;
    }
    Ok(all)
}

/// The lines of all sources, included ones in the place of the line that includes them.
pub fn lines(sources: &[Source]) -> Vec<Line<'_>> {
    // Files come in the order in which their lines were met, file by file.
    let mut first_of = Vec::new();
    let mut next = 1;
    for source in sources {
        first_of.push(next);
        next += source.text.lines().filter(|line| included(line).is_some()).count();
    }
    let mut made = Vec::new();
    push_lines(sources, &first_of, 0, &mut made);
    made
}

fn push_lines<'a>(sources: &'a [Source], first_of: &[usize], at: usize, made: &mut Vec<Line<'a>>) {
    let mut next = first_of[at];
    for (i, text) in sources[at].text.lines().enumerate() {
        if included(text).is_some() {
            push_lines(sources, first_of, next, made);
            next += 1;
        } else {
            made.push(Line { source: at, number: i + 1, text });
        }
    }
}

/// The file that a line includes.
fn included(line: &str) -> Option<&str> {
    let rest = without_comment(line).trim().strip_prefix("include ")?;
    rest.trim().strip_prefix('"')?.strip_suffix('"')
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
