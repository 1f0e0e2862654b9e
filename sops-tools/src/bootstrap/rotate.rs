//! Another identity for the cluster, in the phases of a Flux roll-over.
//!
//! 1. *add*: a new identity is put into `sops-age` beside the old one, its recipient into `.sops.yaml` and into every file
//! 2. *a person* pushes that and waits until Flux has applied it: from then on the cluster opens with either
//! 3. *remove*: the old recipient leaves `.sops.yaml`, every file gets a new data key, the old identity leaves `sops-age`
//!
//! The phase is told by the files themselves ([`phase()`]); each step is one change of many files, all of them or none through any crash,
//! and giving the same command again goes on where things stand.

use std::path::{Path, PathBuf};

use super::catalogue::{AGEKEY, BootstrapSecret};
use super::look::find;
use super::manifest::{Head, SecretManifest};
use crate::clock::{Clock, Entropy};
use crate::report::{ExitStatus, Failure};
use crate::sops::data_key::Keyring;
use crate::worktree::inventory::FileAt;
use crate::worktree::place::Tree;

mod change;
mod files;
pub mod phase;
mod rules_text;
mod write;

use files::{Sealed, sealed_files};
use phase::{AgeKey, Observed, Phase, phase};

/// What was asked for.
pub struct Order<'a> {
    /// Folders and files to look for `sops-age` in.
    pub places: Vec<PathBuf>,
    /// The tree around them.
    pub tree: Tree,
    /// All its files: those sealed to the cluster's identity are found among them.
    pub files: Vec<FileAt>,
    /// Places of the tree that could not be looked at, with the reasons.
    pub unread: Vec<String>,
    /// Whether the old identity goes.
    pub remove_old: bool,
    /// The key of the old one, where names do not tell.
    pub old: Option<String>,
    /// The configuration; `None` for the nearest `.sops.yaml` above each file.
    pub config: Option<PathBuf>,
    /// What relative paths start from.
    pub current: PathBuf,
    /// Who opens the files now and must open them afterwards: the operator.
    pub keyring: &'a dyn Keyring,
}

impl Order<'_> {
    /// A path as the person would write it.
    fn shown(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.current).unwrap_or(path).to_owned()
    }
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A new identity, beside the old one, everywhere.
    Add,
    /// What names the new one only in part is brought on.
    GoOn,
    /// Nothing: a person has to let Flux apply what was added.
    Wait,
    /// The old one goes.
    Remove,
    /// Nothing: there is no old one.
    Nothing,
}

/// What would be done: the same for a dry run and the run.
pub struct RotatePlan {
    /// What is done.
    pub action: Action,
    /// How far it came.
    pub phase: Phase,
    /// The key of the identity that comes, or will.
    pub new_key: String,
    /// The files that would change, `.sops.yaml` among them.
    pub files: Vec<PathBuf>,
    /// The file of `sops-age`.
    pub home: PathBuf,
    sealed: Vec<Sealed>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// What it was.
    pub action: Action,
    /// The key in `sops-age` of the identity that came or stays.
    pub key: String,
    /// Its recipient.
    pub recipient: String,
    /// The files that have a new content.
    pub changed: Vec<PathBuf>,
    /// Files in which the old identity could read values, with these values' keys: they have to be changed.
    pub values: Vec<(PathBuf, Vec<String>)>,
}

/// The cluster's identities, in the file of `sops-age`.
struct Home {
    path: PathBuf,
    keys: Vec<AgeKey>,
}

impl RotatePlan {
    /// Looks at everything and plans; writes nothing.
    ///
    /// # Errors
    /// Classes `bootstrap-missing`, `bootstrap-twice`, `bootstrap-closed` and `bootstrap-damaged` about `sops-age` and the files,
    /// `rotation-unclear` with every reason, `rotation-unfinished` where an earlier change was cut off and a dry run may not finish it.
    pub fn new(order: &Order<'_>) -> Result<Self, Failure> {
        let home = home(order)?;
        let (sealed, observed) = observe(order, &home)?;
        let phase = phase(&observed, order.old.as_deref()).map_err(|unclear| {
            let problem = "what to do cannot be told from the files; nothing was changed";
            let failure = Failure::new(ExitStatus::Refused, "rotation-unclear", problem);
            unclear.iter().fold(failure, Failure::cause).hint("each cause says what to do")
        })?;
        let action = action(&phase, order.remove_old)?;
        let new_key = match &phase {
            Phase::Single { only } => phase::next_name(&only.name),
            Phase::Adding { new, .. } | Phase::Added { new, .. } | Phase::Removing { new, .. } => new.name.clone(),
        };
        let mut plan = Self { action, phase, new_key, files: Vec::new(), home: home.path, sealed };
        plan.files = plan.would_change(order);
        Ok(plan)
    }

    /// Does it.
    ///
    /// # Errors
    /// As for `updatekeys` and `rotate` of one file, class `rotation-not-made`; class `rotation-config` where a `.sops.yaml` is written
    /// in a way that a person has to change; class `rotation-unfinished`.
    pub fn apply(&self, order: &Order<'_>, clock: &dyn Clock, entropy: &dyn Entropy) -> Result<Rotated, Failure> {
        change::apply(self, order, clock, entropy)
    }
}

