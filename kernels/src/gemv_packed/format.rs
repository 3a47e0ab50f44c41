//! What a packed format knows of itself: how its blocks take part in a dot product, one by one or interleaved.

use super::{ArchDot, GROUP_ROWS};
use crate::dtype::Block;
use crate::input::Canary;
use crate::machine::Machine;
use crate::weights::Stored;

/// Quantized activations, or those of one block.
#[derive(Clone, Copy)]
pub struct X<'a> {
    /// Quants in -127..=127.
    pub quants: &'a [i8],
    /// Scale of each block.
    pub scales: &'a [f32],
    /// Sum of the quants of each sub-block, an integer.
    pub sums: &'a [f32],
}

impl<'a> X<'a> {
    /// The activations that meet block `b` of format `F`.
    #[inline(always)]
    pub fn block<F: Format>(&self, b: usize) -> X<'a> {
        let subs = F::LEN / F::SUB;
        X {
            quants: &self.quants[b * F::LEN..(b + 1) * F::LEN],
            scales: &self.scales[b..b + 1],
            sums: &self.sums[b * subs..(b + 1) * subs],
        }
    }
}

/// A format of weights smaller than a byte.
pub trait Format: Block + Stored + ArchDot<Self::Group> {
    /// Name of the kernel.
    const KERNEL: &'static str;
    /// What the kernel computes.
    const ABOUT: &'static str;
    /// See [`crate::kernel::Contract::RUNG_0_OPERATIONS`].
    const RUNG_0_OPERATIONS: f64;
    /// Weights that share a scale, and whose activations are summed.
    const SUB: usize;
    /// Sixteen blocks, one of each of sixteen rows, interleaved.
    type Group: Canary;

    /// Interleaves one block of each row.
    fn interleave(rows: &[Self; GROUP_ROWS]) -> Self::Group;

    /// The block's weights as numbers in f64, in order.
    fn exact(&self) -> Vec<f64>;

    /// On the scalar unit: `sum` plus the products of the block's weights with f32 activations, one after the other.
    fn multiply_add<M: Machine<One = M>>(m: M, block: &Self, x: &[f32], sum: M::F) -> M::F;

    /// On the scalar unit: `sum` plus the block's product with x, sub-blocks summed as integers. With `HOISTED` what is
    /// taken off every quant is accounted for by the sums of x.
    fn dot<M: Machine<One = M>, const HOISTED: bool>(m: M, block: &Self, x: X<'_>, sum: M::F) -> M::F;

    /// `sums` plus the products of sixteen rows with x, a row to a lane.
    fn dot_group<M: Machine>(m: M, group: &Self::Group, x: X<'_>, sums: &mut M::Sixteen);
}
