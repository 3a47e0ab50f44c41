//! The site in a browser: it fits a phone and a desk, nothing overlaps, every picture has words, its controls work, and the
//! console stays empty. Without a browser the tests say that they were skipped.

use std::path::Path;
use std::process::Command;

use harness::profile::Hardware;
use harness::record::{Outcome, Record, Speedup, Tier};
use harness::report::{self, Report};
use kernels::KERNELS;

mod example;

/// What is found to be wrong with a page at a width.
const LAYOUT: &str = r#"
const found = [];
for (const frame of document.querySelectorAll('iframe')) {
  const root = frame.contentDocument.documentElement, width = frame.clientWidth, here = `${frame.getAttribute('src')} at ${width}: `;
  if (root.scrollWidth > width) found.push(here + `the page is ${root.scrollWidth} wide`);
  for (const e of root.querySelectorAll('header *, main *, footer *')) {
    if (e.closest('.scroll, svg, pre')) continue;
    const right = e.getBoundingClientRect().right;
    if (right > width + 1) found.push(here + `<${e.localName}> ends at ${right}: ${e.textContent.slice(0, 40)}`);
  }
  for (const svg of root.querySelectorAll('svg')) {
    if (!svg.getAttribute('aria-label')) found.push(here + 'a picture without words');
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    if (!scale) continue;
    const box = svg.viewBox.baseVal, texts = [...svg.querySelectorAll('text')].map((t) => [t, t.getBBox()]);
    for (const [t, b] of texts) {
      if (b.x < -1 || b.y < -1 || b.x + b.width > box.width + 1 || b.y + b.height > box.height + 1)
        found.push(here + `text outside its picture: ${t.textContent}`);
      if (parseFloat(getComputedStyle(t).fontSize) * scale < 7.5) found.push(here + `too small to read: ${t.textContent}`);
    }
    for (const [i, [t, a]] of texts.entries()) for (const [u, b] of texts.slice(i + 1)) {
      const w = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x), h = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
      if (w > 2 && h > 5) found.push(here + `“${t.textContent}” lies on “${u.textContent}”`);
    }
  }
}
return found;
"#;

/// What is found to be wrong with the controls of the pages in three frames: a kernel's, the index, and all records.
const CONTROLS: &str = r#"
const found = [], check = (what, holds) => { if (!holds) found.push(what); };
const [kernel, index, data] = [...document.querySelectorAll('iframe')].map((f) => f.contentDocument);
const rows = (d) => [...d.querySelectorAll('table.data tbody tr, #records tbody tr')].filter((tr) => tr.getClientRects().length);
const type = (d, words) => { const e = d.getElementById('filter'); e.value = words; e.dispatchEvent(new Event('input')); };
const tier = (d, name) => d.querySelector(`.controls input[value=${name}]`).click();

const all = rows(kernel).length;
type(kernel, 'pentium iii');
check('the filter leaves the rows that have every word', rows(kernel).length === 1 && /Pentium III/.test(rows(kernel)[0].textContent));
type(kernel, '');
check('an empty filter leaves all rows', rows(kernel).length === all);

const modelled = rows(kernel).filter((tr) => tr.dataset.t === 'modelled').length;
tier(kernel, 'modelled');
check('a tier that is switched off is gone', modelled > 0 && rows(kernel).length === all - modelled);
tier(kernel, 'modelled');
check('and comes back', rows(kernel).length === all);

const table = index.querySelector('table[data-name=machines]'), head = [...table.querySelectorAll('thead th')].find((th) => th.textContent === 'median');
const column = () => [...table.tBodies[0].rows].map((tr) => parseFloat(tr.cells[head.cellIndex].textContent)).filter((x) => x === x);
head.click();
check('a click sorts', column().every((x, i, a) => i === 0 || a[i - 1] <= x));
head.click();
check('a second click sorts the other way', column().every((x, i, a) => i === 0 || a[i - 1] >= x));
check('and says so', head.getAttribute('aria-sort') === 'descending');

