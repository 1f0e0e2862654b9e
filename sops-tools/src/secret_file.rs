//! Where a setting says that a secret is: in a file of its own, or at a place in a SOPS file.
//!
//! `FILE` holds the bare secret. `FILE#/stringData/KEY` (or `FILE#/data/KEY`) is one value of the Secret in a SOPS file, which is decrypted
//! and verified in memory with the identity files beside it, each time that it is read: nothing is written in clear, and nothing is kept.

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::files::{FileError, FileErrorKind, read_secret};
use crate::secret::wiping_stack;
use crate::sops::kubernetes::{Reference, ReferenceError};

/// Form of a place in a SOPS file, for messages.
pub const PLACE_FORM: &str = "FILE#/stringData/KEY or FILE#/data/KEY";

/// One secret and how it is read. Holds names alone, never a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// As it was written; only its file part may have been made absolute.
    written: PathBuf,
    place: Option<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    reference: Reference,
    identities: Vec<PathBuf>,
}

/// Why a setting names no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretFileFault {
    /// Something else stands after `#/`.
    #[error("names no place in a SOPS file; expected {PLACE_FORM}")]
    NotAPlace,
    /// It points into a SOPS file, and no identity is set that opens it.
    #[error("points into a SOPS file, and no identity is set that opens it")]
    NoIdentity,
}

/// Why a secret could not be read. Names files and keys, never values.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The place in a SOPS file cannot be opened.
    #[error(transparent)]
    Place(#[from] ReferenceError),
    /// The value of a place is larger than the secret can be.
    #[error("{place}: the value is larger than {limit} bytes")]
    TooLarge {
        /// The place.
        place: String,
        /// What was allowed.
        limit: usize,
    },
}

impl SecretFileError {
    /// What kind of fault of a file it is, where it is one.
    pub fn file_kind(&self) -> Option<FileErrorKind> {
        match self {
            Self::File(error) => Some(error.kind()),
            Self::Place(_) | Self::TooLarge { .. } => None,
        }
    }
}

impl SecretFile {
    /// Reads a setting. `identities` are what opens SOPS files: identity files, or folders of `*.agekey`.
    ///
    /// # Errors
    /// What stands after `#/` is no place, or there is no identity to open it with. No file is touched.
    pub fn of_setting(setting: &Path, identities: &[PathBuf]) -> Result<Self, SecretFileFault> {
        let Some(text) = setting.to_str().filter(|text| Reference::is_one(text)) else { return Ok(setting.into()) };
        let reference = Reference::parse(text).map_err(|_| SecretFileFault::NotAPlace)?;
        if identities.is_empty() {
            return Err(SecretFileFault::NoIdentity);
        }
        Ok(Self { written: setting.to_owned(), place: Some(Place { reference, identities: identities.to_vec() }) })
    }

    /// The secret of at most `limit` bytes, in one wiped buffer. The limit of a place holds for its value.
    ///
    /// # Errors
    /// By kind. An empty file is no error here, an empty value of a SOPS file is one.
    pub fn read(&self, limit: usize) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
        let Some(place) = &self.place else { return Ok(read_secret(&self.written, limit)?) };
        wiping_stack(|| {
            let value = place.reference.open_with(&place.identities)?;
            if value.len() > limit {
                return Err(SecretFileError::TooLarge { place: self.to_string(), limit });
            }
            Ok(Zeroizing::new(value.expose().to_vec()))
        })
    }

    /// What names it in messages: the path, with the place in the file where there is one.
    pub fn name(&self) -> &Path {
        &self.written
    }

    /// The path of a bare file or folder; `None` for a place in a SOPS file.
    pub fn plain(&self) -> Option<&Path> {
        self.place.is_none().then_some(self.written.as_path())
    }

    /// Every file whose change may change the secret.
    pub fn sources(&self) -> Vec<&Path> {
        match &self.place {
            None => vec![&self.written],
            Some(place) => {
                let identities = place.identities.iter().map(PathBuf::as_path);
                std::iter::once(place.reference.path.as_path()).chain(identities).collect()
            }
        }
    }
}

/// A file with the bare secret, whatever its name looks like.
impl From<PathBuf> for SecretFile {
    fn from(written: PathBuf) -> Self {
        Self { written, place: None }
    }
}

impl From<&Path> for SecretFile {
    fn from(written: &Path) -> Self {
        written.to_owned().into()
    }
}

impl fmt::Display for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written.display().fmt(f)
    }
}

#[cfg(test)]
mod tests;
