//! faer's matrix product, on rayon's threads.

use ::faer::linalg::matmul::matmul;
use ::faer::mat::{MatMut, MatRef};
use ::faer::{Accum, Par};

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
    let par = if host.threads == 1 { Par::Seq } else { Par::rayon(host.threads) };
    let call = move |d: &mut Dense| {
        let a = MatRef::from_row_major_slice(d.x.as_slice(), d.m, d.k);
        let (rows, columns) = d.strides();
        // SAFETY: the strides are those of the `k × n` values of `b`, in either order.
        let b = unsafe { MatRef::from_raw_parts(d.b.as_slice().as_ptr(), d.k, d.n, rows, columns) };
        let c = MatMut::from_row_major_slice_mut(d.c.as_mut_slice(), d.m, d.n);
        let product = || matmul(c, Accum::Replace, a, b, 1.0f32, par);
        if par == Par::Seq {
            product()
        } else {
            host.pool.install(product)
        }
        d.b.rotate();
    };
    let output = |d: &Dense| d.c.as_slice().to_vec();
    to.push(Contestant::new("faer", Calls { state: linear.dense(), call, output }));
}
