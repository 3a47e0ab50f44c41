//! Binaries that `cmp` runs in turn: this one, one that is there, one of another commit.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Failure;

/// A binary, and what to call it.
pub type Build = (PathBuf, String);

/// This one.
pub fn this() -> Result<Build, Failure> {
    let path = std::env::current_exe().map_err(|e| Failure::input(format!("this program's own file: {e}")))?;
    Ok((path, "this build".into()))
}

/// One that is there.
pub fn of_path(path: &Path) -> Result<Build, Failure> {
    let shown = path.display();
    match path.canonicalize() {
        Ok(found) if found.is_file() => Ok((found, shown.to_string())),
        Ok(_) => {
            Err(Failure::input(format!("--other-binary {shown}: not a file; name the retrobench binary of a build")))
        }
        Err(e) => Err(Failure::input(format!("--other-binary {shown}: {e}"))),
    }
}

/// That of another commit of the checkout round the working folder: built once, in a work tree of its own.
pub fn of_revision(rev: &str, quiet: bool) -> Result<Build, Failure> {
    let fail = |reason: String| Failure::input(format!("--against {rev}: {reason}"));
    let root = git(Path::new("."), &["rev-parse", "--show-toplevel"])
        .map_err(|e| fail(format!("not inside a checkout of retrobench ({e}); --other-binary takes a binary")))?;
    let root = PathBuf::from(root);
    let name = ["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{rev}^{{commit}}")].map(String::from);
    let commit = git(&root, &name.each_ref().map(String::as_str))
        .map_err(|_| fail("no such commit here; `git log` shows what there is, `git fetch` gets more".into()))?;
    let folder = root.join("target/against");
    let binary = folder.join(&commit).join("retrobench");
    let build = (binary.clone(), rev.to_string());
    if binary.is_file() {
        return Ok(build);
    }
    let tree = folder.join(&commit).join("tree");
    // A tree that another checkout left there, as a cache of CI brings one back, knows no commit of this one.
    let known = || git(&tree, &["rev-parse", "HEAD"]).is_ok_and(|head| head == commit);
    if !tree.join("Cargo.toml").is_file() || !known() {
        if tree.exists() {
            std::fs::remove_dir_all(&tree).map_err(|e| fail(format!("{}: {e}", tree.display())))?;
        }
        // One whose folder was deleted is still listed.
        let _ = git(&root, &["worktree", "prune"]);
        let shown = tree.display().to_string();
        git(&root, &["worktree", "add", "--detach", "--quiet", &shown, &commit]).map_err(&fail)?;
    }
    if !quiet {
        eprintln!("building {rev} ({}) in {}", &commit[..commit.len().min(12)], tree.display());
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked", "--bin", "retrobench"]).current_dir(&tree);
    // Dependencies are shared by all commits.
    let built_in = folder.join("build");
    cargo.env("CARGO_TARGET_DIR", &built_in).stdin(Stdio::null()).stdout(Stdio::null());
    if quiet {
        cargo.arg("--quiet");
    }
    let status = cargo.status().map_err(|e| fail(format!("cargo cannot be started: {e}")))?;
    if !status.success() {
        return Err(fail(format!("it does not build ({status}); see `cargo build --release` in {}", tree.display())));
    }
    let made = built_in.join("release/retrobench");
    // Renamed into place: a copy that was stopped half-way is no binary.
    let partial = binary.with_extension("partial");
    let placed = std::fs::copy(&made, &partial).and_then(|_| std::fs::rename(&partial, &binary));
    placed.map_err(|e| fail(format!("{}: {e}", binary.display())))?;
    Ok(build)
}

/// What a git command says, or its first line of complaint.
fn git(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().map_err(|e| format!("git: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(complaint.lines().next().unwrap_or("git failed").trim().to_owned())
}
