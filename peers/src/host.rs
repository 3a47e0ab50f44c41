//! Threads, cores and caches. Every contestant runs with as many threads as the others, each on a core of its own: the
//! main thread on the first, and whatever threads a library starts on the next ones, by the order in which they appear.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// What a contestant may use.
pub struct Host {
    /// Threads of every contestant.
    pub threads: usize,
    /// Those of ours and of peers that use rayon.
    pub pool: ThreadPool,
    /// Second-level cache, bytes.
    pub l2_bytes: usize,
    /// Last-level cache, bytes.
    pub llc_bytes: usize,
    placed: Mutex<BTreeSet<i32>>,
}

impl Host {
    /// Starts the pool and takes the first core. Libraries that count the cores they may use are loaded before.
    pub fn new(threads: usize) -> Self {
        let before = tasks();
        let pool = ThreadPoolBuilder::new().num_threads(threads).start_handler(|n| pin(0, n));
        let pool = pool.build().expect("threads can be started");
        pool.broadcast(|_| ());
        pin(0, 0);
        let size = |level| cache_bytes(level).unwrap_or(1 << 20);
        let mut placed: BTreeSet<i32> = tasks().difference(&before).copied().collect();
        placed.insert(std::process::id() as i32);
        Self { threads, pool, l2_bytes: size(2), llc_bytes: size(3), placed: Mutex::new(placed) }
    }

    /// Puts threads that have appeared since on the cores after the first.
    pub fn place_new_threads(&self) {
        let mut placed = self.placed.lock().expect("nobody panics with it");
        let new: Vec<i32> = tasks().difference(&placed).copied().collect();
        for (i, task) in new.iter().enumerate() {
            pin(*task, 1 + i % (self.threads - 1).max(1));
        }
        placed.extend(new);
    }

    /// Waits until no other thread of this process runs: idle workers of several libraries spin for a while.
    pub fn settle(&self) {
        for _ in 0..100 {
            let own = std::process::id() as i32;
            let running = |task: &i32| *task != own && state(*task) == Some('R');
            if self.threads == 1 || !tasks().iter().any(running) {
                return;
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    /// Bytes of copies that weights rotate through, as in `measure`: four times the last-level cache where a run's
    /// operands leave the second level, else one copy.
    pub fn rotation_bytes(&self, operand_bytes: u64) -> usize {
        if operand_bytes <= self.l2_bytes as u64 { 0 } else { (4 * self.llc_bytes).min(1 << 30) }
    }
}

/// A moment, by the clocks of the wall, of the cores and of this process.
pub struct Moment {
    wall: Instant,
    cores: Option<f64>,
    own: f64,
}

/// So many cores may be busy with other processes while something is timed.
const QUIET: f64 = 0.1;

impl Moment {
    /// Now.
    pub fn now() -> Self {
        Self { wall: Instant::now(), cores: busy_seconds(), own: own_seconds() }
    }

    /// True where other processes have let the cores alone since; always where the system does not tell.
    pub fn was_quiet(&self) -> bool {
        let now = Self::now();
        let (Some(before), Some(after)) = (self.cores, now.cores) else { return true };
        let others = (after - before) - (now.own - self.own);
        // Cores count in hundredths of a second.
        others <= QUIET * (now.wall - self.wall).as_secs_f64() + 0.01
    }
}

/// Waits up to a minute for other processes to end their work.
pub fn wait_for_quiet() {
    for _ in 0..200 {
        let moment = Moment::now();
        std::thread::sleep(Duration::from_millis(300));
        if moment.was_quiet() {
            return;
        }
    }
}

/// What all cores have worked since the start, the hypervisor's other guests included.
fn busy_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<f64> = stat.lines().next()?.split_whitespace().skip(1).filter_map(|t| t.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal.
    let busy = [0, 1, 2, 5, 6, 7].iter().map(|i| ticks.get(*i)).sum::<Option<f64>>()?;
    Some(busy / 100.0)
}

/// What this process has.
fn own_seconds() -> f64 {
    #[cfg(target_os = "linux")]
    {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: it only writes the struct.
        unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    }
    #[cfg(not(target_os = "linux"))]
    0.0
}

/// Puts a thread (0: the calling one) on the `n`th core that this process could use when it started.
fn pin(task: i32, n: usize) {
    #[cfg(target_os = "linux")]
    {
        static CORES: std::sync::OnceLock<Vec<usize>> = std::sync::OnceLock::new();
        // SAFETY: the set is plain bits, and both calls get its size.
        unsafe {
            let cores = CORES.get_or_init(|| {
                let mut set: libc::cpu_set_t = std::mem::zeroed();
                libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set);
                (0..libc::CPU_SETSIZE as usize).filter(|c| libc::CPU_ISSET(*c, &set)).collect()
            });
            if let Some(core) = cores.get(n) {
                let mut set: libc::cpu_set_t = std::mem::zeroed();
                libc::CPU_SET(*core, &mut set);
                libc::sched_setaffinity(task, size_of::<libc::cpu_set_t>(), &set);
            }
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (task, n);
}

/// Threads of this process; none where the system does not list them.
fn tasks() -> BTreeSet<i32> {
    let entries = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    entries.filter_map(|e| e.file_name().to_str()?.parse().ok()).collect()
}

/// What a thread does, by the letter of `/proc`.
fn state(task: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/self/task/{task}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// Size of the largest cache of this level that the first core sees.
fn cache_bytes(level: u32) -> Option<usize> {
    let read = |index: usize, what: &str| {
        fs::read_to_string(format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{what}")).ok()
    };
    let sizes = (0..8).filter(|i| read(*i, "level").is_some_and(|l| l.trim() == level.to_string()));
    let kib = |i| read(i, "size")?.trim().strip_suffix('K')?.parse::<usize>().ok();
    sizes.filter_map(kib).max().map(|kib| kib << 10)
}
