//! idea: a code shifted into the fields of an f32 is its value but for the bias, which one multiply corrects, in lanes

use super::naive::COLUMNS_PER_PERIOD;
use super::{Args, BLOCK, GemmFp8};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Bits;

/// What [`raw`] values are too small by: f32's bias of 127 is 120 more than e4m3's.
pub(super) const BIAS: f32 = f32::from_bits((127 + 120) << 23);
/// The sign, the low four bits of the exponent, and the high three of the mantissa.
const FIELDS: i32 = 0x87f0_0000_u32 as i32;

/// A register of codes from `codes[i..]` as f32, too small by [`BIAS`]. Exact: the smallest become denormals, which the
/// multiply by the bias makes normal. The codes of NaN become ±480; finite values never have them.
#[inline(always)]
pub(super) fn raw<M: Machine>(m: M, codes: &[i8], i: usize) -> M::F {
    m.bits_as_f32(&m.and_i(&m.shl_i::<20>(&m.load_i8(codes, i)), FIELDS))
}

impl Rung<GemmFp8> for Bits {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_>) {
        let (n, k, blocks) = (g.n, g.k, g.blocks());
        let (a, w): (&[i8], &[i8]) = (bytemuck::cast_slice(g.a), bytemuck::cast_slice(g.w));
        tasks!(m, g.m, 1, |i| {
            tasks!(m, n, COLUMNS_PER_PERIOD, |j| {
                let (a, w) = (&a[i * k..(i + 1) * k], &w[j * k..(j + 1) * k]);
                let (sa, sb) = (&g.a_scales[i * blocks..][..blocks], &g.w_scales[j / BLOCK * blocks..][..blocks]);
                let bias = m.splat(BIAS);
                let [mut total] = m.zeros();
                for b in m.steps(0, blocks, 1) {
                    let mut sums: [M::F; 2] = m.zeros();
                    for p in m.steps(b * BLOCK, (b + 1) * BLOCK, 2 * m.lanes()) {
                        for (s, sum) in sums.iter_mut().enumerate() {
                            let at = p + s * m.lanes();
                            *sum = m.mul_add(&m.mul(&raw(m, a, at), &bias), &m.mul(&raw(m, w, at), &bias), sum);
                        }
                    }
                    let scale = m.mul(&m.load_splat(sa, b), &m.load_splat(sb, b));
                    total = m.mul_add(&m.add(&sums[0], &sums[1]), &scale, &total);
                }
                m.one().store(&m.sum(&total), g.c, i * n + j);
            });
        });
    }
}
