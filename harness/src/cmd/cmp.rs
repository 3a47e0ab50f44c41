//! `cmp`: which of two takes less time, and how sure that is. Variants and builds are sampled in turn, in workers; machines
//! are modelled; files of records are read.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::builds::{self, Build};
use super::cells::{CellArgs, files_or_filter, parse_percent, read_whole};
use super::output::{self, Format, OutputArgs, listing_text};
use super::{Failure, baseline, command_line};
use crate::compare::recorded::{self, Axis};
use crate::compare::rounds::Rounds;
use crate::compare::{Comparison, Verdict};
use crate::plan::{Group, Plan};
use crate::record::{Outcome, Record};
use crate::report::listing::Listing;
use crate::report::units;
use crate::worker::{Contest, Contestant, Warden, WorkerError, clean_up_on_interrupt};

/// Flags of `cmp`.
#[derive(Debug, Args)]
pub struct CmpArgs {
    /// Regular expression on kernel/shape/variant: the first variant of each kernel and shape is what the others are compared
    /// with. Or two files of records or more: the first is.
    #[arg(env = "RETROBENCH_FILTER")]
    what: Vec<String>,
    /// What differs between modelled cells that are compared [default: machines where the filter leaves one variant].
    #[arg(long, value_enum, requires = "hw", env = "RETROBENCH_BY")]
    by: Option<By>,
    /// Compares this build with another commit's, variant by variant: it is built under target/against and run in turn with
    /// this one. Several make the first of them the base.
    ///
    /// Build this one by `cargo build --release` too: what another command builds has other features of dependencies, and so other
    /// code, which the comparison finds.
    #[arg(long, value_name = "GIT_REV", env = "RETROBENCH_AGAINST", conflicts_with_all = ["hw", "cap"])]
    against: Vec<String>,
    /// The same with a binary that is there.
    #[arg(long, value_name = "PATH", env = "RETROBENCH_OTHER_BINARY", conflicts_with_all = ["hw", "cap"])]
    other_binary: Vec<PathBuf>,
    /// Measures until two runs agree within the threshold, and keeps their records.
    #[arg(long, value_name = "NAME", env = "RETROBENCH_SAVE_BASELINE", 
          conflicts_with_all = ["against", "other_binary", "fail_on_regression"])]
    save_baseline: Option<String>,
    /// Compares with records kept earlier. What the host did then and does now is part of the ratio; --against is not so
    /// easily misled.
    #[arg(long, value_name = "NAME", env = "RETROBENCH_BASELINE",
          conflicts_with_all = ["against", "other_binary", "save_baseline"])]
    baseline: Option<String>,
    /// Folder of baselines.
    #[arg(long, value_name = "FOLDER", default_value = "reports/baselines", env = "RETROBENCH_BASELINES")]
    baselines: PathBuf,
    /// From which change on a difference matters.
    #[arg(long, default_value = "1%", env = "RETROBENCH_THRESHOLD", value_parser = parse_percent)]
    threshold: f64,
    /// Exit 1 where anything is slower than its base by more than this, at both ends of the interval, or has no time any more
    /// where its base has one. What only one side ran is shown and is no regression.
    #[arg(long, value_name = "PERCENT", env = "RETROBENCH_FAIL_ON_REGRESSION", value_parser = parse_percent)]
    fail_on_regression: Option<f64>,
    /// Compares records that were measured on different hosts all the same.
    #[arg(long, env = "RETROBENCH_ACROSS_HOSTS", value_parser = super::switch)]
    across_hosts: bool,
    #[command(flatten)]
    cells: CellArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What differs between those that are compared or ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Variants on each machine.
    Variant,
    /// Machines at each variant.
    Machine,
}

impl From<By> for Axis {
    fn from(by: By) -> Self {
        match by {
            By::Variant => Axis::Variant,
            By::Machine => Axis::Machine,
        }
    }
}

/// Compares, prints, and says by its exit whether anything is slower.
pub fn run(args: &CmpArgs) -> Result<(), Failure> {
    args.output.ready()?;
    if let Some(name) = &args.save_baseline {
        return baseline::save(&args.baselines, name, args.threshold, || args.cells.records(&plan(args)?));
    }
    let rows = comparisons(args)?;
    args.output.write_as(|format| rendered(format, &rows))?;
    gate(args, &rows)
}

fn plan(args: &CmpArgs) -> Result<Plan, Failure> {
    match files_or_filter(&args.what)? {
        Err(filter) => Plan::select(filter).map_err(Failure::input),
        Ok(_) => Err(Failure::input(
            "files of records are compared with each other: no --against, --other-binary or baselines",
        )),
    }
}

