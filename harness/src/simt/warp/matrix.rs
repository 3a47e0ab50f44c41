//! Small matrices of a warp: loads and stores in pieces of sixteen bytes, a piece to a lane, as NVIDIA's `ldmatrix` and
//! `stmatrix` move them, and products with sums in f32. Products of two f16 are exact in f32, so only sums are rounded.

use half::f16;

use super::{Warp, Watch};
use crate::simt::code::{Class, Inst, Op, Square};
use crate::simt::memory::{Memory, word};

/// Elements of the largest matrix.
pub(super) const ELEMENTS: usize = 256;

impl<const W: usize> Warp<W> {
    /// Copies, loads, stores and products of matrices.
    pub(super) fn matrix(&mut self, inst: &Inst, memory: &mut Memory, watch: &mut impl Watch) -> Result<(), String> {
        if self.mask == 0 {
            return Ok(());
        }
        if W != 32 || self.mask != Self::ALL {
            return Err(format!("warp {} meets a matrix operation without all of its 32 lanes", self.id));
        }
        let matrix = |r: u32| r as usize - self.registers.len();
        let d = inst.d[0].wrapping_sub(self.registers.len() as u32) as usize;
        match inst.op {
            Op::MatrixZero => self.matrices[d] = [0.0; ELEMENTS],
            Op::MatrixMov => self.matrices[d] = self.matrices[matrix(inst.s[0])],
            Op::MatrixMulAdd => {
                let [a, b, c] = [0, 1, 2].map(|i| &self.matrices[matrix(inst.s[i])]);
                self.matrices[d] = if inst.imm2 == 16 { product::<16>(a, b, c) } else { product::<8>(a, b, c) };
            }
            _ => {
                let square = Square::unpacked(inst.imm2);
                let (base, step) = self.lines(inst, square)?;
                self.pieces(inst, square, (base, step), memory, watch)?;
                if inst.op == Op::MatrixLoad {
                    self.matrices[d] = load(inst, square, (base, step), memory);
                } else {
                    store(inst, square, (base, step), &self.matrices[matrix(inst.s[1])], memory);
                }
            }
        }
        Ok(())
    }

    /// Address of the first line and bytes from line to line, the same for all lanes.
    fn lines(&self, inst: &Inst, square: Square) -> Result<(u32, u32), String> {
        let addresses = self.addresses(inst);
        let strides = self.read(inst.s[0]);
        if addresses != [addresses[0]; W] || *strides != [strides[0]; W] {
            return Err(format!("lanes of warp {} name different places or strides of one matrix", self.id));
        }
        let step = strides[0].wrapping_mul(inst.n.into());
        // What Vulkan asks of cooperative matrices.
        let aligned = (square.side * square.bytes()).min(16);
        if !addresses[0].is_multiple_of(aligned) || !step.is_multiple_of(aligned) {
            let at = addresses[0];
            return Err(format!(
                "a matrix at byte {at}, lines {step} bytes apart: both must be multiples of {aligned}"
            ));
        }
        Ok((addresses[0], step))
    }

    /// Checks the matrix's place and shows it to the observer.
    fn pieces(
        &self,
        inst: &Inst,
        square: Square,
        (base, step): (u32, u32),
        memory: &Memory,
        watch: &mut impl Watch,
    ) -> Result<(), String> {
        let shared = inst.class == Class::Shared;
        let room = if shared { 4 * memory.shared.len() as u32 } else { memory.bytes(inst.buf) };
        let line = square.side * square.bytes();
        let end = u64::from(base) + u64::from(step) * u64::from(square.side - 1) + u64::from(line);
        if end > u64::from(room) {
            return Err(format!("warp {} goes to byte {end} for a matrix in memory that has {room}", self.id));
        }
        let op = match (inst.op, shared) {
            (Op::MatrixLoad, true) => Op::LoadShared,
            (Op::MatrixLoad, false) => Op::LoadGlobal,
            (_, true) => Op::StoreShared,
            _ => Op::StoreGlobal,
        };
        let seen = Inst { op, n: 4, ..*inst };
        let pieces = square.pieces();
        for first in (0..pieces).step_by(32) {
            let place = |lane: usize| {
                let piece = (first + lane as u32) % pieces;
                base + piece % square.side * step + piece / square.side * 16
            };
            let addresses: [u32; W] = std::array::from_fn(place);
            let lanes = (pieces - first).min(32);
            let mask = if lanes == 32 { Self::ALL } else { (1 << lanes) - 1 };
            match shared {
                true => watch.shared(self.id, self.at - 1, &seen, &addresses, mask)?,
                false => watch.global(self.id, self.at - 1, &seen, &addresses, mask)?,
            }
        }
        Ok(())
    }
}

/// Place of the element that lies `at` of a line.
fn element(square: Square, line: u32, at: u32) -> usize {
    let (row, column) = if square.by_rows { (line, at) } else { (at, line) };
    (row * square.side + column) as usize
}

fn load(inst: &Inst, square: Square, (base, step): (u32, u32), memory: &Memory) -> [f32; ELEMENTS] {
    let word_at = |address: u32| match inst.class {
        Class::Shared => memory.shared[address as usize / 4],
        _ => word(memory.slice(inst.buf), address),
    };
    let mut matrix = [0.0; ELEMENTS];
    let of_word = 4 / square.bytes();
    for line in 0..square.side {
        for at in (0..square.side).step_by(of_word as usize) {
            let bits = word_at(base + line * step + at * square.bytes());
            if square.half {
                matrix[element(square, line, at)] = f16::from_bits(bits as u16).to_f32();
                matrix[element(square, line, at + 1)] = f16::from_bits((bits >> 16) as u16).to_f32();
            } else {
                matrix[element(square, line, at)] = f32::from_bits(bits);
            }
        }
    }
    matrix
}

fn store(inst: &Inst, square: Square, (base, step): (u32, u32), matrix: &[f32; ELEMENTS], memory: &mut Memory) {
    let of_word = 4 / square.bytes();
    for line in 0..square.side {
        for at in (0..square.side).step_by(of_word as usize) {
            let value = |i: u32| matrix[element(square, line, at + i)];
            let half = |i: u32| u32::from(f16::from_f32(value(i)).to_bits());
            let bits = if square.half { half(0) | half(1) << 16 } else { value(0).to_bits() };
            let address = base + line * step + at * square.bytes();
            match inst.class {
                Class::Shared => memory.shared[address as usize / 4] = bits,
                _ => memory.store(inst.buf, address, bits),
            }
        }
    }
}

fn product<const N: usize>(a: &[f32; ELEMENTS], b: &[f32; ELEMENTS], c: &[f32; ELEMENTS]) -> [f32; ELEMENTS] {
    let mut d = *c;
    for (a, d) in a.chunks_exact(N).zip(d.chunks_exact_mut(N)).take(N) {
        let mut sums: [f32; N] = std::array::from_fn(|j| d[j]);
        for (a, b) in a.iter().zip(b.chunks_exact(N)) {
            for j in 0..N {
                sums[j] += a * b[j];
            }
        }
        d.copy_from_slice(&sums);
    }
    d
}
