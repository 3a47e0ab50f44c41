//! Sums of kernels: models with latent attention and experts on processors and GPUs, and the rung that is fastest with what
//! comes beside it.

use kernels::kernel::Shape;
use kernels::model::config::Attention;
use kernels::model::{Dtype, published};

use super::*;
use crate::gate::Gate;

/// The kernel of latent attention.
const MLA: &str = "mla_decode";

/// Small, with all the parts of a published model; the widths of its heads follow from the latent's, as in those.
fn small(name: &str) -> Config {
    let mut config = published::named(name).expect("published");
    (config.hidden, config.ffn, config.vocab) = (256, 512, 320);
    let Attention::Latent { query_rank, .. } = config.attention else { panic!("{name} has no latents") };
    let query_rank = query_rank.map(|_| 64);
    config.attention = Attention::Latent { heads: 4, query_rank, latent: 64, nope: 16, rope: 8, value: 16 };
    let experts = config.experts.as_mut().expect("experts");
    (experts.routed, experts.width) = (16, 256);
    config.layers = experts.dense_layers + 1;
    config
}

/// Verdicts that tests of several models share.
#[derive(Default)]
struct Gates {
    variants: Gate,
    shaders: ShaderGate,
}

impl Gates {
    fn steps(&self, config: &Config, dtype: Dtype, tokens: usize, hw: &str) -> Vec<Step> {
        let environment = Environment::build("test", 1);
        let context = Context { gate: &self.variants, environment: &environment };
        let machines = Hardware::select(hw).expect("built-in profiles");
        steps(&context, &self.shaders, config, &Types::uniform(dtype), tokens, &machines).expect("a step")
    }
}

fn ns(step: &Step) -> f64 {
    match &step.record.outcome {
        Outcome::Timed(timing) => timing.time_ns,
        other => panic!("{} {}: {other:?}", step.record.machine.id, step.record.dims),
    }
}

fn calls<'a>(step: &'a Step, kernel: &str) -> Vec<&'a Part> {
    step.parts.iter().filter(|part| part.record.kernel == kernel).collect()
}

#[test]
fn latent_attention_and_experts_run_on_gpus() {
    let gates = Gates::default();
    for (name, gate) in [("deepseek-v2-lite", "softmax"), ("deepseek-v3", "moe_gate")] {
        for (dtype, experts) in [
            (Dtype::F32, "moe_ffn_f32"),
            (Dtype::Bf16, "moe_ffn_bf16"),
            (Dtype::F16, "gemv_f16"),
            (Dtype::Q4K, "gemv_q4_k"),
        ] {
            let config = small(name);
            let steps = gates.steps(&config, dtype, 40, "geforce-8800-gtx,h800");
            assert_eq!(steps.len(), 4, "{name} {dtype}");
            for pair in steps.chunks(2) {
                assert!(ns(&pair[0]) >= ns(&pair[1]), "{name} {dtype} on {}", pair[0].record.machine.id);
                for step in pair {
                    let sum: f64 = step.parts.iter().map(part_ns).sum();
                    assert!(((sum + step.host_ns) / ns(step) - 1.0).abs() < 1e-9);
                    let Outcome::Timed(timing) = &step.record.outcome else { panic!("{:?}", step.record.outcome) };
                    let shares: f64 = timing.shares.iter().map(|s| s.1).sum();
                    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
                    assert!(step.host_ns > 0.0 && timing.low_ns < timing.time_ns && timing.time_ns < timing.high_ns);
                    for kernel in [MLA, gate, experts, "rope", "rmsnorm"] {
                        assert!(!calls(step, kernel).is_empty(), "{name} {dtype}: no {kernel}");
                    }
                    let attention: usize = calls(step, MLA).iter().map(|part| part.times).sum();
                    assert_eq!(attention, config.layers);
                }
            }
        }
    }
}

/// Which form of latent attention is faster depends on the machine and on how many tokens are cached.
#[test]
fn steps_attend_in_either_form() {
    let gates = Gates::default();
    let config = small("deepseek-v2-lite");
    let (mut expanded, mut absorbed) = (0, 0);
    for tokens in [2, 300] {
        for step in gates.steps(&config, Dtype::F16, tokens, "pentium-ii-350,ryzen-9-5950x,gtx-1080,h800") {
            let any = calls(&step, MLA).iter().any(|part| reads_expanded(&part.record));
            *(if any { &mut expanded } else { &mut absorbed }) += 1;
        }
    }
    assert!(expanded > 0 && absorbed > 4, "{expanded} steps expand, {absorbed} do not");
}

