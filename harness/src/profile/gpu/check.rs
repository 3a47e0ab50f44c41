//! Checks that a profile describes a GPU that could exist: how its figures fit together. Ranges and sources are checked
//! as those of every profile.

use super::{Coalescing, GpuCacheFigures, GpuProfile};
use crate::profile::check::{Check, check_figures_and_sources, check_head, ensure};

/// What a figure may be, by its key; as wide as those of processors.
pub(super) const RANGES: &[(&str, f64, f64)] = &[
    ("clock_mhz", 50.0, 10_000.0),
    ("sms", 1.0, 1024.0),
    ("launch_ns", 0.0, 1e6),
    ("host_token_ns", 0.0, 1e8),
    ("launch_price_usd", 1.0, 1e6),
    ("warp_lanes", 8.0, 128.0),
    ("max_threads", 32.0, 8192.0),
    ("max_workgroups", 1.0, 128.0),
    ("max_workgroup_threads", 32.0, 4096.0),
    ("registers", 1024.0, 1e6),
    ("max_thread_registers", 16.0, 1024.0),
    ("shared_kib", 4.0, 1024.0),
    ("max_workgroup_shared_kib", 4.0, 1024.0),
    ("shared_banks", 8.0, 128.0),
    ("shared_bank_bytes", 1.0, 16.0),
    ("shared_group_lanes", 8.0, 128.0),
    ("issue_per_cycle", 0.05, 16.0),
    ("f32_lanes_per_cycle", 1.0, 1024.0),
    ("f16_lanes_per_cycle", 0.5, 4096.0),
    ("f64_lanes_per_cycle", 0.25, 1024.0),
    ("int_lanes_per_cycle", 1.0, 1024.0),
    ("shift_lanes_per_cycle", 1.0, 1024.0),
    ("int_mul_lanes_per_cycle", 0.5, 1024.0),
    ("convert_lanes_per_cycle", 0.5, 1024.0),
    ("special_lanes_per_cycle", 0.5, 1024.0),
    ("dot4_i8_lanes_per_cycle", 1.0, 1024.0),
    ("shuffle_lanes_per_cycle", 1.0, 1024.0),
    ("load_store_lanes_per_cycle", 1.0, 256.0),
    ("alu_latency_cycles", 1.0, 100.0),
    ("special_latency_cycles", 1.0, 200.0),
    ("shared_latency_cycles", 1.0, 200.0),
    ("barrier_cycles", 0.0, 500.0),
    ("f16_tflops", 0.1, 1e5),
    ("bf16_tflops", 0.1, 1e5),
    ("fp8_tflops", 0.1, 1e5),
    ("int8_tops", 0.1, 1e5),
    ("kib", 1.0, 1e6),
    ("array_kib", 1.0, 1e6),
    ("line_bytes", 16.0, 1024.0),
    ("sector_bytes", 16.0, 1024.0),
    ("latency_cycles", 4.0, 4000.0),
    ("bytes_per_cycle", 4.0, 65_536.0),
    ("memory_mib", 16.0, 1e7),
    ("coalescing_lanes", 4.0, 128.0),
    ("transaction_bytes", 16.0, 256.0),
    ("bandwidth_gb_s", 1.0, 1e5),
    ("sustained_gb_s", 0.5, 1e5),
    ("both_ways_gb_s", 0.5, 1e5),
    ("one_way_gb_s", 0.1, 1e4),
    ("efficiency_pct", 1.0, 100.0),
    ("latency_ns", 10.0, 1e6),
];

impl GpuProfile {
    /// Checks everything that the types cannot say.
    pub(super) fn check(&self) -> Check {
        check_head(self.schema, &self.id, &self.name, self.year)?;
        check_figures_and_sources(&self.as_table(), &self.sources, RANGES)?;
        self.check_sm()?;
        self.check_caches()?;
        self.check_memory()?;
        for (key, kind) in [
            ("link.kind", self.link.as_ref().map(|l| &l.kind)),
            ("network.kind", self.network.as_ref().map(|n| &n.kind)),
        ] {
            ensure(kind.is_none_or(|k| !k.trim().is_empty()), key, || "is empty".into())?;
        }
        Ok(())
    }

