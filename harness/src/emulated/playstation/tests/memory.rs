//! What memory costs: RAM, scratchpad, write queue and instruction cache.

use proptest::prelude::*;

use super::{CODE, MOST_CYCLES, T0, machine, run, waited};
use crate::emulated::playstation::cpu::Cpu;
use crate::emulated::playstation::memory::{Memory, Timing};

const RAM: u32 = 0x8002_0000;
const SCRATCHPAD: u32 = 0x1f80_0000;

/// psx-spx, "Load Timing": 7 cycles from RAM, 1 from scratchpad, its own among them, cached segment or not.
#[test]
fn loads_back_to_back() {
    let loads = |n: usize| " lw t1, (t0)\n".repeat(n);
    for at in [RAM, RAM & 0x1fff_ffff, RAM | 0x2000_0000] {
        // Behind the last load there is the return, which hides one of its cycles.
        assert_eq!(waited(&loads(10), &[(T0, at)]), 60 - 1, "{at:#x}");
    }
    assert_eq!(waited(&loads(10), &[(T0, SCRATCHPAD)]), 0);
    assert_eq!(waited(&loads(10), &[(T0, SCRATCHPAD | 0x8000_0000)]), 0);
}

/// psx-spx, "Load Shadow": independent instructions hide up to two cycles, all of them with four; ps1-tests, cpu/access-time:
/// with four instructions between two loads, one costs 5.14 to 5.3 cycles, where nothing is known of the 0.14.
#[test]
fn what_follows_hides_part_of_a_load() {
    let cost = |between: &str| {
        let once = format!(" lw t1, (t0)\n{between}");
        let difference = waited(&once.repeat(9), &[(T0, RAM)]) - waited(&once, &[(T0, RAM)]);
        assert_eq!(difference % 8, 0);
        difference / 8 + 1
    };
    let nops: Vec<i64> = (0..8).map(|n| cost(&" nop\n".repeat(n))).collect();
    assert_eq!(nops, [7, 7, 6, 6, 5, 5, 5, 5]);
    // The register is used, or the bus is.
    assert_eq!(cost(" nop\n move t2, t1\n nop\n nop\n nop\n"), 7);
    assert_eq!(cost(" nop\n nop\n move t2, t1\n nop\n nop\n"), 6);
    // Of two loads each hides one cycle behind two instructions, not the first one two behind four.
    assert_eq!(cost(" nop\n nop\n lw t3, 4(t0)\n nop\n nop\n"), 1 + 5 + 5);
    // Scratchpad is not on the bus.
    assert_eq!(
        waited(" lw t1, (t0)\n lw t2, (t3)\n lw t2, (t3)\n lw t2, (t3)\n lw t2, (t3)", &[(T0, RAM), (11, SCRATCHPAD)]),
        4
    );
}

/// emu-russia/psxcpu, core.md: the first write to a page takes 4 cycles, further ones 2; psx-spx, "Write queue": a store takes
/// one cycle while there is room among four.
#[test]
fn the_queue_takes_four_stores() {
    let stores = |n: usize| (0..n).map(|i| format!(" sw zero, {}(t0)\n", 4 * i)).collect::<String>();
    assert_eq!((1..=5).map(|n| waited(&stores(n), &[(T0, RAM)])).collect::<Vec<_>>(), [0; 5]);
    // At full length one store takes as long as its write.
    let difference = waited(&stores(60), &[(T0, RAM)]) - waited(&stores(20), &[(T0, RAM)]);
    assert_eq!(difference, 40);
    let far = |n: usize| (0..n).map(|i| format!(" sw zero, {}(t0)\n", 1024 * (i % 2))).collect::<String>();
    assert_eq!(waited(&far(60), &[(T0, RAM)]) - waited(&far(20), &[(T0, RAM)]), 40 * 3);
    assert_eq!(waited(&stores(60), &[(T0, SCRATCHPAD)]), 0);
}

/// psx-spx, "Write queue": a read overtakes writes, but not one of its own address.
#[test]
fn a_read_overtakes_writes_of_other_words() {
    let read = |at: u32| waited(&format!(" sw zero, 2048(t0)\n sw zero, (t0)\n lw t1, {at}(t0)"), &[(T0, RAM)]);
    // The load's 6 less the one that the return hides, and what is left of the 4 of the write under way.
    assert_eq!(read(64), 6 - 1 + 3);
    // That, and the second write, to another page.
    assert_eq!(read(0), 6 - 1 + 3 + 4);
}

