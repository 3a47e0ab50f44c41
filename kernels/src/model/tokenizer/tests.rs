//! Tokenizers against the packages that define them: expectations of `tokenizers` (peers/core/vocabularies.py) and of
//! `sentencepiece` (models/train), and llama2.c's own text where its files are found.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Tokenizer;
use super::spm::Spm;
use crate::model::ModelFile;
use crate::model::synthetic::Gguf;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tokenizer").join(name)
}

fn ids(value: &serde_json::Value) -> Vec<u32> {
    value.as_array().expect("an array").iter().map(|id| id.as_u64().expect("a number") as u32).collect()
}

/// Text by single tokens, which must be what the whole gives.
fn streamed(tokenizer: &Tokenizer, tokens: &[u32]) -> String {
    let mut stream = tokenizer.stream();
    let text: String = tokens.iter().map(|token| stream.push(*token)).collect();
    text + &stream.finish()
}

#[test]
fn byte_pairs_are_those_of_the_package() {
    for family in ["llama-bpe", "qwen2", "deepseek-v3", "deepseek-llm"] {
        let file = Arc::new(ModelFile::open(&data(&format!("{family}.gguf"))).unwrap());
        let tokenizer = Tokenizer::from_file(&file).unwrap();
        let cases: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(data(&format!("{family}.json"))).unwrap()).unwrap();
        for case in cases.as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            assert_eq!(tokenizer.encode(text), ids(&case["ids"]), "{family}: {text:?}");
            assert_eq!(
                streamed(&tokenizer, &ids(&case["ids"])),
                case["decoded"].as_str().unwrap(),
                "{family}: {text:?}"
            );
        }
        assert!(tokenizer.is_end(tokenizer.encode("<|end|>")[0]), "{family}");
        // Files say where a prompt begins with a token. This one does not: of Llama 3 one does all the same, as in llama.cpp.
        let begins = tokenizer.prompt("x").strip_suffix(&tokenizer.encode("x")[..]).map(<[u32]>::to_vec);
        let begin = tokenizer.begin().filter(|_| family == "llama-bpe");
        assert_eq!(begins, Some(begin.into_iter().collect()), "{family}");
    }
}

/// llama.cpp's other names of Llama 3's rules.
#[test]
fn llama_3_has_several_names() {
    let tokenizer = |pre: &str, add: Option<bool>| {
        let tokens = ["a", "b", "ab", "<|begin|>"];
        let mut gguf = Gguf::new(3)
            .text("tokenizer.ggml.model", "gpt2")
            .text("tokenizer.ggml.pre", pre)
            .texts("tokenizer.ggml.tokens", &tokens)
            .texts("tokenizer.ggml.merges", &["b a"])
            .u32("tokenizer.ggml.bos_token_id", 3);
        if let Some(add) = add {
            gguf = gguf.flag("tokenizer.ggml.add_bos_token", add);
        }
        let place = tempfile::NamedTempFile::new().unwrap();
        fs::write(place.path(), gguf.finish().bytes).unwrap();
        Tokenizer::from_file(&Arc::new(ModelFile::open(place.path()).unwrap())).unwrap()
    };
    for pre in ["llama-bpe", "llama3", "llama-v3"] {
        // A word that is a token, though no merge makes it.
        assert_eq!(tokenizer(pre, None).prompt("ab"), [3, 2], "{pre}");
        assert_eq!(tokenizer(pre, Some(false)).prompt("ab"), [2], "{pre}");
    }
    assert_eq!(tokenizer("qwen2", None).prompt("ab"), [0, 1]);
    assert_eq!(tokenizer("qwen2", Some(true)).prompt("ab"), [3, 0, 1]);
}

/// A chat's turns, in sentencepiece's vocabulary: each text between them is one of its own, with a space before it.
#[test]
fn control_tokens_in_a_prompt_are_themselves() {
    let tokenizer = Tokenizer::from_file(&Arc::new(ModelFile::built_in().unwrap())).unwrap();
    let (first, second) = (tokenizer.encode("In 1982"), tokenizer.encode("the"));
    let chat = tokenizer.encode("<s>In 1982</s><s>the");
    assert_eq!(chat, [&[1][..], &first, &[2, 1], &second].concat());
    assert_eq!(tokenizer.encode("</s>"), [2]);
    assert!(tokenizer.encode("<s").len() > 1, "not whole, not a token");
}

#[test]
fn sentencepiece_is_that_of_the_package() {
    let tokenizer = Tokenizer::from_file(&Arc::new(ModelFile::built_in().unwrap())).unwrap();
    let expected = include_str!("../../../../models/old-machines-278k.expected.json");
    let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
    for case in expected["tokenizer"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        // The package spells control tokens out, which prompts do not.
        let spelled = Spm::new(&tokenizer.vocabulary, "▁", true).encode(&tokenizer.vocabulary, text);
        assert_eq!(spelled, ids(&case["ids"]), "{text:?}");
        let expected = if text == "<s>" { vec![1] } else { spelled.clone() };
        assert_eq!(tokenizer.encode(text), expected, "{text:?}");
        assert_eq!(tokenizer.decode(&spelled), text.replace('▁', " "), "{text:?}");
    }
    let prompt = tokenizer.prompt("In 1982, ");
    assert_eq!((prompt[0], tokenizer.begin()), (1, Some(1)));
    assert_eq!(streamed(&tokenizer, &prompt), "In 1982, ");
}

