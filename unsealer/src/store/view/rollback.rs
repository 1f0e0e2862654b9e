//! Whether the store went back: what this host has seen there and is no longer there.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::generations::Facts;
use super::{Finding, Generation};
use crate::store::names::{CustodianName, MarkKind, Name, VaultName};
use crate::store::reading::{Reading, Stored, Whereabouts, finding};
use crate::store::records::Record;

/// Authentic objects that the cache holds and the store lost, as findings; what `prune` may delete is left out.
pub(super) fn gone(vault: &VaultName, reading: &Reading, facts: &BTreeMap<Generation, Facts<'_>>) -> Vec<Finding> {
    let mut gone: Vec<Finding> = reading
        .records
        .iter()
        .filter(|stored| stored.in_cache && !stored.in_store && !reading.may_stand(vault, &stored.name))
        .filter(|stored| !may_be_pruned(reading, stored))
        .map(|stored| stored.name.path(vault))
        .map(|path| finding("rolled-back", &path, "seen here before, no longer in the store".to_owned()))
        .collect();
    gone.extend(lost_bundles(vault, reading, facts));
    gone
}

fn lost_bundles(vault: &VaultName, reading: &Reading, facts: &BTreeMap<Generation, Facts<'_>>) -> Vec<Finding> {
    let mut lost = Vec::new();
    for (generation, seal, manifest, _) in reading.manifests() {
        let explained =
            facts.get(&generation).is_some_and(|facts| facts.retired.is_some() || facts.superseded.contains(&seal));
        if explained {
            continue;
        }
        for entry in &manifest.custodians {
            let Ok(custodian) = CustodianName::new(&entry.name) else { continue };
            let name = Name::Bundle { generation, custodian, seal };
            let only_cached = reading.named(&name, entry).is_some_and(|copy| !copy.in_store);
            let expected = reading.whereabouts(manifest, entry) == Whereabouts::Here;
            if only_cached && expected && !reading.may_stand(vault, &name) {
                let detail = "this bundle was seen here before and is no longer in the store".to_owned();
                lost.push(finding("rolled-back", &name.path(vault), detail));
            }
        }
    }
    lost
}

/// `prune` keeps manifests and retired, abandoned and superseded marks; it may delete closed rotation records, snapshots
/// past their keep, and all proofs of a generation but the latest.
fn may_be_pruned(reading: &Reading, stored: &Stored) -> bool {
    match &stored.name {
        Name::Mark { generation, kind: MarkKind::Proven, .. } => {
            latest_proof_in_store(reading, *generation).is_some_and(|latest| latest >= stored.payload.time)
        }
        Name::SnapshotRecord { .. } => true,
        Name::Rotation { id } | Name::RotationNonce { id } | Name::RotationClosed { id } => {
            let closed: BTreeSet<_> = reading
                .records
                .iter()
                .filter_map(|stored| match &stored.name {
                    Name::RotationClosed { id } => Some(id),
                    _ => None,
                })
                .collect();
            closed.contains(id)
        }
        _ => false,
    }
}

fn latest_proof_in_store(reading: &Reading, generation: Generation) -> Option<Timestamp> {
    reading
        .records
        .iter()
        .filter(|stored| stored.in_store && stored.name.generation() == Some(generation))
        .filter(|stored| matches!(stored.payload.record, Record::Proven(_)))
        .map(|stored| stored.payload.time)
        .max()
}
