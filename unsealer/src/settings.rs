//! The settings: one YAML file, `UNSEALER_…` variables over it, flags over both.
//!
//! What was written ([`source`]) and what it means (the types here) are apart: [`load`] turns the one into the other and
//! reports every fault in one run, each with its key, where it came from, what is wrong and what is expected. A report
//! never repeats a value: somebody may have pasted a secret where a path belongs. Secrets come in as file paths alone; the
//! files themselves are read again and again, because they change.

mod address;
mod fault;
mod reader;
pub mod show;

pub mod source;
mod validate;
pub mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use restore::objects::location::StoreLocation;
use sops_tools::custody::Recipient;
use sops_tools::report::{ExitStatus, Failure};
use sops_tools::secret_file::SecretFile;
use url::Url;

use crate::store::names::VaultName;

pub use address::{AddressFault, plain_address, server_address};
pub use fault::{Fault, Faults, Origin};
pub use source::{Overrides, Sources};

/// Where the daemon serves when `listen` is not set: loopback, so that nothing outside the host or Pod sees it.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:9797";

/// Keys with a default.
const DEFAULTED: [&str; 3] = ["listen", "store.region", "store.checksums"];

/// Everything a command may need to know, validated.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the sealed shares stand.
    pub store: StoreLocation,
    /// What opens SOPS files that other settings point into: an identity file or a folder of `*.agekey`; none = nothing points into one.
    pub sops_identity_file: Option<PathBuf>,
    /// Where the store key is read; its first line signs, every line authenticates.
    pub store_key_file: SecretFile,
    /// Files with age identities, folders of `*.agekey`, or places in SOPS files. At least one.
    pub identities: Vec<SecretFile>,
    /// Who can open what is sealed: a name and an age public key. Empty where nothing is ever sealed (`run` needs none).
    pub recipients: BTreeMap<String, Recipient>,
    /// Split custody, by custodian name; empty = one custodian `all` with every share, sealed to `recipients`.
    pub custodians: BTreeMap<String, CustodianSettings>,
    /// The Vaults to keep open; at least one, names unique.
    pub vaults: Vec<VaultSettings>,
    /// Where the daemon serves `/live`, `/ready`, `/metrics` and `/status.json`. Default [`DEFAULT_LISTEN`].
    pub listen: SocketAddr,
    /// Folder for ciphertext and manifests that this host has seen; none = no cache.
    pub cache_dir: Option<PathBuf>,
    /// Folder for init's sealed copy; must outlive the process's container. `init` refuses without it.
    pub state_dir: Option<PathBuf>,
}

impl Settings {
    /// The Vault of that name.
    pub fn vault(&self, name: &str) -> Option<&VaultSettings> {
        self.vaults.iter().find(|vault| vault.name.as_str() == name)
    }

    /// The Vault of that name, or the only one.
    ///
    /// # Errors
    /// When there is none of the name, or several and none was named.
    pub fn chosen(&self, name: Option<&str>) -> Result<&VaultSettings, Failure> {
        let names = || self.vaults.iter().map(|vault| vault.name.as_str()).collect::<Vec<_>>().join(", ");
        let usage = |class, problem: &str, hint: String| Failure::new(ExitStatus::Usage, class, problem).hint(hint);
        match (name, self.vaults.as_slice()) {
            (Some(name), _) => self.vault(name).ok_or_else(|| {
                let problem = "the settings have no Vault of that name";
                usage("no-such-vault", problem, format!("use one of: {}", names()))
            }),
            (None, [only]) => Ok(only),
            (None, _) => {
                let problem = "the settings have several Vaults";
                Err(usage("which-vault", problem, format!("say which with --vault: {}", names())))
            }
        }
    }

    /// The secret that a flag of a command names: a file, or a place in a SOPS file.
    ///
    /// # Errors
    /// It names no place, or no `sopsIdentityFile` is set to open it with.
    pub fn secret_file(&self, named: &Path) -> Result<SecretFile, Failure> {
        SecretFile::of_setting(named, self.sops_identity_file.as_slice()).map_err(|fault| {
            Failure::new(ExitStatus::Usage, "secret-file", format!("{}: {fault}", named.display()))
                .hint("name a file, or a place in a SOPS file together with --sops-identity-file FILE")
        })
    }

    /// Every store: the common one, and those of custodians, each with its key.
    pub fn stores(&self) -> impl Iterator<Item = (String, &StoreLocation)> {
        let own = self.custodians.iter();
        let own = own.filter_map(|(name, custodian)| Some((own_store_key(name), custodian.store.as_ref()?)));
        std::iter::once(("store".to_owned(), &self.store)).chain(own)
    }
}

/// One party of split custody.
#[derive(Debug, Clone)]
pub struct CustodianSettings {
    /// Who can open this custodian's bundle. At least one.
    pub recipients: BTreeMap<String, Recipient>,
    /// Which shares it gets.
    pub shares: ShareSelection,
    /// Where its bundle stands, and it alone; none = in `store`. Records stand in every store.
    pub store: Option<StoreLocation>,
}

/// Which shares of a generation a custodian gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShareSelection {
    /// That many, of those that no list names, in the order of the custodians' names.
    Count(u8),
    /// These, counted from 1 in the order of the shares' last bytes.
    Numbers(Vec<u8>),
}

/// One Vault or OpenBao cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultSettings {
    /// Its name in the store, the metrics and the log.
    pub name: VaultName,
    /// The servers this process keeps open; at least one.
    pub nodes: Vec<Url>,
    /// Other members of the cluster, asked for seal-status and health alone, never sent a share.
    pub peers: Vec<Url>,
    /// PEM file with the CA of nodes and peers; must be there where one of them is https. The system's CAs are not asked.
    pub ca_file: Option<PathBuf>,
    /// The name that the certificates of https nodes and peers must carry; none = the host of each address.
    pub server_name: Option<String>,
    /// User id that must own the listening socket of each node, all on loopback; none = not checked.
    pub server_uid: Option<u32>,
    /// Where a token is read; for drill and import on OpenBao, never needed by `run`.
    pub token_file: Option<SecretFile>,
}

/// Settings and where each came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What is in force.
    pub settings: Settings,
    /// The file they were read from; none when variables and flags alone made them.
    pub file: Option<PathBuf>,
    /// Keys that did not come from the file: the key's path and its origin.
    pub overridden: BTreeMap<String, Origin>,
    /// Keys that nothing gave, so that their default is in force.
    pub defaulted: BTreeSet<&'static str>,
}

impl Loaded {
    /// Where the value under `key` came from, in words.
    pub fn origin(&self, key: &str) -> String {
        if self.defaulted.contains(key) {
            return "default".to_owned();
        }
        fault::origin(&self.overridden, self.file.as_ref(), key).to_string()
    }
}

/// The key of a custodian's own store.
pub fn own_store_key(custodian: &str) -> String {
    format!("custodians.{custodian}.store")
}

/// Reads the file, lays variables and flags over it, and validates the whole.
///
/// # Errors
/// [`Faults`] with every fault. A file that was not asked for by name and is not there is no fault in itself.
pub fn load(sources: &Sources<'_>) -> Result<Loaded, Faults> {
    let source = source::read(sources)?;
    let settings = validate::settings(&source)?;
    let defaulted = DEFAULTED.into_iter().filter(|key| !source.gives(key)).collect();
    Ok(Loaded { settings, file: source.file, overridden: source.overridden, defaulted })
}

#[cfg(test)]
mod tests;
