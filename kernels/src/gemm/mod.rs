//! GEMM: `C[m, n] = A[m, k] B[k, n]`, all row-major, A and B stored as f32, bf16 or f16, sums and C f32, B being weights
//! stored transposed. The prefill step of a dense layer: every weight is used once per token of the prompt, so it is a race
//! for arithmetic, once the data is arranged. One ladder makes three kernels, `gemm_f32`, `gemm_bf16` and `gemm_f16`. One
//! file per rung; `packed` also holds the panel code that `wide_tile` and `parallel` share.

mod cache_tiles;
mod factor;
mod loop_order;
mod naive;
mod packed;
mod parallel;
mod reference;
mod register_tile;
mod shaders;
mod simd;
mod wide_tile;
#[cfg(target_arch = "x86_64")]
mod x86_amx;
#[cfg(target_arch = "x86_64")]
mod x86_amx_parallel;
#[cfg(target_arch = "x86_64")]
mod x86_amx_tile;
#[cfg(target_arch = "x86_64")]
mod x86_avx512;
#[cfg(target_arch = "x86_64")]
mod x86_avx512_parallel;
#[cfg(target_arch = "x86_64")]
mod x86_bf16;
#[cfg(target_arch = "x86_64")]
mod x86_bf16_parallel;
#[cfg(target_arch = "x86_64")]
mod x86_blocks;
#[cfg(target_arch = "x86_64")]
mod x86_few_rows;
#[cfg(target_arch = "x86_64")]
mod x86_few_rows_bf16;
#[cfg(target_arch = "x86_64")]
mod x86_few_rows_bf16_parallel;
#[cfg(target_arch = "x86_64")]
mod x86_few_rows_parallel;
#[cfg(target_arch = "x86_64")]
mod x86_kinds;
#[cfg(target_arch = "x86_64")]
mod x86_tile;

use std::marker::PhantomData;

use crate::compare::dot_error_bound;
use crate::foreign::Shader;
use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant};
use crate::machine::Machine;
use crate::operand::Operand;
use crate::weights::{Source, Weights};

pub use factor::Factor;

/// The contract, for A and B stored as `E`.
pub struct Gemm<E>(PhantomData<E>);

/// Operands of one run.
pub struct Args<'a, E> {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Columns of A, rows of B.
    pub k: usize,
    /// Activations, `m × k`.
    pub a: &'a [E],
    /// Weights, `k × n`.
    pub b: &'a [E],
    /// Output, `m × n`.
    pub c: &'a mut [f32],
    /// Room for a packed block of A of any variant, then [`EDGE`] values.
    pub packed_a: &'a mut [f32],
    /// Room for a packed block of B of any variant.
    pub packed_b: &'a mut [f32],
}

/// Owned operands.
pub struct Data<E: Factor> {
    size: (usize, usize, usize),
    a: Buffer<E>,
    b: Weights<E>,
    c: Buffer<f32>,
    packed_a: Buffer<f32>,
    packed_b: Buffer<f32>,
}

/// Values of the scratch through which a ragged row of a tile goes to C: the widest register.
pub(crate) const EDGE: usize = 16;
/// Columns of the widest panel of B: two of the widest registers.
const WIDEST_PANEL: usize = 32;

/// Values of `packed_a` and `packed_b` that the hungriest variant needs at this size.
pub fn scratch(m: usize, n: usize, k: usize) -> (usize, usize) {
    let tasks = m.div_ceil(parallel::ROWS_PER_TASK);
    let depth = packed::KC.min(k);
    let a = (packed::MC * depth + EDGE).max(tasks * parallel::SCRATCH_PER_TASK);
    let b = depth * packed::NC.min(k.div_ceil(packed::KC) * n.next_multiple_of(WIDEST_PANEL));
    #[cfg(target_arch = "x86_64")]
    let arch = {
        let (a, b) = x86_blocks::scratch(m, n, k);
        let (amx_a, amx_b) = x86_amx_tile::scratch(m, n, k);
        (a.max(amx_a), b.max(amx_b).max(x86_few_rows::scratch(m, n)))
    };
    #[cfg(not(target_arch = "x86_64"))]
    let arch = (0, 0);
    (a.max(arch.0), b.max(arch.1))
}

