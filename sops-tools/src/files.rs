//! Reading secret files and writing files so that a crash leaves the old state or the new one.
//!
//! A write goes to a temporary file in the same directory (`.NAME.<random>.tmp`, mode as asked), is
//! synchronised, gets its final name in one step, and the directory is synchronised. A crash can leave such a
//! temporary file behind, never half a file under the final name.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, AtFlags, CWD, FlockOperation, RenameFlags, flock};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::clock::{Entropy as _, System};

mod error;
mod stamp;

pub use error::{FileError, FileErrorKind};
pub use stamp::FileStamp;

/// The mode of a file that only its owner may read and write.
pub const OWNER_ONLY: u32 = 0o600;

/// Permission bits that a secret file should not have: everything beyond `rw-r-----`.
const TOO_OPEN: u32 = 0o037;

/// The content of a secret file of at most `limit` bytes, in one wiped buffer that never grew.
///
/// A file that others than its owner and group may read, or that its group may change, is read all the same
/// and named in a warning: a mounted Secret often looks like that. Pipes are read too.
///
/// # Errors
/// [`FileErrorKind::TooLarge`] above the limit, else what the system said. An empty file is no error.
pub fn read_secret(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let (bytes, mode) = read(path, limit)?;
    if let Some(mode) = mode.filter(|mode| mode & TOO_OPEN != 0) {
        tracing::warn!(path = %path.display(), mode = %format!("{mode:04o}"), "secret file is open to more users than needed; chmod 0400 or 0440");
    }
    Ok(bytes)
}

/// The content of a file that is no secret, at most `limit` bytes.
///
/// # Errors
/// As [`read_secret`].
pub fn read_limited(path: &Path, limit: usize) -> Result<Vec<u8>, FileError> {
    let (mut bytes, _) = read(path, limit)?;
    Ok(std::mem::take(&mut *bytes))
}

/// The bytes, and the permission bits where it is a regular file.
fn read(path: &Path, limit: usize) -> Result<(Zeroizing<Vec<u8>>, Option<u32>), FileError> {
    let failed = |error: io::Error| FileError::of("read", path, &error);
    let mut file = File::open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    let size = usize::try_from(meta.len()).unwrap_or(usize::MAX);
    if size > limit && meta.is_file() {
        return Err(FileError::too_large(path, limit));
    }
    // Kernel files and pipes tell no size. One byte more than expected shows that there is more.
    let expected = if meta.is_file() && size > 0 { size } else { limit };
    let mut buffer = Zeroizing::new(vec![0_u8; expected + 1]);
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    if filled > limit {
        return Err(FileError::too_large(path, limit));
    }
    if filled > expected {
        return Err(failed(io::Error::other("it grew while it was read")));
    }
    buffer.truncate(filled);
    Ok((buffer, meta.is_file().then(|| meta.mode() & 0o7777)))
}

/// Writes a file that must not exist yet; it appears whole or not at all.
///
/// # Errors
/// [`FileErrorKind::Exists`] when something has that name already; it is not touched.
pub fn create_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let temporary = Temporary::write(path, bytes, mode)?;
    name_without_replacing(&temporary.path, path).map_err(|error| FileError::of("create", path, &error))?;
    sync_directory_of(path)
}

/// Writes a file whether or not it exists; readers see the old content or the new one.
///
/// # Errors
/// After any error the old file is as it was, except when only the last synchronisation of the directory
/// failed: then the new one stands but may not survive a power cut.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let temporary = Temporary::write(path, bytes, mode)?;
    std::fs::rename(&temporary.path, path).map_err(|error| FileError::of("replace", path, &error))?;
    sync_directory_of(path)
}

/// Writes a file in the place of the one that was read as `before`, with its mode and, where the system allows, its owner; readers
/// see the old content or the new one. A link is followed: the file it names is replaced.
///
/// What the file holds is compared with `before` as the last thing before the new file takes its name, while no other run of this program
/// replaces a file of that folder: of two at once one sees what the other wrote. Other programs know nothing of that.
///
/// # Errors
/// [`FileErrorKind::Changed`] when somebody else wrote the file meanwhile, [`FileErrorKind::Denied`] when it is marked read-only:
/// the old file is as it was then, as after any other error but a failed last synchronisation of the directory.
pub fn replace_unchanged(path: &Path, before: &[u8], bytes: &[u8]) -> Result<(), FileError> {
    let failed = |error: io::Error| FileError::of("replace", path, &error);
    let (target, meta) = replaceable(path)?;
    let temporary = Temporary::write(&target, bytes, meta.mode() & 0o7777)?;
    temporary.give_to(&meta);
    let _alone = alone_in(directory_of(&target))?;
    let now = read(&target, before.len()).map(|(now, _)| now);
    match now {
        Ok(now) if *now == *before => {}
        Ok(_) => return Err(FileError::changed(path)),
        Err(error) if error.kind() == FileErrorKind::TooLarge => return Err(FileError::changed(path)),
        Err(error) => return Err(error),
    }
    std::fs::rename(&temporary.path, &target).map_err(failed)?;
    sync_directory_of(&target)
}

