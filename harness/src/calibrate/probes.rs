//! What is measured, and how one run of each measurement goes.

use std::hint::black_box;
use std::sync::{Barrier, Mutex};
use std::time::Instant;

use kernels::input::Buffer;
use kernels::machine::Isa;
use kernels::probe::{Chain, FloatOp, LINE_WORDS, Probe, ProbeData, chase_table, native};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::ThreadPool;
use rayon::prelude::*;

use crate::environment::Host;

/// A figure of a machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantity {
    /// Time of one operation of an arithmetic probe.
    Op(Isa, Probe),
    /// Time of one hop of a chase through so many bytes.
    Latency(usize),
    /// Time of one hop while a core keeps many in flight.
    LatencyShared(usize),
    /// Time of one byte of a read through so many bytes.
    Byte(usize),
    /// What a parallel loop adds to the work in it.
    ForkJoin,
}

impl Quantity {
    /// One cycle of the core.
    pub const CLOCK: Self = Self::Op(Isa::Scalar, Probe::IntAdd(Chain::Dependent));

    /// One byte by scalar loads from the first level.
    pub const SCALAR_BYTE: Self = Self::Op(Isa::Scalar, Probe::ReadStream);

    /// For people.
    pub fn name(self) -> String {
        let chain = |c| if c == Chain::Dependent { "dependent" } else { "independent" };
        match self {
            Self::Op(isa, Probe::Float(op, c)) => {
                let op = match op {
                    FloatOp::Add => "add",
                    FloatOp::Mul => "multiply",
                    FloatOp::MulAdd => "multiply-add",
                    FloatOp::Max => "maximum",
                    FloatOp::Div => "divide",
                    FloatOp::MulSqrt => "multiply + square root",
                    FloatOp::MulExp => "multiply + expf",
                };
                format!("{} f32 {op}, {}", isa.name(), chain(c))
            }
            Self::Op(isa, Probe::IntAdd(c)) => format!("{} i32 add, {}", isa.name(), chain(c)),
            Self::Op(isa, Probe::IntMul(c)) => format!("{} i32 multiply, {}", isa.name(), chain(c)),
            Self::Op(isa, Probe::Dot4(c)) => format!("{} i8 four-product dot, {}", isa.name(), chain(c)),
            Self::Op(_, Probe::WidestDot4) => "512-bit i8 four-product dot".into(),
            Self::Op(_, Probe::PairsBf16(c)) => format!("512-bit bf16 dot of pairs, {}", chain(c)),
            Self::Op(isa, Probe::Madd) => format!("{} i8 pairwise multiply-add", isa.name()),
            Self::Op(isa, Probe::MaddLoaded) => format!("{} i8 pairwise multiply-add, both loaded", isa.name()),
            Self::Op(isa, Probe::SumHalves) => format!("{} f16 load and convert + add", isa.name()),
            Self::Op(isa, Probe::SumExp) => format!("{} running sum of expf", isa.name()),
            Self::Op(isa, Probe::SumInMemory) => format!("{} f32 add to a value in memory", isa.name()),
            Self::Op(isa, Probe::Stores) => format!("{} stores", isa.name()),
            Self::Op(isa, Probe::ReadStream) => format!("{} byte read from the first level", isa.name()),
            Self::Op(isa, other) => format!("{} {other:?}", isa.name()),
            Self::Latency(bytes) => format!("load latency, {}", size(bytes)),
            Self::LatencyShared(bytes) => format!("16 loads in flight, {}", size(bytes)),
            Self::Byte(bytes) => format!("read bandwidth, {}", size(bytes)),
            Self::ForkJoin => "parallel loop".into(),
        }
    }

    /// A time of one operation as a rate, where a rate is what people compare.
    pub fn rate(self, ns: f64) -> String {
        match self {
            Self::Byte(_) => format!("{:.1} GB/s", 1.0 / ns),
            Self::Op(..) => self.operations().map_or(String::new(), |ops| format!("{:.1} Gop/s", ops / ns)),
            _ => String::new(),
        }
    }

    /// Arithmetic operations of one such operation, a multiply-add as two, where they make a peak.
    pub fn operations(self) -> Option<f64> {
        match self {
            Self::Op(isa, Probe::Float(FloatOp::MulAdd, Chain::Independent)) => Some(2.0 * isa.lanes() as f64),
            Self::Op(isa, Probe::Madd) => Some(4.0 * isa.lanes() as f64),
            Self::Op(isa, Probe::Dot4(Chain::Independent)) => Some(8.0 * isa.lanes() as f64),
            Self::Op(_, Probe::WidestDot4) => Some(128.0),
            Self::Op(_, Probe::PairsBf16(Chain::Independent)) => Some(64.0),
            _ => None,
        }
    }
}

fn size(bytes: usize) -> String {
    if bytes < 1 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{:.1} MiB", bytes as f64 / 1048576.0) }
}

/// One measurement, ready to be run again and again.
pub(super) struct Job {
    pub quantity: Quantity,
    pub threads: u32,
    work: Work,
}

