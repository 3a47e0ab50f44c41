//! Rungs that use every core give the same bits however many there are, also where there are more than the work or the
//! scratch has pieces for.

use kernels::KERNELS;
use kernels::input::Input;
use kernels::kernel::{Kernel, Shape, machine_for};

/// Ragged, of products from less than a thread's piece to several blocks of each.
fn shapes(kernel: &dyn Kernel) -> Vec<Shape> {
    let is_product = kernel.name().starts_with("gemv") || kernel.name().starts_with("gemm");
    let sizes: &[(usize, usize, usize)] =
        if is_product { &[(1, 130, 300), (5, 40, 64), (70, 130, 300), (530, 200, 1100)] } else { &[(5, 130, 300)] };
    let near = sizes.iter().map(|&(m, n, k)| kernel.shape_near(m, n, k));
    kernel.test_shapes().into_iter().chain(near).collect()
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let pools = [1, 2, 3, 7, 16, 64]
        .map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool"));
    let mut compared = 0;
    for kernel in KERNELS {
        for (v, about) in kernel.variants().iter().enumerate() {
            let (true, Ok(isa)) = (about.threads, machine_for(about, None)) else {
                continue;
            };
            for shape in shapes(*kernel) {
                let mut bits: Option<Vec<u32>> = None;
                for (pool, roomy) in pools.iter().flat_map(|pool| [(pool, false), (pool, true)]) {
                    // Anew, so that what nobody writes stays zero; with room for these threads, or for this process's.
                    let prepare = || kernel.prepare(&shape, &Input::typical(7)).expect("the shape fits");
                    let mut case = if roomy { pool.install(prepare) } else { prepare() };
                    // A processor without an extension that the rung also uses has nothing to compare.
                    if pool.install(|| case.run(v, isa)).is_err() {
                        break;
                    }
                    let place = format!(
                        "{}/{} {}, {} threads",
                        kernel.name(),
                        about.name,
                        kernel.dims(&shape),
                        pool.current_num_threads()
                    );
                    let now: Vec<u32> = case.output().into_iter().map(f32::to_bits).collect();
                    match &bits {
                        Some(one_thread) => assert!(*one_thread == now, "{place}: other bits than one thread's"),
                        None => assert!(case.verify(v, isa.lanes()).passed(), "{place}"),
                    }
                    bits.get_or_insert(now);
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 0, "no rung was compared");
}
