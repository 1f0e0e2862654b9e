//! The commands on whole trees that sops does not have: `verify`, `scan` and `git`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::To;
use super::sops::flags::Keys;
use crate::commands::site::Site;
use crate::commands::{git, scan, verify};
use crate::report::Failure;

const VERIFY_EXAMPLES: &str = "\
Examples:
  sops-tools verify                       every SOPS file of this folder and below
  sops-tools verify --check apps infra    for CI: any finding ends it with an error
  sops-tools verify --without-keys        recipients and rules alone; no MAC is checked

SOPS files are known by what is in them, whatever their names. Recipients and rules need no key;
the MAC needs an identity that opens the file. Without any identity MACs are not checked, and
that is said. Nothing is changed and no value is shown.

Exit status: 0 nothing grave · 3 --check found something · 5 something could not be read
  6 damage, a MAC that does not fit, or a secret in clear";

const SCAN_EXAMPLES: &str = "\
Examples:
  sops-tools scan                         work tree, index and the whole history
  sops-tools scan --staged                what the next commit would bring: for pre-commit
  sops-tools scan --allow-lines >> .sops-tools-allow     accept what is found, after a look at it

A finding names the file, the line or the commit, and the kind; never the secret. Placeholders,
examples, public keys and SOPS files are passed over. Lines of .sops-tools-allow hold a slow
digest with a salt of its own, cut to 24 bits: a secret cannot be learned from its line.

Exit status: 0 nothing found · 3 only what may be one · 5 not all could be looked at (what is
  larger than 8 MiB in the history is counted alone)
  6 secrets in clear · 7 git took too long";

const GIT_EXAMPLES: &str = "\
Examples:
  sops-tools git install                  git diff and git log -p show SOPS files readably
  sops-tools git install --dry-run
  sops-tools git textconv secret.yaml     what they show: keys, and fingerprints of values

A fingerprint changes when the value does and tells nothing else; its key lies in the folder of
Git. Values themselves are shown on a terminal alone (--values), so that Git can never keep them.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tell what is wrong with the SOPS files of a tree
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(Verify),
    /// Look for secrets in clear in the work tree, the index and the history
    #[command(after_help = SCAN_EXAMPLES)]
    Scan(Scan),
    /// Readable diffs of SOPS files
    #[command(subcommand, after_help = GIT_EXAMPLES)]
    Git(Git),
}

/// What `verify` is told.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Folders and files; the current folder where none is named
    paths: Vec<PathBuf>,
    /// End with an error on any finding
    #[arg(long)]
    check: bool,
    /// Open nothing, although identities are at hand
    #[arg(long)]
    without_keys: bool,
    #[command(flatten)]
    keys: Keys,
}

/// What `scan` is told.
#[derive(Debug, Args)]
pub(crate) struct Scan {
    /// Folders and files; the current folder where none is named
    paths: Vec<PathBuf>,
    /// Only what the next commit would bring
    #[arg(long)]
    staged: bool,
    /// Leave the history out
    #[arg(long)]
    no_history: bool,
    /// Print a line for .sops-tools-allow for each finding, and nothing else
    #[arg(long)]
    allow_lines: bool,
    /// How long one call of git may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    deadline: u64,
}

/// What `git` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Git {
    /// Print a SOPS file as git diff shows it
    Textconv(Textconv),
    /// Write the attributes and settings that let Git use it
    Install(Install),
}

/// What `git textconv` is told.
#[derive(Debug, Args)]
pub(crate) struct Textconv {
    /// The file
    file: PathBuf,
    /// Show the values; on a terminal alone
    #[arg(long)]
    values: bool,
    #[command(flatten)]
    keys: Keys,
}

/// What `git install` is told.
#[derive(Debug, Args)]
pub(crate) struct Install {
    /// Show what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Command {
    /// Does what was asked, and prints the result.
    pub(crate) fn run(self, output: &To, site: &Site<'_>) -> Result<(), Failure> {
        let form = output.form_only()?;
        match self {
            Self::Verify(Verify { paths, check, without_keys, keys }) => {
                keys.check()?;
                verify::run(&verify::Wish { paths, check, without_keys, identities: keys.identity }, form, site)
            }
            Self::Scan(Scan { paths, staged, no_history, allow_lines, deadline }) => {
                let deadline = Duration::from_secs(deadline);
                scan::run(&scan::Wish { paths, staged, no_history, allow_lines, deadline }, form, site)
            }
            Self::Git(Git::Textconv(Textconv { file, values, keys })) => {
                keys.check()?;
                git::textconv(&file, values, &keys.identity, site)
            }
            Self::Git(Git::Install(Install { dry_run })) => git::install(dry_run, form, site),
        }
    }
}
