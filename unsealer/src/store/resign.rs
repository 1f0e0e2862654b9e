//! `store re-sign`: carries everything that counts over to the first line of the store key file.
//!
//! Every generation that opens gets a new seal under the first key, and the old seals are marked superseded. Marks, active
//! holds and root tokens that an older line authenticates are written anew, with their own times: the latest proof stays the
//! latest. Releases are not: what they ended is not carried over, and a release seen for the first time would end an inferred
//! hold. With the old key lost, generations that nothing authenticates can be taken up again, each after a drill
//! ([`Reseal::needs_drill`]).

use std::collections::BTreeSet;

use jiff::Timestamp;
use sops_tools::custody::{Identities, StoreKeys};
use sops_tools::secret::Share;

use super::bundle::{self, Place, number_of};
use super::contents::Contents;
use super::custodians::Custody;
use super::names::{CustodianName, Name, VaultName};
use super::publish::{PublishError, Staging, Writer};
use super::reading::{Reading, Stored};
use super::records::{Manifest, Record, SupersededRecord};
use super::view::{Candidate, Generation, Seal, Standing, StoreView, conclude};

/// Seal numbers tried for one generation before giving up: a stranger may occupy some.
const SEAL_TRIES: u32 = 16;

/// What a re-signing would do. Holds opened shares; shows none.
#[derive(Default)]
pub struct ResignPlan {
    /// Generations that get a new seal.
    pub reseals: Vec<Reseal>,
    /// Records to be written anew, by their present path.
    pub records: Vec<Again>,
    /// Seals that a newer one under the first key has replaced already, not marked so yet: a run before was cut off.
    pub unmarked: Vec<(Generation, Seal, Seal)>,
    /// Generations that the identities at hand do not open whole: they stay as they are.
    pub unopened: Vec<Generation>,
    /// Open intents: finish them first, their numbers cannot be written twice.
    pub open_intents: Vec<u32>,
}

/// One generation to seal anew.
pub struct Reseal {
    /// Its number.
    pub generation: Generation,
    /// The first seal number that is tried.
    pub seal: Seal,
    /// Shares needed.
    pub threshold: u8,
    /// Shares that exist; an import may have had fewer.
    pub total: u8,
    /// Nothing authenticates it now: a drill must prove the shares before [`apply`].
    pub needs_drill: bool,
    /// All its shares that were ever stored.
    pub shares: Vec<Share>,
    created: Timestamp,
    replaces: BTreeSet<Seal>,
}

/// One record to write anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// Path of the object signed with the older key.
    pub path: String,
    name: Name,
    record: Record,
    at: Timestamp,
    sealed: Option<Vec<u8>>,
}

/// What `apply` says in the marks it writes.
#[derive(Debug, Clone, Copy)]
pub struct By<'s> {
    /// The command.
    pub command: &'s str,
    /// This host.
    pub host: &'s str,
}

/// Plans a re-signing of what was loaded. Opens bundles: call it where blocking is allowed. `key_lost` takes up generations
/// that nothing authenticates.
pub fn plan(
    vault: &VaultName,
    store: &Contents,
    keys: &StoreKeys,
    identities: &Identities,
    key_lost: bool,
) -> ResignPlan {
    let reading = Reading::of(vault, store, &Contents::default(), keys);
    let view = conclude(vault, &reading);
    let mut plan = ResignPlan {
        open_intents: view.intents.iter().filter(|intent| !intent.closed).map(|intent| intent.number).collect(),
        records: records(vault, &reading, &view),
        ..ResignPlan::default()
    };
    for candidate in &view.candidates {
        let strange = candidate.standing == Standing::NotAuthentic;
        let authentic_too = reading.manifests().any(|(generation, ..)| generation == candidate.generation);
        if strange && (!key_lost || authentic_too) {
            continue;
        }
        plan_generation(&mut plan, vault, &reading, candidate, identities);
    }
    plan
}

fn plan_generation(
    plan: &mut ResignPlan,
    vault: &VaultName,
    reading: &Reading,
    candidate: &Candidate,
    identities: &Identities,
) {
    let generation = candidate.generation;
    let seals: Vec<(Seal, bool)> = reading
        .manifests()
        .filter(|(of, ..)| *of == generation)
        .map(|(_, seal, _, stored)| (seal, stored.older_key))
        .collect();
    let unmarked: BTreeSet<Seal> =
        seals.iter().map(|(seal, _)| *seal).filter(|seal| !superseded(reading, generation, *seal)).collect();
    if let Some((newest, false)) = seals.iter().max_by_key(|(seal, _)| *seal) {
        let older = seals.iter().filter(|(seal, older_key)| *older_key && unmarked.contains(seal));
        plan.unmarked.extend(older.map(|(seal, _)| (generation, *seal, *newest)));
        return;
    }
    let Some(opened) = open_whole(vault, reading, candidate, identities) else {
        plan.unopened.push(generation);
        return;
    };
    let highest =
        seals.iter().map(|(seal, _)| seal.0).chain(candidate.bundles.iter().map(|bundle| bundle.seal.0)).max();
    plan.reseals.push(Reseal {
        generation,
        seal: Seal(highest.unwrap_or(0) + 1),
        threshold: opened.threshold,
        total: opened.total,
        needs_drill: candidate.standing == Standing::NotAuthentic,
        shares: opened.shares,
        created: candidate.created.unwrap_or(opened.created),
        replaces: unmarked,
    });
}

