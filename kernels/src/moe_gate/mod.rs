//! The gate of a mixture of experts (DeepSeek-V3, arXiv 2412.19437): which of `n` experts, in `parts` groups, one token
//! of `k` values goes to. `s = sigmoid(W x)`; experts are compared by `s + bias`, groups by the sum of their two best; the
//! better half of the groups is kept, the experts of the others count as minus infinity, and of the rest the best are
//! chosen, best first. Their weights are `s`, without the bias, over their sum, times a scale. Of equals the lowest index
//! wins.
//!
//! Where there are groups a token goes to 8 experts and the scale is 2.5 (V3: 256 experts, 8 groups). With one group it
//! goes to 6 and the scale is 1, as in V2-Lite, whose own gate has a softmax instead of sigmoids and no bias.
//!
//! The output is the indices, then the weights. No rounding changes an index: see `apart.rs`.

mod apart;
mod best;
mod fused;
mod group_lanes;
mod naive;
mod parallel;
mod partial_select;
mod reference;
mod scores;
mod shaders;
mod simd;
mod sorted;
#[cfg(test)]
mod tests;

use crate::compare::dot_error_bound;
use crate::foreign::Shader;
use crate::input::{Buffer, Flavor, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::operand::Operand;
use crate::weights::Copies;

/// The contract.
pub struct MoeGate;

/// Sizes of one run.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Experts.
    pub experts: usize,
    /// Groups that they fall into, one after the other.
    pub groups: usize,
    /// Values of the token.
    pub width: usize,
    /// Groups that are kept.
    pub kept: usize,
    /// Experts that are chosen.
    pub chosen: usize,
    /// What weights are multiplied by.
    pub scale: f32,
}

impl Size {
    fn of(s: &Shape) -> Self {
        let (experts, groups, kept) = (s.n, s.parts, s.parts.div_ceil(2));
        let (chosen, scale) = if groups > 1 { (8, 2.5) } else { (6, 1.0) };
        let chosen = chosen.min(kept * experts.checked_div(groups).unwrap_or(0));
        Self { experts, groups, width: s.k, kept, chosen, scale }
    }
    /// Experts of a group.
    pub fn group(&self) -> usize {
        self.experts / self.groups
    }
}

/// The gate's weights in one order of the experts.
#[derive(Clone, Copy)]
pub struct Gate<'a> {
    /// `experts × width`.
    pub w: &'a [f32],
    /// Added to an expert's score before it is compared.
    pub bias: &'a [f32],
}

/// Operands of one run.
pub struct Args<'a> {
    /// Sizes.
    pub size: Size,
    /// Weights in the order of the experts.
    pub gate: Gate<'a>,
    /// Weights by turns: the first expert of each group, then the second of each.
    pub by_turns: Gate<'a>,
    /// The token, `width` values.
    pub x: &'a [f32],
    /// Output: the chosen experts, best first, then their weights.
    pub y: &'a mut [f32],
    /// Room for the score of each expert.
    pub scores: &'a mut [f32],
    /// Room for the same with their biases.
    pub biased: &'a mut [f32],
    /// Room for what selections keep: [`room`] values.
    pub room: &'a mut [f32],
}

/// Owned operands.
pub struct Data {
    size: Size,
    w: Copies<f32>,
    bias: Copies<f32>,
    w_by_turns: Copies<f32>,
    bias_by_turns: Copies<f32>,
    x: Buffer<f32>,
    y: Buffer<f32>,
    scores: Buffer<f32>,
    biased: Buffer<f32>,
    room: Buffer<f32>,
}

/// Values of `room` that the hungriest variant needs: two lists of all experts with their keys, and lists of the groups.
pub fn room(size: &Size) -> usize {
    4 * size.experts + 4 * size.groups + 64
}

/// Largest value of a token: what follows a normalization has no huge ones.
const LARGEST: f32 = 4.0;

