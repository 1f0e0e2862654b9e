//! S3 and what speaks its protocol.
//!
//! Path style always. A read is repeated whole up to three times, also when its body broke off; a write is sent
//! once and then looked for. Times: connect 2 s, an attempt 4 s and its body one second more for each 64 KiB, no
//! new attempt after 8 s.

mod about;
mod client;
mod credentials;
mod fault;
mod listing;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use sops_tools::clock::{Clock, System};
use tokio::time::{Instant, timeout, timeout_at};

use super::create::{self, CreateOnce};
use super::location::{LocationFault, S3Location};
use super::path::check_prefix;
use super::retry;
use super::{
    About, Bounds, Created, ErrorKind, ObjectError, ObjectPath, ProbeVerdict, ReadObjects, Survey, Wanted, WriteObjects,
};
use credentials::KeyFiles;
use fault::{Evidence, Verdict};

/// Longest wait for a connection.
pub const CONNECT: Duration = Duration::from_secs(2);
/// Longest time of one attempt, the body's [`LEAST_RATE`] allowance not counted.
pub const ATTEMPT: Duration = Duration::from_secs(4);
/// No attempt starts later than this after the first.
pub const LAST_START: Duration = Duration::from_secs(8);
/// Slowest accepted transfer, bytes a second.
pub const LEAST_RATE: u64 = 64 * 1024;
/// A stream that stalls for so long is given up before its deadline.
const CHECK_GRACE: Duration = Duration::from_secs(3);

/// One bucket, below a prefix.
#[derive(Clone)]
pub struct S3Store {
    client: aws_sdk_s3::Client,
    location: S3Location,
    clock: Arc<dyn Clock>,
}

impl S3Store {
    /// Builds the client and checks the files that the location names; nothing is sent.
    ///
    /// # Errors
    /// Every fault of the files, each with its setting: a CA or key file that cannot be read or used, and https
    /// without a CA file on a system that has no authorities of its own.
    pub fn open(location: S3Location) -> Result<Self, Vec<LocationFault>> {
        Self::open_with_clock(location, Arc::new(System))
    }

    /// As [`open`](Self::open), signing requests for the time of `clock`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with_clock(location: S3Location, clock: Arc<dyn Clock>) -> Result<Self, Vec<LocationFault>> {
        let keys = KeyFiles::new(location.access_key_file.clone(), location.secret_key_file.clone());
        let mut faults = Vec::new();
        if let Err(problem) = keys.check_access_key() {
            faults.push(LocationFault::new("accessKeyFile", problem));
        }
        if let Err(problem) = keys.check_secret_key() {
            faults.push(LocationFault::new("secretKeyFile", problem));
        }
        let pem = trust(&location).map_err(|problem| faults.push(LocationFault::new("caFile", problem)));
        let (Ok(pem), true) = (pem, faults.is_empty()) else { return Err(faults) };
        let client = client::build(&location, pem, keys, Arc::clone(&clock))
            .map_err(|problem| vec![LocationFault::new("endpoint", problem)])?;
        Ok(Self { client, location, clock })
    }

    fn key(&self, name: &str) -> String {
        match self.location.prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        }
    }

    fn error(&self, operation: &'static str, name: &str, verdict: Verdict) -> ObjectError {
        let place = format!("s3://{}/{} at {}", self.location.bucket, self.key(name), self.location.address());
        let error = ObjectError::new(verdict.kind, operation, place, verdict.detail);
        match verdict.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    fn failed<E>(&self, operation: &'static str, name: &str, error: &SdkError<E>) -> ObjectError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.error(operation, name, Evidence::of(error, self.clock.now()).judge())
    }

    fn plain(&self, operation: &'static str, name: &str, kind: ErrorKind, detail: impl Into<String>) -> ObjectError {
        self.error(operation, name, Verdict { kind, detail: detail.into(), hint: None })
    }

    fn late(&self, operation: &'static str, name: &str, allowed: Duration) -> ObjectError {
        self.plain(operation, name, ErrorKind::Unavailable, format!("no whole answer within {} s", allowed.as_secs()))
    }

    async fn get_once(&self, path: &ObjectPath, limit_bytes: u64) -> Result<Vec<u8>, ObjectError> {
        let started = Instant::now();
        let name = path.as_str();
        let request = self.client.get_object().bucket(&self.location.bucket).key(self.key(name)).send();
        let answer = match timeout(ATTEMPT, request).await {
            Ok(answer) => answer.map_err(|error| self.failed("get", name, &error))?,
            Err(_) => return Err(self.late("get", name, ATTEMPT)),
        };
        let announced = answer.content_length().and_then(|length| u64::try_from(length).ok());
        if announced.is_some_and(|length| length > limit_bytes) {
            return Err(self.too_large(name, limit_bytes));
        }
        let allowed = ATTEMPT + transfer(announced.unwrap_or(limit_bytes));
        let body = self.collect(name, answer.body, limit_bytes);
        let bytes = match timeout_at(started + allowed, body).await {
            Ok(bytes) => bytes?,
            Err(_) => return Err(self.late("get", name, allowed)),
        };
        if announced.is_some_and(|length| length != bytes.len() as u64) {
            return Err(self.plain("get", name, ErrorKind::Unavailable, "the body is shorter than announced"));
        }
        Ok(bytes)
    }

    async fn collect(&self, name: &str, mut body: ByteStream, limit_bytes: u64) -> Result<Vec<u8>, ObjectError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| self.error("get", name, fault::judge_body(fault::causes(&error))))?;
            if (bytes.len() + chunk.len()) as u64 > limit_bytes {
                return Err(self.too_large(name, limit_bytes));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn too_large(&self, name: &str, limit_bytes: u64) -> ObjectError {
        self.plain("get", name, ErrorKind::TooLarge, format!("larger than the limit of {limit_bytes} bytes"))
    }
}

