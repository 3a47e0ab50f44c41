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

/// Breaks `text` at spaces into at most `lines` lines of `room` px; what is left over ends in an ellipsis.
pub fn wrap(text: &str, size: f64, room: i32, lines: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let longer = out.last().map(|line| format!("{line} {word}")).filter(|l| width(l, size) <= room);
        let full = out.len() >= lines;
        match (longer, out.last_mut()) {
            (Some(longer), Some(line)) => *line = longer,
            (None, Some(line)) if full => {
                line.push_str(" …");
                break;
            }
            _ => out.push(word.to_string()),
        }
        if out.len() == lines && words.peek().is_none() {
            break;
        }
    }
    out.iter().map(|line| fit(line, size, room)).collect()
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
    fn text_is_cut_and_wrapped_to_its_room() {
        assert_eq!(fit("short", 12.0, 100), "short");
        let cut = fit("a_very_long_variant_name_indeed", 12.0, 100);
        assert!(cut.ends_with('…') && width(&cut, 12.0) <= 100, "{cut}");
        assert_eq!(wrap("Pentium II 350", 11.0, 76, 3), ["Pentium II", "350"]);
        assert!(wrap("one two three four five six", 11.0, 40, 2).last().unwrap().ends_with('…'));
        assert!(wrap("", 11.0, 40, 2).is_empty());
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(markdown("a|b <i>&*"), "a\\|b &lt;i&gt;&amp;\\*");
        assert_eq!(code("x"), "`x`");
        assert_eq!(code("a`b"), "``a`b``");
    }
}
