//! A profile's figures in the model's units: ticks, a fraction of a cycle.

use kernels::machine::traced::Op;

use crate::profile::{OpCycles, Profile, SimdFigures};

/// Ticks of one cycle; divisible by every issue width and unit count up to 10.
pub const TICKS: u64 = 2520;

/// Which units an operation occupies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Floating point and SIMD.
    Fp,
    /// Scalar integer.
    Int,
}

/// Cost of one instruction.
#[derive(Clone, Copy, Debug)]
pub struct OpCost {
    /// Input ready to result ready.
    pub latency: u64,
    /// How long one unit is busy with it.
    pub busy: u64,
    /// Unit group.
    pub unit: Unit,
    /// Instructions per traced operation (a register of the source may be several of the machine's).
    pub count: u32,
}

/// One cache level.
#[derive(Clone, Debug)]
pub struct LevelParams {
    /// Sets.
    pub sets: usize,
    /// Associativity.
    pub ways: usize,
    /// log2 of the line size.
    pub line_shift: u32,
    /// Load-to-use latency, ticks.
    pub latency: u64,
    /// Ticks its port is busy with each byte it delivers upwards.
    pub ticks_per_byte: f64,
    /// Cores that share it.
    pub shared_by: u32,
    /// Stores go on to the next level.
    pub write_through: bool,
}

/// A machine, ready to be simulated.
#[derive(Clone, Debug)]
pub struct Params {
    /// ns of one cycle.
    pub cycle_ns: f64,
    /// Cores of a parallel loop.
    pub cores: u32,
    /// Ticks of starting and joining a parallel loop.
    pub fork_join: u64,
    /// Ticks between two issued operations.
    pub issue: u64,
    /// Reorder window; 0 = in-order issue.
    pub window: usize,
    /// Units: floating point and SIMD, integer, load, store.
    pub units: [u32; 4],
    /// Ticks one loaded byte keeps a load unit busy, where that is longer than a cycle: what the first level feeds.
    pub load_ticks_per_byte: f64,
    /// Ticks from the value of a store to a load of the same place.
    pub store_forward: u64,
    /// Integer operations of a loop iteration.
    pub loop_ops: u32,
    /// Ticks lost at a mispredicted loop exit.
    pub mispredict: u64,
    /// Longest loop whose exit is predicted.
    pub predicted_trips: usize,
    /// Registers: scalar float, scalar integer, SIMD.
    pub registers: [u32; 3],
    /// Caches from the core outwards.
    pub levels: Vec<LevelParams>,
    /// Memory latency, ticks.
    pub memory_latency: u64,
    /// Ticks one byte takes on the bus.
    pub bus_ticks_per_byte: f64,
    /// Demand misses in flight.
    pub misses_outstanding: usize,
    /// Streams the prefetcher follows.
    pub prefetch_streams: usize,
    /// How many lines it runs ahead.
    pub prefetch_lines: u64,
    /// Whether a stream goes on into the next page.
    pub prefetch_crosses_pages: bool,
    /// Prefetches in flight.
    pub prefetch_outstanding: usize,
    /// Stores that may wait for their line.
    pub store_buffer: usize,
    /// By log2 of the lanes.
    costs: [Table; WIDTHS],
    /// Instructions that one register of the source takes, by log2 of its lanes.
    registers_per_value: [u32; WIDTHS],
    /// Extra shuffle after a load that goes to every lane.
    pub splat_load: Option<OpCost>,
    /// Extra integer operations before a byte dot product.
    pub dot4_prepare: u32,
}

#[derive(Clone, Copy, Debug)]
struct SimdLanes {
    f32: usize,
    i32: usize,
}

/// By operation; absent ones are made of others (see `Params::cost`).
type Table = [Option<OpCost>; OPS];

const OPS: usize = 17;
/// Registers of the source have 1, 2, 4, 8 or 16 lanes.
const WIDTHS: usize = 5;

fn ticks(cycles: f64) -> u64 {
    (cycles * TICKS as f64).round() as u64
}

