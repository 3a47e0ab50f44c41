//! GGUF versions 2 and 3, little endian: metadata, then a table of tensors, then their data. Source: ggml's
//! docs/gguf.md. The file is not trusted: every count, length and offset is checked against its size before use.

use std::collections::{BTreeMap, HashSet};

use super::error::ParseError;
use super::reader::Reader;
use super::tensor::{Dtype, TensorInfo};
use super::value::{Array, STRING, Value, number_bytes};
use super::{Format, Layout};

/// First bytes of the file.
pub(super) const MAGIC: [u8; 4] = *b"GGUF";

const MAX_NAME_BYTES: usize = 64;
const MAX_KEY_BYTES: usize = 65_535;
const MAX_DIMS: u32 = 4;
/// Arrays in arrays; real files have none.
const MAX_DEPTH: u32 = 4;
const DEFAULT_ALIGNMENT: u64 = 32;
/// Least bytes of a key and its value: length, type, one byte.
const MIN_KV_BYTES: u64 = 8 + 4 + 1;
/// Least bytes of a row of the tensor table: name length, number of dimensions, one dimension, type, offset.
const MIN_TENSOR_BYTES: u64 = 8 + 4 + 8 + 4 + 8;

pub(super) fn parse(bytes: &[u8]) -> Result<Layout, ParseError> {
    let mut reader = Reader::new(bytes);
    reader.take(MAGIC.len() as u64, "GGUF magic")?;
    let version = reader.u32("GGUF version")?;
    if version & 0xffff == 0 && version != 0 {
        return Err(ParseError::GgufBigEndian);
    }
    if !(2..=3).contains(&version) {
        return Err(ParseError::GgufVersion(version));
    }
    let tensor_count = reader.count(MIN_TENSOR_BYTES, "tensor table")?;
    let kv_count = reader.count(MIN_KV_BYTES, "metadata")?;
    let metadata = metadata(&mut reader, kv_count)?;
    let alignment = alignment(&metadata)?;
    let entries = table(&mut reader, tensor_count)?;
    let data = Data { start: (reader.offset() as u64).next_multiple_of(alignment), alignment, file_len: bytes.len() };
    let tensors = entries.into_iter().map(|entry| entry.place(&data)).collect::<Result<_, _>>()?;
    Ok(Layout { format: Format::Gguf { version }, tensors, metadata })
}

fn invalid(offset: usize, problem: String) -> ParseError {
    ParseError::Invalid { offset, problem }
}

fn metadata(reader: &mut Reader<'_>, count: u64) -> Result<BTreeMap<String, Value>, ParseError> {
    let mut map = BTreeMap::new();
    for _ in 0..count {
        let offset = reader.offset();
        let key = reader.name(MAX_KEY_BYTES, "metadata key")?;
        let kind = reader.u32("metadata type")?;
        let value = value(reader, kind)?;
        if map.insert(key.to_owned(), value).is_some() {
            return Err(invalid(offset, format!("metadata key {key:?} occurs twice")));
        }
    }
    Ok(map)
}

fn value(reader: &mut Reader<'_>, kind: u32) -> Result<Value, ParseError> {
    const WHAT: &str = "metadata value";
    let offset = reader.offset();
    Ok(match kind {
        0 => Value::U64(u8::from_le_bytes(reader.array(WHAT)?).into()),
        1 => Value::I64(i8::from_le_bytes(reader.array(WHAT)?).into()),
        2 => Value::U64(u16::from_le_bytes(reader.array(WHAT)?).into()),
        3 => Value::I64(i16::from_le_bytes(reader.array(WHAT)?).into()),
        4 => Value::U64(reader.u32(WHAT)?.into()),
        5 => Value::I64(reader.i32(WHAT)?.into()),
        6 => Value::F64(f32::from_le_bytes(reader.array(WHAT)?).into()),
        7 => match reader.array::<1>(WHAT)? {
            [0] => Value::Bool(false),
            [1] => Value::Bool(true),
            [other] => {
                return Err(invalid(offset, format!("a bool is {other}, it must be 0 or 1")));
            }
        },
        8 => Value::Str(String::from_utf8_lossy(reader.string(WHAT)?).into_owned()),
        9 => Value::Array(skip_array(reader, MAX_DEPTH)?),
        10 => Value::U64(reader.u64(WHAT)?),
        11 => Value::I64(i64::from_le_bytes(reader.array(WHAT)?)),
        12 => Value::F64(f64::from_le_bytes(reader.array(WHAT)?)),
        _ => {
            return Err(invalid(offset.saturating_sub(4), format!("metadata type {kind} does not exist (0 to 12 do)")));
        }
    })
}

