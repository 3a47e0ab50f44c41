//! Comparisons as a user and a CI job meet them: what is compared, what is refused, and the exit codes.

#[allow(dead_code, reason = "the tests of limits use the rest")]
mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    common::retrobench(arguments, folder).output().expect("the program starts")
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Standard output of a run that must succeed.
fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", error(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Exit code 2 and one line that says all of `words`.
fn refuses(folder: &Path, arguments: &[&str], words: &[&str]) {
    let output = run(folder, arguments);
    let shown = error(&output);
    assert_eq!(code(&output), Some(2), "{arguments:?}: {shown}");
    assert_eq!(shown.lines().count(), 1, "{arguments:?}: {shown}");
    words.iter().for_each(|word| assert!(shown.contains(word), "{arguments:?}: no {word:?} in {shown}"));
}

/// Comparisons of a run that must succeed.
fn rows(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let lines = succeeds(folder, &[arguments, &["-q", "-o", "jsonl"]].concat());
    lines.lines().map(|line| serde_json::from_str(line).expect("a comparison")).collect()
}

fn verdicts(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["verdict"].as_str().unwrap_or("none")).collect()
}

/// A file of records with each changed.
fn write(folder: &Path, name: &str, lines: &str, change: impl Fn(&mut Value)) {
    let changed = lines.lines().map(|line| {
        let mut record: Value = serde_json::from_str(line).expect("a record");
        change(&mut record);
        format!("{record}\n")
    });
    fs::write(folder.join(name), changed.collect::<String>()).expect("room for a small file");
}

const MODELLED: [&str; 6] = ["measure", "rmsnorm/stories", "--hw", "raspberry-pi-5", "-qo", "jsonl"];
const MEASURED: [&str; 6] = ["measure", "rmsnorm/stories", "--seconds", "0.1", "-qo", "jsonl"];

/// All times of a record by a factor.
fn slowed(record: &mut Value, by: f64) {
    let scaled = |ns: &mut Value| *ns = (by * ns.as_f64().expect("a time")).into();
    let Some(outcome) = record["outcome"].as_object_mut() else { return };
    for key in ["time_ns", "low_ns", "high_ns"] {
        outcome.get_mut(key).into_iter().for_each(scaled);
    }
    outcome.get_mut("samples_ns").and_then(Value::as_array_mut).into_iter().flatten().for_each(scaled);
}

#[test]
fn a_regression_between_two_files_is_exit_code_1() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let place = place.path();
    let lines = succeeds(place, &MODELLED);
    write(place, "a.jsonl", &lines, |_| ());
    write(place, "b.jsonl", &lines, |r| slowed(r, 1.08));
    assert!(verdicts(&rows(place, &["cmp", "a.jsonl", "a.jsonl"])).iter().all(|v| *v == "same"));
    assert!(verdicts(&rows(place, &["cmp", "a.jsonl", "b.jsonl"])).iter().all(|v| *v == "slower"));
    assert!(verdicts(&rows(place, &["cmp", "b.jsonl", "a.jsonl"])).iter().all(|v| *v == "faster"));
    assert!(verdicts(&rows(place, &["cmp", "a.jsonl", "b.jsonl", "--threshold", "10%"])).iter().all(|v| *v == "same"));
    let gate = |limit: &str| run(place, &["cmp", "a.jsonl", "b.jsonl", "--fail-on-regression", limit]);
    let failed = gate("5%");
    assert_eq!(code(&failed), Some(1), "{}", error(&failed));
    assert!(error(&failed).contains("regression") && !failed.stdout.is_empty());
    assert_eq!(code(&gate("10%")), Some(0));
    assert_eq!(code(&run(place, &["cmp", "b.jsonl", "a.jsonl", "--fail-on-regression", "5%"])), Some(0));
    write(place, "wrong.jsonl", &lines, |r| r["outcome"] = serde_json::json!({"status": "wrong", "reason": "off"}));
    assert_eq!(code(&run(place, &["cmp", "a.jsonl", "wrong.jsonl"])), Some(1));
}

