//! Built-in profiles, refusals, round trips and selection.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::check::{RANGES, collect};
use super::{Hardware, Loaded, Profile, ProfileError, embedded, find};

fn built_in() -> Vec<Loaded> {
    embedded().expect("built-in profiles are right")
}

/// The text of a built-in profile, to be broken in tests.
fn sample() -> String {
    find("core-2-duo-e6600").expect("built in").profile.to_toml()
}

/// The message for a sample with one piece of its text replaced.
fn refused(from: &str, to: &str) -> String {
    let text = sample();
    assert_eq!(text.matches(from).count(), 1, "one place to break: {from}");
    message(&text.replace(from, to))
}

fn message(text: &str) -> String {
    let error = Profile::parse("my.toml", text).expect_err("refused").to_string();
    assert!(!error.contains('\n'), "one line: {error}");
    assert!(error.starts_with("profile my.toml: "), "names the file: {error}");
    assert!(error.contains("FORMAT.md"), "says where to look: {error}");
    error
}

#[test]
fn built_in_profiles_are_right_and_ordered_by_year() {
    let all = built_in();
    let ids: Vec<_> = all.iter().map(|l| l.profile.id.as_str()).collect();
    assert!(ids.len() >= 12, "{ids:?}");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "an id twice: {ids:?}");
    assert!(all.is_sorted_by_key(|l| (l.profile.year, l.profile.id.clone())));
    assert_eq!(ids[0], "i486dx2-66");
    for loaded in &all {
        assert_eq!(loaded.hash.len(), 16);
    }
}

#[test]
fn every_figure_has_a_range_and_every_class_one_spelling() {
    for Loaded { profile, .. } in built_in() {
        let table = toml::Value::try_from(&profile).expect("a table");
        let class = table["class"].as_str().expect("text");
        assert_eq!(class, profile.class.as_str());
        let mut figures = Vec::new();
        collect("", &table, &mut figures);
        assert!(figures.len() > 30);
        for (path, value, _) in figures {
            let key = path.rsplit('.').next().expect("a key");
            let ranged = RANGES.iter().any(|(name, ..)| *name == key);
            assert!(ranged || value.is_array(), "{path} has no range");
        }
    }
}

#[test]
fn a_profile_survives_being_written_and_read() {
    for loaded in built_in() {
        let text = loaded.profile.to_toml();
        assert_eq!(Profile::parse("x.toml", &text).expect("reads back"), loaded.profile);
    }
    let mut odd = built_in().swap_remove(0).profile;
    odd.name = "quote \" backslash \\ newline \n tab \t".into();
    assert_eq!(Profile::parse("x.toml", &odd.to_toml()).expect("reads back"), odd);
}

#[test]
fn the_example_for_authors_is_right() {
    let format = include_str!("../../../profiles/FORMAT.md");
    let start = format.find("```toml\n").expect("an example") + "```toml\n".len();
    let example = &format[start..start + format[start..].find("```").expect("its end")];
    assert_eq!(Profile::parse("FORMAT.md", example).expect("parses").id, "example-100");
}

#[test]
fn the_hash_is_of_the_content() {
    assert_eq!(Profile::hash(""), "cbf29ce484222325");
    assert_eq!(Profile::hash("a"), "af63dc4c8601ec8c", "a published FNV-1a value");
    assert_eq!(Profile::hash("a\r\nb"), Profile::hash("a\nb"));
}

#[test]
fn missing_and_unknown_keys_are_named_with_their_line() {
    let error = refused("ways = { value = 16, source = \"xbit\" }\n", "");
    assert!(error.contains("ways") && error.contains("line "), "{error}");
    let error = refused("ways = { value = 16,", "wayz = { value = 16,");
    assert!(error.contains("wayz") && error.contains("line "), "{error}");
    let error = refused("name = \"L2\"", "name = \"L2\"\ncolour = 1");
    assert!(error.contains("colour"), "{error}");
    let error = refused("value = 16, source = \"xbit\"", "value = 16, source = \"xbit\", sauce = 1");
    assert!(error.contains("sauce"), "{error}");
    let error = refused("class = \"cpu\"", "class = \"mainframe\"");
    assert!(error.contains("mainframe"), "{error}");
}

