//! The bus: memory, and how long the ULA holds the processor where both want it.
//!
//! Source of every figure: <https://sinclair.wiki.zxnet.co.uk/wiki/Contended_memory> and `Contended_I/O` beside it.

use rustzx_z80::Z80Bus;

/// T-states of a line, and from one frame's interrupt to the next.
const LINE_T: u64 = 224;
pub const FRAME_T: u64 = 312 * LINE_T;
/// T-state of a frame at which the ULA first holds the processor: one before it fetches the first pixels at 14336. That is
/// the cold ULA's timing; a warm one is a T-state later. Which, matters to the place in the frame at which a run begins and
/// to nothing else here.
const FIRST_HELD_T: u64 = 14_335;
/// T-states that an access waits, by its place in the eight in which the ULA fetches two characters.
const HELD: [u8; 8] = [6, 5, 4, 3, 2, 1, 0, 0];
/// Lines with pixels, and T-states of each during which they are fetched.
const PIXEL_LINES: u64 = 192;
const PIXELS_T: u64 = 128;

/// Memory, the clock and what the ULA adds to it.
pub struct Ula {
    pub memory: Box<[u8; 0x1_0000]>,
    /// T-states since the machine was switched on.
    pub t: u64,
    /// Of these, held, since the call in progress began.
    pub held: u64,
    /// Why the instruction in progress cannot be emulated.
    pub fault: Option<String>,
}

impl Ula {
    pub fn new() -> Self {
        Self { memory: vec![0; 0x1_0000].into_boxed_slice().try_into().expect("64 KiB"), t: 0, held: 0, fault: None }
    }

    /// True where the ULA fetches pixels too.
    fn shared(address: u16) -> bool {
        address & 0xc000 == 0x4000
    }

    /// The ULA lets the processor go on when it does not want the memory itself.
    fn hold(&mut self) {
        // Before the first line this wraps to beyond the last.
        let since = (self.t % FRAME_T).wrapping_sub(FIRST_HELD_T);
        let place = since % LINE_T;
        if since < PIXEL_LINES * LINE_T && place < PIXELS_T {
            let held = u64::from(HELD[(place % 8) as usize]);
            self.t += held;
            self.held += held;
        }
    }

    /// So many T-states, of which the first finds this address on the bus.
    fn pass(&mut self, address: u16, t: usize) {
        if Self::shared(address) {
            self.hold();
        }
        self.t += t as u64;
    }

    /// A port's four T-states: held by the address as memory would be, and by the ULA's own ports, which are the even ones.
    fn pass_port(&mut self, port: u16) {
        self.pass(port, 1);
        if port & 1 == 0 {
            self.hold();
            self.t += 3;
        } else {
            (0..3).for_each(|_| self.pass(port, 1));
        }
    }

    #[cold]
    fn no_memory(&mut self, address: u16) {
        self.fault = Some(format!("${address:04x} is in the ROM, and there is none"));
    }
}

impl Z80Bus for Ula {
    #[inline]
    fn read_internal(&mut self, address: u16) -> u8 {
        if address < 0x4000 {
            self.no_memory(address);
        }
        self.memory[usize::from(address)]
    }
    #[inline]
    fn write_internal(&mut self, address: u16, data: u8) {
        if address < 0x4000 {
            self.no_memory(address);
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
        // No key is down, nothing is on the tape, and a port where nothing is floats high.
        if port & 1 == 0 { 0xbf } else { 0xff }
    }
    fn write_io(&mut self, port: u16, _: u8) {
        self.pass_port(port);
    }
    fn read_interrupt(&mut self) -> u8 {
        0xff
    }
    fn reti(&mut self) {}
    fn halt(&mut self, halted: bool) {
        if halted {
            self.fault = Some("halt with interrupts off: nothing wakes the processor".into());
        }
    }
    fn int_active(&self) -> bool {
        false
    }
    fn nmi_active(&self) -> bool {
        false
    }
    fn pc_callback(&mut self, _: u16) {}
    fn process_unknown_opcode(&mut self, _: rustzx_z80::Prefix, _: rustzx_z80::Opcode) {
        self.fault = Some("an opcode that the Z80 has no instruction for".into());
    }
}
