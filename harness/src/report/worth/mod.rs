//! What optimization is worth, in figures that a table of times does not show: pure functions of records, each a listing and a
//! picture. `gains`: speedup by tier, and the share of the floor; `waterfall`: what each rung gains and by what; `dividend`: what
//! a constraint makes optimization worth; `years`: in years of hardware; `shares`: how many cells gain how much.

pub mod dividend;
pub mod gains;
pub mod shares;
pub mod waterfall;
pub mod years;

use super::ReportError;
use super::chart::Picture;
use super::group::Book;
use super::listing::Listing;

/// One figure of worth.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// What the command line calls it.
    pub name: &'static str,
    /// What a page calls it.
    pub title: &'static str,
    /// Its table.
    pub listing: fn(&Book) -> Listing,
    /// Its picture; none where the records hold nothing to draw.
    pub chart: fn(&Book) -> Result<Option<Picture>, ReportError>,
}

/// All of them, in the order in which they are shown.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "speedup",
        title: "Speedup by tier, with its band",
        listing: gains::speedup,
        chart: gains::speedup_chart,
    },
    Metric { name: "floor", title: "Share of the floor", listing: gains::floor, chart: gains::floor_chart },
    Metric {
        name: "waterfall",
        title: "What each rung gains, and by what",
        listing: waterfall::listing,
        chart: waterfall::chart,
    },
    Metric { name: "dividend", title: "Constraint dividend", listing: dividend::listing, chart: dividend::chart },
    Metric { name: "years", title: "Years of hardware", listing: years::listing, chart: years::chart },
    Metric {
        name: "shares",
        title: "Share of cells that gain so much",
        listing: shares::listing,
        chart: shares::chart,
    },
];

/// On ladders whose answers can be computed by hand.
#[cfg(test)]
mod tests {
    use super::waterfall::{CAUSES, steps};
    use super::*;
    use crate::journal::tests::timed;
    use crate::record::{Base, Bound, Counts, Outcome, Record, Speedup, Tier, Timing};
    use crate::report::listing::Datum;

    /// A rung with a time, on a machine of a class and year.
    fn rung(
        tier: Tier,
        (machine, class, year): (&str, &str, u16),
        (rung, variant): (u32, &str),
        ns: f64,
        naive: f64,
    ) -> Record {
        let mut r = timed(tier, machine, variant, ns);
        r.rung = rung;
        (r.machine.name, r.machine.class, r.machine.year) = (machine.into(), class.into(), Some(year));
        edit(&mut r, |t| {
            (t.low_ns, t.high_ns) = if tier == Tier::Modelled { (ns / 1.2, ns * 1.2) } else { (ns, ns) };
            let (ratio, band) = (naive / ns, if tier == Tier::Modelled { 1.44 } else { 1.0 });
            t.speedup = Some(Speedup { ratio, low: ratio / band, high: ratio * band });
            t.floor_ns = Some(5.0);
        });
        r
    }

    fn edit(r: &mut Record, f: impl FnOnce(&mut Timing)) {
        if let Outcome::Timed(t) = &mut r.outcome {
            f(t);
        }
    }

    fn ladder(tier: Tier, machine: (&str, &str, u16), naive: f64, best: f64) -> [Record; 2] {
        [rung(tier, machine, (0, "naive"), naive, naive), rung(tier, machine, (1, "simd"), best, naive)]
    }

