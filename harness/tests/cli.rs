//! The command line as a user meets it: results on standard output, one-line errors, exit codes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use harness::record::{Outcome, Record, Tier};
use kernels::model::synthetic;

/// Runs the program in an empty folder of its own.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.path(name), bytes).expect("room for a small file");
        name.to_string()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_retrobench"));
        let own = std::env::vars().filter(|(key, _)| key.starts_with("RETROBENCH_"));
        own.for_each(|(key, _)| {
            command.env_remove(key);
        });
        command.args(arguments).current_dir(self.0.path());
        command
    }

    /// Standard output of a run that must succeed.
    fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {} {error}", output.status);
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Records of a run that must succeed.
    fn records(&self, arguments: &[&str]) -> Vec<Record> {
        let lines = self.succeeds(&[arguments, &["--quiet", "-o", "jsonl"]].concat());
        lines.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
    }

    /// Exit code 2 and one line that says all of `words`.
    fn refuses(&self, arguments: &[&str], words: &[&str]) {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{arguments:?}: {error}");
        assert!(error.starts_with("retrobench: "), "{arguments:?}: {error}");
        for word in words {
            assert!(error.contains(word), "{arguments:?}: no {word:?} in {error}");
        }
    }
}

fn timed(record: &Record) -> bool {
    matches!(&record.outcome, Outcome::Timed(t) if t.time_ns > 0.0)
}

#[test]
fn lists_name_every_kernel_and_every_machine() {
    let place = Place::new();
    for kernel in kernels::KERNELS {
        for what in ["kernels", "variants", "shapes"] {
            assert!(place.succeeds(&["list", what]).contains(kernel.name()), "{what}");
        }
    }
    let profiles = place.succeeds(&["list", "profiles"]);
    assert!(profiles.lines().count() > 12 && profiles.contains("i486dx2-66"), "{profiles}");
}

#[test]
fn what_hw_show_prints_is_a_profile() {
    let place = Place::new();
    let shown = place.succeeds(&["hw", "show", "atom-n270"]);
    let own = place.write("my-netbook.toml", shown.replace("atom-n270", "my-netbook").as_bytes());
    let records = place.records(&["measure", "gemv_f32/stories260k/attn-q/", "--hw", &own]);
    assert!(records.iter().all(|r| r.machine.id == "my-netbook" && r.tier == Tier::Modelled));
}

#[test]
fn native_records_have_samples_and_modelled_ones_are_the_same_twice() {
    let place = Place::new();
    let native = place.records(&["measure", "rmsnorm/stories", "--seconds", "0.05"]);
    assert!(!native.is_empty() && native.iter().all(timed));
    let model = ["measure", "stories260k/attn-q/", "--hw", "raspberry-pi-5,class:retro", "-q", "-o", "jsonl"];
    let first = place.succeeds(&model);
    assert!(first.lines().count() > 20);
    assert_eq!(first, place.succeeds(&model));
}

#[test]
fn what_a_machine_lacks_is_a_result() {
    let place = Place::new();
    let records = place.records(&["measure", "gemv_q8/stories260k/attn-q/dot4", "--hw", "i486dx2-66"]);
    assert!(matches!(&records[0].outcome, Outcome::NotAvailable { reason } if reason.contains("dot-product")));
    let llama = ["measure", "gemv_f32/r1-distill-llama-8b/ffn-down/naive", "--hw", "pentium-iii-800"];
    assert!(matches!(&place.records(&[&llama[..3], &["class:retro"]].concat())[0].outcome, Outcome::DoesNotFit { .. }));
}

#[test]
fn weights_come_from_model_files_of_every_supported_element() {
    let place = Place::new();
    let llama2c = place.write("tiny.bin", &synthetic::llama2c([32, 64, 1, 4, 2, 48, 16]).bytes);
    let gguf = place.write("tiny.gguf", &synthetic::gguf().bytes);
    let shapes = |weights: &str| {
        let records = place.records(&["measure", "gemv", "--weights", weights, "--seconds", "0.02"]);
        assert!(records.iter().all(|r| timed(r) || matches!(r.outcome, Outcome::NotAvailable { .. })), "{records:?}");
        let mut shapes: Vec<String> = records.iter().map(|r| format!("{} {}", r.kernel, r.shape)).collect();
        shapes.dedup();
        shapes
    };
    assert_eq!(shapes(&format!("{llama2c}:blk.0.ffn_down.weight")), ["gemv_f32 tiny/blk.0.ffn_down.weight"]);
    assert!(shapes(&llama2c).len() >= 8);
    assert_eq!(
        shapes(&format!("{gguf}:blk.0.attn_q.weight")),
        ["gemv_f32 tiny/blk.0.attn_q.weight (f16 as f32)", "gemv_f16 tiny/blk.0.attn_q.weight"]
    );
    assert_eq!(shapes(&format!("{gguf}:blk.0.ffn_down.weight")), ["gemv_q8 tiny/blk.0.ffn_down.weight"]);
}

