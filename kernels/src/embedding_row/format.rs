//! What a format knows of itself: how a block becomes f32.

use crate::dtype::Block;
use crate::dtype::q4_k::{BlockQ4K, SUB_LEN};
use crate::dtype::q8_0::{BLOCK_LEN, BlockQ8_0};
use crate::gemv_packed::q4_k::scale_and_min;
use crate::machine::Machine;
use crate::weights::Stored;

/// A format of tables.
pub trait Format: Block + Stored {
    /// Name of the kernel.
    const KERNEL: &'static str;
    /// What the kernel computes.
    const ABOUT: &'static str;
    /// Operations of a weight.
    const OPERATIONS: u64;
    /// See [`crate::kernel::Contract::RUNG_0_OPERATIONS`].
    const RUNG_0_OPERATIONS: f64 = 1.0;
    /// Each weight's two terms in f64: its value is the first less the second.
    fn terms(&self) -> Vec<[f64; 2]>;
    /// Writes the block's values.
    fn values<M: Machine>(m: M, block: &Self, y: &mut [f32]);
}

impl Format for BlockQ8_0 {
    const KERNEL: &'static str = "embedding_q8_0";
    const ABOUT: &'static str = "one row of a q8_0 table as f32: a token's embedding";
    const OPERATIONS: u64 = 1;

    fn terms(&self) -> Vec<[f64; 2]> {
        self.qs.iter().map(|q| [f64::from(self.d) * f64::from(*q), 0.0]).collect()
    }

    #[inline(always)]
    fn values<M: Machine>(m: M, block: &Self, y: &mut [f32]) {
        let d = m.load_f16_splat(&block.d);
        for c in m.steps(0, BLOCK_LEN, M::LANES) {
            m.store(&m.mul(&m.to_f32(&m.load_i8(&block.qs, c)), &d), y, c);
        }
    }
}

impl Format for BlockQ4K {
    const KERNEL: &'static str = "embedding_q4_k";
    const ABOUT: &'static str = "one row of a q4_K table as f32: a token's embedding";
    const OPERATIONS: u64 = 2;
    // Mask or shift beside product and difference; and the sub-block's scales once for 32.
    const RUNG_0_OPERATIONS: f64 = 1.61;

    fn terms(&self) -> Vec<[f64; 2]> {
        let (scales, mins) = self.scales_and_mins();
        let terms = |(i, q): (usize, &u8)| {
            let j = i / SUB_LEN;
            [f64::from(self.d) * f64::from(scales[j]) * f64::from(*q), f64::from(self.dmin) * f64::from(mins[j])]
        };
        self.quants().iter().enumerate().map(terms).collect()
    }

    #[inline(always)]
    fn values<M: Machine>(m: M, block: &Self, y: &mut [f32]) {
        let one = m.one();
        let (d, dmin) = (one.load_f16_splat(&block.d), one.load_f16_splat(&block.dmin));
        for j in 0..8 {
            let (scale, min) = scale_and_min(one, &block.scales, j);
            let (scale, min) = (m.broadcast(&one.mul(&scale, &d)), m.broadcast(&one.mul(&min, &dmin)));
            for i in m.steps(0, SUB_LEN, M::LANES) {
                let byte = m.load_u8(&block.qs, j / 2 * SUB_LEN + i);
                let q = if j % 2 == 1 { m.shr_i::<4>(&byte) } else { m.and_i(&byte, 15) };
                m.store(&m.sub(&m.mul(&m.to_f32(&q), &scale), &min), y, j * SUB_LEN + i);
            }
        }
    }
}
