//! Sealing small objects to recipients and opening them again.

use std::io::{self, Read as _, Write as _};

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor, EncryptError, Encryptor};
use zeroize::Zeroizing;

use super::identities::Identities;
use super::recipients::{Recipient, canonical};
use crate::secret::{Plaintext, wiping_stack};

/// Largest sealed object that is opened or made, 64 KiB.
///
/// The age library parses a header anew for each of its lines, and without a bound: a hostile one of 750 KiB
/// costs half a minute of CPU. So the size is looked at before age sees a byte.
pub const SEALED_LIMIT: usize = 64 << 10;

/// Most lines that a header may have, 512: room for some 250 recipients.
///
/// 64 KiB of short lines alone took an unoptimised build more than a minute, so lines are counted before age
/// sees them.
pub const HEADER_LINES: usize = 512;

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
    /// The header would have more than [`HEADER_LINES`].
    #[error("too many recipients: the header would have more than the {HEADER_LINES} lines that are opened again")]
    TooManyRecipients,
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
    /// A header of more than [`HEADER_LINES`]; age was not asked.
    #[error("a header of more than {HEADER_LINES} lines: no real object has that many recipients")]
    CrowdedHeader,
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
    let sealed = wiping_stack(|| encrypt(&recipients, plain)).map_err(|error| SealError::Age(error.to_string()))?;
    if sealed.len() > SEALED_LIMIT {
        return Err(SealError::TooLarge(sealed.len()));
    }
    if has_crowded_header(&sealed) {
        return Err(SealError::TooManyRecipients);
    }
    Ok(sealed)
}

fn encrypt(recipients: &[Recipient], plain: &Plaintext) -> Result<Vec<u8>, EncryptError> {
    encrypt_to(recipients.iter().map(|recipient| recipient.key() as &dyn age::Recipient), plain)
}

/// Seals to recipients of any kind that age knows.
pub(crate) fn encrypt_to<'a>(
    keys: impl Iterator<Item = &'a dyn age::Recipient>,
    plain: &Plaintext,
) -> Result<Vec<u8>, EncryptError> {
    let mut writer = Encryptor::with_recipients(keys)?.wrap_output(Vec::new())?;
    writer.write_all(plain.expose())?;
    Ok(writer.finish()?)
}

/// Opens what [`seal`] or any age program made, binary or armored, with the first identity that fits.
///
/// It takes CPU time, for a hostile object most: call it where blocking is allowed.
///
/// # Errors
/// [`OpenError`] by kind; nothing of the content is given out unless all of it is authentic.
pub fn open(sealed: &[u8], identities: &Identities) -> Result<Plaintext, OpenError> {
    open_with(sealed, identities.keys())
}

/// As [`open`], with identities of any kind that age knows.
pub(crate) fn open_with<'a>(
    sealed: &[u8],
    identities: impl Iterator<Item = &'a dyn age::Identity>,
) -> Result<Plaintext, OpenError> {
    if sealed.len() > SEALED_LIMIT {
        return Err(OpenError::TooLarge(sealed.len()));
    }
    look_at_start(sealed)?;
    let binary = without_armor(sealed).map_err(|error| io_error(&error))?;
    if has_crowded_header(&binary) {
        return Err(OpenError::CrowdedHeader);
    }
    wiping_stack(|| decrypt(&binary, identities))
}

fn decrypt<'a>(binary: &[u8], identities: impl Iterator<Item = &'a dyn age::Identity>) -> Result<Plaintext, OpenError> {
    let decryptor = Decryptor::new_buffered(binary).map_err(|error| open_error(&error))?;
    let mut reader = decryptor.decrypt(identities).map_err(|error| open_error(&error))?;
    // The plain bytes are fewer than the sealed ones, so this buffer never grows and leaves no copy.
    let mut plain = Zeroizing::new(vec![0_u8; binary.len()]);
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

/// The binary form of an age file that may be armored. Still sealed, so nothing here needs wiping.
fn without_armor(sealed: &[u8]) -> io::Result<Vec<u8>> {
    let mut binary = Vec::with_capacity(sealed.len());
    ArmoredReader::new(sealed).read_to_end(&mut binary)?;
    Ok(binary)
}

/// Whether more than [`HEADER_LINES`] come before the header's last line, which starts with `---`.
fn has_crowded_header(binary: &[u8]) -> bool {
    let header = binary.split(|&byte| byte == b'\n').take_while(|line| !line.starts_with(b"---"));
    header.take(HEADER_LINES + 1).count() > HEADER_LINES
}

fn io_error(error: &io::Error) -> OpenError {
    if error.kind() == io::ErrorKind::UnexpectedEof { OpenError::Truncated } else { OpenError::Corrupt }
}

fn open_error(error: &DecryptError) -> OpenError {
    match error {
        DecryptError::NoMatchingKeys => OpenError::NoMatchingIdentity,
        DecryptError::UnknownFormat => OpenError::NotAge,
        DecryptError::Io(error) => io_error(error),
        _ => OpenError::Corrupt,
    }
}

#[cfg(test)]
mod tests;
