//! The SOPS files below some folders, read within limits.

use std::fs;
use std::path::{Path, PathBuf};

use super::catalogue::BootstrapSecret;
use super::manifest::Head;
use crate::custody::OpenError;
use crate::files::{FileErrorKind, read_limited};
use crate::report::{ExitStatus, Failure};
use crate::secret::Plaintext;
use crate::sops::data_key::{Keyring, recover};
use crate::sops::file::{FILE_LIMIT, FileError, OpenFile, SopsFile};
use crate::sops::formats::Format;

/// Most files and folders that are looked at.
const ENTRY_LIMIT: usize = 100_000;

/// Deepest folder below the one that was named.
const DEPTH_LIMIT: usize = 64;

/// What every encrypted value starts with; a file without it and without a telling name is none of ours.
const MARK: &[u8] = b"ENC[AES256_GCM,";

/// A file that is sealed, or whose name says that it should be.
pub struct Seen {
    /// Where it is, as it was named with what lies below.
    pub path: PathBuf,
    /// By its name.
    pub format: Format,
    /// What it holds, or why that cannot be told.
    pub content: Result<Vec<u8>, Unread>,
}

/// Why a file was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// Larger than Flux reads.
    #[error("it is larger than 5 MiB, more than Flux reads")]
    TooLarge,
    /// What the system said.
    #[error("{0}")]
    Failed(String),
    /// A link: Flux follows none that leads out of the tree, and here none is followed.
    #[error("it is a link, and was not followed")]
    Link,
}

impl Seen {
    /// A file of its own, whatever it holds.
    pub fn read(path: &Path) -> Self {
        let content = read_limited(path, FILE_LIMIT).map_err(|error| match error.kind() {
            FileErrorKind::TooLarge => Unread::TooLarge,
            _ => Unread::Failed(error.to_string()),
        });
        Self { path: path.to_owned(), format: Format::of_path(path), content }
    }

    /// For messages.
    pub fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// The bytes; empty where it was not read.
    pub fn bytes(&self) -> &[u8] {
        self.content.as_deref().unwrap_or_default()
    }

    /// Whether a file without a telling name is a sealed one, if a broken one. A text about SOPS is none.
    fn is_sealed_by_content(&self) -> bool {
        if !contains(self.bytes(), MARK) || !contains(self.bytes(), b"sops") {
            return false;
        }
        match self.parse() {
            Ok(_) => true,
            Err(FileError::NotEncrypted) => false,
            // Whatever the format does not tell was read as a binary file's envelope.
            Err(_) => self.format != Format::Binary,
        }
    }

    /// Whether it is called like the file of a secret, or says that it holds it; proves nothing.
    pub fn claims(&self, secret: BootstrapSecret) -> bool {
        let says = |file: &SopsFile| file.tree().documents.iter().any(|one| Head::of(one).secret() == Some(secret));
        // Parsing a whole tree once for each secret would take its time.
        BootstrapSecret::of_file(&self.path) == Some(secret)
            || (contains(self.bytes(), secret.name().as_bytes()) && self.parse().is_ok_and(|file| says(&file)))
    }

    /// The file as SOPS sees it, nothing of it proven.
    ///
    /// # Errors
    /// It is no sealed file of its format.
    pub fn parse(&self) -> Result<SopsFile, FileError> {
        SopsFile::parse(self.format, self.bytes())
    }

    /// The file, decrypted and verified.
    ///
    /// # Errors
    /// No identity fits, a value does not decrypt, or the MAC does not fit.
    pub fn open(&self, keyring: &dyn Keyring) -> Result<OpenFile, FileError> {
        self.parse()?.unlock(keyring)?.verified()
    }
}

/// Whether the data key of a file opens with these identities.
pub fn opens(file: &SopsFile, keyring: &dyn Keyring) -> bool {
    recover(file.metadata(), keyring).is_ok()
}

/// Several keyrings as one.
pub struct Several<'a>(pub Vec<&'a dyn Keyring>);