#[test]
fn a_cell_that_loses_its_time_fails_the_gate_and_one_that_was_not_run_does_not() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let place = place.path();
    let lines = succeeds(place, &MODELLED);
    write(place, "a.jsonl", &lines, |_| ());
    let gate = |base: &str, other: &str| run(place, &["cmp", base, other, "--fail-on-regression", "5%"]);
    for (status, reason) in [("does-not-fit", "needs 9 MiB"), ("not-available", "no such rung"), ("void", "not proven")]
    {
        let outcome = serde_json::json!({"status": status, "reason": reason});
        write(place, "b.jsonl", &lines, |r| {
            if r["variant"] == "naive" {
                r["outcome"] = outcome.clone();
            }
        });
        let failed = gate("a.jsonl", "b.jsonl");
        let shown = error(&failed);
        assert_eq!(code(&failed), Some(1), "{status}: {shown}");
        assert!(shown.contains("lost their time") && shown.contains(reason) && shown.lines().count() == 1, "{shown}");
        // A time where there was none is no regression, and without the gate nothing fails.
        assert_eq!(code(&gate("b.jsonl", "a.jsonl")), Some(0));
        assert_eq!(code(&run(place, &["cmp", "a.jsonl", "b.jsonl"])), Some(0));
    }
    let others: String =
        lines.lines().filter(|l| !l.contains("\"variant\":\"naive\"")).map(|l| format!("{l}\n")).collect();
    assert!(others.lines().count() < lines.lines().count());
    write(place, "c.jsonl", &others, |_| ());
    assert_eq!(code(&gate("a.jsonl", "c.jsonl")), Some(0));
}

#[test]
fn records_of_other_hosts_and_formats_are_never_compared_in_silence() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let place = place.path();
    let lines = succeeds(place, &MEASURED);
    write(place, "here.jsonl", &lines, |_| ());
    write(place, "there.jsonl", &lines, |r| r["environment"]["cpu"] = "Another CPU".into());
    write(place, "later.jsonl", &lines, |r| r["schema"] = 99.into());
    refuses(place, &["cmp", "here.jsonl", "there.jsonl"], &["two hosts", "Another CPU", "--across-hosts"]);
    assert!(!rows(place, &["cmp", "here.jsonl", "there.jsonl", "--across-hosts"]).is_empty());
    refuses(place, &["cmp", "here.jsonl", "later.jsonl"], &["later.jsonl:1", "schema 99"]);
    refuses(place, &["rank", "later.jsonl"], &["schema 99"]);
    let torn = fs::read_to_string(place.join("here.jsonl")).expect("there");
    fs::write(place.join("torn.jsonl"), &torn[..torn.len() - 20]).expect("written");
    refuses(place, &["cmp", "here.jsonl", "torn.jsonl"], &["torn.jsonl", "not a record"]);
    refuses(place, &["cmp", "here.jsonl"], &["second file"]);
    refuses(place, &["cmp", "here.jsonl", "gemv"], &["'gemv'", "files alone"]);
    refuses(place, &["cmp", "here.jsonl", "absent.jsonl"], &["absent.jsonl"]);
    write(place, "other.jsonl", &lines, |r| r["kernel"] = "no_such".into());
    refuses(place, &["cmp", "here.jsonl", "other.jsonl"], &["no cell is in both"]);
}

#[test]
fn a_baseline_is_kept_when_runs_agree_and_refused_when_they_do_not() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let place = place.path();
    let cells = ["cmp", "rmsnorm/stories", "-q"];
    let with = |more: &[&str]| run(place, &[&cells[..], more].concat());
    let missing = with(&["--baseline", "main"]);
    assert!(code(&missing) == Some(2) && error(&missing).contains("--save-baseline main"), "{}", error(&missing));
    // Within no percent at all no two runs of a clock agree.
    let refused = with(&["--save-baseline", "main", "--time", "20ms", "--threshold", "0%"]);
    assert!(code(&refused) == Some(1) && error(&refused).contains("not saved"), "{}", error(&refused));
    assert!(!place.join("reports/baselines/main.jsonl").exists());
    let machine = ["--hw", "raspberry-pi-5"];
    assert_eq!(code(&with(&[&machine[..], &["--save-baseline", "main"]].concat())), Some(0));
    let path = place.join("reports/baselines/main.jsonl");
    let against = [&cells[..], &machine, &["--baseline", "main", "--fail-on-regression", "5%"]].concat();
    assert_eq!(code(&run(place, &against)), Some(0));
    // A baseline that was faster makes of this build a regression.
    let kept = fs::read_to_string(&path).expect("there");
    write(&place.join("reports/baselines"), "main.jsonl", &kept, |r| slowed(r, 0.9));
    let regressed = run(place, &against);
    assert!(code(&regressed) == Some(1) && error(&regressed).contains("regression"), "{}", error(&regressed));
    let unknown = with(&["--baseline", "mian"]);
    assert!(code(&unknown) == Some(2) && error(&unknown).contains("there are main"), "{}", error(&unknown));
    refuses(
        place,
        &["cmp", "softmax/stories", "--hw", "raspberry-pi-5", "-q", "--baseline", "main"],
        &["none of these"],
    );
}

