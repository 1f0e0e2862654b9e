//! Public halves: whom an object is sealed to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::clock::hex;

/// An X25519 age recipient, `age1…`. Ordered by its text, which is canonical.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Recipient {
    key: age::x25519::Recipient,
    text: String,
}

/// Why a text is not a recipient we seal to. Never repeats the text: it may be a secret put in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// The secret half was given.
    #[error(
        "this is the secret half of a key; give its public half, age1…, and treat the key as leaked if others can read this place"
    )]
    SecretKey,
    /// A hybrid post-quantum recipient.
    #[error(
        "post-quantum recipients (age1pq1…, age1tagpq1…) cannot be used: the age library can seal to some but open none; use an X25519 recipient, age1…"
    )]
    PostQuantum,
    /// A recipient that belongs to an age plugin.
    #[error(
        "recipients of the age plugin {0:?} cannot be used: the daemon starts no other programs; use an X25519 recipient, age1…"
    )]
    Plugin(String),
    /// An SSH public key.
    #[error(
        "SSH keys cannot be used as recipients: anybody can see which key a file is sealed to; use an X25519 recipient, age1…"
    )]
    Ssh,
    /// Nothing that age knows.
    #[error("not an age recipient: expected age1 and 58 more characters, and the checksum must be right")]
    Malformed,
}

impl Recipient {
    /// A short, stable, public text for manifests and logs: 16 hex digits of the SHA-256 over
    /// `unsealer/recipient/v1`, a zero byte and the recipient.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"unsealer/recipient/v1\0");
        hash.update(&self.text);
        hex(&hash.finalize()[..8])
    }

    /// The recipient as age writes it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn key(&self) -> &age::x25519::Recipient {
        &self.key
    }
}

impl From<age::x25519::Recipient> for Recipient {
    fn from(key: age::x25519::Recipient) -> Self {
        let text = key.to_string();
        Self { key, text }
    }
}

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, RecipientError> {
        let text = text.trim();
        text.parse::<age::x25519::Recipient>().map(Self::from).map_err(|_| refusal(text))
    }
}

/// Why age's X25519 parser did not take `text`.
fn refusal(text: &str) -> RecipientError {
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("age-secret-key-") || lower.starts_with("age-plugin-") {
        return RecipientError::SecretKey;
    }
    if ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"].iter().any(|prefix| lower.starts_with(prefix)) {
        return RecipientError::Ssh;
    }
    // In Bech32 the last "1" ends the readable part, and it cannot stand in the part after it.
    let kind = lower.rsplit_once('1').and_then(|(readable, _)| readable.strip_prefix("age1"));
    match kind {
        Some("pq" | "tagpq") => RecipientError::PostQuantum,
        Some(name)
            if !name.is_empty()
                && name.len() <= 32
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-._".contains(&b)) =>
        {
            RecipientError::Plugin(name.to_owned())
        }
        _ => RecipientError::Malformed,
    }
}

/// The same recipients without repetition, in canonical order.
pub fn canonical(recipients: impl IntoIterator<Item = Recipient>) -> Vec<Recipient> {
    let mut all: Vec<Recipient> = recipients.into_iter().collect();
    all.sort();
    all.dedup();
    all
}

impl TryFrom<String> for Recipient {
    type Error = RecipientError;

    fn try_from(text: String) -> Result<Self, RecipientError> {
        text.parse()
    }
}

impl From<Recipient> for String {
    fn from(recipient: Recipient) -> Self {
        recipient.text
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Recipient {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Recipient {}

impl PartialOrd for Recipient {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Recipient {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl std::hash::Hash for Recipient {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

    fn refused(text: &str) -> RecipientError {
        text.parse::<Recipient>().unwrap_err()
    }

    #[test]
    fn a_recipient_is_read_and_written_canonically() {
        let one: Recipient = format!(" {ONE}\n").parse().unwrap();
        assert_eq!(one.to_string(), ONE);
        assert_eq!(serde_json::to_string(&one).unwrap(), format!("\"{ONE}\""));
        assert_eq!(serde_json::from_str::<Recipient>(&format!("\"{ONE}\"")).unwrap(), one);
    }

    #[test]
    fn a_fingerprint_is_stable() {
        let one: Recipient = ONE.parse().unwrap();
        assert_eq!(one.fingerprint(), "81ad6afd397aeb03");
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        assert_eq!(refused("AGE-SECRET-KEY-1QQQ"), RecipientError::SecretKey);
        assert_eq!(refused("age1pq1qqqqqqqq"), RecipientError::PostQuantum);
        assert_eq!(refused("age1tagpq1qqqqqqqq"), RecipientError::PostQuantum);
        assert_eq!(refused("age1yubikey1qqqqqqqq"), RecipientError::Plugin("yubikey".into()));
        assert_eq!(refused("ssh-ed25519 AAAAC3Nza"), RecipientError::Ssh);
        assert_eq!(refused(""), RecipientError::Malformed);
        assert_eq!(refused(&ONE[..61]), RecipientError::Malformed);
        assert_eq!(refused(&ONE.replace("t7r", "t7s")), RecipientError::Malformed);
    }

    #[test]
    fn an_error_never_repeats_what_was_given() {
        let error = refused("AGE-SECRET-KEY-1SECRET").to_string();
        assert!(!error.contains("1SECRET"), "{error}");
        let error = refused("hunter2").to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn repetitions_vanish_and_the_order_does_not_matter() {
        let [a, b] = [(); 2].map(|()| Recipient::from(age::x25519::Identity::generate().to_public()));
        let once = canonical([a.clone(), b.clone()]);
        assert_eq!(once.len(), 2);
        assert_eq!(canonical([b.clone(), a.clone(), b, a]), once);
    }
}
