//! Arithmetic of one lane where hosts differ or the hardware has its own: the same bits everywhere.

/// `a b + c`, rounded once, without calls to a library, which where processors lack the instruction is slow. Products of
/// two f32 are exact in f64. The sum is rounded to odd there: what it lost stays in its last bit, so rounding it to f32 is
/// as rounding the exact sum (Boldo and Melquiond: Emulation of a FMA and correctly rounded sums, 2008).
#[inline(always)]
pub fn fma(a: f32, b: f32, c: f32) -> f32 {
    let (product, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let sum = product + c;
    // What the sum lost, exactly: the two-sum of Knuth.
    let part = sum - product;
    let lost = (product - (sum - part)) + (c - part);
    let bits = sum.to_bits();
    // One less where it was rounded away from zero.
    let odd = bits.wrapping_sub((lost.to_bits() ^ bits) >> 63) | 1;
    f64::from_bits(if lost.abs() > 0.0 { odd } else { bits }) as f32
}

/// `e^x`, correct to far below an f32's half unit: range reduction and a Taylor polynomial in f64, without calls to a
/// library whose last bits differ from host to host.
pub fn exp(x: f32) -> f32 {
    exp_f32(f64::from(x))
}

/// `2^x`.
pub fn exp2(x: f32) -> f32 {
    exp_f32(f64::from(x) * std::f64::consts::LN_2)
}

/// [`exp_f64`] as an f32. The quick sum lies within some units of an f64 of the other, so it rounds to the same f32 unless
/// a middle between two lies near (Ziv: Fast evaluation of elementary mathematical functions, 1991).
fn exp_f32(x: f64) -> f32 {
    // Where results are normal f32: they keep all but 29 bits of an f64.
    if x.abs() < 87.0 {
        let quick = exp_quick(x);
        let beyond = quick.to_bits() & 0x1fff_ffff;
        if beyond.abs_diff(0x1000_0000) > 256 {
            return quick as f32;
        }
    }
    exp_f64(x) as f32
}

/// `1 / k!`.
const TERMS: [f64; 14] = {
    let mut terms = [1.0; 14];
    let (mut k, mut factorial) = (1, 1.0);
    while k < 14 {
        factorial *= k as f64;
        terms[k] = 1.0 / factorial;
        k += 1;
    }
    terms
};

/// The same sum by the scheme of Estrin and without divisions, its last bits not those of the other.
/// For `|x| < 87`.
fn exp_quick(x: f64) -> f64 {
    let (n, r) = reduced(x);
    let r2 = r * r;
    let r4 = r2 * r2;
    let pair = |k: usize| TERMS[k] + TERMS[k + 1] * r;
    let low = (pair(0) + pair(2) * r2) + (pair(4) + pair(6) * r2) * r4;
    let high = (pair(8) + pair(10) * r2) + pair(12) * r4;
    (low + high * (r4 * r4)) * power(n)
}

/// `x = n ln 2 + r`.
fn reduced(x: f64) -> (f64, f64) {
    const LN2_HIGH: f64 = 6.931_471_803_691_238_2e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let n = (x * std::f64::consts::LOG2_E + 6_755_399_441_055_744.0) - 6_755_399_441_055_744.0;
    (n, (x - n * LN2_HIGH) - n * LN2_LOW)
}

/// `2^n` of a whole number.
fn power(n: f64) -> f64 {
    f64::from_bits(((n as i64 + 1023) as u64) << 52)
}

fn exp_f64(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x > 120.0 {
        return f64::INFINITY;
    }
    if x < -120.0 {
        return 0.0;
    }
    let (n, r) = reduced(x);
    // |r| <= ln 2 / 2: twelve terms leave less than 2^-52.
    let mut sum = 1.0;
    for k in (1..=13).rev() {
        sum = 1.0 + sum * r / f64::from(k);
    }
    sum * power(n)
}

/// Natural logarithm: `ln m + e ln 2` with `m` in `sqrt(1/2)..sqrt(2)`, by the series of `atanh`.
pub fn ln(x: f32) -> f32 {
    ln_f64(f64::from(x)) as f32
}

/// Logarithm to base 2.
pub fn log2(x: f32) -> f32 {
    (ln_f64(f64::from(x)) / std::f64::consts::LN_2) as f32
}

fn ln_f64(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x.is_infinite() {
        return x;
    }
    // Every f32, subnormal ones too, is normal in f64.
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as i64 - 1023;
    let mut m = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000);
    if m > std::f64::consts::SQRT_2 {
        m *= 0.5;
        exponent += 1;
    }
    let t = (m - 1.0) / (m + 1.0);
    let square = t * t;
    let mut sum = 0.0;
    for k in (0..12).rev() {
        sum = sum * square + 1.0 / f64::from(2 * k + 1);
    }
    2.0 * t * sum + exponent as f64 * std::f64::consts::LN_2
}

/// Integer quotient as WGSL has it: a division by zero gives the dividend.
pub fn udiv(a: u32, b: u32) -> u32 {
    a.checked_div(b).unwrap_or(a)
}

/// Signed quotient; by zero, and the one that overflows, the dividend.
pub fn sdiv(a: i32, b: i32) -> i32 {
    a.checked_div(b).unwrap_or(a)
}

/// Sum of the products of four signed bytes.
pub fn dot4_i8(a: u32, b: u32) -> u32 {
    let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
    a.iter().zip(b).map(|(a, b)| i32::from(*a as i8) * i32::from(b as i8)).sum::<i32>() as u32
}

/// Sum of the products of four unsigned bytes.
pub fn dot4_u8(a: u32, b: u32) -> u32 {
    let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
    a.iter().zip(b).map(|(a, b)| u32::from(*a) * u32::from(b)).sum()
}

/// Bits `offset..offset + count`, zero-extended; the offset and count that leave the word are cut.
pub fn extract_u(x: u32, offset: u32, count: u32) -> u32 {
    let offset = offset.min(32);
    let count = count.min(32 - offset);
    if count == 0 { 0 } else { x << (32 - offset - count) >> (32 - count) }
}

/// The same, sign-extended.
pub fn extract_s(x: u32, offset: u32, count: u32) -> u32 {
    let offset = offset.min(32);
    let count = count.min(32 - offset);
    if count == 0 { 0 } else { ((x << (32 - offset - count)) as i32 >> (32 - count)) as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_quick_exponential_rounds_as_the_other(x in -87.0f32..87.0, by in -1e-6f64..1e-6) {
            let x = f64::from(x) + by;
            let (quick, exact) = (exp_quick(x), exp_f64(x));
            prop_assert!(quick.to_bits().abs_diff(exact.to_bits()) <= 8, "{x}: {quick:e} {exact:e}");
            prop_assert_eq!(exp_f32(x).to_bits(), (exact as f32).to_bits());
        }

        #[test]
        fn a_multiply_add_is_rounded_once(a in any::<f32>(), b in any::<f32>(), c in any::<f32>(), near in -40i32..40) {
            // Beside any c one that lies by the product, where sums cancel and halves of a unit are met.
            let by = f64::from(a) * f64::from(b) * 2f64.powi(near);
            for c in [c, by as f32, -by as f32, f32::from_bits((by as f32).to_bits() & !0xfff)] {
                let (got, wanted) = (fma(a, b, c), a.mul_add(b, c));
                prop_assert!(got.to_bits() == wanted.to_bits() || got.is_nan() && wanted.is_nan(), "{a:e} {b:e} {c:e}");
            }
        }
    }
}
