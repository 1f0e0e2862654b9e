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
struct Lack<'a> {
    store: &'a dyn WriteObjects,
    own: Option<&'a Own<dyn WriteObjects>>,
    plan: CopyPlan,
}

impl Lack<'_> {
    fn named(&self, error: ObjectError) -> ObjectError {
        match self.own {
            Some(own) => own.named(error),
            None => error,
        }
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
        for lack in self.lacks(vault, keys).await? {
            let store = lack.own.map_or("common", |own| own.custodian.as_str());
            for path in &lack.plan.conflicts {
                tracing::warn!(path, store, "something else stands there in this store");
            }
            let taken = copy::apply(&lack.plan, lack.store).await.map_err(|error| lack.named(error))?;
            written += lack.plan.steps.len() - taken.len();
        }
        Ok(written)
    }

    /// How many records [`level`](Self::level) would write.
    ///
    /// # Errors
    /// The first store that could not be asked.
    pub async fn count_lacks(&self, vault: &VaultName, keys: &StoreKeys) -> Result<usize, ObjectError> {
        Ok(self.lacks(vault, keys).await?.iter().map(|lack| lack.plan.steps.len()).sum())
    }

    async fn lacks(&self, vault: &VaultName, keys: &StoreKeys) -> Result<Vec<Lack<'_>>, ObjectError> {
        let nothing = Contents::default();
        // Each by itself: read as one, what another store has would hide what this one lacks, or holds damaged.
        let mut stores = vec![(&*self.common, None, load(&*self.common, vault, keys, &nothing, None).await?)];
        for own in &self.own {
            let store = own.open()?;
            let there = load(store, vault, keys, &nothing, None).await.map_err(|error| own.named(error))?;
            stores.push((store, Some(own), there));
        }
        let objects = stores.iter().flat_map(|(.., there)| there.objects.iter().cloned()).collect();
        let all = Contents { objects, ..Contents::default() };
        let everywhere = |path: &str| self.home(path) == Home::Everywhere;
        let lacks = stores.into_iter().map(|(store, own, there)| {
            let mut plan = copy::plan(vault, &all, &there, keys);
            plan.steps.retain(|step| everywhere(&step.path));
            plan.conflicts.retain(|path| everywhere(path));
            Lack { store, own, plan }
        });
        Ok(lacks.collect())
    }
}

#[cfg(test)]
mod tests;
