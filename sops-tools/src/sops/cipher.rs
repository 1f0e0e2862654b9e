//! Encrypted values: their text form, opening and sealing.
//!
//! `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`, where the three parts are base64. The path of a value is authenticated with it, its
//! type is not.

use aes_gcm::aead::consts::{U12, U16, U32};
use aes_gcm::aes::Aes256;
use aes_gcm::{AeadInOut as _, AesGcm, KeyInit as _};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use zeroize::Zeroizing;

use super::tree::{Text, Value};
use super::value::{Kind, Misspelt, spelling};
use crate::clock::Entropy;

/// What every encrypted value starts with.
pub const PREFIX: &[u8] = b"ENC[AES256_GCM,data:";

/// Bytes of a data key.
pub const KEY_BYTES: usize = 32;

/// The key of all values of one file. Neither printable nor cloneable; wiped when dropped.
pub struct DataKey(Box<Zeroizing<[u8; KEY_BYTES]>>);

impl DataKey {
    /// A new random key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut key = Box::new(Zeroizing::new([0; KEY_BYTES]));
        entropy.fill(&mut key[..]);
        Self(key)
    }

    /// The key of these bytes; `None` unless there are 32.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let mut key = Box::new(Zeroizing::new([0; KEY_BYTES]));
        (bytes.len() == KEY_BYTES).then(|| key.copy_from_slice(bytes))?;
        Some(Self(key))
    }

    /// The secret itself.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

/// Why an encrypted value was not opened. Holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No `ENC[…]` text where one has to be.
    #[error("it should be encrypted and is not of the form ENC[AES256_GCM,…]")]
    NotSealed,
    /// Something after the closing bracket, which sops drops without a word.
    #[error("there is text after the closing bracket of ENC[…]; sops would drop it silently, remove it")]
    TrailingText,
    /// One of its parts is not base64.
    #[error("its {0} is not base64")]
    Base64(&'static str),
    /// An IV that neither sops nor any other writer makes.
    #[error("its IV has {0} bytes; 32 or 12 are allowed")]
    IvLength(usize),
    /// A tag that was cut, which makes forging easy.
    #[error("its tag has {0} bytes; 16 are needed")]
    TagLength(usize),
    /// A type nobody knows.
    #[error("its type is unknown")]
    UnknownType,
    /// The type that sops names and cannot read.
    #[error("its type is bytes, which no version of sops writes or reads")]
    BytesType,
    /// The tag does not fit.
    #[error("it does not decrypt: it was changed, moved to another key, or belongs to another data key")]
    NotAuthentic,
    /// It decrypts to something its type does not allow.
    #[error(transparent)]
    Misspelt(#[from] Misspelt),
}

/// The nonce of a value: 32 bytes as sops writes it, or the 12 that others write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Iv {
    /// What sops writes.
    Long([u8; 32]),
    /// What other writers use; only read.
    Short([u8; 12]),
}

impl Iv {
    /// A new random one.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self::Long(bytes)
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Long(bytes) => bytes,
            Self::Short(bytes) => bytes,
        }
    }
}

/// An encrypted value, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    data: Vec<u8>,
    iv: Iv,
    tag: [u8; 16],
    kind: Kind,
}

impl Sealed {
    /// Takes the text form apart.
    ///
    /// # Errors
    /// Anything that is not such a text, and what sops would read although it should not.
    pub fn parse(text: &[u8]) -> Result<Self, Fault> {
        let body = text.strip_prefix(PREFIX).ok_or(Fault::NotSealed)?;
        let (data, rest) = split(body, b",iv:").ok_or(Fault::NotSealed)?;
        let (iv, rest) = split(rest, b",tag:").ok_or(Fault::NotSealed)?;
        let (tag, rest) = split(rest, b",type:").ok_or(Fault::NotSealed)?;
        let (kind, after) = split(rest, b"]").ok_or(Fault::NotSealed)?;
        if !after.is_empty() {
            return Err(Fault::TrailingText);
        }
        if [data, iv, tag, kind].iter().any(|part| part.is_empty()) {
            return Err(Fault::NotSealed);
        }
        Ok(Self {
            data: decode(data, "data")?,
            iv: iv_of(&decode(iv, "IV")?)?,
            tag: decode(tag, "tag")?.try_into().map_err(|tag: Vec<u8>| Fault::TagLength(tag.len()))?,
            kind: kind_of(kind)?,
        })
    }

