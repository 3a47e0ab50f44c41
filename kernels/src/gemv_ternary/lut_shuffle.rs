//! idea: a byte shuffle looks up sums of four activations for a register of rows at once, in two tables of digits

use bytemuck::{Pod, Zeroable};
use half::f16;

use super::{Args, GemvTernary};
use crate::dtype::tq2_0::{BLOCK_LEN, BlockTq2_0};
use crate::gemv_packed::{GROUP_ROWS, X, rows_per_whole_lines};
use crate::input::Canary;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. As in T-MAC, four activations make a table of sixteen sums, a bit of each of four weights
/// picks one, and rows lie so that a register of bytes is a register of rows. Ternary weights have two such bits: is it 1,
/// and is it -1.
///
/// T-MAC rounds the sums to bytes. Here they stay exact: an activation is `17 h + l` with `|h| <= 7` and `|l| <= 8`, as
/// 127 is `17 * 7 + 8`, and each digit has its own table. Sums of a digit of four are at most 32, so those of twelve still
/// fit a byte.
pub struct LutShuffle;

/// Activations of a table.
pub(super) const GROUP: usize = 4;
/// Bytes of the two tables of four activations.
pub(super) const TABLE_BYTES: usize = 32;
/// What a high digit counts.
const BASE: i32 = 17;
/// Rows that lie interleaved: a register of bytes is four lanes' worth of them each.
const ROWS: usize = 4 * GROUP_ROWS;
/// Tables of a block.
const COLUMNS: usize = BLOCK_LEN / GROUP;
/// Tables whose sums stay within a byte.
const IN_A_BYTE: usize = 3;

/// One block of each of 64 rows, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Planes {
    /// Scales by row.
    d: [f16; ROWS],
    /// For every four weights a byte of each row: the low half says which of them are 1, the high half which are -1. Byte
    /// `4 lane + i` is of row `16 i + lane`, so that the bytes of one place in every lane are rows in order.
    bits: [[u8; ROWS]; COLUMNS],
}

impl Canary for Planes {
    const VALUE: Self = Self { d: [f16::VALUE; ROWS], bits: [[0xad; ROWS]; COLUMNS] };
}

impl Planes {
    /// Of one block of each row.
    pub(super) fn of(rows: [&BlockTq2_0; ROWS]) -> Self {
        let mut planes = Self { d: rows.map(|row| row.d), bits: [[0; ROWS]; COLUMNS] };
        for (r, row) in rows.iter().enumerate() {
            let byte = 4 * (r % GROUP_ROWS) + r / GROUP_ROWS;
            for (i, code) in row.codes().into_iter().enumerate() {
                let bit = [4 + i % GROUP, 8, i % GROUP][usize::from(code.min(2))];
                planes.bits[i / GROUP][byte] |= (1u16 << bit) as u8;
            }
        }
        planes
    }
}

impl Rung<GemvTernary> for LutShuffle {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let (x, y, planes, tables) = (a.packed.x, a.packed.y, a.planes, a.byte_tables);
        make_tables(m, x.quants, a.digits, tables);
        let blocks = x.scales.len();
        tasks!(m, y.len().div_ceil(ROWS), rows_per_whole_lines(blocks * size_of::<Planes>()), |g| {
            let end = y.len().min((g + 1) * ROWS);
            sixty_four_rows(m, &planes[g * blocks..(g + 1) * blocks], x, tables, &mut y[g * ROWS..end]);
        });
    }
}

/// Bit `i` of `e` as a byte, at `4 e + i`: what four activations are multiplied with for entry `e` of their table.
const BITS_OF_ENTRIES: [u8; 64] = {
    let mut bits = [0; 64];
    let mut at = 0;
    while at < 64 {
        bits[at] = ((at / 4) >> (at % 4) & 1) as u8;
        at += 1;
    }
    bits
};

