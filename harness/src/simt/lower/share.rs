//! What a driver's compiler leaves of an instruction. It unrolls an innermost loop without barriers four times, so a quarter
//! of the counting, comparing and branching is left, and it keeps pointers instead of indices: what is computed only to
//! address memory in such a loop leaves half an addition for each load or store. These are assumptions about compilers, not
//! figures of a machine; the error band of a modelled time has to hold them.

use std::collections::HashMap;

use super::super::code::{Class, Inst, Op, UNROLL};

/// Sets the share of every instruction; registers are still those of values, not of hardware.
pub(super) fn share(insts: &mut [Inst]) {
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
            if !matches!(inst.class, Class::Int | Class::IntMul) || inst.op == Op::Select {
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
        }
    }
}
