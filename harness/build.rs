//! Builds the list of profiles that the binary carries, and what the binary says of its own build. One function per
//! concern; each prints its own rerun rules.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

#[path = "src/emulated/asm/mod.rs"]
#[allow(dead_code, reason = "the library uses the rest")]
mod asm;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    capture_commit(&root);
    capture_rustc();
    embed_profiles()?;
    embed_programs(&root)
}

/// `programs.rs`: every `.asm` of the kernels, assembled. An error in a source fails the build with its file and line.
fn embed_programs(root: &Path) -> io::Result<()> {
    println!("cargo::rerun-if-changed=src/emulated/asm");
    let mut list = String::from("&[\n");
    for folder in ["kernels/src", "harness/src/emulated"] {
        list.push_str(&programs_below(root, folder)?);
    }
    list.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("programs.rs"), list)
}

/// The lines of `programs.rs` for a folder.
fn programs_below(root: &Path, folder: &str) -> io::Result<String> {
    let sources = root.join(folder).canonicalize()?;
    println!("cargo::rerun-if-changed={}", sources.display());
    let mut files = Vec::new();
    collect(&sources, "asm", &mut files)?;
    files.sort();
    let mut list = String::new();
    for file in files {
        let inside = file.strip_prefix(&sources).expect("collected below the folder");
        let shown = format!("{folder}/{}", inside.display()).replace('\\', "/");
        let fail = |reason: String| io::Error::other(format!("{shown}: {reason}"));
        let text = fs::read_to_string(&file)?;
        let stem = inside.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let [name, suffix, _] = stem.split('.').collect::<Vec<_>>()[..] else {
            return Err(fail("a source is called <rung>.<processor>.asm".to_owned()));
        };
        let encoder = asm::encoder(suffix).ok_or_else(|| fail(format!("no processor is called '{suffix}'")))?;
        // One line for people, not the debug text of an error that `main` returns.
        let read = |name: &str| {
            let path = file.with_file_name(name);
            let text = fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
            let shown = Path::new(&shown).with_file_name(name).display().to_string();
            Ok(asm::Source { file: shown, text })
        };
        let assembled = asm::assemble_with(&shown, &text, encoder, &read).unwrap_or_else(|e| {
            eprintln!("error: {e}");
            std::process::exit(1)
        });
        let folder = inside.parent().unwrap_or(Path::new("")).display().to_string().replace('\\', "/");
        list.push_str(&format!("Program {{ folder: {folder:?}, name: {name:?}, suffix: {suffix:?}, segments: &["));
        for segment in &assembled.segments {
            list.push_str(&format!("({}, &{:?}), ", segment.address, segment.bytes));
        }
        list.push_str(&format!("], symbols: &{:?} }},\n", assembled.symbols.iter().collect::<Vec<_>>()));
    }
    Ok(list)
}

/// `profiles.rs`, `caps.rs` and so on: the lists of profiles that the binary carries, so that adding one touches one TOML
/// and no code.
fn embed_profiles() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let root = manifest.join("../profiles").canonicalize()?;
    println!("cargo::rerun-if-changed={}", root.display());

    let mut files = Vec::new();
    collect(&root, "toml", &mut files)?;
    // The order of a directory listing differs between hosts; the binary must not.
    files.sort();
    // Folders whose files are of a kind of their own; the others hold processors.
    let own = [("cap", "caps.rs"), ("emulated", "emulated.rs"), ("gpu", "gpus.rs")];
    let lists = own.iter().map(|(folder, list)| (Some(root.join(folder)), *list)).chain([(None, "profiles.rs")]);
    for (folder, name) in lists {
        let of_this = |file: &&PathBuf| match &folder {
            Some(folder) => file.starts_with(folder),
            None => own.iter().all(|(folder, _)| !file.starts_with(root.join(folder))),
        };
        let mut list = String::from("&[\n");
        for file in files.iter().filter(of_this) {
            let inside = file.strip_prefix(&root).expect("collected below the root");
            let shown = format!("profiles/{}", inside.display()).replace('\\', "/");
            list.push_str(&format!("    ({shown:?}, include_str!({:?})),\n", file.display().to_string()));
        }
        list.push_str("]\n");
        fs::write(out.join(name), list)?;
    }
    Ok(())
}

/// Every file below a folder with this extension.
fn collect(folder: &Path, extension: &str, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            println!("cargo::rerun-if-changed={}", path.display());
            collect(&path, extension, files)?;
        } else if path.extension().is_some_and(|e| e == extension) {
            files.push(path);
        }
    }
    Ok(())
}

/// What the results depend on: a change elsewhere does not make a build dirty.
const SOURCES: [&str; 5] = ["Cargo.toml", "Cargo.lock", "kernels", "harness", "profiles"];

/// `RETROBENCH_COMMIT`: the commit, with `+` where the sources differ from it. Left out outside a checkout of this
/// project (a source archive, say, or one unpacked inside another repository).
fn capture_commit(root: &Path) {
    let here = git(root, &["rev-parse", "--show-toplevel"]).and_then(|top| PathBuf::from(top).canonicalize().ok());
    if here.is_none() || here != root.canonicalize().ok() {
        return;
    }
    let Some(commit) = git(root, &["rev-parse", "--short=12", "HEAD"]) else {
        return;
    };
    // A commit moves HEAD's log, an edit moves a source. Not the index: `git status` alone touches that.
    if let Some(folder) = git(root, &["rev-parse", "--absolute-git-dir"]) {
        for file in ["HEAD", "logs/HEAD"] {
            rerun_if_changed(&Path::new(&folder).join(file));
        }
    }
    SOURCES.iter().for_each(|source| rerun_if_changed(&root.join(source)));
    let mut status = vec!["status", "--porcelain", "--"];
    status.extend(SOURCES);
    let dirty = git(root, &status).is_some_and(|changes| !changes.is_empty());
    println!("cargo::rustc-env=RETROBENCH_COMMIT={commit}{}", if dirty { "+" } else { "" });
}

/// `RETROBENCH_RUSTC`: the compiler's own words.
fn capture_rustc() {
    println!("cargo::rerun-if-env-changed=RUSTC");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    if let Some(version) = run(Command::new(rustc).arg("--version")) {
        println!("cargo::rustc-env=RETROBENCH_RUSTC={version}");
    }
}

/// A path that does not exist would run this script in every build.
fn rerun_if_changed(path: &Path) {
    if path.exists() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    run(Command::new("git").arg("--no-optional-locks").arg("-C").arg(root).args(arguments))
}

/// A command's output, where it ran and succeeded.
fn run(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
