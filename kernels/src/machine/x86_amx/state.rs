//! A matrix unit's tiles in memory, and what its instructions do to them.
//!
//! Source: the pseudocode and the exceptions of Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.

use core::ptr;

/// Tiles of palette 1, the rows of each, and the bytes of a row.
const TILES: usize = 8;
const ROWS: usize = 16;
const ROW_BYTES: usize = 64;

/// Why a processor raises a fault instead of carrying an instruction out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Refusal {
    /// #GP: LDTILECFG of another palette than 1. (0 gives the tiles back, which is TILERELEASE's.)
    Palette = 1,
    /// #GP: LDTILECFG with reserved bytes that are not zero, or with a first row: only an interrupted instruction has one.
    Reserved,
    /// #GP: LDTILECFG of more rows or bytes than a tile has, or of rows without bytes, or of bytes without rows.
    Size,
    /// #UD: there are no tiles before LDTILECFG, nor after TILERELEASE.
    NotConfigured,
    /// #UD: the configuration leaves this tile out.
    NoSuchTile,
    /// #UD: a tile twice among a product's operands.
    SameTile,
    /// #UD: sizes that do not multiply.
    Mismatch,
}

impl Refusal {
    /// Every one.
    pub(super) const ALL: [Self; 7] = [
        Self::Palette,
        Self::Reserved,
        Self::Size,
        Self::NotConfigured,
        Self::NoSuchTile,
        Self::SameTile,
        Self::Mismatch,
    ];
}

/// Rows of a tile and bytes of each; both zero where there is none.
#[derive(Clone, Copy)]
struct Size {
    rows: usize,
    bytes: usize,
}

/// What rows, columns and words of depth a product has.
struct Product {
    rows: usize,
    columns: usize,
    depth: usize,
}

/// The tiles of one thread. What lies beyond a tile's rows and bytes is zero.
pub(super) struct State {
    configured: bool,
    sizes: [Size; TILES],
    tiles: [[[u8; ROW_BYTES]; ROWS]; TILES],
}

impl State {
    /// As a thread begins.
    pub(super) const RELEASED: Self =
        Self { configured: false, sizes: [Size { rows: 0, bytes: 0 }; TILES], tiles: [[[0; ROW_BYTES]; ROWS]; TILES] };

    /// True from LDTILECFG to TILERELEASE.
    pub(super) fn configured(&self) -> bool {
        self.configured
    }

    /// LDTILECFG.
    pub(super) fn configure(&mut self, config: &[u8; 64]) -> Result<(), Refusal> {
        if config[0] != 1 {
            return Err(Refusal::Palette);
        }
        if [&config[1..16], &config[32..48], &config[56..]].into_iter().flatten().any(|byte| *byte != 0) {
            return Err(Refusal::Reserved);
        }
        let mut sizes = Self::RELEASED.sizes;
        for (tile, size) in sizes.iter_mut().enumerate() {
            let bytes = usize::from(config[16 + 2 * tile]) | usize::from(config[17 + 2 * tile]) << 8;
            *size = Size { rows: usize::from(config[48 + tile]), bytes };
            if size.rows > ROWS || size.bytes > ROW_BYTES || (size.rows == 0) != (size.bytes == 0) {
                return Err(Refusal::Size);
            }
        }
        *self = Self { configured: true, sizes, ..Self::RELEASED };
        Ok(())
    }

    /// TILERELEASE.
    pub(super) fn release(&mut self) {
        *self = Self::RELEASED;
    }

    fn size(&self, tile: usize) -> Result<Size, Refusal> {
        let size = self.sizes[tile];
        match (self.configured, size.rows) {
            (false, _) => Err(Refusal::NotConfigured),
            (true, 0) => Err(Refusal::NoSuchTile),
            (true, _) => Ok(size),
        }
    }

    /// TILEZERO.
    pub(super) fn zero(&mut self, tile: usize) -> Result<(), Refusal> {
        self.size(tile)?;
        self.tiles[tile] = [[0; ROW_BYTES]; ROWS];
        Ok(())
    }

    /// TILELOADD.
    ///
    /// # Safety
    /// The tile's rows can be read at `begin`, `stride` bytes apart.
    pub(super) unsafe fn load(&mut self, tile: usize, begin: *const u8, stride: isize) -> Result<(), Refusal> {
        let size = self.size(tile)?;
        self.tiles[tile] = [[0; ROW_BYTES]; ROWS];
        for (r, row) in self.tiles[tile].iter_mut().enumerate().take(size.rows) {
            let from = begin.wrapping_offset(stride.wrapping_mul(r as isize));
            // SAFETY: the caller's contract; a row of a tile is no longer than this one.
            unsafe { ptr::copy_nonoverlapping(from, row.as_mut_ptr(), size.bytes) }
        }
        Ok(())
    }

