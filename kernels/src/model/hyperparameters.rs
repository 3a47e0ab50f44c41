//! The [`Config`] of a model file: read from its metadata, bounded by its tensors, so that nothing that a file merely claims
//! is believed. Keys: gguf-py's constants and llama.cpp's `llama-arch.cpp`; their defaults are llama.cpp's.

use std::collections::{HashMap, HashSet};

use super::config::{Attention, Config, Experts, Pairs, Rope, Scaling, Score};
use super::error::ModelError;
use super::inventory::{self, Entry};
use super::{ModelFile, TensorInfo, Value};

/// What a size may be at most, so that products of three fit in 64 bits. Far above any model.
const MAX_SIZE: u64 = 1 << 20;
/// The longest text that a file may claim: positions of `rope` lie below it.
const MAX_CONTEXT: u64 = crate::rope::POSITIONS as u64;
/// llama.cpp's number of sigmoid scores.
const SIGMOID: u64 = 2;

impl Config {
    /// Reads the hyperparameters, and checks that the file has all tensors that they call for, in their sizes, and no others:
    /// one that is not read, a bias say, would make another model of it.
    ///
    /// # Errors
    /// [`ModelError::Key`] with the key that is missing or makes no sense, [`ModelError::Architecture`] for one that is not
    /// known, [`ModelError::NoTensor`] and [`ModelError::Shape`] for tensors that do not fit,
    /// [`ModelError::Extra`] for those that nothing here reads.
    pub fn from_file(file: &ModelFile) -> Result<Self, ModelError> {
        let keys = Keys::new(file)?;
        let hidden = keys.size("embedding_length")?;
        let heads = keys.size("attention.head_count")?;
        let attention = if keys.arch == "deepseek2" { keys.latent(heads)? } else { keys.grouped(hidden, heads)? };
        let layers = keys.layers()?;
        // Sizes of experts that no layer has follow from no tensor.
        let experts = keys.experts()?.filter(|experts| experts.dense_layers < layers);
        let config = Self {
            name: file.path().file_stem().map_or("model".into(), |stem| stem.to_string_lossy().into_owned()),
            hidden,
            layers,
            vocab: keys.rows_of("token_embd.weight")?,
            context: keys.number("context_length", MAX_CONTEXT)? as usize,
            norm_eps: keys
                .float("attention.layer_norm_rms_epsilon")?
                .ok_or_else(|| keys.missing("attention.layer_norm_rms_epsilon"))? as f32,
            rope: keys.rope(&attention)?,
            attention,
            ffn: keys.size("feed_forward_length")?,
            experts,
            tied_head: !keys.tensors.contains_key("output.weight"),
        };
        keys.check_tensors(&config)?;
        Ok(config)
    }
}

/// The metadata under the file's architecture, and its tensors by name.
struct Keys<'a> {
    file: &'a ModelFile,
    arch: &'a str,
    tensors: HashMap<&'a str, &'a TensorInfo>,
}

impl<'a> Keys<'a> {
    fn new(file: &'a ModelFile) -> Result<Self, ModelError> {
        const KEY: &str = "general.architecture";
        let arch = file.metadata(KEY).ok_or_else(|| file.key_error(KEY, "is missing"))?;
        let arch = arch.as_str().ok_or_else(|| file.key_error(KEY, format!("is {arch}, it should be text")))?;
        if !["llama", "qwen2", "deepseek2"].contains(&arch) {
            return Err(ModelError::Architecture { path: file.path().to_owned(), name: arch.into() });
        }
        Ok(Self { file, arch, tensors: file.tensors().iter().map(|t| (t.name.as_str(), t)).collect() })
    }

    fn full(&self, key: &str) -> String {
        format!("{}.{key}", self.arch)
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.file.metadata(&self.full(key))
    }

    fn wrong(&self, key: &str, problem: impl Into<String>) -> ModelError {
        self.file.key_error(&self.full(key), problem)
    }

    fn missing(&self, key: &str) -> ModelError {
        self.wrong(key, "is missing")
    }

