//! The files that a change of identities is about.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Order;
use super::phase::FileKeys;
use crate::bootstrap::look::contains;
use crate::bootstrap::verify::Configs;
use crate::commands::survey::read;
use crate::report::{ExitStatus, Failure};
use crate::sops::config::absolute;
use crate::sops::data_key::Keyring;
use crate::sops::file::{FileError, OpenFile, SopsFile};
use crate::sops::formats::Format;
use crate::worktree::detect::{Looks, look};
use crate::worktree::inventory::FileAt;
use crate::worktree::nested::nested;
use crate::worktree::plan::Within;

/// One sealed file of the tree, or one in a field of a plain Secret.
pub(super) struct Sealed {
    /// Where it is, or the manifest that it stands in.
    pub(super) at: FileAt,
    /// The sealed bytes.
    pub(super) source: Vec<u8>,
    pub(super) format: Format,
    /// Where it stands in its manifest.
    pub(super) within: Option<Within>,
    /// The configuration whose rule it follows, absolute.
    pub(super) config: Option<PathBuf>,
    /// Whether it holds `sops-age`.
    pub(super) is_home: bool,
    pub(super) keys: FileKeys,
}

impl Sealed {
    /// The file, verified; what stands in the way as a failure.
    pub(super) fn open(&self, keyring: &dyn Keyring) -> Result<OpenFile, Failure> {
        let file = SopsFile::parse(self.format, &self.source).and_then(|file| file.unlock(keyring));
        file.and_then(crate::sops::file::Unlocked::verified).map_err(|error| unopened(&self.keys.path, &error))
    }
}

/// What is in a file.
enum Found {
    Sealed(Box<SopsFile>, Vec<u8>, Option<Within>),
    Damaged(FileError, Vec<u8>),
}

/// Every sealed file of the tree with its recipients and those of its rule.
///
/// # Errors
/// A file that cannot be read, or that cannot be read as a SOPS file and names one of the identities' `recipients`: left out it would
/// stay with the old one.
pub(super) fn sealed_files(order: &Order<'_>, home: &Path, recipients: &[&String]) -> Result<Vec<Sealed>, Failure> {
    let mut configs = Configs::new(order.config.clone(), order.current.clone());
    let home = home.canonicalize().unwrap_or_else(|_| absolute(home, &order.current));
    let mut sealed = Vec::new();
    let mut unclear: Vec<String> = order.unread.clone();
    for at in &order.files {
        let bytes = match read(at) {
            Ok(bytes) => bytes,
            Err(error) => {
                unclear.push(error.to_string());
                continue;
            }
        };
        for (field, found) in look_into(at, bytes) {
            let shown = field.map_or_else(|| at.shown.clone(), |field| format!("{} ({field})", at.shown));
            match found {
                Found::Sealed(file, source, within) => {
                    let is_home = at.path == home && within.is_none();
                    sealed.push(described(at, &file, source, within, is_home, shown, &mut configs, order));
                }
                Found::Damaged(error, bytes) => {
                    if recipients.iter().any(|recipient| contains(&bytes, recipient.as_bytes())) {
                        unclear.push(format!("{shown}: {error}"));
                    }
                }
            }
        }
    }
    if unclear.is_empty() {
        return Ok(sealed);
    }
    let problem =
        "files that may be sealed to the cluster's identity cannot be read as SOPS files; nothing was changed";
    let failure = Failure::new(ExitStatus::Refused, "rotation-not-made", problem);
    Err(unclear
        .into_iter()
        .fold(failure, Failure::cause)
        .hint("bring them in order, or move them out of the tree: left out they would stay with the old identity"))
}

/// The file itself, or the sealed files in the fields of a plain Secret, with the names of the fields.
fn look_into(at: &FileAt, bytes: Vec<u8>) -> Vec<(Option<String>, Found)> {
    match look(&at.relative, &bytes) {
        Looks::Sealed(file) => vec![(None, Found::Sealed(file, bytes, None))],
        Looks::Damaged(error) => vec![(None, Found::Damaged(error, bytes))],
        Looks::Plain => {
            let fields = nested(&at.relative, &bytes);
            let manifest = Arc::new(bytes);
            let found = fields.into_iter().filter_map(|one| {
                let within = Within { manifest: Arc::clone(&manifest), at: one.at };
                let found = match one.looks {
                    Looks::Sealed(file) => Found::Sealed(file, one.bytes, Some(within)),
                    Looks::Damaged(error) => Found::Damaged(error, one.bytes),
                    Looks::Plain => return None,
                };
                Some((Some(one.field), found))
            });
            found.collect()
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "everything that is known of one file, put together in one place")]
fn described(
    at: &FileAt,
    file: &SopsFile,
    source: Vec<u8>,
    within: Option<Within>,
    is_home: bool,
    shown: String,
    configs: &mut Configs,
    order: &Order<'_>,
) -> Sealed {
    let has = file.metadata().key_ids().into_iter().flatten().map(|key| key.to_string()).collect();
    let groups = configs.groups_of(&at.path).unwrap_or_default();
    let wanted = groups.into_iter().flatten().map(|key| key.to_string()).collect();
    let config = match configs.of(&at.path) {
        Some(Ok(config)) => Some(absolute(&config.path, &order.current)),
        _ => None,
    };
    let keys = FileKeys { path: shown, has, wanted };
    Sealed { at: at.clone(), source, format: file.format(), within, config, is_home, keys }
}

/// Why a file was not opened.
pub(super) fn unopened(shown: &str, error: &FileError) -> Failure {
    if matches!(error, FileError::NoDataKey(_)) {
        let problem = format!("none of the identities at hand opens {shown}");
        let failure = Failure::new(ExitStatus::Absent, "bootstrap-closed", problem);
        let told = error.to_string();
        let failure = told.lines().skip(1).fold(failure, |failure, line| failure.cause(line.trim()));
        return failure.hint("give the operator's identity: --identity FILE, or --keys DIR; nothing was changed");
    }
    let problem = format!("{shown} does not pass its checks, and nothing was changed");
    Failure::new(ExitStatus::Integrity, "bootstrap-damaged", problem)
        .cause(error)
        .hint("sops-tools bootstrap verify DIR says all that is wrong; take the last good version: git log -p")
}
