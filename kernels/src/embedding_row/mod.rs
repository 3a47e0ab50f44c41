//! The embedding: one row of a quantized table becomes f32. The first step of a token, and its smallest: what it costs is
//! the misses of a row that nobody has touched for a while. Each run takes another row. One ladder makes two kernels,
//! `embedding_q8_0` and `embedding_q4_k`.

mod format;
mod naive;
mod reference;
mod simd;

use std::marker::PhantomData;

use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Cost, RowReference, Shape, ShapeError, Tolerance, Variant, Width, Work};
use crate::operand::{Operand, Rotating};
use crate::weights::{Source, Weights};

pub use format::Format;

/// The contract, for a table in blocks of `F`.
pub struct EmbeddingRow<F>(PhantomData<F>);

/// Operands of one run.
pub struct Args<'a, F> {
    /// The row, in whole blocks.
    pub row: &'a [F],
    /// Output, one value per weight.
    pub y: &'a mut [f32],
}

/// Owned operands.
pub struct Data<F: Format> {
    table: Table<F>,
    y: Buffer<f32>,
}

/// A table of which one row is in use.
struct Table<F: Format> {
    weights: Weights<F>,
    rows: usize,
    row: usize,
}

impl<F: Format> Table<F> {
    fn row(&self) -> &[F] {
        let all = self.weights.as_slice();
        let blocks = all.len() / self.rows;
        &all[self.row * blocks..(self.row + 1) * blocks]
    }
}

impl<F: Format> Rotating for Table<F> {
    fn place(&self) -> (usize, usize) {
        (self.row().as_ptr() as usize, size_of_val(self.row()))
    }
    fn total_bytes(&self) -> usize {
        self.weights.bytes()
    }
    // By the golden ratio: far from the row before, and back at it only after about all others.
    fn rotate(&mut self) {
        self.weights.rotate();
        self.row = (self.row + ((self.rows as f64 * 0.618_034) as usize | 1)) % self.rows;
    }
}

impl<F: Format> Contract for EmbeddingRow<F> {
    const NAME: &'static str = F::KERNEL;
    const FOLDER: &'static str = "embedding_row";
    const ABOUT: &'static str = F::ABOUT;
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<naive::Naive>("naive", Width::Scalar, "weight by weight: taken out of its byte, scaled, stored"),
        Variant::new::<simd::Simd>(
            "simd",
            Width::SimdF32,
            "a register's worth of bytes is widened, scaled and stored at once",
        )
        .after("naive"),
    ];
    const RUNG_0_OPERATIONS: f64 = F::RUNG_0_OPERATIONS;
    type Data = Data<F>;
    type Args<'a> = Args<'a, F>;

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::tour("r1-distill-qwen-1.5b/token-of-8192", 1, 8192, 1536),
            Shape::new("r1-distill-llama-8b/token-of-8192", 1, 8192, 4096),
        ]
    }

    fn shape_of(source: &Source) -> Option<Shape> {
        source.shape(F::DTYPE, 1)
    }

    fn test_shapes() -> Vec<Shape> {
        let sizes = [(1, 1), (3, 2), (2, 5), (1, 0)];
        sizes.into_iter().map(|(n, blocks)| Shape::new("test", 1, n, blocks * F::LEN)).collect()
    }

    fn shape_near(_: usize, n: usize, k: usize) -> Shape {
        Shape::new("near", 1, n.max(1), k.next_multiple_of(F::LEN))
    }

    fn dims(s: &Shape) -> String {
        format!("a row of {}×{}", s.n, s.k)
    }

    fn cost(s: &Shape) -> Cost {
        let k = s.k as u64;
        let row = k / F::LEN as u64 * size_of::<F>() as u64;
        Cost { operations: F::OPERATIONS * k, bytes: row + 4 * k, work: Work::F32 }
    }

    // Two products of scales, and a difference of two terms.
    fn tolerance(_: &Shape, _: usize) -> Tolerance {
        Tolerance { nmse: 1e-10, backward: 4.0 * 2f64.powi(-24) }
    }

    fn prepare(s: &Shape, input: &Input) -> Result<Data<F>, ShapeError> {
        if s.n == 0 {
            let shape = format!("{} {}", s.name, Self::dims(s));
            return Err(ShapeError { kernel: Self::NAME, shape, reason: "there must be a row".into() });
        }
        let weights = Weights::blocks(Self::NAME, s, (s.n, s.k), input)?;
        Ok(Data { table: Table { weights, rows: s.n, row: s.n / 2 }, y: Buffer::zeroed(s.k) })
    }

    fn args(d: &mut Data<F>) -> Args<'_, F> {
        Args { row: d.table.row(), y: d.y.as_mut_slice() }
    }

    fn operands(d: &mut Data<F>) -> Vec<Operand<'_>> {
        vec![Operand::Weights(&mut d.table), Operand::Output(&mut d.y)]
    }

    fn rows(_: &Shape) -> usize {
        1
    }

    fn reference(d: &Data<F>, _: usize) -> RowReference {
        reference::row(d.table.row())
    }

    fn output(d: &Data<F>, _: usize) -> Vec<f32> {
        d.y.as_slice().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::decode_row;
    use crate::dtype::q8_0::BlockQ8_0;
    use crate::kernel::{Entry, Kernel};
    use crate::machine::Isa;

    #[test]
    fn each_run_takes_another_row_and_few_come_back() {
        let shape = Shape::new("test", 1, 97, 64);
        let mut data = EmbeddingRow::<BlockQ8_0>::prepare(&shape, &Input::typical(5)).expect("it fits");
        let mut seen = std::collections::HashSet::new();
        for _ in 0..97 {
            let row = data.table.row().to_vec();
            assert!(EmbeddingRow::<BlockQ8_0>::LADDER[0].run_native(Isa::Scalar, EmbeddingRow::args(&mut data)));
            assert_eq!(data.y.as_slice(), decode_row(&row));
            seen.insert(data.table.row);
            EmbeddingRow::operands(&mut data).iter_mut().for_each(Operand::rotate);
        }
        assert_eq!(seen.len(), 97);
    }

    #[test]
    fn a_run_moves_one_row_and_the_whole_table_is_what_rotates() {
        let kernel = Entry::<EmbeddingRow<BlockQ8_0>>::new();
        let mut case = kernel.prepare(&Shape::new("test", 1, 10, 64), &Input::typical(1)).expect("it fits");
        assert_eq!(case.rotation_bytes(), 10 * 2 * 34);
        assert_eq!(case.regions()[0].bytes, 2 * 34);
    }
}
