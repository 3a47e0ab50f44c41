//! The table's rows: a kernel at a shape, one file for each kind of operation with its operands and its f64 reference.

pub mod attention;
pub mod linear;
pub mod rmsnorm;
pub mod softmax;

use kernels::KERNELS;
use kernels::kernel::{Kernel, Shape};

use crate::activations::Stored;
use crate::host::{Host, wait_for_quiet};
use crate::measure::{Contestant, rounds};
use crate::ours::Entry;
use crate::peers;
use attention::Attention;
use linear::{Format, Linear};
use rmsnorm::RmsNorm;
use softmax::Softmax;

/// Operands of a row, as the peers get them.
pub enum Problem {
    Linear(Linear),
    Attention(Attention),
    Softmax(Softmax),
    RmsNorm(RmsNorm),
}

/// What a row computes.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Linear(Format),
    Attention,
    Softmax,
    RmsNorm,
}

/// One row of the table.
pub struct Row {
    pub kind: Kind,
    /// Names that the kernel may have.
    kernels: &'static [&'static str],
    pub shape: Shape,
}

/// What the rounds gave.
pub struct Measured<'a> {
    pub ours: Contestant<'a>,
    pub naive: Contestant<'a>,
    /// Fastest first.
    pub peers: Vec<Contestant<'a>>,
    /// Peers whose output was not right, and how.
    pub wrong: Vec<String>,
    /// False where other processes took the cores all the time.
    pub quiet: bool,
    pub operations: u64,
    pub bytes: u64,
}

/// Every row.
pub fn all() -> Vec<Row> {
    let mut rows = linear::rows();
    rows.extend(attention::rows());
    rows.extend(softmax::rows());
    rows.extend(rmsnorm::rows());
    rows
}

impl Row {
    /// Kernel and shape.
    pub fn name(&self) -> String {
        format!("{}/{}", self.kernel().map_or(self.kernels[0], |k| k.name()), self.shape.name)
    }

    /// Sizes for people.
    pub fn dims(&self) -> String {
        let s = &self.shape;
        match self.kind {
            Kind::Linear(_) => format!("M={} {}×{}", s.m, s.n, s.k),
            Kind::Attention => format!("T={} {} heads on {} of {}", s.n, s.m, s.parts, s.k),
            Kind::Softmax | Kind::RmsNorm => format!("{}×{}", s.m, s.n),
        }
    }

    /// True where arithmetic and not memory decides, so that GFLOP/s say more than GB/s.
    pub fn is_arithmetic(&self) -> bool {
        matches!(self.kind, Kind::Linear(_)) && self.shape.m > 1
    }

    fn kernel(&self) -> Result<&'static dyn Kernel, String> {
        let named = |k: &&&dyn Kernel| self.kernels.contains(&k.name());
        KERNELS.iter().find(named).copied().ok_or_else(|| format!("no kernel {}", self.kernels[0]))
    }

    /// Copies of the weights: decode streams them from memory, prefill uses them many times anyway.
    fn rotation_bytes(&self, host: &Host, bytes: u64) -> usize {
        if self.shape.m > 64 && matches!(self.kind, Kind::Linear(_)) { 0 } else { host.rotation_bytes(bytes) }
    }

    /// Times ours and those of the peers that are `wanted`, all where none are.
    pub fn measure<'h>(&self, host: &'h Host, count: usize, wanted: &[String]) -> Result<Measured<'h>, String> {
        let kernel = self.kernel()?;
        wait_for_quiet();
        let cost = kernel.cost(&self.shape);
        let rotation_bytes = self.rotation_bytes(host, cost.bytes);
        let problem = match self.kind {
            Kind::Linear(format) => Problem::Linear(Linear::new(format, &self.shape, rotation_bytes)),
            Kind::Attention => Problem::Attention(Attention::new(&self.shape, rotation_bytes)),
            Kind::Softmax => Problem::Softmax(Softmax::new(&self.shape)),
            Kind::RmsNorm => Problem::RmsNorm(RmsNorm::new(&self.shape)),
        };
        let (stored, activations) = match &problem {
            Problem::Linear(l) => (l.format.activations(l.m), l.x.as_slice()),
            _ => (Stored::F32, &[][..]),
        };
        let by_rows = matches!(self.kind, Kind::Linear(_));
        let entry = Entry { kernel, shape: &self.shape, by_rows, rotation_bytes, stored, activations };
        let mut contestants = entry.best(host)?;
        let ours = contestants.len();
        if ours == 0 {
            return Err("no rung runs here".into());
        }
        contestants.push(entry.naive(host)?);
        let mut wrong = Vec::new();
        for mut peer in peers::contestants(&problem, host, wanted) {
            let output = peer.try_out(host);
            match problem.error(&output, peer.same) {
                Ok(()) => contestants.push(peer),
                Err(error) => wrong.push(format!("{}: {error}", peer.name)),
            }
        }
        contestants.iter_mut().for_each(|c| _ = c.pace(host));
        let quiet = rounds(&mut contestants, host, count);

        let mut peers = contestants.split_off(ours + 1);
        let naive = contestants.pop().expect("it was pushed");
        let by_time = |a: &Contestant, b: &Contestant| a.typical().total_cmp(&b.typical());
        let ours = contestants.into_iter().min_by(by_time).expect("there is one");
        peers.sort_by(|a, b| ours.faster_than(a)[0].total_cmp(&ours.faster_than(b)[0]));
        Ok(Measured { ours, naive, peers, wrong, quiet, operations: cost.operations, bytes: cost.bytes })
    }
}

impl Problem {
    /// Why an output cannot be right.
    fn error(&self, output: &[f32], same: bool) -> Result<(), String> {
        let (nmse, limit) = match self {
            Problem::Linear(p) => (p.nmse(output), p.limit(same)),
            Problem::Attention(p) => (p.nmse(output), if same { 1e-8 } else { 1e-3 }),
            Problem::Softmax(p) => (p.nmse(output), 1e-8),
            Problem::RmsNorm(p) => (p.nmse(output), 1e-8),
        };
        if nmse <= limit { Ok(()) } else { Err(format!("NMSE {nmse:.1e}, at most {limit:.0e} expected")) }
    }
}

/// `sum((y - ref)^2) / sum(ref^2)`; infinite where the lengths differ.
fn nmse(output: impl ExactSizeIterator<Item = f32>, reference: impl ExactSizeIterator<Item = f64>) -> f64 {
    if output.len() != reference.len() {
        return f64::INFINITY;
    }
    let square = |v: f64| v * v;
    let sums = output
        .zip(reference)
        .fold((0.0, 0.0), |(error, size), (y, truth)| (error + square(f64::from(y) - truth), size + square(truth)));
    sums.0 / sums.1
}
