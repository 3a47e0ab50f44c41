//! The cycles that the video chip takes from the processor: a PAL 6569 has 312 lines of 63 cycles, and on every eighth
//! line of the picture it fetches 40 characters between the cycles that are its own anyway. Source: Christian Bauer, "The
//! MOS 6567/6569 video controller (VIC-II) and its application in the Commodore 64" (1996), sections 3.5 to 3.7.

/// Cycles of a line.
pub const LINE: u64 = 63;
/// Lines of a picture.
pub const LINES: u64 = 312;
/// Cycles of a picture.
pub const FRAME: u64 = LINE * LINES;
/// Lines that may be bad: 25 rows of characters begin on one of these.
const FIRST: u64 = 0x30;
const LAST: u64 = 0xf7;
/// Cycle of a bad line, from 1, on which the processor is told to stop at its next read, and the three later on which it
/// may yet write. From the next on the bus is not its own.
const WARNED: u64 = 12;
const STOPPED: u64 = 15;
/// First cycle that is the processor's again.
const FREED: u64 = 55;

/// See the file's first line.
pub struct Vic {
    /// `$d011`: bit 4 shows the picture, bits 0 to 2 move it up and down by lines.
    pub control: u8,
    /// The cycle on which the next line that could be bad warns.
    pub next_event: u64,
    /// Whether the picture was on when this frame's first such line came.
    shown: bool,
}

impl Vic {
    /// The picture is on and at its usual place, as the machine's reset leaves it.
    pub fn new() -> Self {
        Self { control: 0x1b, next_event: FIRST * LINE + WARNED - 1, shown: false }
    }

    /// Goes on to the next line; returns whether the present one is bad.
    fn line(&mut self) -> bool {
        let line = self.next_event % FRAME / LINE;
        // Off on this one line is off for the whole frame.
        if line == FIRST {
            self.shown = self.control & 0x10 != 0;
        }
        self.next_event += if line == LAST { LINE * (LINES - LAST + FIRST) } else { LINE };
        self.shown && line & 7 == u64::from(self.control & 7)
    }

    /// An instruction with this opcode ran from cycle `from` up to `to`. Returns the cycles that it and those after it
    /// must wait.
    pub fn advance(&mut self, from: u64, to: u64, opcode: u8) -> u64 {
        let mut stolen = 0;
        while to + stolen > self.next_event {
            let warned = self.next_event;
            if !self.line() {
                continue;
            }
            let writes = writes(opcode, to - from);
            let read = |cycle: u64| !(cycle >= from && cycle < to && writes >> (to - 1 - cycle) & 1 == 1);
            let stops = (warned..warned + STOPPED - WARNED).find(|&c| read(c)).unwrap_or(warned + STOPPED - WARNED);
            stolen += warned + FREED - WARNED - stops;
        }
        stolen
    }

    /// A transfer of so many cycles begins at `now`: it, too, waits on bad lines. Returns for how many cycles.
    pub fn during_transfer(&mut self, now: u64, cycles: u64) -> u64 {
        let mut stolen = 0;
        while now + cycles + stolen > self.next_event {
            // The unit reads or is about to; it has no writes that could go on.
            if self.line() {
                stolen += FREED - WARNED;
            }
        }
        stolen
    }
}

/// On which cycles of an instruction the processor writes; bit 0 is its last cycle. Source: MCS6500 hardware manual,
/// appendix A, "summary of single cycle execution".
fn writes(opcode: u8, cycles: u64) -> u32 {
    match opcode {
        // brk pushes three bytes on its third to fifth cycle of seven.
        0x00 => 0b1_1100,
        // jsr pushes two on its fourth and fifth of six.
        0x20 => 0b110,
        // php, pha, and all stores: sta, sty, stx.
        0x08 | 0x48 => 1,
        0x81 | 0x84..=0x86 | 0x8c..=0x8e | 0x91 | 0x94..=0x96 | 0x99 | 0x9d => 1,
        // Read-modify-write writes what it read, then what it made of it.
        _ if opcode & 7 == 6 && opcode & 0xe0 != 0x80 && opcode & 0xe0 != 0xa0 && cycles >= 5 => 0b11,
        _ => 0,
    }
}
