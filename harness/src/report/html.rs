//! The page: one self-contained HTML file, charts inline, no network, light and dark.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::group::{Book, Ladder, status, withheld};
use super::table::{HEADS, full_row};
use super::{Report, ReportError, ceilings, chart, finding, summary, units};
use crate::record::{Record, Tier};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--muted:#57606a;--line:#d0d7de;--page:#fff;--card:#fff;--soft:#f6f8fa}\
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--muted:#9da7b1;--line:#373e47;--page:#14181d;--soft:#1e242b}}\
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,sans-serif}\
main{max-width:1180px;margin:0 auto;padding:1.5rem 1rem 4rem}h1{font-size:1.8rem;line-height:1.2;margin:.2em 0}\
h2{margin-top:2.5rem;border-top:1px solid var(--line);padding-top:1.2rem}h3{margin-bottom:.3rem}\
p,li{max-width:46rem;overflow-wrap:anywhere}.muted{color:var(--muted)}\
code{background:var(--soft);padding:.1em .35em;border-radius:4px;overflow-wrap:anywhere}\
.scroll{overflow-x:auto;max-width:100%}figure{margin:1rem 0;background:#fff;border:1px solid var(--line);\
border-radius:8px;padding:.5rem}figure svg{display:block;width:100%;height:auto}\
figcaption{color:#1b1f24;font-weight:600;padding:.3rem .5rem .6rem;max-width:46rem}\
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,430px),1fr));gap:0 1rem}\
.scroll>table{min-width:60rem}table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums}\
th,td{padding:.3rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}\
th{white-space:nowrap}td{min-width:4.5rem}details{margin:1rem 0}summary{cursor:pointer;font-weight:600}";

/// The page. The same records give the same bytes.
///
/// # Errors
/// [`ReportError::Draw`] if the drawing library refuses a chart.
pub fn html(report: &Report) -> Result<String, ReportError> {
    let book = Book::new(report.records);
    let mut sections = Vec::new();
    for k in 0..book.kernels.len() {
        sections.push(kernel_section(&book, k)?);
    }
    let rooflines = rooflines(&book)?;
    let pairs = chart::pairs::svg(&book)?;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (report.title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main {
                (header(report, &book))
                h2 { "Summary" }
                (summary_table(&book))
                @for section in &sections { (section) }
                @if let Some(pairs) = &pairs {
                    h2 { "Then and now" }
                    (figure("Old machines' tricks have descendants: the idea is the same, what it is worth is not", pairs))
                }
                h2 { "Rooflines" }
                p.muted { "Operations per second against operations per byte of contract. Hollow: naive; filled: best." }
                (rooflines)
                (method(&book))
                (all_records(&book))
            } }
        }
    };
    Ok(page.into_string())
}

/// Every chart by name.
pub(super) fn charts(book: &Book) -> Result<Vec<(String, String)>, ReportError> {
    let mut out = Vec::new();
    for (k, (kernel, shapes)) in book.kernels.iter().enumerate() {
        for (s, shape) in shapes.iter().enumerate() {
            out.push((format!("{kernel} {shape} heat map"), chart::heatmap::svg(book, k, s)?));
            for l in book.ladders(k, s) {
                out.push((format!("{kernel} {shape} on {}", l.site.id), ladder_svg(book, k, s, &l)?));
            }
        }
    }
    out.extend(chart::pairs::svg(book)?.map(|svg| ("then and now".to_string(), svg)));
    for (i, site) in book.sites.iter().enumerate() {
        out.push((
            format!("roofline {} {}", site.tier.name(), site.id),
            chart::roofline::svg(site, &on_site(book, i))?,
        ));
    }
    Ok(out)
}

