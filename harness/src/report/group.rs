//! Records indexed by kernel, shape and site, with the few questions every view asks of them: which rung is naive,
//! which is best, what is the floor. Text is cleaned here once, so that no view has to think of it again.

use std::collections::{BTreeMap, BTreeSet};

use super::text;
use crate::record::{Outcome, Record, Speedup, Tier, Timing};

/// Where a number came from: a machine in a tier. One machine in two tiers is two sites; they are never mixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// How the numbers came to be.
    pub tier: Tier,
    /// Profile id, or `this-host`.
    pub id: String,
    /// Full name.
    pub name: String,
    /// Year of introduction.
    pub year: Option<u16>,
    /// True of a graphics processor: its rungs are shaders.
    pub gpu: bool,
}

impl Site {
    /// Where a record is from.
    pub fn of(r: &Record) -> Self {
        let m = &r.machine;
        Site { tier: r.tier, id: m.id.clone(), name: m.name.clone(), year: m.year, gpu: m.class == "gpu" }
    }

    /// The name for sentences and headings: without a trailing parenthesis.
    pub fn short(&self) -> &str {
        if self.id == "this-host" {
            return "this host";
        }
        // Its limits are its name.
        if self.tier == Tier::Capped {
            return &self.name;
        }
        match self.name.split_once(" (") {
            Some((short, _)) if !short.trim().is_empty() => short,
            _ if self.name.trim().is_empty() => &self.id,
            _ => &self.name,
        }
    }

    /// The short name with the year where there is one.
    pub fn dated(&self) -> String {
        match self.year {
            Some(year) => format!("{} ({year})", self.short()),
            None => self.short().to_string(),
        }
    }
}

/// One ladder on one site: the rungs of a kernel and shape, in order.
#[derive(Clone, Debug)]
pub struct Ladder<'a> {
    /// Where.
    pub site: &'a Site,
    /// One record per variant, by rung.
    pub rungs: Vec<&'a Record>,
    /// The place of each of them in [`Book::records`].
    pub at: &'a [usize],
}

impl<'a> Ladder<'a> {
    /// Rung 0, timed or not.
    pub fn naive(&self) -> Option<&'a Record> {
        self.rungs.iter().copied().find(|r| r.rung == 0)
    }

    /// The timed rung that takes least time.
    pub fn best(&self) -> Option<&'a Record> {
        self.timed().min_by(|a, b| a.1.time_ns.total_cmp(&b.1.time_ns)).map(|(record, _)| record)
    }

    /// The place in [`Book::records`] of one of its records.
    pub fn place(&self, record: &Record) -> Option<usize> {
        self.rungs.iter().position(|r| std::ptr::eq(*r, record)).map(|i| self.at[i])
    }

    /// The rungs with a usable time.
    pub fn timed(&self) -> impl Iterator<Item = (&'a Record, &'a Timing)> + '_ {
        self.rungs.iter().copied().filter_map(|r| timing(r).map(|t| (r, t)))
    }

    /// True where the bands leave no doubt that its best rung beats another variant, or where that one has no time.
    pub fn surely_beats(&self, other: &str) -> bool {
        let best = self.best().and_then(timing);
        let other = self.timed().find(|(r, _)| r.variant == other);
        best.is_some_and(|best| other.is_none_or(|(_, other)| Speedup::over(other, best).clear()))
    }

    /// Speedup of the best rung; none where rung 0 alone has a time: nothing else could run, so nothing was gained or lost.
    pub fn gain(&self) -> Option<Speedup> {
        let others = || self.timed().any(|(r, _)| r.rung > 0);
        self.best().filter(|_| others()).and_then(speedup)
    }
}

