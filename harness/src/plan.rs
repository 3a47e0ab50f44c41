//! What to run, in order: which kernels, shapes and variants a filter selects.

use kernels::KERNELS;
use kernels::kernel::{Cost, Kernel, Shape, Work};
use kernels::model::published;
use regex::Regex;

/// One kernel at one shape with the variants that were asked for.
#[derive(Clone)]
pub struct Group {
    /// The kernel.
    pub kernel: &'static dyn Kernel,
    /// The shape.
    pub shape: Shape,
    /// Places on the ladder, ascending.
    pub variants: Vec<usize>,
    /// Places on the ladder of shaders, ascending.
    pub shaders: Vec<usize>,
}

/// The model whose layers fit the machines of the 1980s.
pub const SMALL_MODEL: &str = "stories260k/";

/// Which cells a filter selects.
pub struct Plan {
    /// In the order of [`KERNELS`], then of the kernel's shapes.
    pub groups: Vec<Group>,
    /// The same for rungs in machine code of old processors.
    pub code: Vec<CodeGroup>,
    /// Whole decode steps in machine code.
    pub steps: Vec<Step>,
}

/// A whole decode step in machine code, as if it were a kernel of its own, after so many tokens. Which weights it has and where
/// they lie are its shape: what a rung gains, it gains on the same weights from the same store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Tokens before this one.
    pub position: usize,
    /// Whether it is of another model, whose weights are -1, 0 or 1 times a power of two, packed five to a byte.
    pub ternary: bool,
    /// Whether weights come from a disk instead of the machine's first store.
    pub disk: bool,
    /// Those of [`Step::RUNGS`] that were asked for.
    pub names: Vec<&'static str>,
}

impl Step {
    /// What its records call it.
    pub const KERNEL: &'static str = "decode_step_fixed";
    /// Its variants.
    pub const RUNGS: [&'static str; 2] = ["naive", "optimized"];
    /// Where in a text it is taken: keys and values of the first fit 48 KB beside the rest, those of the second do not.
    const POSITIONS: [usize; 2] = [31, 255];

    /// Each kind of weights from each store after so many tokens, every variant.
    pub fn all(position: usize) -> [Step; 4] {
        let kinds = [(false, false), (false, true), (true, false), (true, true)];
        kinds.map(|(ternary, disk)| Step { position, ternary, disk, names: Self::RUNGS.to_vec() })
    }

    /// The shape of its records.
    pub fn shape(&self) -> String {
        self.shape_of(SMALL_MODEL.trim_end_matches('/'))
    }

    /// The same of another model.
    pub fn shape_of(&self, model: &str) -> String {
        let weights = if self.ternary { "-ternary" } else { "" };
        let store = if self.disk { "-disk" } else { "" };
        format!("{model}{weights}/position-{}{store}", self.position)
    }

    /// What a step takes, for estimates: its products, whose weights it reads once.
    pub fn cost() -> Cost {
        let weights = published::named("stories260k").map_or(0, |config| config.weights_per_token());
        Cost { operations: 2 * weights, bytes: weights, work: Work::I8 }
    }

    /// Without a filter the one that fits every machine.
    fn select(pattern: Option<&Regex>) -> Vec<Step> {
        let positions = &Self::POSITIONS[..if pattern.is_some() { Self::POSITIONS.len() } else { 1 }];
        let all = positions.iter().flat_map(|&position| Self::all(position));
        let selected = |mut step: Step| {
            let shape = step.shape();
            step.names.retain(|name| pattern.is_none_or(|p| p.is_match(&format!("{}/{shape}/{name}", Self::KERNEL))));
            (!step.names.is_empty()).then_some(step)
        };
        all.filter_map(selected).collect()
    }
}

/// One kernel at one shape with the rungs in machine code that were asked for, of whatever processor.
#[derive(Clone)]
pub struct CodeGroup {
    /// The kernel.
    pub kernel: &'static dyn Kernel,
    /// The shape.
    pub shape: Shape,
    /// Names of the rungs.
    pub names: Vec<&'static str>,
}

/// A filter that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Not a regular expression.
    #[error("filter '{filter}': {reason}; it is a regular expression on kernel/shape/variant")]
    Filter {
        /// As given.
        filter: String,
        /// Last line of the parser's message.
        reason: String,
    },
    /// Nothing matches.
    #[error("filter '{filter}' selects nothing; `retrobench list shapes` shows what there is")]
    Empty {
        /// As given.
        filter: String,
    },
}

impl Plan {
    /// Cells whose `kernel/shape/variant` matches the filter. Without one: the shapes of the tour, every variant.
    pub fn select(filter: Option<&str>) -> Result<Self, PlanError> {
        let toured = |s: &Shape, gpu: bool| filter.is_some() || if gpu { s.gpu_tour } else { s.tour };
        Self::of(filter, |kernel| kernel.shapes(), toured, Step::select)
    }

    /// Rungs in machine code: without a filter at the shapes that fit the machines they are for.
    fn code(pattern: Option<&Regex>, shapes: &dyn Fn(&dyn Kernel) -> Vec<Shape>) -> Vec<CodeGroup> {
        let mut groups = Vec::new();
        for kernel in KERNELS.iter().filter(|k| !k.machine_code().is_empty()) {
            let small = || kernel.shapes().into_iter().filter(|s| s.name.starts_with(SMALL_MODEL)).collect();
            let shapes = if pattern.is_some() { shapes(*kernel) } else { small() };
            for shape in shapes {
                let cell = |name: &str| format!("{}/{}/{name}", kernel.name(), shape.name);
                let mut names: Vec<_> = kernel.machine_code().iter().map(|c| c.name).collect();
                names.retain(|name| pattern.is_none_or(|p| p.is_match(&cell(name))));
                if !names.is_empty() {
                    groups.push(CodeGroup { kernel: *kernel, shape, names });
                }
            }
        }
        groups
    }

