//! From what was seen to what it means: pure, and blind to everything that is not authentic.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sops_tools::custody::StoreKeys;

use super::generations::{self, Facts};
use super::rollback;
use super::{Generation, Hold, Intent, Standing, StoreView};
use crate::store::contents::Contents;
use crate::store::names::{HIGHEST_NUMBER, Name, VaultName};
use crate::store::reading::Reading;
use crate::store::records::Record;

/// What the store offers for `vault`: `store` is what stands there now, `cache` what this host has seen before.
///
/// Nothing that is not authentic under `keys` changes anything here but the findings, the last candidates
/// ([`Standing::NotAuthentic`]), `anything_here` and which free numbers come next.
pub fn derive(vault: &VaultName, store: &Contents, keys: &StoreKeys, cache: &Contents) -> StoreView {
    conclude(vault, &Reading::of(vault, store, cache, keys))
}

/// As [`derive()`], of what was authenticated already.
pub fn conclude(vault: &VaultName, reading: &Reading) -> StoreView {
    let facts = generations::gather(reading);
    let current = current(&facts);
    let mut findings = reading.findings.clone();
    let gone = rollback::gone(vault, reading, &facts);
    let rolled_back = !gone.is_empty();
    findings.extend(gone);
    let candidates = generations::candidates(vault, reading, &facts, current, &mut findings);
    findings.sort();
    findings.dedup();
    let highest_generation = facts.keys().map(|generation| generation.0).max().unwrap_or(0);
    let intents = intents(reading);
    let highest_intent = highest_intent(reading);
    let (holds, releases) = holds(reading);
    StoreView {
        candidates,
        current,
        undecided: undecided(&facts, current),
        intents,
        holds,
        releases,
        cluster_id: current.and_then(|current| facts.get(&current)?.cluster_id.clone()),
        findings,
        highest_generation,
        highest_intent,
        next_generation: next(
            highest_generation,
            &occupied(reading, |name| match name {
                name if name.is_snapshot() => None,
                name => name.generation().map(|generation| generation.0),
            }),
        ),
        next_intent: next(highest_intent, &occupied(reading, intent_number)),
        anything_here: reading.anything_here(),
        anything_authentic: reading.anything_authentic(),
        rolled_back,
        foreign: reading.foreign,
        unread: unread(vault, reading),
        silent: reading.parts.iter().filter(|part| part.fault.is_some()).cloned().collect(),
    }
}

fn unread(vault: &VaultName, reading: &Reading) -> Vec<String> {
    let known =
        |name: &Name| reading.sealed.contains_key(name) || reading.records.iter().any(|stored| stored.name == *name);
    let objects = reading.unreadable.iter().filter(|name| !known(name)).map(|name| name.path(vault));
    reading.cut.iter().cloned().chain(objects).collect()
}

fn current(facts: &BTreeMap<Generation, Facts<'_>>) -> Option<Generation> {
    let proven = facts
        .iter()
        .filter(|(_, facts)| facts.marked() == Standing::Proven)
        .max_by_key(|(generation, facts)| (facts.proven, **generation));
    if let Some((generation, _)) = proven {
        return Some(*generation);
    }
    let mut authentic = facts.iter().filter(|(_, facts)| !facts.manifests.is_empty());
    match (authentic.next(), authentic.next()) {
        (Some((only, facts)), None) if facts.standing() == Standing::Staged => Some(*only),
        _ => None,
    }
}

fn undecided(facts: &BTreeMap<Generation, Facts<'_>>, current: Option<Generation>) -> Vec<Generation> {
    let newer = |generation: &Generation| current.is_none_or(|current| *generation > current);
    facts
        .iter()
        .filter(|(generation, facts)| facts.standing() == Standing::Staged && newer(generation))
        .map(|(generation, _)| *generation)
        .collect()
}

fn intent_number(name: &Name) -> Option<u32> {
    match name {
        Name::Intent { number } | Name::IntentClosed { number, .. } => Some(*number),
        _ => None,
    }
}

fn highest_intent(reading: &Reading) -> u32 {
    reading.records.iter().filter_map(|stored| intent_number(&stored.name)).max().unwrap_or(0)
}

fn intents(reading: &Reading) -> Vec<Intent> {
    let closed: BTreeSet<u32> = reading
        .records
        .iter()
        .filter(|stored| matches!(stored.payload.record, Record::IntentClose(_)))
        .filter_map(|stored| intent_number(&stored.name))
        .collect();
    let mut intents: Vec<Intent> = reading
        .records
        .iter()
        .filter_map(|stored| match (&stored.name, &stored.payload.record) {
            (Name::Intent { number }, Record::Intent(intent)) => Some(Intent {
                number: *number,
                purpose: intent.purpose.word().to_owned(),
                host: intent.host.clone(),
                local_copy: intent.local_copy.clone(),
                at: stored.payload.time,
                closed: closed.contains(number),
            }),
            _ => None,
        })
        .collect();
    intents.sort_by_key(|intent| (intent.at, intent.number));
    intents
}

fn holds(reading: &Reading) -> (Vec<Hold>, Vec<(String, Timestamp)>) {
    let mut ended = BTreeSet::new();
    let mut releases = Vec::new();
    for stored in &reading.records {
        if let (Name::Hold { id }, Record::Release(release)) = (&stored.name, &stored.payload.record) {
            ended.extend(release.releases.iter().cloned());
            releases.push((id.to_string(), stored.payload.time));
        }
    }
    releases.sort_by(|a, b| (b.1, &b.0).cmp(&(a.1, &a.0)));
    let mut holds: Vec<Hold> = reading
        .records
        .iter()
        .filter_map(|stored| match (&stored.name, &stored.payload.record) {
            (Name::Hold { id }, Record::Hold(hold)) if !ended.contains(id.as_str()) => Some(Hold {
                id: id.to_string(),
                reason: hold.reason.clone(),
                host: hold.host.clone(),
                at: stored.payload.time,
            }),
            _ => None,
        })
        .collect();
    holds.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    (holds, releases)
}

fn occupied(reading: &Reading, number: impl Fn(&Name) -> Option<u32>) -> BTreeSet<u32> {
    reading.occupied.iter().filter_map(number).collect()
}

/// The first number above the authentic ones under which nothing stands.
fn next(highest: u32, occupied: &BTreeSet<u32>) -> Option<u32> {
    (highest + 1..=HIGHEST_NUMBER).find(|number| !occupied.contains(number))
}
