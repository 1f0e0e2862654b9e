//! From settings to a store.

mod cluster;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sops_tools::secret_file::SecretFile;
use url::Url;

use super::directory::DirectoryStore;
use super::s3::S3Store;
use super::{ReadObjects, WriteObjects};

pub use cluster::{AddressRange, is_inside_cluster};

/// Region used where the settings name none: what most servers that are not Amazon's take for any.
pub const DEFAULT_REGION: &str = "us-east-1";

/// When checksums are sent with writes and checked on reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checksums {
    /// Always where the protocol can: the default.
    #[default]
    Always,
    /// Only where the protocol demands it, for old servers that refuse the others.
    WhenRequired,
}

impl Checksums {
    /// Every value.
    pub const ALL: [Self; 2] = [Self::Always, Self::WhenRequired];

    /// The word of a settings file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::WhenRequired => "when-required",
        }
    }
}

/// Where a store is, as a settings file says it. Only `url` is always needed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LocationSettings {
    /// `s3://BUCKET/PREFIX` (the prefix may be empty) or `file:///PATH`.
    pub url: String,
    /// Address of the S3 server, `https://HOST[:PORT]`; without it Amazon's of the region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Region that requests are signed for. Default [`DEFAULT_REGION`], needed without an endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// File with the access key id, or its place in a SOPS file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_file: Option<PathBuf>,
    /// File with the secret key, or its place in a SOPS file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_file: Option<PathBuf>,
    /// PEM file of the only authorities trusted for https. Default: the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// When checksums are used. Default `always`.
    #[serde(default)]
    pub checksums: Checksums,
    /// What opens SOPS files that the two key files point into. A setting of its own, not of the location.
    #[serde(skip)]
    pub sops_identities: Vec<PathBuf>,
}

/// One fault of a location, named by its setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct LocationFault {
    /// The setting: `url`, `endpoint`, `region`, `accessKeyFile`, `secretKeyFile`, `caFile`.
    pub key: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl LocationFault {
    pub(super) fn new(key: &'static str, problem: impl Into<String>) -> Self {
        Self { key, problem: problem.into() }
    }
}

/// A checked location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    /// A bucket.
    S3(Box<S3Location>),
    /// A directory, absolute.
    Directory(PathBuf),
}

/// A checked S3 location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Location {
    /// Name of the bucket.
    pub bucket: String,
    /// What stands before every name, without slashes at its ends; may be empty.
    pub prefix: String,
    /// `http://` or `https://`, host and port; `None` = Amazon's of the region.
    pub endpoint: Option<Url>,
    /// Region that requests are signed for.
    pub region: String,
    /// Where the access key id is read.
    pub access_key_file: SecretFile,
    /// Where the secret key is read.
    pub secret_key_file: SecretFile,
    /// PEM file of the only authorities trusted.
    pub ca_file: Option<PathBuf>,
    /// When checksums are used.
    pub checksums: Checksums,
}

impl S3Location {
    /// Whether requests travel unencrypted.
    pub fn is_plain_http(&self) -> bool {
        self.endpoint.as_ref().is_some_and(|endpoint| endpoint.scheme() == "http")
    }

    /// Host of the endpoint, where one is set.
    pub fn host(&self) -> Option<&str> {
        self.endpoint.as_ref().and_then(Url::host_str)
    }

    /// The server's address for messages.
    pub fn address(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => endpoint.as_str().trim_end_matches('/').to_owned(),
            None => format!("Amazon S3 in {}", self.region),
        }
    }

    /// Bucket, prefix and server for messages; no credentials.
    pub fn describe(&self) -> String {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        let open = if self.is_plain_http() { " (unencrypted)" } else { "" };
        format!("s3://{}{slash}{} at {}{open}", self.bucket, self.prefix, self.address())
    }
}

impl LocationSettings {
    /// A directory store's settings.
    pub fn directory(path: &std::path::Path) -> Self {
        Self { url: format!("file://{}", path.display()), ..Self::default() }
    }

    /// Checks all settings; no file is touched.
    ///
    /// # Errors
    /// Every fault found, each with its setting.
    pub fn check(&self) -> Result<StoreLocation, Vec<LocationFault>> {
        match self.url.split_once("://") {
            Some(("file", path)) => self.check_directory(path),
            Some(("s3", rest)) => self.check_s3(rest),
            _ => Err(vec![LocationFault::new("url", "is not a store's address")]),
        }
    }

