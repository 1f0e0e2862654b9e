//! Reading what stands in the store for one Vault, within limits.
//!
//! An error means that the store could not be asked; it never means that nothing is there. One object that cannot be read
//! does not spoil the rest: it is [`Body::Unread`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use restore::objects::{Entry, ErrorKind, ObjectError, ObjectPath, ReadObjects};
use sops_tools::custody::{SEALED_LIMIT, StoreKeys};
use tokio::time::Instant;

use super::contents::{Body, Contents, Object};
use super::envelope::{self, JSON_LIMIT};
use super::listing;
use super::names::{CustodianName, Name, VaultName};
use super::reading::Reading;
use super::records::Record;
use super::view::{Generation, NOT_AUTHENTIC_LIMIT};

/// Reads under way at once.
const PARALLEL: usize = 8;
/// Objects that are not being read by then are told as unread; what was read is remembered, so the next reading gets further.
const READING: Duration = Duration::from_secs(30);
/// Most bundles read of one generation that nothing authentic names.
const STRANGERS_PER_GENERATION: usize = 4;

/// Lists and reads everything under `vault` but raft snapshots, as far as the limits allow: [`Contents::unread`] tells what
/// lies beyond.
///
/// `previous` is what this function gave before, under the same keys: objects whose path, tag and size are the same are not
/// read again. `cache` tells which bundles are worth reading where the store lost its manifests.
///
/// # Errors
/// When the listing fails.
pub async fn load(
    store: &dyn ReadObjects,
    vault: &VaultName,
    keys: &StoreKeys,
    cache: &Contents,
    previous: Option<&Contents>,
) -> Result<Contents, ObjectError> {
    let listed = listing::all(store, vault).await?;
    let reader = Reader { store, vault, keys, known: known(previous), until: Instant::now() + READING };
    // What opens goes first: with a flood of anything else the time for reading may not suffice for all.
    let (records, others): (Vec<Entry>, Vec<Entry>) =
        listed.entries.into_iter().partition(|entry| rank(entry, vault).is_some());
    let (needed, later): (Vec<Entry>, Vec<Entry>) =
        records.into_iter().partition(|entry| rank(entry, vault) < Some(Rank::Other));
    let objects = reader.records(needed).await;
    let mut contents = Contents { objects, foreign: listed.foreign, cut: listed.cut, parts: listed.parts };
    let wanted = wanted(&Reading::of(vault, &contents, cache, keys), vault, &others);
    let (wanted, skipped): (Vec<Entry>, Vec<Entry>) =
        others.into_iter().partition(|entry| wanted.contains(&entry.path));
    contents.objects.extend(reader.all(wanted, SEALED_LIMIT as u64).await);
    contents.objects.extend(reader.records(later).await);
    let unread = skipped.into_iter().chain(listed.foreign_examples);
    contents.objects.extend(unread.map(|entry| object(entry, Body::Skipped)));
    let carried = previous.map_or_else(Vec::new, |previous| carried(previous, &contents));
    contents.objects.extend(carried);
    Ok(contents)
}

/// What was read before and may stand where nothing was seen this time: a host without a cache must not forget a bundle because a
/// custodian's store missed one question, nor a hold because strangers flooded the listing.
fn carried(previous: &Contents, now: &Contents) -> Vec<Object> {
    let silent = now.parts.iter().any(|part| part.fault.is_some());
    let unseen = |object: &Object| {
        let cut = now.cut.iter().any(|(prefix, _)| object.path.starts_with(prefix.as_str()));
        // Records stand in every store; a bundle in one alone.
        cut || silent && matches!(Name::parse(&object.path), Ok((_, Name::Bundle { .. })))
    };
    let listed: BTreeSet<&str> = now.objects.iter().map(|object| object.path.as_str()).collect();
    let known = previous.objects.iter().filter(|object| matches!(object.body, Body::Bytes(_)));
    known.filter(|object| !listed.contains(object.path.as_str()) && unseen(object)).cloned().collect()
}

/// Lists and reads the holds and releases alone: the daemon's short poll.
///
/// # Errors
/// As [`load`].
pub async fn load_holds(
    store: &dyn ReadObjects,
    vault: &VaultName,
    keys: &StoreKeys,
    previous: Option<&Contents>,
) -> Result<Contents, ObjectError> {
    let listed = listing::one(store, &holds_prefix(vault)).await?;
    let reader = Reader { store, vault, keys, known: known(previous), until: Instant::now() + READING };
    let mut objects = reader.records(listed.entries).await;
    objects.extend(listed.foreign_examples.into_iter().map(|entry| object(entry, Body::Skipped)));
    Ok(Contents { objects, foreign: listed.foreign, cut: listed.cut, parts: listed.parts })
}

impl Contents {
    /// Puts what [`load_holds`] gave in the place of the holds of an earlier [`load`]. Foreign names are counted by the whole
    /// reading alone.
    pub fn replace_holds(&mut self, vault: &VaultName, holds: Contents) {
        let prefix = holds_prefix(vault);
        self.objects.retain(|object| !object.path.starts_with(&prefix));
        self.objects.extend(holds.objects);
        self.cut.retain(|(cut, _)| *cut != prefix);
        self.cut.extend(holds.cut);
    }
}

fn holds_prefix(vault: &VaultName) -> String {
    format!("{}holds/", vault.prefix())
}

