//! Loads of neighbouring words of workgroup memory become one wide load, as drivers' compilers make them where they can
//! prove that the address is aligned.

use std::collections::HashMap;

use super::super::code::{Class, Given, Inst, NONE, Op};

/// Merges loads of two or four words from one address register.
pub(super) fn merge(insts: &mut Vec<Inst>, given: &HashMap<Given, u32>) {
    let literals: HashMap<u32, u32> = given
        .iter()
        .filter_map(|(g, r)| match g {
            Given::Literal(bits) => Some((*r, *bits)),
            _ => None,
        })
        .collect();
    let mut definitions: HashMap<u32, Vec<usize>> = HashMap::new();
    for (at, inst) in insts.iter().enumerate() {
        inst.writes().for_each(|d| definitions.entry(d).or_default().push(at));
    }
    let zeros = |insts: &[Inst], r: u32| trailing_zeros(insts, &definitions, &literals, r, &mut Vec::new());
    for width in [4usize, 2] {
        for at in 0..insts.len() {
            let first = insts[at];
            let wide = 4 * width as u32;
            if first.op != Op::LoadShared || first.n != 1 || !first.imm.is_multiple_of(wide) {
                continue;
            }
            if first.a != NONE && zeros(insts, first.a) < wide.trailing_zeros() {
                continue;
            }
            let mut parts = vec![at];
            for (j, next) in insts.iter().enumerate().skip(at + 1) {
                let stops = next.op.steers()
                    || matches!(next.op, Op::Barrier | Op::StoreShared | Op::AtomicShared | Op::MatrixStore)
                    || next.d.contains(&first.a);
                if stops || parts.len() == width {
                    break;
                }
                let wanted = first.imm + 4 * parts.len() as u32;
                if next.op == Op::LoadShared && next.n == 1 && next.a == first.a && next.imm == wanted {
                    parts.push(j);
                }
            }
            // Results that are variables are not written ahead of their time.
            let temporary = |i: &usize| definitions.get(&insts[*i].d[0]).is_some_and(|d| d.len() == 1);
            if parts.len() < width || !parts[1..].iter().all(temporary) {
                continue;
            }
            for (c, part) in parts.iter().enumerate().skip(1) {
                insts[at].d[c] = insts[*part].d[0];
                insts[*part] = Inst::new(Op::Mov, Class::Free, 0, &[0], first.line);
            }
            insts[at].n = width as u8;
        }
    }
    super::tidy::compact(insts);
}

/// Low bits of a value that are certainly 0. A variable has those of all that is written to it; that what it is made of
/// includes itself, as a counter does, takes nothing away.
fn trailing_zeros(
    insts: &[Inst],
    definitions: &HashMap<u32, Vec<usize>>,
    literals: &HashMap<u32, u32>,
    r: u32,
    within: &mut Vec<u32>,
) -> u32 {
    if let Some(bits) = literals.get(&r) {
        return bits.trailing_zeros();
    }
    if within.contains(&r) {
        return 32;
    }
    let Some(written) = definitions.get(&r).filter(|d| d.len() <= 4) else { return 0 };
    within.push(r);
    let mut least = 32;
    for at in written {
        let inst = &insts[*at];
        let mut of = |i: usize| trailing_zeros(insts, definitions, literals, inst.s[i], within);
        let zeros = match inst.op {
            Op::Mov => of(0),
            Op::IAdd | Op::ISub | Op::Or => of(0).min(of(1)),
            Op::IMul => (of(0) + of(1)).min(32),
            Op::IMad => (of(0) + of(1)).min(32).min(of(2)),
            Op::Shl => literals.get(&inst.s[1]).map_or(0, |by| (of(0) + by).min(32)),
            _ => 0,
        };
        least = least.min(zeros);
    }
    within.pop();
    least
}
