//! The address space: RAM everywhere but for the chips at `$d000`, where the processor's port lets them in.

use super::super::console::Spent;
use super::reu::Reu;
use super::vic::Vic;

/// Of the port at `$01`: RAM at `$a000` and `$e000`, the chips at `$d000`.
const RAM_AND_CHIPS: u8 = 0x35;

/// Memory and what else answers to an address.
pub struct Bus {
    pub ram: Box<[u8; 0x1_0000]>,
    pub vic: Vic,
    pub reu: Reu,
    /// What the call in progress waited for.
    pub spent: Spent,
    /// Cycles of the transfer that the instruction in progress began.
    pub transfer_cycles: u64,
    /// Why the instruction in progress cannot be emulated.
    pub fault: Option<String>,
}

impl Bus {
    pub fn new(expansion_bytes: usize) -> Self {
        let mut ram = vec![0; 0x1_0000];
        ram[0..2].copy_from_slice(&[0x2f, RAM_AND_CHIPS]);
        let ram = ram.into_boxed_slice().try_into().expect("64 KiB");
        Self {
            ram,
            vic: Vic::new(),
            reu: Reu::new(expansion_bytes),
            spent: Spent::default(),
            transfer_cycles: 0,
            fault: None,
        }
    }

    /// Whether `$d000..$e000` is the chips: where ROMs would show, there is nothing to read, which is a fault.
    fn chips(&self) -> bool {
        self.ram[1] & 4 != 0 && self.ram[1] & 3 != 0
    }

    /// The processor stands while the bytes move, and longer where a bad line falls into that time.
    pub fn pay_for_transfer(&mut self, now: u64) -> u64 {
        let cycles = std::mem::take(&mut self.transfer_cycles);
        let stolen = self.vic.during_transfer(now, cycles);
        self.spent.transfer += cycles;
        self.spent.transferred_bytes += self.reu.take_moved();
        self.spent.contention += stolen;
        now + cycles + stolen
    }

    #[cold]
    fn read_chip(&mut self, address: u16) -> u8 {
        if !self.chips() {
            return self.ram[usize::from(address)];
        }
        match address {
            0xd011 => self.vic.control,
            0xdf00..=0xdf0a => self.reu.read(address - 0xdf00),
            _ => {
                self.fault = Some(format!("${address:04x} is a register that is not emulated"));
                0
            }
        }
    }

    #[cold]
    fn write_chip(&mut self, address: u16, value: u8) {
        if !self.chips() {
            self.ram[usize::from(address)] = value;
            return;
        }
        match address {
            0xd011 => self.vic.control = value,
            // The border's colour shows where a program is, as it did then.
            0xd020 => {}
            0xdf01..=0xdf0a => match self.reu.write(address - 0xdf00, value, &mut self.ram) {
                Ok(cycles) => self.transfer_cycles = cycles,
                Err(reason) => self.fault = Some(reason),
            },
            _ => self.fault = Some(format!("${address:04x} is a register that is not emulated")),
        }
    }
}

impl mos6502::memory::Bus for Bus {
    #[inline(always)]
    fn get_byte(&mut self, address: u16) -> u8 {
        if address & 0xf000 == 0xd000 { self.read_chip(address) } else { self.ram[usize::from(address)] }
    }

    #[inline(always)]
    fn set_byte(&mut self, address: u16, value: u8) {
        if address & 0xf000 == 0xd000 {
            self.write_chip(address, value);
        } else {
            if address == 1 && value & 3 == 3 {
                self.fault = Some(format!("${value:02x} in the port shows ROMs, and there are none"));
            }
            self.ram[usize::from(address)] = value;
        }
    }
}
