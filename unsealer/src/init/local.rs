//! This host's record of an init, under `stateDir/<vault>/`.
//!
//! ```text
//! init.lock              held by the init that runs: two on one host would write over each other's records
//! init-<n>.begun.json    before the intent is stored
//! init-<n>.sent          before the init call is sent
//! init-<n>.sealed.json   the sealed copy: ciphertext of everything init still has to store
//! init-<n>.after.json    how many requests of `--after-init` were answered
//! init-<n>.done          before the intent is closed: the time in it; with it closed all of this may go
//! ```
//! The sealed copy is a bundle with all shares, sealed to every recipient, and the root token, sealed to the offline ones.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sops_tools::clock::Timestamp;
use sops_tools::files::{self, FileError, FileErrorKind, OWNER_ONLY};

use super::decision::LocalRecord;
use crate::store::bundle::BundleHead;
use crate::store::publish::Parcel;
use crate::store::records::ManifestCustodian;

/// Largest sealed copy that is read: a bundle and a sealed token of 64 KiB each, and the bundles of custodians, as base64.
/// 255 custodians with a share each have some 300 kB.
const COPY_LIMIT_BYTES: usize = 1024 * 1024;

const FORMAT: &str = "unsealer sealed copy v1";

/// What init has to store, as ciphertext.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealedCopy {
    format: String,
    /// The Vault's name.
    pub vault: String,
    /// The intent it belongs to.
    pub intent: u32,
    /// The generation it becomes: the number the sealed text says.
    pub generation: u32,
    /// Shares in all.
    pub shares: u8,
    /// Shares needed.
    pub threshold: u8,
    /// When Vault answered.
    pub created: Timestamp,
    /// A sealed bundle with all shares, base64.
    sealed_shares: String,
    /// The root token, sealed to the offline recipients, base64; none when it was not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed_root_token: Option<String>,
    /// Where custody is split: the custodians' bundles as they go into the store, to be written again with the same bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    bundles: Vec<SealedBundle>,
}

/// One custodian's bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SealedBundle {
    /// Its line of the manifest.
    entry: ManifestCustodian,
    /// The ciphertext, base64.
    sealed: String,
}

impl SealedCopy {
    /// Puts the pieces together; `head` is what the bundle says of itself.
    pub fn new(head: &BundleHead, intent: u32, sealed_shares: &[u8], sealed_root_token: Option<&[u8]>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            vault: head.vault.as_str().to_owned(),
            intent,
            generation: head.generation.0,
            shares: head.total,
            threshold: head.threshold,
            created: head.created,
            sealed_shares: STANDARD.encode(sealed_shares),
            sealed_root_token: sealed_root_token.map(|sealed| STANDARD.encode(sealed)),
            bundles: Vec::new(),
        }
    }

    /// Adds the bundles that are about to be stored.
    #[must_use]
    pub fn with_parcel(mut self, parcel: &Parcel) -> Self {
        let each = parcel.bundles.iter();
        self.bundles = each
            .map(|(entry, sealed)| SealedBundle { entry: entry.clone(), sealed: STANDARD.encode(sealed) })
            .collect();
        self
    }

    /// The bundles that were about to be stored; `None` where there are none, or their text is no base64.
    pub fn parcel(&self) -> Option<Parcel> {
        let decode = |one: &SealedBundle| Some((one.entry.clone(), STANDARD.decode(&one.sealed).ok()?));
        let bundles: Option<Vec<_>> = self.bundles.iter().map(decode).collect();
        bundles.filter(|bundles| !bundles.is_empty()).map(|bundles| Parcel { bundles })
    }

    /// The shares' ciphertext; `None` where the text is no base64.
    pub fn sealed_shares(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.sealed_shares).ok()
    }

    /// The root token's ciphertext.
    pub fn sealed_root_token(&self) -> Option<Vec<u8>> {
        self.sealed_root_token.as_ref().and_then(|text| STANDARD.decode(text).ok())
    }

    /// Reads a sealed copy from a file, as `--publish FILE` names one.
    ///
    /// # Errors
    /// The file's own error, or that it is no sealed copy.
    pub fn read(path: &Path) -> Result<Self, LocalError> {
        let bytes = files::read_limited(path, COPY_LIMIT_BYTES)?;
        let copy: Self = serde_json::from_slice(&bytes).map_err(|_| LocalError::NotACopy(path.to_owned()))?;
        if copy.format == FORMAT { Ok(copy) } else { Err(LocalError::NotACopy(path.to_owned())) }
    }
}

