//! Generations: what their marks say, their bundles, and the order of trying.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::{Candidate, Elsewhere, Finding, Generation, Seal, SealedBundle, Standing};
use crate::store::names::{CustodianName, MarkKind, Name, VaultName};
use crate::store::reading::{Reading, Sealed, Whereabouts, finding};
use crate::store::records::{Manifest, ManifestCustodian, Record};

/// Most generations without an authentic manifest that are tried: a person may have lost the store key, and an attacker
/// must not keep the daemon busy.
pub const NOT_AUTHENTIC_LIMIT: usize = 8;

/// What authentic objects say of one generation.
#[derive(Debug, Default)]
pub(super) struct Facts<'r> {
    /// Newest seal first; two for one seal are both kept.
    pub(super) manifests: Vec<(Seal, &'r Manifest)>,
    /// Time of the latest proof.
    pub(super) proven: Option<Timestamp>,
    /// Cluster id of the latest proof.
    pub(super) cluster_id: Option<String>,
    pub(super) abandoned: Option<Timestamp>,
    pub(super) retired: Option<Timestamp>,
    pub(super) superseded: BTreeSet<Seal>,
}

impl Facts<'_> {
    /// What the marks say, whether or not a manifest stands: the latest decides.
    pub(super) fn marked(&self) -> Standing {
        let marks =
            [(self.retired, Standing::Retired), (self.abandoned, Standing::Abandoned), (self.proven, Standing::Proven)];
        let latest = marks.into_iter().filter(|(at, _)| at.is_some()).max_by_key(|(at, _)| *at);
        latest.map_or(Standing::Staged, |(_, standing)| standing)
    }

    /// As [`Facts::marked`], and not authentic where no manifest stands.
    pub(super) fn standing(&self) -> Standing {
        if self.manifests.is_empty() { Standing::NotAuthentic } else { self.marked() }
    }
}

/// Reads manifests and marks by generation.
pub(super) fn gather(reading: &Reading) -> BTreeMap<Generation, Facts<'_>> {
    let mut all: BTreeMap<Generation, Facts<'_>> = BTreeMap::new();
    for stored in &reading.records {
        let Some(generation) = stored.name.generation().filter(|_| !stored.name.is_snapshot()) else { continue };
        let facts = all.entry(generation).or_default();
        match (&stored.name, &stored.payload.record) {
            (Name::Manifest { seal, .. }, Record::Manifest(manifest)) => facts.manifests.push((*seal, manifest)),
            (Name::Mark { kind, .. }, record) => take_mark(facts, *kind, record, stored.payload.time),
            (Name::Superseded { seal, .. }, Record::Superseded(_)) => {
                facts.superseded.insert(*seal);
            }
            _ => {}
        }
    }
    for facts in all.values_mut() {
        facts.manifests.sort_by_key(|(seal, _)| Reverse(*seal));
    }
    all
}

fn take_mark(facts: &mut Facts<'_>, kind: MarkKind, record: &Record, at: Timestamp) {
    let (Record::Proven(mark) | Record::Abandoned(mark) | Record::Retired(mark)) = record else { return };
    let slot = match kind {
        MarkKind::Proven => {
            if facts.proven.is_none_or(|known| known <= at) {
                facts.cluster_id.clone_from(&mark.cluster_id);
            }
            &mut facts.proven
        }
        MarkKind::Abandoned => &mut facts.abandoned,
        MarkKind::Retired => &mut facts.retired,
    };
    *slot = (*slot).max(Some(at));
}

/// All candidates in the order of trying; adds what is wrong with their bundles to `findings`.
pub(super) fn candidates(
    vault: &VaultName,
    reading: &Reading,
    facts: &BTreeMap<Generation, Facts<'_>>,
    current: Option<Generation>,
    findings: &mut Vec<Finding>,
) -> Vec<Candidate> {
    let mut named = BTreeSet::new();
    let mut candidates = Vec::new();
    for (generation, facts) in facts {
        if facts.manifests.is_empty() {
            let manifest = Name::Manifest { generation: *generation, seal: Seal(1) };
            if !reading.may_stand(vault, &manifest) {
                let detail = "marks stand here and no authentic manifest".to_owned();
                findings.push(finding("missing-manifest", &manifest.path(vault), detail));
            }
            continue;
        }
        two_digests(vault, *generation, facts, findings);
        let bundles = bundles(vault, reading, *generation, facts, &mut named, findings);
        let elsewhere = elsewhere(reading, *generation, facts);
        candidates.push(Candidate { elsewhere, ..candidate(*generation, facts, bundles) });
    }
    candidates.sort_by_key(|candidate| rank(candidate, current));
    candidates.extend(not_authentic(vault, reading, &named, findings));
    candidates
}

fn candidate(generation: Generation, facts: &Facts<'_>, bundles: Vec<SealedBundle>) -> Candidate {
    let newest = facts.manifests.first().map(|(_, manifest)| *manifest);
    Candidate {
        generation,
        standing: facts.standing(),
        threshold: newest.map(|manifest| manifest.threshold),
        shares: newest.map(|manifest| manifest.shares),
        bundles,
        elsewhere: Vec::new(),
        created: newest.map(|manifest| manifest.created),
        proven: facts.proven,
        cluster_id: facts.cluster_id.clone(),
    }
}

/// Current, other proven by latest proof, staged, abandoned, retired; within each the newest number first.
fn rank(candidate: &Candidate, current: Option<Generation>) -> (u8, Reverse<Option<Timestamp>>, Reverse<Generation>) {
    let group = match candidate.standing {
        _ if Some(candidate.generation) == current => 0,
        Standing::Proven => 1,
        Standing::Staged => 2,
        Standing::Abandoned => 3,
        Standing::Retired => 4,
        Standing::NotAuthentic => 5,
    };
    let proven = candidate.proven.filter(|_| candidate.standing == Standing::Proven);
    (group, Reverse(proven), Reverse(candidate.generation))
}

