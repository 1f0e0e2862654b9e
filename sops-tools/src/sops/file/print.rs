//! What a decrypted tree says, as one number: for telling whether a written file says what it should.

use std::convert::Infallible;
use std::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::sops::rules::Rule;
use crate::sops::tree::{Tree, Value};
use crate::sops::value::{Kind, spelling};
use crate::sops::walk::{Found, walk};

/// Which places count.
pub(super) enum Scope {
    /// Values and comments.
    Everything,
    /// Values, but for those whose places are in the range; comments come and go with keys.
    ValuesBut(Range<usize>),
}

/// A digest of documents, paths, types and values, in their order. It is of secrets and goes nowhere.
pub(super) fn print(tree: &Tree, scope: &Scope) -> [u8; 32] {
    let mut hash = Sha256::new();
    let done: Result<(), Infallible> = walk(tree, &Rule::everything(), |place| {
        let (kind, text) = match &place.found {
            Found::Leaf(leaf) => (Kind::of(&leaf.value), spelling(&leaf.value)),
            Found::Comment(comment) => (Some(Kind::Comment), comment.text.clone()),
        };
        let counts = match scope {
            Scope::Everything => true,
            Scope::ValuesBut(range) => kind != Some(Kind::Comment) && !range.contains(&place.index),
        };
        if counts {
            for part in [kind.map_or("", Kind::name).as_bytes(), place.path.aad(), text.as_slice()] {
                hash.update(part.len().to_le_bytes());
                hash.update(part);
            }
            hash.update(place.document.to_le_bytes());
        }
        Ok(())
    });
    let Ok(()) = done;
    hash.finalize().into()
}

/// Whether a value is a comment.
pub(super) fn is_comment(value: &Value) -> bool {
    matches!(value, Value::Comment(_))
}
