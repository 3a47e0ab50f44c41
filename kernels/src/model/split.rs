//! Models split over several files, as llama.cpp's `gguf-split` writes them: `NAME-00001-of-00003.gguf` and so on, each a
//! GGUF file with `split.no` and `split.count`, the first with all other metadata.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::ModelError;
use super::value::Value;

const NUMBER: &str = "split.no";
const COUNT: &str = "split.count";
const TENSORS: &str = "split.tensors.count";

fn number(metadata: &BTreeMap<String, Value>, key: &str) -> Option<u64> {
    metadata.get(key)?.as_u64()
}

/// The files beside the first, in order; none where the model is whole.
pub(super) fn others(path: &Path, metadata: &BTreeMap<String, Value>) -> Result<Vec<PathBuf>, ModelError> {
    let count = number(metadata, COUNT).unwrap_or(1);
    if count <= 1 {
        return Ok(Vec::new());
    }
    let wrong = |problem: String| ModelError::Split { path: path.to_owned(), problem };
    let no = number(metadata, NUMBER).ok_or_else(|| wrong(format!("it has {COUNT} but no {NUMBER}")))?;
    let suffix = |no: u64| format!("-{:05}-of-{count:05}.gguf", no.saturating_add(1));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(stem) = name.strip_suffix(&suffix(no)) else {
        return Err(wrong(format!(
            "it is part {} of {count}, so its name must end in {:?} for the others to be found",
            no.saturating_add(1),
            suffix(no)
        )));
    };
    let part = |no: u64| path.with_file_name(format!("{stem}{}", suffix(no)));
    if no != 0 {
        let first = part(0).display().to_string();
        return Err(wrong(format!("it is part {} of {count}: name the first, {first}", no.saturating_add(1))));
    }
    // The count is not believed: the first part that is not there ends this.
    let mut parts = Vec::new();
    for no in 1..count {
        let next = part(no);
        if !next.exists() {
            return Err(wrong(format!("{} of its {count} parts is missing: {}", no + 1, next.display())));
        }
        parts.push(next);
    }
    Ok(parts)
}

/// Whether a part says itself that it is this one.
pub(super) fn check(
    path: &Path,
    no: usize,
    count: usize,
    metadata: &BTreeMap<String, Value>,
) -> Result<(), ModelError> {
    let found = [NUMBER, COUNT].map(|key| number(metadata, key));
    if found == [Some(no as u64), Some(count as u64)] {
        return Ok(());
    }
    let shown = |value: Option<u64>| value.map_or("nothing".into(), |v| v.to_string());
    let [has_no, has_count] = found.map(shown);
    let problem = format!("{NUMBER} is {has_no} and {COUNT} {has_count}, by its name they should be {no} and {count}");
    Err(ModelError::Split { path: path.to_owned(), problem })
}

/// Whether all tensors that the first part promises are there.
pub(super) fn complete(metadata: &BTreeMap<String, Value>, tensors: usize) -> Result<(), String> {
    match number(metadata, TENSORS) {
        Some(promised) if promised != tensors as u64 => {
            Err(format!("{TENSORS} is {promised}, but its parts hold {tensors}"))
        }
        _ => Ok(()),
    }
}
