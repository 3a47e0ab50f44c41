//! What a machine could do at best, from its figures alone. These are ceilings for the physics guard and for charts: no
//! kernel of the timed machine may beat them.

use super::{OpCycles, Profile, SimdFigures};

impl Profile {
    /// Most f32 operations per second that all cores can do (a multiply and an add count as two), with the best
    /// instructions the machine has, nothing but arithmetic issued.
    pub fn peak_f32_ops_per_s(&self) -> f64 {
        let units = f64::from(self.core.fp_units.value);
        // A multiply and an add, as one fused operation or as two that share the units.
        let pairs_per_cycle = |fma: Option<&OpCycles>, mul: &OpCycles, add: &OpCycles| {
            let split = units / (interval(mul) + interval(add));
            fma.map_or(split, |fma| split.max(units / interval(fma)))
        };
        let scalar = &self.scalar;
        let mut per_cycle = 2.0 * pairs_per_cycle(scalar.fma_cycles.as_ref(), &scalar.mul_cycles, &scalar.add_cycles);
        if let Some(simd) = &self.simd
            && let (Some(mul), Some(add)) = (&simd.mul_cycles, &simd.add_cycles)
        {
            let lanes = f64::from(simd.f32_lanes.value);
            per_cycle = per_cycle.max(2.0 * lanes * pairs_per_cycle(simd.fma_cycles.as_ref(), mul, add));
        }
        per_cycle * self.cycles_per_s_all_cores()
    }

    /// Most operations per second on bf16 operands with f32 sums that all cores can do (a multiply and an add count as
    /// two): `4 × f32_lanes` of each dot of pairs. Without that instruction they are f32 operations; widening is left out,
    /// because a packed operand is widened once and used many times.
    pub fn peak_bf16_ops_per_s(&self) -> f64 {
        let units = f64::from(self.core.fp_units.value);
        let pairs = |simd: &SimdFigures| {
            let per_cycle = 4.0 * f64::from(simd.f32_lanes.value) * units;
            simd.bf16_pairs_cycles.as_ref().map(|pairs| per_cycle / interval(pairs) * self.cycles_per_s_all_cores())
        };
        self.peak_f32_ops_per_s().max(self.simd.as_ref().and_then(pairs).unwrap_or(0.0))
    }

    /// Most int8 dot-product operations per second that all cores can do (a multiply and an add count as two).
    ///
    /// Four-product instructions do `8 × i32_lanes` operations each. Pairwise i16 multiplies do `4 × i32_lanes` for a
    /// multiply and the add of its result: widening i8 to i16 is left out, because a packed operand is widened once and
    /// used many times, and a ceiling must hold for that kernel too. Otherwise it is an addition for each product: a product
    /// that is looked up in a table, or selected by a weight of three values, needs no multiplier. Entries that stand for
    /// several products at once need fewer additions; a time that shows it is reported as one that beat its ceiling.
    pub fn peak_i8_ops_per_s(&self) -> f64 {
        let int = f64::from(self.core.int_units.value);
        let mut per_cycle = 2.0 * int / interval(&self.integer.add_cycles);
        if let Some(simd) = &self.simd {
            let units = f64::from(self.core.fp_units.value);
            let lanes = f64::from(simd.i32_lanes.value);
            if let Some(madd) = &simd.madd_i16_cycles {
                per_cycle = per_cycle.max(4.0 * lanes * units / (interval(madd) + interval(&simd.int_add_cycles)));
            }
            if let Some(dot4) = &simd.dot4_i8_cycles {
                per_cycle = per_cycle.max(8.0 * lanes * units / interval(dot4));
            }
        }
        per_cycle * self.cycles_per_s_all_cores()
    }

    /// Bytes per second that `cores` cores can read from memory in one sequential pass each: every core has
    /// `max(misses_outstanding, prefetch_outstanding)` lines in flight and waits `latency_ns` for each, and all share the
    /// bus. The peak of the bus alone is 2-4 times too high for one core of most machines.
    pub fn sustained_bytes_per_s(&self, cores: u32) -> f64 {
        let memory = &self.memory;
        let lines = memory.misses_outstanding.value.max(memory.prefetch_outstanding.value);
        // What travels is a line of the last cache.
        let line_bytes = self.caches.last().map_or(4, |cache| cache.line_bytes.value);
        let per_core = f64::from(line_bytes) * f64::from(lines) / (memory.latency_ns.value * 1e-9);
        let bus = self.shared_bandwidth_gb_s() * 1e9;
        (per_core * f64::from(cores.min(self.machine.cores.value))).min(bus)
    }

