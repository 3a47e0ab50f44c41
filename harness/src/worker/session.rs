//! A worker that samples on demand: it checks its candidates once, then gives one sample for each line that names one, until
//! its input ends. The same for this build and for another: what they say to each other is all here, and versioned.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};

use super::{Limits, Reply, Request, Task, When, WireShape, WorkerError, interrupt};
use crate::capped::Resource;
use crate::capped::enforce::Enforcement;
use crate::capped::probe::Evidence;

/// Version of what is said in a session; builds of different versions are not compared.
pub(super) const PROTOCOL: u32 = 1;

/// Candidates of one kernel at one shape, and how to sample them. Variants go by their names: ladders of two builds differ.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Sitting {
    pub protocol: u32,
    pub kernel: String,
    pub shape: WireShape,
    /// Variant, and the share of its work that is repeated.
    pub candidates: Vec<(String, f64)>,
    pub isa: Option<String>,
    /// 0 = one per core.
    pub threads: usize,
    pub seed: u64,
    /// Bytes of copies that the weights rotate through.
    pub rotation_bytes: usize,
    /// What the worker takes upon itself and proves.
    pub limits: Option<Limits>,
    /// Bytes of one call of each variant, by place on the ladder; empty without a bandwidth cap.
    pub bytes_per_call: Vec<f64>,
}

/// What a worker says once it can be asked for samples.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Ready {
    pub protocol: u32,
    /// Why each candidate cannot be sampled; none where it can.
    pub lacks: Vec<Option<String>>,
    /// Bytes that the weights rotate through.
    pub rotation_bytes: usize,
}

/// The side that asks.
pub(super) struct Session {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    /// What the worker said of itself.
    pub ready: Ready,
    /// What its probes found so far.
    pub proof: Vec<(Resource, When, Evidence)>,
    name: String,
}

impl Session {
    /// Starts a worker and waits until it is ready. `name` says in errors whose it is.
    pub fn start(
        program: &Path,
        name: &str,
        sitting: Sitting,
        enforcement: Option<&Enforcement>,
    ) -> Result<Self, WorkerError> {
        let request = Request { parent: std::process::id(), task: Task::Compare(Box::new(sitting)) };
        let line = serde_json::to_string(&request).map_err(std::io::Error::other)? + "\n";
        let mut command = Command::new(program);
        // A build that does not understand the request says so at length; here it is one line.
        command.arg("worker").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = interrupt::start(&mut command).map_err(|e| failed(name, &format!("cannot be started: {e}")))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or_else(|| failed(name, "has no standard input or output"))?;
        let nothing = Ready { protocol: PROTOCOL, lacks: Vec::new(), rotation_bytes: 0 };
        let output = BufReader::new(output).lines();
        let mut this =
            Self { child, input: Some(input), output, ready: nothing, proof: Vec::new(), name: name.to_owned() };
        if let Some(enforcement) = enforcement {
            enforcement.join(this.child.id()).map_err(|e| failed(name, &e))?;
        }
        this.write(&line)?;
        this.ready = loop {
            match this.hear()? {
                Some(Reply::Ready(ready)) => break ready,
                Some(Reply::Probed(resource, when, evidence)) => this.proof.push((resource, when, evidence)),
                Some(Reply::Failed(reason)) => return Err(failed(name, &reason)),
                _ => return Err(this.stranger()),
            }
        };
        if this.ready.protocol == PROTOCOL { Ok(this) } else { Err(this.stranger()) }
    }

    /// Time of one call of a candidate now, ns.
    pub fn sample(&mut self, candidate: usize) -> Result<f64, WorkerError> {
        self.write(&format!("{candidate}\n"))?;
        match self.hear()? {
            Some(Reply::Sampled(ns)) => Ok(ns),
            Some(Reply::Failed(reason)) => Err(failed(&self.name, &reason)),
            _ => Err(failed(&self.name, "ended before it was done")),
        }
    }

    /// Lets the worker prove its limits once more and end; returns what all its probes found.
    pub fn end(mut self) -> Result<Vec<(Resource, When, Evidence)>, WorkerError> {
        self.input = None;
        while let Some(reply) = self.hear()? {
            match reply {
                Reply::Probed(resource, when, evidence) => self.proof.push((resource, when, evidence)),
                Reply::Failed(reason) => return Err(failed(&self.name, &reason)),
                _ => {}
            }
        }
        Ok(std::mem::take(&mut self.proof))
    }

    fn write(&mut self, line: &str) -> Result<(), WorkerError> {
        let Some(input) = &mut self.input else { return Ok(()) };
        match input.write_all(line.as_bytes()).and_then(|()| input.flush()) {
            // One that has ended: what it said until then tells why.
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(e.into()),
            _ => Ok(()),
        }
    }

    /// The next reply; none at the end of the output.
    fn hear(&mut self) -> Result<Option<Reply>, WorkerError> {
        let Some(line) = self.output.next() else { return Ok(None) };
        match serde_json::from_str(&line?) {
            Ok(reply) => Ok(Some(reply)),
            Err(_) => Err(self.stranger()),
        }
    }

    fn stranger(&self) -> WorkerError {
        failed(
            &self.name,
            "does not take part in comparisons as this build does them: is it retrobench, and not older?",
        )
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Of one that has ended there is nothing to kill.
        if self.input.is_some() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
        interrupt::ended(self.child.id());
    }
}

fn failed(name: &str, reason: &str) -> WorkerError {
    WorkerError::Failed(format!("{name}: {reason}"))
}
