//! `list`: what there is.

use clap::{Args, ValueEnum};
use comfy_table::Table;
use kernels::KERNELS;
use kernels::kernel::Width;

use super::Failure;
use super::output::{plain_table, print};
use crate::profile::{Hardware, Loaded, Sheet};

/// Flags of `list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// What to list.
    #[arg(value_enum)]
    what: What,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    Kernels,
    Variants,
    Shapes,
    Profiles,
}

/// Prints a table.
pub fn run(args: &ListArgs) -> Result<(), Failure> {
    let table = match args.what {
        What::Kernels => kernels_table(),
        What::Variants => variants_table(),
        What::Shapes => shapes_table(),
        What::Profiles => profiles_table()?,
    };
    print(&format!("{table}\n"))
}

fn kernels_table() -> Table {
    let mut t = plain_table(&["kernel", "variants", "for GPUs", "shapes", "what it computes"]);
    for k in KERNELS {
        let (variants, shaders) = (k.variants().len().to_string(), k.shaders().len().to_string());
        let shaders = if k.shaders().is_empty() { "" } else { &shaders };
        t.add_row([k.name(), &variants, shaders, &k.shapes().len().to_string(), k.about()]);
    }
    t
}

fn variants_table() -> Table {
    let mut t = plain_table(&["kernel/variant", "after", "needs", "idea"]);
    for k in KERNELS {
        for v in k.variants() {
            let needs = match v.width {
                Width::Scalar => "scalar".to_string(),
                Width::Any => "any lanes".to_string(),
                Width::SimdF32 => "SIMD f32".to_string(),
                Width::SimdMadd => "SIMD i16 madd".to_string(),
                Width::SimdShuffle => "SIMD byte lookup".to_string(),
                Width::Dot4 => "i8 dot product".to_string(),
                Width::Arch(isa) => format!("{} (native only)", isa.name()),
            };
            let needs = if v.threads { format!("{needs}, threads") } else { needs };
            t.add_row([format!("{}/{}", k.name(), v.name), v.after.unwrap_or("-").into(), needs, v.idea.into()]);
        }
        for c in k.machine_code() {
            let needs = format!("{} machine code", c.processor.suffix());
            t.add_row([format!("{}/{}", k.name(), c.name), c.after.unwrap_or("-").into(), needs, c.idea.into()]);
        }
        for s in k.shaders() {
            let needs = if s.source.contains("subgroup") { "GPU, subgroups" } else { "GPU" };
            t.add_row([&format!("{}/{}", k.name(), s.name), s.after.unwrap_or("-"), needs, s.idea]);
        }
    }
    t
}

fn shapes_table() -> Table {
    let mut t = plain_table(&["kernel/shape", "sizes", "in the tour", "operations", "least bytes"]);
    for k in KERNELS {
        for s in k.shapes() {
            let cost = k.cost(&s);
            t.add_row([
                format!("{}/{}", k.name(), s.name),
                k.dims(&s),
                if s.tour { "yes" } else { "" }.into(),
                cost.operations.to_string(),
                cost.bytes.to_string(),
            ]);
        }
    }
    t
}

fn profiles_table() -> Result<Table, Failure> {
    let mut t = plain_table(&["profile", "class", "year", "clock", "cores", "SIMD", "name"]);
    let Hardware { cpus, gpus, emulated } = Hardware::built_in().map_err(Failure::input)?;
    for Loaded { profile: p, .. } in emulated {
        let (class, mhz) = (p.class.as_str().into(), p.machine.clock_hz.value / 1e6);
        t.add_row([p.id, class, p.year.to_string(), format!("{mhz} MHz"), "1".into(), p.processor, p.name]);
    }
    for Loaded { profile: p, .. } in cpus {
        t.add_row([
            p.id,
            p.class.as_str().into(),
            p.year.to_string(),
            format!("{} MHz", p.machine.clock_mhz.value),
            p.machine.cores.value.to_string(),
            p.simd.map_or("-".into(), |s| s.isa),
            p.name,
        ]);
    }
    for Loaded { profile: p, .. } in gpus {
        t.add_row([
            p.id.clone(),
            p.class().into(),
            p.year.to_string(),
            format!("{} MHz", p.machine.clock_mhz.value),
            p.machine.sms.value.to_string(),
            format!("{} of {}", p.sm.f32_lanes_per_cycle.value, p.sm.warp_lanes.value),
            p.name,
        ]);
    }
    Ok(t)
}
