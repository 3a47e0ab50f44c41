//! idea: an activation that meets four rows fixes where in the table both lookups begin, so a weight is their index as it is

use super::{Args, DotFixed, X_BIAS, keep, rows_per_whole_lines};
use crate::kernel::Rung;
use crate::machine::{Integers, Machine, Registers, tasks};

/// See the file's first line.
pub struct FixedBase;

/// Rows done together.
const ROWS: usize = 4;

impl Rung<DotFixed> for FixedBase {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        let (rows, k) = (a.y.len(), a.x.len());
        tasks!(m, rows.div_ceil(ROWS), rows_per_whole_lines(ROWS * k), |t| {
            let first = t * ROWS;
            let count = ROWS.min(rows - first);
            // Where rows are fewer the last one is done again.
            let row: [&[u8]; ROWS] = std::array::from_fn(|r| {
                let r = first + r.min(count - 1);
                &a.w_biased[r * k..(r + 1) * k]
            });
            let mut sums: [<M::One as Registers>::I; ROWS] = [m.zero_i(), m.zero_i(), m.zero_i(), m.zero_i()];
            for c in m.steps(0, k, 1) {
                let (plus, minus) = bases(m, &a, c);
                for r in 0..ROWS {
                    let w = m.load_u8(row[r], c);
                    let sum = m.add_i(&sums[r], &m.lookup(plus, &w));
                    sums[r] = m.sub_i(&sum, &m.lookup(minus, &w));
                }
            }
            for (r, sum) in sums.iter().take(count).enumerate() {
                keep(m, sum, a.y, first + r);
            }
        });
    }
}

/// The parts of the table that begin where a weight of -128 meets activation `c`: at their sum, and at their difference.
#[inline(always)]
fn bases<'a, M: Machine<One = M>>(m: M, a: &Args<'a>, c: usize) -> (&'a [i32], &'a [i32]) {
    // The program computes two addresses of one loaded value.
    let x = m.load_u8(a.x_biased, c);
    let _ = (m.add_i(&x, &x), m.sub_i(&x, &x));
    let x = usize::from(a.x_biased[c]);
    (&a.squares[x..], &a.squares[2 * X_BIAS as usize - x..])
}
