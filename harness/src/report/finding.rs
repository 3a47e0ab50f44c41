//! The finding of each chart, as a sentence computed from the records. A sentence claims an order only where the bands
//! do not touch; where the records do not carry a claim, it says what they do carry.

use std::collections::BTreeMap;

use super::chart::strip::Row;
use super::group::{Book, Ladder, Site, band, floor, speedup, timing, withheld};
use super::units;
use crate::record::{Bound, Record, Speedup, Tier};

/// One ladder on one site: what the best rung is worth, where the largest step is, and what is left.
pub fn ladder(l: &Ladder) -> String {
    let place = l.site.short();
    let Some(best) = l.best() else {
        return format!("No rung has a time on {place}{}", reasons(&l.rungs));
    };
    let Some(naive) = l.naive().filter(|r| timing(r).is_some()) else {
        return format!("Naive has no time on {place}; {} is the fastest rung", best.variant);
    };
    if best.variant == naive.variant {
        return match l.timed().count() {
            1 => format!("Naive is the only rung timed on {place}{}", left(best)),
            _ => format!("No rung beats naive on {place}{}", left(best)),
        };
    }
    let Some(gain) = speedup(best) else {
        return format!("{} is the fastest rung on {place}{}", best.variant, left(best));
    };
    if !gain.clear() {
        return format!("No rung is clearly faster than naive on {place}{}", left(best));
    }
    let step = match largest_step(l) {
        Some((to, _)) if to.variant == best.variant && l.timed().count() == 2 => String::new(),
        Some((to, ratio)) if to.variant == best.variant && ratio < 0.9 * gain.ratio => {
            format!("; its own step, {}, is the largest", units::ratio(ratio))
        }
        Some((to, _)) if to.variant == best.variant => ", nearly all of it in that one step".to_string(),
        Some((to, ratio)) => format!("; the largest step is {} ({})", to.variant, units::ratio(ratio)),
        None => String::new(),
    };
    format!("{} is worth {} over naive on {place}{step}{}", best.variant, units::ratio(gain.ratio), left(best))
}

/// What a kernel's records say over shapes, machines and years: one sentence per claim, each with its tier.
pub fn kernel(book: &Book, k: usize) -> Vec<String> {
    let mut out = Vec::new();
    for tier in book.tiers() {
        let sites = (0..book.sites.len()).filter(|i| book.sites[*i].tier == tier).collect::<Vec<_>>();
        match sites.as_slice() {
            [site] => out.extend(over_shapes(book, k, *site)),
            _ => out.extend(book.main_shapes(k).into_iter().filter_map(|s| over_sites(book, k, s, tier))),
        }
    }
    out.extend(years(book, k).map(|y| y.sentence()));
    if out.is_empty() {
        out.push("No rung of this kernel has a speedup to report".to_string());
    }
    out
}

/// Heat map of one kernel and shape: which rung pays most unevenly over the machines of the tier with most of them.
pub fn heatmap(book: &Book, k: usize, s: usize) -> String {
    let ladders = book.ladders(k, s);
    let count = |tier: Tier| ladders.iter().filter(|l| l.site.tier == tier).count();
    let Some(tier) = book.tiers().into_iter().max_by_key(|t| (count(*t), *t)) else {
        return "No records".to_string();
    };
    let mut by_variant: BTreeMap<&str, Vec<(&Site, Speedup)>> = BTreeMap::new();
    for l in ladders.iter().filter(|l| l.site.tier == tier) {
        for r in l.rungs.iter().filter(|r| r.rung > 0) {
            if let Some(gain) = speedup(r) {
                by_variant.entry(&r.variant).or_default().push((l.site, gain));
            }
        }
    }
    let spread = |all: &[(&Site, Speedup)]| extremes(all).map_or(0.0, |(low, high)| high.1.ratio / low.1.ratio);
    let widest = by_variant.iter().filter(|(_, all)| all.len() > 1).max_by(|a, b| spread(a.1).total_cmp(&spread(b.1)));
    let Some((variant, all)) = widest else {
        return match by_variant.iter().next() {
            Some((variant, all)) => {
                format!("{variant} is worth {} on {} ({})", units::ratio(all[0].1.ratio), all[0].0.short(), tier.name())
            }
            None => format!("No rung has a speedup over naive ({})", tier.name()),
        };
    };
    match extremes(all) {
        Some((low, high)) if high.1.low > low.1.high => {
            let verb = if high.1.clear() { "pays" } else { "gives" };
            let loss = if low.1.high < 1.0 { ", a loss," } else { "" };
            format!(
                "{variant} {verb} {} on {} but {}{loss} on {} ({})",
                units::ratio(high.1.ratio),
                high.0.dated(),
                units::ratio(low.1.ratio),
                low.0.dated(),
                tier.name()
            )
        }
        _ => {
            format!("No rung pays clearly more on one of the {} machines than on another ({})", all.len(), tier.name())
        }
    }
}

