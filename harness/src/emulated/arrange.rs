//! Orders of weights that programs ask for: made once, when a model is put on a disk, and no part of a run.

use kernels::kernel::Shape;

use super::compiled::{self, Symbols};

/// An order of an operand's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// As the contract has them.
    Plain,
    /// A matrix of `n` rows of `k` bytes, column after column: `_columns`.
    Columns,
    /// A matrix of -1, 0 and 1, for each row the number of its ones and their columns, then the same for its minus ones;
    /// everything in bytes, so for at most 255 columns: `_lists`.
    Lists,
    /// Every even byte plus 128, so that a pair of bytes is 256 times the second weight plus a number that is not negative,
    /// and no weight borrows from the next: `_halves`.
    Halves,
    /// A matrix for the GTE: for each three rows and twelve columns four 3×3 matrices, see [`matrices`]: `_matrices`.
    Matrices,
    /// A matrix of `n` rows of `k` bytes by the places of their bits, the highest first: for each row and place, that bit
    /// of seven neighbours as bits 1 to 7 of a byte, a whole number of pairs of bytes: `_planes`.
    Planes,
    /// A matrix of -1, 0 and 1 as code for the 6510 and for the Z80, see [`compiled`]: `_code6510`, `_codez80`.
    Code6510,
    /// See [`Arrangement::Code6510`].
    CodeZ80,
    /// Numbers of 32 bits by their bytes, all the lowest ones first: `_bytes`.
    Bytes,
}

impl Arrangement {
    /// Every order.
    pub const ALL: [Self; 9] = [
        Self::Plain,
        Self::Columns,
        Self::Lists,
        Self::Halves,
        Self::Matrices,
        Self::Planes,
        Self::Code6510,
        Self::CodeZ80,
        Self::Bytes,
    ];

    /// What follows the operand's name in a label.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Columns => "_columns",
            Self::Lists => "_lists",
            Self::Halves => "_halves",
            Self::Matrices => "_matrices",
            Self::Planes => "_planes",
            Self::Code6510 => "_code6510",
            Self::CodeZ80 => "_codez80",
            Self::Bytes => "_bytes",
        }
    }

    /// The operand's bytes in this order, for a program with these symbols.
    pub fn apply(self, bytes: &[u8], shape: &Shape, symbol: Symbols<'_>) -> Result<Vec<u8>, String> {
        let (n, k) = (shape.n, shape.k);
        if !matches!(self, Self::Plain | Self::Bytes) && bytes.len() != n * k {
            return Err(format!("{} bytes are no matrix of {n} by {k}", bytes.len()));
        }
        match self {
            Self::Plain => Ok(bytes.to_vec()),
            Self::Columns => Ok((0..n * k).map(|i| bytes[i % n * k + i / n]).collect()),
            Self::Lists => lists(bytes, k),
            Self::Halves => {
                Ok((0..).zip(bytes).map(|(i, byte)| if i % 2 == 0 { byte ^ 0x80 } else { *byte }).collect())
            }
            Self::Matrices => Ok(matrices(bytes, n, k)),
            Self::Planes => Ok(planes(bytes, k)),
            Self::Code6510 => compiled::mos6510(bytes, shape, symbol),
            Self::CodeZ80 => compiled::z80(bytes, shape, symbol),
            Self::Bytes => Ok((0..4).flat_map(|place| bytes.iter().skip(place).step_by(4)).copied().collect()),
        }
    }
}

fn lists(bytes: &[u8], k: usize) -> Result<Vec<u8>, String> {
    if k > 255 {
        return Err(format!("{k} columns, a list of bytes names at most 255"));
    }
    let mut made = Vec::new();
    for row in bytes.chunks(k.max(1)) {
        for sign in [1_i8, -1] {
            let columns: Vec<u8> = (0..k).filter(|&c| row[c] as i8 == sign).map(|c| c as u8).collect();
            made.push(columns.len() as u8);
            made.extend(columns);
        }
    }
    Ok(made)
}

/// Rows and columns beyond the last are zeros. Of six columns the first three are a matrix in odd bytes, the others, plus
/// 128, a further one in the even bytes below; element by element, row after row, two to a word as the registers hold
/// them. The ninth elements of two such pairs share the ninth word.
fn matrices(bytes: &[u8], n: usize, k: usize) -> Vec<u8> {
    let at = |row: usize, column: usize| if row < n && column < k { bytes[row * k + column] } else { 0 };
    let mut made = Vec::new();
    for row in (0..n).step_by(3) {
        for column in (0..k).step_by(12) {
            let both = |pair: usize, element: usize| {
                let (row, column) = (row + element / 3, column + 6 * pair + element % 3);
                [at(row, column + 3) ^ 0x80, at(row, column)]
            };
            made.extend((0..2).flat_map(|pair| (0..8).flat_map(move |element| both(pair, element))));
            made.extend((0..2).flat_map(|pair| both(pair, 8)));
        }
    }
    made
}

