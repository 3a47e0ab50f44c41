//! One launch of an entry point: workgroups one after the other, the warps of each in turns between barriers.

use super::code::{Code, Given};
use super::fault::Fault;
use super::memory::{Buffer, Memory};
use super::warp::{Pause, Warp, Watch};

/// A launch with its buffers bound.
#[derive(Debug)]
pub struct Launch<'c, 'b, const W: usize> {
    code: &'c Code,
    memory: Memory<'b>,
    warps: Vec<Warp<W>>,
    grid: [u32; 3],
}

impl<'c, 'b, const W: usize> Launch<'c, 'b, W> {
    /// Binds buffers, by `@binding`, to a launch of `grid` workgroups.
    ///
    /// # Errors
    /// A binding of the shader without a buffer, or a store to one that is only read.
    pub fn new(code: &'c Code, mut buffers: Vec<(u32, Buffer<'b>)>, grid: [u32; 3]) -> Result<Self, Fault> {
        let fault = |reason: String| code.files.fault(0, reason);
        let mut bound = Vec::new();
        for slot in &code.slots {
            let Some(at) = buffers.iter().position(|(binding, _)| *binding == slot.binding) else {
                return Err(fault(format!("nothing is bound to @binding({})", slot.binding)));
            };
            let (binding, buffer) = buffers.swap_remove(at);
            if slot.writable && !matches!(buffer, Buffer::Write(_)) {
                return Err(fault(format!("@binding({binding}) is declared read_write, but its operand is only read")));
            }
            bound.push((binding, buffer));
        }
        let memory = Memory::new(bound, code.shared_bytes);
        let threads: u32 = code.workgroup.iter().product();
        let warps = (0..threads.div_ceil(W as u32))
            .map(|w| {
                let lanes = (threads - w * W as u32).min(W as u32);
                let lanes = if lanes == 64 { u64::MAX } else { (1u64 << lanes) - 1 };
                Warp::new(w as usize, code, lanes)
            })
            .collect();
        let mut launch = Self { code, memory, warps, grid };
        for (register, given) in &code.given {
            if given.is_constant() {
                let value = launch.constant(*given)?;
                launch.warps.iter_mut().for_each(|w| w.registers[*register as usize] = [value; W]);
            }
        }
        Ok(launch)
    }

    fn constant(&self, given: Given) -> Result<u32, Fault> {
        Ok(match given {
            Given::Literal(bits) => bits,
            Given::Uniform(slot, offset) => {
                if offset + 4 > self.memory.bytes(slot) {
                    let binding = self.memory.binding(slot);
                    let reason = format!("the uniform of @binding({binding}) has no bytes {offset}..{}", offset + 4);
                    return Err(self.code.files.fault(0, reason));
                }
                self.memory.load(slot, offset)
            }
            Given::Workgroups(c) => self.grid[c as usize],
            _ => W as u32,
        })
    }

    /// Runs every workgroup.
    ///
    /// # Errors
    /// What the shader did that it may not, with its line.
    pub fn run(&mut self, watch: &mut impl Watch) -> Result<(), Fault> {
        for z in 0..self.grid[2] {
            for y in 0..self.grid[1] {
                for x in 0..self.grid[0] {
                    self.workgroup([x, y, z], watch)?;
                    watch.next_workgroup();
                }
            }
        }
        Ok(())
    }

    /// Runs one workgroup.
    ///
    /// # Errors
    /// As [`Launch::run`].
    pub fn workgroup(&mut self, id: [u32; 3], watch: &mut impl Watch) -> Result<(), Fault> {
        self.memory.shared.fill(0);
        self.begin(id);
        let mut waiting: Vec<Option<Pause>> = vec![None; self.warps.len()];
        let mut running = waiting.len();
        loop {
            for (warp, waiting) in self.warps.iter_mut().zip(&mut waiting) {
                if waiting.is_none() {
                    match warp.run(self.code, &mut self.memory, watch, running == 1)? {
                        Pause::Memory => {}
                        pause => {
                            *waiting = Some(pause);
                            running -= 1;
                        }
                    }
                }
            }
            if running > 0 {
                continue;
            }
            if waiting.iter().all(|w| *w == Some(Pause::End)) {
                return Ok(());
            }
            self.meet(&waiting, id)?;
            watch.barrier();
            waiting.fill(None);
            running = waiting.len();
        }
    }

    /// All warps are at the same barrier with all their lanes, or it is an error.
    fn meet(&self, waiting: &[Option<Pause>], id: [u32; 3]) -> Result<(), Fault> {
        let places: Vec<(usize, bool)> = self.warps.iter().map(Warp::meeting).collect();
        let at_barrier = waiting.iter().position(|w| *w == Some(Pause::Barrier)).unwrap_or(0);
        let line = self.code.insts[places[at_barrier].0 - 1].line;
        let together = waiting.iter().all(|w| *w == Some(Pause::Barrier))
            && places.iter().all(|(at, whole)| *at == places[0].0 && *whole);
        if together {
            return Ok(());
        }
        let reason = format!("workgroup {id:?}: a barrier that not every thread reaches");
        Err(self.code.files.fault(line, reason))
    }

    fn begin(&mut self, id: [u32; 3]) {
        let size = self.code.workgroup;
        let count = self.warps.len() as u32;
        for (w, warp) in self.warps.iter_mut().enumerate() {
            warp.restart();
            for (register, given) in &self.code.given {
                let of = |f: &dyn Fn(u32) -> u32| std::array::from_fn(|lane| f((w * W + lane) as u32));
                let local = |t: u32, c: u8| match c {
                    0 => t % size[0],
                    1 => t / size[0] % size[1],
                    _ => t / (size[0] * size[1]),
                };
                let values: [u32; W] = match *given {
                    Given::LocalId(c) => of(&|t| local(t, c)),
                    Given::LocalIndex => of(&|t| t),
                    Given::GlobalId(c) => {
                        let at = c as usize;
                        of(&|t| id[at].wrapping_mul(size[at]).wrapping_add(local(t, c)))
                    }
                    Given::WorkgroupId(c) => [id[c as usize]; W],
                    Given::SubgroupLane => std::array::from_fn(|lane| lane as u32),
                    Given::SubgroupId => [w as u32; W],
                    Given::Subgroups => [count; W],
                    _ => continue,
                };
                warp.registers[*register as usize] = values;
            }
        }
    }
}
