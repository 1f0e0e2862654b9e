//! One command on one Vault: its settings turned into keys, servers and a store, all faults at once.

use std::path::Path;
use std::sync::Arc;

use restore::objects::location::{Checksums, LocationFault, S3Location, StoreLocation, is_inside_cluster};
use restore::objects::{ReadObjects, WriteObjects};
use sops_tools::clock::{Clock, Entropy};
use sops_tools::custody::{Identities, Recipient, StoreKeys};
use sops_tools::files;
use sops_tools::report::{ExitStatus, Failure};
use sops_tools::secret::Token;
use zeroize::Zeroizing;

use crate::daemon::stored::Keyring;
use crate::settings::{Settings, ShareSelection, StoreSettings, VaultSettings};
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
        let vault = chosen(&settings, vault)?.clone();
        let mut faults = Vec::new();
        let mut note = |fault: String| faults.push(fault);
        let keys =
            StoreKeys::load(&settings.store_key_file).map_err(|error| note(format!("storeKeyFile: {error}"))).ok();
        let identities = Identities::load(&settings.identities)
            .map_err(|error| error.faults.iter().for_each(|one| note(format!("identities: {one}"))))
            .ok();
        let name = VaultName::new(vault.name.as_str()).map_err(|error| note(format!("vaults: {error}"))).ok();
        let (nodes, peers) = match clients(&vault) {
            Ok(clients) => clients,
            Err(more) => {
                more.into_iter().for_each(&mut note);
                (Vec::new(), Vec::new())
            }
        };
        match (keys, identities, name) {
            (Some(keys), Some(identities), Some(name)) if faults.is_empty() => {
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
        location(&self.settings.store).open_read_only().map_err(|faults| store_faults(&faults))
    }

    /// The store, for commands that write.
    ///
    /// # Errors
    /// A settings fault of the store.
    pub fn store(&self) -> Result<Arc<dyn WriteObjects>, Failure> {
        location(&self.settings.store).open().map_err(|faults| store_faults(&faults))
    }

    /// Refuses a store that comes up after the Vault it keeps open.
    ///
    /// # Errors
    /// When the store's host is a Service of the cluster.
    pub fn refuse_store_inside_cluster(&self) -> Result<(), Failure> {
        let StoreLocation::S3(s3) = location(&self.settings.store) else { return Ok(()) };
        let Some(host) = s3.host().filter(|host| is_inside_cluster(host, &[])) else { return Ok(()) };
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
            let usage = |what: String| Failure::new(ExitStatus::Usage, "custodian", what);
            let hint = "give each custodian a number of shares; all shares then go to the one store";
            let ShareSelection::Count(count) = custodian.shares else {
                return Err(
                    usage(format!("custodians.{name}: shares by number are not dealt by this version")).hint(hint)
                );
            };
            if custodian.store.is_some() {
                return Err(
                    usage(format!("custodians.{name}: a store of its own is not written by this version")).hint(hint)
                );
            }
            let name = CustodianName::new(name)
                .map_err(|error| usage(format!("custodians.{name}: {error}")).hint("use a-z, 0-9 and -"))?;
            let recipients = custodian.recipients.values().cloned().collect();
            custodians.push(Custodian { name, recipients, portion: Portion::Count(count) });
        }
        Ok(Custody::split(custodians))
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
        path.or(self.vault.token_file.as_deref()).map(read_token).transpose()
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
pub fn read_token(path: &Path) -> Result<Token, Failure> {
    let usage = |cause: String| {
        Failure::new(ExitStatus::Usage, "token-file", format!("{}: no token can be read", path.display()))
            .cause(cause)
            .hint("put the token, and nothing else, into a file that this user may read")
    };
    let text = files::read_secret(path, TOKEN_LIMIT_BYTES).map_err(|error| usage(error.to_string()))?;
    let trimmed = text.trim_ascii();
    if trimmed.is_empty() {
        return Err(usage("the file is empty".to_owned()));
    }
    Ok(Token::new(Zeroizing::new(trimmed.to_vec())))
}

/// Where the settings say that the store is.
pub fn location(store: &StoreSettings) -> StoreLocation {
    match store {
        StoreSettings::Directory(folder) => StoreLocation::Directory(folder.clone()),
        StoreSettings::S3(s3) => StoreLocation::S3(Box::new(S3Location {
            bucket: s3.bucket.clone(),
            prefix: s3.prefix.clone(),
            endpoint: s3.endpoint.clone(),
            region: s3.region.clone(),
            access_key_file: s3.access_key_file.clone(),
            secret_key_file: s3.secret_key_file.clone(),
            ca_file: s3.ca_file.clone(),
            checksums: Checksums::default(),
        })),
    }
}

/// The store's files or folder cannot be used.
pub fn store_faults(faults: &[LocationFault]) -> Failure {
    let mut failure = Failure::new(ExitStatus::Usage, "store-settings", "the store cannot be opened");
    failure.causes = faults.iter().map(|fault| format!("store.{fault}")).collect();
    failure.hint("mend what is named; nothing was changed")
}

/// This host's name, for records in the store.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The Vault of that name, or the only one.
///
/// # Errors
/// When there is none of the name, or several and none was named.
pub fn chosen<'s>(settings: &'s Settings, vault: Option<&str>) -> Result<&'s VaultSettings, Failure> {
    let names = || settings.vaults.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ");
    match (vault, settings.vaults.as_slice()) {
        (Some(name), _) => settings.vault(name).ok_or_else(|| {
            Failure::new(ExitStatus::Usage, "no-such-vault", format!("the settings have no Vault named {name:?}"))
                .hint(format!("use one of: {}", names()))
        }),
        (None, [only]) => Ok(only),
        (None, _) => Err(Failure::new(ExitStatus::Usage, "which-vault", "the settings have several Vaults")
            .hint(format!("say which with --vault: {}", names()))),
    }
}

fn clients(vault: &VaultSettings) -> Result<(Vec<Client>, Vec<Client>), Vec<String>> {
    let mut faults = Vec::new();
    let ca = vault.ca_file.as_deref().map(|path| files::read_limited(path, CA_LIMIT_BYTES)).transpose();
    let ca = ca.map_err(|error| faults.push(format!("vaults.{}.caFile: {error}", vault.name))).ok().flatten();
    let mut make = |url: &url::Url, uid| {
        Target::new(url.as_str(), ca.as_deref(), uid, None)
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