/// llama2.c's tokenizer and the text that its model tells; not part of the repository.
#[test]
fn llama2c() {
    let folder = std::env::var_os("RETROBENCH_MODELS_DIR").map_or_else(
        || Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/models")).to_owned(),
        PathBuf::from,
    );
    let path = folder.join("tok512.bin");
    if !path.exists() {
        println!("skipped: there is no {}; set RETROBENCH_MODELS_DIR to its folder", path.display());
        return;
    }
    let tokenizer = Tokenizer::llama2c(&path, 512).unwrap();
    let text = fs::read_to_string(folder.join("stories260K.expected.txt")).unwrap();
    let tokens = tokenizer.prompt(&text);
    assert_eq!((tokens[0], streamed(&tokenizer, &tokens)), (1, text.clone()));
    // The model writes a token for two characters and more, as its training text was tokenized.
    assert!(tokens.len() < text.len() / 2, "{} tokens for {} bytes", tokens.len(), text.len());
    // Of run.c with this file: "Zoo" has no token, and 日 none of its bytes but those of byte tokens, three above their value.
    assert_eq!(tokenizer.encode("日"), [tokenizer.encode(" x")[0], 0xe6 + 3, 0x97 + 3, 0xa5 + 3]);
    assert_eq!(tokenizer.decode(&tokenizer.encode("日 é🙂\n")), "日 é🙂\n");
    for tokens in [511, 513] {
        assert!(Tokenizer::llama2c(&path, tokens).is_err());
    }
}

#[test]
fn characters_wait_until_they_are_whole() {
    let file = Arc::new(ModelFile::built_in().unwrap());
    let tokenizer = Tokenizer::from_file(&file).unwrap();
    let byte = |b: u8| u32::from(b) + 3;
    let mut stream = tokenizer.stream();
    assert_eq!([0xe6, 0x97, 0xa5].map(|b| stream.push(byte(b))), ["", "", "日"]);
    assert_eq!([0xe6, b'x'].map(|b| stream.push(byte(b))), ["", "\u{fffd}x"]);
    assert_eq!([0xff, 0xf0, 0x9f].map(|b| stream.push(byte(b))), ["\u{fffd}", "", ""]);
    assert_eq!(stream.push(u32::MAX), "");
    assert_eq!(stream.finish(), "\u{fffd}");
}

#[test]
fn vocabularies_that_make_no_sense_say_why() {
    let open = |file: Gguf| {
        let place = tempfile::NamedTempFile::new().unwrap();
        fs::write(place.path(), file.finish().bytes).unwrap();
        Tokenizer::from_file(&Arc::new(ModelFile::open(place.path()).unwrap())).map(drop).unwrap_err().to_string()
    };
    let says = |file: Gguf, parts: &[&str]| {
        let error = open(file);
        assert!(parts.iter().all(|part| error.contains(part)) && !error.contains('\n'), "{error}");
    };
    let gguf = || Gguf::new(3);
    let model = |name: &str| gguf().text("tokenizer.ggml.model", name).texts("tokenizer.ggml.tokens", &["a", "b"]);
    says(gguf(), &["tokenizer.ggml.model", "is missing"]);
    says(model("bert"), &["is \"bert\", \"llama\" and \"gpt2\" are supported"]);
    says(gguf().text("tokenizer.ggml.model", "llama"), &["tokenizer.ggml.tokens", "is missing"]);
    says(model("gpt2"), &["tokenizer.ggml.pre", "is missing"]);
    says(model("gpt2").text("tokenizer.ggml.pre", "poro"), &["is \"poro\", supported are llama-bpe"]);
    says(model("gpt2").text("tokenizer.ggml.pre", "qwen2"), &["tokenizer.ggml.merges", "is missing"]);
    says(
        model("llama").kv("tokenizer.ggml.bos_token_id", 4, &2_u32.to_le_bytes()),
        &["bos_token_id", "is 2, of 2 tokens"],
    );
    says(model("llama").kv("tokenizer.ggml.add_bos_token", 4, &1_u32.to_le_bytes()), &["should be true or false"]);
    says(model("llama").texts("tokenizer.ggml.scores", &["a", "b"]), &["scores", "an array of numbers"]);
    let three = [&6_u32.to_le_bytes()[..], &3_u64.to_le_bytes(), &[0; 12]].concat();
    says(model("llama").kv("tokenizer.ggml.scores", 9, &three), &["has 3 items, for 2 tokens"]);
}
