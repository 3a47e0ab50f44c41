//! The GPU model: a kernel's WGSL shaders run warp by warp on the CPU, exact in results, and are counted and timed for GPUs
//! that nobody here owns.
//!
//! `lower` makes naga's IR into a line of instructions over scalar registers (`code`); `warp` executes them for all lanes
//! of a warp at once, `launch` runs workgroups, `memory` is what they reach, `races` watches for data races. `program`
//! binds a kernel's operands, `sample` interprets a few workgroups of a launch under `meter`, which counts instructions,
//! chains, banks (`rules`) and how far apart touches of memory are (`reuse`); `price` makes time of counts with a machine's
//! figures, `cells` records of times. `gate` lets only shaders show a time that matched the kernel's f64 reference. Nothing
//! depends on host addresses or clocks: two runs give the same bytes.

pub mod cells;
pub mod code;
pub mod fault;
pub mod gate;
pub mod launch;
pub mod lower;
mod math;
pub mod memory;
mod meter;
#[cfg(test)]
mod model_tests;
pub mod price;
pub mod program;
pub mod races;
mod reuse;
pub mod rules;
pub mod sample;
#[cfg(test)]
mod tests;
pub mod warp;
