//! Both formats from bytes and from disk: what valid files hold, and that no damaged one is believed.

mod gguf;
mod hyperparameters;
mod llama2c;
mod split;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;

use super::synthetic::{self, Gguf};
use super::*;

/// dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len.
const TINY: [i32; 7] = [8, 3, 2, 4, 2, 5, 3];

fn with_vocab(vocab: i32) -> [i32; 7] {
    let mut header = TINY;
    header[5] = vocab;
    header
}

fn on_disk(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    fs::write(&path, bytes).unwrap();
    (dir, path)
}

fn open(bytes: &[u8]) -> Arc<ModelFile> {
    let (_dir, path) = on_disk(bytes);
    Arc::new(ModelFile::open(&path).unwrap())
}

/// The message, which must be one line and contain all of `parts`.
#[track_caller]
fn says(error: impl std::fmt::Display, parts: &[&str]) {
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[track_caller]
fn refuses(bytes: &[u8], parts: &[&str]) {
    says(Layout::parse(bytes).unwrap_err(), parts);
}

fn shapes(tensors: &[TensorInfo]) -> Vec<(&str, usize, usize)> {
    tensors.iter().map(|t| (t.name.as_str(), t.rows, t.cols)).collect()
}

#[test]
fn tensors_outlive_the_borrow_and_cross_threads() {
    let mapped = open(&synthetic::gguf().bytes).mapped("output_norm.weight").unwrap();
    let sum = std::thread::spawn(move || mapped.view::<f32>().unwrap().iter().sum::<f32>()).join().unwrap();
    assert_eq!(sum, 6.0);
}

#[test]
fn a_tensor_that_cannot_be_had_says_why() {
    let file = open(&synthetic::gguf().bytes);
    says(file.tensor("blk.0.attn_k.weight").unwrap_err(), &["is Q5_K", "F32, F16, BF16, Q8_0"]);
    says(
        file.tensor("blk.0.atn_q.weight").unwrap_err(),
        &["\"blk.0.atn_q.weight\"", "of its 12: blk.0.attn_q.weight, "],
    );
    says(file.tensor("ffn_down").unwrap_err(), &["12: blk.0.ffn_down.weight, "]);
    says(open(&Gguf::new(3).finish().bytes).tensor("a").unwrap_err(), &["no tensors"]);
    let unknown = Gguf::new(3).tensor("a", &[5], 99, &[0]).finish();
    let error = open(&unknown.bytes).tensor("a").unwrap_err();
    says(error, &["is ggml type 99"]);
}

#[test]
fn files_that_cannot_be_opened_say_why() {
    let (dir, path) = on_disk(b"");
    says(ModelFile::open(&path).unwrap_err(), &["model", "empty (0 bytes)"]);
    says(ModelFile::open(dir.path()).unwrap_err(), &["is a directory"]);
    says(ModelFile::open(&dir.path().join("none")).unwrap_err(), &["none: there is no such file"]);
    says(ModelFile::open(&path.join("below")).unwrap_err(), &["model/below: "]);
    fs::write(&path, b"\x7fELF\0").unwrap();
    says(
        ModelFile::open(&path).unwrap_err(),
        &["model: not a model", "7f 45 4c 46 (\"\\x7fELF\")", "47 47 55 46", "5 of its 28"],
    );
    #[cfg(unix)]
    {
        says(ModelFile::open(Path::new("/dev/null")).unwrap_err(), &["not a regular file"]);
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        if fs::File::open(&path).is_err() {
            says(ModelFile::open(&path).unwrap_err(), &["permission denied"]); // root may read it all the same
        }
    }
}

#[test]
fn other_formats_and_versions_are_named() {
    refuses(&[], &["nothing (it is empty)"]);
    refuses(&[b' '; 64], &["bytes 20 20 20 20 (\"    \")", "llama2.c header", "dim (byte 0) would be 538976288"]);
    refuses(&[0; 64], &["dim (byte 0) would be 0"]);
    for version in [0, 1, 4] {
        refuses(&Gguf::new(version).finish().bytes, &[&format!("GGUF version {version} ")]);
    }
    refuses(&Gguf::new(3_u32.swap_bytes()).finish().bytes, &["big-endian GGUF"]);
}

fn in_bounds(layout: &Layout, bytes: &[u8], index: usize) -> bool {
    let info = &layout.tensors[index];
    layout.view(bytes, index).map(|t| t.bytes().len()) == info.byte_len()
}

#[test]
fn every_truncation_is_refused() {
    for file in [synthetic::gguf(), synthetic::llama2c(TINY), synthetic::llama2c(with_vocab(-5))] {
        assert!(Layout::parse(&file.bytes).is_ok());
        for len in 0..file.bytes.len() {
            assert!(Layout::parse(&file.bytes[..len]).is_err(), "{len} of {} bytes", file.bytes.len());
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(magic in 0..3, mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let start: &[u8] = [&[][..], b"GGUF\x03\0\0\0", &[8, 0, 0, 0, 3, 0, 0, 0]][magic as usize];
        bytes.splice(0..start.len().min(bytes.len()), start.iter().copied());
        drop(Layout::parse(&bytes));
    }

    #[test]
    fn mutated_files_never_panic(
        which in 0..3_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let files = [synthetic::gguf(), synthetic::llama2c(TINY), synthetic::llama2c(with_vocab(-5))];
        let mut bytes = files[which].bytes.clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(layout) = Layout::parse(&bytes) {
            prop_assert!((0..layout.tensors.len()).all(|i| in_bounds(&layout, &bytes, i)));
        }
    }
}
