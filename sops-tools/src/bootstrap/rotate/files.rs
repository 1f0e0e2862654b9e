//! The files that a change of identities is about.

use std::path::{Path, PathBuf};

use super::Order;
use super::phase::FileKeys;
use crate::bootstrap::look::{Seen, Unread, contains, find};
use crate::bootstrap::verify::Configs;
use crate::report::{ExitStatus, Failure};
use crate::sops::config::absolute;
use crate::sops::data_key::Keyring;
use crate::sops::file::{FileError, OpenFile};
use crate::worktree::place::Tree;

/// One sealed file of the tree.
pub(super) struct Sealed {
    /// From the root, absolute and without links.
    pub(super) path: PathBuf,
    /// The configuration whose rule it follows, absolute.
    pub(super) config: Option<PathBuf>,
    /// Whether it holds `sops-age`.
    pub(super) is_home: bool,
    pub(super) keys: FileKeys,
}

/// Every sealed file of the tree with its recipients and those of its rule.
///
/// # Errors
/// A file that cannot be read as a SOPS file and names one of the identities' `recipients`: left out it would stay with the old one.
pub(super) fn sealed_files(
    order: &Order<'_>,
    tree: &Tree,
    home: &Path,
    recipients: &[&String],
) -> Result<Vec<Sealed>, Failure> {
    let mut configs = Configs::new(order.config.clone(), order.current.clone());
    let home = home.canonicalize().unwrap_or_else(|_| absolute(home, &order.current));
    let mut sealed = Vec::new();
    let mut unclear = Vec::new();
    for seen in find(std::slice::from_ref(&tree.root))? {
        let file = match (&seen.content, seen.parse()) {
            (Err(Unread::Link), _) => continue,
            (Err(unread), _) => {
                unclear.push(format!("{}: {unread}", seen.shown()));
                continue;
            }
            (Ok(_), Ok(file)) => file,
            (Ok(bytes), Err(error)) => {
                if recipients.iter().any(|recipient| contains(bytes, recipient.as_bytes())) {
                    unclear.push(format!("{}: {error}", seen.shown()));
                }
                continue;
            }
        };
        let has = file.metadata().key_ids().into_iter().flatten().map(|key| key.to_string()).collect();
        let groups = configs.groups_of(&seen.path).unwrap_or_default();
        let wanted = groups.into_iter().flatten().map(|recipient| recipient.to_string()).collect();
        let config = match configs.of(&seen.path) {
            Some(Ok(config)) => Some(absolute(&config.path, &order.current)),
            _ => None,
        };
        let keys = FileKeys { path: seen.shown(), has, wanted };
        sealed.push(Sealed { is_home: seen.path == home, config, keys, path: seen.path });
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

/// A file, verified; what stands in the way as a failure.
pub(super) fn open(seen: &Seen, keyring: &dyn Keyring) -> Result<OpenFile, Failure> {
    seen.open(keyring).map_err(|error| match error {
        FileError::NoDataKey(_) => {
            let failure = Failure::new(
                ExitStatus::Absent,
                "bootstrap-closed",
                format!("none of the identities at hand opens {}", seen.shown()),
            );
            let told = error.to_string();
            let failure = told.lines().skip(1).fold(failure, |failure, line| failure.cause(line.trim()));
            failure.hint("give the operator's identity: --identity FILE, or --keys DIR; nothing was changed")
        }
        _ => Failure::new(
            ExitStatus::Integrity,
            "bootstrap-damaged",
            format!("{} does not pass its checks, and nothing was changed", seen.shown()),
        )
        .cause(error)
        .hint("sops-tools bootstrap verify DIR says all that is wrong; take the last good version: git log -p"),
    })
}
