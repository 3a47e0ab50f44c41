//! Opening a model of real size touches little of it: hyperparameters and tokenizer are ready with a few megabytes resident.
//! How long it takes is printed, not asserted.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use kernels::model::config::Config;
use kernels::model::inventory::Role;
use kernels::model::synth::Synth;
use kernels::model::tokenizer::Tokenizer;
use kernels::model::{Dtype, ModelFile, published};

/// The file that the child opens.
const FILE: &str = "RETROBENCH_TEST_OPEN_MODEL";
/// What a model may add to this process before its first token.
const LIMIT_KB: u64 = 10 * 1024;

fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a resident size");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).expect("a number of kB")
}

fn open(path: &Path) {
    let before = resident_kb();
    let start = Instant::now();
    let file = Arc::new(ModelFile::open(path).expect("a valid file"));
    let opened = start.elapsed();
    let config = Config::from_file(&file).expect("whole");
    let configured = start.elapsed();
    let tokenizer = Tokenizer::from_file(&file).expect("a tokenizer");
    let ready = start.elapsed();
    let tokens = tokenizer.prompt("What is a ZX Spectrum?").len();
    let grown = resident_kb().saturating_sub(before);
    println!(
        "{}: {:.2} GB, {} tokens: opened in {:.1} ms, configured {:.1} ms, tokenizer {:.1} ms; {grown} kB more resident; {tokens} tokens",
        config.name,
        file.byte_len() as f64 / 1e9,
        tokenizer.len(),
        1e3 * opened.as_secs_f64(),
        1e3 * configured.as_secs_f64(),
        1e3 * ready.as_secs_f64()
    );
    assert!(grown < LIMIT_KB, "{grown} kB");
}

/// Each in a process of its own, since memory that others freed would hide what it takes.
#[test]
fn opening_a_model_keeps_its_arrays_in_the_file() {
    if let Some(path) = std::env::var_os(FILE) {
        return open(Path::new(&path));
    }
    for (name, dtype) in [("r1-distill-qwen-1.5b", Dtype::Q8_0), ("r1-distill-llama-8b", Dtype::Q4_0)] {
        let synth = Synth::new(&published::named(name).expect("published"), dtype, 1);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(format!("{name}.gguf"));
        // Weights are a hole on the disk, but for the divisors of frequencies, which must be above zero.
        let mut file = File::create(&path).expect("a file");
        file.write_all(&synth.head).expect("room");
        for piece in &synth.pieces {
            let mut left = (piece.rows() * piece.row_bytes() + piece.padding()) as i64;
            if piece.entry.role == Role::Divisors {
                let row = synth.row(piece, 0);
                file.write_all(&row).expect("room");
                left -= row.len() as i64;
            }
            file.seek(SeekFrom::Current(left)).expect("a file");
        }
        file.set_len(synth.byte_len()).expect("room");
        let child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "opening_a_model_keeps_its_arrays_in_the_file", "--nocapture"])
            .env(FILE, &path)
            .output()
            .expect("a child");
        let (out, err) = (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
        assert!(child.status.success(), "{out}{err}");
        print!("{}", out.lines().filter(|line| line.starts_with(name)).collect::<String>() + "\n");
    }
}
