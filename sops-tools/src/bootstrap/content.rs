//! What may stand under a key, and what is wrong with what stands there. No fault holds any of it.

use std::path::Path;

use zeroize::Zeroizing;

use crate::clock::Entropy;
use crate::custody::{Identities, StoreKeys};
use crate::secret::{Plaintext, wiping_stack};

/// The kinds of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// One line of text.
    Line,
    /// age identities, as age-keygen writes them and Flux reads them.
    Identities,
    /// The keys of a share store.
    StoreKeys,
}

/// What is wrong with a content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentFault {
    /// Nothing there.
    #[error("it is empty")]
    Empty,
    /// Secrets of ours are text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// A line break or another control character in what must be one line.
    #[error("it is more than one line, or has control characters")]
    NotOneLine,
    /// Spaces that came along.
    #[error("it begins or ends with white space")]
    OuterSpace,
    /// Identities that cannot be read. The lines, from 1, with their faults.
    #[error("{0}")]
    Identities(String),
    /// Flux takes each line as it is.
    #[error(
        "line {0}: white space around the identity, or a CR at the end; Flux does not trim and would refuse the whole Secret"
    )]
    Untrimmed(usize),
    /// No store key.
    #[error("it is no store key: a line of unsealer-store-key-1: and 44 characters of base64 is expected")]
    StoreKeys,
}

impl Content {
    /// Everything that is wrong with `text`.
    pub fn faults(self, text: &[u8]) -> Vec<ContentFault> {
        if text.is_empty() {
            return vec![ContentFault::Empty];
        }
        wiping_stack(|| match self {
            Self::Line => line_faults(text),
            Self::Identities => identity_faults(text),
            Self::StoreKeys => match StoreKeys::parse(text, Path::new("")) {
                Ok(_) => Vec::new(),
                Err(_) => vec![ContentFault::StoreKeys],
            },
        })
    }

    /// What a file holds for this kind: of a line without the line end that editors put there, else all of it.
    pub fn of_file(self, text: &[u8]) -> Plaintext {
        let text = match self {
            Self::Line => text.strip_suffix(b"\n").map_or(text, |line| line.strip_suffix(b"\r").unwrap_or(line)),
            Self::Identities | Self::StoreKeys => text,
        };
        Plaintext::copy_from(text)
    }
}

fn line_faults(text: &[u8]) -> Vec<ContentFault> {
    let Ok(text) = std::str::from_utf8(text) else { return vec![ContentFault::NotText] };
    let mut faults = Vec::new();
    if text.chars().any(char::is_control) {
        faults.push(ContentFault::NotOneLine);
    }
    if text.trim().len() != text.len() {
        faults.push(ContentFault::OuterSpace);
    }
    faults
}

fn identity_faults(text: &[u8]) -> Vec<ContentFault> {
    let mut faults = Vec::new();
    if let (_, wrong) = Identities::parse_readable(text, Path::new(""))
        && !wrong.is_empty()
    {
        let told = wrong.iter().map(|fault| match fault.line {
            Some(line) => format!("line {line}: {}", fault.problem),
            None => fault.problem.to_string(),
        });
        faults.push(ContentFault::Identities(told.collect::<Vec<_>>().join("; ")));
    }
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let trimmed = line.trim_ascii();
        if trimmed.len() != line.len() && !trimmed.is_empty() && !line.starts_with(b"#") {
            faults.push(ContentFault::Untrimmed(index + 1));
        }
    }
    faults
}

/// How many random bytes stand behind a password.
const PASSWORD_BYTES: usize = 32;

/// A strong random password: 43 letters, digits, `-` and `_`. It needs no quotes anywhere, and nothing in it is replaced by Flux'
/// variable substitution.
pub fn password(entropy: &dyn Entropy) -> Plaintext {
    use base64::Engine as _;
    let mut bytes = Zeroizing::new([0_u8; PASSWORD_BYTES]);
    entropy.fill(bytes.as_mut_slice());
    let mut text = Zeroizing::new(vec![0_u8; PASSWORD_BYTES.div_ceil(3) * 4]);
    let length = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode_slice(bytes.as_slice(), &mut text).unwrap_or_default();
    text.truncate(length);
    Plaintext::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{System, Timestamp};

    #[test]
    fn a_line_is_one_line_without_space_around_it() {
        let faults = |text: &[u8]| Content::Line.faults(text);
        assert!(faults(b"hunter2").is_empty() && faults("pässwörd".as_bytes()).is_empty());
        assert_eq!(faults(b""), [ContentFault::Empty]);
        assert_eq!(faults(b" x"), [ContentFault::OuterSpace]);
        assert_eq!(faults(b"x\n"), [ContentFault::NotOneLine, ContentFault::OuterSpace]);
        assert_eq!(faults(b"a\nb"), [ContentFault::NotOneLine]);
        assert_eq!(faults(b"\xff"), [ContentFault::NotText]);
    }

    #[test]
    fn the_line_end_of_a_file_is_no_part_of_a_line() {
        for text in ["x", "x\n", "x\r\n"] {
            assert_eq!(Content::Line.of_file(text.as_bytes()).expose(), b"x");
        }
        assert_eq!(Content::Line.of_file(b"x\n\n").expose(), b"x\n");
        assert_eq!(Content::Identities.of_file(b"x\n").expose(), b"x\n");
    }

    #[test]
    fn identities_must_be_readable_for_flux_which_does_not_trim() {
        let text = Identities::generate().to_file_text(Timestamp::UNIX_EPOCH);
        assert!(Content::Identities.faults(&text).is_empty());
        let text = String::from_utf8(text.to_vec()).unwrap();
        assert_eq!(Content::Identities.faults(text.replace('\n', "\r\n").as_bytes()), [ContentFault::Untrimmed(3)]);
        let faults = Content::Identities.faults(b"AGE-SECRET-KEY-1HIDDEN\n");
        assert!(matches!(&faults[..], [ContentFault::Identities(told)] if told.starts_with("line 1: ")), "{faults:?}");
        assert!(!faults[0].to_string().contains("HIDDEN"));
        assert_eq!(Content::Identities.faults(b"# nothing\n").len(), 1);
    }

    #[test]
    fn store_keys_are_store_keys() {
        let keys = StoreKeys::generate(&System).to_file_text();
        assert!(Content::StoreKeys.faults(&keys).is_empty());
        assert_eq!(Content::StoreKeys.faults(b"x"), [ContentFault::StoreKeys]);
    }

    #[test]
    fn a_password_is_long_random_and_plain() {
        let [one, other] = [(); 2].map(|()| password(&System));
        assert_eq!(one.len(), 43);
        assert!(!one.same_as(&other));
        assert!(one.expose().iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)));
        assert!(Content::Line.faults(one.expose()).is_empty());
    }
}