impl Keyring for Several<'_> {
    fn open_age(&self, sealed: &[u8]) -> Result<Plaintext, OpenError> {
        let mut failed = OpenError::NoMatchingIdentity;
        for keyring in &self.0 {
            match keyring.open_age(sealed) {
                Ok(opened) => return Ok(opened),
                Err(OpenError::NoMatchingIdentity) => {}
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    fn tried(&self) -> Vec<String> {
        self.0.iter().flat_map(|keyring| keyring.tried()).collect()
    }
}

/// The files below `places`, and those named themselves; by path, each once. Links are not followed, `.git` is left out.
///
/// # Errors
/// Class `bootstrap-unreadable` where a place or a folder cannot be listed or there is too much: what was not looked at must not count
/// as sound.
pub fn find(places: &[PathBuf]) -> Result<Vec<Seen>, Failure> {
    let mut search = Search::default();
    for place in places {
        let meta = fs::metadata(place).map_err(|error| unlisted(place, &error))?;
        if meta.is_dir() {
            search.folder(place)?;
        } else {
            search.found.push(Seen::read(place));
        }
    }
    search.found.sort_by(|one, other| one.path.cmp(&other.path));
    search.found.dedup_by(|one, other| one.path == other.path);
    Ok(search.found)
}

fn unlisted(path: &Path, error: &std::io::Error) -> Failure {
    let (status, hint) = if error.kind() == std::io::ErrorKind::NotFound {
        (ExitStatus::Absent, "name the folder that holds the *.sops.yaml files, such as bootstrap or clusters/prod")
    } else {
        (
            ExitStatus::Unavailable,
            "give yourself the right to list it; a folder that was not looked at does not count as sound",
        )
    };
    Failure::new(status, "bootstrap-unreadable", format!("{} cannot be looked at", path.display()))
        .cause(error)
        .hint(hint)
}

#[derive(Default)]
struct Search {
    found: Vec<Seen>,
    entries: usize,
}

impl Search {
    fn folder(&mut self, top: &Path) -> Result<(), Failure> {
        let mut open = vec![(top.to_owned(), 0)];
        while let Some((folder, depth)) = open.pop() {
            for entry in fs::read_dir(&folder).map_err(|error| unlisted(&folder, &error))? {
                let entry = entry.map_err(|error| unlisted(&folder, &error))?;
                let kind = entry.file_type().map_err(|error| unlisted(&entry.path(), &error))?;
                self.entries += 1;
                if self.entries > ENTRY_LIMIT || (kind.is_dir() && depth == DEPTH_LIMIT) {
                    return Err(too_much(top));
                }
                if kind.is_dir() && entry.file_name() != ".git" {
                    open.push((entry.path(), depth + 1));
                } else if kind.is_file() {
                    self.file(&entry.path());
                } else if kind.is_symlink() && is_named_sealed(&entry.path()) {
                    let path = entry.path();
                    let format = Format::of_path(&path);
                    self.found.push(Seen { path, format, content: Err(Unread::Link) });
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) {
        let seen = Seen::read(path);
        if is_named_sealed(path) || seen.is_sealed_by_content() {
            self.found.push(seen);
        }
    }
}

fn too_much(top: &Path) -> Failure {
    let problem =
        format!("more than {ENTRY_LIMIT} entries, or folders deeper than {DEPTH_LIMIT}, below {}", top.display());
    Failure::new(ExitStatus::Refused, "bootstrap-unreadable", problem).hint("name the folders that hold the secrets")
}

/// `NAME.sops.yaml` and the like; `.sops.yaml` itself is the configuration.
fn is_named_sealed(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (start, _) = name.rsplit_once('.').unwrap_or_default();
    start.strip_suffix(".sops").is_some_and(|start| !start.is_empty())
}

/// Whether `part` stands in `bytes`: a scan for its first byte, then a comparison.
pub(super) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    let Some((first, _)) = part.split_first() else { return true };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = rest.get(at..).unwrap_or_default();
        if rest.starts_with(part) {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_files_are_found_by_name_and_by_content() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            crate::files::create_new(&path, text.as_bytes(), 0o600).unwrap();
        };
        write("a/x.sops.yaml", "plain: yes\n");
        write("a/values.env", "A=ENC[AES256_GCM,data:x]\nsops_mac=x\n");
        write("a/other.yaml", "a: b\n");
        write("a/README.md", "sops writes ENC[AES256_GCM,data:x]\n");
        write("a/.x.sops.yaml.0123abcd.tmp", "x: ENC[AES256_GCM,data:x]\nsops:\n");
        write("a/notes.yaml", "text: sops writes ENC[AES256_GCM,data:x]\n");
        write("a/broken.yaml", "a: ENC[AES256_GCM,data:x]\nsops: [\n");
        write(".sops.yaml", "creation_rules: []\n");
        write(".git/x.sops.yaml", "a: b\n");
        std::os::unix::fs::symlink("x.sops.yaml", dir.path().join("a/link.sops.yaml")).unwrap();
        let found = find(&[dir.path().to_owned(), dir.path().join("a")]).unwrap();
        let names: Vec<String> =
            found.iter().map(|seen| seen.path.strip_prefix(dir.path()).unwrap().display().to_string()).collect();
        assert_eq!(names, ["a/broken.yaml", "a/link.sops.yaml", "a/values.env", "a/x.sops.yaml"]);
        assert_eq!(found[1].content, Err(Unread::Link));
        assert_eq!(found[2].format, Format::Dotenv);
    }

    #[test]
    fn a_place_that_is_not_there_is_absent_and_not_empty() {
        let failure = find(&["/no/such/folder".into()]).err().unwrap();
        assert_eq!((failure.status, failure.class), (ExitStatus::Absent, "bootstrap-unreadable"));
    }

    #[test]
    fn a_file_above_the_limit_of_flux_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.sops.yaml");
        crate::files::create_new(&path, &vec![b'#'; FILE_LIMIT + 1], 0o600).unwrap();
        assert_eq!(find(&[dir.path().to_owned()]).unwrap()[0].content, Err(Unread::TooLarge));
    }

    #[test]
    fn a_mark_is_found_anywhere() {
        assert!(contains(b"xxENENC[AES256_GCM,y", MARK) && contains(MARK, MARK));
        assert!(!contains(b"ENC[AES256_GCM", MARK) && !contains(b"", MARK));
    }
}
