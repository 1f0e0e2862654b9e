//! The files that a plan writes.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Action, Obstacle, Planned, Within};
use crate::report::ExitStatus;
use crate::sops::tree::Span;
use crate::worktree::inventory::FileAt;
use crate::worktree::nested;

/// A file as it is written.
pub struct Change {
    /// Where it is.
    pub at: FileAt,
    /// Its old bytes.
    pub old: Vec<u8>,
    /// Its new bytes.
    pub new: Vec<u8>,
}

/// The files that a plan writes: those that are sealed themselves, and manifests with all their sealed fields.
///
/// # Errors
/// A manifest whose fields cannot be replaced.
pub fn changes(planned: &[Planned]) -> Result<Vec<Change>, Obstacle> {
    let changed = planned.iter().filter(|one| one.action != Action::Unchanged);
    let mut manifests: BTreeMap<&Path, Vec<(&Planned, &Within)>> = BTreeMap::new();
    let mut all = Vec::new();
    for one in changed {
        match &one.within {
            None => all.push(Change { at: one.at.clone(), old: one.old.clone(), new: one.new.clone() }),
            Some(within) => manifests.entry(&one.at.relative).or_default().push((one, within)),
        }
    }
    for (path, fields) in manifests {
        let Some((first, within)) = fields.first() else { continue };
        let new: Vec<(Span, &[u8])> =
            fields.iter().map(|(one, within)| (within.at.clone(), one.new.as_slice())).collect();
        let Some(new) = nested::replaced(path, &within.manifest, &new) else {
            let (text, hint) =
                ("its field cannot be replaced", "take the sealed file out of the Secret, or leave the file out");
            return Err(Obstacle::new(ExitStatus::Refused, "not-rewritable", &first.at.shown, text, hint));
        };
        all.push(Change { at: first.at.clone(), old: within.manifest.to_vec(), new });
    }
    Ok(all)
}
