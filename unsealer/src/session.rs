//! One command on one Vault: its settings turned into keys, servers and a store, all faults at once.

pub mod stores;

use std::path::Path;
use std::sync::Arc;

use restore::objects::location::{StoreLocation, is_inside_cluster};
use restore::objects::{ReadObjects, WriteObjects};
use sops_tools::clock::{Clock, Entropy};
use sops_tools::custody::{Identities, Recipient, StoreKeys};
use sops_tools::files;
use sops_tools::report::{ExitStatus, Failure};
use sops_tools::secret::Token;
use sops_tools::secret_file::SecretFile;
use zeroize::Zeroizing;

use self::stores::Stores;
use crate::opener::Keyring;
use crate::settings::{Settings, ShareSelection, VaultSettings};
use crate::store::cache::Cache;
use crate::store::contents::Contents;
use crate::store::custodians::{Custodian, Custody, Portion};
use crate::store::load::load;
use crate::store::names::{CustodianName, VaultName};
use crate::store::publish::{PublishError, Writer};
use crate::store::view::{StoreView, derive};
use crate::vault::client::Client;
use crate::vault::target::Target;

/// Largest token file, bytes.
const TOKEN_LIMIT_BYTES: usize = 4096;
/// Largest CA file, bytes: a bundle of all public CAs has 250 kB.
const CA_LIMIT_BYTES: usize = 1024 * 1024;

/// What a command works with.
pub struct Session {
    /// All settings.
    pub settings: Settings,
    /// Those of the one Vault.
    pub vault: VaultSettings,
    /// Its name in the store.
    pub name: VaultName,
    /// What authenticates the store.
    pub keys: StoreKeys,
    /// What opens bundles.
    pub identities: Arc<Identities>,
    /// The servers of `nodes`, in order.
    pub nodes: Vec<Client>,
    /// The servers of `peers`.
    pub peers: Vec<Client>,
}

impl Session {
    /// Reads key files and CA, and makes the clients. `vault` may be left out where the settings have one Vault only.
    ///
    /// # Errors
    /// Every fault of the files in one report.
    pub fn open(settings: Settings, vault: Option<&str>) -> Result<Self, Failure> {
        let vault = settings.chosen(vault)?.clone();
        let mut faults = Vec::new();
        let mut note = |fault: String| faults.push(fault);
        let keys =
            StoreKeys::load(&settings.store_key_file).map_err(|error| note(format!("storeKeyFile: {error}"))).ok();
        let identities = Identities::load_all(&settings.identities)
            .map_err(|error| error.faults.iter().for_each(|one| note(format!("identities: {one}"))))
            .ok();
        let (nodes, peers) = match clients(&vault) {
            Ok(clients) => clients,
            Err(more) => {
                more.into_iter().for_each(&mut note);
                (Vec::new(), Vec::new())
            }
        };
        match (keys, identities) {
            (Some(keys), Some(identities)) if faults.is_empty() => {
                let name = vault.name.clone();
                Ok(Self { settings, vault, name, keys, identities: Arc::new(identities), nodes, peers })
            }
            _ => Err(faulty(faults)),
        }
    }

    /// The store, for reading alone.
    ///
    /// # Errors
    /// A settings fault of the store.
    pub fn reader(&self) -> Result<Arc<dyn ReadObjects>, Failure> {
        Stores::of(&self.settings).reader()
    }

    /// The store, for commands that write.
    ///
    /// # Errors
    /// A settings fault of the store.
    pub fn store(&self) -> Result<Arc<dyn WriteObjects>, Failure> {
        Stores::of(&self.settings).writer()
    }

    /// Brings records into every store of the settings that lacks them: the last step of a command that wrote.
    ///
    /// # Errors
    /// The first store that could not be asked or did not take a record.
    pub async fn level(&self) -> Result<(), Failure> {
        let Some(stores) = Stores::of(&self.settings).joined_writer()? else { return Ok(()) };
        let written = stores.level(&self.name, &self.keys).await.map_err(|error| {
            let failure = Failure::from(error);
            let problem = format!("{}: not every store has all records; {}", self.name, failure.problem);
            let hint = "make that store answer, then run the command again: it finishes";
            Failure { problem, ..failure }.hint(hint)
        })?;
        if written > 0 {
            tracing::info!(written, "records were brought into stores that lacked them");
        }
        Ok(())
    }

    /// Refuses a store that comes up after the Vault it keeps open.
    ///
    /// # Errors
    /// When the store's host is a Service of the cluster.
    pub fn refuse_store_inside_cluster(&self) -> Result<(), Failure> {
        let Some(host) = store_inside_cluster(&self.settings) else { return Ok(()) };
        Err(Failure::new(
            ExitStatus::Refused,
            "store-inside-cluster",
            format!("the store's host {host} is inside the cluster"),
        )
        .hint("use an S3 server outside: one inside comes up after Vault, so Vault could never be opened"))
    }

