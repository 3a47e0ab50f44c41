//! Which programs do a step on a machine.

use kernels::dot_fixed::DotFixed;
use kernels::kernel::{Entry, Kernel};
use kernels::rmsnorm_fixed::RmsNormFixed;
use kernels::softmax_fixed::SoftmaxFixed;

use super::super::program::Program;
use super::super::{cells, processor};
use super::model::Model;
use super::sequencer::{Sequencer, Stopped};
use super::step::{Operations, Place};
use crate::profile::Emulated;

/// The programs of a step.
#[derive(Clone, Copy)]
pub struct Programs {
    /// Of `dot_fixed`.
    pub product: &'static Program,
    /// Of `rmsnorm_fixed`.
    pub norm: &'static Program,
    /// Of `softmax_fixed`.
    pub softmax: &'static Program,
    /// What is between them.
    pub glue: &'static Program,
    /// What makes bytes of packed weights, for a ternary model.
    pub unpack: Option<&'static Program>,
}

impl Programs {
    /// Bytes of code and tables.
    pub fn bytes(&self) -> usize {
        let all = [self.product, self.norm, self.softmax, self.glue];
        all.iter().chain(&self.unpack).map(|p| p.bytes()).sum()
    }
}

/// What makes bytes of packed weights on a machine; none where all weights fit its memory as they are.
pub fn unpack(profile: &Emulated) -> Option<&'static Program> {
    Program::find("decode", "unpack", processor(profile))
}

/// The programs of a machine: rung 0 of every kernel, or the rung of `dot_fixed` that takes the fewest cycles for the
/// products of the model with their weights brought, as one of them takes them, and the last of the others.
pub fn programs(profile: &Emulated, model: &Model, ternary: bool, naive: bool) -> Result<Programs, Stopped> {
    let lacking = |what: &str| Stopped::Wrong(format!("no program of {what} was assembled"));
    let of = |kernel: &dyn Kernel| -> Vec<&'static Program> {
        let codes = cells::rungs(kernel, profile);
        codes.iter().filter_map(|code| Program::of(kernel.folder(), code)).collect()
    };
    let products = of(&Entry::<DotFixed>::new());
    let norms = of(&Entry::<RmsNormFixed>::new());
    let softmaxes = of(&Entry::<SoftmaxFixed>::new());
    let pick = |all: &[&'static Program], what| {
        (if naive { all.first() } else { all.last() }).copied().ok_or_else(|| lacking(what))
    };
    let first = *products.first().ok_or_else(|| lacking("dot_fixed"))?;
    let glue = Program::find("decode", "glue", processor(profile)).ok_or_else(|| lacking("the glue"))?;
    let unpack = ternary.then(|| unpack(profile).ok_or_else(|| lacking("unpacking"))).transpose()?;
    let (norm, softmax) = (pick(&norms, "norms")?, pick(&softmaxes, "softmax")?);
    let mut made = Programs { product: first, norm, softmax, glue, unpack };
    if naive {
        return Ok(made);
    }
    let q = &model.layers[0].q;
    let of_all = (model.weight_bytes() / q.w.len()) as u64;
    let mut best = None;
    // Here it is the sequencer that brings weights: a program that reads the store itself would find something else in it.
    for product in products.into_iter().filter(|p| !p.reads_store()) {
        made.product = product;
        let Ok(mut probe) = Sequencer::new(profile, model, made) else { continue };
        // Of packed weights some stay in memory: the more, the smaller the program is.
        let rest = probe.cycles_of_rest();
        let cycles = |probe: &Sequencer| rest + of_all * probe.spent().cycles;
        if probe.product(Place::Model, q, &model.token).is_ok() && best.is_none_or(|(c, _)| cycles(&probe) < c) {
            best = Some((cycles(&probe), product));
        }
    }
    made.product = best.map_or(first, |(_, product)| product);
    Ok(made)
}
