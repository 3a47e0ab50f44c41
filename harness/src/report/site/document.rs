//! Pages that people write: method and bias, Markdown that is part of the program.

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{Options, Parser, html as write};

const METHOD: &str = include_str!("../../../../reports/METHODOLOGY.md");
const BIAS: &str = include_str!("../../../../reports/BIAS.md");

pub(super) fn method() -> Markup {
    rendered(METHOD)
}

pub(super) fn bias() -> Markup {
    rendered(BIAS)
}

/// Markdown as HTML, its first heading left out: the page has one. Links between the two texts lead between their pages.
fn rendered(text: &str) -> Markup {
    let body = match text.trim_start().strip_prefix("# ") {
        Some(rest) => rest.split_once('\n').map_or("", |(_, body)| body),
        None => text,
    };
    let body = body.replace("(METHODOLOGY.md", "(method.html").replace("(BIAS.md", "(bias.html");
    let mut out = String::new();
    write::push_html(&mut out, Parser::new_ext(&body, Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES));
    // A wide table scrolls by itself.
    let out = out.replace("<table>", "<div class=\"scroll\"><table>").replace("</table>", "</table></div>");
    html! { (PreEscaped(out)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_texts_become_pages_with_headings_and_links_between_them() {
        let text = "# Title\n\nSee [bias](BIAS.md#x).\n\n## Part\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";
        let page = rendered(text).into_string();
        assert!(
            !page.contains("<h1>") && page.contains("<h2>Part</h2>") && page.contains("href=\"bias.html#x\""),
            "{page}"
        );
        assert!(page.contains("<div class=\"scroll\"><table>") && page.contains("</table></div>"), "{page}");
        for page in [method(), bias()] {
            assert!(page.into_string().contains("<p>"));
        }
    }
}
