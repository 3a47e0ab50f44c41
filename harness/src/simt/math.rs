//! Arithmetic of one lane where hosts differ or the hardware has its own: the same bits everywhere.

/// `a b + c`, rounded once. Products of two f32 are exact in f64 and the sum is rounded to f64 first; the second rounding,
/// to f32, goes wrong only where the f64 lies exactly between two f32, or where the result is subnormal.
#[inline(always)]
pub fn fma(a: f32, b: f32, c: f32) -> f32 {
    a.mul_add(b, c)
}

/// `e^x`, correct to far below an f32's half unit: range reduction and a Taylor polynomial in f64, without calls to a
/// library whose last bits differ from host to host.
pub fn exp(x: f32) -> f32 {
    exp_f64(f64::from(x)) as f32
}

/// `2^x`.
pub fn exp2(x: f32) -> f32 {
    exp_f64(f64::from(x) * std::f64::consts::LN_2) as f32
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
    const LN2_HIGH: f64 = 6.931_471_803_691_238_2e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let n = (x * std::f64::consts::LOG2_E + 6_755_399_441_055_744.0) - 6_755_399_441_055_744.0;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    // |r| <= ln 2 / 2: twelve terms leave less than 2^-52.
    let mut sum = 1.0;
    for k in (1..=13).rev() {
        sum = 1.0 + sum * r / f64::from(k);
    }
    sum * f64::from_bits(((n as i64 + 1023) as u64) << 52)
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
