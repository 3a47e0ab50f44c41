//! The site: a folder of pages that open from disk, with no network. An index that tells the story, a page for each kernel,
//! machine and technique, method, bias, and all records once, as data. Pages are lists of sections: what another module has
//! to say of a kernel or a machine is one more section.

use std::collections::BTreeSet;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::svg::{LOOK, PALETTE, hex};
use super::group::{Book, Site};
use super::technique::{TECHNIQUES, Technique};
use super::{Report, ReportError, heat, text};
use crate::record::{Record, Tier};

mod data;
mod document;
mod index;
mod kernel;
mod machine;
mod parts;
mod techniques;
mod worth;

pub(super) use index::rows;

/// A file of the site: its path from the folder, with `/` between, and its bytes.
pub type File = (String, Vec<u8>);

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("site.js");

/// Colours of the pages themselves: light, dark.
const LIGHT: &str =
    "--page:#fff;--ink:#1b1f24;--muted:#57606a;--line:#d0d7de;--soft:#f4f6f8;--link:#0a5ea8;--warn:#d55e00;";
const DARK: &str =
    "--page:#14181d;--ink:#e6edf3;--muted:#a3adb8;--line:#373e47;--soft:#1e242b;--link:#7cc0f2;--warn:#ff953d;";

/// The site. The same records give the same bytes.
///
/// # Errors
/// [`ReportError::Draw`] if the drawing library refuses a chart.
pub fn site(report: &Report) -> Result<Vec<File>, ReportError> {
    let book = Book::new(report.records);
    let frame = Frame { report, book: &book, links: Links::new(&book), rungs: book.rungs() };
    let mut files = vec![
        frame.page("index.html", Tab::Overview, "", &index::sections(&frame)?),
        frame.page("techniques.html", Tab::Techniques, "Techniques", &techniques::overview(&frame)),
        frame.page("worth.html", Tab::Worth, "What it is worth", &worth::sections(&frame)?),
        frame.page("method.html", Tab::Method, "Method", &[document::method()]),
        frame.page("bias.html", Tab::Bias, "Bias", &[document::bias()]),
        frame.page("data.html", Tab::Data, "All records", &data::sections(&frame)),
    ];
    for (k, (name, _)) in book.kernels.iter().enumerate() {
        let path = format!("kernels/{}.html", frame.links.kernels[k]);
        files.push(frame.page(&path, Tab::Kernels, name, &kernel::sections(&frame, k)?));
    }
    for (i, site) in book.sites.iter().enumerate() {
        let path = format!("machines/{}.html", frame.links.sites[i]);
        let title = format!("{}, {}", site.dated(), site.tier.name());
        files.push(frame.page(&path, Tab::Machines, &title, &machine::sections(&frame, i)?));
    }
    for technique in used(&frame) {
        let path = format!("techniques/{}.html", technique.slug);
        files.push(frame.page(&path, Tab::Techniques, technique.name, &techniques::sections(&frame, technique)?));
    }
    files.push(("style.css".into(), style().into_bytes()));
    files.push(("site.js".into(), SCRIPT.into()));
    files.push(("records.js".into(), data::script(&book).into_bytes()));
    Ok(files)
}

/// The techniques that the records have a rung of.
fn used(frame: &Frame) -> impl Iterator<Item = &'static Technique> {
    let slugs: BTreeSet<&str> = frame.rungs.iter().map(|r| Technique::of(r).slug).collect();
    TECHNIQUES.iter().filter(move |t| slugs.contains(t.slug))
}

fn style() -> String {
    let theme = |own: &str, dark: bool| {
        let chart =
            PALETTE.iter().map(|(c, light, night)| format!("--{c}:{};", hex(if dark { *night } else { *light })));
        format!("{own}{}", chart.collect::<String>())
    };
    let classes: String = PALETTE.iter().map(|(class, ..)| format!(".{class}{{color:var(--{class})}}")).collect();
    let (light, dark) = (theme(LIGHT, false), theme(DARK, true));
    let night = format!(
        ":root:not([data-theme=light]){{{dark}}}{}",
        scoped("html:not([data-theme=light]) ", &heat::rules(true))
    );
    let chosen = format!(
        "html[data-theme=dark]{{color-scheme:dark;{dark}}}{}html[data-theme=light]{{color-scheme:light}}",
        scoped("html[data-theme=dark] ", &heat::rules(true))
    );
    format!(
        "{STYLE}{LOOK}{classes}\n:root{{{light}}}{}\n@media(prefers-color-scheme:dark){{{night}}}\n{chosen}\n",
        heat::rules(false)
    )
}

/// Rules below a selector.
fn scoped(selector: &str, rules: &str) -> String {
    rules.split_inclusive('}').map(|rule| format!("{selector}{rule}")).collect()
}