    fn cycles_per_s_all_cores(&self) -> f64 {
        self.machine.clock_mhz.value * 1e6 * f64::from(self.machine.cores.value)
    }
}

/// Cycles that one unit is busy with one operation.
fn interval(op: &OpCycles) -> f64 {
    op.value[1]
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use crate::profile::{Loaded, embedded, find};

    /// The table that authors check a new machine against; shown by `cargo test implied -- --nocapture`.
    #[test]
    fn implied_bandwidth_is_within_the_bus() {
        let mut table = format!(
            "{:<20} {:>9} {:>9} {:>9} {:>11} {:>11}\n",
            "machine", "1 core", "all", "bus GB/s", "f32 Gop/s", "int8 Gop/s"
        );
        for Loaded { profile, .. } in embedded().expect("built-in profiles are right") {
            let bus = profile.memory.bandwidth_gb_s.value * 1e9;
            let (one, all) = (profile.sustained_bytes_per_s(1), profile.sustained_bytes_per_s(u32::MAX));
            assert!(0.0 < one && one <= all && all <= bus, "{}", profile.id);
            let (f32_peak, i8_peak) = (profile.peak_f32_ops_per_s(), profile.peak_i8_ops_per_s());
            assert!(f32_peak > 0.0 && i8_peak > 0.0, "{}", profile.id);
            let (one, all, bus) = (one / 1e9, all / 1e9, bus / 1e9);
            writeln!(
                table,
                "{:<20} {one:>9.3} {all:>9.3} {bus:>9.3} {:>11.4} {:>11.4}",
                profile.id,
                f32_peak / 1e9,
                i8_peak / 1e9
            )
            .expect("a string");
        }
        println!("{table}");
    }

    /// Bands are those of published or observed figures that the profiles' sources name.
    #[test]
    fn implied_figures_agree_with_known_ones() {
        let of = |id: &str| find(id).expect("built in").profile;
        for (id, cores, low, high) in [
            ("i486dx2-66", 1, 0.02, 0.04),
            ("powerpc-g4-1500", 1, 0.339, 0.42),
            ("pentium-4-3000", 1, 3.0, 4.5),
            ("core-2-duo-e6600", 2, 4.5, 6.44),
            ("atom-n270", 1, 2.6, 3.2),
            ("raspberry-pi-zero", 1, 0.3, 0.6),
            ("raspberry-pi-4", 4, 4.85, 5.6),
            ("raspberry-pi-5", 1, 9.0, 12.5),
            ("ryzen-9-5950x", 16, 40.0, 45.0),
            ("mac-studio-m2-ultra", 1, 90.0, 110.0),
        ] {
            let implied = of(id).sustained_bytes_per_s(cores) / 1e9;
            assert!((low..=high).contains(&implied), "{id}: {implied} GB/s is not within {low}..{high}");
        }
        // An addition a cycle; its multiplier takes eighteen, and table lookups do without it.
        let int8 = of("i486dx2-66").peak_i8_ops_per_s() / 1e9;
        assert!((int8 - 0.132).abs() < 0.002, "{int8}");
        for (id, gflops) in [
            ("pentium-iii-800", 3.2),
            ("pentium-4-3000", 12.0),
            ("powerpc-g4-1500", 12.0),
            ("core-2-duo-e6600", 38.4),
            ("raspberry-pi-4", 48.0),
            ("raspberry-pi-5", 153.6),
            ("ryzen-9-5950x", 1740.8),
            ("mac-studio-m2-ultra", 1792.0),
        ] {
            let peak = of(id).peak_f32_ops_per_s() / 1e9;
            assert!((peak - gflops).abs() < 0.01 * gflops, "{id}: {peak} is not {gflops}");
        }
    }
}
