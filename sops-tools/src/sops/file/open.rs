//! A file that can be read.

use std::convert::Infallible;

use super::SopsFile;
use super::conceal::{Reuse, Sealing};
use super::error::{FileError, line_of};
use super::print::{Scope, is_comment, print};
use super::reveal::Spots;
use super::write::{Draft, plain_tree};
use crate::clock::{Entropy, Timestamp};
use crate::secret::wiping_stack;
use crate::sops::cipher::{Cipher, DataKey};
use crate::sops::formats::{self, Changes, Format, New};
use crate::sops::mac::Mac;
use crate::sops::metadata::Metadata;
use crate::sops::rules::Rule;
use crate::sops::tree::{Text, Tree, Value};
use crate::sops::value::copy;
use crate::sops::walk::{Found, walk};

/// A file whose values are decrypted: verified, or accepted by a person in spite of its MAC. Holds secrets.
pub struct OpenFile {
    /// The file; its tree holds the decrypted values with the places of the sealed ones.
    pub(super) file: SopsFile,
    pub(super) key: DataKey,
    pub(super) spots: Spots,
    /// The MAC of the values as they are.
    pub(super) mac: Mac,
}

impl OpenFile {
    /// Its format.
    pub fn format(&self) -> Format {
        self.file.format
    }

    /// The block.
    pub fn metadata(&self) -> &Metadata {
        &self.file.metadata
    }

    /// Which values are encrypted.
    pub fn rule(&self) -> &Rule {
        &self.file.rule
    }

    /// The decrypted values, without the block.
    pub fn tree(&self) -> &Tree {
        &self.file.tree
    }

    /// The sealed bytes, as they were read.
    pub fn source(&self) -> &[u8] {
        &self.file.source
    }

    /// The decrypted file: the sealed one with values and comments in clear and without its block, all other bytes as they were.
    ///
    /// # Errors
    /// When a value cannot be spelled in the format.
    pub fn to_plain(&self) -> Result<Text, FileError> {
        wiping_stack(|| {
            let mut spellings = Vec::new();
            let done: Result<(), Infallible> = walk(self.tree(), self.rule(), |place| {
                if matches!(self.spots.get(place.index), Some(Some(_))) {
                    spellings.push(match &place.found {
                        Found::Leaf(leaf) => (leaf.at.clone(), New::Value(copy(&leaf.value))),
                        Found::Comment(comment) => {
                            (comment.at.clone(), New::Value(Value::Comment(comment.text.clone())))
                        }
                    });
                }
                Ok(())
            });
            let Ok(()) = done;
            let changes = Changes { spellings, block: None };
            Ok(formats::rewrite(self.format(), &self.file.source, self.tree(), &changes)?)
        })
    }

    /// The decrypted file in another format, laid out as sops would.
    ///
    /// # Errors
    /// When that format cannot say it.
    pub fn to_plain_as(&self, format: Format) -> Result<Text, FileError> {
        if format == self.format() {
            return self.to_plain();
        }
        wiping_stack(|| Ok(formats::emit(format, self.tree(), None)?))
    }

    /// Seals an edited plain file with the same data key, rule and recipients. Values that did not change keep their sealed form.
    ///
    /// # Errors
    /// The edited file is not of the format or cannot be sealed.
    pub fn reseal(&self, plain: &[u8], now: Timestamp, entropy: &dyn Entropy) -> Result<Vec<u8>, FileError> {
        wiping_stack(|| {
            let tree = plain_tree(self.format(), plain)?;
            let cipher = Cipher::new(&self.key);
            let reuse = Reuse::of(self.tree(), self.rule(), &self.spots);
            let scope = self.metadata().mac_scope;
            let sealing = Sealing { rule: self.rule(), scope, cipher: &cipher, reuse: &reuse, entropy };
            let (spellings, mac) = sealing.conceal(plain, &tree)?;
            let mut metadata = self.metadata().copy();
            metadata.stamp(&mac, &cipher, now, entropy);
            let draft = Draft { format: self.format(), source: plain, tree: &tree, spellings, metadata: &metadata };
            draft.write(&self.key, &print(&tree, &Scope::Everything), &Scope::Everything)
        })
    }

    /// A comment may stand in a list, where sops writes comments as elements; not under a key.
    pub(super) fn without_misplaced_comments(self) -> Result<Self, FileError> {
        let source = &self.file.source;
        walk(self.tree(), self.rule(), |place| match &place.found {
            Found::Leaf(leaf) if is_comment(&leaf.value) && !place.in_list => {
                Err(FileError::MisplacedComment { line: line_of(source, leaf.at.start), path: place.path.display() })
            }
            _ => Ok(()),
        })?;
        Ok(self)
    }
}
