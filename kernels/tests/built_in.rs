//! The built-in model through the inference core: the text that its training script found it to tell, every sentence of which
//! is one of its grammar (models/train), with the plainest rungs and with the best.

use std::sync::Arc;

use kernels::core::{Core, Options, Sampler};
use kernels::model::ModelFile;
use kernels::model::config::Config;
use kernels::model::tokenizer::Tokenizer;

/// What the model makes of a prompt, up to where its story ends.
fn told(file: &Arc<ModelFile>, tokenizer: &Tokenizer, prompt: &str, rungs: &str) -> String {
    let options = Options { rungs: rungs.parse().unwrap(), ..Options::default() };
    let mut core = Core::open(file, Config::from_file(file).unwrap(), &options).unwrap();
    let mut tokens = tokenizer.prompt(prompt);
    core.feed(&tokens, &mut ()).unwrap();
    while tokens.len() < 250 {
        let token = core.next(&mut Sampler::greedy(), &mut ());
        if tokenizer.is_end(token) {
            break;
        }
        core.feed(&[token], &mut ()).unwrap();
        tokens.push(token);
    }
    tokenizer.decode(&tokens)
}

#[test]
fn it_tells_the_stories_that_it_was_found_to_tell() {
    let expected = include_str!("../../models/old-machines-278k.expected.json");
    let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
    let file = Arc::new(ModelFile::built_in().unwrap());
    let tokenizer = Tokenizer::from_file(&file).unwrap();
    for case in expected["greedy"].as_array().unwrap() {
        let (prompt, text) = (case["prompt"].as_str().unwrap(), case["text"].as_str().unwrap());
        for rungs in ["naive", "best"] {
            assert_eq!(told(&file, &tokenizer, prompt, rungs), text, "{prompt:?}, {rungs}");
        }
    }
}
