//! Other projects' kernels, one file each, behind a feature each.

#[cfg(feature = "candle")]
mod candle;
#[cfg(feature = "faer")]
mod faer;
#[cfg(feature = "gemm")]
mod gemm;
#[cfg(feature = "ggml")]
mod ggml;
#[cfg(feature = "matrixmultiply")]
mod matrixmultiply;
#[cfg(feature = "onednn")]
mod onednn;
#[cfg(feature = "openblas")]
mod openblas;

use crate::host::Host;
use crate::measure::Contestant;
use crate::rows::Problem;

type Add = for<'h> fn(&Problem, &'h Host, &mut Vec<Contestant<'h>>);

/// Peers of this build, by feature.
const PEERS: &[(&str, Add)] = &[
    #[cfg(feature = "ggml")]
    ("ggml", ggml::add),
    #[cfg(feature = "onednn")]
    ("onednn", onednn::add),
    #[cfg(feature = "openblas")]
    ("openblas", openblas::add),
    #[cfg(feature = "faer")]
    ("faer", faer::add),
    #[cfg(feature = "matrixmultiply")]
    ("matrixmultiply", matrixmultiply::add),
    #[cfg(feature = "gemm")]
    ("gemm", gemm::add),
    #[cfg(feature = "candle")]
    ("candle", candle::add),
];

/// Of these names the first that is no peer of this build.
pub fn unknown(wanted: &[String]) -> Option<&String> {
    wanted.iter().find(|w| PEERS.iter().all(|(name, _)| w != name))
}

/// Everyone who can compute this and is `wanted`; all are where nobody is named.
pub fn contestants<'h>(problem: &Problem, host: &'h Host, wanted: &[String]) -> Vec<Contestant<'h>> {
    let mut all = Vec::new();
    for (name, add) in PEERS {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            add(problem, host, &mut all);
        }
    }
    all
}

/// A line for each C library of this build: what was found, or that it was not.
pub fn report() {
    #[allow(unused_mut, reason = "there may be none")]
    let mut found: Vec<(&str, Result<String, String>)> = Vec::new();
    #[cfg(feature = "ggml")]
    found.push(("ggml", ggml::about()));
    #[cfg(feature = "openblas")]
    found.push(("openblas", openblas::about()));
    #[cfg(feature = "onednn")]
    found.push(("onednn", onednn::about()));
    for (name, about) in found {
        match about {
            Ok(about) => eprintln!("peers: {name}: {about}"),
            Err(reason) => eprintln!("peers: {name} is left out: {reason}"),
        }
    }
}
