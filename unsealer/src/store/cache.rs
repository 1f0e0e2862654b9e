//! The local copy of what this host has seen: ciphertext and signed JSON, in the store's own layout.
//!
//! Only what is authentic, or named by a digest in something authentic, is kept; so a stranger cannot fill the disk. Nothing
//! is removed because the store lost it. A second content of one path stands under `conflicts/<digest>/`, so `vaults/` alone
//! is a valid source of `store copy`. A full or read-only disk is a [`KeepReport`], never a reason to stop.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sops_tools::custody::{SEALED_LIMIT, StoreKeys};
use sops_tools::files::{self, FileError, FileErrorKind};

use super::bundle::digest;
use super::contents::{Body, Contents, Object};
use super::names::{CustodianName, Name, VaultName};
use super::reading::Reading;
use super::records::Record;

/// Most files read back for one Vault: twice what a store may list, for second contents.
pub const FILE_LIMIT: usize = 8192;
/// Longest file read back.
const FILE_BYTES: usize = SEALED_LIMIT;
const CONFLICTS: &str = "conflicts";

/// A directory on this host.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

/// How keeping went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeepReport {
    /// Files newly written.
    pub written: usize,
    /// The first fault, in one line; nothing else was tried after it.
    pub fault: Option<String>,
}

impl Cache {
    /// A cache under `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Everything kept for `vault`. A cache that does not exist yet is empty; a file that cannot be read is
    /// [`Body::Unread`]. Blocks on the disk.
    ///
    /// # Errors
    /// When a directory that exists cannot be listed.
    pub fn read(&self, vault: &VaultName) -> Result<Contents, std::io::Error> {
        let mut contents = Contents::default();
        read_below(&self.root, &self.root.join(vault.prefix()), &mut contents)?;
        for side in directories(&self.root.join(CONFLICTS))? {
            read_below(&side, &side.join(vault.prefix()), &mut contents)?;
        }
        Ok(contents)
    }

    /// Keeps what of `store` is authentic and not kept yet. Blocks on the disk.
    pub fn keep(&self, vault: &VaultName, store: &Contents, cached: &Contents, keys: &StoreKeys) -> KeepReport {
        let reading = Reading::of(vault, store, cached, keys);
        let known: BTreeSet<(&str, String)> =
            cached.objects.iter().filter_map(|object| Some((object.path.as_str(), digest(object.bytes()?)))).collect();
        let mut report = KeepReport::default();
        for (path, bytes) in worth_keeping(vault, &reading) {
            let digest = digest(&bytes);
            if known.contains(&(path.as_str(), digest.clone())) {
                continue;
            }
            match self.write(&path, &bytes, &digest) {
                Ok(true) => report.written += 1,
                Ok(false) => {}
                Err(error) => {
                    report.fault = Some(error.to_string());
                    return report;
                }
            }
        }
        report
    }