const ground = () => index.defaultView.getComputedStyle(index.body).backgroundColor, before = ground();
index.getElementById('theme').click();
check('the theme changes the ground', ground() !== before);
index.getElementById('theme').click();
check('and back', ground() === before);

const cell = [...kernel.querySelectorAll('td[data-r]')].find((td) => /×/.test(td.textContent));
cell.dispatchEvent(new MouseEvent('mouseover', { bubbles: true, clientX: 50, clientY: 50 }));
const tip = kernel.getElementById('tip');
const says = ['native', 'modelled', 'emulated'].some((t) => tip.textContent.includes(t)) && tip.textContent.includes('retrobench measure');
check(`a number that is pointed at says its tier and its command: ${tip.textContent}`, !tip.hidden && says);
cell.dispatchEvent(new MouseEvent('click', { bubbles: true, clientX: 50, clientY: 50 }));
check('a click keeps it', tip.classList.contains('pinned'));
kernel.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
check('escape closes it', tip.hidden);

const total = parseInt(data.getElementById('count').textContent);
check('all records are there', total === RECORDS && rows(data).length === Math.min(400, total));
type(data, 'softmax native');
const left = rows(data);
check('records are filtered', left.length > 0 && left.every((tr) => /softmax/.test(tr.textContent) && tr.dataset.t === 'native'));
check('tables can be taken away', ['kernel', 'index', 'data'].every((_, i) => [kernel, index, data][i].querySelector('.get button')));
const ready = [kernel, index, data].map((d) => d.documentElement.dataset.ready);
check('every page is ready', ready.every(Boolean));
found.ready = ready.join(', ');
return found;
"#;

/// A browser, if there is one.
fn browser() -> Option<&'static str> {
    let there = |b: &&str| Command::new(b).arg("--version").output().is_ok_and(|o| o.status.success());
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(there);
    if found.is_none() {
        eprintln!("skipped: no chromium here, the site was not checked in a browser");
    }
    found
}

/// Writes the site of records to a folder.
fn write_site(folder: &Path, records: &[Record]) {
    let report = Report { title: "A title", command: "retrobench run", records, notes: &["A note.".to_string()] };
    for (path, bytes) in report::site(&report).expect("drawable") {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("room");
        std::fs::write(path, bytes).expect("room");
    }
}

/// A page's document after it was loaded, and what the browser logged.
fn load(browser: &str, folder: &Path, page: &str, flags: &[&str]) -> (String, String) {
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--dump-dom"])
        .args(["--enable-logging=stderr", "--window-size=1600,2000"])
        .args(flags)
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("file://{}", folder.join(page).display()))
        .output()
        .expect("the browser starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// Writes the site of the example to a folder, with a page beside it that frames `pages` at `widths` and runs `script`.
fn probe(folder: &Path, pages: &[&str], widths: &[u32], script: &str) -> Option<(String, String)> {
    let browser = browser()?;
    let records = example::records();
    write_site(folder, &records);
    let frame =
        |page: &str, w: u32| format!("<iframe src=\"{page}\" style='width:{w}px;height:900px;border:0'></iframe>");
    let frames = widths.iter().flat_map(|w| pages.iter().map(move |page| frame(page, *w)));
    let script = format!(
        "<script>addEventListener('load', () => {{ const found = (() => {{{}}})();
        document.body.replaceChildren(document.createTextNode('FOUND[' + found.join('; ') + '] READY[' + found.ready + ']')); }});</script>",
        script.replace("RECORDS", &records.len().to_string())
    );
    let page = format!("<!DOCTYPE html><meta charset=utf-8><body>{}{script}</body>", frames.collect::<String>());
    std::fs::write(folder.join("probe.html"), page).expect("room");
    Some(load(browser, folder, "probe.html", &["--virtual-time-budget=30000"]))
}

