//! Puts new contents in the places of many files, all of them or none, through any crash.
//!
//! In this order, each synchronised before the next: the list of what is meant (`prepare.json`), all old and new contents, every
//! new content beside its file; then the list gets the name `journal.json`. Before that moment nothing is changed and the next run
//! cleans up; from then on the files take their new contents one by one, and the next run finishes what is left. Taking back is the
//! same in the other direction, under the name `undo.json`. At every moment each file is whole, old or new.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::journal::{
    BACK, CONTENTS, Decision, Direction, Entry, FORWARD, JOURNAL_LIMIT, Journal, JournalError, PREPARING, Seen, decide,
};
use crate::files::{FileError, FileErrorKind};
use crate::parallel;

/// Most bytes of old and new contents together, 2 GiB.
pub const CONTENTS_LIMIT: usize = 2 << 30;

/// Where a change takes place.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// What is done to files.
    pub disk: &'a dyn Disk,
    /// The root of the tree: paths of the journal start there.
    pub root: &'a Path,
    /// The folder of the journal.
    pub state: &'a Path,
}

/// Why a change was not made, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Before anything was changed.
    #[error("nothing was changed: {0}")]
    Nothing(FileError),
    /// Files are not what the change was computed from; nothing was changed.
    #[error("nothing was changed: files were changed by somebody else meanwhile")]
    ChangedMeanwhile(Vec<PathBuf>),
    /// Some files have their new contents, and the journal stands for the rest.
    #[error("the change is not finished: {0}")]
    Unfinished(FileError),
    /// Files of an unfinished change are neither what they were nor what they were to become. Nothing more was done.
    #[error("files of an unfinished change were changed by somebody else")]
    Conflicts(Vec<PathBuf>),
    /// The journal of an unfinished change cannot be followed.
    #[error("{}: {error}", path.display())]
    Journal {
        /// Where it is.
        path: PathBuf,
        /// Why.
        error: JournalError,
    },
}

/// What an earlier run left.
pub enum Unfinished {
    /// It had changed nothing and new files may lie around, or it had ended and only its contents are left. The journal, where it
    /// was written whole and is still there.
    Prepared(Option<Journal>),
    /// It had begun to change files.
    Begun(Direction, Journal),
}

/// What became of an unfinished change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Where it was led; `None` where only leftovers were removed.
    pub direction: Option<Direction>,
    /// Files that were replaced just now.
    pub replaced: Vec<PathBuf>,
    /// Files that were left as somebody else made them.
    pub kept: Vec<PathBuf>,
    /// What the earlier run was asked for.
    pub command: String,
    /// When it began.
    pub started: String,
}

/// Makes a change from its beginning to its end. `contents` are those of the journal.
///
/// # Errors
/// [`ApplyError::Nothing`] and [`ApplyError::ChangedMeanwhile`] before anything is changed, [`ApplyError::Unfinished`] after.
pub fn apply(ground: Ground<'_>, journal: &Journal, contents: &[u8]) -> Result<(), ApplyError> {
    if let Err(error) = prepare(ground, journal, contents) {
        discard(ground, Some(journal)).unwrap_or_else(|leftover| {
            tracing::warn!(%leftover, "leftovers could not be removed; the next run removes them");
        });
        return Err(error);
    }
    finish(ground, journal).map_err(|error| match error {
        ApplyError::Nothing(error) => ApplyError::Unfinished(error),
        other => other,
    })
}

/// Everything up to the moment from which the change is made.
fn prepare(ground: Ground<'_>, journal: &Journal, contents: &[u8]) -> Result<(), ApplyError> {
    let Ground { disk, root, state } = ground;
    let steps = || -> Result<(), FileError> {
        // A stray one of a run that was cut off while it cleaned up.
        disk.remove(&state.join(CONTENTS))?;
        disk.create(&state.join(PREPARING), &journal.to_text(), None)?;
        disk.sync_folder(state)?;
        disk.create(&state.join(CONTENTS), contents, None)?;
        let written = parallel::map(&journal.files, |entry| -> Result<(), FileError> {
            let bytes = entry.new.of(contents).map_err(|_| damaged(state))?;
            disk.create(&root.join(&entry.temporary), bytes, Some(&root.join(&entry.path)))
        });
        written.into_iter().collect::<Result<(), _>>()?;
        sync_folders(ground, journal)?;
        disk.sync_folder(state)
    };
    steps().map_err(ApplyError::Nothing)?;
    let changed = others(ground, journal, &[Seen::Old])?;
    if !changed.is_empty() {
        return Err(ApplyError::ChangedMeanwhile(changed));
    }
    disk.rename(&state.join(PREPARING), &state.join(FORWARD)).map_err(ApplyError::Nothing)
}

