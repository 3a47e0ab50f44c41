//! Where a model's weights are: in the mapped file alone, or in copies beside it too.

use std::fs;
use std::sync::Arc;

use harness::capped::budget;
use kernels::core::{Core, Options};
use kernels::model::config::{Attention, Config};
use kernels::model::synth::Synth;
use kernels::model::{Dtype, ModelFile, Types, published};

/// What opening takes beside the file, by type: little in place, and copies as large as was said, but for what lies beside
/// each. One test alone in its process, so that nothing else allocates meanwhile.
#[test]
fn weights_in_place_take_no_memory_beside_the_file() {
    let mut config = published::named("r1-distill-qwen-1.5b").expect("published");
    (config.hidden, config.ffn, config.vocab, config.layers, config.context) = (1024, 4096, 400, 1, 64);
    config.attention = Attention::Grouped { heads: 8, kv_heads: 2, width: 64, biases: true };
    for dtype in [Dtype::F32, Dtype::Bf16, Dtype::F16, Dtype::Q8_0, Dtype::Q4_0, Dtype::Q4K, Dtype::Q6K] {
        let synth = Synth::new(&config, dtype, 1);
        let mut bytes = synth.head.clone();
        for piece in &synth.pieces {
            (0..piece.rows()).for_each(|row| bytes.extend(synth.row(piece, row)));
            bytes.resize(bytes.len() + piece.padding(), 0);
        }
        let place = tempfile::NamedTempFile::new().expect("a file");
        fs::write(place.path(), &bytes).expect("room");
        drop(bytes);
        let file = Arc::new(ModelFile::open(place.path()).expect("a model"));
        let config = Config::from_file(&file).expect("its hyperparameters");
        let length = file.byte_len();
        let taken = |batch: usize, copies: bool| {
            let options = Options { batch, copies, ..Options::default() };
            let said = options.copied_bytes(&config, &Types::of_file(&file, &config)).expect("rungs");
            let before = budget::allocated_bytes();
            let core = Core::open(&file, config.clone(), &options).expect("a core");
            let taken = budget::allocated_bytes() - before;
            drop(core);
            (taken, said)
        };
        // Room for a token's values and the cache, whatever the weights are.
        let (room, said) = taken(1, false);
        assert!(room < length / 3 && said == 0, "{dtype}: {room} of {length} bytes in place");
        for batch in [1, 23, 24] {
            let ((with, said), (without, none)) = (taken(batch, true), taken(batch, false));
            let copied = with - without;
            // Seven matrices between canaries of at most 192 groups, each of sixteen rows' blocks.
            let group = 16
                * match dtype {
                    Dtype::Q8_0 => 34,
                    Dtype::Q4_0 => 18,
                    Dtype::Q4K => 148,
                    Dtype::Q6K => 210,
                    _ => 1,
                };
            let apart = length / 20 + 7 * 192 * group;
            assert!(none == 0 && copied.abs_diff(said) <= apart, "{dtype} by {batch}: {copied}, said {said}");
            let of_prompts = batch >= 24 && dtype != Dtype::F16;
            let interleaved = [Dtype::Q4_0, Dtype::Q4K, Dtype::Q6K].contains(&dtype);
            assert_eq!(said > length / 2, of_prompts || interleaved, "{dtype} by {batch}: {said} of {length}");
        }
    }
}