#[test]
fn a_file_is_read_as_what_it_says_it_is() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let gpu = include_str!("../../../profiles/gpu/a100.toml");
    let load = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("writes");
        let error = Hardware::load(&path).expect_err("refused").to_string();
        assert!(!error.contains('\n'), "{error}");
        error
    };
    let error = load("a100.toml", &gpu.replace("year = 2020", "year = 99999999999999999999"));
    assert!(error.contains("line ") && !error.contains("generation"), "{error}");
    assert!(load("a100.toml", &gpu.replace("kind = \"gpu\"\n", "")).contains("kind = \"gpu\" is missing"));
    assert!(load("mine.toml", gpu).contains("'a100' is not the file's name"));
    std::fs::write(folder.path().join("a100.toml"), gpu).expect("writes");
    let error = Loaded::<Profile>::load(&folder.path().join("a100.toml")).expect_err("no processor").to_string();
    assert!(error.contains("it is of a GPU"), "{error}");
}

#[test]
fn figures_that_cannot_be_are_named_by_key() {
    for (from, to, key) in [
        ("schema = 1", "schema = 2", "schema"),
        ("id = \"core-2-duo-e6600\"", "id = \"Core 2\"", "id"),
        ("year = 2006", "year = 1812", "year"),
        ("clock_mhz = { value = 2400.0", "clock_mhz = { value = 2400000.0", "machine.clock_mhz"),
        ("clock_mhz = { value = 2400.0", "clock_mhz = { value = nan", "machine.clock_mhz"),
        ("clock_mhz = { value = 2400.0", "clock_mhz = { value = -inf", "machine.clock_mhz"),
        ("cores = { value = 2", "cores = { value = 0", "machine.cores"),
        ("ways = { value = 16", "ways = { value = 7", "cache[1].ways"),
        ("kib = { value = 4096.0", "kib = { value = 16.0", "cache[1].kib"),
        ("kib = { value = 4096.0", "kib = { value = 4096.01", "cache[1].kib"),
        ("latency_cycles = { value = 14.0", "latency_cycles = { value = 2.0", "cache[1].latency_cycles"),
        ("shared_by = { value = 2", "shared_by = { value = 4", "cache[1].shared_by"),
        ("latency_ns = { value = 70.0", "latency_ns = { value = 5.0", "memory.latency_ns"),
        ("sustained_gb_s = { value = 6.0", "sustained_gb_s = { value = 60.0", "memory.sustained_gb_s"),
        ("prefetch_streams = { value = 12", "prefetch_streams = { value = 0", "memory.prefetch_streams"),
        ("madd_i16_cycles = { value = [3.0, 1.0]", "madd_i16_cycles = { value = [3.0, 0.0]", "simd.madd_i16_cycles"),
        (
            "madd_i16_cycles = { value = [3.0, 1.0]",
            "madd_i16_cycles = { value = [3.0, 1.0, 9.0]",
            "simd.madd_i16_cycles",
        ),
        ("i32_lanes = { value = 4", "i32_lanes = { value = 3", "simd.i32_lanes"),
        ("i32_lanes = { value = 4", "i32_lanes = { value = 0", "simd.widen_cycles"),
        ("f32_lanes = { value = 4", "f32_lanes = { value = 0", "simd.add_cycles"),
        ("isa = \"ssse3\"", "isa = \"\"", "simd.isa"),
        (
            "issue_width = { value = 4, source = \"core2-spec\"",
            "issue_width = { value = 4, source = \"hearsay\"",
            "core.issue_width",
        ),
        ("ways = { value = 16, source = \"xbit\"", "ways = { value = 16, source = \"\"", "cache[1].ways"),
        ("[sources]\n", "[sources]\nspare = { cite = \"x\", status = \"read\" }\n", "sources.spare"),
    ] {
        let error = refused(from, to);
        assert!(error.contains(&format!(": {key}: ")), "{key} expected: {error}");
    }
    let text = sample();
    let start = text.find("div_cycles = { value = [32.0").expect("SIMD divide");
    let end = start + text[start..].find('\n').expect("line end") + 1;
    let error = message(&format!("{}{}", &text[..start], &text[end..]));
    assert!(error.contains(": simd.div_cycles: "), "{error}");
    assert!(refused("fork_join_ns = { value = 5000.0", "fork_join_ns = { value = \"long\"").contains("line "));
    assert!(refused("cores = { value = 2", "cores = { value = -2").contains("-2"));
}

