//! Kubernetes Secrets in SOPS files: one value, asked for by the name of its Secret.
//!
//! A MAC proves that values belong together, not that a file is the one that was meant: with keys in clear, a value can be moved to
//! another name. So the caller says which Secret it expects and which keys, and whatever differs is refused.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use zeroize::Zeroizing;

use super::file::OpenFile;
use super::tree::{Document, Item, Node, Text, Value};
use crate::secret::Plaintext;

mod reference;

pub use reference::{Reference, ReferenceError};

/// Which Secret is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretName<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// Which keys a Secret may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedKeys<'a> {
    /// These, all of them and no others.
    Exactly(&'a [&'a str]),
    /// All of these, and whatever else.
    AtLeast(&'a [&'a str]),
}

/// Why a value was not given out. Names keys, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretFault {
    /// No document is that Secret; what there is instead.
    #[error("the file holds no Secret {wanted}{}", instead(.found))]
    NoSuchSecret {
        /// Which one was asked for.
        wanted: String,
        /// The Secrets that are there.
        found: Vec<String>,
    },
    /// Two documents are.
    #[error("the file holds the Secret {0} more than once; which one is meant cannot be known")]
    Ambiguous(String),
    /// A key that should be there.
    #[error("the Secret {secret} has no key {key:?}")]
    NoSuchKey {
        /// Which Secret.
        secret: String,
        /// Which key.
        key: String,
    },
    /// A key that should not be there.
    #[error("the Secret {secret} has a key {key:?} that does not belong there; was something renamed or added?")]
    UnexpectedKey {
        /// Which Secret.
        secret: String,
        /// Which key.
        key: String,
    },
    /// Kubernetes would let one win.
    #[error("the key {key:?} of the Secret {secret} stands twice, in data and stringData or in one of them")]
    Twice {
        /// Which Secret.
        secret: String,
        /// Which key.
        key: String,
    },
    /// Not text.
    #[error("the key {key:?} of the Secret {secret} is not text; its type may have been changed")]
    NotText {
        /// Which Secret.
        secret: String,
        /// Which key.
        key: String,
    },
    /// In `data`.
    #[error("the key {key:?} of the Secret {secret} stands under data and is not base64")]
    NotBase64 {
        /// Which Secret.
        secret: String,
        /// Which key.
        key: String,
    },
    /// An empty value needs no key to be put there.
    #[error("the key {key:?} of the Secret {secret} is empty; anybody could have emptied it")]
    Empty {
        /// Which Secret.
        secret: String,
        /// Which key.
        key: String,
    },
}

fn instead(secrets: &[String]) -> String {
    match secrets {
        [] => "; it holds no Secret at all".to_owned(),
        some => format!("; it holds {}", some.join(", ")),
    }
}

impl fmt::Display for SecretName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace.escape_debug(), self.name.escape_debug())
    }
}

/// A Secret whose kind, name, namespace and keys are what was expected. Borrows from the file; holds no secret of its own.
pub struct Secret<'a> {
    shown: String,
    fields: Vec<Field<'a>>,
}

/// Where Kubernetes keeps the values of a Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Base64.
    Data,
    /// Text.
    StringData,
}

impl Section {
    /// As a manifest has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::StringData => "stringData",
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

struct Field<'a> {
    section: Section,
    key: &'a str,
    node: &'a Node,
}

impl<'a> Secret<'a> {
    /// The Secret of that name in a verified file.
    ///
    /// # Errors
    /// There is none, there are two, or its keys are not those expected.
    pub fn of(file: &'a OpenFile, name: SecretName<'_>, expected: ExpectedKeys<'_>) -> Result<Self, SecretFault> {
        let secrets = || file.tree().documents.iter().filter(|document| is_secret(document));
        let mut meant = secrets().filter(|document| {
            let is = |field: &str, wanted: &str| metadata(document, field) == Some(wanted.as_bytes());
            is("name", name.name) && is("namespace", name.namespace)
        });
        let document = meant.next().ok_or_else(|| SecretFault::NoSuchSecret {
            wanted: name.to_string(),
            found: secrets().map(shown).collect(),
        })?;
        if meant.next().is_some() {
            return Err(SecretFault::Ambiguous(name.to_string()));
        }
        let secret = Self::read(document)?;
        secret.expect(expected)?;
        Ok(secret)
    }

