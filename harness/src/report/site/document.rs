//! Pages that people write: method and bias, Markdown that is part of the program.

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html as write};

const METHOD: &str = include_str!("../../../../reports/METHODOLOGY.md");
const BIAS: &str = include_str!("../../../../reports/BIAS.md");

pub(super) fn method() -> Markup {
    rendered(METHOD)
}

pub(super) fn bias() -> Markup {
    rendered(BIAS)
}

/// Markdown as HTML, its first heading left out: the page has one. Links between the two texts lead between their pages; those
/// to other files of the repository, which the site has not, become their words.
fn rendered(text: &str) -> Markup {
    let body = match text.trim_start().strip_prefix("# ") {
        Some(rest) => rest.split_once('\n').map_or("", |(_, body)| body),
        None => text,
    };
    let mut open = Vec::new();
    let events =
        Parser::new_ext(body, Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES).filter_map(|event| match event {
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let target = target(&dest_url);
                open.push(target.is_some());
                Some(Event::Start(Tag::Link { link_type, dest_url: target?.into(), title, id }))
            }
            Event::End(TagEnd::Link) => open.pop().unwrap_or(true).then_some(event),
            event => Some(event),
        });
    let mut out = String::new();
    write::push_html(&mut out, events);
    // A wide table scrolls by itself.
    let out = out.replace("<table>", "<div class=\"scroll\"><table>").replace("</table>", "</table></div>");
    html! { (PreEscaped(out)) }
}

/// Where a link of one of the texts leads on the site.
fn target(link: &str) -> Option<String> {
    let (file, place) = link.split_once('#').map_or((link, String::new()), |(file, place)| (file, format!("#{place}")));
    match file {
        "METHODOLOGY.md" => Some(format!("method.html{place}")),
        "BIAS.md" => Some(format!("bias.html{place}")),
        _ if file.is_empty() || file.starts_with("https://") || file.starts_with("http://") => Some(link.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_texts_become_pages_with_headings_and_links_between_them() {
        let text = "# Title\n\nSee [bias](BIAS.md#x), [format](../profiles/FORMAT.md), [there](https://a.b).\n\n## Part\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";
        let page = rendered(text).into_string();
        assert!(
            !page.contains("<h1>") && page.contains("<h2>Part</h2>") && page.contains("href=\"bias.html#x\""),
            "{page}"
        );
        assert!(page.contains(", format, <a href=\"https://a.b\">there</a>"), "{page}");
        assert!(page.contains("<div class=\"scroll\"><table>") && page.contains("</table></div>"), "{page}");
        for page in [method(), bias()] {
            assert!(page.into_string().contains("<p>"));
        }
    }
}
