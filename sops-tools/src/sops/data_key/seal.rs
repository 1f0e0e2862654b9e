//! Sealing a data key to who shall open it.

use std::io::Write as _;

use zeroize::Zeroizing;

use crate::clock::Entropy;
use crate::custody::{Recipient, RecipientError, SealError, seal as seal_age};
use crate::secret::Plaintext;
use crate::sops::cipher::DataKey;
use crate::sops::metadata::{Group, KeyId, KeyKind, SealedKey};
use crate::sops::shamir::{self, ShamirError};
#[cfg(feature = "ssh")]
use crate::sops::ssh::{SshFault, SshRecipient};

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
pub(in crate::sops) enum SealTo {
    /// An age recipient.
    Age(Recipient),
    /// An SSH key, with the text that names it.
    #[cfg(feature = "ssh")]
    Ssh(SshRecipient),
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
pub(in crate::sops) fn recipient_of(key: &KeyId) -> Result<SealTo, SealKeyError> {
    let unusable = |problem: String| SealKeyError::Unusable { key: shown(key), problem };
    if key.kind != KeyKind::Age {
        return Err(unusable(
            "only age recipients can be sealed to here; use sops itself for this kind of key".to_owned(),
        ));
    }
    #[cfg(feature = "ssh")]
    if SshRecipient::is_one(&key.name) {
        return key.name.parse().map(SealTo::Ssh).map_err(|error: SshFault| unusable(error.to_string()));
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
pub(in crate::sops) fn seal_to(recipient: &SealTo, part: &[u8]) -> Result<SealedKey, SealKeyError> {
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
