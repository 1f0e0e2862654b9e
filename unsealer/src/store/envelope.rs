//! The envelope of every JSON object: `{payload: "<JSON text>", keyId, mac}`.
//!
//! The MAC covers the payload's exact bytes. The payload holds the object's own path, a random id and the time, so an
//! authentic object that was put under another path is told apart ([`EnvelopeFault::Swapped`]).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sops_tools::clock::hex;
use sops_tools::custody::{Authenticity, StoreKeys};

use super::names::{Name, ObjectId, VaultName};
use super::records::Record;

/// Largest JSON object read or written, 64 KiB: a manifest of 255 custodians needs a third of it.
pub const JSON_LIMIT: usize = 64 << 10;

/// The outer, unauthenticated layer. Field order is the order in the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    key_id: String,
    /// Lower-case hex.
    mac: String,
}

/// What the MAC covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payload {
    /// The object's path from `vaults/` on.
    pub path: String,
    /// Random id of this writing: 32 hex digits.
    pub id: String,
    /// When it was written.
    pub time: Timestamp,
    /// What it says.
    pub record: Record,
}

/// An authenticated object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentic {
    /// What the MAC covers.
    pub payload: Payload,
    /// Signed by a later line of the store key file: to be signed anew.
    pub older_key: bool,
}

/// Why an object is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeFault {
    /// No envelope, or larger than [`JSON_LIMIT`].
    #[error("not an envelope of this store")]
    Malformed,
    /// Signed with a key that is not in the store key file.
    #[error("signed with another store key ({0})")]
    OtherKey(String),
    /// The MAC does not fit the bytes: changed, or forged.
    #[error("changed or forged: its MAC does not fit")]
    Forged,
    /// Authentic, and written for another path.
    #[error("an authentic object that belongs at {0}")]
    Swapped(String),
    /// Authentic, and of a kind that does not belong under this name.
    #[error("authentic, but not the kind of object its name says")]
    WrongKind,
}

impl EnvelopeFault {
    /// The class of the finding.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Malformed | Self::OtherKey(_) => "not-authentic",
            Self::Forged => "damaged",
            Self::Swapped(_) | Self::WrongKind => "swapped",
        }
    }
}

/// Writes `record` for `name` under the first store key: the exact bytes of the object.
///
/// # Errors
/// When the record does not belong under the name, or the object would be larger than [`JSON_LIMIT`].
pub fn sign(
    vault: &VaultName,
    name: &Name,
    record: Record,
    id: &ObjectId,
    time: Timestamp,
    keys: &StoreKeys,
) -> Result<Vec<u8>, SignError> {
    let path = name.path(vault);
    if record == Record::Unknown || !record.fits(name) {
        return Err(SignError::WrongKind { path });
    }
    let payload = Payload { path: path.clone(), id: id.to_string(), time, record };
    let too_large = || SignError::TooLarge { path: path.clone() };
    let payload = serde_json::to_string(&payload).map_err(|_| too_large())?;
    let mac = hex(&keys.mac(payload.as_bytes()));
    let envelope = Envelope { payload, key_id: keys.key_id().to_owned(), mac };
    let mut bytes = serde_json::to_vec(&envelope).map_err(|_| too_large())?;
    bytes.push(b'\n');
    if bytes.len() > JSON_LIMIT { Err(too_large()) } else { Ok(bytes) }
}

/// A record that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SignError {
    #[error("{path}: this kind of record does not belong under this name")]
    WrongKind { path: String },
    #[error("{path}: the object would be larger than 64 KiB")]
    TooLarge { path: String },
}

/// Authenticates the bytes that stand under `name`.
///
/// # Errors
/// [`EnvelopeFault`]: whatever it says, the object moves nothing.
pub fn open(vault: &VaultName, name: &Name, bytes: &[u8], keys: &StoreKeys) -> Result<Authentic, EnvelopeFault> {
    if bytes.len() > JSON_LIMIT {
        return Err(EnvelopeFault::Malformed);
    }
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(|_| EnvelopeFault::Malformed)?;
    let mac = unhex(&envelope.mac).ok_or(EnvelopeFault::Malformed)?;
    let older_key = match keys.verify(&envelope.key_id, envelope.payload.as_bytes(), &mac) {
        Authenticity::Current => false,
        Authenticity::Older => true,
        Authenticity::UnknownKey => return Err(EnvelopeFault::OtherKey(short(&envelope.key_id))),
        Authenticity::Forged => return Err(EnvelopeFault::Forged),
    };
    let payload: Payload = serde_json::from_str(&envelope.payload).map_err(|_| EnvelopeFault::WrongKind)?;
    if payload.path != name.path(vault) {
        return Err(EnvelopeFault::Swapped(payload.path));
    }
    if payload.record.fits(name) { Ok(Authentic { payload, older_key }) } else { Err(EnvelopeFault::WrongKind) }
}

