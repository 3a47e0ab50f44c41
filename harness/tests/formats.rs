//! Tables that are no records in every format, and which tiers `--tier` and `--hw` select.

#[allow(dead_code, reason = "the tests of limits use the rest")]
mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use harness::record::{Record, Tier};
use serde_json::Value;

/// Standard output of a run that must succeed.
fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = common::retrobench(arguments, folder).output().expect("the program starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Exit code 2 and one line that says all of `words`.
fn refuses(folder: &Path, arguments: &[&str], words: &[&str]) {
    let output = common::retrobench(arguments, folder).output().expect("the program starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), error.lines().count()), (Some(2), 1), "{arguments:?}: {error}");
    words.iter().for_each(|word| assert!(error.contains(word), "{arguments:?}: no {word:?} in {error}"));
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn what_there_is_and_what_this_host_is_are_tables_in_every_format() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let shown = |what: &[&str], format: &str| succeeds(place.path(), &[what, &["-o", format]].concat());
    for (what, first) in [
        (&["list", "kernels"][..], "kernel"),
        (&["list", "variants"], "kernel/variant"),
        (&["list", "shapes"], "kernel/shape"),
        (&["list", "profiles"], "profile"),
        (&["hw", "diff", "h100", "h20", "--figures"], "figure"),
        (&["doctor", "--seconds", "0.02"], "what"),
    ] {
        let rows = json(&shown(what, "json"));
        let rows = rows.as_array().expect("rows");
        assert!(rows.len() > 3 && rows.iter().all(|row| row[first].is_string()), "{what:?}: {rows:?}");
        assert_eq!(shown(what, "jsonl").lines().count(), rows.len(), "{what:?}");
        assert!(shown(what, "csv").starts_with(&format!("{first},")), "{what:?}");
        assert!(shown(what, "md").contains(&format!("| {first} |")), "{what:?}");
    }
    let kernels = json(&shown(&["list", "kernels"], "json"));
    let variants = kernels.as_array().expect("rows").iter().find(|k| k["kernel"] == "gemv_f32").expect("a kernel");
    assert!(variants["variants"].as_f64().is_some_and(|n| n > 3.0 && n.fract() == 0.0), "{variants}");
}

#[test]
fn two_machines_are_two_tables() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let diff = ["hw", "diff", "raspberry-pi-4", "raspberry-pi-zero", "gemv_(f32|q8)/stories260k/attn-q/", "-o", "json"];
    let both = json(&succeeds(place.path(), &diff));
    let [figures, winners] = &both.as_array().expect("two tables")[..] else { panic!("{both}") };
    let figures = figures.as_array().expect("rows");
    assert!(figures.iter().any(|row| row["figure"] == "simd.isa" && row["second"].is_null()), "{figures:?}");
    let winners = winners.as_array().expect("rows");
    assert!(winners.iter().all(|row| row["time_ns"].is_f64() && row["why"].is_string()), "{winners:?}");
}

#[test]
fn a_ranking_is_json_too() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let rank =
        ["rank", "gemv_f32/stories260k", "--hw", "raspberry-pi-5", "-q", "-o", "json", "--export-json", "r.json"];
    let rows = json(&succeeds(place.path(), &rank));
    assert_eq!(rows, json(&fs::read_to_string(place.path().join("r.json")).expect("written")));
    let rows = rows.as_array().expect("rows");
    assert!(rows.len() > 2, "{rows:?}");
    assert_eq!((&rows[0]["geometric_mean"], &rows[0]["place"]), (&Value::from(1.0), &Value::from(1)));
    let means: Vec<f64> = rows.iter().map(|row| row["geometric_mean"].as_f64().expect("a number")).collect();
    assert!(means.is_sorted() && means[means.len() - 1] > 1.5, "{means:?}");
}

