//! A directory as a store: one file per object.
//!
//! A write goes to a temporary file, is synced and then linked to its name, so a crash leaves the whole object or
//! none; what a crash may leave is a temporary file, which no listing shows. Files are made with mode 0600,
//! folders with 0700. Symbolic links below the root are never followed.

mod files;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustix::io::Errno;
use sops_tools::clock::{Entropy as _, System};

use super::create::{self, CreateOnce};
use super::path::check_prefix;
use super::{
    Bounds, Created, ErrorKind, ObjectError, ObjectPath, ProbeVerdict, ReadObjects, Survey, Wanted, WriteObjects,
};
use files::Fault;

/// Longest time one file operation may take before the disk counts as unavailable.
pub const DEADLINE: Duration = Duration::from_secs(12);

/// Objects as files under one root.
#[derive(Debug, Clone)]
pub struct DirectoryStore {
    root: Arc<Path>,
}

impl DirectoryStore {
    /// A store on a directory that exists already.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] where there is no such directory: it may be a volume that is not mounted, so a
    /// missing root is never an empty store.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, ObjectError> {
        let store = Self { root: root.into().into() };
        files::open_root(&store.root).map_err(|fault| store.error("open", "", &fault))?;
        Ok(store)
    }

    /// As [`open`](Self::open), and makes the directory (0700) where it is missing.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn open_or_make(root: impl Into<PathBuf>) -> Result<Self, ObjectError> {
        let root = root.into();
        let store = Self { root: root.as_path().into() };
        files::make_root(&root).map_err(|fault| store.error("open", "", &fault))?;
        Self::open(root)
    }

    async fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        name: &str,
        work: impl FnOnce(&Path) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, ObjectError> {
        let root = Arc::clone(&self.root);
        let task = tokio::task::spawn_blocking(move || work(&root));
        match tokio::time::timeout(DEADLINE, task).await {
            Ok(Ok(result)) => result.map_err(|fault| self.error(operation, name, &fault)),
            Ok(Err(_)) => Err(self.error(operation, name, &Fault::Interrupted)),
            Err(_) => Err(self.error(operation, name, &Fault::Slow)),
        }
    }

    fn error(&self, operation: &'static str, name: &str, fault: &Fault) -> ObjectError {
        let kind = fault.kind();
        let error = ObjectError::new(kind, operation, self.root.join(name).display().to_string(), fault.to_string());
        match fault {
            Fault::Io { errno: Errno::NOSPC | Errno::DQUOT, .. } => {
                error.with_hint("free space on the store's disk, then try again")
            }
            Fault::NoRoot => error.with_hint("check the path in url, and that its volume is mounted"),
            Fault::Io { .. } if kind == ErrorKind::Denied => {
                error.with_hint("check owner, mode and mount of the store's directory")
            }
            _ => error,
        }
    }
}

#[async_trait]
impl ReadObjects for DirectoryStore {
    async fn get(&self, path: &ObjectPath, limit_bytes: u64) -> Result<Vec<u8>, ObjectError> {
        let wanted = path.clone();
        self.run("get", path.as_str(), move |root| files::read(root, &wanted, limit_bytes)).await
    }

    async fn survey(&self, prefix: &str, wanted: Wanted, bounds: Bounds) -> Result<Survey, ObjectError> {
        check_prefix(prefix).map_err(|fault| self.error("list", prefix, &Fault::Prefix(fault)))?;
        let below = prefix.to_owned();
        self.run("list", prefix, move |root| files::survey(root, &below, wanted, bounds)).await
    }

    fn describe(&self) -> String {
        format!("file://{}", self.root.display())
    }
}

#[async_trait]
impl CreateOnce for DirectoryStore {
    async fn create_once(&self, path: &ObjectPath, bytes: &[u8]) -> Result<(), ObjectError> {
        let (wanted, bytes, id) = (path.clone(), bytes.to_vec(), System.id());
        self.run("create", path.as_str(), move |root| files::create(root, &wanted, &bytes, &id)).await
    }
}

#[async_trait]
impl WriteObjects for DirectoryStore {
    async fn create(&self, path: &ObjectPath, bytes: &[u8]) -> Result<Created, ObjectError> {
        create::settle(self, path, bytes).await
    }

    async fn probe(&self) -> Result<ProbeVerdict, ObjectError> {
        create::probe(self).await
    }
}

#[cfg(test)]
mod tests;
