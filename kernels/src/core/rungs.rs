//! Which rung of each ladder the core runs here, and the one place that calls them.
//!
//! `best` is a static rule, no measurement: of the rungs that this processor runs the last of the ladder, among those with
//! threads where there are several and the operation is worth them, else among the others. GEMM rungs for few rows count
//! only for few rows, and rungs that round their inputs only where they are named.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use half::{bf16, f16};

use crate::attention_decode::AttentionDecode;
use crate::attention_decode_q8::AttentionDecodeQ8;
use crate::attention_prefill::AttentionPrefill;
use crate::dtype::q4_0::BlockQ4_0;
use crate::dtype::q4_k::BlockQ4K;
use crate::dtype::q6_k::BlockQ6K;
use crate::dtype::q8_0::BlockQ8_0;
use crate::gemm::Gemm;
use crate::gemm_packed::GemmPacked;
use crate::gemv::Gemv;
use crate::gemv_packed::GemvPacked;
use crate::gemv_q8::GemvQ8;
use crate::head_argmax::HeadArgmax;
use crate::input::Input;
use crate::kernel::{About, Contract, Cost, Shape, Width, machine_among};
use crate::kv_append_q8::KvAppendQ8;
use crate::machine::Isa;
use crate::mla_decode::MlaDecode;
use crate::mla_decode_q8::MlaDecodeQ8;
use crate::moe_ffn::MoeFfn;
use crate::moe_gate::MoeGate;
use crate::quantize_q8::{Of32, Of256, QuantizeQ8};
use crate::rmsnorm::RmsNorm;
use crate::rope::{Halves, Interleaved, Rope};
use crate::softmax::Softmax;
use crate::swiglu::SwiGlu;

/// Which rungs to run: `naive`, `best`, or either followed by rungs of single kernels, as in `best,gemv_f32=simd`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rungs {
    naive: bool,
    named: BTreeMap<String, String>,
}

/// Rungs that cannot be chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RungsError {
    /// Neither a word nor a pair.
    #[error("rungs '{0}': give naive, best or KERNEL=VARIANT, several with commas")]
    Syntax(String),
    /// No such kernel in the core.
    #[error("rungs: the core calls no kernel '{name}'; it calls {}", .known.join(", "))]
    Kernel {
        /// As given.
        name: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// No such rung.
    #[error("rungs: {kernel} has no variant '{name}'; it has {}", .known.join(", "))]
    Variant {
        /// The ladder.
        kernel: &'static str,
        /// As given.
        name: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// The processor lacks what it needs.
    #[error("rungs: {kernel}/{variant} is not available here: {reason}")]
    NotAvailable {
        /// The ladder.
        kernel: &'static str,
        /// The rung.
        variant: &'static str,
        /// What is lacking.
        reason: String,
    },
}

impl Rungs {
    /// Rung 0 of every ladder.
    pub fn naive() -> Self {
        Self { naive: true, ..Self::default() }
    }

    /// The best rung of every ladder.
    pub fn best() -> Self {
        Self::default()
    }
}

impl FromStr for Rungs {
    type Err = RungsError;

    fn from_str(text: &str) -> Result<Self, RungsError> {
        let mut rungs = Self::best();
        for (i, part) in text.split(',').enumerate() {
            match part.split_once('=') {
                Some((kernel, variant)) if !kernel.is_empty() && !variant.is_empty() => {
                    rungs.named.insert(kernel.into(), variant.into());
                }
                None if i == 0 && matches!(part, "naive" | "best") => rungs.naive = part == "naive",
                _ => return Err(RungsError::Syntax(text.into())),
            }
        }
        Ok(rungs)
    }
}

impl fmt::Display for Rungs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.naive { "naive" } else { "best" })?;
        self.named.iter().try_for_each(|(kernel, variant)| write!(f, ",{kernel}={variant}"))
    }
}

/// One call of a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Name of the kernel.
    pub kernel: &'static str,
    /// Its sizes.
    pub shape: &'a Shape,
    /// The rung.
    pub variant: &'static About,
    /// The machine it runs on.
    pub isa: Isa,
    /// Its operations and least bytes, by the kernel's contract.
    pub cost: Cost,
}

