//! Weights that are read from storage while they are used: one layer of a real model in a file, passed over again and
//! again as decoding does, by one of several policies (`policy`) of which part is in memory when. What comes out is the
//! same bit for bit, whatever the policy; what it costs is faults, bytes read and time.

mod ahead;
mod policy;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use kernels::dtype::q8_0::BlockQ8_0;
use kernels::dtype::{Block as _, encode_row};
use kernels::gemv::{Args, Gemv};
use kernels::input::Input;
use kernels::kernel::Contract;
use kernels::machine::Isa;
use serde::{Deserialize, Serialize};

use crate::native::machine_for;

/// One matrix of a layer, `rows × cols`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// As model files call it.
    pub name: &'static str,
    /// Outputs.
    pub rows: usize,
    /// Inner size.
    pub cols: usize,
}

const fn matrix(name: &'static str, rows: usize, cols: usize) -> Matrix {
    Matrix { name, rows, cols }
}

/// The matrices of one layer of R1-Distill-Qwen-1.5B (hidden 1536, FFN 8960, 12 heads of 128, 2 of keys and values), in
/// the order in which decoding uses them.
pub const LAYER: [Matrix; 7] = [
    matrix("attn_q", 1536, 1536),
    matrix("attn_k", 256, 1536),
    matrix("attn_v", 256, 1536),
    matrix("attn_output", 1536, 1536),
    matrix("ffn_gate", 8960, 1536),
    matrix("ffn_up", 8960, 1536),
    matrix("ffn_down", 1536, 8960),
];

/// How weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Format {
    /// As they are used.
    F32,
    /// q8_0, unpacked piece by piece.
    Q8,
}

impl Format {
    fn row_bytes(self, cols: usize) -> usize {
        match self {
            Self::F32 => size_of::<f32>() * cols,
            Self::Q8 => size_of::<BlockQ8_0>() * cols / BlockQ8_0::LEN,
        }
    }

    /// Bytes of the layer's file.
    pub fn layer_bytes(self) -> u64 {
        LAYER.iter().map(|m| (m.rows * self.row_bytes(m.cols)) as u64).sum()
    }
}

/// Which part of a file is in memory when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// The whole file is read into memory before the first pass.
    InMemory,
    /// The file is mapped, and pages come when they are touched, with the system's own read-ahead.
    DemandFaults,
    /// Pieces are mapped and asked for ahead of their use, unmapped and dropped behind.
    Window,
    /// As much as fits is mapped and locked, the rest goes through the window.
    Pinned,
    /// Threads read ahead into buffers, past the page cache.
    ReadAhead,
    /// As much as fits is kept in memory, threads read the rest ahead.
    PinnedReadAhead,
    /// The file holds q8_0, mapped and unpacked piece by piece.
    Quantized,
    /// The same, read into memory before the first pass.
    QuantizedInMemory,
}

impl Policy {
    /// What the file holds.
    pub fn format(self) -> Format {
        match self {
            Self::Quantized | Self::QuantizedInMemory => Format::Q8,
            _ => Format::F32,
        }
    }

    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::InMemory => "in-memory",
            Self::DemandFaults => "demand-faults",
            Self::Window => "window",
            Self::Pinned => "pinned",
            Self::ReadAhead => "read-ahead",
            Self::PinnedReadAhead => "pinned-read-ahead",
            Self::Quantized => "quantized",
            Self::QuantizedInMemory => "quantized-in-memory",
        }
    }
}

/// Some rows of a matrix: what is supplied and used at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    matrix: usize,
    first_row: usize,
    rows: usize,
    offset: u64,
    bytes: usize,
}

/// Most bytes of a block as f32.
const BLOCK_BYTES: usize = 2 << 20;
/// Rows of a block are a multiple of this, so that blocks of f32 begin at whole pages.
const ROWS_ALIGN: usize = 4;

/// The blocks of a layer in the order of the file.
fn blocks(format: Format) -> Vec<Block> {
    let mut all = Vec::new();
    let mut offset = 0;
    for (matrix, m) in LAYER.iter().enumerate() {
        let most = BLOCK_BYTES / Format::F32.row_bytes(m.cols) / ROWS_ALIGN * ROWS_ALIGN;
        for first_row in (0..m.rows).step_by(most) {
            let rows = most.min(m.rows - first_row);
            let bytes = rows * format.row_bytes(m.cols);
            all.push(Block { matrix, first_row, rows, offset, bytes });
            offset += bytes as u64;
        }
    }
    all
}

