//! How rows go to threads in rungs that name their instructions; portable rungs ask their machine.

use rayon::prelude::*;

/// About the most bytes of a task. What is larger than the cores' caches goes in so many tasks that a thread which is held
/// up is helped by the others.
const TASK_BYTES: usize = 512 << 10;

/// `task` for all rows of `y`, on this thread or on all of rayon's: it is given the first row of its piece and the piece, a
/// multiple of `unit` rows but for the last. A row takes `row_bytes` to compute. What fits into the cores' caches goes in
/// one task for each: most often the core that had it the last time takes it again.
pub(crate) fn each_row(
    y: &mut [f32],
    row_bytes: usize,
    unit: usize,
    threads: bool,
    task: impl Fn(usize, &mut [f32]) + Send + Sync,
) {
    if threads {
        let share = y.len().div_ceil(rayon::current_num_threads());
        // As many tasks for one thread as for another.
        let tasks = (share * row_bytes).div_ceil(TASK_BYTES).max(1);
        let rows = share.div_ceil(tasks).max(1).next_multiple_of(unit);
        y.par_chunks_mut(rows).enumerate().for_each(move |(t, y)| task(t * rows, y));
    } else {
        task(0, y);
    }
}
