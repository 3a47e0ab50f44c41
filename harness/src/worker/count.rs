//! Bytes that one call of each variant moves between memory and the caches of this host, counted by the timed machine: a
//! blocked kernel reads its operands fewer times than a naive one, and only what leaves the caches is paced.

use kernels::input::{Flavor, Input};
use kernels::kernel::{Kernel, Shape, ShapeError};
use kernels::machine::Isa;

use crate::caught::caught;
use crate::environment::Host;
use crate::native::machine_among;
use crate::profile::{Profile, find};
use crate::timed::{Mode, Params, model};

/// A core to count on. Only its caches matter for bytes, and those are replaced by this host's.
const CORE: &str = "ryzen-9-5950x";

/// Bytes of one call of the variants at `wanted` places and of rung 0; of the others 0. Variants in intrinsics cannot be
/// traced: theirs are the contract's least bytes.
pub fn bytes_per_call(
    kernel: &dyn Kernel,
    shape: &Shape,
    wanted: &[usize],
    isa: Option<Isa>,
    allowed: &[Isa],
    host: &Host,
) -> Result<Vec<f64>, ShapeError> {
    let abouts = kernel.variants();
    let contract = kernel.cost(shape).bytes as f64;
    let warm = contract <= host.l2_bytes() as f64;
    let least = if warm { 0.0 } else { contract };
    let Some(profile) = core(host) else { return Ok(vec![least; abouts.len()]) };
    let params = Params::new(&profile);
    let mut case = kernel.prepare(shape, &Input { flavor: Flavor::Blank, ..Input::typical(1) })?;
    // Weights that are cold cross the bus, whatever a model of the caches makes of them.
    let mut count = |v: usize| {
        let lanes = machine_among(&abouts[v], isa, allowed).ok()?.lanes();
        let counted = caught(|| model(case.as_mut(), v, lanes, &params, Mode::Sampled, warm)).ok()?;
        counted.ok().map(|estimate| estimate.memory_bytes.max(least))
    };
    let places = (0..abouts.len()).map(|v| if v == 0 || wanted.contains(&v) { count(v).unwrap_or(least) } else { 0.0 });
    Ok(places.collect())
}

/// One core with this host's caches.
fn core(host: &Host) -> Option<Profile> {
    let mut profile = find(CORE).ok()?.profile;
    // One core moves the bytes of all: they are shared out, not multiplied.
    profile.machine.cores.value = 1;
    // As many levels as the host has, as far as it tells: another's last cache would keep bytes from the bus.
    if let (false, Some(last)) = (host.caches.is_empty(), profile.caches.last().cloned()) {
        profile.caches.resize(host.caches.len(), last);
    }
    for (figures, cache) in profile.caches.iter_mut().zip(&host.caches) {
        figures.kib.value = cache.bytes as f64 / 1024.0;
        figures.ways.value = cache.ways;
        figures.line_bytes.value = cache.line_bytes;
        figures.shared_by.value = 1;
    }
    Some(profile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Cache;
    use kernels::KERNELS;

    #[test]
    fn the_core_has_the_host_s_levels_and_no_others() {
        let level = |level: u32, kib: usize| Cache { level, bytes: kib << 10, ways: 8, line_bytes: 64, shared_by: 1 };
        let all = [level(1, 64), level(2, 4096), level(3, 8192), level(4, 65536)];
        for levels in 1..=all.len() {
            let host = Host { caches: all[..levels].to_vec(), ..Host::read() };
            let core = core(&host).expect("the core is built in");
            let kib: Vec<f64> = core.caches.iter().map(|c| c.kib.value).collect();
            assert_eq!(kib, all[..levels].iter().map(|c| c.bytes as f64 / 1024.0).collect::<Vec<_>>());
        }
        // Where the system tells nothing, the named core's.
        assert!(core(&Host { caches: Vec::new(), ..Host::read() }).is_some_and(|core| core.caches.len() == 3));
    }

    #[test]
    fn what_leaves_a_second_level_cache_without_a_third_crosses_the_bus() {
        let kernel = KERNELS.iter().find(|k| k.name() == "softmax").expect("there");
        let level = |level: u32, kib: usize| Cache { level, bytes: kib << 10, ways: 8, line_bytes: 64, shared_by: 1 };
        let shape = kernel.shapes().into_iter().max_by_key(|s| kernel.cost(s).bytes).expect("shapes");
        let cost = kernel.cost(&shape);
        let host = Host { caches: vec![level(1, 4), level(2, (cost.bytes >> 13) as usize)], ..Host::read() };
        let bytes = bytes_per_call(*kernel, &shape, &[0], None, &Isa::ALL, &host).expect("a shape of the kernel");
        assert!(bytes[0] >= 0.9 * cost.bytes as f64, "{bytes:?} of {cost:?}");
    }

    #[test]
    fn cold_weights_count_once_and_cached_ones_not_at_all() {
        let kernel = KERNELS.iter().find(|k| k.name() == "gemv_f32").expect("the first kernel");
        let host = Host { caches: Vec::new(), ..Host::read() };
        let count = |shape: &Shape| {
            let bytes = bytes_per_call(*kernel, shape, &[0, 1], None, &Isa::ALL, &host).expect("a shape of the kernel");
            assert_eq!(bytes.len(), kernel.variants().len());
            bytes
        };
        let cold = Shape::new("test/cold", 1, 2048, 4096);
        let least = kernel.cost(&cold).bytes as f64;
        let bytes = count(&cold);
        assert!(bytes[..2].iter().all(|b| (0.95..1.2).contains(&(b / least))), "{bytes:?} of {least}");
        assert_eq!(bytes[2], 0.0);
        let warm = count(&Shape::new("test/warm", 1, 64, 64));
        assert!(warm[0] < 0.1 * kernel.cost(&Shape::new("test/warm", 1, 64, 64)).bytes as f64, "{warm:?}");
    }
}