#[test]
fn bad_thresholds_times_and_names_are_exit_code_2() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let place = place.path();
    for (flag, value) in [
        ("--threshold", "1"),
        ("--threshold", "-1%"),
        ("--threshold", "one%"),
        ("--fail-on-regression", "5"),
        ("--time", "5"),
        ("--time", "0s"),
    ] {
        let output = run(place, &["cmp", "rmsnorm/stories", &format!("{flag}={value}")]);
        assert!(code(&output) == Some(2) && error(&output).contains(value), "{flag}: {}", error(&output));
    }
    refuses(place, &["cmp", "rmsnorm/stories", "--baseline", "../x"], &["'../x'"]);
    refuses(place, &["cmp", "nothing-like-this"], &["nothing-like-this"]);
    refuses(place, &["cmp", "rmsnorm/stories.*/naive$"], &["nothing to compare"]);
}

#[test]
fn variants_are_sampled_in_turn_and_modelled_ones_compared_by_their_bands() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let place = place.path();
    let filter = "gemv_f32/stories260k/attn-q/(naive|unrolled)$";
    let native = rows(place, &["cmp", filter, "--time", "100ms"]);
    assert_eq!(native.len(), 1);
    assert!(native[0]["ratio"].as_f64().is_some_and(|r| r > 0.0) && native[0]["tier"] == "native", "{native:?}");
    let modelled = ["cmp", filter, "--hw", "raspberry-pi-5,pentium-iii-800"];
    assert_eq!(rows(place, &modelled).len(), 2);
    let machines = rows(place, &[&modelled[..], &["--by", "machine"]].concat());
    assert!(machines.len() == 2 && verdicts(&machines).iter().all(|v| *v == "slower"), "{machines:?}");
    for format in ["table", "md", "csv", "json"] {
        let shown = succeeds(place, &[&modelled[..], &["-q", "-o", format]].concat());
        assert!(
            shown.contains("unrolled") && shown == succeeds(place, &[&modelled[..], &["-q", "-o", format]].concat())
        );
    }
}

#[test]
fn two_builds_take_part_and_what_is_no_build_is_said() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let place = place.path();
    let filter = "rmsnorm/stories.*/naive$";
    let own = env!("CARGO_BIN_EXE_retrobench");
    let same = rows(place, &["cmp", filter, "--other-binary", own, "--time", "100ms"]);
    assert!(same.len() == 1 && same[0]["ratio"].as_f64().is_some_and(|r| r > 0.0), "{same:?}");
    refuses(place, &["cmp", filter, "-q", "--other-binary", "absent"], &["--other-binary absent"]);
    refuses(place, &["cmp", filter, "-q", "--other-binary", "."], &["not a file"]);
    #[cfg(target_os = "linux")]
    for stranger in ["/bin/true", "/bin/cat"] {
        refuses(place, &["cmp", filter, "-q", "--other-binary", stranger], &[stranger, "does not take part"]);
    }
    refuses(place, &["cmp", filter, "-q", "--against", "HEAD"], &["--against HEAD", "not inside a checkout"]);
}

