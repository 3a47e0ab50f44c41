//! Orders of weights that programs ask for: made once, when a model is put on a disk, and no part of a run.

use kernels::kernel::Shape;

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
    /// A matrix of `n` rows of `k` bytes by the places of their bits, the highest first: for each row and place, that bit
    /// of seven neighbours as bits 1 to 7 of a byte, a whole number of pairs of bytes: `_planes`.
    Planes,
}

impl Arrangement {
    /// Every order.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Columns, Self::Lists, Self::Planes];

    /// What follows the operand's name in a label.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Columns => "_columns",
            Self::Lists => "_lists",
            Self::Planes => "_planes",
        }
    }

    /// The operand's bytes in this order.
    pub fn apply(self, bytes: &[u8], shape: &Shape) -> Result<Vec<u8>, String> {
        let (n, k) = (shape.n, shape.k);
        if self != Self::Plain && bytes.len() != n * k {
            return Err(format!("{} bytes are no matrix of {n} by {k}", bytes.len()));
        }
        match self {
            Self::Plain => Ok(bytes.to_vec()),
            Self::Columns => Ok((0..n * k).map(|i| bytes[i % n * k + i / n]).collect()),
            Self::Lists => lists(bytes, k),
            Self::Planes => Ok(planes(bytes, k)),
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

    #[test]
    fn columns_are_the_transpose_and_lists_name_every_weight_once() {
        let shape = Shape::new("test", 1, 2, 3);
        assert_eq!(Arrangement::Columns.apply(&[1, 2, 3, 4, 5, 6], &shape), Ok(vec![1, 4, 2, 5, 3, 6]));
        let ternary = [1, 0, 255, 1, 1, 0];
        assert_eq!(Arrangement::Lists.apply(&ternary, &shape), Ok(vec![1, 0, 1, 2, 2, 0, 1, 0]));
    }

    #[test]
    fn planes_hold_every_bit_at_its_place() {
        let row = [0x80, 0x01, 0, 0, 0, 0, 0x81, 0xff];
        let made = Arrangement::Planes.apply(&row, &Shape::new("test", 1, 1, 8)).expect("a matrix");
        assert_eq!(made.len(), 8 * 2);
        assert_eq!(made[..4], [0b1000_0010, 0b10, 0, 0b10]);
        assert_eq!(made[14..], [0b1000_0100, 0b10]);
    }

    #[test]
    fn what_is_no_matrix_is_refused() {
        let error = Arrangement::Columns.apply(&[1, 2], &Shape::new("test", 1, 2, 3)).expect_err("too short");
        assert!(error.contains("2 by 3"), "{error}");
    }
}
