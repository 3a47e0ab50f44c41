//! OpenBLAS's sgemv and sgemm (Debian: libopenblas0-pthread). Its threads are its own, as many as `OPENBLAS_NUM_THREADS`
//! says.

use std::ffi::{CStr, c_char, c_int};
use std::sync::OnceLock;

use crate::host::Host;
use crate::library::library;
use crate::measure::{Calls, Contestant};
use crate::rows::Problem;
use crate::rows::linear::{Dense, Format};

library! {
    /// What is used of it.
    Blas {
        fn openblas_get_config() -> *const c_char;
        fn openblas_get_corename() -> *const c_char;
        fn cblas_sgemv(
            c_int, c_int, c_int, c_int, f32, *const f32, c_int, *const f32, c_int, f32, *mut f32, c_int,
        );
        fn cblas_sgemm(
            c_int, c_int, c_int, c_int, c_int, c_int,
            f32, *const f32, c_int, *const f32, c_int, f32, *mut f32, c_int,
        );
    }
}

const ROW_MAJOR: c_int = 101;
const NO_TRANSPOSE: c_int = 111;

fn blas() -> Result<&'static Blas, String> {
    static BLAS: OnceLock<Result<Blas, String>> = OnceLock::new();
    // SAFETY: the signatures are those of cblas.h.
    BLAS.get_or_init(|| unsafe { Blas::open(&["libopenblas.so.0", "libopenblas.so"]) }).as_ref().map_err(Clone::clone)
}

/// Version and the processor it takes this one for.
pub fn about() -> Result<String, String> {
    let blas = blas()?;
    // SAFETY: both return static strings.
    let words = unsafe { [(blas.openblas_get_config)(), (blas.openblas_get_corename)()].map(|s| CStr::from_ptr(s)) };
    Ok(format!("{}; kernels of {}", words[0].to_string_lossy(), words[1].to_string_lossy()))
}

/// f32 products.
pub fn add<'h>(problem: &Problem, _: &'h Host, to: &mut Vec<Contestant<'h>>) {
    let (Problem::Linear(linear), Ok(blas)) = (problem, blas()) else { return };
    if linear.format != Format::F32 {
        return;
    }
    let call = |d: &mut Dense| {
        let [m, n, k] = [d.m, d.n, d.k].map(|v| v as c_int);
        let (a, b, c) = (d.x.as_slice(), d.b.as_slice(), d.c.as_mut_slice());
        assert!(a.len() == d.m * d.k && b.len() == d.k * d.n && c.len() == d.m * d.n);
        // SAFETY: the pointers cover the sizes just asserted, row-major without gaps.
        unsafe {
            let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
            if m == 1 {
                (blas.cblas_sgemv)(ROW_MAJOR, NO_TRANSPOSE, n, k, 1.0, b, k, a, 1, 0.0, c, 1);
            } else {
                (blas.cblas_sgemm)(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, m, n, k, 1.0, a, k, b, n, 0.0, c, n);
            }
        }
        d.b.rotate();
    };
    let output = |d: &Dense| d.c.as_slice().to_vec();
    to.push(Contestant::new("OpenBLAS", Calls { state: linear.dense(), call, output }));
}
