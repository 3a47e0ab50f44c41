//! Text from small models with seeded weights: what its tokens move, what is waited for, and what is emitted.

use std::io::Write;

use kernels::model::config::Attention;
use kernels::model::synth::Synth;
use kernels::model::{Dtype, inventory, published};

use super::*;

/// A model of two layers, a file of it.
struct Model {
    place: tempfile::NamedTempFile,
    file: Arc<ModelFile>,
    config: Config,
}

impl Model {
    fn new(types: &Types) -> Self {
        let mut config = published::named("r1-distill-llama-8b").expect("published");
        (config.hidden, config.ffn, config.vocab, config.layers, config.context) = (256, 512, 400, 2, 200);
        config.attention = Attention::Grouped { heads: 4, kv_heads: 2, width: 64, biases: false };
        let synth = Synth::of_types(&config, types, 1);
        let mut place = tempfile::NamedTempFile::new().expect("a file");
        place.write_all(&synth.head).expect("room");
        for piece in &synth.pieces {
            (0..piece.rows()).for_each(|row| place.write_all(&synth.row(piece, row)).expect("room"));
            place.write_all(&vec![0; piece.padding()]).expect("room");
        }
        let file = open(Some(place.path())).expect("a model");
        let config = Config::from_file(&file).expect("its hyperparameters");
        Self { place, file, config }
    }

    /// Bytes of the matrices that a token walks through, those of the file's own types.
    fn weights(&self) -> u64 {
        let tensors = self.file.tensors().iter().filter(|t| t.rows > 1 && t.name != "token_embd.weight");
        tensors.map(|t| t.byte_len().expect("a known type") as u64).sum()
    }

    fn job(&self) -> Job {
        Job {
            model: Some(self.place.path().to_owned()),
            tokenizer: None,
            prompt: "bafu do kalu 日".into(),
            steps: 4,
            temperature: 0.0,
            top_p: 0.9,
            seed: 1,
            rungs: "best".into(),
            kv: "f32".into(),
            threads: 1,
            batch: 4,
            in_place: false,
            memory_bytes: None,
            isas: Isa::EVERY.map(|isa| isa.name().to_string()).to_vec(),
            bytes_per_s: None,
            traced: false,
        }
    }

    /// Bytes of a token with `before` others in the cache.
    fn bytes_of_a_token(&self, kv: KvKind, before: usize) -> u64 {
        let options = Options { kv, batch: 1, ..Options::default() };
        let mut core = Core::open(&self.file, self.config.clone(), &options).expect("a core");
        core.feed(&vec![3; before], &mut ()).expect("room");
        let mut meter = Meter::default();
        core.feed(&[5], &mut meter).expect("room");
        core.next(&mut Sampler::greedy(), &mut meter);
        meter.bytes
    }
}

/// Of one type or of several, each tensor counts in its own; beside them a token moves little but its cache.
#[test]
fn a_token_moves_the_bytes_of_each_tensors_own_type() {
    let mixed = Types::uniform(Dtype::F32).with("blk.0.attn_q.weight", Dtype::Q8_0);
    let rest = ["attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"];
    let other = rest.iter().fold(Types::uniform(Dtype::F32), |types, name| {
        types.with(&format!("blk.0.{name}.weight"), Dtype::Q8_0).with(&format!("blk.1.{name}.weight"), Dtype::Q8_0)
    });
    for types in [Types::uniform(Dtype::F32), Types::uniform(Dtype::Q4K), mixed, other] {
        let model = Model::new(&types);
        let (moved, weights) = (model.bytes_of_a_token(KvKind::F32, 0), model.weights());
        let beside = moved.checked_sub(weights).expect("all weights are read");
        assert!(beside < 200_000, "{types}: {moved} bytes, of which {weights} are weights");
    }
    let model = Model::new(&Types::uniform(Dtype::Q8_0));
    let of = |kv| model.bytes_of_a_token(kv, 150) as f64 - model.bytes_of_a_token(kv, 0) as f64;
    let cached = |bytes: f64| 150.0 * (model.config.layers * model.config.attention.cached_values()) as f64 * bytes;
    for (kv, bytes) in [(KvKind::F32, 4.0), (KvKind::Bf16, 2.0), (KvKind::Q8, 34.0 / 32.0)] {
        assert!((of(kv) / cached(bytes) - 1.0).abs() < 0.1, "{}: {} and {}", kv.name(), of(kv), cached(bytes));
    }
}

