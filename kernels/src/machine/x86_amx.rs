//! AMX, the matrix unit of Xeons from 2023 on: eight tiles of up to 16 rows of 64 bytes, and one instruction that
//! multiplies two of them. Its intrinsics are not stable, so the instructions are assembly; what a rung needs of them is the
//! trait [`Tiles`]. Tests do without the unit in two ways: `emulated` is the trait in plain code, for packing and loop nests
//! on any system; `trap` carries the assembly's instructions out one by one where Linux says that they are illegal.
//!
//! Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1 chapter 18 and volume 2 (LDTILECFG,
//! TILELOADD, TDPBSSD, TDPBF16PS); the permission call is that of Documentation/arch/x86/xstate.rst of Linux.

use core::arch::asm;
use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use std::sync::OnceLock;

#[cfg(test)]
mod emulated;
#[cfg(test)]
pub(crate) use emulated::Emulated;

#[cfg(all(test, target_os = "linux"))]
mod decode;
#[cfg(all(test, target_os = "linux"))]
mod rungs;
#[cfg(all(test, target_os = "linux"))]
mod state;
#[cfg(all(test, target_os = "linux"))]
pub(crate) mod trap;

/// Rows of a tile, and 32-bit columns.
pub(crate) const TILE: usize = 16;
/// Steps of [`Tiles::multiply_bf16`] are so many words of k, a word being two bf16.
pub(crate) const STEP: usize = 16;

/// What the products of bytes multiply.
#[derive(Clone, Copy)]
pub(crate) struct Bytes {
    /// 16 rows of A, [`Bytes::stride`] apart.
    pub a: *const i8,
    /// From one row of A to the next, bytes.
    pub stride: usize,
    /// Quads of k, each 16 columns of four bytes.
    pub b: *const i8,
    /// 16 rows of 16 sums.
    pub c: *mut i32,
}

/// What the products of bf16 multiply, and what is fetched meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Words {
    /// For each step 32 rows of [`STEP`] words.
    pub a: *const f32,
    /// For each word of k a row of 32 columns.
    pub b: *const f32,
    /// 32 rows of 32 sums.
    pub c: *mut f32,
    /// Whether the products are added to what is there.
    pub add: bool,
    /// At least one.
    pub steps: usize,
    /// Every fourth word two places are prefetched, then the next two, `ahead_step` bytes on.
    pub ahead: *const u8,
    /// From one place to the other, bytes.
    pub ahead_second: usize,
    pub ahead_step: usize,
}

/// The products of a matrix unit.
pub(crate) trait Tiles: Copy + Send + Sync + 'static {
    /// Prepares this thread's tiles for [`Tiles::multiply_i8`] with `QUADS` quads of k, or for [`Tiles::multiply_bf16`]
    /// with 16 words.
    fn begin<const QUADS: usize>(self);

    /// Gives this thread's tiles back: a thread that is in their possession costs 8 KiB at each change of threads.
    fn end(self);

    /// The sums of the products of `QUADS` quads for each of two operands, the second perhaps absent. Two independent
    /// products hide the latency of each other.
    ///
    /// # Safety
    /// After [`Tiles::begin`] of as many quads on this thread; operands as [`Bytes`] says.
    unsafe fn multiply_i8<const QUADS: usize>(self, first: Bytes, second: Option<Bytes>);

    /// The 32 × 32 sums over all steps, or what they add to those before. Denormal bf16 count as zeros.
    ///
    /// # Safety
    /// After [`Tiles::begin`] of 16 quads on this thread; operands as [`Words`] says.
    unsafe fn multiply_bf16(self, words: Words);
}

/// AMX, where processor and kernel have granted it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amx(());

/// Which products there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    /// Signed bytes.
    Int8,
    /// bf16.
    Bf16,
}

