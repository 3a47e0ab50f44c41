//! idea: sixteen rows of weights lie interleaved, a row to a lane, and stay in the cache while the rows of A pass

use super::{Args, Format, GROUP_ROWS, GemmPacked, group_period};
use crate::gemv_packed::interleaved::{dot_groups, put_sixteen};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. Layouts of this kind are ggml's (`repack.cpp`) and ik_llama.cpp's (`Q4_0_R4`).
pub struct Interleaved;

impl<F: Format> Rung<GemmPacked<F>> for Interleaved {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_, F>) {
        tasks!(m, g.n.div_ceil(GROUP_ROWS), group_period::<F>(g.blocks), |t| {
            let groups = &g.groups[t * g.blocks..(t + 1) * g.blocks];
            let columns = t * GROUP_ROWS..g.n.min((t + 1) * GROUP_ROWS);
            tasks!(m, g.m, 1, |i| {
                let [sums] = dot_groups::<M, F, 1>(m, groups, &g.x.rows::<F, 1>(i, g.blocks));
                put_sixteen(m, &sums, &mut g.c[i * g.n..(i + 1) * g.n][columns.clone()]);
            });
        });
    }
}
