//! Making the bootstrap secrets as SOPS files, and the `.sops.yaml` that says who may open them.
//!
//! One plan is shown by a dry run and applied by the run. What is there is kept, byte for byte, once it was verified; nothing is written
//! over without being named; every fault is told at once, before anything is written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::catalogue::{AGEKEY, BootstrapSecret};
use super::keygen::KeyRole;
use super::look::{Seen, Several, find};
use super::manifest::{Head, SecretManifest};
use super::verify::{self, Level, cluster_identities};
use crate::clock::Timestamp;
use crate::custody::{Identities, Recipient, canonical};
use crate::report::{ExitStatus, Failure};
use crate::sops::data_key::Keyring;

mod apply;
mod config;
mod decide;
mod values;

pub use apply::Made;
pub use decide::{Refusal, Standing, Step, Wish, decide};
pub use values::{Ask, GivenValue, Places, Source, Wanted};

use config::{Named, Rules};

/// What was asked for.
pub struct Order<'a> {
    /// The folder that gets the files; those below it count as there.
    pub folder: PathBuf,
    /// Which ones; empty for all that are needed, and what values are given for.
    pub only: Vec<BootstrapSecret>,
    /// Which ones get other values although they are there.
    pub regenerate: Vec<BootstrapSecret>,
    /// Whether the password of a repository that may be in use is to be replaced.
    pub new_password: bool,
    /// Recipients beside those of the folder of keys.
    pub recipients: Vec<Recipient>,
    /// Where values come from.
    pub places: Places,
    /// The configuration; `None` for the nearest `.sops.yaml` above the folder, or a new one in it.
    pub config: Option<PathBuf>,
    /// What relative paths start from.
    pub current: PathBuf,
    /// Identities at hand beside those of the folder of keys.
    pub at_hand: &'a dyn Keyring,
    /// The time.
    pub now: Timestamp,
}

/// What would be done: the same for a dry run and the run.
pub struct SecretsPlan {
    /// The secrets, in [`BootstrapSecret::ALL`]'s order.
    pub items: Vec<Item>,
    folder: PathBuf,
    rules: Rules,
    named: Named,
    keys: Folder,
}

/// What becomes of one secret.
pub struct Item {
    /// Which one.
    pub secret: BootstrapSecret,
    /// Its file.
    pub path: PathBuf,
    /// What becomes of it.
    pub step: Step,
    /// The values that are got for it; none for one that is kept.
    pub values: Vec<Wanted>,
}

/// A secret as it was found, with what was wrong with it.
struct Known {
    seen: Option<Seen>,
    standing: Standing,
    manifest: Option<SecretManifest>,
}

/// The identities of the folder of keys.
struct Folder {
    cluster: Option<Identities>,
    operator: Option<Identities>,
}

impl SecretsPlan {
    /// Looks at what is there and plans. Reads files, writes none, asks nobody.
    ///
    /// # Errors
    /// Class `bootstrap-refused` with every reason, one a cause; class `bootstrap-unreadable`.
    pub fn new(order: &Order<'_>) -> Result<Self, Failure> {
        let mut faults = Faults::default();
        for given in order.places.unknown() {
            let keys: Vec<String> = given.secret.keys().iter().map(|shape| shape.name.to_string()).collect();
            faults.input(format!("{} has no key {}, but {}", given.secret, given.key, keys.join(", ")));
        }
        let folder = Folder::load(order.places.keys.as_deref(), &mut faults);
        let at_hand = folder.with(order.at_hand);
        let files = if order.folder.exists() { find(std::slice::from_ref(&order.folder))? } else { Vec::new() };
        let inside = Identities::merged(files.iter().flat_map(|seen| cluster_identities(seen, &at_hand)));
        let named = Named {
            cluster: recipients(inside.as_ref().or(folder.cluster.as_ref())),
            others: canonical(recipients(folder.operator.as_ref()).into_iter().chain(order.recipients.iter().cloned())),
        };
        let rules = rules(order, &named, &mut faults);
        let known = BootstrapSecret::ALL.map(|secret| (secret, known(secret, &files, order, &at_hand)));
        let mut items = Vec::new();
        for (secret, found) in &known {
            let mut others = known.iter().filter(|(other, _)| other != secret);
            let others_are_there = others.any(|(_, found)| found.standing != Standing::Absent);
            items.push(item(*secret, found, others_are_there, order, &mut faults));
        }
        // A configuration that cannot be made yet has been told already.
        if let Some(rules) = rules.as_ref().filter(|rules| rules.text.is_none() || faults.inputs.is_empty()) {
            for item in items.iter().filter(|item| item.step == Step::Make) {
                let told = rules.recipe(&item.path, item.secret, &named).err().unwrap_or_default();
                for fault in told {
                    faults.refusal(fault);
                }
            }
        }
        faults.end()?;
        match rules {
            Some(rules) => Ok(Self { items, folder: order.folder.clone(), rules, named, keys: folder }),
            None => Err(Failure::new(ExitStatus::Refused, "bootstrap-refused", "there is no configuration to follow")),
        }
    }