fn superseded(reading: &Reading, generation: Generation, seal: Seal) -> bool {
    reading.records.iter().any(|stored| {
        matches!(&stored.name, Name::Superseded { generation: of, seal: which, .. } if *of == generation && *which == seal)
    })
}

struct Whole {
    threshold: u8,
    total: u8,
    created: Timestamp,
    shares: Vec<Share>,
}

/// All stored shares of a generation, from the newest seal of which the identities open every bundle that its manifest names.
fn open_whole(vault: &VaultName, reading: &Reading, candidate: &Candidate, identities: &Identities) -> Option<Whole> {
    let seals: BTreeSet<Seal> = candidate.bundles.iter().map(|bundle| bundle.seal).collect();
    seals.into_iter().rev().find_map(|seal| {
        let all_here = |manifest: &Manifest| {
            let here = |name: &str| candidate.bundles.iter().any(|one| one.seal == seal && one.custodian == name);
            manifest.custodians.iter().all(|custodian| here(&custodian.name))
        };
        let mut manifests = reading.manifests().filter(|(of, which, ..)| (*of, *which) == (candidate.generation, seal));
        // A custodian's bundle lies in a store that was not read.
        if !manifests.all(|(_, _, manifest, _)| all_here(manifest)) {
            return None;
        }
        let mut numbers = BTreeSet::new();
        let mut shares = Vec::new();
        let mut split = None;
        for sealed in candidate.bundles.iter().filter(|sealed| sealed.seal == seal) {
            let custodian = CustodianName::new(&sealed.custodian).ok()?;
            let place = Place { vault: vault.clone(), generation: candidate.generation, seal, custodian };
            let Ok(opened) = bundle::open(sealed.sealed.as_ref()?, &place, None, identities) else { return None };
            split = Some((opened.head.threshold, opened.head.total, opened.head.created));
            for share in opened.shares {
                if numbers.insert(number_of(&share, opened.head.total)) {
                    shares.push(share);
                }
            }
        }
        let (threshold, total, created) = split?;
        (shares.len() >= usize::from(threshold)).then_some(Whole { threshold, total, created, shares })
    })
}

/// Records that an older line authenticates, that still say something, and that were not written anew before.
fn records(vault: &VaultName, reading: &Reading, view: &StoreView) -> Vec<Again> {
    let active = |id: &str| view.holds.iter().any(|hold| hold.id == id);
    reading
        .records
        .iter()
        .filter(|stored| stored.older_key && !done_before(reading, stored))
        .filter(|stored| match (&stored.name, &stored.payload.record) {
            (Name::Hold { id }, Record::Hold(_)) => active(id.as_str()),
            (Name::Mark { .. } | Name::Superseded { .. } | Name::RootTokenRecord { .. }, record) => {
                *record != Record::Unknown
            }
            _ => false,
        })
        .filter_map(|stored| again(vault, reading, stored))
        .collect()
}

fn again(vault: &VaultName, reading: &Reading, stored: &Stored) -> Option<Again> {
    let sealed = match (&stored.name, &stored.payload.record) {
        (Name::RootTokenRecord { generation, id }, Record::RootToken(record)) => {
            let copies = reading.sealed.get(&Name::RootToken { generation: *generation, id: id.clone() })?;
            let copy = copies.iter().find(|copy| copy.digest == record.digest)?;
            Some(copy.bytes.to_vec())
        }
        _ => None,
    };
    Some(Again {
        path: stored.name.path(vault),
        name: stored.name.clone(),
        record: stored.payload.record.clone(),
        at: stored.payload.time,
        sealed,
    })
}

fn done_before(reading: &Reading, old: &Stored) -> bool {
    reading.records.iter().any(|new| {
        !new.older_key
            && new.payload.record == old.payload.record
            && new.payload.time == old.payload.time
            && new.name.generation() == old.name.generation()
    })
}

/// Carries out a plan. Safe to repeat with a fresh plan after a crash. The caller checks `custody`, refuses while
/// [`ResignPlan::open_intents`] is not empty, and has drilled what needs it.
///
/// # Errors
/// The first write that fails; what was written before stays and counts.
pub async fn apply(
    plan: &ResignPlan,
    writer: &Writer<'_>,
    custody: &Custody,
    identities: &Identities,
    by: By<'_>,
) -> Result<(), PublishError> {
    for again in &plan.records {
        writer.put_again(&again.name, &again.record, again.at, again.sealed.as_deref()).await?;
    }
    let mark = |seal: Seal| SupersededRecord { by: seal.0, command: by.command.to_owned(), host: by.host.to_owned() };
    for reseal in &plan.reseals {
        let seal = stage(reseal, writer, custody, identities).await?;
        for old in &reseal.replaces {
            writer.supersede(reseal.generation, *old, mark(seal)).await?;
        }
    }
    for (generation, old, newest) in &plan.unmarked {
        writer.supersede(*generation, *old, mark(*newest)).await?;
    }
    Ok(())
}

async fn stage(
    reseal: &Reseal,
    writer: &Writer<'_>,
    custody: &Custody,
    identities: &Identities,
) -> Result<Seal, PublishError> {
    let mut tried = 0;
    loop {
        let seal = Seal(reseal.seal.0 + tried);
        let staging = Staging {
            generation: reseal.generation,
            seal,
            shares: &reseal.shares,
            total: reseal.total,
            threshold: reseal.threshold,
            custody,
            created: reseal.created,
        };
        match writer.stage(&staging, identities).await {
            Err(PublishError::Taken { .. }) if tried + 1 < SEAL_TRIES => tried += 1,
            Ok(_) => return Ok(seal),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