#[test]
fn prompts_wait_for_their_bytes_batch_by_batch() {
    let model = Model::new(&Types::uniform(Dtype::Q8_0));
    let rate = 100e6;
    let job = Job { bytes_per_s: Some(rate), ..model.job() };
    let run = run(&job, &mut |_| Ok(())).expect("a text");
    let batches = run.prompt_tokens.div_ceil(job.batch);
    assert!(batches > 1 && run.prompt_waited_ns > 0.0);
    let least_ns = model.weights() as f64 / rate * 1e9;
    // The head takes part in the last batch alone.
    let head = model.config.vocab as f64 * model.config.hidden as f64 * 34.0 / 32.0 / rate * 1e9;
    assert!(run.prompt_ns >= batches as f64 * (least_ns - head) + head, "{} ns, {batches} batches", run.prompt_ns);
    assert!(run.token_ns.iter().all(|ns| *ns >= least_ns), "{:?}", run.token_ns);
}

/// Tokens that complete no character are emitted too: the pace of a machine is that of its tokens.
#[test]
fn every_token_is_emitted_with_the_text_that_it_completes() {
    let model = Model::new(&Types::uniform(Dtype::Q8_0));
    for steps in [0, 1, 9] {
        let mut pieces: Vec<String> = Vec::new();
        let job = Job { steps, ..model.job() };
        let run = run(&job, &mut |piece| {
            pieces.push(piece.into());
            Ok(())
        });
        let run = run.expect("a text");
        let generated = if steps > 0 { run.token_ns.len() + 1 } else { 0 };
        assert_eq!(pieces.len(), run.prompt_tokens + generated, "{pieces:?}");
        assert!(pieces.concat().starts_with(&job.prompt), "{pieces:?}");
        // The token that begins a text has none, nor have two of the three bytes of the last character.
        assert!(pieces[..run.prompt_tokens].iter().filter(|piece| piece.is_empty()).count() >= 3, "{pieces:?}");
    }
}

#[test]
fn copies_that_would_not_fit_are_not_made() {
    let model = Model::new(&Types::uniform(Dtype::Q4K));
    let (file, length) = (&model.file, model.file.byte_len());
    let copied = |rungs: &str, memory_bytes: Option<u64>| {
        let options = Options { rungs: rungs.parse().expect("rungs"), ..Options::default() };
        uncopied(file, &model.config, memory_bytes, &options).expect("rungs that there are")
    };
    assert_eq!((copied("best", None), copied("best", Some(4 * length))), (0, 0));
    let of_matrices = inventory::tensors(&model.config).map(|entry| entry.bytes(Dtype::Q4K)).sum::<u64>();
    assert!((of_matrices / 2..=length).contains(&copied("best", Some(length + length / 4))));
    // Rung 0 reads rows.
    assert_eq!(copied("naive", Some(1)), 0);
    // Whoever names a rung that reads copies has them.
    assert_eq!(copied("best,gemv_q4_k=interleaved", Some(length)), 0);
    let text = |job: &Job| {
        let mut text = String::new();
        let run = run(job, &mut |piece| {
            text.push_str(piece);
            Ok(())
        });
        (run.expect("a text").uncopied_bytes, text)
    };
    for (memory_bytes, uncopied) in [(None, false), (Some(length), true)] {
        let job = Job { memory_bytes, ..model.job() };
        let (bytes, text) = text(&job);
        assert!((bytes > 0) == uncopied && text.starts_with(&job.prompt), "{memory_bytes:?}: {bytes}, {text}");
    }
}
