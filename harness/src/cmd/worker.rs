//! `worker`: the child process that `measure --cap` starts for each kernel and shape. Not for people.

use super::Failure;
use crate::worker;

/// Answers the request on standard input.
pub fn run() -> Result<(), Failure> {
    worker::serve().map_err(Failure::input)
}