/// Finishes a change that was cut off in an earlier run; the files that got their new contents just now.
///
/// # Errors
/// Class `rotation-unfinished` where somebody changed the files meanwhile, or where it is a dry run and there is something to finish.
pub fn finish_earlier(tree: &Tree, dry_run: bool) -> Result<Vec<PathBuf>, Failure> {
    write::finish(tree, dry_run)
}

/// What a phase allows.
fn action(phase: &Phase, remove_old: bool) -> Result<Action, Failure> {
    match (phase, remove_old) {
        (Phase::Single { .. }, false) => Ok(Action::Add),
        (Phase::Single { .. }, true) => Ok(Action::Nothing),
        (Phase::Adding { .. }, false) => Ok(Action::GoOn),
        (Phase::Added { .. }, false) => Ok(Action::Wait),
        (Phase::Added { .. } | Phase::Removing { .. }, true) => Ok(Action::Remove),
        (Phase::Adding { new, .. }, true) => {
            let problem =
                format!("files or rules do not name the new identity ({}) yet; nothing was removed", new.name);
            Err(Failure::new(ExitStatus::Refused, "rotation-too-early", problem).hint(
                "run sops-tools bootstrap rotate without --remove-old first, let Flux apply the result, then remove",
            ))
        }
        (Phase::Removing { old, .. }, false) => {
            let problem =
                format!("the old identity ({}) is being removed: files or rules do not name it any more", old.name);
            Err(Failure::new(ExitStatus::Refused, "rotation-too-late", problem)
                .hint("go on with --remove-old; to go back instead, take the last commit: git checkout"))
        }
    }
}

/// The file of `sops-age` below the places, and the identities in it.
fn home(order: &Order<'_>) -> Result<Home, Failure> {
    let secret = BootstrapSecret::SopsAge;
    let files = find(&order.places)?;
    let mut found = files.iter().filter(|seen| seen.claims(secret));
    let seen = match (found.next(), found.next()) {
        (Some(seen), None) => seen,
        (None, _) => {
            return Err(Failure::new(ExitStatus::Absent, "bootstrap-missing", format!("{secret}: no file holds it"))
                .hint("name the folder that has it, or make it: sops-tools bootstrap secrets DIR"));
        }
        (Some(one), Some(other)) => {
            let problem = format!("{secret}: {} and {} both hold it", one.shown(), other.shown());
            return Err(Failure::new(ExitStatus::Refused, "bootstrap-twice", problem)
                .hint("name the folder of one cluster: each is changed by itself"));
        }
    };
    let open = seen.open(order.keyring).map_err(|error| files::unopened(&seen.shown(), &error))?;
    let manifest = open.tree().documents.iter().enumerate().find_map(|(index, document)| {
        let is_it = Head::of(document).secret() == Some(secret);
        is_it.then(|| SecretManifest::read(document, index + 1))
    });
    let damaged = |cause: String| {
        let problem = format!("{secret}: {} is not what it should be", seen.shown());
        Failure::new(ExitStatus::Integrity, "bootstrap-damaged", problem)
            .cause(cause)
            .hint("sops-tools bootstrap verify DIR says all that is wrong; take the last good version: git log -p")
    };
    let manifest = manifest
        .ok_or_else(|| damaged("it says that it is another object".to_owned()))?
        .map_err(|faults| damaged(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    let mut keys = Vec::new();
    for entry in manifest.ending_with(AGEKEY) {
        let identities = crate::custody::Identities::parse(entry.value.expose(), Path::new(&entry.key))
            .map_err(|error| damaged(error.to_string()))?;
        let recipients = identities.to_recipients().iter().map(ToString::to_string).collect();
        keys.push(AgeKey { name: entry.key.clone(), recipients });
    }
    Ok(Home { path: seen.path.clone(), keys })
}

/// The files of the tree that are sealed to one of the cluster's identities, or whose rules name one.
fn observe(order: &Order<'_>, home: &Home) -> Result<(Vec<Sealed>, Observed), Failure> {
    let recipients: Vec<&String> = home.keys.iter().flat_map(|key| &key.recipients).collect();
    let sealed = sealed_files(order, &home.path, &recipients)?;
    let concerned: Vec<Sealed> = sealed
        .into_iter()
        .filter(|file| {
            file.is_home || recipients.iter().any(|one| file.keys.has.contains(one) || file.keys.wanted.contains(one))
        })
        .collect();
    let files = concerned.iter().map(|file| file.keys.clone()).collect();
    Ok((concerned, Observed { identities: home.keys.clone(), files }))
}

impl RotatePlan {
    fn would_change(&self, order: &Order<'_>) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = match (self.action, &self.phase) {
            (Action::Wait | Action::Nothing, _) => Vec::new(),
            (Action::GoOn, Phase::Adding { new, .. }) => {
                let lacks = |list: &[String]| !new.recipients.iter().any(|recipient| list.contains(recipient));
                let lacking = self.sealed.iter().filter(|file| lacks(&file.keys.has) || lacks(&file.keys.wanted));
                lacking
                    .flat_map(|file| [Some(&file.at.path), file.config.as_ref().filter(|_| lacks(&file.keys.wanted))])
                    .flatten()
                    .map(|path| order.shown(path))
                    .collect()
            }
            _ => {
                let all = self.sealed.iter().flat_map(|file| [Some(&file.at.path), file.config.as_ref()]);
                all.flatten().map(|path| order.shown(path)).collect()
            }
        };
        files.sort();
        files.dedup();
        files
    }
}