/// A record of every cell that a tour models, with invented times.
fn tour() -> Vec<Record> {
    let timed = example::records().into_iter().find(|r| r.tier == Tier::Modelled).expect("a modelled record");
    let machines = Hardware::built_in().expect("built in");
    let cpus = machines.cpus.iter().map(|m| (&m.profile.id, &m.profile.name, m.profile.year, false));
    let gpus = machines.gpus.iter().map(|m| (&m.profile.id, &m.profile.name, m.profile.year, true));
    let mut all = Vec::new();
    for (id, name, year, gpu) in cpus.chain(gpus) {
        for kernel in KERNELS {
            let rungs: Vec<(&str, &str)> = match gpu {
                true => kernel.shaders().iter().map(|s| (s.name, s.idea)).collect(),
                false => kernel.variants().iter().map(|v| (v.name, v.idea)).collect(),
            };
            for shape in kernel.shapes().iter().filter(|s| if gpu { s.gpu_tour } else { s.tour }) {
                for (rung, (variant, idea)) in rungs.iter().enumerate() {
                    let mut r = timed.clone();
                    (r.kernel, r.shape, r.dims) = (kernel.name().into(), shape.name.to_string(), kernel.dims(shape));
                    (r.rung, r.variant, r.idea) = (rung as u32, (*variant).into(), (*idea).into());
                    (r.machine.id, r.machine.name, r.machine.year) = (id.clone(), name.clone(), Some(year));
                    r.machine.class = if gpu { "gpu" } else { "cpu" }.into();
                    if let Outcome::Timed(t) = &mut r.outcome {
                        let ratio = (rung + 1) as f64;
                        t.time_ns /= ratio;
                        (t.low_ns, t.high_ns) = (t.time_ns / 1.3, t.time_ns * 1.3);
                        t.speedup = Some(Speedup { ratio, low: ratio, high: ratio });
                    }
                    all.push(r);
                }
            }
        }
    }
    all
}

#[test]
fn the_index_of_a_full_tour_becomes_interactive() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let records = tour();
    write_site(folder.path(), &records);
    // In real time: a virtual clock stands still while scripts run.
    let (dom, log) = load(browser, folder.path(), "index.html", &[]);
    let ready = dom.split("data-ready=\"").nth(1).and_then(|rest| rest.split('"').next());
    let ready: u32 = ready.and_then(|ms| ms.parse().ok()).unwrap_or_else(|| panic!("its script did not finish: {log}"));
    assert!(!log.contains("CONSOLE"), "{log}");
    eprintln!("the index of {} records was interactive after {ready} ms", records.len());
}

fn nothing_found(dom: &str, log: &str) {
    let said = dom.rsplit_once("FOUND").map_or(log, |(_, said)| said);
    assert!(dom.contains("FOUND[]"), "{said}{}", if dom.contains("FOUND") { "" } else { log });
    let console: Vec<&str> = log.lines().filter(|l| l.contains("CONSOLE")).collect();
    assert!(console.is_empty(), "{console:?}");
}

#[test]
fn every_kind_of_page_fits_a_phone_and_a_desk() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pages = [
        "index.html",
        "kernels/gemv_f32.html",
        "machines/native-this-host.html",
        "machines/modelled-pentium-iii-800.html",
        "techniques/simd.html",
        "techniques.html",
        "method.html",
        "data.html",
    ];
    if let Some((dom, log)) = probe(folder.path(), &pages, &[360, 1440], LAYOUT) {
        nothing_found(&dom, &log);
    }
}

#[test]
fn filter_tiers_sorting_theme_and_words_of_numbers_work() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pages = ["kernels/gemv_f32.html", "index.html", "data.html"];
    if let Some((dom, log)) = probe(folder.path(), &pages, &[1440], CONTROLS) {
        nothing_found(&dom, &log);
        let ready = dom.split("READY[").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or("?");
        eprintln!("milliseconds until each of three framed pages was interactive: {ready}");
    }
}
