//! One SOPS file as its users know it.
//!
//! The states of a file are types, so that nothing is read from, or written back to, a file that was not verified:
//!
//! - [`SopsFile`]: parsed and understood; nothing of it is proven and nothing decrypted
//! - [`Unlocked`]: its data key was opened and every value decrypted; whether the MAC fits is known, and asked for next
//! - [`OpenFile`]: verified, or accepted by a person in spite of its MAC: can be read, changed, sealed again, given new keys
//! - [`encrypt`]: a new file from a plain one
//!
//! All of it happens in memory. What is handed out for writing was read again, decrypted and compared before.
//!
//! ```
//! use sops_tools::clock::{Clock as _, System};
//! use sops_tools::custody::Identities;
//! use sops_tools::sops::file::{Recipe, SopsFile, encrypt};
//! use sops_tools::sops::formats::Format;
//! use sops_tools::sops::metadata::KeyId;
//!
//! let identities = Identities::generate();
//! let keys = identities.to_recipients().iter().map(KeyId::age).collect();
//! let sealed = encrypt(Format::Yaml, b"password: hunter2\n", &Recipe::to(vec![keys]), System.now(), &System)?;
//! let file = SopsFile::parse(Format::Yaml, &sealed)?.unlock(&identities)?.verified()?;
//! assert_eq!(*file.to_plain()?, *b"password: hunter2\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use super::cipher::{Cipher, DataKey};
use super::data_key::{self, Keyring};
use super::formats::{self, Format};
use super::mac;
use super::metadata::{KeyId, Metadata};
use super::rules::Rule;
use super::tree::{Note, Tree, Value};
use crate::secret::wiping_stack;

mod change;
mod conceal;
mod create;
mod error;
mod exit;
mod open;
mod path;
mod print;
mod rekey;
mod reveal;
mod structure;
mod write;

pub use super::formats::Step;
pub use change::Change;
pub use create::{Recipe, encrypt};
pub use error::{FileError, MacFault};
pub use exit::SopsExit;
pub use open::OpenFile;
pub use path::{At, PathFault};
pub use rekey::{Guard, Keys, Update};

/// Largest file that commands read by default, 5 MiB, the limit of Flux.
pub const FILE_LIMIT: usize = 5 << 20;

/// A file that was parsed. Its metadata can be looked at, and nothing in it proves anything.
pub struct SopsFile {
    format: Format,
    source: Vec<u8>,
    tree: Tree,
    metadata: Metadata,
    rule: Rule,
}

/// A file whose data key was opened and whose values were decrypted. What it says is not yet verified.
pub struct Unlocked {
    file: OpenFile,
    mac: Result<(), MacFault>,
}

impl SopsFile {
    /// Reads a sealed file. Only the block of the first document counts, as in sops.
    ///
    /// # Errors
    /// It is not of the format, has no block, or a block that cannot be understood: two rules, a rule that sops would misread, no key,
    /// no time of the last change.
    pub fn parse(format: Format, source: &[u8]) -> Result<Self, FileError> {
        let tree = wiping_stack(|| formats::parse(format, source)).map_err(FileError::MalformedSealed)?;
        let block = tree.documents.first().and_then(|document| document.block.as_ref());
        let metadata = Metadata::read(&block.ok_or(FileError::NotEncrypted)?.node)?;
        if metadata.last_modified.as_deref().and_then(mac::aad).is_none() {
            return Err(FileError::NoTime);
        }
        // A binary file is one value; sops asks no rule about it.
        let rule =
            if format == Format::Binary { Rule::everything() } else { metadata.rule().map_err(FileError::Rule)? };
        Ok(Self { format, source: source.to_vec(), tree, metadata, rule })
    }

    /// Its format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What its block says; not authenticated.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The rule of the file; not authenticated.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The tree with its values as they stand there, encrypted ones as text.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Oddities of the text that a user should hear of.
    pub fn notes(&self) -> &[Note] {
        &self.tree.notes
    }

