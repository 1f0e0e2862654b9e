//! One value of a file, changed without touching the others.

use super::conceal::{Reuse, Sealing, at_of};
use super::error::FileError;
use super::open::OpenFile;
use super::path::{At, PathFault};
use super::print::{Scope, print_with};
use super::write::Draft;
use crate::clock::{Entropy, Timestamp};
use crate::secret::wiping_stack;
use crate::sops::cipher::Cipher;
use crate::sops::formats::New;
use crate::sops::mac::Hasher;
use crate::sops::metadata::same_nodes as alike;
use crate::sops::tree::{Node, Span, Value};
use crate::sops::value::copy;
use crate::sops::walk::{Found, walk};

/// What a change came to.
pub enum Change {
    /// The file says so already: not a byte changes.
    Unchanged,
    /// The new file.
    Written(Vec<u8>),
}

impl OpenFile {
    /// Gives a place another value: a scalar, a map or a list. Missing maps on the way are made; the index after the last of
    /// a list adds an element.
    ///
    /// # Errors
    /// A path that does not fit the file, or a value that cannot be written.
    pub fn set(&self, at: &At, value: &Node, now: Timestamp, entropy: &dyn Entropy) -> Result<Change, FileError> {
        wiping_stack(|| {
            let target = at.find(self.tree())?;
            let is_there = target.depth == at.steps.len();
            match (target.node, value) {
                (Some(node), value) if is_there && alike(node, value) => Ok(Change::Unchanged),
                (Some(Node::Leaf(old)), Node::Leaf(new)) if is_there && old.alias.is_none() => {
                    self.replace(target.places.start, &new.value, now, entropy).map(Change::Written)
                }
                _ => self.restructure(at, &target, Some(value), now, entropy).map(Change::Written),
            }
        })
    }

    /// Removes what is at a place, with its key.
    ///
    /// # Errors
    /// There is nothing, or the path does not fit the file.
    pub fn unset(&self, at: &At, now: Timestamp, entropy: &dyn Entropy) -> Result<Vec<u8>, FileError> {
        wiping_stack(|| {
            let target = at.find(self.tree())?;
            if target.depth < at.steps.len() {
                return Err(PathFault::Absent(at.told(target.depth + 1)).into());
            }
            self.restructure(at, &target, None, now, entropy)
        })
    }

    /// Replaces the scalar at a place by another.
    fn replace(
        &self,
        index: usize,
        value: &Value,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, FileError> {
        let cipher = Cipher::new(&self.key);
        let reuse = Reuse::of(self.tree(), self.rule(), &self.spots);
        let scope = self.metadata().mac_scope;
        let sealing = Sealing { rule: self.rule(), scope, cipher: &cipher, reuse: &reuse, entropy };
        let mut hasher = Hasher::new(scope);
        let mut spelling: Option<(Span, New)> = None;
        walk(self.tree(), self.rule(), |place| {
            let Found::Leaf(leaf) = &place.found else { return Ok::<(), FileError>(()) };
            if place.index != index {
                hasher.add(&leaf.value, place.is_encrypted);
                return Ok(());
            }
            hasher.add(value, place.is_encrypted);
            let sealed = if place.is_encrypted { sealing.seal(value, place) } else { None };
            spelling = Some((at_of(place), sealed.map_or_else(|| New::Value(copy(value)), New::Cipher)));
            Ok(())
        })?;
        let mut metadata = self.metadata().copy();
        metadata.stamp(&hasher.finish(), &cipher, now, entropy);
        let (format, source, tree) = (self.format(), self.source(), self.tree());
        let draft = Draft { format, source, tree, spellings: spelling.into_iter().collect(), metadata: &metadata };
        let expected = print_with(tree, &Scope::Everything, Some((index, value)));
        draft.write(&self.key, &expected, &Scope::Everything)
    }
}
