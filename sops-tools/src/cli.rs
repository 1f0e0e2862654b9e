//! The command line of `sops-tools`: what can be asked for, and what each command prints.

use std::ffi::OsString;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::report::{ExitStatus, Failure};
use crate::terminal;

mod keygen;
mod output;
mod sops;
mod spelling;

pub use output::{Common, To};

const EXAMPLES: &str = "\
Examples:
  sops-tools bootstrap keygen --out keys            make every key of a new cluster
  sops-tools completions bash > /etc/bash_completion.d/sops-tools

Exit status:
  0 done · 1 unexpected fault · 2 usage · 3 refused, needs a person · 5 disk unusable, try again";

/// Makes and keeps the secrets that exist before the cluster does
#[derive(Debug, Parser)]
#[command(name = "sops-tools", version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The secrets of a new cluster
    #[command(subcommand)]
    Bootstrap(Bootstrap),
    /// Print a completion script
    Completions {
        /// The shell it is for
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, Subcommand)]
enum Bootstrap {
    /// Make the age keys and the store key
    #[command(after_help = keygen::EXAMPLES)]
    Keygen(keygen::Keygen),
}

impl Cli {
    /// Reads a command line; the first word is the program.
    ///
    /// # Errors
    /// What clap found wrong, and the pages of help and version, which are no fault.
    pub fn parse_from_words(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let words = spelling::modern(words.into_iter().collect(), &definition());
        let mut matches = definition().try_get_matches_from(words)?;
        Self::from_arg_matches_mut(&mut matches)
    }

    /// Does what was asked and prints the result.
    ///
    /// # Errors
    /// Why it was not done.
    pub fn run(self) -> Result<(), Failure> {
        let text = match self.command {
            Command::Bootstrap(Bootstrap::Keygen(keygen)) => keygen.run(self.common.output.form_only()?)?,
            Command::Completions { shell } => completions(shell),
            Command::Man => manual().map_err(|error| unprintable(&error))?,
        };
        terminal::print(text.trim_end()).map_err(|error| unprintable(&error))
    }
}

/// The command line as clap knows it.
pub fn definition() -> clap::Command {
    Cli::command()
}

fn unprintable(error: &std::io::Error) -> Failure {
    Failure::new(ExitStatus::Unavailable, "output-unusable", "cannot print the result").cause(error)
}

fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sops-tools", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

fn manual() -> std::io::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
