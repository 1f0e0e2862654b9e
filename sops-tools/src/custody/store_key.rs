//! The store key: the secret that authenticates what stands in a share store.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::clock::{Entropy, hex};
use crate::secret::wiping_stack;
use crate::secret_file::{SecretFile, SecretFileError};

/// Largest store-key file read, 16 KiB: some two hundred keys.
pub const STORE_KEY_FILE_LIMIT: usize = 16 << 10;

/// What each key's line starts with; the 32 bytes follow in standard base64, 44 characters.
const PREFIX: &[u8] = b"unsealer-store-key-1:";
/// Base64 of 32 bytes.
const ENCODED: usize = 44;
/// What the authenticated text starts with, so that no other use of the key can be taken for it.
const DOMAIN: &[u8] = b"unsealer/v1\0";
const ID_DOMAIN: &[u8] = b"unsealer/store-key/v1\0";

/// The keys of one store-key file, at least one: the first signs, all authenticate.
///
/// Neither printable nor cloneable; wiped when dropped.
pub struct StoreKeys(Vec<StoreKey>);

struct StoreKey {
    id: String,
    secret: Box<Zeroizing<[u8; 32]>>,
}

/// Whether a MAC is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authenticity {
    /// Made with the first key.
    Current,
    /// Made with a later line's key: authentic, and to be signed anew one day.
    Older,
    /// Made with a key we do not have. Says nothing about who made it.
    UnknownKey,
    /// Names a key of ours, but the MAC is wrong: changed or forged.
    Forged,
}

impl Authenticity {
    /// Whether the text comes from a holder of one of our keys.
    pub fn is_authentic(self) -> bool {
        matches!(self, Self::Current | Self::Older)
    }
}

/// Why there are no store keys. Never repeats the file's content.
#[derive(Debug, thiserror::Error)]
pub enum StoreKeysError {
    /// The file, or the place in a SOPS file, cannot be read.
    #[error(transparent)]
    Unreadable(#[from] SecretFileError),
    /// Lines that are no store key, from 1.
    #[error("{}: not a store key in line {}; each line is unsealer-store-key-1: and 44 characters of base64", path.display(), list(lines))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The faulty lines.
        lines: Vec<usize>,
    },
    /// No key at all.
    #[error("{}: no store key in it", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

fn list(lines: &[usize]) -> String {
    lines.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl StoreKeys {
    /// One new random key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut secret = Box::new(Zeroizing::new([0_u8; 32]));
        entropy.fill(secret.as_mut_slice());
        Self(vec![StoreKey::new(secret)])
    }

    /// Reads a store-key file.
    ///
    /// # Errors
    /// The file cannot be read, has a faulty line or holds no key.
    pub fn load(file: &SecretFile) -> Result<Self, StoreKeysError> {
        Self::parse(&file.read(STORE_KEY_FILE_LIMIT)?, file.name())
    }

    /// Reads the text of a store-key file: one key a line, blank lines and `#` comments allowed. `path` only
    /// names it in errors. A repeated key counts once.
    ///
    /// # Errors
    /// All faulty lines at once; no key at all.
    pub fn parse(text: &[u8], path: &Path) -> Result<Self, StoreKeysError> {
        wiping_stack(|| Self::parse_lines(text, path))
    }

    fn parse_lines(text: &[u8], path: &Path) -> Result<Self, StoreKeysError> {
        let mut keys: Vec<StoreKey> = Vec::new();
        let mut lines = Vec::new();
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            match StoreKey::parse(line) {
                Some(key) if keys.iter().any(|known| known.id == key.id) => {}
                Some(key) => keys.push(key),
                None => lines.push(index + 1),
            }
        }
        let path = path.to_owned();
        if !lines.is_empty() {
            return Err(StoreKeysError::Malformed { path, lines });
        }
        if keys.is_empty() {
            return Err(StoreKeysError::Empty { path });
        }
        Ok(Self(keys))
    }

    /// The public id of the key that signs: 16 hex digits of the SHA-256 over `unsealer/store-key/v1`, a zero
    /// byte and the key.
    pub fn key_id(&self) -> &str {
        &self.0[0].id
    }

    /// The public ids of all keys, the signing one first.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.id.as_str())
    }

    /// HMAC-SHA256 over `unsealer/v1`, a zero byte and `payload`, under the signing key.
    pub fn mac(&self, payload: &[u8]) -> [u8; 32] {
        self.0[0].mac(payload)
    }

    /// Whether `mac` is what the key named `key_id` gives for `payload`. Takes the same time wherever the two
    /// differ.
    pub fn verify(&self, key_id: &str, payload: &[u8], mac: &[u8]) -> Authenticity {
        match self.0.iter().position(|key| key.id == key_id) {
            None => Authenticity::UnknownKey,
            Some(index) if bool::from(self.0[index].mac(payload).ct_eq(mac)) => {
                if index == 0 {
                    Authenticity::Current
                } else {
                    Authenticity::Older
                }
            }
            Some(_) => Authenticity::Forged,
        }
    }

    /// The text of a store-key file with these keys, each under a comment with its id.
    pub fn to_file_text(&self) -> Zeroizing<Vec<u8>> {
        let comments: Vec<String> = self.0.iter().map(|key| format!("# key id: {}\n", key.id)).collect();
        let size = comments.iter().map(|comment| comment.len() + PREFIX.len() + ENCODED + 1).sum();
        // Sized beforehand: growing would leave a copy of the secret behind.
        let mut text = Zeroizing::new(Vec::with_capacity(size));
        let mut encoded = Zeroizing::new([0_u8; ENCODED]);
        for (comment, key) in comments.iter().zip(&self.0) {
            text.extend_from_slice(comment.as_bytes());
            text.extend_from_slice(PREFIX);
            // 32 bytes always fill 44 characters.
            let written = STANDARD.encode_slice(key.secret.as_slice(), encoded.as_mut_slice()).unwrap_or(0);
            text.extend_from_slice(&encoded[..written]);
            text.push(b'\n');
        }
        text
    }
}

impl StoreKey {
    fn new(secret: Box<Zeroizing<[u8; 32]>>) -> Self {
        let mut hash = Sha256::new();
        hash.update(ID_DOMAIN);
        hash.update(secret.as_slice());
        Self { id: hex(&hash.finalize()[..8]), secret }
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let encoded = line.strip_prefix(PREFIX)?.trim_ascii_start();
        if encoded.len() != ENCODED {
            return None;
        }
        // The decoder wants room for whole groups of three: 33 bytes.
        let mut room = Zeroizing::new([0_u8; 33]);
        let length = STANDARD.decode_slice(encoded, room.as_mut_slice()).ok()?;
        if length != 32 {
            return None;
        }
        let mut secret = Box::new(Zeroizing::new([0_u8; 32]));
        secret.copy_from_slice(&room[..32]);
        Some(Self::new(secret))
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, payload: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_slice()).expect("any length");
        mac.update(DOMAIN);
        mac.update(payload);
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests;
