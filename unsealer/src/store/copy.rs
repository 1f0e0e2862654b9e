//! `store copy FROM TO`: puts what is authentic in FROM and missing in TO there, create-only.
//!
//! FROM may be a store or a cache. Nothing that is not authentic is carried over, and nothing in TO is overwritten: a name
//! that is taken there by other bytes is a conflict for a person.

use std::sync::Arc;

use restore::objects::{ErrorKind, ObjectError, ObjectPath, WriteObjects};
use sops_tools::custody::StoreKeys;

use super::cache::worth_keeping;
use super::contents::{Body, Contents};
use super::names::{Name, VaultName};
use super::reading::Reading;

/// What a copy would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyPlan {
    /// Objects to write, in order: sealed ones, then manifests, then everything else, so that who sees a manifest sees its
    /// bundles.
    pub steps: Vec<CopyStep>,
    /// How many objects stand in TO already with the same bytes.
    pub present: usize,
    /// Paths in TO that are taken by other bytes, or could not be read.
    pub conflicts: Vec<String>,
    /// Paths in FROM that are not carried over: not authentic, not readable, or raft snapshots.
    pub left_out: Vec<String>,
}

/// One object to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyStep {
    /// Path from `vaults/` on.
    pub path: String,
    bytes: Arc<Vec<u8>>,
}

impl CopyStep {
    /// Length in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// Plans a copy of one Vault's objects. Both contents come from [`load`](super::load::load) or
/// [`Cache::read`](super::cache::Cache::read).
pub fn plan(vault: &VaultName, from: &Contents, to: &Contents, keys: &StoreKeys) -> CopyPlan {
    let reading = Reading::of(vault, from, &Contents::default(), keys);
    let mut plan = CopyPlan::default();
    let mut carried = std::collections::BTreeSet::new();
    for (path, bytes) in worth_keeping(vault, &reading) {
        if !carried.insert(path.clone()) {
            // A second content of one name cannot stand in one store.
            plan.conflicts.push(path);
            continue;
        }
        match to.objects.iter().find(|object| object.path == path) {
            None => plan.steps.push(CopyStep { path, bytes }),
            Some(object) if object.bytes().is_some_and(|there| *there == bytes) => plan.present += 1,
            Some(object) if object.body == Body::Skipped && object.size == bytes.len() as u64 => {
                // Not read there, because TO has no manifest that names it yet: the write itself compares.
                plan.steps.push(CopyStep { path, bytes });
            }
            Some(_) => plan.conflicts.push(path),
        }
    }
    plan.left_out =
        from.objects.iter().map(|object| object.path.clone()).filter(|path| !carried.contains(path)).collect();
    plan.left_out.sort();
    plan.left_out.dedup();
    plan.steps.sort_by_cached_key(|step| (order(&step.path), step.path.clone()));
    plan
}

fn order(path: &str) -> u8 {
    match Name::parse(path) {
        Ok((_, name)) if !name.is_record() => 0,
        Ok((_, Name::Manifest { .. })) => 1,
        _ => 2,
    }
}

/// Carries out a plan. Safe to repeat.
///
/// Gives the paths that turned out to be taken by other bytes.
///
/// # Errors
/// The first write that fails otherwise; what was written before stays.
pub async fn apply(plan: &CopyPlan, to: &dyn WriteObjects) -> Result<Vec<String>, ObjectError> {
    let mut taken = Vec::new();
    for step in &plan.steps {
        let path = ObjectPath::new(step.path.as_str())
            .map_err(|fault| ObjectError::new(ErrorKind::Corrupt, "copy", step.path.clone(), fault.to_string()))?;
        match to.create(&path, &step.bytes).await {
            Ok(_) => {
                let there = to.get(&path, step.bytes.len().max(1) as u64).await?;
                if there != *step.bytes {
                    let detail = "read back, it is not what was written";
                    return Err(ObjectError::new(ErrorKind::Corrupt, "copy", step.path.clone(), detail));
                }
            }
            Err(error) if error.kind == ErrorKind::Conflict => taken.push(step.path.clone()),
            Err(error) => return Err(error),
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use restore::objects::memory::MemoryStore;

    use super::*;
    use crate::store::load::load;
    use crate::store::testing::{World, vault};
    use crate::store::view::derive;

    #[tokio::test]
    async fn a_lost_bucket_is_rebuilt_from_a_cache_and_the_rollback_ends() {
        let mut world = World::proven_and_held();
        let cache = world.contents.clone();
        let before = world.view(&cache);
        world.put("vaults/vault/generations/7/all.1.age", "rubbish");
        let store = MemoryStore::new();
        let lost = derive(&vault(), &Contents::default(), &world.keys, &cache);
        assert!(lost.rolled_back);
        let plan = plan(&vault(), &world.contents, &Contents::default(), &world.keys);
        assert_eq!(plan.left_out, ["vaults/vault/generations/7/all.1.age"]);
        let paths: Vec<u8> = plan.steps.iter().map(|step| order(&step.path)).collect();
        assert_eq!(paths, [0, 1, 2, 2]);
        assert_eq!(apply(&plan, &store).await.map_err(|error| error.kind), Ok(Vec::new()));
        assert_eq!(apply(&plan, &store).await.map_err(|error| error.kind), Ok(Vec::new()), "again");
        let contents = load(&store, &vault(), &world.keys, &cache, None).await.unwrap_or_default();
        assert_eq!(derive(&vault(), &contents, &world.keys, &cache), before);
    }

    #[tokio::test]
    async fn what_stands_in_the_target_is_never_overwritten() {
        let world = World::proven_and_held();
        let store = MemoryStore::new();
        store.put("vaults/vault/generations/1/all.1.age", "something else");
        let contents = load(&store, &vault(), &world.keys, &Contents::default(), None).await.unwrap_or_default();
        let plan = plan(&vault(), &world.contents, &contents, &world.keys);
        assert_eq!(plan.conflicts, ["vaults/vault/generations/1/all.1.age"]);
        assert_eq!(plan.steps.len(), 3);
        assert_eq!(apply(&plan, &store).await.map_err(|error| error.kind), Ok(Vec::new()));
        assert_eq!(store.contents()["vaults/vault/generations/1/all.1.age"], b"something else");
    }

    #[tokio::test]
    async fn a_writer_that_was_faster_is_reported() {
        let world = World::proven_and_held();
        let store = MemoryStore::new();
        let plan = plan(&vault(), &world.contents, &Contents::default(), &world.keys);
        store.put("vaults/vault/generations/1/all.1.age", "something else");
        let taken = apply(&plan, &store).await.map_err(|error| error.kind);
        assert_eq!(taken, Ok(vec!["vaults/vault/generations/1/all.1.age".to_owned()]));
    }
}
