//! `study bands`: how far modelled times lie from measured ones, by kind of machine and of work. What it prints with `-o csv` is
//! the file that every modelled record takes its band from.

use std::path::PathBuf;

use super::{Failure, published, report};
use crate::profile::band::{Band, Machines, Work, kept};
use crate::record::{Record, Tier};
use crate::report::listing::Listing;
use crate::validate::{self, Pair};

/// The bands as the rows of others make them, and of measured processors as `records` of such a host make them, natively and
/// modelled on its own profile; without records the latter stay as they are.
pub fn study(records: &[PathBuf]) -> Result<Listing, Failure> {
    let mut bands = published::bands()?;
    match records {
        [] => bands.extend(kept().iter().filter(|b| b.machines == Machines::Host).cloned()),
        paths => bands.extend(of_host(&report::read(paths)?.0)?),
    }
    let row = |b: &Band| {
        let [factor, rows, held] = [b.factor.to_string(), b.rows.to_string(), b.held.to_string()];
        vec![b.machines.name().into(), b.work.name().into(), factor, rows, held, b.from.clone()]
    };
    Ok(Listing::of_words(
        "Factors either way under which nine of ten validated rows lie, the bands of modelled times and speedups: by machines, \
         which documents describe (gpu, cpu, retro) or calibration (host), and by work."
            .into(),
        &["machines", "work", "factor", "rows", "held", "from"],
        bands.iter().map(row).collect(),
    ))
}

/// Those of the host that records are of.
fn of_host(records: &[Record]) -> Result<Vec<Band>, Failure> {
    let host = records.iter().find(|r| r.tier == Tier::Modelled && r.machine.class == "host");
    let found = host.and_then(|r| validate::compare(records, &r.machine.id));
    let found = found.ok_or_else(|| Failure::input(validate::HOW))?;
    let from = "a host natively and modelled on its own profile";
    let of_work = |work: Work| {
        let ratios: Vec<f64> = found.pairs.iter().filter(|p| Work::of(p.kernel()) == work).map(Pair::ratio).collect();
        Band::of(Machines::Host, work, &ratios, from)
    };
    let speedups = validate::speedups(&found.pairs, |kernel| Some(kernel.variants().first()?.name));
    let times = [Work::Gemv, Work::Gemm, Work::Attention, Work::Rest].into_iter().filter_map(of_work);
    Ok(times.chain(Band::of(Machines::Host, Work::Speedup, &speedups, from)).collect())
}
