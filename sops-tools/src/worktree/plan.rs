//! What a change of recipients or data keys does to every file of a tree, computed to the last byte before anything is written.
//!
//! A plan is made of all files or of none: whatever stands in the way of one file is told, together with all the others, and nothing
//! is changed. A rehearsal stops after the plan; a run puts the same plan into place.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::creation::Configs;
use super::inventory::FileAt;
use crate::clock::{Entropy, Timestamp};
use crate::secret::wiping_stack;
use crate::sops::data_key::Keyring;
use crate::sops::file::{FileError, Guard, Keys, OpenFile, SopsFile, Update};
use crate::sops::metadata::KeyId;
use crate::sops::tree::Span;
use crate::sops::walk::{Found, walk};

mod changes;
mod expected;
mod obstacle;

pub use changes::{Change, changes};
pub(super) use expected::has_groups;
use expected::{wanted, writable};
use obstacle::obstacle_of;
pub use obstacle::{Obstacle, damaged};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// The recipients become those expected; who is right already is not touched.
    UpdateKeys,
    /// Every file gets a new data key.
    Rotate,
}

/// What the flags say.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Recipients in place of those of the rules.
    pub instead: Vec<KeyId>,
    /// Recipients beside those.
    pub add: Vec<KeyId>,
    /// Recipients that are to be removed: they may stand in files.
    pub remove: Vec<KeyId>,
    /// Recipients whose identities are kept elsewhere.
    pub recovery: Vec<KeyId>,
    /// Files, absolute, that are sealed anew although their MAC does not fit.
    pub accept_mac_mismatch: Vec<PathBuf>,
}

/// A SOPS file as it was read.
pub struct Sealed {
    /// Where it is.
    pub at: FileAt,
    /// Its bytes.
    pub source: Vec<u8>,
    /// The same, understood.
    pub file: SopsFile,
    /// Where it stands, if it is a field of a plain Secret.
    pub within: Option<Within>,
}

/// The place of a sealed file in a plain manifest.
#[derive(Clone)]
pub struct Within {
    /// The bytes of the manifest.
    pub manifest: Arc<Vec<u8>>,
    /// Where its field is spelled.
    pub at: Span,
}

/// What becomes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Not a byte changes.
    Unchanged,
    /// The data key is sealed to more recipients; all values stay.
    Added,
    /// The data key is new and every value is sealed anew.
    NewDataKey,
}

/// One file of a plan.
pub struct Planned {
    /// Where it is.
    pub at: FileAt,
    /// What becomes of it.
    pub action: Action,
    /// Who is new.
    pub added: Vec<KeyId>,
    /// Who is gone.
    pub removed: Vec<KeyId>,
    /// Its old bytes.
    pub old: Vec<u8>,
    /// Its new bytes; the old ones where nothing changes.
    pub new: Vec<u8>,
    /// The keys of all encrypted values, where somebody was removed who has read them.
    pub to_change: Vec<String>,
    /// Whether it is sealed anew although its MAC does not fit.
    pub mac_accepted: bool,
    /// Where it stands, if it is a field of a plain Secret.
    pub within: Option<Within>,
}

/// A file whose wanted recipients are known.
struct Draft<'a> {
    sealed: &'a Sealed,
    wanted: Keys,
    is_right: bool,
    added: Vec<KeyId>,
    removed: Vec<KeyId>,
}

/// Who can do what in the making of a plan.
pub struct Means<'a, K> {
    /// Who opens files.
    pub keyring: &'a K,
    /// The time that new files carry.
    pub now: Timestamp,
    /// Randomness.
    pub entropy: &'a dyn Entropy,
}

/// The plan for all files, in their order.
///
/// `each` is told of every file that is done.
///
/// # Errors
/// Everything that stands in the way, in the order of the files.
pub fn plan<K: Keyring + Sync>(
    verb: Verb,
    files: &[Sealed],
    configs: &Configs,
    wishes: &Wishes,
    means: &Means<'_, K>,
    each: &(dyn Fn() + Sync),
) -> Result<Vec<Planned>, Vec<Obstacle>> {
    // Nothing is opened as long as it is not known who may open the result.
    let drafts = gather(files.iter().map(|sealed| draft(sealed, verb, configs, wishes)))?;
    let computed = crate::parallel::map(&drafts, |draft| {
        let planned = wiping_stack(|| compute(draft, verb, wishes, means));
        each();
        planned
    });
    gather(computed.into_iter())
}

