//! What a decrypted tree says, as one number: for telling whether a written file says what it should.

use std::convert::Infallible;

use sha2::{Digest as _, Sha256};

use crate::sops::rules::Rule;
use crate::sops::tree::{Tree, Value};
use crate::sops::value::{Kind, spelling};
use crate::sops::walk::{Found, walk};

/// Which places count.
pub(super) enum Scope {
    /// Values and comments.
    Everything,
    /// Values alone; comments may come and go with keys.
    Values,
}

/// A digest of documents, paths, types and values, in their order. It is of secrets and goes nowhere.
pub(super) fn print(tree: &Tree, scope: &Scope) -> [u8; 32] {
    print_with(tree, scope, None)
}

/// The same, with another value at one place.
pub(super) fn print_with(tree: &Tree, scope: &Scope, other: Option<(usize, &Value)>) -> [u8; 32] {
    let mut hash = Sha256::new();
    let done: Result<(), Infallible> = walk(tree, &Rule::everything(), |place| {
        let (kind, text) = match &place.found {
            Found::Leaf(leaf) => {
                let value = other.filter(|(index, _)| *index == place.index).map_or(&leaf.value, |(_, value)| value);
                (Kind::of(value), spelling(value))
            }
            Found::Comment(comment) => (Some(Kind::Comment), comment.text.clone()),
        };
        let counts = match scope {
            Scope::Everything => true,
            Scope::Values => kind != Some(Kind::Comment),
        };
        if counts {
            for part in [kind.map_or("", name).as_bytes(), place.path.aad(), text.as_slice()] {
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

/// A whole number and a float that says the same are spelled alike in JSON, and in the MAC.
fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Int | Kind::Float => "number",
        other => other.name(),
    }
}

/// Whether a value is a comment.
pub(super) fn is_comment(value: &Value) -> bool {
    matches!(value, Value::Comment(_))
}
