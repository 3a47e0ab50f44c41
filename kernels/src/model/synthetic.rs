//! Small valid model files made in memory, for the tests of this crate and of those that use it. Each knows where its
//! integers are, so that a fuzzer can aim at them.

use half::{bf16, f16};

pub use super::write::{File, Gguf};
use crate::dtype::Block;
use crate::dtype::q4_0::BlockQ4_0;
use crate::dtype::q4_k::BlockQ4K;
use crate::dtype::q5_0::BlockQ5_0;
use crate::dtype::q6_k::BlockQ6K;
use crate::dtype::q8_0::BlockQ8_0;
use crate::dtype::tq1_0::BlockTq1_0;
use crate::dtype::tq2_0::BlockTq2_0;

/// A llama2.c v0 file: `header` is dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size (negative: untied) and
/// seq_len, and the f32 after it are 0, 1, 2, ... in the order of the file, RoPE tables included.
pub fn llama2c(header: [i32; 7]) -> File {
    let mut file = File::default();
    for value in header {
        file.u32(value as u32);
    }
    let [dim, _, _, heads, _, _, seq] = header.map(|v| v.unsigned_abs() as usize);
    let rope = 2 * (seq * (dim / heads) / 2);
    let (norms, matrices) = llama2c_weights(header);
    file.bytes.extend((0..norms + matrices.iter().sum::<usize>() + rope).flat_map(|i| (i as f32).to_le_bytes()));
    file
}

/// The same in version 1, or in version 2 with a group size: there norms count up as above, quants are 0, 1, 2, ... modulo
/// 100 within their tensor, and its scales 1, 2, 3, ...
pub fn llama2c_later(header: [i32; 7], group: Option<usize>) -> File {
    let mut file = File::default();
    file.u32(0x616b_3432);
    file.u32(if group.is_some() { 2 } else { 1 });
    for value in header {
        file.u32(value.unsigned_abs());
    }
    file.bytes.push(u8::from(header[5] > 0));
    if let Some(group) = group {
        file.u32(group as u32);
    }
    file.bytes.resize(256, 0);
    let (norms, matrices) = llama2c_weights(header);
    let floats = group.map_or(norms + matrices.iter().sum::<usize>(), |_| norms);
    file.bytes.extend((0..floats).flat_map(|i| (i as f32).to_le_bytes()));
    for (group, len) in group.into_iter().flat_map(|group| matrices.iter().map(move |len| (group, *len))) {
        file.bytes.extend((0..len).map(|i| (i % 100) as u8));
        file.bytes.extend((1..=len / group).flat_map(|i| (i as f32).to_le_bytes()));
    }
    file
}

/// Weights of all norms together, and of each matrix.
fn llama2c_weights(header: [i32; 7]) -> (usize, Vec<usize>) {
    let [dim, hidden, layers, heads, kv_heads, vocab, _] = header.map(|v| v.unsigned_abs() as usize);
    let kv_dim = dim / heads * kv_heads;
    let kinds = [dim * dim, kv_dim * dim, kv_dim * dim, dim * dim, hidden * dim, dim * hidden, hidden * dim];
    let mut matrices = vec![vocab * dim];
    kinds.iter().for_each(|len| matrices.extend(std::iter::repeat_n(*len, layers)));
    if header[5] < 0 {
        matrices.push(vocab * dim);
    }
    (2 * layers * dim + dim, matrices)
}

/// A GGUF file with every value type, every dimension count and all supported tensor types, and one that is not.
pub fn gguf() -> File {
    let blocks = [1.0, 2.0, 3.0, 4.0].map(|x| BlockQ8_0::encode(&[x; 32]));
    let mut numbers = [6_u32.to_le_bytes(), 2_u32.to_le_bytes(), [0; 4]].concat(); // array of two f32
    numbers.extend([1.0_f32, 2.0].map(f32::to_le_bytes).concat());
    let mut nested = [9_u32.to_le_bytes(), 1_u32.to_le_bytes(), [0; 4]].concat(); // array of one array
    nested.extend(&numbers);
    Gguf::new(3)
        .text("general.architecture", "llama")
        .texts("tokenizer.ggml.tokens", &["<unk>", "a", "b"])
        .kv("scores", 9, &numbers)
        .kv("nested", 9, &nested)
        .kv("u8", 0, &[200])
        .kv("i8", 1, &[0xff])
        .kv("u16", 2, &40_000_u16.to_le_bytes())
        .kv("i16", 3, &(-2_i16).to_le_bytes())
        .kv("llama.block_count", 4, &1_u32.to_le_bytes())
        .kv("i32", 5, &(-3_i32).to_le_bytes())
        .kv("f32", 6, &0.5_f32.to_le_bytes())
        .kv("bool", 7, &[1])
        .kv("u64", 10, &u64::MAX.to_le_bytes())
        .kv("i64", 11, &i64::MIN.to_le_bytes())
        .kv("f64", 12, &0.1_f64.to_le_bytes())
        .weights("output_norm.weight", &[3], &[1.0f32, 2.0, 3.0])
        .weights("blk.0.attn_q.weight", &[2, 3], &[0.5, 1.0, 1.5, 2.0, 2.5, 3.0].map(f16::from_f32))
        .weights("blk.0.ffn_down.weight", &[64, 2], &blocks)
        .weights("blk.0.ffn_up_exps.weight", &[2, 2, 3], &[7.0f32; 12])
        .weights("blk.0.attn_v.weight", &[2, 1], &[1.0, -2.0].map(bf16::from_f32))
        .weights("blk.0.attn_output.weight", &[32, 1], &[BlockQ4_0::encode(&[1.0; 32])])
        .weights("blk.0.ffn_gate.weight", &[256, 1], &[BlockQ4K::encode(&[1.0; 256])])
        .weights("blk.0.ffn_up.weight", &[256, 1], &[BlockQ6K::encode(&[1.0; 256])])
        .weights("blk.1.ffn_gate.weight", &[256, 1], &[BlockTq1_0::encode(&[1.0; 256])])
        .weights("blk.1.ffn_up.weight", &[256, 2], &[BlockTq2_0::encode(&[1.0; 256]); 2])
        .weights("blk.1.ffn_down.weight", &[32, 2], &[BlockQ5_0::encode(&[1.0; 32]); 2])
        .tensor("blk.0.attn_k.weight", &[256, 1, 1, 1], 13, &[0; 176])
        .finish()
}
