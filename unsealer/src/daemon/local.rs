//! What this host remembers besides the store: `hold --local`, `release --local`, and inferred holds.
//!
//! Everything stands under `cacheDir/local/`, one small JSON file for each Vault or node, written so that a crash leaves the old or
//! the new one. Nothing secret is in it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sops_tools::files;

use crate::supervisor::{InferredHold, LocalHold};

/// Largest file that is read, bytes.
const LIMIT: usize = 64 * 1024;

/// The last local word about a Vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum LocalWord {
    /// `hold --local`.
    Hold(LocalHold),
    /// `release --local`, and when.
    Release(Timestamp),
}

/// Why a local file could not be read or written, one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct LocalFault {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: String,
}

/// What a reading says that the one before did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The file cannot be read, or for another reason than before.
    Fault(LocalFault),
    /// It can be read again.
    Over,
}

/// Remembers the last fault of a file that is read every other second, so that each is told once and none is forgotten.
#[derive(Debug, Default)]
pub struct Faults(Option<LocalFault>);

impl Faults {
    /// Notes how a reading went; gives what is new.
    pub fn note(&mut self, fault: Option<LocalFault>) -> Option<News> {
        if self.0 == fault {
            return None;
        }
        self.0.clone_from(&fault);
        Some(fault.map_or(News::Over, News::Fault))
    }
}

fn folder(cache_dir: &Path) -> PathBuf {
    cache_dir.join("local")
}

fn word_file(cache_dir: &Path, vault: &str) -> PathBuf {
    folder(cache_dir).join(format!("{vault}.json"))
}

/// The file of a node's inferred hold: its address with everything but letters, digits and dots made a dash.
pub fn inferred_file(cache_dir: &Path, vault: &str, address: &str) -> PathBuf {
    let safe: String =
        address.chars().map(|one| if one.is_ascii_alphanumeric() || one == '.' { one } else { '-' }).collect();
    folder(cache_dir).join(format!("{vault}.{safe}.inferred.json"))
}

/// Writes the last local word about `vault`; every daemon of this host with that `cacheDir` follows it within seconds.
///
/// # Errors
/// When the file cannot be written whole.
pub fn say(cache_dir: &Path, vault: &str, word: &LocalWord) -> Result<(), LocalFault> {
    write(&word_file(cache_dir, vault), word)
}

/// The last local word about `vault`. No file is no error: `None`.
///
/// # Errors
/// When the file is there and cannot be read or understood.
pub fn heard(cache_dir: &Path, vault: &str) -> Result<Option<LocalWord>, LocalFault> {
    read(&word_file(cache_dir, vault))
}

/// The inferred hold that an earlier run kept in `file`. No file is no error: `None`.
///
/// # Errors
/// When the file is there and cannot be read or understood.
pub fn inferred(file: &Path) -> Result<Option<InferredHold>, LocalFault> {
    read(file)
}

/// Keeps `hold` in `file`, or removes it.
///
/// # Errors
/// When the file cannot be written or removed.
pub fn keep_inferred(file: &Path, hold: Option<&InferredHold>) -> Result<(), LocalFault> {
    match hold {
        Some(hold) => write(file, hold),
        None if file.exists() => files::remove(file).map_err(|error| fault(file, &error)),
        None => Ok(()),
    }
}

fn fault(path: &Path, problem: &dyn std::fmt::Display) -> LocalFault {
    LocalFault { path: path.to_owned(), problem: problem.to_string() }
}

fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), LocalFault> {
    let text = serde_json::to_vec(value).map_err(|error| fault(path, &error))?;
    if let Some(parent) = path.parent()
        && !parent.is_dir()
    {
        make_readable(parent).map_err(|error| fault(path, &error))?;
    }
    // Nothing secret is in it, and the daemon is another user than the person who says it.
    files::replace(path, &text, 0o644).map_err(|error| fault(path, &error))
}

/// Makes a folder and its missing parents so that the daemon's user can look in, whatever the umask of who makes them.
fn make_readable(folder: &Path) -> std::io::Result<()> {
    let missing: Vec<&Path> =
        folder.ancestors().take_while(|one| !one.as_os_str().is_empty() && !one.is_dir()).collect();
    std::fs::create_dir_all(folder)?;
    missing.into_iter().try_for_each(|one| std::fs::set_permissions(one, Permissions::from_mode(0o755)))
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, LocalFault> {
    match path.try_exists() {
        Ok(false) => return Ok(None),
        Ok(true) => {}
        Err(error) => return Err(fault(path, &error)),
    }
    let bytes = files::read_limited(path, LIMIT).map_err(|error| fault(path, &error))?;
    serde_json::from_slice(&bytes).map(Some).map_err(|_| fault(path, &"not a file of ours"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    #[test]
    fn the_last_local_word_counts() {
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(heard(cache.path(), "main").unwrap(), None);
        let hold = LocalHold { reason: "incident".to_owned(), host: "ops".to_owned(), at: at() };
        say(cache.path(), "main", &LocalWord::Hold(hold.clone())).unwrap();
        assert_eq!(heard(cache.path(), "main").unwrap(), Some(LocalWord::Hold(hold)));
        assert_eq!(heard(cache.path(), "other").unwrap(), None);
        say(cache.path(), "main", &LocalWord::Release(at())).unwrap();
        assert_eq!(heard(cache.path(), "main").unwrap(), Some(LocalWord::Release(at())));
    }

    #[test]
    fn an_inferred_hold_is_kept_and_forgotten() {
        let cache = tempfile::tempdir().unwrap();
        let file = inferred_file(cache.path(), "main", "http://127.0.0.1:8200");
        let hold = InferredHold { at: at(), known_releases: None };
        keep_inferred(&file, Some(&hold)).unwrap();
        assert_eq!(inferred(&file).unwrap(), Some(hold));
        keep_inferred(&file, None).unwrap();
        keep_inferred(&file, None).unwrap();
        assert_eq!(inferred(&file).unwrap(), None);
    }

    #[test]
    fn a_fault_is_told_once_and_again_when_it_changes_or_comes_back() {
        let fault = |problem: &str| LocalFault { path: "local/main.json".into(), problem: problem.to_owned() };
        let mut faults = Faults::default();
        let said: Vec<Option<News>> =
            [None, Some("cut"), Some("cut"), Some("cut"), Some("denied"), None, None, Some("cut")]
                .map(|problem| faults.note(problem.map(fault)))
                .into();
        let new = |problem| Some(News::Fault(fault(problem)));
        assert_eq!(said, [None, new("cut"), None, None, new("denied"), Some(News::Over), None, new("cut")]);
    }

    #[test]
    fn a_file_that_is_not_ours_is_a_fault_and_no_word() {
        let cache = tempfile::tempdir().unwrap();
        say(cache.path(), "main", &LocalWord::Release(at())).unwrap();
        files::replace(&cache.path().join("local/main.json"), b"{}", 0o600).unwrap();
        assert!(heard(cache.path(), "main").is_err());
    }
}
