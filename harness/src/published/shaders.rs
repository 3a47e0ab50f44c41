//! The project's own shaders as a real GPU ran them, cell by cell: what the model of GPUs errs by where nothing stands for
//! anything else. `retrobench gpu --unchecked --experimental` made the rows; a dispatch there waits for the one before it.

use std::collections::BTreeMap;

use kernels::KERNELS;
use kernels::kernel::{Kernel, Shape};
use rayon::prelude::*;

use super::RowsError;
use super::rows::records;
use crate::profile::{GpuProfile, Loaded, band};
use crate::record::Environment;
use crate::simt::cells::{Context, Counts};
use crate::simt::gate::ShaderGate;
use crate::validate::Pair;

const FILE: &str = "profiles/published/gpu-shaders.csv";
const ROWS: &str = include_str!("../../../profiles/published/gpu-shaders.csv");

/// From one dispatch of a pass to the next, through wgpu on Vulkan, beside what the shaders take: the least of the rows is
/// 2.1 µs, of a product that is modelled to take 0.2. It stands for the launch that a profile states.
const DISPATCH_NS: f64 = 1900.0;

/// One measured cell.
#[derive(Clone)]
pub struct Cell {
    /// Profile of the GPU.
    pub profile: String,
    /// Its kernel.
    pub kernel: &'static dyn Kernel,
    /// Its shape.
    pub shape: Shape,
    /// Place on the ladder of shaders.
    pub shader: usize,
    /// Median, ns.
    pub measured_ns: f64,
}

/// All rows.
///
/// # Errors
/// The first row that is wrong; a test keeps that from being released.
pub fn cells() -> Result<Vec<Cell>, RowsError> {
    records(FILE, ROWS, |r| {
        let kernel = KERNELS.iter().find(|k| k.name() == &r[1]).copied().ok_or("no such kernel")?;
        let shape = kernel.shapes().into_iter().find(|s| s.name == r[2]).ok_or("no such shape")?;
        let shader = kernel.shaders().iter().position(|s| s.name == &r[3]).ok_or("no such shader")?;
        let time_us: f64 = r[4].parse().map_err(|e| format!("{:?}: {e}", &r[4]))?;
        Ok(Cell { profile: r[0].into(), kernel, shape, shader, measured_ns: 1e3 * time_us })
    })
}

/// Every cell beside what the model says of it.
///
/// # Errors
/// A row that names what is not there, or what the model cannot run.
pub fn pairs(cells: &[Cell], machines: &[Loaded<GpuProfile>]) -> Result<Vec<Pair>, RowsError> {
    let mut groups: BTreeMap<(&str, &str, &str), Vec<&Cell>> = BTreeMap::new();
    for cell in cells {
        groups.entry((&cell.profile, cell.kernel.name(), &cell.shape.name)).or_default().push(cell);
    }
    let gate = ShaderGate::default();
    let environment = Environment::build("retrobench study published", 1);
    let context = Context { gate: &gate, environment: &environment };
    let of_group = |(key, cells): (&(&str, &str, &str), &Vec<&Cell>)| {
        let (kernel, group) = (cells[0].kernel, format!("{}/{}", key.1, key.2));
        let wrong = |reason: String| RowsError { file: FILE, row: group.clone(), reason };
        let found = machines.iter().find(|m| m.profile.id == key.0);
        let mut gpu = found.ok_or_else(|| wrong(format!("no profile {}", key.0)))?.profile.clone();
        gpu.machine.launch_ns.value = DISPATCH_NS;
        let shaders: Vec<usize> = cells.iter().map(|c| c.shader).collect();
        let counts = Counts::new(&context, kernel, &cells[0].shape, &shaders, std::iter::once(&gpu));
        let counts = counts.map_err(|e| wrong(e.to_string()))?;
        let pair = |cell: &&Cell| {
            let modelled_ns = counts.time_ns(kernel, cell.shader, &gpu).map_err(wrong)?;
            let (variant, ratio) = (kernel.shaders()[cell.shader].name.to_string(), modelled_ns / cell.measured_ns);
            let held = ratio.max(1.0 / ratio) <= band::on_gpu(kernel.name());
            Ok(Pair { group: group.clone(), variant, native_ns: cell.measured_ns, modelled_ns, held })
        };
        cells.iter().map(pair).collect::<Result<Vec<Pair>, RowsError>>()
    };
    let all: Result<Vec<Vec<Pair>>, RowsError> = groups.par_iter().map(of_group).collect();
    Ok(all?.concat())
}
