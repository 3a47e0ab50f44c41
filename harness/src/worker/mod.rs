//! The child process that runs the cells of one kernel and shape under limits, and the side that starts it. They speak
//! JSON lines over its standard input and output. `child` is what runs inside the limits, `warden` puts them round it and
//! turns what it says into records, `count` finds the bytes that bandwidth is paced by. In a `session` a worker samples on
//! demand (`sampling` is its inside); `rivals` are the sessions of a comparison.

mod child;
mod count;
mod generating;
mod interrupt;
mod proving;
mod rivals;
mod sampling;
mod session;
mod streaming;
mod warden;

use std::borrow::Cow;
use std::path::PathBuf;

use kernels::kernel::Shape;
use serde::{Deserialize, Serialize};

pub use self::child::serve;
pub use self::generating::Generated;
pub use self::interrupt::{Last, clean_up_on_interrupt, on_interrupt};
pub use self::proving::{Proven, prove};
pub use self::rivals::{Contest, Contestant, Contested};
pub use self::streaming::{Streamed, stream as stream_under};
pub use self::warden::{Warden, WorkerError};
use crate::capped::probe::Evidence;
use crate::capped::{Caps, Resource};
use crate::generate;
use crate::record::{Environment, Record};
use crate::stream;

/// What a worker is asked, one line.
#[derive(Debug, Deserialize, Serialize)]
struct Request {
    /// The process that asks: the worker ends when it does.
    parent: u32,
    task: Task,
}

#[derive(Debug, Deserialize, Serialize)]
enum Task {
    /// Take and touch so many bytes.
    Fill(u64),
    /// Measure a ladder under limits.
    Measure(Box<Job>),
    /// Probe limits, and nothing else.
    Prove(Limits),
    /// Pass over a layer's file.
    Stream(Box<stream::Job>),
    /// Sample on demand.
    Compare(Box<session::Sitting>),
    /// Make text under limits.
    Generate(Box<GenerateJob>),
}

/// Text to make, and the limits to make it under.
#[derive(Debug, Deserialize, Serialize)]
struct GenerateJob {
    job: generate::Job,
    limits: Limits,
}

/// One kernel at one shape, and how to measure it.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Job {
    kernel: String,
    shape: WireShape,
    /// Places on the ladder.
    variants: Vec<usize>,
    /// Model file and tensor.
    weights: Option<(PathBuf, String)>,
    limits: Limits,
    seconds: f64,
    threads: usize,
    isa: Option<String>,
    seed: u64,
    /// Bytes of one call of each variant, by place on the ladder; empty without a bandwidth cap.
    bytes_per_call: Vec<f64>,
    host_profile: Option<PathBuf>,
    environment: Environment,
}

/// What a worker takes upon itself, and proves.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Limits {
    caps: Caps,
    /// True where no control group limits memory, so that the worker's own budget has to.
    memory_by_budget: bool,
    /// True where the hardware keeps the bandwidth: nothing is paced.
    bandwidth_by_hardware: bool,
    /// Where the storage probe writes its file.
    folder: PathBuf,
    /// How long a processor share is watched, s.
    watch_s: f64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct WireShape {
    name: String,
    m: usize,
    n: usize,
    k: usize,
    parts: usize,
    chosen: usize,
}

impl From<&Shape> for WireShape {
    fn from(s: &Shape) -> Self {
        Self { name: s.name.to_string(), m: s.m, n: s.n, k: s.k, parts: s.parts, chosen: s.chosen }
    }
}

impl From<WireShape> for Shape {
    fn from(s: WireShape) -> Self {
        Self {
            name: Cow::Owned(s.name),
            m: s.m,
            n: s.n,
            k: s.k,
            parts: s.parts,
            chosen: s.chosen,
            tour: false,
            gpu_tour: false,
        }
    }
}

/// What a worker says, one line each.
#[derive(Debug, Deserialize, Serialize)]
enum Reply {
    /// It held so many bytes and lived.
    Filled(u64),
    /// What a probe of a limit found, before or after the run.
    Probed(Resource, When, Evidence),
    /// A cell is done.
    Record(Box<Record>),
    /// What passes over a file took.
    Streamed(stream::Run),
    /// A piece of text.
    Text(String),
    /// The text is done.
    Generated(Box<generate::Run>),
    /// It can be asked for samples.
    Ready(session::Ready),
    /// Time of one call, ns.
    Sampled(f64),
    /// It cannot do what was asked, and why.
    Failed(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
enum When {
    Before,
    After,
}

impl When {
    fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}