fn comparisons(args: &CmpArgs) -> Result<Vec<Comparison>, Failure> {
    if let Some(name) = &args.baseline {
        let base = baseline::load(&args.baselines, name)?;
        let plan = plan(args)?;
        let now = args.cells.records(&plan)?;
        // The baseline may hold more than was asked for.
        let asked =
            |r: &&Record| now.iter().any(|n| (&n.kernel, &n.shape, &n.variant) == (&r.kernel, &r.shape, &r.variant));
        let base: Vec<Record> = base.iter().filter(asked).cloned().collect();
        if base.is_empty() {
            return Err(Failure::input(format!(
                "baseline {name} holds none of these cells; --save-baseline keeps them"
            )));
        }
        return sets((name, &base), ("now", &now), args);
    }
    if !args.against.is_empty() || !args.other_binary.is_empty() {
        return between_builds(args);
    }
    if let Ok(files) = files_or_filter(&args.what)? {
        if args.cells.hw.is_some() || args.cells.cap.is_some() || args.cells.isa.is_some() {
            return Err(Failure::input("files of records are compared as they are: no --hw, --cap or --isa"));
        }
        return between_files(args, &files);
    }
    let plan = plan(args)?;
    if args.cells.hw.is_some() {
        let records = args.cells.records(&plan)?;
        output::verdict(&records)?;
        let single = plan.groups.iter().all(|g| g.variants.len() <= 1 && g.shaders.len() <= 1)
            && plan.code.iter().all(|g| g.names.len() <= 1);
        let axis = args.by.map_or(if single { Axis::Machine } else { Axis::Variant }, Axis::from);
        let rows = recorded::within(&records, axis, args.threshold);
        return if rows.is_empty() { Err(alone()) } else { Ok(rows) };
    }
    between_variants(args, &plan)
}

fn alone() -> Failure {
    Failure::input(
        "nothing to compare: select two variants of a kernel and shape or more, name machines (--hw a,b), another build \
         (--against GIT_REV), a baseline, or files of records",
    )
}

fn sets(base: (&str, &[Record]), other: (&str, &[Record]), args: &CmpArgs) -> Result<Vec<Comparison>, Failure> {
    let rows = recorded::sets((base.0, other.0), base.1, other.1, args.threshold, args.across_hosts);
    let rows = rows.map_err(Failure::input)?;
    // What was right and is wrong now is worse than slow.
    let wrong: Vec<Record> = other.1.iter().filter(|r| matches!(r.outcome, Outcome::Wrong { .. })).cloned().collect();
    output::verdict(&wrong)?;
    Ok(rows)
}

fn between_files(args: &CmpArgs, files: &[PathBuf]) -> Result<Vec<Comparison>, Failure> {
    let [first, others @ ..] = files else { return Err(alone()) };
    if others.is_empty() {
        return Err(Failure::input(format!(
            "{} is compared with what? Name a second file of records",
            first.display()
        )));
    }
    let base = read_whole(first)?;
    let mut rows = Vec::new();
    for file in others {
        let names = [first, file].map(|f| f.display().to_string());
        rows.extend(sets((&names[0], &base), (&names[1], &read_whole(file)?), args)?);
    }
    Ok(rows)
}

fn between_variants(args: &CmpArgs, plan: &Plan) -> Result<Vec<Comparison>, Failure> {
    let this = [builds::this()?];
    let groups: Vec<&Group> = plan.groups.iter().filter(|g| g.variants.len() > 1).collect();
    if groups.is_empty() {
        return Err(alone());
    }
    let warden = args.cells.warden(&command_line());
    if warden.is_some() {
        clean_up_on_interrupt();
    }
    let pairs: usize = groups.iter().map(|g| g.variants.len() - 1).sum();
    let bar = output::progress(pairs, args.cells.common.quiet);
    let mut rows = Vec::new();
    for group in groups {
        bar.set_message(format!("{}/{}", group.kernel.name(), group.shape.name));
        let abouts = group.kernel.variants();
        let names: Vec<String> = group.variants.iter().map(|v| abouts[*v].name.to_string()).collect();
        let contestant = |name: &String| Contestant { program: 0, variant: name.clone(), repeated: 0.0 };
        let contestants = names.iter().map(contestant).collect();
        rows.extend(contest(args, &this, group, contestants, &names, warden.as_ref())?);
        bar.inc(names.len() as u64 - 1);
    }
    bar.finish_and_clear();
    Ok(rows)
}

