//! What no compiler leaves in the code: copies of variables that are read before the variable changes, results that go
//! through a temporary into a variable, products that feed one sum, and values nobody reads.

use std::collections::HashMap;

use super::{Class, Inst, NONE, Op};

/// Cleans the instructions, until nothing changes.
pub(super) fn tidy(insts: &mut Vec<Inst>) {
    drop_first_values(insts);
    forward_copies(insts);
    multiply_adds(insts);
    write_variables_directly(insts);
    drop_unread(insts);
}

fn uses(insts: &[Inst]) -> HashMap<u32, usize> {
    let mut uses = HashMap::new();
    for inst in insts {
        for r in inst.reads() {
            *uses.entry(r).or_insert(0) += 1;
        }
        if let Some((first, n)) = indexed(inst) {
            for r in first..first + n {
                *uses.entry(r).or_insert(0) += 2;
            }
        }
    }
    uses
}

fn definitions(insts: &[Inst]) -> HashMap<u32, usize> {
    let mut definitions = HashMap::new();
    for inst in insts {
        for r in inst.writes() {
            *definitions.entry(r).or_insert(0) += 1;
        }
        if let Some((first, n)) = indexed(inst) {
            for r in first..first + n {
                *definitions.entry(r).or_insert(0) += 2;
            }
        }
    }
    definitions
}

/// Registers that an instruction with a dynamic index may touch.
pub(super) fn indexed(inst: &Inst) -> Option<(u32, u32)> {
    matches!(inst.op, Op::LoadLocal | Op::StoreLocal).then_some((inst.buf, inst.imm2))
}

fn is_nothing(inst: &Inst) -> bool {
    inst.op.copies() && inst.d[0] == inst.s[0]
}

/// Removes instructions that were marked as copies of a register to itself, and moves jump targets along.
pub(super) fn compact(insts: &mut Vec<Inst>) {
    let mut place = Vec::with_capacity(insts.len() + 1);
    let mut kept = 0u32;
    for inst in insts.iter() {
        place.push(kept);
        kept += u32::from(!is_nothing(inst));
    }
    place.push(kept);
    for inst in insts.iter_mut() {
        if matches!(inst.op, Op::If | Op::Else | Op::Again) {
            inst.imm = place[inst.imm as usize];
        }
        if inst.op.steers() {
            inst.imm2 = place[inst.imm2 as usize];
        }
    }
    insts.retain(|inst| !is_nothing(inst));
}

fn erase(inst: &mut Inst) {
    *inst = Inst::new(Op::Mov, Class::Free, 0, &[0], inst.line);
}

/// A constant that a variable gets on entry, where it gets another value before anyone reads it: the variable is declared
/// in an inner block, and all its life lies behind that first write, in the same block.
fn drop_first_values(insts: &mut Vec<Inst>) {
    let mut depth = Vec::with_capacity(insts.len());
    let mut level = 0u32;
    for inst in insts.iter() {
        match inst.op {
            Op::EndIf | Op::Again | Op::EndScope | Op::Else => level -= 1,
            _ => {}
        }
        depth.push(level);
        if matches!(inst.op, Op::If | Op::Loop | Op::Else) {
            level += 1;
        }
    }
    for i in 0..insts.len() {
        let v = insts[i].d[0];
        if !(insts[i].op.copies() || insts[i].op == Op::MatrixZero) || insts[..i].iter().any(|x| x.d[0] == v) {
            continue;
        }
        let touches = |x: &Inst| {
            let by_index = indexed(x).is_some_and(|(first, n)| (first..first + n).contains(&v));
            by_index || x.d.contains(&v) || x.reads().any(|r| r == v)
        };
        let Some(j) = (i + 1..insts.len()).find(|j| touches(&insts[*j])) else { continue };
        let written = insts[j].d.contains(&v) && !insts[j].reads().any(|r| r == v);
        let end = (j + 1..insts.len()).find(|m| depth[*m] < depth[j]).unwrap_or(insts.len());
        if written && !insts[end..].iter().any(touches) {
            erase(&mut insts[i]);
        }
    }
    compact(insts);
}

