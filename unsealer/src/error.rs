//! The rules that every failure of this program follows, and the exit statuses in words.
//!
//! - The problem line says what failed and where, without a full stop; each cause adds what the line above does not say.
//! - A hint says what to do next, as a command where there is one.
//! - No text repeats a secret, a server's body or a value from the settings.
//! - "Could not ask" is `Unavailable`, never `Absent`.

use std::fmt::Write as _;

use sops_tools::report::{ExitStatus, Failure};

/// Every exit status of this program and what it means, in the order of its number.
pub const STATUSES: [(ExitStatus, &str); 8] = [
    (ExitStatus::Done, "done, and seen to be done"),
    (ExitStatus::Unexpected, "unexpected fault"),
    (ExitStatus::Usage, "usage or settings"),
    (ExitStatus::Refused, "refused, needs a person"),
    (ExitStatus::Absent, "what was asked for is not there"),
    (ExitStatus::Unavailable, "unavailable, try again"),
    (ExitStatus::Integrity, "something stored is damaged, forged or not what it claims to be"),
    (ExitStatus::TimedOut, "a deadline passed"),
];

/// The table for the long help of every command.
pub fn statuses_help() -> String {
    STATUSES.iter().fold("Exit status:\n".to_owned(), |mut text, (status, meaning)| {
        let _ = writeln!(text, "  {}  {meaning}", status.code());
        text
    })
}

/// A fault that nobody foresaw.
pub fn unexpected(problem: &str) -> Failure {
    Failure::new(ExitStatus::Unexpected, "unexpected", problem)
}

/// The result cannot be printed.
pub fn unprintable(error: &std::io::Error) -> Failure {
    Failure::new(ExitStatus::Unavailable, "output-unusable", "cannot print the result").cause(error)
}

/// A setting that this command needs and others do not.
pub fn setting_needed(key: &str, why: &str) -> Failure {
    Failure::new(ExitStatus::Usage, "setting-needed", format!("the setting {key} is missing: {why}"))
        .hint("docs/settings.md says what belongs there")
}
