//! `updatekeys` and `rotate`: who can open a file.

use std::path::PathBuf;

use clap::Args;

use super::flags::{FormatName, Formats, Keys, OtherChanges};
use super::{conflict, destination, no_file, not_served};
use crate::cli::To;
use crate::commands::creation::parse;
use crate::commands::destination::{SEALED_MODE, Told};
use crate::commands::input::Place;
use crate::commands::open::Opening;
use crate::commands::rotate::parse_removed;
use crate::commands::site::Site;
use crate::commands::{rotate, tree, updatekeys};
use crate::report::Failure;
use crate::worktree::plan::{Verb, Wishes};

pub(crate) const UPDATEKEYS_EXAMPLES: &str = "\
Examples:
  sops-tools updatekeys secret.yaml                       shows what changes and asks
  sops-tools updatekeys --yes secret.yaml
  sops-tools updatekeys --dry-run apps infra              every SOPS file of two folders
  sops-tools updatekeys --yes --rm-age RECIPIENT .        somebody leaves

The recipients become those of .sops.yaml. Who is only added gets the data key there is. When
somebody is removed the file gets a new data key as well: the old one would open every later
version. What the removed one has read already stays known, so the values have to be changed
where they are used; they are listed.

For a folder, or several paths, every file is changed or none is, through any crash: the next
run finishes what was cut off, or takes it back with --undo. There a recipient that is in a file
and not in its rule stops the run unless --rm-age names it.";

pub(crate) const ROTATE_EXAMPLES: &str = "\
Examples:
  sops-tools rotate --in-place secret.yaml        a new data key, the recipients of .sops.yaml
  sops-tools rotate --in-place --age RECIPIENTS secret.yaml
  sops-tools rotate --in-place --rm-age RECIPIENTS secret.yaml
  sops-tools rotate --dry-run .                   every SOPS file of this tree
  sops-tools rotate .                             all of them or none, in their places

Recipients come from .sops.yaml or --age, never from the file alone: anybody can write a
recipient into a file, and sops would give the new data key to it. A recipient of the file that
is expected nowhere stops the command and is named. --add-age and --rm-age change what is
expected, as with sops.

--output FILE writes the result into a file, as with sops. The two words text and json are no
files: they say how a failure is told. For files of these names write ./text and ./json.";

/// What `updatekeys` is told.
#[derive(Debug, Args)]
pub(crate) struct UpdateKeys {
    /// The encrypted file; or folders and files, whose SOPS files are changed all together
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Recipients to remove, separated by commas; for folders and several files
    #[arg(long, value_name = "RECIPIENTS")]
    rm_age: Vec<String>,
    /// The format of the file; by default its name tells
    #[arg(long, value_enum, value_name = "FORMAT")]
    input_type: Option<FormatName>,
    /// How many key groups are needed to open the file; by default as before
    #[arg(long, value_name = "NUMBER")]
    shamir_secret_sharing_threshold: Option<usize>,
    /// Recipients whose identity is kept elsewhere; one of them, or an identity at hand, must be able to open the result
    #[arg(long, value_name = "RECIPIENTS")]
    recovery: Vec<String>,
    #[command(flatten)]
    whole: WholeTree,
    #[command(flatten)]
    keys: Keys,
}

/// What only commands on whole trees are told.
#[derive(Debug, Args)]
pub(crate) struct WholeTree {
    /// Show what would become of each file, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Take back an earlier run that was cut off
    #[arg(long)]
    undo: bool,
    /// Of a run that was cut off, leave this file as somebody else made it. May be given again
    #[arg(long, value_name = "FILE")]
    keep: Vec<PathBuf>,
    /// Seal this file anew although its MAC does not fit: what somebody changed becomes part of it. May be given again
    #[arg(long, value_name = "FILE")]
    accept_mac_mismatch: Vec<PathBuf>,
}

impl WholeTree {
    /// Whether the paths are worked on together: anything but one file.
    fn is_meant(&self, paths: &[PathBuf]) -> bool {
        let one_file = matches!(paths, [path] if !path.is_dir());
        self.dry_run
            || self.undo
            || !self.keep.is_empty()
            || !self.accept_mac_mismatch.is_empty()
            || !(one_file || paths.is_empty())
    }
}

