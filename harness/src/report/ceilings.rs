//! Ceilings that a time has beaten, measured or modelled. A ceiling below what a kernel does is wrong, and so is every distance
//! from it: the report says so before it says anything else.

use std::collections::BTreeMap;

use super::group::{Book, Site, floor, timing};
use super::units;
use crate::record::{Bound, Outcome, Record, Tier};

/// One sentence for each ceiling that was beaten, by the cell that beat it most, and one for each site whose times were
/// refused because they beat one by more than it is known to.
pub fn beaten(book: &Book) -> Vec<String> {
    let mut out = Vec::new();
    for site in book.sites.iter().filter(|s| matches!(s.tier, Tier::Native | Tier::Capped)) {
        let here = || book.records.iter().filter(|r| r.tier == site.tier && r.machine.id == site.id);
        let mut by_bound: BTreeMap<Option<Bound>, Vec<(f64, &Record)>> = BTreeMap::new();
        for r in here() {
            let (Some(t), Some(floor_ns)) = (timing(r), floor(r)) else { continue };
            if t.time_ns < floor_ns {
                by_bound.entry(t.bound).or_default().push((floor_ns / t.time_ns, r));
            }
        }
        for (bound, mut cells) in by_bound {
            cells.sort_by(|a, b| b.0.total_cmp(&a.0));
            let (share, most) = cells[0];
            let what = match bound {
                Some(Bound::MemoryBandwidth) => "memory bandwidth",
                Some(Bound::Compute) => "compute peak",
                _ => "peak",
            };
            let others = others(cells.len() - 1);
            out.push(format!(
                "Dishonest ceiling: {} reached {} of the calibrated {what} on {}{others}; run `retrobench calibrate` again",
                cell(most),
                units::percent(share),
                site.short()
            ));
        }
        let refused: Vec<(&Record, &str)> = here()
            .filter_map(|r| match &r.outcome {
                Outcome::Refused { reason } => Some((r, reason.as_str())),
                _ => None,
            })
            .collect();
        if let Some((first, reason)) = refused.first() {
            let times = if refused.len() == 1 { "A time was".into() } else { format!("{} times were", refused.len()) };
            out.push(format!("{times} refused on {}: {}, {reason}", site.short(), cell(first)));
        }
    }
    out.extend(beaten_by_the_model(book));
    out
}

/// The modelled cell that beat its machine's ceiling most: the profile's peak leaves out a way to do the work, or the model is
/// too fast.
fn beaten_by_the_model(book: &Book) -> Option<String> {
    let modelled = book.records.iter().filter(|r| r.tier == Tier::Modelled);
    let share = |r| Some(floor(r)? / timing(r)?.time_ns);
    let over: Vec<(f64, &Record)> = modelled.filter_map(|r| Some((share(r)?, r))).filter(|(s, _)| *s > 1.0).collect();
    let (share, most) = over.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(format!(
        "Dishonest ceiling: {} is modelled at {} of what the figures of {} allow{}; their peak leaves out a way to do its work, \
         or the model is too fast",
        cell(most),
        units::percent(*share),
        Site::of(most).short(),
        others(over.len() - 1)
    ))
}

/// Those beside the one that is named.
fn others(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => ", and another cell beat it".into(),
        n => format!(", and {n} other cells beat it"),
    }
}

fn cell(r: &Record) -> String {
    format!("{}/{}/{}", r.kernel, r.shape, r.variant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::timed;

    /// A time of 100 ns with such a floor.
    fn with_floor(tier: Tier, variant: &str, floor_ns: f64, bound: Bound) -> Record {
        let mut record = timed(tier, "this-host", variant, 100.0);
        if let Outcome::Timed(t) = &mut record.outcome {
            (t.floor_ns, t.bound) = (Some(floor_ns), Some(bound));
        }
        record
    }

    #[test]
    fn a_beaten_ceiling_is_flagged_with_the_cell_that_beat_it_most() {
        let records = [
            with_floor(Tier::Native, "naive", 20.0, Bound::Compute),
            with_floor(Tier::Native, "simd", 101.0, Bound::Compute),
            with_floor(Tier::Native, "tile", 104.0, Bound::Compute),
            with_floor(Tier::Native, "row", 110.0, Bound::MemoryBandwidth),
        ];
        let flagged = beaten(&Book::new(&records));
        assert_eq!(flagged.len(), 2, "{flagged:?}");
        let compute = flagged.iter().find(|f| f.contains("compute")).expect("one of them");
        assert!(compute.starts_with("Dishonest ceiling: gemv_f32/test/shape/tile reached 104 %"), "{compute}");
        assert!(compute.contains("this host, and another cell beat it"), "{compute}");
        assert!(flagged.iter().any(|f| f.contains("/row reached 110 %") && f.contains("memory bandwidth")));
        assert!(beaten(&Book::new(&records[..1])).is_empty());
    }

    #[test]
    fn a_refused_time_is_said() {
        let mut refused = with_floor(Tier::Native, "tile", 104.0, Bound::Compute);
        refused.outcome = Outcome::Refused { reason: "1 ns is below the floor".into() };
        let flagged = beaten(&Book::new(&[refused]));
        assert_eq!(flagged, ["A time was refused on this host: gemv_f32/test/shape/tile, 1 ns is below the floor"]);
    }

    #[test]
    fn a_modelled_time_below_its_floor_is_flagged_too() {
        let of = |variant, floor_ns| with_floor(Tier::Modelled, variant, floor_ns, Bound::Issue);
        assert!(beaten(&Book::new(&[of("tile", 99.0)])).is_empty());
        let flagged = beaten(&Book::new(&[of("naive", 20.0), of("tile", 104.0), of("table", 280.0)]));
        assert_eq!(flagged.len(), 1, "{flagged:?}");
        assert!(flagged[0].contains("gemv_f32/test/shape/table is modelled at 280 %"), "{flagged:?}");
        assert!(flagged[0].contains("another cell beat it"), "{flagged:?}");
    }
}