impl Amx {
    /// The unit, where this process may use it and it has these products. The first call asks the kernel.
    pub(crate) fn detect(product: Product) -> Option<Self> {
        // No build but that of the unit tests has this.
        #[cfg(all(test, target_os = "linux"))]
        if trap::stands_in() {
            return Some(Self(()));
        }
        // Asked once: in a virtual machine each cpuid ends in its host, which takes as long as a small product.
        static GRANTED: OnceLock<[bool; 2]> = OnceLock::new();
        let [int8, bf16] = *GRANTED.get_or_init(|| {
            // Leaf 7: EDX bit 22 is AMX-BF16, 24 AMX-TILE, 25 AMX-INT8.
            let leaf = if __cpuid(0).eax >= 0x1d { __cpuid_count(7, 0).edx } else { 0 };
            let has = [25, 22].map(|bit| leaf & (1 << 24 | 1 << bit) == (1 << 24 | 1 << bit));
            if has.contains(&true) && granted() { has } else { [false; 2] }
        });
        let has = match product {
            Product::Int8 => int8,
            Product::Bf16 => bf16,
        };
        has.then_some(Self(()))
    }

    /// True where it has any products.
    pub(crate) fn detect_any() -> bool {
        [Product::Int8, Product::Bf16].into_iter().any(|product| Self::detect(product).is_some())
    }

    /// Multiplies tiles of zeros `rounds` times four, into four sums in turn, as their latency asks: nothing but products.
    pub(crate) fn spin(self, product: Product, rounds: usize) {
        if rounds == 0 {
            return;
        }
        self.begin::<16>();
        // SAFETY: the value proves that tiles were granted, and all eight are prepared; tiles are all that is written.
        unsafe {
            asm!(
                "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                "tilezero tmm4", "tilezero tmm5", "tilezero tmm6", "tilezero tmm7",
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nomem, nostack, preserves_flags),
            )
        };
        match product {
            Product::Int8 => spin!("tdpbssd", rounds),
            Product::Bf16 => spin!("tdpbf16ps", rounds),
        }
        self.end();
    }
}

/// Four products of tiles with no operand in common but what is read, `$rounds` times.
macro_rules! spin {
    ($op:literal, $rounds:expr) => {
        // SAFETY: the caller has the unit, and its tiles are prepared; tiles are all that is written.
        unsafe {
            asm!(
                "2:",
                concat!($op, " tmm0, tmm4, tmm6"),
                concat!($op, " tmm1, tmm4, tmm7"),
                concat!($op, " tmm2, tmm5, tmm6"),
                concat!($op, " tmm3, tmm5, tmm7"),
                "dec {rounds}",
                "jnz 2b",
                rounds = inout(reg) $rounds => _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nomem, nostack),
            )
        }
    };
}
use spin;

/// True where the system saves tiles, they have the shape that this code is written for, and the kernel lets us use them.
fn granted() -> bool {
    // Leaf 0x1d, palette 1: eight tiles, 64 bytes a row, 16 rows.
    let palette = __cpuid_count(0x1d, 1);
    let shape = palette.ebx == (8 << 16 | 64) && palette.ecx & 0xffff == 16;
    saves_tiles() && shape && permitted()
}

/// True where the system saves tiles: elsewhere their instructions are illegal, whatever the processor.
fn saves_tiles() -> bool {
    // Leaf 1, ECX bit 27: xgetbv may be used. Its bits 17 and 18 are the tiles' configuration and data.
    if __cpuid(1).ecx & (1 << 27) == 0 || !is_x86_feature_detected!("xsave") {
        return false;
    }
    // SAFETY: the instruction is there.
    let saved = unsafe { _xgetbv(0) };
    saved & (3 << 17) == 3 << 17
}

/// Asks for the tiles' data, which Linux gives to processes that ask.
#[cfg(target_os = "linux")]
fn permitted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    // SAFETY: the call takes two numbers and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

/// No other system is known to give them.
#[cfg(not(target_os = "linux"))]
fn permitted() -> bool {
    false
}