/// A key id as it may be shown: what a stranger wrote is cut and stripped to letters and digits.
fn short(key_id: &str) -> String {
    key_id.chars().filter(char::is_ascii_alphanumeric).take(16).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0_u8; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::records::{HoldRecord, IntentRecord, Purpose};
    use crate::store::testing::{fixed_id, keys, time, vault};

    fn hold() -> (Name, Record) {
        let name = Name::Hold { id: fixed_id(1) };
        (name, Record::Hold(HoldRecord { reason: "incident".to_owned(), host: "h".to_owned() }))
    }

    fn signed(keys: &StoreKeys) -> (Name, Vec<u8>) {
        let (name, record) = hold();
        let bytes = sign(&vault(), &name, record, &fixed_id(9), time(1), keys).unwrap_or_default();
        (name, bytes)
    }

    #[test]
    fn what_was_signed_opens_with_the_same_key() {
        let keys = keys(1);
        let (name, bytes) = signed(&keys);
        let opened = open(&vault(), &name, &bytes, &keys);
        let payload = opened.map(|authentic| (authentic.payload, authentic.older_key));
        let (_, record) = hold();
        let expected = Payload { path: name.path(&vault()), id: fixed_id(9).to_string(), time: time(1), record };
        assert_eq!(payload, Ok((expected, false)));
    }

    #[test]
    fn an_older_line_of_the_key_file_still_authenticates() {
        let (name, bytes) = signed(&crate::store::testing::keys(1));
        let both = crate::store::testing::keys_of(&[2, 1]);
        assert_eq!(open(&vault(), &name, &bytes, &both).map(|authentic| authentic.older_key), Ok(true));
        let other = open(&vault(), &name, &bytes, &keys(2));
        assert!(matches!(other, Err(EnvelopeFault::OtherKey(_))), "{other:?}");
    }

    #[test]
    fn an_authentic_object_under_another_path_is_swapped() {
        let keys = keys(1);
        let (name, bytes) = signed(&keys);
        let elsewhere = Name::Hold { id: fixed_id(2) };
        let swapped = open(&vault(), &elsewhere, &bytes, &keys);
        assert_eq!(swapped, Err(EnvelopeFault::Swapped(name.path(&vault()))));
        let other_vault = VaultName::new("other").unwrap_or_else(|fault| unreachable!("{fault}"));
        assert!(matches!(open(&other_vault, &name, &bytes, &keys), Err(EnvelopeFault::Swapped(_))));
    }

    #[test]
    fn any_changed_byte_of_the_payload_is_noticed() {
        let keys = keys(1);
        let (name, bytes) = signed(&keys);
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            if let Ok(authentic) = open(&vault(), &name, &changed, &keys) {
                // Case of a hex digit or of outer white space: the payload itself is the same.
                assert_eq!(Ok(authentic), open(&vault(), &name, &bytes, &keys), "byte {index}");
            }
        }
        assert_eq!(open(&vault(), &name, b"{}", &keys), Err(EnvelopeFault::Malformed));
        assert_eq!(open(&vault(), &name, &vec![b' '; JSON_LIMIT + 1], &keys), Err(EnvelopeFault::Malformed));
    }

    #[test]
    fn a_record_is_not_signed_for_a_name_of_another_kind() {
        let (name, _) = hold();
        let intent = IntentRecord { purpose: Purpose::Init, host: String::new(), local_copy: String::new() };
        let refused = sign(&vault(), &name, Record::Intent(intent), &fixed_id(9), time(1), &keys(1));
        assert!(matches!(refused, Err(SignError::WrongKind { .. })));
        let huge = HoldRecord { reason: "x".repeat(JSON_LIMIT), host: String::new() };
        let refused = sign(&vault(), &name, Record::Hold(huge), &fixed_id(9), time(1), &keys(1));
        assert!(matches!(refused, Err(SignError::TooLarge { .. })));
    }
}
