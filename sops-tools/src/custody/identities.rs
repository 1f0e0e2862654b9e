//! Secret halves: files as `age-keygen` writes them, and mounted Secrets full of such files.

use std::fmt;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::recipients::{Recipient, canonical};
use crate::clock::Timestamp;
use crate::files::FileErrorKind;
use crate::secret::wiping_stack;
use crate::secret_file::{SecretFile, SecretFileError};

/// Largest identity file read, 64 KiB: room for some hundred identities with comments.
pub const IDENTITY_FILE_LIMIT: usize = 64 << 10;

/// Most `*.agekey` files read from one folder.
const FOLDER_LIMIT: usize = 256;

/// X25519 identities, at least one, each once. Neither printable nor cloneable; wiped when dropped.
pub struct Identities(Vec<age::x25519::Identity>);

/// One thing wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityFault {
    /// The file or folder.
    pub path: PathBuf,
    /// The line, from 1, where the fault lies in one.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: IdentityProblem,
}

/// What is wrong with an identity file. Never holds any of its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityProblem {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// It holds no identity, only comments or nothing.
    #[error("no identity in it")]
    Empty,
    /// A folder without any `*.agekey` file.
    #[error("no *.agekey file in this folder")]
    EmptyFolder,
    /// A folder with more files than are read.
    #[error("more than {FOLDER_LIMIT} *.agekey files in this folder")]
    CrowdedFolder,
    /// The whole file is encrypted with a passphrase or to other keys.
    #[error(
        "the identity file is itself encrypted; decrypt it first (age --decrypt), a daemon cannot ask for a passphrase"
    )]
    Encrypted,
    /// A post-quantum identity.
    #[error("post-quantum identities cannot be used; use an X25519 identity as age-keygen makes without -pq")]
    PostQuantum,
    /// An identity of an age plugin.
    #[error("identities of age plugins cannot be used; use an X25519 identity as age-keygen makes")]
    Plugin,
    /// An SSH private key.
    #[error("SSH private keys cannot be used; use an X25519 identity as age-keygen makes")]
    Ssh,
    /// The public half.
    #[error("this is a public recipient, not an identity; the file must hold the AGE-SECRET-KEY-1… line")]
    PublicKey,
    /// Nothing that age knows, or a wrong checksum.
    #[error("not an age identity, or damaged")]
    Malformed,
}

/// Every fault of every file that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentitiesError {
    /// In the order the files were named; never empty.
    pub faults: Vec<IdentityFault>,
}

impl fmt::Display for IdentityFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl fmt::Display for IdentitiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.faults.iter().map(ToString::to_string).collect();
        f.write_str(&all.join("; "))
    }
}

impl std::error::Error for IdentitiesError {}

impl Identities {
    /// One new random identity.
    pub fn generate() -> Self {
        Self::generate_with_recipient().0
    }

    /// One new random identity, and its public half.
    pub fn generate_with_recipient() -> (Self, Recipient) {
        let identity = age::x25519::Identity::generate();
        let recipient = identity.to_public().into();
        (Self(vec![identity]), recipient)
    }

    /// Reads identity files, and folders with one or more `*.agekey` files (a mounted Secret).
    ///
    /// In a folder links are followed, names starting with a dot and other endings are ignored. An identity
    /// met twice counts once.
    ///
    /// # Errors
    /// Every fault of every file, at once. No path at all is no error but gives [`IdentityProblem::Empty`]
    /// with an empty path.
    pub fn load<P: AsRef<Path>>(paths: &[P]) -> Result<Self, IdentitiesError> {
        let files: Vec<SecretFile> = paths.iter().map(|path| path.as_ref().into()).collect();
        Self::load_all(&files)
    }

    /// As [`load`](Self::load), where each may also be a place in a SOPS file, which holds what an identity file holds.
    ///
    /// # Errors
    /// As there.
    pub fn load_all(files: &[SecretFile]) -> Result<Self, IdentitiesError> {
        wiping_stack(|| {
            let (found, faults) = read_files(files);
            Self::of(found, faults, Path::new(""))
        })
    }

