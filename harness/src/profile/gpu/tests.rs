//! Built-in GPUs, refusals, round trips.

use std::collections::{BTreeMap, BTreeSet};

use super::check::RANGES;
use super::{Generation, GpuProfile};
use crate::profile::Loaded;
use crate::profile::check::collect;

const A100: &str = include_str!("../../../../profiles/gpu/a100.toml");
const G80: &str = include_str!("../../../../profiles/gpu/geforce-8800-gtx.toml");

/// The message for a sample with one piece of its text replaced.
fn refused(from: &str, to: &str) -> String {
    assert_eq!(A100.matches(from).count(), 1, "one place to break: {from}");
    let error = GpuProfile::parse("my.toml", &A100.replace(from, to)).expect_err("refused").to_string();
    assert!(!error.contains('\n'), "one line: {error}");
    assert!(error.starts_with("profile my.toml: ") && error.contains("FORMAT.md"), "{error}");
    error
}

#[test]
fn a_profile_survives_being_written_and_read() {
    for text in [A100, G80] {
        let gpu = GpuProfile::parse("x.toml", text).expect("right");
        assert_eq!(GpuProfile::parse("x.toml", &gpu.to_toml()).expect("reads back"), gpu);
    }
}

#[test]
fn figures_that_cannot_be_are_named_by_key() {
    for (from, to, key) in [
        ("schema = 1", "schema = 2", "schema"),
        ("id = \"a100\"", "id = \"A 100\"", "id"),
        ("clock_mhz = { value = 1410.0", "clock_mhz = { value = 1410000.0", "machine.clock_mhz"),
        ("sms = { value = 108", "sms = { value = 0", "machine.sms"),
        ("warp_lanes = { value = 32", "warp_lanes = { value = 33", "sm.warp_lanes"),
        ("max_threads = { value = 2048", "max_threads = { value = 2040", "sm.max_threads"),
        ("max_threads = { value = 2048", "max_threads = { value = 992", "sm.max_workgroup_threads"),
        ("shared_kib = { value = 164.0", "shared_kib = { value = 64.0", "sm.max_workgroup_shared_kib"),
        ("shared_banks = { value = 32", "shared_banks = { value = 24", "sm.shared_banks"),
        ("issue_per_cycle = { value = 4.0", "issue_per_cycle = { value = 1.0", "sm.issue_per_cycle"),
        ("latency_cycles = { value = 200.0", "latency_cycles = { value = 20.0", "l2.latency_cycles"),
        ("latency_cycles = { value = 400.0", "latency_cycles = { value = 150.0", "memory.latency_cycles"),
        ("sustained_gb_s = { value = 1750.0", "sustained_gb_s = { value = 2500.0", "memory.sustained_gb_s"),
        ("transaction_bytes = { value = 32", "transaction_bytes = { value = 48", "memory.transaction_bytes"),
        ("value = \"distinct-blocks\"", "value = \"in-order-segment\"", "memory.coalescing_lanes"),
        ("kib = { value = 40960.0", "kib = { value = 40960.01", "l2.kib"),
        ("array_kib = { value = 192.0", "array_kib = { value = 128.0", "l1.array_kib"),
        ("array_kib = { value = 192.0", "array_kib = { value = 356.0", "l1.array_kib"),
        (
            "kib = { value = 40960.0",
            "array_kib = { value = 81920.0, source = \"chip\" }\nkib = { value = 40960.0",
            "l2.array_kib",
        ),
        ("kind = \"NVLink 3\"", "kind = \" \"", "link.kind"),
        ("sms = { value = 108, source = \"chip\"", "sms = { value = 108, source = \"hearsay\"", "machine.sms"),
        ("[sources]\n", "[sources]\nspare = { cite = \"x\", status = \"read\" }\n", "sources.spare"),
    ] {
        let error = refused(from, to);
        assert!(error.contains(&format!(": {key}: ")), "{key} expected: {error}");
    }
}

#[test]
fn missing_and_unknown_keys_are_named_with_their_line() {
    for (from, to, word) in [
        ("sms = { value = 108, source = \"chip\" }\n", "", "sms"),
        ("sms = { value = 108,", "smz = { value = 108,", "smz"),
        ("kind = \"NVLink 3\"", "kind = \"NVLink 3\"\ncolour = 1", "colour"),
        ("generation = \"ampere\"", "generation = \"tulip\"", "tulip"),
        ("kind = \"gpu\"", "kind = \"cpu\"", "cpu"),
        ("value = \"distinct-blocks\"", "value = \"magic\"", "magic"),
    ] {
        let error = refused(from, to);
        assert!(error.contains(word) && error.contains("line "), "{error}");
    }
}

#[test]
fn every_figure_has_a_range() {
    let table = toml::Value::try_from(GpuProfile::parse("x.toml", A100).expect("right")).expect("a table");
    let mut figures = Vec::new();
    collect("", &table, &mut figures);
    assert!(figures.len() > 50);
    for (path, value, _) in figures {
        let key = path.rsplit('.').next().expect("a key");
        assert!(RANGES.iter().any(|(name, ..)| *name == key) || value.is_str(), "{path} has no range");
    }
}