/// psx-spx, "Fill behavior": from the missed word to the line's end; emu-russia/psxcpu, core.md: 4 to 7 cycles from RAM.
#[test]
fn a_miss_fills_its_line_to_the_end() {
    let cold = |nops: usize| {
        let (mut cpu, mut memory) = machine("");
        let entry = CODE + 4 * nops as u32;
        memory.put(entry, &[0x08, 0x00, 0xe0, 0x03, 0, 0, 0, 0]).expect("a return");
        cpu.call(&mut memory, entry, MOST_CYCLES).expect("a program that ends");
        cpu.cycles - cpu.instructions
    };
    // A return and its delay slot: in one line, or the last word of one and all of the next.
    assert_eq!([cold(0), cold(1), cold(2), cold(3)], [7, 6, 5, 4 + 7]);
}

/// psx-spx, "i-Cache": lines 4096 bytes apart displace each other; stores do not reach the cache until it is flushed.
#[test]
fn the_cache_is_direct_mapped_and_sees_no_stores() {
    let apart = |distance: u32| {
        let source = format!(
            " move t3, ra\n li t0, 3\nloop jal there\n addiu t0, t0, -1\n bnez t0, loop\n nop\n b done\n nop\n org {:#x}\nthere jr ra\n nop\n align 16\ndone move ra, t3",
            CODE + distance
        );
        waited(&source, &[])
    };
    assert_eq!(apart(0x800), 0);
    assert!(apart(0x1000) > 0);

    let (mut cpu, mut memory) = machine(" li t2, 1\n nop\n nop");
    cpu.call(&mut memory, CODE, MOST_CYCLES).expect("a program that ends");
    memory.put(CODE, &[2]).expect("RAM");
    cpu.call(&mut memory, CODE, MOST_CYCLES).expect("a program that ends");
    assert_eq!(cpu.registers[10], 1);
    memory.flush_cache();
    cpu.call(&mut memory, CODE, MOST_CYCLES).expect("a program that ends");
    assert_eq!(cpu.registers[10], 2);
}

/// A line that is there in part is filled whole (psx-spx, "Fill behavior").
#[test]
fn a_line_that_is_there_in_part_is_read_again() {
    let (mut cpu, mut memory) = machine(" nop\n nop\n nop");
    // In at the third word, then from the first on: the line is filled twice, the second time in whole.
    cpu.call(&mut memory, CODE + 8, MOST_CYCLES).expect("a program that ends");
    assert_eq!(cpu.cycles - cpu.instructions, 5 + 7);
    let before = (cpu.cycles, cpu.instructions);
    cpu.call(&mut memory, CODE, MOST_CYCLES).expect("a program that ends");
    assert_eq!(cpu.cycles - before.0 - (cpu.instructions - before.1), 7);
}

/// Both edges of the band, and between them what is measured.
#[test]
fn the_band_has_its_edges_on_both_sides() {
    let cycles = |timing| {
        let (_, warm) = machine(&" lw t1, (t0)\n nop\n nop\n nop\n nop\n".repeat(8));
        let mut memory = Memory::new(timing);
        memory.put(CODE, &warm.get(CODE, 4096).expect("RAM")).expect("RAM");
        let mut cpu = Cpu::default();
        cpu.registers[T0] = RAM;
        cpu.call(&mut memory, CODE, MOST_CYCLES).expect("a program that ends");
        cpu.cycles
    };
    let [fastest, measured, slowest] = [Timing::FASTEST, Timing::MEASURED, Timing::SLOWEST].map(cycles);
    assert!(fastest <= measured && measured < slowest, "{fastest} {measured} {slowest}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What bytes are put in come out, at every alignment, from RAM, scratchpad and by a program's copy.
    #[test]
    fn bytes_in_bytes_out(bytes in prop::collection::vec(any::<u8>(), 1..64), offset in 0_u32..8) {
        let (_, mut memory) = machine("");
        for at in [RAM + offset, SCRATCHPAD + offset] {
            memory.put(at, &bytes).expect("memory");
            prop_assert_eq!(&memory.get(at, bytes.len()).expect("memory"), &bytes);
        }
        let stores: String = bytes.iter().enumerate().map(|(i, b)| format!(" li t1, {b}\n sb t1, {i}(t0)\n")).collect();
        let (_, memory) = run(&stores, &[(T0, RAM + offset)]).expect("a program that ends");
        prop_assert_eq!(&memory.get(RAM + offset, bytes.len()).expect("memory"), &bytes);
    }
}
