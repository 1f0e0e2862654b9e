//! What a process that holds secrets switches off before it starts threads.
//!
//! No core file, no reading of its memory by other processes of the same user, no new privileges through a
//! set-uid program. None of it is fatal when the kernel refuses: the caller logs the report.

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// What was asked of the kernel and refused; empty when all of it holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HardeningReport {
    /// One entry for each measure that failed.
    pub refused: Vec<Refused>,
}

/// One measure that the kernel refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// A stable word: `core-limit`, `not-dumpable`, `no-new-privileges`.
    pub measure: &'static str,
    /// What the system said.
    pub reason: String,
}

/// Applies every measure to this process; call it first in `main`.
pub fn harden() -> HardeningReport {
    let no_core = Rlimit { current: Some(0), maximum: Some(0) };
    let measures = [
        ("core-limit", setrlimit(Resource::Core, no_core)),
        ("not-dumpable", set_dumpable_behavior(DumpableBehavior::NotDumpable)),
        ("no-new-privileges", rustix::thread::set_no_new_privs(true)),
    ];
    let refused = measures
        .into_iter()
        .filter_map(|(measure, result)| {
            result.err().map(|error| Refused { measure, reason: std::io::Error::from(error).to_string() })
        })
        .collect();
    HardeningReport { refused }
}

impl HardeningReport {
    /// Warns of each refused measure. Call it once tracing is set up.
    pub fn log(&self) {
        for Refused { measure, reason } in &self.refused {
            tracing::warn!(measure, reason, "the kernel refused a protection of this process's secrets");
        }
    }
}

/// Whether a crash of this process could leave a core file or its memory be read by the same user.
pub fn may_leave_core() -> bool {
    getrlimit(Resource::Core).current != Some(0)
        || !matches!(rustix::process::dumpable_behavior(), Ok(DumpableBehavior::NotDumpable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_hardening_no_core_can_be_left() {
        assert!(may_leave_core(), "the test starts dumpable");
        assert_eq!(harden(), HardeningReport::default());
        assert!(!may_leave_core());
        assert!(
            std::fs::read_to_string("/proc/thread-self/status").is_ok_and(|status| status.contains("NoNewPrivs:\t1"))
        );
    }
}
