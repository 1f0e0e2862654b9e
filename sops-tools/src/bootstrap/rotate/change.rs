//! The new contents of all files, computed in memory before any of them is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::files::Sealed;
use super::phase::Phase;
use super::rules_text::{Edit, edit, is_done};
use super::{Action, Order, RotatePlan, Rotated, write};
use crate::bootstrap::catalogue::BootstrapSecret;
use crate::bootstrap::manifest::{Field, Head, SecretManifest};
use crate::clock::{Clock, Entropy};
use crate::commands::left::values_to_change;
use crate::custody::{Identities, Recipient};
use crate::files::read_limited;
use crate::report::{ExitStatus, Failure};
use crate::sops::config::{CONFIG_LIMIT, Config};
use crate::sops::data_key::Keyring;
use crate::sops::file::{At, Change, Guard, Keys, OpenFile, SopsFile, Step, Unlocked, Update};
use crate::sops::tree::{Node, Span, Value};
use crate::worktree::inventory::FileAt;
use crate::worktree::nested::replaced;
use crate::worktree::plan::Within;

/// A file with its old and its new content.
pub(super) struct Changed {
    pub(super) path: PathBuf,
    pub(super) old: Vec<u8>,
    pub(super) new: Vec<u8>,
}

/// Everything that the computation needs.
struct Work<'a> {
    plan: &'a RotatePlan,
    order: &'a Order<'a>,
    clock: &'a dyn Clock,
    entropy: &'a dyn Entropy,
    /// The configurations as they will be, by path; those that do not change as well.
    configs: BTreeMap<PathBuf, String>,
    by_hand: Vec<PathBuf>,
    changed: Vec<Changed>,
    /// Sealed files in fields of plain Secrets, with their new bytes.
    fields: Vec<(FileAt, Within, Vec<u8>)>,
    values: Vec<(PathBuf, Vec<String>)>,
}

pub(super) fn apply(
    plan: &RotatePlan,
    order: &Order<'_>,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<Rotated, Failure> {
    let (key, recipient, text) = newcomer(plan, clock);
    let mut done = Rotated {
        action: plan.action,
        key,
        recipient: recipient.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        changed: Vec::new(),
        values: Vec::new(),
    };
    if matches!(plan.action, Action::Wait | Action::Nothing) {
        return Ok(done);
    }
    let mut work = Work {
        plan,
        order,
        clock,
        entropy,
        configs: BTreeMap::new(),
        by_hand: Vec::new(),
        changed: Vec::new(),
        fields: Vec::new(),
        values: Vec::new(),
    };
    work.configurations(&recipient)?;
    if work.by_hand.is_empty() {
        for file in &plan.sealed {
            work.file(file, text.as_deref())?;
        }
        work.manifests()?;
    } else if plan.action == Action::Add {
        // The new identity is kept first: a person can put a recipient into a rule only once it exists.
        work.changed.clear();
        for file in plan.sealed.iter().filter(|file| file.is_home) {
            work.identity_alone(file, text.as_deref())?;
        }
    } else {
        work.changed.clear();
    }
    let Work { by_hand, changed, values, .. } = work;
    let command = if order.remove_old { "bootstrap rotate --remove-old" } else { "bootstrap rotate" };
    write::write(&order.tree, &changed, command, clock, entropy)?;
    done.changed = changed.iter().map(|file| order.shown(&file.path)).collect();
    done.values = values;
    if by_hand.is_empty() { Ok(done) } else { Err(by_hand_failure(plan, &done, &by_hand)) }
}

/// The key, the recipients and, where it is made now, the text of the identity that comes.
fn newcomer(plan: &RotatePlan, clock: &dyn Clock) -> (String, Vec<Recipient>, Option<Zeroizing<Vec<u8>>>) {
    match &plan.phase {
        Phase::Single { only } if plan.action == Action::Nothing => (only.name.clone(), parsed(&only.recipients), None),
        Phase::Single { .. } => {
            let (identities, recipient) = Identities::generate_with_recipient();
            (plan.new_key.clone(), vec![recipient], Some(identities.to_file_text(clock.now())))
        }
        Phase::Adding { new, .. } | Phase::Added { new, .. } | Phase::Removing { new, .. } => {
            (new.name.clone(), parsed(&new.recipients), None)
        }
    }
}

fn parsed(recipients: &[String]) -> Vec<Recipient> {
    recipients.iter().filter_map(|recipient| recipient.parse().ok()).collect()
}

