//! The GPU model against published measurements: what the project claims of its error.

use harness::profile::{GpuProfile, Loaded};
use harness::published::predict::predict;
use harness::published::{fit, gaps, rows, score};
use harness::record::Bound;

#[test]
fn decoding_is_predicted_within_a_fifth_and_the_constants_are_those_fitted() {
    let machines = Loaded::<GpuProfile>::embedded().expect("profiles");
    let predicted = predict(rows().expect("rows"), &machines).expect("every row names what is there");
    let kept = gaps().expect("the constants read");
    assert_eq!(kept, fit::all(&predicted), "retrobench study published --fit -o csv > profiles/published/gpu-gaps.csv");
    let decode = || predicted.iter().filter(|p| p.row.group == "decode");
    let gap = |p: &harness::published::predict::Predicted| kept.get(&p.generation).map_or(p.launch_ns, |k| k.gap_ns);
    let errors: Vec<f64> = decode().filter_map(|p| p.error(gap(p))).collect();
    let mape = score::mape(&errors).expect("rows of decoding");
    assert!(mape <= 20.0, "{mape} %");
    assert!(errors.len() >= 30, "{} rows", errors.len());
    let without_it = fit::left_out(&predicted, |p, q| p.row.id == q.row.id);
    assert!(score::mape(&without_it).expect("rows") <= 20.0, "{without_it:?}");
    let pairs: Vec<(f64, f64)> = decode().filter_map(|p| Some((p.row.measured, p.value(gap(p))?))).collect();
    assert!(score::spearman(&pairs).expect("rows") >= 0.9, "{pairs:?}");

    // FlashMLA's attention: what binds with few heads is known, while a warp's matrices come through its registers and not,
    // as on Hopper, from workgroup memory straight to the units.
    let attention = predicted.iter().filter(|p| p.row.group == "flashmla");
    let attention: Vec<_> = attention.filter_map(|p| Some((p, p.error(0.0)?))).collect();
    assert_eq!(attention.len(), 3);
    for (p, error) in attention {
        let bound = p.prediction.bound(0.0).expect("it has an error");
        let by_bytes = p.row.unit == "GB/s";
        let expected = if by_bytes { -0.1..=0.1 } else { -0.4..=0.0 };
        assert!(expected.contains(&error), "{}: {error}", p.row.id);
        assert_eq!(bound == Bound::MemoryBandwidth, by_bytes, "{}: {bound:?}", p.row.id);
    }
}
