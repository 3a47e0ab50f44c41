//! Reads and writes a profile as TOML.

use toml::Value;

use super::catalog::one_line;
use super::{Profile, ProfileError};

impl Profile {
    /// Reads and checks a profile's text; `path_shown` is what messages call it.
    ///
    /// # Errors
    /// [`ProfileError::Malformed`] where it is not TOML or a key is missing or unknown; [`ProfileError::Figure`] where a
    /// figure is out of its range, contradicts another, or names no source. Each message is one line.
    pub fn parse(path_shown: &str, text: &str) -> Result<Self, ProfileError> {
        let profile: Self = from_toml(path_shown, text)?;
        profile.check().map_err(|found| refused(path_shown, found))?;
        Ok(profile)
    }

    /// The profile as TOML that [`Profile::parse`] reads back to the same value. One line per figure, sections in the
    /// order of `profiles/FORMAT.md`, keys by name.
    pub fn to_toml(&self) -> String {
        let sections = ["machine", "core", "integer", "scalar", "simd", "cache", "memory", "sources"];
        to_toml(&self.as_table(), &["schema", "id", "name", "class", "year"], &sections)
    }

    pub(super) fn as_table(&self) -> toml::Table {
        toml::Table::try_from(self).expect("a profile is strings, numbers and tables of them")
    }
}

/// A profile's table as text: its heading, then its sections in this order.
pub(super) fn to_toml(root: &toml::Table, heading: &[&str], sections: &[&str]) -> String {
    let mut text = String::new();
    let lines = |text: &mut String, entries: &toml::Table| {
        for (key, value) in entries {
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
    for key in heading {
        text.push_str(&format!("{key} = {}\n", root[*key]));
    }
    for section in sections {
        match root.get(*section) {
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

/// Reads a file of any kind of machine; messages are one line and say where.
pub(super) fn from_toml<T: serde::de::DeserializeOwned>(path_shown: &str, text: &str) -> Result<T, ProfileError> {
    toml::from_str(text).map_err(|e| {
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
    })
}

/// What a check found, with the file.
pub(super) fn refused(path_shown: &str, (key, reason): (String, String)) -> ProfileError {
    ProfileError::Figure { path: one_line(path_shown), key, reason }
}
