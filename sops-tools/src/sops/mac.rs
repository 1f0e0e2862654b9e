//! The hash over all values of a file, which is sealed beside them.
//!
//! It has no key: anybody who knows or guesses the values can make it. So it is never shown; a difference says only that there is one.

use sha2::{Digest as _, Sha512};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::tree::{Text, Value};
use super::value::{spelling, to_the_second};

/// What the hash starts with where only encrypted values count: SHA-256 of `sops`.
const ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b, 0x0b, 0x97, 0x5b,
    0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// Which values count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// All of them.
    #[default]
    Everything,
    /// Those that fall under encryption: `mac_only_encrypted`.
    OnlyEncrypted,
}

/// A hash in the making: values are added in document order, over all documents.
pub struct Hasher {
    hash: Sha512,
    scope: Scope,
}

/// The finished hash, in the spelling that is sealed. Compared in constant time, never shown.
pub struct Mac(Text);

impl Hasher {
    /// Of no values yet.
    pub fn new(scope: Scope) -> Self {
        let mut hash = Sha512::new();
        if scope == Scope::OnlyEncrypted {
            hash.update(ONLY_ENCRYPTED);
        }
        Self { hash, scope }
    }

    /// Adds a decrypted value. Comments and null never count, also where they stand in the place of a value.
    pub fn add(&mut self, value: &Value, is_encrypted: bool) {
        let counts = is_encrypted || self.scope == Scope::Everything;
        match value {
            Value::Null | Value::Comment(_) => {}
            Value::Str(text) | Value::Time(text) if counts => self.hash.update(text.as_slice()),
            other if counts => self.hash.update(spelling(other).as_slice()),
            _ => {}
        }
    }

    /// The hash of what was added.
    pub fn finish(self) -> Mac {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let digest = self.hash.finalize();
        let mut text = Zeroizing::new(Vec::with_capacity(digest.len() * 2));
        for byte in digest {
            text.extend([byte >> 4, byte & 15].iter().filter_map(|&digit| DIGITS.get(usize::from(digit))));
        }
        Mac(text)
    }
}

impl Mac {
    /// Whether `text`, opened from the block, is this hash.
    pub fn is(&self, text: &[u8]) -> bool {
        self.0.ct_eq(text).into()
    }

    /// The value to seal.
    pub fn to_value(&self) -> Value {
        Value::Str(self.0.clone())
    }
}

/// The path under which the hash is sealed: the time of the last change, to the second. `None` where that is no time.
pub fn aad(last_modified: &str) -> Option<Vec<u8>> {
    to_the_second(last_modified).map(String::into_bytes)
}

#[cfg(test)]
mod tests {
    use sha2::Sha256;

    use super::*;
    use crate::clock::hex;

    fn string(text: &str) -> Value {
        Value::Str(Zeroizing::new(text.as_bytes().to_vec()))
    }

    fn mac(scope: Scope, values: &[(Value, bool)]) -> Mac {
        let mut hasher = Hasher::new(scope);
        for (value, encrypted) in values {
            hasher.add(value, *encrypted);
        }
        hasher.finish()
    }

    #[test]
    fn it_is_the_upper_case_hash_of_all_values_without_separators() {
        let all = [(string("a"), true), (Value::Bool(true), false), (Value::Null, true), (Value::Float(1.0), false)];
        let expected = hex(&Sha512::digest(b"aTrue1")).to_uppercase();
        assert!(mac(Scope::Everything, &all).is(expected.as_bytes()));
        assert!(!mac(Scope::Everything, &all).is(expected.to_lowercase().as_bytes()));
        assert!(!mac(Scope::Everything, &all).is(b""));
    }

    #[test]
    fn comments_count_nowhere() {
        let comment = Value::Comment(Zeroizing::new(b" secret".to_vec()));
        let empty = hex(&Sha512::digest(b"")).to_uppercase();
        assert!(mac(Scope::Everything, &[(comment, true)]).is(empty.as_bytes()));
    }

    #[test]
    fn only_encrypted_values_count_where_the_file_says_so() {
        assert_eq!(ONLY_ENCRYPTED, Sha256::digest(b"sops")[..]);
        let mixed = mac(Scope::OnlyEncrypted, &[(string("a"), true), (string("b"), false)]);
        let start = [ONLY_ENCRYPTED.as_slice(), b"a"].concat();
        let expected = hex(&Sha512::digest(start)).to_uppercase();
        assert!(mixed.is(expected.as_bytes()));
    }

    #[test]
    fn the_time_beside_it_counts_to_the_second() {
        for spelling in
            ["2026-11-22T15:02:04Z", "2026-11-22T15:02:04+00:00", "2026-11-22T15:02:04-00:00", "2026-11-22T15:02:04.9Z"]
        {
            assert_eq!(aad(spelling).unwrap(), b"2026-11-22T15:02:04Z");
        }
        assert_eq!(aad("yesterday"), None);
    }
}
