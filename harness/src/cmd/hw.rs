//! `hw show`: a profile with what the model makes of it.

use clap::{Args, Subcommand};

use super::Failure;
use super::output::print;
use crate::profile::Hardware;
use crate::report::units;

/// Flags of `hw`.
#[derive(Debug, Args)]
pub struct HwArgs {
    #[command(subcommand)]
    verb: HwVerb,
}

#[derive(Debug, Subcommand)]
enum HwVerb {
    /// A profile's figures with their sources, and the peaks that follow from them.
    Show {
        /// Profile ids (comma-separated), `all`, `class:...`, or the path of a .toml file.
        #[arg(env = "RETROBENCH_HW")]
        hw: String,
    },
}

/// Prints the profiles.
pub fn run(args: &HwArgs) -> Result<(), Failure> {
    let HwVerb::Show { hw } = &args.verb;
    let hardware = Hardware::select(hw).map_err(Failure::input)?;
    for loaded in hardware.cpus {
        let p = &loaded.profile;
        let summary = format!(
            "# {}\n# profile hash {}\n# follows from the figures: {} f32, {} bf16, {} int8, memory {} from one core, {} from all\n",
            p.name,
            loaded.hash,
            units::op_rate(p.peak_f32_ops_per_s()),
            units::op_rate(p.peak_bf16_ops_per_s()),
            units::op_rate(p.peak_i8_ops_per_s()),
            units::byte_rate(p.sustained_bytes_per_s(1)),
            units::byte_rate(p.sustained_bytes_per_s(p.machine.cores.value)),
        );
        print(&format!("{summary}\n{}\n", p.to_toml()))?;
    }
    for loaded in hardware.emulated {
        let p = &loaded.profile;
        print(&format!("# {}\n# profile hash {}\n\n{}\n", p.name, loaded.hash, p.to_toml()))?;
    }
    Ok(())
}
