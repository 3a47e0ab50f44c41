//! Why a shader was refused or stopped: which one, in which line of which of its files, and what is wrong.

use kernels::foreign::FILE;

/// One line for people.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{place}: {reason}")]
pub struct Fault {
    /// File and line.
    pub place: String,
    /// What is wrong and, where something can be done, what.
    pub reason: String,
}

/// The files that a shader's text is made of.
#[derive(Clone, Debug)]
pub struct Files {
    rung: String,
    /// Those it shares with other rungs, each with the line of the text that says so.
    shared: Vec<(u32, String)>,
}

impl Files {
    /// Those of the text of a shader with this name.
    pub fn of(rung: &str, source: &str) -> Self {
        let lines = (1..).zip(source.lines());
        let named = lines.filter_map(|(n, line)| Some((n, line.strip_prefix(FILE)?.trim_start_matches("../").into())));
        Self { rung: rung.into(), shared: named.collect() }
    }

    /// What is wrong at a line of the text; 0 where the whole shader is meant.
    pub fn fault(&self, line: u32, reason: impl Into<String>) -> Fault {
        let place = match self.shared.iter().rev().find(|(first, _)| *first < line) {
            Some((first, file)) => format!("{file}:{}, of {}.wgsl", line - first, self.rung),
            None => format!("{}.wgsl:{line}", self.rung),
        };
        Fault { place, reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lower::Shader;
    use super::*;

    #[test]
    fn a_line_is_that_of_its_own_file() {
        let source = "one\ntwo\n// file ../dtype/q4_k.wgsl\nfirst\n// file shared/f32.wgsl\nfirst\nsecond\n";
        let files = Files::of("rung", source);
        let at = |line| files.fault(line, "wrong").to_string();
        assert_eq!(at(0), "rung.wgsl:0: wrong");
        assert_eq!(at(2), "rung.wgsl:2: wrong");
        assert_eq!(at(4), "dtype/q4_k.wgsl:1, of rung.wgsl: wrong");
        assert_eq!(at(7), "shared/f32.wgsl:2, of rung.wgsl: wrong");
    }

    #[test]
    fn what_is_refused_in_a_shared_file_is_said_of_it() {
        let source = "@compute @workgroup_size(1) fn main() { f(); }\n// file shared/f.wgsl\n// What is wrong.\nfn f() { g(); }\n";
        let error = Shader::parse("rung", source).expect_err("there is no g").to_string();
        assert!(error.starts_with("shared/f.wgsl:2, of rung.wgsl: "), "{error}");
    }
}
