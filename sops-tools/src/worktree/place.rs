//! Which tree a command works on, where its journal is, and that one run at a time changes it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::journal::Journal;
use crate::files::{FileError, OWNER_ONLY, create_directory, read_limited};

/// The folder of the journal: in the folder of Git, or with a dot before it in the root.
const FOLDER: &str = "sops-tools";
/// The same where there is no Git.
pub const DOT_FOLDER: &str = ".sops-tools";
const LOCK: &str = "lock";
/// Times a lock is asked for that its last holder removed just then.
const TRIES: usize = 16;
/// Bytes of a `.git` file that says where the folder of Git is.
const POINTER_LIMIT: usize = 64 << 10;

/// The tree that a command works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Its root, absolute and without links.
    pub root: PathBuf,
    /// The folder of Git for this work tree, where there is one.
    pub git: Option<PathBuf>,
}

/// Why there is no one tree.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// A path does not exist or cannot be looked at.
    #[error(transparent)]
    File(#[from] FileError),
    /// The paths lie in different trees.
    #[error("{} and {} lie in different trees", .0.display(), .1.display())]
    TwoTrees(PathBuf, PathBuf),
}

/// Why a tree cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run works on it.
    #[error("another run works on {}", .0.display())]
    Held(PathBuf),
    /// What stands in the place of the journal's folder belongs to somebody else, or others may write to it.
    #[error("{}: it does not belong to this user alone", .0.display())]
    NotOurs(PathBuf),
    /// The lock cannot be made.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A tree that no other run changes as long as this lives.
#[must_use = "the tree is free again when this is dropped"]
#[derive(Debug)]
pub struct Lock {
    folder: PathBuf,
    is_in_git: bool,
    _file: File,
}

impl Tree {
    /// The tree that all `paths` lie in: that of Git; else the folder of the nearest `.sops.yaml`; else the named folder itself,
    /// or the one that holds the named file.
    ///
    /// # Errors
    /// A path that does not exist, or paths of different trees.
    pub fn of(paths: &[PathBuf]) -> Result<Self, PlaceError> {
        let mut found: Option<(Self, &PathBuf)> = None;
        for path in paths {
            let tree = Self::of_path(path)?;
            match &found {
                Some((first, at)) if *first != tree => {
                    return Err(PlaceError::TwoTrees((*at).clone(), path.clone()));
                }
                _ => found = Some((tree, path)),
            }
        }
        match found {
            Some((tree, _)) => Ok(tree),
            None => Self::of(&[PathBuf::from(".")]),
        }
    }

    fn of_path(path: &Path) -> Result<Self, FileError> {
        let failed = |error: io::Error| FileError::of("look at", path, &error);
        // The last part is not followed: a link belongs to the tree that it stands in.
        let meta = path.symlink_metadata().map_err(failed)?;
        let whole = if meta.is_dir() {
            path.canonicalize().map_err(failed)?
        } else {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            folder.canonicalize().map_err(failed)?
        };
        if let Some((root, git)) = whole.ancestors().find_map(|folder| Some((folder.to_owned(), git_folder(folder)?))) {
            return Ok(Self { root, git: Some(git) });
        }
        let marked = |is: &dyn Fn(&Path) -> bool| whole.ancestors().find(|folder| is(folder)).map(Path::to_owned);
        // In a folder that others may write to anybody could leave a journal.
        let begun = marked(&|folder| is_ours(&folder.join(DOT_FOLDER)));
        let root = begun.or_else(|| marked(&|folder| folder.join(".sops.yaml").exists())).unwrap_or(whole);
        Ok(Self { root, git: None })
    }

    /// The folder of the journal.
    pub fn state(&self) -> PathBuf {
        match &self.git {
            Some(git) => git.join(FOLDER),
            None => self.root.join(DOT_FOLDER),
        }
    }

    /// Keeps other runs away from the tree.
    ///
    /// # Errors
    /// Another run has it, or the lock cannot be made.
    pub fn lock(&self) -> Result<Lock, LockError> {
        let folder = self.state();
        for _ in 0..TRIES {
            create_directory(&folder, 0o700)?;
            if !is_ours(&folder) {
                return Err(LockError::NotOurs(folder));
            }
            let path = folder.join(LOCK);
            let failed = |error: io::Error| FileError::of("lock", &path, &error);
            let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(OWNER_ONLY).open(&path);
            let file = match opened {
                // Its last holder removed the folder just then.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(failed)?,
            };
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Err(rustix::io::Errno::WOULDBLOCK) => return Err(LockError::Held(self.root.clone())),
                other => other.map_err(|error| failed(error.into()))?,
            }
            let ours = file.metadata().map_err(failed)?;
            if path.metadata().is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
                return Ok(Lock { folder, is_in_git: self.git.is_some(), _file: file });
            }
        }
        Err(LockError::Held(self.root.clone()))
    }

    /// Whether every file of a journal lies in the tree, no link on the way.
    pub fn holds(&self, journal: &Journal) -> bool {
        journal.files.iter().all(|entry| {
            let folder = self.root.join(&entry.path);
            folder.parent().is_some_and(|folder| folder.canonicalize().is_ok_and(|real| real == folder))
        })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Outside of Git nothing is left of a run that ended. The folder goes only when it is empty.
        if !self.is_in_git && std::fs::read_dir(&self.folder).is_ok_and(|inside| inside.count() == 1) {
            let _ = std::fs::remove_file(self.folder.join(LOCK));
            let _ = std::fs::remove_dir(&self.folder);
        }
    }
}

