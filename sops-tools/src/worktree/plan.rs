//! What a change of recipients or data keys does to every file of a tree, computed to the last byte before anything is written.
//!
//! A plan is made of all files or of none: whatever stands in the way of one file is told, together with all the others, and nothing
//! is changed. A rehearsal stops after the plan; a run puts the same plan into place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::creation::{Configs, keys_of};
use super::inventory::FileAt;
use super::nested;
use crate::clock::{Entropy, Timestamp};
use crate::report::ExitStatus;
use crate::secret::wiping_stack;
use crate::sops::config::ConfigError;
use crate::sops::data_key::Keyring;
use crate::sops::file::{FileError, Guard, Keys, OpenFile, SopsFile, Update};
use crate::sops::metadata::{KeyId, Metadata};
use crate::sops::tree::Span;
use crate::sops::walk::{Found, walk};

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

/// A file as it is written.
pub struct Change {
    /// Where it is.
    pub at: FileAt,
    /// Its old bytes.
    pub old: Vec<u8>,
    /// Its new bytes.
    pub new: Vec<u8>,
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

/// Why a file stands in the way of all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// A stable word.
    pub class: &'static str,
    /// What the command ends with.
    pub status: ExitStatus,
    /// The file, as the person would write it.
    pub file: String,
    /// Why; names of recipients, lines and keys, never a value.
    pub text: String,
    /// What to do.
    pub hint: &'static str,
}

impl Obstacle {
    /// In the way of the file that is shown so.
    pub fn new(
        status: ExitStatus,
        class: &'static str,
        file: &str,
        text: impl Into<String>,
        hint: &'static str,
    ) -> Self {
        Self { class, status, file: file.to_owned(), text: text.into(), hint }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.text)
    }
}

const FOREIGN: &str = "anybody can write a recipient into a file. If it belongs there add it to .sops.yaml; if not, remove it by name with --rm-age, and find out who wrote it in";

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
        .map(|key| {
            let text = format!("it names a recipient that is expected nowhere: {key}");
            Obstacle::new(ExitStatus::Refused, "recipient-unexpected", shown, text, FOREIGN)
        })
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

/// Whether the groups and what is needed of them are as wanted; the order of keys in a group does not matter.
pub(super) fn has_groups(has: &[Vec<KeyId>], file: &Metadata, wanted: &Keys) -> bool {
    let sets = |groups: &[Vec<KeyId>]| -> Vec<BTreeSet<KeyId>> {
        groups.iter().map(|group| group.iter().cloned().collect()).collect()
    };
    let needed = wanted.threshold.unwrap_or(wanted.groups.len());
    let threshold_fits = wanted.groups.len() < 2 || file.threshold_for(wanted.groups.len()) == needed;
    threshold_fits && sets(has) == sets(&wanted.groups)
}

/// Who shall be able to open a file. Never taken from the file itself.
fn wanted(at: &FileAt, file: &Metadata, configs: &Configs, wishes: &Wishes) -> Result<Keys, Obstacle> {
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
fn writable(at: &FileAt) -> Result<(), Obstacle> {
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

/// What stands in the way, in the words of one line.
fn obstacle_of(shown: &str, error: &FileError) -> Obstacle {
    let text = error.to_string();
    let (status, class, hint) = match error {
        FileError::NoDataKey(_) => (
            ExitStatus::Absent,
            "no-data-key",
            "give an identity of one of its recipients: --identity FILE, SOPS_AGE_KEY_FILE or sops/age/keys.txt",
        ),
        FileError::Mac(_) => (
            ExitStatus::Integrity,
            "mac-mismatch",
            "look at what changed (git log -p -- FILE); what you want as it stands there now is named with --accept-mac-mismatch FILE",
        ),
        FileError::Value { .. } | FileError::MisplacedComment { .. } => (
            ExitStatus::Integrity,
            "value-not-opened",
            "take that value from the last good version: git log -p -- FILE",
        ),
        FileError::LockedOut => (
            ExitStatus::Refused,
            "locked-out",
            "add a recipient whose identity you have, or name one whose identity is kept elsewhere: --recovery RECIPIENT",
        ),
        FileError::SealKey(_) => {
            (ExitStatus::Refused, "recipient", "nothing is written without a recipient: it would be locked out")
        }
        FileError::NotAsMeant(_) => (
            ExitStatus::Unexpected,
            "not-as-meant",
            "this is a fault of the program; the files are as they were, please report the message",
        ),
        _ => (ExitStatus::Refused, "not-rewritable", "mend the file, or leave it out"),
    };
    let text = match error {
        FileError::NoDataKey(_) => text.lines().map(str::trim).collect::<Vec<_>>().join("; "),
        FileError::LockedOut => "none of the identities at hand could open the result".to_owned(),
        _ => text.lines().next().unwrap_or_default().to_owned(),
    };
    Obstacle::new(status, class, shown, text, hint)
}

/// Everything that stands in the way of a damaged file.
pub fn damaged(at: &FileAt, error: &FileError) -> Obstacle {
    let text = format!("it is a SOPS file and cannot be read as one: {error}");
    let hint = "mend that line, or take the last good version: git log -p -- FILE";
    Obstacle::new(ExitStatus::Integrity, "damaged", &at.shown, text, hint)
}

#[cfg(test)]
mod tests;