/// Why a local record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The file system.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not what it should be.
    #[error("{} is no sealed copy of this version", .0.display())]
    NotACopy(PathBuf),
}

/// The records of one Vault.
#[derive(Debug, Clone)]
pub struct LocalRecords {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Begun {
    intent: u32,
    host: String,
    time: Timestamp,
}

/// The right to run an init of one Vault on this host; dropped, or the process dead, it is free again.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "open is what it has to be")] File);

impl LocalRecords {
    /// Under `state_dir`, for the Vault of that name.
    pub fn new(state_dir: &Path, vault: &str) -> Self {
        Self { folder: state_dir.join(vault) }
    }

    /// Where the sealed copy of an intent lies or would lie.
    pub fn copy_path(&self, intent: u32) -> PathBuf {
        self.file(intent, "sealed.json")
    }

    /// Makes the folder and proves that a file in it survives: init must not find a full or read-only disk afterwards.
    ///
    /// # Errors
    /// The file system's.
    pub fn prove_writable(&self, id: &str) -> Result<(), FileError> {
        files::create_directory(&self.folder, 0o700)?;
        let probe = self.folder.join(format!("probe-{id}"));
        // As large as a sealed copy gets, so that the disk has room for one.
        files::create_new(&probe, &vec![0_u8; 512 * 1024], OWNER_ONLY)?;
        files::remove(&probe)
    }

    /// Makes this the only init of the Vault on this host. The folder must exist. `None` = another one runs.
    ///
    /// # Errors
    /// The file system's.
    pub fn lock(&self) -> io::Result<Option<Lock>> {
        let file = File::options().create(true).truncate(false).write(true).open(self.folder.join("init.lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// What this host knows of an intent that `host` wrote. A file that cannot be looked at counts as a sent call: the
    /// careful answer. A number that this host began and another one got is not ours.
    pub fn record(&self, intent: u32, host: &str) -> LocalRecord {
        let there = |kind| self.file(intent, kind).try_exists();
        match (there("sealed.json"), there("sent"), there("begun.json")) {
            (Ok(true), _, _) => LocalRecord::SealedCopy,
            (Ok(false), Ok(false), Ok(true)) if self.begun_by(intent).is_some_and(|begun| begun == host) => {
                LocalRecord::NoCallSent
            }
            (Ok(false), Ok(false), Ok(_)) => LocalRecord::None,
            _ => LocalRecord::CallSent,
        }
    }

    fn begun_by(&self, intent: u32) -> Option<String> {
        let text = files::read_limited(&self.file(intent, "begun.json"), 4096).ok()?;
        serde_json::from_slice::<Begun>(&text).ok().map(|begun| begun.host)
    }

    /// Whether a call was sent or a copy sealed under this number: an init into another store, or one that lost the intent.
    /// Its files must not be written over.
    pub fn occupied(&self, intent: u32) -> bool {
        // A `done` that outlived its copy would be taken for the word of the next init of this number.
        ["sealed.json", "sent", "done"].iter().any(|kind| !matches!(self.file(intent, kind).try_exists(), Ok(false)))
    }

    /// Intents whose sealed copies lie here, ascending.
    ///
    /// # Errors
    /// When the folder is there and cannot be listed: a copy may lie in it.
    pub fn copies(&self) -> io::Result<Vec<u32>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut copies = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix("init-")?.strip_suffix(".sealed.json"));
            copies.extend(number.and_then(|number| number.parse::<u32>().ok()));
        }
        copies.sort_unstable();
        Ok(copies)
    }

