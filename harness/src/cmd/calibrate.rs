//! `calibrate`: measures this host and writes a profile of it.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::output::{print, write_file};
use crate::calibrate;
use crate::environment::Host;

/// Flags of `calibrate`.
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// File of the profile; its stem is the profile's id.
    #[arg(long, default_value = "reports/out/this-host.toml", env = "RETROBENCH_HOST_PROFILE")]
    out: PathBuf,
    /// Also writes every measurement as JSON.
    #[arg(long, value_name = "FILE", env = "RETROBENCH_EXPORT_JSON")]
    export_json: Option<PathBuf>,
    /// Year to note in the profile.
    #[arg(long, default_value_t = YEAR, env = "RETROBENCH_YEAR")]
    year: u16,
}

/// Year of a host that does not say its own.
pub const YEAR: u16 = 2026;

/// Measures, prints the table, writes the profile.
pub fn run(args: &CalibrateArgs) -> Result<(), Failure> {
    let id = args.out.file_stem().and_then(|s| s.to_str()).unwrap_or("this-host");
    let (calibration, profile) = calibrate::calibrate(id, &Host::read(), args.year).map_err(Failure::input)?;
    print(&calibration.table(&profile))?;
    if let Some(path) = &args.export_json {
        write_file(path, serde_json::to_string_pretty(&calibration).map_err(Failure::input)?.as_bytes())?;
    }
    write_file(&args.out, profile.to_toml().as_bytes())?;
    eprintln!("profile: {} (use it with --hw {0} or --host-profile {0})", args.out.display());
    Ok(())
}
