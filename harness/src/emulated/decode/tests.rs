//! The step in whole numbers beside f64, and on every machine.

use super::model::{Matrix, Sizes};
use super::step::{Operations, Place};
use super::*;
use crate::profile::Sheet;

/// The operations as they are meant, without a machine.
struct Exact;

impl Operations for Exact {
    type Error = std::convert::Infallible;

    fn product(&mut self, _: Place, w: &Matrix, x: &[i8]) -> Result<Vec<i32>, Self::Error> {
        Ok(step::product(w, x))
    }
    fn norm(&mut self, x: &[i8], w: &[i8]) -> Result<Vec<i8>, Self::Error> {
        Ok(kernels::rmsnorm_fixed::reference::row(x, w).values.iter().map(|y| y.round() as i8).collect())
    }
    fn softmax(&mut self, x: &[i8], n: usize) -> Result<Vec<i32>, Self::Error> {
        let row = |x: &[i8]| kernels::softmax_fixed::reference::row(x).values;
        Ok(x.chunks(n).flat_map(row).map(|y| y.round() as i32).collect())
    }
    fn narrow(&mut self, sums: &[i32], shift: u8) -> Result<Vec<i8>, Self::Error> {
        Ok(step::narrow(sums, shift))
    }
    fn add(&mut self, residual: &[i32], sums: &[i32], shift: u8) -> Result<Vec<i32>, Self::Error> {
        Ok(step::add(residual, sums, shift))
    }
    fn rope(&mut self, x: &[i8], turn: &[i8]) -> Result<Vec<i8>, Self::Error> {
        Ok(step::rope(x, turn))
    }
    fn swiglu(&mut self, gate: &[i8], up: &[i8], silu: &[i8]) -> Result<Vec<i8>, Self::Error> {
        Ok(step::swiglu(gate, up, silu))
    }
}

fn nmse(truth: &[f64], got: &[i32]) -> f64 {
    let error: f64 = truth.iter().zip(got).map(|(t, y)| (t - f64::from(*y)).powi(2)).sum();
    error / truth.iter().map(|t| t * t).sum::<f64>()
}

fn plain(seed: u64, position: usize) -> Model {
    Model::seeded(&Sizes::stories260k(), seed, position)
}

/// The time of a step and what was streamed.
fn timed(model: &Model, profile: &Emulated, ternary: bool, way: usize) -> Result<Timing, Stopped> {
    super::timed(model, profile, ternary, &WAYS[way]).map(|(timing, _)| timing)
}

#[test]
fn whole_numbers_stay_near_f64_and_other_weights_do_not() {
    let sizes = Sizes::stories260k();
    let others = Sizes { name: "others".into(), hidden: 192, heads: 4, kv_heads: 2, head: 16, ..sizes.clone() };
    for seed in 0..4 {
        for model in [plain(seed, 31), Model::ternary(&sizes, seed, 31), Model::seeded(&others, seed, 31)] {
            let Ok(logits) = step::step(&model, &mut Exact);
            let near = nmse(&reference::logits(&model), &logits);
            assert!(near < 0.5 * TOLERANCE.nmse, "seed {seed}, {}: {near}", model.sizes.name);
            assert!(nmse(&reference::logits(&plain(seed + 9, 31)), &logits) > 1.0);
        }
    }
}

#[test]
fn what_a_step_reads_is_counted() {
    let model = plain(1, 31);
    // Per layer 2 x 64x64, 2 x 32x64, 3 x 172x64; 512x64 at the end.
    assert_eq!(model.weight_bytes(), 5 * (2 * 4096 + 2 * 2048 + 3 * 11_008) + 32_768);
    assert_eq!(model.cache_bytes(), 5 * 2 * 32 * 32);
}

/// llama2.c compiled for a Commodore 64 with its weights in a RAM expansion takes about eight minutes a token on stories260K
/// (github.com/ytmytm/llama2.c64), nearly all of it in products of floating-point numbers: as our rung 0 has them.
#[test]
fn floating_point_on_the_commodore_takes_what_was_published() {
    let published_ns = 480e9;
    let text = include_str!("../../../../profiles/emulated/commodore-64.toml");
    let profile = Emulated::parse("commodore-64.toml", text).expect("a profile");
    let naive = timed(&plain(1, 31), &profile, false, 0).expect("it fits");
    let ratio = naive.time_ns / published_ns;
    assert!((0.5..2.0).contains(&ratio), "{ratio} of what was published");
}

#[test]
fn weights_on_a_disk_come_at_its_rate_where_it_holds_them() {
    let profile = |id: &str| {
        let (path, text) = Emulated::BUILT_IN.iter().find(|(path, _)| path.contains(id)).expect("built in");
        Emulated::parse(path, text).expect("a profile")
    };
    let model = plain(1, 3);
    let disk = profile("zx-spectrum").streaming_from(DISK).expect("it has a disk");
    let spent = timed(&model, &disk, false, 1).expect("it fits");
    let streamed = spent.cycles.expect("counted").streamed_bytes as f64 / disk.store().bytes_per_s.value;
    assert!(spent.time_ns > streamed * 1e9 && spent.time_ns < 4.0 * streamed * 1e9, "{} ns", spent.time_ns);
    let error = timed(&model, &profile("commodore").streaming_from(DISK).expect("it has a disk"), false, 1);
    assert!(error.expect_err("too small").to_string().contains("a store of 174080"));
    assert_eq!(profile("playstation").streaming_from(DISK), None);
}

