//! Blocks of a text that a command fills: between a line `<!-- retrobench NAME: COMMAND -->` and a line `<!-- /retrobench -->` stands
//! what the command computed, so no figure in a text is typed by hand.

/// Why blocks could not be filled.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// There is nothing to fill.
    #[error(
        "no block: put a line <!-- retrobench NAME --> and a line {CLOSE} where it is to stand; known names are {known}"
    )]
    None {
        /// Names that there are.
        known: String,
    },
    /// A block is not closed.
    #[error("line {line}: block '{name}' is not closed: end it with a line {CLOSE}")]
    Open {
        /// Where it begins.
        line: usize,
        /// Its name.
        name: String,
    },
    /// Nobody fills a block of that name.
    #[error("line {line}: no block '{name}'; known are {known}")]
    Unknown {
        /// Where it begins.
        line: usize,
        /// Its name.
        name: String,
        /// Names that there are.
        known: String,
    },
    /// Whoever fills it could not.
    #[error("line {line}: block '{name}': {reason}")]
    Failed {
        /// Where it begins.
        line: usize,
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
}

/// The line that ends a block.
pub const CLOSE: &str = "<!-- /retrobench -->";

/// The name of the block that a line begins.
fn opens(line: &str) -> Option<&str> {
    let name = line.trim().strip_prefix("<!-- retrobench ")?.strip_suffix("-->")?.split(':').next()?;
    Some(name.trim())
}

/// The text with every block filled; `fill` says what stands in it (none: as it is), or why it cannot.
///
/// # Errors
/// [`BlockError`].
pub fn filled(
    text: &str,
    known: &[&str],
    mut fill: impl FnMut(&str) -> Result<Option<String>, String>,
) -> Result<String, BlockError> {
    if !text.lines().any(|line| opens(line).is_some()) {
        return Err(BlockError::None { known: known.join(", ") });
    }
    let mut out = String::new();
    let mut lines = text.split_inclusive('\n').enumerate();
    while let Some((number, line)) = lines.next() {
        out.push_str(line);
        let Some(name) = opens(line) else { continue };
        let (line, name) = (number + 1, name.to_string());
        if !known.contains(&name.as_str()) {
            return Err(BlockError::Unknown { line, name, known: known.join(", ") });
        }
        let mut old = String::new();
        let close = loop {
            match lines.next() {
                None => return Err(BlockError::Open { line, name }),
                Some((_, l)) if opens(l).is_some() => return Err(BlockError::Open { line, name }),
                Some((_, l)) if l.trim() == CLOSE => break l,
                Some((_, l)) => old.push_str(l),
            }
        };
        match fill(&name).map_err(|reason| BlockError::Failed { line, name, reason })? {
            Some(new) => out.push_str(&format!("\n{}\n\n", new.trim())),
            None => out.push_str(&old),
        }
        out.push_str(close);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# T\n<!-- retrobench a: retrobench x -->\nold\n<!-- /retrobench -->\nmid\n<!-- retrobench b -->\n<!-- /retrobench -->\nend";

    #[test]
    fn blocks_are_filled_in_place_and_the_rest_stays() {
        let fill = |name: &str| Ok((name == "a").then(|| "new\n".to_string()));
        let once = filled(TEXT, &["a", "b"], fill).expect("filled");
        assert_eq!(once, TEXT.replace("old\n", "\nnew\n\n"));
        assert_eq!(filled(&once, &["a", "b"], fill).expect("filled"), once);
    }

    #[test]
    fn what_cannot_be_filled_says_where() {
        let none = |_: &str| Ok(None);
        let error = |text: &str| filled(text, &["a"], none).expect_err("refused").to_string();
        assert!(error(TEXT).contains("line 6") && error(TEXT).contains("known are a"));
        assert!(error("<!-- retrobench a -->\nx").contains("not closed"));
        assert!(error("<!-- retrobench a -->\n<!-- retrobench a -->\n<!-- /retrobench -->").contains("line 1"));
        assert!(error("between <!-- retrobench a --> and\n").contains("no block"));
        let failed = filled(TEXT, &["a", "b"], |_| Err("no records".into())).expect_err("failed");
        assert!(failed.to_string().contains("no records"));
    }
}
