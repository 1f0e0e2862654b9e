//! `.sops.yaml`: who may open a file that is made, and what of it is encrypted.
//!
//! Read as sops reads it, with two differences: what sops takes silently for something else (an invalid expression, a recipient
//! that cannot be served) is refused, and every fault of the file is told at once.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use regex::bytes::Regex;

use super::metadata::KeyId;
use super::rules::RuleField;
use crate::custody::Recipient;
use crate::files::{FileErrorKind, read_limited};

mod read;
mod yaml;

/// Largest configuration that is read, 1 MiB.
pub const CONFIG_LIMIT: usize = 1 << 20;

/// How far up a configuration is looked for, as sops does.
const MOST_FOLDERS: usize = 100;

const NAME: &str = ".sops.yaml";
const WRONG_NAME: &str = ".sops.yml";

/// One configuration file.
#[derive(Debug)]
pub struct Config {
    /// Where it was read from.
    pub path: PathBuf,
    /// The rules for files that are made, in order; none counts as no configuration at all.
    pub rules: Vec<CreationRule>,
    /// How the formats indent what is written from nothing.
    pub indents: Indents,
    /// What is odd and changes nothing: keys that nobody knows.
    pub notes: Vec<String>,
}

/// One of `creation_rules`.
#[derive(Debug)]
pub struct CreationRule {
    /// Which one, from 1.
    pub number: usize,
    /// Which files it is for; all of them where it is `None`.
    pub path_regex: Option<Regex>,
    /// Who may open a file: the groups of `key_groups`, or the one group of the rule's own fields. Each recipient once in a group.
    pub groups: Vec<Vec<KeyId>>,
    /// How many groups are needed; `None` or 0 for all.
    pub threshold: Option<usize>,
    /// What is encrypted; `None` for the default of sops, everything but keys that end with `_unencrypted`.
    pub selection: Option<Selection>,
    /// Whether the MAC is over encrypted values alone.
    pub mac_only_encrypted: bool,
    /// Why it cannot be followed; empty where it can.
    pub faults: Vec<Fault>,
    /// Keys that cannot be served; they stand in the way of nothing where the recipients come from elsewhere.
    pub key_faults: Vec<Fault>,
}

/// What of a file is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The field that says it.
    pub field: RuleField,
    /// The suffix or the expression.
    pub text: String,
}

/// Spaces of one level; `None` for the default of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Indents {
    /// YAML.
    pub yaml: Option<usize>,
    /// JSON.
    pub json: Option<usize>,
    /// The JSON around binary files.
    pub json_binary: Option<usize>,
}

/// One thing wrong. Never holds a value: a secret may stand in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Path of the key, as `creation_rules[0].age`; indices from 0, as in YAML tools.
    pub key: String,
    /// What is wrong.
    pub wrong: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() { f.write_str(&self.wrong) } else { write!(f, "{}: {}", self.key, self.wrong) }
    }
}

/// Why there is no rule for a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{reason}")]
    Unreadable {
        /// The configuration.
        path: PathBuf,
        /// What the system said, with the path.
        reason: String,
    },
    /// It says something that cannot be followed.
    #[error("{} cannot be followed", path.display())]
    Faulty {
        /// The configuration.
        path: PathBuf,
        /// All of them.
        faults: Vec<Fault>,
    },
    /// No rule is for this file.
    #[error("{}: no creation rule is for {file}", path.display())]
    NoMatch {
        /// The configuration.
        path: PathBuf,
        /// The file, as the rules see it.
        file: String,
    },
}

/// Where a configuration was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The nearest `.sops.yaml`.
    pub path: Option<PathBuf>,
    /// A `.sops.yml` that was passed on the way: sops does not read it.
    pub ignored: Option<PathBuf>,
}

