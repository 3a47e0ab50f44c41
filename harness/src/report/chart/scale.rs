//! From values to pixels: linear or logarithmic, with round ticks.

/// An axis: values `from..to` over pixels `at..at + room` (downwards negative where `room` is).
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    from: f64,
    to: f64,
    at: i32,
    room: i32,
    log: bool,
}

impl Scale {
    /// Logarithmic; both ends must be positive.
    pub fn log(from: f64, to: f64, at: i32, room: i32) -> Self {
        let from = if from.is_finite() { from.clamp(1e-300, 1e300) } else { 1.0 };
        let to = if to.is_finite() && to > from { to.min(1e301) } else { from * 10.0 };
        Scale { from, to, at, room, log: true }
    }

    /// Linear from zero.
    pub fn linear(to: f64, at: i32, room: i32) -> Self {
        let to = if to.is_finite() && to > 0.0 { to.min(1e300) } else { 1.0 };
        Scale { from: 0.0, to, at, room, log: false }
    }

    /// True where logarithmic.
    pub fn is_log(&self) -> bool {
        self.log
    }

    /// Pixel of a value, held inside the axis.
    pub fn px(&self, value: f64) -> i32 {
        let share = match self.log {
            true => (value.max(1e-300) / self.from).ln() / (self.to / self.from).ln(),
            false => value / self.to,
        };
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        self.at + (share * f64::from(self.room)).round() as i32
    }

    /// Round values on the axis, at most about `most` of them.
    pub fn ticks(&self, most: usize) -> Vec<f64> {
        if self.log { self.log_ticks(most.max(2)) } else { self.linear_ticks(most.max(2)) }
    }

    fn log_ticks(&self, most: usize) -> Vec<f64> {
        let (low, high) = (self.from.log10().floor() as i32, self.to.log10().ceil() as i32);
        let inside = |x: &f64| *x >= self.from * 0.999 && *x <= self.to * 1.001;
        for digits in [&[1.0, 2.0, 5.0][..], &[1.0, 3.0][..], &[1.0][..]] {
            let all = (low..=high).flat_map(|e| digits.iter().map(move |d| d * 10f64.powi(e)));
            let ticks: Vec<f64> = all.filter(inside).collect();
            if ticks.len() <= most {
                return ticks;
            }
        }
        let step = (high - low) / most as i32 + 1;
        (low..=high).filter(|e| e.rem_euclid(step) == 0).map(|e| 10f64.powi(e)).filter(inside).collect()
    }

    fn linear_ticks(&self, most: usize) -> Vec<f64> {
        let rough = self.to / most as f64;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|d| d * power).into_iter().find(|s| *s >= rough).unwrap_or(rough);
        (0..=most).map(|i| i as f64 * step).filter(|x| *x <= self.to * 1.001).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_axis_maps_decades_evenly_and_ticks_are_round() {
        let axis = Scale::log(1.0, 100.0, 10, 200);
        assert_eq!([axis.px(1.0), axis.px(10.0), axis.px(100.0), axis.px(1e9)], [10, 110, 210, 210]);
        assert_eq!(axis.ticks(3), [1.0, 10.0, 100.0]);
        assert!(Scale::log(1e-3, 1e12, 0, 100).ticks(4).len() <= 5);
        assert_eq!(Scale::linear(10.0, 0, 100).ticks(5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
    }

    #[test]
    fn odd_values_stay_on_the_axis() {
        let axis = Scale::log(f64::NAN, f64::INFINITY, 0, 100);
        for x in [f64::NAN, 0.0, -1.0, f64::INFINITY] {
            assert!((0..=100).contains(&axis.px(x)));
        }
        assert!(!axis.ticks(4).is_empty());
        assert!(!Scale::linear(f64::NAN, 0, 100).ticks(4).is_empty());
    }
}