fn named(entry: &Entry, vault: &VaultName) -> Option<Name> {
    Name::parse(&entry.path).ok().filter(|(owner, _)| owner == vault).map(|(_, name)| name)
}

fn object(entry: Entry, body: Body) -> Object {
    Object { path: entry.path, size: entry.size, tag: entry.tag, body }
}

fn known(previous: Option<&Contents>) -> BTreeMap<&str, &Object> {
    previous.map_or_else(BTreeMap::new, |previous| {
        previous.objects.iter().map(|object| (object.path.as_str(), object)).collect()
    })
}

/// In which order records are read. Snapshots' own are never read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Manifests say what opens.
    Manifest,
    /// Marks say what is tried first.
    Mark,
    Other,
}

fn rank(entry: &Entry, vault: &VaultName) -> Option<Rank> {
    match named(entry, vault)? {
        name if name.is_snapshot() || !name.is_record() => None,
        Name::Manifest { .. } => Some(Rank::Manifest),
        name if name.generation().is_some() => Some(Rank::Mark),
        _ => Some(Rank::Other),
    }
}

struct Reader<'a> {
    store: &'a dyn ReadObjects,
    vault: &'a VaultName,
    keys: &'a StoreKeys,
    known: BTreeMap<&'a str, &'a Object>,
    until: Instant,
}

impl Reader<'_> {
    /// JSON objects; of what is not authentic only the reason is kept.
    async fn records(&self, mut entries: Vec<Entry>) -> Vec<Object> {
        entries.sort_by_key(|entry| rank(entry, self.vault));
        let mut objects = self.all(entries, JSON_LIMIT as u64).await;
        for object in &mut objects {
            let Body::Bytes(bytes) = &object.body else { continue };
            let Ok((_, name)) = Name::parse(&object.path) else { continue };
            if let Err(fault) = envelope::open(self.vault, &name, bytes, self.keys) {
                object.body = Body::NotAuthentic(fault);
            }
        }
        objects
    }

    async fn all(&self, entries: Vec<Entry>, limit: u64) -> Vec<Object> {
        let mut objects = Vec::with_capacity(entries.len());
        let mut unread = Vec::new();
        for entry in entries {
            match self.known.get(entry.path.as_str()).filter(|object| unchanged(object, &entry)) {
                Some(object) => objects.push((*object).clone()),
                None if entry.size > limit => objects.push(object(entry, Body::TooLarge)),
                None => unread.push(entry),
            }
        }
        // Built beforehand: a closure over borrowed entries inside the stream is not general enough for Send futures.
        let reads: Vec<_> = unread.into_iter().map(|entry| read(self.store, entry, limit, self.until)).collect();
        let read: Vec<Object> = futures::stream::iter(reads).buffer_unordered(PARALLEL).collect().await;
        objects.extend(read);
        objects
    }
}

fn unchanged(object: &Object, entry: &Entry) -> bool {
    let settled = matches!(object.body, Body::Bytes(_) | Body::NotAuthentic(_));
    settled && object.tag.is_some() && object.tag == entry.tag && object.size == entry.size
}

/// Objects never go away by our doing, so one that is listed and not given is unread, not absent.
async fn read(store: &dyn ReadObjects, entry: Entry, limit: u64, until: Instant) -> Object {
    let Ok(path) = ObjectPath::new(entry.path.as_str()) else { return object(entry, Body::Skipped) };
    if Instant::now() >= until {
        let reason = format!("too many objects to be read within {} s; the next reading goes on", READING.as_secs());
        return object(entry, Body::Unread(reason));
    }
    let body = match store.get(&path, limit).await {
        Ok(bytes) => Body::Bytes(Arc::new(bytes)),
        Err(error) if error.kind == ErrorKind::TooLarge => Body::TooLarge,
        Err(error) => Body::Unread(error.to_string()),
    };
    object(entry, body)
}

/// Paths of the sealed objects to read: all that something authentic names, and a bounded number of others.
fn wanted(reading: &Reading, vault: &VaultName, others: &[Entry]) -> BTreeSet<String> {
    let mut wanted = BTreeSet::new();
    for (generation, seal, manifest, _) in reading.manifests() {
        for entry in &manifest.custodians {
            if let Ok(custodian) = CustodianName::new(&entry.name) {
                wanted.insert(Name::Bundle { generation, custodian, seal }.path(vault));
            }
        }
    }
    for stored in &reading.records {
        if let (Name::RootTokenRecord { generation, id }, Record::RootToken(_)) = (&stored.name, &stored.payload.record)
        {
            wanted.insert(Name::RootToken { generation: *generation, id: id.clone() }.path(vault));
        }
    }
    let mut strangers: BTreeMap<Generation, Vec<String>> = BTreeMap::new();
    for entry in others {
        if let Some(Name::Bundle { generation, .. }) = named(entry, vault)
            && !wanted.contains(&entry.path)
        {
            strangers.entry(generation).or_default().push(entry.path.clone());
        }
    }
    for (_, mut paths) in strangers.into_iter().rev().take(NOT_AUTHENTIC_LIMIT) {
        paths.truncate(STRANGERS_PER_GENERATION);
        wanted.extend(paths);
    }
    wanted
}

#[cfg(test)]
mod tests;