#[test]
fn tiers_are_those_that_are_named() {
    let place = tempfile::tempdir().expect("a temporary folder");
    // One cell on processors, GPUs and machines with machine code.
    let cell = "dot_fixed/stories260k/attn-q/|gemv_f32/stories260k/attn-q/naive$";
    let tiers = |flags: &[&str]| -> BTreeSet<Tier> {
        let lines = succeeds(place.path(), &[&["measure", cell, "-q", "-o", "jsonl"], flags].concat());
        lines.lines().map(|line| serde_json::from_str::<Record>(line).expect("a record").tier).collect()
    };
    let (modelled, emulated) = (Tier::Modelled, Tier::Emulated);
    let hw = ["--hw", "i486dx2-66,commodore-64"];
    assert_eq!(tiers(&hw), [modelled, emulated].into());
    assert_eq!(tiers(&[&hw[..], &["--tier", "modelled"]].concat()), [modelled].into());
    assert_eq!(tiers(&[&hw[..], &["--tier", "emulated"]].concat()), [emulated].into());
    assert_eq!(tiers(&[&hw[..], &["--tier", "modelled,emulated"]].concat()), [modelled, emulated].into());
    assert_eq!(tiers(&["--hw", "commodore-64"]), [emulated].into());
    assert_eq!(tiers(&["--tier", "emulated"]), [emulated].into());
    assert_eq!(tiers(&["--tier", "modelled"]), [modelled].into());
    let refused = |flags: &[&str], words: &[&str]| {
        refuses(place.path(), &[&["measure", cell, "-q"], flags].concat(), words);
    };
    refused(&["--tier", "modelled", "--hw", "commodore-64"], &["commodore-64 is emulated", "add emulated"]);
    refused(&["--tier", "emulated", "--hw", "h100"], &["h100 is modelled", "add modelled"]);
    refused(&["--tier", "native", "--hw", "h100"], &["add modelled or emulated"]);
}

#[test]
fn a_study_is_a_table_in_every_format() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let study = |format: &str| succeeds(place.path(), &["study", "fp8-promotion", "-o", format]);
    let csv = study("csv");
    assert!(
        csv.starts_with(
            "promotion_interval,data,rounding,worst_error,additions_per_product,h800_f32_lanes_busy_pct\nnone,positive,"
        ),
        "{csv}"
    );
    // A multiply-add on 66.9 TFLOPS for each 128 on 1978.9.
    assert!(csv.lines().any(|line| line.starts_with("128,") && line.ends_with(",0.00781,23.1")), "{csv}");
    assert_eq!((csv.lines().count(), study("md").lines().count()), (29, 32));
    assert!(study("table").contains("software model, not H800 hardware"));
    assert!(study("json").contains("\"promotion_interval\": \"none\""));
    let crossovers = succeeds(place.path(), &["study", "crossovers", "-o", "csv"]);
    assert_eq!(crossovers.lines().count(), 1 + harness::crossover::QUESTIONS.len());
}

#[test]
fn a_pass_over_several_tokens_has_a_cost_on_every_machine_or_a_reason() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let csv = succeeds(
        place.path(),
        &["study", "speculation", "--hw", "i486dx2-66,gtx-1080", "-o", "csv", "--chart", "speculation.svg"],
    );
    let rows = |start: &str| csv.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((rows("gtx-1080,q8_0,"), rows("gtx-1080,f16,"), rows("i486dx2-66,bf16,")), (5, 5, 1), "{csv}");
    assert!(csv.contains("the machine has 16 MiB"), "{csv}");
    let chart = fs::read_to_string(place.path().join("speculation.svg")).expect("drawn");
    assert!(chart.contains("Eight tokens for the price of") && chart.contains("a token after the other"), "{chart}");
    refuses(
        place.path(),
        &["study", "crossovers", "--hw", "gtx-1080"],
        &["--hw belongs to `retrobench study speculation`"],
    );
    refuses(place.path(), &["study", "speculation", "--hw", "commodore-64"], &["commodore-64", "processors or GPUs"]);
}