#[test]
fn bad_model_files_are_one_line() {
    let place = Place::new();
    let good = synthetic::llama2c([32, 64, 1, 4, 2, 48, 16]).bytes;
    let measure = |weights: &str, words: &[&str]| place.refuses(&["measure", "-q", "--weights", weights], words);
    place.write("good.bin", &good);
    place.write("cut.bin", &good[..good.len() - 1]);
    place.write("noise.bin", b"this is no model file, whatever it says");
    place.write("empty.gguf", b"");
    let absurd = [b"GGUF".as_slice(), &3u32.to_le_bytes(), &u64::MAX.to_le_bytes(), &1u64.to_le_bytes()].concat();
    place.write("absurd.gguf", &absurd);
    measure("good.bin:blk.7.attn_q.weight", &["good.bin", "no tensor", "blk.0.attn_q.weight"]);
    measure("good.bin:output_norm.weight", &["good/output_norm.weight", "no kernel takes"]);
    place.write("types.gguf", &synthetic::gguf().bytes);
    measure("types.gguf:blk.0.attn_k.weight", &["types.gguf", "blk.0.attn_k.weight", "Q4_K"]);
    measure("cut.bin", &["cut.bin", "bytes"]);
    measure("noise.bin", &["noise.bin", "not a model file"]);
    measure("empty.gguf", &["empty.gguf"]);
    measure("absurd.gguf", &["absurd.gguf", "18446744073709551615"]);
    measure("absent.bin", &["absent.bin", "no such file"]);
}

#[test]
fn bad_profiles_filters_and_records_are_one_line() {
    let place = Place::new();
    let shown = place.succeeds(&["hw", "show", "raspberry-pi-4"]);
    let without =
        |key: &str| shown.lines().filter(|l| !l.starts_with(key)).map(|l| format!("{l}\n")).collect::<String>();
    let missing = place.write("missing.toml", without("issue_width").as_bytes());
    let unknown = place.write("unknown.toml", shown.replace("issue_width", "issue_widht").as_bytes());
    place.refuses(&["measure", "--hw", &missing], &["missing.toml", "issue_width"]);
    place.refuses(&["measure", "--hw", &unknown], &["unknown.toml", "issue_widht"]);
    place.refuses(&["measure", "--hw", "zx81"], &["zx81", "list profiles"]);
    place.refuses(&["measure", "gemv("], &["gemv(", "regular expression"]);
    place.refuses(&["measure", "nothing-like-this"], &["nothing-like-this", "list shapes"]);
    place.refuses(&["report", "absent.jsonl"], &["absent.jsonl"]);
    let empty = place.write("empty.jsonl", b"");
    place.refuses(&["report", &empty], &["empty.jsonl", "no records"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_costs_no_result_and_devices_stay_devices() {
    let place = Place::new();
    let cells = ["measure", "gemv_f32/stories260k/attn-q/", "--hw", "raspberry-pi-5", "-q", "-o", "csv"];
    let whole = place.succeeds(&cells);
    for flag in ["--journal", "--export-json"] {
        let output = place.run(&[&cells[..], &[flag, "/dev/full"]].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flag}: {error}");
        assert!(error.contains("/dev/full") && error.contains("No space left"), "{error}");
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), whole.lines().count(), "{flag}");
        assert!(!fs::metadata("/dev/full").expect("a device").is_file());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn paths_need_not_be_text_and_links_and_pipes_stay_what_they_are() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let odd = |flag: &str, name: &[u8]| {
        let mut command = place.command(&["measure", "rope/stories260k", "--hw", "atom-n270", "-q"]);
        let output = command.arg(flag).arg(OsStr::from_bytes(name)).output().expect("it starts");
        assert!(output.status.success(), "{flag}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(fs::read_dir(place.path(".")).expect("there").flatten().any(|e| e.file_name().as_bytes() == name));
    };
    odd("--journal", b"\xff.jsonl");
    odd("--export-csv", b"\xff.csv");

    let synth = ["synth", "--model", "stories260k", "--dtype", "f32", "-q", "--out"];
    let pipe = place.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe).expect("a model").len()
    });
    place.succeeds(&[&synth[..], &["pipe"]].concat());
    place.write("model.gguf", b"");
    std::os::unix::fs::symlink("model.gguf", place.path("link.gguf")).expect("a link");
    place.succeeds(&[&synth[..], &["link.gguf"]].concat());
    let kind = |name: &str| fs::symlink_metadata(place.path(name)).expect("there").file_type();
    assert!(!kind("pipe").is_file() && kind("link.gguf").is_symlink());
    let model = fs::metadata(place.path("model.gguf")).expect("there");
    assert_eq!(reader.join().expect("it reads") as u64, model.len());
    let output = place.run(&[&synth[..], &["-"]].concat());
    assert_eq!(output.stdout.len() as u64, model.len(), "standard output has the model alone");
}

