//! The matrix unit in plain code, after the pseudocode of Intel's manual.

use half::bf16;

use super::{Bytes, STEP, TILE, Tiles, Words};

/// No unit at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Emulated;

impl Tiles for Emulated {
    fn begin<const QUADS: usize>(self) {}

    fn end(self) {}

    /// # Safety
    /// As the trait says.
    unsafe fn multiply_i8<const QUADS: usize>(self, first: Bytes, second: Option<Bytes>) {
        for of in [Some(first), second].into_iter().flatten() {
            for row in 0..TILE {
                for column in 0..TILE {
                    let mut sum = 0;
                    for k in 0..4 * QUADS {
                        // SAFETY: the caller's contract.
                        let (a, b) =
                            unsafe { (*of.a.add(row * of.stride + k), *of.b.add(k / 4 * 64 + 4 * column + k % 4)) };
                        sum += i32::from(a) * i32::from(b);
                    }
                    // SAFETY: the caller's contract.
                    unsafe { *of.c.add(row * TILE + column) = sum };
                }
            }
        }
    }

    /// # Safety
    /// As the trait says.
    unsafe fn multiply_bf16(self, words: Words) {
        let halves = |word: f32| {
            let flushed = |bits: u32| {
                let x = bf16::from_bits(bits as u16).to_f32();
                if x.is_subnormal() { 0.0 } else { x }
            };
            (flushed(word.to_bits()), flushed(word.to_bits() >> 16))
        };
        for row in 0..2 * TILE {
            for column in 0..2 * TILE {
                // SAFETY: the caller's contract.
                let place = unsafe { words.c.add(row * 2 * TILE + column) };
                // SAFETY: as above.
                let mut sum = if words.add { unsafe { *place } } else { 0.0 };
                for k in 0..words.steps * STEP {
                    let (step, word) = (k / STEP, k % STEP);
                    // SAFETY: the caller's contract.
                    let (a, b) = unsafe {
                        (
                            halves(*words.a.add((step * 2 * TILE + row) * STEP + word)),
                            halves(*words.b.add(k * 2 * TILE + column)),
                        )
                    };
                    sum += a.0 * b.0;
                    sum += a.1 * b.1;
                }
                // SAFETY: the caller's contract.
                unsafe { *place = sum };
            }
        }
    }
}
