//! The command line of `sops-tools`: what can be asked for, and what each command prints.

use std::ffi::OsString;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::clock::System;
use crate::commands::edit::scratch::{KEEPER, clean_up_after};
use crate::commands::site::Site;
use crate::report::{ExitStatus, Failure, SopsExit};
use crate::secret::wiping_stack;
use crate::terminal;

mod bootstrap;
mod keygen;
mod output;
mod quick;
mod sops;
mod spelling;
mod tree;

pub use output::{Common, To};

const EXAMPLES: &str = "\
Examples:
  sops-tools decrypt secret.yaml                    the plain text on standard output
  sops-tools encrypt --in-place secret.yaml         with the recipients and the rule of .sops.yaml
  sops-tools edit secret.yaml                       the plain text in your editor, never on disk
  sops-tools verify --check                         every SOPS file of this tree, for CI
  sops-tools updatekeys --dry-run .                 who can open them, all together
  sops-tools scan                                   secrets in clear, also in the history
  sops-tools bootstrap keygen --out keys            make every key of a new cluster
  sops-tools bootstrap secrets secrets --keys keys  make the five secrets that bring it back, as SOPS files
  sops-tools bootstrap verify secrets --keys keys   would they, today?
  sops-tools completions bash > /etc/bash_completion.d/sops-tools

A script that calls sops for decrypt, encrypt, edit, set, unset, updatekeys and rotate keeps
working when it calls this program instead; the old spelling with -d, -e and -r is understood
too. Only age keys are served.

Exit status:
  0 done · 1 unexpected fault · 2 usage · 3 refused, needs a person · 4 absent
  5 unavailable, try again · 6 damage, or a secret in clear · 7 a deadline passed
";

/// Makes and keeps the secrets that exist before the cluster does
#[derive(Debug, Parser)]
#[command(name = "sops-tools", version, after_help = statuses(EXAMPLES), disable_help_subcommand = true)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What sops does as well.
    #[command(flatten)]
    Sops(Box<sops::Command>),
    /// What is about whole trees.
    #[command(flatten)]
    Tree(tree::Command),
    /// The secrets of a new cluster
    #[command(subcommand)]
    Bootstrap(Box<bootstrap::Command>),
    /// Print a completion script
    Completions {
        /// The shell it is for
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
    /// Waits for the end of an edit and removes its plain text
    #[command(name = KEEPER, hide = true)]
    CleanUpAfter {
        /// The folder
        folder: std::path::PathBuf,
    },
}

impl Cli {
    /// Reads a command line; the first word is the program.
    ///
    /// # Errors
    /// What clap found wrong, and the pages of help and version, which are no fault.
    pub fn parse_from_words(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let words: Vec<OsString> = words.into_iter().collect();
        quick::decrypt(&words).map_or_else(|| Self::parse_with_all(words), Ok)
    }

    fn parse_with_all(words: Vec<OsString>) -> Result<Self, clap::Error> {
        // Made once: it is the larger part of what a small call does.
        let mut definition = definition();
        let words = spelling::modern(words, &definition);
        let mut matches = definition.try_get_matches_from_mut(words)?;
        Self::from_arg_matches_mut(&mut matches)
    }

    /// Does what was asked and prints the result.
    ///
    /// # Errors
    /// Why it was not done.
    pub fn run(self) -> Result<(), Failure> {
        let Self { common, command } = self;
        let text = match command {
            Command::Bootstrap(command) => return with_site(&common, |site| command.run(&common, site)),
            Command::Completions { shell } => completions(shell),
            Command::Man => manual().map_err(|error| unprintable(&error))?,
            Command::CleanUpAfter { folder } => return clean_up_after(&folder),
            Command::Sops(command) => return with_site(&common, |site| command.run(&common.output, site)),
            Command::Tree(command) => return with_site(&common, |site| command.run(&common.output, site)),
        };
        terminal::print(text.trim_end()).map_err(|error| unprintable(&error))
    }
}

/// The one place where the environment, the clock and randomness come in. What a cipher leaves on the stack is wiped when the whole
/// command is done.
fn with_site(common: &Common, work: impl FnOnce(&Site<'_>) -> Result<(), Failure>) -> Result<(), Failure> {
    let current = std::env::current_dir().map_err(|error| {
        Failure::sops(SopsExit::UnreadableInput, "input-unreadable", "the current folder cannot be told").cause(error)
    })?;
    common.warn_of_idle_flags();
    let lookup = |name: &str| std::env::var_os(name);
    let site = Site { lookup: &lookup, current, config: common.config.clone(), clock: &System, entropy: &System };
    wiping_stack(|| work(&site))
}

/// `text`, and sops' exit statuses after it.
fn statuses(text: &str) -> String {
    let lines = SopsExit::ALL.iter().map(|(status, meaning)| format!("  {:>3} {meaning}\n", status.code()));
    let head = "\nExit status of the commands that sops has as well, the numbers of sops:\n";
    [text, head].into_iter().map(str::to_owned).chain(lines).collect::<String>().trim_end().to_owned()
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