fn cost(figure: &OpCycles, unit: Unit) -> OpCost {
    let [latency, interval] = figure.value;
    OpCost { latency: ticks(latency), busy: ticks(interval), unit, count: 1 }
}

impl Params {
    /// The figures of a profile that has passed `Profile::parse`.
    pub fn new(p: &Profile) -> Self {
        let cycle_ns = p.cycle_ns();
        let fp = p.core.fp_units.value;
        let window = p.core.window_ops.value as usize;
        let scalar = scalar_table(p);
        let simd = p.simd.as_ref().map(|s| {
            let lanes = SimdLanes { f32: s.f32_lanes.value as usize, i32: s.i32_lanes.value as usize };
            (lanes, simd_table(s))
        });
        let splat = p.simd.as_ref().and_then(|s| s.splat_load_cycles.as_ref());
        Self {
            cycle_ns,
            cores: p.machine.cores.value,
            fork_join: ticks(p.machine.fork_join_ns.value / cycle_ns),
            issue: TICKS / u64::from(p.core.issue_width.value.max(1)),
            window,
            units: [fp, p.core.int_units.value, p.core.load_units.value, p.core.store_units.value],
            load_ticks_per_byte: p
                .caches
                .first()
                .map_or(0.0, |l1| TICKS as f64 * f64::from(p.core.load_units.value) / l1.bytes_per_cycle.value),
            store_forward: ticks(
                p.core
                    .store_forward_cycles
                    .as_ref()
                    .or(p.caches.first().map(|l1| &l1.latency_cycles))
                    .map_or(0.0, |f| f.value),
            ),
            loop_ops: p.core.loop_ops.value,
            mispredict: ticks(p.core.mispredict_cycles.value),
            predicted_trips: p.core.predicted_trips.value as usize,
            registers: [
                p.scalar.registers.value,
                p.integer.registers.value,
                p.simd.as_ref().map_or(0, |s| s.registers.value),
            ],
            levels: levels(p),
            memory_latency: ticks(p.memory.latency_ns.value / cycle_ns),
            bus_ticks_per_byte: TICKS as f64 / (p.shared_bandwidth_gb_s() * cycle_ns),
            misses_outstanding: p.memory.misses_outstanding.value.max(1) as usize,
            prefetch_streams: p.memory.prefetch_streams.value as usize,
            prefetch_lines: u64::from(p.memory.prefetch_lines.value),
            prefetch_crosses_pages: p.memory.prefetch_crosses_pages.as_ref().is_some_and(|f| f.value),
            prefetch_outstanding: p.memory.prefetch_outstanding.value.max(1) as usize,
            // No profile states it; cores keep about one store for six operations in flight.
            store_buffer: (window / 6).clamp(4, 64),
            costs: std::array::from_fn(|width| costs(&scalar, simd.as_ref(), 1 << width)),
            registers_per_value: std::array::from_fn(|width| match &simd {
                Some((have, _)) if width > 0 => (1usize << width).div_ceil(have.f32.max(have.i32).max(1)) as u32,
                _ => 1,
            }),
            splat_load: splat.map(|f| cost(f, Unit::Fp)),
            dot4_prepare: p.simd.as_ref().and_then(|s| s.dot4_prepare_ops.as_ref()).map_or(0, |f| f.value),
        }
    }

    /// Cost of `op` on `lanes` lanes, or `None` where it is made of other operations.
    #[inline]
    pub fn cost(&self, op: Op, lanes: usize) -> Option<OpCost> {
        self.costs[lanes.trailing_zeros() as usize][op as usize]
    }

    /// Instructions that one register of `lanes` floats takes.
    #[inline]
    pub fn registers_per_value(&self, lanes: usize) -> u32 {
        self.registers_per_value[lanes.trailing_zeros() as usize]
    }
}

