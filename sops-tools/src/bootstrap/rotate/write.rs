//! Many files at once: all of them or none, through any crash.

use std::path::PathBuf;

use super::change::{Changed, relative};
use crate::clock::{Clock, Entropy};
use crate::report::{ExitStatus, Failure};
use crate::worktree::apply::{ApplyError, Ground, Unfinished, apply, settle, unfinished};
use crate::worktree::disk::Real;
use crate::worktree::journal::Journal;
use crate::worktree::place::{LockError, Tree};

/// Finishes a change that an earlier run began; the files that were replaced just now.
pub(super) fn finish(tree: &Tree, dry_run: bool) -> Result<Vec<PathBuf>, Failure> {
    let state = tree.state();
    if !state.exists() {
        return Ok(Vec::new());
    }
    let ground = Ground { disk: &Real, root: &tree.root, state: &state };
    if dry_run {
        let found = unfinished(ground).map_err(|error| failed(&error))?;
        return match found {
            Some(Unfinished::Begun(..)) => Err(Failure::new(
                ExitStatus::Refused,
                "rotation-unfinished",
                "an earlier change was cut off; nothing can be planned",
            )
            .hint("give the command without --dry-run: it finishes that change first")),
            _ => Ok(Vec::new()),
        };
    }
    let _lock = lock(tree)?;
    let Some(found) = unfinished(ground).map_err(|error| failed(&error))? else { return Ok(Vec::new()) };
    settle(ground, found, false, &[]).map(|settled| settled.replaced).map_err(|error| failed(&error))
}

/// Puts the new contents in place.
pub(super) fn write(
    tree: &Tree,
    changed: &[Changed],
    command: &str,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<(), Failure> {
    if changed.is_empty() {
        return Ok(());
    }
    let mut contents = Vec::with_capacity(changed.len());
    for file in changed {
        let path = relative(&file.path, &tree.root).ok_or_else(|| {
            let problem =
                format!("{} lies outside of {}; nothing was changed", file.path.display(), tree.root.display());
            Failure::new(ExitStatus::Refused, "rotation-not-made", problem).hint("name a .sops.yaml of the tree itself")
        })?;
        contents.push((path, file.old.as_slice(), file.new.as_slice()));
    }
    let _lock = lock(tree)?;
    let state = tree.state();
    let ground = Ground { disk: &Real, root: &tree.root, state: &state };
    let (journal, bytes) = Journal::new(entropy.id(), command.to_owned(), clock.now().to_string(), contents);
    if !tree.holds(&journal) {
        return Err(Failure::new(
            ExitStatus::Refused,
            "rotation-not-made",
            "a file lies behind a link; nothing was changed",
        )
        .hint("put the file itself into the tree"));
    }
    apply(ground, &journal, &bytes).map_err(|error| failed(&error))
}

fn lock(tree: &Tree) -> Result<crate::worktree::place::Lock, Failure> {
    tree.lock().map_err(|error| match error {
        LockError::Held(_) => Failure::new(ExitStatus::Unavailable, "rotation-not-made", error.to_string())
            .hint("wait until it has ended, then give the same command again"),
        LockError::NotOurs(_) => Failure::new(
            ExitStatus::Refused,
            "rotation-not-made",
            "somebody else could have left an unfinished change there",
        )
        .cause(error)
        .hint("look whose it is; remove that folder if nobody's change is under way"),
        LockError::File(_) => {
            Failure::new(ExitStatus::Unavailable, "rotation-not-made", "the tree cannot be locked; nothing was changed")
                .cause(error)
                .hint("give yourself the right to write there")
        }
    })
}

fn failed(error: &ApplyError) -> Failure {
    let listed = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    match error {
        ApplyError::Nothing(_) => Failure::new(ExitStatus::Unavailable, "rotation-not-made", error.to_string())
            .hint("see to what the system says, then give the same command again"),
        ApplyError::ChangedMeanwhile(paths) => {
            Failure::new(ExitStatus::Refused, "rotation-not-made", error.to_string())
                .cause(listed(paths))
                .hint("look at what changed them, then give the same command again")
        }
        ApplyError::Unfinished(_) => Failure::new(ExitStatus::Unavailable, "rotation-unfinished", error.to_string())
            .hint("each file is whole, old or new; give the same command again: it finishes what is left"),
        ApplyError::Conflicts(paths) => Failure::new(ExitStatus::Refused, "rotation-unfinished", error.to_string())
            .cause(listed(paths))
            .hint("bring these files to what they were (git checkout), then give the same command again"),
        ApplyError::Journal { .. } => Failure::new(
            ExitStatus::Integrity,
            "rotation-unfinished",
            "the journal of an unfinished change cannot be followed",
        )
        .cause(error)
        .hint("compare the tree with Git (git diff), take the last commit, remove the journal, and begin again"),
    }
}