    /// The cell of a row by the head of its column.
    fn cell<'a>(listing: &'a Listing, row: usize, head: &str) -> &'a Datum {
        let column = listing.heads.iter().position(|h| *h == head).expect("a column of that name");
        &listing.rows[row][column]
    }

    fn number(datum: &Datum) -> f64 {
        match datum {
            Datum::Plain(x) | Datum::Ratio(x) | Datum::Share(x) | Datum::TimeNs(x) => *x,
            other => panic!("no number: {other:?}"),
        }
    }

    #[test]
    fn every_row_is_as_long_as_its_heads_and_every_chart_is_drawn() {
        let mut records = Vec::new();
        for (i, id) in ["a", "b", "c"].into_iter().enumerate() {
            records.extend(ladder(Tier::Modelled, (id, "cpu", 2000 + 10 * i as u16), 100.0 / (i + 1) as f64, 40.0));
        }
        records.extend(ladder(Tier::Native, ("this-host", "host", 2020), 30.0, 10.0));
        let book = Book::new(&records);
        for metric in METRICS {
            let listing = (metric.listing)(&book);
            assert!(listing.rows.iter().all(|r| r.len() == listing.heads.len()), "{}", metric.name);
            assert!(!listing.rows.is_empty() && !listing.about.is_empty(), "{}", metric.name);
            let chart = (metric.chart)(&book).expect("drawn");
            // None of these records was counted, so nothing can be taken apart.
            assert_eq!(chart.is_some(), metric.name != "waterfall", "{}", metric.name);
            let empty = Book::new(&[]);
            assert!(
                (metric.listing)(&empty).rows.is_empty() && (metric.chart)(&empty).expect("nothing to draw").is_none()
            );
        }
    }

    #[test]
    fn a_modelled_speedup_has_the_band_that_both_times_leave() {
        let mut records = ladder(Tier::Modelled, ("a", "cpu", 2000), 100.0, 20.0);
        let mut base = Base::default();
        for (rung, r) in records.iter_mut().enumerate() {
            edit(r, |t| t.speedup = None);
            base.put_speedup(rung, &mut r.outcome);
        }
        let book = Book::new(&records);
        let listing = gains::speedup(&book);
        let [ratio, low, high] = ["speedup", "low", "high"].map(|h| number(cell(&listing, 0, h)));
        assert!((ratio - 5.0).abs() < 1e-9 && (low - 5.0 / 1.44).abs() < 1e-9 && (high - 5.0 * 1.44).abs() < 1e-9);
        let floor = gains::floor(&book);
        assert_eq!(["naive_share", "best_share"].map(|h| number(cell(&floor, 0, h))), [0.05, 0.25]);
    }

    #[test]
    fn a_dividend_is_the_speedup_there_over_the_speedup_free() {
        let mut records = ladder(Tier::Modelled, ("old", "retro", 1995), 1000.0, 100.0).to_vec();
        records.extend(ladder(Tier::Native, ("this-host", "host", 2020), 50.0, 10.0));
        let listing = dividend::listing(&Book::new(&records));
        assert_eq!((listing.rows.len(), number(cell(&listing, 0, "dividend"))), (1, 2.0));
        // Without native records the newest modelled machine is free, and is no constraint itself.
        records.truncate(2);
        records.extend(ladder(Tier::Modelled, ("new", "cpu", 2020), 50.0, 25.0));
        let listing = dividend::listing(&Book::new(&records));
        assert_eq!((listing.rows.len(), number(cell(&listing, 0, "dividend"))), (1, 5.0));
        // A graphics processor is measured against graphics processors.
        records.extend(ladder(Tier::Modelled, ("gpu", "gpu", 2010), 50.0, 25.0));
        assert_eq!(dividend::listing(&Book::new(&records)).rows.len(), 1);
    }

    #[test]
    fn years_are_those_until_naive_is_as_fast() {
        let mut records = Vec::new();
        // Best on the first takes 30; naive takes 100, 34, 28, 20.
        for (id, year, naive) in [("m0", 1990, 100.0), ("m5", 1995, 34.0), ("m9", 1999, 28.0), ("m20", 2010, 20.0)] {
            records.extend(ladder(
                Tier::Modelled,
                (id, if year < 1999 { "retro" } else { "cpu" }, year),
                naive,
                0.3 * naive,
            ));
        }
        records.extend(ladder(Tier::Modelled, ("board", "sbc", 2015), 1.0, 0.5));
        let listing = years::listing(&Book::new(&records));
        // 34 / 1.2 is below 30 × 1.2; 20 × 1.2 is below 30 / 1.2.
        assert_eq!(["years", "years_possibly", "years_surely"].map(|h| number(cell(&listing, 0, h))), [9.0, 5.0, 20.0]);
        let none = cell(&listing, 1, "years");
        assert_eq!((cell(&listing, 1, "machine"), none), (&Datum::text("m5"), &Datum::text("none in the set")));
    }

    #[test]
    fn shares_count_ladders_that_gain_at_least_so_much() {
        let mut records = Vec::new();
        for (i, best) in [100.0, 50.0, 10.0, 1.0].into_iter().enumerate() {
            records.extend(ladder(Tier::Modelled, (&format!("m{i}"), "cpu", 2000), 100.0, best));
        }
        let listing = shares::listing(&Book::new(&records));
        let at = |p: f64| {
            let row = listing.rows.iter().position(|r| r[1] == Datum::Ratio(p)).expect("that p");
            number(cell(&listing, row, "share"))
        };
        assert_eq!([1.0, 2.0, 3.0, 10.0, 20.0, 200.0].map(at), [1.0, 0.75, 0.5, 0.5, 0.25, 0.0]);
    }

    /// A counted rung: operations, bytes, lanes, threads, and the shares of its bounds.
    fn counted(r: Record, counts: [f64; 3], threads: u32, shares: &[(Bound, f64)]) -> Record {
        let mut r = r;
        r.machine.threads = threads;
        edit(&mut r, |t| {
            t.counts = Some(Counts { operations: counts[0], memory_bytes: counts[1], lanes: counts[2] as u32 });
            t.shares = shares.to_vec();
            t.bound = Some(shares[0].0);
        });
        r
    }

    #[test]
    fn a_gain_is_put_down_to_what_was_counted_and_its_parts_sum_to_it() {
        let on = |n, variant, ns| rung(Tier::Modelled, ("a", "cpu", 2000), (n, variant), ns, 1600.0);
        let records = [
            counted(on(0, "naive", 1600.0), [800.0, 64.0, 1.0], 1, &[(Bound::Latency, 1.0)]),
            // Four lanes do a quarter of the operations; the rest of eight times is less waiting.
            counted(
                on(1, "simd", 200.0),
                [200.0, 64.0, 4.0],
                1,
                &[(Bound::Compute, 0.5), (Bound::MemoryBandwidth, 0.5)],
            ),
            // Slower: the next rung is held against the one below it.
            counted(on(2, "worse", 400.0), [400.0, 64.0, 4.0], 1, &[(Bound::Compute, 1.0)]),
            // Half the bytes, half the time in memory.
            counted(
                on(3, "tiled", 150.0),
                [200.0, 32.0, 4.0],
                1,
                &[(Bound::Compute, 2.0 / 3.0), (Bound::MemoryBandwidth, 1.0 / 3.0)],
            ),
            // Four cores take a third: what is lost is launching.
            counted(
                on(4, "parallel", 50.0),
                [50.0, 8.0, 4.0],
                4,
                &[(Bound::Compute, 0.5), (Bound::MemoryBandwidth, 0.25), (Bound::Launch, 0.25)],
            ),
        ];
        let book = Book::new(&records);
        let steps = steps(&book.ladders(0, 0)[0]);
        assert_eq!(
            steps.iter().map(|s| s.before.variant.as_str()).collect::<Vec<_>>(),
            ["naive", "simd", "simd", "tiled"]
        );
        for step in &steps {
            let parts = step.parts.expect("counted");
            assert!((parts.iter().sum::<f64>() - step.gain).abs() < 1e-9, "{}: {parts:?}", step.after.variant);
        }
        let part = |step: usize, cause: &str| {
            let at = CAUSES.iter().position(|c| *c == cause).expect("a cause");
            steps[step].parts.expect("counted")[at].exp()
        };
        assert!(
            (part(0, "lanes") - 4.0).abs() < 1e-9
                && part(0, "overlap") > 1.9
                && (part(0, "operations") - 1.0).abs() < 1e-9
        );
        assert!((part(2, "bytes") - 200.0 / 150.0).abs() < 1e-9 && (part(2, "lanes") - 1.0).abs() < 1e-9);
        assert!((part(3, "threads") - 4.0).abs() < 1e-9 && part(3, "overhead") < 0.9);
        let drawn = waterfall::chart(&book).expect("drawn").expect("counted").file();
        assert!(drawn.contains("lanes 4.0×") && drawn.contains("latency → compute"), "{drawn}");
    }
}
