//! Writing to the store: create-only, read back, and safe to repeat after a crash or a lost answer.
//!
//! A generation is written by [`Writer::stage`]: bundles, then the manifest; each is read back, and what an identity at hand
//! opens is opened and compared with the shares. Repeating it with the same shares after a crash takes over the bundles that
//! were stored; with other shares the number is [`PublishError::Taken`].

use jiff::Timestamp;
use restore::objects::{ErrorKind, ObjectError, ObjectPath, ProbeVerdict, WriteObjects};
use sops_tools::clock::{Clock, Entropy};
use sops_tools::custody::{Recipient, SEALED_LIMIT, StoreKeys};

use super::bundle::{self, BundleFault, MakeError};
use super::envelope::{self, EnvelopeFault, JSON_LIMIT, SignError};
use super::names::{MarkKind, Name, ObjectId, VaultName};
use super::records::{
    HoldRecord, IntentCloseRecord, IntentRecord, MarkRecord, Record, ReleaseRecord, RootTokenRecord, SupersededRecord,
};
use super::view::{Generation, Seal, StoreView};

mod generation;

pub use generation::{Parcel, Staged, Staging};

/// Writes objects of one Vault.
#[derive(Clone, Copy)]
pub struct Writer<'a> {
    store: &'a dyn WriteObjects,
    vault: &'a VaultName,
    keys: &'a StoreKeys,
    clock: &'a dyn Clock,
    entropy: &'a dyn Entropy,
}

/// Why a command must not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Objects stand under the name and none is authentic.
    #[error("objects stand under this Vault's name and none is authentic: they are signed with another store key")]
    OtherStoreKey,
    /// The store went back.
    #[error("the store went back: objects that this host has seen are gone")]
    RolledBack,
    /// A second write to one name was accepted.
    #[error("the store ignores conditional writes: it would overwrite shares")]
    ConditionsIgnored,
    /// All numbers up to 999999 are taken.
    #[error("no number is left under this Vault's name")]
    NumbersUsedUp,
}

impl Refusal {
    /// One next step for a person.
    pub fn hint(self) -> &'static str {
        match self {
            Self::OtherStoreKey => "give the store key these objects were signed with, or another prefix",
            Self::RolledBack => {
                "put the objects back with `unsealer store copy` from this host's cache, or find out who deleted them"
            }
            Self::ConditionsIgnored => "use a store that honours If-None-Match, or a directory",
            Self::NumbersUsedUp => "find out who filled the store, or use another prefix",
        }
    }

    /// Stable word for JSON output.
    pub fn class(self) -> &'static str {
        match self {
            Self::OtherStoreKey => "another-store-key",
            Self::RolledBack => "store-rolled-back",
            Self::ConditionsIgnored => "conditions-ignored",
            Self::NumbersUsedUp => "numbers-used-up",
        }
    }
}

/// Whether a command that starts something new (init, import, rotate, retire, prune) may write where `view` was seen.
///
/// # Errors
/// [`Refusal::OtherStoreKey`] or [`Refusal::RolledBack`].
pub fn may_begin(view: &StoreView) -> Result<(), Refusal> {
    may_add(view)?;
    if view.rolled_back { Err(Refusal::RolledBack) } else { Ok(()) }
}

/// Whether a command that adds a mark, a hold, a release or a copy may write where `view` was seen: also after a rollback.
///
/// # Errors
/// [`Refusal::OtherStoreKey`].
pub fn may_add(view: &StoreView) -> Result<(), Refusal> {
    if view.anything_here && !view.anything_authentic { Err(Refusal::OtherStoreKey) } else { Ok(()) }
}

