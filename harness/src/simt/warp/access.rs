//! Loads, stores and atomics of all lanes at once.

use super::{Warp, Watch};
use crate::simt::code::{Inst, NONE, Op};
use crate::simt::memory::{Memory, word};

impl<const W: usize> Warp<W> {
    pub(super) fn addresses(&self, inst: &Inst) -> [u32; W] {
        match inst.a {
            NONE => [inst.imm; W],
            a => self.read(a).map(|a| a.wrapping_add(inst.imm)),
        }
    }

    fn lanes(&self) -> impl Iterator<Item = usize> + use<W> {
        let mut left = self.mask;
        std::iter::from_fn(move || {
            let lane = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            (lane < 64).then_some(lane)
        })
    }

    pub(super) fn global(&mut self, inst: &Inst, memory: &mut Memory, watch: &mut impl Watch) -> Result<(), String> {
        let addresses = self.addresses(inst);
        if self.mask == 0 {
            return Ok(());
        }
        let end = inst.n as u32 * 4;
        let room = memory.bytes(inst.buf);
        let last = room.checked_sub(end);
        let highest = match self.mask == Self::ALL {
            true => addresses.iter().copied().fold(0, u32::max),
            false => self.lanes().map(|lane| addresses[lane]).fold(0, u32::max),
        };
        if last.is_none_or(|last| highest > last) {
            let beyond = |lane: &usize| last.is_none_or(|last| addresses[*lane] > last);
            let lane = self.lanes().find(beyond).unwrap_or_default();
            let what = if inst.op == Op::LoadGlobal { "reads" } else { "writes" };
            let (at, binding) = (addresses[lane], memory.binding(inst.buf));
            return Err(format!(
                "lane {lane} of warp {} {what} bytes {at}..{} of binding {binding}, which has {room}",
                self.id,
                u64::from(at) + u64::from(end),
            ));
        }
        watch.global(self.id, self.at - 1, inst, &addresses, self.mask)?;
        match inst.op {
            Op::LoadGlobal => {
                let bytes = memory.slice(inst.buf);
                for c in 0..inst.n as usize {
                    if let Some(lane) = self.alone {
                        if inst.d[c] != NONE {
                            let value = word(bytes, addresses[lane] + 4 * c as u32);
                            self.registers[inst.d[c] as usize][lane] = value;
                        }
                        continue;
                    }
                    let mut out = [0; W];
                    if self.mask == Self::ALL {
                        for lane in 0..W {
                            out[lane] = word(bytes, addresses[lane] + 4 * c as u32);
                        }
                    } else {
                        for lane in self.lanes() {
                            out[lane] = word(bytes, addresses[lane] + 4 * c as u32);
                        }
                    }
                    if inst.d[c] != NONE {
                        self.write(inst.d[c], &out);
                    }
                }
            }
            Op::StoreGlobal => {
                for c in 0..inst.n as usize {
                    let values = self.read(inst.s[c]);
                    for lane in self.lanes() {
                        memory.store(inst.buf, addresses[lane] + 4 * c as u32, values[lane]);
                    }
                }
            }
            _ => {
                let values = *self.read(inst.s[0]);
                let mut old = [0; W];
                for lane in self.lanes() {
                    old[lane] = memory.load(inst.buf, addresses[lane]);
                    memory.store(inst.buf, addresses[lane], modified(inst.imm2, old[lane], values[lane]));
                }
                self.result(inst, &old);
            }
        }
        Ok(())
    }

    fn result(&mut self, inst: &Inst, old: &[u32; W]) {
        if inst.d[0] != NONE {
            self.write(inst.d[0], old);
        }
    }

    pub(super) fn shared(&mut self, inst: &Inst, memory: &mut Memory, watch: &mut impl Watch) -> Result<(), String> {
        let addresses = self.addresses(inst);
        if self.mask == 0 {
            return Ok(());
        }
        let room = 4 * memory.shared.len() as u32;
        let end = inst.n as u32 * 4;
        if let Some(lane) = self.lanes().find(|l| addresses[*l].checked_add(end).is_none_or(|e| e > room)) {
            let at = addresses[lane];
            return Err(format!(
                "lane {lane} of warp {} goes to byte {at} of workgroup memory, which has {room}",
                self.id
            ));
        }
        watch.shared(self.id, self.at - 1, inst, &addresses, self.mask)?;
        let shared = &mut memory.shared;
        match inst.op {
            Op::LoadShared => {
                for c in 0..inst.n as usize {
                    let mut out = [0; W];
                    for lane in self.lanes() {
                        out[lane] = shared[addresses[lane] as usize / 4 + c];
                    }
                    if inst.d[c] != NONE {
                        self.write(inst.d[c], &out);
                    }
                }
            }
            Op::StoreShared => {
                for c in 0..inst.n as usize {
                    let values = self.read(inst.s[c]);
                    for lane in self.lanes() {
                        shared[addresses[lane] as usize / 4 + c] = values[lane];
                    }
                }
            }
            _ => {
                let values = *self.read(inst.s[0]);
                let mut old = [0; W];
                for lane in self.lanes() {
                    let word = &mut shared[addresses[lane] as usize / 4];
                    old[lane] = *word;
                    *word = modified(inst.imm2, *word, values[lane]);
                }
                self.result(inst, &old);
            }
        }
        Ok(())
    }

    /// An array of a function, by an index of each lane.
    pub(super) fn local(&mut self, inst: &Inst) -> Result<(), String> {
        let index = *self.read(inst.s[0]);
        let mut out = [0; W];
        for lane in self.lanes() {
            let at = index[lane].wrapping_add(inst.imm);
            if at >= inst.imm2 {
                return Err(format!("lane {lane} of warp {} goes to value {at} of an array of {}", self.id, inst.imm2));
            }
            let register = (inst.buf + at) as usize;
            if inst.op == Op::LoadLocal {
                out[lane] = self.registers[register][lane];
            } else {
                self.registers[register][lane] = self.registers[inst.s[1] as usize][lane];
            }
        }
        if inst.op == Op::LoadLocal {
            self.write(inst.d[0], &out);
        }
        Ok(())
    }
}

fn modified(which: u32, old: u32, value: u32) -> u32 {
    match which {
        0 => old.wrapping_add(value),
        1 => old.wrapping_sub(value),
        2 => old & value,
        3 => old ^ value,
        4 => old | value,
        5 => (old as i32).min(value as i32) as u32,
        6 => (old as i32).max(value as i32) as u32,
        7 => old.min(value),
        8 => old.max(value),
        _ => value,
    }
}