    /// TILESTORED.
    ///
    /// # Safety
    /// The tile's rows can be written at `begin`, `stride` bytes apart.
    pub(super) unsafe fn store(&self, tile: usize, begin: *mut u8, stride: isize) -> Result<(), Refusal> {
        let size = self.size(tile)?;
        for (r, row) in self.tiles[tile].iter().enumerate().take(size.rows) {
            let to = begin.wrapping_offset(stride.wrapping_mul(r as isize));
            // SAFETY: the caller's contract; a row of a tile is no longer than this one.
            unsafe { ptr::copy_nonoverlapping(row.as_ptr(), to, size.bytes) }
        }
        Ok(())
    }

    /// Tiles C, A and B as operands of a product.
    fn product(&self, [c, a, b]: [usize; 3]) -> Result<Product, Refusal> {
        let (sums, left, right) = (self.size(c)?, self.size(a)?, self.size(b)?);
        if c == a || a == b || b == c {
            return Err(Refusal::SameTile);
        }
        let whole = [sums, left, right].iter().all(|size| size.bytes % 4 == 0);
        if whole && sums.rows == left.rows && sums.bytes == right.bytes && left.bytes / 4 == right.rows {
            Ok(Product { rows: sums.rows, columns: sums.bytes / 4, depth: right.rows })
        } else {
            Err(Refusal::Mismatch)
        }
    }

    /// A word of a tile.
    fn word(&self, tile: usize, row: usize, column: usize) -> [u8; 4] {
        self.tiles[tile][row].as_chunks().0[column]
    }

    fn put(&mut self, tile: usize, row: usize, column: usize, word: [u8; 4]) {
        self.tiles[tile][row].as_chunks_mut().0[column] = word;
    }

    /// TDPBSSD: four products of signed bytes go to each sum, which wraps.
    pub(super) fn multiply_bytes(&mut self, [c, a, b]: [usize; 3]) -> Result<(), Refusal> {
        let Product { rows, columns, depth } = self.product([c, a, b])?;
        for row in 0..rows {
            for column in 0..columns {
                let mut sum = i32::from_le_bytes(self.word(c, row, column));
                for k in 0..depth {
                    let pairs = self.word(a, row, k).into_iter().zip(self.word(b, k, column));
                    for (x, y) in pairs {
                        sum = sum.wrapping_add(i32::from(x.cast_signed()) * i32::from(y.cast_signed()));
                    }
                }
                self.put(c, row, column, sum.to_le_bytes());
            }
        }
        Ok(())
    }

    /// TDPBF16PS: the even and the odd places of k have a sum each, from zero; these are added, then the tile of sums is.
    pub(super) fn multiply_pairs(&mut self, [c, a, b]: [usize; 3]) -> Result<(), Refusal> {
        let Product { rows, columns, depth } = self.product([c, a, b])?;
        let half = |word: [u8; 4], of: usize| f32::from_le_bytes([0, 0, word[2 * of], word[2 * of + 1]]);
        for row in 0..rows {
            for column in 0..columns {
                let mut sums = [0.0; 2];
                for k in 0..depth {
                    let (x, y) = (self.word(a, row, k), self.word(b, k, column));
                    for (of, sum) in sums.iter_mut().enumerate() {
                        *sum = multiply_add(half(x, of), half(y, of), *sum);
                    }
                }
                let before = f32::from_le_bytes(self.word(c, row, column));
                let sum = add(before, add(sums[0], sums[1]));
                self.put(c, row, column, sum.to_le_bytes());
            }
        }
        Ok(())
    }
}

/// `a + b`.
fn add(a: f32, b: f32) -> f32 {
    multiply_add(a, 1.0, b)
}

