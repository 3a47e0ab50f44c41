//! Shaders on a GPU of this host against their f64 references and against the interpreter. Built with the feature `gpu`;
//! without a GPU there is nothing to check, unless RETROBENCH_REQUIRE_GPU is set (`.ci/gpu` installs a software one).
#![cfg(feature = "gpu")]

use std::fmt::Write as _;

use harness::adapter::{self, Gpu, GpuError, Options};
use harness::simt::gate::ShaderGate;
use harness::simt::warp::LaneOperations;
use kernels::KERNELS;
use kernels::input::{Flavor, Input};
use kernels::kernel::Kernel;

/// What came of one shader over all test shapes.
#[derive(Default)]
struct Compared {
    outputs: usize,
    same_bits: usize,
    wrong: Vec<String>,
    /// What the GPU lacks for it.
    lacks: Option<String>,
}

#[test]
fn shaders_do_on_a_gpu_what_the_interpreter_does() {
    let (gpus, refused) = adapter::all(Options { experimental: true, unchecked: false });
    let Some(gpu) = gpus.first() else {
        assert!(std::env::var_os("RETROBENCH_REQUIRE_GPU").is_none(), "no GPU is found: {refused:?}");
        eprintln!("no GPU is found here: nothing is checked");
        return;
    };
    let gate = ShaderGate::default();
    let (mut table, mut wrong) = (String::new(), Vec::new());
    for kernel in KERNELS {
        for (s, shader) in kernel.shaders().iter().enumerate() {
            let compared = compare(gpu, &gate, *kernel, s);
            let (same, of) = (compared.same_bits, compared.outputs);
            let equal = match compared.lacks {
                Some(lack) => format!("not run, {lack}"),
                None if same == of => "the same bits".into(),
                None => format!("{same} of {of} outputs the same bits"),
            };
            writeln!(table, "{}/{}: {equal}", kernel.name(), shader.name).expect("a String takes all");
            wrong.extend(compared.wrong);
        }
    }
    eprintln!("{}, warps of {:?} lanes, against the interpreter's of 32:\n{table}", gpu.name(), gpu.lanes());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Both must match the reference; where that leaves no error (quantize_q8_0), both have the same bits.
fn compare(gpu: &Gpu, gate: &ShaderGate, kernel: &dyn Kernel, shader: usize) -> Compared {
    let mut compared = Compared::default();
    let name = format!("{}/{}", kernel.name(), kernel.shaders()[shader].name);
    let program = gate.program(kernel, shader).expect("it lowers");
    let compiled = gpu.compile(&program);
    // A processor keeps denormals and rounds functions as the interpreter does; a GPU need not.
    let (adversarial, functions) = match gpu.is_processor() {
        true => (Flavor::Adversarial, 0.0),
        false => (Flavor::AdversarialNormal, program.function_error()),
    };
    for flavor in [Flavor::Typical, adversarial] {
        for shape in kernel.test_shapes() {
            let input = Input { flavor, ..Input::typical(7) };
            let place = format!("{name} {} {flavor:?}", kernel.dims(&shape));
            let mut case = kernel.prepare(&shape, &input).expect("the kernel's own shapes fit");
            case.poison();
            let prepared = compiled.as_ref().map_err(Clone::clone).and_then(|c| gpu.prepare(c, &shape, case.as_mut()));
            let ran = prepared.and_then(|prepared| {
                gpu.run(&prepared, 1)?;
                gpu.read_back(&prepared, case.as_mut())
            });
            match ran {
                Ok(()) => {}
                Err(e @ GpuError::Lacks { .. }) => {
                    compared.lacks = Some(e.to_string());
                    return compared;
                }
                Err(e) => {
                    compared.wrong.push(format!("{place}: {e}"));
                    continue;
                }
            }
            let here = case.output();
            if let Some(failure) = case.verify_foreign(program.partial_sums(), functions).failure {
                compared.wrong.push(format!("{place}: {failure}"));
            }
            case.poison();
            program.run::<32, _>(&shape, case.as_mut(), LaneOperations::default).expect("it runs");
            let there = case.output();
            compared.outputs += here.len();
            compared.same_bits += here.iter().zip(&there).filter(|(a, b)| a.to_bits() == b.to_bits()).count();
        }
    }
    compared
}