#[test]
#[cfg(target_os = "linux")]
fn what_was_measured_until_ctrl_c_is_printed() {
    let place = Place::new();
    let mut command = place.command(&["measure", "rmsnorm|softmax", "--seconds", "0.5", "-q", "-o", "jsonl"]);
    command.args(["--journal", "j.jsonl"]).stdout(Stdio::piped());
    let child = command.spawn().expect("it starts");
    let started = std::time::Instant::now();
    while fs::read(place.path("j.jsonl")).unwrap_or_default().is_empty() {
        assert!(started.elapsed().as_secs() < 60, "no record in a minute");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let records: Vec<Record> = lines.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
    assert!(!records.is_empty() && records.iter().all(timed), "{lines}");
}

#[test]
fn what_selects_nothing_or_contradicts_itself_is_said() {
    let place = Place::new();
    for (words, says) in [
        ("measure decode_step", "commodore-64"),
        ("measure gemv_f32/.*/several_rows$", "--hw h100"),
        ("measure gemm_f32 --hw zx-spectrum-48k", "raspberry-pi-5"),
        ("run decode_step --modelled-only --hw h100 -q", "zx-spectrum-48k"),
        ("measure softmax --tier native --hw class:gpu", "add modelled"),
        ("measure softmax --isa scalar --hw h100", "--isa is for measuring here"),
        ("measure rope --export-csv nowhere.csv/x", "cannot write"),
        ("measure rope --cap h100", "which this is not"),
        ("calibrate --out Bad_Name.toml", "a-z"),
        ("calibrate --out host.json", ".toml"),
        ("study links --trials 8", "study verdicts"),
        ("report x.jsonl -o md --out site", "leave one of them out"),
        ("generate --model tinyllama-1.1b", "--hw"),
        ("generate --model tinyllama-1.1b --hw h100 --tokenizer absent", "--tokenizer"),
        ("generate --journal tokens.jsonl", "--hw"),
        ("generate --model llama-2-7b:q9", "q4_0"),
        ("generate --hw atom-n270 --pace --rungs gemv_f32=simd", "naive and best"),
    ] {
        place.write("nowhere.csv", b"a file, no folder");
        let words: Vec<&str> = words.split(' ').collect();
        if words.contains(&"--cap") {
            // Refused where flags are read, in the words of that.
            let output = place.run(&words);
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.code() == Some(2) && error.contains(says), "{words:?}: {error}");
        } else {
            place.refuses(&words, &[says]);
        }
    }
    assert!(!place.path("tokens.jsonl").exists());
    place.succeeds(&["measure", "decode_step", "--shard", "1/2", "-q"]);
    let noise: Vec<u8> = (0..9999u32).flat_map(|i| [b'\n', (i % 251) as u8 | 0x80]).collect();
    let output = place.run(&["report", &place.write("noise", &noise)]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && error.lines().count() < 10 && error.contains("more lines"), "{error}");
}

