//! Why a shader was refused or stopped: which one, at which line, and what is wrong.

/// One line for people.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{shader}.wgsl:{line}: {reason}")]
pub struct Fault {
    /// Name of the shader.
    pub shader: String,
    /// Line of its source; 0 where the whole shader is meant.
    pub line: u32,
    /// What is wrong and, where something can be done, what.
    pub reason: String,
}
