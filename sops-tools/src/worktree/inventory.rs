//! Which files of a work tree a command looks at.
//!
//! Everything that Git would not ignore and everything it tracks all the same, hidden files too; no link is followed, no other
//! repository is entered, and the order is that of the names.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};

use super::journal::{BACK, FORWARD, PREPARING, is_temporary};
use super::place::DOT_FOLDER;
use crate::files::FileError;

/// Most files that are looked at.
pub const MOST_FILES: usize = 500_000;
/// Deepest folder that is looked into.
const MOST_DEPTH: usize = 128;
/// What a run that was cut off leaves in its folder.
const LEFT: [&str; 3] = [PREPARING, FORWARD, BACK];

/// A file of the tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileAt {
    /// Where it is, from the root of the tree.
    pub relative: PathBuf,
    /// Where it is, absolute.
    pub path: PathBuf,
    /// As the person would write it.
    pub shown: String,
}

/// What a walk came to.
#[derive(Debug, Default)]
pub struct Walked {
    /// The files, each once, in the order of their paths.
    pub files: Vec<FileAt>,
    /// Places that were not looked at, and why.
    pub skipped: Vec<(String, Skipped)>,
    /// Places that could not be looked at, and why.
    pub unreadable: Vec<(String, String)>,
}

/// Why a place is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skipped {
    /// It is a repository of its own, a submodule for instance.
    OtherRepository,
    /// A run was cut off there that took this folder for a tree of its own.
    OtherRun,
    /// Git tracks it, and it is not in the work tree: deleted, or left out of a sparse checkout.
    NotCheckedOut,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherRepository => "another repository; give the command there as well",
            Self::NotCheckedOut => {
                "Git tracks it, and it is not in the work tree (deleted, or a sparse checkout): it stays as it is"
            }
            Self::OtherRun => "a run was cut off in this folder; give the command there first",
        })
    }
}

/// Why there is no list of files.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// A path that was named cannot be looked at.
    #[error(transparent)]
    File(#[from] FileError),
    /// A path that was named is a link.
    #[error("{0} is a symbolic link, and no link is followed; name what it leads to")]
    Link(String),
    /// More than anybody's secrets.
    #[error("there are more than {MOST_FILES} files; name the folders that hold secrets")]
    TooMany,
}

/// The files under `paths`, which lie in the tree whose root is `root`. `tracked` are files that Git knows, absolute: those under
/// `paths` are looked at although an ignore file names them. `current` is the folder that shown paths start from.
///
/// # Errors
/// A path of `paths` that cannot be looked at, or too many files.
pub fn walk(root: &Path, paths: &[PathBuf], tracked: &[PathBuf], current: &Path) -> Result<Walked, WalkError> {
    let mut walked = Walked::default();
    let mut found: BTreeSet<PathBuf> = BTreeSet::new();
    for path in paths {
        let named = absolute(path, current)?;
        let meta = named.symlink_metadata().map_err(|error| FileError::of("look at", path, &error))?;
        if meta.is_symlink() {
            return Err(WalkError::Link(path.display().to_string()));
        }
        if !meta.is_dir() {
            found.insert(named);
            continue;
        }
        descend(&named, root, current, &mut walked, &mut found)?;
        let gone = tracked.iter().filter(|file| file.starts_with(&named) && is_gone(file));
        walked.skipped.extend(in_short(&gone.collect::<Vec<_>>(), current));
        let also = tracked.iter().filter(|file| file.starts_with(&named) && !found.contains(*file));
        found.extend(also.filter(|file| is_file(file, root)).cloned().collect::<Vec<_>>());
    }
    if found.len() > MOST_FILES {
        return Err(WalkError::TooMany);
    }
    walked.files = found.into_iter().filter_map(|path| at(root, path, current)).collect();
    Ok(walked)
}

/// The path without links but its last part.
fn absolute(path: &Path, current: &Path) -> Result<PathBuf, FileError> {
    let whole = current.join(path);
    let failed = |error: io::Error| FileError::of("look at", path, &error);
    match (whole.parent(), whole.file_name()) {
        (Some(folder), Some(name)) if !whole.ends_with("..") => Ok(folder.canonicalize().map_err(failed)?.join(name)),
        _ => whole.canonicalize().map_err(failed),
    }
}

fn at(root: &Path, path: PathBuf, current: &Path) -> Option<FileAt> {
    let relative = path.strip_prefix(root).ok()?.to_owned();
    let shown = printable(path.strip_prefix(current).unwrap_or(&path));
    Some(FileAt { relative, path, shown })
}

/// A path for a terminal: names can hold anything, and control characters would reach it.
fn printable(path: &Path) -> String {
    let escaped = |one: char| if one.is_control() { one.escape_default().collect() } else { one.to_string() };
    path.display().to_string().chars().map(escaped).collect()
}

