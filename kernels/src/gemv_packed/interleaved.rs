//! idea: sixteen rows lie interleaved by four weights, a row to a lane: nothing is summed across lanes, scales are vectors

use super::{Args, Format, GROUP_ROWS, GemvPacked, Packed, X, rows_per_whole_lines};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. Layouts of this kind are ggml's and ik_llama.cpp's (`Q4_0_8_8`, `Q4_0_R4`).
pub struct Interleaved;

impl<F: Format> Rung<GemvPacked<F>> for Interleaved {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, F>) {
        let blocks = a.x.scales.len();
        let period = rows_per_whole_lines(blocks * size_of::<F::Group>());
        tasks!(m, a.y.len().div_ceil(GROUP_ROWS), period, |g| {
            let end = a.y.len().min((g + 1) * GROUP_ROWS);
            sixteen_rows::<M, F>(m, &a.groups[g * blocks..(g + 1) * blocks], a.x, &mut a.y[g * GROUP_ROWS..end]);
        });
    }
}

/// Up to sixteen outputs of one row of groups.
#[inline(always)]
pub(super) fn sixteen_rows<M: Machine, F: Format>(m: M, groups: &[F::Group], x: X<'_>, y: &mut [f32]) {
    let [sums] = dot_groups::<M, F, 1>(m, groups, &[x]);
    put_sixteen(m, &sums, y);
}

/// The products of sixteen rows, a row of groups, with `R` rows of activations.
#[inline(always)]
pub(crate) fn dot_groups<M: Machine, F: Packed, const R: usize>(
    m: M,
    groups: &[F::Group],
    x: &[X<'_>; R],
) -> [M::Sixteen; R] {
    let mut sums = std::array::from_fn(|_| m.sixteen());
    for b in m.steps(0, groups.len(), 1) {
        F::dot_group_rows(m, &groups[b], &std::array::from_fn(|r| x[r].block::<F>(b)), &mut sums);
    }
    sums
}

/// Writes up to sixteen sums.
#[inline(always)]
pub(crate) fn put_sixteen<M: Machine>(m: M, sums: &M::Sixteen, y: &mut [f32]) {
    let mut edge = [0.0; GROUP_ROWS];
    let whole = y.len() == GROUP_ROWS;
    for (v, sum) in sums.as_ref().iter().enumerate() {
        m.store(sum, if whole { &mut *y } else { &mut edge }, v * m.lanes());
    }
    if !whole {
        y.copy_from_slice(&edge[..y.len()]);
    }
}
