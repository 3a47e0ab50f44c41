//! What ends a run: an exception of the processor, or a use of the hardware of which nobody has documented what it does.

/// Why a run ended. The machine has no system software: there is nothing that an exception could be handed to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Address error (AdEL, AdES) or a misaligned jump target.
    #[error("address {address:#010x} is no multiple of {of}")]
    Misaligned {
        /// The address.
        address: u32,
        /// Bytes it must be a multiple of.
        of: u32,
    },
    /// Bus error.
    #[error(
        "nothing answers at {address:#010x}: there are 2 MiB of RAM from 0x80000000 (mirrored at 0) and 1 KiB of scratchpad at 0x1f800000"
    )]
    Unmapped {
        /// The address.
        address: u32,
    },
    /// Code where the instruction cache does not work.
    #[error("code at {address:#010x} is not run: only RAM from 0x80000000 or from 0 is, through the instruction cache")]
    Uncached {
        /// The address.
        address: u32,
    },
    /// Reserved instruction.
    #[error("{word:#010x} is no instruction of MIPS I")]
    Reserved {
        /// The instruction.
        word: u32,
    },
    /// An instruction for system software.
    #[error("{word:#010x} is an instruction of the system coprocessor: kernels run without any")]
    System {
        /// The instruction.
        word: u32,
    },
    /// A coprocessor the machine lacks.
    #[error("{word:#010x} needs coprocessor {number}, which a PlayStation lacks: it has 2, the GTE")]
    NoCoprocessor {
        /// The instruction.
        word: u32,
        /// The coprocessor.
        number: u32,
    },
    /// `syscall` or `break`.
    #[error("{name} {code:#x}: no system software is there to take it")]
    Trap {
        /// Its mnemonic.
        name: &'static str,
        /// Its 20-bit comment.
        code: u32,
    },
    /// `add`, `addi` or `sub` overflowed.
    #[error("{name} overflowed: use its unsigned form, which does not trap")]
    Overflow {
        /// Its mnemonic.
        name: &'static str,
    },
    /// A branch where a branch may not be.
    #[error("a branch stands in another's delay slot")]
    BranchInSlot,
    /// What MIPS I forbids about HI and LO.
    #[error("{0}")]
    HiLo(&'static str),
    /// A GTE command outside the subset.
    #[error("GTE command {command:#04x} is not modelled: MVMVA, GPF, GPL and SQR are")]
    GteCommand {
        /// Bits 0 to 5 of the command.
        command: u32,
    },
    /// A use of the GTE whose result is not documented.
    #[error("GTE: {0}")]
    GteHazard(&'static str),
    /// More cycles than allowed.
    #[error("still running after {cycles} cycles")]
    Endless {
        /// The limit.
        cycles: u64,
    },
}

/// A fault and the instruction that met it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at {pc:#010x}: {fault}")]
pub struct Stopped {
    /// Address of the instruction.
    pub pc: u32,
    /// What happened.
    pub fault: Fault,
}
