//! A ZX Spectrum 48K without its ROM: a Z80A at 3.5 MHz, 48 KB of RAM of which the ULA shares the lower 16, and a tape.

#[cfg(test)]
mod cycles;

use rustzx_z80::{RegName16, Z80, Z80Bus};

/// T-states a second.
pub const CLOCK_HZ: u64 = 3_500_000;
/// T-states from one frame's interrupt to the next: 312 lines of 224.
pub const FRAME_T: u64 = 312 * LINE_T;
const LINE_T: u64 = 224;
/// First address of RAM; below it is the ROM, which this machine does not have.
pub const RAM: u16 = 0x4000;
/// First address that the ULA does not share.
pub const UNCONTENDED: u16 = 0x8000;
/// Where the routine returns to; in the ROM's place, so that no code lies there.
const STOP: u16 = 0x0000;

/// T-state of a frame at which the ULA first holds the processor: one before it fetches the first pixels at 14336. That is
/// the cold ULA's timing; warm, it is one T-state later (<https://sinclair.wiki.zxnet.co.uk/wiki/Contended_memory>). No
/// count here depends on which, but for the place in the frame at which a run begins.
const FIRST_HELD_T: u64 = 14_335;
/// T-states that an access waits, by its place in the eight in which the ULA fetches two characters (the same page).
const HELD: [u8; 8] = [6, 5, 4, 3, 2, 1, 0, 0];
/// Lines with pixels, and T-states of each during which they are fetched.
const PIXEL_LINES: u64 = 192;
const PIXELS_T: u64 = 128;

/// T-states that an access to shared memory waits when it begins at this T-state of a run that began with a frame.
pub fn held(t: u64) -> u64 {
    // Before the first line this wraps to beyond the last.
    let since = (t % FRAME_T).wrapping_sub(FIRST_HELD_T);
    let place = since % LINE_T;
    if since < PIXEL_LINES * LINE_T && place < PIXELS_T { u64::from(HELD[(place % 8) as usize]) } else { 0 }
}

/// What stops a run that does not return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An access to what is not RAM.
    #[error(
        "Z80 code at {pc:#06x} reads or writes {address:#06x}, where this machine has no memory: RAM is 0x4000 to 0xffff"
    )]
    NoMemory {
        /// Where the instruction ends.
        pc: u16,
        /// What it touched.
        address: u16,
    },
    /// HALT with interrupts off.
    #[error("Z80 code halts at {pc:#06x}; interrupts are off, so nothing wakes it")]
    Halted {
        /// Of the HALT.
        pc: u16,
    },
    /// Longer than allowed.
    #[error("Z80 code does not return within {limit_t} T-states; it is at {pc:#06x}")]
    Endless {
        /// Where it is.
        pc: u16,
        /// What was allowed.
        limit_t: u64,
    },
}

/// The machine.
pub struct Spectrum {
    cpu: Z80,
    bus: Ula,
}

/// All but the processor.
struct Ula {
    memory: Box<[u8; 1 << 16]>,
    t: u64,
    outside: Option<u16>,
    halted: bool,
    tape: Tape,
}

impl Default for Spectrum {
    fn default() -> Self {
        Self::new()
    }
}

impl Spectrum {
    /// Memory zeroed, interrupts off, at the first T-state of a frame, with no tape.
    pub fn new() -> Self {
        let memory = Box::new([0; 1 << 16]);
        let bus = Ula { memory, t: 0, outside: None, halted: false, tape: Tape::new(Vec::new(), 0) };
        Self { cpu: Z80::default(), bus }
    }

    /// All 64 KB; below [`RAM`] no program can see it.
    pub fn memory(&mut self) -> &mut [u8; 1 << 16] {
        &mut self.bus.memory
    }

    /// T-states since the machine was made.
    pub fn t(&self) -> u64 {
        self.bus.t
    }

    /// Starts the tape now.
    pub fn play(&mut self, bytes: Vec<u8>) {
        self.bus.tape = Tape::new(bytes, self.bus.t);
    }

