//! From counts to time, with a machine's figures. An SM takes as long as its busiest resource (issue, arithmetic units, the
//! load-store path, the banks of workgroup memory), or as the latencies that its resident warps cannot hide; the GPU as its
//! slowest SM, L2 or memory; each launch costs its start. The skeleton is that of Hong and Kim (ISCA 2009) with caches.

use super::code::{Class, UNROLL};
use super::meter::Work;
use super::sample::{Counted, MeanTraffic};
use crate::profile::GpuProfile;
use crate::profile::gpu::Generation;
use crate::record::Bound;

/// Values that compilers keep beside those of the source: the thread's place, pointers in halves, what is loaded ahead.
const BESIDE: f64 = 8.0;
/// Registers are handed out in such portions.
const PORTION: f64 = 4.0;

/// One pass on one machine.
#[derive(Clone, Debug, PartialEq)]
pub struct PassTime {
    /// ns, the launch included.
    pub ns: f64,
    /// ns by what is waited for.
    pub parts: Vec<(Bound, f64)>,
    /// Workgroups resident on an SM.
    pub resident: u32,
}

/// What the machine lacks for a shader.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Lacks(pub String);

/// Prices one pass. `registers` scales the estimate of a thread's registers; `warm` says that everything is in L2 already.
///
/// # Errors
/// A workgroup that the machine cannot hold, or an operation it does not have.
pub fn price(gpu: &GpuProfile, counted: &Counted, registers: f64, warm: bool) -> Result<PassTime, Lacks> {
    let rules = super::rules::Rules::of(gpu);
    let Some(traffic) = counted.traffic.iter().find(|t| t.rules == rules) else {
        return Err(Lacks(format!("nothing was counted by the rules of the {}", gpu.name)));
    };
    let room = residence(gpu, counted, registers)?;
    let sms = f64::from(gpu.machine.sms.value);
    let workgroups: f64 = counted.grid.iter().map(|n| f64::from(*n)).product();
    let each = (workgroups / sms).ceil();
    let resident = f64::from(room.workgroups).min(each);
    let caches = Caches::new(gpu, counted, traffic, resident, warm);
    let busy = busy(gpu, &counted.work, traffic, &caches, room.spilled)?;
    let alone = alone(gpu, &counted.work, caches.latency);
    let mut demands: Vec<(Bound, f64)> = busy.iter().map(|(b, c)| (*b, c * each)).collect();
    demands.push((alone.0, alone.1 * (each / f64::from(room.workgroups)).ceil()));
    let on_sms = demands.len();
    if let Some(l2) = &gpu.l2 {
        demands.push((Bound::L2, caches.l2_bytes * workgroups / l2.bytes_per_cycle.value));
    }
    let memory_ns = caches.memory_bytes / gpu.memory.sustained_gb_s.value;
    demands.push((Bound::MemoryBandwidth, memory_ns / gpu.cycle_ns()));
    let (at, (bound, cycles)) =
        demands.into_iter().enumerate().fold((0, (Bound::Issue, 0.0)), |a, d| if d.1.1 > a.1.1 { d } else { a });
    let body = cycles * gpu.cycle_ns();
    let launch = gpu.machine.launch_ns.value;
    let mut parts = vec![(Bound::Launch, launch)];
    // Of a throughput that only some SMs provide, the rest is idle.
    let idle = if at < on_sms - 1 { body * (1.0 - workgroups / (sms * each)) } else { 0.0 };
    parts.push((Bound::Idle, idle));
    parts.push((bound, body - idle));
    Ok(PassTime { ns: launch + body, parts, resident: room.workgroups })
}

struct Room {
    workgroups: u32,
    /// Share of a thread's values that no register is left for.
    spilled: f64,
}

