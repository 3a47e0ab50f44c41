//! What lies behind memory: the first touch of a page, of new memory and of a file that no cache holds, and reading a file
//! past the page cache. A host that lets one of them not be measured has no such figure.

use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use kernels::model::map_range;
use memmap2::{Advice, MmapMut};

use super::quantity::Quantity;
use super::{Measured, summary};
use crate::capped::probe::{read_past_cache, written};
use crate::stream::{drop_cached, major_faults};

/// Runs of each.
const RUNS: usize = 5;
const PAGE: usize = 4096;
/// New memory that is touched, bytes.
const NEW_BYTES: usize = 64 << 20;
/// The file, bytes.
const FILE_BYTES: usize = 128 << 20;
/// Pages of the file that are touched, far from each other: none comes with its neighbour.
const TOUCHED: usize = 512;
/// Fewer faults of those touches that waited for storage, and a cache held the file.
const LEAST_FAULTS: f64 = 0.9;

/// Everything here, with a file in `folder`.
pub(super) fn measure(folder: &Path) -> Vec<Measured> {
    let several = |run: &dyn Fn() -> Option<f64>| -> Vec<f64> { (0..RUNS).filter_map(|_| run()).collect() };
    let mut measured = vec![(Quantity::MinorFault, several(&minor_fault_ns))];
    if let Ok(file) = written(folder, FILE_BYTES) {
        measured.push((Quantity::MajorFault, several(&|| major_fault_ns(&file))));
        let byte_ns = || read_past_cache(&file).ok().map(|(bytes, seconds)| seconds * 1e9 / bytes as f64);
        measured.push((Quantity::StorageByte, several(&byte_ns)));
    }
    measured.iter().filter_map(|(quantity, times)| summary(*quantity, 1, times)).collect()
}

/// First touch of a page of new memory, ns.
fn minor_fault_ns() -> Option<f64> {
    let mut map = MmapMut::map_anon(NEW_BYTES).ok()?;
    // Pages of 2 MiB would be something else; a system without them refuses the advice.
    #[cfg(target_os = "linux")]
    let _ = map.advise(Advice::NoHugePage);
    let start = Instant::now();
    map.chunks_exact_mut(PAGE).for_each(|page| page[0] = 1);
    let ns = start.elapsed().as_nanos() as f64;
    black_box(&map);
    Some(ns / (NEW_BYTES / PAGE) as f64)
}

/// First touch of a page of a file that no cache holds, ns; none where a cache held it after all.
fn major_fault_ns(file: &File) -> Option<f64> {
    drop_cached(file);
    let map = map_range(file, 0, FILE_BYTES).ok()?;
    // The system shall not read the neighbours too.
    map.advise(Advice::Random).ok()?;
    let faults = major_faults()?;
    let start = Instant::now();
    let sum: u64 = map.iter().step_by(FILE_BYTES / TOUCHED).map(|byte| u64::from(*byte)).sum();
    let ns = start.elapsed().as_nanos() as f64;
    black_box(sum);
    let waited = (major_faults()? - faults) as f64;
    (waited >= LEAST_FAULTS * TOUCHED as f64).then_some(ns / waited)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_measured_is_a_positive_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let measured = measure(folder.path());
        assert!(measured.iter().any(|m| m.quantity == Quantity::MinorFault));
        for m in &measured {
            assert!(m.best_ns > 0.0 && m.spread_pct >= 0.0 && !m.name.is_empty(), "{m:?}");
        }
        // A page of a file costs more than one of new memory.
        let of = |q: Quantity| measured.iter().find(|m| m.quantity == q).map(|m| m.best_ns);
        if let (Some(minor), Some(major)) = (of(Quantity::MinorFault), of(Quantity::MajorFault)) {
            assert!(major > minor, "{major} {minor}");
        }
    }
}
