//! `FILE[:TENSOR]`, how a user names weights on the command line.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::ModelError;

/// A model file and, if named, one tensor of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightsSelector {
    /// The model file; not checked to exist.
    pub file: PathBuf,
    /// The tensor's name in it.
    pub tensor: Option<String>,
}

impl WeightsSelector {
    /// A path may itself hold colons: the longest part before a colon that `exists` is the file. Where none does, the
    /// last colon is the separator, so that the error about the missing file names what the user meant.
    fn split(text: &str, exists: impl Fn(&Path) -> bool) -> Option<Self> {
        let at = |i: usize| Self { file: text[..i].into(), tensor: Some(text[i + 1..].to_owned()) };
        let colons = || text.rmatch_indices(':').map(|(i, _)| i);
        let selector = if exists(Path::new(text)) {
            Self { file: text.into(), tensor: None }
        } else if let Some(i) = colons().find(|&i| exists(Path::new(&text[..i]))).or_else(|| colons().next()) {
            at(i)
        } else {
            Self { file: text.into(), tensor: None }
        };
        let named = selector.tensor.as_ref().is_none_or(|t| !t.is_empty());
        (named && !selector.file.as_os_str().is_empty()).then_some(selector)
    }
}

impl FromStr for WeightsSelector {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        Self::split(text, Path::exists).ok_or_else(|| ModelError::Selector(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, files: &[&str]) -> Option<(String, Option<String>)> {
        let selector = WeightsSelector::split(text, |p| files.iter().any(|f| p == Path::new(f)))?;
        Some((selector.file.to_str()?.to_owned(), selector.tensor))
    }

    fn is(file: &str, tensor: Option<&str>) -> Option<(String, Option<String>)> {
        Some((file.to_owned(), tensor.map(str::to_owned)))
    }

    #[test]
    fn file_and_tensor() {
        assert_eq!(split("m.gguf", &["m.gguf"]), is("m.gguf", None));
        assert_eq!(split("m.gguf:a.weight", &["m.gguf"]), is("m.gguf", Some("a.weight")));
        assert_eq!(split("m.gguf:a:b", &["m.gguf"]), is("m.gguf", Some("a:b")));
    }

    #[test]
    fn a_path_may_hold_colons() {
        assert_eq!(split("r1:8b.gguf", &["r1:8b.gguf"]), is("r1:8b.gguf", None));
        assert_eq!(split("r1:8b.gguf:a", &["r1:8b.gguf"]), is("r1:8b.gguf", Some("a")));
        assert_eq!(split("r1:8b:a", &["r1", "r1:8b"]), is("r1:8b", Some("a")));
    }

    #[test]
    fn a_missing_file_keeps_the_last_colon() {
        assert_eq!(split("no.gguf", &[]), is("no.gguf", None));
        assert_eq!(split("no.gguf:a", &[]), is("no.gguf", Some("a")));
    }

    #[test]
    fn nothing_named_is_refused() {
        for text in ["", ":", ":a", "m.gguf:"] {
            assert_eq!(split(text, &["m.gguf"]), None, "{text:?}");
        }
        let error = "m.gguf:".parse::<WeightsSelector>().unwrap_err().to_string();
        assert!(error.contains("\"m.gguf:\"") && error.contains("FILE:TENSOR"), "{error}");
    }

    #[test]
    fn an_existing_file_with_a_colon_is_found_on_disk() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a:b.bin");
        std::fs::write(&file, b"x").unwrap();
        let text = file.to_str().unwrap();
        assert_eq!(text.parse::<WeightsSelector>().unwrap().file, file);
        let with_tensor: WeightsSelector = format!("{text}:t").parse().unwrap();
        assert_eq!((with_tensor.file, with_tensor.tensor.as_deref()), (file, Some("t")));
    }
}
