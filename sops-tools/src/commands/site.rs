//! What commands know of the world around them: the environment, the current folder, time and randomness.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::clock::{Clock, Entropy};
use crate::report::{Failure, SopsExit};
use crate::sops::config::{self, Config, ConfigError, CreationRule};
use crate::sops::sources::{Gathered, Lookup, gather};

/// Everything a command may ask that is not in its words.
pub(crate) struct Site<'a> {
    /// The environment.
    pub(crate) lookup: Lookup<'a>,
    /// The folder that relative paths start from.
    pub(crate) current: PathBuf,
    /// The configuration named by flag.
    pub(crate) config: Option<PathBuf>,
    /// The time.
    pub(crate) clock: &'a dyn Clock,
    /// Randomness.
    pub(crate) entropy: &'a dyn Entropy,
}

impl Site<'_> {
    /// The variable, where it is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<OsString> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    /// The identities of all sources.
    ///
    /// # Errors
    /// Class `identity-file`: a file of `--identity` cannot be used.
    pub(crate) fn identities(&self, flags: &[PathBuf]) -> Result<Gathered, Failure> {
        let gathered = gather(flags, self.lookup).map_err(|error| {
            Failure::sops(SopsExit::NoDataKey, "identity-file", error.to_string())
                .hint("name a file as age-keygen writes it, or leave --identity out and use sops' own sources")
        })?;
        for asked in gathered.asked.iter().filter(|asked| asked.identities > 0 && !asked.faults.is_empty()) {
            tracing::warn!("{asked}");
        }
        Ok(gathered)
    }

    /// The configuration: the one named by flag or `SOPS_CONFIG`, else the nearest one above. `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read or followed.
    pub(crate) fn load_config(&self) -> Result<Option<Config>, Failure> {
        let named = self.config.clone().or_else(|| self.variable("SOPS_CONFIG").map(PathBuf::from));
        let Some(path) = named.or_else(|| self.nearest_config()) else { return Ok(None) };
        let config = Config::load(&path).map_err(config_failure)?;
        for note in &config.notes {
            tracing::warn!(path = %config.path.display(), "{note}");
        }
        Ok(Some(config))
    }

    fn nearest_config(&self) -> Option<PathBuf> {
        let found = config::find(&self.current);
        if let Some(ignored) = found.ignored {
            tracing::warn!(path = %ignored.display(), "this file is not read: its name must be .sops.yaml");
        }
        found.path
    }

    /// The rule for a file; `None` where the configuration has no rules.
    ///
    /// # Errors
    /// No rule matches, or the one that does cannot be followed.
    pub(crate) fn rule<'c>(&self, config: &'c Config, file: &Path) -> Result<Option<&'c CreationRule>, Failure> {
        config.rule_for(file, &self.current).map_err(config_failure)
    }
}

/// Why the configuration does not help.
pub(crate) fn config_failure(error: ConfigError) -> Failure {
    let problem = error.to_string();
    match error {
        ConfigError::Unreadable { .. } => Failure::sops(SopsExit::Generic, "config-unreadable", problem)
            .hint("name the right file with --config or SOPS_CONFIG"),
        ConfigError::Faulty { faults, .. } => {
            let failure = Failure::sops(SopsExit::Generic, "config-faulty", problem);
            let failure = faults.iter().fold(failure, Failure::cause);
            failure.hint("mend the configuration; nothing was written")
        }
        ConfigError::NoMatch { .. } => Failure::sops(SopsExit::Generic, "no-rule", problem)
            .hint("add a rule whose path_regex matches, or one without path_regex at the end"),
    }
}
