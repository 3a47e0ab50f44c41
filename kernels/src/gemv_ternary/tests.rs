//! What the ladder promises beyond its tolerance.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::kernel::Shape;
use crate::machine::Isa;
use crate::machine::traced::Counter;
use crate::model::{ModelFile, synthetic};

/// Random codes with scale 1 and random quants with scale 1, the largest ones too: every sum is an integer below 2^24, so
/// any variant's result is exact or wrong.
#[test]
fn every_variant_is_bit_exact_on_every_machine_and_any_lanes() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for (rows, blocks, extreme) in [(1, 1, false), (7, 2, false), (70, 1, false), (128, 2, false), (65, 1, true)] {
        let input = Input::typical(1);
        let w = Buffer::filled(rows * blocks, |_| {
            let codes = std::array::from_fn(|_| {
                let any = (rng.next_u32() % 3) as u8;
                if extreme { any / 2 * 2 } else { any }
            });
            BlockTq2_0::from_codes(&codes, half::f16::ONE)
        });
        let base3 = Buffer::filled(w.as_slice().len(), |i| BlockTq1_0::from(&w.as_slice()[i]));
        let mut x = Activations::seeded(blocks * BLOCK_LEN, BLOCK_LEN, BLOCK_LEN, &input);
        for (q, value) in x.quants.as_mut_slice().iter_mut().zip(x.values.as_mut_slice()) {
            let any = (rng.next_u32() as i8).max(-127);
            *q = if extreme { [-127, 127, 8, 110][rng.next_u32() as usize % 4] } else { any };
            *value = f32::from(*q);
        }
        x.scales.as_mut_slice().fill(1.0);
        for (sum, quants) in x.sums.as_mut_slice().iter_mut().zip(x.quants.as_slice().chunks(BLOCK_LEN)) {
            *sum = quants.iter().map(|q| f32::from(*q)).sum();
        }
        let owned = |w| Weights::Owned(Copies::new(w, &input));
        let base3 = Weights::Owned(Copies::new(base3, &input));
        let mut data = Data::new(owned(w), base3, rows, x, &input);
        let exact: Vec<f32> = (0..rows).map(|r| GemvTernary::reference(&data, r).values[0] as f32).collect();
        for variant in GemvTernary::LADDER {
            let mut check = |label: &str, run: &dyn Fn(Args<'_>) -> bool| {
                data.packed.y.as_mut_slice().fill(f32::NAN);
                if run(GemvTernary::args(&mut data)) {
                    assert_eq!(data.packed.y.as_slice(), exact, "{} on {label}, {rows} rows", variant.about.name);
                }
            };
            let shuffles = variant.about.width == Width::SimdShuffle;
            for isa in Isa::ALL.into_iter().filter(|isa| isa.available() && (!shuffles || isa.has_byte_shuffle())) {
                check(isa.name(), &|args| variant.run_native(isa, args));
            }
            for lanes in if shuffles { &[4, 8, 16][..] } else { &[1, 2, 4, 8, 16] } {
                let run = |args: Args<'_>| variant.run_traced(&Counter::default(), *lanes, args);
                check(&format!("{lanes} traced lanes"), &run);
            }
        }
    }
}

/// Weights as a file has them, of either format.
fn prepared_from(file: &synthetic::File, tensor: &str) -> Result<Data, ShapeError> {
    let place = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(place.path(), &file.bytes).expect("room for a small file");
    let model = std::sync::Arc::new(ModelFile::open(place.path()).expect("a valid file"));
    let source = Source::new(model.mapped(tensor).expect("the tensor is there"));
    let shape = GemvTernary::shape_of(&source).expect("ternary weights");
    GemvTernary::prepare(&shape, &Input { weights: Some(source), ..Input::typical(1) })
}

#[test]
fn tensors_of_both_ternary_formats_are_weights() {
    let codes: [[u8; BLOCK_LEN]; 2] = std::array::from_fn(|r| std::array::from_fn(|i| ((i * 5 + r) % 3) as u8));
    let blocks = codes.map(|codes| BlockTq2_0::from_codes(&codes, half::f16::from_f32(0.5)));
    let five: Vec<BlockTq1_0> = blocks.iter().map(BlockTq1_0::from).collect();
    let file = synthetic::Gguf::new(3).weights("four", &[256, 2], &blocks).weights("five", &[256, 2], &five).finish();
    for tensor in ["four", "five"] {
        let data = prepared_from(&file, tensor).expect("whole blocks");
        assert_eq!((data.packed.w.as_slice(), data.base3.as_slice()), (&blocks[..], &five[..]), "{tensor}");
    }
}

#[test]
fn what_is_no_ternary_matrix_is_refused_with_the_reason() {
    let shape = Shape::new("odd", 1, 4, 300);
    let error = GemvTernary::prepare(&shape, &Input::typical(1)).err().expect("300 is no whole block");
    assert!(error.to_string().contains("k = 300 is not a multiple of 256"), "{error}");
    let mut two = BlockTq2_0::from_codes(&[1; BLOCK_LEN], half::f16::ONE);
    two.qs[9] = 3;
    let file = synthetic::Gguf::new(3).weights("w", &[256, 2], &[two; 2]).finish();
    let error = prepared_from(&file, "w").err().expect("a code of 3");
    assert!(error.to_string().contains("block 0 holds a weight that is not -1, 0 or 1"), "{error}");
}
