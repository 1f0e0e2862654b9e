//! The file system calls. Every step down is an `openat` that refuses symbolic links.

mod walk;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::super::path::PathFault;
use super::super::{ErrorKind, ObjectPath};

pub(super) use walk::survey;

/// Temporary files begin so. `~` is no character of an [`ObjectPath`], so no object can have such a name.
pub(super) const TEMPORARY: &str = ".~";

#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("{step}: {}", std::io::Error::from(*errno))]
    Io { step: &'static str, errno: Errno },
    #[error("the store's directory does not exist")]
    NoRoot,
    #[error("no such object")]
    Absent,
    #[error("the name is taken")]
    Taken,
    #[error("not a regular file")]
    NotAFile,
    #[error("a part of the name is a file or a symbolic link, not a folder")]
    NotAFolder,
    #[error("larger than the limit of {0} bytes")]
    TooLarge(u64),
    #[error("the file system can neither link nor rename without replacing")]
    NoCreateOnly,
    #[error("the prefix is no start of a name: {0}")]
    Prefix(PathFault),
    #[error("the file operation ended early")]
    Interrupted,
    #[error("the file operation took longer than {} s", super::DEADLINE.as_secs())]
    Slow,
}

impl Fault {
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            Self::Absent => ErrorKind::Absent,
            Self::Taken => ErrorKind::Conflict,
            Self::NotAFile | Self::NotAFolder => ErrorKind::Corrupt,
            Self::TooLarge(_) => ErrorKind::TooLarge,
            Self::NoRoot | Self::Prefix(_) => ErrorKind::Settings,
            Self::NoCreateOnly => ErrorKind::NotSupported,
            Self::Io { errno: Errno::ACCESS | Errno::PERM | Errno::ROFS, .. } => ErrorKind::Denied,
            Self::Io { .. } | Self::Interrupted | Self::Slow => ErrorKind::Unavailable,
        }
    }
}

fn at(step: &'static str) -> impl FnOnce(Errno) -> Fault {
    move |errno| Fault::Io { step, errno }
}

fn io(step: &'static str) -> impl FnOnce(std::io::Error) -> Fault {
    move |error| Fault::Io { step, errno: Errno::from_io_error(&error).unwrap_or(Errno::IO) }
}

pub(super) fn make_root(root: &Path) -> Result<(), Fault> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(io("make the store's directory"))
}

pub(super) fn open_root(root: &Path) -> Result<OwnedFd, Fault> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, root, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT | Errno::NOTDIR => Fault::NoRoot,
        _ => Fault::Io { step: "open the store's directory", errno },
    })
}

/// Opens a folder in `parent`; `None` where there is none.
fn open_folder(parent: impl AsFd, name: &str) -> Result<Option<OwnedFd>, Fault> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    match rustix::fs::openat(parent, name, flags, Mode::empty()) {
        Ok(folder) => Ok(Some(folder)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::NOTDIR | Errno::LOOP) => Err(Fault::NotAFolder),
        Err(errno) => Err(Fault::Io { step: "open a folder", errno }),
    }
}

/// The folder that holds the last segment, and that segment.
fn locate<'p>(root: &Path, path: &'p ObjectPath) -> Result<Option<(OwnedFd, &'p str)>, Fault> {
    let mut folder = open_root(root)?;
    let mut segments = path.segments().peekable();
    while let Some(segment) = segments.next() {
        if segments.peek().is_none() {
            return Ok(Some((folder, segment)));
        }
        match open_folder(&folder, segment)? {
            Some(next) => folder = next,
            None => return Ok(None),
        }
    }
    Ok(None)
}

pub(super) fn read(root: &Path, path: &ObjectPath, limit_bytes: u64) -> Result<Vec<u8>, Fault> {
    let (folder, name) = locate(root, path)?.ok_or(Fault::Absent)?;
    // Without NONBLOCK opening a pipe that somebody put there would wait for a writer.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::openat(&folder, name, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT => Fault::Absent,
        Errno::LOOP | Errno::NXIO => Fault::NotAFile,
        _ => Fault::Io { step: "open", errno },
    })?;
    let file = File::from(file);
    let metadata = file.metadata().map_err(io("look at the file"))?;
    if !metadata.is_file() {
        return Err(Fault::NotAFile);
    }
    if metadata.len() > limit_bytes {
        return Err(Fault::TooLarge(limit_bytes));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.take(limit_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(io("read"))?;
    if bytes.len() as u64 > limit_bytes { Err(Fault::TooLarge(limit_bytes)) } else { Ok(bytes) }
}

/// `id` makes the temporary file's name unique.
pub(super) fn create(root: &Path, path: &ObjectPath, bytes: &[u8], id: &str) -> Result<(), Fault> {
    let mut folder = open_root(root)?;
    let mut segments = path.segments().peekable();
    while let Some(segment) = segments.next() {
        if segments.peek().is_none() {
            return create_in(&folder, segment, bytes, &format!("{TEMPORARY}{id}"));
        }
        folder = make_folder(&folder, segment)?;
    }
    Ok(())
}

fn make_folder(parent: &OwnedFd, name: &str) -> Result<OwnedFd, Fault> {
    if let Some(folder) = open_folder(parent, name)? {
        return Ok(folder);
    }
    match rustix::fs::mkdirat(parent, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(Fault::Io { step: "make a folder", errno }),
    }
    rustix::fs::fsync(parent).map_err(at("sync a folder"))?;
    open_folder(parent, name)?.ok_or(Fault::Io { step: "open a folder just made", errno: Errno::NOENT })
}

fn create_in(folder: &OwnedFd, name: &str, bytes: &[u8], temporary: &str) -> Result<(), Fault> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    let mut file = File::from(rustix::fs::openat(folder, temporary, flags, mode).map_err(at("make a temporary file"))?);
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(io("write"))
        .and_then(|()| publish(folder, temporary, name));
    drop(file);
    // Where the rename took it away there is nothing to unlink; what cannot be unlinked is a leftover that no
    // listing shows.
    let _ = rustix::fs::unlinkat(folder, temporary, AtFlags::empty());
    // Synced also when the name was taken: our caller may find its own earlier write and call that stored.
    rustix::fs::fsync(folder).map_err(at("sync the folder"))?;
    written
}

fn publish(folder: &OwnedFd, temporary: &str, name: &str) -> Result<(), Fault> {
    match rustix::fs::linkat(folder, temporary, folder, name, AtFlags::empty()) {
        Ok(()) => return Ok(()),
        Err(Errno::EXIST) => return Err(Fault::Taken),
        // No hard links on this file system (FAT, some network ones).
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {}
        Err(errno) => return Err(Fault::Io { step: "link", errno }),
    }
    match rustix::fs::renameat_with(folder, temporary, folder, name, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST) => Err(Fault::Taken),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Err(Fault::NoCreateOnly),
        Err(errno) => Err(Fault::Io { step: "rename", errno }),
    }
}
