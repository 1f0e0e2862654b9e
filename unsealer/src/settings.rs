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
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use sops_tools::custody::Recipient;
use url::Url;

pub use address::{AddressFault, plain_address, server_address};
pub use fault::{Fault, Faults, Origin};
pub use source::{Overrides, Sources};

/// Where the daemon serves when `listen` is not set: loopback, so that nothing outside the host or Pod sees it.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:9797";

/// Region that requests are signed for when `store.region` is not set. S3 servers outside AWS accept it.
pub const DEFAULT_REGION: &str = "us-east-1";

/// Keys with a default.
const DEFAULTED: [&str; 2] = ["listen", "store.region"];

/// Everything a command may need to know, validated.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the sealed shares stand.
    pub store: StoreSettings,
    /// File with the store key; its first line signs, every line authenticates.
    pub store_key_file: PathBuf,
    /// Files with age identities, or folders of `*.agekey`. At least one.
    pub identities: Vec<PathBuf>,
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
}

/// Where the share store stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreSettings {
    /// `s3://BUCKET/PREFIX`.
    S3(Box<S3Settings>),
    /// `file:///FOLDER`, an absolute path.
    Directory(PathBuf),
}

impl fmt::Display for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3(s3) if s3.prefix.is_empty() => write!(f, "s3://{}", s3.bucket),
            Self::S3(s3) => write!(f, "s3://{}/{}", s3.bucket, s3.prefix),
            Self::Directory(folder) => write!(f, "file://{}", folder.display()),
        }
    }
}

/// An S3 bucket and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Settings {
    /// Bucket name.
    pub bucket: String,
    /// Prefix without leading or trailing slash; empty = the bucket's root.
    pub prefix: String,
    /// Address of the S3 server; none = AWS, by region.
    pub endpoint: Option<Url>,
    /// Region that requests are signed for. Default [`DEFAULT_REGION`].
    pub region: String,
    /// File with the access key id.
    pub access_key_file: PathBuf,
    /// File with the secret key.
    pub secret_key_file: PathBuf,
    /// PEM file with the CA of the endpoint; none = the public ones.
    pub ca_file: Option<PathBuf>,
}

/// One party of split custody.
#[derive(Debug, Clone)]
pub struct CustodianSettings {
    /// Who can open this custodian's bundle. At least one.
    pub recipients: BTreeMap<String, Recipient>,
    /// Which shares it gets.
    pub shares: ShareSelection,
    /// Where its bundle stands; none = in `store`.
    pub store: Option<StoreSettings>,
}

/// Which shares of a generation a custodian gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShareSelection {
    /// That many, taken in the order of the custodians' names.
    Count(u8),
    /// These, counted from 1 in the order the server gave them.
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
    /// User id that must own the listening socket of each node, all on loopback; none = not checked.
    pub server_uid: Option<u32>,
    /// File with a token; for drill and import on OpenBao, never needed by `run`.
    pub token_file: Option<PathBuf>,
}

/// A Vault's name: 1 to 63 of `a-z`, `0-9` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultName(String);

impl VaultName {
    /// The name, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let letters = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        (letters && (1..=63).contains(&text.len())).then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VaultName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
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