enum Work {
    /// A probe, on as many threads as there are data; `per_run` operations on each.
    Probe {
        isa: Isa,
        probe: Probe,
        data: Vec<Mutex<ProbeData>>,
        per_run: f64,
    },
    ForkJoin {
        data: Vec<Mutex<ProbeData>>,
    },
}

/// Parallel loops of a run.
const LOOPS: usize = 21;
/// A run at least this long drowns the clock and the first steps of a loop.
const RUN_NS: f64 = 1.5e6;

impl Job {
    /// Time of one operation, ns, all threads together.
    pub fn run(&mut self, pool: &ThreadPool) -> f64 {
        match &self.work {
            Work::Probe { isa, probe, data, per_run } => {
                time_probe(pool, *isa, *probe, data) / per_run / data.len() as f64
            }
            Work::ForkJoin { data } => {
                // Some loops end before a second thread woke up: the middle one is the usual one.
                let mut loops: Vec<f64> = (0..LOOPS).map(|_| fork_join(pool, data)).collect();
                loops.sort_unstable_by(f64::total_cmp);
                loops[LOOPS / 2]
            }
        }
    }
}

/// Time of one run, ns: on this thread, or on one thread of the pool for each of the data, started together.
fn time_probe(pool: &ThreadPool, isa: Isa, probe: Probe, data: &[Mutex<ProbeData>]) -> f64 {
    let once = |data: &Mutex<ProbeData>| {
        let mut data = data.lock().unwrap_or_else(|e| e.into_inner());
        settle(isa, probe, &mut data);
        let start = Instant::now();
        native(isa, probe, &mut data);
        let ns = start.elapsed().as_nanos() as f64;
        black_box(data.result());
        ns
    };
    if let [only] = data {
        return once(only);
    }
    let barrier = Barrier::new(data.len());
    let times = pool.broadcast(|thread| {
        let own = data.get(thread.index())?;
        barrier.wait();
        Some(once(own))
    });
    times.into_iter().flatten().fold(0.0, f64::max)
}

/// Brings the data into the caches they fit in, after other measurements threw them out, and wakes wide units.
fn settle(isa: Isa, probe: Probe, data: &mut ProbeData) {
    if let Probe::Chase | Probe::ChaseMany = probe {
        black_box(data.table.iter().step_by(LINE_WORDS).map(|next| i64::from(*next)).sum::<i64>());
        // On from where the last run started, by strides that meet no line twice soon: a repeated path would be cached.
        let lines = data.table.len() / LINE_WORDS;
        for (c, at) in data.at.iter_mut().enumerate() {
            let line = *at as usize / LINE_WORDS + lines / 7 * 3 + c + 1;
            *at = (line % lines * LINE_WORDS) as i32;
        }
    } else if size_of_val(data.stream.as_slice()) < FAR_BYTES {
        native(isa, probe, data);
    }
}

/// What a parallel loop over one task per thread takes beyond the longest task, ns.
fn fork_join(pool: &ThreadPool, data: &[Mutex<ProbeData>]) -> f64 {
    let probe = Probe::IntAdd(Chain::Dependent);
    pool.install(|| {
        let start = Instant::now();
        let longest = data
            .par_iter()
            .with_max_len(1)
            .map(|data| {
                let mut data = data.lock().unwrap_or_else(|e| e.into_inner());
                let start = Instant::now();
                native(Isa::Scalar, probe, &mut data);
                start.elapsed().as_nanos() as f64
            })
            .reduce(|| 0.0, f64::max);
        start.elapsed().as_nanos() as f64 - longest
    })
}

/// Least size that stands for memory.
const FAR_BYTES: usize = 64 << 20;

/// Data of a probe by its steps.
type Data<'a> = &'a dyn Fn(usize) -> ProbeData;

/// A job with as many steps as a run must have; none where the probe does not run here.
fn probe_job(quantity: Quantity, isa: Isa, probe: Probe, threads: u32, data: Data) -> Option<Job> {
    let mut all: Vec<ProbeData> = (0..threads).map(|_| data(1)).collect();
    let first = all.first_mut()?;
    if !isa.available() || !native(isa, probe, first) {
        return None;
    }
    let mut ns = 0.0;
    while ns < RUN_NS {
        let start = Instant::now();
        native(isa, probe, first);
        ns = start.elapsed().as_nanos() as f64;
        if ns < RUN_NS {
            first.steps = (first.steps as f64 * (1.2 * RUN_NS / ns.max(1.0)).clamp(1.2, 50.0)).ceil() as usize;
        }
    }
    let steps = first.steps;
    let per_run = probe.operations(isa.lanes(), first);
    let ready = |mut data: ProbeData| {
        data.steps = steps;
        Mutex::new(data)
    };
    let data = all.into_iter().map(ready).collect();
    Some(Job { quantity, threads, work: Work::Probe { isa, probe, data, per_run } })
}

/// The widest machine here.
pub(super) fn widest() -> Isa {
    [Isa::Avx512, Isa::Avx2, Isa::Neon].into_iter().find(|isa| isa.available()).unwrap_or(Isa::Portable)
}