/// A file's tensors count in the types that they have.
#[test]
fn a_step_of_several_types_has_products_of_each() {
    let config = small("deepseek-v2-lite");
    let types = Types::uniform(Dtype::Q4K).with("output.weight", Dtype::Q6K).with("blk.0.ffn_down.weight", Dtype::Q8_0);
    let environment = Environment::build("test", 1);
    let gates = Gates::default();
    let context = Context { gate: &gates.variants, environment: &environment };
    let machines = Hardware::select("ryzen-9-5950x,h800").expect("built-in profiles");
    let steps = steps(&context, &gates.shaders, &config, &types, 9, &machines).expect("a step");
    assert_eq!(steps.len(), 4);
    for step in &steps {
        let shapes =
            |kernel: &str| calls(step, kernel).iter().map(|part| part.record.shape.clone()).collect::<Vec<_>>();
        assert!(shapes("gemv_q6_k").iter().all(|shape| shape.ends_with("/head")) && shapes("gemv_q6_k").len() == 1);
        assert!(shapes("gemv_q8").iter().any(|shape| shape.ends_with("/ffn-down")), "{:?}", shapes("gemv_q8"));
        assert!(shapes("gemv_q4_k").len() > 3);
        assert!(step.record.dims.contains("Q4_K+Q6_K+Q8_0"), "{}", step.record.dims);
    }
    let [q4k, mixed] = [&Types::uniform(Dtype::Q4K), &types].map(|types| cost(&config, types, 9).1);
    let more = config.vocab * config.hidden * (210 - 144) / 256 + config.ffn * config.hidden * (272 - 144) / 256;
    assert!((mixed as i64 - q4k as i64 - more as i64).abs() < 1000, "{q4k} and {mixed}, {more} more");
}

/// A record of a rung that takes so many ns.
fn record(kernel: &str, variant: &str, rung: u32, time_ns: f64) -> Record {
    let timing = Timing {
        time_ns,
        low_ns: time_ns,
        high_ns: time_ns,
        speedup: None,
        ratio_within: None,
        samples_ns: Vec::new(),
        warm: false,
        floor_ns: None,
        bound: None,
        shares: Vec::new(),
        paced_share: None,
        cycles: None,
        counts: None,
        nmse: 0.0,
        backward_error: 0.0,
    };
    Record {
        schema: SCHEMA,
        tier: Tier::Modelled,
        kernel: kernel.into(),
        shape: "test".into(),
        dims: String::new(),
        variant: variant.into(),
        rung,
        idea: String::new(),
        after: None,
        machine: machine(),
        outcome: Outcome::Timed(timing),
        cost: CostRef { operations: 1, bytes: 1 },
        caps: Vec::new(),
        environment: Environment::build("test", 1),
    }
}

fn machine() -> MachineRef {
    MachineRef {
        id: "test".into(),
        name: "test".into(),
        class: "retro".into(),
        year: None,
        profile_hash: None,
        isa: "scalar".into(),
        threads: 1,
        peak_ops_per_s: None,
        peak_bytes_per_s: None,
    }
}

#[test]
fn expanded_caches_are_read_where_those_of_all_layers_fit() {
    let config = small("deepseek-v2-lite");
    let environment = Environment::build("test", 1);
    let (needs, expanded_needs) = (10.0, 20.0);
    let types = Types::uniform(Dtype::F32);
    let whole = Whole { config: &config, types: &types, tokens: 9, environment: &environment, needs, expanded_needs };
    let all = [Operation { kernel: MLA, shape: Shape::new("test", 1, 1, 1), times: 3 }];
    let attention =
        vec![record(MLA, "naive", 0, 100.0), record(MLA, "expanded", 1, 10.0), record(MLA, "absorbed", 2, 15.0)];
    let chosen = |memory: f64| {
        let steps = whole.on(&all, std::slice::from_ref(&attention), &machine(), memory, 0.0);
        let rungs: Vec<String> = steps[1].parts.iter().map(|part| part.record.variant.clone()).collect();
        (steps.iter().map(ns).collect::<Vec<_>>(), rungs.join(" "))
    };
    assert_eq!(chosen(30.0), (vec![300.0, 30.0], "expanded".into()));
    assert_eq!(chosen(15.0), (vec![300.0, 45.0], "absorbed".into()));
}

#[test]
fn what_fits_nowhere_is_said_and_not_laid_out() {
    let v3 = published::named("deepseek-v3").expect("V3");
    // All experts count, though a token meets 8 of 256.
    for (dtype, gib) in [(Dtype::F32, 2490.0), (Dtype::Q4_0, 350.0)] {
        let steps = Gates::default().steps(&v3, dtype, 64, "i486dx2-66,h800");
        assert_eq!(steps.len(), 4);
        for step in steps {
            let Outcome::DoesNotFit { reason } = &step.record.outcome else { panic!("{:?}", step.record.outcome) };
            let needs = reason.split(' ').nth(1).and_then(|mib| mib.parse::<f64>().ok()).expect("MiB");
            assert!((needs / 1024.0 / gib - 1.0).abs() < 0.01, "{dtype}: {reason}");
        }
    }
}
