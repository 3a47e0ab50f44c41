//! Sweeps whose answers are known: from the kernels' contracts, or from the roofline that they must follow.

use kernels::KERNELS;

use super::contest::{contests, time_ns};
use super::*;
use crate::plan::Plan;
use crate::profile::{Hardware, Profile, find};
use crate::record::{Environment, Outcome};

fn gates() -> Gates {
    Gates::new(Environment::build("test", 1))
}

fn swept(filter: &str, machine: &str, vary: &[&str], points: usize) -> Sweep {
    let plan = Plan::select(Some(filter)).expect("matches");
    let contest = contests(&plan, false).remove(0);
    let figures: Vec<Vary> = vary.iter().map(|v| v.parse().expect("a range")).collect();
    sweep(&gates(), &find(machine).expect("built in").profile, &contest, &figures, points).expect("possible")
}

/// What DeepSeek's sizes give with caches in bf16 (kernels/src/mla_decode/mod.rs).
#[test]
fn absorbed_attention_wins_above_a_balance_of_3_4_operations_a_byte() {
    let sweep = swept(
        "mla_decode_bf16/deepseek-v2-lite/t4096/(absorbed_online|expanded_simd)$",
        "ryzen-9-5950x",
        &["memory.bandwidth_gb_s=2..200"],
        9,
    );
    let [crossing] = sweep.crossings[..] else { panic!("{:?}", sweep.crossings) };
    let balance = crossing.balance.expect("the bandwidth varies");
    assert!((3.4 * 0.75..3.4 * 1.25).contains(&balance), "{balance}");
    let sentence = sweep.sentence(&crossing);
    assert!(sentence.starts_with("absorbed_online wins above") && sentence.contains("operations a byte"), "{sentence}");
    // Below what the ratio of two rungs was seen to be off by there is no order.
    let within = crate::profile::band::of_cpu_speedup();
    let ratio = |at: f64| {
        let point = sweep.points.iter().find(|p| p.at[0] == at).expect("a point");
        let [one, other] = [0, 1].map(|i| time_ns(&point.outcomes[i]).expect("timed"));
        (one / other).max(other / one)
    };
    for (point, there) in sweep.points.iter().map(|p| (p.at[0], ratio(p.at[0]))) {
        let sure =
            crossing.told_apart.iter().flatten().any(|at| if *at < crossing.at { point <= *at } else { point >= *at });
        assert_eq!(sure, there > within, "{point}: {there}, {:?}", crossing.told_apart);
    }
    assert_eq!(sweep.points.len(), 9);
}

/// An in-order core waits for memory and then computes, so the two add up: the formats tie where the bytes that one saves take as
/// long as the arithmetic that it costs.
#[test]
fn the_smaller_format_wins_until_the_bytes_that_it_saves_take_less_than_what_it_costs() {
    let (machine, range) = ("raspberry-pi-zero", "memory.bandwidth_gb_s=0.01..10");
    let sweep = swept("gemv_(q8|q6_k)/r1-distill-qwen-1.5b/ffn-down/integer$", machine, &[range], 13);
    let [crossing] = sweep.crossings[..] else { panic!("{:?}", sweep.crossings) };
    let of = |kernel: &str| sweep.contestants.iter().position(|c| c.starts_with(kernel)).expect("a contestant");
    let (small, large) = (of("gemv_q6_k"), of("gemv_q8"));
    assert_eq!((crossing.below, crossing.above), (Some(small), Some(large)));
    // With bandwidth to spare there is only arithmetic.
    let arithmetic_ns = |i: usize| time_ns(&sweep.points[12].outcomes[i]).expect("timed");
    let bytes = |name: &str| {
        let kernel = KERNELS.iter().find(|k| k.name() == name).expect("a kernel");
        let shape = kernel.shapes().into_iter().find(|s| s.name == "r1-distill-qwen-1.5b/ffn-down").expect("a shape");
        kernel.cost(&shape).bytes as f64
    };
    let predicted = (bytes("gemv_q8") - bytes("gemv_q6_k")) / (arithmetic_ns(small) - arithmetic_ns(large));
    assert!((0.75..1.25).contains(&(crossing.at / predicted)), "{} GB/s, predicted {predicted}", crossing.at);
}

#[test]
fn what_does_not_fit_has_no_time_and_the_model_is_asked_once_for_all_that_do() {
    let filter = "gemv_f32/r1-distill-qwen-1.5b/ffn-down/(naive|unrolled)$";
    let sweep = swept(filter, "pentium-iii-800", &["machine.memory_mib=8..1024"], 15);
    let [crossing] = sweep.crossings[..] else { panic!("{:?}", sweep.crossings) };
    // 1536 × 8960 f32 weights, and the vectors.
    let mib = (1536.0 * 8960.0 + 8960.0 + 1536.0) * 4.0 / (1 << 20) as f64;
    assert!(crossing.below.is_none() && (crossing.at / mib - 1.0).abs() < 0.02, "{crossing:?}, {mib} MiB");
    assert!(sweep.sentence(&crossing).starts_with("nothing runs below"), "{}", sweep.sentence(&crossing));
    // Two that fit or do not, and what bisection asked.
    assert!(sweep.modelled < 2 * 15, "{}", sweep.modelled);
    assert!(matches!(sweep.points[0].outcomes[0], Outcome::DoesNotFit { .. }));
}

#[test]
fn a_field_has_every_combination_and_is_the_same_twice() {
    let filter = "softmax/stories.*/(naive|unrolled|simd.*)$";
    let figures = ["memory.bandwidth_gb_s=1..16", "simd.f32_lanes=2..16"];
    let [one, two] = [(); 2].map(|()| swept(filter, "core-2-duo-e6600", &figures, 5));
    assert_eq!(one.points.len(), 5 * 4);
    assert!(one.crossings.is_empty());
    assert!(one.points.iter().zip(&two.points).all(|(a, b)| a.at == b.at && a.outcomes == b.outcomes));
    assert!(one.points.iter().all(|p| p.outcomes.iter().any(|o| time_ns(o).is_some())));
}

#[test]
fn what_nothing_depends_on_is_said() {
    let plan = Plan::select(Some("gemv_f32/stories")).expect("matches");
    let contest = contests(&plan, true).remove(0);
    let gpu = Hardware::select("a100").expect("built in").gpus.remove(0).profile;
    let vary = |text: &str| [text.parse::<Vary>().expect("a range")];
    let link = sweep(&gates(), &gpu, &contest, &vary("link.both_ways_gb_s=10..600"), 4).expect("possible");
    assert!(link.is_flat() && link.crossings.is_empty());
    let clock = sweep(&gates(), &gpu, &contest, &vary("machine.clock_mhz=200..2000"), 4).expect("possible");
    assert!(!clock.is_flat());
    // A figure that decides how accesses are counted is counted anew.
    let tags = sweep(&gates(), &gpu, &contest, &vary("l1.line_bytes=32..128"), 3).map(|s| s.points.len());
    assert!(tags.is_err() || tags.is_ok_and(|n| n > 0));
}

#[test]
fn a_swept_machine_that_cannot_be_is_an_error_that_says_why() {
    let plan = Plan::select(Some("softmax/stories.*/naive")).expect("matches");
    let contest = contests(&plan, false).remove(0);
    let base: Profile = find("ryzen-9-5950x").expect("built in").profile;
    let vary = ["cache[1].kib=1..16".parse::<Vary>().expect("a range")];
    let error = sweep(&gates(), &base, &contest, &vary, 3).expect_err("smaller than the first level").to_string();
    assert!(error.contains("cache[1].kib") && error.contains("grow"), "{error}");
}
