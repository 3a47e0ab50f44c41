//! Wrong variants must not pass: a small kernel whose ladder is one right rung and the mistakes that kernels are
//! made with.

use kernels::compare::dot_error_bound;
use kernels::input::{Buffer, Input};
use kernels::kernel::{
    Case, Contract, Cost, Entry, Kernel, RowReference, Rung, Shape, ShapeError, Tolerance, Variant, Width, Work,
};
use kernels::machine::traced::Counter;
use kernels::machine::{Isa, Machine};
use kernels::operand::Operand;

/// `y[r] = sum over c of w[r, c] x[c]`.
struct Dot;

struct Args<'a> {
    w: &'a [f32],
    x: &'a [f32],
    /// The outputs and the canary behind them: safe code cannot leave its slices, so the test gives a slice too long.
    y_and_beyond: &'a mut [f32],
    rows: usize,
}

struct Data {
    w: Buffer<f32>,
    x: Buffer<f32>,
    y: Buffer<f32>,
}

/// Sums one row in lanes; `skip` leading values and `tail` of the values after the last whole register are kept or not,
/// and only the first `lanes` lanes are summed.
#[inline(always)]
fn row<M: Machine>(m: M, w: &[f32], x: &[f32], skip: usize, tail: bool, lanes: usize) -> f32 {
    let [mut sum] = m.zeros();
    let main = m.steps(skip, x.len(), m.lanes());
    let rest = main.tail();
    for c in main {
        sum = m.mul_add(&m.load(w, c), &m.load(x, c), &sum);
    }
    let mut stored = [0.0; 16];
    m.store(&sum, &mut stored, 0);
    let tail = if tail { rest..x.len() } else { 0..0 };
    stored[..lanes].iter().sum::<f32>() + tail.map(|c| w[c] * x[c]).sum::<f32>()
}

macro_rules! rungs {
    ($($rung:ident = |$m:ident, $a:ident, $r:ident, $w:ident| $body:expr;)*) => {$(
        struct $rung;
        impl Rung<Dot> for $rung {
            #[inline(always)]
            fn run<M: Machine>($m: M, $a: Args<'_>) {
                for $r in 0..$a.rows {
                    let $w = &$a.w[$r * $a.x.len()..($r + 1) * $a.x.len()];
                    $body;
                }
            }
        }
    )*};
}

rungs! {
    Right = |m, a, r, w| a.y_and_beyond[r] = row(m, w, a.x, 0, true, m.lanes());
    NoTail = |m, a, r, w| a.y_and_beyond[r] = row(m, w, a.x, 0, false, m.lanes());
    LaneDropped = |m, a, r, w| a.y_and_beyond[r] = row(m, w, a.x, 0, true, m.lanes() - 1);
    FirstSkipped = |m, a, r, w| a.y_and_beyond[r] = row(m, w, a.x, 1, true, m.lanes());
    LastRowUnwritten = |m, a, r, w| {
        let y = row(m, w, a.x, 0, true, m.lanes());
        if r + 1 < a.rows { a.y_and_beyond[r] = y }
    };
    RowsSwapped = |m, a, r, w| a.y_and_beyond[r ^ 1] = row(m, w, a.x, 0, true, m.lanes());
    HalfPrecision = |m, a, r, w| {
        let x: Vec<f32> = a.x.iter().map(|&x| half::f16::from_f32(x).to_f32()).collect();
        a.y_and_beyond[r] = row(m, w, &x, 0, true, m.lanes())
    };
    Overrun = |m, a, r, w| {
        a.y_and_beyond[r] = row(m, w, a.x, 0, true, m.lanes());
        a.y_and_beyond[a.rows] = 0.0
    };
}

