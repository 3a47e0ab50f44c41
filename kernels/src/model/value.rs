//! Metadata values. Arrays stay in the file, since a vocabulary has hundreds of thousands of strings: [`Strings`] and
//! [`Numbers`] read single items of them.

use std::fmt;
use std::sync::Arc;

use super::ModelFile;
use super::reader::Reader;

/// A metadata value. Numbers are widened; an array stays in the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any unsigned integer.
    U64(u64),
    /// Any signed integer.
    I64(i64),
    /// f32 or f64.
    F64(f64),
    /// Boolean.
    Bool(bool),
    /// Text; bytes that are not UTF-8 are replaced.
    Str(String),
    /// An array, such as the vocabulary.
    Array(Array),
}

impl Value {
    /// The value if it is a non-negative integer.
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Self::U64(v) => Some(v),
            Self::I64(v) => u64::try_from(v).ok(),
            _ => None,
        }
    }

    /// The value if it is a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(v) = *self { Some(v) } else { None }
    }

    /// The value if it is a float.
    pub fn as_f64(&self) -> Option<f64> {
        if let Self::F64(v) = *self { Some(v) } else { None }
    }

    /// The value if it is text.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(v) = self { Some(v) } else { None }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::U64(v) => v.fmt(f),
            Self::I64(v) => v.fmt(f),
            Self::F64(v) => v.fmt(f),
            Self::Bool(v) => v.fmt(f),
            Self::Str(v) => write!(f, "{v:?}"),
            Self::Array(array) => write!(f, "an array of {}", array.len),
        }
    }
}

/// Where an array lies in the first of a model's files. It has been walked once: all its items are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Array {
    /// GGUF's type of the items.
    pub(super) kind: u32,
    /// Its items.
    pub len: usize,
    /// Byte of the first.
    pub(super) at: usize,
}

/// GGUF's type number of strings.
pub(super) const STRING: u32 = 8;

/// Bytes of one number of a GGUF type; `None` for strings and arrays.
pub(super) fn number_bytes(kind: u32) -> Option<usize> {
    Some(match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        10..=12 => 8,
        _ => return None,
    })
}

impl Array {
    /// Number `i`, if it is an array of numbers and has so many. 64-bit integers beyond 2⁵³ are rounded.
    pub fn number(&self, bytes: &[u8], i: usize) -> Option<f64> {
        let width = number_bytes(self.kind)?;
        if i >= self.len {
            return None;
        }
        let item = bytes.get(self.at + i * width..)?.get(..width)?;
        Some(match (self.kind, item) {
            (0 | 7, &[a]) => a.into(),
            (1, &[a]) => (a as i8).into(),
            (2, &[a, b]) => u16::from_le_bytes([a, b]).into(),
            (3, &[a, b]) => i16::from_le_bytes([a, b]).into(),
            (4, &[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]).into(),
            (5, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]).into(),
            (6, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]).into(),
            (kind, item) => {
                let raw: [u8; 8] = item.try_into().ok()?;
                match kind {
                    10 => u64::from_le_bytes(raw) as f64,
                    11 => i64::from_le_bytes(raw) as f64,
                    _ => f64::from_le_bytes(raw),
                }
            }
        })
    }

    /// The strings in order; nothing if it is an array of something else.
    pub fn strings<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reader = Reader::at(bytes, self.at);
        (0..if self.kind == STRING { self.len } else { 0 }).map_while(move |_| reader.string("string").ok())
    }
}

/// The strings of an array, found by their number without keeping any: the place of one in [`Strings::STRIDE`] is known.
#[derive(Clone, Debug)]
pub struct Strings {
    file: Arc<ModelFile>,
    marks: Vec<usize>,
    len: usize,
}

impl Strings {
    /// Strings from one known place to the next.
    const STRIDE: usize = 16;

    pub(super) fn new(file: Arc<ModelFile>, array: Array) -> Option<Self> {
        if array.kind != STRING {
            return None;
        }
        let start = file.metadata_bytes().as_ptr() as usize;
        let marks = array.strings(file.metadata_bytes()).step_by(Self::STRIDE);
        // A string's length lies in the eight bytes before it.
        let marks = marks.map(|s| s.as_ptr() as usize - start - 8).collect();
        Some(Self { file, marks, len: array.len })
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// String `i`.
    pub fn get(&self, i: usize) -> Option<&[u8]> {
        if i >= self.len {
            return None;
        }
        let mut reader = Reader::at(self.file.metadata_bytes(), *self.marks.get(i / Self::STRIDE)?);
        for _ in 0..i % Self::STRIDE {
            reader.string("string").ok()?;
        }
        reader.string("string").ok()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut reader = Reader::at(self.file.metadata_bytes(), self.marks.first().copied().unwrap_or(0));
        (0..self.len).map_while(move |_| reader.string("string").ok())
    }
}

/// The numbers of an array.
#[derive(Clone, Debug)]
pub struct Numbers {
    pub(super) file: Arc<ModelFile>,
    pub(super) array: Array,
}

impl Numbers {
    /// How many.
    pub fn len(&self) -> usize {
        self.array.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.array.len == 0
    }

    /// Number `i`.
    pub fn get(&self, i: usize) -> Option<f64> {
        self.array.number(self.file.metadata_bytes(), i)
    }
}
