//! `encrypt`: a plain file sealed to the recipients of its rule.

use std::path::PathBuf;

use super::creation::{Creation, Wishes, creation};
use super::destination::{Destination, Told};
use super::failure::file_failure;
use super::input::{self, Place};
use super::site::Site;
use crate::report::{Failure, SopsExit};
use crate::sops::file::{FileError, Recipe, encrypt};
use crate::sops::formats::{self, Fault, Format, Malformed};

/// Encrypts a file; `formats` are those of input and output, where names do not tell.
///
/// # Errors
/// Nothing says who may open it, it cannot be sealed, or the result was not written.
pub(crate) fn run(
    place: Place,
    name: Option<PathBuf>,
    formats: (Option<Format>, Option<Format>),
    wishes: &Wishes,
    destination: &Destination,
    site: &Site<'_>,
) -> Result<Told, Failure> {
    let name = name.or_else(|| place.name(None).map(PathBuf::from)).unwrap_or_default();
    let from = input::format(formats.0, Some(&name));
    let to = formats
        .1
        .unwrap_or_else(|| if Format::of_path(&name) == Format::Binary { from } else { Format::of_path(&name) });
    let input = place.read(SopsExit::NoFile)?;
    let shown = input.place.shown();
    if input.bytes.is_empty() && from != Format::Binary {
        return Err(file_failure(&shown, FileError::Empty));
    }
    let recipe = recipe(creation(site, wishes, &name)?);
    let failed = |error| file_failure(&shown, error);
    if let Some(line) = (from == Format::Json).then(|| formats::large_integer(&input.bytes)).flatten() {
        let problem = "a whole number that no 64-bit integer holds; write it as text, or it would be rounded";
        return Err(failed(FileError::MalformedPlain(Malformed { line, fault: Fault::Number, problem })));
    }
    let sealed = if from == to {
        seal(from, &input.bytes, &recipe, site).map_err(failed)?
    } else {
        let tree = formats::parse(from, &input.bytes).map_err(|error| failed(FileError::MalformedPlain(error)))?;
        if tree.documents.iter().any(|document| document.block.is_some()) {
            return Err(failed(FileError::AlreadyEncrypted));
        }
        let plain = formats::emit(to, &tree, None).map_err(|error| failed(FileError::Unwritable(error)))?;
        seal(to, &plain, &recipe, site).map_err(failed)?
    };
    destination.write(&input.bytes, &sealed)
}

/// How the core is to seal what gets `creation`.
pub(super) fn recipe(creation: Creation) -> Recipe {
    let Creation { groups, threshold, rule, scope } = creation;
    Recipe { groups, threshold, rule, mac_scope: scope }
}

pub(super) fn seal(format: Format, plain: &[u8], recipe: &Recipe, site: &Site<'_>) -> Result<Vec<u8>, FileError> {
    encrypt(format, plain, recipe, site.clock.now(), site.entropy)
}
