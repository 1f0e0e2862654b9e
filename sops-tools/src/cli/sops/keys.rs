//! `updatekeys` and `rotate`: who can open a file.

use std::path::PathBuf;

use clap::Args;

use super::flags::{FormatName, Formats, Keys, OtherChanges};
use super::{destination, no_file, not_served};
use crate::cli::To;
use crate::commands::destination::{SEALED_MODE, Told};
use crate::commands::input::Place;
use crate::commands::open::Opening;
use crate::commands::site::Site;
use crate::commands::{rotate, updatekeys};
use crate::report::Failure;

pub(crate) const UPDATEKEYS_EXAMPLES: &str = "\
Examples:
  sops-tools updatekeys secret.yaml                       shows what changes and asks
  sops-tools updatekeys --yes secret.yaml

The recipients become those of .sops.yaml. Who is only added gets the data key there is. When
somebody is removed the file gets a new data key as well: the old one would open every later
version. What the removed one has read already stays known, so the values have to be changed
where they are used; they are listed.";

pub(crate) const ROTATE_EXAMPLES: &str = "\
Examples:
  sops-tools rotate --in-place secret.yaml        a new data key, the recipients of .sops.yaml
  sops-tools rotate --in-place --age RECIPIENTS secret.yaml
  sops-tools rotate --in-place --rm-age RECIPIENTS secret.yaml

Recipients come from .sops.yaml or --age, never from the file alone: anybody can write a
recipient into a file, and sops would give the new data key to it. A recipient of the file that
is expected nowhere stops the command and is named. --add-age and --rm-age change what is
expected, as with sops.

--output FILE writes the result into a file, as with sops. The two words text and json are no
files: they say how a failure is told. For files of these names write ./text and ./json.";

/// What `updatekeys` is told.
#[derive(Debug, Args)]
pub(crate) struct UpdateKeys {
    /// The encrypted file
    file: Option<PathBuf>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
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
    keys: Keys,
}

/// What `rotate` is told.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// The encrypted file
    file: Option<PathBuf>,
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
    keys: Keys,
    #[command(flatten)]
    others: OtherChanges,
}

impl UpdateKeys {
    pub(crate) fn run(self, output: &To, site: &Site<'_>) -> Result<Told, Failure> {
        let form = output.form_only()?;
        let file = self.file.ok_or_else(|| no_file("no file was named"))?;
        self.keys.check()?;
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
        let file = self.file.ok_or_else(|| no_file("no file was named"))?;
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
}
