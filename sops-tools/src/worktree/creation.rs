//! Which creation rule a file of the tree has.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::sops::config::{Config, ConfigError, CreationRule, find};
use crate::sops::file::Keys;
use crate::sops::metadata::Metadata;
use crate::sops::rules::{Rule, RuleError};

/// The configurations of a tree: one that was named, for all of it; else for each file the nearest above it, which is what sops
/// takes when it is called in the file's folder.
pub struct Configs {
    named: Option<PathBuf>,
    /// By folder: which configuration its files have.
    nearest: HashMap<PathBuf, Option<PathBuf>>,
    read: HashMap<PathBuf, Result<Config, ConfigError>>,
}

impl Configs {
    /// Reads the configurations of these files, which are absolute.
    pub fn of<'a>(named: Option<&Path>, files: impl IntoIterator<Item = &'a Path>) -> Self {
        let mut configs = Self { named: named.map(Path::to_owned), nearest: HashMap::new(), read: HashMap::new() };
        if let Some(named) = named {
            configs.read.insert(named.to_owned(), Config::load(named));
            return configs;
        }
        for folder in files.into_iter().filter_map(Path::parent) {
            if configs.nearest.contains_key(folder) {
                continue;
            }
            let found = find(folder).path;
            if let Some(path) = &found {
                configs.read.entry(path.clone()).or_insert_with(|| Config::load(path));
            }
            configs.nearest.insert(folder.to_owned(), found);
        }
        configs
    }

    /// The rule for a file, with its configuration; `None` where there is no configuration or it has no rules.
    ///
    /// # Errors
    /// No rule matches, or the configuration cannot be followed.
    pub fn rule(&self, file: &Path) -> Result<Option<(&Config, &CreationRule)>, ConfigError> {
        let path = match (&self.named, file.parent().and_then(|folder| self.nearest.get(folder))) {
            (Some(named), _) => named,
            (None, Some(Some(path))) => path,
            _ => return Ok(None),
        };
        match self.read.get(path) {
            None => Ok(None),
            Some(Err(error)) => Err(error.clone()),
            Some(Ok(config)) => Ok(config.rule_for(file, Path::new("/"))?.map(|rule| (config, rule))),
        }
    }

    /// Whether there is any configuration with rules.
    pub fn any(&self) -> bool {
        self.read.values().any(|config| !matches!(config, Ok(config) if config.rules.is_empty()))
    }
}

/// Who shall be able to open a file of this rule: its own threshold, or where it says nothing the file's, as far as it fits.
///
/// # Errors
/// A key of the rule cannot be served.
pub fn keys_of(config: &Config, rule: &CreationRule, file: &Metadata) -> Result<Keys, ConfigError> {
    let groups = config.groups_of(rule)?.to_vec();
    let threshold = rule.threshold.filter(|needed| *needed > 0).or(file.threshold);
    Ok(Keys { threshold: threshold.map(|needed| needed.min(groups.len())), groups })
}

/// What a rule wants encrypted.
///
/// # Errors
/// An expression that sops would misread.
pub fn selection_of(rule: &CreationRule) -> Result<Rule, RuleError> {
    match &rule.selection {
        Some(selection) => Rule::of(selection.field, &selection.text),
        None => Ok(Rule::written_default()),
    }
}