/// Roofline of one site: what limits the rungs there; `ladders` are those the chart shows, with their kernels' names.
pub fn roofline(site: &Site, ladders: &[(&str, Ladder)]) -> String {
    let place = site.short();
    let best: Vec<(&str, &Record)> = ladders.iter().filter_map(|(k, l)| l.best().map(|r| (*k, r))).collect();
    if best.is_empty() {
        return format!("No rung has a time on {place}");
    }
    let bounds: Vec<Bound> = best.iter().filter_map(|(_, r)| timing(r)?.bound).collect();
    if bounds.len() < best.len() {
        return nearest_floor(place, &best);
    }
    let mut tally: BTreeMap<Bound, usize> = BTreeMap::new();
    for b in &bounds {
        *tally.entry(*b).or_default() += 1;
    }
    if let [(only, _)] = tally.iter().map(|(b, n)| (*b, *n)).collect::<Vec<_>>()[..] {
        let all = if best.len() == 1 { "the best rung".to_string() } else { "every kernel's best rung".to_string() };
        let from = uniform_from(ladders, only).map(|v| format!(", and so is all from {v} up")).unwrap_or_default();
        return format!("On {place} {all} is bound by {}{from}", only.name());
    }
    let mut ranked: Vec<(Bound, usize)> = tally.into_iter().collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let parts: Vec<String> = ranked
        .iter()
        .map(|(b, n)| {
            match best.iter().filter(|(_, r)| timing(r).and_then(|t| t.bound) == Some(*b)).collect::<Vec<_>>()[..] {
                [(k, _)] => format!("{k} by {}", b.name()),
                _ => format!("{n} of {} kernels by {}", best.len(), b.name()),
            }
        })
        .collect();
    format!("On {place} the best rungs are bound as follows: {}", parts.join(", "))
}

/// The page's first claim: the range of what the ladders are worth, per tier.
pub fn lead(book: &Book) -> Vec<String> {
    let mut out = Vec::new();
    for tier in book.tiers() {
        let mut gains: Vec<(String, Speedup)> = Vec::new();
        let mut sites = 0;
        for (i, site) in book.sites.iter().enumerate().filter(|(_, s)| s.tier == tier) {
            sites += 1;
            for k in 0..book.kernels.len() {
                let gain = book.main_ladder(k, i).and_then(|l| l.gain());
                gains.extend(gain.map(|g| (format!("{} on {}", book.kernels[k].0, site.short()), g)));
            }
        }
        let by_ratio = |a: &&(String, Speedup), b: &&(String, Speedup)| a.1.ratio.total_cmp(&b.1.ratio);
        if let (Some(low), Some(high)) = (gains.iter().min_by(by_ratio), gains.iter().max_by(by_ratio)) {
            let machines = if sites == 1 { "one machine".to_string() } else { format!("{sites} machines") };
            out.push(match gains.len() {
                1 => format!("{}: the ladder is worth {} ({})", capital(tier.name()), units::ratio(low.1.ratio), low.0),
                _ => format!(
                    "{}, {machines}: a whole ladder is worth from {} ({}) to {} ({})",
                    capital(tier.name()),
                    units::ratio(low.1.ratio),
                    low.0,
                    units::ratio(high.1.ratio),
                    high.0
                ),
            });
        }
    }
    out
}

