//! The best rung of our kernels beside what other projects have for the same work: one table, as README.md explains.

mod activations;
mod ceilings;
mod command;
mod host;
#[cfg(any(feature = "ggml", feature = "openblas", feature = "onednn"))]
mod library;
mod measure;
mod ours;
mod peers;
mod rows;
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::run(std::env::args().skip(1).collect())
}
