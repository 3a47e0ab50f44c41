//! Hot kernels of an LLM inference core, and what they run on.

pub mod dtype;
pub mod model;
