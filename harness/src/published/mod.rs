//! What was measured on GPUs that have a profile, row by row beside what the model says: by others, and in `shaders` the
//! project's own shaders on an H200. Rows are data (`profiles/published/gpu.csv`), with their ids and sources; rows that no shader
//! stands for say why. `predict` models a row, `fit` finds the one constant of each generation, `score` sums up, `bands` says
//! within what factor nine of ten rows lie.

pub mod bands;
pub mod fit;
pub mod predict;
pub mod prediction;
mod rows;
pub mod score;
pub mod shaders;

pub use rows::{Format, GapRow, Row, RowsError, Task, gap_ns, gaps, rows};
