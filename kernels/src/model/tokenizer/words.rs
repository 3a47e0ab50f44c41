//! How text falls into words before byte pairs are merged within each: regular expressions, applied one after the other to
//! what is left between earlier matches and to the matches themselves. They are data of the models' `tokenizer.json` (Meta's
//! Llama 3, Qwen2, deepseek-llm-7b, DeepSeek-V3), under the names that GGUF files have for them (`tokenizer.ggml.pre`).

use std::sync::LazyLock;

use regex::Regex;

/// The rules of one family of models, made once.
#[derive(Debug)]
pub(super) struct Words {
    steps: &'static [Regex],
}

type Rules = LazyLock<Vec<Regex>>;

fn made(rules: &[&str]) -> Vec<Regex> {
    // A test makes all of them.
    rules.iter().filter_map(|rule| Regex::new(rule).ok()).collect()
}

/// Names in the message about one that is not known.
pub(super) const KNOWN: &str = "llama-bpe (llama3, llama-v3), qwen2, deepseek-r1-qwen, deepseek-llm, deepseek-v3";

/// Llama 3's name and those that llama.cpp reads alike. Its prompts begin with a token even where the file does not say so.
pub(super) fn is_llama3(name: &str) -> bool {
    ["llama-bpe", "llama3", "llama-v3"].contains(&name)
}

// "(?!\S)" of the originals, the end of a run of spaces, is not in the regex crate: of rules that end so `Words::end` has it.
const RUN: &str = r"|\s+";
const LLAMA3: &[&str] = &[concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|",
    r"\s*[\r\n]+|\s+"
)];
const QWEN2: &[&str] = &[concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|",
    r"\s*[\r\n]+|\s+"
)];
const DEEPSEEK_V3: &[&str] = &[
    r"\p{N}{1,3}",
    r"[\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+",
    concat!(
        r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"##,
        r"\s*[\r\n]+|\s+"
    ),
];
const DEEPSEEK_LLM: &[&str] = &[
    r"[\r\n]",
    // The letters with case that Unicode had then, modifiers and mathematical ones left out.
    concat!(
        r"\s?[A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF}",
        r"\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1}",
        r"\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}",
        r"\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}",
        r"\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}",
        r"\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}",
        r"\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107}",
        r"\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}",
        r"\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}",
        r"\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787}",
        r"\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}",
        r"\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}",
        r"\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}]+"
    ),
    r"\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+",
    r"\s+$",
    r"[\x{4E00}-\x{9FA5}\x{800}-\x{4E00}\x{AC00}-\x{D7FF}]+",
    r"\p{N}",
];

impl Words {
    /// The rules of a name; none where it is not known.
    pub(super) fn named(name: &str) -> Option<Self> {
        static RULES: [Rules; 4] = [
            LazyLock::new(|| made(LLAMA3)),
            LazyLock::new(|| made(QWEN2)),
            LazyLock::new(|| made(DEEPSEEK_LLM)),
            LazyLock::new(|| made(DEEPSEEK_V3)),
        ];
        let rules = match name {
            name if is_llama3(name) => &RULES[0],
            "qwen2" | "deepseek-r1-qwen" => &RULES[1],
            "deepseek-llm" => &RULES[2],
            "deepseek-v3" => &RULES[3],
            _ => return None,
        };
        Some(Self { steps: rules })
    }

    /// The words of a text: together they are all of it.
    pub(super) fn split<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let mut words = vec![text];
        for rule in self.steps {
            let mut next = Vec::new();
            let leaves_last = rule.as_str().ends_with(RUN);
            for word in words {
                let mut at = 0;
                while let Some(found) = rule.find_at(word, at).filter(|found| !found.is_empty()) {
                    let end = match leaves_last {
                        true => Self::end(word, found.start(), found.end()),
                        false => found.end(),
                    };
                    next.extend([&word[at..found.start()], &word[found.start()..end]]);
                    at = end;
                }
                next.push(&word[at..]);
            }
            words = next;
        }
        words.retain(|word| !word.is_empty());
        words
    }

    /// Where a match of a rule with [`RUN`] ends: a run of spaces leaves its last one to the word that follows, unless it ends the text or is alone.
    /// A run up to a line's end matches another way, and keeps it.
    fn end(word: &str, start: usize, end: usize) -> usize {
        let run = &word[start..end];
        if end == word.len() || run.ends_with(['\r', '\n']) || !run.chars().all(char::is_whitespace) {
            return end;
        }
        match run.char_indices().next_back() {
            Some((last, _)) if last > 0 => start + last,
            _ => end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_an_expression() {
        for rules in [LLAMA3, QWEN2, DEEPSEEK_LLM, DEEPSEEK_V3] {
            assert_eq!(made(rules).len(), rules.len());
        }
    }

    #[test]
    fn a_run_of_spaces_leaves_its_last_to_the_next_word() {
        let words = Words::named("qwen2").unwrap();
        assert_eq!(words.split("a   b  "), ["a", "  ", " b", "  "]);
        assert_eq!(words.split("x \n  y12"), ["x", " \n", " ", " y", "1", "2"]);
        assert_eq!(words.split(""), [""; 0]);
    }

    /// Of deepseek-llm's rules none leaves anything to the next word; ideographic spaces are among its punctuation.
    #[test]
    fn a_run_of_ideographic_spaces_is_a_word() {
        let words = Words::named("deepseek-llm").unwrap();
        assert_eq!(words.split("\u{3000}\u{3000}你好"), ["\u{3000}\u{3000}", "你好"]);
        // A letter takes one of them along, which the next rule takes away again.
        assert_eq!(words.split("a\u{3000}\u{3000}\u{3000}b"), ["a", "\u{3000}\u{3000}", "\u{3000}", "b"]);
    }
}
