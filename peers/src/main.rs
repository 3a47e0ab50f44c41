//! The GEMM ladders beside `faer` and `matrixmultiply`, which know f32 alone, one thread, in one process.
//!
//! A package outside the workspace, so that nothing else ever builds the peers. From this folder:
//!
//! ```text
//! cargo run --release [-- ROUNDS [SHAPE [RUNG]]]   # default 15 rounds, every shape and rung; SHAPE and RUNG are parts of names
//! ```
//!
//! Every round runs each contestant once, starting with another one each time; a ratio is the median over rounds of
//! (peer's time / our time) within one round, so above 1 we are faster. Operands stay where they are between rounds for
//! all alike. GFLOP/s are the best and the median round; `peak` is a loop of independent AVX-512 multiply-adds.

use std::time::Instant;

use faer::linalg::matmul::matmul;
use faer::mat::{MatMut, MatRef};
use faer::{Accum, Par};
use kernels::KERNELS;
use kernels::input::{Buffer, Input};
use kernels::kernel::{Case, Kernel, Shape};
use kernels::machine::Isa;

/// Our contestants: kernel, variant and machine.
const RUNGS: [(&str, &str, Isa); 10] = [
    ("gemm_f32", "register_tile", Isa::Avx512),
    ("gemm_f32", "packed", Isa::Avx2),
    ("gemm_f32", "packed", Isa::Avx512),
    ("gemm_f32", "wide_tile", Isa::Avx2),
    ("gemm_f32", "wide_tile", Isa::Avx512),
    ("gemm_f32", "x86_avx512", Isa::Avx512),
    ("gemm_bf16", "packed", Isa::Avx512),
    ("gemm_bf16", "wide_tile", Isa::Avx512),
    ("gemm_bf16", "x86_avx512", Isa::Avx512),
    ("gemm_bf16", "x86_bf16", Isa::Avx512),
];
/// Runs of one contestant in a round last at least this long.
const ROUND_SECONDS: f64 = 0.02;

/// The operands of the peers.
struct Operands {
    m: usize,
    n: usize,
    k: usize,
    a: Buffer<f32>,
    b: Buffer<f32>,
    c: Buffer<f32>,
}

impl Operands {
    fn faer(&mut self) {
        let (m, n, k) = (self.m, self.n, self.k);
        let a = MatRef::from_row_major_slice(self.a.as_slice(), m, k);
        let b = MatRef::from_row_major_slice(self.b.as_slice(), k, n);
        let c = MatMut::from_row_major_slice_mut(self.c.as_mut_slice(), m, n);
        matmul(c, Accum::Replace, a, b, 1.0f32, Par::Seq);
    }

    fn matrixmultiply(&mut self) {
        let (m, n, k) = (self.m, self.n, self.k);
        let (a, b, c) = (self.a.as_slice(), self.b.as_slice(), self.c.as_mut_slice());
        assert!(a.len() == m * k && b.len() == k * n && c.len() == m * n);
        let (rows_k, rows_n) = (k as isize, n as isize);
        // SAFETY: the pointers cover the sizes just asserted, row-major without gaps.
        unsafe {
            let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
            matrixmultiply::sgemm(m, k, n, 1.0, a, rows_k, 1, b, rows_n, 1, 0.0, c, rows_n, 1);
        }
    }
}

/// One line of the table.
struct Contestant<'a> {
    name: String,
    run: Box<dyn FnMut() + 'a>,
    runs_per_round: usize,
    seconds: Vec<f64>,
}

impl<'a> Contestant<'a> {
    fn new(name: impl Into<String>, mut run: impl FnMut() + 'a) -> Self {
        run();
        let start = Instant::now();
        run();
        let once = start.elapsed().as_secs_f64();
        let runs_per_round = (ROUND_SECONDS / once).ceil().max(1.0) as usize;
        Self { name: name.into(), run: Box::new(run), runs_per_round, seconds: Vec::new() }
    }

    fn round(&mut self) {
        let start = Instant::now();
        for _ in 0..self.runs_per_round {
            (self.run)();
        }
        self.seconds.push(start.elapsed().as_secs_f64() / self.runs_per_round as f64);
    }

