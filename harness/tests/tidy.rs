//! The repository's own rules, as tests.

use std::fs;
use std::path::{Path, PathBuf};

use harness::capped::Caps;
use harness::profile::{Emulated, GpuProfile, Profile, Sheet};
use kernels::KERNELS;
use kernels::foreign::{FILE, MachineCode, Shader};
use kernels::kernel::Kernel;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

/// Every file below a folder with this extension, by path from the root.
fn files(folder: &str, extension: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, extension: &str, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a readable folder").flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") && !path.ends_with(".git") {
                walk(&path, extension, into);
            } else if path.extension().is_some_and(|e| e == extension) {
                into.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(&root().join(folder), extension, &mut paths);
    paths.sort();
    let shown = |p: &Path| p.strip_prefix(root()).unwrap_or(p).display().to_string();
    paths.iter().map(|p| (shown(p), fs::read_to_string(p).expect("UTF-8 text"))).collect()
}

/// Fails with every broken rule at once.
fn none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

/// Source lines without their comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(i, l)| (i + 1, l.split("//").next().unwrap_or_default()))
}

#[test]
fn files_are_short() {
    let mut broken = Vec::new();
    for (path, text) in files("kernels", "rs").into_iter().chain(files("harness", "rs")) {
        let lines = text.lines().count();
        if lines > 450 {
            broken.push(format!("{path}: {lines} lines, about 400 allowed: split it by idea"));
        }
    }
    none("short files", &broken);
}

#[test]
fn modules_say_what_they_are() {
    let mut broken = Vec::new();
    for (path, text) in files("kernels", "rs").into_iter().chain(files("harness", "rs")) {
        if !text.starts_with("//! ") {
            broken.push(format!("{path}: the first line does not say what lives here (//! ...)"));
        }
    }
    none("a file's first line says what it is", &broken);
}

#[test]
fn every_rung_is_a_file_that_begins_with_its_idea() {
    let mut broken = Vec::new();
    for kernel in KERNELS {
        let folder = format!("kernels/src/{}", kernel.folder());
        let sources = files(&folder, "rs");
        let text_of = |stem: &str| sources.iter().find(|(p, _)| *p == format!("{folder}/{stem}.rs")).map(|(_, t)| t);
        for v in &kernel.variants() {
            match text_of(v.name) {
                None => broken.push(format!("{folder}: variant {} has no {}.rs", v.name, v.name)),
                Some(text) if text.lines().next() != Some(&format!("//! idea: {}", v.idea)) => {
                    broken.push(format!("{folder}/{}.rs: first line is not '//! idea: {}'", v.name, v.idea));
                }
                Some(_) => {}
            }
        }
        for (path, text) in &sources {
            let stem = Path::new(path).file_stem().and_then(|s| s.to_str()).unwrap_or_default();
            let other_target = stem.starts_with("x86_") && !cfg!(target_arch = "x86_64")
                || stem.starts_with("arm_") && !cfg!(target_arch = "aarch64");
            // Kernels that share a folder need not share every rung of it.
            let listed = |k: &&dyn Kernel| k.folder() == kernel.folder() && k.variants().iter().any(|v| v.name == stem);
            if text.starts_with("//! idea:") && !KERNELS.iter().any(listed) && !other_target {
                broken.push(format!("{path}: a rung that no LADDER lists"));
            }
        }
    }
    none("rungs, files and ideas agree", &broken);
}

#[test]
fn machine_code_is_listed_and_begins_with_its_idea() {
    let mut broken = Vec::new();
    let listed = |folder: &str| {
        let of_folder = KERNELS.iter().filter(move |k| k.folder() == folder);
        of_folder.flat_map(|k| k.machine_code()).collect::<Vec<_>>()
    };
    for kernel in KERNELS {
        for code in kernel.machine_code() {
            let path = format!("kernels/src/{}/{}.{}.asm", kernel.folder(), code.name, code.processor.suffix());
            let text = fs::read_to_string(root().join(&path)).unwrap_or_default();
            if text.lines().next() != Some(&format!("; idea: {}", code.idea)) {
                broken.push(format!("{path}: first line is not '; idea: {}'", code.idea));
            }
            let same = |c: &&MachineCode| c.processor == code.processor;
            let known = |name: &str| kernel.machine_code().iter().filter(same).any(|c| c.name == name);
            if code.after.is_some_and(|after| !known(after)) {
                broken.push(format!("{path}: improves on {:?}, which its processor has not", code.after));
            }
        }
    }
    for (path, _) in files("kernels/src", "asm") {
        let parts: Vec<&str> = path.trim_start_matches("kernels/src/").split(['/', '.']).collect();
        let [folder, name, suffix, _] = parts[..] else {
            broken.push(format!("{path}: not <kernel>/<rung>.<processor>.asm"));
            continue;
        };
        if !listed(folder).iter().any(|c| c.name == name && c.processor.suffix() == suffix) {
            broken.push(format!("{path}: a rung that no MACHINE_CODE lists"));
        }
    }
    none("machine code, files and ideas agree", &broken);
}