fn by_hand_failure(plan: &RotatePlan, done: &Rotated, by_hand: &[PathBuf]) -> Failure {
    let places: Vec<String> = by_hand.iter().map(|path| path.display().to_string()).collect();
    let (old, what) = match (&plan.phase, plan.action) {
        (Phase::Single { only }, _) => (only, "put"),
        (Phase::Adding { old, .. }, _) => (old, "put"),
        (Phase::Added { old, .. } | Phase::Removing { old, .. }, _) => (old, "remove"),
    };
    let problem = format!("{} is written in a way that a person has to change", places.join(", "));
    let failure = Failure::new(ExitStatus::Refused, "rotation-config", problem);
    let old_names = old.recipients.join(", ");
    if what == "put" {
        let failure = if plan.action == Action::Add {
            failure.cause(format!("the new identity is kept in sops-age under {}; nothing else was changed", done.key))
        } else {
            failure.cause("nothing was changed")
        };
        failure.hint(format!(
            "name {} there in every rule that names {old_names}, then give the same command again",
            done.recipient
        ))
    } else {
        failure
            .cause("nothing was changed")
            .hint(format!("take {old_names} out of every rule there, then give the same command again"))
    }
}

impl Work<'_> {
    fn old(&self) -> Vec<Recipient> {
        match &self.plan.phase {
            Phase::Single { only } => parsed(&only.recipients),
            Phase::Adding { old, .. } | Phase::Added { old, .. } | Phase::Removing { old, .. } => {
                parsed(&old.recipients)
            }
        }
    }

    /// Brings every configuration on; those that cannot be are remembered.
    fn configurations(&mut self, new: &[Recipient]) -> Result<(), Failure> {
        let olds = self.old();
        let paths: std::collections::BTreeSet<PathBuf> =
            self.plan.sealed.iter().filter_map(|file| file.config.clone()).collect();
        for path in paths {
            let unreadable = |cause: String| {
                Failure::new(
                    ExitStatus::Unavailable,
                    "rotation-not-made",
                    format!("{} cannot be read; nothing was changed", path.display()),
                )
                .cause(cause)
                .hint("give yourself the right to read it")
            };
            let bytes = read_limited(&path, CONFIG_LIMIT).map_err(|error| unreadable(error.to_string()))?;
            let before = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8 text".to_owned()))?;
            match changed_text(&before, &olds, new, self.plan.action == Action::Remove) {
                None => self.by_hand.push(path),
                Some(after) => {
                    if after != before {
                        let change =
                            Changed { path: path.clone(), old: before.into_bytes(), new: after.clone().into_bytes() };
                        self.changed.push(change);
                    }
                    self.configs.insert(path, after);
                }
            }
        }
        Ok(())
    }

    /// Who shall open a file, by its rule as it will be.
    fn wanted(&self, file: &Sealed) -> Result<Keys, Failure> {
        let no_rule = |cause: String| {
            Failure::new(
                ExitStatus::Refused,
                "rotation-not-made",
                format!("{}: no rule says who may open it; nothing was changed", file.keys.path),
            )
            .cause(cause)
            .hint("add a rule for it to .sops.yaml, then give the same command again")
        };
        let path = file.config.as_ref().ok_or_else(|| no_rule("there is no .sops.yaml".to_owned()))?;
        let text = self.configs.get(path).ok_or_else(|| no_rule("its .sops.yaml was not read".to_owned()))?;
        let config = Config::parse(text.as_bytes(), path).map_err(|error| no_rule(error.to_string()))?;
        let rule = config.rule_for(&file.at.path, &self.order.current).map_err(|error| no_rule(error.to_string()))?;
        let rule = rule.ok_or_else(|| no_rule("it has no creation_rules".to_owned()))?;
        let groups = config.groups_of(rule).map_err(|error| no_rule(error.to_string()))?;
        Ok(Keys { groups: groups.to_vec(), threshold: rule.threshold.filter(|needed| *needed > 0) })
    }

    /// The new content of one file.
    fn file(&mut self, file: &Sealed, new_identity: Option<&Vec<u8>>) -> Result<(), Failure> {
        let mut open_file = file.open(self.order.keyring)?;
        let wanted = self.wanted(file)?;
        if self.plan.action == Action::Remove {
            self.values.push((file.keys.path.clone().into(), values_to_change(&open_file)));
        }
        if file.is_home {
            open_file = self.with_identities(open_file, file, new_identity)?;
        }
        let guard = Guard { keyring: self.order.keyring, recovery: &[] };
        let now = self.clock.now();
        let not_made = |error: crate::sops::file::FileError| not_made(&file.keys.path, &error.to_string());
        let new = if self.plan.action == Action::Remove {
            open_file.rotate(&wanted, &guard, now, self.entropy).map_err(not_made)?
        } else {
            match open_file.updatekeys(&wanted, &guard, now, self.entropy).map_err(not_made)? {
                Update::Unchanged => open_file.source().to_vec(),
                Update::Added(new) | Update::NewDataKey(new) => new,
            }
        };
        if new != file.source {
            match &file.within {
                None => self.changed.push(Changed { path: file.at.path.clone(), old: file.source.clone(), new }),
                Some(within) => self.fields.push((file.at.clone(), within.clone(), new)),
            }
        }
        Ok(())
    }

    /// The manifests whose fields hold sealed files, with all their new fields.
    fn manifests(&mut self) -> Result<(), Failure> {
        let mut by_path: BTreeMap<PathBuf, Vec<(FileAt, Within, Vec<u8>)>> = BTreeMap::new();
        for field in std::mem::take(&mut self.fields) {
            by_path.entry(field.0.path.clone()).or_default().push(field);
        }
        for (path, fields) in by_path {
            let Some((at, within, _)) = fields.first() else { continue };
            let new: Vec<(Span, &[u8])> =
                fields.iter().map(|(_, within, new)| (within.at.clone(), new.as_slice())).collect();
            let new = replaced(&at.relative, &within.manifest, &new).ok_or_else(|| {
                not_made(&at.shown, "a sealed file in one of its fields cannot be replaced; take it out of the Secret")
            })?;
            self.changed.push(Changed { path, old: within.manifest.to_vec(), new });
        }
        Ok(())
    }

    /// `sops-age` with the new identity, sealed to whom it was sealed to.
    fn identity_alone(&mut self, file: &Sealed, new_identity: Option<&Vec<u8>>) -> Result<(), Failure> {
        let opened = file.open(self.order.keyring)?;
        let with = self.with_identities(opened, file, new_identity)?;
        self.changed.push(Changed {
            path: file.at.path.clone(),
            old: file.source.clone(),
            new: with.source().to_vec(),
        });
        Ok(())
    }

    /// The file of `sops-age` with one identity more, or less.
    fn with_identities(&self, open_file: OpenFile, file: &Sealed, new: Option<&Vec<u8>>) -> Result<OpenFile, Failure> {
        let failed = |cause: String| not_made(&file.keys.path, &cause);
        let mut documents = open_file.tree().documents.iter().enumerate();
        let found = documents.find_map(|(index, document)| {
            let is_it = Head::of(document).secret() == Some(BootstrapSecret::SopsAge);
            Some((index, SecretManifest::read(document, index + 1).ok()?)).filter(|_| is_it)
        });
        let (document, manifest) = found.ok_or_else(|| failed("it does not hold the Secret any more".to_owned()))?;
        let at = |field: Field, key: &str| At {
            document: Some(document),
            steps: vec![Step::Key(field.name().to_owned()), Step::Key(key.to_owned())],
        };
        let now = self.clock.now();
        let bytes = match (&self.plan.phase, new) {
            (Phase::Single { .. }, Some(text)) => {
                let field = manifest.entries.first().map_or(Field::StringData, |entry| entry.field);
                let value = encoded(field, text);
                let at = at(field, &self.plan.new_key);
                match open_file.set(&at, &Node::leaf(Value::Str(value)), now, self.entropy) {
                    Ok(Change::Written(bytes)) => bytes,
                    Ok(Change::Unchanged) => return Ok(open_file),
                    Err(error) => return Err(failed(error.to_string())),
                }
            }
            (Phase::Added { old, .. } | Phase::Removing { old, .. }, _) if self.plan.action == Action::Remove => {
                let Some(entry) = manifest.entries.iter().find(|entry| entry.key == old.name) else {
                    return Ok(open_file);
                };
                open_file
                    .unset(&at(entry.field, &old.name), now, self.entropy)
                    .map_err(|error| failed(error.to_string()))?
            }
            _ => return Ok(open_file),
        };
        reopened(&open_file, &bytes, self.order.keyring).map_err(failed)
    }
}

