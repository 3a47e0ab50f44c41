//! Text to tokens and back, with the vocabulary that a model file (or llama2.c's `tokenizer.bin`) holds. The vocabulary stays
//! in the file; kept are two tables of numbers.
//!
//! - `vocabulary.rs` finds a token's bytes by its number and its number by its bytes
//! - `spm.rs` is sentencepiece's way (llama), `bpe.rs` byte pairs over words (qwen2, llama 3, deepseek), `words.rs` how text
//!   falls into those, `merge.rs` the greedy merging that both do
//! - `stream.rs` makes text of tokens one by one

mod bpe;
mod merge;
mod spm;
mod stream;
#[cfg(test)]
mod tests;
mod vocabulary;
mod words;

use std::path::Path;
use std::sync::Arc;

use super::error::ModelError;
use super::{ModelFile, Value};
use bpe::Bpe;
pub(crate) use bpe::letter;
use spm::Spm;
pub use stream::Stream;
use vocabulary::{Kind, Vocabulary};

/// A model's tokenizer.
#[derive(Debug)]
pub struct Tokenizer {
    vocabulary: Vocabulary,
    method: Method,
    begin: Option<u32>,
    prompt_begins: bool,
    ends: Vec<u32>,
}

#[derive(Debug)]
enum Method {
    Spm(Box<Spm>),
    Bpe(Box<Bpe>),
}

impl Tokenizer {
    /// That of a GGUF file's metadata: sentencepiece ("llama") or byte-level BPE ("gpt2").
    ///
    /// # Errors
    /// [`ModelError::Key`] with what is missing or wrong.
    pub fn from_file(file: &Arc<ModelFile>) -> Result<Self, ModelError> {
        const MODEL: &str = "tokenizer.ggml.model";
        let Some(model) = file.metadata(MODEL) else {
            let problem =
                "is missing, so this file has no tokenizer; name one (llama2.c's models have it in a file of its own)";
            return Err(file.key_error(MODEL, problem));
        };
        let vocabulary = Vocabulary::gguf(file)?;
        let method = match model.as_str() {
            Some("llama") => {
                let prefix = flag(file, "tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
                Method::Spm(Box::new(Spm::new(&vocabulary, "▁", prefix).with_control(&vocabulary)))
            }
            Some("gpt2") => Method::Bpe(Box::new(Bpe::new(file, &vocabulary)?)),
            _ => return Err(file.key_error(MODEL, format!("is {model}, \"llama\" and \"gpt2\" are supported"))),
        };
        let id = |name: &str| {
            let key = format!("tokenizer.ggml.{name}_token_id");
            let Some(value) = file.metadata(&key) else { return Ok(None) };
            let id = value.as_u64().and_then(|id| u32::try_from(id).ok()).filter(|id| *id < vocabulary.len());
            let problem = || file.key_error(&key, format!("is {value}, of {} tokens", vocabulary.len()));
            id.map(Some).ok_or_else(problem)
        };
        let begin = id("bos")?;
        let ends = [id("eos")?, id("eot")?, id("eom")?, begin].into_iter().flatten().collect();
        let by_default = match &method {
            Method::Spm(_) => true,
            Method::Bpe(bpe) => bpe.prompt_begins(),
        };
        let prompt_begins = flag(file, "tokenizer.ggml.add_bos_token")?.unwrap_or(by_default);
        // The tables have been made of the whole vocabulary, of which few strings will be looked at again.
        file.release_pages();
        Ok(Self { vocabulary, method, begin, prompt_begins, ends })
    }

    /// That of llama2.c's `tokenizer.bin`, for a model of so many tokens. Token 1 begins a text and 2 ends it.
    ///
    /// # Errors
    /// [`ModelError::Open`] when it cannot be mapped, [`ModelError::Parse`] when it is not such a file.
    pub fn llama2c(path: &Path, tokens: usize) -> Result<Self, ModelError> {
        let vocabulary = Vocabulary::llama2c(path, tokens)?;
        let method = Method::Spm(Box::new(Spm::new(&vocabulary, " ", true)));
        Ok(Self { vocabulary, method, begin: Some(1), prompt_begins: true, ends: vec![1, 2] })
    }

    /// The tokens of a text, nothing added.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        match &self.method {
            Method::Spm(spm) => spm.encode(&self.vocabulary, text),
            Method::Bpe(bpe) => bpe.encode(&self.vocabulary, text),
        }
    }

    /// The tokens of a prompt: those of its text after the one that begins a text, where the model was trained with it.
    pub fn prompt(&self, text: &str) -> Vec<u32> {
        self.begin.filter(|_| self.prompt_begins).into_iter().chain(self.encode(text)).collect()
    }

    /// Text of tokens that come one by one.
    pub fn stream(&self) -> Stream<'_> {
        Stream::new(self)
    }

    /// The text of tokens.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let mut stream = self.stream();
        let mut text: String = tokens.iter().map(|token| stream.push(*token)).collect();
        text.push_str(&stream.finish());
        text
    }

    /// Whether a text ends where the model says this token: its end, or another's begin.
    pub fn is_end(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// The token that begins a text.
    pub fn begin(&self) -> Option<u32> {
        self.begin
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.vocabulary.len() as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a token's bytes; control tokens have none.
    fn bytes(&self, token: u32, into: &mut Vec<u8>) {
        match (self.vocabulary.kind(token), &self.method) {
            (Kind::Control, _) => {}
            (Kind::Byte, _) => into.extend(self.vocabulary.byte(token)),
            (Kind::Custom, _) => into.extend(self.vocabulary.piece(token)),
            (Kind::Normal | Kind::Unknown, Method::Spm(spm)) => spm.bytes(self.vocabulary.piece(token), into),
            (Kind::Normal | Kind::Unknown, Method::Bpe(_)) => bpe::bytes(self.vocabulary.piece(token), into),
        }
    }

    /// Whether the text's first space was added by [`Tokenizer::encode`].
    fn adds_space(&self) -> bool {
        matches!(&self.method, Method::Spm(spm) if spm.adds_space())
    }
}

fn flag(file: &ModelFile, key: &str) -> Result<Option<bool>, ModelError> {
    match file.metadata(key) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(other) => Err(file.key_error(key, format!("is {other}, it should be true or false"))),
    }
}
