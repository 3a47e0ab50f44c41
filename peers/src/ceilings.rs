//! What this host can do at most, to hold the table's figures against.

use std::time::Instant;

use rayon::prelude::*;

use crate::host::Host;

/// One line: multiply-adds of one core, and what the threads read together from memory.
pub fn line(host: &Host) -> String {
    let best = |run: &dyn Fn() -> f64| {
        let rate = || {
            let start = Instant::now();
            run() / start.elapsed().as_secs_f64() * 1e-9
        };
        (0..7).map(|_| rate()).fold(0.0, f64::max)
    };
    let memory = vec![1u64; 32 << 20];
    let read = || {
        let part = memory.len().div_ceil(host.threads);
        let sum = |part: &[u64]| part.iter().fold(0u64, |a, b| a.wrapping_add(*b));
        let sum = host.pool.install(|| memory.par_chunks(part).map(sum).reduce(|| 0, u64::wrapping_add));
        std::hint::black_box(sum);
        size_of_val(memory.as_slice()) as f64
    };
    let (threads, gb) = (host.threads, best(&read));
    format!(
        "{threads} threads read {gb:.1} GB/s; one core does {:.0} GFLOP/s of AVX-512 multiply-adds",
        best(&multiply_adds)
    )
}

/// 24 independent chains of AVX-512 multiply-adds; returns operations done, 0 where there is no AVX-512.
fn multiply_adds() -> f64 {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::*;
        const STEPS: usize = 2_000_000;
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