#[test]
fn records_of_two_hosts_are_kept_apart() {
    let place = Place::new();
    let here = place.succeeds(&["measure", "rmsnorm/stories260k", "--seconds", "0.02", "-q", "-o", "jsonl"]);
    let cpu = serde_json::from_str::<Record>(here.lines().next().expect("one")).expect("a record").environment.cpu;
    let quoted = format!("\"cpu\":{}", serde_json::to_string(&cpu).expect("text"));
    assert!(here.contains(&quoted), "{here}");
    place.write("a.jsonl", here.as_bytes());
    place.write("b.jsonl", here.replace(&quoted, "\"cpu\":\"Another Processor\"").as_bytes());
    place.refuses(&["rank", "a.jsonl", "b.jsonl"], &["two hosts", "Another Processor"]);
    let csv = place.succeeds(&["report", "a.jsonl", "b.jsonl", "-o", "csv"]);
    assert_eq!(csv.lines().filter(|line| line.contains("this-host-2")).count(), here.lines().count());
    assert_eq!(csv.lines().filter(|line| line.contains("this-host-1")).count(), here.lines().count());
}

#[test]
fn the_tour_writes_records_tables_and_the_page_and_keeps_the_records_of_the_last() {
    let place = Place::new();
    let tour =
        ["run", "softmax/stories", "--hw", "core-2-duo-e6600,atom-n270", "--modelled-only", "-q", "--out", "out"];
    let table = place.succeeds(&tour);
    assert!(table.contains("softmax"), "{table}");
    place.succeeds(&tour);
    let read = |name: &str| fs::read_to_string(place.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(read("out/records.jsonl"), read("out/records.previous.jsonl"));
    assert!(read("out/report.md").contains("Intel Core 2 Duo"));
    let page = read("out/index.html");
    place.succeeds(&["report", "out/records.jsonl", "--out", "again"]);
    assert_eq!(page, read("again/index.html"), "the page is a function of the records");
    assert!(Path::new(&place.path("again/report.md")).exists());
    for page in ["kernels/softmax.html", "machines/modelled-atom-n270.html", "techniques/textbook.html", "records.js"] {
        assert_eq!(read(&format!("out/{page}")), read(&format!("again/{page}")), "{page}");
    }
}

#[test]
fn a_tour_of_machine_code_alone_measures_nothing_here() {
    let place = Place::new();
    place.succeeds(&[
        "run",
        "decode_step_fixed/stories260k/.*31/optimized$",
        "--hw",
        "playstation",
        "-q",
        "--out",
        "out",
    ]);
    let (records, _) = harness::journal::read(&place.path("out/records.jsonl")).expect("records");
    assert!(records.len() == 1 && records.iter().all(|r| timed(r) && r.tier == Tier::Emulated), "{records:?}");
}

#[test]
fn a_report_is_also_a_comment_a_block_of_a_readme_and_pictures() {
    let place = Place::new();
    place.succeeds(&["run", "softmax/stories", "--hw", "atom-n270", "--modelled-only", "-q", "--out", "out"]);
    let records = "out/records.jsonl";
    assert!(place.succeeds(&["report", records, "-o", "md"]).contains("Every output matches its reference"));
    assert!(place.succeeds(&["report", records, "-o", "csv"]).starts_with("kernel,shape,"));
    assert!(!place.path("reports").exists(), "what is printed is not written");
    let readme = place.write("README.md", b"# Mine\n<!-- retrobench results -->\nold\n<!-- /retrobench -->\nafter\n");
    place.succeeds(&["document", &readme, "--records", records]);
    let text = fs::read_to_string(place.path(&readme)).expect("still there");
    assert!(text.starts_with("# Mine\n") && text.ends_with("after\n") && text.contains("Intel Atom N270"), "{text}");
    assert!(!text.contains("old\n"), "{text}");
    let bare = place.write("bare.md", b"no markers\n");
    place.refuses(&["document", &bare, "--records", records], &["bare.md", "no block", "results"]);
    place.refuses(&["document", "absent.md", "--records", records], &["absent.md"]);
    place.succeeds(&["report", records, "--out", "site", "--png"]);
    let story = fs::read(place.path("site/png/story.png")).expect("a picture");
    assert!(story.starts_with(b"\x89PNG"));
}

#[test]
fn text_is_the_same_on_every_rung_and_tokens_are_modelled_from_their_kernels() {
    let place = Place::new();
    let text = |rungs: &str| {
        place.succeeds(&["generate", "--prompt", "The", "--steps", "12", "--rungs", rungs, "--threads", "1"])
    };
    let naive = text("naive");
    assert!(naive.starts_with("The") && naive.len() > 10, "{naive}");
    assert_eq!(naive, text("best"));
    assert_eq!(naive, text("naive,gemv_f32=multi_row"));
    let mut piped = place.command(&["generate", "--prompt", "-", "--steps", "12", "--threads", "1"]);
    let mut child = piped.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("piped").write_all(b"The").expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(naive.as_bytes(), output.stdout);
    place.succeeds(&["generate", "--model", "stories260k", "--hw", "pentium-ii-350", "--journal", "tokens.jsonl"]);
    let (records, _) = harness::journal::read(&place.path("tokens.jsonl")).expect("records");
    assert_eq!(records.iter().map(|r| r.variant.as_str()).collect::<Vec<_>>(), ["naive", "best"]);
    assert!(records.iter().all(|r| r.kernel == "decode" && r.shape == "stories260k/t64" && timed(r)));
    // Of a file in its own types, behind the prompt, whose tokens are counted.
    let hw = ["--hw", "pentium-ii-350", "--journal", "file.jsonl"];
    let output = place.run(&[&["generate", "--prompt", "The", "--steps", "12", "--threads", "1"][..], &hw].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    let tokens = said.split("prompt of ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
    let (records, _) = harness::journal::read(&place.path("file.jsonl")).expect("records");
    let middle = format!("old-machines-278k/t{}", tokens.expect("a prompt's tokens") + 6);
    assert!(records.len() == 2 && records.iter().all(|r| r.shape == middle && r.dims.contains("Q8_0")), "{records:?}");
    // And without copies of the weights.
    let in_place = ["generate", "--prompt", "The", "--steps", "12", "--threads", "1", "--in-place"];
    assert_eq!(naive, place.succeeds(&in_place));
}

#[test]
fn tokens_of_small_models_are_emulated_and_others_are_said_not_to_be() {
    let place = Place::new();
    place.succeeds(&["generate", "--model", "stories260k", "--hw", "playstation", "--journal", "tokens.jsonl"]);
    let (records, _) = harness::journal::read(&place.path("tokens.jsonl")).expect("records");
    assert_eq!(records.iter().map(|r| r.variant.as_str()).collect::<Vec<_>>(), ["naive", "optimized"]);
    assert!(records.iter().all(|r| r.shape == "stories260k/position-63" && timed(r)));
    // The built-in model has other sizes; its text stays the same.
    let output = place.run(&["generate", "--steps", "4", "--hw", "playstation", "--trace"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("a token (") && said.contains("products of weights"), "{said}");
    let output = place.run(&["generate", "--model", "stories15m", "--hw", "zx-spectrum-48k"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("not available: vectors of 768 values"), "{said}");
}

#[test]
fn a_model_of_no_numbers_ends_with_a_clear_error() {
    let place = Place::new();
    let mut model = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../models/old-machines-278k.gguf")).expect("there");
    // Scales of the last blocks that are not a number.
    let end = model.len();
    model[end - 4000..].fill(0xff);
    let model = place.write("broken.gguf", &model);
    for temperature in ["0", "0.8"] {
        let output = place.run(&["generate", "--model", &model, "--steps", "4", "--temperature", temperature]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && error.contains("no numbers or all alike"), "{temperature}: {error}");
    }
}

#[test]
fn wishes_of_generate_that_cannot_be_met_are_said() {
    let place = Place::new();
    for (flag, value, words) in [("--rungs", "worst", "naive, best"), ("--kv", "q4", "bf16"), ("--batch", "0", "zero")]
    {
        let output = place.run(&["generate", flag, value]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && error.contains(words), "{flag} {value}: {error}");
    }
    for (flags, words) in [
        (["--rungs", "gemv_f32=sind"], "multi_row"),
        (["--model", "nowhere.gguf"], "nowhere.gguf"),
        (["--model", "no-such-model:q4_0"], "deepseek-v2-lite"),
        (["--steps", "100000"], "give --steps 255 or less"),
        (["--prompt", &"word ".repeat(200)], "shorten the prompt"),
    ] {
        place.refuses(&["generate", flags[0], flags[1]], &[words]);
    }
}
