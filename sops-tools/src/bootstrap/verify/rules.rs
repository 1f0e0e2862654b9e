//! A file against the rule that `.sops.yaml` has for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Finding, Level};
use crate::sops::config::{self, Config, ConfigError, CreationRule, absolute};
use crate::sops::file::SopsFile;
use crate::sops::mac::Scope;
use crate::sops::metadata::KeyId;
use crate::sops::rules::Rule;

/// The configurations of files, each read once.
pub(crate) struct Configs {
    named: Option<PathBuf>,
    current: PathBuf,
    known: BTreeMap<PathBuf, Result<Config, ConfigError>>,
}

impl Configs {
    pub(crate) fn new(named: Option<PathBuf>, current: PathBuf) -> Self {
        Self { named, current, known: BTreeMap::new() }
    }

    /// The configuration for a file: the named one, else the nearest above it.
    pub(crate) fn of(&mut self, file: &Path) -> Option<&Result<Config, ConfigError>> {
        let path = match &self.named {
            Some(path) => path.clone(),
            None => config::find(absolute(file, &self.current).parent()?).path?,
        };
        Some(self.known.entry(path.clone()).or_insert_with(|| Config::load(&path)))
    }

    /// Who may open a file, by its rule, group by group; `None` where there is no rule.
    #[cfg(feature = "program")]
    pub(crate) fn groups_of(&mut self, file: &Path) -> Option<Vec<Vec<KeyId>>> {
        let current = self.current.clone();
        let config = self.of(file)?.as_ref().ok()?;
        let rule = config.rule_for(file, &current).ok()??;
        config.groups_of(rule).ok().map(<[_]>::to_vec)
    }

    /// Everything in which a file is not as its rule wants it.
    pub(crate) fn compare(&mut self, shown: &str, path: &Path, file: &SopsFile) -> Vec<Finding> {
        let current = self.current.clone();
        let config = match self.of(path) {
            Some(Ok(config)) => config,
            Some(Err(error)) => return vec![faulty(shown, error)],
            None => {
                let next = "write one: sops-tools bootstrap secrets makes it, or name it with --config";
                return vec![Finding::new(
                    shown,
                    Level::Absent,
                    "no-config",
                    "no .sops.yaml in its folder or above",
                    next,
                )];
            }
        };
        let rule = match config.rule_for(path, &current) {
            Ok(Some(rule)) => rule,
            Ok(None) => {
                let seen = format!("{} has no creation_rules", config.path.display());
                return vec![Finding::new(
                    shown,
                    Level::Drift,
                    "no-rule",
                    seen,
                    "add a rule with path_regex \\.sops\\.ya?ml$",
                )];
            }
            Err(error) => return vec![faulty(shown, &error)],
        };
        let mut findings = recipients(shown, file, config, rule);
        findings.extend(selection(shown, file, rule));
        findings
    }
}

fn faulty(shown: &str, error: &ConfigError) -> Finding {
    match error {
        ConfigError::NoMatch { .. } => Finding::new(
            shown,
            Level::Drift,
            "no-rule",
            error.to_string(),
            "add a rule whose path_regex matches this file",
        ),
        ConfigError::Faulty { faults, .. } => {
            let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
            let seen = format!("{error}: {}", told.join("; "));
            Finding::new(shown, Level::Drift, "config", seen, "mend the configuration")
        }
        ConfigError::Unreadable { .. } => Finding::new(
            shown,
            Level::Unread,
            "config",
            error.to_string(),
            "mend the configuration, or name another with --config",
        ),
    }
}

fn recipients(shown: &str, file: &SopsFile, config: &Config, rule: &CreationRule) -> Vec<Finding> {
    let Ok(groups) = config.groups_of(rule) else {
        let seen = format!("rule {} of {} cannot be followed", rule.number, config.path.display());
        return vec![Finding::new(shown, Level::Drift, "config", seen, "mend the configuration")];
    };
    let wanted = groups;
    let has = file.metadata().key_ids();
    let all_wanted: Vec<&KeyId> = wanted.iter().flatten().collect();
    let all_has: Vec<&KeyId> = has.iter().flatten().collect();
    let foreign: Vec<String> =
        all_has.iter().filter(|key| !all_wanted.contains(key)).map(ToString::to_string).collect();
    let missing: Vec<String> =
        all_wanted.iter().filter(|key| !all_has.contains(key)).map(ToString::to_string).collect();
    let mut findings = Vec::new();
    if !foreign.is_empty() {
        let seen = format!("sealed to recipients that {} does not name: {}", config.path.display(), foreign.join(", "));
        let next = "find out who put them there (git log -p): anybody can add a recipient, and the next rotation by sops would let them \
                    in; if nobody should be there, sops-tools updatekeys FILE gives it a new data key without them";
        findings.push(Finding::new(shown, Level::Drift, "foreign-recipient", seen, next));
    }
    if !missing.is_empty() {
        let seen = format!("not sealed to recipients that {} names: {}", config.path.display(), missing.join(", "));
        findings.push(Finding::new(shown, Level::Drift, "missing-recipient", seen, "sops-tools updatekeys FILE"));
    }
    if findings.is_empty() && has.len() != wanted.len() {
        let seen = format!("it has {} key groups, the rule {}", has.len(), wanted.len());
        findings.push(Finding::new(shown, Level::Drift, "groups", seen, "sops-tools updatekeys FILE"));
    }
    findings
}

/// Who wrote the rule of a file is not proven; `.sops.yaml` says what it should be.
fn selection(shown: &str, file: &SopsFile, rule: &CreationRule) -> Option<Finding> {
    let default = Rule::written_default();
    let wanted = rule.selection.as_ref().map_or(default.field(), |one| Some((one.field, one.text.as_str())));
    let has = file.rule().field().or(default.field());
    let scope = if rule.mac_only_encrypted { Scope::OnlyEncrypted } else { Scope::Everything };
    let next = "decrypt it, encrypt it anew with the rule of .sops.yaml, and compare: git diff";
    if has != wanted {
        let told = |field: Option<(crate::sops::rules::RuleField, &str)>| {
            field.map_or_else(|| "the default".to_owned(), |(field, text)| format!("{} {text}", field.name()))
        };
        let seen = format!("what is encrypted is said otherwise: here {}, in .sops.yaml {}", told(has), told(wanted));
        return Some(Finding::new(shown, Level::Drift, "rule", seen, next));
    }
    (file.metadata().mac_scope != scope).then(|| {
        let seen = "mac_only_encrypted is set here or in .sops.yaml and not in the other";
        Finding::new(shown, Level::Drift, "rule", seen, next)
    })
}
