//! The data key of a file: opened by who holds a key of the block, sealed to who shall.

use std::fmt;
use std::io::Write as _;

use zeroize::Zeroizing;

use super::cipher::DataKey;
use super::metadata::{Group, KeyId, KeyKind, Metadata, SealedKey};
use super::shamir::{self, ShamirError};
use super::tree::Text;
use crate::clock::Entropy;
use crate::custody::{Identities, OpenError, Recipient, RecipientError, SealError, open, seal as seal_age};
use crate::secret::Plaintext;

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
    let part_length = if metadata.groups.len() > 1 { super::cipher::KEY_BYTES + 1 } else { super::cipher::KEY_BYTES };
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

/// Why a data key is not sealed to what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum SealKeyError {
    /// Nobody could open the file.
    #[error("no recipients: nobody could open the file again")]
    NoKeys,
    /// A group that nobody can open makes the others need more than they know.
    #[error("group {0} is empty: nobody could ever open it")]
    EmptyGroup(usize),
    /// Which threshold would do.
    #[error(transparent)]
    Threshold(#[from] ShamirError),
    /// Not a key that can be sealed to. It is never left out silently.
    #[error("cannot seal to {key}: {problem}")]
    Unusable {
        /// Which key.
        key: String,
        /// Why.
        problem: String,
    },
    /// age refused.
    #[error("cannot seal to {key}: {error}")]
    Age {
        /// Which key.
        key: String,
        /// Why.
        error: SealError,
    },
}

/// Seals a data key to groups of keys. With one group the threshold does not matter, with several `None` means all of them.
///
/// # Errors
/// Any key that cannot be sealed to, an empty group, a threshold that does not fit. Nothing is left out.
pub fn seal(
    key: &DataKey,
    wanted: &[Vec<KeyId>],
    threshold: Option<usize>,
    entropy: &dyn Entropy,
) -> Result<Vec<Group>, SealKeyError> {
    let recipients = recipients(wanted)?;
    let parts = match recipients.len() {
        1 => vec![Zeroizing::new(key.expose().to_vec())],
        several => shamir::split(key.expose(), several, threshold.unwrap_or(several), entropy)?,
    };
    recipients
        .iter()
        .zip(&parts)
        .map(|(group, part)| {
            let keys = group.iter().map(|recipient| seal_to(recipient, part)).collect::<Result<_, _>>()?;
            Ok(Group { keys })
        })
        .collect()
}

/// What a key of a rule or file seals to.
pub(super) enum SealTo {
    /// An age recipient.
    Age(Recipient),
    /// An SSH key, with the text that names it.
    #[cfg(feature = "ssh")]
    Ssh(super::ssh::SshRecipient),
}

/// The age recipients of all groups, each once in its group, in the order given.
fn recipients(wanted: &[Vec<KeyId>]) -> Result<Vec<Vec<SealTo>>, SealKeyError> {
    if wanted.is_empty() {
        return Err(SealKeyError::NoKeys);
    }
    let group = |(index, keys): (usize, &Vec<KeyId>)| {
        if keys.is_empty() {
            return Err(if wanted.len() == 1 { SealKeyError::NoKeys } else { SealKeyError::EmptyGroup(index + 1) });
        }
        let mut all: Vec<SealTo> = Vec::with_capacity(keys.len());
        for key in keys {
            let recipient = recipient_of(key)?;
            if !all.iter().any(|known| known.text() == recipient.text()) {
                all.push(recipient);
            }
        }
        Ok(all)
    };
    wanted.iter().enumerate().map(group).collect()
}

/// What an age key seals to.
///
/// # Errors
/// A key of another kind, or a text that is no recipient we seal to.
pub(super) fn recipient_of(key: &KeyId) -> Result<SealTo, SealKeyError> {
    let unusable = |problem: String| SealKeyError::Unusable { key: shown(key), problem };
    if key.kind != KeyKind::Age {
        return Err(unusable(
            "only age recipients can be sealed to here; use sops itself for this kind of key".to_owned(),
        ));
    }
    #[cfg(feature = "ssh")]
    if super::ssh::SshRecipient::is_one(&key.name) {
        return key.name.parse().map(SealTo::Ssh).map_err(|error: super::ssh::SshFault| unusable(error.to_string()));
    }
    key.name.parse().map(SealTo::Age).map_err(|error: RecipientError| unusable(error.to_string()))
}

impl SealTo {
    fn text(&self) -> &str {
        match self {
            Self::Age(recipient) => recipient.as_str(),
            #[cfg(feature = "ssh")]
            Self::Ssh(recipient) => recipient.as_str(),
        }
    }

    fn seal(&self, part: &[u8]) -> Result<Vec<u8>, SealError> {
        let part = Plaintext::copy_from(part);
        match self {
            Self::Age(recipient) => seal_age(&part, std::slice::from_ref(recipient)),
            #[cfg(feature = "ssh")]
            Self::Ssh(recipient) => recipient.seal(&part),
        }
    }
}

/// A key for a message. What is no recipient may be a secret in the wrong place and is not repeated.
fn shown(key: &KeyId) -> String {
    let public = key.kind != KeyKind::Age || key.name.starts_with("age1") || key.name.starts_with("ssh-");
    if public { key.to_string() } else { "a recipient".to_owned() }
}

/// Seals a data key, or a part of one, to one recipient, as sops writes it: armored, one file each.
pub(super) fn seal_to(recipient: &SealTo, part: &[u8]) -> Result<SealedKey, SealKeyError> {
    let failed = |error| SealKeyError::Age { key: recipient.text().escape_debug().to_string(), error };
    let sealed = recipient.seal(part).map_err(failed)?;
    let enc = armor(&sealed).map_err(|error| failed(SealError::Age(error.to_string())))?;
    Ok(SealedKey::age(recipient.text(), enc))
}

fn armor(sealed: &[u8]) -> std::io::Result<String> {
    let mut writer = age::armor::ArmoredWriter::wrap_output(Vec::new(), age::armor::Format::AsciiArmor)?;
    writer.write_all(sealed)?;
    String::from_utf8(writer.finish()?).map_err(std::io::Error::other)
}

#[cfg(test)]
mod tests;