/// Writes the layer's seeded weights, to the disk and not only to its cache.
pub fn write(file: &mut File, format: Format, seed: u64) -> std::io::Result<()> {
    let input = Input::typical(seed);
    for (i, m) in LAYER.iter().enumerate() {
        let values = input.values(i as u64, m.rows * m.cols, 1.0);
        for row in values.as_slice().chunks_exact(m.cols) {
            match format {
                Format::F32 => file.write_all(bytemuck::cast_slice(row))?,
                Format::Q8 => file.write_all(bytemuck::cast_slice(&encode_row::<BlockQ8_0>(row)))?,
            }
        }
    }
    file.sync_all()
}

/// Drops a file's pages from the system's cache, as far as nothing holds them.
pub fn drop_cached(file: &File) {
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
    #[cfg(not(target_os = "linux"))]
    let _ = file;
}

/// Passes over a layer.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Job {
    /// The layer's file.
    pub file: PathBuf,
    /// How it is read.
    pub policy: Policy,
    /// Passes, one a token.
    pub passes: usize,
    /// Memory that the process may use, bytes.
    pub memory_bytes: u64,
    /// Seed of the activations.
    pub seed: u64,
}

/// What passes over a layer took.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Run {
    /// Each pass, s. What a policy does before the first is in that.
    pub pass_s: Vec<f64>,
    /// Of all outputs of a pass, bit for bit.
    pub hash: u64,
    /// Page faults that had to wait for storage; absent where the system does not tell.
    pub major_faults: Option<u64>,
    /// Bytes that storage delivered to the process; absent where the system does not tell.
    pub read_bytes: Option<u64>,
}

/// Passes over the layer. The error says what could not be done.
pub fn run(job: &Job) -> Result<Run, String> {
    let fail = |e: std::io::Error| format!("{} of {}: {e}", job.policy.name(), job.file.display());
    let file = File::open(&job.file).map_err(fail)?;
    let blocks = blocks(job.policy.format());
    let gemv = Gemv::<f32>::LADDER.iter().find(|v| v.about.name == "simd").ok_or("gemv_f32 has no rung simd")?;
    let isa = machine_for(&gemv.about, None).map_err(|e| e.to_string())?;
    let input = Input::typical(job.seed);
    let widest = LAYER.iter().map(|m| m.cols).max().unwrap_or(0);
    let activations = input.values(LAYER.len() as u64, widest, 1.0);
    let mut scratch = vec![0.0; BLOCK_BYTES / size_of::<f32>()];
    let mut outputs = vec![0.0; LAYER.iter().map(|m| m.rows).max().unwrap_or(0)];
    let (faults, read) = (major_faults(), read_bytes());
    let mut start = Instant::now();
    let mut supply = policy::supply(job, file, &blocks).map_err(fail)?;
    let mut pass_s = Vec::new();
    let mut hashes = Vec::new();
    for _ in 0..job.passes {
        let mut hash = FNV_START;
        for (i, block) in blocks.iter().enumerate() {
            let m = &LAYER[block.matrix];
            let bytes = supply.block(i).map_err(fail)?;
            let w = weights(job.policy.format(), bytes, &mut scratch).map_err(|e| format!("block {i}: {e}"))?;
            let y = &mut outputs[..block.rows];
            let x = &activations.as_slice()[..m.cols];
            if !gemv.run_native(isa, Args { w, k: m.cols, x, y: &mut *y }) {
                return Err(format!("this processor has no {}", Isa::name(isa)));
            }
            hash = y.iter().fold(hash, |hash, v| (hash ^ u64::from(v.to_bits())).wrapping_mul(FNV_PRIME));
        }
        pass_s.push(start.elapsed().as_secs_f64());
        start = Instant::now();
        hashes.push(hash);
    }
    hashes.dedup();
    let [hash] = hashes[..] else { return Err("passes over the same weights differ".into()) };
    let since = |before: Option<u64>, now: Option<u64>| Some(now?.saturating_sub(before?));
    let counted = (since(faults, major_faults()), since(read, read_bytes()));
    Ok(Run { pass_s, hash, major_faults: counted.0, read_bytes: counted.1 })
}

