//! The experts of a mixture (DeepSeekMoE, arXiv 2401.06066): `y[t] = sum over t's experts e of weight *
//! W_down[e] (silu(W_gate[e] x[t]) * (W_up[e] x[t]))` for `m` tokens of `n` values; experts are `k` wide inside, there are
//! `parts` of them. Which experts a token goes to, and by what weights, is given. One ladder makes two kernels,
//! `moe_ffn_f32` and `moe_ffn_bf16`, by how weights are stored.
//!
//! A token goes to a quarter of the experts, at most 8 and at least one; the last quarter of those, rounded up, are shared:
//! the last experts, which every token goes to with weight 1 (none where only one is chosen). 66 experts make V2-Lite's
//! layer, 64 routed of which 6 are chosen, and 2 shared. Routed experts are chosen as evenly as V3's bias makes them: no
//! two of them differ by more than one token.
//!
//! One token reads each of its experts once: a race for bytes. More tokens share experts, and what they share is read once
//! if they pass together.

mod batched;
mod dispatch;
mod experts;
mod fused;
mod naive;
mod parallel;
mod reference;
mod routed;
mod shaders;
mod simd;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;

use half::bf16;

use crate::compare::dot_error_bound;
use crate::foreign::Shader;
use crate::gemv::Element;
use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::operand::Operand;
use crate::weights::Weights;

/// The contract, for weights stored as `E`.
pub struct MoeFfn<E>(PhantomData<E>);

/// A stored weight of an expert.
pub trait ExpertElement: Element {
    /// Name of the kernel.
    const MOE_KERNEL: &'static str;
    /// What the kernel computes.
    const MOE_ABOUT: &'static str;
    /// Its ladder for GPUs.
    const MOE_SHADERS: &'static [Shader];
}

impl ExpertElement for f32 {
    const MOE_KERNEL: &'static str = "moe_ffn_f32";
    const MOE_ABOUT: &'static str =
        "m tokens through their experts, sum of weight * W_down (silu(W_gate x) * W_up x), f32";
    const MOE_SHADERS: &'static [Shader] = shaders::LADDER;
}

impl ExpertElement for bf16 {
    const MOE_KERNEL: &'static str = "moe_ffn_bf16";
    const MOE_ABOUT: &'static str = "m tokens through their experts, sum of weight * W_down (silu(W_gate x) * W_up x), bf16 weights: half the bytes";
    const MOE_SHADERS: &'static [Shader] = shaders::BF16;
}

/// Sizes of one run.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Tokens.
    pub tokens: usize,
    /// Values of a token.
    pub width: usize,
    /// Values between an expert's two products.
    pub inner: usize,
    /// Experts, the shared ones last.
    pub experts: usize,
    /// Experts that a token goes to.
    pub chosen: usize,
    /// Experts that every token goes to, among the chosen.
    pub shared: usize,
}

impl Size {
    /// As many experts as the shape says, all of them routed; where it says nothing up to eight, a quarter of those shared.
    fn of(s: &Shape) -> Self {
        let (chosen, shared) = match (s.chosen, (s.parts / 4).clamp(1, 8)) {
            (0, chosen) => (chosen, if chosen > 1 { chosen.div_ceil(4) } else { 0 }),
            (chosen, _) => (chosen.min(s.parts), 0),
        };
        Self { tokens: s.m, width: s.n, inner: s.k, experts: s.parts, chosen, shared }
    }
    /// Pairs of a token and an expert.
    pub fn routes(&self) -> usize {
        self.tokens * self.chosen
    }
    /// Experts that some token goes to.
    pub fn active(&self) -> usize {
        let (routed, shared) = (self.experts - self.shared, self.shared);
        if self.tokens == 0 { 0 } else { routed.min(self.tokens * (self.chosen - shared)) + shared }
    }
    /// Weights of one of an expert's three matrices.
    pub fn matrix(&self) -> usize {
        self.width * self.inner
    }
}

/// The weights of one expert.
#[derive(Clone, Copy)]
pub struct Expert<'a, E> {
    /// `inner × width`.
    gate: &'a [E],
    /// `inner × width`.
    up: &'a [E],
    /// `width × inner`.
    down: &'a [E],
    size: Size,
}

impl<'a, E> Expert<'a, E> {
    /// Row `f` of the gate.
    #[inline(always)]
    pub fn gate(&self, f: usize) -> &'a [E] {
        &self.gate[f * self.size.width..(f + 1) * self.size.width]
    }
    /// Row `f` of what passes the gate.
    #[inline(always)]
    pub fn up(&self, f: usize) -> &'a [E] {
        &self.up[f * self.size.width..(f + 1) * self.size.width]
    }
    /// The row that makes output `r`.
    #[inline(always)]
    pub fn down(&self, r: usize) -> &'a [E] {
        &self.down[r * self.size.inner..(r + 1) * self.size.inner]
    }
}