impl<E: Factor> Contract for Gemm<E> {
    const NAME: &'static str = E::GEMM;
    const FOLDER: &'static str = "gemm";
    const ABOUT: &'static str = E::GEMM_ABOUT;
    const LADDER: &'static [Variant<Self>] = E::GEMM_LADDER;
    const SHADERS: &'static [Shader] = E::GEMM_SHADERS;
    const RUNG_0_OPERATIONS: f64 = E::GEMM_RUNG_0_OPERATIONS;
    type Data = Data<E>;
    type Args<'a> = Args<'a, E>;

    fn shapes() -> Vec<Shape> {
        let mut shapes = vec![
            Shape::new("stories260k/ffn-up-prefill", 64, 172, 64),
            Shape::new("r1-distill-qwen-1.5b/attn-k-prefill", 128, 256, 1536),
            // A quarter of the layer's 8960 columns: 13.8 MB of weights, and naive still ends in about a second.
            Shape::new("r1-distill-qwen-1.5b/ffn-up-slice", 64, 2240, 1536),
            Shape::new("square-1024", 1024, 1024, 1024),
            // Enough tiles for every SM of a large GPU.
            Shape::gpu_tour("r1-distill-qwen-1.5b/attn-q-prefill-2048", 2048, 1536, 1536),
            Shape::new("r1-distill-qwen-1.5b/ffn-down-prefill", 512, 1536, 8960),
            Shape::new("r1-distill-llama-8b/ffn-down-prefill", 512, 4096, 14336),
            // Eight sequences decoded at once.
            Shape::new("r1-distill-qwen-1.5b/ffn-down-batch", 8, 1536, 8960),
            Shape::new("r1-distill-llama-8b/ffn-down-batch", 8, 4096, 14336),
        ];
        for s in &mut shapes {
            s.tour = E::GEMM_TOUR.contains(&&*s.name);
        }
        shapes
    }

    fn shape_of(source: &Source) -> Option<Shape> {
        source.shape(E::DTYPE, 64)
    }

    fn test_shapes() -> Vec<Shape> {
        let ragged = [(0, 5, 3), (5, 0, 3), (4, 5, 0), (1, 1, 1), (1, 17, 5), (7, 33, 65), (6, 32, 64), (13, 31, 129)];
        let larger = [(64, 172, 64), (50, 70, 300)];
        // Past the largest block of k, of m and of n of any variant.
        let blocks = [(5, 35, 520), (500, 9, 20), (3, 2100, 12)];
        let all = ragged.into_iter().chain(larger).chain(blocks);
        all.map(|(m, n, k)| Shape::new("test", m, n, k)).collect()
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}×{}", s.m, s.n, s.k)
    }

    fn cost(s: &Shape) -> Cost {
        let (m, n, k) = (s.m as u64, s.n as u64, s.k as u64);
        Cost {
            operations: 2 * m * n * k,
            bytes: size_of::<E>() as u64 * (m * k + k * n) + 4 * m * n,
            work: E::GEMM_WORK,
        }
    }

    fn tolerance(s: &Shape, _partial_sums: usize) -> Tolerance {
        Tolerance { nmse: 1e-10, backward: dot_error_bound(s.k, 1) }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data<E>, ShapeError> {
        let (packed_a, packed_b) = scratch(s.m, s.n, s.k);
        Ok(Data {
            size: (s.m, s.n, s.k),
            a: input.encoded(1, s.m * s.k, 1.0, E::encode),
            b: Weights::transposed((s.k, s.n), input, E::encode),
            c: Buffer::zeroed(s.m * s.n),
            packed_a: Buffer::zeroed(packed_a),
            packed_b: Buffer::zeroed(packed_b),
        })
    }

    fn args(d: &mut Data<E>) -> Args<'_, E> {
        let (m, n, k) = d.size;
        Args {
            m,
            n,
            k,
            a: d.a.as_slice(),
            b: d.b.as_slice(),
            c: d.c.as_mut_slice(),
            packed_a: d.packed_a.as_mut_slice(),
            packed_b: d.packed_b.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data<E>) -> Vec<Operand<'_>> {
        vec![
            Operand::Input(&mut d.a),
            Operand::Weights(&mut d.b),
            Operand::Output(&mut d.c),
            Operand::Scratch(&mut d.packed_a),
            Operand::Scratch(&mut d.packed_b),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.m
    }

    fn reference(d: &Data<E>, row: usize) -> RowReference {
        let (_, n, k) = d.size;
        reference::row(&d.a.as_slice()[row * k..(row + 1) * k], d.b.as_slice(), n)
    }

    fn output(d: &Data<E>, row: usize) -> Vec<f32> {
        let n = d.size.1;
        d.c.as_slice()[row * n..(row + 1) * n].to_vec()
    }
}