impl Contract for Dot {
    const NAME: &'static str = "dot";
    const ABOUT: &'static str = "for tests";
    const LADDER: &'static [Variant<Self>] = &[
        Variant::new::<Right>("right", Width::Any, ""),
        Variant::new::<NoTail>("no_tail", Width::Any, ""),
        Variant::new::<LaneDropped>("lane_dropped", Width::Any, ""),
        Variant::new::<FirstSkipped>("first_skipped", Width::Any, ""),
        Variant::new::<LastRowUnwritten>("last_row_unwritten", Width::Any, ""),
        Variant::new::<RowsSwapped>("rows_swapped", Width::Any, ""),
        Variant::new::<HalfPrecision>("half_precision", Width::Any, ""),
        Variant::new::<Overrun>("overrun", Width::Any, ""),
    ];
    type Data = Data;
    type Args<'a> = Args<'a>;

    fn shapes() -> Vec<Shape> {
        vec![]
    }
    fn test_shapes() -> Vec<Shape> {
        vec![]
    }
    fn dims(s: &Shape) -> String {
        format!("{}×{}", s.n, s.k)
    }
    fn cost(s: &Shape) -> Cost {
        let (n, k) = (s.n as u64, s.k as u64);
        Cost { operations: 2 * n * k, bytes: 4 * (n * k + n + k), work: Work::F32 }
    }
    fn tolerance(s: &Shape, partial_sums: usize) -> Tolerance {
        Tolerance { nmse: 1e-10, backward: dot_error_bound(s.k, partial_sums) }
    }
    fn prepare(s: &Shape, input: &Input) -> Result<Data, ShapeError> {
        let (w, x) = (input.values(0, s.n * s.k, 1.0), input.values(1, s.k, 1.0));
        Ok(Data { w, x, y: Buffer::zeroed(s.n) })
    }
    fn args(d: &mut Data) -> Args<'_> {
        let rows = d.y.as_slice().len();
        Args { w: d.w.as_slice(), x: d.x.as_slice(), y_and_beyond: d.y.with_canary_mut(), rows }
    }
    fn operands(d: &mut Data) -> Vec<Operand<'_>> {
        vec![Operand::Input(&mut d.w), Operand::Input(&mut d.x), Operand::Output(&mut d.y)]
    }
    fn rows(s: &Shape) -> usize {
        s.n
    }
    fn reference(d: &Data, row: usize) -> RowReference {
        let x = d.x.as_slice();
        let terms = d.w.as_slice()[row * x.len()..].iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x));
        RowReference { values: vec![terms.clone().sum()], magnitudes: vec![terms.map(f64::abs).sum()] }
    }
    fn output(d: &Data, row: usize) -> Vec<f32> {
        vec![d.y.as_slice()[row]]
    }
}

/// What the gate says of a variant, by name, after a native and after a traced run.
fn failures(name: &str) -> Vec<Option<String>> {
    let kernel = Entry::<Dot>::new();
    let v = kernel.variants().iter().position(|about| about.name == name).expect("a rung of the ladder");
    let verdict = |run: &dyn Fn(&mut dyn Case)| {
        // Twelve rows, and a column count with a tail of one for any number of lanes.
        let mut case = kernel.prepare(&Shape::new("test", 1, 12, 1009), &Input::typical(1)).expect("it fits");
        case.poison();
        run(&mut *case);
        case.verify(v, 8).failure
    };
    let mut failures = vec![verdict(&|case| case.run(v, Isa::Portable).expect("every host has it"))];
    if cfg!(feature = "traced") {
        failures.push(verdict(&|case| case.trace(v, &Counter::default(), 8).expect("eight lanes exist")));
    }
    failures
}

#[test]
fn the_right_variant_passes() {
    assert!(failures("right").iter().all(Option::is_none));
}

#[test]
fn wrong_values_are_caught() {
    for name in ["no_tail", "lane_dropped", "first_skipped", "rows_swapped", "half_precision"] {
        for failure in failures(name) {
            // By either measure: few rows of noise pass the one and fail the other.
            assert!(failure.as_ref().is_some_and(|f| f.contains("tolerance")), "{name}: {failure:?}");
        }
    }
}

#[test]
fn an_output_never_written_is_caught() {
    for failure in failures("last_row_unwritten") {
        assert!(failure.as_ref().is_some_and(|f| f.contains("[11, 0] is NaN")), "{failure:?}");
    }
}

#[test]
fn a_write_beyond_the_outputs_is_caught() {
    for failure in failures("overrun") {
        assert!(failure.as_ref().is_some_and(|f| f.contains("canary")), "{failure:?}");
    }
}