/// Whether a folder of the journal is one that nobody else could have written to: what stands in a journal is followed.
fn is_ours(folder: &Path) -> bool {
    let user = rustix::process::geteuid().as_raw();
    folder.symlink_metadata().is_ok_and(|meta| meta.is_dir() && meta.uid() == user && meta.mode() & 0o022 == 0)
}

/// The folder of Git of the work tree whose root is `folder`: `.git` itself, or where it points.
fn git_folder(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    let meta = git.metadata().ok()?;
    if meta.is_dir() {
        return git.join("HEAD").symlink_metadata().is_ok().then_some(git);
    }
    let text = read_limited(&git, POINTER_LIMIT).ok()?;
    let text = String::from_utf8(text).ok()?;
    let pointed = folder.join(text.strip_prefix("gitdir:")?.trim());
    pointed.canonicalize().ok().filter(|pointed| pointed.join("HEAD").symlink_metadata().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: &Path, text: &str) {
        create_directory(path.parent().unwrap(), 0o755).unwrap();
        crate::files::create_new(path, text.as_bytes(), 0o644).unwrap();
    }

    #[test]
    fn the_tree_is_that_of_git_also_where_git_lies_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        put(&root.join("repo/.git/HEAD"), "ref");
        put(&root.join("repo/a/x"), "");
        put(&root.join("repo/.git/worktrees/w/HEAD"), "ref");
        put(&root.join("linked/.git"), "gitdir: ../repo/.git/worktrees/w\n");
        let tree = Tree::of(&[root.join("repo/a"), root.join("repo/a/x")]).unwrap();
        assert_eq!((tree.root.clone(), tree.state()), (root.join("repo"), root.join("repo/.git/sops-tools")));
        let linked = Tree::of(&[root.join("linked")]).unwrap();
        assert_eq!(linked.state(), root.join("repo/.git/worktrees/w/sops-tools"));
        assert!(matches!(Tree::of(&[root.join("repo"), root.join("linked")]), Err(PlaceError::TwoTrees(..))));
        assert!(Tree::of(&[root.join("absent")]).is_err());
    }

    #[test]
    fn without_git_the_configuration_marks_the_root_and_nothing_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        put(&root.join("t/.sops.yaml"), "");
        put(&root.join("t/a/b/x"), "");
        let tree = Tree::of(&[root.join("t/a/b/x")]).unwrap();
        assert_eq!((tree.root.clone(), tree.git.clone()), (root.join("t"), None));
        let lock = tree.lock().unwrap();
        assert!(matches!(tree.lock(), Err(LockError::Held(_))));
        drop(lock);
        assert!(!tree.state().exists());
        drop(tree.lock().unwrap());
    }

    #[test]
    fn a_journal_that_somebody_else_could_have_left_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        put(&root.join("shared/alice/.sops.yaml"), "");
        let state = root.join("shared").join(DOT_FOLDER);
        create_directory(&state, 0o700).unwrap();
        let tree = || Tree::of(&[root.join("shared/alice")]).unwrap().root;
        assert_eq!(tree(), root.join("shared"), "our own, of a run that was cut off");
        std::fs::set_permissions(&state, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        assert_eq!(tree(), root.join("shared/alice"), "others may write to it");
        std::fs::remove_dir(&state).unwrap();
        std::os::unix::fs::symlink(root.join("shared/alice"), &state).unwrap();
        assert_eq!(tree(), root.join("shared/alice"), "a link");
        let own = root.join("shared/alice").join(DOT_FOLDER);
        create_directory(&own, 0o700).unwrap();
        std::fs::set_permissions(&own, std::os::unix::fs::PermissionsExt::from_mode(0o770)).unwrap();
        assert!(matches!(Tree::of(&[root.join("shared/alice")]).unwrap().lock(), Err(LockError::NotOurs(_))));
    }

    #[test]
    fn a_journal_behind_a_link_is_not_of_the_tree() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        put(&root.join("t/.git/HEAD"), "ref");
        put(&root.join("t/in/x"), "");
        put(&root.join("out/x"), "");
        std::os::unix::fs::symlink("../out", root.join("t/link")).unwrap();
        let tree = Tree::of(&[root.join("t")]).unwrap();
        let journal = |path: &str| {
            let changes: [(&Path, &[u8], &[u8]); 1] = [(Path::new(path), b"a", b"b")];
            Journal::new("id".into(), String::new(), String::new(), changes).0
        };
        assert!(tree.holds(&journal("in/x")));
        assert!(!tree.holds(&journal("link/x")));
    }
}