    /// The text form.
    pub fn to_text(&self) -> String {
        format!(
            "ENC[AES256_GCM,data:{},iv:{},tag:{},type:{}]",
            BASE64.encode(&self.data),
            BASE64.encode(self.iv.bytes()),
            BASE64.encode(self.tag),
            self.kind.name()
        )
    }

    /// What it says it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its nonce.
    pub fn iv(&self) -> Iv {
        self.iv
    }
}

fn iv_of(bytes: &[u8]) -> Result<Iv, Fault> {
    if let Ok(long) = bytes.try_into() {
        return Ok(Iv::Long(long));
    }
    bytes.try_into().map(Iv::Short).map_err(|_| Fault::IvLength(bytes.len()))
}

fn kind_of(name: &[u8]) -> Result<Kind, Fault> {
    Kind::of_name(name).ok_or(if name == b"bytes" { Fault::BytesType } else { Fault::UnknownType })
}

/// Before and after the first `mark`.
fn split<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    Some((text.get(..at)?, text.get(at + mark.len()..)?))
}

/// Go's decoder passes over carriage returns, so files from Windows hold some.
fn decode(text: &[u8], part: &'static str) -> Result<Vec<u8>, Fault> {
    let without_returns: Vec<u8>;
    let text = if text.contains(&b'\r') {
        without_returns = text.iter().copied().filter(|&byte| byte != b'\r').collect();
        &without_returns
    } else {
        text
    };
    BASE64.decode(text).map_err(|_| Fault::Base64(part))
}

/// A data key at work.
pub struct Cipher {
    long: AesGcm<Aes256, U32, U16>,
    short: AesGcm<Aes256, U12, U16>,
}

impl Cipher {
    /// Makes the key ready.
    pub fn new(key: &DataKey) -> Self {
        let key = key.expose().into();
        Self { long: AesGcm::new(key), short: AesGcm::new(key) }
    }

    /// Decrypts a value that stands under the path `aad`.
    ///
    /// # Errors
    /// It does not decrypt there, or what it decrypts to is not of its type.
    pub fn open(&self, sealed: &Sealed, aad: &[u8]) -> Result<Value, Fault> {
        let plain = self.open_bytes(sealed, aad)?;
        Ok(sealed.kind.read(plain)?)
    }

    fn open_bytes(&self, sealed: &Sealed, aad: &[u8]) -> Result<Text, Fault> {
        let mut plain = Zeroizing::new(sealed.data.clone());
        let buffer = plain.as_mut_slice().into();
        match &sealed.iv {
            Iv::Long(iv) => self.long.decrypt_inout_detached(iv.into(), aad, buffer, &sealed.tag.into()),
            Iv::Short(iv) => self.short.decrypt_inout_detached(iv.into(), aad, buffer, &sealed.tag.into()),
        }
        .map_err(|_| Fault::NotAuthentic)?;
        Ok(plain)
    }

    /// Encrypts a value for the path `aad`. `None` for what is never encrypted: null and the empty string.
    pub fn seal(&self, value: &Value, aad: &[u8], iv: Iv) -> Option<Sealed> {
        let kind = Kind::of(value)?;
        let mut plain = spelling(value);
        if plain.is_empty() {
            return None;
        }
        let buffer = plain.as_mut_slice().into();
        // Only a text of some 64 GiB can be refused.
        let tag = match &iv {
            Iv::Long(iv) => self.long.encrypt_inout_detached(iv.into(), aad, buffer),
            Iv::Short(iv) => self.short.encrypt_inout_detached(iv.into(), aad, buffer),
        }
        .ok()?;
        Some(Sealed { data: plain.to_vec(), iv, tag: tag.into(), kind })
    }
}

#[cfg(test)]
mod tests;
