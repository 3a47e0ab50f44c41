//! What the inference core promises beside its results: a token allocates nothing.

use std::sync::Arc;

use harness::capped::budget;
use kernels::core::{Core, KvKind, Options, Sampler};
use kernels::model::ModelFile;
use kernels::model::config::Config;

/// Once warm, tokens go through with no byte left to allocate: an allocation would end this process. One test alone in its
/// process, so that nothing else allocates meanwhile.
#[test]
fn tokens_allocate_nothing() {
    let file = Arc::new(ModelFile::built_in().expect("the built-in model"));
    let config = Config::from_file(&file).expect("its hyperparameters");
    let mut cores: Vec<(Core, Sampler)> = Vec::new();
    for (rungs, kv) in [("naive", KvKind::F32), ("best", KvKind::F32), ("best", KvKind::Bf16)] {
        let options = Options { rungs: rungs.parse().expect("rungs"), kv, tokens: 64, ..Options::default() };
        let core = Core::open(&file, config.clone(), &options).expect("a core");
        cores.push((core, Sampler::new(0.8, 0.9, 7)));
    }
    let mut token = 1;
    for (core, sampler) in &mut cores {
        core.feed(&[1, 5, 9], &mut ()).expect("room");
        token = core.next(sampler, &mut ());
    }
    budget::limit(budget::allocated_bytes()).expect("what is allocated is within the limit");
    for (core, sampler) in &mut cores {
        for _ in 0..20 {
            core.feed(&[token], &mut ()).expect("room");
            token = core.next(sampler, &mut ());
        }
    }
    budget::limit(u64::MAX).expect("no limit");
    assert!(cores.iter().all(|(core, _)| core.position() == 23));
}
