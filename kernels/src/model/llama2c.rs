//! llama2.c `.bin` files, version 0: seven i32 and then every tensor in f32, in a fixed order, without names. Source:
//! `run.c` and `legacy_export` of karpathy/llama2.c. Versions 1 and 2 have a magic number and are recognised, not read.

use std::collections::BTreeMap;

use super::error::ParseError;
use super::reader::Reader;
use super::tensor::{Dtype, TensorInfo};
use super::{Format, Layout, Value};

/// First u32 of versions 1 and 2: "ak42" read as a big-endian number.
const MAGIC: u32 = 0x616b_3432;
const HEADER_BYTES: u128 = 28;
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

    /// Bytes of the whole file. Three factors of at most 2²⁴ leave room for the sum in a u128.
    fn file_bytes(&self) -> u128 {
        let [dim, hidden, layers, kv_dim, vocab, seq, head] =
            [self.dim, self.hidden_dim, self.n_layers, self.kv_dim(), self.vocab_size, self.seq_len, self.head_dim()]
                .map(u128::from);
        let layer = 2 * dim + 2 * dim * dim + 2 * kv_dim * dim + 3 * hidden * dim;
        let rope = 2 * (seq * head / 2);
        let embeddings = if self.tied { 1 } else { 2 };
        HEADER_BYTES + 4 * (layers * layer + dim + rope + embeddings * vocab * dim)
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

pub(super) fn parse(bytes: &[u8]) -> Result<Layout, ParseError> {
    let mut reader = Reader::new(bytes);
    if reader.u32("magic") == Ok(MAGIC) {
        return Err(ParseError::Llama2cVersion(reader.i32("llama2.c version")?));
    }
    let header = header(bytes)?;
    let expected = header.file_bytes();
    if expected != bytes.len() as u128 {
        return Err(ParseError::Size { expected, actual: bytes.len() });
    }
    // Now every size is below the file's, and there are fewer tensors than bytes.
    Ok(Layout { format: Format::Llama2c, tensors: tensors(&header), metadata: header.metadata() })
}

/// Without a magic number, a header is known by values that make sense together.
fn header(bytes: &[u8]) -> Result<Header, ParseError> {
    let unknown = |why: String| ParseError::Unknown { first: bytes.iter().take(4).copied().collect(), why };
    let mut reader = Reader::new(bytes);
    let mut values = [0_i32; 7];
    for value in &mut values {
        *value = reader.i32("header").map_err(|_| unknown(format!("it has {} of its 28 bytes", bytes.len())))?;
    }
    let names = ["dim", "hidden_dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "seq_len"];
    for (i, (value, name)) in values.into_iter().zip(names).enumerate() {
        let negative = value < 0 && name != "vocab_size";
        if value == 0 || negative || value.unsigned_abs() > MAX_SIZE {
            return Err(unknown(format!("its {name} (byte {}) would be {value}", 4 * i)));
        }
    }
    let tied = values[5] > 0;
    let [dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len] = values.map(i32::unsigned_abs);
    for (whole, part, names) in [(dim, n_heads, "dim by n_heads"), (n_heads, n_kv_heads, "n_heads by n_kv_heads")] {
        if whole % part != 0 {
            return Err(unknown(format!("it would divide {names}, {whole} by {part}")));
        }
    }
    Ok(Header { dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len, tied })
}

/// All tensors, in the order of the file. The header has been checked against the file's size.
fn tensors(header: &Header) -> Vec<TensorInfo> {
    let [dim, hidden, kv_dim, vocab, layers] =
        [header.dim, header.hidden_dim, header.kv_dim(), header.vocab_size, header.n_layers].map(|v| v as usize);
    let mut list = List { tensors: Vec::new(), at: HEADER_BYTES as usize };
    list.push("token_embd.weight".into(), vocab, dim);
    for (name, rows, cols) in [
        ("attn_norm", 1, dim),
        ("attn_q", dim, dim),
        ("attn_k", kv_dim, dim),
        ("attn_v", kv_dim, dim),
        ("attn_output", dim, dim),
        ("ffn_norm", 1, dim),
        ("ffn_gate", hidden, dim), // w1
        ("ffn_down", dim, hidden), // w2
        ("ffn_up", hidden, dim),   // w3
    ] {
        for layer in 0..layers {
            list.push(format!("blk.{layer}.{name}.weight"), rows, cols);
        }
    }
    list.push("output_norm.weight".into(), 1, dim);
    if !header.tied {
        // Two tables of cosines and sines lie between, which run.c skips as well.
        list.at += 4 * 2 * (header.seq_len as usize * header.head_dim() as usize / 2);
        list.push("output.weight".into(), vocab, dim);
    }
    list.tensors
}

struct List {
    tensors: Vec<TensorInfo>,
    at: usize,
}

impl List {
    fn push(&mut self, name: String, rows: usize, cols: usize) {
        let bytes = 4 * rows * cols;
        self.tensors.push(TensorInfo { name, dtype: Dtype::F32, rows, cols, offset: self.at, bytes: Some(bytes) });
        self.at += bytes;
    }
}
