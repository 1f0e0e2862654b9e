//! What each command does, apart from how its flags are written. An order is a command line that has been understood.

pub mod config;
mod daemon_page;
pub mod doctor;
pub mod export;
pub mod gate;
pub mod hold;
pub mod import;
pub mod init;
mod local_word;
pub mod release;
pub mod run;
pub mod status;
pub mod store;
pub mod unseal;

use std::path::PathBuf;

use sops_tools::report::{ExitStatus, Failure};
use sops_tools::terminal::{self, Output};

use crate::error;
use crate::settings::{self, Loaded, Overrides, Sources, VaultSettings};
use crate::store::publish::Refusal;

/// Where a command finds its settings, and how it prints its result.
#[derive(Debug)]
pub struct Setup {
    /// Text or JSON.
    pub output: Output,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// Flags that stand for settings.
    pub flags: Overrides,
    /// The working directory.
    pub folder: PathBuf,
}

impl Setup {
    /// Reads and validates the settings.
    ///
    /// # Errors
    /// Every fault in one report.
    pub fn load(&self) -> Result<Loaded, Failure> {
        let variables = |name: &str| std::env::var(name).ok();
        let sources =
            Sources { config: self.config.as_deref(), folder: &self.folder, variables: &variables, flags: &self.flags };
        Ok(settings::load(&sources)?)
    }

    /// Prints the result: the text for people, or the value for programs.
    ///
    /// # Errors
    /// When stdout cannot be written, as on a full disk; a reader that went away is no error.
    pub fn print(&self, text: &str, value: &serde_json::Value) -> Result<(), Failure> {
        let printed = match self.output {
            Output::Text => terminal::print(text.trim_end()),
            Output::Json => terminal::print_json(value),
        };
        printed.map_err(|error| error::unprintable(&error))
    }

    /// Prints the result of a command that reports and judges: what it found bad ends it, after the whole report, and programs still
    /// read one value, with the judgement under `error`.
    ///
    /// # Errors
    /// As [`print`](Self::print).
    pub fn conclude(
        &self,
        text: &str,
        mut value: serde_json::Value,
        judgement: Option<Failure>,
    ) -> Result<ExitStatus, Failure> {
        if let (Some(failure), Some(map)) = (&judgement, value.as_object_mut()) {
            map.extend(terminal::failure_json(failure).as_object().cloned().unwrap_or_default());
        }
        self.print(text, &value)?;
        let Some(failure) = judgement else { return Ok(ExitStatus::Done) };
        if self.output == Output::Text {
            terminal::print_failure(&failure, Output::Text);
        }
        Ok(failure.status)
    }
}

/// The Vault that `--vault` names, or all.
fn chosen_vaults<'a>(loaded: &'a Loaded, name: Option<&str>) -> Result<Vec<&'a VaultSettings>, Failure> {
    match name {
        None => Ok(loaded.settings.vaults.iter().collect()),
        Some(_) => loaded.settings.chosen(name).map(|vault| vec![vault]),
    }
}

/// Policy does not let a command write.
fn refused(vault: &str, refusal: Refusal) -> Failure {
    Failure::new(ExitStatus::Refused, refusal.class(), format!("{vault}: nothing was written"))
        .cause(refusal)
        .hint(refusal.hint())
}