    /// The configuration, and whether it is to be made.
    pub fn configuration(&self) -> (&Path, bool) {
        (&self.rules.path, self.rules.text.is_some())
    }

    /// Who may open what is made where the configuration is made as well.
    pub fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        self.named.cluster.iter().chain(&self.named.others)
    }

    /// Whether nothing is left to do.
    pub fn is_done(&self) -> bool {
        self.rules.text.is_none() && self.items.iter().all(|item| matches!(item.step, Step::Keep | Step::LeaveOut))
    }
}

/// Everything that stands in the way, told at once.
#[derive(Default)]
struct Faults {
    refusals: Vec<String>,
    inputs: Vec<String>,
}

impl Faults {
    fn refusal(&mut self, fault: String) {
        if !self.refusals.contains(&fault) {
            self.refusals.push(fault);
        }
    }

    fn input(&mut self, fault: String) {
        self.inputs.push(fault);
    }

    fn end(self) -> Result<(), Failure> {
        let count = self.refusals.len() + self.inputs.len();
        if count == 0 {
            return Ok(());
        }
        let problem =
            format!("nothing was written, {count} {} in the way", if count == 1 { "thing is" } else { "things are" });
        let failure = if self.refusals.is_empty() {
            Failure::new(ExitStatus::Usage, "bootstrap-values", problem)
        } else {
            Failure::new(ExitStatus::Refused, "bootstrap-refused", problem)
        };
        let failure = self.refusals.iter().chain(&self.inputs).fold(failure, Failure::cause);
        Err(failure.hint(
            "do what each cause says and give the command again; once nothing is in the way, --dry-run shows the plan",
        ))
    }
}

impl Folder {
    fn load(keys: Option<&Path>, faults: &mut Faults) -> Self {
        let mut load = |role: KeyRole| {
            let path = keys?.join(role.file());
            if !path.exists() {
                return None;
            }
            Identities::load(&[&path]).map_err(|error| faults.input(error.to_string())).ok()
        };
        Self { cluster: load(KeyRole::Cluster), operator: load(KeyRole::Operator) }
    }
}

impl Folder {
    /// These identities, and others.
    fn with<'a>(&'a self, others: &'a dyn Keyring) -> Several<'a> {
        let own = self.cluster.iter().chain(&self.operator).map(|one| one as &dyn Keyring);
        Several([others].into_iter().chain(own).collect())
    }
}

fn recipients(identities: Option<&Identities>) -> Vec<Recipient> {
    identities.map(Identities::to_recipients).unwrap_or_default()
}

fn rules(order: &Order<'_>, named: &Named, faults: &mut Faults) -> Option<Rules> {
    match Rules::find(order.config.as_deref(), &order.folder, &order.current) {
        Ok(Some(rules)) => return Some(rules),
        Ok(None) => {}
        Err(fault) => {
            faults.refusal(format!("{fault}: the configuration cannot be followed, and it is never written over"));
            return None;
        }
    }
    if named.cluster.is_empty() {
        faults.input("the cluster's recipient is not known: give --keys DIR with cluster.agekey in it (sops-tools bootstrap keygen)".to_owned());
    }
    if named.others.iter().all(|recipient| named.cluster.contains(recipient)) {
        faults.input(
            "nobody but the cluster could open the files, and with the cluster they would be lost: give --keys DIR with operator.agekey in it, or --recipient age1…".to_owned(),
        );
    }
    let path = order.folder.join(".sops.yaml");
    Rules::new(path, named, &order.current).map_err(|fault| faults.refusal(fault)).ok()
}

