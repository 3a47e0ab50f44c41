//! idea: products are summed as integers, a block's scales are applied once, and what is taken off every quant meets the sum of x

use super::row_tile::tile;
use super::{Args, Format, GemmPacked};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Integer;

impl<F: Format> Rung<GemmPacked<F>> for Integer {
    #[inline(always)]
    fn run<M: Machine>(m: M, mut g: Args<'_, F>) {
        let one = m.one();
        tasks!(one, g.m, 1, |i| tile::<M::One, F, 1>(one, &mut g, i));
    }
}