/// Everything after it.
fn finish(ground: Ground<'_>, journal: &Journal) -> Result<(), ApplyError> {
    let Ground { disk, root, state } = ground;
    disk.sync_folder(state).map_err(ApplyError::Unfinished)?;
    for entry in &journal.files {
        let _alone = alone(ground, entry).map_err(ApplyError::Unfinished)?;
        if seen(ground, entry).map_err(ApplyError::Unfinished)? != Seen::Old {
            return Err(ApplyError::Conflicts(vec![entry.path.clone()]));
        }
        disk.rename(&root.join(&entry.temporary), &root.join(&entry.path)).map_err(ApplyError::Unfinished)?;
    }
    close(ground, journal, FORWARD).map_err(ApplyError::Unfinished)
}

/// What an earlier run left, if anything.
///
/// # Errors
/// It cannot be read or followed.
pub fn unfinished(ground: Ground<'_>) -> Result<Option<Unfinished>, ApplyError> {
    let Ground { disk, state, .. } = ground;
    let read = |name: &str| disk.read(&state.join(name), JOURNAL_LIMIT).map_err(ApplyError::Nothing);
    for (name, direction) in [(BACK, Direction::Back), (FORWARD, Direction::Forward)] {
        if let Some(text) = read(name)? {
            let journal =
                Journal::parse(&text).map_err(|error| ApplyError::Journal { path: state.join(name), error })?;
            return Ok(Some(Unfinished::Begun(direction, journal)));
        }
    }
    // Where it is cut off nothing else was written.
    if let Some(text) = read(PREPARING)? {
        return Ok(Some(Unfinished::Prepared(Journal::parse(&text).ok())));
    }
    // The last thing that a run removes.
    match disk.read(&state.join(CONTENTS), 0) {
        Ok(None) => Ok(None),
        Err(error) if error.kind() != FileErrorKind::TooLarge => Err(ApplyError::Nothing(error)),
        _ => Ok(Some(Unfinished::Prepared(None))),
    }
}

/// Leads an unfinished change to its end, or back where `undo` is set; `keep` names files to leave as somebody else made them.
///
/// A change that is being taken back is never led forward again.
///
/// # Errors
/// [`ApplyError::Conflicts`] before anything more is done; anything else can be tried again.
pub fn settle(ground: Ground<'_>, unfinished: Unfinished, undo: bool, keep: &[PathBuf]) -> Result<Settled, ApplyError> {
    let Ground { disk, root, state } = ground;
    let (direction, journal) = match unfinished {
        Unfinished::Prepared(journal) => {
            discard(ground, journal.as_ref()).map_err(ApplyError::Nothing)?;
            let (command, started) = journal.map(|journal| (journal.command, journal.started)).unwrap_or_default();
            return Ok(Settled { direction: None, replaced: Vec::new(), kept: Vec::new(), command, started });
        }
        Unfinished::Begun(direction, journal) => (if undo { Direction::Back } else { direction }, journal),
    };
    let kept: Vec<PathBuf> = others(ground, &journal, &[Seen::Old, Seen::New])?;
    let conflicts: Vec<PathBuf> = kept.iter().filter(|path| !keep.contains(path)).cloned().collect();
    if !conflicts.is_empty() {
        return Err(ApplyError::Conflicts(conflicts));
    }
    let name = if direction == Direction::Back { BACK } else { FORWARD };
    let steps = || -> Result<Vec<PathBuf>, FileError> {
        if direction == Direction::Back && disk.read(&state.join(BACK), JOURNAL_LIMIT)?.is_none() {
            disk.rename(&state.join(FORWARD), &state.join(BACK))?;
        }
        disk.sync_folder(state)?;
        let contents = disk.read(&state.join(CONTENTS), CONTENTS_LIMIT)?.unwrap_or_default();
        let mut replaced = Vec::new();
        for entry in &journal.files {
            let _alone = alone(ground, entry)?;
            if decide(direction, seen(ground, entry)?) != Decision::Replace {
                continue;
            }
            lay(ground, entry, direction, &contents)?;
            disk.rename(&root.join(&entry.temporary), &root.join(&entry.path))?;
            replaced.push(entry.path.clone());
        }
        close(ground, &journal, name)?;
        Ok(replaced)
    };
    let replaced = steps().map_err(ApplyError::Unfinished)?;
    let Journal { command, started, .. } = journal;
    Ok(Settled { direction: Some(direction), replaced, kept, command, started })
}

