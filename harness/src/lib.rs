//! What limits, models and measures the kernels. One file per verb under `cmd`; wire formats in `profile` and `record`.

pub mod gate;
pub mod profile;
pub mod record;
pub mod timed;
