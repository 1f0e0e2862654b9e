//! The record of a change of many files: what it replaces and by what, so that the next run can finish it or take it back.
//!
//! It holds paths, digests and places in the file of contents beside it. Everything in there stands in the tree as well, before
//! or after the change: encrypted text, no secret.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::clock::hex;

/// Written while nothing is changed yet: new files without their final names may lie around.
pub const PREPARING: &str = "prepare.json";
/// From the moment this stands there the change is made, by this run or the next one.
pub const FORWARD: &str = "journal.json";
/// The change is taken back, by this run or the next one.
pub const BACK: &str = "undo.json";
/// All old and new contents, one after the other.
pub const CONTENTS: &str = "contents";
/// Largest journal that is read, 64 MiB.
pub const JOURNAL_LIMIT: usize = 64 << 20;

/// What files without their final names begin with.
pub const TEMPORARY_PREFIX: &str = ".sops-tools-";
const TEMPORARY_SUFFIX: &str = ".tmp";
const FORMAT: u32 = 1;

/// One change of many files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Journal {
    format: u32,
    /// A random name of the run.
    pub id: String,
    /// What was asked for, so that the same words are known again.
    pub command: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// The files, each once.
    pub files: Vec<Entry>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// Where it is, from the root of the tree.
    pub path: PathBuf,
    /// The new content without its final name, in the same folder.
    pub temporary: PathBuf,
    /// What stood there.
    pub old: Content,
    /// What is put there.
    pub new: Content,
}

/// A content by its digest, and where it stands in the file of contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Content {
    sha256: String,
    offset: usize,
    length: usize,
}

/// Which way an unfinished change goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the new contents.
    Forward,
    /// To the old ones.
    Back,
}

/// What stands at the place of a file now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The old content.
    Old,
    /// The new content.
    New,
    /// Something else, or nothing.
    Other,
}

/// What is to be done with one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is what it has to be.
    Settled,
    /// It is replaced.
    Replace,
    /// Somebody else changed it: a person decides.
    Conflict,
}

/// Why a journal cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// It is not what this program writes.
    #[error("it is not a journal that this version writes")]
    Unreadable,
    /// It names something outside of the tree.
    #[error("it names a place that is not in the tree")]
    Outside,
    /// The contents beside it are not those it names.
    #[error("the contents beside it are damaged or gone")]
    Contents,
}

/// What becomes of a file that is seen so.
pub fn decide(direction: Direction, seen: Seen) -> Decision {
    match (direction, seen) {
        (_, Seen::Other) => Decision::Conflict,
        (Direction::Forward, Seen::New) | (Direction::Back, Seen::Old) => Decision::Settled,
        (Direction::Forward, Seen::Old) | (Direction::Back, Seen::New) => Decision::Replace,
    }
}

impl Journal {
    /// The journal of a change, and the contents that go with it. Paths are from the root of the tree.
    pub fn new<'a>(
        id: String,
        command: String,
        started: String,
        changes: impl IntoIterator<Item = (&'a Path, &'a [u8], &'a [u8])>,
    ) -> (Self, Vec<u8>) {
        let mut contents = Vec::new();
        let mut files = Vec::new();
        for (path, old, new) in changes {
            let name = format!("{TEMPORARY_PREFIX}{id}-{}{TEMPORARY_SUFFIX}", files.len());
            files.push(Entry {
                path: path.to_owned(),
                temporary: path.with_file_name(name),
                old: Content::add(old, &mut contents),
                new: Content::add(new, &mut contents),
            });
        }
        (Self { format: FORMAT, id, command, started, files }, contents)
    }

    /// The text that is written.
    pub fn to_text(&self) -> Vec<u8> {
        // Only keys that are no strings, and paths that are not UTF-8, cannot be written; a plan holds neither.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    /// Reads a journal and holds every path in it against the tree.
    ///
    /// # Errors
    /// It is damaged, of another version, or names a place outside of the tree.
    pub fn parse(text: &[u8]) -> Result<Self, JournalError> {
        let journal: Self = serde_json::from_slice(text).map_err(|_| JournalError::Unreadable)?;
        if journal.format != FORMAT {
            return Err(JournalError::Unreadable);
        }
        let inside = |entry: &Entry| {
            is_inside(&entry.path)
                && is_inside(&entry.temporary)
                && entry.temporary.parent() == entry.path.parent()
                && entry.temporary.file_name().is_some_and(|name| is_temporary(&name.to_string_lossy()))
        };
        if journal.files.iter().all(inside) { Ok(journal) } else { Err(JournalError::Outside) }
    }
}

/// Whether a name is one of a new file without its final name.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX)
}