/// All records, indexed.
#[derive(Debug)]
pub struct Book {
    /// Cleaned copies, in the order given, without raw samples.
    pub records: Vec<Record>,
    /// Kernels in order of first appearance, each with its shapes in order of first appearance.
    pub kernels: Vec<(String, Vec<String>)>,
    /// Sites: by tier's place on an axis, then year, then name. This host, free, comes last.
    pub sites: Vec<Site>,
    /// How many records were overruled by a later record of the same cell.
    pub repeated: usize,
    ladders: BTreeMap<(usize, usize, usize), Vec<usize>>,
    /// Of each kernel: on processors and emulated machines, and on graphics processors.
    main_shapes: Vec<[usize; 2]>,
}

impl Book {
    /// Indexes `records`; where a cell occurs twice the later record counts.
    pub fn new(records: &[Record]) -> Self {
        let mut records: Vec<Record> = records.iter().map(cleaned).collect();
        part_hosts(&mut records);
        let mut kernels: Vec<(String, Vec<String>)> = Vec::new();
        let mut kernel_at: BTreeMap<String, usize> = BTreeMap::new();
        let mut shape_at: BTreeMap<(usize, String), usize> = BTreeMap::new();
        let mut sites: Vec<Site> = Vec::new();
        let mut known: BTreeMap<(Tier, String), ()> = BTreeMap::new();
        for r in &records {
            let k = *kernel_at.entry(r.kernel.clone()).or_insert_with(|| {
                kernels.push((r.kernel.clone(), Vec::new()));
                kernels.len() - 1
            });
            shape_at.entry((k, r.shape.clone())).or_insert_with(|| {
                kernels[k].1.push(r.shape.clone());
                kernels[k].1.len() - 1
            });
            known.entry((r.tier, r.machine.id.clone())).or_insert_with(|| sites.push(Site::of(r)));
        }
        sites.sort_by(|a, b| site_key(a).cmp(&site_key(b)));
        let site_at: BTreeMap<(Tier, &str), usize> =
            sites.iter().enumerate().map(|(i, s)| ((s.tier, s.id.as_str()), i)).collect();
        let mut repeated = 0;
        let mut ladders: BTreeMap<(usize, usize, usize), Vec<usize>> = BTreeMap::new();
        for (i, r) in records.iter().enumerate() {
            let k = kernel_at[&r.kernel];
            let s = shape_at[&(k, r.shape.clone())];
            let rungs = ladders.entry((k, s, site_at[&(r.tier, r.machine.id.as_str())])).or_default();
            match rungs.iter_mut().find(|at| records[**at].variant == r.variant) {
                Some(at) => {
                    *at = i;
                    repeated += 1;
                }
                None => rungs.push(i),
            }
        }
        for rungs in ladders.values_mut() {
            rungs.sort_by_key(|i| records[*i].rung);
        }
        let mut book = Book { records, kernels, sites, repeated, ladders, main_shapes: Vec::new() };
        book.main_shapes = (0..book.kernels.len()).map(|k| book.largest_shapes(k)).collect();
        book
    }