/// All experts.
#[derive(Clone, Copy)]
pub struct Experts<'a, E> {
    /// Sizes.
    pub size: Size,
    /// From the first expert's gate, up and down on.
    pub gate_up_down: [&'a [E]; 3],
    /// Weights from an expert's matrix to that of the next.
    pub apart: usize,
}

impl<'a, E> Experts<'a, E> {
    /// Gate, up and down of the first, then of the second, ...
    pub fn in_turn(size: Size, w: &'a [E]) -> Self {
        let len = size.matrix();
        // An offset beyond the end only where all matrices are empty.
        Self { size, gate_up_down: [0, len, 2 * len].map(|at| &w[at.min(w.len())..]), apart: 3 * len }
    }

    /// Expert `e`.
    #[inline(always)]
    pub fn get(&self, e: usize) -> Expert<'a, E> {
        let at = e * self.apart..e * self.apart + self.size.matrix();
        let [gate, up, down] = self.gate_up_down.map(|w| &w[at.clone()]);
        Expert { gate, up, down, size: self.size }
    }
}

/// Operands of one run.
pub struct Args<'a, E> {
    /// Sizes.
    pub size: Size,
    /// Weights of all experts.
    pub experts: Experts<'a, E>,
    /// Activations, `tokens × width`.
    pub x: &'a [f32],
    /// The experts of each token, `tokens × chosen` indices as a gate leaves them.
    pub routes: &'a [f32],
    /// Their weights.
    pub weights: &'a [f32],
    /// Output, `tokens × width`.
    pub y: &'a mut [f32],
    /// Room for routes in the order of the experts.
    pub order: &'a mut [f32],
    /// Room for what is between the products: [`room`] values.
    pub room: &'a mut [f32],
}

/// Owned operands.
pub struct Data<E: Element> {
    size: Size,
    w: Weights<E>,
    x: Buffer<f32>,
    routes: Buffer<f32>,
    weights: Buffer<f32>,
    y: Buffer<f32>,
    order: Buffer<f32>,
    room: Buffer<f32>,
}

/// Values of `room` that the hungriest variant needs: gates, ups, and both combined in two orders, of every route (or of
/// the one that rungs have at a time), and an output.
pub fn room(size: &Size) -> usize {
    4 * size.routes().max(1) * size.inner + size.tokens * size.width
}

/// Values of `order` that rungs need.
pub fn order_room(size: &Size) -> usize {
    dispatch::room(size)
}

/// Largest activation and, in units of a typical one, weight: their products pass an exp and another product.
const LARGEST: f32 = 4.0;