/// The parts of the site, as the header names them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    Overview,
    Kernels,
    Machines,
    Techniques,
    Worth,
    Method,
    Bias,
    Data,
}

const TABS: [(Tab, &str, &str); 8] = [
    (Tab::Overview, "Overview", "index.html"),
    (Tab::Kernels, "Kernels", "index.html#kernels"),
    (Tab::Machines, "Machines", "index.html#machines"),
    (Tab::Techniques, "Techniques", "techniques.html"),
    (Tab::Worth, "Worth", "worth.html"),
    (Tab::Method, "Method", "method.html"),
    (Tab::Bias, "Bias", "bias.html"),
    (Tab::Data, "Data", "data.html"),
];

/// What every page needs.
struct Frame<'a> {
    report: &'a Report<'a>,
    book: &'a Book,
    links: Links,
    /// A record of each rung.
    rungs: Vec<&'a Record>,
}

/// Names of pages, made of names in records: letters, digits, `-` and `_` alone, each once.
struct Links {
    kernels: Vec<String>,
    sites: Vec<String>,
}

impl Links {
    fn new(book: &Book) -> Self {
        let site = |s: &Site| format!("{}-{}", s.tier.name(), s.id);
        Links {
            kernels: apart(book.kernels.iter().map(|(name, _)| text::slug(name))),
            sites: apart(book.sites.iter().map(|s| text::slug(&site(s)))),
        }
    }
}

/// Names that occur twice get a number.
fn apart(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let free = |name: String| {
        let numbered = (2..).map(|n| format!("{name}-{n}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|n| taken.insert(n.clone()));
        free.unwrap_or(name)
    };
    names.map(free).collect()
}

impl Frame<'_> {
    /// The page of kernel `k`, from a page one folder down.
    fn kernel(&self, k: usize) -> String {
        format!("../kernels/{}.html", self.links.kernels[k])
    }

    /// The page of site `i`, from a page one folder down.
    fn site(&self, i: usize) -> String {
        format!("../machines/{}.html", self.links.sites[i])
    }

    /// A page in its frame. `title` is empty on the index, whose heading is the finding.
    fn page(&self, path: &str, tab: Tab, title: &str, sections: &[Markup]) -> File {
        let up = if path.contains('/') { "../" } else { "" };
        let named = if title.is_empty() { self.report.title.to_string() } else { format!("{title} · retrobench") };
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (named) }
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href={ (up) "style.css" };
                    script src={ (up) "site.js" } {}
                    script defer src={ (up) "records.js" } {}
                }
                body {
                    header { div {
                        a.name href={ (up) "index.html" } { "retrobench" }
                        @for (other, name, to) in TABS {
                            a href={ (up) (to) } aria-current=[(other == tab).then_some("page")] { (name) }
                        }
                        button #theme type="button" { "Dark" }
                    } }
                    main {
                        @if !title.is_empty() { h1 { (title) } }
                        @for section in sections { (section) }
                    }
                    (self.footer())
                }
            }
        };
        // What was written for a page one folder down, from the root.
        let page = page.into_string();
        let page = if up.is_empty() { page.replace("href=\"../", "href=\"") } else { page };
        (path.to_string(), page.into_bytes())
    }

    fn footer(&self) -> Markup {
        let made = self.book.records.iter().find(|r| r.tier == Tier::Native).or(self.book.records.first());
        html! {
            footer {
                "Made by " code { (self.report.command) }
                @if let Some(r) = made {
                    ", commit " (r.environment.commit) ", " (r.environment.rustc)
                    @if r.tier == Tier::Native { ", on " (r.environment.cpu) " (" (r.environment.host) ")" }
                }
                ". Point at a number for its tier, its band and the command that makes it again; click to keep that in view. "
                "Figures to every digit are in the data."
            }
        }
    }
}

/// A chart under what it shows; `tier` lets the reader put it away with its tier.
fn figure(finding: &str, picture: &str, tier: Option<Tier>) -> Markup {
    html! {
        figure data-t=[tier.map(Tier::name)] {
            figcaption { (finding) }
            div.scroll { (PreEscaped(picture)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_names_are_safe_and_each_is_once() {
        let names = ["a", "../../etc/passwd", "a", "<b>", ""].map(text::slug);
        assert_eq!(apart(names.into_iter()), ["a", "------etc-passwd", "a-2", "-b-", "-"]);
    }

    #[test]
    fn both_themes_name_every_colour() {
        let style = style();
        for (class, ..) in PALETTE {
            assert_eq!(style.matches(&format!("--{class}:")).count(), 3, "{class}");
        }
        assert!(style.contains("html[data-theme=dark] .h6{"));
    }
}