/// The page's heading: what the best code is worth on the oldest and on the newest machine that has a year, or on the only
/// one there is; the median of its kernels.
pub fn story(rows: &[Row]) -> Option<String> {
    let worth = |row: &Row| {
        let Site { tier, year, .. } = row.site;
        let when = year.map_or(String::new(), |y| format!(", {y}"));
        Some(format!("{} on {} ({}{when})", units::ratio(row.median()?), row.site.short(), tier.name()))
    };
    let there = || rows.iter().filter(|r| !r.dots.is_empty());
    let dated = || there().filter(|r| r.site.year.is_some());
    let old = dated().min_by_key(|r| r.site.year);
    let new = dated().max_by_key(|r| r.site.year);
    match (old, new) {
        (Some(old), Some(new)) if old.site != new.site => {
            Some(format!("Hand optimization is worth {} and {}", worth(old)?, worth(new)?))
        }
        _ => Some(format!("Hand optimization is worth {}", worth(there().next_back()?)?)),
    }
}

/// The best rung on an old machine beats naive on a newer one.
#[derive(Clone, Debug)]
pub struct Years<'a> {
    /// The old machine and its best rung.
    pub old: (&'a Site, &'a Record),
    /// The newer machine, which runs naive.
    pub new: &'a Site,
    /// Years between the two.
    pub years: u16,
}

impl Years<'_> {
    /// The claim as a sentence.
    pub fn sentence(&self) -> String {
        let (old, record) = self.old;
        let plural = if self.years == 1 { "" } else { "s" };
        format!(
            "Modelled, {}: {} on {} beats naive on {}: {} year{plural} of hardware",
            record.dims,
            record.variant,
            old.dated(),
            self.new.dated(),
            self.years
        )
    }
}

/// The widest gap in years over which the best rung on the older machine beats naive on the newer (modelled tier,
/// main shape); bands must not touch.
pub fn years(book: &Book, k: usize) -> Option<Years<'_>> {
    let ladders: Vec<Ladder> = book.main_shapes(k).into_iter().flat_map(|s| book.ladders(k, s)).collect();
    let modelled: Vec<&Ladder> = ladders.iter().filter(|l| l.site.tier == Tier::Modelled).collect();
    let mut found: Option<Years<'_>> = None;
    for old in &modelled {
        let Some(best) = old.best().filter(|r| r.rung > 0) else { continue };
        let Some((_, slowest)) = timing(best).and_then(band) else { continue };
        // A graphics processor is no newer or older kind of the others.
        for new in modelled.iter().filter(|new| new.site.gpu == old.site.gpu) {
            let Some(naive) = new.naive().filter(|r| r.shape == best.shape) else { continue };
            let (Some(from), Some(to)) = (old.site.year, new.site.year) else { continue };
            let Some((fastest, _)) = timing(naive).and_then(band) else { continue };
            let wider = to > from && found.as_ref().is_none_or(|f| to - from > f.years);
            if wider && slowest < fastest {
                found = Some(Years { old: (old.site, best), new: new.site, years: to - from });
            }
        }
    }
    found
}

