//! The commands that sops has as well, with its names of flags.

use clap::Subcommand;

use crate::cli::To;
use crate::commands::destination::Destination;
use crate::commands::input::Place;
use crate::commands::site::Site;
use crate::report::{Failure, SopsExit};
use crate::terminal::{self, Output};

pub(crate) mod flags;
pub(crate) mod keys;
pub(crate) mod read;
pub(crate) mod write;

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Give out the plain text of a file
    #[command(after_help = read::DECRYPT_EXAMPLES)]
    Decrypt(read::Decrypt),
    /// Encrypt a file
    #[command(after_help = write::ENCRYPT_EXAMPLES)]
    Encrypt(write::Encrypt),
    /// Edit a file in your editor
    #[command(after_help = write::EDIT_EXAMPLES)]
    Edit(write::Edit),
    /// Give out one value of a file, as decrypt --extract does
    #[command(after_help = read::GET_EXAMPLES)]
    Get(read::Get),
    /// Set one value of a file
    #[command(after_help = write::SET_EXAMPLES)]
    Set(write::Set),
    /// Remove one value of a file
    Unset(write::Unset),
    /// Give a file the recipients of .sops.yaml
    #[command(name = "updatekeys", after_help = keys::UPDATEKEYS_EXAMPLES)]
    UpdateKeys(keys::UpdateKeys),
    /// Give a file a new data key
    #[command(after_help = keys::ROTATE_EXAMPLES)]
    Rotate(keys::Rotate),
}

impl Command {
    /// Does what was asked, and prints or writes the result.
    pub(crate) fn run(self, output: &To, site: &Site<'_>) -> Result<(), Failure> {
        let told = match self {
            Self::Decrypt(decrypt) => decrypt.run(output, site),
            Self::Encrypt(encrypt) => encrypt.run(output, site),
            Self::Edit(edit) => edit.run(output, site),
            Self::Get(get) => get.run(output, site),
            Self::Set(set) => set.run(output, site),
            Self::Unset(unset) => unset.run(output, site),
            Self::UpdateKeys(update) => update.run(output, site),
            Self::Rotate(rotate) => rotate.run(output, site),
        }?;
        match told {
            Some(value) if output.form() == Output::Json => terminal::print_json(&value).map_err(|error| {
                let problem = "the result cannot be printed; the file was written";
                Failure::sops(SopsExit::UnwritableOutput, "output-unusable", problem).cause(error)
            }),
            _ => Ok(()),
        }
    }
}

/// Flags that exclude each other.
fn conflict(problem: &str) -> Failure {
    Failure::sops(SopsExit::ConflictingFlags, "flags", problem)
}

/// Something that has to be named is not.
fn no_file(problem: &str) -> Failure {
    Failure::sops(SopsExit::NoFile, "no-file", problem)
}

/// Keys that only sops serves are refused: left out they would be locked out.
fn not_served(flags: &[&str]) -> Result<(), Failure> {
    if flags.is_empty() {
        return Ok(());
    }
    let problem = format!("{} asks for keys that cannot be served, only age recipients", flags.join(", "));
    Err(Failure::sops(SopsExit::Generic, "key-kind", problem)
        .hint("use age recipients, or the sops program for this file"))
}

impl flags::Keys {
    /// Refuses what would have to be asked over the network.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.keyservice.is_empty() {
            return Ok(());
        }
        let problem = "--keyservice asks for a key service, and this program asks none";
        Err(Failure::sops(SopsExit::Generic, "key-kind", problem)
            .hint("give the identity itself with --identity, or use the sops program with its key service"))
    }
}

/// Where the result goes.
fn destination(place: &Place, in_place: bool, output: &To, mode: u32) -> Result<Destination, Failure> {
    match (in_place, output, place) {
        (true, To::File(_), _) => Err(conflict("--output and --in-place exclude each other")),
        (true, _, Place::Stdin) => Err(conflict("--in-place needs a file, and standard input is none")),
        (true, _, Place::File(path)) => Ok(Destination::InPlace(path.clone())),
        (false, To::File(path), _) => Ok(Destination::File(path.clone(), mode)),
        (false, To::Form(_), _) => Ok(Destination::Stdout),
    }
}