/// A copy `t = v` whose readers all come before `v` changes, in one stretch without loops: they read `v`.
fn forward_copies(insts: &mut Vec<Inst>) {
    let (uses, definitions) = (uses(insts), definitions(insts));
    for i in 0..insts.len() {
        let (t, v) = (insts[i].d[0], insts[i].s[0]);
        if !insts[i].op.copies() || t == v || definitions.get(&t) != Some(&1) {
            continue;
        }
        let all = uses.get(&t).copied().unwrap_or(0);
        let (mut found, mut last) = (0, i);
        for j in i + 1..insts.len() {
            if found == all {
                break;
            }
            let inst = &insts[j];
            if matches!(inst.op, Op::Loop | Op::Again) {
                break;
            }
            let here = inst.reads().filter(|r| *r == t).count();
            if here > 0 {
                found += here;
                last = j;
            }
            let touched = indexed(inst).is_some_and(|(first, n)| (first..first + n).contains(&v));
            if inst.d.contains(&v) || touched && inst.op == Op::StoreLocal {
                break;
            }
        }
        if found == all {
            for inst in &mut insts[i + 1..=last] {
                for r in inst.s.iter_mut().chain([&mut inst.a]) {
                    if *r == t {
                        *r = v;
                    }
                }
            }
            erase(&mut insts[i]);
        }
    }
    compact(insts);
}

/// `t = a * b`, then `d = t + c` as the only reader: one instruction.
fn multiply_adds(insts: &mut Vec<Inst>) {
    let (uses, definitions) = (uses(insts), definitions(insts));
    for j in 0..insts.len() {
        if insts[j].op != Op::IAdd {
            continue;
        }
        for side in 0..2 {
            let (t, c) = (insts[j].s[side], insts[j].s[1 - side]);
            if uses.get(&t) != Some(&1) || definitions.get(&t) != Some(&1) || t == c {
                continue;
            }
            let stretch = insts[..j].iter().rev().take_while(|i| !i.op.steers());
            let Some(back) = stretch.into_iter().position(|i| i.d[0] == t) else { continue };
            let i = j - 1 - back;
            let (a, b) = (insts[i].s[0], insts[i].s[1]);
            let changed = insts[i + 1..j].iter().any(|x| x.d.contains(&a) || x.d.contains(&b));
            if !matches!(insts[i].op, Op::IMul) || changed {
                continue;
            }
            let mad = Inst::new(Op::IMad, Class::IntMul, insts[j].d[0], &[a, b, c], insts[j].line);
            insts[j] = mad;
            erase(&mut insts[i]);
            break;
        }
    }
    compact(insts);
}

/// `t = ...`, then `v = t` as the only reader of `t`: the instruction writes `v`. Writes are masked, so the same lanes do.
fn write_variables_directly(insts: &mut Vec<Inst>) {
    let (uses, definitions) = (uses(insts), definitions(insts));
    for j in 0..insts.len() {
        let (v, t) = (insts[j].d[0], insts[j].s[0]);
        if !insts[j].op.copies() || v == t || uses.get(&t) != Some(&1) || definitions.get(&t) != Some(&1) {
            continue;
        }
        let mut place = None;
        for i in (0..j).rev() {
            let inst = &insts[i];
            if inst.op.steers() {
                break;
            }
            if let Some(c) = inst.d.iter().position(|d| *d == t) {
                place = Some((i, c));
                break;
            }
            let touched = indexed(inst).is_some_and(|(first, n)| (first..first + n).contains(&v));
            if touched || inst.reads().any(|r| r == v) || inst.d.contains(&v) {
                break;
            }
        }
        if let Some((i, c)) = place
            && !insts[i].d.contains(&v)
        {
            insts[i].d[c] = v;
            erase(&mut insts[j]);
        }
    }
    compact(insts);
}

/// Values that nobody reads, until there are none.
fn drop_unread(insts: &mut Vec<Inst>) {
    loop {
        let uses = uses(insts);
        let before = insts.len();
        for inst in insts.iter_mut() {
            let unread = inst.writes().all(|d| !uses.contains_key(&d));
            if unread && !inst.op.has_effect() && inst.d[0] != NONE {
                erase(inst);
            }
        }
        compact(insts);
        if insts.len() == before {
            return;
        }
    }
}