#[test]
fn broken_files_are_refused_in_one_line() {
    let text = sample();
    for end in (0..text.len()).step_by(97) {
        message(&text[..end]);
    }
    message("");
    message("\u{0}\u{1}\u{fffd}PNG\u{1b}");
    message("\"a\\nb\" = 1");
    message(&"[".repeat(100_000));

    let folder = tempfile::tempdir().expect("temporary folder");
    let load = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("writes");
        find(path.to_str().expect("UTF-8")).expect_err("refused").to_string()
    };
    assert!(load("binary.toml", b"\x7fELF\xff\xfe\x00").contains("not UTF-8"));
    assert!(load("empty.toml", b"").contains("empty.toml: line 1, column 1: missing field"));
    assert!(load("long.toml", &vec![b'#'; (1 << 20) + 1]).contains("longer than"));
    let gone = folder.path().join("gone.toml");
    let error = Loaded::<Profile>::load(&gone).expect_err("not there");
    assert!(matches!(error, ProfileError::Unreadable { .. }), "{error}");
    assert!(matches!(Loaded::<Profile>::load(folder.path()), Err(ProfileError::Unreadable { .. })));
}

#[test]
fn hw_selects_ids_classes_and_files_once_each() {
    let ids = |hw: &str| -> Vec<String> {
        Hardware::select(hw).expect("selects").cpus.into_iter().map(|l| l.profile.id).collect()
    };
    assert_eq!(ids("raspberry-pi-5, i486dx2-66"), ["raspberry-pi-5", "i486dx2-66"]);
    assert_eq!(ids("i486dx2-66,all").len(), built_in().len());
    assert_eq!(ids("class:sbc"), ["raspberry-pi-zero", "raspberry-pi-4", "raspberry-pi-5"]);

    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("my-machine.toml");
    let mut mine = built_in().swap_remove(0).profile;
    mine.id = "my-machine".into();
    std::fs::write(&path, mine.to_toml()).expect("writes");
    let path = path.to_str().expect("UTF-8");
    assert_eq!(ids(&format!("i486dx2-66,{path},{path}")), ["i486dx2-66", "my-machine"]);

    // Another machine with the id of one that is there: its records would be taken for that one's.
    let other = folder.path().join("i486dx2-66.toml");
    mine.id = "i486dx2-66".into();
    std::fs::write(&other, mine.to_toml()).expect("writes");
    let hw = format!("class:retro,{}", other.display());
    assert!(matches!(Hardware::select(&hw), Err(ProfileError::Twice { id }) if id == "i486dx2-66"));

    for hw in ["", "cray-1", "class:", "class:abacus", "i486dx2-66,,all", "new\nline"] {
        let error = Hardware::select(hw).expect_err("refused");
        assert!(matches!(error, ProfileError::Unknown { .. }), "{error}");
        assert!(!error.to_string().contains('\n'));
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_or_read_without_panic(text in any::<String>()) {
        if let Err(error) = Profile::parse("x.toml", &text) {
            prop_assert!(!error.to_string().contains('\n'));
        }
    }

    #[test]
    fn any_damage_is_refused_or_read_without_panic(at in 0.0..1.0, cut in 0usize..40, insert in "[ -~\n]{0,12}") {
        let text = sample();
        let start = (at * text.len() as f64) as usize;
        let end = (start + cut).min(text.len());
        if let (Some(head), Some(tail)) = (text.get(..start), text.get(end..))
            && let Err(error) = Profile::parse("x.toml", &format!("{head}{insert}{tail}"))
        {
            prop_assert!(!error.to_string().contains('\n'));
        }
    }
}
