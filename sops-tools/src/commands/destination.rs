//! Where a result goes: standard output, another file, or the place of the input.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::files::{self, FileError, FileErrorKind};
use crate::report::{Failure, SopsExit};

/// The mode of a new file with plain text.
pub(crate) const PLAIN_MODE: u32 = 0o600;

/// The mode of a new file with encrypted text, before the mask of the process.
pub(crate) const SEALED_MODE: u32 = 0o666;

/// What a program is told on standard output when all went well, unless the result itself stands there. People are told nothing, as
/// by sops.
pub(crate) type Told = Option<Value>;

/// A file was written.
pub(crate) fn written(path: &Path) -> Value {
    json!({"file": path, "result": "written"})
}

/// A file says already what it should.
pub(crate) fn unchanged(path: &str) -> Value {
    json!({"file": path, "result": "unchanged"})
}

/// Where a result goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Standard output.
    Stdout,
    /// This file, with this mode where it is new.
    File(PathBuf, u32),
    /// The file that was read.
    InPlace(PathBuf),
}

impl Destination {
    /// Writes the result; `before` is what was read from the input. What a program is told about it, where it went to a file.
    ///
    /// # Errors
    /// It was not written, and what stood there is as it was.
    pub(crate) fn write(&self, before: &[u8], result: &[u8]) -> Result<Told, Failure> {
        match self {
            Self::Stdout => to_stdout(result).map(|()| None),
            Self::File(path, mode) => to_file(path, result, *mode).map(|()| Some(written(path))),
            Self::InPlace(path) => files::replace_unchanged(path, before, result)
                .map(|()| Some(written(path)))
                .map_err(|error| not_written(&error)),
        }
    }
}

/// A reader that went away is no error, as for every program in a pipe.
fn to_stdout(result: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(result).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::sops(SopsExit::UnwritableOutput, "output-unusable", "the result cannot be printed")
                .cause(error))
        }
        _ => Ok(()),
    }
}

fn to_file(path: &Path, result: &[u8], mode: u32) -> Result<(), Failure> {
    match path.metadata() {
        // A link is followed and what it names is replaced, with its mode.
        Ok(meta) if meta.is_file() => {
            let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            files::replace(&target, result, meta.permissions().mode() & 0o7777).map_err(|error| not_written(&error))
        }
        // Pipes and devices, /dev/stdout among them, are written into.
        Ok(meta) if !meta.is_dir() => {
            let written = OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(result));
            written.map_err(|error| {
                let problem = format!("cannot write {}", path.display());
                Failure::sops(SopsExit::UnwritableOutput, "output-unusable", problem).cause(error)
            })
        }
        _ => files::replace(path, result, masked(mode)).map_err(|error| not_written(&error)),
    }
}

/// What the mask of the process leaves of a mode.
fn masked(mode: u32) -> u32 {
    let mask = rustix::process::umask(rustix::fs::Mode::empty());
    rustix::process::umask(mask);
    mode & !mask.bits()
}

/// A file that was not written, and what stands there now: the old one.
pub(crate) fn not_written(error: &FileError) -> Failure {
    let problem = format!("{} was not written and is as it was", error.path().display());
    let hint = match error.kind() {
        FileErrorKind::Changed => {
            return Failure::sops(SopsExit::UnwritableOutput, "changed-meanwhile", problem)
                .cause(error)
                .hint("look at what changed it, then give the command again");
        }
        FileErrorKind::Denied => "give yourself the right to write the file and its folder",
        FileErrorKind::NoSpace => "make room on the disk, then give the command again",
        FileErrorKind::Absent => "the file or its folder is gone; look at the path",
        _ => "name another file with --output, or look at what the system says",
    };
    Failure::sops(SopsExit::UnwritableOutput, "output-unusable", problem).cause(error).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_with_plain_text_is_its_owners_alone_and_an_old_one_keeps_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let mode = || path.metadata().unwrap().permissions().mode() & 0o777;
        Destination::File(path.clone(), PLAIN_MODE).write(b"", b"one").unwrap();
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        Destination::File(path.clone(), PLAIN_MODE).write(b"", b"two").unwrap();
        assert_eq!((mode(), std::fs::read(&path).unwrap()), (0o640, b"two".to_vec()));
    }

    #[test]
    fn a_device_is_written_into_and_stays_one() {
        assert!(Destination::File("/dev/null".into(), PLAIN_MODE).write(b"", b"x").is_ok());
        assert!(!Path::new("/dev/null").metadata().unwrap().is_file());
        let failure = Destination::File("/dev/full".into(), PLAIN_MODE).write(b"", b"x").unwrap_err();
        assert_eq!((failure.exit_code(), failure.class), (3, "output-unusable"));
    }

    #[test]
    fn what_changed_meanwhile_is_kept_and_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        files::create_new(&path, b"theirs", 0o600).unwrap();
        let failure = Destination::InPlace(path.clone()).write(b"ours", b"new").unwrap_err();
        assert_eq!((failure.exit_code(), failure.class), (3, "changed-meanwhile"));
        assert_eq!(std::fs::read(&path).unwrap(), b"theirs");
    }
}