/// Whether a path goes down from the root and nowhere else.
fn is_inside(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

impl Entry {
    /// What a content is to this file.
    pub fn seen(&self, content: Option<&[u8]>) -> Seen {
        let Some(content) = content else { return Seen::Other };
        let digest = digest(content);
        if digest == self.new.sha256 {
            Seen::New
        } else if digest == self.old.sha256 {
            Seen::Old
        } else {
            Seen::Other
        }
    }

    /// The content that a direction leads to.
    pub fn target(&self, direction: Direction) -> &Content {
        match direction {
            Direction::Forward => &self.new,
            Direction::Back => &self.old,
        }
    }

    /// The longer of both contents, in bytes.
    pub fn longest(&self) -> usize {
        self.old.length.max(self.new.length)
    }
}

impl Content {
    fn add(bytes: &[u8], contents: &mut Vec<u8>) -> Self {
        let offset = contents.len();
        contents.extend_from_slice(bytes);
        Self { sha256: digest(bytes), offset, length: bytes.len() }
    }

    /// Whether these bytes are it.
    pub fn is(&self, bytes: &[u8]) -> bool {
        bytes.len() == self.length && digest(bytes) == self.sha256
    }

    /// The bytes, out of the file of contents.
    ///
    /// # Errors
    /// They are not there, or are others.
    pub fn of<'a>(&self, contents: &'a [u8]) -> Result<&'a [u8], JournalError> {
        let end = self.offset.checked_add(self.length).ok_or(JournalError::Contents)?;
        contents.get(self.offset..end).filter(|bytes| self.is(bytes)).ok_or(JournalError::Contents)
    }
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> (Journal, Vec<u8>) {
        let changes: [(&Path, &[u8], &[u8]); 2] =
            [(Path::new("a/x.yaml"), b"old", b"new"), (Path::new("y"), b"", b"more")];
        Journal::new("id".into(), "rotate .".into(), "2026-11-27T00:00:00Z".into(), changes)
    }

    #[test]
    fn a_journal_is_read_back_with_its_contents() {
        let (journal, contents) = journal();
        assert_eq!(Journal::parse(&journal.to_text()).unwrap(), journal);
        let first = &journal.files[0];
        assert_eq!(first.temporary, Path::new("a/.sops-tools-id-0.tmp"));
        assert_eq!(first.old.of(&contents).unwrap(), b"old");
        assert_eq!(first.new.of(&contents).unwrap(), b"new");
        assert_eq!(first.new.of(b"oldnew").unwrap(), b"new");
        assert_eq!(first.new.of(b"oldnex").unwrap_err(), JournalError::Contents);
        assert_eq!(first.new.of(b"old").unwrap_err(), JournalError::Contents);
    }

    #[test]
    fn what_stands_there_decides() {
        let (journal, _) = journal();
        let first = &journal.files[0];
        assert_eq!(first.seen(Some(b"old")), Seen::Old);
        assert_eq!(first.seen(Some(b"new")), Seen::New);
        assert_eq!(first.seen(Some(b"x")), Seen::Other);
        assert_eq!(first.seen(None), Seen::Other);
        assert_eq!(decide(Direction::Forward, Seen::Old), Decision::Replace);
        assert_eq!(decide(Direction::Forward, Seen::New), Decision::Settled);
        assert_eq!(decide(Direction::Back, Seen::New), Decision::Replace);
        assert_eq!(decide(Direction::Back, Seen::Old), Decision::Settled);
        assert_eq!(decide(Direction::Back, Seen::Other), Decision::Conflict);
    }

    #[test]
    fn a_journal_that_leads_out_of_the_tree_is_not_followed() {
        let (good, _) = journal();
        for (path, temporary) in [
            ("../x", "../.sops-tools-id-0.tmp"),
            ("/etc/x", "/etc/.sops-tools-id-0.tmp"),
            ("a/../../x", "a/../../.sops-tools-id-0.tmp"),
            ("a/x", ".sops-tools-id-0.tmp"),
            ("a/x", "a/y"),
            ("", ".sops-tools-id-0.tmp"),
        ] {
            let mut bad = good.clone();
            bad.files[0].path = path.into();
            bad.files[0].temporary = temporary.into();
            assert_eq!(Journal::parse(&bad.to_text()).unwrap_err(), JournalError::Outside, "{path} {temporary}");
        }
        assert_eq!(Journal::parse(b"{").unwrap_err(), JournalError::Unreadable);
        assert_eq!(Journal::parse(b"").unwrap_err(), JournalError::Unreadable);
    }
}
