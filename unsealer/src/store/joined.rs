//! One store out of several: the common one, and those of custodians who keep their bundle to themselves.
//!
//! A custodian's bundle goes into its own store and nowhere else. Records (manifests, marks, intents, holds) go into every
//! store, the same bytes, so that each can be read by itself. Root tokens and raft snapshots stay in the common store.
//!
//! Who writes needs every store to answer. Who reads may go on with those that do; the others are told by
//! [`Survey::parts`], and nothing is concluded from their silence.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::{join, join_all};
use restore::objects::{
    About, Bounds, Created, Entry, ErrorKind, ObjectError, ObjectPath, Part, ProbeVerdict, Protection, ReadObjects,
    Survey, Switch, Wanted, WriteObjects,
};
use sops_tools::custody::StoreKeys;

use super::contents::Contents;
use super::copy::{self, CopyPlan};
use super::load::load;
use super::names::{CustodianName, Name, VaultName};

/// What to do where a custodian's store does not answer a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnSilence {
    /// The listing fails: who writes must see everything.
    Fail,
    /// The listing goes on without it, and the part says so.
    GoOn,
}

/// The common store and those of custodians.
pub struct Joined<S: ?Sized> {
    common: Arc<S>,
    own: Vec<Own<S>>,
    on_silence: OnSilence,
}

/// One custodian's store, or why it cannot be opened.
pub struct Own<S: ?Sized> {
    /// Whose it is.
    pub custodian: CustodianName,
    /// The store.
    pub store: Result<Arc<S>, ObjectError>,
}

/// Where an object belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Home {
    Common,
    Own(CustodianName),
    Everywhere,
}

impl<S: ReadObjects + ?Sized> Own<S> {
    fn open(&self) -> Result<&S, ObjectError> {
        match &self.store {
            Ok(store) => Ok(store),
            Err(error) => Err(self.named(error.clone())),
        }
    }

    async fn survey(&self, prefix: &str, wanted: Wanted, bounds: Bounds) -> Result<Survey, ObjectError> {
        self.open()?.survey(prefix, wanted, bounds).await.map_err(|error| self.named(error))
    }

    fn named(&self, error: ObjectError) -> ObjectError {
        let detail = format!("the store of custodian {}: {}", self.custodian, error.detail);
        ObjectError { detail, ..error }
    }
}

impl<S: ReadObjects + ?Sized> Joined<S> {
    /// Joins `own` to the common store.
    pub fn new(common: Arc<S>, own: Vec<Own<S>>, on_silence: OnSilence) -> Self {
        Self { common, own, on_silence }
    }

    fn home(&self, path: &str) -> Home {
        let Ok((_, name)) = Name::parse(path) else { return Home::Common };
        match name {
            Name::Bundle { custodian, .. } if self.own.iter().any(|own| own.custodian == custodian) => {
                Home::Own(custodian)
            }
            Name::RootTokenRecord { .. } => Home::Common,
            name if name.is_record() && !name.is_snapshot() => Home::Everywhere,
            _ => Home::Common,
        }
    }

    /// Every store, the home of `path` first.
    fn places(&self, path: &str) -> Vec<Result<&S, ObjectError>> {
        let home = self.home(path);
        let is_home = |own: &&Own<S>| home == Home::Own(own.custodian.clone());
        let first = self.own.iter().filter(is_home).map(Own::open);
        let rest = self.own.iter().filter(|own| !is_home(own)).map(Own::open);
        first.chain(std::iter::once(Ok(&*self.common))).chain(rest).collect()
    }
}

