//! Store and cache, authenticated: which records count, which sealed bytes there are, and what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use restore::objects::Part;
use sops_tools::custody::StoreKeys;

use super::bundle::digest;
use super::contents::{Body, Contents, Object};
use super::envelope::{self, EnvelopeFault, Payload};
use super::names::{CustodianName, Name, VaultName};
use super::records::{Manifest, ManifestCustodian, Record};
use super::view::{Finding, Generation, Seal};

/// One authentic record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub name: Name,
    /// What the MAC covers.
    pub payload: Payload,
    /// Signed by a later line of the store key file.
    pub older_key: bool,
    /// The exact bytes of the object.
    pub bytes: Arc<Vec<u8>>,
    /// It stands in the store.
    pub in_store: bool,
    /// It stands in the cache.
    pub in_cache: bool,
}

/// One content of a sealed object (bundle or root token).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The ciphertext.
    pub bytes: Arc<Vec<u8>>,
    /// Its SHA-256, lower-case hex.
    pub digest: String,
    /// It stands in the store.
    pub in_store: bool,
}

/// Everything known of one Vault, before anything is concluded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// Authentic records of store and cache, each content once, by name.
    pub records: Vec<Stored>,
    /// Contents of sealed objects, store before cache.
    pub sealed: BTreeMap<Name, Vec<Sealed>>,
    /// Names that stand in the store, whatever they hold.
    pub in_store: BTreeSet<Name>,
    /// Names that stand in the store or the cache, whatever they hold: occupied.
    pub occupied: BTreeSet<Name>,
    /// Names in the store whose content is not known: could not be read, or was not asked for.
    pub unread: BTreeSet<Name>,
    /// Those of them that the store would not give just now: what they say is not known.
    pub unreadable: BTreeSet<Name>,
    /// How many things that are no names of ours stand in the store.
    pub foreign: u64,
    /// Prefixes of the store that were not listed to their end: what is not known of them may stand there all the same.
    pub cut: Vec<String>,
    /// Alarms about single objects.
    pub findings: Vec<Finding>,
    /// Custodians' own stores that the store was joined from.
    pub parts: Vec<Part>,
}

/// Where a bundle is to be looked for that does not stand in what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    /// Here: it is missing.
    Here,
    /// In a store that was not asked.
    Elsewhere,
    /// In a store that was asked and did not answer, with the fault.
    Silent(String),
}

impl Reading {
    /// Authenticates everything that stands under `vault` in the store and in the cache.
    pub fn of(vault: &VaultName, store: &Contents, cache: &Contents, keys: &StoreKeys) -> Self {
        let cut = store.cut.iter().map(|(prefix, _)| prefix.clone()).collect();
        let mut reading = Self { cut, parts: store.parts.clone(), ..Self::default() };
        for (prefix, reason) in &store.cut {
            reading.alarm("unreadable", prefix, format!("{reason}; what was listed counts"));
        }
        for object in &store.objects {
            reading.take(vault, object, keys, true);
        }
        // Only the first few are among the objects.
        reading.foreign = reading.foreign.max(store.foreign);
        for object in &cache.objects {
            reading.take(vault, object, keys, false);
        }
        reading
            .records
            .sort_by(|a, b| (&a.name, a.payload.time, &a.payload.id).cmp(&(&b.name, b.payload.time, &b.payload.id)));
        reading
    }

    fn take(&mut self, vault: &VaultName, object: &Object, keys: &StoreKeys, from_store: bool) {
        let name = match Name::parse(&object.path) {
            Ok((owner, name)) if owner == *vault => name,
            Ok(_) => return,
            Err(foreign) => {
                // A foreign file in our own cache is the cache's affair.
                if from_store && object.path.starts_with(&vault.prefix()) {
                    self.foreign += 1;
                    self.alarm(foreign.class(), &object.path, "no name of this store's layout".to_owned());
                }
                return;
            }
        };
        self.occupied.insert(name.clone());
        if from_store {
            self.in_store.insert(name.clone());
        }
        match &object.body {
            Body::Bytes(bytes) if name.is_record() => self.take_record(vault, name, bytes, keys, from_store),
            Body::Bytes(bytes) => self.take_sealed(name, bytes, from_store),
            _ if !from_store => {}
            Body::NotAuthentic(fault) => self.alarm(fault.class(), &object.path, fault.to_string()),
            Body::TooLarge => {
                let detail = format!("{} bytes: larger than any object of its kind", object.size);
                self.alarm("not-authentic", &object.path, detail);
            }
            Body::Skipped => {
                if !name.is_snapshot() {
                    self.alarm("not-authentic", &object.path, "no authentic manifest names it".to_owned());
                }
                self.unread.insert(name);
            }
            Body::Unread(reason) => {
                self.alarm("unreadable", &object.path, reason.clone());
                self.unreadable.insert(name.clone());
                self.unread.insert(name);
            }
        }
    }

