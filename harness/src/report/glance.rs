//! What all records say together, in a few sentences: what a reader wants to know before any table. Each names its tier, and none
//! spans two.

use std::collections::BTreeMap;

use super::chart::decode::is_token;
use super::chart::strip::Row;
use super::finding::{capital, years};
use super::group::{Book, Ladder, floor, timing};
use super::units;
use crate::record::{Bound, Record, Tier};

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What it is about, in a word or two.
    pub about: &'static str,
    /// The sentence.
    pub said: String,
    /// Page of the site that shows it.
    pub page: &'static str,
}

/// The findings; `rows` is what the best rungs are worth, by site.
pub fn claims(book: &Book, rows: &[Row]) -> Vec<Claim> {
    let mut out = Vec::new();
    let mut claim = |about: &'static str, page: &'static str, said: Option<String>| {
        out.extend(said.map(|said| Claim { about, said, page }));
    };
    for tier in book.tiers() {
        claim("Worth", "index.html#machines", worth(rows, tier));
    }
    let ladders = modelled(book);
    claim("What binds", "worth.html#waterfall", bounds(&ladders));
    claim("Headroom", "worth.html#floor", headroom(&ladders));
    claim("No rung wins everywhere", "index.html#kernels", winners(book));
    claim("A whole token", "index.html#models", token(book));
    let widest = (0..book.kernels.len()).filter_map(|k| Some((k, years(book, k)?))).max_by_key(|(k, y)| (y.years, *k));
    let of = |(k, y): (usize, super::finding::Years)| format!("{} ({})", y.sentence(), book.kernels[k].0);
    claim("Years of hardware, at most", "worth.html#years", widest.map(of));
    out
}

/// Ladders of several rungs on modelled machines, each kernel at its main shape.
fn modelled(book: &Book) -> Vec<Ladder<'_>> {
    let sites = (0..book.sites.len()).filter(|i| book.sites[*i].tier == Tier::Modelled);
    let all = sites.flat_map(|i| (0..book.kernels.len()).filter_map(move |k| book.main_ladder(k, i)));
    all.filter(|l| l.gain().is_some()).collect()
}

/// Where the middle kernel gains least and most.
fn worth(rows: &[Row], tier: Tier) -> Option<String> {
    let mut medians: Vec<(f64, &Row)> =
        rows.iter().filter(|r| r.site.tier == tier).filter_map(|r| Some((r.median()?, r))).collect();
    medians.sort_by(|a, b| a.0.total_cmp(&b.0));
    let on = |(median, row): &(f64, &Row)| format!("{} on {}", units::ratio(*median), row.site.dated());
    let name = capital(tier.name());
    match medians.as_slice() {
        [] => None,
        [one] => Some(format!("{name}: the best rung of the middle kernel is worth {}", on(one))),
        [low, .., high] => Some(format!(
            "{name}, {} machines: the best rung of the middle kernel is worth from {} to {}",
            medians.len(),
            on(low),
            on(high)
        )),
    }
}

/// What binds naive and what binds the best rungs, the three most frequent of each.
fn bounds(ladders: &[Ladder]) -> Option<String> {
    let ends: Vec<(Bound, Bound)> =
        ladders.iter().filter_map(|l| Some((timing(l.naive()?)?.bound?, timing(l.best()?)?.bound?))).collect();
    let most = |of: fn(&(Bound, Bound)) -> Bound| {
        let mut tally: BTreeMap<Bound, usize> = BTreeMap::new();
        ends.iter().for_each(|e| *tally.entry(of(e)).or_default() += 1);
        let mut ranked: Vec<(Bound, usize)> = tally.into_iter().collect();
        ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let share = |(b, n): &(Bound, usize)| format!("{} {}", b.name(), units::percent(*n as f64 / ends.len() as f64));
        ranked.iter().take(3).map(share).collect::<Vec<_>>().join(", ")
    };
    (!ends.is_empty()).then(|| {
        format!(
            "Modelled, {} ladders: naive code is bound by {}; the best rungs by {}",
            ends.len(),
            most(|e| e.0),
            most(|e| e.1)
        )
    })
}

/// How much of the floor naive and the best rungs reach, where operands come from memory.
fn headroom(ladders: &[Ladder]) -> Option<String> {
    let share = |r: &Record| Some(floor(r)? / timing(r)?.time_ns);
    let cold = |l: &&Ladder| l.best().and_then(timing).is_some_and(|t| !t.warm);
    let mut shares: Vec<(f64, f64)> =
        ladders.iter().filter(cold).filter_map(|l| Some((share(l.naive()?)?, share(l.best()?)?))).collect();
    let middle = shares.len() / 2;
    let mut median = |of: fn(&(f64, f64)) -> f64| {
        shares.sort_by(|a, b| of(a).total_cmp(&of(b)));
        shares.get(middle).map(of)
    };
    let (naive, best) = (median(|s| s.0)?, median(|s| s.1)?);
    Some(format!(
        "Modelled, {} ladders whose operands come from memory: the middle naive rung reaches {} of what the hardware allows, the \
         middle best rung {}",
        shares.len(),
        units::percent(naive),
        units::percent(best)
    ))
}

