//! What is wrong with a file, and what to do about it.

use std::convert::Infallible;

use super::creation::keys_of;
use super::plan::has_groups;
use crate::scan::line_of;
use crate::scan::placeholder::is_placeholder;
use crate::sops::cipher::PREFIX;
use crate::sops::config::{Config, ConfigError, CreationRule};
use crate::sops::data_key::Keyring;
use crate::sops::file::{FileError, SopsFile};
use crate::sops::formats::Format;
use crate::sops::mac::Scope;
use crate::sops::metadata::KeyId;
use crate::sops::rules::{DEFAULT_SUFFIX, Rule, RuleField};
use crate::sops::tree::{Leaf, Value};
use crate::sops::walk::{Found, walk};

mod finding;

pub use finding::{Class, Finding};

/// Most values in clear that are named of one file.
const MOST_VALUES: usize = 16;

/// What is wrong with a SOPS file that can be seen without any key.
pub fn without_key(
    shown: &str,
    source: &[u8],
    file: &SopsFile,
    rule: Result<Option<(&Config, &CreationRule)>, ConfigError>,
) -> Vec<Finding> {
    let mut findings = clear_values(shown, source, file);
    match rule {
        Ok(Some((config, rule))) => against_rule(shown, file, config, rule, &mut findings),
        Ok(None) => {
            findings.push(Finding::new(Class::NoRule, shown, "there is no .sops.yaml with creation_rules above it"));
        }
        Err(ConfigError::NoMatch { path, .. }) => {
            findings.push(Finding::new(Class::NoRule, shown, path.display().to_string()));
        }
        Err(error) => findings.push(faulty(shown, &error)),
    }
    let others = file.documents_with_other_blocks();
    if !others.is_empty() {
        let numbers: Vec<String> = others.iter().map(ToString::to_string).collect();
        findings.push(Finding::new(Class::OtherBlock, shown, format!("document {}", numbers.join(", "))));
    }
    findings
}

fn faulty(shown: &str, error: &ConfigError) -> Finding {
    let mut detail = error.to_string();
    if let ConfigError::Faulty { faults, .. } = error {
        for fault in faults {
            detail.push_str("; ");
            detail.push_str(&fault.to_string());
        }
    }
    Finding::new(Class::FaultyRule, shown, detail)
}

fn against_rule(shown: &str, file: &SopsFile, config: &Config, rule: &CreationRule, findings: &mut Vec<Finding>) {
    let has = file.metadata().key_ids();
    match keys_of(config, rule, file.metadata()) {
        Err(error) => findings.push(faulty(shown, &error)),
        Ok(wanted) if wanted.groups.is_empty() => {
            findings.push(Finding::new(Class::NoRule, shown, format!("rule {} names nobody", rule.number)));
        }
        Ok(wanted) => {
            let (has_all, wants): (Vec<&KeyId>, Vec<&KeyId>) =
                (has.iter().flatten().collect(), wanted.groups.iter().flatten().collect());
            for key in unique(has_all.iter().filter(|key| !wants.contains(key))) {
                findings.push(Finding::new(Class::ForeignRecipient, shown, key.to_string()));
            }
            for key in unique(wants.iter().filter(|key| !has_all.contains(key))) {
                findings.push(Finding::new(Class::MissingRecipient, shown, key.to_string()));
            }
            let same_people =
                has_all.iter().all(|key| wants.contains(key)) && wants.iter().all(|key| has_all.contains(key));
            if same_people && !has_groups(&has, file.metadata(), &wanted) {
                findings.push(Finding::new(Class::Groups, shown, ""));
            }
        }
    }
    if let Some(detail) = drift(file, rule) {
        findings.push(Finding::new(Class::RuleDrift, shown, detail));
    }
}

fn unique<'a>(keys: impl Iterator<Item = &'a &'a KeyId>) -> Vec<&'a KeyId> {
    let mut all: Vec<&KeyId> = Vec::new();
    for key in keys {
        if !all.contains(key) {
            all.push(key);
        }
    }
    all
}

