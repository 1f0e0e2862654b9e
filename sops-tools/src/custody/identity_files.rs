//! Identity files of a program that runs for long: only the public halves stay in memory.

use super::identities::{Identities, IdentitiesError, IdentityFault};
use super::recipients::Recipient;
use crate::secret_file::SecretFile;

/// Identity files, and the public halves of what stood in them when they were read.
///
/// The identities themselves are read anew for each use and are gone after it.
#[derive(Debug, PartialEq, Eq)]
pub struct IdentityFiles {
    files: Vec<SecretFile>,
    recipients: Vec<Recipient>,
}

impl IdentityFiles {
    /// Reads the files once and keeps the public halves of what can be read: `None` where that is nothing. With every fault.
    pub fn read(files: &[SecretFile]) -> (Option<Self>, Vec<IdentityFault>) {
        let (identities, faults) = Identities::load_readable(files);
        let read = identities.map(|identities| Self { files: files.to_vec(), recipients: identities.to_recipients() });
        (read, faults)
    }

    /// The public halves, in canonical order; never empty.
    pub fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }

    /// The identities that the files hold now: drop them after use. A file that cannot be used does not stand in the way of
    /// the others.
    ///
    /// # Errors
    /// Every fault of every file, where none can be used.
    pub fn load(&self) -> Result<Identities, IdentitiesError> {
        let (identities, faults) = Identities::load_readable(&self.files);
        identities.ok_or(IdentitiesError { faults })
    }
}
