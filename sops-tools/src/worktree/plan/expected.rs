//! Who shall be able to open a file, and whether it can be written.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::{Obstacle, Wishes};
use crate::report::ExitStatus;
use crate::sops::config::ConfigError;
use crate::sops::file::Keys;
use crate::sops::metadata::{KeyId, Metadata};
use crate::worktree::creation::{Configs, keys_of};
use crate::worktree::inventory::FileAt;

/// Whether the groups and what is needed of them are as wanted; the order of keys in a group does not matter.
pub(in crate::worktree) fn has_groups(has: &[Vec<KeyId>], file: &Metadata, wanted: &Keys) -> bool {
    let sets = |groups: &[Vec<KeyId>]| -> Vec<BTreeSet<KeyId>> {
        groups.iter().map(|group| group.iter().cloned().collect()).collect()
    };
    let needed = wanted.threshold.unwrap_or(wanted.groups.len());
    let threshold_fits = wanted.groups.len() < 2 || file.threshold_for(wanted.groups.len()) == needed;
    threshold_fits && sets(has) == sets(&wanted.groups)
}

/// Who shall be able to open a file. Never taken from the file itself.
pub(super) fn wanted(at: &FileAt, file: &Metadata, configs: &Configs, wishes: &Wishes) -> Result<Keys, Obstacle> {
    let no_rule = |text: String| {
        let hint = "add a rule to .sops.yaml whose path_regex matches, or name the recipients: rotate --age RECIPIENTS";
        Obstacle::new(ExitStatus::Refused, "no-rule", &at.shown, text, hint)
    };
    let mut keys = if wishes.instead.is_empty() {
        match configs.rule(&at.path) {
            Ok(Some((config, rule))) => keys_of(config, rule, file).map_err(|error| faulty(at, &error))?,
            Ok(None) => return Err(no_rule("nothing says who may open it".to_owned())),
            Err(ConfigError::NoMatch { path, .. }) => {
                return Err(no_rule(format!("no creation rule of {} is for it", path.display())));
            }
            Err(error) => return Err(faulty(at, &error)),
        }
    } else {
        Keys { groups: vec![wishes.instead.clone()], threshold: None }
    };
    if let Some(key) = keys.groups.iter().flatten().find(|key| wishes.remove.contains(key)) {
        let text = format!("{key} is to be removed, and what says who may open the file names it");
        let hint = "take it out of .sops.yaml first: the next run would add it again";
        return Err(Obstacle::new(ExitStatus::Refused, "removed-is-expected", &at.shown, text, hint));
    }
    if let Some(first) = keys.groups.first_mut() {
        let new: Vec<KeyId> = wishes.add.iter().filter(|key| !first.contains(key)).cloned().collect();
        first.extend(new);
    }
    if keys.groups.iter().all(Vec::is_empty) {
        return Err(no_rule("its creation rule names nobody".to_owned()));
    }
    Ok(keys)
}

fn faulty(at: &FileAt, error: &ConfigError) -> Obstacle {
    let mut text = error.to_string();
    if let ConfigError::Faulty { faults, .. } = error {
        for fault in faults {
            text.push_str("; ");
            text.push_str(&fault.to_string());
        }
    }
    Obstacle::new(ExitStatus::Refused, "config-faulty", &at.shown, text, "mend the configuration")
}

/// A file that cannot be replaced is found before anything is.
pub(super) fn writable(at: &FileAt) -> Result<(), Obstacle> {
    let obstacle = |text: &str, hint| Obstacle::new(ExitStatus::Refused, "not-writable", &at.shown, text, hint);
    if at.relative.to_str().is_none() {
        return Err(obstacle("its name is not UTF-8", "give it another name"));
    }
    let folder = at.path.parent().unwrap_or(Path::new("/"));
    let may = |path: &Path, access: Access| {
        // Root may write what is marked read-only; the mark says that it should not be.
        path.metadata().is_ok_and(|meta| meta.mode() & 0o222 != 0)
            && accessat(CWD, path, access, AtFlags::EACCESS).is_ok()
    };
    if !may(&at.path, Access::WRITE_OK) {
        return Err(obstacle("it is read-only", "give yourself the right to write it, or leave it out"));
    }
    if !may(folder, Access::WRITE_OK | Access::EXEC_OK) {
        return Err(obstacle(
            "its folder is read-only",
            "give yourself the right to write into the folder, or leave it out",
        ));
    }
    Ok(())
}