/// Costs on so many lanes: a register of the source that is wider than the machine's takes several instructions.
fn costs(scalar: &Table, simd: Option<&(SimdLanes, Table)>, lanes: usize) -> Table {
    let mut costs = *scalar;
    if lanes == 1 {
        return costs;
    }
    let integer = [Op::IntAdd, Op::IntMul, Op::Widen, Op::MaddI16, Op::Dot4I8, Op::Dot4U8, Op::ByteShuffle];
    let integer = integer.map(|op| op as usize);
    for (op, cost) in costs.iter_mut().enumerate() {
        let have = simd.map_or(0, |(have, _)| if integer.contains(&op) { have.i32 } else { have.f32 });
        let vector = simd.and_then(|(_, table)| table[op]).filter(|_| have > 0);
        *cost = match vector {
            Some(c) => Some(OpCost { count: lanes.div_ceil(have) as u32, ..c }),
            None if op == Op::MulAdd as usize && have > 0 => None,
            // No such instruction: one scalar operation a lane.
            None => scalar[op].map(|c| OpCost { count: lanes as u32, ..c }),
        };
    }
    costs
}

fn levels(p: &Profile) -> Vec<LevelParams> {
    p.caches
        .iter()
        .map(|c| {
            let line = c.line_bytes.value as usize;
            let ways = c.ways.value.max(1) as usize;
            LevelParams {
                sets: ((c.kib.value * 1024.0) as usize / line / ways).max(1),
                ways,
                line_shift: line.trailing_zeros(),
                latency: ticks(c.latency_cycles.value),
                ticks_per_byte: TICKS as f64 / c.bytes_per_cycle.value,
                shared_by: c.shared_by.value,
                write_through: c.write_through.value,
            }
        })
        .collect()
}

fn scalar_table(p: &Profile) -> Table {
    let mut t = [None; OPS];
    let mut set = |op: Op, figure: &OpCycles, unit| t[op as usize] = Some(cost(figure, unit));
    let s = &p.scalar;
    set(Op::Add, &s.add_cycles, Unit::Fp);
    set(Op::Mul, &s.mul_cycles, Unit::Fp);
    set(Op::Div, &s.div_cycles, Unit::Fp);
    set(Op::Sqrt, &s.sqrt_cycles, Unit::Fp);
    set(Op::Max, &s.max_cycles, Unit::Fp);
    set(Op::Convert, &s.convert_cycles, Unit::Fp);
    set(Op::Exp, &s.exp_cycles, Unit::Fp);
    if let Some(fma) = &s.fma_cycles {
        set(Op::MulAdd, fma, Unit::Fp);
    }
    set(Op::IntAdd, &p.integer.add_cycles, Unit::Int);
    set(Op::IntMul, &p.integer.mul_cycles, Unit::Int);
    // Between lanes of one lane there is nothing to do; widening is part of a load.
    set(Op::Shuffle, &p.integer.add_cycles, Unit::Int);
    set(Op::Widen, &p.integer.add_cycles, Unit::Int);
    // A library call keeps the whole core: its interval is the core's, not one unit's.
    let units = u64::from(p.core.fp_units.value.max(1));
    t[Op::Exp as usize] = t[Op::Exp as usize].map(|c| OpCost { busy: c.busy * units, ..c });
    t
}

fn simd_table(s: &SimdFigures) -> Table {
    let mut t = [None; OPS];
    let mut set = |op: Op, figure: Option<&OpCycles>| {
        t[op as usize] = figure.map(|f| cost(f, Unit::Fp));
    };
    set(Op::Add, s.add_cycles.as_ref());
    set(Op::Mul, s.mul_cycles.as_ref());
    set(Op::MulAdd, s.fma_cycles.as_ref());
    set(Op::Div, s.div_cycles.as_ref());
    set(Op::Max, s.max_cycles.as_ref());
    set(Op::Convert, s.convert_cycles.as_ref());
    set(Op::Shuffle, Some(&s.shuffle_cycles));
    set(Op::IntAdd, Some(&s.int_add_cycles));
    set(Op::Widen, s.widen_cycles.as_ref());
    set(Op::MaddI16, s.madd_i16_cycles.as_ref());
    set(Op::Dot4I8, s.dot4_i8_cycles.as_ref());
    set(Op::Dot4U8, s.dot4_i8_cycles.as_ref());
    set(Op::ByteShuffle, s.byte_shuffle_cycles.as_ref());
    set(Op::F16Convert, s.f16_convert_cycles.as_ref());
    t
}
