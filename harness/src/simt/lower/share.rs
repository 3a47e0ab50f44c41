//! What a driver's compiler leaves of an instruction. It unrolls an innermost loop without barriers four times, so a quarter
//! of the counting, comparing and branching is left, and it keeps pointers instead of indices: what is computed only to
//! address memory in such a loop leaves half an addition for each load or store. These are assumptions about compilers, not
//! figures of a machine; the error band of a modelled time has to hold them.
//!
//! The first compiler of CUDA unrolled nothing, but it kept pointers too: of eight operations in the inner loop of an
//! untiled product two were loads and one the multiply-add (Ryoo et al., PPoPP 2008, section 4). Its machines moved one word
//! of workgroup memory at a time, and an arithmetic instruction could take one as its operand.

use std::collections::HashMap;

use super::super::code::{Class, Inst, Op, UNROLL};

/// Sets the shares of every instruction; registers are still those of values, not of hardware.
pub(super) fn share(insts: &mut [Inst]) {
    words(insts);
    let mut ranges: Vec<(usize, usize)> =
        insts.iter().enumerate().filter(|(_, i)| i.op == Op::Again).map(|(end, i)| (i.imm as usize, end)).collect();
    let all = ranges.clone();
    ranges.retain(|(start, end)| {
        let inner = all.iter().any(|(s, e)| s > start && e < end);
        let meets = insts[*start..*end].iter().any(|i| i.class == Class::Barrier);
        !inner && !meets
    });
    for (start, end) in ranges {
        let inside = &insts[start..end];
        let mut readers: HashMap<u32, Vec<usize>> = HashMap::new();
        for (at, inst) in insts.iter().enumerate() {
            inst.reads().for_each(|r| readers.entry(r).or_default().push(at));
        }
        let mut addressing = vec![false; inside.len()];
        // Backwards, so that what feeds an address is found after what it feeds; loops carry counters round, which stay.
        for at in (0..inside.len()).rev() {
            let inst = &inside[at];
            if !matches!(inst.class, Class::Int | Class::Shift | Class::IntMul) || inst.op == Op::Select {
                continue;
            }
            let feeds = |reader: &usize| {
                (start..end).contains(reader)
                    && (addressing[reader - start]
                        || insts[*reader].a == inst.d[0] && !insts[*reader].s.contains(&inst.d[0]))
            };
            let read_by = readers.get(&inst.d[0]);
            addressing[at] = read_by.is_some_and(|r| r.iter().all(feeds));
        }
        let continuing = inside.iter().position(|i| i.op == Op::Continuing).unwrap_or(inside.len());
        let quarter = 1.0 / UNROLL;
        let direct = |d: u32| inside.iter().any(|i| i.a == d);
        let shares: Vec<f32> = inside
            .iter()
            .enumerate()
            .map(|(at, inst)| {
                let before_break = inside.get(at + 1).is_some_and(|n| n.op == Op::BreakUnless && n.s[0] == inst.d[0]);
                match () {
                    () if addressing[at] => {
                        if direct(inst.d[0]) {
                            0.5
                        } else {
                            0.0
                        }
                    }
                    () if at > continuing || inst.op == Op::BreakUnless || before_break => quarter,
                    () => 1.0,
                }
            })
            .collect();
        for (inst, share) in insts[start..end].iter_mut().zip(shares) {
            inst.share = share;
            inst.unrolled = true;
            if share == 0.0 {
                inst.rolled = 0.0;
            }
        }
    }
}

/// Loads and stores of workgroup memory one word at a time, without those that are an operand of what reads them: of one
/// arithmetic instruction alone, which takes one such operand, before anyone stores there.
fn words(insts: &mut [Inst]) {
    let (mut readers, mut writers): (HashMap<u32, Vec<usize>>, HashMap<u32, u32>) = Default::default();
    for (at, inst) in insts.iter().enumerate() {
        inst.reads().for_each(|r| readers.entry(r).or_default().push(at));
        inst.writes().for_each(|d| *writers.entry(d).or_default() += 1);
    }
    let mut takes_one = vec![false; insts.len()];
    for at in 0..insts.len() {
        let inst = insts[at];
        if !matches!(inst.op, Op::LoadShared | Op::StoreShared) {
            continue;
        }
        let mut words = u32::from(inst.n);
        for d in inst.writes().filter(|d| writers[d] == 1) {
            let Some([reader]) = readers.get(&d).map(Vec::as_slice) else { continue };
            let class = insts[*reader].class;
            let arithmetic = matches!(class, Class::Fp32 | Class::Int | Class::Shift | Class::IntMul);
            let between = insts.get(at + 1..*reader);
            let stays = |i: &Inst| !i.op.steers() && !matches!(i.op, Op::Barrier | Op::StoreShared | Op::AtomicShared);
            if arithmetic && !takes_one[*reader] && between.is_some_and(|b| b.iter().all(stays)) {
                takes_one[*reader] = true;
                words -= 1;
            }
        }
        insts[at].rolled = words as f32;
    }
}
