//! The files of a tree, walked, read and told apart, for every command that works on many.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::input::INPUT_LIMIT;
use super::site::Site;
use crate::files::{FileError, read_limited};
use crate::git::objects::tracked;
use crate::git::program::{Git, GitError};
use crate::report::{ExitStatus, Failure};
use crate::sops::config;
use crate::worktree::creation::Configs;
use crate::worktree::inventory::{FileAt, WalkError, Walked, walk};
use crate::worktree::place::{PlaceError, Tree};

/// How long one call of git may take by default.
pub(crate) const GIT_DEADLINE: Duration = Duration::from_mins(10);

/// A tree, the files under the paths that were named, and their rules.
pub(crate) struct Survey {
    pub(crate) tree: Tree,
    pub(crate) walked: Walked,
    pub(crate) configs: Configs,
}

impl Survey {
    /// Walks the paths; the current folder where none is named.
    ///
    /// # Errors
    /// Classes `no-file`, `two-trees`, `walk`.
    pub(crate) fn take(paths: &[PathBuf], tree: Tree, site: &Site<'_>) -> Result<Self, Failure> {
        let current = current(site);
        let mut unasked = None;
        let known = match &tree.git {
            Some(_) => match tracked(&git(&tree, site, None, GIT_DEADLINE)) {
                Ok(known) => known.into_iter().map(|path| tree.root.join(path)).collect(),
                Err(error) => {
                    unasked = Some(format!("git cannot be asked which files it tracks: {error}"));
                    Vec::new()
                }
            },
            None => Vec::new(),
        };
        let mut walked = walk(&tree.root, &named(paths), &known, &current).map_err(walk_failure)?;
        // A file that is tracked although an ignore file names it would be missed.
        walked.unreadable.extend(unasked.map(|why| (tree.root.display().to_string(), why)));
        for (place, why) in &walked.skipped {
            tracing::warn!(%place, "not looked at: {why}");
        }
        let configs = Configs::of(named_config(site).as_deref(), walked.files.iter().map(|file| file.path.as_path()));
        Ok(Self { tree, walked, configs })
    }
}

/// The paths, or the current folder.
pub(crate) fn named(paths: &[PathBuf]) -> Vec<PathBuf> {
    if paths.is_empty() { vec![PathBuf::from(".")] } else { paths.to_vec() }
}

/// The tree that the paths lie in.
///
/// # Errors
/// Classes `no-file` and `two-trees`.
pub(crate) fn tree_of(paths: &[PathBuf]) -> Result<Tree, Failure> {
    Tree::of(&named(paths)).map_err(|error| match error {
        PlaceError::File(error) => {
            Failure::new(ExitStatus::Absent, "no-file", error.to_string()).hint("look at the spelling of the path")
        }
        PlaceError::TwoTrees(..) => {
            Failure::new(ExitStatus::Usage, "two-trees", error.to_string()).hint("give one command for each of them")
        }
    })
}

/// The folder that shown paths start from, without links.
pub(crate) fn current(site: &Site<'_>) -> PathBuf {
    site.current.canonicalize().unwrap_or_else(|_| site.current.clone())
}

/// The configuration that was named, by flag or variable.
pub(crate) fn named_config(site: &Site<'_>) -> Option<PathBuf> {
    let named = site.config.clone().or_else(|| site.variable("SOPS_CONFIG").map(PathBuf::from))?;
    Some(config::absolute(&named, &current(site)))
}

/// The git of a tree.
pub(crate) fn git(tree: &Tree, site: &Site<'_>, index: Option<OsString>, deadline: Duration) -> Git {
    Git::new(&tree.root, site.lookup, index, deadline)
}

/// The content of a file of the tree.
///
/// # Errors
/// It cannot be read, or is larger than is read.
pub(crate) fn read(at: &FileAt) -> Result<Vec<u8>, FileError> {
    // Reading an empty file costs as much as the largest: the system tells no size of what may still grow.
    if at.path.symlink_metadata().is_ok_and(|meta| meta.len() == 0) {
        return Ok(Vec::new());
    }
    read_limited(&at.path, INPUT_LIMIT)
}

fn walk_failure(error: WalkError) -> Failure {
    match error {
        WalkError::File(error) => {
            Failure::new(ExitStatus::Absent, "no-file", error.to_string()).hint("look at the spelling of the path")
        }
        WalkError::Link(_) => Failure::new(ExitStatus::Usage, "link", error.to_string()),
        WalkError::TooMany => Failure::new(ExitStatus::Usage, "too-many-files", error.to_string()),
    }
}

/// Why git gave no answer.
pub(crate) fn git_failure(error: &GitError) -> Failure {
    match error {
        GitError::NotFound => Failure::new(ExitStatus::Absent, "git-absent", error.to_string())
            .hint("install git, or leave the history out with --no-history"),
        GitError::TooLong { .. } => Failure::new(ExitStatus::TimedOut, "git-too-long", error.to_string())
            .hint("give it more time with --deadline, or leave the history out with --no-history"),
        _ => Failure::new(ExitStatus::Unavailable, "git-failed", error.to_string())
            .hint("run the same git command by hand to see more"),
    }
}
