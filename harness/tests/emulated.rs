//! Every rung in machine code, on its machine, against its kernel's reference: with ordinary and with extreme operands, at
//! shapes that it fits and at shapes that it refuses.

use harness::emulated::cells::{prepare, rungs};
use harness::profile::{Emulated, Sheet};
use harness::record::Outcome;
use kernels::KERNELS;
use kernels::input::{Flavor, Input};
use kernels::kernel::{Kernel, Shape};

/// Shapes of which every rung fits some: ragged ones, and small multiples of what programs ask for.
fn shapes(kernel: &dyn Kernel) -> Vec<Shape> {
    let sizes = [(1, 4, 4), (3, 12, 24), (3, 64, 64), (3, 8, 8), (2, 4, 260), (3, 16, 1032)];
    let near = sizes.into_iter().map(|(m, n, k)| kernel.shape_near(m, n, k));
    kernel.test_shapes().into_iter().chain(near).collect()
}

/// Cycles of a rung that is right; none where it says that it does not fit.
fn cycles(kernel: &dyn Kernel, shape: &Shape, name: &str, machine: &Emulated, input: &Input) -> Option<u64> {
    let code = rungs(kernel, machine).into_iter().find(|code| code.name == name).expect("a rung");
    let label = format!("{}/{name} at {} ({:?}) on {}", kernel.name(), kernel.dims(shape), input.flavor, machine.id);
    let mut ready = match prepare(input, kernel, shape, &code, machine).ok()? {
        Ok(ready) => ready,
        Err(Outcome::DoesNotFit { .. }) => return None,
        Err(other) => panic!("{label}: {other:?}"),
    };
    // Code that writes into itself must do so again when it is called once more.
    let mut run = |label: &str| {
        ready.case.poison();
        let spent = ready.run().unwrap_or_else(|fault| panic!("{label}: {fault}"));
        assert_eq!(ready.verify().failure, None, "{label}");
        spent.cycles
    };
    let first = run(&label);
    run(&format!("{label}, called again"));
    Some(first)
}

#[test]
fn every_rung_is_right_wherever_it_fits_and_again_and_takes_the_same_cycles_everywhere() {
    let machines = Emulated::BUILT_IN.iter().map(|(path, text)| Emulated::parse(path, text).expect("a profile"));
    for machine in machines {
        for kernel in KERNELS {
            for code in rungs(*kernel, &machine) {
                let mut fits = 0;
                for shape in shapes(*kernel) {
                    for flavor in [Flavor::Typical, Flavor::Adversarial] {
                        let input = Input { flavor, ..Input::typical(7) };
                        let first = cycles(*kernel, &shape, code.name, &machine, &input);
                        assert_eq!(first, cycles(*kernel, &shape, code.name, &machine, &input));
                        fits += usize::from(first.is_some());
                    }
                }
                assert!(fits >= 4, "{}/{} fits {fits} of the shapes on {}", kernel.name(), code.name, machine.id);
            }
        }
    }
}
