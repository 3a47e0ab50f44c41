//! Text that came from elsewhere made safe to show, and the widths charts need to lay text out without a font.

/// Replaces what must not reach a page or a terminal (control and bidirectional override characters) by a space.
pub fn clean(text: &str) -> String {
    let bad = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
    };
    text.chars().map(|c| if bad(c) { ' ' } else { c }).collect()
}

/// Width of `text` in a sans-serif face of `size` px, on the wide side so that nothing is clipped in a wide face.
pub fn width(text: &str, size: f64) -> i32 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 0.33,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '/' | '-' => 0.41,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.93,
        '_' => 0.5,
        'A'..='Z' => 0.69,
        '\u{1100}'.. if c >= '\u{2e80}' => 1.05,
        _ => 0.62,
    };
    (text.chars().map(em).sum::<f64>() * size).ceil() as i32
}

/// Cuts `text` with an ellipsis to fit `room` px.
pub fn fit(text: &str, size: f64, room: i32) -> String {
    if width(text, size) <= room {
        return text.to_string();
    }
    let mut cut = String::new();
    for c in text.chars() {
        cut.push(c);
        if width(&cut, size) + width("…", size) > room {
            cut.pop();
            break;
        }
    }
    format!("{}…", cut.trim_end())
}

/// Text as a file's name: letters, digits, `-` and `_`, the rest as `-`; never empty.
pub fn slug(text: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' };
    let slug: String = text.chars().take(80).map(safe).collect();
    if slug.is_empty() { "-".to_string() } else { slug }
}

/// Escapes what Markdown or HTML inside it would read as markup in running text or a table cell.
pub fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' | '*' | '`' | '[' | ']' | '\\' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

/// A code span that holds any text, back-ticks included.
pub fn code(text: &str) -> String {
    let mut fence = String::from("`");
    while text.contains(&fence) {
        fence.push('`');
    }
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{}{pad}{fence}", text.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_override_characters_are_gone() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\n"), "a [31mb c ");
    }

    #[test]
    fn text_is_cut_to_its_room() {
        assert_eq!(fit("short", 12.0, 100), "short");
        let cut = fit("a_very_long_variant_name_indeed", 12.0, 100);
        assert!(cut.ends_with('…') && width(&cut, 12.0) <= 100, "{cut}");
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(markdown("a|b <i>&*"), "a\\|b &lt;i&gt;&amp;\\*");
        assert_eq!(code("x"), "`x`");
        assert_eq!(code("a`b"), "``a`b``");
    }
}
