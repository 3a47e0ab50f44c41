//! Opening a file as bytes that the OS pages in on use: weights are never copied, so a memory cap shows as page faults.
//! The only `unsafe` of the module.

use std::fs::{self, File};
use std::path::Path;

use memmap2::{Mmap, MmapOptions};

use super::error::ModelError;

/// Maps a regular, non-empty file for reading.
pub(super) fn map(path: &Path) -> Result<Mmap, ModelError> {
    // Looked at before it is opened, because opening a pipe waits for its other end.
    let metadata = fs::metadata(path).map_err(|e| ModelError::io(path, &e))?;
    if metadata.is_dir() {
        return Err(ModelError::open(path, "it is a directory; name the model file inside it"));
    }
    if !metadata.is_file() {
        return Err(ModelError::open(path, "it is not a regular file, so it cannot be mapped; name a file on disk"));
    }
    if metadata.len() == 0 {
        return Err(ModelError::open(path, "it is empty (0 bytes); fetch it again"));
    }
    let file = File::open(path).map_err(|e| ModelError::io(path, &e))?;
    // SAFETY: the mapping is private to this process and read-only, so nothing here can change it. Another process could
    // write to or cut the file meanwhile. That risk is accepted, as in every loader that maps weights: a changed byte
    // is only another number (all bit patterns of the weight types are valid, and names, sizes and offsets are copied
    // out and checked once), and a cut file ends the process with SIGBUS rather than reading foreign memory.
    unsafe { Mmap::map(&file) }.map_err(|e| ModelError::io(path, &e))
}

/// Lets go of the pages of a map that are in memory: those in use come back from the file. What cannot be let go of stays.
pub(super) fn release(map: &Mmap) {
    #[cfg(target_os = "linux")]
    // SAFETY: the pages of a map that nobody can write to are the file's, and read from it again: no byte changes.
    drop(unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) });
    #[cfg(not(target_os = "linux"))]
    let _ = map;
}

/// Maps `len` bytes of an open file from `offset` on, a multiple of the page size, for reading: for those who choose
/// themselves which part of a file is in memory.
pub fn map_range(file: &File, offset: u64, len: usize) -> std::io::Result<Mmap> {
    // SAFETY: as for a whole file above: read-only and private, any bytes are valid numbers, and a file that is cut
    // meanwhile ends the process.
    unsafe { MmapOptions::new().offset(offset).len(len).map(file) }
}
