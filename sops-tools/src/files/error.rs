//! What can go wrong with a file, by kind.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file could not be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileErrorKind {
    /// There is no such file, or no directory to put it in.
    Absent,
    /// Something of that name exists already.
    Exists,
    /// The permissions do not allow it, or the file system is read-only.
    Denied,
    /// It holds more bytes than the caller accepts.
    TooLarge,
    /// No space, no quota or no inode is left.
    NoSpace,
    /// Somebody else wrote it since it was read.
    Changed,
    /// Anything else the system said.
    Io,
}

/// A file operation that failed; names the path, never the content.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {}: {reason}", path.display())]
pub struct FileError {
    kind: FileErrorKind,
    verb: &'static str,
    path: PathBuf,
    reason: String,
}

impl FileError {
    pub(crate) fn of(verb: &'static str, path: &Path, error: &io::Error) -> Self {
        let (kind, reason) = match error.kind() {
            io::ErrorKind::NotFound => (FileErrorKind::Absent, "it does not exist".to_owned()),
            io::ErrorKind::AlreadyExists => (FileErrorKind::Exists, "it exists already".to_owned()),
            io::ErrorKind::PermissionDenied => (FileErrorKind::Denied, "permission denied".to_owned()),
            io::ErrorKind::ReadOnlyFilesystem => (FileErrorKind::Denied, "read-only file system".to_owned()),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                (FileErrorKind::NoSpace, "no space left".to_owned())
            }
            _ => (FileErrorKind::Io, error.to_string()),
        };
        Self { kind, verb, path: path.to_owned(), reason }
    }

    pub(crate) fn too_large(path: &Path, limit: usize) -> Self {
        Self {
            kind: FileErrorKind::TooLarge,
            verb: "read",
            path: path.to_owned(),
            reason: format!("it is larger than {limit} bytes"),
        }
    }

    pub(crate) fn changed(path: &Path) -> Self {
        Self {
            kind: FileErrorKind::Changed,
            verb: "replace",
            path: path.to_owned(),
            reason: "somebody else changed it since it was read".to_owned(),
        }
    }

    /// Which kind of failure it is.
    pub fn kind(&self) -> FileErrorKind {
        self.kind
    }

    /// The file that was meant.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