/// Splits the activations into digits, and makes both tables of every four.
#[inline(always)]
fn make_tables<M: Machine>(m: M, x: &[i8], digits: &mut [i8], tables: &mut [i8]) {
    let k = x.len();
    let (low, high) = digits.split_at_mut(k);
    // (x + 127) / 17 rounded down, by a multiplication that is exact for 0..=254, then 7 less.
    let (lift, reciprocal, centre, base) = (m.splat_i(127), m.splat_i(241), m.splat_i(7), m.splat_i(BASE));
    tasks!(m, k / GROUP_ROWS, 4, |t| {
        for i in m.steps(t * GROUP_ROWS, (t + 1) * GROUP_ROWS, m.lanes()) {
            let x = m.load_i8(x, i);
            let h = m.sub_i(&m.shr_i::<12>(&m.mul_i(&m.add_i(&x, &lift), &reciprocal)), &centre);
            m.store_i8(&m.sub_i(&x, &m.mul_i(&h, &base)), low, i);
            m.store_i8(&h, high, i);
        }
    });
    tasks!(m, k / GROUP, 2, |column| {
        let both = &mut tables[TABLE_BYTES * column..TABLE_BYTES * (column + 1)];
        for (digits, table) in [&*low, &*high].into_iter().zip(both.chunks_exact_mut(16)) {
            let four = m.load_splat_b4(digits, GROUP * column);
            for e in m.steps(0, 16, m.lanes()) {
                let bits = m.load_b(&BITS_OF_ENTRIES, 4 * e);
                m.store_i8(&m.dot4_ub(&m.zero_i(), &bits, &four), table, e);
            }
        }
    });
}

/// Up to 64 outputs of one row of groups.
#[inline(always)]
fn sixty_four_rows<M: Machine>(m: M, planes: &[Planes], x: X<'_>, tables: &[i8], y: &mut [f32]) {
    // Sums of bytes 0, 1, 2 and 3 of each lane.
    let mut sums: [M::Sixteen; 4] = std::array::from_fn(|_| m.sixteen());
    // Multiplied with pairs of i16, they let the lower one through, or the upper one.
    let (low, high) = ([m.splat_i(1), m.splat_i(1 << 16)], [m.splat_i(BASE), m.splat_i(BASE << 16)]);
    for b in m.steps(0, planes.len(), 1) {
        let planes = &planes[b];
        let x_scale = m.load_splat(x.scales, b);
        let tables = &tables[TABLE_BYTES * COLUMNS * b..TABLE_BYTES * COLUMNS * (b + 1)];
        for v in 0..GROUP_ROWS / m.lanes() {
            let at = 4 * v * m.lanes();
            // Low digits of even and odd bytes, then high ones.
            let mut pairs: [M::I; 4] = std::array::from_fn(|_| m.zero_i());
            for c in m.steps(0, COLUMNS - 1, IN_A_BYTE) {
                look_up::<M, IN_A_BYTE>(m, planes, at, tables, c, &mut pairs);
            }
            look_up::<M, 1>(m, planes, at, tables, COLUMNS - 1, &mut pairs);
            let [low_even, low_odd, high_even, high_odd] = &pairs;
            for (place, sums) in sums.iter_mut().enumerate() {
                let (l, h) = if place % 2 == 0 { (low_even, high_even) } else { (low_odd, high_odd) };
                let whole = m.madd_i16(&m.zero_i(), l, &low[place / 2]);
                let whole = m.madd_i16(&whole, h, &high[place / 2]);
                let scale = m.mul(&m.load_f16(&planes.d, GROUP_ROWS * place + v * m.lanes()), &x_scale);
                let sum = &mut sums.as_mut()[v];
                *sum = m.mul_add(&m.to_f32(&whole), &scale, sum);
            }
        }
    }
    let mut rows = [0.0; ROWS];
    for (place, sums) in sums.iter().enumerate() {
        for (v, sum) in sums.as_ref().iter().enumerate() {
            m.store(sum, &mut rows, GROUP_ROWS * place + v * m.lanes());
        }
    }
    y.copy_from_slice(&rows[..y.len()]);
}

/// `pairs` plus the sums that `N` columns of weights from `c` pick, rows from byte `at` on.
#[inline(always)]
fn look_up<M: Machine, const N: usize>(
    m: M,
    planes: &Planes,
    at: usize,
    tables: &[i8],
    c: usize,
    pairs: &mut [M::I; 4],
) {
    let mut digits = [m.splat_b(0), m.splat_b(0)];
    for c in c..c + N {
        let bits = m.load_b(&planes.bits[c], at);
        let (plus, minus) = (m.and_b(&bits, 15), m.shr_b::<4>(&bits));
        for (place, digit) in digits.iter_mut().enumerate() {
            let table = m.load_table(tables, TABLE_BYTES * c + 16 * place);
            let less = m.sub_b(&m.swizzle_b(&table, &minus), &m.swizzle_b(&table, &plus));
            *digit = m.sub_b(digit, &less);
        }
    }
    for (digit, pairs) in digits.iter().zip(pairs.chunks_exact_mut(2)) {
        pairs[0] = m.add_i16(&pairs[0], &m.even_i16(digit));
        pairs[1] = m.add_i16(&pairs[1], &m.odd_i16(digit));
    }
}
