//! The files that a change of identities is about.

use std::path::{Path, PathBuf};

use super::Order;
use super::phase::FileKeys;
use crate::bootstrap::look::{Seen, find};
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

/// Every sealed file of the tree with its recipients and those of its rule. What is no sealed file is left out, and told by `verify`.
pub(super) fn sealed_files(order: &Order<'_>, tree: &Tree, home: &Path) -> Result<Vec<Sealed>, Failure> {
    let mut configs = Configs::new(order.config.clone(), order.current.clone());
    let home = home.canonicalize().unwrap_or_else(|_| absolute(home, &order.current));
    let mut sealed = Vec::new();
    for seen in find(std::slice::from_ref(&tree.root))? {
        let Ok(file) = seen.parse() else { continue };
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
    Ok(sealed)
}

/// A file, verified; what stands in the way as a failure.
pub(super) fn open(seen: &Seen, keyring: &dyn Keyring) -> Result<OpenFile, Failure> {
    seen.open(keyring).map_err(|error| match error {
        FileError::NoDataKey(_) => {
            let failure = Failure::new(ExitStatus::Absent, "bootstrap-closed", format!("none of the identities at hand opens {}", seen.shown()));
            let told = error.to_string();
            let failure = told.lines().skip(1).fold(failure, |failure, line| failure.cause(line.trim()));
            failure.hint("give the operator's identity: --identity FILE, or --keys DIR; nothing was changed")
        }
        _ => Failure::new(ExitStatus::Integrity, "bootstrap-damaged", format!("{} does not pass its checks, and nothing was changed", seen.shown()))
            .cause(error)
            .hint("sops-tools bootstrap verify DIR says all that is wrong; take the last good version: git log -p"),
    })
}
