//! When an offline identity was last seen to open what is stored. Kept on this host alone: export has no right to write into
//! the store.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sops_tools::files;

use crate::settings::Settings;

/// Longest file read back.
const LIMIT: usize = 4096;

/// One export, or its check, with an identity that the daemon does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// When.
    pub at: Timestamp,
    /// The generation that it opened.
    pub generation: u32,
}

/// The file about `vault`, in `stateDir` or else in `cacheDir`; none where neither is set.
pub fn file(settings: &Settings, vault: &str) -> Option<PathBuf> {
    let folder = settings.state_dir.as_ref().or(settings.cache_dir.as_ref())?;
    Some(folder.join("offline-key").join(format!("{vault}.json")))
}

/// Keeps `trial`.
///
/// # Errors
/// One line: the file cannot be written.
pub fn keep(file: &Path, trial: &Trial) -> Result<(), String> {
    if let Some(folder) = file.parent() {
        files::create_directory(folder, 0o755).map_err(|error| error.to_string())?;
    }
    // Nothing secret is in it, and who runs `doctor` may be another user.
    let text = serde_json::to_vec(trial).map_err(|error| error.to_string())?;
    files::replace(file, &text, 0o644).map_err(|error| error.to_string())
}

/// The last one kept. No file is no error: `None`.
///
/// # Errors
/// One line: the file is there and cannot be read.
pub fn last(file: &Path) -> Result<Option<Trial>, String> {
    if !file.try_exists().map_err(|error| format!("{}: {error}", file.display()))? {
        return Ok(None);
    }
    let bytes = files::read_limited(file, LIMIT).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map(Some).map_err(|_| format!("{}: not a file of ours", file.display()))
}
