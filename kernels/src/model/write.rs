//! Writes GGUF files: small ones whole, for tests, and of large ones the part before the weights.

use crate::weights::Stored;

/// A model file's bytes.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Offset and width of every integer that describes the rest: counts, lengths, sizes, types, offsets.
    pub fields: Vec<(usize, usize)>,
}

impl File {
    pub(super) fn u32(&mut self, value: u32) {
        self.fields.push((self.bytes.len(), 4));
        self.bytes.extend(value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.fields.push((self.bytes.len(), 8));
        self.bytes.extend(value.to_le_bytes());
    }

    fn string(&mut self, value: &[u8]) {
        self.u64(value.len() as u64);
        self.bytes.extend(value);
    }

    fn append(&mut self, other: &Self) {
        let at = self.bytes.len();
        self.fields.extend(other.fields.iter().map(|&(offset, width)| (at + offset, width)));
        self.bytes.extend(&other.bytes);
    }
}

/// Writes a GGUF file part by part, checking nothing.
#[derive(Clone, Debug)]
pub struct Gguf {
    version: u32,
    alignment: usize,
    kv: File,
    kv_count: u64,
    table: File,
    tensor_count: u64,
    data: Vec<u8>,
}

impl Gguf {
    /// An empty file of a version, with the default alignment of 32 bytes.
    pub fn new(version: u32) -> Self {
        let (kv, table) = Default::default();
        Self { version, alignment: 32, kv, kv_count: 0, table, tensor_count: 0, data: Vec::new() }
    }

    /// Sets `general.alignment`, also in the metadata.
    pub fn alignment(mut self, alignment: u32) -> Self {
        self.alignment = alignment as usize;
        self.kv("general.alignment", 4, &alignment.to_le_bytes())
    }

    /// A key and its value, of GGUF's value type `kind`.
    pub fn kv(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.kv.string(key.as_bytes());
        self.kv.u32(kind);
        self.kv.bytes.extend(value);
        self.kv_count += 1;
        self
    }

    /// A key and its text.
    pub fn text(mut self, key: &str, value: &str) -> Self {
        self.kv.string(key.as_bytes());
        self.kv.u32(8);
        self.kv.string(value.as_bytes());
        self.kv_count += 1;
        self
    }

    /// A key and an array of strings.
    pub fn texts(mut self, key: &str, values: &[impl AsRef<str>]) -> Self {
        self.kv.string(key.as_bytes());
        self.kv.u32(9);
        self.kv.u32(8);
        self.kv.u64(values.len() as u64);
        values.iter().for_each(|value| self.kv.string(value.as_ref().as_bytes()));
        self.kv_count += 1;
        self
    }

    /// A key and a u32.
    pub fn u32(self, key: &str, value: u32) -> Self {
        self.kv(key, 4, &value.to_le_bytes())
    }

    /// A key and an f32.
    pub fn f32(self, key: &str, value: f32) -> Self {
        self.kv(key, 6, &value.to_le_bytes())
    }

    /// A key and whether something is so.
    pub fn flag(self, key: &str, value: bool) -> Self {
        self.kv(key, 7, &[value.into()])
    }

    /// A key and an array of i32.
    pub fn i32s(mut self, key: &str, values: &[i32]) -> Self {
        self.kv.string(key.as_bytes());
        self.kv.u32(9);
        self.kv.u32(5);
        self.kv.u64(values.len() as u64);
        self.kv.bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self.kv_count += 1;
        self
    }

    /// A row of the tensor table alone, with the offset given; `dims` has the contiguous one first.
    pub fn entry(mut self, name: &str, dims: &[u64], kind: u32, offset: u64) -> Self {
        self.table.string(name.as_bytes());
        self.table.u32(dims.len() as u32);
        dims.iter().for_each(|&dim| self.table.u64(dim));
        self.table.u32(kind);
        self.table.u64(offset);
        self.tensor_count += 1;
        self
    }

    /// A tensor of ggml type `kind` with its data, placed after the others.
    pub fn tensor(mut self, name: &str, dims: &[u64], kind: u32, data: &[u8]) -> Self {
        self.data.resize(self.data.len().next_multiple_of(self.alignment), 0);
        let offset = self.data.len() as u64;
        self.data.extend(data);
        self.entry(name, dims, kind, offset)
    }

    /// A tensor of values or blocks of them.
    pub fn weights<T: Stored>(self, name: &str, dims: &[u64], data: &[T]) -> Self {
        self.tensor(name, dims, T::DTYPE.id(), bytemuck::cast_slice(data))
    }

    /// The whole file.
    pub fn finish(self) -> File {
        let mut this = self;
        let data = std::mem::take(&mut this.data);
        let mut file = if data.is_empty() { this.unpadded() } else { this.head() };
        file.bytes.extend(data);
        file
    }

    /// The file up to its tensors' data, which whoever made the table writes after it.
    pub fn head(self) -> File {
        let alignment = self.alignment;
        let mut file = self.unpadded();
        file.bytes.resize(file.bytes.len().next_multiple_of(alignment), 0);
        file
    }

    fn unpadded(self) -> File {
        let mut file = File { bytes: b"GGUF".to_vec(), fields: Vec::new() };
        file.u32(self.version);
        file.u64(self.tensor_count);
        file.u64(self.kv_count);
        file.append(&self.kv);
        file.append(&self.table);
        file
    }
}