/// Why something was not written, or not proven to be.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The store said no, or could not be asked. Repeating the same call is safe.
    #[error(transparent)]
    Store(#[from] ObjectError),
    /// Something else stands under this name: another writer was faster, or a stranger. Look again and take the next number.
    #[error("{path} is taken by something else")]
    Taken {
        /// From `vaults/` on.
        path: String,
    },
    /// What is read back is not what was written.
    #[error("{path}: read back, it is not what was written")]
    NotReadBack {
        /// From `vaults/` on.
        path: String,
    },
    /// What was read back does not open as it must.
    #[error("{path}: read back, it does not open")]
    NotOpened {
        /// From `vaults/` on.
        path: String,
        /// Why.
        source: BundleFault,
    },
    /// What was read back is not authentic.
    #[error("{path}: read back, it is not authentic")]
    NotAuthentic {
        /// From `vaults/` on.
        path: String,
        /// Why.
        source: EnvelopeFault,
    },
    /// The record cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The shares cannot be sealed.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// Policy says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl PublishError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Store(error) if error.kind.is_retryable())
    }
}

impl<'a> Writer<'a> {
    /// A writer for `vault`.
    pub fn new(
        store: &'a dyn WriteObjects,
        vault: &'a VaultName,
        keys: &'a StoreKeys,
        clock: &'a dyn Clock,
        entropy: &'a dyn Entropy,
    ) -> Self {
        Self { store, vault, keys, clock, entropy }
    }

    /// Finds out whether the store honours create-only writes: before the first write of a command. Leaves one object
    /// `probe/<id>`. Checked, not proven.
    ///
    /// # Errors
    /// [`Refusal::ConditionsIgnored`], or the store could not be asked.
    pub async fn probe(&self) -> Result<(), PublishError> {
        match self.store.probe().await? {
            ProbeVerdict::ConditionsWork => Ok(()),
            ProbeVerdict::ConditionsIgnored => Err(Refusal::ConditionsIgnored.into()),
        }
    }

    /// Writes `intents/<number>.json`: exactly one of several writers gets it. Repeating it with the same record is a success.
    ///
    /// # Errors
    /// [`PublishError::Taken`] when another intent has the number.
    pub async fn open_intent(&self, number: u32, intent: IntentRecord) -> Result<(), PublishError> {
        self.put_once(&Name::Intent { number }, Record::Intent(intent)).await
    }

    /// Closes an intent.
    ///
    /// # Errors
    /// As the store says.
    pub async fn close_intent(&self, number: u32, close: IntentCloseRecord) -> Result<(), PublishError> {
        let name = Name::IntentClosed { number, id: self.id() };
        self.put(&name, Record::IntentClose(close)).await
    }

    /// Writes a proven, abandoned or retired mark. Repeating it writes a second one, which says the same.
    ///
    /// # Errors
    /// As the store says.
    pub async fn mark(&self, generation: Generation, kind: MarkKind, mark: MarkRecord) -> Result<(), PublishError> {
        let name = Name::Mark { generation, kind, id: self.id() };
        self.put(&name, Record::mark(kind, mark)).await
    }

    /// Marks a seal superseded by a newer one of the same generation.
    ///
    /// # Errors
    /// As the store says.
    pub async fn supersede(
        &self,
        generation: Generation,
        seal: Seal,
        record: SupersededRecord,
    ) -> Result<(), PublishError> {
        let name = Name::Superseded { generation, seal, id: self.id() };
        self.put(&name, Record::Superseded(record)).await
    }

    /// Sets a hold and gives its id.
    ///
    /// # Errors
    /// As the store says.
    pub async fn hold(&self, hold: HoldRecord) -> Result<ObjectId, PublishError> {
        let id = self.id();
        self.put(&Name::Hold { id: id.clone() }, Record::Hold(hold)).await?;
        Ok(id)
    }

    /// Writes a release and gives its id. Naming no hold is allowed: it still ends an inferred one.
    ///
    /// # Errors
    /// As the store says.
    pub async fn release(&self, release: ReleaseRecord) -> Result<ObjectId, PublishError> {
        let id = self.id();
        self.put(&Name::Hold { id: id.clone() }, Record::Release(release)).await?;
        Ok(id)
    }

