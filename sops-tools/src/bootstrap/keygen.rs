//! Making the age identities and the store key of a new cluster.
//!
//! One folder: `cluster.agekey`, `operator.agekey`, `offline.agekey`, and `unseal/` with `unseal.agekey` and
//! `store.key`, which has the shape of the mounted Secret `secrets/vault-unseal-age`.

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::clock::{Clock, Entropy};
use crate::custody::{Identities, Recipient, StoreKeys};
use crate::files::{OWNER_ONLY, create_directory, create_new, remove};
use crate::report::{ExitStatus, Failure};

/// The mode of the folders made: nobody but the owner.
const FOLDER_MODE: u32 = 0o700;

/// One key of a new cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyRole {
    /// Opens the SOPS files of the Git tree inside the cluster.
    Cluster,
    /// Opens the shares; the daemon's own.
    Unseal,
    /// Opens the SOPS files on a workstation.
    Operator,
    /// Opens the shares when everything else is lost.
    Offline,
    /// Authenticates what stands in the share store; no age key.
    StoreKey,
}

impl KeyRole {
    /// Every role, in the order they are made and shown.
    pub const ALL: [Self; 5] = [Self::Cluster, Self::Unseal, Self::Operator, Self::Offline, Self::StoreKey];

    /// The word on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Unseal => "unseal",
            Self::Operator => "operator",
            Self::Offline => "offline",
            Self::StoreKey => "store-key",
        }
    }

    /// Where it lies below the folder that was asked for.
    pub fn file(self) -> &'static str {
        match self {
            Self::Cluster => "cluster.agekey",
            Self::Unseal => "unseal/unseal.agekey",
            Self::Operator => "operator.agekey",
            Self::Offline => "offline.agekey",
            Self::StoreKey => "unseal/store.key",
        }
    }

    /// Where its secret belongs, one line.
    pub fn keep(self) -> &'static str {
        match self {
            Self::Cluster => {
                "in the cluster as flux-system/sops-age (key cluster.agekey), and a copy with the offline key; it opens every SOPS file sealed to it"
            }
            Self::Unseal => {
                "with the daemon only: the Secret secrets/vault-unseal-age (key unseal.agekey), as a SOPS file in Git"
            }
            Self::Operator => "on the operator's workstation, for sops and init; not in the cluster",
            Self::Offline => {
                "on two media away from every machine that has the store; the way in when all else is lost"
            }
            Self::StoreKey => {
                "beside the daemon's identity: the Secret secrets/vault-unseal-age (key store.key), and where init, rotate and drill are run"
            }
        }
    }
}

impl fmt::Display for KeyRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The keys that would be made: the same for a dry run and the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeygenPlan {
    /// The folder that gets them.
    pub folder: PathBuf,
    /// Which ones, each once, in [`KeyRole::ALL`]'s order.
    pub roles: Vec<KeyRole>,
}

/// One key that was made: what may be shown of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeKey {
    /// What it is for.
    pub role: KeyRole,
    /// Where its secret lies.
    pub path: PathBuf,
    /// The public half: a recipient, or the store key's id.
    pub public: PublicHalf,
}

/// What may be known of a key by anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicHalf {
    /// An age recipient.
    Recipient(Recipient),
    /// The id of a store key.
    KeyId(String),
}

impl fmt::Display for PublicHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recipient(recipient) => recipient.fmt(f),
            Self::KeyId(id) => f.write_str(id),
        }
    }
}

impl KeygenPlan {
    /// Plans `roles` (all of them when empty) below `folder`; looks at nothing.
    pub fn new(folder: &Path, roles: &[KeyRole]) -> Self {
        let wanted = |role: &KeyRole| roles.is_empty() || roles.contains(role);
        Self { folder: folder.to_owned(), roles: KeyRole::ALL.into_iter().filter(wanted).collect() }
    }

    /// Where a role's key will lie.
    pub fn path(&self, role: KeyRole) -> PathBuf {
        self.folder.join(role.file())
    }

    /// Refuses when any of the files exists, naming all that do.
    ///
    /// # Errors
    /// Class `key-exists`, or `folder-unusable` when it cannot be asked.
    pub fn check(&self) -> Result<(), Failure> {
        let mut existing = Vec::new();
        for path in self.roles.iter().map(|role| self.path(*role)) {
            // Asked without following links: a dangling link is in the way as well.
            match path.symlink_metadata() {
                Ok(_) => existing.push(path.display().to_string()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    let problem = format!("cannot look for keys in {}", self.folder.display());
                    return Err(Failure::new(ExitStatus::Unavailable, "folder-unusable", problem)
                        .cause(format!("{}: {error}", path.display()))
                        .hint("name a folder that you may write to"));
                }
            }
        }
        if existing.is_empty() {
            return Ok(());
        }
        let problem = format!("keys exist already, none was made: {}", existing.join(", "));
        Err(Failure::new(ExitStatus::Refused, "key-exists", problem)
            .hint("name another folder, or only the missing keys with --only; an existing key may be the only one that opens something"))
    }

    /// Makes the keys: all of them, or none when one cannot be written.
    ///
    /// # Errors
    /// As [`check`](Self::check); class `folder-unusable` when a file cannot be written, after those written
    /// before it are removed.
    pub fn apply(&self, clock: &dyn Clock, entropy: &dyn Entropy) -> Result<Vec<MadeKey>, Failure> {
        self.check()?;
        let mut made: Vec<MadeKey> = Vec::new();
        for role in self.roles.iter().copied() {
            let (text, public) = generate(role, clock, entropy);
            let path = self.path(role);
            if let Err(cause) = write_key(&path, &text) {
                return Err(undo(&made, &path).cause(cause));
            }
            made.push(MadeKey { role, path, public });
        }
        Ok(made)
    }
}

fn generate(role: KeyRole, clock: &dyn Clock, entropy: &dyn Entropy) -> (Zeroizing<Vec<u8>>, PublicHalf) {
    if role == KeyRole::StoreKey {
        let keys = StoreKeys::generate(entropy);
        return (keys.to_file_text(), PublicHalf::KeyId(keys.key_id().to_owned()));
    }
    let (identities, recipient) = Identities::generate_with_recipient();
    (identities.to_file_text(clock.now()), PublicHalf::Recipient(recipient))
}

fn write_key(path: &Path, text: &[u8]) -> Result<(), crate::files::FileError> {
    if let Some(folder) = path.parent() {
        create_directory(folder, FOLDER_MODE)?;
    }
    create_new(path, text, OWNER_ONLY)
}

/// Takes back the keys just made, which nobody can have used yet, and says what happened.
fn undo(made: &[MadeKey], failed: &Path) -> Failure {
    let left: Vec<String> =
        made.iter().filter(|key| remove(&key.path).is_err()).map(|key| key.path.display().to_string()).collect();
    let problem = format!("cannot write {}; no key was made", failed.display());
    let failure = Failure::new(ExitStatus::Unavailable, "folder-unusable", problem);
    if left.is_empty() {
        failure.hint("name a folder that you may write to, with space left")
    } else {
        failure.hint(format!("remove these by hand, they belong to no complete set: {}", left.join(", ")))
    }
}

#[cfg(test)]
mod tests;
