//! The data key of a file: opened by who holds a key of the block, sealed to who shall.

use std::fmt;

use zeroize::Zeroizing;

use super::cipher::{DataKey, KEY_BYTES};
use super::metadata::{Group, KeyId, KeyKind, Metadata, SealedKey};
use super::shamir::{self, ShamirError};
use super::tree::Text;
use crate::custody::{Identities, OpenError, Recipient, RecipientError, open};
use crate::secret::Plaintext;

mod seal;

pub use seal::{SealKeyError, seal};
pub(super) use seal::{recipient_of, seal_to};

/// Where identities come from: whoever can try to open an age file.
pub trait Keyring {
    /// Opens one age file, armored or not, with whichever identity fits.
    ///
    /// # Errors
    /// None fits, or the file is damaged.
    fn open_age(&self, sealed: &[u8]) -> Result<Plaintext, OpenError>;

    /// What was tried, one line each, for the message that nothing fits: sources with how many identities each held.
    fn tried(&self) -> Vec<String>;
}

impl Keyring for Identities {
    fn open_age(&self, sealed: &[u8]) -> Result<Plaintext, OpenError> {
        open(sealed, self)
    }

    fn tried(&self) -> Vec<String> {
        self.to_recipients().iter().map(|recipient| format!("the identity of {recipient}")).collect()
    }
}

/// Several keyrings as one: asked in their order.
pub struct Keyrings<'a>(pub &'a [&'a dyn Keyring]);

impl Keyring for Keyrings<'_> {
    fn open_age(&self, sealed: &[u8]) -> Result<Plaintext, OpenError> {
        let mut why = OpenError::NoMatchingIdentity;
        for keyring in self.0 {
            match keyring.open_age(sealed) {
                Ok(plain) => return Ok(plain),
                // Not to be opened by this one says less than to be damaged.
                Err(OpenError::NoMatchingIdentity) => {}
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn tried(&self) -> Vec<String> {
        self.0.iter().flat_map(|keyring| keyring.tried()).collect()
    }
}

/// Why one key of a file did not give the data key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// age said so.
    #[error("{0}")]
    Age(#[from] OpenError),
    /// It was opened and holds something else.
    #[error("it opens, but what it holds has {0} bytes and is no data key")]
    NotADataKey(usize),
    /// Of a service or program that is not asked.
    #[error("keys of this kind cannot be used here, only age keys; use sops itself with that key")]
    OtherKind,
    /// Labelled as an SSH key.
    #[error("sealed to an SSH key, and none of the identities at hand opens it")]
    Ssh,
    /// Labelled as a post-quantum key.
    #[error("sealed to a post-quantum key, which cannot be used here; use sops or age itself with that key")]
    PostQuantum,
    /// Labelled as a key of an age plugin.
    #[error("sealed to a key of an age plugin, which cannot be used here; use sops itself with that plugin")]
    Plugin,
}

/// Why the data key of a file was not obtained: every group, every key, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoDataKey {
    /// Per group, what happened to each of its keys; empty where the group was opened.
    pub groups: Vec<Vec<(KeyId, KeyFault)>>,
    /// What was tried.
    pub tried: Vec<String>,
    /// Parts were opened, but they give no data key.
    pub parts: Option<ShamirError>,
}

impl fmt::Display for NoDataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the data key cannot be opened")?;
        if let Some(parts) = self.parts {
            write!(f, ": {parts}")?;
        }
        let several = self.groups.len() > 1;
        for (index, group) in self.groups.iter().enumerate() {
            if several {
                let outcome = if group.is_empty() { "opened" } else { "not opened" };
                write!(f, "\n  group {}: {outcome}", index + 1)?;
            }
            for (key, fault) in group {
                write!(f, "\n  {}{key}: {fault}", if several { "  " } else { "" })?;
            }
        }
        if self.tried.is_empty() {
            return f.write_str("\n  tried: no identity at all");
        }
        self.tried.iter().try_for_each(|source| write!(f, "\n  tried: {source}"))
    }
}

impl std::error::Error for NoDataKey {}

/// Opens the data key of a file. Every identity is tried on every sealed key: labels prove nothing.
///
/// With several groups, all parts that can be opened are put together, at least two; the threshold that the file names is not
/// looked at, as in sops.
///
/// # Errors
/// What happened to every key.
pub fn recover(metadata: &Metadata, keyring: &dyn Keyring) -> Result<DataKey, NoDataKey> {
    let part_length = if metadata.groups.len() > 1 { KEY_BYTES + 1 } else { KEY_BYTES };
    let mut parts: Vec<Text> = Vec::new();
    let mut groups = Vec::with_capacity(metadata.groups.len());
    for group in &metadata.groups {
        match open_group(group, keyring, part_length) {
            Ok(part) => {
                parts.push(part);
                groups.push(Vec::new());
            }
            Err(faults) => groups.push(faults),
        }
    }
    let (whole, problem) = match (metadata.groups.len(), parts.pop()) {
        (0 | 1, whole) => (whole, None),
        (_, None) => (None, None),
        (_, Some(last)) => {
            parts.push(last);
            match shamir::combine(&parts) {
                Ok(whole) => (Some(whole), None),
                Err(problem) => (None, Some(problem)),
            }
        }
    };
    whole.and_then(|whole| DataKey::of(&whole)).ok_or_else(|| NoDataKey {
        groups,
        tried: keyring.tried(),
        parts: problem,
    })
}

/// The first key of a group that can be opened.
fn open_group(group: &Group, keyring: &dyn Keyring, length: usize) -> Result<Text, Vec<(KeyId, KeyFault)>> {
    let mut faults = Vec::new();
    for key in &group.keys {
        match open_key(key, keyring, length) {
            Ok(part) => return Ok(part),
            Err(fault) => faults.push((key.id.clone(), fault)),
        }
    }
    Err(faults)
}

fn open_key(key: &SealedKey, keyring: &dyn Keyring, length: usize) -> Result<Text, KeyFault> {
    if key.id.kind != KeyKind::Age {
        return Err(KeyFault::OtherKind);
    }
    // Armor after an empty line is read by Go and not by us.
    let opened = keyring.open_age(key.enc.trim().as_bytes()).map_err(|error| age_fault(&key.id.name, error))?;
    if opened.len() == length {
        Ok(Zeroizing::new(opened.expose().to_vec()))
    } else {
        Err(KeyFault::NotADataKey(opened.len()))
    }
}

/// Where nothing fits, what the key calls itself may explain it.
fn age_fault(name: &str, error: OpenError) -> KeyFault {
    if error != OpenError::NoMatchingIdentity {
        return error.into();
    }
    match name.parse::<Recipient>() {
        Err(RecipientError::Ssh) => KeyFault::Ssh,
        Err(RecipientError::PostQuantum) => KeyFault::PostQuantum,
        Err(RecipientError::Plugin(_)) => KeyFault::Plugin,
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests;
