//! Reads and writes a profile as TOML: what profiles of every kind of machine share.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::Value;

use super::catalog::one_line;
use super::check::{Check, collect, ensure};
use super::{Profile, ProfileError};

/// Reads a profile's text and has it checked; `path_shown` is what messages call it.
pub(super) fn parse_checked<P: DeserializeOwned + Serialize>(
    path_shown: &str,
    text: &str,
    check: impl Fn(&P) -> Check,
) -> Result<P, ProfileError> {
    let profile: P = toml::from_str(text).map_err(|e| malformed(path_shown, text, &e))?;
    let checked = check(&profile).and_then(|()| nothing_dropped(&profile, text));
    checked.map_err(|(key, reason)| ProfileError::Figure { path: one_line(path_shown), key, reason })?;
    Ok(profile)
}

/// What TOML's parser says of a text, with the place.
pub(super) fn malformed(path_shown: &str, text: &str, e: &toml::de::Error) -> ProfileError {
    let first = one_line(e.message().lines().next().unwrap_or("not TOML"));
    let reason = match e.span().and_then(|span| text.get(..span.start)) {
        Some(before) => {
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
            format!("line {line}, column {column}: {first}")
        }
        None => first,
    };
    ProfileError::Malformed { path: one_line(path_shown), reason }
}

/// A figure of several numbers has no more of them in the text than were read: serde leaves a list's rest unread.
fn nothing_dropped<P: Serialize>(profile: &P, text: &str) -> Check {
    let tables = (text.parse::<toml::Table>(), toml::Table::try_from(profile));
    let (Ok(given), Ok(read)) = tables else { return Ok(()) };
    let numbers = |table: &toml::Table| {
        let mut figures = Vec::new();
        table.iter().for_each(|(key, value)| collect(key, value, &mut figures));
        let lists = figures.into_iter().filter_map(|(path, value, _)| Some((path, value.as_array()?.len())));
        lists.collect::<BTreeMap<_, _>>()
    };
    let read = numbers(&read);
    for (path, n) in numbers(&given) {
        let wanted = read.get(&path).copied().unwrap_or(n);
        ensure(n == wanted, &path, || format!("{n} numbers where {wanted} are wanted"))?;
    }
    Ok(())
}

/// A profile's table as text: the `heads`, then the `sections`, one line per figure, keys by name.
pub(super) fn section_lines(root: &toml::Table, heads: &[&str], sections: &[&str]) -> String {
    let mut text = String::new();
    let lines = |text: &mut String, entries: &toml::Table| {
        for (key, value) in entries {
            let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
            let key = if plain { key.clone() } else { Value::String(key.clone()).to_string() };
            // A figure reads better with its value first; tables are kept by key.
            let line = match (value.get("value"), value.get("source")) {
                (Some(figure), Some(source)) => {
                    format!("{key} = {{ value = {figure}, source = {source} }}\n")
                }
                _ => format!("{key} = {value}\n"),
            };
            text.push_str(&line);
        }
    };
    for &key in heads {
        text.push_str(&format!("{key} = {}\n", root[key]));
    }
    for &section in sections {
        match root.get(section) {
            Some(Value::Table(entries)) => {
                text.push_str(&format!("\n[{section}]\n"));
                lines(&mut text, entries);
            }
            Some(Value::Array(levels)) => {
                for entries in levels.iter().filter_map(Value::as_table) {
                    text.push_str(&format!("\n[[{section}]]\n"));
                    lines(&mut text, entries);
                }
            }
            _ => {}
        }
    }
    text
}

impl Profile {
    /// Reads and checks a profile's text; `path_shown` is what messages call it.
    ///
    /// # Errors
    /// [`ProfileError::Malformed`] where it is not TOML or a key is missing or unknown; [`ProfileError::Figure`] where a
    /// figure is out of its range, contradicts another, or names no source. Each message is one line.
    pub fn parse(path_shown: &str, text: &str) -> Result<Self, ProfileError> {
        parse_checked(path_shown, text, Self::check)
    }

    /// The profile as TOML that [`Profile::parse`] reads back to the same value. One line per figure, sections in the
    /// order of `profiles/FORMAT.md`, keys by name.
    pub fn to_toml(&self) -> String {
        let sections = [
            "machine",
            "core",
            "integer",
            "scalar",
            "simd",
            "cache",
            "memory",
            "peak",
            "level",
            "paging",
            "residuals",
            "sources",
        ];
        section_lines(&self.as_table(), &["schema", "id", "name", "class", "year"], &sections)
    }

    pub(super) fn as_table(&self) -> toml::Table {
        toml::Table::try_from(self).expect("a profile is strings, numbers and tables of them")
    }
}
