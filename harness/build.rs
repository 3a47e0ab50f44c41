//! Builds the list of profiles that the binary carries, so that adding a profile touches one TOML and no code.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let root = manifest.join("../profiles").canonicalize()?;
    println!("cargo::rerun-if-changed={}", root.display());
    println!("cargo::rerun-if-changed=build.rs");

    let mut files = Vec::new();
    collect(&root, &mut files)?;
    // The order of a directory listing differs between hosts; the binary must not.
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        let inside = file.strip_prefix(&root).expect("collected below the root");
        let shown = format!("profiles/{}", inside.display()).replace('\\', "/");
        list.push_str(&format!("    ({shown:?}, include_str!({:?})),\n", file.display().to_string()));
    }
    list.push_str("]\n");
    fs::write(out.join("profiles.rs"), list)
}

/// Every `*.toml` below a folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            println!("cargo::rerun-if-changed={}", path.display());
            collect(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "toml") {
            files.push(path);
        }
    }
    Ok(())
}
