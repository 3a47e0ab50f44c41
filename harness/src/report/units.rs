//! Numbers as people read them: three significant digits and a unit, or a dash where there is no number.

/// What stands where a number is missing, infinite or not a number.
pub const NONE: &str = "–";

/// A unit ladder: the factor at which a unit starts being used, what it divides by, and its name.
type Step = (f64, f64, &'static str);

const TIMES: [Step; 6] = [
    (0.0, 1.0, "ns"),
    (1e3, 1e3, "µs"),
    (1e6, 1e6, "ms"),
    (1e9, 1e9, "s"),
    (120e9, 60e9, "min"),
    (7200e9, 3600e9, "h"),
];
const RATES: [Step; 6] =
    [(0.0, 1.0, ""), (1e3, 1e3, "k"), (1e6, 1e6, "M"), (1e9, 1e9, "G"), (1e12, 1e12, "T"), (1e15, 1e15, "P")];

/// A time in nanoseconds: `1.23 µs`, `45.6 ms`, `2.10 min`.
pub fn time(ns: f64) -> String {
    with_unit(ns, &TIMES, " ", "")
}

/// A time for an axis, without trailing zeros: `1 µs`, `200 ms`. Seconds at most, as ticks are decimal: `200 s`.
pub fn tick_time(ns: f64) -> String {
    trim_zeros(&with_unit(ns, &TIMES[..4], " ", ""))
}

/// An arithmetic rate: `12.3 Gop/s`. Operations, not FLOPs: int8 kernels count too.
pub fn op_rate(ops_per_s: f64) -> String {
    with_unit(ops_per_s, &RATES, " ", "op/s")
}

/// A rate for an axis, without trailing zeros.
pub fn tick_op_rate(ops_per_s: f64) -> String {
    trim_zeros(&op_rate(ops_per_s))
}

/// A size in decimal units: `25.6 GB`.
pub fn bytes(bytes: f64) -> String {
    with_unit(bytes, &RATES, " ", "B")
}

/// A memory rate: `25.6 GB/s`.
pub fn byte_rate(bytes_per_s: f64) -> String {
    with_unit(bytes_per_s, &RATES, " ", "B/s")
}

/// A ratio: `12×`, `3.1×`, `1.04×`, `0.87×`.
pub fn ratio(r: f64) -> String {
    if !r.is_finite() || r < 0.0 {
        return NONE.to_string();
    }
    format!("{}×", ratio_digits(r))
}

/// An interval of ratios without the sign: `2.9–3.3`.
pub fn ratio_range(low: f64, high: f64) -> String {
    if !low.is_finite() || !high.is_finite() {
        return NONE.to_string();
    }
    format!("{}–{}", ratio_digits(low), ratio_digits(high))
}

/// A round figure with as many decimals as it takes, where an exponent would be hard to read.
fn tick(x: f64) -> String {
    if (1e-6..0.1).contains(&x) { format!("{:.*}", (-x.log10().floor()) as usize, x) } else { plain(x) }
}

/// A ratio for an axis, without trailing zeros: `1×`, `0.03×`.
pub fn tick_ratio(r: f64) -> String {
    format!("{}×", tick(r))
}

/// A share for an axis, as a percentage with as many digits as it takes: `0.1 %`.
pub fn tick_percent(share: f64) -> String {
    format!("{} %", tick(share * 100.0))
}

/// A share as a percentage: `61 %`; `<1 %` for small ones.
pub fn percent(share: f64) -> String {
    if !share.is_finite() || share < 0.0 {
        NONE.to_string()
    } else if share > 0.0 && share < 0.01 {
        "<1 %".to_string()
    } else {
        format!("{:.0} %", share * 100.0)
    }
}

/// A small error figure: `1.2e-13`, `0` where it is exactly zero.
pub fn error(x: f64) -> String {
    if !x.is_finite() {
        NONE.to_string()
    } else if x == 0.0 {
        "0".to_string()
    } else {
        format!("{x:.1e}")
    }
}

/// A plain figure with three significant digits: `0.5`, `12.3`.
pub fn plain(x: f64) -> String {
    if !x.is_finite() { NONE.to_string() } else { trim_zeros(&significant(x)) }
}

fn ratio_digits(r: f64) -> String {
    if r >= 1e6 {
        format!("{r:.1e}")
    } else if r >= 9.95 {
        format!("{r:.0}")
    } else if r >= 1.995 {
        format!("{r:.1}")
    } else if r >= 0.095 || r == 0.0 {
        format!("{r:.2}")
    } else if r >= 0.00095 {
        format!("{r:.3}")
    } else {
        format!("{r:.0e}")
    }
}

fn with_unit(x: f64, steps: &[Step], gap: &str, unit: &str) -> String {
    if !x.is_finite() || x < 0.0 {
        return NONE.to_string();
    }
    let rounded = round3(x);
    let (_, divisor, prefix) = steps.iter().rev().find(|(start, ..)| rounded >= *start).unwrap_or(&steps[0]);
    format!("{}{gap}{prefix}{unit}", significant(x / divisor))
}

/// Rounds to three significant digits.
fn round3(x: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let scale = 10f64.powf(2.0 - x.abs().log10().floor());
    let rounded = (x * scale).round() / scale;
    if rounded.is_finite() { rounded } else { x }
}

fn significant(x: f64) -> String {
    let r = round3(x);
    match r.abs() {
        0.0 => "0".to_string(),
        a if a >= 1e6 => format!("{r:.2e}"),
        a if a >= 100.0 => format!("{r:.0}"),
        a if a >= 10.0 => format!("{r:.1}"),
        a if a >= 1.0 => format!("{r:.2}"),
        a if a >= 0.01 => format!("{r:.3}"),
        _ => format!("{r:.2e}"),
    }
}

/// `1.00 µs` → `1 µs`, `1.50` → `1.5`; exponents are left alone.
fn trim_zeros(text: &str) -> String {
    let (number, rest) = text.split_at(text.find(' ').unwrap_or(text.len()));
    if !number.contains('.') || number.contains('e') {
        return text.to_string();
    }
    format!("{}{rest}", number.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_pick_the_unit_after_rounding() {
        for (ns, want) in [
            (0.5, "0.500 ns"),
            (12.34, "12.3 ns"),
            (999.4, "999 ns"),
            (999.6, "1.00 µs"),
            (1234.0, "1.23 µs"),
            (45_600_000.0, "45.6 ms"),
            (2.5e9, "2.50 s"),
            (126e9, "2.10 min"),
            (9000e9, "2.50 h"),
            (0.0, "0 ns"),
        ] {
            assert_eq!(time(ns), want);
        }
    }

    #[test]
    fn odd_numbers_are_dashes() {
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
            assert_eq!(time(x), NONE);
            assert_eq!(ratio(x), NONE);
            assert_eq!(op_rate(x), NONE);
            assert_eq!(percent(x), NONE);
        }
        assert_eq!(error(f64::NAN), NONE);
        assert!(!time(f64::MAX).is_empty() && !time(f64::MIN_POSITIVE).is_empty());
    }

    #[test]
    fn rates_ratios_and_shares() {
        assert_eq!(op_rate(12.34e9), "12.3 Gop/s");
        assert_eq!(op_rate(1.5e6), "1.50 Mop/s");
        assert_eq!(byte_rate(25.6e9), "25.6 GB/s");
        assert_eq!(tick_op_rate(1e9), "1 Gop/s");
        assert_eq!(tick_time(200e6), "200 ms");
        assert_eq!(tick_time(200e9), "200 s");
        for (r, want) in [
            (40.2, "40×"),
            (9.97, "10×"),
            (3.12, "3.1×"),
            (1.999, "2.0×"),
            (1.04, "1.04×"),
            (0.87, "0.87×"),
            (0.01, "0.010×"),
        ] {
            assert_eq!(ratio(r), want);
        }
        assert_eq!(ratio_range(2.94, 3.31), "2.9–3.3");
        assert_eq!(percent(0.613), "61 %");
        assert_eq!(percent(0.001), "<1 %");
        assert_eq!((tick_percent(0.001), tick_percent(1.0)), ("0.1 %".into(), "100 %".into()));
        assert_eq!((tick_ratio(1.0), tick_ratio(0.003)), ("1×".into(), "0.003×".into()));
        assert_eq!(plain(0.5), "0.5");
        assert_eq!(error(1.23e-13), "1.2e-13");
    }
}
