//! Ternary weights as machine code: every weight that is not zero becomes an instruction. It is made once, when a model is
//! put on a disk, as every arrangement is, and its cost is no part of a run; what a run pays is memory, five to six bytes
//! for each such weight, and the time to bring them where they do not stay in memory.
//!
//! In both, an accumulator adds bytes that are not negative and another register counts the carries. A carry is not
//! cleared but goes into the next addition. After `w` carries, the last of which may still be in the flag `c`, the bytes
//! so far sum to `accumulator + c + 255 w`.

use kernels::kernel::Shape;

/// Symbols of the program that the code is for.
pub type Symbols<'a> = &'a dyn Fn(&str) -> Option<i64>;

/// The columns of a row that have this weight.
fn columns(row: &[u8], weight: i8) -> impl Iterator<Item = u8> {
    (0_u8..).zip(row).filter(move |(_, w)| **w as i8 == weight).map(|(column, _)| column)
}

fn label(symbol: Symbols<'_>, name: &str) -> Result<i64, String> {
    symbol(name).ok_or_else(|| format!("a program with such code has a label '{name}'"))
}

/// For a 6510: the label names the code, which is called. `activations` in the zero page are biased by 128, `count` there
/// is free, `high` and `sign` are tables of a sum's upper byte and of its sign by the count, and sums go to `data_y`.
pub fn mos6510(weights: &[u8], shape: &Shape, symbol: Symbols<'_>) -> Result<Vec<u8>, String> {
    let page_zero = |name: &str| label(symbol, name).map(|at| at as u8);
    let (activations, count) = (page_zero("activations")?, page_zero("count")?);
    let word = |name: &str| label(symbol, name).map(|at| (at as u16).to_le_bytes());
    let ([high_low, high_high], [sign_low, sign_high]) = (word("high")?, word("sign")?);
    let sums = label(symbol, "data_y")? as usize;
    let mut made = Vec::new();
    for r in 0..shape.n {
        let row = &weights[r * shape.k..(r + 1) * shape.k];
        let (plus, minus) = (columns(row, 1).count() as i32, columns(row, -1).count() as i32);
        // `sbc` takes one more off where the flag is clear: from the change of sign on the flag is one less, and so is the
        // sum. With X as the count from `first` on, X itself taken off by a last `sbc` leaves 1 + 256 X - 255 first, and
        // the bias of all activations is 128 (plus - minus): 255 first + start make the sum's upper byte X - 128.
        let all = 1 + 128 * 256 - 128 * (plus - minus);
        let (first, start) = ((all / 255) as u8, (all % 255) as u8);
        // lda #start, ldx #first, clc
        made.extend([0xa9, start, 0xa2, first, 0x18]);
        // adc, bcc over inx; sbc, bcs over dex
        columns(row, 1).for_each(|c| made.extend([0x65, activations + c, 0x90, 1, 0xe8]));
        columns(row, -1).for_each(|c| made.extend([0xe5, activations + c, 0xb0, 1, 0xca]));
        // stx count, sbc count, bcs over dex
        made.extend([0x86, count, 0xe5, count, 0xb0, 1, 0xca]);
        let keep = |byte: usize| {
            let [low, high] = ((sums + 4 * r + byte) as u16).to_le_bytes();
            [0x8d, low, high]
        };
        // sta, lda high,x, sta, lda sign,x, sta, sta
        let kept = [keep(0), [0xbd, high_low, high_high], keep(1), [0xbd, sign_low, sign_high], keep(2), keep(3)];
        made.extend(kept.as_flattened());
    }
    made.push(0x60);
    Ok(made)
}

/// For a Z80: the label names the code, which is jumped to with b = 0 and the stack at the end of the sums, and ends with a
/// jump to `done`. `activations` are a page with a bias of 128 and the complements of these in the next.
pub fn z80(weights: &[u8], shape: &Shape, symbol: Symbols<'_>) -> Result<Vec<u8>, String> {
    let page = (label(symbol, "activations")? >> 8) as u8;
    let done = (label(symbol, "done")? as u16).to_le_bytes();
    let mut made = Vec::new();
    for r in (0..shape.n).rev() {
        let row = &weights[r * shape.k..(r + 1) * shape.k];
        // xor a, ld c,a
        made.extend([0xaf, 0x4f]);
        for (weight, page) in [(1, page), (-1, page + 1)] {
            // ld h,page; for each weight ld l,column or inc l, adc a,(hl), jr nc over inc c
            made.extend([0x26, page]);
            let mut last = None;
            for c in columns(row, weight) {
                match last {
                    Some(last) if last + 1 == c => made.push(0x2c),
                    _ => made.extend([0x2e, c]),
                }
                made.extend([0x8e, 0x30, 1, 0x0c]);
                last = Some(c);
            }
        }
        // hl = 256 c + a; then ccf, sbc hl,bc, which is less by one than wanted
        made.extend([0x6f, 0x61, 0x3f, 0xed, 0x42]);
        let (plus, minus) = (columns(row, 1).count() as i16, columns(row, -1).count() as i16);
        // A complement is 127 less the activation: ld de,what is too much; add hl,de
        let [low, high] = (1 - 128 * plus - 127 * minus).to_le_bytes();
        made.extend([0x11, low, high, 0x19]);
        // ld a,h, rla, sbc a,a, ld d,a, ld e,a, push de, push hl
        made.extend([0x7c, 0x17, 0x9f, 0x57, 0x5f, 0xd5, 0xe5]);
    }
    made.extend([0xc3, done[0], done[1]]);
    Ok(made)
}