    /// The same over other shapes than the kernels' own.
    pub fn over(filter: Option<&str>, shapes: impl Fn(&dyn Kernel) -> Vec<Shape>) -> Result<Self, PlanError> {
        Self::of(filter, shapes, |_, _| true, |_| Vec::new())
    }

    /// `wanted` says whether a shape is, of variants or of shaders.
    fn of(
        filter: Option<&str>,
        shapes: impl Fn(&dyn Kernel) -> Vec<Shape>,
        wanted: impl Fn(&Shape, bool) -> bool,
        steps: impl Fn(Option<&Regex>) -> Vec<Step>,
    ) -> Result<Self, PlanError> {
        let pattern = filter.map(compile).transpose()?;
        let mut groups = Vec::new();
        for kernel in KERNELS {
            for shape in shapes(*kernel) {
                let selected = |name: &str, gpu: bool| {
                    let cell = format!("{}/{}/{name}", kernel.name(), shape.name);
                    wanted(&shape, gpu) && pattern.as_ref().is_none_or(|p| p.is_match(&cell))
                };
                let abouts = kernel.variants();
                let variants: Vec<usize> = (0..abouts.len()).filter(|v| selected(abouts[*v].name, false)).collect();
                let all = kernel.shaders();
                let shaders: Vec<usize> = (0..all.len()).filter(|s| selected(all[*s].name, true)).collect();
                if !variants.is_empty() || !shaders.is_empty() {
                    groups.push(Group { kernel: *kernel, shape, variants, shaders });
                }
            }
        }
        let code = Self::code(pattern.as_ref(), &shapes);
        let steps = steps(pattern.as_ref());
        if groups.is_empty() && code.is_empty() && steps.is_empty() {
            return Err(PlanError::Empty { filter: filter.unwrap_or_default().into() });
        }
        Ok(Self { groups, code, steps })
    }

    /// The same with those groups of variants and shaders whose number is wanted; none in machine code.
    pub fn only(&self, wanted: impl Fn(usize) -> bool) -> Self {
        let groups =
            self.groups.iter().enumerate().filter(|(g, _)| wanted(*g)).map(|(_, group)| group.clone()).collect();
        Self { groups, code: Vec::new(), steps: Vec::new() }
    }

    /// Number of cells in machine code on one machine, at most: rungs of its processor or of another.
    pub fn code_cells(&self) -> usize {
        self.code.iter().map(|g| g.names.len()).sum::<usize>() + self.steps.iter().map(|s| s.names.len()).sum::<usize>()
    }

    /// Number of kernels and shapes that run natively: the others were selected for their shaders alone.
    pub fn native_groups(&self) -> usize {
        self.groups.iter().filter(|g| !g.variants.is_empty()).count()
    }

    /// Number of cells on one processor.
    pub fn cells(&self) -> usize {
        self.groups.iter().map(|g| g.variants.len()).sum()
    }

    /// Number of cells on one GPU.
    pub fn shader_cells(&self) -> usize {
        self.groups.iter().map(|g| g.shaders.len()).sum()
    }
}

fn compile(filter: &str) -> Result<Regex, PlanError> {
    Regex::new(filter).map_err(|e| PlanError::Filter {
        filter: filter.into(),
        reason: e.to_string().lines().last().unwrap_or_default().trim().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_filter_every_variant_of_every_tour_shape() {
        let plan = Plan::select(None).expect("there are kernels");
        for g in &plan.groups {
            let all = |there: bool, n: usize| if there { n } else { 0 };
            assert_eq!(g.variants.len(), all(g.shape.tour, g.kernel.variants().len()));
            assert_eq!(g.shaders.len(), all(g.shape.gpu_tour, g.kernel.shaders().len()));
        }
        assert!(KERNELS.iter().all(|k| plan.groups.iter().any(|g| g.kernel.name() == k.name())));
    }

    #[test]
    fn the_tour_gives_the_products_of_gpus_a_shape_that_fills_them() {
        let plan = Plan::select(None).expect("there are kernels");
        // 128 by 128 outputs for each workgroup of the largest tile; the largest GPUs have 132 SMs.
        let workgroups = |g: &Group| g.shape.m.div_ceil(128) * g.shape.n.div_ceil(128);
        for name in ["gemm_f32", "gemm_f16", "gemm_f16_q4_k", "gemm_q8_0"] {
            let of_gpus = || plan.groups.iter().filter(|g| g.kernel.name() == name && !g.shaders.is_empty());
            assert!(of_gpus().any(|g| workgroups(g) > 132 && g.variants.is_empty()), "{name}");
        }
    }

    #[test]
    fn a_filter_reaches_shapes_outside_the_tour() {
        let plan = Plan::select(Some("gemv_f32/r1-distill-llama-8b/.*/simd$")).expect("matches");
        assert_eq!(plan.cells(), 1);
        assert!(!plan.groups[0].shape.tour);
    }

    #[test]
    fn bad_filters_say_so_in_one_line() {
        for (filter, word) in [("gemv(", "regular expression"), ("no-such-kernel", "selects nothing")] {
            let error = Plan::select(Some(filter)).err().expect("refused").to_string();
            assert!(error.contains(word) && !error.contains('\n'), "{error}");
        }
    }
}
