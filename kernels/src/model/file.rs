//! An open model: one file, the parts of a split one, or the one that is built in.

use std::collections::{BTreeMap, HashSet};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;

use super::error::ModelError;
use super::tensor::{MappedTensor, Tensor, TensorInfo};
use super::value::{Array, Numbers, Strings, Value};
use super::{Format, Layout, map, split};

/// Names in the message about a tensor that is not there.
const CLOSE_NAMES: usize = 3;

/// An open model file. Share it in an `Arc`; it stays mapped while any [`MappedTensor`] of it lives.
#[derive(Debug)]
pub struct ModelFile {
    path: PathBuf,
    format: Format,
    metadata: BTreeMap<String, Value>,
    tensors: Vec<TensorInfo>,
    /// The bytes of each file; of one, except where the model is split.
    parts: Vec<Bytes>,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    BuiltIn(&'static [u8]),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::BuiltIn(bytes) => bytes,
        }
    }
}

impl ModelFile {
    /// Maps the file and finds its tensors. Reads only the pages that describe them. Of a model that is split over several
    /// files, the first is named, and the others lie beside it.
    ///
    /// # Errors
    /// [`ModelError::Open`] when it cannot be mapped, [`ModelError::Parse`] when it is not a model that can be read,
    /// [`ModelError::Split`] when its parts do not fit together.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let (map, layout) = Self::part(path)?;
        let mut model = Self::new(path.to_owned(), Bytes::Mapped(map), layout);
        let parts = split::others(path, &model.metadata)?;
        let split_error = |problem| ModelError::Split { path: path.to_owned(), problem };
        let mut names: HashSet<String> = if parts.is_empty() { HashSet::new() } else { model.names() };
        for (number, part) in (1..).zip(&parts) {
            let (map, layout) = Self::part(part)?;
            split::check(part, number, parts.len() + 1, &layout.metadata)?;
            for mut tensor in layout.tensors {
                if !names.insert(tensor.name.clone()) {
                    return Err(split_error(format!("tensor {:?} is in two of its parts", tensor.name)));
                }
                tensor.part = number;
                model.tensors.push(tensor);
            }
            model.parts.push(Bytes::Mapped(map));
        }
        split::complete(&model.metadata, model.tensors.len()).map_err(split_error)?;
        Ok(model)
    }

    /// The model that is part of this crate: stories about old machines (`models/train`).
    ///
    /// # Errors
    /// [`ModelError::Parse`] where this machine is big-endian.
    pub fn built_in() -> Result<Self, ModelError> {
        let path = PathBuf::from("old-machines-278k.gguf");
        let layout = Layout::parse(&BUILT_IN.0).map_err(|error| ModelError::Parse { path: path.clone(), error })?;
        Ok(Self::new(path, Bytes::BuiltIn(&BUILT_IN.0), layout))
    }

    fn new(path: PathBuf, bytes: Bytes, layout: Layout) -> Self {
        let Layout { format, tensors, metadata } = layout;
        Self { path, format, metadata, tensors, parts: vec![bytes] }
    }

    fn part(path: &Path) -> Result<(Mmap, Layout), ModelError> {
        let map = map::map(path)?;
        let layout = Layout::parse(&map).map_err(|error| ModelError::Parse { path: path.to_owned(), error })?;
        Ok((map, layout))
    }

    fn names(&self) -> HashSet<String> {
        self.tensors.iter().map(|t| t.name.clone()).collect()
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is.
    pub fn format(&self) -> Format {
        self.format
    }

    /// All tensors, including those of types that cannot be weights.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The metadata value of a key, such as `general.architecture`.
    pub fn metadata(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// Bytes of all its files.
    pub fn byte_len(&self) -> u64 {
        self.parts.iter().map(|part| part.len() as u64).sum()
    }

    /// The file that holds the metadata.
    pub(super) fn metadata_bytes(&self) -> &[u8] {
        &self.parts[0]
    }

    /// Lets go of what reading the metadata has brought into memory.
    pub(super) fn release_pages(&self) {
        if let Some(Bytes::Mapped(map)) = self.parts.first() {
            map::release(map);
        }
    }

    /// The file that holds a tensor.
    pub(super) fn part_of(&self, info: &TensorInfo) -> &[u8] {
        &self.parts[info.part]
    }

    /// The strings of an array in the metadata; `None` where there is no such key.
    ///
    /// # Errors
    /// [`ModelError::Key`] when it is something else.
    pub fn strings(self: &Arc<Self>, key: &str) -> Result<Option<Strings>, ModelError> {
        let array = self.array(key, "an array of strings")?;
        let strings = array.map(|array| {
            Strings::new(Arc::clone(self), array).ok_or_else(|| self.key_error(key, "should be an array of strings"))
        });
        strings.transpose()
    }

    /// The numbers of an array in the metadata; `None` where there is no such key.
    ///
    /// # Errors
    /// [`ModelError::Key`] when it is something else.
    pub fn numbers(self: &Arc<Self>, key: &str) -> Result<Option<Numbers>, ModelError> {
        let Some(array) = self.array(key, "an array of numbers")? else { return Ok(None) };
        let numbers = Numbers { file: Arc::clone(self), array };
        if !numbers.is_empty() && numbers.get(0).is_none() {
            return Err(self.key_error(key, "should be an array of numbers"));
        }
        Ok(Some(numbers))
    }

    fn array(&self, key: &str, what: &str) -> Result<Option<Array>, ModelError> {
        match self.metadata(key) {
            None => Ok(None),
            Some(Value::Array(array)) => Ok(Some(*array)),
            Some(other) => Err(self.key_error(key, format!("is {other}, it should be {what}"))),
        }
    }

    /// What is wrong with a key.
    pub(super) fn key_error(&self, key: &str, problem: impl Into<String>) -> ModelError {
        ModelError::Key { path: self.path.clone(), key: key.into(), problem: problem.into() }
    }

    /// The weights of a tensor.
    ///
    /// # Errors
    /// [`ModelError::NoTensor`], with the closest names, or [`ModelError::Unsupported`] for a type that kernels
    /// cannot take.
    pub fn tensor(&self, name: &str) -> Result<Tensor<'_>, ModelError> {
        self.find(name).map(|(_, tensor)| tensor)
    }

    /// The weights of a tensor, with a share in the file.
    ///
    /// # Errors
    /// As [`ModelFile::tensor`].
    pub fn mapped(self: &Arc<Self>, name: &str) -> Result<MappedTensor, ModelError> {
        let (index, _) = self.find(name)?;
        Ok(MappedTensor { file: Arc::clone(self), index })
    }

    fn find(&self, name: &str) -> Result<(usize, Tensor<'_>), ModelError> {
        let Some(index) = self.tensors.iter().position(|t| t.name == name) else {
            let close = close_names(&self.tensors, name);
            let count = self.tensors.len();
            return Err(ModelError::NoTensor { path: self.path.clone(), name: name.into(), close, count });
        };
        let info = &self.tensors[index];
        match Tensor::new(info, self.part_of(info)) {
            Some(tensor) if info.dtype.is_supported() => Ok((index, tensor)),
            _ => Err(ModelError::Unsupported { path: self.path.clone(), name: name.into(), dtype: info.dtype }),
        }
    }
}

/// The built-in model's bytes, where a mapped file's would be: at a multiple of the alignment that GGUF promises.
#[repr(align(64))]
struct Aligned<T: ?Sized>(T);

static BUILT_IN: &Aligned<[u8]> = &Aligned(*include_bytes!("../../../models/old-machines-278k.gguf"));

/// The names most like `name`: first those that contain it, then by edit distance.
fn close_names(tensors: &[TensorInfo], name: &str) -> Vec<String> {
    let mut names: Vec<_> = tensors.iter().map(|t| t.name.as_str()).collect();
    names.sort_by_cached_key(|n| (!n.contains(name), edit_distance(n, name)));
    names.into_iter().take(CLOSE_NAMES).map(str::to_owned).collect()
}

/// Levenshtein distance of the first 128 characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(128).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(128).enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