/// What LDTILECFG reads: palette 1, then bytes of a row and rows of each tile.
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// [`Tiles::multiply_i8`] of one operand through three tiles of its own.
macro_rules! multiply_i8 {
    ($of:expr, $c:tt, $a:tt, $b:tt) => {
        asm!(
            concat!("tileloadd ", $b, ", [{b} + {line}*1]"),
            concat!("tileloadd ", $a, ", [{a} + {stride}*1]"),
            concat!("tilezero ", $c),
            concat!("tdpbssd ", $c, ", ", $a, ", ", $b),
            concat!("tilestored [{c} + {line}*1], ", $c),
            a = in(reg) $of.a,
            b = in(reg) $of.b,
            c = in(reg) $of.c,
            stride = in(reg) $of.stride,
            line = in(reg) 64usize,
            out($c) _,
            out($a) _,
            out($b) _,
            options(nostack, preserves_flags),
        )
    };
}

impl Tiles for Amx {
    fn begin<const QUADS: usize>(self) {
        let mut config = Config { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        // Tiles 0 and 3 are sums, 1 and 4 of A, 2 and 5 of B; with 16 quads all are whole, and so are 6 and 7.
        let whole = (TILE as u8, 64);
        let (a, b) = ((TILE as u8, 4 * QUADS as u16), (QUADS as u8, 64));
        for (tile, (rows, row_bytes)) in [whole, a, b, whole, a, b, b, b].into_iter().enumerate() {
            (config.rows[tile], config.row_bytes[tile]) = (rows, row_bytes);
        }
        // SAFETY: the value proves that tiles were granted; the configuration is valid for QUADS of 1 to 16. Compiled code
        // uses no tiles, so their configuration stays what it is until `end`.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const config, options(nostack, preserves_flags, readonly)) }
    }

    fn end(self) {
        // SAFETY: the value proves that tiles were granted.
        unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) }
    }

    /// # Safety
    /// As the trait says.
    #[inline(always)]
    unsafe fn multiply_i8<const QUADS: usize>(self, first: Bytes, second: Option<Bytes>) {
        // SAFETY: the caller's contract.
        unsafe {
            multiply_i8!(first, "tmm0", "tmm1", "tmm2");
            if let Some(second) = second {
                multiply_i8!(second, "tmm3", "tmm4", "tmm5");
            }
        }
    }

    /// Two tiles of A and two of B make four sums: each load is used twice, which is what the unit needs to be busy.
    ///
    /// # Safety
    /// As the trait says.
    #[inline(always)]
    unsafe fn multiply_bf16(self, words: Words) {
        // SAFETY: the caller's contract; the loop reads 2 KiB of each operand a step.
        unsafe {
            asm!(
                "test {add}, {add}",
                "jnz 3f",
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "jmp 2f",
                "3:",
                "tileloadd tmm0, [{c} + {row}*1]",
                "tileloadd tmm1, [{c} + {row}*1 + 64]",
                "tileloadd tmm2, [{c} + {row}*1 + 2048]",
                "tileloadd tmm3, [{c} + {row}*1 + 2112]",
                "2:",
                "tileloadd tmm6, [{b} + {row}*1]",
                "tileloadd tmm4, [{a} + {line}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{b} + {row}*1 + 64]",
                "prefetcht1 [{ahead}]",
                "prefetcht1 [{ahead} + {second}]",
                "add {ahead}, {step}",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{a} + {line}*1 + 1024]",
                "prefetcht1 [{ahead}]",
                "prefetcht1 [{ahead} + {second}]",
                "add {ahead}, {step}",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "prefetcht1 [{ahead}]",
                "prefetcht1 [{ahead} + {second}]",
                "add {ahead}, {step}",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "prefetcht1 [{ahead}]",
                "prefetcht1 [{ahead} + {second}]",
                "add {ahead}, {step}",
                "add {a}, 2048",
                "add {b}, 2048",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{c} + {row}*1], tmm0",
                "tilestored [{c} + {row}*1 + 64], tmm1",
                "tilestored [{c} + {row}*1 + 2048], tmm2",
                "tilestored [{c} + {row}*1 + 2112], tmm3",
                a = inout(reg) words.a => _,
                b = inout(reg) words.b => _,
                c = in(reg) words.c,
                add = in(reg) usize::from(words.add),
                steps = inout(reg) words.steps => _,
                ahead = inout(reg) words.ahead => _,
                second = in(reg) words.ahead_second,
                step = in(reg) words.ahead_step,
                line = in(reg) 64usize,
                row = in(reg) 128usize,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that differ from place to place.
    fn scattered<T>(len: usize, of: impl Fn(i64) -> T) -> Vec<T> {
        (0..len as i64).map(|i| of((i * 2_654_435_761) >> 7 & 0xff)).collect()
    }

    fn products<const QUADS: usize>(tiles: impl Tiles) -> Vec<i32> {
        let a = scattered(2 * TILE * 32, |x| (x - 128) as i8);
        let b = scattered(2 * QUADS * 64, |x| (127 - x) as i8);
        let mut c = vec![0; 2 * TILE * TILE];
        let (second_a, second_b) = (a[TILE * 32..].as_ptr(), b[QUADS * 64..].as_ptr());
        let (first_c, second_c) = c.split_at_mut(TILE * TILE);
        let first = Bytes { a: a.as_ptr(), stride: 32, b: b.as_ptr(), c: first_c.as_mut_ptr() };
        let second = Bytes { a: second_a, stride: 32, b: second_b, c: second_c.as_mut_ptr() };
        tiles.begin::<QUADS>();
        // Twice: what the tiles held goes into no sum.
        for _ in 0..2 {
            // SAFETY: the vectors hold two operands each; tiles were prepared.
            unsafe { tiles.multiply_i8::<QUADS>(first, Some(second)) };
        }
        tiles.end();
        c
    }

    fn words(tiles: impl Tiles) -> Vec<f32> {
        let steps = 3;
        let pair = |x: i64| f32::from_bits((x as u32 | 0x3f00) << 16 | (0xbf00 | (x as u32 ^ 0x55)));
        let (a, b) = (scattered(steps * 32 * STEP, pair), scattered(steps * STEP * 32, pair));
        let mut c = vec![0.0; 32 * 32];
        let ahead = a.as_ptr().cast();
        let words = Words {
            a: a.as_ptr(),
            b: b.as_ptr(),
            c: c.as_mut_ptr(),
            add: false,
            steps,
            ahead,
            ahead_second: 64,
            ahead_step: 128,
        };
        tiles.begin::<16>();
        // The second product forgets the first; the third adds to the second.
        for add in [false, false, true] {
            // SAFETY: the vectors hold three steps; tiles were prepared.
            unsafe { tiles.multiply_bf16(Words { add, ..words }) };
        }
        tiles.end();
        c
    }

    #[test]
    fn the_unit_does_what_the_emulated_one_does() {
        let _unit = crate::machine::matrix_unit();
        if let Some(amx) = Amx::detect(Product::Int8) {
            assert_eq!(products::<8>(amx), products::<8>(Emulated));
            assert_eq!(products::<4>(amx), products::<4>(Emulated));
        } else {
            eprintln!("no AMX int8 here: only the emulated unit was tested");
        }
        if let Some(amx) = Amx::detect(Product::Bf16) {
            for (x, y) in words(amx).into_iter().zip(words(Emulated)) {
                assert!((x - y).abs() <= 1e-5 * y.abs().max(1.0), "{x} {y}");
            }
        }
    }

    #[test]
    fn nothing_but_products_ends_and_gives_the_tiles_back() {
        let _unit = crate::machine::matrix_unit();
        for product in [Product::Int8, Product::Bf16] {
            if let Some(amx) = Amx::detect(product) {
                amx.spin(product, 0);
                amx.spin(product, 3);
            }
        }
        assert_eq!(Amx::detect_any(), Amx::detect(Product::Int8).or(Amx::detect(Product::Bf16)).is_some());
    }

    #[test]
    fn the_configuration_is_laid_out_as_the_instruction_reads_it() {
        assert_eq!(size_of::<Config>(), 64);
        assert_eq!(core::mem::offset_of!(Config, row_bytes), 16);
        assert_eq!(core::mem::offset_of!(Config, rows), 48);
    }
}