    fn check_directory(&self, path: &str) -> Result<StoreLocation, Vec<LocationFault>> {
        let mut faults = Vec::new();
        if !path.starts_with('/') || path.trim_matches('/').is_empty() || path.split('/').any(|part| part == "..") {
            faults.push(LocationFault::new("url", "file:// needs an absolute path below /, without .."));
        }
        let for_s3 = [
            ("endpoint", self.endpoint.is_some()),
            ("region", self.region.is_some()),
            ("accessKeyFile", self.access_key_file.is_some()),
            ("secretKeyFile", self.secret_key_file.is_some()),
            ("caFile", self.ca_file.is_some()),
        ];
        for (key, _) in for_s3.into_iter().filter(|(_, set)| *set) {
            faults.push(LocationFault::new(key, "has no meaning for a folder"));
        }
        if faults.is_empty() { Ok(StoreLocation::Directory(PathBuf::from(path))) } else { Err(faults) }
    }

    fn check_s3(&self, rest: &str) -> Result<StoreLocation, Vec<LocationFault>> {
        let mut faults = Vec::new();
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        if !is_bucket_name(bucket) {
            faults.push(LocationFault::new("url", "the bucket's name must be 3 to 63 of a-z 0-9 . -"));
        }
        if !prefix.is_empty()
            && let Err(fault) = super::ObjectPath::new(prefix)
        {
            faults.push(LocationFault::new("url", format!("the prefix after the bucket: {fault}")));
        }
        let endpoint = self.endpoint.as_deref().map(check_endpoint).transpose().unwrap_or_else(|problem| {
            faults.push(LocationFault::new("endpoint", problem));
            None
        });
        if self.endpoint.is_none() && self.region.is_none() {
            faults.push(LocationFault::new("region", "needed where no endpoint is set"));
        }
        let region = self.region.clone().unwrap_or_else(|| DEFAULT_REGION.to_owned());
        if region.is_empty() || !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            faults.push(LocationFault::new("region", "must be letters, digits, - and _"));
        }
        if self.ca_file.is_some() && endpoint.as_ref().is_some_and(|endpoint| endpoint.scheme() == "http") {
            faults.push(LocationFault::new("caFile", "has no meaning for an endpoint without https"));
        }
        let mut needed = |key, file: &Option<PathBuf>| {
            let named = file.as_deref().ok_or_else(|| "needed for s3://".to_owned());
            let secret = named.and_then(|file| {
                SecretFile::of_setting(file, &self.sops_identities).map_err(|fault| fault.to_string())
            });
            secret.unwrap_or_else(|problem| {
                faults.push(LocationFault::new(key, problem));
                PathBuf::new().into()
            })
        };
        let location = S3Location {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            endpoint,
            region,
            access_key_file: needed("accessKeyFile", &self.access_key_file),
            secret_key_file: needed("secretKeyFile", &self.secret_key_file),
            ca_file: self.ca_file.clone(),
            checksums: self.checksums,
        };
        if faults.is_empty() { Ok(StoreLocation::S3(Box::new(location))) } else { Err(faults) }
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>, as far as it is the protocol's.
fn is_bucket_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    (3..=63).contains(&name.len()) && name.bytes().all(allowed) && !name.contains("..") && !name.starts_with(['.', '-'])
}

fn check_endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("must be http:// or https:// and a host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or password: keys come from accessKeyFile and secretKeyFile".to_owned());
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("must end after host and port: the bucket stands in url".to_owned());
    }
    Ok(url)
}

/// The `url` of a settings file.
impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3(s3) if s3.prefix.is_empty() => write!(f, "s3://{}", s3.bucket),
            Self::S3(s3) => write!(f, "s3://{}/{}", s3.bucket, s3.prefix),
            Self::Directory(folder) => write!(f, "file://{}", folder.display()),
        }
    }
}

impl StoreLocation {
    /// Whether both are one place: objects written to the one are found in the other.
    pub fn same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::S3(one), Self::S3(other)) => {
                (&one.bucket, &one.prefix, &one.endpoint) == (&other.bucket, &other.prefix, &other.endpoint)
            }
            (Self::Directory(one), Self::Directory(other)) => one == other,
            _ => false,
        }
    }

    /// The store for a command that writes; a missing directory is made.
    ///
    /// # Errors
    /// Every fault of the files and folders that the location names. Nothing is asked of a server.
    pub fn open(&self) -> Result<Arc<dyn WriteObjects>, Vec<LocationFault>> {
        match self {
            Self::S3(location) => Ok(Arc::new(S3Store::open((**location).clone())?)),
            Self::Directory(path) => match DirectoryStore::open_or_make(path) {
                Ok(store) => Ok(Arc::new(store)),
                Err(error) => Err(vec![LocationFault::new("url", error.to_string())]),
            },
        }
    }

    /// The store for who only reads; a missing directory is a fault.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_read_only(&self) -> Result<Arc<dyn ReadObjects>, Vec<LocationFault>> {
        match self {
            Self::S3(location) => Ok(Arc::new(S3Store::open((**location).clone())?)),
            Self::Directory(path) => match DirectoryStore::open(path) {
                Ok(store) => Ok(Arc::new(store)),
                Err(error) => Err(vec![LocationFault::new("url", error.to_string())]),
            },
        }
    }
}

#[cfg(test)]
mod tests;
