//! Parts of a run, joined, are the run: byte for byte.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn retrobench(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retrobench"));
    for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("RETROBENCH_")) {
        command.env_remove(key);
    }
    command.args(arguments).current_dir(folder).output().expect("the program starts")
}

/// Kernels, shaders and machine code: every kind of machine has work.
const CELLS: [&str; 6] =
    ["measure", "^(softmax|gemv_f32|dot_fixed)/stories", "--hw", "class:retro,class:gpu,commodore-64", "-q", "-ojsonl"];

#[test]
fn eight_parts_joined_are_the_unsharded_run_byte_for_byte() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let whole = retrobench(at, &CELLS);
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));
    let (mut files, mut bytes) = (Vec::new(), 0);
    for part in 1..=8 {
        let of = format!("{part}/8");
        let output = retrobench(at, &[&CELLS[..], &["--shard", &of]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(!output.stdout.is_empty(), "part {part} has nothing to do");
        bytes += output.stdout.len();
        files.push(format!("part-{part}.jsonl"));
        fs::write(at.join(&files[part - 1]), output.stdout).expect("written");
    }
    assert_eq!(bytes, whole.stdout.len(), "every cell is one part's work");
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    let merged = retrobench(at, &[&["merge"], &names[..], &["--out", "all.jsonl"]].concat());
    assert!(merged.status.success(), "{}", String::from_utf8_lossy(&merged.stderr));
    let joined = fs::read(at.join("all.jsonl")).expect("written");
    assert!(joined == whole.stdout, "{} bytes joined, {} unsharded", joined.len(), whole.stdout.len());
}

#[test]
fn what_does_not_join_is_refused_in_one_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    let small = ["measure", "softmax/stories.*/naive", "--hw", "i486dx2-66", "-q", "-ojsonl"];
    for (name, seed) in [("a.jsonl", "1"), ("b.jsonl", "2")] {
        let output = retrobench(at, &[&small[..], &["--seed", seed]].concat());
        fs::write(at.join(name), output.stdout).expect("written");
    }
    let torn = fs::read_to_string(at.join("a.jsonl")).expect("written");
    fs::write(at.join("torn.jsonl"), &torn[..torn.len() - 30]).expect("written");
    fs::write(at.join("schema.jsonl"), torn.replacen("\"schema\":1", "\"schema\":9", 1)).expect("written");
    fs::write(at.join("slower.jsonl"), torn.replacen("\"time_ns\":", "\"time_ns\":1", 1)).expect("written");
    for (other, words) in [
        ("b.jsonl", "seeds (1, 2)"),
        ("torn.jsonl", "run that part again"),
        ("schema.jsonl", "schema 9"),
        ("slower.jsonl", "never averaged"),
        ("none.jsonl", "cannot read records"),
    ] {
        let output = retrobench(at, &["merge", "a.jsonl", other, "--out", "out.jsonl"]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), error.lines().count()), (Some(2), 1), "{other}: {error}");
        assert!(error.contains(words), "{other}: {error}");
        assert!(!at.join("out.jsonl").exists(), "{other}: written in spite of the error");
    }
    let twice = retrobench(at, &["merge", "a.jsonl", "a.jsonl"]);
    assert!(twice.status.success());
    assert_eq!(String::from_utf8_lossy(&twice.stdout), torn);
    let wrong = retrobench(at, &["measure", "--shard", "9/8"]);
    assert_eq!(wrong.status.code(), Some(2));
}