/// The exclusive trust of the location; `None` for plain http and for the system's own authorities.
fn trust(location: &S3Location) -> Result<Option<Vec<u8>>, String> {
    /// A bundle of all public authorities is about 230 kB.
    const LIMIT: usize = 1024 * 1024;
    if let Some(path) = &location.ca_file {
        let pem = sops_tools::files::read_limited(path, LIMIT).map_err(|error| error.to_string())?;
        client::check_pem(&pem).map_err(|fault| format!("{}: {fault}", path.display()))?;
        return Ok(Some(pem));
    }
    if location.is_plain_http() || client::system_has_roots() {
        return Ok(None);
    }
    Err("needed for https: this system has no certificate authorities of its own".to_owned())
}

/// Time for `bytes` at [`LEAST_RATE`].
fn transfer(bytes: u64) -> Duration {
    Duration::from_secs(bytes.div_ceil(LEAST_RATE))
}

#[async_trait]
impl ReadObjects for S3Store {
    async fn get(&self, path: &ObjectPath, limit_bytes: u64) -> Result<Vec<u8>, ObjectError> {
        retry::read(LAST_START, || self.get_once(path, limit_bytes)).await
    }

    async fn survey(&self, prefix: &str, wanted: Wanted, bounds: Bounds) -> Result<Survey, ObjectError> {
        check_prefix(prefix).map_err(|fault| self.plain("list", prefix, ErrorKind::Settings, fault.to_string()))?;
        listing::survey(self, prefix, wanted, bounds).await
    }

    async fn about(&self) -> About {
        Box::pin(about::about(self)).await
    }

    fn describe(&self) -> String {
        self.location.describe()
    }

    fn is_plain_http(&self) -> bool {
        self.location.is_plain_http()
    }
}

#[async_trait]
impl CreateOnce for S3Store {
    async fn create_once(&self, path: &ObjectPath, bytes: &[u8]) -> Result<(), ObjectError> {
        let name = path.as_str();
        let allowed = ATTEMPT + transfer(bytes.len() as u64);
        let request = self
            .client
            .put_object()
            .bucket(&self.location.bucket)
            .key(self.key(name))
            .if_none_match("*")
            .body(ByteStream::from(bytes.to_vec()))
            .send();
        match timeout(allowed, request).await {
            Ok(answer) => answer.map(drop).map_err(|error| self.failed("create", name, &error)),
            Err(_) => Err(self.late("create", name, allowed)),
        }
    }
}

#[async_trait]
impl WriteObjects for S3Store {
    async fn create(&self, path: &ObjectPath, bytes: &[u8]) -> Result<Created, ObjectError> {
        create::settle(self, path, bytes).await
    }

    async fn probe(&self) -> Result<ProbeVerdict, ObjectError> {
        create::probe(self).await
    }
}