/// How the file's choice of what is encrypted differs from the rule's.
fn drift(file: &SopsFile, rule: &CreationRule) -> Option<String> {
    if file.format() == Format::Binary {
        return None;
    }
    let default = (RuleField::UnencryptedSuffix, DEFAULT_SUFFIX);
    let of_file = file.rule().field().unwrap_or(default);
    let of_rule = rule.selection.as_ref().map_or(default, |selection| (selection.field, selection.text.as_str()));
    if of_file != of_rule {
        let told = |(field, text): (RuleField, &str)| format!("{} {text:?}", field.name());
        return Some(format!("the file has {}, the rule {}", told(of_file), told(of_rule)));
    }
    let of_file = file.metadata().mac_scope == Scope::OnlyEncrypted;
    (of_file != rule.mac_only_encrypted)
        .then(|| format!("mac_only_encrypted is {of_file} in the file and {} in the rule", !of_file))
}

/// Values that the file's own rule wants sealed and that are not.
pub fn clear_values(shown: &str, source: &[u8], file: &SopsFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, at) in clear_leaves(file) {
        let line = line_of(source, at);
        findings.push(Finding::new(Class::ClearValue, shown, path).at(line));
    }
    findings
}

/// The keys of such values, and where each begins.
pub fn clear_leaves(file: &SopsFile) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let done: Result<(), Infallible> = walk(file.tree(), file.rule(), |place| {
        if let Found::Leaf(leaf) = &place.found
            && place.is_encrypted
            && found.len() < MOST_VALUES
            && is_clear(leaf)
        {
            found.push((place.path.display(), leaf.at.start));
        }
        Ok(())
    });
    let Ok(()) = done;
    found
}

fn is_clear(leaf: &Leaf) -> bool {
    match &leaf.value {
        Value::Str(text) => !text.is_empty() && !text.starts_with(PREFIX),
        // sops reads a comment in a list where it would stand in the tree.
        Value::Null | Value::Comment(_) => false,
        Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Time(_) => true,
    }
}

/// Whether a rule would seal anything in a plain tree that is no placeholder.
pub fn has_something_to_seal(tree: &crate::sops::tree::Tree, rule: &Rule) -> bool {
    let mut found = false;
    let done: Result<(), Infallible> = walk(tree, rule, |place| {
        if let Found::Leaf(leaf) = &place.found {
            found |=
                place.is_encrypted && is_clear(leaf) && !is_placeholder(&crate::sops::value::spelling(&leaf.value));
        }
        Ok(())
    });
    let Ok(()) = done;
    found
}

/// What is wrong that only a key shows. Where none opens the file that is a finding.
pub fn with_key(shown: &str, file: SopsFile, keyring: &dyn Keyring) -> Option<Finding> {
    match file.unlock(keyring) {
        Err(FileError::NoDataKey(_)) => Some(Finding::new(Class::CannotOpen, shown, "")),
        Err(FileError::Value { line, path, fault }) => {
            Some(Finding::new(Class::ValueBroken, shown, format!("{path}: {fault}")).at(line))
        }
        Err(error) => Some(Finding::new(Class::Damaged, shown, error.to_string())),
        Ok(unlocked) => match unlocked.mac() {
            Err(fault) => Some(Finding::new(Class::MacBroken, shown, fault.to_string())),
            Ok(()) => match unlocked.verified() {
                Err(FileError::MisplacedComment { line, path }) => {
                    let detail = format!("{path}: a comment stands in the place of a value");
                    Some(Finding::new(Class::ValueBroken, shown, detail).at(line))
                }
                Err(error) => Some(Finding::new(Class::Damaged, shown, error.to_string())),
                Ok(_) => None,
            },
        },
    }
}

/// A SOPS file that cannot be read as one.
pub fn damaged(shown: &str, error: &FileError) -> Finding {
    let detail = error.to_string();
    let finding = Finding::new(Class::Damaged, shown, &detail);
    match error {
        FileError::MalformedSealed(fault) => Finding { detail: fault.problem.to_owned(), ..finding.at(fault.line) },
        _ => finding,
    }
}
