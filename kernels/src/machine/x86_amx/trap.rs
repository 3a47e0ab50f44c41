//! AMX's instructions where the processor has none: they are illegal there, and a handler of that signal carries them out
//! on a [`State`] of the thread's own. So tests run the rungs' assembly itself, its encodings, operands and order.
//!
//! The handler touches the interrupted registers, the operands and statics: it neither allocates nor waits, as a signal
//! may come at any instruction.

use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_int, c_void};
use core::ptr;
use core::sync::atomic::{AtomicIsize, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use super::decode::{Instruction, Memory, Operation, decode};
use super::state::{Refusal, State};
use super::{Amx, Product, saves_tiles};

/// Registers of an interrupted program in the order in which instructions count them.
const REGISTERS: [c_int; 16] = {
    use libc::*;
    [
        REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11,
        REG_R12, REG_R13, REG_R14, REG_R15,
    ]
};

thread_local! {
    // Neither has a destructor or is made at its first use: the handler may come before any.
    static STATE: UnsafeCell<State> = const { UnsafeCell::new(State::RELEASED) };
    static STANDS_IN: Cell<bool> = const { Cell::new(false) };
}
/// Instructions of each kind that were carried out in this session.
static DONE: [AtomicU64; Operation::COUNT] = [const { AtomicU64::new(0) }; Operation::COUNT];
/// The first refusal of this session, 0 for none.
static REFUSED: AtomicU8 = AtomicU8::new(0);
/// Threads that have tiles.
static HOLDERS: AtomicIsize = AtomicIsize::new(0);

/// True where this thread's test has a [`Session`] and the processor no unit.
pub(super) fn stands_in() -> bool {
    STANDS_IN.get()
}

/// While it lasts, [`Amx::detect`] finds a unit on this thread: the processor's, or this one, whose instructions work on
/// every thread. One test has it at a time, others wait.
///
/// Dropping it fails the test where the trapped unit refused an instruction, or a thread kept its tiles.
pub(crate) struct Session {
    trapped: bool,
    _alone: MutexGuard<'static, ()>,
}

impl Session {
    /// None, and a word on why, where the processor has a unit of which this process may not use everything.
    pub(crate) fn begin() -> Option<Self> {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let trapped = ![Product::Int8, Product::Bf16].into_iter().all(|product| Amx::detect(product).is_some());
        if trapped && saves_tiles() {
            eprintln!("AMX is here, but not all of it, or not for this process: its rungs were not tested");
            return None;
        }
        if trapped {
            install();
            DONE.iter().for_each(|done| done.store(0, Relaxed));
            REFUSED.store(0, Relaxed);
        } else {
            eprintln!("AMX is here: the processor's own unit is tested");
        }
        STANDS_IN.set(trapped);
        Some(Self { trapped, _alone: alone })
    }

    /// True where instructions are trapped: only then are they counted, and refused without harm.
    pub(crate) fn trapped(&self) -> bool {
        self.trapped
    }

    /// Instructions of this kind since the session began.
    pub(crate) fn count(&self, operation: Operation) -> u64 {
        DONE[operation as usize].load(Relaxed)
    }

    /// The first refusal since the session began, or since this was last asked.
    pub(crate) fn refused(&self) -> Option<Refusal> {
        let refused = REFUSED.swap(0, Relaxed);
        Refusal::ALL.into_iter().find(|refusal| *refusal as u8 == refused)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        STANDS_IN.set(false);
        if self.trapped && !std::thread::panicking() {
            assert_eq!(self.refused(), None, "a processor would have refused this");
            assert_eq!(HOLDERS.load(Relaxed), 0, "threads kept their tiles");
        }
    }
}

/// Traps illegal instructions of this process from now on.
fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: all its bytes may be zero: no handler, no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
        action.sa_flags = libc::SA_SIGINFO;
        action.sa_sigaction = on_illegal_instruction as *const () as usize;
        // SAFETY: the action is whole, and its handler is fit for a signal, as it says.
        let failed = unsafe { libc::sigaction(libc::SIGILL, &action, ptr::null_mut()) };
        assert_eq!(failed, 0, "{}", std::io::Error::last_os_error());
    });
}

/// Carries the instruction out, or refuses it and leaves a note, and goes on behind it.
extern "C" fn on_illegal_instruction(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: what this flag of the action promises: the interrupted thread's registers, nobody else's until it goes on.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let program = ptr::with_exposed_provenance::<u8>(registers[libc::REG_RIP as usize] as usize);
    // SAFETY: the processor has just read an instruction there, and `decode` takes no byte beyond one.
    let bytes = (0..).map(|i| unsafe { *program.add(i) });
    let Some(instruction) = decode(bytes) else { return give_up() };
    DONE[instruction.operation as usize].fetch_add(1, Relaxed);
    STATE.with(|state| {
        // SAFETY: the thread's own, and no handler interrupts this one: the signal is blocked meanwhile.
        let state = unsafe { &mut *state.get() };
        let held = state.configured();
        // SAFETY: the program says that its operands are where it points.
        let done = unsafe { carry_out(state, &instruction, |r| registers[REGISTERS[r] as usize]) };
        if let Err(refusal) = done {
            // Only the first counts.
            let _ = REFUSED.compare_exchange(0, refusal as u8, Relaxed, Relaxed);
        }
        HOLDERS.fetch_add(isize::from(state.configured()) - isize::from(held), Relaxed);
    });
    registers[libc::REG_RIP as usize] += instruction.length as i64;
}