    /// Median over rounds of the other's time over this one's.
    fn faster_than(&self, other: &Self) -> f64 {
        median(self.seconds.iter().zip(&other.seconds).map(|(own, other)| other / own))
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// 24 independent chains of AVX-512 multiply-adds; returns operations done, 0 where there is no AVX-512.
fn peak() -> f64 {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::*;
        const STEPS: usize = 200_000;
        #[target_feature(enable = "avx512f")]
        fn chains() {
            let mut acc = [_mm512_set1_ps(1.0); 24];
            let (x, y) = std::hint::black_box((_mm512_set1_ps(0.5), _mm512_set1_ps(0.5)));
            for _ in 0..STEPS {
                for a in &mut acc {
                    *a = _mm512_fmadd_ps(*a, x, y);
                }
            }
            std::hint::black_box(acc);
        }
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the feature was just detected.
            unsafe { chains() };
            return (STEPS * 24 * 32) as f64;
        }
    }
    0.0
}

fn listed(name: &str) -> &'static dyn Kernel {
    *KERNELS.iter().find(|k| k.name() == name).expect("the kernel is listed")
}

fn compare(shape: &Shape, rounds: usize, only: &str) {
    let gemm = listed("gemm_f32");
    let input = Input::typical(1);
    let (m, n, k) = (shape.m, shape.n, shape.k);
    let operands = || Operands {
        m,
        n,
        k,
        a: input.values(1, m * k, 1.0),
        b: input.values(0, k * n, 1.0),
        c: Buffer::zeroed(m * n),
    };
    let (mut for_faer, mut for_matrixmultiply) = (operands(), operands());
    let mut cases: Vec<(String, usize, Isa, Box<dyn Case>)> = Vec::new();
    for (kernel, name, isa) in RUNGS.iter().filter(|r| format!("{} {}", r.0, r.1).contains(only)) {
        let kernel = listed(kernel);
        let found = kernel.variants().iter().position(|v| v.name == *name);
        if let (Some(v), true) = (found, isa.available()) {
            let mut case = kernel.prepare(shape, &input).expect("it fits");
            if case.run(v, *isa).is_ok() {
                cases.push((format!("{} {name} ({})", kernel.name(), isa.name()), v, *isa, case));
            }
        }
    }
    let mut contestants = vec![
        Contestant::new("faer", || for_faer.faer()),
        Contestant::new("matrixmultiply", || for_matrixmultiply.matrixmultiply()),
    ];
    for (name, v, isa, case) in &mut cases {
        contestants.push(Contestant::new(name.clone(), move || case.run(*v, *isa).expect("available")));
    }
    let mut peaks: Vec<f64> = Vec::new();
    for round in 0..rounds {
        let start = Instant::now();
        peaks.push(peak() / start.elapsed().as_secs_f64() * 1e-9);
        for i in 0..contestants.len() {
            let at = (i + round) % contestants.len();
            contestants[at].round();
        }
    }

    let operations = gemm.cost(shape).operations as f64;
    let peak = median(peaks.into_iter());
    println!("{} ({}), {rounds} rounds, peak {peak:.0} GFLOP/s", shape.name, gemm.dims(shape));
    println!(
        "  {:<32} {:>6} {:>7} {:>7} {:>9} {:>18}",
        "", "best", "median", "of peak", "vs faer", "vs matrixmultiply"
    );
    for c in &contestants {
        let gflops = |seconds: f64| operations / seconds * 1e-9;
        let best = gflops(c.seconds.iter().copied().fold(f64::INFINITY, f64::min));
        let typical = gflops(median(c.seconds.iter().copied()));
        let (faer, mm) = (c.faster_than(&contestants[0]), c.faster_than(&contestants[1]));
        let of_peak = 100.0 * typical / peak;
        println!("  {:<32} {best:>6.1} {typical:>7.1} {of_peak:>6.0}% {faer:>9.3} {mm:>18.3}", c.name);
    }
    drop(contestants);
    for (name, v, isa, case) in &mut cases {
        let verdict = case.verify(*v, isa.lanes());
        assert!(verdict.passed(), "{name}: {:?}", verdict.failure);
    }
    let pairs = for_faer.c.as_slice().iter().zip(for_matrixmultiply.c.as_slice());
    let difference = pairs.map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-2 * k as f32, "the peers differ by {difference}");
}

fn main() {
    let rounds = std::env::args().nth(1).map_or(15, |r| r.parse().expect("ROUNDS is a number"));
    let only = std::env::args().nth(2).unwrap_or_default();
    let rung = std::env::args().nth(3).unwrap_or_default();
    for shape in listed("gemm_f32").shapes().iter().filter(|s| s.name.contains(&only)) {
        compare(shape, rounds, &rung);
    }
}