    /// The ladder of kernel `k` and its shape `s` on each site that has one, in site order.
    pub fn ladders(&self, k: usize, s: usize) -> Vec<Ladder<'_>> {
        let range = self.ladders.range((k, s, 0)..=(k, s, usize::MAX));
        range.map(|((_, _, site), rungs)| self.ladder(*site, rungs)).collect()
    }

    /// The ladder of kernel `k` and shape `s` on site number `site`.
    pub fn ladder_at(&self, k: usize, s: usize, site: usize) -> Option<Ladder<'_>> {
        self.ladders.get(&(k, s, site)).map(|rungs| self.ladder(site, rungs))
    }

    fn ladder<'a>(&'a self, site: usize, at: &'a [usize]) -> Ladder<'a> {
        Ladder { site: &self.sites[site], rungs: at.iter().map(|i| &self.records[*i]).collect(), at }
    }

    /// The shape that stands for kernel `k`: the one that moves most bytes, so the one furthest out of cache, of those of
    /// processors where there are some.
    pub fn main_shape(&self, k: usize) -> usize {
        self.main_shape_of(k, false)
    }

    /// The same on machines of one kind: what fills a graphics processor is larger than what keeps a processor busy.
    pub fn main_shape_of(&self, k: usize, gpu: bool) -> usize {
        self.main_shapes[k][usize::from(gpu)]
    }

    /// Both main shapes of a kernel, or the one that they are.
    pub fn main_shapes(&self, k: usize) -> Vec<usize> {
        let mut both = self.main_shapes[k].to_vec();
        both.dedup();
        both
    }

    fn largest_shapes(&self, k: usize) -> [usize; 2] {
        let largest = |gpu: bool| {
            let bytes = |s: usize| {
                let all = self.ladders(k, s);
                let of_kind = all.iter().filter(|l| l.site.gpu == gpu);
                of_kind.flat_map(|l| &l.rungs).map(|r| r.cost.bytes).max()
            };
            (0..self.kernels[k].1.len())
                .rev()
                .filter_map(|s| Some((bytes(s)?, s)))
                .max_by_key(|(b, _)| *b)
                .map(|(_, s)| s)
        };
        let (processors, gpus) = (largest(false), largest(true));
        [processors.or(gpus), gpus.or(processors)].map(Option::unwrap_or_default)
    }

    /// The ladder that stands for kernel `k` on a site: at its main shape or, where that is not there, at the one that moves
    /// most bytes (machines of 64 KB have shapes of their own).
    pub fn main_ladder(&self, k: usize, site: usize) -> Option<Ladder<'_>> {
        let bytes = |l: &Ladder| l.rungs.iter().map(|r| r.cost.bytes).max();
        let others = || (0..self.kernels[k].1.len()).filter_map(|s| self.ladder_at(k, s, site)).max_by_key(bytes);
        self.ladder_at(k, self.main_shape_of(k, self.sites[site].gpu), site).or_else(others)
    }

    /// The same with a time: where its main shape has none on a site, the shape that moves most bytes of those that have. With
    /// that shape's number, unless it is the main one.
    pub fn fitting_ladder(&self, k: usize, site: usize) -> Option<(Option<usize>, Ladder<'_>)> {
        let main = self.main_ladder(k, site)?;
        if main.best().is_some() {
            return Some((None, main));
        }
        let timed = |s: usize| Some((s, self.ladder_at(k, s, site).filter(|l| l.best().is_some())?));
        let bytes = |(_, l): &(usize, Ladder)| l.rungs.iter().map(|r| r.cost.bytes).max();
        let other = (0..self.kernels[k].1.len()).filter_map(timed).max_by_key(bytes);
        Some(other.map_or((None, main), |(s, ladder)| (Some(s), ladder)))
    }

    /// The sizes of a shape for people, else its name.
    pub fn dims(&self, k: usize, s: usize) -> String {
        let named = |r: &Record| (!r.dims.trim().is_empty()).then(|| r.dims.clone());
        let all = self.ladders(k, s);
        all.iter().flat_map(|l| &l.rungs).find_map(|r| named(r)).unwrap_or_else(|| self.kernels[k].1[s].clone())
    }

    /// A record of each rung: kernels in order, rungs in order, shaders after the others, then machine code by processor. Rungs
    /// of different machines may bear one name; their ideas tell them apart.
    pub fn rungs(&self) -> Vec<&Record> {
        let mut first: BTreeMap<(usize, bool, &str, u32, &str, &str), &Record> = BTreeMap::new();
        let kernel_at: BTreeMap<&str, usize> =
            self.kernels.iter().enumerate().map(|(k, (n, _))| (n.as_str(), k)).collect();
        let mut seen: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
        for r in &self.records {
            if seen.insert((&r.kernel, &r.variant, &r.idea)) {
                let isa = if r.tier == Tier::Emulated { &*r.machine.isa } else { "" };
                let place =
                    (kernel_at[r.kernel.as_str()], r.machine.class == "gpu", isa, r.rung, &*r.variant, &*r.idea);
                first.insert(place, r);
            }
        }
        first.into_values().collect()
    }

    /// The variants of kernel `k` over all shapes and sites, in rung order, each with its rung; shaders after the others.
    pub fn variants(&self, k: usize) -> Vec<(u32, String)> {
        let mut seen: BTreeMap<&str, (bool, u32)> = BTreeMap::new();
        for ((_, _, site), rungs) in self.ladders.range((k, 0, 0)..=(k, usize::MAX, usize::MAX)) {
            for r in rungs.iter().map(|i| &self.records[*i]) {
                let place = (self.sites[*site].gpu, r.rung);
                seen.entry(&r.variant).and_modify(|first| *first = place.min(*first)).or_insert(place);
            }
        }
        let mut all: Vec<((bool, u32), &str)> = seen.into_iter().map(|(v, place)| (place, v)).collect();
        all.sort();
        all.into_iter().map(|((_, rung), v)| (rung, v.to_string())).collect()
    }

    /// Tiers that occur, in the order in which they are shown: this host first.
    pub fn tiers(&self) -> Vec<Tier> {
        let mut tiers: Vec<Tier> = self.sites.iter().map(|s| s.tier).collect();
        tiers.sort();
        tiers.dedup();
        tiers
    }
}