    /// Whether this host has any record of an init of this Vault.
    pub fn any(&self) -> bool {
        std::fs::read_dir(&self.folder).is_ok_and(|mut entries| {
            entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("init-")))
        })
    }

    /// Before the intent is stored. Replaces that of an earlier try whose intent was never stored.
    ///
    /// # Errors
    /// The file system's.
    pub fn write_begun(&self, intent: u32, host: &str, time: Timestamp) -> Result<(), FileError> {
        let text = serde_json::to_vec(&Begun { intent, host: host.to_owned(), time }).unwrap_or_default();
        files::replace(&self.file(intent, "begun.json"), &text, OWNER_ONLY)
    }

    /// After somebody else got the number. What is not there is no error.
    ///
    /// # Errors
    /// The file system's.
    pub fn forget_begun(&self, intent: u32) -> Result<(), FileError> {
        absent_is_fine(files::remove(&self.file(intent, "begun.json")))
    }

    /// Before the init call is sent.
    ///
    /// # Errors
    /// The file system's: then the call must not be sent.
    pub fn write_sent(&self, intent: u32, time: Timestamp) -> Result<(), FileError> {
        keep_existing(files::create_new(&self.file(intent, "sent"), format!("{time}\n").as_bytes(), OWNER_ONLY))
    }

    /// After the server refused the connection: the call never left.
    ///
    /// # Errors
    /// The file system's.
    pub fn unsend(&self, intent: u32) -> Result<(), FileError> {
        absent_is_fine(files::remove(&self.file(intent, "sent")))
    }

    /// After the answer. Replaces one of the same intent (its number was taken by somebody else).
    ///
    /// # Errors
    /// The file system's: then the answer is still only in memory.
    pub fn write_copy(&self, copy: &SealedCopy) -> Result<(), FileError> {
        let text = serde_json::to_vec(copy).unwrap_or_default();
        files::replace(&self.copy_path(copy.intent), &text, OWNER_ONLY)
    }

    /// After everything is stored, proven and closed. What is not there is no error.
    ///
    /// # Errors
    /// The file system's.
    pub fn remove(&self, intent: u32) -> Result<(), FileError> {
        for kind in ["sealed.json", "after.json", "sent", "begun.json", "done"] {
            absent_is_fine(files::remove(&self.file(intent, kind)))?;
        }
        Ok(())
    }

    /// Records that all is done but closing the intent: once it is closed nothing needs this host's records of it. `at` is
    /// the time in the stored intent: another store may have one of the same number, whose sealed copy is still needed.
    ///
    /// # Errors
    /// The file system's.
    pub fn note_done(&self, intent: u32, at: Timestamp) -> Result<(), FileError> {
        files::replace(&self.file(intent, "done"), format!("{at}\n").as_bytes(), OWNER_ONLY)
    }

    /// Whether [`note_done`](Self::note_done) was said of this intent. A mark that cannot be read says nothing.
    pub fn is_done(&self, intent: u32, at: Timestamp) -> bool {
        let noted = files::read_limited(&self.file(intent, "done"), 64).unwrap_or_default();
        std::str::from_utf8(&noted).ok().and_then(|noted| noted.trim_end().parse().ok()) == Some(at)
    }

    /// How many requests of `--after-init` were answered; 0 where none is recorded.
    ///
    /// # Errors
    /// The file system's, or a record that is not a number.
    pub fn after_done(&self, intent: u32) -> Result<usize, FileError> {
        match files::read_limited(&self.file(intent, "after.json"), 64) {
            Ok(bytes) => Ok(std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)),
            Err(error) if error.kind() == FileErrorKind::Absent => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Records that the first `done` requests of `--after-init` were answered.
    ///
    /// # Errors
    /// The file system's.
    pub fn write_after_done(&self, intent: u32, done: usize) -> Result<(), FileError> {
        files::replace(&self.file(intent, "after.json"), done.to_string().as_bytes(), OWNER_ONLY)
    }

    fn file(&self, intent: u32, kind: &str) -> PathBuf {
        self.folder.join(format!("init-{intent}.{kind}"))
    }
}