    fn check_sm(&self) -> Check {
        let sm = &self.sm;
        let warp = sm.warp_lanes.value;
        ensure(warp.is_power_of_two(), "sm.warp_lanes", || format!("{warp} is not a power of two"))?;
        let banks = sm.shared_banks.value;
        ensure(banks.is_power_of_two(), "sm.shared_banks", || format!("{banks} is not a power of two"))?;
        let threads = sm.max_threads.value;
        ensure(threads.is_multiple_of(warp), "sm.max_threads", || format!("{threads} is no whole number of warps"))?;
        for (key, part, whole, of) in [
            ("sm.max_workgroup_threads", sm.max_workgroup_threads.value.into(), f64::from(threads), "max_threads"),
            ("sm.max_workgroup_shared_kib", sm.max_workgroup_shared_kib.value, sm.shared_kib.value, "shared_kib"),
            ("sm.max_thread_registers", sm.max_thread_registers.value.into(), sm.registers.value.into(), "registers"),
            ("sm.shared_group_lanes", sm.shared_group_lanes.value.into(), warp.into(), "warp_lanes"),
            ("memory.coalescing_lanes", self.memory.coalescing_lanes.value.into(), warp.into(), "warp_lanes"),
        ] {
            ensure(part <= whole, key, || format!("{part} is more than the {whole} of {of}"))?;
        }
        // A warp of the widest unit must be issued as often as the unit can take it.
        let (need, have) = (sm.f32_lanes_per_cycle.value / f64::from(warp), sm.issue_per_cycle.value);
        ensure(have >= need * 0.999, "sm.issue_per_cycle", || {
            format!("{have} is less than the {need} that f32_lanes_per_cycle needs")
        })
    }

    fn check_caches(&self) -> Check {
        let mut inner_cycles = 0.0;
        for (name, cache) in [("l1", &self.l1), ("l2", &self.l2)] {
            let Some(GpuCacheFigures { kib, array_kib, line_bytes, sector_bytes, latency_cycles, .. }) = cache else {
                continue;
            };
            let key = |figure: &str| format!("{name}.{figure}");
            let (line, sector) = (line_bytes.value, sector_bytes.value);
            ensure(line.is_power_of_two(), &key("line_bytes"), || format!("{line} is not a power of two"))?;
            let whole = sector.is_power_of_two() && sector <= line;
            ensure(whole, &key("sector_bytes"), || format!("{sector} is no power of two within the {line} of a line"))?;
            if let Some(array) = array_kib {
                ensure(name == "l1", &key("array_kib"), || "is for L1, which shared memory may be cut from".into())?;
                let (array, shared) = (array.value, self.sm.shared_kib.value);
                let least = kib.value.max(shared);
                ensure(array >= least, &key("array_kib"), || {
                    format!("{array} is less than the {least} of the larger of l1.kib and sm.shared_kib")
                })?;
                ensure(array < kib.value + shared, &key("array_kib"), || {
                    format!("{array} holds l1.kib and sm.shared_kib side by side: leave it out")
                })?;
            }
            let lines = kib.value * 1024.0 / f64::from(line);
            ensure(lines.fract() == 0.0, &key("kib"), || format!("{} KiB is no whole number of lines", kib.value))?;
            let cycles = latency_cycles.value;
            ensure(cycles > inner_cycles, &key("latency_cycles"), || {
                format!("{cycles} is no more than the {inner_cycles} of the level before")
            })?;
            inner_cycles = cycles;
        }
        let memory = self.memory.latency_cycles.value;
        ensure(memory > inner_cycles, "memory.latency_cycles", || {
            format!("{memory} is no more than the {inner_cycles} of the last cache")
        })
    }

    fn check_memory(&self) -> Check {
        let memory = &self.memory;
        let (seen, peak) = (memory.sustained_gb_s.value, memory.bandwidth_gb_s.value);
        ensure(seen <= peak, "memory.sustained_gb_s", || format!("{seen} is more than bandwidth_gb_s"))?;
        let bytes = memory.transaction_bytes.value;
        ensure(bytes.is_power_of_two(), "memory.transaction_bytes", || format!("{bytes} is not a power of two"))?;
        let old = !matches!(memory.coalescing.value, Coalescing::DistinctBlocks);
        ensure(!old || memory.coalescing_lanes.value == 16, "memory.coalescing_lanes", || {
            "rules of segments judge a half-warp: 16 lanes".into()
        })
    }
}