/// Zeros a row of C.
#[inline(always)]
fn clear<M: Machine>(m: M, c: &mut [f32]) {
    let [zero] = m.zeros();
    let main = m.steps(0, c.len(), m.lanes());
    let tail = main.tail();
    for j in main {
        m.store(&zero, c, j);
    }
    let one = m.one();
    let [zero] = one.zeros();
    for j in one.steps(tail, c.len(), 1) {
        one.store(&zero, c, j);
    }
}

/// `c[:] += a[p] b[:]`, b and c equally long.
#[inline(always)]
fn add_scaled_row<M: Machine, E: Factor>(m: M, a: &[E], p: usize, b: &[E], c: &mut [f32]) {
    let n = c.len();
    let b = &b[..n];
    let scale = E::splat(m, a, p);
    let main = m.steps(0, n, m.lanes());
    let tail = main.tail();
    for j in main {
        m.store(&m.mul_add(&scale, &E::load(m, b, j), &m.load(c, j)), c, j);
    }
    if tail < n {
        let one = m.one();
        let scale = E::load(one, a, p);
        for j in one.steps(tail, n, 1) {
            one.store(&one.mul_add(&scale, &E::load(one, b, j), &one.load(c, j)), c, j);
        }
    }
}

/// Writes a row of a tile to as many columns of C, or adds it to them.
#[inline(always)]
fn put_row<M: Machine, const C: usize>(m: M, acc: &[M::F; C], c: &mut [f32], add: bool) {
    for (v, acc) in acc.iter().enumerate() {
        let at = v * m.lanes();
        if add {
            m.store(&m.add(acc, &m.load(c, at)), c, at);
        } else {
            m.store(acc, c, at);
        }
    }
}

/// [`put_row`] for fewer columns than the tile has: the cut register goes through `edge`.
#[inline(always)]
fn put_ragged_row<M: Machine, const C: usize>(m: M, acc: &[M::F; C], c: &mut [f32], add: bool, edge: &mut [f32]) {
    let one = m.one();
    for (acc, c) in acc.iter().zip(c.chunks_mut(m.lanes())) {
        if c.len() == m.lanes() {
            put_row(m, std::array::from_ref(acc), c, add);
            continue;
        }
        m.store(acc, edge, 0);
        for j in one.steps(0, c.len(), 1) {
            let x = one.load(edge, j);
            let x = if add { one.add(&x, &one.load(c, j)) } else { x };
            one.store(&x, c, j);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::kernel::{Entry, Kernel, Width};
    use crate::machine::Isa;

    /// Every variant of a GEMM on every native machine, at sizes that are too large for the traced one.
    pub(crate) fn matches_natively<C: Contract>(sizes: &[(usize, usize, usize)]) {
        let _unit = crate::machine::matrix_unit();
        let gemm = Entry::<C>::new();
        for &(m, n, k) in sizes {
            let mut case = gemm.prepare(&Shape::new("test", m, n, k), &Input::typical(4)).unwrap();
            for (v, about) in gemm.variants().iter().enumerate() {
                let fits = |isa: &Isa| isa.available() && (about.width != Width::Scalar || *isa == Isa::Scalar);
                for isa in Isa::EVERY.into_iter().filter(fits) {
                    case.poison();
                    if case.run(v, isa).is_ok() {
                        let verdict = case.verify(v, isa.lanes());
                        assert!(verdict.passed(), "{m}×{n}×{k} {} on {}: {verdict:?}", about.name, isa.name());
                    }
                }
            }
        }
    }

    #[test]
    fn several_blocks_of_every_size_at_once_match_the_reference() {
        let sizes = [(490, 40, 530), (520, 20, 1030), (20, 2100, 270)];
        matches_natively::<Gemm<f32>>(&sizes);
        matches_natively::<Gemm<half::bf16>>(&sizes);
    }
}