/// Looks for `.sops.yaml` in `start` and the folders above it, up to 100 of them.
pub fn find(start: &Path) -> Found {
    let mut ignored = None;
    for folder in start.ancestors().take(MOST_FOLDERS) {
        if folder.join(NAME).exists() {
            return Found { path: Some(folder.join(NAME)), ignored };
        }
        if ignored.is_none() && folder.join(WRONG_NAME).exists() {
            ignored = Some(folder.join(WRONG_NAME));
        }
    }
    Found { path: None, ignored }
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// It cannot be read, or is not of the form of a configuration. What is wrong with one rule alone is an error when that rule is
    /// chosen, with its keys when they are asked for.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let bytes = read_limited(path, CONFIG_LIMIT).map_err(|error| {
            let reason = match error.kind() {
                FileErrorKind::TooLarge => format!("{} is larger than {CONFIG_LIMIT} bytes", path.display()),
                _ => error.to_string(),
            };
            ConfigError::Unreadable { path: path.to_owned(), reason }
        })?;
        Self::parse(&bytes, path)
    }

    /// Reads the text of a configuration; `path` names it, and `path_regex` is about files relative to its folder.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &[u8], path: &Path) -> Result<Self, ConfigError> {
        read::config(text, path).map_err(|faults| ConfigError::Faulty { path: path.to_owned(), faults })
    }

    /// The rule for `file`: the first whose `path_regex` matches or that has none. `None` where the configuration has no rules.
    ///
    /// Relative paths are taken from `current`; no link is followed.
    ///
    /// # Errors
    /// No rule matches, or what is wrong with a rule up to the one that matches, its keys left aside; then with every fault of every rule.
    pub fn rule_for(&self, file: &Path, current: &Path) -> Result<Option<&CreationRule>, ConfigError> {
        if self.rules.is_empty() {
            return Ok(None);
        }
        let folder = absolute(self.path.parent().unwrap_or(Path::new("")), current);
        let file = absolute(file, current);
        // A file outside the folder keeps its whole path.
        let seen = file.strip_prefix(&folder).unwrap_or(&file);
        for rule in &self.rules {
            let unreadable_regex =
                rule.path_regex.is_none() && rule.faults.iter().any(|fault| fault.key.ends_with("path_regex"));
            let matches =
                rule.path_regex.as_ref().is_none_or(|regex| regex.is_match(seen.as_os_str().as_encoded_bytes()));
            if unreadable_regex || (matches && !rule.faults.is_empty()) {
                return Err(self.faulty());
            }
            if matches {
                return Ok(Some(rule));
            }
        }
        Err(ConfigError::NoMatch { path: self.path.clone(), file: seen.display().to_string() })
    }

    /// Who may open a file of this rule, group by group; empty where the rule names nobody.
    ///
    /// # Errors
    /// One of its keys cannot be served; then with every fault of every rule. None is ever left out.
    pub fn groups_of<'a>(&self, rule: &'a CreationRule) -> Result<&'a [Vec<KeyId>], ConfigError> {
        if rule.key_faults.is_empty() { Ok(&rule.groups) } else { Err(self.faulty()) }
    }

    /// Everything that is wrong with the rules.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.rules.iter().flat_map(|rule| rule.faults.iter().chain(&rule.key_faults))
    }

    fn faulty(&self) -> ConfigError {
        ConfigError::Faulty { path: self.path.clone(), faults: self.faults().cloned().collect() }
    }
}

/// The key of a recipient that files can be sealed to: one of age's own, and with the feature `ssh` also an SSH key.
///
/// # Errors
/// Why it cannot be served, without any of its text.
pub fn age_key(text: &str) -> Result<KeyId, String> {
    #[cfg(feature = "ssh")]
    if super::ssh::SshRecipient::is_one(text) {
        let recipient: Result<super::ssh::SshRecipient, _> = text.parse();
        return recipient.map(KeyId::age).map_err(|error| error.to_string());
    }
    text.parse::<Recipient>().map(KeyId::age).map_err(|error| error.to_string())
}

/// `path` from the root, without `.` and `..`, by its text alone.
pub fn absolute(path: &Path, current: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in current.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests;