    fn take_record(&mut self, vault: &VaultName, name: Name, bytes: &Arc<Vec<u8>>, keys: &StoreKeys, from_store: bool) {
        match envelope::open(vault, &name, bytes, keys) {
            Ok(authentic) => {
                let known =
                    self.records.iter_mut().find(|known| known.name == name && known.payload == authentic.payload);
                if let Some(known) = known {
                    known.in_store |= from_store;
                    known.in_cache |= !from_store;
                    return;
                }
                if authentic.payload.record == Record::Unknown && from_store {
                    let detail = "authentic, and of a kind that only a newer version understands".to_owned();
                    self.alarm("newer-version", &name.path(vault), detail);
                }
                let (payload, older_key) = (authentic.payload, authentic.older_key);
                let (in_store, in_cache) = (from_store, !from_store);
                self.records.push(Stored { name, payload, older_key, bytes: Arc::clone(bytes), in_store, in_cache });
            }
            Err(fault) if from_store => self.alarm_fault(&name.path(vault), &fault),
            Err(_) => {}
        }
    }

    fn take_sealed(&mut self, name: Name, bytes: &Arc<Vec<u8>>, from_store: bool) {
        let copies = self.sealed.entry(name).or_default();
        let digest = digest(bytes);
        match copies.iter_mut().find(|copy| copy.digest == digest) {
            Some(copy) => copy.in_store |= from_store,
            None => copies.push(Sealed { bytes: Arc::clone(bytes), digest, in_store: from_store }),
        }
    }

    fn alarm_fault(&mut self, path: &str, fault: &EnvelopeFault) {
        self.alarm(fault.class(), path, fault.to_string());
    }

    fn alarm(&mut self, class: &'static str, path: &str, detail: String) {
        self.findings.push(finding(class, path, detail));
    }

    /// Authentic manifests, each with its place.
    pub fn manifests(&self) -> impl Iterator<Item = (Generation, Seal, &Manifest, &Stored)> {
        self.records.iter().filter_map(|stored| match (&stored.name, &stored.payload.record) {
            (Name::Manifest { generation, seal }, Record::Manifest(manifest)) => {
                Some((*generation, *seal, manifest, stored))
            }
            _ => None,
        })
    }

    /// The content of a bundle that a manifest names.
    pub fn named(&self, bundle: &Name, entry: &ManifestCustodian) -> Option<&Sealed> {
        self.sealed.get(bundle)?.iter().find(|copy| copy.digest == entry.digest)
    }

    /// Where a bundle that an authentic manifest names must stand. One store read by itself does not say whose it is: it is the
    /// home of the custodians of whom any bundle was ever seen here.
    pub fn whereabouts(&self, manifest: &Manifest, entry: &ManifestCustodian) -> Whereabouts {
        let part = self.parts.iter().find(|part| entry.own_store && part.name == entry.name);
        match part.map(|part| part.fault.clone()) {
            Some(Some(fault)) => return Whereabouts::Silent(fault),
            Some(None) => return Whereabouts::Here,
            None if !entry.own_store && !self.parts.is_empty() => return Whereabouts::Here,
            None => {}
        }
        let one_home = manifest.custodians.iter().all(|other| home(other) == home(entry));
        let seen = |(generation, seal, of, _): (Generation, Seal, &Manifest, &Stored)| {
            of.custodians.iter().filter(|other| home(other) == home(entry)).any(|other| {
                let custodian = CustodianName::new(&other.name).ok();
                custodian
                    .is_some_and(|custodian| self.named(&Name::Bundle { generation, custodian, seal }, other).is_some())
            })
        };
        if one_home || self.manifests().any(seen) { Whereabouts::Here } else { Whereabouts::Elsewhere }
    }

    /// Whether anything authentic was found.
    pub fn anything_authentic(&self) -> bool {
        !self.records.is_empty()
    }

    /// Whether the store may hold an object of this name although no listing showed it.
    pub fn may_stand(&self, vault: &VaultName, name: &Name) -> bool {
        self.unread.contains(name) || self.cut.iter().any(|prefix| name.path(vault).starts_with(prefix))
    }

    /// Whether anything at all stands in store or cache.
    pub fn anything_here(&self) -> bool {
        self.foreign > 0 || !self.cut.is_empty() || !self.occupied.is_empty()
    }
}

/// The store that a bundle belongs in: the custodian whose own it is, none = the common one.
fn home(entry: &ManifestCustodian) -> Option<&str> {
    entry.own_store.then_some(entry.name.as_str())
}

/// An alarm. The path is escaped: a stranger may have chosen it.
pub(super) fn finding(class: &'static str, path: &str, detail: String) -> Finding {
    Finding { class, path: path.escape_default().take(256).collect(), detail }
}
