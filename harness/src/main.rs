//! The `retrobench` binary. The verbs are in `cmd`, one file each; this is the only exit point.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::cmd::main()
}