fn encoded(field: Field, text: &[u8]) -> Zeroizing<Vec<u8>> {
    use base64::Engine as _;
    match field {
        Field::StringData => Zeroizing::new(text.to_vec()),
        Field::Data => Zeroizing::new(base64::prelude::BASE64_STANDARD.encode(text).into_bytes()),
    }
}

fn reopened(open_file: &OpenFile, bytes: &[u8], keyring: &dyn Keyring) -> Result<OpenFile, String> {
    let file = SopsFile::parse(open_file.format(), bytes).and_then(|file| file.unlock(keyring));
    file.and_then(Unlocked::verified).map_err(|error| error.to_string())
}

/// The text of a configuration as it will be; `None` where a person has to change it.
fn changed_text(before: &str, olds: &[Recipient], new: &[Recipient], remove: bool) -> Option<String> {
    let mut text = before.to_owned();
    for old in olds {
        let edits: Vec<Edit<'_>> =
            if remove { vec![Edit::Remove { old }] } else { new.iter().map(|new| Edit::Add { old, new }).collect() };
        for one in edits {
            if !is_done(&text, one) {
                text = edit(&text, one)?;
            }
        }
    }
    Some(text)
}

fn not_made(path: &str, cause: &str) -> Failure {
    Failure::new(ExitStatus::Refused, "rotation-not-made", format!("{path} cannot be changed, and nothing was"))
        .cause(cause)
        .hint("the operator's identity has to be at hand, and everybody in .sops.yaml has to be an age recipient")
}

/// For a path that may be below the root.
pub(super) fn relative<'a>(path: &'a Path, root: &Path) -> Option<&'a Path> {
    path.strip_prefix(root).ok()
}