#[test]
fn a_ranking_counts_only_shapes_that_all_have_and_says_what_it_is_not() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let place = place.path();
    let lines = succeeds(place, &["measure", "gemv_f32/stories260k", "--hw", "raspberry-pi-5", "-qo", "jsonl"]);
    write(place, "all.jsonl", &lines, |_| ());
    // One variant loses its time at one shape.
    write(place, "some.jsonl", &lines, |r| {
        if r["variant"] == "naive" && r["shape"] == "stories260k/ffn-up" {
            r["outcome"] = serde_json::json!({"status": "void", "reason": "not run"});
        }
    });
    let cells = |shown: &str| {
        let row = shown.lines().nth(1).expect("a row").split(',').map(str::to_owned).collect::<Vec<_>>();
        row[6].clone()
    };
    assert_eq!(cells(&succeeds(place, &["rank", "all.jsonl", "-o", "csv"])), "2");
    assert_eq!(cells(&succeeds(place, &["rank", "some.jsonl", "-o", "csv"])), "1");
    let shown = succeeds(place, &["rank", "some.jsonl"]);
    assert!(shown.contains("not over a workload") && shown.contains("1 of 2 cells are left out"), "{shown}");
    refuses(place, &["rank", "rmsnorm/stories.*/naive$", "--hw", "raspberry-pi-5", "-q"], &["nothing to rank"]);
}

#[test]
fn the_study_of_verdicts_counts_both_rules() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let place = place.path();
    let shown = succeeds(place, &["study", "verdicts", "--trials", "4", "--time", "40ms", "-o", "csv"]);
    let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 3, "{shown}");
    for row in &rows[1..] {
        let number = |i: usize| row[i].parse::<usize>().unwrap_or_else(|_| panic!("{row:?}"));
        assert_eq!((number(1), number(7)), (4, 1), "{row:?}");
        assert_eq!(number(2) + number(3) + number(5) + number(6), 4, "{row:?}");
    }
}

#[test]
#[cfg(unix)]
fn another_commit_is_built_once_in_a_work_tree_of_its_own() {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    let place = tempfile::tempdir().expect("a temporary folder");
    let place = place.path();
    fs::create_dir(place.join("bin")).expect("created");
    // In place of the compiler: this binary, and a mark that it was asked for.
    let cargo = place.join("bin/cargo");
    let script = "#!/bin/sh\n[ -f Broken ] && exit 1\nmkdir -p \"$CARGO_TARGET_DIR/release\"\n\
                  cp \"$BUILT\" \"$CARGO_TARGET_DIR/release/retrobench\"\necho \"$PWD\" >> \"$CARGO_TARGET_DIR/built\"\n";
    fs::write(&cargo, script).expect("written");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("made executable");
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
        let status = Command::new("git").args(who).args(arguments).current_dir(place).status().expect("git");
        assert!(status.success(), "{arguments:?}");
    };
    git(&["init", "-q"]);
    for (name, message) in [("Cargo.toml", "first"), ("Broken", "second")] {
        fs::write(place.join(name), "").expect("written");
        git(&["add", name]);
        git(&["commit", "-qm", message]);
    }
    let path = format!("{}:{}", place.join("bin").display(), std::env::var("PATH").unwrap_or_default());
    let against = |rev: &str| {
        let arguments = ["cmp", "rmsnorm/stories.*/naive$", "--against", rev, "--time", "50ms", "-q", "-o", "jsonl"];
        let mut command = common::retrobench(&arguments, place);
        command.env("PATH", &path).env("BUILT", env!("CARGO_BIN_EXE_retrobench")).output().expect("it starts")
    };
    for _ in 0..2 {
        let output = against("HEAD~1");
        let row: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", error(&output)));
        assert!(row["base"] == "naive of HEAD~1" && row["other"] == "naive of this build", "{row}");
        assert!(row["ratio"].as_f64().is_some_and(|r| r > 0.0), "{row}");
    }
    let built = fs::read_to_string(place.join("target/against/build/built")).expect("it was built");
    assert!(built.lines().count() == 1 && built.contains("/tree"), "{built}");
    // A tree that came from another checkout, as from a cache of CI, is made anew.
    let tree = built.lines().next().expect("a tree");
    fs::write(Path::new(tree).join(".git"), "gitdir: /nowhere\n").expect("written");
    fs::remove_file(Path::new(tree).with_file_name("retrobench")).expect("removed");
    assert_eq!(code(&against("HEAD~1")), Some(0));
    let list = Command::new("git").args(["worktree", "list"]).current_dir(tree).output().expect("git");
    assert!(list.status.success(), "{}", String::from_utf8_lossy(&list.stderr));
    for (rev, words) in [("HEAD", "does not build"), ("no-such-rev", "no such commit")] {
        let output = against(rev);
        let shown = error(&output);
        assert!(code(&output) == Some(2) && shown.contains(words) && shown.lines().count() == 1, "{rev}: {shown}");
    }
}
