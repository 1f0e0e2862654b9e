//! Encrypting every value of a plain tree, in one walk that also makes the MAC.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::error::{FileError, line_of};
use super::reveal::Spots;
use crate::clock::Entropy;
use crate::sops::cipher::{Cipher, Iv};
use crate::sops::formats::New;
use crate::sops::mac::{Hasher, Mac, Scope};
use crate::sops::rules::Rule;
use crate::sops::tree::{Span, Tree, Value};
use crate::sops::value::{Kind, copy, spelling};
use crate::sops::walk::{Found, Place, walk};

/// The sealed form of what was sealed before with the same data key: the same value under the same path keeps it, so that files
/// change only where values do.
#[derive(Default)]
pub(super) struct Reuse(HashMap<[u8; 32], String>);

impl Reuse {
    /// Of a decrypted tree and how its values stood in the file.
    pub(super) fn of(tree: &Tree, rule: &Rule, spots: &Spots) -> Self {
        let mut known = HashMap::new();
        let done: Result<(), std::convert::Infallible> = walk(tree, rule, |place| {
            if let Some(Some(spot)) = spots.get(place.index) {
                let value = value_of(place);
                known.entry(digest(&value, &spot.aad)).or_insert_with(|| spot.sealed.to_text());
            }
            Ok(())
        });
        let Ok(()) = done;
        Self(known)
    }

    fn find(&self, value: &Value, aad: &[u8]) -> Option<&String> {
        self.0.get(&digest(value, aad))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn digest(value: &Value, aad: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(Kind::of(value).map_or("", Kind::name));
    hash.update([0]);
    hash.update(aad.len().to_le_bytes());
    hash.update(aad);
    hash.update(spelling(value).as_slice());
    hash.finalize().into()
}

/// What stands at a place, a comment as a value.
pub(super) fn value_of(place: &Place<'_, '_>) -> Value {
    match &place.found {
        Found::Leaf(leaf) => copy(&leaf.value),
        Found::Comment(comment) => Value::Comment(comment.text.clone()),
    }
}

/// How values are sealed.
pub(super) struct Sealing<'a> {
    pub(super) rule: &'a Rule,
    pub(super) scope: Scope,
    pub(super) cipher: &'a Cipher,
    pub(super) reuse: &'a Reuse,
    pub(super) entropy: &'a dyn Entropy,
}

impl Sealing<'_> {
    /// The spellings that seal what falls under encryption in a plain tree, and the MAC of all its values.
    pub(super) fn conceal(&self, source: &[u8], tree: &Tree) -> Result<(Vec<(Span, New)>, Mac), FileError> {
        let mut hasher = Hasher::new(self.scope);
        let mut spellings = Vec::new();
        walk(tree, self.rule, |place| {
            let (value, at) = (value_of(place), at_of(place));
            if matches!(place.found, Found::Leaf(_)) {
                hasher.add(&value, place.is_encrypted);
            }
            if place.is_encrypted
                && let Some(text) = self.seal(&value, place)
            {
                if matches!(place.found, Found::Comment(_)) && self.rule.is_confused_by(text.as_bytes()) {
                    return Err(FileError::ConfusingComment { line: line_of(source, at.start) });
                }
                spellings.push((at, New::Cipher(text)));
            }
            Ok(())
        })?;
        Ok((spellings, hasher.finish()))
    }

    /// The sealed text; `None` for what is never encrypted.
    pub(super) fn seal(&self, value: &Value, place: &Place<'_, '_>) -> Option<String> {
        let own = place.aad();
        let known = match &place.found {
            _ if self.reuse.is_empty() => None,
            Found::Leaf(_) => self.reuse.find(value, &own),
            // sops may have sealed it as part of a neighbour.
            Found::Comment(_) => place.candidates().iter().find_map(|aad| self.reuse.find(value, aad)),
        };
        known.cloned().or_else(|| {
            let sealed = self.cipher.seal(value, &own, Iv::generate(self.entropy))?;
            Some(sealed.to_text())
        })
    }
}

pub(super) fn at_of(place: &Place<'_, '_>) -> Span {
    match &place.found {
        Found::Leaf(leaf) => leaf.at.clone(),
        Found::Comment(comment) => comment.at.clone(),
    }
}