    /// The value of a key: the text of `stringData`, the decoded bytes of `data`. Never empty.
    ///
    /// # Errors
    /// The key is missing, or its value is empty, not text, not base64.
    pub fn value(&self, key: &str) -> Result<Plaintext, SecretFault> {
        let (secret, key) = (self.shown.clone(), key.to_owned());
        let Some(field) = self.fields.iter().find(|field| field.key == key) else {
            return Err(SecretFault::NoSuchKey { secret, key });
        };
        let Some(text) = text(field.node) else { return Err(SecretFault::NotText { secret, key }) };
        let value = match field.section {
            Section::StringData => text.clone(),
            Section::Data => match decode(text) {
                Some(value) => value,
                None => return Err(SecretFault::NotBase64 { secret, key }),
            },
        };
        if value.is_empty() { Err(SecretFault::Empty { secret, key }) } else { Ok(Plaintext::new(value)) }
    }

    /// Its keys, in the order of the file.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.fields.iter().map(|field| field.key)
    }

    fn read(document: &'a Document) -> Result<Self, SecretFault> {
        let shown = shown(document);
        let mut fields: Vec<Field<'a>> = Vec::new();
        let mut known = std::collections::HashSet::new();
        for section in [Section::Data, Section::StringData] {
            for map in values_of(&document.root, section.word()) {
                let Node::Map(items) = map else { continue };
                for (key, node) in entries(items) {
                    if !known.insert(key) {
                        return Err(SecretFault::Twice { secret: shown, key: key.to_owned() });
                    }
                    fields.push(Field { section, key, node });
                }
            }
        }
        Ok(Self { shown, fields })
    }

    fn expect(&self, expected: ExpectedKeys<'_>) -> Result<(), SecretFault> {
        let (wanted, exactly) = match expected {
            ExpectedKeys::Exactly(keys) => (keys, true),
            ExpectedKeys::AtLeast(keys) => (keys, false),
        };
        let secret = || self.shown.clone();
        if let Some(missing) = wanted.iter().find(|key| !self.keys().any(|has| has == **key)) {
            return Err(SecretFault::NoSuchKey { secret: secret(), key: (*missing).to_owned() });
        }
        match self.keys().find(|has| exactly && !wanted.contains(has)) {
            Some(odd) => Err(SecretFault::UnexpectedKey { secret: secret(), key: odd.to_owned() }),
            None => Ok(()),
        }
    }
}

/// One value of a Secret, with its Secret's name and keys checked.
///
/// # Errors
/// As [`Secret::of`] and [`Secret::value`].
pub fn secret_value(
    file: &OpenFile,
    name: SecretName<'_>,
    expected: ExpectedKeys<'_>,
    key: &str,
) -> Result<Plaintext, SecretFault> {
    Secret::of(file, name, expected)?.value(key)
}

fn is_secret(document: &Document) -> bool {
    let is = |field: &str, wanted: &[u8]| scalar(&document.root, field) == Some(wanted);
    is("kind", b"Secret") && is("apiVersion", b"v1")
}

/// Namespace and name of a Secret, for messages: both stand in the file in clear.
fn shown(document: &Document) -> String {
    let part = |field: &str| {
        let text = metadata(document, field).unwrap_or(b"(none)");
        String::from_utf8_lossy(text).escape_debug().to_string()
    };
    format!("{}/{}", part("namespace"), part("name"))
}

fn metadata<'a>(document: &'a Document, field: &str) -> Option<&'a [u8]> {
    let mut maps = values_of(&document.root, "metadata");
    let Some(Node::Map(items)) = maps.next() else { return None };
    scalar(items, field).filter(|_| maps.next().is_none())
}

/// The text of a field that stands once.
fn scalar<'a>(items: &'a [Item], field: &str) -> Option<&'a [u8]> {
    let mut all = values_of(items, field);
    let text = text(all.next()?)?;
    all.next().is_none().then_some(text.as_slice())
}

fn text(node: &Node) -> Option<&Text> {
    match node {
        Node::Leaf(leaf) => match &leaf.value {
            Value::Str(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn entries(items: &[Item]) -> impl Iterator<Item = (&str, &Node)> {
    items.iter().filter_map(|item| match item {
        Item::Entry(entry) => Some((entry.key.as_str(), &entry.node)),
        Item::Comment(_) => None,
    })
}

fn values_of<'a>(items: &'a [Item], field: &str) -> impl Iterator<Item = &'a Node> {
    entries(items).filter(move |(key, _)| *key == field).map(|(_, node)| node)
}

/// Go passes over line ends inside base64.
fn decode(text: &[u8]) -> Option<Text> {
    let joined: Text = Zeroizing::new(text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect());
    let mut decoded = Zeroizing::new(vec![0; joined.len() / 4 * 3 + 3]);
    let length = BASE64.decode_slice(&*joined, &mut decoded).ok()?;
    decoded.truncate(length);
    Some(decoded)
}

#[cfg(test)]
mod tests;
