//! What is wrong with the settings, and where each value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use sops_tools::report::{ExitStatus, Failure};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The settings file.
    File(PathBuf),
    /// An environment variable.
    Variable(&'static str),
    /// A flag on the command line.
    Flag(&'static str),
    /// Nowhere: there is no settings file, and nothing else gave it.
    Nowhere,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
            Self::Nowhere => f.write_str("no settings file"),
        }
    }
}

/// Where the value under `key` came from: what was laid over it or a section around it, else the file.
pub(super) fn origin(overridden: &BTreeMap<String, Origin>, file: Option<&PathBuf>, key: &str) -> Origin {
    let inside =
        |over: &str| key.strip_prefix(over).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    let over = overridden.iter().find(|(over, _)| inside(over)).map(|(_, origin)| origin.clone());
    over.unwrap_or_else(|| file.cloned().map_or(Origin::Nowhere, Origin::File))
}

/// One fault. Never holds the faulty value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Path of the key, as `vaults[0].nodes[1]`; empty for the file as a whole.
    pub key: String,
    /// Where the value came from, or should have.
    pub origin: Origin,
    /// What is wrong.
    pub wrong: String,
    /// What belongs there.
    pub expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}; expected {}", self.origin, self.wrong, self.expected)
        } else {
            write!(f, "{} ({}): {}; expected {}", self.key, self.origin, self.wrong, self.expected)
        }
    }
}

/// Every fault of one reading, in the order of the keys' appearance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the settings have a fault"),
            count => write!(f, "the settings have {count} faults"),
        }
    }
}

impl std::error::Error for Faults {}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        let failure = Failure::new(ExitStatus::Usage, "settings", faults.to_string());
        faults
            .0
            .iter()
            .fold(failure, Failure::cause)
            .hint("docs/settings.md lists every key; `unsealer config show` prints what is in force")
    }
}
