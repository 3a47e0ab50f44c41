//! Loads, stores and atomics of all lanes at once.

use super::{Warp, Watch};
use crate::simt::code::{Inst, NONE, Op};
use crate::simt::memory::{Memory, put, word};

impl<const W: usize> Warp<W> {
    pub(super) fn addresses(&self, inst: &Inst) -> [u32; W] {
        match inst.a {
            NONE => [inst.imm; W],
            a => self.read(a).map(|a| a.wrapping_add(inst.imm)),
        }
    }

    /// The highest address of the lanes that are there.
    #[inline(always)]
    fn highest(&self, addresses: &[u32; W]) -> u32 {
        match self.mask == Self::ALL {
            true => addresses.iter().copied().fold(0, u32::max),
            false => Self::lanes(self.mask).map(|lane| addresses[lane]).fold(0, u32::max),
        }
    }

    /// What an instruction loads, of the words that lie at these addresses and behind them.
    #[inline(always)]
    fn load(&mut self, inst: &Inst, addresses: &[u32; W], word: impl Fn(u32) -> u32) {
        for (c, d) in inst.d.into_iter().enumerate().take(inst.n.into()).filter(|(_, d)| *d != NONE) {
            let value = |lane: usize| word(addresses[lane] + 4 * c as u32);
            let register = &mut self.registers[d as usize];
            if self.mask == Self::ALL {
                let mut all = [0; W];
                for lane in 0..W {
                    all[lane] = value(lane);
                }
                *register = all;
            } else {
                Self::lanes(self.mask).for_each(|lane| register[lane] = value(lane));
            }
        }
    }

    pub(super) fn global(&mut self, inst: &Inst, memory: &mut Memory, watch: &mut impl Watch) -> Result<(), String> {
        let addresses = self.addresses(inst);
        if self.mask == 0 {
            return Ok(());
        }
        let end = inst.n as u32 * 4;
        let room = memory.bytes(inst.buf);
        let last = room.checked_sub(end);
        let highest = self.highest(&addresses);
        if last.is_none_or(|last| highest > last) {
            let beyond = |lane: &usize| last.is_none_or(|last| addresses[*lane] > last);
            let lane = Self::lanes(self.mask).find(beyond).unwrap_or_default();
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
                self.load(inst, &addresses, |at| word(bytes, at));
            }
            Op::StoreGlobal => {
                let bytes = memory.slice_mut(inst.buf);
                for c in 0..inst.n as usize {
                    let values = self.read(inst.s[c]);
                    for lane in Self::lanes(self.mask) {
                        put(bytes, addresses[lane] + 4 * c as u32, values[lane]);
                    }
                }
            }
            _ => {
                let values = *self.read(inst.s[0]);
                let mut old = [0; W];
                for lane in Self::lanes(self.mask) {
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
        let beyond = |at: u32| at.checked_add(end).is_none_or(|end| end > room);
        if beyond(self.highest(&addresses)) {
            let lane = Self::lanes(self.mask).find(|lane| beyond(addresses[*lane])).unwrap_or_default();
            let at = addresses[lane];
            return Err(format!(
                "lane {lane} of warp {} goes to byte {at} of workgroup memory, which has {room}",
                self.id
            ));
        }
        watch.shared(self.id, self.at - 1, inst, &addresses, self.mask)?;
        let shared = &mut memory.shared;
        match inst.op {
            Op::LoadShared => self.load(inst, &addresses, |at| shared[at as usize / 4]),
            Op::StoreShared => {
                for c in 0..inst.n as usize {
                    let values = self.read(inst.s[c]);
                    for lane in Self::lanes(self.mask) {
                        shared[addresses[lane] as usize / 4 + c] = values[lane];
                    }
                }
            }
            _ => {
                let values = *self.read(inst.s[0]);
                let mut old = [0; W];
                for lane in Self::lanes(self.mask) {
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
        for lane in Self::lanes(self.mask) {
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