fn two_digests(vault: &VaultName, generation: Generation, facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    for pair in facts.manifests.windows(2) {
        if let [(seal, one), (other_seal, other)] = pair
            && seal == other_seal
            && one.custodians != other.custodians
        {
            let path = Name::Manifest { generation, seal: *seal }.path(vault);
            findings.push(finding("two-digests", &path, "two authentic manifests; both are tried".to_owned()));
        }
    }
}

fn bundles(
    vault: &VaultName,
    reading: &Reading,
    generation: Generation,
    facts: &Facts<'_>,
    named: &mut BTreeSet<(Name, String)>,
    findings: &mut Vec<Finding>,
) -> Vec<SealedBundle> {
    let mut bundles = Vec::new();
    for (seal, manifest) in &facts.manifests {
        for entry in &manifest.custodians {
            let Ok(custodian) = CustodianName::new(&entry.name) else { continue };
            let name = Name::Bundle { generation, custodian, seal: *seal };
            if !named.insert((name.clone(), entry.digest.clone())) {
                continue;
            }
            let copy = reading.named(&name, entry);
            if copy.is_none() && reading.whereabouts(manifest, entry) != Whereabouts::Here {
                continue;
            }
            let pruned = facts.retired.is_some() || facts.superseded.contains(seal);
            let expected = reading.whereabouts(manifest, entry) == Whereabouts::Here;
            if let Some(class) = trouble(vault, reading, &name, copy, pruned).filter(|_| expected) {
                findings.push(finding(class, &name.path(vault), detail(reading, &name, entry, copy)));
            }
            bundles.push(SealedBundle {
                path: name.path(vault),
                seal: *seal,
                custodian: entry.name.clone(),
                sealed: copy.map(|copy| Arc::clone(&copy.bytes)),
                digest: entry.digest.clone(),
            });
        }
    }
    bundles
}

/// Who holds more of a generation in stores that were not read: by its newest seal.
fn elsewhere(reading: &Reading, generation: Generation, facts: &Facts<'_>) -> Vec<Elsewhere> {
    let Some((seal, manifest)) = facts.manifests.first() else { return Vec::new() };
    let mut found = Vec::new();
    for entry in &manifest.custodians {
        let Ok(custodian) = CustodianName::new(&entry.name) else { continue };
        if reading.named(&Name::Bundle { generation, custodian, seal: *seal }, entry).is_some() {
            continue;
        }
        let silent = match reading.whereabouts(manifest, entry) {
            Whereabouts::Here => continue,
            Whereabouts::Elsewhere => None,
            Whereabouts::Silent(fault) => Some(fault),
        };
        found.push(Elsewhere { custodian: entry.name.clone(), shares: entry.share_numbers.len(), silent });
    }
    found
}

fn trouble(
    vault: &VaultName,
    reading: &Reading,
    name: &Name,
    copy: Option<&Sealed>,
    pruned: bool,
) -> Option<&'static str> {
    if reading.unread.contains(name) || copy.is_some_and(|copy| copy.in_store) {
        return None;
    }
    if reading.in_store.contains(name) {
        return Some("damaged");
    }
    (!pruned && !reading.may_stand(vault, name)).then_some("missing-bundle")
}

fn detail(reading: &Reading, name: &Name, entry: &ManifestCustodian, copy: Option<&Sealed>) -> String {
    let what = match reading.sealed.get(name).and_then(|copies| copies.iter().find(|copy| copy.in_store)) {
        Some(other) if (other.bytes.len() as u64) < entry.size => {
            format!("truncated: {} of {} bytes", other.bytes.len(), entry.size)
        }
        Some(_) => "its digest is not the one in the authentic manifest".to_owned(),
        None => "the authentic manifest names it and it is not there".to_owned(),
    };
    let served = if copy.is_some() { "served from the cache" } else { "no copy in the cache" };
    format!("{what}; {served}")
}

/// Bundles that no authentic manifest names, newest generation first.
fn not_authentic(
    vault: &VaultName,
    reading: &Reading,
    named: &BTreeSet<(Name, String)>,
    findings: &mut Vec<Finding>,
) -> Vec<Candidate> {
    let mut by_generation: BTreeMap<Reverse<Generation>, Vec<SealedBundle>> = BTreeMap::new();
    for (name, copies) in &reading.sealed {
        let Name::Bundle { generation, custodian, seal } = name else { continue };
        for copy in copies.iter().filter(|copy| !named.contains(&(name.clone(), copy.digest.clone()))) {
            let path = name.path(vault);
            if copy.in_store && !named.iter().any(|(known, _)| known == name) {
                findings.push(finding("not-authentic", &path, "no authentic manifest names it".to_owned()));
            }
            by_generation.entry(Reverse(*generation)).or_default().push(SealedBundle {
                path,
                seal: *seal,
                custodian: custodian.to_string(),
                sealed: Some(Arc::clone(&copy.bytes)),
                digest: copy.digest.clone(),
            });
        }
    }
    by_generation
        .into_iter()
        .take(NOT_AUTHENTIC_LIMIT)
        .map(|(Reverse(generation), mut bundles)| {
            bundles.sort_by(|a, b| (b.seal, &a.custodian, &a.digest).cmp(&(a.seal, &b.custodian, &b.digest)));
            candidate_of_strangers(generation, bundles)
        })
        .collect()
}

fn candidate_of_strangers(generation: Generation, bundles: Vec<SealedBundle>) -> Candidate {
    let facts = Facts::default();
    candidate(generation, &facts, bundles)
}
