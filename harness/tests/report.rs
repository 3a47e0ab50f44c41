//! Reports of fixed records: golden files of texts and pictures, and what must hold of any site.

use std::collections::BTreeSet;

use harness::record::{Outcome, Record};
use harness::report::{self, File, Report};

mod example;
use example::records;

fn of<'a>(records: &'a [Record], notes: &'a [String]) -> Report<'a> {
    Report { title: "What each optimization is worth", command: "retrobench run --hw a,b", records, notes }
}

fn site(records: &[Record]) -> Vec<File> {
    report::site(&of(records, &["A note with <b>markup</b>.".to_string()])).expect("drawable")
}

fn page<'a>(files: &'a [File], path: &str) -> &'a str {
    let (_, bytes) = files.iter().find(|(p, _)| p == path).unwrap_or_else(|| panic!("no {path}"));
    std::str::from_utf8(bytes).expect("UTF-8")
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
fn the_block_of_a_readme_is_as_it_was() {
    insta::assert_snapshot!(report::results(&of(&records(), &[])));
}

#[test]
fn charts_are_as_they_were() {
    for (name, picture) in report::charts(&records()[..14]).expect("drawable") {
        insta::assert_snapshot!(name, picture.file());
    }
}

#[test]
fn pages_are_as_they_were() {
    let files = site(&records());
    insta::assert_snapshot!(
        "the_files_of_a_site",
        files.iter().map(|(path, _)| format!("{path}\n")).collect::<String>()
    );
    insta::assert_snapshot!("the_page_of_a_kernel", page(&files, "kernels/softmax.html").replace("><", ">\n<"));
    insta::assert_snapshot!("the_script_of_records", page(&files, "records.js").replace("],[", "],\n["));
}

#[test]
fn a_site_is_a_function_of_its_records_and_escapes_them() {
    let files = site(&records());
    assert_eq!(files, site(&records()));
    for (path, bytes) in files.iter().filter(|(path, _)| path.ends_with(".html")) {
        let page = std::str::from_utf8(bytes).expect("UTF-8");
        assert!(!page.contains("<script>alert"), "a machine's name became markup in {path}");
        assert!(!page.contains("<b>markup"), "a note became markup in {path}");
        assert!(!page.contains("NaN,NaN") && !page.contains("\"NaN\""), "a coordinate in {path} is no number");
        for loads in ["src=\"http", "src=\"//", "@import", "url(http", "<link rel=\"stylesheet\" href=\"http"] {
            assert!(!page.contains(loads), "{path} asks the network for something: {loads}");
        }
    }
    let script = page(&files, "records.js");
    for word in [
        "does not fit",
        "not available",
        "wrong result",
        "refused",
        "void",
        "retrobench measure '^{cell}$' --hw commodore-64",
    ] {
        assert!(script.contains(word), "no “{word}” in the data");
    }
}

#[test]
fn every_link_leads_to_a_file_of_the_site() {
    let files = site(&records());
    let paths: BTreeSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths.len(), files.len(), "a path occurs twice");
    let mut followed = 0;
    for (path, bytes) in files.iter().filter(|(path, _)| path.ends_with(".html")) {
        let page = std::str::from_utf8(bytes).expect("UTF-8");
        for link in page.split(" href=\"").chain(page.split(" src=\"")).skip(1) {
            let link = link.split(['"', '#']).next().unwrap_or_default();
            if link.is_empty() || link.starts_with("data:") || link.starts_with("http") || link.starts_with('<') {
                continue;
            }
            let target = match (link.strip_prefix("../"), path.contains('/')) {
                (Some(rest), true) => rest.to_string(),
                (None, false) => link.to_string(),
                _ => panic!("{path}: {link}"),
            };
            assert!(paths.contains(target.as_str()), "{path}: {link}");
            followed += 1;
        }
    }
    assert!(followed > 100, "{followed} links");
}

#[test]
fn a_site_without_times_is_still_a_site() {
    let mut records = records();
    records.retain(|r| !matches!(r.outcome, Outcome::Timed(_)));
    assert!(page(&site(&records), "index.html").contains("What each optimization is worth"));
    assert!(site(&[]).len() >= 8);
    assert!(!report::results(&of(&[], &[])).is_empty());
}

#[test]
fn markdown_of_many_records_fits_a_comment() {
    let one = records();
    let copies = (0..200).flat_map(|i| {
        let renamed = |r: &Record| Record { kernel: format!("{}_{i}", r.kernel), ..r.clone() };
        one.iter().map(renamed).collect::<Vec<_>>()
    });
    let many: Vec<Record> = copies.take(6000).collect();
    // GitHub takes 65536 characters.
    let text = report::markdown(&of(&many, &[]));
    assert!(text.chars().count() < 65_000, "{} characters", text.chars().count());
    assert!(text.contains("cells are wrong, refused or void"));
}

#[test]
fn a_chart_is_a_picture_without_any_font_of_this_machine() {
    let (name, story) = report::charts(&records()).expect("drawable").remove(0);
    let bytes = story.png().expect("encodable");
    assert_eq!(name, "story");
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_eq!(bytes, story.png().expect("encodable"));
    let reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().expect("a PNG");
    assert_eq!((reader.info().width, reader.info().height), (2 * story.width, 2 * story.height));
}
