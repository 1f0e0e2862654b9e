//! Reading what stands in the store for one Vault, within limits.
//!
//! An error means that the store could not be asked; it never means that nothing is there. One object that cannot be read
//! does not spoil the rest: it is [`Body::Unread`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt as _;
use restore::objects::{Entry, ErrorKind, ObjectError, ObjectPath, ReadObjects};
use sops_tools::custody::{SEALED_LIMIT, StoreKeys};

use super::contents::{Body, Contents, Object};
use super::envelope::{self, JSON_LIMIT};
use super::names::{CustodianName, Name, VaultName};
use super::reading::Reading;
use super::records::Record;
use super::view::{Generation, NOT_AUTHENTIC_LIMIT};

/// Most objects under one Vault's name. Above it the listing is refused: the honest history of a Vault is some hundred.
pub const ENTRY_LIMIT: usize = 4096;
/// Reads under way at once.
const PARALLEL: usize = 8;
/// Most bundles read of one generation that nothing authentic names.
const STRANGERS_PER_GENERATION: usize = 4;

/// Lists and reads everything under `vault` but raft snapshots.
///
/// `previous` is what this function gave before, under the same keys: objects whose path, tag and size are the same are not
/// read again. `cache` tells which bundles are worth reading where the store lost its manifests.
///
/// # Errors
/// When the listing fails or holds more than [`ENTRY_LIMIT`] objects.
pub async fn load(
    store: &dyn ReadObjects,
    vault: &VaultName,
    keys: &StoreKeys,
    cache: &Contents,
    previous: Option<&Contents>,
) -> Result<Contents, ObjectError> {
    let entries = store.list(&vault.prefix(), ENTRY_LIMIT).await?;
    let known = known(previous);
    let (records, others): (Vec<Entry>, Vec<Entry>) = entries
        .into_iter()
        .partition(|entry| named(entry, vault).is_some_and(|name| name.is_record() && !name.is_snapshot()));
    let mut contents = Contents { objects: read_records(store, vault, keys, records, &known).await };
    let wanted = wanted(&Reading::of(vault, &contents, cache, keys), vault, &others);
    let (wanted, skipped): (Vec<Entry>, Vec<Entry>) =
        others.into_iter().partition(|entry| wanted.contains(&entry.path));
    contents.objects.extend(read_all(store, wanted, SEALED_LIMIT as u64, &known).await);
    contents.objects.extend(skipped.into_iter().map(|entry| object(entry, Body::Skipped)));
    Ok(contents)
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
    let entries = store.list(&holds_prefix(vault), ENTRY_LIMIT).await?;
    let (records, foreign): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| named(entry, vault).is_some());
    let mut objects = read_records(store, vault, keys, records, &known(previous)).await;
    objects.extend(foreign.into_iter().map(|entry| object(entry, Body::Skipped)));
    Ok(Contents { objects })
}

impl Contents {
    /// Puts what [`load_holds`] gave in the place of the holds of an earlier [`load`].
    pub fn replace_holds(&mut self, vault: &VaultName, holds: Contents) {
        let prefix = holds_prefix(vault);
        self.objects.retain(|object| !object.path.starts_with(&prefix));
        self.objects.extend(holds.objects);
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

async fn read_records(
    store: &dyn ReadObjects,
    vault: &VaultName,
    keys: &StoreKeys,
    entries: Vec<Entry>,
    known: &BTreeMap<&str, &Object>,
) -> Vec<Object> {
    let mut objects = read_all(store, entries, JSON_LIMIT as u64, known).await;
    for object in &mut objects {
        let Body::Bytes(bytes) = &object.body else { continue };
        let Ok((_, name)) = Name::parse(&object.path) else { continue };
        if let Err(fault) = envelope::open(vault, &name, bytes, keys) {
            object.body = Body::NotAuthentic(fault);
        }
    }
    objects
}

async fn read_all(
    store: &dyn ReadObjects,
    entries: Vec<Entry>,
    limit: u64,
    known: &BTreeMap<&str, &Object>,
) -> Vec<Object> {
    let mut objects = Vec::with_capacity(entries.len());
    let mut unread = Vec::new();
    for entry in entries {
        match known.get(entry.path.as_str()).filter(|object| unchanged(object, &entry)) {
            Some(object) => objects.push((*object).clone()),
            None if entry.size > limit => objects.push(object(entry, Body::TooLarge)),
            None => unread.push(entry),
        }
    }
    // Built beforehand: a closure over borrowed entries inside the stream is not general enough for Send futures.
    let reads: Vec<_> = unread.into_iter().map(|entry| read(store, entry, limit)).collect();
    let read: Vec<Object> = futures::stream::iter(reads).buffer_unordered(PARALLEL).collect().await;
    objects.extend(read);
    objects
}

fn unchanged(object: &Object, entry: &Entry) -> bool {
    let settled = matches!(object.body, Body::Bytes(_) | Body::NotAuthentic(_));
    settled && object.tag.is_some() && object.tag == entry.tag && object.size == entry.size
}

/// Objects never go away by our doing, so one that is listed and not given is unread, not absent.
async fn read(store: &dyn ReadObjects, entry: Entry, limit: u64) -> Object {
    let Ok(path) = ObjectPath::new(entry.path.as_str()) else { return object(entry, Body::Skipped) };
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