fn is_gone(file: &Path) -> bool {
    file.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Each by itself where there are a few; a sparse checkout leaves out thousands.
fn in_short(gone: &[&PathBuf], current: &Path) -> Vec<(String, Skipped)> {
    const FEW: usize = 5;
    let shown = |path: &PathBuf| printable(path.strip_prefix(current).unwrap_or(path));
    match gone {
        [first, rest @ ..] if rest.len() >= FEW => {
            vec![(format!("{} and {} other files", shown(first), rest.len()), Skipped::NotCheckedOut)]
        }
        few => few.iter().map(|path| (shown(path), Skipped::NotCheckedOut)).collect(),
    }
}

/// A regular file, no link on the way to it from the root.
fn is_file(path: &Path, root: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_file())
        && path
            .parent()
            .is_some_and(|folder| folder.starts_with(root) && folder.canonicalize().is_ok_and(|real| real == folder))
}

fn descend(
    folder: &Path,
    root: &Path,
    current: &Path,
    walked: &mut Walked,
    found: &mut BTreeSet<PathBuf>,
) -> Result<(), WalkError> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let state = root.join(DOT_FOLDER);
    let mut builder = WalkBuilder::new(folder);
    builder
        .hidden(false)
        .ignore(false)
        .git_global(true)
        .git_ignore(true)
        .git_exclude(true)
        .require_git(true)
        .parents(true)
        .follow_links(false)
        .max_depth(Some(MOST_DEPTH))
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .filter_entry(move |entry| match refused(entry, &state) {
            Refused::No => true,
            Refused::Silently => false,
            Refused::For(why) => {
                // The other end lives until the walk ends.
                let _ = sender.send((entry.path().to_owned(), why));
                false
            }
        });
    let shown = |path: &Path| printable(path.strip_prefix(current).unwrap_or(path));
    for entry in builder.build() {
        match entry {
            Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => {
                found.insert(entry.into_path());
            }
            Ok(_) => {}
            Err(error) => walked.unreadable.push(told(&error, &shown)),
        }
        if found.len() > MOST_FILES {
            return Err(WalkError::TooMany);
        }
    }
    drop(builder);
    walked.skipped.extend(receiver.iter().map(|(path, why)| (shown(&path), why)));
    Ok(())
}

/// Whether a place is not entered.
enum Refused {
    No,
    Silently,
    For(Skipped),
}

fn refused(entry: &DirEntry, state: &Path) -> Refused {
    let name = entry.file_name().to_string_lossy();
    let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
    if name == ".git" || is_temporary(&name) || entry.path() == state {
        return Refused::Silently;
    }
    if is_folder && name == DOT_FOLDER && LEFT.iter().any(|name| entry.path().join(name).symlink_metadata().is_ok()) {
        return Refused::For(Skipped::OtherRun);
    }
    let is_other = is_folder && entry.depth() > 0 && entry.path().join(".git").symlink_metadata().is_ok();
    if is_other { Refused::For(Skipped::OtherRepository) } else { Refused::No }
}

/// The place of an error of the walk, and what the system said.
fn told(error: &ignore::Error, shown: &dyn Fn(&Path) -> String) -> (String, String) {
    let mut inner = error;
    let mut place = String::new();
    loop {
        match inner {
            ignore::Error::WithPath { path, err } => {
                place = shown(path);
                inner = err;
            }
            ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => inner = err,
            other => return (place, other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{create_directory, create_new};

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        create_directory(path.parent().unwrap(), 0o755).unwrap();
        create_new(&path, text.as_bytes(), 0o644).unwrap();
    }

    fn names(walked: &Walked) -> Vec<&str> {
        walked.files.iter().map(|file| file.shown.as_str()).collect()
    }

    #[test]
    fn a_walk_takes_what_git_would_not_ignore_and_what_it_tracks() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        put(&root, ".git/HEAD", "ref");
        put(&root, ".git/secret.yaml", "");
        put(&root, ".gitignore", "ignored\nbuild/\n");
        put(&root, "b.yaml", "");
        put(&root, "a/.hidden", "");
        put(&root, "a/ignored", "");
        put(&root, "build/out.yaml", "");
        put(&root, "build/kept.yaml", "");
        put(&root, "sub/.git", "gitdir: x");
        put(&root, "sub/x.yaml", "");
        put(&root, "a/.sops-tools-1-0.tmp", "");
        put(&root, "c\u{1b}[2J", "");
        put(&root, "outside/x", "");
        std::os::unix::fs::symlink("../outside", root.join("a/link")).unwrap();
        let tracked = [root.join("build/kept.yaml"), root.join("gone"), root.join("a/link/x"), root.join("b.yaml")];
        let walked = walk(&root, &[".".into()], &tracked, &root).unwrap();
        assert_eq!(
            names(&walked),
            [".gitignore", "a/.hidden", "b.yaml", "build/kept.yaml", "c\\u{1b}[2J", "outside/x"]
        );
        let skipped: Vec<_> = walked.skipped.iter().map(|(place, why)| (place.as_str(), *why)).collect();
        assert_eq!(skipped, [("sub", Skipped::OtherRepository), ("gone", Skipped::NotCheckedOut)]);
        let walked = walk(&root, &["a".into(), "b.yaml".into(), "a/ignored".into()], &tracked, &root).unwrap();
        assert_eq!(names(&walked), ["a/.hidden", "a/ignored", "b.yaml"], "what is named is looked at");
        assert!(matches!(walk(&root, &["a/link".into()], &[], &root), Err(WalkError::Link(_))));
        assert!(matches!(walk(&root, &["absent".into()], &[], &root), Err(WalkError::File(_))));
    }
}