/// Told of every call of a kernel: a trace, or a clock, which this crate has none of.
pub trait Watch {
    /// Before it runs.
    fn before(&mut self) {}
    /// After it ran.
    fn after(&mut self, _call: &Call<'_>) {}
}

/// Nobody watches.
impl Watch for () {}

/// Operations from which a call is worth waking threads for: some ten microseconds of one core.
const WORTH_THREADS: u64 = 1 << 18;
/// Most rows of a GEMM rung for few.
const FEW_ROWS: usize = 16;

/// A rung and the machine it runs on.
#[derive(Clone, Copy)]
struct Chosen {
    variant: usize,
    isa: Isa,
}

/// The rungs of one kernel: for small calls, for those worth threads, and both for few rows.
pub(super) struct Ladder<C> {
    many: [Chosen; 2],
    few: [Chosen; 2],
    kernel: PhantomData<C>,
}

impl<C: Contract> Ladder<C> {
    /// `copies`: whether there may be copies of weights.
    fn choose(rungs: &Rungs, threads: usize, allowed: &[Isa], copies: bool) -> Result<Self, RungsError> {
        let one = |wanted: Result<Chosen, RungsError>| {
            wanted.map(|chosen| Self { many: [chosen; 2], few: [chosen; 2], kernel: PhantomData })
        };
        if let Some(name) = rungs.named.get(C::NAME) {
            let known = || C::LADDER.iter().map(|v| v.about.name).collect();
            let variant = C::LADDER.iter().position(|v| v.about.name == name);
            let lack = || RungsError::Variant { kernel: C::NAME, name: name.clone(), known: known() };
            let variant = variant.ok_or_else(lack)?;
            let about = &C::LADDER[variant].about;
            if !copies && needs_a_copy::<C>(about) {
                let reason = "it reads a copy of the weights in another order, and none is to be made".into();
                return Err(RungsError::NotAvailable { kernel: C::NAME, variant: about.name, reason });
            }
            return one(Self::available(variant, allowed));
        }
        if rungs.naive {
            return one(Self::available(0, allowed));
        }
        // Where GEMMs have no copy of their weights they are not called.
        let fits = |v: &usize| copies || C::FOLDER != GEMV_PACKED || !needs_a_copy::<C>(&C::LADDER[*v].about);
        let here: Vec<Chosen> =
            (0..C::LADDER.len()).filter(fits).filter_map(|v| Self::available(v, allowed).ok()).collect();
        let last = |threaded: bool, few: bool| {
            let fits = |chosen: &&Chosen| {
                let about = &C::LADDER[chosen.variant].about;
                about.threads == threaded && (few || !about.few_rows) && !about.rounds_to_bf16
            };
            here.iter().rev().find(fits).copied()
        };
        let pair = |few: bool| -> Result<[Chosen; 2], RungsError> {
            // Some rung runs everywhere: the naive ones are written for one lane.
            let alone = last(false, few).map_or_else(|| Self::available(0, allowed), Ok)?;
            let together = if threads > 1 { last(true, few) } else { None };
            Ok([alone, together.unwrap_or(alone)])
        };
        Ok(Self { many: pair(false)?, few: pair(true)?, kernel: PhantomData })
    }

    /// Tried at the smallest shape: a processor may have a rung's machine and lack an extension that the rung uses.
    fn available(variant: usize, allowed: &[Isa]) -> Result<Chosen, RungsError> {
        let about = &C::LADDER[variant].about;
        let lack = |reason: String| RungsError::NotAvailable { kernel: C::NAME, variant: about.name, reason };
        let isa = machine_among(about, None, allowed).map_err(|e| lack(e.0))?;
        let shape = C::test_shapes().into_iter().min_by_key(|s| C::cost(s).bytes).expect("a kernel has test shapes");
        let mut data = C::prepare(&shape, &Input::typical(1)).map_err(|e| lack(e.to_string()))?;
        match C::LADDER[variant].run_native(isa, C::args(&mut data)) {
            true => Ok(Chosen { variant, isa }),
            false => Err(lack(format!("{} lacks an extension that it uses", isa.name()))),
        }
    }

    fn at(&self, shape: &Shape) -> Chosen {
        let pair = if shape.m <= FEW_ROWS { &self.few } else { &self.many };
        pair[usize::from(C::cost(shape).operations >= WORTH_THREADS)]
    }

    /// The rung for a shape.
    pub(super) fn about(&self, shape: &Shape) -> &'static About {
        &C::LADDER[self.at(shape).variant].about
    }

    /// True where some rung is one that `which` picks.
    pub(super) fn any(&self, which: impl Fn(&About) -> bool) -> bool {
        self.many.iter().chain(&self.few).any(|chosen| which(&C::LADDER[chosen.variant].about))
    }