/// Each variant of the plan in every build, this one last.
fn between_builds(args: &CmpArgs) -> Result<Vec<Comparison>, Failure> {
    let plan = plan(args)?;
    let mut programs: Vec<Build> = Vec::new();
    for rev in &args.against {
        programs.push(builds::of_revision(rev, args.cells.common.quiet)?);
    }
    for path in &args.other_binary {
        programs.push(builds::of_path(path)?);
    }
    programs.push(builds::this()?);
    let bar = output::progress(plan.cells(), args.cells.common.quiet);
    let mut rows = Vec::new();
    for group in plan.groups.iter().filter(|g| !g.variants.is_empty()) {
        let abouts = group.kernel.variants();
        for variant in group.variants.iter().map(|v| abouts[*v].name) {
            bar.set_message(format!("{}/{}/{variant}", group.kernel.name(), group.shape.name));
            let contestant = |program| Contestant { program, variant: variant.into(), repeated: 0.0 };
            let contestants = (0..programs.len()).map(contestant).collect();
            let names: Vec<String> = programs.iter().map(|(_, name)| format!("{variant} of {name}")).collect();
            rows.extend(contest(args, &programs, group, contestants, &names, None)?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    if rows.is_empty() { Err(alone()) } else { Ok(rows) }
}

/// Samples contestants in turn; the first that can take part is the base.
fn contest(
    args: &CmpArgs,
    programs: &[Build],
    group: &Group,
    contestants: Vec<Contestant>,
    names: &[String],
    warden: Option<&Warden>,
) -> Result<Vec<Comparison>, Failure> {
    let fail = |e: WorkerError| match e {
        WorkerError::Unenforced(_) => Failure::unenforced(e),
        e => Failure::input(e),
    };
    let contest = Contest {
        programs,
        group,
        contestants,
        isa: args.cells.isa,
        threads: args.cells.common.threads.unwrap_or(0).into(),
        seed: args.cells.common.seed,
        warden,
    };
    let variants: Vec<String> = contest.contestants.iter().map(|c| c.variant.clone()).collect();
    let mut contested = contest.open().map_err(fail)?;
    let lacks = contested.lacks();
    let able: Vec<usize> = (0..names.len()).filter(|c| lacks[*c].is_none()).collect();
    let row = |base: usize, other: usize| Comparison {
        tier: if warden.is_some() { "capped" } else { "native" },
        kernel: group.kernel.name().into(),
        shape: group.shape.name.to_string(),
        base: names[base].clone(),
        other: names[other].clone(),
        base_ns: None,
        other_ns: None,
        ratio: None,
        low: None,
        high: None,
        verdict: None,
        lost: false,
        notes: Vec::new(),
    };
    let base = able.first().copied().unwrap_or(0);
    // A later build of a variant that an earlier one has.
    let lost = |c: usize| !able.is_empty() && c > base && variants[c] == variants[base];
    // Who cannot be sampled is compared with nobody, and says why.
    let unable = (0..names.len()).filter_map(|c| {
        let note = format!("no time of {}: {}", names[c], lacks[c].as_ref()?);
        Some(Comparison { notes: vec![note], lost: lost(c), ..row(base, c) })
    });
    let mut rows: Vec<Comparison> = unable.collect();
    if able.len() < 2 {
        return Ok(rows);
    }
    contested.only(&able);
    let rounds = Rounds {
        candidates: able.len(),
        pairs: (1..able.len()).map(|other| (0, other)).collect(),
        budget_ns: args.cells.time.as_nanos() as f64 * (able.len() - 1) as f64,
        threshold: args.threshold,
        seed: args.cells.common.seed,
    };
    let sampled = rounds.take(&mut contested).map_err(fail)?;
    let unproven = contested.finish().map_err(fail)?;
    for other in 1..able.len() {
        let mut this = row(able[0], able[other]);
        (this.base_ns, this.other_ns) = (sampled.median_ns(0), sampled.median_ns(other));
        this.notes = sampled.notes(&[(0, &this.base), (other, &this.other)], args.threshold);
        rows.push(match (&unproven, sampled.ratio((0, other))) {
            (Some(reason), _) => Comparison {
                notes: vec![format!("void: cap not proven: {reason}")],
                base_ns: None,
                other_ns: None,
                ..this
            },
            (None, Ok(ratio)) => this.judged(&ratio, args.threshold),
            (None, Err(e)) => Comparison { notes: vec![format!("no interval: {e}")], ..this },
        });
    }
    Ok(rows)
}

/// Exit 1 where something is slower by more than is allowed or has lost its time; exit 3 where every cap went unproven.
fn gate(args: &CmpArgs, rows: &[Comparison]) -> Result<(), Failure> {
    let void = |c: &Comparison| c.notes.iter().find(|n| n.starts_with("void: cap")).cloned();
    if let Some(reason) = rows.iter().find_map(void)
        && rows.iter().all(|c| c.verdict.is_none())
    {
        return Err(Failure::unenforced(format!("nothing ran under its limits; {reason}")));
    }
    let wrong = |c: &Comparison| c.notes.iter().find(|n| n.contains("wrong, its time is withheld")).cloned();
    if let Some(reason) = rows.iter().find_map(wrong) {
        return Err(Failure::wrong(reason));
    }
    let Some(limit) = args.fail_on_regression else { return Ok(()) };
    let beyond = |c: &&Comparison| c.interval().is_some_and(|i| Verdict::of(&i, limit) == Verdict::Slower);
    let named = |c: &Comparison| {
        let range = c.interval().map_or(String::new(), |i| format!("{:.3}× ({:.3}–{:.3}×)", i.value, i.low, i.high));
        format!("{}/{}: {} takes {range} the time of {}", c.kernel, c.shape, c.other, c.base)
    };
    let slower: Vec<String> = rows.iter().filter(beyond).map(named).collect();
    let lost: Vec<String> = rows.iter().filter(|c| c.lost).map(without_time).collect();
    let percent = 100.0 * limit;
    let wide = |c: &Comparison| c.interval().is_some_and(|i| i.high > 1.0 + limit);
    let open = rows.iter().filter(|c| !beyond(c) && wide(c)).count();
    if open > 0 {
        eprintln!(
            "retrobench: {open} comparison(s) may hide a regression beyond {percent} %: too wide an interval to tell"
        );
    }
    let counted = |what: String, all: &[String]| Some(format!("{} {what}; {}", all.len(), all.first()?));
    let failed = [
        counted(format!("regression(s) beyond {percent} %"), &slower),
        counted("cell(s) lost their time".into(), &lost),
    ];
    let failed: Vec<String> = failed.into_iter().flatten().collect();
    if failed.is_empty() { Ok(()) } else { Err(Failure::wrong(failed.join("; "))) }
}

fn without_time(c: &Comparison) -> String {
    format!("{}/{}: {} has none, {} has one ({})", c.kernel, c.shape, c.other, c.base, c.notes.join("; "))
}

const HEADS: &[&str] =
    &["kernel", "shape", "tier", "base", "other", "base_time", "other_time", "other/base", "verdict", "notes"];
const FIELDS: &[&str] =
    &["kernel", "shape", "tier", "base", "other", "base_ns", "other_ns", "ratio", "low", "high", "verdict", "notes"];

fn rendered(format: Format, rows: &[Comparison]) -> Result<String, Failure> {
    match format {
        Format::Json => Ok(serde_json::to_string_pretty(rows).map_err(Failure::input)? + "\n"),
        Format::Jsonl => {
            let line = |row| serde_json::to_string(row).map(|json| json + "\n").map_err(Failure::input);
            rows.iter().map(line).collect()
        }
        Format::Csv => {
            listing_text(format, &[Listing::of_words(String::new(), FIELDS, rows.iter().map(exact).collect())])
        }
        Format::Table | Format::Md => {
            let about =
                "Time of the other over that of the base, with its interval: 99 % of measured ratios, the bands of \
                         modelled ones. A verdict takes the whole interval beyond the threshold, or within it (same)."
                    .into();
            listing_text(format, &[Listing::of_words(about, HEADS, rows.iter().map(for_people).collect())])
        }
    }
}

fn for_people(c: &Comparison) -> Vec<String> {
    let time = |ns: Option<f64>| ns.map_or(units::NONE.into(), units::time);
    let ratio = c.interval().map_or(units::NONE.into(), |i| format!("{:.3} ({:.3}–{:.3})", i.value, i.low, i.high));
    let verdict = c.verdict.map_or(units::NONE, Verdict::name);
    let [kernel, shape, base, other] = [&c.kernel, &c.shape, &c.base, &c.other].map(String::clone);
    let (times, notes) = ([time(c.base_ns), time(c.other_ns)], c.notes.join("; "));
    [vec![kernel, shape, c.tier.into(), base, other], times.into(), vec![ratio, verdict.into(), notes]].concat()
}

fn exact(c: &Comparison) -> Vec<String> {
    let number = |x: Option<f64>| x.map_or(String::new(), |x| x.to_string());
    let verdict = c.verdict.map_or("", Verdict::name);
    let [kernel, shape, base, other] = [&c.kernel, &c.shape, &c.base, &c.other].map(String::clone);
    let numbers = [c.base_ns, c.other_ns, c.ratio, c.low, c.high].map(number);
    [vec![kernel, shape, c.tier.into(), base, other], numbers.into(), vec![verdict.into(), c.notes.join("; ")]].concat()
}
