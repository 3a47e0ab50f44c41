//! What limits, models and measures the kernels. One file per verb under `cmd`; wire formats in `profile` and `record`.

pub mod calibrate;
pub mod capped;
pub mod caught;
pub mod cmd;
pub mod compare;
pub mod crossover;
pub mod doctor;
pub mod emulated;
pub mod environment;
pub mod gate;
pub mod guard;
pub mod journal;
pub mod native;
pub mod pace;
pub mod plan;
pub mod profile;
pub mod record;
pub mod report;
pub mod simt;
pub mod stats;
pub mod stream;
pub mod timed;
pub mod validate;
pub mod worker;
