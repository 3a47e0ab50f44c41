//! What `cmp` and `rank` share: where their cells come from, and how percentages and times are written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use kernels::machine::Isa;

use super::measure::{Gates, elsewhere, natively, options, parse_caps, parse_isa, warden};
use super::sink::Sink;
use super::{Common, Failure, capped, command_line, output};
use crate::capped::Caps;
use crate::environment::Host;
use crate::journal;
use crate::native::{self, Bay};
use crate::plan::Plan;
use crate::profile::Hardware;
use crate::record::{Environment, Record};
use crate::shard::{Here, Share};
use crate::worker::Warden;

/// Where cells are measured or modelled.
#[derive(Clone, Debug, Args)]
pub struct CellArgs {
    /// Machines to model or emulate instead of measuring here: profile ids, `all`, `class:...`, .toml files.
    #[arg(long, env = "RETROBENCH_HW")]
    pub hw: Option<String>,
    /// Limits on this host while measuring, enforced and proven, as `measure --cap` takes them.
    #[arg(long, value_name = "LIMITS", env = "RETROBENCH_CAP", value_parser = parse_caps, conflicts_with = "hw")]
    pub cap: Option<Caps>,
    /// Native instruction set of the portable variants [default: the widest here].
    #[arg(long, env = "RETROBENCH_ISA", value_parser = parse_isa, conflicts_with = "hw")]
    pub isa: Option<Isa>,
    /// Time for the samples of each comparison, or of each kernel and shape: 5s, 500ms, 2min.
    #[arg(long, default_value = "5s", env = "RETROBENCH_TIME", value_parser = parse_time)]
    pub time: Duration,
    #[command(flatten)]
    pub common: Common,
}

/// Most samples of a variant: a quick one gets an interval of a percent.
const MOST_SAMPLES: usize = 400;

impl CellArgs {
    /// Records of a plan's cells.
    pub fn records(&self, plan: &Plan) -> Result<Vec<Record>, Failure> {
        let command = command_line();
        let mut sink = Sink::new(None)?;
        let bar = output::progress(plan.cells(), self.common.quiet);
        if let Some(hw) = &self.hw {
            let machines = Hardware::select(hw).map_err(Failure::input)?;
            let nowhere = Environment::build(&command, self.common.seed);
            let share = Share::of(None, plan, Here { native_s: None, capped_s: None }, &machines);
            elsewhere(plan, &machines, &share, &Gates::default(), &nowhere, &bar, &mut sink)?;
        } else if let Some(warden) = self.warden(&command) {
            capped::under_caps(plan, &warden, &[], &bar, &mut sink)?;
        } else {
            let options = native::Options {
                time_budget: self.time,
                isa: self.isa,
                max_rounds: MOST_SAMPLES,
                ..options(&self.common)
            };
            let environment = Environment::here(&command, self.common.seed);
            let bay = Bay::new(Host::read(), options, environment, None).map_err(Failure::input)?;
            natively(plan, &bay, &[], &bar, &mut sink)?;
        }
        bar.finish_and_clear();
        capped::verdict(&sink.records)?;
        Ok(sink.records)
    }

    /// Who keeps the limits, where there are any.
    pub fn warden(&self, command: &str) -> Option<Warden> {
        let caps = self.cap.as_ref()?;
        Some(warden(caps, self.time.as_secs_f64(), self.isa, &self.common, command))
    }
}

/// Files of records, where the arguments are such; an argument that is none is a filter.
pub fn files_or_filter(what: &[String]) -> Result<Result<Vec<PathBuf>, Option<&str>>, Failure> {
    let is_file = |w: &String| w.ends_with(".jsonl") || Path::new(w).is_file();
    match what {
        [] => Ok(Err(None)),
        [filter] if !is_file(filter) => Ok(Err(Some(filter))),
        all => match all.iter().find(|w| !is_file(w)) {
            None => Ok(Ok(all.iter().map(PathBuf::from).collect())),
            Some(filter) => Err(Failure::input(format!(
                "'{filter}' is no file of records (.jsonl): one regular expression, or files alone; write (a|b) for several"
            ))),
        },
    }
}

/// All records of a file. A line that is not one would be left out of a comparison in silence: it is an error.
pub fn read_whole(path: &Path) -> Result<Vec<Record>, Failure> {
    let (records, skipped) = journal::read(path).map_err(Failure::input)?;
    match skipped.first() {
        None => Ok(records),
        Some(first) => Err(Failure::input(format!(
            "{first}; {} cannot be compared",
            if skipped.len() == 1 { "that line".into() } else { format!("{} such lines", skipped.len()) }
        ))),
    }
}

/// A share written as a percentage.
pub fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.trim().strip_suffix('%').map(|n| n.trim().parse::<f64>());
    match number {
        Some(Ok(percent)) if (0.0..=1000.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("a percentage from 0% to 1000%, such as 5%".into()),
    }
}

/// A time with its unit.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit_s = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "min" => 60.0,
        _ => f64::NAN,
    };
    let seconds = number.trim().parse::<f64>().unwrap_or(f64::NAN) * unit_s;
    if (1e-3..=86_400.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("a time from 1ms to 1440min, such as 5s, 500ms or 2min".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_and_times_have_their_unit() {
        assert_eq!(parse_percent("5%"), Ok(0.05));
        assert_eq!(parse_percent(" 0.5 % "), Ok(0.005));
        for bad in ["5", "-1%", "NaN%", "inf%", "%", "", "1001%", "five%"] {
            assert!(parse_percent(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_time("2min"), Ok(Duration::from_secs(120)));
        for bad in ["5", "0s", "-1s", "NaNs", "s", "5h", "1e9s", "infs", ""] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn arguments_are_files_or_one_filter() {
        let words = |w: &[&str]| w.iter().map(|w| w.to_string()).collect::<Vec<_>>();
        assert_eq!(files_or_filter(&[]).unwrap(), Err(None));
        assert_eq!(files_or_filter(&words(&["gemv"])).unwrap(), Err(Some("gemv")));
        assert_eq!(files_or_filter(&words(&["a.jsonl", "b.jsonl"])).unwrap().unwrap().len(), 2);
        assert!(files_or_filter(&words(&["a.jsonl", "gemv"])).is_err());
    }
}
