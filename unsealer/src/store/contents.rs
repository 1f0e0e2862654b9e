//! What was seen in one place (the store, or the local cache) for one Vault.

use std::sync::Arc;

use restore::objects::Part;

use super::envelope::EnvelopeFault;

/// Objects of one Vault, as one listing and its reads saw them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// In no particular order. A cache may hold two contents for one path. Of foreign names the first few.
    pub objects: Vec<Object>,
    /// How many names that are none of the layout were counted.
    pub foreign: u64,
    /// Prefixes that were not listed to their end, each with the reason: more may stand there.
    pub cut: Vec<(String, String)>,
    /// Custodians' own stores that were asked too, with the fault of each that did not answer.
    pub parts: Vec<Part>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Path from `vaults/` on, as the listing gave it: anybody may have chosen it.
    pub path: String,
    /// Size in bytes, as listed.
    pub size: u64,
    /// The store's own mark for this content, where it has one: the same mark and size are not read again.
    pub tag: Option<String>,
    /// What was read.
    pub body: Body,
}

/// What is known of an object's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// All of it.
    Bytes(Arc<Vec<u8>>),
    /// Read, not authentic, and dropped: an attacker must not fill our memory.
    NotAuthentic(EnvelopeFault),
    /// Larger than any object of its kind; never read.
    TooLarge,
    /// Not read, because nothing authentic names it.
    Skipped,
    /// It stands there and could not be read, with the reason. Says nothing about what it holds.
    Unread(String),
}

impl Contents {
    /// Paths that stand there and could not be read, and prefixes not listed to their end: nothing is known of what they say.
    pub fn unread(&self) -> impl Iterator<Item = (&str, &str)> {
        let cut = self.cut.iter().map(|(prefix, reason)| (prefix.as_str(), reason.as_str()));
        cut.chain(self.objects.iter().filter_map(|object| match &object.body {
            Body::Unread(reason) => Some((object.path.as_str(), reason.as_str())),
            _ => None,
        }))
    }
}

impl Object {
    /// A whole object.
    pub fn whole(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self { path: path.into(), size: bytes.len() as u64, tag: None, body: Body::Bytes(Arc::new(bytes)) }
    }

    /// The bytes, where they were read.
    pub fn bytes(&self) -> Option<&Arc<Vec<u8>>> {
        match &self.body {
            Body::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}
