//! Reports of fixed records: golden files of the texts, and the page in a browser.

use std::process::Command;

use harness::record::{Bound, CostRef, Environment, MachineRef, Outcome, Record, SCHEMA, Speedup, Tier, Timing};
use harness::report::{self, Report};

/// What a hostile profile would be called.
const HOSTILE: &str = "<script>alert(1)</script> & \"Co\" | `x`";

fn record(tier: Tier, kernel: &str, rung: u32, variant: &str, machine: &MachineRef, outcome: Outcome) -> Record {
    Record {
        schema: SCHEMA,
        tier,
        kernel: kernel.into(),
        shape: "r1-distill-qwen-1.5b/ffn-down".into(),
        dims: "1536×8960".into(),
        variant: variant.into(),
        rung,
        idea: format!("the idea of {variant}, which is a sentence of some length so that it has to be cut or wrapped"),
        machine: machine.clone(),
        outcome,
        cost: CostRef { operations: 27_525_120, bytes: 55_092_224 },
        caps: Vec::new(),
        environment: Environment {
            commit: "0123456789ab".into(),
            rustc: "rustc 1.89.0".into(),
            build_features: "sse2".into(),
            cpu: if tier == Tier::Native { "A Processor".into() } else { "-".into() },
            host: "-".into(),
            seed: 1,
            command: "retrobench run".into(),
        },
    }
}

fn machine(id: &str, name: &str, year: Option<u16>, [ops, bytes]: [f64; 2]) -> MachineRef {
    MachineRef {
        id: id.into(),
        name: name.into(),
        class: if year.is_some() { "retro".into() } else { "host".into() },
        year,
        profile_hash: Some("00ff".into()),
        isa: "scalar".into(),
        threads: 1,
        peak_ops_per_s: Some(ops),
        peak_bytes_per_s: Some(bytes),
    }
}

/// Times of a whole ladder from naive on, ns; softmax takes a hundredth of them.
fn ladder(tier: Tier, on: &MachineRef, softmax: bool, times_ns: [f64; 3], band: f64) -> Vec<Record> {
    let (kernel, scale) = if softmax { ("softmax", 0.01) } else { ("gemv_f32", 1.0) };
    let rung = |(rung, variant): (usize, &str)| {
        let (time_ns, ratio) = (times_ns[rung] * scale, times_ns[0] / times_ns[rung]);
        let bound = if rung == 0 { Bound::Latency } else { Bound::MemoryBandwidth };
        let modelled = (tier == Tier::Modelled).then_some(bound);
        let error = if rung == 0 || modelled.is_some() { 1.0 } else { 1.01 };
        let outcome = Outcome::Timed(Timing {
            time_ns,
            low_ns: time_ns / band,
            high_ns: time_ns * band,
            speedup: Some(Speedup { ratio, low: ratio / error, high: ratio * error }),
            samples_ns: Vec::new(),
            warm: false,
            floor_ns: on.peak_bytes_per_s.map(|rate| 55_092_224e9 / rate * scale),
            bound: modelled,
            shares: modelled.map(|b| (b, 0.75)).into_iter().collect(),
            paced_share: None,
            counts: None,
            cycles: None,
            nmse: 1e-14,
            backward_error: 2e-7,
        });
        record(tier, kernel, rung as u32, variant, on, outcome)
    };
    ["naive", "unrolled", "simd"].into_iter().enumerate().map(rung).collect()
}

/// Two kernels, this host and three machines, every kind of outcome.
fn records() -> Vec<Record> {
    let host = machine("this-host", "A Processor", None, [100e9, 20e9]);
    let pentium = machine("pentium-iii-800", "Intel Pentium III 800EB (Coppermine)", Some(1999), [3.2e9, 0.533e9]);
    let hostile = machine("hostile", HOSTILE, Some(2001), [1e9, 0.2e9]);
    let small = machine("i486dx2-66", "Intel 486DX2-66", Some(1992), [6e6, 0.03e9]);
    let mut all = Vec::new();
    for softmax in [false, true] {
        all.extend(ladder(Tier::Native, &host, softmax, [10.5e6, 6.2e6, 3.1e6], 1.02));
        all.extend(ladder(Tier::Modelled, &pentium, softmax, [420e6, 250e6, 130e6], 1.35));
        all.extend(ladder(Tier::Modelled, &hostile, softmax, [900e6, 520e6, 480e6], 1.35));
        let kernel = if softmax { "softmax" } else { "gemv_f32" };
        let mut add = |tier, rung, variant: &str, on: &MachineRef, outcome| {
            all.push(record(tier, kernel, rung, variant, on, outcome));
        };
        add(Tier::Native, 3, "arch", &host, Outcome::Refused { reason: "1 ns is below the floor of 2 ns".into() });
        add(Tier::Native, 4, "broken", &host, Outcome::Wrong { reason: "y[3]: NaN, not 1.5".into() });
        let lacks = Outcome::NotAvailable { reason: "the machine has no SIMD floating point".into() };
        add(Tier::Modelled, 3, "arch", &pentium, lacks);
        add(Tier::Modelled, 4, "broken", &hostile, Outcome::Void { reason: "panicked: index out of bounds".into() });
        let large = Outcome::DoesNotFit { reason: "needs 53 MiB, the machine has 16 MiB".into() };
        add(Tier::Modelled, 0, "naive", &small, large);
    }
    all
}

