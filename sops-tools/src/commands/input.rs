//! The file that a command works on: a path or standard input, read within a limit.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::{Zeroize as _, Zeroizing};

use crate::files::{FileError, FileErrorKind};
use crate::report::{Failure, SopsExit};
use crate::sops::formats::Format;

/// Largest file that is read, 64 MiB.
pub(crate) const INPUT_LIMIT: usize = 64 << 20;

/// How much is read at first from what tells no size.
const FIRST: usize = 64 << 10;

/// Where the input comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// The input as it was read.
pub(crate) struct Input {
    /// Where it comes from.
    pub(crate) place: Place,
    /// All of it.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

impl Place {
    /// Of a command that reads standard input where no file is named; `-` and `/dev/stdin` are standard input too.
    pub(crate) fn or_stdin(file: Option<PathBuf>) -> Self {
        match file {
            None => Self::Stdin,
            Some(file) if file == Path::new("-") || file == Path::new("/dev/stdin") => Self::Stdin,
            Some(file) => Self::File(file),
        }
    }

    /// Reads it; `absent` is the status where there is no such file.
    ///
    /// # Errors
    /// Class `no-file` or `input-unreadable`.
    pub(crate) fn read(self, absent: SopsExit) -> Result<Input, Failure> {
        let bytes = match &self {
            Self::Stdin => read_stream(&mut io::stdin().lock(), INPUT_LIMIT).map_err(|problem| {
                Failure::sops(
                    SopsExit::UnreadableInput,
                    "input-unreadable",
                    format!("standard input cannot be read: {problem}"),
                )
            })?,
            Self::File(path) => read_file(path, absent)?,
        };
        Ok(Input { place: self, bytes })
    }

    /// The name that tells the format and is matched with rules.
    pub(crate) fn name<'a>(&'a self, other: Option<&'a Path>) -> Option<&'a Path> {
        other.or(match self {
            Self::Stdin => None,
            Self::File(path) => Some(path),
        })
    }

    /// For messages.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Stdin => "standard input".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// A file's content; `absent` is the status where there is none.
pub(crate) fn read_file(path: &Path, absent: SopsExit) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // Pipes and devices tell no size.
    let result = if path.metadata().is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
        std::fs::File::open(path)
            .and_then(|mut file| read_stream(&mut file, INPUT_LIMIT))
            .map_err(|error| error.to_string())
    } else {
        match read_limited(path) {
            Err(error) if error.kind() == FileErrorKind::Absent => {
                let problem = format!("{} does not exist", path.display());
                return Err(Failure::sops(absent, "no-file", problem).hint("look at the spelling of the path"));
            }
            other => other.map_err(|error| error.to_string()),
        }
    };
    result.map_err(|cause| Failure::sops(SopsExit::UnreadableInput, "input-unreadable", cause))
}

/// Without the warning that a secret file is open to all: what is read here is encrypted, or the user's own working copy.
fn read_limited(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    crate::files::read_limited(path, INPUT_LIMIT).map(Zeroizing::new)
}

/// Everything a stream gives, in buffers that are wiped when a larger one takes their place.
pub(crate) fn read_stream(stream: &mut dyn Read, limit: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut buffer = Zeroizing::new(vec![0_u8; FIRST.min(limit) + 1]);
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            if filled > limit {
                return Err(io::Error::other(format!("it is larger than {limit} bytes")));
            }
            let mut larger = Zeroizing::new(vec![0_u8; (filled * 2).min(limit + 1)]);
            larger.iter_mut().zip(buffer.iter()).for_each(|(new, old)| *new = *old);
            buffer.zeroize();
            buffer = larger;
        }
        match buffer.get_mut(filled..).map_or(Ok(0), |room| stream.read(room)) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if filled > limit {
        return Err(io::Error::other(format!("it is larger than {limit} bytes")));
    }
    buffer.truncate(filled);
    Ok(buffer)
}

/// The format: as named, else by the name of the file, else binary as sops has it.
pub(crate) fn format(named: Option<Format>, name: Option<&Path>) -> Format {
    named.unwrap_or_else(|| name.map_or(Format::Binary, Format::of_path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_read_whole_up_to_the_limit() {
        let data: Vec<u8> = (0..200_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
        assert_eq!(*read_stream(&mut data.as_slice(), 200_000).unwrap(), data);
        assert!(read_stream(&mut data.as_slice(), 199_999).is_err());
        assert!(read_stream(&mut std::io::repeat(1), 300_000).is_err());
        assert!(read_stream(&mut std::io::empty(), 0).unwrap().is_empty());
    }

    #[test]
    fn three_spellings_mean_standard_input() {
        for file in [None, Some("-".into()), Some("/dev/stdin".into())] {
            assert_eq!(Place::or_stdin(file), Place::Stdin);
        }
        assert_eq!(Place::or_stdin(Some("x".into())), Place::File("x".into()));
    }

    #[test]
    fn a_missing_file_and_a_folder_have_their_own_status() {
        let dir = tempfile::tempdir().unwrap();
        let failure = read_file(&dir.path().join("x"), SopsExit::NoFile).err().unwrap();
        assert_eq!((failure.exit_code(), failure.class), (100, "no-file"));
        let failure = read_file(dir.path(), SopsExit::NoFile).err().unwrap();
        assert_eq!((failure.exit_code(), failure.class), (2, "input-unreadable"));
    }

    #[test]
    fn the_format_is_the_named_one_or_that_of_the_name() {
        assert_eq!(format(Some(Format::Ini), Some(Path::new("x.yaml"))), Format::Ini);
        assert_eq!(format(None, Some(Path::new("x.yaml"))), Format::Yaml);
        assert_eq!(format(None, None), Format::Binary);
    }
}
