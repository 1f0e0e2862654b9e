//! Who can open a file: new recipients, new data keys.

use subtle::ConstantTimeEq as _;

use super::conceal::at_of;
use super::error::FileError;
use super::open::OpenFile;
use super::print::{Scope, print};
use super::same_groups;
use super::write::Draft;
use crate::clock::{Entropy, Timestamp};
use crate::secret::wiping_stack;
use crate::sops::cipher::{Cipher, DataKey, Iv};
use crate::sops::data_key::{self, Keyring, recipient_of, seal_to};
use crate::sops::formats::New;
use crate::sops::metadata::{Group, KeyId, Metadata, SealedKey};
use crate::sops::tree::{Span, Value};
use crate::sops::value::copy;
use crate::sops::walk::{Found, walk};

/// Who shall be able to open a file. Comes from a rule or from flags, never from the file alone: anybody can add a recipient there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// One group, or several of which as many as the threshold must agree.
    pub groups: Vec<Vec<KeyId>>,
    /// How many groups are needed; `None` is all. Means nothing with one group.
    pub threshold: Option<usize>,
}

/// Who keeps a person from locking themselves out.
pub struct Guard<'a> {
    /// The result must open with these,
    pub keyring: &'a dyn Keyring,
    /// or be sealed to one of these, of which a person said that they hold it elsewhere.
    pub recovery: &'a [KeyId],
}

/// What an update of the recipients came to.
pub enum Update {
    /// They are right already: not a byte changes.
    Unchanged,
    /// Keys were added and nobody was removed: the data key and all values stay.
    Added(Vec<u8>),
    /// Somebody was removed: the data key is new and everything is sealed anew. Who was removed still knows the values as they were.
    NewDataKey(Vec<u8>),
}

impl OpenFile {
    /// Brings the keys of the file to those wanted. A new data key where somebody is removed, groups change, or the threshold does;
    /// else it stays.
    ///
    /// # Errors
    /// Keys that cannot be sealed to, or a result that nobody at hand could open.
    pub fn updatekeys(
        &self,
        wanted: &Keys,
        guard: &Guard<'_>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Update, FileError> {
        if self.has_keys(wanted) {
            return Ok(Update::Unchanged);
        }
        if self.only_adds(wanted) {
            return self.with_more_keys(wanted, guard, entropy).map(Update::Added);
        }
        self.rotate(wanted, guard, now, entropy).map(Update::NewDataKey)
    }

    /// Gives the file a new data key, sealed to `wanted`, and seals every value anew.
    ///
    /// # Errors
    /// As for [`updatekeys`](Self::updatekeys).
    pub fn rotate(
        &self,
        wanted: &Keys,
        guard: &Guard<'_>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, FileError> {
        wiping_stack(|| {
            let key = DataKey::generate(entropy);
            let cipher = Cipher::new(&key);
            let mut metadata = self.metadata().copy();
            metadata.groups = data_key::seal(&key, &wanted.groups, wanted.threshold, entropy)?;
            metadata.threshold = wanted.threshold;
            guard.check(&metadata, &key)?;
            metadata.stamp(&self.mac, &cipher, now, entropy);
            self.finish(self.sealed_anew(&cipher, entropy), &metadata, &key)
        })
    }

    /// Whether the file has these keys and no others, in these groups.
    pub fn has_keys(&self, wanted: &Keys) -> bool {
        let threshold_fits =
            wanted.groups.len() < 2 || self.metadata().threshold_for(wanted.groups.len()) == wanted.needed();
        threshold_fits && same_groups(&self.metadata().key_ids(), &wanted.groups)
    }

    fn only_adds(&self, wanted: &Keys) -> bool {
        let has = self.metadata().key_ids();
        let fits = has.len() == wanted.groups.len()
            && (has.len() < 2 || self.metadata().threshold_for(has.len()) == wanted.needed());
        fits && has.iter().zip(&wanted.groups).all(|(old, new)| old.iter().all(|key| new.contains(key)))
    }

    fn with_more_keys(&self, wanted: &Keys, guard: &Guard<'_>, entropy: &dyn Entropy) -> Result<Vec<u8>, FileError> {
        wiping_stack(|| {
            let mut metadata = self.metadata().copy();
            metadata.groups = match (self.metadata().groups.as_slice(), wanted.groups.as_slice()) {
                ([has], [wanted]) => vec![self.more_in_group(has, wanted)?],
                // The part of a group is not known to who opened other groups: all are dealt anew.
                _ => data_key::seal(&self.key, &wanted.groups, wanted.threshold, entropy)?,
            };
            metadata.threshold = wanted.threshold;
            guard.check(&metadata, &self.key)?;
            self.finish(Vec::new(), &metadata, &self.key)
        })
    }

    /// The keys that are there stay as they are, of whatever kind.
    fn more_in_group(&self, has: &Group, wanted: &[KeyId]) -> Result<Group, FileError> {
        let mut keys: Vec<SealedKey> = has.keys.iter().map(SealedKey::copy).collect();
        for id in wanted {
            if !keys.iter().any(|key| key.id == *id) {
                keys.push(seal_to(&recipient_of(id)?, self.key.expose())?);
            }
        }
        Ok(Group { keys })
    }

    /// Every encrypted value and comment, sealed with another key under the path it had.
    fn sealed_anew(&self, cipher: &Cipher, entropy: &dyn Entropy) -> Vec<(Span, New)> {
        let mut spellings = Vec::new();
        let done: Result<(), std::convert::Infallible> = walk(self.tree(), self.rule(), |place| {
            if let Some(Some(spot)) = self.spots.get(place.index) {
                let value = match &place.found {
                    Found::Leaf(leaf) => copy(&leaf.value),
                    Found::Comment(comment) => Value::Comment(comment.text.clone()),
                };
                if let Some(sealed) = cipher.seal(&value, &spot.aad, Iv::generate(entropy)) {
                    spellings.push((at_of(place), New::Cipher(sealed.to_text())));
                }
            }
            Ok(())
        });
        let Ok(()) = done;
        spellings
    }

    fn finish(&self, spellings: Vec<(Span, New)>, metadata: &Metadata, key: &DataKey) -> Result<Vec<u8>, FileError> {
        let (format, source, tree) = (self.format(), self.source(), self.tree());
        let draft = Draft { format, source, tree, spellings, metadata };
        draft.write(key, &print(tree, &Scope::Everything), &Scope::Everything)
    }
}

impl Keys {
    /// How many groups are needed.
    fn needed(&self) -> usize {
        self.threshold.unwrap_or(self.groups.len())
    }
}

impl Guard<'_> {
    fn check(&self, metadata: &Metadata, key: &DataKey) -> Result<(), FileError> {
        let named = |group: &Group| group.keys.iter().any(|key| self.recovery.contains(&key.id));
        let with_recovery = metadata.groups.iter().filter(|group| named(group)).count();
        let needed = if metadata.groups.len() < 2 { 1 } else { metadata.threshold_for(metadata.groups.len()) };
        if with_recovery >= needed {
            return Ok(());
        }
        let opened = data_key::recover(metadata, self.keyring);
        let same = opened.is_ok_and(|opened| opened.expose().as_slice().ct_eq(key.expose()).into());
        if same { Ok(()) } else { Err(FileError::LockedOut) }
    }
}
