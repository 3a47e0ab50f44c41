//! e4m3: the 8-bit float with 4 bits of exponent and 3 of mantissa, as OCP's "8-bit Floating Point Specification" (2023)
//! has it: bias 7, largest 448, smallest normal 2⁻⁶, smallest 2⁻⁹, no infinities, and one NaN of either sign.

/// The largest finite value.
pub const MAX: f32 = 448.0;

/// The nearest code, halves to even; what is beyond ±448, infinities too, becomes ±448. NaN stays NaN.
pub fn encode(x: f32) -> u8 {
    let sign = if x.is_sign_negative() { 0x80 } else { 0 };
    if x.is_nan() {
        return sign | 0x7f;
    }
    let magnitude = x.abs().min(MAX);
    // Exponent of the binade; below the smallest normal all values have its step.
    let exponent = ((magnitude.to_bits() >> 23) as i32 - 127).max(-6);
    let step = f32::from_bits(((exponent - 3 + 127) as u32) << 23);
    // Exact but for the rounding. 16 steps are the first value of the next binade, and their code is that value's.
    let steps = (magnitude / step).round_ties_even() as u8;
    sign | ((((exponent + 6) as u8) << 3) + steps)
}

/// The value of a code, exact in f32.
pub fn decode(code: u8) -> f32 {
    let (exponent, mantissa) = (i32::from(code >> 3 & 15), f32::from(code & 7));
    let magnitude = match (exponent, code & 7) {
        (15, 7) => f32::NAN,
        (0, _) => mantissa * 2.0_f32.powi(-9),
        _ => (8.0 + mantissa) * 2.0_f32.powi(exponent - 10),
    };
    if code & 0x80 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the specification: `(-1)^s 2^(e - 7) (1 + m / 8)`, or `(-1)^s 2^-6 (m / 8)` where e is 0.
    fn by_the_formula(code: u8) -> f64 {
        let (s, e, m) = (code >> 7, code >> 3 & 15, f64::from(code & 7));
        let sign = 1.0 - 2.0 * f64::from(s);
        if e == 0 { sign * (-6f64).exp2() * (m / 8.0) } else { sign * (f64::from(e) - 7.0).exp2() * (1.0 + m / 8.0) }
    }

    #[test]
    fn every_code_decodes_as_the_specification_says() {
        for code in 0..=255u8 {
            if code & 0x7f == 0x7f {
                assert!(decode(code).is_nan());
            } else {
                assert_eq!(f64::from(decode(code)).to_bits(), by_the_formula(code).to_bits(), "{code:#04x}");
            }
        }
        assert_eq!([0x7e, 0x08, 0x01, 0xb8].map(decode), [448.0, 2f32.powi(-6), 2f32.powi(-9), -1.0]);
    }

    #[test]
    fn every_value_encodes_to_its_code() {
        for code in 0..=255u8 {
            assert_eq!(encode(decode(code)), code, "{code:#04x}");
        }
    }

    #[test]
    fn between_two_codes_the_nearer_wins_and_halves_go_to_the_even_one() {
        for code in 0..0x7eu8 {
            let middle = ((by_the_formula(code) + by_the_formula(code + 1)) / 2.0) as f32;
            let even = code + (code & 1);
            let (below, above) = (f32::from_bits(middle.to_bits() - 1), f32::from_bits(middle.to_bits() + 1));
            assert_eq!([below, middle, above].map(encode), [code, even, code + 1], "{code:#04x}");
            assert_eq!([-below, -middle, -above].map(encode), [code, even, code + 1].map(|c| c | 0x80), "-{code:#04x}");
        }
    }

    #[test]
    fn what_is_beyond_saturates_and_what_is_tiny_vanishes() {
        for x in [448.0, 463.9, 464.0, 480.0, 1e30, f32::MAX, f32::INFINITY] {
            assert_eq!((encode(x), encode(-x)), (0x7e, 0xfe), "{x}");
        }
        for x in [0.0, f32::from_bits(1), f32::MIN_POSITIVE, 2f32.powi(-10)] {
            assert_eq!((encode(x), encode(-x)), (0, 0x80), "{x}");
        }
        assert_eq!((encode(f32::NAN) & 0x7f, decode(encode(f32::NAN)).is_nan()), (0x7f, true));
    }
}