/// # Safety
/// The instruction's operands in memory are there.
unsafe fn carry_out(
    state: &mut State,
    instruction: &Instruction,
    register: impl Fn(usize) -> i64,
) -> Result<(), Refusal> {
    let (begin, stride) = instruction.memory.map_or((0, 0), |memory: Memory| memory.place(register));
    let (place, tile) = (ptr::with_exposed_provenance_mut::<u8>(begin), instruction.tiles[0]);
    match instruction.operation {
        Operation::Configure => {
            // SAFETY: the caller's contract: these are 64 bytes.
            let config = unsafe { place.cast::<[u8; 64]>().read_unaligned() };
            state.configure(&config)
        }
        Operation::Release => {
            state.release();
            Ok(())
        }
        Operation::Zero => state.zero(tile),
        // SAFETY: the caller's contract.
        Operation::Load => unsafe { state.load(tile, place, stride) },
        // SAFETY: the caller's contract.
        Operation::Store => unsafe { state.store(tile, place, stride) },
        Operation::MultiplyBytes => state.multiply_bytes(instruction.tiles),
        Operation::MultiplyPairs => state.multiply_pairs(instruction.tiles),
    }
}

/// Some other illegal instruction: the process ends as it would have without this handler, when it is met again.
fn give_up() {
    let words = b"an illegal instruction, and none of those of AMX that tests carry out\n";
    // SAFETY: both calls are among those that signal(7) allows in a handler; the words are as long as said.
    unsafe {
        libc::write(2, words.as_ptr().cast(), words.len());
        libc::signal(libc::SIGILL, libc::SIG_DFL);
    }
}

#[cfg(test)]
mod tests {
    use core::arch::asm;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::super::{Config, Tiles, Words};
    use super::*;

    /// A session of a processor without the unit.
    fn trapped() -> Option<(Session, Amx)> {
        let session = Session::begin().filter(Session::trapped);
        if session.is_none() {
            eprintln!("only where AMX's instructions are trapped: nothing was tested");
        }
        Some((session?, Amx::detect(Product::Int8)?))
    }

    fn zero_a_tile() {
        // SAFETY: the instruction is trapped: carried out or refused, it changes nothing that compiled code uses.
        unsafe { asm!("tilezero tmm0", options(nomem, nostack, preserves_flags)) }
    }

