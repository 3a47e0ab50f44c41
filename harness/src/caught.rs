//! Panics of a rung as words: one broken variant must not cost the results of the others.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `f`; a panic in it, on whatever thread of a pool, becomes its message.
pub fn caught<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        format!("panicked: {}", words.unwrap_or("no message"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_become_their_words_also_from_other_threads() {
        assert_eq!(caught(|| 3), Ok(3));
        assert_eq!(caught(|| panic!("one {}", 1)), Err::<(), _>("panicked: one 1".into()));
        let on_threads = || rayon::join(|| panic!("of a thread"), || ());
        assert_eq!(caught(on_threads).map(drop), Err("panicked: of a thread".into()));
    }
}
