//! Bisection: where the answer to a question changes as a figure grows.

/// A change between two values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flip<S> {
    /// Where: the first value of the new side where the figure takes only some, else the middle of the last bracket.
    pub at: f64,
    /// A value at which the new side was seen, no more than 1 % above `at` where the figure is continuous.
    pub seen: f64,
    /// The new side.
    pub side: S,
}

/// Brackets that are no wider are not halved.
const NARROW: f64 = 1.01;

/// The lowest change that bisection finds between `low`, where the answer is `low_side`, and `high`, where it is `high_side`, another.
/// Halves on a logarithmic scale; `nearest` says which values there are.
///
/// # Errors
/// Those of `nearest` and `side`.
pub fn flip<S: PartialEq, E>(
    (mut low, low_side): (f64, &S),
    (mut high, mut high_side): (f64, S),
    nearest: impl Fn(f64) -> Result<f64, E>,
    mut side: impl FnMut(f64) -> Result<S, E>,
) -> Result<Flip<S>, E> {
    while high / low > NARROW {
        let middle = nearest((low * high).sqrt())?;
        if middle <= low || middle >= high {
            return Ok(Flip { at: high, seen: high, side: high_side });
        }
        let there = side(middle)?;
        if there == *low_side {
            low = middle;
        } else {
            (high, high_side) = (middle, there);
        }
    }
    Ok(Flip { at: (low * high).sqrt(), seen: high, side: high_side })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(low: f64, high: f64, nearest: fn(f64) -> f64, side: fn(f64) -> u8) -> Flip<u8> {
        let ends = ((low, &side(low)), (high, side(high)));
        flip(ends.0, ends.1, |x| Ok::<_, ()>(nearest(x)), |x| Ok(side(x))).expect("no errors")
    }

    #[test]
    fn changes_are_found_to_a_percent_and_between_whole_numbers() {
        let smooth = found(0.5, 64.0, |x| x, |x| u8::from(x > 7.3));
        assert!((smooth.at / 7.3 - 1.0).abs() < 0.01 && smooth.side == 1, "{smooth:?}");
        let whole = found(1.0, 64.0, f64::round, |x| u8::from(x >= 27.0));
        assert_eq!((whole.at, whole.seen, whole.side), (27.0, 27.0, 1));
        let close = found(1.0, 2.0, f64::round, |x| u8::from(x > 1.0));
        assert_eq!(close.at, 2.0);
    }

    #[test]
    fn a_third_side_on_the_way_is_what_is_found() {
        let found = found(
            1.0,
            1000.0,
            |x| x,
            |x| {
                if x < 10.0 {
                    0
                } else if x < 100.0 {
                    1
                } else {
                    2
                }
            },
        );
        assert!((found.at / 10.0 - 1.0).abs() < 0.01 && found.side == 1, "{found:?}");
    }
}
