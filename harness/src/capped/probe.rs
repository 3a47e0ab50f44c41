//! Proofs: each probe tries to go over a limit from inside the limited process, and says with numbers whether it could.

use std::path::Path;
use std::sync::Barrier;
use std::time::Instant;

use kernels::input::Buffer;
use kernels::machine::Isa;
use kernels::probe::{Probe, ProbeData, native};

use super::rate_text;
use crate::pace::wait_until;

/// What a probe found: words with its numbers, or why the limit is not proven.
pub type Evidence = Result<String, String>;

/// Pages are touched in pieces of this many bytes.
const PIECE: usize = 1 << 20;
/// Rates may show so much above their limit: clocks, and what was under way when the measurement began.
pub const RATE_SLACK: f64 = 0.05;
/// The same of the paced bandwidth, which nothing but a clock keeps.
pub const PACE_SLACK: f64 = 0.02;
/// How long a stream is paced, s.
const STREAM_S: f64 = 0.3;
/// Most that a stream reads in one pass, bytes: small beside any memory cap.
const PASS_BYTES: f64 = 4e6;

/// The budget refuses one byte more than is left of it.
pub fn budget() -> Evidence {
    let left = super::budget::left_bytes();
    let over = usize::try_from(left).unwrap_or(usize::MAX).saturating_add(1);
    match Vec::<u8>::new().try_reserve_exact(over) {
        Err(_) => Ok(format!("an allocation of {over} bytes, one more than were left, was refused")),
        Ok(()) => Err(format!("an allocation of {over} bytes went over the budget")),
    }
}

/// Takes and touches so much memory, for a process that expects not to survive it. Returns what it held.
pub fn fill(bytes: u64) -> u64 {
    #[cfg(target_os = "linux")]
    {
        // The kernel shall choose this process, not the one that is measured.
        let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    }
    let mut held: Vec<Vec<u8>> = Vec::new();
    let mut total = 0;
    while total < bytes {
        let mut piece = Vec::new();
        if piece.try_reserve_exact(PIECE).is_err() {
            break;
        }
        piece.resize(PIECE, 1);
        held.push(piece);
        total += PIECE as u64;
    }
    // What nobody reads might never be written.
    std::hint::black_box(&held).iter().map(|piece| piece.len() as u64).sum()
}

/// A paced stream reads no faster than the rate.
pub fn stream(bytes_per_s: f64) -> Evidence {
    let floats = (bytes_per_s * STREAM_S / 30.0).clamp(65_536.0, PASS_BYTES) as usize / size_of::<f32>();
    let mut data = ProbeData::stream(1, Buffer::filled(floats, |i| i as f32));
    let isa = Isa::Portable;
    let pass_bytes = Probe::ReadStream.operations(isa.lanes(), &data);
    native(isa, Probe::ReadStream, &mut data);
    let start = Instant::now();
    let now_ns = || start.elapsed().as_nanos() as f64;
    let (mut read, mut waited) = (0.0, 0.0);
    while now_ns() < STREAM_S * 1e9 {
        native(isa, Probe::ReadStream, &mut data);
        read += pass_bytes;
        waited += wait_until(read / bytes_per_s * 1e9, now_ns);
    }
    let ns = now_ns();
    std::hint::black_box(data.result());
    let rate = read / ns * 1e9;
    let shown = format!("a stream read {} and waited {:.0} % of the time", rate_text(rate), 100.0 * waited / ns);
    if rate <= bytes_per_s * (1.0 + PACE_SLACK) { Ok(shown) } else { Err(shown) }
}

/// Streams on so many threads, each of `bytes` that no cache holds, read no faster than the rate all together.
pub fn streams(bytes_per_s: f64, threads: usize, bytes: usize) -> Evidence {
    let (isa, probe) = (Isa::Portable, Probe::ReadStream);
    let start = Barrier::new(threads);
    let one = || {
        let mut data = ProbeData::stream(1, Buffer::filled(bytes / size_of::<f32>(), |i| i as f32));
        let pass_bytes = probe.operations(isa.lanes(), &data);
        start.wait();
        let (began, mut read) = (Instant::now(), 0.0);
        while began.elapsed().as_secs_f64() < STREAM_S {
            native(isa, probe, &mut data);
            read += pass_bytes;
        }
        std::hint::black_box(data.result());
        read / began.elapsed().as_secs_f64()
    };
    let rate: f64 = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        all.into_iter().filter_map(|thread| thread.join().ok()).sum()
    });
    let shown = format!("{threads} streams beyond the caches read {}", rate_text(rate));
    if rate <= bytes_per_s * (1.0 + RATE_SLACK) { Ok(shown) } else { Err(shown) }
}