#[async_trait]
impl<S: ReadObjects + ?Sized> ReadObjects for Joined<S> {
    async fn get(&self, path: &ObjectPath, limit_bytes: u64) -> Result<Vec<u8>, ObjectError> {
        let mut failure: Option<ObjectError> = None;
        for place in self.places(path.as_str()) {
            let error = match place {
                Ok(store) => match store.get(path, limit_bytes).await {
                    Ok(bytes) => return Ok(bytes),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            // Absent only where every store says so.
            if failure.as_ref().is_none_or(|known| known.kind == ErrorKind::Absent) {
                failure = Some(error);
            }
        }
        Err(failure.unwrap_or_else(|| ObjectError::new(ErrorKind::Absent, "get", path.as_str(), "no store at all")))
    }

    /// The bounds hold for each store by itself, so that a flood of one hides nothing of the others. One that was cut cuts the
    /// whole.
    async fn survey(&self, prefix: &str, wanted: Wanted, bounds: Bounds) -> Result<Survey, ObjectError> {
        let own = join_all(self.own.iter().map(|own| own.survey(prefix, wanted, bounds)));
        let (common, own) = join(self.common.survey(prefix, wanted, bounds), own).await;
        let Survey { entries, mut others, mut examples, mut cut, mut parts } = common?;
        let mut entries: BTreeMap<String, Entry> =
            entries.into_iter().map(|entry| (entry.path.clone(), entry)).collect();
        for (own, seen) in self.own.iter().zip(own) {
            let name = own.custodian.to_string();
            let seen = match seen {
                Ok(seen) => seen,
                Err(error) if self.on_silence == OnSilence::Fail => return Err(error),
                Err(error) => {
                    parts.push(Part { name, fault: Some(error.to_string()) });
                    continue;
                }
            };
            parts.push(Part { name, fault: None });
            others += seen.others;
            examples.extend(seen.examples);
            cut = cut.or(seen.cut);
            for entry in seen.entries {
                if self.home(&entry.path) == Home::Own(own.custodian.clone()) {
                    entries.insert(entry.path.clone(), entry);
                } else {
                    entries.entry(entry.path.clone()).or_insert(entry);
                }
            }
        }
        examples.truncate(Survey::EXAMPLES);
        Ok(Survey { entries: entries.into_values().collect(), others, examples, cut, parts })
    }

    /// The weakest answers of all stores: what protects one of them protects no other.
    async fn about(&self) -> About {
        let own = join_all(self.own.iter().map(async |own| match own.open() {
            Ok(store) => store.about().await,
            Err(error) => untold(&error.to_string()),
        }));
        let (common, own) = join(self.common.about(), own).await;
        own.into_iter().fold(common, weaker)
    }

    fn describe(&self) -> String {
        format!("{} and the stores of {} custodians", self.common.describe(), self.own.len())
    }

    fn is_plain_http(&self) -> bool {
        let own = self.own.iter().filter_map(|own| own.store.as_ref().ok());
        self.common.is_plain_http() || own.into_iter().any(|store| store.is_plain_http())
    }
}

#[async_trait]
impl WriteObjects for Joined<dyn WriteObjects> {
    async fn create(&self, path: &ObjectPath, bytes: &[u8]) -> Result<Created, ObjectError> {
        match self.home(path.as_str()) {
            Home::Common => self.common.create(path, bytes).await,
            Home::Own(custodian) => {
                let Some(own) = self.own.iter().find(|own| own.custodian == custodian) else {
                    return self.common.create(path, bytes).await;
                };
                own.open()?.create(path, bytes).await.map_err(|error| own.named(error))
            }
            Home::Everywhere => {
                // The common store first: of several writers it lets one pass.
                let mut created = create_and_read_back(&*self.common, path, bytes).await?;
                for own in &self.own {
                    let there = create_and_read_back(own.open()?, path, bytes).await;
                    if there.map_err(|error| own.named(error))? == Created::Stored {
                        created = Created::Stored;
                    }
                }
                Ok(created)
            }
        }
    }

    async fn probe(&self) -> Result<ProbeVerdict, ObjectError> {
        let mut verdict = self.common.probe().await?;
        for own in &self.own {
            if own.open()?.probe().await.map_err(|error| own.named(error))? == ProbeVerdict::ConditionsIgnored {
                verdict = ProbeVerdict::ConditionsIgnored;
            }
        }
        Ok(verdict)
    }
}

fn untold(why: &str) -> About {
    let switch = || Switch::NotTold(why.to_owned());
    About { protection: Some(Protection { versioning: switch(), object_lock: switch() }), ..About::default() }
}

fn weaker(one: About, other: About) -> About {
    let protection = match (one.protection, other.protection) {
        (Some(one), Some(other)) => Some(Protection {
            versioning: weaker_switch(one.versioning, other.versioning),
            object_lock: weaker_switch(one.object_lock, other.object_lock),
        }),
        // What has no such thing keeps nothing: the others' answer is not its own.
        (Some(told), None) | (None, Some(told)) => {
            let nothing = || Switch::NotTold("one of the stores has no such thing".to_owned());
            Some(Protection {
                versioning: weaker_switch(told.versioning, nothing()),
                object_lock: weaker_switch(told.object_lock, nothing()),
            })
        }
        (None, None) => None,
    };
    let clocks = [one.clock_ahead, other.clock_ahead].into_iter().flatten();
    About { clock_ahead: clocks.max_by_key(|ahead| ahead.abs()), protection }
}

fn weaker_switch(one: Switch, other: Switch) -> Switch {
    match (one, other) {
        (Switch::Off, _) | (_, Switch::Off) => Switch::Off,
        (told @ Switch::NotTold(_), _) | (_, told) => told,
    }
}

async fn create_and_read_back(
    store: &dyn WriteObjects,
    path: &ObjectPath,
    bytes: &[u8],
) -> Result<Created, ObjectError> {
    let created = store.create(path, bytes).await?;
    if store.get(path, bytes.len().max(1) as u64).await? == bytes {
        return Ok(created);
    }
    let detail = "read back, it is not what was written";
    Err(ObjectError::new(ErrorKind::Corrupt, "create", path.as_str(), detail))
}

/// Records that one store lacks and another has.
struct Lack {
    /// Which of [`Joined::own`]; `None` is the common store.
    own: Option<usize>,
    plan: CopyPlan,
    /// Names that do not stand there; empty where part of the listing could not be read.
    absent: Vec<String>,
}

/// A store with fewer records than another: nothing is lost, but it can no longer be read by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// The store, in words: `the common store`, `the store of custodian ops`.
    pub store: String,
    /// Names of the records, from `vaults/` on, sorted.
    pub records: Vec<String>,
}

impl<S: ?Sized> Joined<S> {
    /// A store, as messages say it.
    fn place(&self, own: Option<usize>) -> String {
        match own.and_then(|index| self.own.get(index)) {
            Some(own) => format!("the store of custodian {}", own.custodian),
            None => "the common store".to_owned(),
        }
    }
}

impl Joined<dyn ReadObjects> {
    /// Stores that lack records which another has. A custodian's store that does not answer is left out where reading
    /// [goes on](OnSilence::GoOn) without it.
    ///
    /// # Errors
    /// The first store that could not be asked.
    pub async fn lacking(&self, vault: &VaultName, keys: &StoreKeys) -> Result<Vec<Lacking>, ObjectError> {
        let lacks = self.lacks(vault, keys).await?;
        let lacking = lacks.into_iter().filter(|lack| !lack.absent.is_empty()).map(|mut lack| {
            lack.absent.sort_unstable();
            Lacking { store: self.place(lack.own), records: lack.absent }
        });
        Ok(lacking.collect())
    }

