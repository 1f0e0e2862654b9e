//! Neutral access to stored objects.
//!
//! Reading and writing are two traits, so that a holder of read-only credentials shows in the types:
//! [`ReadObjects`] gets and lists, [`WriteObjects`] creates. There is no overwrite and no delete. Stores:
//! [`s3`], [`directory`] and, for tests, the module `memory`. [`location`] turns settings into one of them.
//!
//! Every call ends within a bounded time, every read has a size limit, and an [`ObjectError`] says by its
//! [`ErrorKind`] whether the object is known to be absent or whether the store could not be asked.

mod about;
mod create;
pub mod directory;
mod error;
pub mod location;
#[cfg(any(test, feature = "memory"))]
pub mod memory;
mod path;
mod retry;
pub mod s3;
mod survey;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

pub use about::{About, Protection, Switch};
pub use error::{ErrorKind, ObjectError};
pub use path::{MAX_PATH_BYTES, MAX_SEGMENTS, ObjectPath, PathFault};
pub use survey::{Bounds, Cut, Survey, Wanted};

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Name under the store's root as the store gives it. Others may have put it there, so it need not be a
    /// valid [`ObjectPath`] and may hold any character: print it with `{:?}`.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// When the store says that it was written.
    pub modified: Option<Timestamp>,
    /// The store's own mark for the content (an S3 `ETag` without its quotes). Never proof of the content.
    pub tag: Option<String>,
}

/// A part of a store that is joined from several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Why it could not be asked: what it holds was not seen, and nothing is known of it. `None` where it answered.
    pub fault: Option<String>,
}

/// How a [`create`](WriteObjects::create) succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The store confirmed the write.
    Stored,
    /// The object stood there with exactly these bytes: an earlier try arrived although its answer was lost.
    AlreadyOurs,
}

/// What [`probe`](WriteObjects::probe) saw of create-only writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeVerdict {
    /// A second write to one name was refused. Checked, not proven: whether the check is atomic between two
    /// racing writers cannot be seen from outside.
    ConditionsWork,
    /// A second write to one name was accepted: the store ignores the condition and would overwrite.
    ConditionsIgnored,
}

/// Reading half.
#[async_trait]
pub trait ReadObjects: Send + Sync {
    /// The whole object, at most `limit_bytes` long.
    ///
    /// # Errors
    /// [`ErrorKind::Absent`] only where the store says that this very object is not there;
    /// [`ErrorKind::TooLarge`] above the limit, without reading the body; the other kinds as they say.
    async fn get(&self, path: &ObjectPath, limit_bytes: u64) -> Result<Vec<u8>, ObjectError>;

    /// Every object whose name starts with `prefix`, sorted by name; an empty prefix lists all. Nothing found
    /// is an empty list, not an error.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] for more than `limit_entries`. A listing is whole or an error, never cut.
    async fn list(&self, prefix: &str, limit_entries: usize) -> Result<Vec<Entry>, ObjectError> {
        let bounds = Bounds { entries: limit_entries, names: u64::MAX, time: Duration::MAX };
        let survey = self.survey(prefix, |_| true, bounds).await?;
        match survey.cut {
            None => Ok(survey.entries),
            Some(cut) => {
                let place = format!("{prefix:?} in {}", self.describe());
                Err(ObjectError::new(ErrorKind::TooLarge, "list", place, cut.to_string()))
            }
        }
    }

    /// As [`list`](Self::list), of the names that `wanted` takes, within `bounds`: all others are counted. A survey that
    /// reached a bound holds what was seen until then, and says so in [`Survey::cut`].
    ///
    /// # Errors
    /// Where the store could not be asked. A bound that is reached is none.
    async fn survey(&self, prefix: &str, wanted: Wanted, bounds: Bounds) -> Result<Survey, ObjectError>;

    /// What the store says of itself: for check-ups, never for a decision. What cannot be asked is told as such.
    async fn about(&self) -> About {
        About::default()
    }

    /// Where the objects are, for messages; holds no credentials.
    fn describe(&self) -> String;

    /// Whether requests travel unencrypted. `false` for a store that uses no network.
    fn is_plain_http(&self) -> bool {
        false
    }
}

/// Reading and create-only writing.
#[async_trait]
pub trait WriteObjects: ReadObjects {
    /// Stores `bytes` under a name that must not be taken. When the outcome of the write is not certain the
    /// object is read back: equal bytes are a success, so put something random into them.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when other bytes stand there. With [`ErrorKind::Unavailable`] the object may be
    /// stored now or even arrive later; calling again with the same bytes is safe.
    async fn create(&self, path: &ObjectPath, bytes: &[u8]) -> Result<Created, ObjectError>;

    /// Finds out whether the store honours create-only writes. Leaves one small object `probe/<id>`.
    ///
    /// # Errors
    /// As [`create`](Self::create) and [`get`](ReadObjects::get); [`ErrorKind::Corrupt`] when what is read back
    /// was never written.
    async fn probe(&self) -> Result<ProbeVerdict, ObjectError>;
}
