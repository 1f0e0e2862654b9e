//! `encrypt`, `edit`, `set` and `unset`.

use std::path::PathBuf;

use clap::Args;

use super::flags::{Formats, Keys, OtherKeys, Recipients, What};
use super::{conflict, destination, no_file, not_served};
use crate::cli::To;
use crate::commands::creation::Wishes;
use crate::commands::destination::{SEALED_MODE, Told};
use crate::commands::input::Place;
use crate::commands::open::Opening;
use crate::commands::set::{self, Given, Target};
use crate::commands::site::Site;
use crate::commands::{edit, encrypt, path};
use crate::report::{Failure, SopsExit};
use crate::sops::file::At;

pub(crate) const ENCRYPT_EXAMPLES: &str = "\
Examples:
  sops-tools encrypt --in-place secret.yaml               recipients and rule from .sops.yaml
  sops-tools encrypt --age RECIPIENTS --encrypted-regex '^(data|stringData)$' --output sealed.yaml plain.yaml
  kubectl get secret x -o yaml | sops-tools encrypt --filename-override x.yaml

--output FILE writes the result into a file, as with sops. The two words text and json are no
files: they say how a failure is told. For files of these names write ./text and ./json.";

pub(crate) const EDIT_EXAMPLES: &str = "\
Examples:
  sops-tools edit secret.yaml
  EDITOR='code --wait' sops-tools edit secret.yaml

The plain text is held in a folder in memory ($XDG_RUNTIME_DIR or /dev/shm) that only you can
enter, and that is removed when the editor ends, also when this program is killed. The editor is
SOPS_EDITOR, EDITOR, or the first of vim, nano, vi. What is not changed keeps its encrypted
text. A file that does not exist is made, with the recipients of .sops.yaml or --age.";

pub(crate) const SET_EXAMPLES: &str = "\
Examples:
  sops-tools set --value-stdin secret.yaml '[\"stringData\"][\"KEY\"]' < value.json
  sops-tools set --value-file secret.yaml '[\"list\"][0]' value.json
  sops-tools set secret.yaml '[\"replicas\"]' 3

The value is JSON: text stands in double quotes. A value given as a word of the command line can
be read by every process of this machine while the command runs, and stays in the shell's
history: give secrets with --value-stdin or --value-file.";

/// What `encrypt` is told.
#[derive(Debug, Args)]
pub(crate) struct Encrypt {
    /// The plain file; standard input where there is none or it is -, then with --filename-override
    file: Option<PathBuf>,
    /// Write the result into the file itself
    #[arg(short, long)]
    in_place: bool,
    #[command(flatten)]
    recipients: Recipients,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    formats: Formats,
    /// Find the rule and the format by this name, and not by the file's own
    #[arg(long, value_name = "FILE")]
    filename_override: Option<PathBuf>,
    #[command(flatten)]
    others: OtherKeys,
}

/// What `edit` is told.
#[derive(Debug, Args)]
pub(crate) struct Edit {
    /// The encrypted file, or a new one
    file: PathBuf,
    #[command(flatten)]
    recipients: Recipients,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    formats: Formats,
    /// Edit a file whose MAC does not fit: what somebody changed becomes part of the file
    #[arg(long)]
    ignore_mac: bool,
    /// Hold the plain text in a folder on disk where there is none in memory
    #[arg(long)]
    allow_disk: bool,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    others: OtherKeys,
}

/// What `set` is told.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The encrypted file
    file: Option<PathBuf>,
    #[arg(help = "Which value, as [\"key\"][0]")]
    path: Option<String>,
    /// The value as JSON; with --value-file the file that holds it
    #[arg(allow_negative_numbers = true)]
    value: Option<String>,
    /// Read the value from the file that stands in its place
    #[arg(long)]
    value_file: bool,
    /// Read the value from standard input
    #[arg(long)]
    value_stdin: bool,
    /// Leave the file as it is where the value is that already
    #[arg(long)]
    idempotent: bool,
    #[command(flatten)]
    change: Change,
}

/// What `unset` is told.
#[derive(Debug, Args)]
pub(crate) struct Unset {
    /// The encrypted file
    file: Option<PathBuf>,
    #[arg(help = "Which key or element, as [\"key\"][0]")]
    path: Option<String>,
    /// Leave the file as it is where there is no such key
    #[arg(long)]
    idempotent: bool,
    #[command(flatten)]
    change: Change,
}

/// What `set` and `unset` share.
#[derive(Debug, Args)]
pub(crate) struct Change {
    /// Which document of a YAML file with several, from 1
    #[arg(long, value_name = "NUMBER")]
    document: Option<usize>,
    #[command(flatten)]
    formats: Formats,
    /// Change a file whose MAC does not fit: what somebody else changed becomes part of the file
    #[arg(long)]
    ignore_mac: bool,
    /// Accepted for scripts written for sops; the file keeps its groups
    #[arg(long, hide = true, value_name = "NUMBER")]
    shamir_secret_sharing_threshold: Option<usize>,
    #[command(flatten)]
    keys: Keys,
}