    /// A whole number up to `max`, if there is one.
    fn optional(&self, key: &str, max: u64) -> Result<Option<u64>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = value.as_u64().filter(|n| *n <= max);
        let number = number
            .ok_or_else(|| self.wrong(key, format!("is {value}, it should be a whole number of at most {max}")))?;
        Ok(Some(number))
    }

    /// A whole number from 1 up to `max`.
    fn number(&self, key: &str, max: u64) -> Result<u64, ModelError> {
        match self.optional(key, max)? {
            None => Err(self.missing(key)),
            Some(0) => Err(self.wrong(key, "is 0, it should be at least 1")),
            Some(number) => Ok(number),
        }
    }

    fn size(&self, key: &str) -> Result<usize, ModelError> {
        self.number(key, MAX_SIZE).map(|n| n as usize)
    }

    fn size_or(&self, key: &str, otherwise: usize) -> Result<usize, ModelError> {
        if self.get(key).is_some() { self.size(key) } else { Ok(otherwise) }
    }

    fn float(&self, key: &str) -> Result<Option<f64>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = value.as_f64().filter(|v| v.is_finite());
        number.map(Some).ok_or_else(|| self.wrong(key, format!("is {value}, it should be a finite float")))
    }

    fn positive(&self, key: &str, otherwise: f64) -> Result<f64, ModelError> {
        match self.float(key)? {
            Some(v) if v <= 0.0 => Err(self.wrong(key, format!("is {v}, it should be above 0"))),
            v => Ok(v.unwrap_or(otherwise)),
        }
    }

    /// Layers, of which the file must have that many tensors at least. V3's file may say that the last ones only predict
    /// further tokens.
    fn layers(&self) -> Result<usize, ModelError> {
        const KEY: &str = "block_count";
        let (layers, predicting) =
            (self.size(KEY)?, self.optional("nextn_predict_layers", MAX_SIZE)?.unwrap_or(0) as usize);
        if layers > self.tensors.len() {
            return Err(self.wrong(KEY, format!("is {layers}, but the file has {} tensors", self.tensors.len())));
        }
        layers.checked_sub(predicting).filter(|n| *n > 0).ok_or_else(|| {
            self.wrong(KEY, format!("is {layers}, of which {predicting} would only predict further tokens"))
        })
    }

    fn rows_of(&self, tensor: &str) -> Result<usize, ModelError> {
        self.file.tensor(tensor).map(|t| t.info().rows)
    }

    fn grouped(&self, hidden: usize, heads: usize) -> Result<Attention, ModelError> {
        let kv_heads = self.size_or("attention.head_count_kv", heads)?;
        if !heads.is_multiple_of(kv_heads) {
            return Err(
                self.wrong("attention.head_count_kv", format!("is {kv_heads}, it should divide the {heads} heads"))
            );
        }
        let width = self.size_or("attention.key_length", hidden / heads)?;
        for key in ["attention.value_length", "rope.dimension_count"] {
            let other = self.size_or(key, width)?;
            if other != width {
                return Err(self.wrong(key, format!("is {other}, only that of a key's width, {width}, is supported")));
            }
        }
        if width == 0 || width % 2 != 0 {
            return Err(
                self.wrong("attention.head_count", format!("is {heads}, which makes heads of an odd width, {width}"))
            );
        }
        Ok(Attention::Grouped { heads, kv_heads, width, biases: self.tensors.contains_key("blk.0.attn_q.bias") })
    }

    fn latent(&self, heads: usize) -> Result<Attention, ModelError> {
        // Where keys and values are split, the plain lengths are those of the latent cache.
        let length = |mla: &str, plain: &str| if self.get(mla).is_some() { self.size(mla) } else { self.size(plain) };
        let key = length("attention.key_length_mla", "attention.key_length")?;
        let value = length("attention.value_length_mla", "attention.value_length")?;
        let rope = self.size("rope.dimension_count")?;
        let nope = key.checked_sub(rope).filter(|nope| *nope > 0 && rope % 2 == 0).ok_or_else(|| {
            self.wrong(
                "rope.dimension_count",
                format!("is {rope}, it should be even and less than a key's width, {key}"),
            )
        })?;
        let query_rank = self.optional("attention.q_lora_rank", MAX_SIZE)?.filter(|rank| *rank > 0);
        let latent = self.size("attention.kv_lora_rank")?;
        Ok(Attention::Latent { heads, query_rank: query_rank.map(|r| r as usize), latent, nope, rope, value })
    }

    fn rope(&self, attention: &Attention) -> Result<Rope, ModelError> {
        let theta = self.positive("rope.freq_base", 10_000.0)?;
        let pairs = if self.arch == "qwen2" { Pairs::Halves } else { Pairs::Interleaved };
        Ok(Rope { theta, pairs, scaling: self.scaling(attention)? })
    }

    fn scaling(&self, attention: &Attention) -> Result<Scaling, ModelError> {
        const TYPE: &str = "rope.scaling.type";
        let scaling = match self.get(TYPE) {
            // llama.cpp's default, which a factor alone asks for.
            None => "linear",
            Some(value) => value.as_str().ok_or_else(|| self.wrong(TYPE, format!("is {value}, it should be text")))?,
        };
        let factor = match self.get("rope.scaling.factor") {
            Some(_) => "rope.scaling.factor",
            None => "rope.scale_linear",
        };
        let linear = scaling == "linear" && self.positive(factor, 1.0)? != 1.0;
        if linear {
            let problem = "scales positions linearly, and only \"none\" and \"yarn\" are supported";
            return Err(self.wrong(factor, problem));
        }
        if let Some(info) = self.tensors.get("rope_freqs.weight") {
            let values = self.file.tensor(&info.name)?.view::<f32>().unwrap_or_default();
            let pairs = match *attention {
                Attention::Grouped { width, .. } => width / 2,
                Attention::Latent { rope, .. } => rope / 2,
            };
            if values.len() != pairs || !values.iter().all(|v| v.is_finite() && *v > 0.0) {
                let expected = format!("{pairs} f32 above 0, a divisor of each pair's frequency");
                return Err(self.shape_error(info, expected));
            }
            return match scaling {
                "none" | "linear" => Ok(Scaling::Divisors(values.to_vec())),
                other => {
                    Err(self.wrong(TYPE, format!("is {other:?} beside rope_freqs.weight, which is not supported")))
                }
            };
        }
        match scaling {
            "none" | "linear" => Ok(Scaling::None),
            "yarn" if self.positive("rope.scaling.attn_factor", 1.0)? != 1.0 => {
                Err(self.wrong("rope.scaling.attn_factor", "is not 1, and only 1 is supported"))
            }
            "yarn" => Ok(Scaling::Yarn {
                factor: self.positive(factor, 1.0)?,
                trained: self.number("rope.scaling.original_context_length", MAX_CONTEXT)? as usize,
                beta_fast: self.positive("rope.scaling.yarn_beta_fast", 32.0)?,
                beta_slow: self.positive("rope.scaling.yarn_beta_slow", 1.0)?,
                // Of deepseek2 the file has a tenth of it; elsewhere YaRN's own sharpening of queries and keys comes to 1.
                mscale: match self.arch {
                    "deepseek2" => 10.0 * self.float("rope.scaling.yarn_log_multiplier")?.unwrap_or(0.0),
                    _ => 1.0,
                },
            }),
            other => Err(self.wrong(TYPE, format!("is {other:?}, only \"none\" and \"yarn\" are supported"))),
        }
    }

    fn experts(&self) -> Result<Option<Experts>, ModelError> {
        let routed = self.optional("expert_count", MAX_SIZE)?.unwrap_or(0) as usize;
        if routed == 0 {
            return Ok(None);
        }
        if self.arch != "deepseek2" {
            return Err(self.wrong("expert_count", format!("is {routed}, experts are supported in deepseek2 alone")));
        }
        let at_most = |key: &str, value: usize, max: usize, of: &str| {
            let problem = || self.wrong(key, format!("is {value}, of {max} {of}"));
            (value <= max).then_some(value).ok_or_else(problem)
        };
        let active = at_most("expert_used_count", self.size("expert_used_count")?, routed, "experts")?;
        let groups = self.size_or("expert_group_count", 1)?;
        if !routed.is_multiple_of(groups) {
            return Err(self.wrong("expert_group_count", format!("is {groups}, it should divide the {routed} experts")));
        }
        if groups > 1 && routed / groups < 2 {
            let problem =
                format!("is {groups}, of {routed} experts: a group is known by its two best, so it has two at least");
            return Err(self.wrong("expert_group_count", problem));
        }
        let kept = self.size_or("expert_group_used_count", groups)?;
        let groups_kept = at_most("expert_group_used_count", kept, groups, "groups")?;
        at_most("expert_used_count", active, routed / groups * groups_kept, "experts in the groups that are kept")?;
        let normalized = match self.get("expert_weights_norm") {
            None => false,
            Some(value) => value
                .as_bool()
                .ok_or_else(|| self.wrong("expert_weights_norm", format!("is {value}, it should be true or false")))?,
        };
        let score = match self.optional("expert_gating_func", MAX_SIZE)?.unwrap_or(0) {
            0 | 1 => Score::Softmax,
            SIGMOID => Score::Sigmoid,
            other => {
                return Err(
                    self.wrong("expert_gating_func", format!("is {other}, 1 (softmax) and 2 (sigmoid) are supported"))
                );
            }
        };
        let scale = self.float("expert_weights_scale")?.filter(|scale| *scale != 0.0).unwrap_or(1.0) as f32;
        Ok(Some(Experts {
            dense_layers: self.optional("leading_dense_block_count", MAX_SIZE)?.unwrap_or(0) as usize,
            routed,
            shared: self.optional("expert_shared_count", MAX_SIZE)?.unwrap_or(0) as usize,
            active,
            width: self.size("expert_feed_forward_length")?,
            groups,
            groups_kept,
            score,
            normalized,
            scale,
        }))
    }

    /// Every tensor that the configuration calls for, in its size and in a type that kernels take, and no other; those of
    /// layers that only predict further tokens are left alone.
    fn check_tensors(&self, config: &Config) -> Result<(), ModelError> {
        let split = (0..config.layers).filter_map(|layer| inventory::split_latent(config, layer));
        let split: Vec<[Entry; 2]> = split.filter(|parts| self.tensors.contains_key(&*parts[0].name)).collect();
        let whole = split.iter().map(|parts| parts[0].name.replace("attn_k_b", "attn_kv_b"));
        let absent: HashSet<String> = whole.filter(|name| !self.tensors.contains_key(name.as_str())).collect();
        let entries = inventory::tensors(config).filter(|entry| !absent.contains(&entry.name));
        let mut read = HashSet::new();
        for entry in entries.chain(split.into_iter().flatten()) {
            self.check(&entry)?;
            read.insert(entry.name);
        }
        // As the file has it, so that the message does not change from run to run.
        let predicts = |name: &str| {
            let layer = name.strip_prefix("blk.").and_then(|rest| rest.split_once('.')?.0.parse().ok());
            layer.is_some_and(|layer: u64| (config.layers as u64..self.blocks()).contains(&layer))
        };
        match self.file.tensors().iter().find(|info| !read.contains(&info.name) && !predicts(&info.name)) {
            Some(info) => {
                let (path, arch, name) = (self.file.path().to_owned(), self.arch.into(), info.name.clone());
                Err(ModelError::Extra { path, arch, name })
            }
            None => Ok(()),
        }
    }

    /// Layers that the file says it has, with those that only predict further tokens.
    fn blocks(&self) -> u64 {
        self.get("block_count").and_then(Value::as_u64).unwrap_or(0)
    }

    fn check(&self, entry: &Entry) -> Result<(), ModelError> {
        let Some(info) = self.tensors.get(&*entry.name) else {
            return self.file.tensor(&entry.name).map(drop); // the error that names the closest
        };
        let (cols, rows) = (entry.dims[0], entry.dims[1..].iter().product::<usize>());
        if (info.rows, info.cols) != (rows, cols) {
            return Err(self.shape_error(info, format!("{rows}×{cols}, by the file's hyperparameters")));
        }
        if !info.dtype.is_supported() {
            return self.file.tensor(&entry.name).map(drop);
        }
        Ok(())
    }

    fn shape_error(&self, info: &TensorInfo, expected: String) -> ModelError {
        let (path, name) = (self.file.path().to_owned(), info.name.clone());
        ModelError::Shape { path, name, found: format!("{}×{} {}", info.rows, info.cols, info.dtype), expected }
    }
}