fn over_shapes(book: &Book, k: usize, site: usize) -> Option<String> {
    let place = &book.sites[site];
    let mut gains: Vec<(String, &Record, Speedup)> = Vec::new();
    for s in 0..book.kernels[k].1.len() {
        if let Some((best, gain)) = book.ladder_at(k, s, site).and_then(|l| l.best().zip(l.gain())) {
            gains.push((book.dims(k, s), best, gain));
        }
    }
    let low = gains.iter().min_by(|a, b| a.2.ratio.total_cmp(&b.2.ratio))?;
    let high = gains.iter().max_by(|a, b| a.2.ratio.total_cmp(&b.2.ratio))?;
    let tier = capital(place.tier.name());
    let claim = |g: &(String, &Record, Speedup)| format!("{} at {} ({})", units::ratio(g.2.ratio), g.0, g.1.variant);
    Some(if !high.2.clear() {
        format!("{tier}: no rung is clearly faster than naive on {}", place.short())
    } else if gains.len() == 1 {
        format!("{tier}: on {} the ladder is worth {}", place.short(), claim(high))
    } else if high.2.low > low.2.high {
        format!("{tier}: on {} the ladder is worth {} and {}", place.short(), claim(high), claim(low))
    } else if units::ratio(low.2.ratio) == units::ratio(high.2.ratio) {
        format!("{tier}: on {} the ladder is worth {} at every shape", place.short(), units::ratio(high.2.ratio))
    } else {
        let (from, to) = (claim(low), claim(high));
        format!("{tier}: on {} the ladder is worth {from} to {to}, which their bands do not tell apart", place.short())
    })
}

fn over_sites(book: &Book, k: usize, s: usize, tier: Tier) -> Option<String> {
    let ladders = book.ladders(k, s);
    // Machines of the kind that the shape stands for.
    let stands = |l: &&Ladder| l.site.tier == tier && book.main_shape_of(k, l.site.gpu) == s;
    let gains: Vec<(&Site, Speedup)> =
        ladders.iter().filter(stands).filter_map(|l| Some((l.site, l.gain()?))).collect();
    let (low, high) = extremes(&gains)?;
    let (name, dims) = (capital(tier.name()), book.dims(k, s));
    Some(match gains.len() {
        1 => format!("{name}, {dims}: the ladder is worth {} on {}", units::ratio(high.1.ratio), high.0.dated()),
        n => format!(
            "{name}, {dims}: over {n} machines the ladder is worth from {} ({}) to {} ({})",
            units::ratio(low.1.ratio),
            low.0.short(),
            units::ratio(high.1.ratio),
            high.0.short()
        ),
    })
}

type Gain<'a> = (&'a Site, Speedup);

fn extremes<'a, 'b>(all: &'b [Gain<'a>]) -> Option<(&'b Gain<'a>, &'b Gain<'a>)> {
    let by_ratio = |a: &&Gain, b: &&Gain| a.1.ratio.total_cmp(&b.1.ratio);
    Some((all.iter().min_by(by_ratio)?, all.iter().max_by(by_ratio)?))
}

/// The largest gain between neighbouring timed rungs whose bands do not touch.
fn largest_step<'a>(l: &Ladder<'a>) -> Option<(&'a Record, f64)> {
    let timed: Vec<_> = l.timed().collect();
    let steps = timed.windows(2).filter_map(|pair| {
        let (slow, fast) = (pair[0].1, pair[1].1);
        let ((low, _), (_, high)) = (band(slow)?, band(fast)?);
        (high < low).then_some((pair[1].0, slow.time_ns / fast.time_ns))
    });
    steps.max_by(|a, b| a.1.total_cmp(&b.1))
}

/// What is left above the best rung: its bound, or its distance from the floor.
fn left(best: &Record) -> String {
    let Some(t) = timing(best) else { return String::new() };
    let over = floor(best).map(|f| t.time_ns / f).filter(|x| *x >= 1.0);
    match (t.bound, over) {
        (Some(b), Some(x)) => format!(", bound by {} at {} the floor", b.name(), units::ratio(x)),
        (Some(b), None) => format!(", bound by {}", b.name()),
        (None, Some(x)) if x < 1.1 => ", within a tenth of the floor".to_string(),
        (None, Some(x)) => format!(", at {} the floor", units::ratio(x)),
        (None, None) => String::new(),
    }
}