/// Workgroups that an SM holds at once.
fn residence(gpu: &GpuProfile, counted: &Counted, scale: f64) -> Result<Room, Lacks> {
    let sm = &gpu.sm;
    let lack = |what: String| Err(Lacks(format!("the {} {what}", gpu.name)));
    let (threads, most) = (counted.threads, sm.max_workgroup_threads.value);
    if threads > most {
        return lack(format!("has at most {most} threads in a workgroup, {threads} are needed"));
    }
    let shared = f64::from(counted.shared_bytes) / 1024.0;
    if shared > sm.max_workgroup_shared_kib.value {
        let has = sm.max_workgroup_shared_kib.value;
        return lack(format!("has {has} KiB of memory for a workgroup, {shared} KiB are needed"));
    }
    let threads = f64::from(threads.next_multiple_of(sm.warp_lanes.value));
    let file = f64::from(sm.registers.value);
    let wanted = (f64::from(counted.live) * scale + BESIDE).max(16.0);
    let possible = f64::from(sm.max_thread_registers.value).min((file / threads / PORTION).floor() * PORTION);
    let used = ((wanted / PORTION).ceil() * PORTION).min(possible);
    let by = [
        f64::from(sm.max_workgroups.value),
        f64::from(sm.max_threads.value) / threads,
        file / (used * threads),
        if shared > 0.0 { sm.shared_kib.value / shared } else { f64::INFINITY },
    ];
    let workgroups = by.into_iter().fold(f64::INFINITY, f64::min).floor().max(1.0) as u32;
    Ok(Room { workgroups, spilled: (1.0 - possible / wanted).max(0.0) })
}

/// True where the compiler of its time unrolls loops by itself. That of G80 and GT200 did not: written out by hand, the
/// 16 by 16 tiles of SGEMM went from 46 to 91 GFLOPS on a GeForce 8800 GTX (Ryoo et al., PPoPP 2008).
fn unrolls(gpu: &GpuProfile) -> bool {
    gpu.generation != Generation::Tesla
}