#[cfg(target_os = "linux")]
pub use self::linux::*;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeSet;
    use std::fs::{File, OpenOptions};
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;
    use std::time::{Duration, Instant};

    use rustix::thread::CpuSet;
    use rustix::time::{ClockId, clock_gettime};

    use super::{Evidence, PIECE, Path, RATE_SLACK};
    use crate::capped::rate_text;

    /// How long threads spin to show where they may run.
    const SPIN: Duration = Duration::from_millis(60);
    /// How long reading a file takes at the limit, s.
    const STORAGE_S: f64 = 2.0;
    /// Most that is read from storage, bytes.
    const FILE_BYTES: f64 = 1e9;
    /// Direct reads begin at multiples of this in memory and file.
    const ALIGN: usize = 4096;

    /// Binds this process, and every thread it will start, to its first `n` processors. Called before it has threads.
    pub fn take_cores(n: u32) -> Result<(), String> {
        let all = rustix::thread::sched_getaffinity(None).map_err(|e| format!("affinity cannot be read: {e}"))?;
        let mut kept = CpuSet::new();
        (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)).take(n as usize).for_each(|cpu| kept.set(cpu));
        rustix::thread::sched_setaffinity(None, &kept).map_err(|e| format!("affinity cannot be set: {e}"))
    }

    /// Processor time of this process so far.
    pub fn cpu_time() -> Duration {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
    }

    /// Spins in so many threads; returns the processors they were seen on and the processor seconds per second.
    fn spin(threads: usize, time: Duration) -> (BTreeSet<usize>, f64) {
        let (start, before) = (Instant::now(), cpu_time());
        let one = || {
            let mut seen = BTreeSet::new();
            while start.elapsed() < time {
                seen.insert(rustix::thread::sched_getcpu());
            }
            seen
        };
        let seen = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
            threads.into_iter().filter_map(|t| t.join().ok()).flatten().collect()
        });
        (seen, (cpu_time() - before).as_secs_f64() / start.elapsed().as_secs_f64())
    }

    /// One thread more than there are cores cannot run on more processors, nor take more time.
    pub fn cores(n: u32) -> Evidence {
        let allowed = rustix::thread::sched_getaffinity(None).map_err(|e| format!("affinity cannot be read: {e}"))?;
        if allowed.count() != n {
            return Err(format!("{} processors are allowed, not {n}", allowed.count()));
        }
        let (seen, used) = spin(n as usize + 1, SPIN);
        let shown = format!("{} spinning threads ran on processors {seen:?} and used {used:.2} of them", n + 1);
        let within = seen.len() <= n as usize && used <= f64::from(n) * (1.0 + RATE_SLACK);
        if within { Ok(shown) } else { Err(shown) }
    }

    /// Threads that spin all the time get no more than the share.
    pub fn share(share: f64, watch: Duration) -> Evidence {
        // Not what the standard library calls parallelism: that is the share, rounded up.
        let allowed = rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count() as usize);
        let threads = allowed.max(share.ceil() as usize);
        let (_, used) = spin(threads, watch);
        let shown = format!("{threads} spinning threads used {used:.3} processors");
        if used <= share * (1.0 + RATE_SLACK) { Ok(shown) } else { Err(shown) }
    }

    /// A file in `folder` is read, past the page cache, no faster than the rate.
    pub fn storage(bytes_per_s: f64, folder: &Path) -> Evidence {
        let file = written(folder, ((STORAGE_S * bytes_per_s).min(FILE_BYTES) as usize).max(8 * PIECE))?;
        let (bytes, seconds) = read_past_cache(&file).map_err(|e| format!("{}: {e}", folder.display()))?;
        let rate = bytes as f64 / seconds;
        let shown = format!("{} MiB of a file were read at {}", bytes >> 20, rate_text(rate));
        if rate <= bytes_per_s * (1.0 + RATE_SLACK) { Ok(shown) } else { Err(shown) }
    }

    /// A file in `folder` of about so many bytes, on the disk. It has no name and is gone with its last user.
    pub fn written(folder: &Path, bytes: usize) -> Result<File, String> {
        let fail = |e: std::io::Error| format!("{}: {e}", folder.display());
        let mut file = tempfile::tempfile_in(folder).map_err(fail)?;
        let piece = vec![1; PIECE];
        (0..bytes / PIECE).try_for_each(|_| file.write_all(&piece)).and_then(|()| file.sync_all()).map_err(fail)?;
        Ok(file)
    }

    /// Reads a file past the page cache, all but its beginning timed: bytes and seconds.
    pub fn read_past_cache(file: &File) -> Result<(u64, f64), String> {
        // A second way in, as the mode is that of the opening.
        let direct = OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::DIRECT.bits() as i32)
            .open(format!("/proc/self/fd/{}", file.as_raw_fd()))
            .map_err(|e| format!("no reading past the page cache: {e}"))?;
        timed_read(direct).map_err(|e| e.to_string())
    }

    /// Reads a file opened for direct reads to its end: bytes and seconds.
    fn timed_read(mut file: File) -> std::io::Result<(u64, f64)> {
        let mut memory = vec![0u8; PIECE + ALIGN];
        let at = memory.as_ptr().align_offset(ALIGN).min(ALIGN);
        let piece = &mut memory[at..at + PIECE];
        let saved_up = file.metadata()?.len() / 4;
        let (mut start, mut bytes, mut timed) = (Instant::now(), 0, 0);
        loop {
            let n = file.read(piece)? as u64;
            if n == 0 {
                return Ok((timed, start.elapsed().as_secs_f64()));
            }
            bytes += n;
            // What an idle device may take at once does not count.
            if bytes <= saved_up {
                start = Instant::now();
            } else {
                timed += n;
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub use self::elsewhere::*;

/// Where the system enforces none of these, none is ever asked for.
#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::{Evidence, Path};

    fn not_here() -> String {
        format!("cannot be proven on {}", std::env::consts::OS)
    }

    /// Binds nothing.
    pub fn take_cores(_n: u32) -> Result<(), String> {
        Err(not_here())
    }

    /// Proves nothing.
    pub fn cores(_n: u32) -> Evidence {
        Err(not_here())
    }

    /// Proves nothing.
    pub fn share(_share: f64, _watch: std::time::Duration) -> Evidence {
        Err(not_here())
    }

    /// Writes nothing.
    pub fn written(_folder: &Path, _bytes: usize) -> Result<std::fs::File, String> {
        Err(not_here())
    }

    /// Reads nothing.
    pub fn read_past_cache(_file: &std::fs::File) -> Result<(u64, f64), String> {
        Err(not_here())
    }

    /// Proves nothing.
    pub fn storage(_bytes_per_s: f64, _folder: &Path) -> Evidence {
        Err(not_here())
    }
}