    /// Stores a sealed root token under `id`, then its authentic digest. Repeating it with the same id and bytes is a success.
    ///
    /// # Errors
    /// [`PublishError::Taken`] when other bytes stand under the id.
    pub async fn root_token(
        &self,
        generation: Generation,
        id: &ObjectId,
        sealed: &[u8],
        recipients: &[Recipient],
    ) -> Result<(), PublishError> {
        self.create(&Name::RootToken { generation, id: id.clone() }, sealed).await?;
        let record = RootTokenRecord {
            digest: bundle::digest(sealed),
            size: sealed.len() as u64,
            recipients: recipients.iter().map(Recipient::fingerprint).collect(),
        };
        self.put_once(&Name::RootTokenRecord { generation, id: id.clone() }, Record::RootToken(record)).await
    }

    /// Signs `record` and stores it under a name that has a random id, then reads it back.
    async fn put(&self, name: &Name, record: Record) -> Result<(), PublishError> {
        self.put_at(name, record, self.clock.now()).await
    }

    /// Writes what an older key authenticates anew, under a fresh id and with its own time.
    pub(super) async fn put_again(
        &self,
        old: &Name,
        record: &Record,
        at: Timestamp,
        sealed: Option<&[u8]>,
    ) -> Result<(), PublishError> {
        let id = self.id();
        let name = match old {
            Name::Mark { generation, kind, .. } => Name::Mark { generation: *generation, kind: *kind, id },
            Name::Superseded { generation, seal, .. } => Name::Superseded { generation: *generation, seal: *seal, id },
            Name::Hold { .. } => Name::Hold { id },
            Name::RootTokenRecord { generation, .. } => {
                let token = Name::RootToken { generation: *generation, id: id.clone() };
                self.create(&token, sealed.unwrap_or_default()).await?;
                Name::RootTokenRecord { generation: *generation, id }
            }
            other => return Err(PublishError::Taken { path: other.path(self.vault) }),
        };
        self.put_at(&name, record.clone(), at).await
    }

    async fn put_at(&self, name: &Name, record: Record, at: Timestamp) -> Result<(), PublishError> {
        let bytes = envelope::sign(self.vault, name, record, &self.id(), at, self.keys)?;
        self.create(name, &bytes).await
    }

    /// As [`Writer::put`] for a name that others may want as well: an authentic object that says the same is ours.
    async fn put_once(&self, name: &Name, record: Record) -> Result<(), PublishError> {
        match self.put(name, record.clone()).await {
            Err(PublishError::Taken { path }) => {
                let there = self.get(name, JSON_LIMIT).await?;
                match envelope::open(self.vault, name, &there, self.keys) {
                    // Written again as it stands: it may be missing in another store.
                    Ok(authentic) if authentic.payload.record == record => self.create(name, &there).await,
                    _ => Err(PublishError::Taken { path }),
                }
            }
            other => other,
        }
    }

    /// Stores exactly `bytes` and reads them back.
    async fn create(&self, name: &Name, bytes: &[u8]) -> Result<(), PublishError> {
        let path = name.path(self.vault);
        match self.store.create(&object_path(&path)?, bytes).await {
            Ok(_) => {}
            Err(error) if error.kind == ErrorKind::Conflict => return Err(PublishError::Taken { path }),
            Err(error) => return Err(error.into()),
        }
        let there = self.get(name, bytes.len().max(1)).await?;
        if there == bytes { Ok(()) } else { Err(PublishError::NotReadBack { path }) }
    }

    async fn get(&self, name: &Name, limit: usize) -> Result<Vec<u8>, PublishError> {
        let path = object_path(&name.path(self.vault))?;
        Ok(self.store.get(&path, limit.min(SEALED_LIMIT) as u64).await?)
    }

    fn id(&self) -> ObjectId {
        ObjectId::random(self.entropy)
    }
}

/// Paths of this layout are always names a store takes.
fn object_path(path: &str) -> Result<ObjectPath, PublishError> {
    ObjectPath::new(path).map_err(|_| PublishError::Taken { path: path.to_owned() })
}

#[cfg(test)]
mod tests;