fn header(report: &Report, book: &Book) -> Markup {
    let native = book.records.iter().find(|r| r.tier == Tier::Native).or(book.records.first());
    html! {
        h1 { (report.title) }
        p {
            "Hot kernels of an LLM inference core, each as a ladder of variants from textbook-naive to hand-optimized, \
             on this host and under models of other machines. Every number carries the tier it came from."
        }
        ul { @for claim in finding::lead(book) { li { (claim) } } }
        p.muted {
            "Made by " code { (report.command) }
            @if let Some(r) = native {
                ", commit " (r.environment.commit) ", " (r.environment.rustc) ", on " (r.environment.cpu)
                " (" (r.environment.host) ")"
            }
        }
        @for flag in ceilings::beaten(book) { p { strong { (flag) } } }
        @for note in report.notes { p { "Note: " (note) } }
    }
}

fn summary_table(book: &Book) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                @for h in ["kernel", "shape", "tier", "machines", "naive", "best", "best rung", "speedup", "remark"] {
                    th { (h) }
                }
            } }
            tbody { @for r in summary::rows(book) { tr {
                td { (r.kernel) } td { (r.shape) " " span.muted { (r.dims) } } td { (r.tier.name()) } td { (r.machines) }
                td { (r.naive) } td { (r.best) } td { (r.rung) } td { (r.speedup) } td { (r.remark) }
            } } }
        } }
    }
}

/// A chart under what it shows.
fn figure(finding: &str, svg: &str) -> Markup {
    html! { figure { figcaption { (finding) } div.scroll { (PreEscaped(svg)) } } }
}

/// A finding and the chart that shows it.
type Figure = (String, String);

fn ladder_svg(book: &Book, k: usize, s: usize, l: &Ladder) -> Result<String, ReportError> {
    let (kernel, shapes) = &book.kernels[k];
    let subject = format!("{} ({})", shapes[s], book.dims(k, s));
    chart::ladder::svg(l, &format!("{kernel} on {}", l.site.dated()), &subject)
}

fn ladder(book: &Book, k: usize, s: usize, l: &Ladder) -> Result<Figure, ReportError> {
    Ok((finding::ladder(l), ladder_svg(book, k, s, l)?))
}

fn heat_map(book: &Book, k: usize, s: usize) -> Result<Figure, ReportError> {
    Ok((finding::heatmap(book, k, s), chart::heatmap::svg(book, k, s)?))
}

fn kernel_section(book: &Book, k: usize) -> Result<Markup, ReportError> {
    let (kernel, shapes) = &book.kernels[k];
    let main = book.main_shape(k);
    let (mut here, mut emulated) = (Vec::new(), Vec::new());
    for s in 0..shapes.len() {
        for l in &book.ladders(k, s) {
            match l.site.tier {
                Tier::Native | Tier::Capped => here.push(ladder(book, k, s, l)?),
                Tier::Emulated | Tier::Published => emulated.push(ladder(book, k, s, l)?),
                Tier::Modelled => {}
            }
        }
    }
    let mut modelled = Vec::new();
    for l in book.ladders(k, main).iter().filter(|l| l.site.tier == Tier::Modelled) {
        modelled.push(ladder(book, k, main, l)?);
    }
    let heat = heat_map(book, k, main)?;
    let mut other_heats = Vec::new();
    for s in (0..shapes.len()).filter(|s| *s != main) {
        other_heats.push(heat_map(book, k, s)?);
    }
    Ok(html! {
        h2 id=(kernel) { (kernel) }
        ul { @for claim in finding::kernel(book, k) { li { (claim) } } }
        (ideas(book, k))
        h3 { "What each rung is worth on each machine" }
        (figure(&heat.0, &heat.1))
        @if !other_heats.is_empty() {
            details { summary { "The other shapes" } @for (title, svg) in &other_heats { (figure(title, svg)) } }
        }
        @if !here.is_empty() {
            h3 { "The ladder on this host" }
            div.grid { @for (title, svg) in &here { (figure(title, svg)) } }
        }
        @if !emulated.is_empty() {
            h3 { "The ladder in machine code of its time" }
            div.grid { @for (title, svg) in &emulated { (figure(title, svg)) } }
        }
        @if !modelled.is_empty() {
            details { summary { "The ladder on each modelled machine" }
                div.grid { @for (title, svg) in &modelled { (figure(title, svg)) } }
            }
        }
    })
}