impl Encrypt {
    pub(crate) fn run(self, output: &To, site: &Site<'_>) -> Result<Told, Failure> {
        let place = Place::or_stdin(self.file);
        if place == Place::Stdin && self.filename_override.is_none() {
            return Err(conflict("what comes from standard input has no name to find its rule and format by")
                .hint("say which file it is as: --filename-override FILE"));
        }
        let destination = destination(&place, self.in_place, output, SEALED_MODE)?;
        not_served(&self.others.given())?;
        let wishes = wishes(self.recipients, &self.what)?;
        let formats = (self.formats.input_type.map(Into::into), self.formats.output_type.map(Into::into));
        encrypt::run(place, self.filename_override, formats, &wishes, &destination, site)
    }
}

impl Edit {
    pub(crate) fn run(self, output: &To, site: &Site<'_>) -> Result<Told, Failure> {
        output.form_only()?;
        not_served(&self.others.given())?;
        let wishes = wishes(self.recipients, &self.what)?;
        let opening = opening(self.file, &self.formats, self.ignore_mac, self.keys)?;
        edit::run(opening, &wishes, self.allow_disk, site)
    }
}

impl Set {
    pub(crate) fn run(self, output: &To, site: &Site<'_>) -> Result<Told, Failure> {
        output.form_only()?;
        if self.value_file && self.value_stdin {
            // sops has no number of its own for this one.
            return Err(Failure::sops(SopsExit::Generic, "flags", "--value-file and --value-stdin exclude each other"));
        }
        let (Some(file), Some(path)) = (self.file, self.path) else {
            return Err(no_file("a file and a path must be named, and a value unless --value-stdin gives it"));
        };
        let given = match (self.value, self.value_file, self.value_stdin) {
            (None, false, true) => Given::Stdin,
            (Some(value), false, false) => Given::Word(zeroize::Zeroizing::new(value.into_bytes())),
            (Some(file), true, _) => Given::File(file.into()),
            (None, ..) => return Err(no_file("the value is missing")),
            (Some(_), _, true) => {
                return Err(no_file("--value-stdin gives the value, and a word of the command line does too"));
            }
        };
        let (opening, target) = self.change.target(file, &path, self.idempotent)?;
        set::set(opening, &target, given, site)
    }
}

impl Unset {
    pub(crate) fn run(self, output: &To, site: &Site<'_>) -> Result<Told, Failure> {
        output.form_only()?;
        let (Some(file), Some(path)) = (self.file, self.path) else {
            return Err(no_file("a file and a path must be named"));
        };
        let (opening, target) = self.change.target(file, &path, self.idempotent)?;
        set::unset(opening, &target, site)
    }
}

impl Change {
    fn target(self, file: PathBuf, path: &str, idempotent: bool) -> Result<(Opening, Target), Failure> {
        let steps = path::parse(path).ok_or_else(|| {
            Failure::sops(SopsExit::InvalidPath, "path", "the path is not valid")
                .hint("write each key in quotes and brackets and each index in brackets, as '[\"key\"][0]'")
        })?;
        let opening = opening(file, &self.formats, self.ignore_mac, self.keys)?;
        let document = match self.document {
            Some(0) => return Err(conflict("documents are counted from 1")),
            number => number.map(|number| number - 1),
        };
        Ok((opening, Target { at: At { document, steps }, idempotent }))
    }
}

/// Of a command that changes a file in its place.
fn opening(file: PathBuf, formats: &Formats, ignore_mac: bool, keys: Keys) -> Result<Opening, Failure> {
    keys.check()?;
    let input = formats.input_type.map(Into::into);
    let output = formats.output_type.map(Into::into);
    if output.is_some() && output != input && output != Some(crate::commands::input::format(input, Some(&file))) {
        return Err(conflict(
            "the file stays what it is: it is changed in its place, and --output-type names another format",
        ));
    }
    Ok(Opening { place: Place::File(file), name: None, input, output: None, ignore_mac, identities: keys.identity })
}

fn wishes(recipients: Recipients, what: &What) -> Result<Wishes, Failure> {
    let selections = what.selections();
    if selections.len() > 1 {
        return Err(conflict("more than one flag says what is encrypted").hint("keep one of them"));
    }
    Ok(Wishes {
        age: recipients.age,
        threshold: recipients.shamir_secret_sharing_threshold,
        selection: selections.into_iter().next(),
        mac_only_encrypted: what.mac_only_encrypted,
    })
}