    /// The identities as the opener wants them.
    pub fn keyring(&self) -> Keyring {
        Keyring { vault: self.name.clone(), identities: Arc::clone(&self.identities) }
    }

    /// A writer of this Vault's objects.
    pub fn writer<'a>(
        &'a self,
        store: &'a dyn WriteObjects,
        clock: &'a dyn Clock,
        entropy: &'a dyn Entropy,
    ) -> Writer<'a> {
        Writer::new(store, &self.name, &self.keys, clock, entropy)
    }

    /// What this host's cache holds; nothing where no cache is set.
    ///
    /// # Errors
    /// When a cache that exists cannot be listed.
    pub fn cached(&self) -> Result<Contents, Failure> {
        let Some(folder) = &self.settings.cache_dir else { return Ok(Contents::default()) };
        Cache::new(folder).read(&self.name).map_err(|error| {
            Failure::new(
                ExitStatus::Unavailable,
                "cache-unreadable",
                format!("{}: the cache cannot be read", folder.display()),
            )
            .cause(error)
            .hint("make cacheDir readable for this user, or take it out of the settings for this command")
        })
    }

    /// What the store says now, held against the cache: all of it, or a failure.
    ///
    /// # Errors
    /// When the store could not be asked, or would not give an object that it lists: then nothing may be concluded.
    pub async fn look(&self, store: &dyn ReadObjects) -> Result<StoreView, Failure> {
        let view = self.look_at_readable(store).await?;
        match view.unread.first() {
            None => Ok(view),
            Some(path) => Err(partly_unread(self.name.as_str(), path, view.unread.len())),
        }
    }

    /// As [`look`](Self::look), where what cannot be read does no harm: [`StoreView::unread`] tells it.
    ///
    /// # Errors
    /// When the store could not be asked.
    pub async fn look_at_readable(&self, store: &dyn ReadObjects) -> Result<StoreView, Failure> {
        let cached = self.cached()?;
        let contents = load(store, &self.name, &self.keys, &cached, None).await?;
        Ok(derive(&self.name, &contents, &self.keys, &cached))
    }

    /// Who gets which shares when something is sealed.
    ///
    /// # Errors
    /// A custodian's name that the store does not take.
    pub fn custody(&self) -> Result<Custody, Failure> {
        if self.settings.custodians.is_empty() {
            return Ok(Custody::single(self.settings.recipients.values().cloned().collect()));
        }
        let mut custodians = Vec::new();
        for (name, custodian) in &self.settings.custodians {
            let name = CustodianName::new(name).map_err(|error| {
                Failure::new(ExitStatus::Usage, "custodian", format!("custodians.{name}: {error}"))
                    .hint("use a-z, 0-9 and -")
            })?;
            let portion = match &custodian.shares {
                ShareSelection::Count(count) => Portion::Count(*count),
                ShareSelection::Numbers(numbers) => Portion::Numbers(numbers.iter().copied().collect()),
            };
            let recipients = custodian.recipients.values().cloned().collect();
            custodians.push(Custodian { name, recipients, portion, own_store: custodian.store.is_some() });
        }
        Ok(Custody::split(custodians))
    }

    /// As [`custody`](Self::custody), fit for a split of `threshold` of `total`.
    ///
    /// # Errors
    /// Every way in which it does not fit.
    pub fn fitting_custody(&self, threshold: u8, total: u8, allow_single: bool) -> Result<Custody, Failure> {
        let custody = self.custody()?;
        let ours = self.identities.to_recipients();
        custody.check(threshold, total, &ours, allow_single).map_err(|faults| {
            let mut failure = Failure::new(ExitStatus::Refused, "custody", "the recipients do not fit");
            failure.causes = faults.iter().map(ToString::to_string).collect();
            failure.hint("set recipients to the daemon's own and an offline one; fewer only with --single-recipient")
        })?;
        for recipient in custody.gathering(threshold, total) {
            tracing::warn!(
                recipient = recipient.as_str(),
                "this key is a recipient of several custodians and opens a threshold of shares: for who has it, custody is not split"
            );
        }
        Ok(custody)
    }

    /// The recipients that none of the identities at hand opens for: where root tokens go. All recipients where there is no other.
    pub fn offline_recipients(&self) -> Vec<Recipient> {
        let ours = self.identities.to_recipients();
        let all: Vec<Recipient> = self.settings.recipients.values().cloned().collect();
        let offline: Vec<Recipient> = all.iter().filter(|recipient| !ours.contains(recipient)).cloned().collect();
        if offline.is_empty() { all } else { offline }
    }

    /// The token of `tokenFile` (or of `path`, which goes before it); none where neither is set.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn token(&self, path: Option<&Path>) -> Result<Option<Token>, Failure> {
        let named = path.map(|path| self.settings.secret_file(path)).transpose()?;
        named.as_ref().or(self.vault.token_file.as_ref()).map(read_token).transpose()
    }
}