/// Cycles for which one workgroup keeps each resource of an SM busy.
fn busy(
    gpu: &GpuProfile,
    work: &Work,
    traffic: &MeanTraffic,
    caches: &Caches,
    spilled: f64,
) -> Result<Vec<(Bound, f64)>, Lacks> {
    let sm = &gpu.sm;
    let warp = f64::from(sm.warp_lanes.value);
    let instructions = if unrolls(gpu) { &work.issued } else { &work.rolled };
    let n = |class: Class| instructions[class as usize];
    let shuffles = match &sm.shuffle_lanes_per_cycle {
        Some(lanes) => n(Class::Shuffle) * warp / lanes.value,
        None if n(Class::Shuffle) > 0.0 => {
            return Err(Lacks(format!("the {} has no operations between the lanes of a warp", gpu.name)));
        }
        None => 0.0,
    };
    // Without the instruction, four bytes of each side are taken out and four products summed.
    let (dot4, taken_apart) = match &sm.dot4_i8_lanes_per_cycle {
        Some(lanes) => (n(Class::Dot4) * warp / lanes.value, 0.0),
        None => (0.0, n(Class::Dot4)),
    };
    let (ints, shifts) = (n(Class::Int), n(Class::Shift) + 8.0 * taken_apart);
    let products = n(Class::IntMul) + 4.0 * taken_apart;
    let arithmetic = [Class::Fp32, Class::Int, Class::Shift, Class::IntMul, Class::Convert].map(n).iter().sum::<f64>();
    // A value without a register is loaded or stored about once for each operation on it.
    let spills = spilled * arithmetic;
    let issued = instructions.iter().sum::<f64>() + 11.0 * taken_apart + spills;
    let units = [
        n(Class::Fp32) * warp / sm.f32_lanes_per_cycle.value,
        (ints + shifts) * warp / sm.int_lanes_per_cycle.value + products * warp / sm.int_mul_lanes_per_cycle.value,
        // Where few of the integer lanes shift, the others go on beside them.
        shifts * warp / sm.shift_lanes_per_cycle.value,
        n(Class::Convert) * warp / sm.convert_lanes_per_cycle.value,
        n(Class::Sfu) * warp / sm.special_lanes_per_cycle.value,
        dot4,
        shuffles,
    ];
    let matrix = match gpu.matrix_multiply_adds_per_cycle() {
        Some(rate) => work.matrix / rate,
        None if work.matrix > 0.0 => return Err(Lacks(format!("the {} has no matrix units", gpu.name))),
        None => 0.0,
    };
    let compute = units.into_iter().chain([matrix]).fold(0.0, f64::max);
    let per_access = warp / sm.load_store_lanes_per_cycle.value;
    let loads: f64 = traffic
        .accesses
        .iter()
        .map(|((_, tags, blocks), count)| {
            let bytes = f64::from(*blocks) * f64::from(traffic.rules.block);
            let data = gpu.l1.as_ref().map_or(0.0, |l1| bytes / l1.bytes_per_cycle.value);
            count * per_access.max(f64::from(*tags)).max(data)
        })
        .sum();
    let turn = (4.0 / f64::from(sm.shared_bank_bytes.value)).max(1.0);
    let shared = (traffic.bank_turns * turn).max(n(Class::Shared) * per_access);
    let spill = spills * per_access;
    let mut busy = vec![(Bound::Issue, issued / sm.issue_per_cycle.value), (Bound::Compute, compute)];
    // One path for both since Fermi; AMD's and Apple's are apart, and Tesla's loads go to the texture clusters.
    let apart = matches!(gpu.generation, Generation::Tesla | Generation::Gcn | Generation::Rdna | Generation::Apple);
    let named = if spill > loads.max(shared) {
        Bound::Spill
    } else if shared > loads {
        Bound::SharedMemory
    } else {
        Bound::L1
    };
    if apart {
        busy.extend([(Bound::L1, loads + spill), (Bound::SharedMemory, shared)]);
    } else {
        busy.push((named, loads + shared + spill));
    }
    // Misses come back to an SM over its share of the way from L2.
    if let Some(l2) = &gpu.l2 {
        let port = l2.bytes_per_cycle.value / f64::from(gpu.machine.sms.value);
        busy.push((Bound::L2, caches.l2_bytes / (2.0 * port)));
    }
    Ok(busy)
}

/// Cycles of a workgroup that has an SM to itself, and what most of them wait for.
fn alone(gpu: &GpuProfile, work: &Work, global_latency: f64) -> (Bound, f64) {
    let (sm, chain) = (&gpu.sm, &work.chain);
    let f = f64::from;
    let waits = f(chain.alu) * sm.alu_latency_cycles.value
        + f(chain.special) * sm.special_latency_cycles.value
        + f(chain.matrix)
            * gpu.matrix_multiply_adds_per_cycle().map_or(0.0, |rate| sm.issue_per_cycle.value.max(1.0) / rate)
        + f(chain.shared) * sm.shared_latency_cycles.value
        + work.barriers * sm.barrier_cycles.value;
    let memory =
        (f(chain.global) + f(chain.global_unrolled) / if unrolls(gpu) { f(UNROLL) } else { 1.0 }) * global_latency;
    let issue = f(chain.issue) / sm.issue_per_cycle.value.min(1.0);
    (if memory > waits { Bound::MemoryLatency } else { Bound::Latency }, issue + waits + memory)
}

/// Where loads are served.
struct Caches {
    /// Bytes between L2 and SM, of a workgroup.
    l2_bytes: f64,
    /// Bytes between memory and L2, of the launch.
    memory_bytes: f64,
    /// Cycles that an average load takes.
    latency: f64,
}