impl<E: ExpertElement> Contract for MoeFfn<E> {
    const NAME: &'static str = E::MOE_KERNEL;
    const FOLDER: &'static str = "moe_ffn";
    const ABOUT: &'static str = E::MOE_ABOUT;
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "every token goes through every expert, and what it did not choose counts with weight zero",
        ),
        Variant::new::<routed::Routed>(
            "routed",
            Width::Scalar,
            "a counting sort brings each expert's tokens together: experts nobody chose are not touched",
        )
        .after("naive"),
        Variant::new::<simd::Simd>(
            "simd",
            Width::SimdF32,
            "products in four SIMD registers each, and a polynomial for the exp of the gate",
        )
        .after("routed")
        .accumulators(4),
        Variant::new::<fused::Fused>(
            "fused",
            Width::Any,
            "a row of the gate and one of up share each load of x, as do two far rows of down: two long streams of weights",
        )
        .after("simd")
        .accumulators(2),
        Variant::new::<batched::Batched>(
            "batched",
            Width::Any,
            "the tokens of an expert pass together: each of its weights is read once for all of them",
        )
        .after("fused"),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::Any,
            "one list of tasks for all experts, each the same rows of every one: cores stay even however tokens are spread",
        )
        .after("batched")
        .threads(),
    ];
    const SHADERS: &'static [Shader] = E::MOE_SHADERS;
    type Data = Data<E>;
    type Args<'a> = Args<'a, E>;

    fn shapes() -> Vec<Shape> {
        let small = |m| if size_of::<E>() == 4 { m } else { Shape { tour: false, gpu_tour: false, ..m } };
        vec![
            small(Shape::new("tiny/8-experts-t8", 8, 256, 176).parts(8)),
            // A quarter of the layer's inner width, and 8 of its 66 experts: 69 MB of f32 weights.
            Shape::tour("deepseek-v2-lite/experts-slice-t1", 1, 2048, 352).parts(8),
            // Experts in full, 16 of 66: 554 MB; all would be 2.3 GB.
            Shape::new("deepseek-v2-lite/16-experts-t1", 1, 2048, 1408).parts(16),
            Shape::new("deepseek-v2-lite/16-experts-t8", 8, 2048, 1408).parts(16),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [(1, 1, 1, 1), (1, 16, 33, 8), (3, 7, 5, 3), (9, 33, 17, 8), (5, 70, 66, 16), (2, 40, 9, 34)];
        let empty = [(0, 8, 8, 4), (2, 0, 5, 8), (2, 5, 0, 8)];
        sizes.into_iter().chain(empty).map(|(m, n, k, e)| Shape::new("test", m, n, k).parts(e)).collect()
    }

    fn shape_near(m: usize, n: usize, k: usize) -> Shape {
        Shape::new("near", m.min(6), n / 2, k / 4).parts((m % 9).max(1))
    }

    fn dims(s: &Shape) -> String {
        format!("{}×{}×{}, {}/{} experts", s.m, s.n, s.k, Size::of(s).chosen, s.parts)
    }

    // All experts rather than the chosen ones.
    fn rung_0_operations(s: &Shape) -> f64 {
        s.parts as f64 / Size::of(s).chosen as f64 * E::RUNG_0_OPERATIONS
    }

    fn cost(s: &Shape) -> Cost {
        let size = Size::of(s);
        let [routes, active, width, inner] = [size.routes(), size.active(), s.n, s.k].map(|n| n as u64);
        let values = 2 * s.m as u64 * width + 2 * routes;
        Cost {
            operations: routes * (6 * width * inner + 5 * inner + 2 * width),
            bytes: size_of::<E>() as u64 * 3 * active * width * inner + 4 * values,
            work: Work::F32,
        }
    }

    // Both products' errors, the exp's, and the sum over experts.
    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        let products = dot_error_bound(s.n, partial_sums) + dot_error_bound(s.k, partial_sums);
        Tolerance { nmse: 1e-10, backward: products + dot_error_bound(Size::of(s).chosen, 1) + 4e-7 }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data<E>, ShapeError> {
        let size = Size::of(s);
        if size.experts == 0 {
            return Err(ShapeError {
                kernel: Self::NAME,
                shape: format!("{} {}×{}×{}", s.name, s.m, s.n, s.k),
                reason: "there must be an expert".into(),
            });
        }
        // Runs find weights cold when those they touch rotate through so many bytes, not all there are.
        let untouched = size.experts.div_ceil(size.active().max(1));
        let rotating = Input { rotation_bytes: input.rotation_bytes.saturating_mul(untouched), ..input.clone() };
        // Weights that keep the size of what they multiply.
        let unit = 1.0 / (size.width.max(1) as f32).sqrt();
        let encode = |w: f32| E::encode(w.clamp(-LARGEST, LARGEST) * unit);
        let (routes, weights) = dispatch::routes(&size, input);
        Ok(Data {
            size,
            w: Weights::dense((3 * size.experts * size.inner, size.width), &rotating, encode),
            x: input.values_within(1, size.tokens * size.width, 1.0, LARGEST),
            routes,
            weights,
            y: Buffer::zeroed(size.tokens * size.width),
            order: Buffer::zeroed(order_room(&size)),
            room: Buffer::zeroed(room(&size)),
        })
    }

    fn args(d: &mut Data<E>) -> Args<'_, E> {
        Args {
            size: d.size,
            experts: Experts::in_turn(d.size, d.w.as_slice()),
            x: d.x.as_slice(),
            routes: d.routes.as_slice(),
            weights: d.weights.as_slice(),
            y: d.y.as_mut_slice(),
            order: d.order.as_mut_slice(),
            room: d.room.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data<E>) -> Vec<Operand<'_>> {
        vec![
            Operand::Weights(&mut d.w),
            Operand::Input(&mut d.x),
            Operand::Input(&mut d.routes),
            Operand::Input(&mut d.weights),
            Operand::Output(&mut d.y),
            Operand::Scratch(&mut d.order),
            Operand::Scratch(&mut d.room),
        ]
    }

    fn rows(s: &Shape) -> usize {
        s.m
    }

    fn reference(d: &Data<E>, row: usize) -> RowReference {
        reference::token(d, row)
    }

    fn output(d: &Data<E>, row: usize) -> Vec<f32> {
        d.y.as_slice()[row * d.size.width..(row + 1) * d.size.width].to_vec()
    }
}