/// Sizes that stand for the levels: half of the first, five eighths of the second (below its pages' reach in the first
/// translation buffer on most cores), a quarter of each one further out.
pub(super) fn level_bytes(level: usize, bytes: usize) -> usize {
    match level {
        0 => bytes / 2,
        1 => bytes / 8 * 5,
        _ => bytes / 4,
    }
}

/// A size that stands for memory: four times the last cache, within 64 to 256 MiB.
pub(super) fn memory_bytes(host: &Host) -> usize {
    (4 * host.llc_bytes()).clamp(FAR_BYTES, 4 * FAR_BYTES)
}

/// Everything that is measured.
pub(super) fn jobs(host: &Host, pool: &ThreadPool) -> Vec<Job> {
    let mut jobs = arithmetic(host);
    jobs.extend(memory(host));
    let data: Vec<_> = (0..pool.current_num_threads()).map(|_| Mutex::new(ProbeData::new(5000))).collect();
    jobs.push(Job { quantity: Quantity::ForkJoin, threads: host.cores, work: Work::ForkJoin { data } });
    jobs
}

fn arithmetic(host: &Host) -> Vec<Job> {
    use FloatOp::*;
    let both = [Chain::Dependent, Chain::Independent];
    let floats = [Add, Mul, MulAdd, Max, Div, MulSqrt, MulExp];
    let mut wanted: Vec<(Isa, Probe, bool)> = Vec::new();
    for chain in both {
        wanted.extend([Probe::IntAdd(chain), Probe::IntMul(chain)].map(|probe| (Isa::Scalar, probe, false)));
        for isa in [Isa::Scalar, widest()] {
            wanted.extend(floats.map(|op| (isa, Probe::Float(op, chain), false)));
        }
        wanted.extend(Isa::ALL.map(|isa| (isa, Probe::Dot4(chain), chain == Chain::Independent)));
        wanted.push((Isa::Scalar, Probe::PairsBf16(chain), chain == Chain::Independent));
    }
    let peak = Probe::Float(MulAdd, Chain::Independent);
    let ceilings = Isa::ALL.into_iter().flat_map(|isa| [(isa, peak, true), (isa, Probe::Madd, true)]);
    wanted.extend(ceilings.filter(|new| !wanted.iter().any(|w| (w.0, w.1) == (new.0, new.1))).collect::<Vec<_>>());
    let loaded = [Probe::MaddLoaded, Probe::SumHalves, Probe::SumInMemory, Probe::Stores];
    wanted.extend(loaded.map(|probe| (widest(), probe, false)));
    wanted.push((Isa::Scalar, Probe::SumExp, false));
    wanted.push((Isa::Scalar, Probe::WidestDot4, true));
    for entry in &mut wanted {
        entry.2 |= entry.1 == peak;
    }
    let mut jobs = Vec::new();
    for (isa, probe, on_all) in wanted {
        let job = |threads| probe_job(Quantity::Op(isa, probe), isa, probe, threads, &ProbeData::new);
        jobs.extend(job(1));
        if on_all && host.cores > 1 {
            jobs.extend(job(host.cores));
        }
    }
    jobs
}

fn memory(host: &Host) -> Vec<Job> {
    let levels = host.caches.iter().enumerate().map(|(i, cache)| level_bytes(i, cache.bytes));
    let far = memory_bytes(host);
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut jobs = Vec::new();
    for bytes in levels.chain([far]) {
        let table = chase_table(bytes, |n| rng.next_u32() as usize % n);
        let chase = |steps| ProbeData::chase(steps, table.clone());
        jobs.extend(probe_job(Quantity::Latency(bytes), Isa::Scalar, Probe::Chase, 1, &chase));
        if bytes == far {
            jobs.extend(probe_job(Quantity::LatencyShared(bytes), Isa::Scalar, Probe::ChaseMany, 1, &chase));
        }
    }
    if let Some(first) = host.caches.first() {
        let stream = |steps| stream_data(steps, level_bytes(0, first.bytes));
        jobs.extend(probe_job(Quantity::SCALAR_BYTE, Isa::Scalar, Probe::ReadStream, 1, &stream));
    }
    for (i, cache) in host.caches.iter().enumerate() {
        let shared = cache.shared_by.clamp(1, host.cores) as usize;
        jobs.extend(streams(host, level_bytes(i, cache.bytes), shared));
    }
    jobs.extend(streams(host, far, host.cores as usize));
    jobs
}

fn stream_data(steps: usize, bytes: usize) -> ProbeData {
    ProbeData::stream(steps, Buffer::filled(bytes / 4, |i| (i % 7) as f32))
}

/// Reads of so many bytes on one thread, and on all with `shared` threads dividing the bytes among them.
fn streams(host: &Host, bytes: usize, shared: usize) -> Vec<Job> {
    let job = |threads: u32, each: usize| {
        let data = |steps| stream_data(steps, each);
        probe_job(Quantity::Byte(bytes), widest(), Probe::ReadStream, threads, &data)
    };
    let all = (host.cores > 1).then(|| job(host.cores, bytes / shared)).flatten();
    job(1, bytes).into_iter().chain(all).collect()
}
