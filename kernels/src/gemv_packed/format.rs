//! What a packed format knows of itself: how its blocks take part in dot products, one by one or interleaved.

use super::{ArchDot, GROUP_ROWS};
use crate::dtype::Block;
use crate::foreign::Shader;
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
    /// Row `i` of a matrix of activations in rows of so many blocks of format `F`.
    #[inline(always)]
    pub fn row<F: Packed>(&self, i: usize, blocks: usize) -> X<'a> {
        let subs = blocks * (F::LEN / F::SUB);
        X {
            quants: &self.quants[i * blocks * F::LEN..(i + 1) * blocks * F::LEN],
            scales: &self.scales[i * blocks..(i + 1) * blocks],
            sums: &self.sums[i * subs..(i + 1) * subs],
        }
    }

    /// `R` of these rows from `i`.
    #[inline(always)]
    pub fn rows<F: Packed, const R: usize>(&self, i: usize, blocks: usize) -> [X<'a>; R] {
        std::array::from_fn(|r| self.row::<F>(i + r, blocks))
    }

    /// The activations that meet block `b` of format `F`.
    #[inline(always)]
    pub fn block<F: Packed>(&self, b: usize) -> X<'a> {
        let subs = F::LEN / F::SUB;
        X {
            quants: &self.quants[b * F::LEN..(b + 1) * F::LEN],
            scales: &self.scales[b..b + 1],
            sums: &self.sums[b * subs..(b + 1) * subs],
        }
    }
}

/// Four activations in every lane, from a block of 32. Those of a single row stay in registers while the lanes of a group
/// pass; of more rows there are more than registers.
pub(super) struct Quads<B>(Option<[B; 8]>);

impl<B> Quads<B> {
    /// Of one of `R` rows.
    #[inline(always)]
    pub(super) fn new<M: Machine<B = B>, const R: usize>(m: M, x: &[X<'_>; R]) -> Self {
        Self(if R == 1 { Some(std::array::from_fn(|c| m.load_splat_b4(x[0].quants, 4 * c))) } else { None })
    }

    /// Number `c` of row `x`.
    #[inline(always)]
    pub(super) fn get<'a, M: Machine<B = B>>(&'a self, m: M, x: &X<'_>, c: usize, loaded: &'a mut Option<B>) -> &'a B {
        match &self.0 {
            Some(quads) => &quads[c],
            None => loaded.insert(m.load_splat_b4(x.quants, 4 * c)),
        }
    }
}

/// Weights packed in blocks: how they take part in dot products.
pub trait Packed: Block + Stored {
    /// See [`crate::kernel::Contract::RUNG_0_OPERATIONS`].
    const RUNG_0_OPERATIONS: f64;
    /// True where a weight is a product less a minimum, each with a scale of its own.
    const MINIMUMS: bool = false;
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

    /// On the scalar unit: `sums` plus the block's products with `R` rows of activations, sub-blocks summed as integers.
    /// Each weight is taken apart once. With `HOISTED` what is taken off every quant is accounted for by the sums of x.
    fn dot_rows<M: Machine<One = M>, const HOISTED: bool, const R: usize>(
        m: M,
        block: &Self,
        x: &[X<'_>; R],
        sums: &mut [M::F; R],
    );

    /// `sums` plus the products of sixteen rows, a row to a lane, with `R` rows of activations. Each weight is taken apart
    /// once.
    fn dot_group_rows<M: Machine, const R: usize>(
        m: M,
        group: &Self::Group,
        x: &[X<'_>; R],
        sums: &mut [M::Sixteen; R],
    );
}

/// A format with a ladder of its own here.
pub trait Format: Packed + ArchDot<Self::Group> {
    /// Name of the kernel.
    const KERNEL: &'static str;
    /// What the kernel computes.
    const ABOUT: &'static str;
    /// Its ladder for GPUs.
    const SHADERS: &'static [Shader] = &[];
}