/// All good ones, or all obstacles.
fn gather<T>(results: impl Iterator<Item = Result<T, Vec<Obstacle>>>) -> Result<Vec<T>, Vec<Obstacle>> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(one) => good.push(one),
            Err(some) => bad.extend(some),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(bad) }
}

fn draft<'a>(sealed: &'a Sealed, verb: Verb, configs: &Configs, wishes: &Wishes) -> Result<Draft<'a>, Vec<Obstacle>> {
    let shown = &sealed.at.shown;
    let has = sealed.file.metadata().key_ids();
    let wanted = wanted(&sealed.at, sealed.file.metadata(), configs, wishes).map_err(|obstacle| vec![obstacle])?;
    let expected: BTreeSet<&KeyId> = wanted.groups.iter().flatten().collect();
    let in_file: BTreeSet<&KeyId> = has.iter().flatten().collect();
    let foreign: Vec<Obstacle> = in_file
        .iter()
        .filter(|key| !expected.contains(*key) && !wishes.remove.contains(key))
        .map(|key| obstacle::foreign(shown, key))
        .collect();
    if !foreign.is_empty() {
        return Err(foreign);
    }
    let added = expected.iter().filter(|key| !in_file.contains(*key)).map(|key| (*key).clone()).collect();
    let removed = in_file.iter().filter(|key| !expected.contains(*key)).map(|key| (*key).clone()).collect();
    let is_right = verb == Verb::UpdateKeys && has_groups(&has, sealed.file.metadata(), &wanted);
    if !is_right {
        writable(&sealed.at).map_err(|obstacle| vec![obstacle])?;
    }
    Ok(Draft { sealed, wanted, is_right, added, removed })
}

fn compute<K: Keyring>(
    draft: &Draft<'_>,
    verb: Verb,
    wishes: &Wishes,
    means: &Means<'_, K>,
) -> Result<Planned, Vec<Obstacle>> {
    let Draft { sealed, wanted, is_right, added, removed } = draft;
    let planned = |action, new: Vec<u8>, to_change, mac_accepted| Planned {
        at: sealed.at.clone(),
        action,
        added: added.clone(),
        removed: removed.clone(),
        old: sealed.source.clone(),
        new,
        to_change,
        mac_accepted,
        within: sealed.within.clone(),
    };
    if *is_right {
        return Ok(planned(Action::Unchanged, sealed.source.clone(), Vec::new(), false));
    }
    let failed = |error: &FileError| vec![obstacle_of(&sealed.at.shown, error)];
    // Understood again: opening a file uses it up.
    let file = SopsFile::parse(sealed.file.format(), &sealed.source).map_err(|error| failed(&error))?;
    let unlocked = file.unlock(means.keyring).map_err(|error| failed(&error))?;
    let mac_accepted = unlocked.mac().is_err() && wishes.accept_mac_mismatch.contains(&sealed.at.path);
    let open = if mac_accepted { unlocked.despite_mac() } else { unlocked.verified() };
    let open = open.map_err(|error| failed(&error))?;
    let guard = Guard { keyring: means.keyring, recovery: &wishes.recovery };
    let update = if verb == Verb::Rotate || mac_accepted {
        open.rotate(wanted, &guard, means.now, means.entropy).map(Update::NewDataKey)
    } else {
        open.updatekeys(wanted, &guard, means.now, means.entropy)
    };
    Ok(match update.map_err(|error| failed(&error))? {
        Update::Unchanged => planned(Action::Unchanged, sealed.source.clone(), Vec::new(), false),
        Update::Added(new) => planned(Action::Added, new, Vec::new(), false),
        Update::NewDataKey(new) => {
            let to_change = if removed.is_empty() { Vec::new() } else { encrypted_values(&open) };
            planned(Action::NewDataKey, new, to_change, mac_accepted)
        }
    })
}

/// The keys of every encrypted value, joined with dots.
fn encrypted_values(file: &OpenFile) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    let done: Result<(), std::convert::Infallible> = walk(file.tree(), file.rule(), |place| {
        if place.is_encrypted && matches!(place.found, Found::Leaf(_)) {
            let path = place.path.display();
            // The elements of a list have one path.
            if paths.last() != Some(&path) {
                paths.push(path);
            }
        }
        Ok(())
    });
    let Ok(()) = done;
    paths
}

#[cfg(test)]
mod tests;
