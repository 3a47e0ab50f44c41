//! `study copies`: what moving bytes costs old machines, by how they do it, as a table.

use super::Failure;
use crate::emulated::copies;
use crate::profile::{Emulated, Loaded};
use crate::report::listing::{Datum, Listing};

/// The table.
pub fn study() -> Result<Listing, Failure> {
    let mut rows = Vec::new();
    for machine in Loaded::<Emulated>::embedded().map_err(Failure::input)? {
        let all = copies::measure(&machine).map_err(Failure::input)?;
        let each = |moved: &copies::Moved| moved.spent.cycles as f64 / moved.bytes as f64;
        let first = all.first().map(each);
        for moved in &all {
            let waiting = (moved.spent.contention + moved.spent.memory) as f64 / moved.spent.cycles as f64;
            rows.push(vec![
                Datum::text(machine.profile.name.clone()),
                Datum::text(moved.copy.name),
                Datum::text(moved.copy.about),
                Datum::Plain(each(moved)),
                Datum::Share(waiting),
                Datum::Plain(machine.profile.machine.clock_hz.value / each(moved) / 1024.0),
                Datum::opt(first.map(|first| first / each(moved)), Datum::Ratio),
            ]);
        }
    }
    Ok(Listing {
        about: "Bytes moved within memory, or into it from a RAM expansion, in each machine's own code (emulated tier): 4096 \
                at a time, the screen on, each checked to arrive. Waiting is for the picture (Commodore, Spectrum) or for RAM \
                (PlayStation)."
            .into(),
        heads: vec!["machine", "copy", "what", "cycles_per_byte", "waiting", "kib_per_s", "speedup"],
        rows,
    })
}