impl Contract for MoeGate {
    const NAME: &'static str = "moe_gate";
    const ABOUT: &'static str =
        "the best experts of sigmoid(W[n, k] x[k]) + bias, by groups, and their weights, f32: where a token goes";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>(
            "naive",
            Width::Scalar,
            "one running sum per expert, the C library's exp, and full sorts: of each group, of the groups, of all experts",
        ),
        Variant::new::<simd::Simd>(
            "simd",
            Width::SimdF32,
            "products of four experts at a time and sigmoids in SIMD lanes; the sorts begin to show",
        )
        .after("naive"),
        Variant::new::<partial_select::PartialSelect>(
            "partial_select",
            Width::Any,
            "short lists of the best so far replace the sorts: most experts are turned away by one comparison",
        )
        .after("simd"),
        Variant::new::<group_lanes::GroupLanes>(
            "group_lanes",
            Width::SimdF32,
            "experts are stored by turns of their groups, so each lane finds the two best of its group without a branch",
        )
        .after("partial_select"),
        Variant::new::<fused::Fused>(
            "fused",
            Width::Any,
            "scores and groups' bests follow each sixteen products at once, in the shadow of the next weights' misses",
        )
        .after("group_lanes"),
        Variant::new::<parallel::Parallel>(
            "parallel",
            Width::Any,
            "sixteen experts at a time go to every core, scores included; one core selects",
        )
        .after("fused")
        .threads(),
    ];
    const SHADERS: &'static [Shader] = shaders::LADDER;
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::new("deepseek-v2-lite/gate", 1, 64, 2048),
            Shape::tour("deepseek-v3/gate", 1, 256, 7168).parts(8),
            // Next to no product: what selecting alone takes.
            Shape::new("deepseek-v3/selection", 1, 256, 32).parts(8),
        ]
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes =
            [(1, 1, 1), (5, 1, 0), (7, 1, 33), (64, 1, 65), (6, 3, 5), (64, 8, 64), (40, 4, 129), (112, 16, 17)];
        let larger = [(256, 8, 40), (100, 2, 300)];
        sizes.into_iter().chain(larger).map(|(n, g, k)| Shape::new("test", 1, n, k).parts(g)).collect()
    }

    fn shape_near(m: usize, n: usize, k: usize) -> Shape {
        let groups = [1, 2, 4, 8, 3][(m + n / 128 * 5) % 5];
        Shape::new("near", 1, n.next_multiple_of(groups).max(2 * groups), k).parts(groups)
    }

    fn dims(s: &Shape) -> String {
        format!("{}/{}×{}", s.n, s.parts, s.k)
    }

    fn cost(s: &Shape) -> Cost {
        let (experts, width, chosen) = (s.n as u64, s.k as u64, Size::of(s).chosen as u64);
        // Beside its product an expert takes a negation, an exp, an addition, a division, its bias, and a comparison in
        // its group and one among all.
        let operations = experts * (2 * width + 7);
        Cost { operations, bytes: 4 * (experts * (width + 1) + width + 2 * chosen), work: Work::F32 }
    }

    // An error of a product is a relative error of its score; the reference's magnitudes count the products' own terms.
    // Indices have magnitude 1: there is no tolerance for them.
    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        Tolerance { nmse: 1e-10, backward: dot_error_bound(s.k, partial_sums) + 1e-6 }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        let size = Size::of(s);
        let whole = size.groups > 0 && size.experts > 0 && size.experts.is_multiple_of(size.groups);
        if !whole || size.groups > 1 && size.group() < 2 {
            return Err(ShapeError {
                kernel: Self::NAME,
                shape: format!("{} {}", s.name, Self::dims(s)),
                reason:
                    "experts must fall into groups of the same size, two or more to a group where there are several"
                        .into(),
            });
        }
        let (experts, width) = (size.experts, size.width);
        // Weights that make scores of all kinds: products of about 1.
        let unit = 1.0 / (width.max(1) as f32).sqrt();
        let w = input.values_within(0, experts * width, unit, LARGEST * unit);
        let x = input.values_within(1, width, 1.0, LARGEST);
        let mut bias = input.values_within(2, experts, 0.1, 1.0);
        let blank = input.flavor == Flavor::Blank;
        if !blank {
            apart::keep_apart(&size, w.as_slice(), x.as_slice(), bias.as_mut_slice());
        }
        let by_turns = |rows: &Buffer<f32>, width: usize| {
            let at = |i: usize| {
                let (place, c) = (i / width, i % width);
                rows.as_slice()[(place % size.groups * size.group() + place / size.groups) * width + c]
            };
            Copies::new(
                if blank { Buffer::zeroed(experts * width) } else { Buffer::filled(experts * width, at) },
                input,
            )
        };
        Ok(Data {
            size,
            w_by_turns: by_turns(&w, width),
            bias_by_turns: by_turns(&bias, 1),
            w: Copies::new(w, input),
            bias: Copies::new(bias, input),
            x,
            y: Buffer::zeroed(2 * size.chosen),
            scores: Buffer::zeroed(experts),
            biased: Buffer::zeroed(experts),
            room: Buffer::zeroed(room(&size)),
        })
    }

    fn args(d: &mut Data) -> Args<'_> {
        Args {
            size: d.size,
            gate: Gate { w: d.w.as_slice(), bias: d.bias.as_slice() },
            by_turns: Gate { w: d.w_by_turns.as_slice(), bias: d.bias_by_turns.as_slice() },
            x: d.x.as_slice(),
            y: d.y.as_mut_slice(),
            scores: d.scores.as_mut_slice(),
            biased: d.biased.as_mut_slice(),
            room: d.room.as_mut_slice(),
        }
    }

    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![
            Operand::Weights(&mut d.w),
            Operand::Weights(&mut d.bias),
            Operand::Repacked(&mut d.w_by_turns),
            Operand::Repacked(&mut d.bias_by_turns),
            Operand::Input(&mut d.x),
            Operand::Output(&mut d.y),
            Operand::Scratch(&mut d.scores),
            Operand::Scratch(&mut d.biased),
            Operand::Scratch(&mut d.room),
        ]
    }

    fn rows(_: &Shape) -> usize {
        1
    }

    fn reference(d: &Data, _: usize) -> RowReference {
        reference::route(d)
    }

    fn output(d: &Data, _: usize) -> Vec<f32> {
        d.y.as_slice().to_vec()
    }
}