/// On how many kernels the fastest rung depends on the machine, and on how many of them surely.
fn winners(book: &Book) -> Option<String> {
    let (mut differ, mut sure, mut asked, mut most) = (0, 0, 0, (0, String::new()));
    for gpu in [false, true] {
        for (k, (name, _)) in book.kernels.iter().enumerate().filter(|(_, (name, _))| !is_token(name)) {
            let ladders = book.ladders(k, book.main_shape_of(k, gpu));
            let of_kind = ladders.iter().filter(|l| l.site.tier == Tier::Modelled && l.site.gpu == gpu);
            let contests: Vec<(&Ladder, &str)> =
                of_kind.filter(|l| l.gain().is_some()).filter_map(|l| Some((l, &*l.best()?.variant))).collect();
            let mut wins: BTreeMap<&str, usize> = BTreeMap::new();
            contests.iter().for_each(|(_, best)| *wins.entry(best).or_default() += 1);
            if wins.values().sum::<usize>() > 1 {
                asked += 1;
                differ += usize::from(wins.len() > 1);
                // Each of two machines surely has its own.
                let apart = |(a, x): &(&Ladder, &str), (b, y): &(&Ladder, &str)| {
                    x != y && a.surely_beats(y) && b.surely_beats(x)
                };
                sure += usize::from(contests.iter().any(|one| contests.iter().any(|other| apart(one, other))));
                if wins.len() > most.0 {
                    let names: Vec<&str> = wins.keys().copied().collect();
                    most = (wins.len(), format!("{name} has {} ({})", wins.len(), names.join(", ")));
                }
            }
        }
    }
    (differ > 0).then(|| {
        format!(
            "Modelled: {differ} of {asked} ladders of processors or of GPUs have another fastest rung on another machine, {sure} of \
             them beyond what the bands leave open; {}",
            most.1
        )
    })
}

/// What the ladders together are worth for a token of the model that most machines ran.
fn token(book: &Book) -> Option<String> {
    let mut of_shape: Vec<(usize, usize, Vec<Ladder>)> = Vec::new();
    for (k, (_, shapes)) in book.kernels.iter().enumerate().filter(|(_, (name, _))| is_token(name)) {
        let some = |l: &Ladder| l.site.tier == Tier::Modelled && l.gain().is_some();
        of_shape.extend((0..shapes.len()).map(|s| (k, s, book.ladders(k, s).into_iter().filter(some).collect())));
    }
    let (k, s, ladders) = of_shape.into_iter().max_by_key(|(_, _, ladders)| ladders.len())?;
    let mut gains: Vec<(f64, &Ladder)> = ladders.iter().filter_map(|l| Some((l.gain()?.ratio, l))).collect();
    gains.sort_by(|a, b| a.0.total_cmp(&b.0));
    let on = |(ratio, l): &(f64, &Ladder)| format!("{} on {}", units::ratio(*ratio), l.site.dated());
    let model = book.kernels[k].1[s].split('/').next().unwrap_or_default();
    let (low, high) = (gains.first()?, gains.last()?);
    Some(format!("Modelled, {model}: all kernels at their best rungs are worth from {} to {}", on(low), on(high)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::timed;
    use crate::record::{Outcome, Speedup};
    use crate::report::site;

    fn rung(id: &str, (rung, variant): (u32, &str), ns: f64, naive_ns: f64, bound: Bound) -> Record {
        let mut r = Record { rung, ..timed(Tier::Modelled, id, variant, ns) };
        r.machine.name = id.into();
        if let Outcome::Timed(t) = &mut r.outcome {
            let ratio = naive_ns / ns;
            t.speedup = Some(Speedup { ratio, low: ratio, high: ratio });
            (t.bound, t.floor_ns, t.warm) = (Some(bound), Some(10.0), false);
        }
        r
    }

    #[test]
    fn winners_that_the_bands_do_not_tell_apart_are_not_called_sure() {
        let on = |id: &str, simd: f64, tile: f64| {
            let all = [((0, "naive"), 100.0), ((1, "simd"), simd), ((2, "tile"), tile)];
            all.map(|(of, ns)| {
                let mut r = rung(id, of, ns, 100.0, Bound::Compute);
                if let Outcome::Timed(t) = &mut r.outcome {
                    (t.low_ns, t.high_ns) = (ns / 1.25, ns * 1.25);
                }
                r
            })
        };
        let said = |tile: f64| {
            let records = [on("a", 20.0, 40.0), on("b", 40.0, tile)].concat();
            winners(&Book::new(&records)).expect("two winners")
        };
        assert!(said(20.0).contains("1 of 1 ladders") && said(20.0).contains(", 1 of them beyond"), "{}", said(20.0));
        assert!(said(30.0).contains("1 of 1 ladders") && said(30.0).contains(", 0 of them beyond"), "{}", said(30.0));
    }

    #[test]
    fn each_finding_is_what_the_records_say() {
        let mut records = Vec::new();
        for (id, simd, tile) in [("a", 50.0, 20.0), ("b", 25.0, 40.0), ("c", 50.0, 12.5)] {
            records.push(rung(id, (0, "naive"), 100.0, 100.0, Bound::Latency));
            records.push(rung(id, (1, "simd"), simd, 100.0, Bound::Compute));
            records.push(rung(id, (2, "tile"), tile, 100.0, Bound::MemoryBandwidth));
        }
        let book = Book::new(&records);
        let said: Vec<String> = claims(&book, &site::rows(&book)).into_iter().map(|c| c.said).collect();
        let says = |words: &str| assert!(said.iter().any(|s| s.contains(words)), "{words}: {said:?}");
        says("Modelled, 3 machines: the best rung of the middle kernel is worth from 4.0× on b");
        says("to 8.0× on c");
        says("naive code is bound by latency 100 %; the best rungs by memory bandwidth 67 %, compute 33 %");
        says("the middle naive rung reaches 10 % of what the hardware allows, the middle best rung 50 %");
        says("1 of 1 ladders of processors or of GPUs have another fastest rung on another machine, 1 of them beyond");
        says("has 2 (simd, tile)");
        assert!(claims(&Book::new(&[]), &[]).is_empty());
    }
}
