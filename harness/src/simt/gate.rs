//! The correctness gate of shaders: before a modelled time is shown, the shader has run in full, on warps as wide as the
//! machine's, and matched the kernel's f64 reference on every ragged test shape.

use std::sync::Arc;

use kernels::input::{Flavor, Input};
use kernels::kernel::Kernel;

use super::fault::Fault;
use super::program::Program;
use super::races::Races;
use crate::caught::caught;
use crate::gate::{Errors, Once, cell};

type Verdict = Result<Errors, String>;
/// Kernel, shader, lanes.
type Key = (&'static str, usize, usize);

/// Programs and verdicts so far; each is made once, whoever asks first.
#[derive(Debug, Default)]
pub struct ShaderGate {
    programs: Once<(&'static str, usize), Result<Arc<Program>, Fault>>,
    verdicts: Once<Key, Verdict>,
}

impl ShaderGate {
    /// Shader number `shader` of a kernel, lowered.
    ///
    /// # Errors
    /// Those of [`Program::of`].
    pub fn program(&self, kernel: &dyn Kernel, shader: usize) -> Result<Arc<Program>, Fault> {
        let cell = cell(&self.programs, (kernel.name(), shader));
        cell.get_or_init(|| {
            let shape = kernel.shapes().into_iter().chain(kernel.test_shapes()).next();
            let fault = || Fault { place: kernel.name().into(), reason: "a kernel without shapes".into() };
            Program::of(&kernel.shaders()[shader], &shape.ok_or_else(fault)?).map(Arc::new)
        })
        .clone()
    }

    /// Runs it over the test shapes on warps of `lanes` lanes, or recalls what came of it.
    ///
    /// # Errors
    /// Which shape and which output was wrong, or what the shader did that it may not.
    pub fn check(&self, kernel: &dyn Kernel, shader: usize, lanes: usize, seed: u64) -> Verdict {
        let program = self.program(kernel, shader).map_err(|e| e.to_string())?;
        let cell = cell(&self.verdicts, (kernel.name(), shader, lanes));
        cell.get_or_init(|| run(kernel, &program, lanes, seed)).clone()
    }
}

fn run(kernel: &dyn Kernel, program: &Program, lanes: usize, seed: u64) -> Verdict {
    let mut worst = Errors { nmse: 0.0, backward: 0.0 };
    for flavor in [Flavor::Typical, Flavor::Adversarial] {
        let input = Input { flavor, ..Input::typical(seed) };
        for shape in kernel.test_shapes() {
            let mut case = kernel.prepare(&shape, &input).map_err(|e| e.to_string())?;
            case.poison();
            caught(|| match lanes {
                64 => program.run::<64, _>(&shape, case.as_mut(), || Races::new(64)),
                _ => program.run::<32, _>(&shape, case.as_mut(), || Races::new(32)),
            })?
            .map_err(|e| format!("test shape {}: {e}", kernel.dims(&shape)))?;
            let verdict = case.verify_foreign(program.partial_sums(), 0.0);
            if let Some(failure) = verdict.failure {
                return Err(format!("test shape {}, {flavor:?} input: {failure}", kernel.dims(&shape)));
            }
            worst.nmse = worst.nmse.max(verdict.nmse);
            worst.backward = worst.backward.max(verdict.backward);
        }
    }
    Ok(worst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::kernel::Entry;

    fn every_shader(kernel: &dyn Kernel) {
        assert!(!kernel.shaders().is_empty());
        let gate = ShaderGate::default();
        let mut broken = Vec::new();
        for (i, shader) in kernel.shaders().iter().enumerate() {
            let matrices = gate.program(kernel, i).is_ok_and(|p| p.matrices());
            // No GPU with matrix units has wider warps.
            for lanes in [32, 64].into_iter().filter(|lanes| *lanes == 32 || !matrices) {
                if let Err(e) = gate.check(kernel, i, lanes, 7) {
                    broken.push(format!("{}/{} on {lanes} lanes: {e}", kernel.name(), shader.name));
                }
            }
        }
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }

    #[test]
    fn gemm_shaders_match_the_reference() {
        every_shader(&Entry::<kernels::gemm::Gemm<f32>>::new());
        every_shader(&Entry::<kernels::gemm::Gemm<half::f16>>::new());
        every_shader(&Entry::<kernels::gemm_packed::GemmPacked<kernels::dtype::q8_0::BlockQ8_0>>::new());
    }

    #[test]
    fn gemv_shaders_match_the_reference() {
        every_shader(&Entry::<kernels::gemv::Gemv<f32>>::new());
        every_shader(&Entry::<kernels::gemv::Gemv<half::bf16>>::new());
    }

    #[test]
    fn shaders_of_packed_weights_match_the_reference() {
        use kernels::gemv_packed::GemvPacked;
        every_shader(&Entry::<GemvPacked<kernels::dtype::q4_0::BlockQ4_0>>::new());
        every_shader(&Entry::<GemvPacked<kernels::dtype::q4_k::BlockQ4K>>::new());
        every_shader(&Entry::<GemvPacked<kernels::dtype::q6_k::BlockQ6K>>::new());
    }

    #[test]
    fn shaders_of_f16_meeting_packed_weights_match_the_reference() {
        use kernels::gemm_mixed::GemmMixed;
        every_shader(&Entry::<GemmMixed<kernels::dtype::q8_0::BlockQ8_0>>::new());
        every_shader(&Entry::<GemmMixed<kernels::dtype::q4_0::BlockQ4_0>>::new());
        every_shader(&Entry::<GemmMixed<kernels::dtype::q4_k::BlockQ4K>>::new());
        every_shader(&Entry::<GemmMixed<kernels::dtype::q6_k::BlockQ6K>>::new());
    }

    #[test]
    fn quantizing_shaders_match_the_reference() {
        use kernels::quantize_q8::{Of32, Of256, QuantizeQ8};
        every_shader(&Entry::<QuantizeQ8<Of32>>::new());
        every_shader(&Entry::<QuantizeQ8<Of256>>::new());
    }

    #[test]
    fn softmax_and_rmsnorm_shaders_match_the_reference() {
        every_shader(&Entry::<kernels::softmax::Softmax>::new());
        every_shader(&Entry::<kernels::rmsnorm::RmsNorm>::new());
    }

    #[test]
    fn attention_shaders_match_the_reference() {
        every_shader(&Entry::<kernels::attention_decode::AttentionDecode<f32>>::new());
        every_shader(&Entry::<kernels::mla_decode::MlaDecode<f32>>::new());
        every_shader(&Entry::<kernels::mla_attend::MlaAttend>::new());
        every_shader(&Entry::<kernels::attention_prefill::AttentionPrefill>::new());
        every_shader(&Entry::<kernels::attention_prefill_f16::AttentionPrefillF16>::new());
    }

    #[test]
    fn shaders_of_experts_match_the_reference() {
        every_shader(&Entry::<kernels::moe_gate::MoeGate>::new());
        every_shader(&Entry::<kernels::moe_ffn::MoeFfn<f32>>::new());
        every_shader(&Entry::<kernels::moe_ffn::MoeFfn<half::bf16>>::new());
    }
}
