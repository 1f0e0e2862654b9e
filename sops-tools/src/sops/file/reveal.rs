//! Decrypting every value of a tree, in one walk that also makes the MAC.

use super::error::{FileError, line_of};
use crate::sops::cipher::{Cipher, Fault, PREFIX, Sealed};
use crate::sops::mac::{Hasher, Mac, Scope};
use crate::sops::rules::Rule;
use crate::sops::tree::{Comment, Leaf, Tree, Value};
use crate::sops::value::Kind;
use crate::sops::walk::{Found, Place, fill, walk};

/// How a value or comment stood in the sealed file; in the order of the walk. `None` where it stood there in clear.
pub(super) type Spots = Vec<Option<Spot>>;

/// An encrypted value or comment.
pub(super) struct Spot {
    /// Its sealed form.
    pub(super) sealed: Sealed,
    /// The path that it was sealed with.
    pub(super) aad: Vec<u8>,
}

/// What a tree says.
pub(super) struct Revealed {
    spots: Spots,
    values: Vec<Option<Value>>,
    /// The hash of all its values.
    pub(super) mac: Mac,
}

/// A value that does not decrypt.
pub(super) struct ValueFault {
    path: String,
    at: usize,
    fault: Fault,
}

impl ValueFault {
    /// With the line where it stands.
    pub(super) fn in_source(self, source: &[u8]) -> FileError {
        FileError::Value { line: line_of(source, self.at), path: self.path, fault: self.fault }
    }
}

impl Revealed {
    /// Puts the decrypted values into the tree they were read from.
    pub(super) fn fill(self, tree: &mut Tree) -> (Spots, Mac) {
        let mut values = self.values.into_iter();
        fill(tree, || values.next().flatten());
        (self.spots, self.mac)
    }
}

/// Decrypts what falls under encryption. The tree stays as it is.
pub(super) fn reveal(tree: &Tree, rule: &Rule, scope: Scope, cipher: &Cipher) -> Result<Revealed, ValueFault> {
    let mut hasher = Hasher::new(scope);
    let (mut spots, mut values) = (Vec::new(), Vec::new());
    walk(tree, rule, |place| {
        let opened = match &place.found {
            Found::Leaf(leaf) => {
                let opened = if place.is_encrypted { open_leaf(leaf, place, cipher)? } else { None };
                hasher.add(opened.as_ref().map_or(&leaf.value, |(value, _)| value), place.is_encrypted);
                opened
            }
            Found::Comment(comment) => {
                let opened = if place.is_encrypted { open_comment(comment, place, cipher) } else { None };
                // sops counts what calls itself anything else than a comment.
                if let Some((value, _)) = &opened {
                    hasher.add(value, place.is_encrypted);
                }
                opened
            }
        };
        let (value, spot) = opened.unzip();
        values.push(value);
        spots.push(spot);
        Ok(())
    })?;
    Ok(Revealed { spots, values, mac: hasher.finish() })
}

/// `None` for what is never encrypted: the empty string, null.
fn open_leaf(leaf: &Leaf, place: &Place<'_, '_>, cipher: &Cipher) -> Result<Option<(Value, Spot)>, ValueFault> {
    let failed = |fault| ValueFault { path: place.path.display(), at: leaf.at.start, fault };
    let text = match &leaf.value {
        Value::Null => return Ok(None),
        Value::Str(text) if text.is_empty() => return Ok(None),
        Value::Str(text) => text,
        _ => return Err(failed(Fault::NotSealed)),
    };
    let sealed = Sealed::parse(text).map_err(failed)?;
    let aad = place.path.aad().to_vec();
    let value = cipher.open(&sealed, &aad).map_err(failed)?;
    Ok(Some((value, Spot { sealed, aad })))
}

/// `None` for a comment that is not encrypted, or that cannot be: it stays as it is, as in sops.
fn open_comment(comment: &Comment, place: &Place<'_, '_>, cipher: &Cipher) -> Option<(Value, Spot)> {
    if !comment.text.starts_with(PREFIX) {
        return None;
    }
    let sealed =
        Sealed::parse(&comment.text).ok().filter(|sealed| matches!(sealed.kind(), Kind::Comment | Kind::Str))?;
    place.candidates().into_iter().find_map(|aad| {
        let value = cipher.open(&sealed, &aad).ok()?;
        Some((value, Spot { sealed: sealed.clone(), aad }))
    })
}