    /// Calls the routine at `entry` with the stack below `stack` and gives the T-states until it has returned.
    pub fn call(&mut self, entry: u16, stack: u16, limit_t: u64) -> Result<u64, Fault> {
        let start = self.bus.t;
        let top = stack.wrapping_sub(2);
        for (i, byte) in STOP.to_le_bytes().into_iter().enumerate() {
            self.bus.memory[usize::from(top.wrapping_add(i as u16))] = byte;
        }
        self.cpu.regs.set_reg_16(RegName16::SP, top);
        self.cpu.regs.set_pc(entry);
        while self.cpu.regs.get_pc() != STOP {
            self.cpu.emulate(&mut self.bus);
            let pc = self.cpu.regs.get_pc();
            if let Some(address) = self.bus.outside {
                return Err(Fault::NoMemory { pc, address });
            }
            if self.bus.halted {
                return Err(Fault::Halted { pc });
            }
            if self.bus.t - start > limit_t {
                return Err(Fault::Endless { pc, limit_t });
            }
        }
        Ok(self.bus.t - start)
    }
}

impl Ula {
    /// True where the ULA fetches pixels too.
    fn shared(address: u16) -> bool {
        address & 0xc000 == 0x4000
    }

    /// So many T-states, of which the first finds this address on the bus.
    fn pass(&mut self, address: u16, t: usize) {
        if Self::shared(address) {
            self.t += held(self.t);
        }
        self.t += t as u64;
    }

    /// A port's four T-states: held by the address's high byte as memory would be, and by the ULA's own ports, which are
    /// the even ones (<https://sinclair.wiki.zxnet.co.uk/wiki/Contended_I/O>).
    fn pass_port(&mut self, port: u16) {
        let own = port & 1 == 0;
        self.pass(port, 1);
        if own {
            self.t += held(self.t) + 3;
        } else {
            (0..3).for_each(|_| self.pass(port, 1));
        }
    }
}

impl Z80Bus for Ula {
    #[inline]
    fn read_internal(&mut self, address: u16) -> u8 {
        if address < RAM {
            self.outside.get_or_insert(address);
        }
        self.memory[usize::from(address)]
    }
    #[inline]
    fn write_internal(&mut self, address: u16, data: u8) {
        if address < RAM {
            self.outside.get_or_insert(address);
        }
        self.memory[usize::from(address)] = data;
    }
    #[inline]
    fn wait_mreq(&mut self, address: u16, t: usize) {
        self.pass(address, t);
    }
    #[inline]
    fn wait_no_mreq(&mut self, address: u16, t: usize) {
        self.pass(address, t);
    }
    #[inline]
    fn wait_internal(&mut self, t: usize) {
        self.t += t as u64;
    }
    #[inline]
    fn wait_loop(&mut self, address: u16, t: usize) {
        if Self::shared(address) {
            (0..t).for_each(|_| self.pass(address, 1));
        } else {
            self.t += t as u64;
        }
    }
    fn read_io(&mut self, port: u16) -> u8 {
        self.pass_port(port);
        // Keys are up; bit 6 is the tape. An unattached port floats high.
        if port & 1 == 0 { 0xbf | u8::from(self.tape.level(self.t)) << 6 } else { 0xff }
    }
    fn write_io(&mut self, port: u16, _: u8) {
        self.pass_port(port);
    }
    fn read_interrupt(&mut self) -> u8 {
        0xff
    }
    fn reti(&mut self) {}
    fn halt(&mut self, halted: bool) {
        self.halted = halted;
    }
    fn int_active(&self) -> bool {
        false
    }
    fn nmi_active(&self) -> bool {
        false
    }
    fn pc_callback(&mut self, _: u16) {}
}

/// T-states of each of a bit's two pulses, as the ROM's SAVE writes them (github.com/oxidaan/zqloader).
pub const PULSE_T: [u64; 2] = [855, 1710];

/// A tape: each bit, most significant first, is two pulses of opposite level.
struct Tape {
    bytes: Vec<u8>,
    /// The bit under the head and the T-state at which it began.
    bit: usize,
    began: u64,
}

impl Tape {
    fn new(bytes: Vec<u8>, began: u64) -> Self {
        Self { bytes, bit: 0, began }
    }

    /// What the head reads at a T-state, which must not be before that of the last call. Low where nothing is recorded.
    fn level(&mut self, t: u64) -> bool {
        while let Some(byte) = self.bytes.get(self.bit / 8) {
            let pulse = PULSE_T[usize::from(byte >> (7 - self.bit % 8) & 1)];
            if t < self.began + 2 * pulse {
                return t < self.began + pulse;
            }
            self.began += 2 * pulse;
            self.bit += 1;
        }
        false
    }
}

/// T-states that these bytes take to pass the head.
pub fn tape_t(bytes: &[u8]) -> u64 {
    let ones: u64 = bytes.iter().map(|b| u64::from(b.count_ones())).sum();
    2 * (PULSE_T[1] * ones + PULSE_T[0] * (8 * bytes.len() as u64 - ones))
}