/// `a * b + c`, where the product has no more bits than an f32: that of two bf16 has sixteen. Denormal operands and results
/// are zeros of their sign, and there is one rounding, to nearest, halves to even. The product is exact in f64, and rounding
/// its sum with `c` first to f64, then to f32 gives what rounding it once would, as f64 has more than twice the bits and
/// two (S. A. Figueroa, When is double rounding innocuous?, 1995).
fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
    // Rounded to 24 bits, from here on a result is no longer below the smallest normal number.
    const LEAST: f64 = f32::MIN_POSITIVE as f64 * (1.0 - 1.0 / (1 << 25) as f64);
    let normal = |x: f32| f64::from(if x.is_subnormal() { 0.0_f32.copysign(x) } else { x });
    let exact = normal(a) * normal(b) + normal(c);
    let rounded = exact as f32;
    if exact.abs() < LEAST { 0.0_f32.copysign(rounded) } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration of tiles by rows and bytes.
    fn config(sizes: &[(u8, u16)]) -> [u8; 64] {
        let mut config = [0; 64];
        config[0] = 1;
        for (tile, (rows, bytes)) in sizes.iter().enumerate() {
            config[48 + tile] = *rows;
            config[16 + 2 * tile..][..2].copy_from_slice(&bytes.to_le_bytes());
        }
        config
    }

    fn configured(sizes: &[(u8, u16)]) -> State {
        let mut state = State::RELEASED;
        assert_eq!(state.configure(&config(sizes)), Ok(()));
        state
    }

    #[test]
    fn configurations_are_held_to_the_palette() {
        let refused = |change: &dyn Fn(&mut [u8; 64])| {
            let mut config = config(&[(16, 64); 8]);
            change(&mut config);
            let mut state = State::RELEASED;
            let refused = state.configure(&config).err();
            assert_eq!(state.configured(), refused.is_none());
            refused
        };
        assert_eq!(refused(&|_| ()), None);
        assert_eq!(refused(&|config| config[0] = 2), Some(Refusal::Palette));
        for reserved in [1, 2, 15, 32, 47, 56, 63] {
            assert_eq!(refused(&|config| config[reserved] = 1), Some(Refusal::Reserved), "{reserved}");
        }
        assert_eq!(refused(&|config| config[55] = 17), Some(Refusal::Size));
        assert_eq!(refused(&|config| config[30] = 65), Some(Refusal::Size));
        assert_eq!(refused(&|config| config[31] = 1), Some(Refusal::Size));
        assert_eq!(refused(&|config| config[48] = 0), Some(Refusal::Size));
        assert_eq!(refused(&|config| config[16] = 0), Some(Refusal::Size));
        assert_eq!(refused(&|config| (config[48], config[16]) = (0, 0)), None);
    }

    #[test]
    fn products_are_held_to_their_operands() {
        let mut state = State::RELEASED;
        assert_eq!(state.zero(0), Err(Refusal::NotConfigured));
        assert_eq!(state.multiply_bytes([0, 1, 2]), Err(Refusal::NotConfigured));
        let mut state = configured(&[(5, 12), (5, 8), (2, 12), (5, 12), (0, 0), (5, 6), (4, 12)]);
        assert_eq!(state.multiply_bytes([0, 1, 2]), Ok(()));
        assert_eq!(state.zero(4), Err(Refusal::NoSuchTile));
        assert_eq!(state.multiply_bytes([0, 1, 4]), Err(Refusal::NoSuchTile));
        for same in [[0, 0, 2], [0, 1, 0], [0, 1, 1]] {
            assert_eq!(state.multiply_pairs(same), Err(Refusal::SameTile), "{same:?}");
        }
        for other in [[1, 0, 2], [0, 3, 2], [0, 1, 3], [0, 1, 6], [5, 1, 2]] {
            assert_eq!(state.multiply_pairs(other), Err(Refusal::Mismatch), "{other:?}");
        }
        state.release();
        assert_eq!(state.zero(0), Err(Refusal::NotConfigured));
    }

    #[test]
    fn rows_go_where_the_stride_says_and_zeros_lie_beyond() {
        let mut state = configured(&[(3, 5)]);
        let from: Vec<u8> = (1..=40).collect();
        let mut to = [0xff_u8; 30];
        state.tiles[0][15][63] = 1;
        // SAFETY: the rows lie in the vector: its last five bytes come first.
        assert_eq!(unsafe { state.load(0, from[35..].as_ptr(), -10) }, Ok(()));
        assert_eq!(state.tiles[0][2][..6], [16, 17, 18, 19, 20, 0]);
        assert_eq!(state.tiles[0][15][63], 0);
        // SAFETY: the rows lie in the array.
        assert_eq!(unsafe { state.store(0, to.as_mut_ptr(), 7) }, Ok(()));
        assert_eq!(to[..7], [36, 37, 38, 39, 40, 0xff, 0xff]);
        assert_eq!(to[14..21], [16, 17, 18, 19, 20, 0xff, 0xff]);
    }

    #[test]
    fn sums_of_bytes_are_exact_until_they_wrap() {
        let mut state = configured(&[(1, 4), (1, 8), (2, 4)]);
        state.tiles[1][0][..8].copy_from_slice(&[128, 1, 2, 3, 0, 0, 0, 255]);
        state.tiles[2][0][..4].copy_from_slice(&[128, 255, 100, 0]);
        state.tiles[2][1][..4].copy_from_slice(&[9, 9, 9, 127]);
        state.put(0, 0, 0, 7_i32.to_le_bytes());
        state.multiply_bytes([0, 1, 2]).unwrap();
        assert_eq!(i32::from_le_bytes(state.word(0, 0, 0)), 7 + 128 * 128 - 1 + 200 - 127);
        state.put(0, 0, 0, i32::MAX.to_le_bytes());
        state.multiply_bytes([0, 1, 2]).unwrap();
        assert!(i32::from_le_bytes(state.word(0, 0, 0)) < 0);
    }

    /// The sum of the products of these pairs, after one of `before`.
    fn pairs(before: f32, pairs: &[[(f32, f32); 2]]) -> f32 {
        let depth = pairs.len();
        let mut state = configured(&[(1, 4), (1, 4 * depth as u16), (depth as u8, 4)]);
        state.put(0, 0, 0, before.to_le_bytes());
        let word = |low: f32, high: f32| {
            let [[_, _, a, b], [_, _, c, d]] = [low.to_le_bytes(), high.to_le_bytes()];
            [a, b, c, d]
        };
        for (k, [low, high]) in pairs.iter().enumerate() {
            state.put(1, 0, k, word(low.0, high.0));
            state.put(2, k, 0, word(low.1, high.1));
        }
        state.multiply_pairs([0, 1, 2]).unwrap();
        f32::from_le_bytes(state.word(0, 0, 0))
    }

    #[test]
    fn even_and_odd_places_of_k_are_summed_apart_and_join_what_was_there_last() {
        let (one, big, none) = ((1.0, 1.0), (2f32.powi(12), 2f32.powi(12)), (0.0, 0.0));
        // 2^24 + 1 is no f32: it stays 2^24 where the one meets it, and where two ones met before it is 2^24 + 2.
        assert_eq!(pairs(0.0, &[[big, none], [one, none], [one, none]]), 2f32.powi(24));
        assert_eq!(pairs(0.0, &[[big, one], [none, one]]), 2f32.powi(24) + 2.0);
        assert_eq!(pairs(2f32.powi(24), &[[one, none], [one, none]]), 2f32.powi(24) + 2.0);
        assert_eq!(pairs(2f32.powi(24), &[[one, one]]), 2f32.powi(24) + 2.0);
        // Of one sum through all of k the first one would be lost.
        assert_eq!(pairs(-(2f32.powi(24)), &[[big, one], [none, one]]), 2.0);
    }

    #[test]
    fn sums_are_rounded_once_halves_to_even() {
        let three = 1.5 * 2f32.powi(-23);
        assert_eq!(multiply_add(1.0, 2f32.powi(-24), 1.0), 1.0);
        assert_eq!(multiply_add(1.0, 2f32.powi(-24), 1.0 + f32::EPSILON), 1.0 + 2.0 * f32::EPSILON);
        assert_eq!(multiply_add(1.0, three, 1.0), 1.0 + 2.0 * f32::EPSILON);
        // Just beyond a half, by a bit that f64 has and f32 not.
        assert_eq!(multiply_add(1.0, 2f32.powi(-24) + 2f32.powi(-31), 1.0), 1.0 + f32::EPSILON);
        assert_eq!(multiply_add(f32::MAX, 2.0, 0.0), f32::INFINITY);
        assert!(multiply_add(f32::INFINITY, 0.0, 1.0).is_nan() && multiply_add(f32::NAN, 0.0, 1.0).is_nan());
        // As the processor's own fused one, where nothing is tiny.
        for i in 0..100_000_u32 {
            let number = |i: u32, mask: u32| {
                let bits = i.wrapping_mul(0x9e37_79b9).rotate_left(i % 32) & mask;
                // From 2^-31 to 2.
                f32::from_bits(bits & 0x8fff_ffff | 0x3000_0000)
            };
            let (a, b, c) = (number(3 * i, 0xffff_0000), number(3 * i + 1, 0xffff_0000), number(3 * i + 2, !0));
            assert_eq!(multiply_add(a, b, c), a.mul_add(b, c), "{a} {b} {c}");
        }
    }

    #[test]
    fn denormals_are_zeros_of_their_sign_in_and_out() {
        let (tiny, least) = (f32::from_bits(0x007f_0000), f32::MIN_POSITIVE);
        assert_eq!(pairs(0.0, &[[(tiny, 2f32.powi(100)), (2f32.powi(100), tiny)]]), 0.0);
        assert_eq!(pairs(tiny, &[[(0.0, 0.0); 2]]), 0.0);
        assert_eq!(pairs(least, &[[(0.0, 0.0); 2]]), least);
        assert_eq!(pairs(0.0, &[[(least, 0.5), (0.0, 0.0)]]), 0.0);
        assert_eq!(multiply_add(least, -0.5, 0.0).to_bits(), (-0.0_f32).to_bits());
        assert_eq!(multiply_add(-tiny, 1.0, -0.0).to_bits(), (-0.0_f32).to_bits());
        // Between the largest denormal and the least normal number: tiny is what rounds below it with 24 bits.
        let below = |part: f32| multiply_add(least, -part, least);
        assert_eq!(below(2f32.powi(-25)), least);
        assert_eq!(below(2f32.powi(-24)), 0.0);
    }
}
