//! `decrypt`: the plain text of a file, or of one value in it.

use zeroize::Zeroizing;

use super::destination::{Destination, Told};
use super::extract::extract;
use super::failure::file_failure;
use super::open::Opening;
use super::site::Site;
use crate::report::{Failure, SopsExit};
use crate::sops::file::Step;

/// Opens a file and gives out its plain text, or what belongs to `path`.
///
/// # Errors
/// It was not opened, has no such path, or the result was not written.
pub(crate) fn run(
    opening: Opening,
    path: Option<&[Step]>,
    destination: &Destination,
    site: &Site<'_>,
) -> Result<Told, Failure> {
    let opened = opening.read(SopsExit::NoFile)?.open(site)?;
    let shown = opened.input.place.shown();
    let plain: Zeroizing<Vec<u8>> = match path {
        None => opened.file.to_plain_as(opened.output).map_err(|error| file_failure(&shown, error))?,
        Some(path) => extract(&opened, path)?,
    };
    destination.write(&opened.input.bytes, &plain)
}
