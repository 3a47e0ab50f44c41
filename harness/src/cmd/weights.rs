//! Weights of a real model for `measure`: which tensors a selector names, and the cells that take them.

use std::sync::Arc;

use kernels::KERNELS;
use kernels::kernel::Kernel;
use kernels::model::{Dtype, ModelFile, WeightsSelector};
use kernels::weights::Source;

use super::Failure;
use crate::plan::{Plan, PlanError};

/// The tensors a selector names: one, or every matrix of the first layer and outside the layers.
pub fn open(selector: &WeightsSelector) -> Result<Vec<Source>, Failure> {
    let file = Arc::new(ModelFile::open(&selector.file).map_err(Failure::input)?);
    let names: Vec<String> = match &selector.tensor {
        Some(name) => vec![name.clone()],
        None => {
            let first_or_none = |n: &str| !n.starts_with("blk.") || n.starts_with("blk.0.");
            let chosen =
                file.tensors().iter().filter(|t| t.dtype.is_supported() && t.rows > 1 && first_or_none(&t.name));
            chosen.map(|t| t.name.clone()).collect()
        }
    };
    if names.is_empty() {
        let shown = selector.file.display();
        return Err(Failure::input(format!(
            "{shown}: no matrix of {} in it; name a tensor as {shown}:TENSOR",
            Dtype::supported()
        )));
    }
    let sources: Result<Vec<Source>, _> = names.iter().map(|n| file.mapped(n).map(Source::new)).collect();
    let sources = sources.map_err(Failure::input)?;
    if let Some(useless) = sources.iter().find(|s| KERNELS.iter().all(|k| k.shape_of(s).is_none())) {
        let reason = "no kernel takes this tensor as its weights; they take matrices, tensors of several rows";
        return Err(Failure::input(format!("{}: {reason}", useless.name())));
    }
    Ok(sources)
}

/// A plan over the kernels' own shapes, or over the shapes of the given tensors.
pub fn plan(filter: Option<&str>, sources: &[Source]) -> Result<Plan, Failure> {
    if sources.is_empty() {
        return Plan::select(filter).map_err(Failure::input);
    }
    let plan = Plan::over(filter, |kernel| sources.iter().filter_map(|s| kernel.shape_of(s)).collect());
    plan.map_err(|e| match e {
        PlanError::Empty { filter } => {
            let takes = |k: &&&dyn Kernel| sources.iter().any(|s| k.shape_of(s).is_some());
            let kernels: Vec<&str> = KERNELS.iter().filter(takes).map(|k| k.name()).collect();
            let weights = sources.first().map(Source::name).unwrap_or_default();
            let more = if sources.len() > 1 { " and others" } else { "" };
            let kernels = kernels.join(", ");
            Failure::input(format!(
                "'{filter}' selects nothing that takes {weights}{more}: kernels that do are {kernels}"
            ))
        }
        other => Failure::input(other),
    })
}