fn keep_existing(result: Result<(), FileError>) -> Result<(), FileError> {
    match result {
        Err(error) if error.kind() == FileErrorKind::Exists => Ok(()),
        other => other,
    }
}

fn absent_is_fine(result: Result<(), FileError>) -> Result<(), FileError> {
    match result {
        Err(error) if error.kind() != FileErrorKind::Absent => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::names::{CustodianName, VaultName};
    use crate::store::view::{Generation, Seal};

    fn copy() -> SealedCopy {
        let head = BundleHead {
            vault: VaultName::new("main").unwrap(),
            generation: Generation(1),
            seal: Seal(1),
            custodian: CustodianName::all(),
            threshold: 3,
            total: 5,
            created: Timestamp::UNIX_EPOCH,
        };
        SealedCopy::new(&head, 1, b"sealed shares", Some(b"sealed token"))
    }

    #[test]
    fn each_step_of_an_init_leaves_its_record() {
        let folder = tempfile::tempdir().unwrap();
        let records = LocalRecords::new(folder.path(), "main");
        records.prove_writable("0").unwrap();
        assert_eq!(records.record(1, "node-a"), LocalRecord::None);
        records.write_begun(1, "node-a", Timestamp::UNIX_EPOCH).unwrap();
        records.write_begun(1, "node-a", Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(records.record(1, "node-a"), LocalRecord::NoCallSent);
        // The number went to another host: what stands here says nothing of that intent.
        assert_eq!(records.record(1, "node-b"), LocalRecord::None);
        assert!(!records.occupied(1));
        records.write_sent(1, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(records.record(1, "node-a"), LocalRecord::CallSent);
        records.write_copy(&copy()).unwrap();
        assert_eq!(records.record(1, "node-a"), LocalRecord::SealedCopy);
        assert!(records.occupied(1));
        assert!(!records.occupied(2));
        let (ours, others) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(7).unwrap());
        records.note_done(2, ours).unwrap();
        assert!(records.occupied(2));
        assert!(records.is_done(2, ours));
        assert!(!records.is_done(2, others), "an intent of the same number in another store");
        assert!(!records.is_done(1, ours));
        assert_eq!(records.record(2, "node-a"), LocalRecord::None);
        records.remove(1).unwrap();
        assert_eq!(records.record(1, "node-a"), LocalRecord::None);
    }

    #[test]
    fn a_sealed_copy_is_read_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let records = LocalRecords::new(folder.path(), "main");
        records.prove_writable("0").unwrap();
        records.write_copy(&copy()).unwrap();
        let read = SealedCopy::read(&records.copy_path(1)).unwrap();
        assert_eq!(read, copy());
        assert_eq!(read.sealed_root_token().unwrap(), b"sealed token");
        assert_eq!(read.sealed_shares().unwrap(), b"sealed shares");
        let other = folder.path().join("other");
        files::create_new(&other, b"{\"format\":\"x\"}", OWNER_ONLY).unwrap();
        assert!(matches!(SealedCopy::read(&other), Err(LocalError::NotACopy(_))));
    }

    #[test]
    fn one_init_of_a_vault_at_a_time_on_one_host() {
        let folder = tempfile::tempdir().unwrap();
        let records = LocalRecords::new(folder.path(), "main");
        records.prove_writable("0").unwrap();
        let lock = records.lock().unwrap();
        assert!(lock.is_some());
        assert!(records.lock().unwrap().is_none());
        drop(lock);
        assert!(records.lock().unwrap().is_some());
        assert!(!records.any(), "a lock is no record");
    }

    #[test]
    fn progress_of_the_requests_after_init_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let records = LocalRecords::new(folder.path(), "main");
        records.prove_writable("0").unwrap();
        assert_eq!(records.after_done(1).unwrap(), 0);
        records.write_after_done(1, 2).unwrap();
        assert_eq!(records.after_done(1).unwrap(), 2);
    }
}
