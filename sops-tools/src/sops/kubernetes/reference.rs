//! A secret in a setting: `FILE.sops.yaml#/stringData/KEY`, opened in memory.

use std::path::{Path, PathBuf};

use super::{Secret, SecretFault, Section, is_secret};
use crate::custody::{Identities, IdentitiesError};
use crate::files::{self, read_limited};
use crate::secret::Plaintext;
use crate::sops::data_key::Keyring;
use crate::sops::file::{FILE_LIMIT, FileError, SopsFile, Unlocked};
use crate::sops::formats::Format;

/// One value of a SOPS file, as settings name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The file.
    pub path: PathBuf,
    /// Where in its Secret.
    pub section: Section,
    /// Which key.
    pub key: String,
}

/// Why a referenced value was not opened. Names files and keys, never values.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// Not of the form.
    #[error("not a place in a SOPS file; expected FILE#/stringData/KEY or FILE#/data/KEY")]
    NotAPlace,
    /// The file cannot be read.
    #[error(transparent)]
    Unreadable(#[from] files::FileError),
    /// The identities to open it with cannot be loaded.
    #[error("identities: {0}")]
    Identities(#[from] IdentitiesError),
    /// It cannot be opened or verified.
    #[error("{path}: {error}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: FileError,
    },
    /// The value is not there, or not usable.
    #[error("{path}: {fault}", path = .path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Why.
        fault: SecretFault,
    },
    /// It is the file of something else.
    #[error("{path}: it holds no Kubernetes Secret; a setting points into a SOPS file with one", path = .path.display())]
    NoSecret {
        /// The file.
        path: PathBuf,
    },
    /// The key stands in the other section.
    #[error("{path}: the key {key:?} stands under {there}; write {path}#/{there}/{key}", path = .path.display())]
    OtherSection {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The section that has it.
        there: Section,
    },
    /// Which of several Secrets is meant cannot be known.
    #[error("{path}: it holds {count} Secrets with that key; a setting needs a file that holds one", path = .path.display())]
    NotOne {
        /// The file.
        path: PathBuf,
        /// How many there are.
        count: usize,
    },
}

impl Reference {
    /// Whether a setting names a place in a SOPS file, rather than a file with the bare secret.
    pub fn is_one(setting: &str) -> bool {
        setting.contains("#/")
    }

    /// Reads the setting.
    ///
    /// # Errors
    /// When it has another form.
    pub fn parse(setting: &str) -> Result<Self, ReferenceError> {
        let (path, pointer) = setting.rsplit_once("#/").ok_or(ReferenceError::NotAPlace)?;
        let (section, key) = pointer.split_once('/').ok_or(ReferenceError::NotAPlace)?;
        let section = [Section::Data, Section::StringData].into_iter().find(|one| one.word() == section);
        let section = section.ok_or(ReferenceError::NotAPlace)?;
        let is_key = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if path.is_empty() || key.is_empty() || !key.bytes().all(is_key) {
            return Err(ReferenceError::NotAPlace);
        }
        Ok(Self { path: path.into(), section, key: key.to_owned() })
    }

    /// Opens the value: reads the file, decrypts and verifies it in memory, and takes the key out of the one Secret that has it.
    ///
    /// # Errors
    /// By kind; an empty value is one.
    pub fn open(&self, keyring: &dyn Keyring) -> Result<Plaintext, ReferenceError> {
        let bytes = read_limited(&self.path, FILE_LIMIT)?;
        self.open_bytes(&bytes, keyring)
    }

    /// The same with identity files, or folders of `*.agekey` files, which are read for this and wiped after it.
    ///
    /// # Errors
    /// By kind; an identity file that cannot be used is one.
    pub fn open_with<P: AsRef<Path>>(&self, identities: &[P]) -> Result<Plaintext, ReferenceError> {
        self.open(&Identities::load(identities)?)
    }

    pub(super) fn open_bytes(&self, bytes: &[u8], keyring: &dyn Keyring) -> Result<Plaintext, ReferenceError> {
        let path = || self.path.clone();
        let failed = |error| ReferenceError::File { path: path(), error };
        let file = SopsFile::parse(Format::of_path(&self.path), bytes).map_err(failed)?;
        let file = file.unlock(keyring).and_then(Unlocked::verified).map_err(failed)?;
        let unusable = |fault| ReferenceError::Value { path: path(), fault };
        let mut secrets = Vec::new();
        for document in file.tree().documents.iter().filter(|document| is_secret(document)) {
            secrets.push(Secret::read(document).map_err(unusable)?);
        }
        let has = |secret: &&Secret<'_>| {
            secret.fields.iter().any(|field| field.key == self.key && field.section == self.section)
        };
        let with_key: Vec<&Secret<'_>> = secrets.iter().filter(has).collect();
        match with_key.as_slice() {
            [one] => one.value(&self.key).map_err(unusable),
            [] => Err(self.why_not_there(&secrets)),
            several => Err(ReferenceError::NotOne { path: path(), count: several.len() }),
        }
    }

    fn why_not_there(&self, secrets: &[Secret<'_>]) -> ReferenceError {
        let (path, key) = (self.path.clone(), self.key.clone());
        if secrets.is_empty() {
            return ReferenceError::NoSecret { path };
        }
        let there = secrets.iter().flat_map(|secret| &secret.fields).find(|field| field.key == key);
        if let Some(there) = there.map(|field| field.section) {
            return ReferenceError::OtherSection { path, key, there };
        }
        let secret = secrets.iter().map(|secret| secret.shown.as_str()).collect::<Vec<_>>().join(", ");
        ReferenceError::Value { path, fault: SecretFault::NoSuchKey { secret, key } }
    }
}
