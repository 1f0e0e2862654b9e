//! The last steps of everything that is written: the block, the bytes, and the proof that they say what they should.

use super::SopsFile;
use super::error::FileError;
use super::print::{Scope, print};
use crate::clock::{Entropy, Timestamp};
use crate::sops::cipher::{Cipher, DataKey, Iv};
use crate::sops::formats::{self, Changes, Format, New};
use crate::sops::mac::{self, Mac};
use crate::sops::metadata::Metadata;
use crate::sops::tree::{Span, Tree};

/// A file to be written: bytes with changes, and its block.
pub(super) struct Draft<'a> {
    pub(super) format: Format,
    pub(super) source: &'a [u8],
    pub(super) tree: &'a Tree,
    pub(super) spellings: Vec<(Span, New)>,
    pub(super) metadata: &'a Metadata,
}

impl Draft<'_> {
    /// The bytes, read again and decrypted: `expected` is the print of what they must say.
    pub(super) fn write(self, key: &DataKey, expected: &[u8; 32], scope: &Scope) -> Result<Vec<u8>, FileError> {
        let block = self.metadata.to_node();
        let changes = Changes { spellings: self.spellings, block: Some(&block) };
        let bytes = formats::rewrite(self.format, self.source, self.tree, &changes)?.to_vec();
        check(self.format, &bytes, key, expected, scope)?;
        Ok(bytes)
    }
}

/// Reads a sealed file again and compares what it says.
fn check(format: Format, bytes: &[u8], key: &DataKey, expected: &[u8; 32], scope: &Scope) -> Result<(), FileError> {
    let wrong = |error: FileError| FileError::NotAsMeant(error.to_string());
    let key = DataKey::of(key.expose()).ok_or_else(|| FileError::NotAsMeant("no data key".to_owned()))?;
    let unlocked = SopsFile::parse(format, bytes).map_err(wrong)?.unlock_with(key).map_err(wrong)?;
    let file = unlocked.verified().map_err(wrong)?;
    if print(file.tree(), scope) == *expected {
        return Ok(());
    }
    Err(FileError::NotAsMeant("its values or comments differ from those that went in".to_owned()))
}

impl Metadata {
    /// Seals the MAC and says when.
    pub(super) fn stamp(&mut self, mac: &Mac, cipher: &Cipher, now: Timestamp, entropy: &dyn Entropy) {
        let time = Timestamp::from_second(now.as_second()).unwrap_or(now).to_string();
        let aad = mac::aad(&time).unwrap_or_default();
        self.mac = cipher.seal(&mac.to_value(), &aad, Iv::generate(entropy)).map(|sealed| sealed.to_text());
        self.last_modified = Some(time);
    }
}

/// Reads a plain file, which has no block.
pub(super) fn plain_tree(format: Format, plain: &[u8]) -> Result<Tree, FileError> {
    let tree = formats::parse(format, plain).map_err(|malformed| match malformed.fault {
        formats::Fault::Block => FileError::AlreadyEncrypted,
        _ => FileError::MalformedPlain(malformed),
    })?;
    if tree.documents.iter().any(|document| document.block.is_some()) {
        return Err(FileError::AlreadyEncrypted);
    }
    // The other formats have an empty file; a YAML document that says nothing is none.
    let says_nothing = plain.iter().all(|byte| byte.is_ascii_whitespace() || *byte == b'-');
    if tree.documents.is_empty() || (format == Format::Yaml && says_nothing) {
        return Err(FileError::Empty);
    }
    Ok(tree)
}
