//! The machine as the harness sees it: from its profile, with a CD for a store.

use crate::emulated::console::{Console, Fault, Spent};
use crate::emulated::playstation::Playstation;
use crate::profile::{Emulated, Sheet};

fn profile() -> Emulated {
    let (path, text) =
        Emulated::BUILT_IN.iter().find(|(path, _)| path.ends_with("playstation.toml")).expect("a profile");
    Emulated::parse(path, text).expect("a profile")
}

fn machine() -> Playstation {
    Playstation::new(&profile()).expect("a machine")
}

#[test]
fn programs_lie_between_the_bios_and_the_stack_or_in_the_scratchpad() {
    let machine = machine();
    for (address, bytes) in [(0x8001_0000, 4), (0x8001_0000, 0x1e_8000), (0x1f80_0000, 1024), (0x801f_7fff, 1)] {
        assert_eq!(machine.holds(address, bytes), Ok(()), "{address:#x}");
    }
    for (address, bytes) in [(0x8000_fffc, 8), (0x801f_7fff, 2), (0x1f80_0000, 1025), (0, 4), (0xffff_fffc, 8)] {
        let refused = machine.holds(address, bytes).expect_err("too far");
        assert!(
            refused.ends_with("is not within 0x80010000..0x801f8000, RAM between the BIOS's and the stack"),
            "{refused}"
        );
    }
}

/// Double speed is 150 sectors of 2048 bytes a second: 225,792 cycles each.
#[test]
fn a_cd_gives_whole_sectors_at_its_rate() {
    let mut machine = machine();
    assert_eq!(machine.store().len(), 650 << 20);
    machine.store()[5000..5004].copy_from_slice(&[1, 2, 3, 4]);
    for (from, bytes, sectors) in [(0, 0, 0), (0, 1, 1), (0, 2048, 1), (2047, 2, 2), (5000, 4, 1), (4096, 2049, 2)] {
        let spent = machine.stream(from, 0x8002_0000, bytes);
        let cycles = sectors * 225_792;
        let expected = Spent { cycles, transfer: cycles, transferred_bytes: bytes as u64, ..Spent::default() };
        assert_eq!(spent, expected, "{bytes} bytes from {from}");
    }
    machine.stream(5000, 0x8002_0001, 4);
    assert_eq!(machine.read(0x8002_0000, 6)[1..5], [1, 2, 3, 4]);
}

#[test]
fn a_call_counts_what_it_waits_for_and_says_what_stopped_it() {
    let mut machine = machine();
    let words = |machine: &mut Playstation, words: &[u32]| {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        machine.write(0x8001_0000, &bytes);
    };
    // lui t0, 0x8002; lw t1, (t0); jr ra; nop
    words(&mut machine, &[0x3c08_8002, 0x8d09_0000, 0x03e0_0008, 0]);
    let spent = machine.call(0x8001_0000, 1000).expect("it returns");
    // A line of the cache, and a load one cycle of which the return hides.
    assert_eq!(spent, Spent { cycles: 4 + 7 + 5, memory: 7 + 5, instructions: 4, ..Spent::default() });
    // jr ra; addiu sp, sp, -4
    words(&mut machine, &[0x03e0_0008, 0x27bd_fffc]);
    let fault = machine.call(0x8001_0000, 1000).expect_err("another stack");
    assert_eq!(fault.to_string(), "at $80010000: it returned with another stack than it was called with");
    words(&mut machine, &[0x1000_ffff, 0]);
    assert_eq!(machine.call(0x8001_0000, 1000), Err(Fault::Runaway { cycles: 1000 }));
    words(&mut machine, &[0, 0x0000_000d]);
    let fault = machine.call(0x8001_0000, 1000).expect_err("a trap");
    assert_eq!(fault.to_string(), "at $80010004: break 0x0: no system software is there to take it");
}

#[test]
fn a_profile_that_says_too_little_or_nonsense_is_refused() {
    let mut without = profile();
    without.memory.load_cycles = None;
    assert_eq!(Playstation::new(&without).err().as_deref(), Some("the profile has no memory.load_cycles"));
    let mut half = profile();
    if let Some(load) = &mut half.memory.load_cycles {
        load.value = 5.14;
    }
    let refused = Playstation::new(&half).err().expect("half a cycle");
    assert!(refused.starts_with("a load of 5.14 cycles with 2 hidden"), "{refused}");
}

#[test]
fn the_edges_of_the_band_are_loads_that_hide_nothing() {
    let edges = profile().edges();
    let figures =
        |p: &Emulated| (p.memory.load_cycles.as_ref().map(|f| f.value), p.memory.hidden_load_cycles.is_none());
    assert_eq!(edges.iter().map(figures).collect::<Vec<_>>(), [(Some(7.0), true), (Some(5.0), true)]);
}
