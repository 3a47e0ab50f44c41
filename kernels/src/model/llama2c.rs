//! llama2.c `.bin` files: a header of seven i32 and then every tensor in a fixed order, without names. Version 0 is f32 and
//! has no magic number, version 1 is f32 in another order, version 2 has matrices of int8 in groups that share an f32 scale.
//! Source: `run.c`, `runq.c` and `export.py` of karpathy/llama2.c.

use std::collections::BTreeMap;

use super::error::ParseError;
use super::reader::Reader;
use super::tensor::{Dtype, TensorInfo};
use super::value::Value;
use super::{Format, Layout};

/// First u32 of versions 1 and 2: "ak42" read as a big-endian number.
const MAGIC: u32 = 0x616b_3432;
const HEADER_BYTES: u64 = 28;
/// Where versions 1 and 2 have the header, and their tensors.
const HEADER_AT: usize = 8;
const TENSORS_AT: u64 = 256;
/// No size of a model reaches this; four letters of a text file read as a number do.
const MAX_SIZE: u32 = 1 << 24;

/// The header. `vocab_size` is the absolute value of the field, whose sign says whether the classifier is tied.
struct Header {
    dim: u32,
    hidden_dim: u32,
    n_layers: u32,
    n_heads: u32,
    n_kv_heads: u32,
    vocab_size: u32,
    seq_len: u32,
    tied: bool,
}

impl Header {
    fn head_dim(&self) -> u32 {
        self.dim / self.n_heads
    }

    fn kv_dim(&self) -> u32 {
        self.head_dim() * self.n_kv_heads // at most dim, because n_kv_heads divides n_heads
    }

