//! What stands below a folder.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::super::super::{Bounds, Cut, Entry, MAX_SEGMENTS, Survey, Wanted};
use super::{Fault, TEMPORARY, at, open_folder, open_root};

/// Folders below each other that are looked into: no name has more. A deeper one counts as one strange name.
const DEEPEST: usize = MAX_SEGMENTS - 1;

pub(in super::super) fn survey(root: &Path, prefix: &str, wanted: Wanted, bounds: Bounds) -> Result<Survey, Fault> {
    let mut folder = open_root(root)?;
    let above = prefix.rsplit_once('/').map_or("", |(above, _)| above);
    let mut depth = 0;
    for segment in above.split('/').filter(|segment| !segment.is_empty()) {
        depth += 1;
        match open_folder(&folder, segment)? {
            Some(next) => folder = next,
            None => return Ok(Survey::default()),
        }
    }
    let mut walk = Walk { prefix, wanted, bounds, started: Instant::now(), looked: 0, survey: Survey::default() };
    walk.below(&folder, above, depth)?;
    Ok(walk.survey.sorted())
}

struct Walk<'a> {
    prefix: &'a str,
    wanted: Wanted,
    bounds: Bounds,
    started: Instant,
    /// Names looked at, folders as well: a million empty ones cost time, too.
    looked: u64,
    survey: Survey,
}

impl Walk<'_> {
    fn below(&mut self, folder: &OwnedFd, above: &str, depth: usize) -> Result<(), Fault> {
        for found in Dir::read_from(folder).map_err(at("read a folder"))? {
            let found = found.map_err(at("read a folder"))?;
            let name = found.file_name().to_string_lossy();
            if name == "." || name == ".." || name.starts_with(TEMPORARY) {
                continue;
            }
            if self.is_over() {
                return Ok(());
            }
            let path = if above.is_empty() { name.into_owned() } else { format!("{above}/{name}") };
            if !self.may_hold(&path) {
                continue;
            }
            let stat = match rustix::fs::statat(folder, found.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(Fault::Io { step: "look at a file", errno }),
            };
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory && depth < DEEPEST {
                let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
                let inner =
                    rustix::fs::openat(folder, found.file_name(), flags, Mode::empty()).map_err(at("open a folder"))?;
                self.below(&inner, &path, depth + 1)?;
            } else if path.starts_with(self.prefix) {
                self.survey.take(entry(path, &stat), self.wanted, &self.bounds);
            }
        }
        Ok(())
    }

    /// Whether a bound is reached; counts one more name where it is not.
    fn is_over(&mut self) -> bool {
        if self.survey.cut.is_some() {
            return true;
        }
        self.looked += 1;
        if self.looked > self.bounds.names {
            self.survey.cut = Some(Cut::Names(self.bounds.names));
        } else if self.looked.is_multiple_of(1024) && self.started.elapsed() >= self.bounds.time {
            self.survey.cut = Some(Cut::Time(self.bounds.time));
        }
        self.survey.cut.is_some()
    }

    /// Whether `path` or something below it can start with the prefix.
    fn may_hold(&self, path: &str) -> bool {
        path.starts_with(self.prefix) || self.prefix.starts_with(path)
    }
}

fn entry(path: String, stat: &Stat) -> Entry {
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    Entry { path, size, modified: Timestamp::from_second(stat.st_mtime).ok(), tag: None }
}
