//! A RAM expansion unit (1700, 1764, 1750 and larger): a second memory and a controller that moves one byte a cycle while
//! the processor stands. Registers at `$df00`. Source: Commodore 1764 RAM Expansion Module user's guide (1987), "REC
//! register map"; a transfer that swaps takes two cycles a byte.

/// Registers.
const STATUS: u16 = 0;
const COMMAND: u16 = 1;
const MASK: u16 = 9;
const CONTROL: u16 = 10;

/// See the file's first line.
pub struct Reu {
    pub ram: Vec<u8>,
    command: u8,
    status: u8,
    control: u8,
    host: u16,
    bank: u32,
    length: u16,
    /// What a transfer with "load" starts from again.
    host_again: u16,
    bank_again: u32,
    length_again: u16,
    moved: u64,
}

impl Reu {
    pub fn new(bytes: usize) -> Self {
        Self {
            ram: vec![0; bytes],
            command: 0x10,
            status: 0x10,
            control: 0,
            host: 0,
            bank: 0,
            length: 0xffff,
            host_again: 0,
            bank_again: 0,
            length_again: 0xffff,
            moved: 0,
        }
    }

    /// Bytes moved since this was last asked.
    pub fn take_moved(&mut self) -> u64 {
        std::mem::take(&mut self.moved)
    }

    /// Counts bytes that were moved by other means.
    pub fn count_moved(&mut self, bytes: u64) {
        self.moved += bytes;
    }

    /// A register. Reading the status clears its flags.
    pub fn read(&mut self, register: u16) -> u8 {
        match register {
            STATUS => {
                let status = self.status;
                self.status &= 0x1f;
                status
            }
            COMMAND => self.command,
            2 => self.host as u8,
            3 => (self.host >> 8) as u8,
            4 => self.bank as u8,
            5 => (self.bank >> 8) as u8,
            6 => (self.bank >> 16) as u8,
            7 => self.length as u8,
            8 => (self.length >> 8) as u8,
            MASK => 0x1f,
            _ => self.control | 0x3f,
        }
    }

    /// Writes a register; a command with its top bit set runs. Returns the cycles that it takes.
    pub fn write(&mut self, register: u16, value: u8, host: &mut [u8; 0x1_0000]) -> Result<u64, String> {
        let low = |word: u16| word & 0xff00 | u16::from(value);
        let high = |word: u16| word & 0x00ff | u16::from(value) << 8;
        match register {
            COMMAND => return self.run(value, host),
            // Writing half of an address or of the length starts from what was last written to the other half.
            2 => (self.host, self.host_again) = (low(self.host_again), low(self.host_again)),
            3 => (self.host, self.host_again) = (high(self.host_again), high(self.host_again)),
            4 => self.set_bank(self.bank_again & 0xff_ff00 | u32::from(value)),
            5 => self.set_bank(self.bank_again & 0xff_00ff | u32::from(value) << 8),
            6 => self.set_bank(self.bank_again & 0x00_ffff | u32::from(value) << 16),
            7 => (self.length, self.length_again) = (low(self.length_again), low(self.length_again)),
            8 => (self.length, self.length_again) = (high(self.length_again), high(self.length_again)),
            MASK if value & 0x80 != 0 => return Err("interrupts of the expansion unit are not emulated".into()),
            CONTROL => self.control = value & 0xc0,
            _ => {}
        }
        Ok(0)
    }

    fn set_bank(&mut self, bank: u32) {
        (self.bank, self.bank_again) = (bank, bank);
    }

    fn run(&mut self, command: u8, host: &mut [u8; 0x1_0000]) -> Result<u64, String> {
        self.command = command;
        if command & 0x80 == 0 {
            return Ok(0);
        }
        if command & 0x10 == 0 {
            return Err("a transfer that waits for a write to $ff00 is not emulated".into());
        }
        let bytes = if self.length == 0 { 0x1_0000 } else { u64::from(self.length) };
        for _ in 0..bytes {
            let at = self.bank as usize;
            let here = usize::from(self.host);
            if (0xd000..0xe000).contains(&here) {
                return Err(format!("a transfer reaches the chips at ${here:04x}"));
            }
            let place = self.ram.get_mut(at).ok_or_else(|| format!("${at:06x} is beyond the expansion's memory"))?;
            match command & 3 {
                0 => *place = host[here],
                1 => host[here] = *place,
                2 => std::mem::swap(place, &mut host[here]),
                _ => return Err("a transfer that compares is not emulated".into()),
            }
            if self.control & 0x80 == 0 {
                self.host = self.host.wrapping_add(1);
            }
            if self.control & 0x40 == 0 {
                self.bank = (self.bank + 1) & 0xff_ffff;
            }
        }
        self.moved += bytes;
        self.length = 1;
        self.status |= 0x40;
        // The execute bit goes out again, and the one that waits for $ff00 is set back.
        self.command = command & 0x7f | 0x10;
        if command & 0x20 != 0 {
            (self.host, self.bank, self.length) = (self.host_again, self.bank_again, self.length_again);
        }
        Ok(bytes * if command & 3 == 2 { 2 } else { 1 })
    }
}
