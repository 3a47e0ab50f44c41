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

use super::quantity::Quantity;
use crate::environment::Host;

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

/// Most bytes of the tables that all cores chase through at once.
const MOST_CHASED: usize = 512 << 20;

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
    wanted.extend([Probe::WidestDot4, Probe::TilesI8, Probe::TilesBf16].map(|probe| (Isa::Scalar, probe, true)));
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
    // With every core at work each chases as much, as far as there is room: a smaller table is within reach of more caches.
    let room = |bytes: usize, shared: u32| bytes / 2 / shared.clamp(1, host.cores) as usize;
    let rooms = host.caches.iter().map(|cache| room(cache.bytes, cache.shared_by));
    for (bytes, room) in levels.zip(rooms).chain([(far, room(2 * MOST_CHASED, host.cores))]) {
        let mut table = |bytes| chase_table(bytes, |n| rng.next_u32() as usize % n);
        let whole = table(bytes);
        let chase = |steps| ProbeData::chase(steps, whole.clone());
        jobs.extend(probe_job(Quantity::Latency(bytes), Isa::Scalar, Probe::Chase, 1, &chase));
        if host.cores > 1 {
            let part = table(bytes.min(room));
            let chase = |steps| ProbeData::chase(steps, part.clone());
            jobs.extend(probe_job(Quantity::Latency(bytes), Isa::Scalar, Probe::Chase, host.cores, &chase));
        }
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