    /// Runs the rung for the shape.
    pub(super) fn run(&self, watch: &mut dyn Watch, shape: &Shape, args: C::Args<'_>) {
        let chosen = self.at(shape);
        let variant = &C::LADDER[chosen.variant];
        watch.before();
        let ran = variant.run_native(chosen.isa, args);
        assert!(ran, "{}/{} ran when it was chosen", C::NAME, variant.about.name);
        let cost = C::cost(shape);
        watch.after(&Call { kernel: C::NAME, shape, variant: &variant.about, isa: chosen.isa, cost });
    }
}

macro_rules! ladders {
    ($($field:ident: $contract:ty,)*) => {
        /// The rungs of every kernel that the core calls.
        pub(super) struct Ladders {
            $(pub(super) $field: Ladder<$contract>,)*
        }

        impl Ladders {
            /// Those of `rungs` on this processor, of the `allowed` machines; with `copies` also those that read weights
            /// in another order than files have them.
            ///
            /// # Errors
            /// [`RungsError`] where one does not exist or does not run here.
            pub(super) fn choose(
                rungs: &Rungs,
                threads: usize,
                allowed: &[Isa],
                copies: bool,
            ) -> Result<Self, RungsError> {
                let known = [$(<$contract>::NAME),*];
                if let Some(name) = rungs.named.keys().find(|name| !known.contains(&name.as_str())) {
                    return Err(RungsError::Kernel { name: name.clone(), known: known.to_vec() });
                }
                Ok(Self { $($field: Ladder::choose(rungs, threads, allowed, copies)?,)* })
            }
        }
    };
}

ladders! {
    gemv_f32: Gemv<f32>,
    gemv_bf16: Gemv<bf16>,
    gemv_f16: Gemv<f16>,
    gemv_q8: GemvQ8,
    gemv_q4_0: GemvPacked<BlockQ4_0>,
    gemv_q4_k: GemvPacked<BlockQ4K>,
    gemv_q6_k: GemvPacked<BlockQ6K>,
    gemm_f32: Gemm<f32>,
    gemm_bf16: Gemm<bf16>,
    gemm_q8_0: GemmPacked<BlockQ8_0>,
    gemm_q4_0: GemmPacked<BlockQ4_0>,
    gemm_q4_k: GemmPacked<BlockQ4K>,
    gemm_q6_k: GemmPacked<BlockQ6K>,
    attention: AttentionDecode<f32>,
    attention_bf16: AttentionDecode<bf16>,
    attention_q8: AttentionDecodeQ8,
    attention_prefill: AttentionPrefill,
    kv_append_q8: KvAppendQ8,
    mla: MlaDecode<f32>,
    mla_bf16: MlaDecode<bf16>,
    mla_q8: MlaDecodeQ8,
    moe_gate: MoeGate,
    moe_f32: MoeFfn<f32>,
    moe_bf16: MoeFfn<bf16>,
    rmsnorm: RmsNorm,
    rope: Rope<Interleaved>,
    rope_neox: Rope<Halves>,
    softmax: Softmax,
    swiglu: SwiGlu,
    quantize: QuantizeQ8<Of32>,
    quantize_k: QuantizeQ8<Of256>,
    head_f32: HeadArgmax<f32>,
    head_bf16: HeadArgmax<bf16>,
}

/// Folder of the products of one token with weights in blocks, some of whose rungs read rows interleaved.
const GEMV_PACKED: &str = "gemv_packed";

/// True for rungs that read weights in another order than files have them: GEMMs of dense weights read columns.
fn needs_a_copy<C: Contract>(about: &About) -> bool {
    match C::FOLDER {
        "gemm" => true,
        GEMV_PACKED | "gemm_packed" => !reads_rows(about),
        _ => false,
    }
}

/// True for rungs that read weights in rows, as files have them; the others read them interleaved.
pub(super) fn reads_rows(about: &About) -> bool {
    about.width == Width::Scalar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_are_read_as_they_are_written() {
        for text in ["naive", "best", "best,gemv_f32=simd", "naive,gemv_q8=dot4,rope=table"] {
            assert_eq!(text.parse::<Rungs>().unwrap().to_string(), text);
        }
        assert_eq!("gemv_f32=simd".parse::<Rungs>().unwrap().to_string(), "best,gemv_f32=simd");
        for text in ["", "worst", "best,naive", "gemv=", "=simd", "best,"] {
            assert_eq!(text.parse::<Rungs>(), Err(RungsError::Syntax(text.into())));
        }
    }
}