/// FNV-1a over the outputs' bits.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x100_0000_01b3;

/// A block's weights as f32: as they are, or unpacked.
fn weights<'a>(format: Format, bytes: &'a [u8], scratch: &'a mut [f32]) -> Result<&'a [f32], String> {
    if format == Format::F32 {
        return bytemuck::try_cast_slice(bytes).map_err(|e| e.to_string());
    }
    let packed: &[BlockQ8_0] = bytemuck::try_cast_slice(bytes).map_err(|e| e.to_string())?;
    let unpacked = scratch.get_mut(..packed.len() * BlockQ8_0::LEN).ok_or("longer than a block")?;
    for (block, values) in packed.iter().zip(unpacked.chunks_exact_mut(BlockQ8_0::LEN)) {
        block.decode(values);
    }
    Ok(unpacked)
}

/// Page faults of this process that waited for storage; absent where the system does not tell.
pub fn major_faults() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The twelfth field; the second, in parentheses, may hold anything.
    stat.rsplit_once(") ")?.1.split(' ').nth(9)?.parse().ok()
}

/// Bytes that storage delivered to this process.
fn read_bytes() -> Option<u64> {
    let io = std::fs::read_to_string("/proc/self/io").ok()?;
    io.lines().find_map(|line| line.strip_prefix("read_bytes: "))?.trim().parse().ok()
}

/// A file that has no name can be opened again by who knows its process and descriptor.
#[cfg(target_os = "linux")]
pub fn path_of(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    Path::new("/proc").join(std::process::id().to_string()).join("fd").join(file.as_raw_fd().to_string())
}

/// Elsewhere there is no such path.
#[cfg(not(target_os = "linux"))]
pub fn path_of(_file: &File) -> PathBuf {
    Path::new("/dev/null").to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_the_file_and_begin_at_whole_pages() {
        for format in [Format::F32, Format::Q8] {
            let all = blocks(format);
            let mut at = 0;
            for block in &all {
                assert_eq!(block.offset, at);
                assert!(format == Format::Q8 || block.offset % 4096 == 0 && block.bytes.is_multiple_of(4096));
                assert!(block.rows * LAYER[block.matrix].cols * size_of::<f32>() <= BLOCK_BYTES);
                at += block.bytes as u64;
            }
            assert_eq!(at, format.layer_bytes());
            for (i, m) in LAYER.iter().enumerate() {
                assert_eq!(all.iter().filter(|b| b.matrix == i).map(|b| b.rows).sum::<usize>(), m.rows);
            }
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn every_policy_computes_the_same_bits() {
        let folder = tempfile::tempdir().expect("a folder");
        for (format, policies) in [
            (
                Format::F32,
                &[
                    Policy::InMemory,
                    Policy::DemandFaults,
                    Policy::Window,
                    Policy::Pinned,
                    Policy::ReadAhead,
                    Policy::PinnedReadAhead,
                ][..],
            ),
            (Format::Q8, &[Policy::QuantizedInMemory, Policy::Quantized]),
        ] {
            let path = folder.path().join(format!("{format:?}"));
            write(&mut File::create(&path).expect("room"), format, 1).expect("room on the disk");
            let mut hashes = Vec::new();
            for policy in policies {
                let job = Job { file: path.clone(), policy: *policy, passes: 2, memory_bytes: 64 << 20, seed: 1 };
                // These two are not to be had everywhere; nothing else may fail.
                let lack = match policy {
                    Policy::Pinned => policy::NOT_LOCKED,
                    Policy::ReadAhead | Policy::PinnedReadAhead => ahead::NOT_DIRECT,
                    _ => "nothing",
                };
                match run(&job) {
                    Ok(run) => hashes.push(run.hash),
                    Err(e) if e.contains(lack) => eprintln!("skipped: {e}"),
                    Err(e) => panic!("{policy:?}: {e}"),
                }
            }
            assert!(hashes.len() > 1);
            hashes.dedup();
            assert_eq!(hashes.len(), 1, "{format:?}");
        }
    }
}