/// A path from the root, of one from a folder.
fn from(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in path.split('/') {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

/// The files that a shader's text is made of, each by its path from the root; the rung's own first.
fn pieces(folder: &str, shader: &Shader) -> Vec<(String, String)> {
    let mut pieces = vec![(format!("{folder}/{}.wgsl", shader.name), String::new())];
    for line in shader.source.split_inclusive('\n') {
        match (line.strip_prefix(FILE), pieces.last_mut()) {
            (Some(path), _) => pieces.push((from(folder, path.trim_end()), String::new())),
            (None, Some((_, text))) => text.push_str(line),
            (None, None) => {}
        }
    }
    pieces
}

#[test]
fn every_shader_is_a_file_that_a_kernel_lists() {
    let mut broken = Vec::new();
    let of_kernel = |k: &&dyn Kernel| {
        let folder = format!("kernels/src/{}", k.folder());
        k.shaders().iter().map(|s| pieces(&folder, s)).collect::<Vec<_>>()
    };
    let listed: Vec<Vec<(String, String)>> = KERNELS.iter().flat_map(of_kernel).collect();
    for (path, text) in files("kernels/src", "wgsl") {
        let file = (path, text);
        let (path, text) = (&file.0, &file.1);
        let is_rung = text.starts_with("// idea: ");
        if is_rung && !listed.iter().any(|pieces| pieces[0] == file) {
            broken.push(format!(
                "{path}: begins with its idea, as a rung does, but no shaders.rs has shader!(...) with its file's name"
            ));
        }
        if !is_rung && !listed.iter().any(|pieces| pieces[1..].contains(&file)) {
            broken.push(format!(
                "{path}: neither a rung, which begins with '// idea: ', nor a file that rungs share: no shader!(...) of a \
                 shaders.rs names it"
            ));
        }
        if !text.starts_with("// ") {
            broken.push(format!("{path}: the first line does not say what it holds (// ...)"));
        }
        if text.lines().count() > 450 {
            broken.push(format!("{path}: longer than 450 lines"));
        }
    }
    for kernel in KERNELS {
        let shaders = kernel.shaders();
        for (i, shader) in shaders.iter().enumerate() {
            let known = shader.after.map(|a| shaders[..i].iter().any(|s| s.name == a));
            if known != (i > 0).then_some(true) {
                broken.push(format!(
                    "{}/{}: improves on {:?}, which is not above it",
                    kernel.name(),
                    shader.name,
                    shader.after
                ));
            }
        }
    }
    none("shaders, files and ladders agree", &broken);
}

#[test]
fn references_are_small_and_plain() {
    let mut broken = Vec::new();
    for kernel in KERNELS {
        let path = format!("kernels/src/{}/reference.rs", kernel.folder());
        let text = fs::read_to_string(root().join(&path)).unwrap_or_default();
        let lines = text.lines().count();
        if lines == 0 || lines > 60 {
            broken.push(format!("{path}: {lines} lines, 1 to 60 wanted"));
        }
        for word in ["unsafe", "rayon", "thread", "wide", "core::arch"] {
            if code(&text).any(|(_, l)| l.contains(word)) {
                broken.push(format!("{path}: {word}"));
            }
        }
        if !text.contains("f64") {
            broken.push(format!("{path}: not in f64"));
        }
    }
    none("references are obvious f64 code", &broken);
}

#[test]
fn kernels_know_no_clock_no_environment_and_no_profile() {
    let mut broken = Vec::new();
    for (path, text) in files("kernels/src", "rs").into_iter().filter(|(p, _)| !p.contains("/tests")) {
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in ["std::time", "Instant", "SystemTime", "rdtsc", "env::var", "harness::", "Profile", "plotters"] {
            for (line, _) in code(text).filter(|(_, l)| l.contains(word)) {
                broken.push(format!("{path}:{line}: {word}"));
            }
        }
    }
    none("kernels are functions of their arguments", &broken);
}

#[test]
fn unsafe_stays_where_it_is_allowed_and_says_why() {
    let allowed = |path: &str| {
        let stem = Path::new(path).file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        path.starts_with("kernels/src/machine/")
            || path == "kernels/src/model/map.rs"
            // What is experimental in wgpu, and shaders without its checks, are asked for by unsafe calls.
            || path == "harness/src/adapter.rs"
            || path.starts_with("kernels/src/") && (stem.starts_with("x86") || stem.starts_with("arm"))
    };
    let mut broken = Vec::new();
    for (path, text) in files("kernels", "rs").into_iter().chain(files("harness/src", "rs")) {
        let lines: Vec<&str> = text.lines().collect();
        for (line, _) in
            code(&text).filter(|(_, l)| l.contains("unsafe {") || l.contains("unsafe fn") || l.contains("unsafe impl"))
        {
            let before = &lines[line.saturating_sub(6)..line];
            if !allowed(&path) {
                broken.push(format!(
                    "{path}:{line}: unsafe outside machines, arch rungs, the file map and the GPU's adapter"
                ));
            } else if !before.iter().any(|l| l.contains("SAFETY") || l.contains("# Safety")) {
                broken.push(format!("{path}:{line}: unsafe without a SAFETY line above it"));
            }
        }
    }
    none("unsafe is fenced", &broken);
}

#[test]
fn modules_of_the_harness_use_only_what_is_to_their_left() {
    // Folder or file of harness/src, and what it may name with `crate::`.
    let rules: &[(&str, &[&str])] = &[
        ("record.rs", &[]),
        ("profile", &[]),
        ("stats.rs", &[]),
        ("report", &["record"]),
        ("compare", &["record", "stats"]),
        ("journal.rs", &["record"]),
        ("caught.rs", &[]),
        ("gate.rs", &["caught"]),
        ("validate.rs", &["record"]),
        ("plan.rs", &["profile", "record"]),
        ("shard.rs", &["profile", "plan"]),
        ("merge.rs", &["record"]),
        ("timed", &["profile", "record", "plan", "gate", "caught"]),
        ("emulated", &["profile", "record", "plan", "caught"]),
        ("simt", &["profile", "record", "plan", "gate", "caught"]),
        ("sweep", &["profile", "record", "plan", "timed", "simt", "gate", "report"]),
        ("crossover.rs", &["profile", "record", "sweep"]),
        ("speculation.rs", &["profile", "record", "sweep"]),
        ("published", &["profile", "record", "simt", "validate"]),
        ("links.rs", &["profile"]),
        ("adapter.rs", &["caught", "simt"]),
        ("pace.rs", &[]),
        ("guard.rs", &["record"]),
        ("native", &["caught", "profile", "record", "plan", "stats", "guard", "environment", "pace"]),
        ("capped", &["profile", "record", "plan", "pace"]),
        (
            "worker",
            &[
                "caught",
                "compare",
                "profile",
                "record",
                "plan",
                "native",
                "capped",
                "timed",
                "stream",
                "generate",
                "guard",
                "environment",
                "pace",
            ],
        ),
        (
            "generate",
            &[
                "profile",
                "record",
                "plan",
                "native",
                "timed",
                "simt",
                "emulated",
                "published",
                "gate",
                "stats",
                "environment",
                "pace",
            ],
        ),
        ("stream", &["native"]),
        ("calibrate", &["profile", "record", "stats", "native", "timed", "stream", "capped", "environment"]),
    ];
    let mut broken = Vec::new();
    for (path, text) in files("harness/src", "rs") {
        let inside = path.trim_start_matches("harness/src/");
        let Some((module, may)) = rules.iter().find(|(m, _)| inside == *m || inside.starts_with(&format!("{m}/")))
        else {
            continue;
        };
        let own = module.trim_end_matches(".rs");
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (line, l) in code(text) {
            for named in l.split("crate::").skip(1) {
                let name: String = named.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if name != own && !may.contains(&name.as_str()) {
                    broken.push(format!("{path}:{line}: {own} may not use {name}"));
                }
            }
        }
    }
    none("arrows point one way", &broken);
}

#[test]
fn every_profile_parses_and_every_figure_has_a_source() {
    let mut broken = Vec::new();
    let (caps, profiles): (Vec<_>, Vec<_>) =
        files("profiles", "toml").into_iter().partition(|(path, _)| path.starts_with("profiles/cap/"));
    for (path, text) in caps {
        if let Err(e) = Caps::from_toml(&path, &text) {
            broken.push(e.to_string());
        }
    }
    assert!(profiles.len() >= 12, "{} profiles", profiles.len());
    for (path, text) in profiles {
        let checked = match path.split('/').nth(1) {
            Some("gpu") => GpuProfile::parse(&path, &text).map(drop),
            Some("emulated") => Emulated::parse(&path, &text).map(drop),
            _ => Profile::parse(&path, &text).map(drop),
        };
        if let Err(e) = checked {
            broken.push(e.to_string());
        }
        for (i, line) in text.lines().enumerate() {
            if line.contains("value =") && !line.contains("source =") {
                broken.push(format!("{path}:{}: a figure without a source", i + 1));
            }
        }
    }
    none("profiles", &broken);
}

#[test]
fn nothing_unfinished_is_left_in_the_code() {
    // Spelled apart, so that this file does not find itself.
    let words =
        [["to", "do!"], ["unimple", "mented!"], ["FIX", "ME"], ["#[ig", "nore]"], ["TO", "DO"]].map(|w| w.concat());
    let mut broken = Vec::new();
    for (path, text) in files("kernels", "rs").into_iter().chain(files("harness", "rs")) {
        for (i, line) in text.lines().enumerate() {
            if words.iter().any(|w| line.contains(w.as_str())) {
                broken.push(format!("{path}:{}: {}", i + 1, line.trim()));
            }
        }
    }
    none("nothing unfinished", &broken);
}