    /// Documents, counted from 1, that have no block of their own, or one that differs from that of the first. sops does not look at
    /// them; Flux takes a document without a block for a plain one and applies the encrypted text.
    pub fn documents_with_other_blocks(&self) -> Vec<usize> {
        let first = self.tree.documents.first().and_then(|document| document.block.as_ref());
        let others = self.tree.documents.iter().enumerate().skip(1);
        let differs = |block: Option<&super::tree::Block>| match (first, block) {
            (Some(first), Some(block)) => !super::metadata::same_nodes(&first.node, &block.node),
            _ => true,
        };
        others.filter(|(_, document)| differs(document.block.as_ref())).map(|(index, _)| index + 1).collect()
    }

    /// Opens the data key and decrypts every value.
    ///
    /// # Errors
    /// None of the identities opens the data key; or a value does not decrypt, which comes before the MAC.
    pub fn unlock(self, keyring: &dyn Keyring) -> Result<Unlocked, FileError> {
        wiping_stack(|| {
            let key =
                data_key::recover(&self.metadata, keyring).map_err(|error| FileError::NoDataKey(Box::new(error)))?;
            self.unlock_with(key)
        })
    }

    /// Decrypts every value with a data key that is known.
    fn unlock_with(mut self, key: DataKey) -> Result<Unlocked, FileError> {
        let cipher = Cipher::new(&key);
        let revealed = reveal::reveal(&self.tree, &self.rule, self.metadata.mac_scope, &cipher)
            .map_err(|fault| fault.in_source(&self.source))?;
        let mac = self.verify(&cipher, &revealed.mac);
        let (spots, mac_of_values) = revealed.fill(&mut self.tree);
        let file = OpenFile { file: self, key, spots, mac: mac_of_values };
        Ok(Unlocked { file, mac })
    }

    /// Whether the MAC of the block is that of the values.
    fn verify(&self, cipher: &Cipher, values: &mac::Mac) -> Result<(), MacFault> {
        let sealed = self.metadata.mac.as_deref().ok_or(MacFault::Missing)?;
        let aad = self.metadata.last_modified.as_deref().and_then(mac::aad).ok_or(MacFault::Missing)?;
        let sealed = super::cipher::Sealed::parse(sealed.as_bytes()).map_err(MacFault::NotOpened)?;
        let opened = cipher.open(&sealed, &aad).map_err(MacFault::NotOpened)?;
        // The type is not authenticated, and a MAC is text: sops takes nothing else for one.
        match opened {
            Value::Str(text) if values.is(&text) => Ok(()),
            _ => Err(MacFault::Mismatch),
        }
    }
}

impl Unlocked {
    /// Whether the MAC fits.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn mac(&self) -> Result<(), MacFault> {
        self.mac
    }

    /// The file, its MAC verified.
    ///
    /// # Errors
    /// The MAC is missing, was changed, or is not that of the values.
    pub fn verified(self) -> Result<OpenFile, FileError> {
        self.mac.map_err(FileError::Mac)?;
        self.file.without_misplaced_comments()
    }

    /// The file as it is, whatever its MAC says: a person asked for that. Whoever calls this says so in the log.
    ///
    /// # Errors
    /// A comment in the place of a value.
    pub fn despite_mac(self) -> Result<OpenFile, FileError> {
        self.file.without_misplaced_comments()
    }
}

/// Keys in the order of files and rules, for telling whether two sets of groups are the same: order does not matter within a group.
fn same_groups(one: &[Vec<KeyId>], other: &[Vec<KeyId>]) -> bool {
    let canonical = |groups: &[Vec<KeyId>]| -> Vec<Vec<KeyId>> {
        let sorted = |group: &Vec<KeyId>| {
            let mut keys = group.clone();
            keys.sort();
            keys.dedup();
            keys
        };
        groups.iter().map(sorted).collect()
    };
    canonical(one) == canonical(other)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod properties;
