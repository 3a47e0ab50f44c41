//! Built-in GPUs, refusals, round trips.

use super::GpuProfile;
use super::check::RANGES;
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
        ("kib = { value = 40960.0", "kib = { value = 40960.1", "l2.kib"),
        ("kind = \"NVLink 3\"", "kind = \" \"", "link.kind"),
        ("sms = { value = 108, source = \"lockwood\"", "sms = { value = 108, source = \"hearsay\"", "machine.sms"),
        ("[sources]\n", "[sources]\nspare = { cite = \"x\", status = \"read\" }\n", "sources.spare"),
    ] {
        let error = refused(from, to);
        assert!(error.contains(&format!(": {key}: ")), "{key} expected: {error}");
    }
}

#[test]
fn missing_and_unknown_keys_are_named_with_their_line() {
    for (from, to, word) in [
        ("sms = { value = 108, source = \"lockwood\" }\n", "", "sms"),
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
