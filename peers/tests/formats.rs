//! Our decoders of block formats beside candle's, which follow ggml's: any bytes must decode to the same values.

use std::borrow::Cow;

use candle_core::Device;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use half::f16;
use kernels::dtype::q4_0::BlockQ4_0;
use kernels::dtype::q4_k::BlockQ4K;
use kernels::dtype::q6_k::BlockQ6K;
use kernels::dtype::q8_0::BlockQ8_0;
use kernels::dtype::{Block, decode_row};

const BLOCKS: usize = 512;

/// Bytes without a pattern (splitmix64).
fn random_bytes(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// `scales` are the places of a block's f16, which become finite: of what is not, only that it stays so is compared.
fn decodes_as_candle<B: Block>(dtype: GgmlDType, scales: &[usize]) {
    assert_eq!(size_of::<B>(), dtype.type_size());
    let mut bytes = random_bytes(BLOCKS * size_of::<B>());
    for (b, block) in bytes.chunks_exact_mut(size_of::<B>()).enumerate() {
        for at in scales {
            // All exponents but the one of infinities, denormals among them.
            let scale = f16::from_bits(u16::from_le_bytes([block[*at], block[at + 1]]) & 0xbfff | (b as u16 & 1) << 13);
            assert!(scale.is_finite());
            block[*at..at + 2].copy_from_slice(&scale.to_le_bytes());
        }
    }
    let ours = decode_row::<B>(&bytes.chunks_exact(size_of::<B>()).map(pod::<B>).collect::<Vec<_>>());

    let storage = QStorage::from_data(Cow::Borrowed(&bytes), &Device::Cpu, dtype).unwrap();
    let tensor = QTensor::new(storage, (BLOCKS, B::LEN)).unwrap();
    let theirs: Vec<f32> = tensor.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    assert_eq!(ours.len(), theirs.len());
    for (i, (a, b)) in ours.iter().zip(&theirs).enumerate() {
        assert!(a == b, "{}: value {} of block {}: {a} is not {b}", B::NAME, i % B::LEN, i / B::LEN);
    }
    assert!(ours.iter().any(|v| *v < 0.0) && ours.iter().any(|v| *v > 0.0));
}

fn pod<B: Block>(bytes: &[u8]) -> B {
    let mut block = B::zeroed();
    // SAFETY: blocks are plain data of any bytes, of the size of the slice.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut block).cast(), size_of::<B>()) };
    block
}

#[test]
fn q8_0() {
    decodes_as_candle::<BlockQ8_0>(GgmlDType::Q8_0, &[0]);
}

#[test]
fn q4_0() {
    decodes_as_candle::<BlockQ4_0>(GgmlDType::Q4_0, &[0]);
}

#[test]
fn q4_k() {
    decodes_as_candle::<BlockQ4K>(GgmlDType::Q4K, &[0, 2]);
}

#[test]
fn q6_k() {
    decodes_as_candle::<BlockQ6K>(GgmlDType::Q6K, &[208]);
}
