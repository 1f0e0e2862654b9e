//! Everything that somebody with the S3 write key, the public recipients and no store key can do, at random.

use proptest::prelude::*;

use super::*;
use crate::store::testing::{fixed_id, keys};

/// One deed. Indexes pick, modulo what there is.
#[derive(Debug, Clone)]
enum Deed {
    /// Garbage under a plausible name.
    Garbage {
        path: usize,
        noise: Vec<u8>,
    },
    /// An authentic object of this store under another name.
    Replay {
        path: usize,
        object: usize,
    },
    /// A whole object signed with a key of his own.
    OwnKey {
        path: usize,
    },
    /// The envelope of one object with one byte changed.
    Tamper {
        object: usize,
        at: usize,
    },
    Delete {
        object: usize,
    },
}

fn deed() -> impl Strategy<Value = Deed> {
    let noise = proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        (any::<usize>(), noise).prop_map(|(path, noise)| Deed::Garbage { path, noise }),
        (any::<usize>(), any::<usize>()).prop_map(|(path, object)| Deed::Replay { path, object }),
        any::<usize>().prop_map(|path| Deed::OwnKey { path }),
        (any::<usize>(), any::<usize>()).prop_map(|(object, at)| Deed::Tamper { object, at }),
        any::<usize>().prop_map(|object| Deed::Delete { object }),
    ]
}

fn history() -> World {
    let mut world = World::new();
    world.intent(1, 1);
    world.generation(1, 1, 2);
    world.mark(1, MarkKind::Proven, 3);
    world.close(1, 4);
    world.generation(1, 2, 5);
    world.generation(2, 1, 6);
    world.mark(2, MarkKind::Proven, 7);
    world.generation(3, 1, 8);
    world.mark(3, MarkKind::Abandoned, 9);
    world.generation(4, 1, 10);
    let hold = world.hold(11);
    world.release(&hold, 12);
    world.hold(13);
    world.intent(2, 14);
    world
}

/// Names that an attacker would try, the taken ones among them.
fn targets(world: &World) -> Vec<String> {
    let mut paths: Vec<String> = world.contents.objects.iter().map(|object| object.path.clone()).collect();
    let id = fixed_id(0xbad);
    for generation in [1, 2, 3, 4, 5, 999_999] {
        for file in ["all.1.age", "all.9.age", "other.1.age", "manifest.1.json", "manifest.9.json"] {
            paths.push(format!("vaults/vault/generations/{generation}/{file}"));
        }
        for mark in ["proven", "abandoned", "retired", "superseded.1", "root-token"] {
            paths.push(format!("vaults/vault/generations/{generation}/{mark}.{id}.json"));
        }
    }
    paths.push(format!("vaults/vault/holds/{id}.json"));
    paths.push(format!("vaults/vault/intents/2.closed.{id}.json"));
    paths.extend(["1.json", "3.json", "999999.json"].map(|file| format!("vaults/vault/intents/{file}")));
    paths.push("vaults/vault/generations/9223372036854775808/all.1.age".to_owned());
    paths
}

fn commit(world: &mut World, deed: &Deed, targets: &[String]) {
    let count = world.contents.objects.len();
    let target = |index: &usize| targets[index % targets.len()].clone();
    match deed {
        Deed::Garbage { path, noise } => world.put(&target(path), noise.clone()),
        Deed::OwnKey { path } => {
            let mut own = World { keys: keys(66), ..World::new() };
            own.generation(5, 1, 99);
            let hold = own.hold(99);
            own.release(&hold, 99);
            own.mark(3, MarkKind::Proven, 99);
            let bytes = own.contents.objects[path % own.contents.objects.len()].bytes().cloned().unwrap_or_default();
            world.put(&target(path), bytes.to_vec());
        }
        _ if count == 0 => {}
        Deed::Replay { path, object } => {
            let bytes = world.contents.objects[object % count].bytes().cloned().unwrap_or_default();
            world.put(&target(path), bytes.to_vec());
        }
        Deed::Tamper { object, at } => {
            let path = world.contents.objects[object % count].path.clone();
            let mut bytes = world.contents.objects[object % count].bytes().cloned().unwrap_or_default().to_vec();
            let length = bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(at % length) {
                *byte ^= 0x15;
            }
            world.put(&path, bytes);
        }
        Deed::Delete { object } => {
            let path = world.contents.objects[object % count].path.clone();
            world.remove(&path);
        }
    }
}

/// What must not move.
fn moved(view: &StoreView) -> StoreView {
    let mut view = view.clone();
    view.candidates.retain(|candidate| candidate.standing != Standing::NotAuthentic);
    StoreView { findings: Vec::new(), next_generation: None, next_intent: None, foreign: 0, rolled_back: false, ..view }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn with_a_cache_nothing_an_attacker_does_moves_anything(deeds in proptest::collection::vec(deed(), 1..30)) {
        let mut world = history();
        let cache = world.contents.clone();
        let before = world.view(&cache);
        let targets = targets(&world);
        for deed in &deeds {
            commit(&mut world, deed, &targets);
        }
        let after = world.view(&cache);
        prop_assert_eq!(moved(&after), moved(&before));
        prop_assert!(after.candidates.iter().filter(|candidate| candidate.standing == Standing::NotAuthentic).count() <= NOT_AUTHENTIC_LIMIT);
        prop_assert!(after.next_generation > Some(before.highest_generation));
    }

    #[test]
    fn without_a_cache_only_deleting_and_overwriting_can_take_away(deeds in proptest::collection::vec(deed(), 1..30)) {
        let mut world = history();
        let before = world.view(&Contents::default());
        let taken: Vec<String> = world.contents.objects.iter().map(|object| object.path.clone()).collect();
        let free: Vec<String> = targets(&world).into_iter().filter(|path| !taken.contains(path)).collect();
        for deed in deeds.iter().filter(|deed| !matches!(deed, Deed::Delete { .. } | Deed::Tamper { .. })) {
            commit(&mut world, deed, &free);
        }
        prop_assert_eq!(moved(&world.view(&Contents::default())), moved(&before));
    }

    #[test]
    fn every_foreign_object_is_alarmed(path in any::<usize>(), noise in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut world = history();
        let cache = world.contents.clone();
        let targets = targets(&world);
        let target = targets[path % targets.len()].clone();
        world.put(&target, noise);
        let view = world.view(&cache);
        prop_assert!(view.findings.iter().any(|finding| finding.path == target), "{target}: {:?}", view.findings);
    }
}
