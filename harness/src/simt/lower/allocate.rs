//! Registers by life spans: values that are not alive at once share one. The most alive at once estimates what a thread
//! needs of the register file.

use std::collections::HashMap;

use super::tidy::indexed;
use super::{Given, Inst, NONE, Op};

/// What came of it.
pub(super) struct Allocation {
    /// Registers with a value at the start.
    pub given: Vec<(u32, Given)>,
    /// All registers.
    pub registers: u32,
    /// All small matrices, numbered after the registers.
    pub matrices: u32,
    /// Most alive at once, constants not counted.
    pub live: u32,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    first: usize,
    last: usize,
    /// True where the first to touch it writes it.
    begins_written: bool,
    /// True where the last to touch it writes it.
    ends_written: bool,
}

/// A small matrix until the number of registers is known.
const MATRIX: u32 = 1 << 31;

/// Renames the registers of all instructions; `matrices` are those that hold one, with the registers of a lane it takes.
pub(super) fn allocate(insts: &mut [Inst], given: &HashMap<Given, u32>, matrices: &HashMap<u32, u32>) -> Allocation {
    let mut spans = spans(insts);
    stretch_over_loops(insts, &mut spans);
    let mut names = HashMap::new();
    let mut placed = Vec::new();
    let mut next = 0;
    // Constants keep a register of their own: nobody writes them, so they last from workgroup to workgroup.
    let mut constants: Vec<(Given, u32)> = given.iter().map(|(g, r)| (*g, *r)).collect();
    constants.sort_by_key(|(_, r)| *r);
    for (value, r) in constants {
        let Some(span) = spans.get_mut(&r) else { continue };
        if value.is_constant() {
            names.insert(r, next);
            placed.push((next, value));
            next += 1;
            spans.remove(&r);
        } else {
            span.first = 0;
        }
    }
    let starts: HashMap<u32, Given> = given.iter().map(|(g, r)| (*r, *g)).collect();
    // Arrays with a dynamic index lie in consecutive registers for as long as any of them lives.
    let mut arrays: Vec<(u32, u32)> = insts.iter().filter_map(indexed).collect();
    arrays.sort_unstable();
    arrays.dedup();
    let mut live_beside = 0;
    for (first, n) in &arrays {
        for r in *first..first + n {
            names.insert(r, next);
            next += 1;
            spans.remove(&r);
        }
        live_beside += n;
    }
    let mut order: Vec<(u32, Span)> = spans.into_iter().collect();
    order.sort_by_key(|(r, s)| (s.first, s.last, *r));
    let (mut free, mut free_matrices): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
    let mut alive: Vec<(usize, bool, u32, u32)> = Vec::new();
    let (mut most, mut next_matrix) = (0, 0);
    for (r, span) in order {
        // A register is free for the instruction that reads it last, not for another result of one that writes it.
        alive.retain(|(last, written, name, _)| {
            let over = *last < span.first || *last == span.first && !written;
            if over {
                let free = if *name < MATRIX { &mut free } else { &mut free_matrices };
                free.push(*name);
            }
            !over
        });
        let matrix = matrices.get(&r);
        let (free, next, kind) = match matrix {
            Some(_) => (&mut free_matrices, &mut next_matrix, MATRIX),
            None => (&mut free, &mut next, 0),
        };
        let name = free.pop().unwrap_or_else(|| {
            *next += 1;
            kind + *next - 1
        });
        names.insert(r, name);
        if let Some(value) = starts.get(&r) {
            placed.push((name, *value));
        }
        alive.push((span.last, span.ends_written, name, matrix.copied().unwrap_or(1)));
        most = most.max(alive.iter().map(|a| a.3).sum());
    }
    let registers = next.max(1);
    names.values_mut().filter(|name| **name >= MATRIX).for_each(|name| *name = *name - MATRIX + registers);
    for inst in insts.iter_mut() {
        if indexed(inst).is_some() {
            inst.buf = names[&inst.buf];
        }
        for r in inst.d.iter_mut().chain(&mut inst.s).chain([&mut inst.a]) {
            if *r != NONE {
                *r = names[r];
            }
        }
    }
    Allocation { given: placed, registers, matrices: next_matrix, live: most + live_beside }
}

fn spans(insts: &[Inst]) -> HashMap<u32, Span> {
    let mut spans: HashMap<u32, Span> = HashMap::new();
    let mut touch = |r: u32, at: usize, write: bool| {
        let span = spans.entry(r).or_insert(Span { first: at, last: at, begins_written: write, ends_written: write });
        (span.last, span.ends_written) = (at, write);
    };
    for (at, inst) in insts.iter().enumerate() {
        inst.reads().for_each(|r| touch(r, at, false));
        inst.writes().for_each(|r| touch(r, at, true));
        if let Some((first, n)) = indexed(inst) {
            (first..first + n).for_each(|r| touch(r, at, false));
        }
    }
    spans
}

/// A value that enters a loop must last until the loop ends; so must one whose first reader in a loop comes before its
/// first writer. One that is written first and read only inside is new in every round.
fn stretch_over_loops(insts: &[Inst], spans: &mut HashMap<u32, Span>) {
    // Innermost first: ends come in that order.
    let loops: Vec<(usize, usize)> =
        insts.iter().enumerate().filter(|(_, i)| i.op == Op::Again).map(|(end, i)| (i.imm as usize - 1, end)).collect();
    loop {
        let mut changed = false;
        for (start, end) in &loops {
            for span in spans.values_mut() {
                let inside = span.first > *start && span.last <= *end;
                if inside && span.begins_written {
                    continue;
                }
                let touches = span.first <= *end && span.last > *start;
                if touches && (span.first > *start || span.last < *end) {
                    let mut stretched = Span { first: span.first.min(*start), last: span.last.max(*end), ..*span };
                    // At the loop's end nothing is written: the value just lasts until there.
                    stretched.ends_written &= span.last >= *end;
                    changed |= (stretched.first, stretched.last) != (span.first, span.last);
                    *span = stretched;
                }
            }
        }
        if !changed {
            return;
        }
    }
}
