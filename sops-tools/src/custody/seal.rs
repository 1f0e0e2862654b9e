//! Sealing small objects to recipients and opening them again.

use std::io::{self, Read as _, Write as _};

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor, Encryptor};
use zeroize::Zeroizing;

use super::identities::Identities;
use super::recipients::{Recipient, canonical};
use crate::secret::Plaintext;

/// Largest sealed object that is opened or made, 64 KiB.
///
/// Age's header is parsed in quadratic time: a hostile one of 750 KiB costs 24 s of CPU, one of this size
/// less than 0.2 s. So the size is looked at before age sees a byte.
pub const SEALED_LIMIT: usize = 64 << 10;

const BINARY_START: &[u8] = b"age-encryption.org/";
const ARMOR_START: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// Why nothing was sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Nobody could ever open it.
    #[error("no recipients: nobody could open it again")]
    NoRecipients,
    /// The sealed object would be larger than [`SEALED_LIMIT`].
    #[error("the sealed object would have {0} bytes, more than the {SEALED_LIMIT} that are opened again")]
    TooLarge(usize),
    /// The age library refused.
    #[error("age: {0}")]
    Age(String),
}

/// Why a sealed object was not opened. Says nothing about its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Larger than [`SEALED_LIMIT`]; age was not asked.
    #[error("{0} bytes, more than the {SEALED_LIMIT} a sealed object may have")]
    TooLarge(usize),
    /// Not an age file, or not of a version that is known.
    #[error("not an age file")]
    NotAge,
    /// An age file, sealed to none of our identities. A damaged stanza of ours looks the same.
    #[error("sealed to none of our identities")]
    NoMatchingIdentity,
    /// It ends before its content begins.
    #[error("cut short: the file ends inside its header")]
    Truncated,
    /// The header or the content does not pass its own check: changed, or cut short inside the content.
    #[error("damaged: it was changed or cut short after it was sealed")]
    Corrupt,
}

/// Seals `plain` to each of `recipients`, in age's binary form. Repeated recipients count once.
///
/// # Errors
/// No recipients, or a result that [`open`] would not take.
pub fn seal(plain: &Plaintext, recipients: &[Recipient]) -> Result<Vec<u8>, SealError> {
    let recipients = canonical(recipients.iter().cloned());
    if recipients.is_empty() {
        return Err(SealError::NoRecipients);
    }
    let keys = recipients.iter().map(|recipient| recipient.key() as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(keys).map_err(|error| SealError::Age(error.to_string()))?;
    let sealed = encrypt(encryptor, plain).map_err(|error| SealError::Age(error.to_string()))?;
    if sealed.len() > SEALED_LIMIT {
        return Err(SealError::TooLarge(sealed.len()));
    }
    Ok(sealed)
}

fn encrypt(encryptor: Encryptor, plain: &Plaintext) -> io::Result<Vec<u8>> {
    let mut writer = encryptor.wrap_output(Vec::new())?;
    writer.write_all(plain.expose())?;
    writer.finish()
}

/// Opens what [`seal`] or any age program made, binary or armored, with the first identity that fits.
///
/// Takes up to 0.2 s of CPU for a hostile object: call it where blocking is allowed.
///
/// # Errors
/// [`OpenError`] by kind; nothing of the content is given out unless all of it is authentic.
pub fn open(sealed: &[u8], identities: &Identities) -> Result<Plaintext, OpenError> {
    if sealed.len() > SEALED_LIMIT {
        return Err(OpenError::TooLarge(sealed.len()));
    }
    look_at_start(sealed)?;
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(sealed)).map_err(|error| open_error(&error))?;
    let mut reader = decryptor.decrypt(identities.keys()).map_err(|error| open_error(&error))?;
    // The plain bytes are fewer than the sealed ones, so this buffer never grows and leaves no copy.
    let mut plain = Zeroizing::new(vec![0_u8; sealed.len()]);
    let mut filled = 0;
    loop {
        match reader.read(&mut plain[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(_) => return Err(OpenError::Corrupt),
        }
    }
    plain.truncate(filled);
    Ok(Plaintext::new(plain))
}

/// Tells an age file from anything else by its first bytes.
fn look_at_start(sealed: &[u8]) -> Result<(), OpenError> {
    let start = sealed.trim_ascii_start();
    let is = |magic: &[u8], bytes: &[u8]| bytes.starts_with(magic);
    if is(BINARY_START, sealed) || is(ARMOR_START, start) {
        return Ok(());
    }
    if sealed.is_empty() || BINARY_START.starts_with(sealed) || ARMOR_START.starts_with(start) {
        return Err(OpenError::Truncated);
    }
    Err(OpenError::NotAge)
}

fn open_error(error: &DecryptError) -> OpenError {
    match error {
        DecryptError::NoMatchingKeys => OpenError::NoMatchingIdentity,
        DecryptError::UnknownFormat => OpenError::NotAge,
        DecryptError::Io(io) if io.kind() == io::ErrorKind::UnexpectedEof => OpenError::Truncated,
        _ => OpenError::Corrupt,
    }
}

#[cfg(test)]
mod tests;