fn nearest_floor(place: &str, best: &[(&str, &Record)]) -> String {
    let share = |r: &Record| Some(floor(r)? / timing(r)?.time_ns);
    let shares: Vec<(&str, f64)> = best.iter().filter_map(|(k, r)| Some((*k, share(r)?))).collect();
    let by_share = |a: &&(&str, f64), b: &&(&str, f64)| a.1.total_cmp(&b.1);
    match (shares.iter().max_by(by_share), shares.iter().min_by(by_share)) {
        (Some(near), Some(far)) if near.0 != far.0 => format!(
            "On {place} {} comes nearest to its limit ({}) and {} stays furthest from it ({})",
            near.0,
            units::percent(near.1),
            far.0,
            units::percent(far.1)
        ),
        (Some(near), _) => format!("On {place} {} reaches {} of its limit", near.0, units::percent(near.1)),
        _ => format!("On {place} the limits are not known, so no rung can be held against them"),
    }
}

/// The lowest variant name from which, in every kernel, all higher timed rungs are bound by `bound`; only where the
/// kernels agree on that variant and it is neither naive nor merely the best.
fn uniform_from<'a>(ladders: &[(&str, Ladder<'a>)], bound: Bound) -> Option<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for (_, l) in ladders {
        let timed: Vec<_> = l.timed().collect();
        let run = timed.iter().rev().take_while(|(_, t)| t.bound == Some(bound)).count();
        let first = timed.len() - run;
        if run < 2 || first == 0 {
            return None;
        }
        names.push(&timed[first].0.variant);
    }
    names.dedup();
    (names.len() == 1).then(|| names[0])
}

/// ` (4 n/a, 1 no fit)` for rungs without a time.
fn reasons(rungs: &[&Record]) -> String {
    let mut tally: BTreeMap<&str, usize> = BTreeMap::new();
    for (word, _) in rungs.iter().filter_map(|r| withheld(r)) {
        *tally.entry(word).or_default() += 1;
    }
    let parts: Vec<String> = tally.into_iter().map(|(word, n)| format!("{n} {word}")).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

/// The word with a capital.
pub(super) fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::timed;
    use crate::record::{Base, Outcome};

    /// A ladder of two on a machine whose model may be off by a quarter either way, as the models write it.
    fn modelled(machine: &str, naive_ns: f64, simd_ns: f64) -> Vec<Record> {
        let mut base = Base::default();
        let rungs = [("naive", naive_ns), ("simd", simd_ns)].into_iter().enumerate();
        let record = |(rung, (variant, ns))| {
            let mut r = Record { rung: rung as u32, ..timed(Tier::Modelled, machine, variant, ns) };
            if let Outcome::Timed(t) = &mut r.outcome {
                (t.low_ns, t.high_ns, t.speedup) = (ns / 1.25, ns * 1.25, None);
            }
            base.put_speedup(rung, &mut r.outcome);
            r
        };
        rungs.map(record).collect()
    }

    #[test]
    fn what_a_model_s_bands_do_not_carry_is_no_finding() {
        let said = |simd_ns: f64| {
            let book = Book::new(&modelled("a", 100.0, simd_ns));
            (ladder(&book.ladders(0, 0)[0]), kernel(&book, 0))
        };
        // Bands of a quarter each: below 1.5625 times a gain may be none.
        for simd_ns in [99.0, 65.0] {
            let (on_one, of_kernel) = said(simd_ns);
            assert!(on_one.contains("No rung is clearly faster than naive"), "{on_one}");
            assert!(of_kernel[0].contains("no rung is clearly faster"), "{of_kernel:?}");
        }
        assert!(said(63.0).0.contains("simd is worth 1.59× over naive"), "{}", said(63.0).0);
        let over = |a_ns: f64, b_ns: f64| {
            let records = [modelled("a", 100.0, a_ns), modelled("b", 100.0, b_ns)].concat();
            heatmap(&Book::new(&records), 0, 0)
        };
        assert!(over(99.0, 100.0).contains("No rung pays clearly more"), "{}", over(99.0, 100.0));
        assert!(over(10.0, 20.0).contains("No rung pays clearly more"), "{}", over(10.0, 20.0));
        assert!(over(10.0, 40.0).contains("simd pays 10"), "{}", over(10.0, 40.0));
    }
}