/// The store lists objects and does not give them, or holds more than can be listed.
pub fn partly_unread(vault: &str, path: &str, count: usize) -> Failure {
    Failure::new(
        ExitStatus::Unavailable,
        "store-partly-unread",
        format!("{vault}: part of the store could not be read: {count} objects or folders, first {path}"),
    )
    .hint(
        "what they say is not known, so nothing was decided; try again, and if it stays so look at the store's own log, and for objects of strangers under this name",
    )
}

/// Reads a token file; one trailing line end is left out.
///
/// # Errors
/// When it cannot be read or is empty.
pub fn read_token(file: &SecretFile) -> Result<Token, Failure> {
    let usage = |cause: String| {
        Failure::new(ExitStatus::Usage, "token-file", format!("{file}: no token can be read"))
            .cause(cause)
            .hint("put the token, and nothing else, into a file that this user may read")
    };
    let text = file.read(TOKEN_LIMIT_BYTES).map_err(|error| usage(error.to_string()))?;
    let trimmed = text.trim_ascii();
    if trimmed.is_empty() {
        return Err(usage("the file is empty".to_owned()));
    }
    Ok(Token::new(Zeroizing::new(trimmed.to_vec())))
}

/// The host of a store that is a Service of the cluster: it comes up after the Vault that it keeps open.
pub fn store_inside_cluster(settings: &Settings) -> Option<String> {
    settings.stores().find_map(|(_, location)| {
        let StoreLocation::S3(s3) = location else { return None };
        s3.host().filter(|host| is_inside_cluster(host, &[])).map(ToOwned::to_owned)
    })
}

/// This host's name, for records in the store.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn clients(vault: &VaultSettings) -> Result<(Vec<Client>, Vec<Client>), Vec<String>> {
    let mut faults = Vec::new();
    let ca = vault.ca_file.as_deref().map(|path| files::read_limited(path, CA_LIMIT_BYTES)).transpose();
    let ca = ca.map_err(|error| faults.push(format!("vaults.{}.caFile: {error}", vault.name))).ok().flatten();
    let mut make = |url: &url::Url, uid| {
        let name = vault.server_name.as_deref().filter(|_| url.scheme() == "https");
        Target::new(url.as_str(), ca.as_deref(), uid, name)
            .and_then(Client::new)
            .map_err(|error| faults.push(format!("vaults.{}: {error}", vault.name)))
            .ok()
    };
    let nodes: Vec<Client> = vault.nodes.iter().filter_map(|url| make(url, vault.server_uid)).collect();
    let peers: Vec<Client> = vault.peers.iter().filter_map(|url| make(url, None)).collect();
    if faults.is_empty() { Ok((nodes, peers)) } else { Err(faults) }
}

fn faulty(faults: Vec<String>) -> Failure {
    let mut failure =
        Failure::new(ExitStatus::Usage, "settings-files", "files that the settings name cannot be used".to_owned());
    failure.causes = faults;
    failure.hint("mend them and run the command again; nothing was changed")
}

/// Something of this Vault was not written into the store.
pub fn not_stored(vault: &str, what: &str, error: &PublishError) -> Failure {
    let problem = format!("{vault}: the {what} could not be stored");
    match error {
        PublishError::Store(error) => {
            let inner = Failure::from(error.clone());
            Failure { problem, causes: [vec![inner.problem], inner.causes].concat(), ..inner }
        }
        PublishError::Refused(refusal) => {
            Failure::new(ExitStatus::Refused, refusal.class(), problem).cause(refusal).hint(refusal.hint())
        }
        PublishError::Taken { .. } => Failure::new(ExitStatus::Refused, "name-taken", problem)
            .cause(error)
            .hint("another writer was faster, or somebody put an object there; run the command again, it takes the next number"),
        PublishError::Sign(_) | PublishError::Make(_) => {
            Failure::new(ExitStatus::Unexpected, "not-sealed", problem).cause(error).hint("this is a fault of unsealer; nothing was changed")
        }
        _ => Failure::new(ExitStatus::Integrity, "not-read-back", problem)
            .cause(error)
            .hint("the store gives back something else than it took: find out why before anything relies on it"),
    }
}