/// The idea of each rung, in the order of the ladder.
fn ideas(book: &Book, k: usize) -> Markup {
    let kernel = &book.kernels[k].0;
    let idea = |name: &str| {
        let of = |r: &&Record| r.kernel == *kernel && r.variant == name;
        book.records.iter().find(of).map_or("", |r| r.idea.as_str())
    };
    html! {
        details { summary { "The ideas of the rungs" } ol start="0" {
            @for (_, name) in book.variants(k) { li { code { (name) } " " (idea(&name)) } }
        } }
    }
}

/// Main-shape ladders of every kernel on one site.
fn on_site(book: &Book, site: usize) -> Vec<(&str, Ladder<'_>)> {
    let ladder = |k: usize| book.main_ladder(k, site).map(|l| (book.kernels[k].0.as_str(), l));
    (0..book.kernels.len()).filter_map(ladder).collect()
}

fn rooflines(book: &Book) -> Result<Markup, ReportError> {
    let mut drawn = Vec::new();
    for (i, site) in book.sites.iter().enumerate() {
        let ladders = on_site(book, i);
        drawn.push((site, finding::roofline(site, &ladders), chart::roofline::svg(site, &ladders)?, bounds(&ladders)));
    }
    // This host, free, first; it is the last of the sites.
    Ok(html! {
        @for (site, finding, svg, table) in drawn.iter().rev() {
            @let open = site.tier != Tier::Modelled;
            details open[open] { summary { (site.dated()) ", " (site.tier.name()) } (figure(finding, svg)) (table) }
        }
    })
}

/// What binds each rung of some ladders.
fn bounds(ladders: &[(&str, Ladder)]) -> Markup {
    let rungs = ladders.iter().flat_map(|(kernel, l)| l.timed().map(move |(r, t)| (kernel, r, t)));
    html! {
        div.scroll { table {
            thead { tr { @for h in ["kernel", "rung", "time", "operations/s", "bytes/s", "bound"] { th { (h) } } } }
            tbody { @for (kernel, r, t) in rungs { tr {
                td { (kernel) } td { (r.variant) } td { (units::time(t.time_ns)) }
                td { (units::op_rate(r.cost.operations as f64 / t.time_ns * 1e9)) }
                td { (units::byte_rate(r.cost.bytes as f64 / t.time_ns * 1e9)) }
                td { (t.bound.map_or("not measured", |b| b.name())) }
            } } }
        } }
    }
}

fn method(book: &Book) -> Markup {
    html! {
        h2 { "How to read this" }
        ul {
            li { "native: this host, free. Variants are timed in interleaved rounds; the time is the median, the band its \
                  95 % bootstrap interval, the speedup the interval of the paired ratio to rung 0." }
            li { "modelled: a timing model executes the same source on the profile's figures. The band is the expected \
                  error of the model on that kind of core; many figures of old machines are unverified." }
            li { "emulated: the machine's own code, instruction by instruction, on a machine whose processor, memory and picture \
                  take the cycles that they are documented to take." }
            li { "The floor is the least time physics allows: the larger of operations over peak and, for weights that \
                  start in memory, bytes over bandwidth." }
            li { "A variant whose output misses its f64 reference has no time. n/a: the machine lacks an instruction; \
                  fit: the operands exceed its memory." }
            @if book.repeated > 0 { li { (book.repeated) " records were overruled by a later record of the same cell." } }
        }
    }
}

fn all_records(book: &Book) -> Markup {
    let without: Vec<&Record> = book.records.iter().filter(|r| withheld(r).is_some()).collect();
    html! {
        h2 { "All records" }
        details { summary { (book.records.len()) " cells, " (without.len()) " of them without a time" }
            div.scroll { table {
                thead { tr { @for h in HEADS { th { (h) } } } }
                tbody { @for r in &book.records {
                    tr title=(status(r)) { @for cell in full_row(r) { td { (cell) } } }
                } }
            } }
        }
    }
}