/// The timing of a record if it is one that can be shown: finite and positive.
pub fn timing(r: &Record) -> Option<&Timing> {
    match &r.outcome {
        Outcome::Timed(t) if usable(t.time_ns) => Some(t),
        _ => None,
    }
}

/// The band round a time, ns, where it is one: finite, and round the time.
pub fn band(t: &Timing) -> Option<(f64, f64)> {
    (usable(t.low_ns) && usable(t.high_ns) && t.low_ns <= t.time_ns && t.time_ns <= t.high_ns)
        .then_some((t.low_ns, t.high_ns))
}

/// The floor of a record, ns, where it is known.
pub fn floor(r: &Record) -> Option<f64> {
    timing(r)?.floor_ns.filter(|f| usable(*f))
}

/// Cycles for each two operations of the contract, which is a multiply-add where the kernel is made of those: of what an
/// emulated processor counted.
pub fn cycles_per_mac(r: &Record) -> Option<f64> {
    let cycles = timing(r)?.cycles?.cycles as f64;
    Some(2.0 * cycles / r.cost.operations as f64).filter(|each| usable(*each))
}

/// Speedup over naive where it is known and usable; an interval that is not one collapses to the ratio.
pub fn speedup(r: &Record) -> Option<Speedup> {
    let s = timing(r)?.speedup.filter(|s| usable(s.ratio))?;
    let sound = usable(s.low) && usable(s.high) && s.low <= s.ratio && s.ratio <= s.high;
    Some(if sound { s } else { Speedup { ratio: s.ratio, low: s.ratio, high: s.ratio } })
}

/// A short word and the reason for a cell without a usable time; none for a timed cell.
pub fn withheld(r: &Record) -> Option<(&'static str, &str)> {
    match &r.outcome {
        Outcome::Timed(t) if usable(t.time_ns) => None,
        Outcome::Timed(_) => Some(("no time", "the recorded time is not a positive number")),
        Outcome::Wrong { reason } => Some(("wrong", reason)),
        Outcome::NotAvailable { reason } => Some(("n/a", reason)),
        Outcome::DoesNotFit { reason } => Some(("no fit", reason)),
        Outcome::Refused { reason } => Some(("refused", reason)),
        Outcome::Void { reason } => Some(("void", reason)),
    }
}

/// The status of a record in full words.
pub fn status(r: &Record) -> &'static str {
    match &r.outcome {
        Outcome::Timed(t) if !usable(t.time_ns) => "no usable time",
        outcome => outcome.status(),
    }
}

fn usable(x: f64) -> bool {
    x.is_finite() && x > 0.0
}

/// Published and emulated machines come first, then modelled, graphics processors last, then this host capped, then this
/// host free.
fn site_key(s: &Site) -> (u8, bool, u16, &str, &str) {
    let place = match s.tier {
        Tier::Published => 0,
        Tier::Emulated => 1,
        Tier::Modelled => 2,
        Tier::Capped => 3,
        Tier::Native => 4,
    };
    (place, s.gpu, s.year.unwrap_or(u16::MAX), &s.name, &s.id)
}

