//! Why a tree was not changed, or not to the end.

use std::path::PathBuf;

use crate::files::FileErrorKind;
use crate::report::{ExitStatus, Failure};
use crate::worktree::apply::ApplyError;
use crate::worktree::place::{LockError, Tree};
use crate::worktree::plan::Obstacle;

/// Every obstacle is a cause; the first gives class, status and hint.
pub(super) fn obstacle_failure(obstacles: &[Obstacle]) -> Failure {
    let Some(first) = obstacles.first() else {
        return Failure::new(ExitStatus::Unexpected, "unexpected", "something stands in the way and nothing says what");
    };
    let files: std::collections::BTreeSet<&str> = obstacles.iter().map(|obstacle| obstacle.file.as_str()).collect();
    let problem = match files.len() {
        1 => "nothing was changed: one file stands in the way".to_owned(),
        more => format!("nothing was changed: {more} files stand in the way"),
    };
    let (status, class) = (first.status, first.class);
    let failure = Failure::new(status, class, problem);
    let failure = obstacles.iter().fold(failure, Failure::cause);
    let mut hints: Vec<&str> = Vec::new();
    for obstacle in obstacles {
        if !hints.contains(&obstacle.hint) {
            hints.push(obstacle.hint);
        }
    }
    failure.hint(hints.join("\n"))
}

pub(super) fn lock_failure(error: &LockError) -> Failure {
    match error {
        LockError::Held(_) => Failure::new(ExitStatus::Unavailable, "tree-locked", error.to_string())
            .hint("wait until it has ended, then give the command again"),
        LockError::NotOurs(_) => Failure::new(
            ExitStatus::Refused,
            "tree-not-ours",
            "an unfinished change could have been left there by somebody else, so nothing was changed",
        )
        .cause(error)
        .hint(
            "look whose it is; remove that folder if nobody's change is under way, and keep it writable for you alone",
        ),
        LockError::File(_) => Failure::new(
            ExitStatus::Unavailable,
            "tree-not-written",
            "the tree cannot be locked, so nothing was changed",
        )
        .cause(error)
        .hint("give yourself the right to write there"),
    }
}

pub(super) fn apply_failure(error: ApplyError, tree: &Tree) -> Failure {
    let problem = error.to_string();
    let paths = |failure: Failure, paths: Vec<PathBuf>| {
        paths.iter().fold(failure, |failure, path| failure.cause(path.display()))
    };
    match error {
        ApplyError::Nothing(error) => {
            let hint = match error.kind() {
                FileErrorKind::NoSpace => "make room on the disk, then give the command again",
                FileErrorKind::Denied => "give yourself the right to write the files and their folders",
                _ => "look at what the system says, then give the command again",
            };
            Failure::new(ExitStatus::Unavailable, "tree-not-written", problem).hint(hint)
        }
        ApplyError::ChangedMeanwhile(changed) => {
            paths(Failure::new(ExitStatus::Refused, "changed-meanwhile", problem), changed)
                .hint("look at what changed them, then give the command again")
        }
        ApplyError::Unfinished(_) => Failure::new(ExitStatus::Unavailable, "unfinished-run", problem)
            .hint("every file is whole, old or new. Give the same command again: it finishes; with --undo it is taken back"),
        ApplyError::Conflicts(conflicts) => {
            paths(Failure::new(ExitStatus::Refused, "unfinished-conflict", problem), conflicts)
                .hint("put each back as it was (git checkout -- FILE), or leave it as it is now with --keep FILE; then give the command again, with --undo to take the rest back")
        }
        ApplyError::Journal { .. } => Failure::new(ExitStatus::Integrity, "journal-damaged", "the journal of an earlier run cannot be followed")
            .cause(problem)
            .hint(format!("every file is whole, old or new: look at them with git status; then remove {}", tree.state().display())),
    }
}