/// The file of a secret, by what it says or how it is called, and how it stands.
fn known(secret: BootstrapSecret, files: &[Seen], order: &Order<'_>, at_hand: &dyn Keyring) -> Known {
    let mut found = files.iter().filter(|seen| seen.claims(secret));
    let Some(seen) = found.next() else {
        // Something that is no SOPS file may still have the name.
        let path = order.folder.join(secret.file());
        let standing = match path.symlink_metadata() {
            Ok(_) => Standing::Faulty(vec![format!("{}: it cannot be read as a SOPS file", path.display())]),
            Err(_) => Standing::Absent,
        };
        return Known { seen: None, standing, manifest: None };
    };
    if let Some(other) = found.next() {
        let fault = format!("{} and {} both hold it", seen.shown(), other.shown());
        return Known { seen: None, standing: Standing::Faulty(vec![fault]), manifest: None };
    }
    let report = verify::verify_one(seen, at_hand, order.config.clone(), &order.current, order.now);
    let faults: Vec<String> = report
        .findings()
        // Where there is no configuration yet, one is made.
        .filter(|finding| finding.level > Level::Note && finding.class != "no-config")
        .map(|finding| format!("{}: {}", finding.place, finding.seen))
        .collect();
    let manifest = seen.open(at_hand).ok().and_then(|open| {
        let mut documents = open.tree().documents.iter().enumerate();
        let (index, document) = documents.find(|(_, document)| Head::of(document).secret() == Some(secret))?;
        SecretManifest::read(document, index + 1).ok()
    });
    let standing = if faults.is_empty() { Standing::Sound } else { Standing::Faulty(faults) };
    Known { seen: Some(Seen::read(&seen.path)), standing, manifest }
}

fn item(
    secret: BootstrapSecret,
    known: &Known,
    others_are_there: bool,
    order: &Order<'_>,
    faults: &mut Faults,
) -> Item {
    let mut wanted = order.places.wanted(secret);
    if others_are_there && !order.new_password {
        // Who types it knows it; nothing is made up in its place.
        wanted.iter_mut().for_each(Wanted::only_typed);
    }
    let (differs, covers_old) = compare(&wanted, known.manifest.as_ref());
    let wish = Wish {
        is_asked: if order.only.is_empty() { secret.is_needed() } else { order.only.contains(&secret) },
        has_values: order.places.has_given(secret) && (order.only.is_empty() || order.only.contains(&secret)),
        regenerate: order.regenerate.contains(&secret),
        new_password: order.new_password,
        differs,
        others_are_there,
        is_made_up: wanted.iter().any(|value| value.source == Some(Source::Generated)),
        covers_old,
    };
    let path = known.seen.as_ref().map_or_else(|| order.folder.join(secret.file()), |seen| seen.path.clone());
    let step = decide(secret, &known.standing, &wish).unwrap_or_else(|refusal| {
        faults.refusal(format!("{secret}: {refusal}"));
        Step::LeaveOut
    });
    let values = if matches!(step, Step::Make | Step::MakeAnew) { wanted } else { Vec::new() };
    for value in &values {
        match value.read() {
            Some(Err(fault)) => faults.input(fault),
            None if value.source.is_none() => {
                faults.input(format!("{} is not given: {}", value.shown(), value.how_to_give()));
            }
            _ => {}
        }
    }
    Item { secret, path, step, values }
}

/// Whether files that were named hold something else than the manifest, and whether they hold all its identities and store keys.
fn compare(wanted: &[Wanted], manifest: Option<&SecretManifest>) -> (bool, bool) {
    let Some(manifest) = manifest else { return (false, true) };
    let mut new_names = BTreeSet::new();
    let mut differs = false;
    for value in wanted {
        let Some(Ok(new)) = value.read() else { continue };
        let names = values::names_of(value.content, &new);
        let old: BTreeSet<String> = names_of_manifest(value, manifest);
        differs |= if names.is_empty() {
            let shape = value.secret.key(&value.key);
            let kept = manifest.entries.iter().find(|entry| shape.is_some_and(|shape| shape.name.fits(&entry.key)));
            value.is_given && !kept.is_some_and(|kept| kept.value.same_as(&new))
        } else {
            names.iter().any(|name| !old.contains(name))
        };
        new_names.extend(names);
    }
    let old = wanted.iter().flat_map(|value| names_of_manifest(value, manifest));
    (differs, old.into_iter().all(|name| new_names.contains(&name)))
}

fn names_of_manifest(value: &Wanted, manifest: &SecretManifest) -> BTreeSet<String> {
    let same_kind = |key: &str| if value.key.ends_with(AGEKEY) { key.ends_with(AGEKEY) } else { key == value.key };
    let entries = manifest.entries.iter().filter(|entry| same_kind(&entry.key));
    entries.flat_map(|entry| values::names_of(value.content, &entry.value)).collect()
}
