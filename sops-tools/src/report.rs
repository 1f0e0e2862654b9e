//! What a user reads when something fails, and the exit status that goes with it.
//!
//! A [`Failure`] has one line that says what failed and where, and one that says what to do next. It is a
//! value: nothing is printed where it is made, only in the binary that ends with it.

use std::fmt;

mod sops_status;

pub use crate::sops::file::SopsExit;

/// Exit statuses shared by the binaries. Each number has one meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitStatus {
    /// Everything asked for was done and seen to be done.
    Done = 0,
    /// A fault nobody foresaw.
    Unexpected = 1,
    /// The command line or the settings are wrong.
    Usage = 2,
    /// Refused on purpose: a person has to decide.
    Refused = 3,
    /// What was asked for is not there.
    Absent = 4,
    /// A server, store or disk could not be reached or used: the same call may succeed later.
    Unavailable = 5,
    /// Something stored is damaged, forged or not what it claims to be.
    Integrity = 6,
    /// A deadline passed.
    TimedOut = 7,
}

impl ExitStatus {
    /// The number the process ends with.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit status, or what comes nearest to it where [`sops`](Self::sops) gives another number.
    pub status: ExitStatus,
    /// The number that the sops program ends with in this case, for the commands that both programs have.
    pub sops: Option<SopsExit>,
    /// A stable word for programs, kebab-case: `bundle-exists`, `store-unavailable`.
    pub class: &'static str,
    /// What failed and where, one line, no full stop.
    pub problem: String,
    /// Underlying causes, outermost first.
    pub causes: Vec<String>,
    /// What to do next, one line or a few.
    pub hint: Option<String>,
    /// Whether a program was told already, as part of a report.
    pub told: bool,
}

impl Failure {
    /// A failure with no cause and no hint yet.
    pub fn new(status: ExitStatus, class: &'static str, problem: impl Into<String>) -> Self {
        Self { status, sops: None, class, problem: problem.into(), causes: Vec::new(), hint: None, told: false }
    }

    /// A failure of a command that the sops program has as well; it ends with the number that sops ends with.
    pub fn sops(status: SopsExit, class: &'static str, problem: impl Into<String>) -> Self {
        Self { sops: Some(status), ..Self::new(status.kind(), class, problem) }
    }

    /// The number the process ends with.
    pub fn exit_code(&self) -> u8 {
        self.sops.map_or(self.status.code(), SopsExit::code)
    }

    /// Adds one underlying cause.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.problem)?;
        for cause in &self.causes {
            write!(f, "\ncause: {cause}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_problem_then_cause_then_hint() {
        let failure = Failure::new(ExitStatus::Refused, "bundle-exists", "vault/main: a bundle is stored already")
            .cause("generation 3 of 2026-11-24")
            .hint("restore the volume, or name a new Vault");
        assert_eq!(
            failure.to_string(),
            "error: vault/main: a bundle is stored already\ncause: generation 3 of 2026-11-24\n\nhint: restore the volume, or name a new Vault"
        );
    }
}