/// Steps over an array without allocating, since a vocabulary has hundreds of thousands of strings.
fn skip_array(reader: &mut Reader<'_>, depth: u32) -> Result<Array, ParseError> {
    const WHAT: &str = "metadata array";
    let offset = reader.offset();
    let Some(depth) = depth.checked_sub(1) else {
        return Err(invalid(offset, format!("arrays are nested more than {MAX_DEPTH} deep")));
    };
    let kind = reader.u32(WHAT)?;
    let item_bytes = match (kind, number_bytes(kind)) {
        (_, Some(bytes)) => bytes as u64,
        (STRING, _) => 8, // its length
        (9, _) => 12,     // type and length of an array
        _ => {
            return Err(invalid(offset, format!("array type {kind} does not exist (0 to 12 do)")));
        }
    };
    let len = reader.count(item_bytes, WHAT)?;
    let at = reader.offset();
    match kind {
        STRING => (0..len).try_for_each(|_| reader.string(WHAT).map(drop))?,
        9 => (0..len).try_for_each(|_| skip_array(reader, depth).map(drop))?,
        _ => drop(reader.take(len.saturating_mul(item_bytes), WHAT)?), // in range, or count() had refused it
    }
    Ok(Array { kind, len: len as usize, at }) // as many items are in memory
}

fn alignment(metadata: &BTreeMap<String, Value>) -> Result<u64, ParseError> {
    let Some(value) = metadata.get("general.alignment") else {
        return Ok(DEFAULT_ALIGNMENT);
    };
    // The upper bound is far above any page size and keeps the sums below from overflowing.
    value
        .as_u64()
        .filter(|a| a.is_power_of_two() && (8..=1 << 30).contains(a))
        .ok_or_else(|| invalid(0, format!("general.alignment is {value}, it must be a power of two from 8 to 2^30")))
}

/// A row of the tensor table.
struct Entry<'a> {
    at: usize,
    name: &'a str,
    dtype: Dtype,
    rows: u64,
    cols: u64,
    offset: u64,
}

fn table<'a>(reader: &mut Reader<'a>, count: u64) -> Result<Vec<Entry<'a>>, ParseError> {
    let mut entries = Vec::new();
    let mut names = HashSet::new();
    for _ in 0..count {
        let entry = Entry::read(reader)?;
        if !names.insert(entry.name) {
            return Err(invalid(entry.at, format!("tensor {:?} occurs twice", entry.name)));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Where the tensors' data is.
struct Data {
    start: u64,
    alignment: u64,
    file_len: usize,
}

impl<'a> Entry<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let at = reader.offset();
        let name = reader.name(MAX_NAME_BYTES, "tensor name")?;
        let n_dims = reader.u32("tensor dimensions")?;
        if !(1..=MAX_DIMS).contains(&n_dims) {
            return Err(invalid(at, format!("tensor {name:?} has {n_dims} dimensions, 1 to {MAX_DIMS} are allowed")));
        }
        let cols = reader.u64("tensor dimensions")?;
        let mut rows = Some(1_u64);
        for _ in 1..n_dims {
            let dim = reader.u64("tensor dimensions")?;
            rows = rows.and_then(|rows| rows.checked_mul(dim));
        }
        let rows = rows.filter(|rows| rows.checked_mul(cols).is_some_and(|weights| weights > 0));
        let rows = rows.ok_or_else(|| invalid(at, format!("tensor {name:?} has no weights or more than 2^64")))?;
        let dtype = Dtype::from_ggml(reader.u32("tensor type")?);
        Ok(Self { at, name, dtype, rows, cols, offset: reader.u64("tensor offset")? })
    }

    /// Checks that the tensor lies in the file.
    fn place(self, data: &Data) -> Result<TensorInfo, ParseError> {
        let Self { at, name, dtype, rows, cols, offset } = self;
        if offset % data.alignment != 0 {
            let rule = data.alignment;
            let problem = format!("tensor {name:?} has offset {offset}, not a multiple of the alignment {rule}");
            return Err(invalid(at, problem));
        }
        let bytes = match dtype.block() {
            None => None,
            Some((weights, _)) if cols % weights != 0 => {
                let problem =
                    format!("tensor {name:?} has rows of {cols} weights, not a multiple of {dtype}'s {weights}");
                return Err(invalid(at, problem));
            }
            Some((weights, bytes)) => Some((rows * (cols / weights)).saturating_mul(bytes)),
        };
        // Of a type whose size is not known, at least the first byte must be there.
        let start = data.start.checked_add(offset);
        let end = start.and_then(|start| start.checked_add(bytes.unwrap_or(1)));
        if end.is_none_or(|end| end > data.file_len as u64) {
            let size = bytes.map_or("data".into(), |b| format!("{b} bytes"));
            let (start, len) = (data.start, data.file_len);
            let problem = format!(
                "tensor {name:?} ({size} at offset {offset} of the data at byte {start}) ends after the file's {len} bytes"
            );
            return Err(invalid(at, problem));
        }
        let too_large = || invalid(at, format!("tensor {name:?} is too large for this machine"));
        let size = |v: u64| usize::try_from(v).map_err(|_| too_large());
        Ok(TensorInfo {
            name: name.to_owned(),
            dtype,
            rows: size(rows)?,
            cols: size(cols)?,
            part: 0,
            offset: size(start.unwrap_or(u64::MAX))?,
            bytes: bytes.map(size).transpose()?,
        })
    }
}
