//! What a careful person looks at on a calm day: whether the secrets would bring the cluster back, and whether anybody changed them.
//!
//! Every file is read the way Flux does and the way we do. Flux does not check the MAC, so this is the place that does.

use std::path::PathBuf;

use super::catalogue::BootstrapSecret;
use super::look::{Seen, find};
use crate::clock::Timestamp;
use crate::custody::Identities;
use crate::report::{ExitStatus, Failure};
use crate::sops::data_key::Keyring;

mod across;
mod contents;
mod file;
mod report;
mod rules;

pub use report::Report;

pub(crate) use file::{cluster_identities, encrypts_only_values};
#[cfg(feature = "program")]
pub(crate) use rules::Configs;

/// How bad a finding is; the later one is the worse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Works, and is worth knowing.
    Note,
    /// Not as the rules or Flux want it.
    Drift,
    /// Something is not there.
    Absent,
    /// Could not be looked at.
    Unread,
    /// Damaged, forged or in clear.
    Integrity,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file or the Secret it is about.
    pub place: String,
    /// How bad it is.
    pub level: Level,
    /// A stable word for programs.
    pub class: &'static str,
    /// What was seen, one line.
    pub seen: String,
    /// What to do, one line.
    pub next: String,
}

/// What to look at, and with what.
pub struct Order<'a> {
    /// Folders and files.
    pub places: Vec<PathBuf>,
    /// The secrets that have to be there.
    pub wanted: Vec<BootstrapSecret>,
    /// The cluster's identity, where the caller has it beside the files.
    pub cluster: Option<Identities>,
    /// The operator's identity.
    pub operator: Option<Identities>,
    /// Every other identity at hand.
    pub at_hand: &'a dyn Keyring,
    /// The configuration; `None` for the nearest `.sops.yaml` above each file.
    pub config: Option<PathBuf>,
    /// What relative paths start from.
    pub current: PathBuf,
    /// The time.
    pub now: Timestamp,
}

impl Level {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Drift => "drift",
            Self::Absent => "absent",
            Self::Unread => "unread",
            Self::Integrity => "integrity",
        }
    }
}

impl Finding {
    /// A finding; `next` says what to do.
    pub fn new(
        place: impl Into<String>,
        level: Level,
        class: &'static str,
        seen: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self { place: place.into(), level, class, seen: seen.into(), next: next.into() }
    }
}

/// Looks at everything; changes nothing.
///
/// # Errors
/// A folder that cannot be listed. What is wrong with files is no error but stands in the report.
pub fn verify(order: &Order<'_>) -> Result<Report, Failure> {
    let files = find(&order.places)?;
    Ok(file::look_at_all(order, &files))
}

/// Looks at one file by itself.
pub(crate) fn verify_one(
    seen: &Seen,
    keyring: &dyn Keyring,
    config: Option<PathBuf>,
    current: &std::path::Path,
    now: Timestamp,
) -> Report {
    let current = current.to_owned();
    let order = Order {
        places: Vec::new(),
        wanted: Vec::new(),
        cluster: None,
        operator: None,
        at_hand: keyring,
        config,
        current,
        now,
    };
    file::look_at_one(&order, seen)
}

impl Report {
    /// What ends the command; `None` where nothing worse than a note was found.
    pub fn judgement(&self) -> Option<Failure> {
        let count = |level: Level| self.findings().filter(|finding| finding.level == level).count();
        let (status, class, problem, hint) = match self.findings().map(|finding| finding.level).max()? {
            Level::Note => return None,
            Level::Drift => (
                ExitStatus::Refused,
                "bootstrap-drift",
                format!("not as the rules want it: {}", count(Level::Drift)),
                "each finding says what to do; nothing is damaged",
            ),
            Level::Absent => (
                ExitStatus::Absent,
                "bootstrap-absent",
                format!("not there: {}", count(Level::Absent)),
                "each finding says what to do; without it the cluster does not come back",
            ),
            Level::Unread => (
                ExitStatus::Unavailable,
                "bootstrap-unread",
                format!("could not be looked at: {}", count(Level::Unread)),
                "what was not looked at does not count as sound",
            ),
            Level::Integrity => (
                ExitStatus::Integrity,
                "bootstrap-damaged",
                format!("damaged, forged or in clear: {}", count(Level::Integrity)),
                "apply none of these files; each finding says what to do",
            ),
        };
        Some(Failure::new(status, class, problem).hint(hint))
    }
}

#[cfg(test)]
mod tests;
