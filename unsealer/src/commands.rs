//! What each command does, apart from how its flags are written. An order is a command line that has been understood.

pub mod config;
pub mod export;
pub mod gate;
pub mod import;
pub mod init;
pub mod run;
pub mod unseal;

use std::path::PathBuf;

use sops_tools::report::Failure;
use sops_tools::terminal::{self, Output};

use crate::error;
use crate::settings::{self, Loaded, Overrides, Sources};

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
}