/// Sees to it that the content to be put in place lies beside its file, synchronised.
fn lay(ground: Ground<'_>, entry: &Entry, direction: Direction, contents: &[u8]) -> Result<(), FileError> {
    let Ground { disk, root, state } = ground;
    let (path, temporary) = (root.join(&entry.path), root.join(&entry.temporary));
    let wanted = entry.target(direction);
    let lies = match disk.read(&temporary, entry.longest()) {
        Ok(lies) => lies,
        Err(error) if error.kind() == FileErrorKind::TooLarge => None,
        Err(error) => return Err(error),
    };
    if lies.is_some_and(|bytes| wanted.is(&bytes)) {
        return Ok(());
    }
    let bytes = wanted.of(contents).map_err(|_| damaged(state))?;
    disk.remove(&temporary)?;
    disk.create(&temporary, bytes, Some(&path))
}

/// Removes everything that was only needed until all files were in place.
fn close(ground: Ground<'_>, journal: &Journal, name: &str) -> Result<(), FileError> {
    let Ground { disk, root, state } = ground;
    for entry in &journal.files {
        disk.remove(&root.join(&entry.temporary))?;
    }
    sync_folders(ground, journal)?;
    disk.remove(&state.join(name))?;
    disk.sync_folder(state)?;
    disk.remove(&state.join(CONTENTS))
}

/// Removes what lies around of a change that was not made.
fn discard(ground: Ground<'_>, journal: Option<&Journal>) -> Result<(), FileError> {
    let Ground { disk, root, state } = ground;
    for entry in journal.iter().flat_map(|journal| &journal.files) {
        disk.remove(&root.join(&entry.temporary))?;
    }
    if let Some(journal) = journal {
        sync_folders(ground, journal)?;
    }
    disk.remove(&state.join(CONTENTS))?;
    disk.remove(&state.join(PREPARING))?;
    disk.sync_folder(state)
}

fn sync_folders(ground: Ground<'_>, journal: &Journal) -> Result<(), FileError> {
    let folders: BTreeSet<&Path> = journal.files.iter().filter_map(|entry| entry.path.parent()).collect();
    let synced = parallel::map(&folders.into_iter().collect::<Vec<_>>(), |folder| {
        ground.disk.sync_folder(&ground.root.join(folder))
    });
    synced.into_iter().collect()
}

/// No other run puts something in the place of the file between the look at it and its replacement.
fn alone(ground: Ground<'_>, entry: &Entry) -> Result<Option<std::fs::File>, FileError> {
    let path = ground.root.join(&entry.path);
    ground.disk.alone_in(path.parent().unwrap_or(ground.root))
}

fn seen(ground: Ground<'_>, entry: &Entry) -> Result<Seen, FileError> {
    match ground.disk.read(&ground.root.join(&entry.path), entry.longest()) {
        Ok(content) => Ok(entry.seen(content.as_deref())),
        Err(error) if error.kind() == FileErrorKind::TooLarge => Ok(Seen::Other),
        Err(error) => Err(error),
    }
}

/// Files that are seen as something else than expected.
fn others(ground: Ground<'_>, journal: &Journal, expected: &[Seen]) -> Result<Vec<PathBuf>, ApplyError> {
    let all = parallel::map(&journal.files, |entry| seen(ground, entry));
    let mut others = Vec::new();
    for (entry, seen) in journal.files.iter().zip(all) {
        if !expected.contains(&seen.map_err(ApplyError::Nothing)?) {
            others.push(entry.path.clone());
        }
    }
    Ok(others)
}

fn damaged(state: &Path) -> FileError {
    let error = std::io::Error::new(std::io::ErrorKind::InvalidData, JournalError::Contents.to_string());
    FileError::of("read", &state.join(CONTENTS), &error)
}

#[cfg(test)]
mod tests;
