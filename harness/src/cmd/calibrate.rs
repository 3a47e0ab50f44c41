//! `calibrate`: measures this host and writes a profile of it.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use super::output::{print, ready, write_file};
use crate::calibrate;
use crate::environment::Host;
use crate::profile;

/// Flags of `calibrate`.
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// File of the profile, a .toml whose name without that is the profile's id (- = standard output).
    #[arg(long, default_value = "reports/out/this-host.toml", env = "RETROBENCH_HOST_PROFILE")]
    out: PathBuf,
    /// Also writes every measurement as JSON.
    #[arg(long, value_name = "FILE", env = "RETROBENCH_EXPORT_JSON")]
    export_json: Option<PathBuf>,
    /// Year to note in the profile.
    #[arg(long, default_value_t = YEAR, env = "RETROBENCH_YEAR", value_parser = clap::value_parser!(u16).range(1970..=2100))]
    year: u16,
}

/// Year of a host that does not say its own.
pub const YEAR: u16 = 2026;

/// Measures, prints the table, writes the profile.
pub fn run(args: &CalibrateArgs) -> Result<(), Failure> {
    let id = id_of(&args.out)?;
    [Some(&args.out), args.export_json.as_ref()].into_iter().flatten().try_for_each(|path| ready(path))?;
    let (calibration, profile) = calibrate::calibrate(id, &Host::read(), args.year).map_err(Failure::input)?;
    let to_file = args.out.as_os_str() != "-";
    // What goes to standard output is the profile alone.
    if to_file {
        print(&calibration.table(&profile))?;
    }
    if let Some(path) = &args.export_json {
        write_file(path, serde_json::to_string_pretty(&calibration).map_err(Failure::input)?.as_bytes())?;
    }
    write_file(&args.out, profile.to_toml().as_bytes())?;
    if to_file {
        eprintln!("profile: {} (use it with --hw {0} or --host-profile {0})", args.out.display());
    }
    Ok(())
}

/// The id that a file's name gives its profile.
fn id_of(out: &Path) -> Result<&str, Failure> {
    if out.as_os_str() == "-" {
        return Ok("this-host");
    }
    let stem = out.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if out.extension().is_some_and(|e| e == "toml") && profile::is_id(stem) {
        return Ok(stem);
    }
    let shown = out.display();
    Err(Failure::input(format!("--out {shown}: name a .toml file by what --hw is to take: a-z, 0-9 and '-'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_is_the_id_of_its_profile() {
        assert_eq!(id_of(Path::new("some/my-host.toml")).ok(), Some("my-host"));
        for bad in ["Bad_Name.toml", "host.json", "host", ".toml", "a/"] {
            assert!(id_of(Path::new(bad)).is_err(), "{bad}");
        }
    }
}