    #[test]
    fn a_refused_instruction_and_tiles_that_were_kept_fail_the_session() {
        let Some((session, _)) = trapped() else { return };
        zero_a_tile();
        assert_eq!(session.refused(), Some(Refusal::NotConfigured));
        assert_eq!(session.refused(), None);
        drop(session);

        let Some((session, _)) = trapped() else { return };
        zero_a_tile();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(session))).is_err());

        let Some((session, amx)) = trapped() else { return };
        amx.begin::<16>();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(session))).is_err());

        let Some((session, amx)) = trapped() else { return };
        zero_a_tile();
        amx.end();
        assert_eq!((session.refused(), session.count(Operation::Zero)), (None, 1));
    }

    #[test]
    fn a_configuration_that_the_palette_has_not_is_refused() {
        let Some((session, _)) = trapped() else { return };
        let mut config = Config { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        (config.rows[3], config.row_bytes[3]) = (17, 64);
        // SAFETY: the instruction is trapped; it reads the configuration.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const config, options(nostack, preserves_flags, readonly)) }
        assert_eq!(session.refused(), Some(Refusal::Size));
        assert_eq!(HOLDERS.load(Relaxed), 0);
    }

    /// Tiles belong to threads.
    #[test]
    fn other_threads_have_tiles_of_their_own() {
        let Some((session, amx)) = trapped() else { return };
        amx.begin::<16>();
        std::thread::scope(|scope| scope.spawn(zero_a_tile).join().unwrap());
        assert_eq!(session.refused(), Some(Refusal::NotConfigured));
        zero_a_tile();
        assert_eq!(session.refused(), None);
        amx.end();
    }

    /// Addresses of every kind, written by the assembler: upper and lower registers, scales, displacements, strides that
    /// run backwards, no index. On a processor with the unit as well.
    #[test]
    fn operands_lie_where_the_processor_finds_them() {
        let Some(_session) = Session::begin() else { return };
        let Some(amx) = Amx::detect(Product::Int8) else { return };
        let from: Vec<u8> = (0..4096_u32).map(|i| (i * 7 + i / 64) as u8).collect();
        let mut to = vec![0_u8; 5 * 1024];
        amx.begin::<16>();
        // SAFETY: tiles are prepared; sixteen rows of 64 bytes lie in the vectors for each address.
        unsafe {
            asm!(
                "tileloadd tmm0, [rax + r9*1]",
                "tileloaddt1 tmm1, [r13 + rcx*8 + 64]",
                "tileloadd tmm2, [r12 + rdx*1 - 64]",
                "tileloadd tmm3, [r14 + r15*2]",
                "tileloadd tmm4, [r13 + 2048]",
                "tilestored [rdi + rdx*1], tmm0",
                "tilestored [rdi + rdx*1 + 1024], tmm1",
                "tilestored [r8 + rdx*1 - 1024], tmm2",
                "tilestored [r8 + rdx*1], tmm3",
                "tilestored [r8 + rdx*1 + 1024], tmm4",
                in("rax") from.as_ptr(),
                in("rcx") 16_usize,
                in("rdx") 64_usize,
                in("rdi") to.as_mut_ptr(),
                in("r8") to.as_mut_ptr().wrapping_add(3072),
                in("r9") 192_usize,
                in("r12") from.as_ptr().wrapping_add(192),
                in("r13") from.as_ptr(),
                in("r14") from.as_ptr().wrapping_add(2048),
                in("r15") -32_isize,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _, out("tmm4") _,
                options(nostack, preserves_flags),
            )
        }
        amx.end();
        for (at, row) in to.chunks_exact(64).enumerate() {
            let (tile, r) = (at / 16, at % 16);
            let begin = match tile {
                0 => 192 * r,
                1 => 64 + 128 * r,
                2 => 128 + 64 * r,
                3 => 2048 - 64 * r,
                _ => 2048,
            };
            assert_eq!(*row, from[begin..][..64], "tile {tile} row {r}");
        }
    }

    /// Words of two bf16 below 2: denormals, zeros and the others.
    fn pairs(seed: u32) -> Vec<u32> {
        let word = |i: u32| {
            let bits = (seed + i).wrapping_mul(0x9e37_79b9).rotate_left(i % 32);
            match i % 7 {
                0 => bits & 0x807f_8fff | 0x3000,
                1 => bits & 0x8fff_807f | 0x3000_0000,
                2 => bits & 0x8000_8000,
                _ => bits & 0x8fff_8fff | 0x3000_3000,
            }
        };
        (0..512).map(word).collect()
    }

    /// Where a processor has the unit, this says whether [`State`] does what it does, elsewhere whether it is given what
    /// the assembly says.
    #[test]
    fn the_unit_and_the_state_give_the_same_bits() {
        let Some(_session) = Session::begin() else { return };
        let Some(amx) = Amx::detect(Product::Bf16) else { return };
        let (a, b, mut c, mut expected) = (pairs(1), pairs(1000), vec![0_u32; 1024], vec![0_u32; 1024]);
        let (from_a, from_b) = (a.as_ptr().cast::<u8>(), b.as_ptr().cast::<u8>());
        let words = Words {
            a: from_a.cast(),
            b: from_b.cast(),
            c: c.as_mut_ptr().cast(),
            add: false,
            steps: 1,
            ahead: from_a,
            ahead_second: 0,
            ahead_step: 0,
        };
        amx.begin::<16>();
        // SAFETY: tiles are prepared; the vectors hold one step of operands, and the sums.
        unsafe { amx.multiply_bf16(words) };
        amx.end();

        let mut state = State::RELEASED;
        let mut config = [0; 64];
        config[0] = 1;
        config[16..32].copy_from_slice(&[64, 0].repeat(8));
        config[48..56].fill(16);
        state.configure(&config).unwrap();
        for (rows, columns) in [(0, 0), (0, 64), (1024, 0), (1024, 64)] {
            let to = expected.as_mut_ptr().cast::<u8>().wrapping_add(2 * rows + columns);
            state.zero(0).unwrap();
            // SAFETY: sixteen rows of each of the vectors, from these bytes on.
            unsafe {
                state.load(1, from_a.wrapping_add(rows), 64).unwrap();
                state.load(2, from_b.wrapping_add(columns), 128).unwrap();
                state.multiply_pairs([0, 1, 2]).unwrap();
                state.store(0, to, 128).unwrap();
            }
        }
        let differ = c.iter().zip(&expected).filter(|(c, expected)| c != expected).count();
        assert_eq!(differ, 0, "of 1024 sums are not as the manual's pseudocode makes them");
        assert!(c.iter().filter(|sum| f32::from_bits(**sum) != 0.0).count() > 900);
    }
}
