//! `list`: what there is.

use clap::{Args, ValueEnum};
use kernels::KERNELS;
use kernels::kernel::Width;

use super::Failure;
use super::output::{Format, listing_text, print};
use crate::profile::{Hardware, Loaded, Sheet};
use crate::report::listing::{Datum, Listing};

/// Flags of `list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// What to list.
    #[arg(value_enum)]
    what: What,
    /// Format of standard output.
    #[arg(long, short, value_enum, default_value_t = Format::Table, env = "RETROBENCH_OUTPUT")]
    output: Format,
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
    let listing = match args.what {
        What::Kernels => kernels(),
        What::Variants => variants(),
        What::Shapes => shapes(),
        What::Profiles => profiles()?,
    };
    print(&listing_text(args.output, &[listing])?)
}

fn count(n: usize) -> Datum {
    Datum::Plain(n as f64)
}

fn kernels() -> Listing {
    let row = |k: &&dyn kernels::kernel::Kernel| {
        let sizes = [k.variants().len(), k.shaders().len(), k.machine_code().len(), k.shapes().len()].map(count);
        [&[Datum::text(k.name())][..], &sizes, &[Datum::text(k.about())]].concat()
    };
    Listing {
        about:
            "Kernels, with how many variants they have for processors, for GPUs and in machine code of old processors:"
                .into(),
        heads: vec!["kernel", "variants", "for_GPUs", "in_machine_code", "shapes", "what_it_computes"],
        rows: KERNELS.iter().map(row).collect(),
    }
}

fn variants() -> Listing {
    let mut rows = Vec::new();
    for k in KERNELS {
        let mut add = |name: &str, after: Option<&str>, needs: String, idea: &str| {
            let name = Datum::text(format!("{}/{name}", k.name()));
            rows.push(vec![name, after.map_or(Datum::None, Datum::text), Datum::Text(needs), Datum::text(idea)]);
        };
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
            add(v.name, v.after, needs, v.idea);
        }
        for c in k.machine_code() {
            add(c.name, c.after, format!("{} machine code", c.processor.suffix()), c.idea);
        }
        for s in k.shaders() {
            let needs = if s.source.contains("subgroup") { "GPU, subgroups" } else { "GPU" };
            add(s.name, s.after, needs.into(), s.idea);
        }
    }
    let about = "Rungs of each kernel's ladders, rung 0 first, and the rung that each improves on:".into();
    Listing { about, heads: vec!["kernel/variant", "after", "needs", "idea"], rows }
}

fn shapes() -> Listing {
    let mut rows = Vec::new();
    for k in KERNELS {
        for s in k.shapes() {
            let cost = k.cost(&s);
            let tour = match (s.tour, s.gpu_tour) {
                (true, _) => "yes",
                (false, true) if !k.shaders().is_empty() => "on GPUs",
                _ => "no",
            };
            let words = [format!("{}/{}", k.name(), s.name), k.dims(&s), tour.into()].map(Datum::Text);
            rows.push([&words[..], &[cost.operations, cost.bytes].map(|n| Datum::Plain(n as f64))].concat());
        }
    }
    Listing {
        about: "Shapes of each kernel, with the arithmetic and the least bytes of a run:".into(),
        heads: vec!["kernel/shape", "sizes", "in_the_tour", "operations", "least_bytes"],
        rows,
    }
}

fn profiles() -> Result<Listing, Failure> {
    let mut rows = Vec::new();
    let mut add = |id: &str, class: &str, year: u16, mhz: f64, cores: u32, simd: String, name: &str| {
        let (year, clock, cores) = (Datum::Text(year.to_string()), Datum::Plain(mhz), Datum::Plain(f64::from(cores)));
        rows.push(vec![Datum::text(id), Datum::text(class), year, clock, cores, Datum::Text(simd), Datum::text(name)]);
    };
    let Hardware { cpus, gpus, emulated } = Hardware::built_in().map_err(Failure::input)?;
    for Loaded { profile: p, .. } in &emulated {
        let mhz = p.machine.clock_hz.value / 1e6;
        add(&p.id, p.class.as_str(), p.year, mhz, 1, p.processor.clone(), &p.name);
    }
    for Loaded { profile: p, .. } in &cpus {
        let simd = p.simd.as_ref().map_or("-".into(), |s| s.isa.clone());
        add(&p.id, p.class.as_str(), p.year, p.machine.clock_mhz.value, p.machine.cores.value, simd, &p.name);
    }
    for Loaded { profile: p, .. } in &gpus {
        let lanes = format!("{} of {}", p.sm.f32_lanes_per_cycle.value, p.sm.warp_lanes.value);
        add(&p.id, p.class(), p.year, p.machine.clock_mhz.value, p.machine.sms.value, lanes, &p.name);
    }
    Ok(Listing {
        about: "Machines that --hw takes; of GPUs the cores are SMs, and SIMD is f32 lanes of the warp's in a cycle:"
            .into(),
        heads: vec!["profile", "class", "year", "clock_mhz", "cores", "SIMD", "name"],
        rows,
    })
}
