//! `doctor`: everything that can be checked without changing anything, with one hint for each fault.

mod checks;
mod host;
mod remote;

use std::fmt::Write as _;

use serde_json::{Value, json};
use sops_tools::hardening;
use sops_tools::report::{ExitStatus, Failure};

use super::{Setup, chosen_vaults};

/// A check-up that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoctorOrder {
    /// The Vault; none = all of the settings.
    pub vault: Option<String>,
    /// Write one small object, to see that writes are create-only.
    pub probe: bool,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Check {
    /// What was looked at: a stable word.
    name: &'static str,
    /// How it stands.
    result: CheckResult,
    /// What was seen, one line.
    seen: String,
    /// What to do; empty where nothing is to do.
    hint: &'static str,
}

/// How a check came out. The later one is the worse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum CheckResult {
    Good,
    /// Works, and could be better.
    Weak,
    /// Could not be asked.
    Unknown,
    /// Wrong.
    Bad,
}

impl CheckResult {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Weak => "weak",
            Self::Unknown => "unknown",
            Self::Bad => "bad",
        }
    }
}

impl Check {
    fn good(name: &'static str, seen: impl Into<String>) -> Self {
        Self { name, result: CheckResult::Good, seen: seen.into(), hint: "" }
    }

    fn other(name: &'static str, result: CheckResult, seen: impl Into<String>, hint: &'static str) -> Self {
        Self { name, result, seen: seen.into(), hint }
    }
}

/// Checks host, settings, secret files, store, servers and daemon.
///
/// Gives `Refused` where something is wrong and `Unavailable` where something could not be asked; what could merely be better is `Done`.
///
/// # Errors
/// Settings that cannot be used.
pub async fn run(setup: &Setup, order: &DoctorOrder) -> Result<ExitStatus, Failure> {
    let loaded = setup.load()?;
    let names: Vec<String> =
        chosen_vaults(&loaded, order.vault.as_deref())?.iter().map(|vault| vault.name.as_str().to_owned()).collect();
    let mut checks = vec![core()];
    checks.extend(checks::settings(&loaded.settings));
    for name in &names {
        checks.extend(checks::vault(&loaded.settings, name, order.probe).await);
    }
    setup.conclude(&text(&checks), value(&checks), judgement(&checks))
}

fn judgement(checks: &[Check]) -> Option<Failure> {
    let count = |wanted: CheckResult| checks.iter().filter(|check| check.result == wanted).count();
    let failure = match (count(CheckResult::Bad), count(CheckResult::Unknown)) {
        (0, 0) => return None,
        (0, unknown) => {
            Failure::new(ExitStatus::Unavailable, "doctor-unknown", format!("checks that could not be made: {unknown}"))
                .hint("make what is named above answer, then ask again")
        }
        (bad, _) => Failure::new(ExitStatus::Refused, "doctor-bad", format!("things that are wrong: {bad}"))
            .hint("follow the hints above, from the top"),
    };
    Some(failure)
}

fn core() -> Check {
    if hardening::may_leave_core() {
        let hint = "the kernel refused a limit to this process: look for a seccomp profile or an old kernel";
        return Check::other("core", CheckResult::Bad, "a crash could leave secrets in a core file", hint);
    }
    Check::good("core", "a crash leaves no core file")
}

fn text(checks: &[Check]) -> String {
    checks.iter().fold(String::new(), |mut text, check| {
        let _ = writeln!(text, "{:7}  {}: {}", check.result.word(), check.name, check.seen);
        if !check.hint.is_empty() {
            let _ = writeln!(text, "         hint: {}", check.hint);
        }
        text
    })
}

fn value(checks: &[Check]) -> Value {
    let each = checks.iter().map(|check| {
        json!({"check": check.name, "result": check.result.word(), "seen": check.seen, "hint": Some(check.hint).filter(|hint| !hint.is_empty())})
    });
    json!({"checks": each.collect::<Vec<_>>()})
}