    /// What each store by itself holds, the common one first: read as one, what another store has would hide what this one
    /// lacks, or holds damaged.
    async fn each(&self, vault: &VaultName, keys: &StoreKeys) -> Result<Vec<(Option<usize>, Contents)>, ObjectError> {
        let nothing = Contents::default();
        let mut each = vec![(None, load(&*self.common, vault, keys, &nothing, None).await?)];
        for (index, own) in self.own.iter().enumerate() {
            let there = match own.open() {
                Ok(store) => load(store, vault, keys, &nothing, None).await.map_err(|error| own.named(error)),
                Err(error) => Err(error),
            };
            match there {
                Ok(there) => each.push((Some(index), there)),
                Err(_) if self.on_silence == OnSilence::GoOn => {}
                Err(error) => return Err(error),
            }
        }
        Ok(each)
    }

    async fn lacks(&self, vault: &VaultName, keys: &StoreKeys) -> Result<Vec<Lack>, ObjectError> {
        let each = self.each(vault, keys).await?;
        let objects = each.iter().flat_map(|(_, there)| there.objects.iter().cloned()).collect();
        let all = Contents { objects, ..Contents::default() };
        let everywhere = |path: &str| self.home(path) == Home::Everywhere;
        let lacks = each.into_iter().map(|(own, there)| {
            let mut plan = copy::plan(vault, &all, &there, keys);
            plan.steps.retain(|step| everywhere(&step.path));
            plan.conflicts.retain(|path| everywhere(path));
            let stands = |path: &str| !there.cut.is_empty() || there.objects.iter().any(|object| object.path == path);
            let absent = plan.steps.iter().map(|step| step.path.clone()).filter(|path| !stands(path)).collect();
            Lack { own, plan, absent }
        });
        Ok(lacks.collect())
    }
}

impl Joined<dyn WriteObjects> {
    /// Puts records that any store has and another lacks there: a command was cut off between two stores, a custodian got a store
    /// later, or a store was lost, the common one among them. Gives how many were written. Safe to repeat.
    ///
    /// # Errors
    /// The first store that could not be asked or did not take a record.
    pub async fn level(&self, vault: &VaultName, keys: &StoreKeys) -> Result<usize, ObjectError> {
        let mut written = 0;
        for lack in self.reading().lacks(vault, keys).await? {
            for path in &lack.plan.conflicts {
                tracing::warn!(path, store = self.place(lack.own), "something else stands there");
            }
            let taken = match lack.own.and_then(|index| self.own.get(index)) {
                Some(own) => copy::apply(&lack.plan, own.open()?).await.map_err(|error| own.named(error))?,
                None => copy::apply(&lack.plan, &*self.common).await?,
            };
            written += lack.plan.steps.len() - taken.len();
        }
        Ok(written)
    }

    /// How many records [`level`](Self::level) would write.
    ///
    /// # Errors
    /// The first store that could not be asked.
    pub async fn count_lacks(&self, vault: &VaultName, keys: &StoreKeys) -> Result<usize, ObjectError> {
        Ok(self.reading().lacks(vault, keys).await?.iter().map(|lack| lack.plan.steps.len()).sum())
    }

    fn reading(&self) -> Joined<dyn ReadObjects> {
        let reader = |store: &Arc<dyn WriteObjects>| -> Arc<dyn ReadObjects> { Arc::clone(store) as _ };
        let own = self.own.iter().map(|own| Own {
            custodian: own.custodian.clone(),
            store: own.store.as_ref().map(reader).map_err(Clone::clone),
        });
        Joined::new(reader(&self.common), own.collect(), self.on_silence)
    }
}

#[cfg(test)]
mod tests;
