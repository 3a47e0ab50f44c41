//! What a GPU could do at best, from its figures alone.

use super::GpuProfile;

impl GpuProfile {
    /// Most f32 operations per second of the lanes (a multiply and an add count as two), without matrix units.
    pub fn peak_f32_ops_per_s(&self) -> f64 {
        2.0 * self.sm.f32_lanes_per_cycle.value * self.sm_cycles_per_s()
    }

    /// Most f16 operations per second of the best unit that takes f16 operands: matrix units, packed lanes, or f32 lanes
    /// after a conversion that a ceiling leaves out.
    pub fn peak_f16_ops_per_s(&self) -> f64 {
        let packed =
            self.sm.f16_lanes_per_cycle.as_ref().map_or(0.0, |lanes| 2.0 * lanes.value * self.sm_cycles_per_s());
        let matrix = self.matrix.as_ref().map_or(0.0, |m| m.f16_tflops.value * 1e12);
        self.peak_f32_ops_per_s().max(packed).max(matrix)
    }

    /// Multiply-adds of f16 that the matrix units of one SM do in a cycle; absent without them.
    pub fn matrix_multiply_adds_per_cycle(&self) -> Option<f64> {
        self.matrix.as_ref().map(|m| m.f16_tflops.value * 1e12 / 2.0 / self.sm_cycles_per_s())
    }

    /// Most int8 operations per second: matrix units, dot products of four, or plain integer lanes.
    pub fn peak_i8_ops_per_s(&self) -> f64 {
        let cycles = self.sm_cycles_per_s();
        let dot4 = self.sm.dot4_i8_lanes_per_cycle.as_ref().map_or(0.0, |lanes| 8.0 * lanes.value * cycles);
        let matrix = self.matrix.as_ref().and_then(|m| m.int8_tops.as_ref()).map_or(0.0, |tops| tops.value * 1e12);
        let plain = 2.0 * self.sm.int_mul_lanes_per_cycle.value * cycles;
        plain.max(dot4).max(matrix)
    }

    /// What one direction of the link carries, GB/s, as seen; absent without a link.
    pub fn link_one_way_gb_s(&self) -> Option<f64> {
        self.link.as_ref().map(|link| link.both_ways_gb_s.value / 2.0 * link.efficiency_pct.value / 100.0)
    }

    /// What one direction of the network carries per GPU, GB/s, as seen; absent without a network.
    pub fn network_one_way_gb_s(&self) -> Option<f64> {
        self.network.as_ref().map(|net| net.one_way_gb_s.value * net.efficiency_pct.value / 100.0)
    }

    /// Bytes per second that L2 gives all SMs together; absent without an L2.
    pub fn l2_bytes_per_s(&self) -> Option<f64> {
        self.l2.as_ref().map(|l2| l2.bytes_per_cycle.value * self.machine.clock_mhz.value * 1e6)
    }

    fn sm_cycles_per_s(&self) -> f64 {
        self.machine.clock_mhz.value * 1e6 * f64::from(self.machine.sms.value)
    }
}
