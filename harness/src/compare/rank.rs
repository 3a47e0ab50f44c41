//! Many over many cells: the geometric mean of times, over the cells that all of them have. A mean over whatever each has
//! would rank by what is missing.

use super::recorded::{Axis, timing};
use crate::record::{Record, Tier};

/// One place in a ranking.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Variant or machine.
    pub name: String,
    /// Geometric mean of its time over the first's.
    pub ratio: f64,
    /// True where the bands of its mean and of the place above overlap: their order is no claim.
    pub tied: bool,
}

/// An order over the cells that all have.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// How the times came to be; tiers are never mixed.
    pub tier: Tier,
    /// Kernel.
    pub kernel: String,
    /// The machine of ranked variants; absent where machines are ranked.
    pub machine: Option<String>,
    /// Fastest first.
    pub places: Vec<Place>,
    /// The cells that count.
    pub cells: Vec<String>,
    /// Cells that do not count, each with one that lacks a time there.
    pub left_out: Vec<(String, String)>,
    /// Those that have no time in any cell.
    pub without: Vec<String>,
}

/// What every ranking is shown with.
pub const CAUTION: &str = "A geometric mean weighs every cell alike, however much time is spent there: it orders these over \
                           these cells, not over a workload.";

/// Tier, kernel, and the machine of ranked variants.
type Key = (Tier, String, Option<String>);

/// Ranks the variants of each kernel on each machine, or the machines at each kernel.
pub fn rank(records: &[Record], axis: Axis) -> Vec<Ranking> {
    let machine = |r: &Record| (axis == Axis::Variant).then(|| r.machine.id.clone());
    let mut groups: Vec<(Key, Vec<&Record>)> = Vec::new();
    for record in records {
        let key = (record.tier, record.kernel.clone(), machine(record));
        match groups.iter_mut().find(|(k, _)| *k == key) {
            Some((_, group)) => group.push(record),
            None => groups.push((key, vec![record])),
        }
    }
    groups.into_iter().filter_map(|(key, group)| of_group(key, &group, axis)).collect()
}

fn of_group((tier, kernel, machine): Key, group: &[&Record], axis: Axis) -> Option<Ranking> {
    let name = |r: &Record| match axis {
        Axis::Variant => r.variant.clone(),
        Axis::Machine => r.machine.name.clone(),
    };
    let cell = |r: &Record| match axis {
        Axis::Variant => r.shape.clone(),
        Axis::Machine => format!("{}/{}", r.shape, r.variant),
    };
    let unique = |of: &dyn Fn(&Record) -> String| {
        let mut all: Vec<String> = Vec::new();
        group.iter().map(|r| of(r)).for_each(|x| {
            if !all.contains(&x) {
                all.push(x)
            }
        });
        all
    };
    // Of a cell that was measured several times the last counts, as in reports.
    let time = |n: &str, c: &str| group.iter().rev().find(|r| name(r) == n && cell(r) == c).and_then(|r| timing(r));
    let all_cells = unique(&cell);
    let (names, without): (Vec<_>, Vec<_>) =
        unique(&name).into_iter().partition(|n| all_cells.iter().any(|c| time(n, c).is_some()));
    if names.len() < 2 {
        return None;
    }
    let lacking = |c: &String| names.iter().find(|n| time(n, c).is_none());
    let left_out: Vec<(String, String)> =
        all_cells.iter().filter_map(|c| Some((c.clone(), lacking(c)?.clone()))).collect();
    let cells: Vec<String> = all_cells.iter().filter(|c| lacking(c).is_none()).cloned().collect();
    let mean = |n: &String| {
        let logs = cells.iter().filter_map(|c| time(n, c)).map(|t| [t.time_ns, t.low_ns, t.high_ns].map(f64::ln));
        let sums = logs.fold([0.0; 3], |sum, x| [sum[0] + x[0], sum[1] + x[1], sum[2] + x[2]]);
        sums.map(|sum| (sum / cells.len() as f64).exp())
    };
    let mut means: Vec<(String, [f64; 3])> =
        if cells.is_empty() { Vec::new() } else { names.iter().map(|n| (n.clone(), mean(n))).collect() };
    means.sort_by(|a, b| a.1[0].total_cmp(&b.1[0]));
    let place = |i: usize| Place {
        name: means[i].0.clone(),
        ratio: means[i].1[0] / means[0].1[0],
        tied: i > 0 && means[i].1[1] <= means[i - 1].1[2],
    };
    let places = (0..means.len()).map(place).collect();
    Some(Ranking { tier, kernel, machine, places, cells, left_out, without })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::{sample, timed};
    use crate::record::Outcome;

    fn at(shape: &str, variant: &str, time_ns: f64) -> Record {
        Record { shape: shape.into(), ..timed(Tier::Modelled, "m", variant, time_ns) }
    }

    #[test]
    fn only_cells_that_all_have_count() {
        // Without the intersection the fast time at "two" would put b first.
        let records = [
            at("one", "a", 10.0),
            at("two", "a", 40.0),
            at("one", "b", 20.0),
            at("three", "b", 1.0),
            at("two", "b", 80.0),
        ];
        let ranking = rank(&records, Axis::Variant).remove(0);
        let order: Vec<(&str, f64)> =
            ranking.places.iter().map(|p| (p.name.as_str(), (1e9 * p.ratio).round() / 1e9)).collect();
        assert_eq!(order, [("a", 1.0), ("b", 2.0)]);
        assert_eq!(ranking.cells, ["one", "two"]);
        assert_eq!(ranking.left_out, [("three".to_string(), "a".to_string())]);
    }

    #[test]
    fn one_without_any_time_is_said_and_takes_no_cell_away() {
        let lacking = Record { variant: "c".into(), shape: "one".into(), ..sample() };
        assert!(matches!(lacking.outcome, Outcome::NotAvailable { .. }));
        let mut lacking = lacking;
        lacking.machine.id = "m".into();
        let ranking = rank(&[at("one", "a", 10.0), at("one", "b", 10.0), lacking], Axis::Variant).remove(0);
        assert_eq!((ranking.cells.len(), ranking.without.as_slice()), (1, ["c".to_string()].as_slice()));
        assert!(ranking.places[1].tied, "equal bands are no order");
    }

    #[test]
    fn tiers_are_ranked_apart_and_a_disjoint_pair_has_no_order() {
        let mut native = at("one", "a", 1.0);
        native.tier = Tier::Native;
        assert!(rank(&[native, at("one", "b", 2.0)], Axis::Variant).is_empty());
        let ranking = rank(&[at("one", "a", 1.0), at("two", "b", 2.0)], Axis::Variant).remove(0);
        assert!(ranking.places.is_empty() && ranking.left_out.len() == 2);
    }
}