impl Caches {
    fn new(gpu: &GpuProfile, counted: &Counted, traffic: &MeanTraffic, resident: f64, warm: bool) -> Self {
        let workgroups: f64 = counted.grid.iter().map(|n| f64::from(*n)).product();
        let Some(l2) = &gpu.l2 else {
            let latency = gpu.memory.latency_cycles.value;
            return Self { l2_bytes: 0.0, memory_bytes: traffic.bytes * workgroups, latency };
        };
        let block = f64::from(traffic.rules.block);
        let buffers = 0..traffic.loads.len();
        let cold = |b: usize| (traffic.loads[b].cold + traffic.stores[b].cold) * block;
        let all_cold: f64 = buffers.clone().map(cold).sum::<f64>().max(block);
        let in_flight = (resident * f64::from(gpu.machine.sms.value)).min(workgroups).max(1.0);
        // Bytes of `b` that so many workgroups together touch, of those that one touches.
        let wave = wave(counted.grid, in_flight);
        let union = |b: usize, over: [f64; 3]| -> f64 {
            (0..3).map(|a| 1.0 + (over[a] - 1.0) * (1.0 - traffic.shared[b][a])).product()
        };
        let grid = counted.grid.map(f64::from);
        // What lies between two touches of a workgroup is what all in flight touch meanwhile.
        let crowd = buffers.clone().map(|b| cold(b) * union(b, wave)).sum::<f64>() / all_cold;
        let held = resident * f64::from(counted.shared_bytes) / 1024.0;
        let near = gpu.l1_kib_beside(held).map(|kib| {
            let apart = |b: usize| {
                let least = traffic.shared[b].iter().copied().fold(1.0, f64::min);
                cold(b) * (1.0 + (resident - 1.0) * (1.0 - least))
            };
            kib * 1024.0 / (buffers.clone().map(apart).sum::<f64>() / all_cold)
        });
        let far = l2.kib.value * 1024.0 / crowd;
        let (mut loads, mut from_l2, mut from_memory, mut stores) = (0.0, 0.0, 0.0, 0.0);
        let (mut wave_bytes, mut once, mut every_wave) = (0.0, 0.0, 0.0);
        for b in buffers {
            let (l, s) = (&traffic.loads[b], &traffic.stores[b]);
            let missed_near = near.map_or(l.total(), |bytes| l.misses(bytes));
            let missed = l.misses(far).min(missed_near);
            loads += l.total();
            from_l2 += missed_near;
            stores += s.total();
            let of_wave = (missed + s.misses(far)) * block * union(b, wave);
            wave_bytes += of_wave;
            every_wave += of_wave * workgroups / in_flight;
            once += cold(b) * union(b, grid);
            from_memory += missed / (wave.iter().product::<f64>() / union(b, wave)).max(1.0);
        }
        let fits = l2.kib.value * 1024.0;
        let memory_bytes = match () {
            () if warm && once <= fits => 0.0,
            () if once <= fits || wave_bytes <= fits => once.min(every_wave.max(once)),
            () => every_wave.max(once),
        };
        let near_latency = gpu.l1.as_ref().map_or(l2.latency_cycles.value, |l1| l1.latency_cycles.value);
        // A warp waits for the slowest of its lanes' blocks: hits in L1 shorten the wait only where all are hits, which
        // regular shaders have together.
        let (far_share, memory_share) = if loads > 0.0 {
            (from_l2 / loads, if memory_bytes > 0.0 { from_memory / loads } else { 0.0 })
        } else {
            (0.0, 0.0)
        };
        let latency = near_latency * (1.0 - far_share)
            + l2.latency_cycles.value * (far_share - memory_share).max(0.0)
            + gpu.memory.latency_cycles.value * memory_share;
        Self { l2_bytes: (from_l2 + stores) * block, memory_bytes, latency }
    }
}

/// How far so many workgroups in flight reach along each axis, x first.
fn wave(grid: [u32; 3], in_flight: f64) -> [f64; 3] {
    let grid = grid.map(f64::from);
    let x = in_flight.min(grid[0]);
    let y = (in_flight / grid[0]).ceil().clamp(1.0, grid[1]);
    let z = (in_flight / (grid[0] * grid[1])).ceil().clamp(1.0, grid[2]);
    [x, y, z]
}