fn of<'a>(records: &'a [Record], notes: &'a [String]) -> Report<'a> {
    Report { title: "What each optimization is worth", command: "retrobench run --hw a,b", records, notes }
}

#[test]
fn markdown_is_as_it_was() {
    let (records, notes) = (records(), vec!["A note with <b>markup</b>.".to_string()]);
    insta::assert_snapshot!(report::markdown(&of(&records, &notes)));
}

#[test]
fn csv_is_as_it_was() {
    insta::assert_snapshot!(report::csv(&records()));
}

#[test]
fn the_terminal_table_is_as_it_was() {
    insta::assert_snapshot!(report::summary_table(&records()));
}

#[test]
fn charts_are_as_they_were() {
    for (name, svg) in report::charts(&records()[..14]).expect("drawable") {
        insta::assert_snapshot!(name.replace(['/', ' '], "_"), svg);
    }
}

#[test]
fn the_page_is_a_function_of_its_records_and_escapes_them() {
    let records = records();
    let page = report::html(&of(&records, &[])).expect("drawable");
    assert_eq!(page, report::html(&of(&records, &[])).expect("drawable"));
    assert!(!page.contains("<script>alert"), "a machine's name became markup");
    assert!(page.contains("&lt;script&gt;alert"));
    assert!(!page.contains("http://") || page.matches("http://").count() == page.matches("http://www.w3.org").count());
    for word in ["does not fit", "not available", "wrong", "refused", "void"] {
        assert!(page.to_lowercase().contains(word), "no “{word}” on the page");
    }
    assert!(!page.contains("NaN,NaN") && !page.contains("\"NaN\""), "a coordinate is no number");
}

#[test]
fn a_page_without_times_is_still_a_page() {
    let mut records = records();
    records.retain(|r| !matches!(r.outcome, Outcome::Timed(_)));
    report::html(&of(&records, &[])).expect("drawable");
    report::html(&of(&[], &[])).expect("drawable");
}

/// Measured in the page by a browser: nothing sticks out of a phone's or a desktop's width, no picture is without text.
const PROBE: &str = "<script>
addEventListener('load', () => {
  const found = [];
  for (const frame of document.querySelectorAll('iframe')) {
    const root = frame.contentDocument.documentElement, width = frame.clientWidth;
    if (root.scrollWidth > width) found.push(`${width}: the page is ${root.scrollWidth} wide`);
    for (const e of root.querySelectorAll('main *')) {
      if (e.closest('.scroll, svg')) continue;
      const right = e.getBoundingClientRect().right;
      if (right > width + 1) found.push(`${width}: <${e.localName}> ends at ${right}: ${e.textContent.slice(0, 40)}`);
    }
    for (const svg of root.querySelectorAll('svg')) {
      if (!svg.getAttribute('aria-label') && !svg.querySelector('title')) found.push('a picture without words');
      const box = svg.viewBox.baseVal;
      for (const t of svg.querySelectorAll('text')) {
        const b = t.getBBox();
        if (b.x < -1 || b.y < -1 || b.x + b.width > box.width + 1 || b.y + b.height > box.height + 1)
          found.push(`text outside its picture: ${t.textContent}`);
      }
    }
    if (root.querySelectorAll('svg').length < 4) found.push('charts are missing');
  }
  document.body.replaceChildren(document.createTextNode('FOUND[' + found.join('; ') + ']'));
});
</script>";

#[test]
fn the_page_fits_a_phone_and_a_desktop_in_a_browser() {
    let browser = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|b| Command::new(b).arg("--version").output().is_ok_and(|o| o.status.success()));
    let Some(browser) = browser else {
        eprintln!("skipped: no chromium here, the page was not checked in a browser");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let records = records();
    std::fs::write(folder.path().join("page.html"), report::html(&of(&records, &[])).expect("drawable")).expect("room");
    let frame = |width: u32| format!("<iframe src=page.html style='width:{width}px;height:900px;border:0'></iframe>");
    let probe = format!("<!DOCTYPE html><body>{}{}{PROBE}</body>", frame(360), frame(1440));
    std::fs::write(folder.path().join("probe.html"), probe).expect("room");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--dump-dom"])
        .args(["--enable-logging=stderr", "--window-size=1600,2000", "--virtual-time-budget=20000"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", folder.path().join("probe.html").display()))
        .output()
        .expect("the browser starts");
    let (dom, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(dom.contains("FOUND[]"), "{}", dom.split("FOUND").nth(1).unwrap_or(&log));
    let console: Vec<&str> = log.lines().filter(|l| l.contains("CONSOLE")).collect();
    assert!(console.is_empty(), "{console:?}");
}