/// How long another run may take to compare and replace one file.
const TURN: Duration = Duration::from_secs(10);
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// Keeps other runs of this program from replacing files of a folder, as long as what is returned lives.
///
/// File systems without such locks give none: then the comparison alone stands between two runs.
///
/// # Errors
/// Another run has the folder for longer than it takes to replace a file.
pub fn alone_in(folder: &Path) -> Result<Option<File>, FileError> {
    let failed = |error: io::Error| FileError::of("lock the directory of", folder, &error);
    let directory = File::open(folder).map_err(failed)?;
    for _ in 0..TURN.as_millis() / BETWEEN_TRIES.as_millis() {
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(directory)),
            Err(Errno::WOULDBLOCK) => std::thread::sleep(BETWEEN_TRIES),
            Err(Errno::INTR) => {}
            Err(_) => return Ok(None),
        }
    }
    Err(failed(io::Error::new(io::ErrorKind::WouldBlock, "another run does not end")))
}

/// Whether [`replace_unchanged`] could write now, for who wants to know before a person begins to work.
///
/// # Errors
/// As there; a full disk shows only when it is written to.
pub fn check_replaceable(path: &Path) -> Result<(), FileError> {
    let (target, _) = replaceable(path)?;
    let folder = directory_of(&target);
    rustix::fs::accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
        .map_err(|error| FileError::of("replace", path, &error.into()))
}

/// The file that a path names, which must be a regular one that may be written.
fn replaceable(path: &Path) -> Result<(PathBuf, std::fs::Metadata), FileError> {
    let failed = |error: io::Error| FileError::of("replace", path, &error);
    let target = path.canonicalize().map_err(failed)?;
    let meta = target.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")));
    }
    // Root may write what is marked read-only; the mark says that it should not be.
    if meta.mode() & 0o222 == 0 {
        return Err(failed(io::ErrorKind::PermissionDenied.into()));
    }
    rustix::fs::accessat(CWD, &target, Access::WRITE_OK, AtFlags::EACCESS).map_err(|error| failed(error.into()))?;
    Ok((target, meta))
}

/// Makes a directory and its missing parents, `mode` for those made; existing ones stay as they are.
///
/// # Errors
/// What the system said; a file in the way is [`FileErrorKind::Exists`].
pub fn create_directory(path: &Path, mode: u32) -> Result<(), FileError> {
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .map_err(|error| FileError::of("create directory", path, &error))
}

/// Removes a file and makes that last.
///
/// # Errors
/// What the system said; a file that is not there is [`FileErrorKind::Absent`].
pub fn remove(path: &Path) -> Result<(), FileError> {
    std::fs::remove_file(path).map_err(|error| FileError::of("remove", path, &error))?;
    sync_directory_of(path)
}

/// A written and synchronised file without its final name; removed when dropped, unless renamed away.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn write(target: &Path, bytes: &[u8], mode: u32) -> Result<Self, FileError> {
        let failed = |error: io::Error| FileError::of("write", target, &error);
        let name = target
            .file_name()
            .ok_or_else(|| failed(io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name")))?;
        let id = System.id();
        let path = directory_of(target).join(format!(".{}.{}.tmp", name.to_string_lossy(), &id[..8]));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path).map_err(failed)?;
        let temporary = Self { path };
        // The umask may have taken bits away.
        file.set_permissions(std::fs::Permissions::from_mode(mode)).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        Ok(temporary)
    }

    /// Gives the file the owner and group of the one it will replace. Only root can give a file away; where it cannot be done the
    /// content is still right, so that is told and is no error.
    fn give_to(&self, old: &std::fs::Metadata) {
        let Ok(new) = self.path.metadata() else { return };
        if (new.uid(), new.gid()) == (old.uid(), old.gid()) {
            return;
        }
        if let Err(error) = std::os::unix::fs::chown(&self.path, Some(old.uid()), Some(old.gid())) {
            tracing::warn!(uid = old.uid(), gid = old.gid(), %error, "owner or group of the file change: it cannot be given to the old ones");
        }
        // A change of owner may have taken bits away.
        let _ = std::fs::set_permissions(&self.path, std::fs::Permissions::from_mode(old.mode() & 0o7777));
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Renamed away in the good case; in the bad one the first error is what counts.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Gives `from` the name `to` unless `to` is taken; atomic.
fn name_without_replacing(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some network file systems do not know the flag; a hard link refuses a taken name as well.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
            std::fs::hard_link(from, to)
        }
        other => other.map_err(Into::into),
    }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_directory_of(path: &Path) -> Result<(), FileError> {
    let directory = directory_of(path);
    File::open(directory)
        .and_then(|open| open.sync_all())
        .map_err(|error| FileError::of("synchronise the directory of", path, &error))
}

#[cfg(test)]
mod tests;
