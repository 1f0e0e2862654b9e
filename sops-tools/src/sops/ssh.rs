//! SSH keys: age seals to them as it does to its own recipients.
//!
//! Only in programs that a person runs: RSA is decrypted in variable time (RUSTSEC-2023-0071), which nobody can measure there.

use std::fmt;
use std::str::FromStr;

use super::data_key::Keyring;
use crate::custody::{OpenError, SealError, encrypt_to, open_with};
use crate::secret::{Plaintext, wiping_stack};

/// SSH private keys without a passphrase. Neither printable nor cloneable.
#[derive(Default)]
pub struct SshIdentities(Vec<SshIdentity>);

struct SshIdentity {
    key: age::ssh::Identity,
    public: String,
}

/// An SSH public key of a kind that age seals to, with the text that names it in rules and files.
#[derive(Debug)]
pub struct SshRecipient {
    key: age::ssh::Recipient,
    text: String,
}

/// Why an SSH key cannot be used. Holds nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshFault {
    /// Nothing like one.
    #[error("not an SSH key, or damaged")]
    Malformed,
    /// It has to be opened by a person first.
    #[error(
        "the SSH key has a passphrase; make a copy without one for this (ssh-keygen -p), in a place that is not kept"
    )]
    Passphrase,
    /// A key on a device, ECDSA, too short, too long, an old form.
    #[error(
        "SSH keys of this kind cannot be used; ssh-ed25519 and ssh-rsa of 2048 to 4096 bits can, in the form that ssh-keygen -o writes"
    )]
    Unsupported,
}

impl SshIdentities {
    /// Reads one private key, as `ssh-keygen` writes it.
    ///
    /// # Errors
    /// A key with a passphrase, or of a kind that age does not use.
    pub fn parse(text: &[u8]) -> Result<Self, SshFault> {
        wiping_stack(|| {
            let key = age::ssh::Identity::from_buffer(text, None).map_err(|_| SshFault::Malformed)?;
            match &key {
                age::ssh::Identity::Unencrypted(_) => {}
                age::ssh::Identity::Encrypted(_) => return Err(SshFault::Passphrase),
                age::ssh::Identity::Unsupported(_) => return Err(SshFault::Unsupported),
            }
            let public = age::ssh::Recipient::try_from(key.clone()).map_err(|_| SshFault::Unsupported)?.to_string();
            Ok(Self(vec![SshIdentity { key, public }]))
        })
    }

    /// Takes the keys of another over.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The public halves, as they stand in rules.
    pub fn to_recipients(&self) -> Vec<String> {
        self.0.iter().map(|identity| identity.public.clone()).collect()
    }
}

impl Keyring for SshIdentities {
    fn open_age(&self, sealed: &[u8]) -> Result<Plaintext, OpenError> {
        open_with(sealed, self.0.iter().map(|identity| &identity.key as &dyn age::Identity))
    }

    fn tried(&self) -> Vec<String> {
        self.0.iter().map(|identity| format!("the SSH key {}", identity.public)).collect()
    }
}

impl SshRecipient {
    /// Whether a text names an SSH key, usable or not.
    pub fn is_one(text: &str) -> bool {
        ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"].iter().any(|start| text.trim_start().starts_with(start))
    }

    /// The text that names it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn seal(&self, plain: &Plaintext) -> Result<Vec<u8>, SealError> {
        let keys = std::iter::once(&self.key as &dyn age::Recipient);
        wiping_stack(|| encrypt_to(keys, plain)).map_err(|error| SealError::Age(error.to_string()))
    }
}

impl FromStr for SshRecipient {
    type Err = SshFault;

    fn from_str(text: &str) -> Result<Self, SshFault> {
        use age::ssh::ParseRecipientKeyError as Fault;
        let text = text.trim();
        let key = text.parse().map_err(|fault| match fault {
            Fault::Invalid(_) => SshFault::Malformed,
            _ => SshFault::Unsupported,
        })?;
        Ok(Self { key, text: text.to_owned() })
    }
}

impl fmt::Display for SshRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