fn planes(bytes: &[u8], k: usize) -> Vec<u8> {
    let mut made = Vec::new();
    for row in bytes.chunks(k.max(1)) {
        for place in (0..8).rev() {
            for first in (0..k.div_ceil(14) * 14).step_by(7) {
                let bit = |j: usize| row.get(first + j).map_or(0, |weight| (weight >> place & 1) << (j + 1));
                made.push((0..7).map(bit).sum());
            }
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No program.
    const NONE: Symbols<'static> = &|_| None;

    #[test]
    fn columns_are_the_transpose_and_lists_name_every_weight_once() {
        let shape = Shape::new("test", 1, 2, 3);
        assert_eq!(Arrangement::Columns.apply(&[1, 2, 3, 4, 5, 6], &shape, NONE), Ok(vec![1, 4, 2, 5, 3, 6]));
        let ternary = [1, 0, 255, 1, 1, 0];
        assert_eq!(Arrangement::Lists.apply(&ternary, &shape, NONE), Ok(vec![1, 0, 1, 2, 2, 0, 1, 0]));
    }

    #[test]
    fn planes_hold_every_bit_at_its_place() {
        let row = [0x80, 0x01, 0, 0, 0, 0, 0x81, 0xff];
        let made = Arrangement::Planes.apply(&row, &Shape::new("test", 1, 1, 8), NONE).expect("a matrix");
        assert_eq!(made.len(), 8 * 2);
        assert_eq!(made[..4], [0b1000_0010, 0b10, 0, 0b10]);
        assert_eq!(made[14..], [0b1000_0100, 0b10]);
    }

    #[test]
    fn halves_are_sums_of_16_bits() {
        let weights = [-128_i8, -128, 127, -1, 0, 127, -1, 0];
        let bytes = weights.map(|w| w as u8);
        let made = Arrangement::Halves.apply(&bytes, &Shape::new("test", 1, 2, 4), NONE).expect("a matrix");
        for (pair, weights) in made.chunks(2).zip(weights.chunks(2)) {
            let half = i16::from_le_bytes([pair[0], pair[1]]);
            assert_eq!(i32::from(half), 256 * i32::from(weights[1]) + i32::from(weights[0]) + 128);
        }
    }

    /// Every weight is somewhere, once, and its place follows from its row and column.
    #[test]
    fn matrices_hold_three_rows_and_six_columns_twice() {
        let (n, k) = (4, 13);
        let weights: Vec<u8> = (0..n * k).map(|i| i as u8 + 1).collect();
        let made = Arrangement::Matrices.apply(&weights, &Shape::new("test", 1, n, k), NONE).expect("a matrix");
        assert_eq!(made.len(), 2 * 2 * 36);
        for row in 0..n {
            for column in 0..k {
                let block = (row / 3 * 2 + column / 12) * 36;
                let (pair, inside) = (column % 12 / 6, column % 6);
                let element = row % 3 * 3 + inside % 3;
                let half = if element == 8 { 16 + pair } else { 8 * pair + element };
                let byte = made[block + 2 * half + usize::from(inside < 3)];
                let stored = if inside < 3 { byte } else { byte ^ 0x80 };
                assert_eq!(stored, weights[row * k + column], "row {row}, column {column}");
            }
        }
        assert_eq!(made.iter().filter(|&&byte| byte != 0 && byte != 0x80).count(), n * k);
    }

    #[test]
    fn words_fall_into_their_bytes() {
        let words = [1_u8, 2, 3, 4, 5, 6, 7, 8];
        let made = Arrangement::Bytes.apply(&words, &Shape::new("test", 1, 1, 1), NONE);
        assert_eq!(made, Ok(vec![1, 5, 2, 6, 3, 7, 4, 8]));
    }

    #[test]
    fn what_is_no_matrix_is_refused() {
        let error = Arrangement::Columns.apply(&[1, 2], &Shape::new("test", 1, 2, 3), NONE).expect_err("too short");
        assert!(error.contains("2 by 3"), "{error}");
    }
}