/// What `rotate` is told.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// The encrypted file; or folders and files, whose SOPS files are changed all together, in their places
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write the result into the file itself
    #[arg(short, long)]
    in_place: bool,
    /// The recipients, separated by commas; in place of those of .sops.yaml
    #[arg(long, short = 'a', value_name = "RECIPIENTS")]
    age: Vec<String>,
    /// Recipients to add, separated by commas
    #[arg(long, value_name = "RECIPIENTS")]
    add_age: Vec<String>,
    /// Recipients to remove, separated by commas
    #[arg(long, value_name = "RECIPIENTS")]
    rm_age: Vec<String>,
    #[command(flatten)]
    formats: Formats,
    /// Recipients whose identity is kept elsewhere; one of them, or an identity at hand, must be able to open the result
    #[arg(long, value_name = "RECIPIENTS")]
    recovery: Vec<String>,
    /// Find the rule and the format by this name, and not by the file's own
    #[arg(long, value_name = "FILE")]
    filename_override: Option<PathBuf>,
    #[command(flatten)]
    whole: WholeTree,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    others: OtherChanges,
}

impl UpdateKeys {
    pub(crate) fn run(self, output: &To, site: &Site<'_>) -> Result<Told, Failure> {
        let form = output.form_only()?;
        self.keys.check()?;
        if self.whole.is_meant(&self.paths) || !self.rm_age.is_empty() {
            if self.input_type.is_some() || self.shamir_secret_sharing_threshold.is_some() {
                return Err(conflict("--input-type and --shamir-secret-sharing-threshold are for one file"));
            }
            let wishes = Wishes {
                remove: parse_removed(&self.rm_age),
                recovery: parse(&self.recovery, "--recovery")?,
                accept_mac_mismatch: self.whole.accept_mac_mismatch.clone(),
                ..Wishes::default()
            };
            let wish = self.whole.wish(Verb::UpdateKeys, self.paths, wishes, self.keys.identity, self.yes);
            return tree::run(&wish, form, site).map(|()| None);
        }
        let file = self.paths.into_iter().next().ok_or_else(|| no_file("no file was named"))?;
        let opening = Opening {
            place: Place::File(file),
            name: None,
            input: self.input_type.map(Into::into),
            output: None,
            ignore_mac: false,
            identities: self.keys.identity,
        };
        let threshold = self.shamir_secret_sharing_threshold;
        let flags = updatekeys::Flags { threshold, yes: self.yes, recovery: self.recovery, form };
        updatekeys::run(opening, &flags, site).map(|()| None)
    }
}

impl Rotate {
    pub(crate) fn run(self, output: &To, site: &Site<'_>) -> Result<Told, Failure> {
        if self.whole.is_meant(&self.paths) {
            return self.all(output, site).map(|()| None);
        }
        let file = self.paths.into_iter().next().ok_or_else(|| no_file("no file was named"))?;
        let place = Place::or_stdin(Some(file));
        let destination = destination(&place, self.in_place, output, SEALED_MODE)?;
        not_served(&self.others.given())?;
        self.keys.check()?;
        let opening = Opening {
            place,
            name: self.filename_override,
            input: self.formats.input_type.map(Into::into),
            output: self.formats.output_type.map(Into::into),
            ignore_mac: false,
            identities: self.keys.identity,
        };
        let change =
            rotate::Change { instead: self.age, add: self.add_age, remove: self.rm_age, recovery: self.recovery };
        rotate::run(opening, &change, &destination, site)
    }
    /// Every SOPS file under the paths.
    fn all(self, output: &To, site: &Site<'_>) -> Result<(), Failure> {
        let form = output.form_only()?;
        not_served(&self.others.given())?;
        self.keys.check()?;
        if self.filename_override.is_some() || self.formats.input_type.is_some() || self.formats.output_type.is_some() {
            return Err(conflict("--filename-override, --input-type and --output-type are for one file"));
        }
        let wishes = Wishes {
            instead: parse(&self.age, "--age")?,
            add: parse(&self.add_age, "--add-age")?,
            remove: parse_removed(&self.rm_age),
            recovery: parse(&self.recovery, "--recovery")?,
            accept_mac_mismatch: self.whole.accept_mac_mismatch.clone(),
        };
        let wish = self.whole.wish(Verb::Rotate, self.paths, wishes, self.keys.identity, true);
        tree::run(&wish, form, site)
    }
}

impl WholeTree {
    fn wish(self, verb: Verb, paths: Vec<PathBuf>, wishes: Wishes, identities: Vec<PathBuf>, yes: bool) -> tree::Wish {
        tree::Wish { verb, paths, wishes, identities, dry_run: self.dry_run, yes, undo: self.undo, keep: self.keep }
    }
}