/// What was measured on several hosts is of several machines, though each of them calls itself this host.
fn part_hosts(records: &mut [Record]) {
    let host = |r: &Record| (r.environment.cpu.clone(), r.environment.host.clone());
    let measured = |r: &&mut Record| matches!(r.tier, Tier::Native | Tier::Capped);
    let mut hosts: Vec<(String, String)> = Vec::new();
    let mut ids: BTreeMap<(Tier, String), (String, String)> = BTreeMap::new();
    let mut apart = true;
    for r in records.iter_mut().filter(measured) {
        let host = host(r);
        apart &= *ids.entry((r.tier, r.machine.id.clone())).or_insert_with(|| host.clone()) == host;
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    if apart {
        return;
    }
    for r in records.iter_mut().filter(measured) {
        let number = 1 + hosts.iter().position(|known| *known == host(r)).unwrap_or_default();
        let (cpu, setting) = host(r);
        let alike = hosts.iter().filter(|(other, _)| *other == cpu).count() > 1;
        let name = if alike { format!("{cpu}, {setting}") } else { cpu };
        let m = &mut r.machine;
        m.name = match r.tier {
            Tier::Capped => format!("{}, of {name}", m.name),
            _ => name,
        };
        m.id = format!("{}-{number}", m.id);
    }
}

fn cleaned(r: &Record) -> Record {
    let c = text::clean;
    let mut r = r.clone();
    for s in [&mut r.kernel, &mut r.shape, &mut r.dims, &mut r.variant, &mut r.idea] {
        *s = c(s);
    }
    let (m, e) = (&mut r.machine, &mut r.environment);
    for s in [&mut m.id, &mut m.name, &mut m.class, &mut m.isa] {
        *s = c(s);
    }
    for s in [&mut e.commit, &mut e.rustc, &mut e.build_features, &mut e.cpu, &mut e.host, &mut e.command] {
        *s = c(s);
    }
    for cap in &mut r.caps {
        let words = [&mut cap.resource, &mut cap.limit, &mut cap.mechanism].into_iter().chain(&mut cap.proof);
        words.for_each(|s| *s = c(s));
    }
    match &mut r.outcome {
        Outcome::Timed(t) => t.samples_ns = Vec::new(),
        Outcome::Wrong { reason }
        | Outcome::NotAvailable { reason }
        | Outcome::DoesNotFit { reason }
        | Outcome::Refused { reason }
        | Outcome::Void { reason } => *reason = c(reason),
    }
    r
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::timed;

    fn rung(rung: u32, variant: &str, ns: f64) -> Record {
        let mut r = Record { rung, ..timed(Tier::Modelled, "a", variant, ns) };
        if let Outcome::Timed(t) = &mut r.outcome {
            t.speedup = Some(Speedup { ratio: 100.0 / ns, low: 100.0 / ns, high: 100.0 / ns });
        }
        r
    }

    #[test]
    fn rung_0_alone_gains_nothing_however_many_rungs_are_not_available() {
        let ratio = |records: &[Record]| Book::new(records).ladder_at(0, 0, 0).and_then(|l| l.gain()).map(|g| g.ratio);
        let lacking = Record { outcome: Outcome::NotAvailable { reason: "no SIMD".into() }, ..rung(1, "simd", 50.0) };
        let naive = rung(0, "naive", 100.0);
        assert_eq!(ratio(std::slice::from_ref(&naive)), None);
        assert_eq!(ratio(&[naive.clone(), lacking.clone()]), None);
        // Where another ran and naive was no slower, the ladder is worth nothing, which is a finding.
        assert_eq!(ratio(&[naive, lacking, rung(2, "worse", 200.0)]), Some(1.0));
        // Without naive's record a rung still knows what it gained.
        assert_eq!(ratio(&[rung(1, "simd", 50.0)]), Some(2.0));
    }
}
