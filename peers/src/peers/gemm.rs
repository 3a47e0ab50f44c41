//! The gemm crate, below candle, on rayon's threads.

use ::gemm::Parallelism;

use crate::host::Host;
use crate::measure::{Calls, Contestant};
use crate::rows::Problem;
use crate::rows::linear::{Dense, Format};

/// f32 products.
pub fn add<'h>(problem: &Problem, host: &'h Host, to: &mut Vec<Contestant<'h>>) {
    let Problem::Linear(linear) = problem else { return };
    if linear.format != Format::F32 {
        return;
    }
    let call = move |d: &mut Dense| {
        let (m, n, k) = (d.m, d.n, d.k);
        let (rows, columns) = d.strides();
        let (a, b, c) = (d.x.as_slice(), d.b.as_slice(), d.c.as_mut_slice());
        assert!(a.len() == m * k && b.len() == k * n && c.len() == m * n);
        let mut product = |parallelism| {
            let (c, n_, k_) = (c.as_mut_ptr(), n as isize, k as isize);
            // SAFETY: the pointers cover the sizes just asserted, without gaps.
            unsafe {
                let (a, b) = (a.as_ptr(), b.as_ptr());
                ::gemm::gemm(
                    m,
                    n,
                    k,
                    c,
                    1,
                    n_,
                    false,
                    a,
                    1,
                    k_,
                    b,
                    columns,
                    rows,
                    0.0f32,
                    1.0f32,
                    false,
                    false,
                    false,
                    parallelism,
                );
            }
        };
        if host.threads == 1 {
            product(Parallelism::None);
        } else {
            host.pool.install(|| product(Parallelism::Rayon(host.threads)));
        }
        d.b.rotate();
    };
    let output = |d: &Dense| d.c.as_slice().to_vec();
    to.push(Contestant::new("gemm crate", Calls { state: linear.dense(), call, output }));
}
