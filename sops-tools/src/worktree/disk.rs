//! The few things that are done to files, as a trait, so that a test can stop after each of them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::files::{self, FileError, FileErrorKind, OWNER_ONLY, read_limited};

/// What applying a change does to files. Every method is one step: a crash falls between two of them, or into one.
pub trait Disk: Sync {
    /// The content; `None` where there is no such file.
    ///
    /// # Errors
    /// It is there and cannot be read, or is larger than `limit`.
    fn read(&self, path: &Path, limit: usize) -> Result<Option<Vec<u8>>, FileError>;

    /// Writes a file that must not exist yet and synchronises its content. Mode and owner are those of `like`, or the owner's alone.
    /// A failure may leave part of a file.
    ///
    /// # Errors
    /// What the system said.
    fn create(&self, path: &Path, bytes: &[u8], like: Option<&Path>) -> Result<(), FileError>;

    /// Gives a file another name in its folder, in one step, in the place of what has that name.
    ///
    /// # Errors
    /// What the system said.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError>;

    /// Removes a file. One that is not there is no error.
    ///
    /// # Errors
    /// What the system said.
    fn remove(&self, path: &Path) -> Result<(), FileError>;

    /// Keeps other runs of this program from replacing files of a folder, as long as what is returned lives.
    ///
    /// # Errors
    /// Another run has it for too long.
    fn alone_in(&self, folder: &Path) -> Result<Option<File>, FileError>;

    /// Makes the names in a folder last.
    ///
    /// # Errors
    /// What the system said.
    fn sync_folder(&self, folder: &Path) -> Result<(), FileError>;
}

/// The files of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Real;

impl Disk for Real {
    fn read(&self, path: &Path, limit: usize) -> Result<Option<Vec<u8>>, FileError> {
        // Whatever is no file of the tree any more is not followed to another place.
        match path.symlink_metadata() {
            Ok(meta) if !meta.is_file() => {
                let error = io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file");
                Err(FileError::of("read", path, &error))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            _ => match read_limited(path, limit) {
                Err(error) if error.kind() == FileErrorKind::Absent => Ok(None),
                other => other.map(Some),
            },
        }
    }

    fn create(&self, path: &Path, bytes: &[u8], like: Option<&Path>) -> Result<(), FileError> {
        let failed = |error: io::Error| FileError::of("write", path, &error);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        if let Some(like) = like {
            let old = like.symlink_metadata().map_err(failed)?;
            give(&file, &old).map_err(failed)?;
        }
        file.sync_all().map_err(failed)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        std::fs::rename(from, to).map_err(|error| FileError::of("replace", to, &error))
    }

    fn remove(&self, path: &Path) -> Result<(), FileError> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::of("remove", path, &error)),
            _ => Ok(()),
        }
    }

    fn alone_in(&self, folder: &Path) -> Result<Option<File>, FileError> {
        files::alone_in(folder)
    }

    fn sync_folder(&self, folder: &Path) -> Result<(), FileError> {
        File::open(folder)
            .and_then(|open| open.sync_all())
            .map_err(|error| FileError::of("synchronise the directory", folder, &error))
    }
}

/// Gives a new file the owner and the mode of the old one. Only root can give a file away; without that the content is right all
/// the same, so it is told and is no error.
fn give(file: &File, old: &std::fs::Metadata) -> io::Result<()> {
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid())
        && let Err(error) = std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid()))
    {
        tracing::warn!(uid = old.uid(), gid = old.gid(), %error, "a file changes its owner: it cannot be given to the old one");
    }
    // After the change of owner, which may take bits away.
    file.set_permissions(std::fs::Permissions::from_mode(old.mode() & 0o7777))
}