    /// The values that GGUF has for the same model, so that readers of either need one set of keys. The last two are
    /// constants of run.c.
    fn metadata(&self) -> BTreeMap<String, Value> {
        let integers = [
            ("llama.embedding_length", self.dim),
            ("llama.feed_forward_length", self.hidden_dim),
            ("llama.block_count", self.n_layers),
            ("llama.attention.head_count", self.n_heads),
            ("llama.attention.head_count_kv", self.n_kv_heads),
            ("llama.vocab_size", self.vocab_size),
            ("llama.context_length", self.seq_len),
            ("llama.rope.dimension_count", self.head_dim()),
        ]
        .map(|(key, value)| (key, Value::U64(value.into())));
        let others = [
            ("general.architecture", Value::Str("llama".into())),
            ("llama.attention.layer_norm_rms_epsilon", Value::F64(1e-5)),
            ("llama.rope.freq_base", Value::F64(10_000.0)),
        ];
        integers.into_iter().chain(others).map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

/// Tensors that follow each other in the file: one, or one of each layer.
struct Part {
    /// Without `blk.N.` and `.weight`; empty for the tables of cosines and sines, which run.c skips as well.
    name: &'static str,
    count: u32,
    rows: u32,
    cols: u32,
    dtype: Dtype,
}

impl Part {
    /// Bytes of one of its tensors. Two factors of at most 2²⁴, and the count later, leave room for sums in a u128.
    fn bytes(&self) -> u128 {
        let weights = u128::from(self.rows) * u128::from(self.cols);
        match self.dtype {
            Dtype::Q8Grouped(group) => weights + 4 * (weights / u128::from(group)),
            _ => 4 * weights,
        }
    }
}

/// What follows the header, in order, with matrices of this type.
fn parts(header: &Header, version: u32, matrices: Dtype) -> Vec<Part> {
    let Header { dim, hidden_dim: hidden, n_layers: layers, vocab_size: vocab, .. } = *header;
    let kv_dim = header.kv_dim();
    let matrix = |name, rows, cols| Part { name, count: layers, rows, cols, dtype: matrices };
    let norm = |name, count| Part { name, count, rows: 1, cols: dim, dtype: Dtype::F32 };
    let table = |name| Part { count: 1, ..matrix(name, vocab, dim) };
    let attention = [
        matrix("attn_q", dim, dim),
        matrix("attn_k", kv_dim, dim),
        matrix("attn_v", kv_dim, dim),
        matrix("attn_output", dim, dim),
    ];
    let ffn = [
        matrix("ffn_gate", hidden, dim), // w1
        matrix("ffn_down", dim, hidden), // w2
        matrix("ffn_up", hidden, dim),   // w3
    ];
    let (attn_norm, ffn_norm, output_norm) =
        (norm("attn_norm", layers), norm("ffn_norm", layers), norm("output_norm", 1));
    let mut parts = vec![];
    if version == 0 {
        let rope = Part { name: "", count: 2, rows: 1, cols: header.seq_len, dtype: Dtype::F32 };
        parts.extend([table("token_embd"), attn_norm]);
        parts.extend(attention);
        parts.push(ffn_norm);
        parts.extend(ffn);
        // A table has half a head's values for each position.
        parts.extend([output_norm, Part { rows: header.head_dim() / 2, ..rope }]);
    } else {
        parts.extend([attn_norm, ffn_norm, output_norm, table("token_embd")]);
        parts.extend(attention);
        parts.extend(ffn);
    }
    if !header.tied {
        parts.push(table("output"));
    }
    parts
}

pub(super) fn parse(bytes: &[u8]) -> Result<Layout, ParseError> {
    let mut reader = Reader::new(bytes);
    let version = if reader.u32("magic") == Ok(MAGIC) { reader.i32("llama2.c version")? } else { 0 };
    let (header, start, matrices) = match version {
        0 => (header(bytes, 0)?, HEADER_BYTES, Dtype::F32),
        1 => (header(bytes, HEADER_AT)?, TENSORS_AT, Dtype::F32),
        2 => {
            let header = header(bytes, HEADER_AT)?;
            let dtype = Dtype::Q8Grouped(group(bytes, &header)?);
            (header, TENSORS_AT, dtype)
        }
        other => return Err(ParseError::Llama2cVersion(other)),
    };
    let version = version as u32;
    let parts = parts(&header, version, matrices);
    let expected = u128::from(start) + parts.iter().map(|p| u128::from(p.count) * p.bytes()).sum::<u128>();
    if expected != bytes.len() as u128 {
        return Err(ParseError::Size { version, expected, actual: bytes.len() });
    }
    // Now every size is below the file's, and there are fewer tensors than bytes.
    Ok(Layout {
        format: Format::Llama2c { version },
        tensors: tensors(&parts, start as usize),
        metadata: header.metadata(),
    })
}

/// A header is known by values that make sense together; in version 0 nothing else tells it from other files.
fn header(bytes: &[u8], at: usize) -> Result<Header, ParseError> {
    let unknown = |why: String| ParseError::Unknown { first: bytes.iter().take(4).copied().collect(), why };
    let mut reader = Reader::at(bytes, at);
    let mut values = [0_i32; 7];
    for value in &mut values {
        let needs = at as u64 + HEADER_BYTES;
        *value = reader.i32("header").map_err(|_| unknown(format!("it has {} of its {needs} bytes", bytes.len())))?;
    }
    let names = ["dim", "hidden_dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "seq_len"];
    for (i, (value, name)) in values.into_iter().zip(names).enumerate() {
        let negative = value < 0 && (name != "vocab_size" || at > 0);
        if value == 0 || negative || value.unsigned_abs() > MAX_SIZE {
            return Err(unknown(format!("its {name} (byte {}) would be {value}", at + 4 * i)));
        }
    }
    let tied = if at == 0 {
        values[5] > 0 // the sign of vocab_size
    } else {
        match reader.array::<1>("header")? {
            [shared @ 0..=1] => shared == 1,
            [other] => return Err(unknown(format!("byte 36, whether the classifier is shared, would be {other}"))),
        }
    };
    let [dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len] = values.map(i32::unsigned_abs);
    for (whole, part, names) in [(dim, n_heads, "dim by n_heads"), (n_heads, n_kv_heads, "n_heads by n_kv_heads")] {
        if whole % part != 0 {
            return Err(unknown(format!("it would divide {names}, {whole} by {part}")));
        }
    }
    Ok(Header { dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len, tied })
}

/// Weights that share a scale in version 2.
fn group(bytes: &[u8], header: &Header) -> Result<u32, ParseError> {
    let offset = HEADER_AT + HEADER_BYTES as usize + 1;
    let group = Reader::at(bytes, offset).i32("group size")?;
    // Whole groups in every row, as runq.c has it; scales begin at a multiple of four bytes.
    let fits = |group: &u32| {
        *group > 0
            && group.is_multiple_of(4)
            && header.dim.is_multiple_of(*group)
            && header.hidden_dim.is_multiple_of(*group)
    };
    u32::try_from(group).ok().filter(fits).ok_or_else(|| {
        let Header { dim, hidden_dim, .. } = header;
        let rule = format!("it must be a multiple of 4 that divides dim {dim} and hidden_dim {hidden_dim}");
        ParseError::Invalid { offset, problem: format!("the group size is {group}, {rule}") }
    })
}

/// All tensors, in the order of the file. The header has been checked against the file's size.
fn tensors(parts: &[Part], start: usize) -> Vec<TensorInfo> {
    let mut at = start;
    let mut tensors = Vec::new();
    for part in parts {
        let bytes = part.bytes() as usize;
        for layer in 0..part.count {
            let name = match part.name {
                "token_embd" | "output_norm" | "output" => format!("{}.weight", part.name),
                name => format!("blk.{layer}.{name}.weight"),
            };
            if !part.name.is_empty() {
                let (rows, cols) = (part.rows as usize, part.cols as usize);
                tensors.push(TensorInfo {
                    name,
                    dtype: part.dtype,
                    rows,
                    cols,
                    part: 0,
                    offset: at,
                    bytes: Some(bytes),
                });
            }
            at += bytes;
        }
    }
    tensors
}
