//! How each tensor of a model is stored, and what the core multiplies by: of a file as it has them, of a published model as
//! it is asked for. What reads, prices or writes a model asks here.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::config::Config;
use super::inventory::{self, Entry, Role};
use super::{Dtype, ModelFile};

/// The types of a model's tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Types {
    /// Of matrices that are not named.
    rest: Dtype,
    /// By tensor.
    named: HashMap<String, Dtype>,
    /// For people.
    name: String,
}

impl Types {
    /// All matrices in one type, narrow ones as [`Dtype::of_rows`] has them.
    pub fn uniform(dtype: Dtype) -> Self {
        Self { rest: dtype, named: HashMap::new(), name: dtype.to_string() }
    }

    /// The same with one tensor in another type, as files of several types have it.
    #[must_use]
    pub fn with(mut self, tensor: &str, dtype: Dtype) -> Self {
        if !self.name.split('+').any(|name| name == dtype.to_string()) {
            self.name = format!("{}+{dtype}", self.name);
        }
        self.named.insert(tensor.into(), dtype);
        self
    }

    /// Those of a file that holds the model `config`.
    pub fn of_file(file: &ModelFile, config: &Config) -> Self {
        let mut named: HashMap<String, Dtype> = file.tensors().iter().map(|t| (t.name.clone(), t.dtype)).collect();
        // Latent attention's matrix in two has the type of its parts.
        for layer in 0..config.layers {
            let part = inventory::split_latent(config, layer).and_then(|[keys, _]| named.get(&keys.name).copied());
            if let Some(dtype) = part {
                named.entry(format!("blk.{layer}.attn_kv_b.weight")).or_insert(dtype);
            }
        }
        let mut types = Self { rest: Dtype::F32, named, name: String::new() };
        let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
        for entry in inventory::tensors(config).filter(|entry| entry.role == Role::Matrix) {
            let dtype = types.stored(&entry);
            *bytes.entry(dtype.to_string()).or_default() += entry.bytes(dtype);
        }
        let mut names: Vec<(String, u64)> = bytes.into_iter().collect();
        names.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        types.name = names.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join("+");
        types
    }

    /// How a tensor is stored.
    pub fn stored(&self, entry: &Entry) -> Dtype {
        self.named.get(&entry.name).copied().unwrap_or_else(|| entry.stored(self.rest))
    }

    /// What the core multiplies by for a matrix whose rows have `cols` weights; none for types that cannot be weights.
    pub fn multiplied(&self, tensor: &str, cols: usize) -> Option<Dtype> {
        self.named.get(tensor).copied().unwrap_or_else(|| self.rest.of_rows(cols)).multiplied()
    }

    /// The same for a gate's matrix, which is in f32 where nothing else is said.
    pub fn gate(&self, tensor: &str) -> Option<Dtype> {
        self.named.get(tensor).copied().unwrap_or(Dtype::F32).multiplied()
    }

    /// Bytes of a tensor as the core multiplies by it.
    pub fn bytes(&self, entry: &Entry) -> u64 {
        let stored = self.stored(entry);
        entry.bytes(stored.multiplied().unwrap_or(stored))
    }
}

impl fmt::Display for Types {
    /// The types of the matrices, that of most bytes first: `Q4_K+Q6_K`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}