fn of(id: &str) -> GpuProfile {
    built_in().into_iter().find(|l| l.profile.id == id).unwrap_or_else(|| panic!("{id} is built in")).profile
}

fn built_in() -> Vec<Loaded<GpuProfile>> {
    Loaded::embedded().expect("built-in GPUs are right")
}

/// Key paths of the figures in which two GPUs differ, a section that only one has included.
fn differing(a: &str, b: &str) -> Vec<String> {
    let figures = |id: &str| {
        let table = toml::Value::try_from(of(id)).expect("a table");
        let mut found = Vec::new();
        collect("", &table, &mut found);
        found.into_iter().map(|(path, value, _)| (path[1..].to_string(), value.clone())).collect::<BTreeMap<_, _>>()
    };
    let (a, b) = (figures(a), figures(b));
    let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    keys.into_iter().filter(|k| a.get(*k) != b.get(*k)).cloned().collect()
}

#[test]
fn export_variants_differ_from_their_siblings_only_in_what_was_cut() {
    assert_eq!(differing("a100", "a800"), ["link.both_ways_gb_s"]);
    assert_eq!(differing("h100", "h800"), ["link.both_ways_gb_s", "sm.f64_lanes_per_cycle"]);
    // The H20 lost compute and got other memory; SM for SM it is an H100 but for f64.
    let h20 = differing("h100", "h20");
    let apart = |key: &&String| !["matrix.", "memory.", "l2."].iter().any(|section| key.starts_with(section));
    let rest: Vec<_> = h20.iter().filter(apart).collect();
    assert_eq!(rest, ["machine.sms", "sm.f64_lanes_per_cycle"]);
    // The H200 has other memory, which was measured.
    let memory =
        ["bandwidth_gb_s", "latency_cycles", "memory_mib", "sustained_gb_s"].map(|key| format!("memory.{key}"));
    assert_eq!(differing("h100", "h200"), memory);
    for (id, gb_s) in
        [("a100", 600.0), ("a800", 400.0), ("h100", 900.0), ("h800", 400.0), ("h20", 900.0), ("h200", 900.0)]
    {
        assert_eq!(of(id).link.expect("a link").both_ways_gb_s.value, gb_s, "{id}");
    }
}

/// Workgroups take their memory from the L1 that is one array with it, and nothing from the one that is apart.
#[test]
fn shared_memory_is_cut_from_the_array_that_l1_is_in() {
    let left = |id: &str, shared_kib| of(id).l1_kib_beside(shared_kib);
    assert_eq!((left("a100", 0.0), left("a100", 164.0)), (Some(192.0), Some(28.0)));
    assert_eq!((left("t4", 0.0), left("t4", 32.0), left("t4", 64.0)), (Some(64.0), Some(64.0), Some(32.0)));
    assert_eq!((left("gtx-1080", 96.0), left("gtx-680", 48.0)), (Some(48.0), None));
    // Tables of one array that hold both in full, one beside the other, would count it twice.
    for gpu in built_in() {
        let p = gpu.profile;
        let since_volta = matches!(p.generation, Generation::Turing | Generation::Ampere | Generation::Hopper);
        assert_eq!(p.l1.is_some_and(|l1| l1.array_kib.is_some()), since_volta, "{}", p.id);
    }
}

#[test]
fn every_gpu_of_the_time_machine_is_there() {
    let ids: BTreeSet<String> = built_in().into_iter().map(|l| l.profile.id).collect();
    for id in
        "geforce-8800-gtx gtx-280 gtx-580 gtx-680 k80-half gtx-980 m40 gtx-1060 gtx-1080 p100 t4 rtx-2080-ti rtx-3090 \
               a100 a800 h100 h800 h20 h200 rx-580 rx-5700-xt mi50 m2-ultra-gpu"
            .split_whitespace()
    {
        assert!(ids.contains(id), "{id}");
    }
}

/// f32 peaks as the data sheets state them.
#[test]
fn peaks_follow_from_the_figures() {
    for (id, gflops) in [
        ("geforce-8800-gtx", 345.6),
        ("gtx-280", 622.0),
        ("gtx-580", 1581.0),
        ("gtx-680", 3090.0),
        ("k80-half", 4113.0),
        ("gtx-980", 4612.0),
        ("m40", 6844.0),
        ("gtx-1060", 4370.0),
        ("t4", 8141.0),
        ("rtx-2080-ti", 14_231.0),
        ("rtx-3090", 35_580.0),
        ("a100", 19_500.0),
        ("h800", 66_900.0),
        ("rx-580", 6175.0),
        ("mi50", 13_410.0),
        ("m2-ultra-gpu", 27_200.0),
    ] {
        let peak = of(id).peak_f32_ops_per_s() / 1e9;
        assert!((peak - gflops).abs() < 0.005 * gflops, "{id}: {peak} is not {gflops}");
    }
    assert_eq!(of("h800").link_one_way_gb_s(), Some(160.0), "what DeepEP could have");
    assert!(of("t4").peak_i8_ops_per_s() > 1.3e14 && of("gtx-680").peak_f16_ops_per_s() < 3.1e12);
}
