//! An observer that finds data races: two threads at one word between barriers, or two workgroups at one word of a launch,
//! one of them writing and not both by atomics.

use super::code::{Inst, Op};
use super::warp::Watch;

/// What one word has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Seen {
    /// Stretch between barriers.
    epoch: u32,
    /// Thread that wrote, plus one.
    writer: u32,
    /// Thread that read, plus one; [`MANY`] where several did.
    reader: u32,
    /// True where all were atomics.
    atomic: bool,
}

const MANY: u32 = u32::MAX;

/// Watches all words of a launch.
#[derive(Debug)]
pub struct Races {
    lanes: usize,
    shared: Vec<Seen>,
    /// By buffer and word.
    global: Vec<Vec<Seen>>,
    epoch: u32,
    /// Workgroup that runs, plus one.
    workgroup: u32,
}

impl Races {
    /// For warps of so many lanes.
    pub fn new(lanes: usize) -> Self {
        Self { lanes, shared: Vec::new(), global: Vec::new(), epoch: 1, workgroup: 1 }
    }
}

/// Marks a word; the other thread where there is a race.
fn mark(seen: &mut Seen, epoch: u32, who: u32, write: bool, atomic: bool) -> Option<u32> {
    if seen.epoch != epoch {
        *seen = Seen { epoch, writer: 0, reader: 0, atomic: true };
    }
    let both_atomic = seen.atomic && atomic;
    let mut race = None;
    if seen.writer != 0 && seen.writer != who && !both_atomic {
        race = Some(seen.writer);
    }
    if write && seen.reader != 0 && seen.reader != who && !both_atomic {
        race = Some(seen.reader);
    }
    seen.atomic &= atomic;
    if write {
        seen.writer = who;
    } else {
        seen.reader = if seen.reader == 0 || seen.reader == who { who } else { MANY };
    }
    race
}

impl Watch for Races {
    fn issued(&mut self, _: usize, _: usize, _: &Inst, _: u64) -> Result<(), String> {
        Ok(())
    }

    fn global(&mut self, _: usize, _: usize, inst: &Inst, addresses: &[u32], mask: u64) -> Result<(), String> {
        let buffer = inst.buf as usize;
        if self.global.len() <= buffer {
            self.global.resize(buffer + 1, Vec::new());
        }
        let words = &mut self.global[buffer];
        let (write, atomic) = (inst.op != Op::LoadGlobal, inst.op == Op::AtomicGlobal);
        for lane in (0..addresses.len()).filter(|l| mask >> l & 1 == 1) {
            for c in 0..u32::from(inst.n) {
                let word = (addresses[lane] / 4 + c) as usize;
                if words.len() <= word {
                    words.resize(word + 1, Seen::default());
                }
                // Barriers order the threads of one workgroup only: across workgroups a whole launch is one stretch.
                let workgroup = self.workgroup;
                if let Some(other) = mark(&mut words[word], 1, workgroup, write, atomic) {
                    let who = if other == MANY { "others".into() } else { format!("workgroup {}", other - 1) };
                    return Err(format!(
                        "word {word} of buffer {buffer}: workgroup {} and {who} race for it",
                        workgroup - 1
                    ));
                }
            }
        }
        Ok(())
    }

    fn shared(&mut self, warp: usize, _: usize, inst: &Inst, addresses: &[u32], mask: u64) -> Result<(), String> {
        let (write, atomic) = (inst.op != Op::LoadShared, inst.op == Op::AtomicShared);
        for lane in (0..addresses.len()).filter(|l| mask >> l & 1 == 1) {
            let thread = (warp * self.lanes + lane) as u32;
            for c in 0..u32::from(inst.n) {
                let word = (addresses[lane] / 4 + c) as usize;
                if self.shared.len() <= word {
                    self.shared.resize(word + 1, Seen::default());
                }
                if let Some(other) = mark(&mut self.shared[word], self.epoch, thread + 1, write, atomic) {
                    let who = if other == MANY { "others".into() } else { format!("thread {}", other - 1) };
                    return Err(format!(
                        "word {word} of workgroup memory: thread {thread} and {who} race for it; a barrier is missing"
                    ));
                }
            }
        }
        Ok(())
    }

    fn barrier(&mut self) {
        self.epoch += 1;
    }

    fn next_workgroup(&mut self) {
        self.epoch += 1;
        self.workgroup += 1;
    }
}
