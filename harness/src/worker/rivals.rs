//! A comparison's workers: one for each build that takes part, started anew for each run, under limits where there are any.

use std::path::PathBuf;
use std::time::Instant;

use kernels::machine::Isa;

use super::When;
use super::proving::tune;
use super::session::{PROTOCOL, Session, Sitting};
use super::warden::Proof;
use super::{Warden, WorkerError};
use crate::capped::enforce::Enforcement;
use crate::compare::rounds::Subjects;
use crate::environment::Host;
use crate::native;
use crate::plan::Group;

/// Someone who takes part.
#[derive(Clone, Debug)]
pub struct Contestant {
    /// Place of its build in [`Contest::programs`].
    pub program: usize,
    /// Its variant, by name.
    pub variant: String,
    /// Work that it repeats, a share; 0 but for studies.
    pub repeated: f64,
}

/// Who is compared, at what and under what.
pub struct Contest<'a> {
    /// Builds, and what to call them.
    pub programs: &'a [(PathBuf, String)],
    /// Kernel and shape.
    pub group: &'a Group,
    /// Who takes part.
    pub contestants: Vec<Contestant>,
    /// Machine of the variants that have a choice.
    pub isa: Option<Isa>,
    /// Threads of the threaded variants; 0 = one per core.
    pub threads: usize,
    /// Seed of the operands.
    pub seed: u64,
    /// Limits, if any; only of comparisons within one build.
    pub warden: Option<&'a Warden>,
}

/// A comparison under way.
pub struct Contested<'a> {
    contest: Contest<'a>,
    rotation_bytes: usize,
    limits: Option<(Enforcement, Proof)>,
    sessions: Vec<Session>,
    /// Session of each contestant, and its place there.
    places: Vec<(usize, usize)>,
    clock: Instant,
    /// True until the first workers were asked for a sample.
    fresh: bool,
}

impl<'a> Contest<'a> {
    /// Puts the limits up and starts the first workers.
    ///
    /// # Errors
    /// Where the operands do not fit, a limit cannot be enforced, or a worker cannot be started.
    pub fn open(self) -> Result<Contested<'a>, WorkerError> {
        let Group { kernel, shape, .. } = self.group;
        let most = self.warden.and_then(|warden| warden.caps.memory_bytes);
        let rotation_bytes = native::rotation_bytes(&Host::read(), *kernel, shape, self.programs.len(), most)
            .map_err(|reason| WorkerError::Failed(format!("does not fit: {reason}")))?;
        let limits = self.warden.map(|warden| {
            let mut enforcement = warden.enforcement();
            if let Some((resource, reason)) = enforcement.refused().first() {
                return Err(WorkerError::Unenforced(format!("{}: {reason}", resource.name())));
            }
            tune(&mut enforcement, &warden.caps, &warden.folder)?;
            let mut proof = Proof::default();
            warden.fill(&enforcement, When::Before, &mut proof)?;
            Ok((enforcement, proof))
        });
        let mut counts = vec![0; self.programs.len()];
        let place = |c: &Contestant| {
            counts[c.program] += 1;
            (c.program, counts[c.program] - 1)
        };
        let places = self.contestants.iter().map(place).collect();
        let mut contested = Contested {
            contest: self,
            rotation_bytes,
            limits: limits.transpose()?,
            sessions: Vec::new(),
            places,
            clock: Instant::now(),
            fresh: false,
        };
        contested.start()?;
        contested.fresh = true;
        Ok(contested)
    }
}

impl Contested<'_> {
    /// Why each contestant cannot be sampled; none where it can.
    pub fn lacks(&self) -> Vec<Option<String>> {
        let lack =
            |(session, place): &(usize, usize)| self.sessions[*session].ready.lacks.get(*place).cloned().flatten();
        self.places.iter().map(lack).collect()
    }

    /// From now on candidate `i` is the `i`th of these contestants; the others are not sampled.
    pub fn only(&mut self, contestants: &[usize]) {
        self.places = contestants.iter().map(|c| self.places[*c]).collect();
    }

    /// Ends the workers and takes the limits down; returns why a limit is not proven, if one is not.
    ///
    /// # Errors
    /// Where a worker cannot say what its probes found.
    pub fn finish(mut self) -> Result<Option<String>, WorkerError> {
        self.end()?;
        let (Some(warden), Some((enforcement, mut proof))) = (self.contest.warden, self.limits.take()) else {
            return Ok(None);
        };
        warden.count(&enforcement, &mut proof);
        warden.fill(&enforcement, When::After, &mut proof)?;
        Ok(warden.unproven(&proof))
    }

    fn end(&mut self) -> Result<(), WorkerError> {
        for session in self.sessions.drain(..) {
            let found = session.end()?;
            if let Some((_, proof)) = &mut self.limits {
                proof.0.extend(found);
            }
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), WorkerError> {
        for program in 0..self.contest.programs.len() {
            let session = self.session(program)?;
            self.sessions.push(session);
        }
        let able = |s: &&Session| s.ready.lacks.iter().any(Option::is_none);
        let rotations = || self.sessions.iter().filter(able).map(|s| s.ready.rotation_bytes);
        if let (Some(least), Some(most)) = (rotations().min(), rotations().max())
            && least != most
        {
            let reason = format!("the weights rotate through {least} bytes in one build and {most} in the other");
            return Err(WorkerError::Failed(format!("not comparable: {reason}")));
        }
        Ok(())
    }

    fn session(&self, program: usize) -> Result<Session, WorkerError> {
        let Contest { group, contestants, isa, threads, seed, warden, programs, .. } = &self.contest;
        let enforcement = self.limits.as_ref().map(|(enforcement, _)| enforcement);
        let of_program = contestants.iter().filter(|c| c.program == program);
        let bytes_per_call = warden.map(|w| w.bytes_per_call(group)).transpose()?;
        let sitting = Sitting {
            protocol: PROTOCOL,
            kernel: group.kernel.name().into(),
            shape: (&group.shape).into(),
            candidates: of_program.map(|c| (c.variant.clone(), c.repeated)).collect(),
            isa: isa.map(|isa| isa.name().into()),
            threads: *threads,
            seed: *seed,
            rotation_bytes: self.rotation_bytes,
            limits: warden.zip(enforcement).map(|(warden, enforcement)| warden.limits(enforcement)),
            bytes_per_call: bytes_per_call.unwrap_or_default(),
        };
        let (path, name) = &programs[program];
        Session::start(path, name, sitting, enforcement)
    }
}

impl Subjects for Contested<'_> {
    type Error = WorkerError;

    fn renew(&mut self) -> Result<(), WorkerError> {
        // The first workers were started to see who can take part.
        if std::mem::take(&mut self.fresh) {
            return Ok(());
        }
        self.end()?;
        self.start()
    }

    fn sample(&mut self, candidate: usize) -> Result<f64, WorkerError> {
        let (session, place) = self.places[candidate];
        self.sessions[session].sample(place)
    }

    fn now_ns(&self) -> f64 {
        self.clock.elapsed().as_nanos() as f64
    }
}
