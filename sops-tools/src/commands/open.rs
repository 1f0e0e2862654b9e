//! Reading a sealed file and opening it, for every command that needs its plain text.

use std::path::{Path, PathBuf};

use super::destination::{Destination, Told};
use super::failure::file_failure;
use super::input::{self, Input, Place};
use super::site::Site;
use crate::report::{Failure, SopsExit};
use crate::sops::file::{OpenFile, SopsFile};
use crate::sops::formats::Format;
use crate::sops::sources::Gathered;

/// What to open, and how.
pub(crate) struct Opening {
    /// Where it is.
    pub(crate) place: Place,
    /// The name that is taken for its own.
    pub(crate) name: Option<PathBuf>,
    /// Its format, where the name does not tell.
    pub(crate) input: Option<Format>,
    /// The format of the result, where it is to be another one.
    pub(crate) output: Option<Format>,
    /// Whether it is opened although its MAC does not fit.
    pub(crate) ignore_mac: bool,
    /// Files of `--identity`.
    pub(crate) identities: Vec<PathBuf>,
}

/// A file that was read and understood.
pub(crate) struct Read {
    pub(crate) input: Input,
    pub(crate) file: SopsFile,
    pub(crate) output: Format,
    ignore_mac: bool,
    identities: Vec<PathBuf>,
}

/// A file that was opened.
pub(crate) struct Opened {
    pub(crate) input: Input,
    pub(crate) file: OpenFile,
    pub(crate) output: Format,
    pub(crate) keyring: Gathered,
}

impl Opening {
    /// The name for rules.
    pub(crate) fn rule_name(&self) -> Option<&Path> {
        self.place.name(self.name.as_deref())
    }

    /// Reads the file; `absent` is the status where there is none.
    ///
    /// # Errors
    /// It cannot be read, or is no sealed file of its format.
    pub(crate) fn read(self, absent: SopsExit) -> Result<Read, Failure> {
        let format = input::format(self.input, self.rule_name());
        // The name tells, where it tells anything; what comes without a name is given out as it came in.
        let by_name = self.rule_name().map(Format::of_path);
        let told = by_name.filter(|by_name| self.input.is_none() || *by_name != Format::Binary);
        let output = self.output.unwrap_or(told.unwrap_or(format));
        let input = self.place.read(absent)?;
        let file = SopsFile::parse(format, &input.bytes).map_err(|error| {
            let failure = file_failure(&input.place.shown(), error);
            if format == Format::Binary && self.input.is_none() && failure.hint.is_none() {
                return failure.hint(
                    "its name does not tell the format, so it was taken for a binary file; say it with --input-type",
                );
            }
            failure
        })?;
        for note in file.notes() {
            tracing::warn!(file = %input.place.shown(), line = note.line, "{}", note.text);
        }
        for document in file.documents_with_other_blocks() {
            tracing::warn!(file = %input.place.shown(), document, "this document has no sops block, or another one than the first");
        }
        Ok(Read { input, file, output, ignore_mac: self.ignore_mac, identities: self.identities })
    }
}

impl Read {
    /// Opens it with the identities of all sources.
    ///
    /// # Errors
    /// No identity fits, a value does not open, or the MAC does not fit and that was not allowed.
    pub(crate) fn open(self, site: &Site<'_>) -> Result<Opened, Failure> {
        let shown = self.input.place.shown();
        let keyring = site.identities(&self.identities)?;
        let unlocked = self.file.unlock(&keyring).map_err(|error| file_failure(&shown, error))?;
        let file = match unlocked.mac() {
            Err(fault) if self.ignore_mac => {
                tracing::warn!(file = %shown, "opened in spite of its MAC: {fault}");
                unlocked.despite_mac()
            }
            _ => unlocked.verified(),
        };
        let file = file.map_err(|error| file_failure(&shown, error))?;
        Ok(Opened { input: self.input, file, output: self.output, keyring })
    }
}

impl Opened {
    /// Writes a new version of the file in its place.
    ///
    /// # Errors
    /// It was not written, and the file is as it was.
    pub(crate) fn replace(&self, sealed: &[u8]) -> Result<Told, Failure> {
        let Place::File(path) = &self.input.place else {
            return Err(Failure::sops(SopsExit::NoFile, "no-file", "standard input cannot be changed; name a file"));
        };
        Destination::InPlace(path.clone()).write(&self.input.bytes, sealed)
    }
}