    /// As [`load_all`](Self::load_all), for who must go on with what there is: the identities that could be read, and every fault.
    pub fn load_readable(files: &[SecretFile]) -> (Option<Self>, Vec<IdentityFault>) {
        wiping_stack(|| {
            let (found, faults) = read_files(files);
            match Self::of(found, Vec::new(), Path::new("")) {
                Ok(identities) => (Some(identities), faults),
                Err(none) if faults.is_empty() => (None, none.faults),
                Err(_) => (None, faults),
            }
        })
    }

    /// Reads the text of one identity file; `path` only names it in errors.
    ///
    /// # Errors
    /// Every faulty line, at once.
    pub fn parse(text: &[u8], path: &Path) -> Result<Self, IdentitiesError> {
        wiping_stack(|| {
            let mut found = Vec::new();
            let mut faults = Vec::new();
            parse_file(text, path, &mut found, &mut faults);
            Self::of(found, faults, path)
        })
    }

    /// As [`parse`](Self::parse), for who must go on with what there is: the identities of the good lines, and every fault.
    pub fn parse_readable(text: &[u8], path: &Path) -> (Option<Self>, Vec<IdentityFault>) {
        wiping_stack(|| {
            let mut found = Vec::new();
            let mut faults = Vec::new();
            parse_file(text, path, &mut found, &mut faults);
            (Self::of(found, Vec::new(), path).ok(), faults)
        })
    }

    /// All of them as one, each once; `None` where there is none.
    pub fn merged(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        let found = all.into_iter().flat_map(|one| one.0).collect();
        Self::of(found, Vec::new(), Path::new("")).ok()
    }

    fn of(
        found: Vec<age::x25519::Identity>,
        mut faults: Vec<IdentityFault>,
        path: &Path,
    ) -> Result<Self, IdentitiesError> {
        let mut unique: Vec<(Recipient, age::x25519::Identity)> = Vec::with_capacity(found.len());
        for identity in found {
            let recipient = Recipient::from(identity.to_public());
            if !unique.iter().any(|(known, _)| *known == recipient) {
                unique.push((recipient, identity));
            }
        }
        if unique.is_empty() && faults.is_empty() {
            faults.push(IdentityFault { path: path.to_owned(), line: None, problem: IdentityProblem::Empty });
        }
        if faults.is_empty() {
            Ok(Self(unique.into_iter().map(|(_, identity)| identity).collect()))
        } else {
            Err(IdentitiesError { faults })
        }
    }

    /// The public halves, in canonical order.
    pub fn to_recipients(&self) -> Vec<Recipient> {
        canonical(self.0.iter().map(|identity| identity.to_public().into()))
    }

    /// How many there are; never 0.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The text `age-keygen` would write: two comment lines and the secret one, for each.
    pub fn to_file_text(&self, created: Timestamp) -> Zeroizing<Vec<u8>> {
        let secrets: Vec<_> = self.0.iter().map(|identity| (identity.to_public(), identity.to_string())).collect();
        let heads: Vec<String> = secrets
            .iter()
            .map(|(public, _)| format!("# created: {}\n# public key: {public}\n", seconds(created)))
            .collect();
        // Sized beforehand: growing would leave a copy of the secret behind.
        let size = heads.iter().map(String::len).sum::<usize>()
            + secrets.iter().map(|(_, secret)| secret.expose_secret().len() + 1).sum::<usize>();
        let mut text = Zeroizing::new(Vec::with_capacity(size));
        for (head, (_, secret)) in heads.iter().zip(&secrets) {
            text.extend_from_slice(head.as_bytes());
            text.extend_from_slice(secret.expose_secret().as_bytes());
            text.push(b'\n');
        }
        text
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|identity| identity as &dyn age::Identity)
    }
}

fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn read_files(files: &[SecretFile]) -> (Vec<age::x25519::Identity>, Vec<IdentityFault>) {
    let mut found = Vec::new();
    let mut faults = Vec::new();
    for file in files {
        let inside = file.plain().filter(|path| path.is_dir()).map(identity_files);
        match inside {
            None => read_file(file, &mut found, &mut faults),
            Some(Ok(files)) => files.iter().for_each(|file| read_file(file, &mut found, &mut faults)),
            Some(Err(problem)) => {
                faults.push(IdentityFault { path: file.name().to_owned(), line: None, problem });
            }
        }
    }
    (found, faults)
}

/// The `*.agekey` files of a folder, by name.
fn identity_files(path: &Path) -> Result<Vec<SecretFile>, IdentityProblem> {
    let unreadable = |error: std::io::Error| IdentityProblem::Unreadable(format!("cannot list it: {error}"));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?.path();
        let hidden = entry.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && entry.extension().is_some_and(|extension| extension == "agekey") {
            files.push(entry);
        }
        if files.len() > FOLDER_LIMIT {
            return Err(IdentityProblem::CrowdedFolder);
        }
    }
    if files.is_empty() {
        return Err(IdentityProblem::EmptyFolder);
    }
    files.sort();
    Ok(files.into_iter().map(SecretFile::from).collect())
}

fn read_file(file: &SecretFile, found: &mut Vec<age::x25519::Identity>, faults: &mut Vec<IdentityFault>) {
    match file.read(IDENTITY_FILE_LIMIT) {
        Ok(text) => parse_file(&text, file.name(), found, faults),
        Err(error) => {
            faults.push(IdentityFault {
                path: file.name().to_owned(),
                line: None,
                problem: IdentityProblem::Unreadable(reason(&error)),
            });
        }
    }
}

/// The reason without the path, which the fault names already.
fn reason(error: &SecretFileError) -> String {
    match error.file_kind() {
        Some(FileErrorKind::Absent) => "it does not exist".to_owned(),
        Some(FileErrorKind::Denied) => "permission denied".to_owned(),
        Some(FileErrorKind::TooLarge) => format!("it is larger than {IDENTITY_FILE_LIMIT} bytes"),
        Some(FileErrorKind::Exists | FileErrorKind::NoSpace | FileErrorKind::Changed | FileErrorKind::Io) | None => {
            error.to_string()
        }
    }
}

fn parse_file(text: &[u8], path: &Path, found: &mut Vec<age::x25519::Identity>, faults: &mut Vec<IdentityFault>) {
    let mut fault = |line, problem| faults.push(IdentityFault { path: path.to_owned(), line, problem });
    if text.starts_with(b"age-encryption.org/") || text.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") {
        return fault(None, IdentityProblem::Encrypted);
    }
    if text.starts_with(b"-----BEGIN ") {
        return fault(None, IdentityProblem::Ssh);
    }
    let before = found.len();
    let mut any_refused = false;
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        match parse_line(line) {
            Ok(identity) => found.push(identity),
            Err(problem) => {
                any_refused = true;
                fault(Some(index + 1), problem);
            }
        }
    }
    if found.len() == before && !any_refused {
        fault(None, IdentityProblem::Empty);
    }
}

fn parse_line(line: &[u8]) -> Result<age::x25519::Identity, IdentityProblem> {
    let text = std::str::from_utf8(line).map_err(|_| IdentityProblem::Malformed)?;
    text.parse().map_err(|_| {
        let starts = |prefix: &str| text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        if starts("AGE-SECRET-KEY-PQ-") {
            IdentityProblem::PostQuantum
        } else if starts("AGE-PLUGIN-") {
            IdentityProblem::Plugin
        } else if starts("age1") {
            IdentityProblem::PublicKey
        } else {
            IdentityProblem::Malformed
        }
    })
}

#[cfg(test)]
mod tests;
