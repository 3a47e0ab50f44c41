//! Where the records of a verb that runs cells go as they come.

use std::sync::{Arc, Mutex, PoisonError};

use super::Failure;
use crate::journal::{Journal, JournalError};
use crate::record::Record;
use crate::worker::{Last, on_interrupt};

/// Records as they come: kept, and appended to a journal where there is one.
pub struct Sink {
    /// So far.
    pub records: Vec<Record>,
    journal: Option<Journal>,
    /// A copy for whoever ends this process, where somebody asked for that.
    kept: Option<(Arc<Mutex<Vec<Record>>>, Last)>,
}

impl Sink {
    /// Nothing yet; `journal` is open, or why it is not.
    pub fn new(journal: Option<Result<Journal, JournalError>>) -> Result<Self, Failure> {
        Ok(Self { records: Vec::new(), journal: journal.transpose().map_err(Failure::input)?, kept: None })
    }

    /// What is done with the records so far when this process is interrupted, until [`Sink::settled`].
    pub fn when_interrupted(&mut self, act: impl FnOnce(&[Record]) + Send + 'static) {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let theirs = kept.clone();
        self.kept = Some((kept, on_interrupt(move || act(&theirs.lock().unwrap_or_else(PoisonError::into_inner)))));
    }

    /// There are no more records to come.
    pub fn settled(&mut self) {
        self.kept = None;
    }

    /// Takes the records of a finished cell.
    pub fn take(&mut self, records: Vec<Record>) -> Result<(), Failure> {
        let first = self.records.len();
        self.records.extend(records);
        if let Some((kept, _)) = &self.kept {
            kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&self.records[first..]);
        }
        let Some(journal) = &mut self.journal else { return Ok(()) };
        self.records[first..].iter().try_for_each(|record| journal.append(record)).map_err(Failure::input)
    }
}