#[test]
fn every_machine_does_a_step_or_says_what_does_not_fit() {
    for (path, text) in Emulated::BUILT_IN {
        let profile = Emulated::parse(path, text).expect("a profile");
        let short = plain(1, 3);
        let [naive, optimized] = [0, 1].map(|way| timed(&short, &profile, false, way).expect("it fits"));
        assert!(optimized.time_ns < naive.time_ns, "{path}: {} and {} ns", optimized.time_ns, naive.time_ns);
        assert_eq!(timed(&short, &profile, false, 1).expect("as before"), optimized, "{path}");
        // Keys and values of 16384 tokens are more than any of them has.
        let error = timed(&plain(1, 16_383), &profile, false, 1).expect_err("too long").to_string();
        assert!(error.contains("leave nothing of"), "{error}");
    }
}

/// A fifth of the bytes take a fifth of the tape's time, or less where some of them stay in memory.
#[test]
fn ternary_weights_take_less_of_the_tape_and_fit_where_bytes_do_not() {
    let profile = |id: &str| {
        let (path, text) = Emulated::BUILT_IN.iter().find(|(path, _)| path.contains(id)).expect("built in");
        Emulated::parse(path, text).expect("a profile")
    };
    let (model, ternary) = (plain(1, 3), Model::ternary(&Sizes::stories260k(), 1, 3));
    let spectrum = profile("zx-spectrum");
    let bytes = |t: &Timing| t.cycles.expect("counted").streamed_bytes;
    let [whole, packed] =
        [(&model, false), (&ternary, true)].map(|(m, ternary)| timed(m, &spectrum, ternary, 1).expect("it fits"));
    assert!(bytes(&packed) * 5 < bytes(&whole) && packed.time_ns * 5.0 < whole.time_ns, "{packed:?}");
    let disk = profile("commodore").streaming_from(DISK).expect("it has a disk");
    assert!(timed(&model, &disk, false, 1).is_err());
    let packed = timed(&ternary, &disk, true, 1).expect("it fits");
    let at_least = bytes(&packed) as f64 / disk.store().bytes_per_s.value * 1e9;
    assert!(packed.time_ns > at_least && packed.time_ns < 2.0 * at_least, "{} ns", packed.time_ns);
    assert!(programs::unpack(&profile("playstation")).is_none());
}

/// A disk or other weights are no gain of code: each has a rung 0 of its own.
#[test]
fn a_gain_is_over_the_same_weights_from_the_same_store() {
    let text = include_str!("../../../../profiles/emulated/zx-spectrum-48k.toml");
    let profile = Emulated::parse("zx-spectrum-48k.toml", text).expect("a profile");
    let machine = Loaded { hash: String::new(), profile };
    let environment = Environment::build("x", 1);
    let mut worth = Vec::new();
    for step in Step::all(3) {
        let records = cells(&environment, &step, &machine);
        let [naive, optimized] = &records[..] else { panic!("{} records", records.len()) };
        let (Outcome::Timed(n), Outcome::Timed(o)) = (&naive.outcome, &optimized.outcome) else {
            panic!("{records:?}")
        };
        assert_eq!((&naive.shape, naive.cost), (&optimized.shape, optimized.cost));
        let ratio = o.speedup.expect("rung 0 has a time").ratio;
        assert_eq!(ratio, n.time_ns / o.time_ns, "{}", naive.shape);
        worth.push((naive.shape.clone(), ratio));
    }
    let shapes: Vec<&str> = worth.iter().map(|(shape, _)| shape.as_str()).collect();
    let named = ["position-3", "position-3-disk"];
    assert_eq!(shapes[..2], named.map(|n| format!("stories260k/{n}")));
    assert_eq!(shapes[2..], named.map(|n| format!("stories260k-ternary/{n}")));
    // A tape takes nearly all of the time, whatever the code.
    assert!(worth[0].1 < 1.1 && worth[1].1 > worth[0].1, "{worth:?}");
}

#[test]
fn what_a_machine_lacks_for_a_step_is_said() {
    let text = include_str!("../../../../profiles/emulated/playstation.toml");
    let profile = Emulated::parse("playstation.toml", text).expect("a profile");
    let machine = Loaded { hash: String::new(), profile };
    for step in &Step::all(3)[1..] {
        for r in cells(&Environment::build("x", 1), step, &machine) {
            let Outcome::NotAvailable { reason } = &r.outcome else { panic!("{r:?}") };
            assert!(reason.contains(if step.ternary { "unpacks" } else { "disk" }), "{reason}");
        }
    }
}
