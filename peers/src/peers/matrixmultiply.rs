//! matrixmultiply's sgemm. Its threads are its own, as many as `MATMUL_NUM_THREADS` says.

use crate::host::Host;
use crate::measure::{Calls, Contestant};
use crate::rows::Problem;
use crate::rows::linear::{Dense, Format};

/// f32 products.
pub fn add<'h>(problem: &Problem, _: &'h Host, to: &mut Vec<Contestant<'h>>) {
    let Problem::Linear(linear) = problem else { return };
    if linear.format != Format::F32 {
        return;
    }
    let call = |d: &mut Dense| {
        let (m, n, k) = (d.m, d.n, d.k);
        let (rows, columns) = d.strides();
        let (a, b, c) = (d.x.as_slice(), d.b.as_slice(), d.c.as_mut_slice());
        assert!(a.len() == m * k && b.len() == k * n && c.len() == m * n);
        // SAFETY: the pointers cover the sizes just asserted, without gaps.
        unsafe {
            let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
            ::matrixmultiply::sgemm(m, k, n, 1.0, a, k as isize, 1, b, rows, columns, 0.0, c, n as isize, 1);
        }
        d.b.rotate();
    };
    let output = |d: &Dense| d.c.as_slice().to_vec();
    to.push(Contestant::new("matrixmultiply", Calls { state: linear.dense(), call, output }));
}
