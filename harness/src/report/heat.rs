//! Colours of a table of ratios: blue for gains, orange for losses, the ground's own colour for neither, in steps that are
//! classes of the page. Both scales fall or rise in lightness alone on either side, so they are read without red or green.

use plotters::style::RGBColor;

/// Steps of gain; the last begins at 2^(2·(STEPS-1)-1) ×.
const STEPS: usize = 7;

const LIGHT: Scale = Scale {
    loss: RGBColor(0xb3, 0x58, 0x06),
    even: RGBColor(0xf2, 0xf3, 0xf4),
    gain: [RGBColor(0xb5, 0xd6, 0xea), RGBColor(0x2b, 0x7b, 0xb9), RGBColor(0x08, 0x30, 0x6b)],
};
const DARK: Scale = Scale {
    loss: RGBColor(0xe0, 0x82, 0x2f),
    even: RGBColor(0x23, 0x2a, 0x31),
    gain: [RGBColor(0x1d, 0x4a, 0x6e), RGBColor(0x3d, 0x8c, 0xc4), RGBColor(0xa9, 0xd8, 0xf5)],
};

/// Colours of one theme.
struct Scale {
    loss: RGBColor,
    even: RGBColor,
    gain: [RGBColor; 3],
}

/// The class of a ratio: `h0` to `h6` for gains of about 1, 2, 4, 8, 16, 32 and 64 × and more, `l1` and `l2` for losses.
pub fn class(ratio: f64) -> String {
    if ratio < 0.95 {
        return if ratio < 0.6 { "l2" } else { "l1" }.to_string();
    }
    format!("h{}", (ratio.max(1.0).log2() + 0.35).floor().clamp(0.0, (STEPS - 1) as f64) as usize)
}

/// The rules of all classes, of one theme.
pub fn rules(dark: bool) -> String {
    let scale = if dark { &DARK } else { &LIGHT };
    let rule = |(name, back): (String, RGBColor)| {
        format!(".{name}{{background:{};color:{}}}", super::chart::svg::hex(back), super::chart::svg::hex(over(back)))
    };
    classes(scale).into_iter().map(rule).collect()
}

fn classes(scale: &Scale) -> Vec<(String, RGBColor)> {
    let gain = |i: usize| (format!("h{i}"), scale.gain(i as f64 / (STEPS - 1) as f64));
    let loss = [("l1".to_string(), mix(scale.even, scale.loss, 0.45)), ("l2".to_string(), scale.loss)];
    (0..STEPS).map(gain).chain(loss).collect()
}

impl Scale {
    fn gain(&self, share: f64) -> RGBColor {
        match share * 3.0 {
            d if d < 1.0 => mix(self.even, self.gain[0], d),
            d if d < 2.0 => mix(self.gain[0], self.gain[1], d - 1.0),
            d => mix(self.gain[1], self.gain[2], d - 2.0),
        }
    }
}

fn mix(a: RGBColor, b: RGBColor, share: f64) -> RGBColor {
    let blend = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
    RGBColor(blend(a.0, b.0), blend(a.1, b.1), blend(a.2, b.2))
}

/// Black or white, whichever contrasts more with `back`: one of them reaches 4.5 on any colour.
fn over(back: RGBColor) -> RGBColor {
    let (black, white) = (RGBColor(0, 0, 0), RGBColor(0xff, 0xff, 0xff));
    if contrast(black, back) >= contrast(white, back) { black } else { white }
}

/// Contrast ratio of two colours as WCAG 2 defines it.
pub(super) fn contrast(a: RGBColor, b: RGBColor) -> f64 {
    let linear = |v: u8| match f64::from(v) / 255.0 {
        v if v <= 0.04045 => v / 12.92,
        v => ((v + 0.055) / 1.055).powf(2.4),
    };
    let luminance = |c: RGBColor| 0.2126 * linear(c.0) + 0.7152 * linear(c.1) + 0.0722 * linear(c.2);
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_legible_on_every_step_and_gains_go_one_way_in_lightness() {
        for scale in [&LIGHT, &DARK] {
            for (name, back) in classes(scale) {
                assert!(contrast(over(back), back) >= 4.5, "{name}");
            }
            let white = RGBColor(255, 255, 255);
            let steps: Vec<f64> = (0..STEPS).map(|i| contrast(white, classes(scale)[i].1)).collect();
            assert!(steps.is_sorted() || steps.iter().rev().is_sorted(), "{steps:?}");
        }
    }

    #[test]
    fn ratios_fall_into_their_steps() {
        let named = [(0.0, "l2"), (0.7, "l1"), (1.0, "h0"), (1.9, "h1"), (4.0, "h2"), (64.0, "h6"), (1e9, "h6")];
        for (ratio, name) in named {
            assert_eq!(class(ratio), name, "{ratio}");
        }
    }
}
