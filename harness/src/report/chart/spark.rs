//! A ladder in the space of a word: a bar for each rung, as high as its rate on a logarithmic scale; the best is dark, and a
//! rung without a time is a gap.

use super::super::group::{Ladder, timing};
use super::super::{ReportError, finding};
use super::scale::Scale;
use super::{BEST, GRID, NAIVE, Picture, RUNG, draw};

const WIDTH: i32 = 110;
const HEIGHT: i32 = 20;

/// Draws the bars.
pub fn picture(l: &Ladder) -> Result<Picture, ReportError> {
    let rates = || l.timed().map(|(_, t)| 1.0 / t.time_ns);
    let (low, high) = (rates().fold(f64::MAX, f64::min), rates().fold(0.0, f64::max));
    let scale = Scale::log(low / 1.5, high.max(low), HEIGHT - 1, 2 - HEIGHT);
    let pitch = (WIDTH / (l.rungs.len().max(1) as i32)).clamp(2, 11);
    let best = l.best().map(|r| &r.variant);
    draw((WIDTH, HEIGHT), 0, &finding::ladder(l), |c| {
        c.fill(0, HEIGHT - 1, pitch * l.rungs.len() as i32, 1, GRID)?;
        for (i, (r, place)) in l.rungs.iter().zip(l.at).enumerate() {
            let Some(t) = timing(r) else { continue };
            let color = match (best == Some(&r.variant), r.rung) {
                (true, _) => BEST,
                (_, 0) => NAIVE,
                _ => RUNG,
            };
            let (x, top) = (pitch * i as i32, scale.px(1.0 / t.time_ns));
            c.fill(x, top, pitch - 1, HEIGHT - 1 - top, color)?;
            c.tip_of(*place, [x, 0, pitch, HEIGHT], &r.variant);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::group::Book;
    use super::*;
    use crate::journal::tests::timed;
    use crate::record::Tier;

    #[test]
    fn a_bar_for_each_timed_rung_and_the_fastest_is_highest() {
        let rung = |name: &str, rung, ns| crate::record::Record { rung, ..timed(Tier::Native, "this-host", name, ns) };
        let records = [rung("naive", 0, 100.0), rung("simd", 1, 10.0), rung("tile", 2, 50.0)];
        let book = Book::new(&records);
        let drawn = picture(&book.ladder_at(0, 0, 0).expect("a ladder")).expect("drawn").inline();
        assert_eq!(drawn.matches("data-r").count(), 3);
        assert!(drawn.contains("class=\"kt f\" d=\"M11 1h10v18"), "{drawn}");
    }
}