    /// Writes one object beside whatever stands there. `false` when exactly these bytes are there already.
    fn write(&self, path: &str, bytes: &[u8], digest: &str) -> Result<bool, FileError> {
        let own = self.root.join(path);
        match place(&own, bytes)? {
            Placed::Written => Ok(true),
            Placed::Same => Ok(false),
            Placed::Taken => {
                let beside = self.root.join(CONFLICTS).join(digest).join(path);
                Ok(place(&beside, bytes)? == Placed::Written)
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Placed {
    Written,
    Same,
    Taken,
}

fn place(path: &Path, bytes: &[u8]) -> Result<Placed, FileError> {
    if let Some(parent) = path.parent() {
        files::create_directory(parent, 0o700)?;
    }
    match files::create_new(path, bytes, files::OWNER_ONLY) {
        Ok(()) => Ok(Placed::Written),
        Err(error) if error.kind() == FileErrorKind::Exists => {
            let same = files::read_limited(path, FILE_BYTES).is_ok_and(|there| there == bytes);
            Ok(if same { Placed::Same } else { Placed::Taken })
        }
        Err(error) => Err(error),
    }
}

/// Authentic records, and the sealed bytes whose digest one of them names.
pub(super) fn worth_keeping(vault: &VaultName, reading: &Reading) -> Vec<(String, Arc<Vec<u8>>)> {
    let mut keep: Vec<(String, Arc<Vec<u8>>)> = Vec::new();
    for (generation, seal, manifest, _) in reading.manifests() {
        for entry in &manifest.custodians {
            let Ok(custodian) = CustodianName::new(&entry.name) else { continue };
            let name = Name::Bundle { generation, custodian, seal };
            if let Some(copy) = reading.named(&name, entry) {
                keep.push((name.path(vault), Arc::clone(&copy.bytes)));
            }
        }
    }
    for stored in &reading.records {
        if let (Name::RootTokenRecord { generation, id }, Record::RootToken(record)) =
            (&stored.name, &stored.payload.record)
        {
            let name = Name::RootToken { generation: *generation, id: id.clone() };
            let copies = reading.sealed.get(&name).into_iter().flatten();
            keep.extend(
                copies
                    .filter(|copy| copy.digest == record.digest)
                    .map(|copy| (name.path(vault), Arc::clone(&copy.bytes))),
            );
        }
        // A snapshot's own record is not kept: the snapshot is not.
        if !stored.name.is_snapshot() {
            keep.push((stored.name.path(vault), Arc::clone(&stored.bytes)));
        }
    }
    keep
}

fn directories(path: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    let mut found = Vec::new();
    for entry in listing(path)? {
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn listing(path: &Path) -> Result<Vec<std::fs::DirEntry>, std::io::Error> {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.take(FILE_LIMIT).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Reads the files two levels below `base` (`intents/…`, `generations/<g>/…`); paths are told from `root` on.
fn read_below(root: &Path, base: &Path, contents: &mut Contents) -> Result<(), std::io::Error> {
    let mut waiting = vec![(base.to_owned(), 0)];
    while let Some((directory, depth)) = waiting.pop() {
        for entry in listing(&directory)? {
            let kind = entry.file_type()?;
            if kind.is_dir() && depth < 2 {
                waiting.push((entry.path(), depth + 1));
            } else if kind.is_file() && contents.objects.len() < FILE_LIMIT {
                contents.objects.extend(read_file(root, &entry.path()));
            }
        }
    }
    Ok(())
}

/// `None` for what is no object of the layout: temporary files of a writer that was killed.
fn read_file(root: &Path, path: &Path) -> Option<Object> {
    let name = path.strip_prefix(root).ok()?.to_str()?.to_owned();
    Name::parse(&name).ok()?;
    Some(match files::read_limited(path, FILE_BYTES) {
        Ok(bytes) => Object::whole(name, bytes),
        Err(error) => Object { path: name, size: 0, tag: None, body: Body::Unread(error.to_string()) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{World, vault};
    use crate::store::view::derive;

    fn cache() -> (tempfile::TempDir, Cache) {
        let directory = tempfile::tempdir().unwrap_or_else(|fault| unreachable!("{fault}"));
        let cache = Cache::new(directory.path().join("cache"));
        (directory, cache)
    }

    fn read(cache: &Cache) -> Contents {
        cache.read(&vault()).unwrap_or_else(|fault| unreachable!("{fault}"))
    }

    #[test]
    fn a_cache_gives_back_the_view_of_the_store_it_has_seen() {
        let (_directory, cache) = cache();
        let world = World::proven_and_held();
        assert_eq!(read(&cache), Contents::default(), "a cache that is not there yet is empty");
        let report = cache.keep(&vault(), &world.contents, &Contents::default(), &world.keys);
        assert_eq!(report, KeepReport { written: 4, fault: None });
        let kept = read(&cache);
        let alone = derive(&vault(), &kept, &world.keys, &Contents::default());
        assert_eq!(alone, world.view(&Contents::default()));
        let again = cache.keep(&vault(), &world.contents, &kept, &world.keys);
        assert_eq!(again.written, 0);
    }

    #[test]
    fn nothing_is_lost_because_the_store_lost_it() {
        let (_directory, cache) = cache();
        let world = World::proven_and_held();
        cache.keep(&vault(), &world.contents, &Contents::default(), &world.keys);
        let kept = read(&cache);
        let empty = Contents::default();
        cache.keep(&vault(), &empty, &kept, &world.keys);
        assert_eq!(read(&cache), kept);
    }

    #[test]
    fn what_is_not_authentic_is_not_kept() {
        let (_directory, cache) = cache();
        let mut world = World::new();
        world.put("vaults/vault/generations/9/all.1.age", "rubbish");
        world.put("vaults/vault/holds/0123456789abcdef0123456789abcdef.json", "{}");
        let report = cache.keep(&vault(), &world.contents, &Contents::default(), &world.keys);
        assert_eq!(report, KeepReport::default());
        assert_eq!(read(&cache), Contents::default());
    }

    #[test]
    fn a_second_content_of_one_number_is_kept_beside_the_first() {
        let (_directory, cache) = cache();
        let first = World::proven_and_held();
        cache.keep(&vault(), &first.contents, &Contents::default(), &first.keys);
        let mut second = World::new();
        second.generation(1, 1, 9);
        cache.keep(&vault(), &second.contents, &read(&cache), &second.keys);
        let view = derive(&vault(), &read(&cache), &first.keys, &Contents::default());
        assert_eq!(view.candidates[0].bundles.len(), 2);
        assert!(view.candidates[0].bundles.iter().all(|bundle| bundle.sealed.is_some()));
        assert!(read_contents_of(&cache.root().join("vaults")).iter().all(|path| !path.contains("conflicts")));
    }

    fn read_contents_of(root: &Path) -> Vec<String> {
        let mut contents = Contents::default();
        let base = root.join("vault");
        let _ = read_below(root.parent().unwrap_or(root), &base, &mut contents);
        contents.objects.into_iter().map(|object| object.path).collect()
    }

    #[test]
    fn a_disk_that_takes_nothing_is_reported_and_what_is_there_is_still_read() {
        let (directory, cache) = cache();
        // A file in the place of the directory: no write can succeed, also for root.
        let blocked = directory.path().join("blocked");
        assert!(files::create_new(&blocked, b"", files::OWNER_ONLY).is_ok());
        let world = World::proven_and_held();
        let report =
            Cache::new(blocked.join("cache")).keep(&vault(), &world.contents, &Contents::default(), &world.keys);
        assert!(report.fault.is_some());
        assert_eq!(report.written, 0);
        cache.keep(&vault(), &world.contents, &Contents::default(), &world.keys);
        assert_eq!(read(&cache).objects.len(), 4);
    }
}
