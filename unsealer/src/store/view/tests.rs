use super::*;
use crate::store::contents::{Body, Contents, Object};
use crate::store::names::MarkKind;
use crate::store::testing::World;

mod attacker;

fn order(view: &StoreView) -> Vec<(u32, Standing)> {
    view.candidates.iter().map(|candidate| (candidate.generation.0, candidate.standing)).collect()
}

fn classes(view: &StoreView) -> Vec<&'static str> {
    let mut classes: Vec<&'static str> = view.findings.iter().map(|finding| finding.class).collect();
    classes.dedup();
    classes
}

#[test]
fn the_order_is_current_other_proven_staged_abandoned_retired() {
    let mut world = World::new();
    for generation in 1..=7 {
        world.generation(generation, 1, i64::from(generation));
    }
    world.mark(1, MarkKind::Proven, 10);
    world.mark(1, MarkKind::Retired, 60);
    world.mark(2, MarkKind::Proven, 20);
    world.mark(3, MarkKind::Proven, 30);
    world.mark(4, MarkKind::Abandoned, 40);
    // A volume from before the rotation came back: the drill proves an older generation.
    world.mark(2, MarkKind::Proven, 50);
    world.mark(7, MarkKind::Abandoned, 50);
    let view = world.view(&Contents::default());
    assert_eq!(
        order(&view),
        [
            (2, Standing::Proven),
            (3, Standing::Proven),
            (6, Standing::Staged),
            (5, Standing::Staged),
            (7, Standing::Abandoned),
            (4, Standing::Abandoned),
            (1, Standing::Retired),
        ]
    );
    assert_eq!(view.current, Some(Generation(2)));
    assert_eq!(view.cluster_id.as_deref(), Some("cluster of 2"));
    assert_eq!(view.undecided, [Generation(5), Generation(6)]);
    assert_eq!((view.highest_generation, view.next_generation), (7, Some(8)));
    assert!(!view.rolled_back);
    assert_eq!(view.findings, []);
}

#[test]
fn the_only_authentic_generation_is_current_without_a_proof() {
    let mut world = World::new();
    world.generation(3, 1, 1);
    assert_eq!(world.view(&Contents::default()).current, Some(Generation(3)));
    world.generation(4, 1, 2);
    let view = world.view(&Contents::default());
    assert_eq!((view.current, view.undecided), (None, vec![Generation(3), Generation(4)]));
}

#[test]
fn an_abandoned_generation_is_never_current() {
    let mut world = World::new();
    world.generation(1, 1, 1);
    world.mark(1, MarkKind::Proven, 2);
    world.mark(1, MarkKind::Abandoned, 3);
    assert_eq!(world.view(&Contents::default()).current, None);
    world.mark(1, MarkKind::Proven, 4);
    assert_eq!(world.view(&Contents::default()).current, Some(Generation(1)));
}

#[test]
fn newer_seals_come_first() {
    let mut world = World::new();
    for seal in [1, 3, 2] {
        world.generation(1, seal, i64::from(seal));
    }
    let view = world.view(&Contents::default());
    let seals: Vec<u32> = view.candidates[0].bundles.iter().map(|bundle| bundle.seal.0).collect();
    assert_eq!(seals, [3, 2, 1]);
}

#[test]
fn a_hold_counts_until_an_authentic_release_names_it() {
    let mut world = World::new();
    let first = world.hold(1);
    let second = world.hold(2);
    assert_eq!(world.view(&Contents::default()).holds.len(), 2);
    world.release(&first, 3);
    let view = world.view(&Contents::default());
    assert_eq!(view.holds.iter().map(|hold| hold.id.as_str()).collect::<Vec<_>>(), [second.as_str()]);
    assert_eq!(view.releases.len(), 1);
}

#[test]
fn an_intent_is_open_until_it_is_closed() {
    let mut world = World::new();
    world.intent(1, 1);
    world.intent(2, 2);
    world.close(1, 3);
    let view = world.view(&Contents::default());
    assert_eq!(
        view.intents.iter().map(|intent| (intent.number, intent.closed)).collect::<Vec<_>>(),
        [(1, true), (2, false)]
    );
    assert_eq!(view.next_intent, Some(3));
}

#[test]
fn generations_outside_the_range_are_alarmed_and_move_nothing() {
    let mut world = World::new();
    world.generation(1, 1, 1);
    let before = world.view(&Contents::default());
    world.put("vaults/vault/generations/9223372036854775808/all.1.age", "x");
    world.put("vaults/vault/generations/1000000/manifest.1.json", "{}");
    world.put("vaults/vault/generations/\u{1b}[2J/all.1.age", "x");
    let view = world.view(&Contents::default());
    assert_eq!(classes(&view), ["foreign-name", "number-out-of-range"]);
    assert!(view.findings.iter().all(|finding| finding.path.is_ascii() && !finding.path.contains('\u{1b}')));
    assert_eq!(StoreView { findings: Vec::new(), foreign: 0, ..view }, before);
}

#[test]
fn a_number_that_a_stranger_occupies_is_skipped() {
    let mut world = World::new();
    world.generation(1, 1, 1);
    world.put("vaults/vault/generations/2/all.1.age", "rubbish");
    world.put("vaults/vault/generations/999999/all.1.age", "rubbish");
    world.put("vaults/vault/intents/1.json", "{}");
    let view = world.view(&Contents::default());
    assert_eq!((view.highest_generation, view.next_generation), (1, Some(3)));
    assert_eq!((view.highest_intent, view.next_intent), (0, Some(2)));
    assert_eq!(order(&view)[1..], [(999_999, Standing::NotAuthentic), (2, Standing::NotAuthentic)]);
    assert_eq!(view.undecided, []);
}

#[test]
fn at_most_eight_generations_of_strangers_are_tried() {
    let mut world = World::new();
    for generation in 1..=20 {
        world.put(&format!("vaults/vault/generations/{generation}/all.1.age"), "rubbish");
    }
    let view = world.view(&Contents::default());
    assert_eq!(view.candidates.len(), 8);
    assert_eq!(view.candidates[0].generation, Generation(20));
    assert!(view.anything_here);
    assert!(!view.anything_authentic);
    assert_eq!(view.current, None);
}

#[test]
fn a_bundle_that_was_overwritten_is_served_from_the_cache() {
    let mut world = World::new();
    world.generation(1, 1, 1);
    let cache = world.contents.clone();
    let before = world.view(&cache);
    world.put("vaults/vault/generations/1/all.1.age", "x");
    let view = world.view(&cache);
    assert_eq!(view.candidates[0], before.candidates[0]);
    assert_eq!(classes(&view), ["damaged", "rolled-back"]);
    let without = world.view(&Contents::default());
    assert_eq!(without.candidates[0].bundles[0].sealed, None);
    assert_eq!(without.candidates[1].standing, Standing::NotAuthentic);
}

#[test]
fn what_is_gone_from_the_store_and_was_seen_before_is_a_rollback() {
    let mut world = World::new();
    world.generation(1, 1, 1);
    world.mark(1, MarkKind::Proven, 2);
    let cache = world.contents.clone();
    let before = world.view(&cache);
    assert!(!before.rolled_back);
    let empty = World::new().view(&cache);
    assert!(empty.rolled_back);
    assert_eq!((empty.candidates, empty.current), (before.candidates, before.current));
    assert!(empty.anything_here, "for init the cache counts as well");
}

#[test]
fn what_an_authentic_mark_explains_is_no_rollback() {
    let mut world = World::new();
    world.generation(1, 1, 1);
    world.generation(1, 2, 2);
    world.generation(2, 1, 3);
    world.mark(1, MarkKind::Proven, 4);
    world.mark(1, MarkKind::Retired, 5);
    world.mark(2, MarkKind::Proven, 6);
    world.mark(2, MarkKind::Proven, 7);
    let cache = world.contents.clone();
    world.remove("vaults/vault/generations/1/all.1.age");
    world.remove("vaults/vault/generations/1/all.2.age");
    let old_proof = world
        .contents
        .objects
        .iter()
        .find(|object| object.path.contains("/2/proven."))
        .map(|object| object.path.clone());
    world.remove(&old_proof.unwrap_or_default());
    let view = world.view(&cache);
    assert!(!view.rolled_back, "{:?}", view.findings);
    let latest = world
        .contents
        .objects
        .iter()
        .find(|object| object.path.contains("/2/proven."))
        .map(|object| object.path.clone());
    world.remove(&latest.unwrap_or_default());
    assert!(world.view(&cache).rolled_back, "the latest proof is never pruned");
}

#[test]
fn an_object_that_could_not_be_read_is_not_gone() {
    let mut world = World::new();
    world.generation(1, 1, 1);
    let cache = world.contents.clone();
    for object in &mut world.contents.objects {
        object.body = Body::Unread("500".to_owned());
    }
    let view = world.view(&cache);
    assert!(!view.rolled_back);
    assert_eq!(classes(&view), ["unreadable"]);
    assert!(view.candidates[0].bundles[0].sealed.is_some(), "served from the cache");
}

#[test]
fn an_older_generation_that_looks_current_for_want_of_a_proof_is_told() {
    let mut world = World::new();
    world.generation(1, 1, 1);
    world.mark(1, MarkKind::Proven, 2);
    world.generation(2, 1, 3);
    world.mark(2, MarkKind::Proven, 4);
    let cache = world.contents.clone();
    assert_eq!(world.view(&Contents::default()).generations_unread(), None);
    for object in world.contents.objects.iter_mut().filter(|object| object.path.contains("generations/2/")) {
        object.body = Body::Unread("500".to_owned());
    }
    let view = world.view(&Contents::default());
    assert_eq!((view.current, &view.undecided[..]), (Some(Generation(1)), &[][..]));
    assert!(view.generations_unread().is_some_and(|path| path.contains("/generations/2/")));
    let known = world.view(&cache);
    assert_eq!((known.current, known.generations_unread()), (Some(Generation(2)), None), "the cache holds them");
}

#[test]
fn two_digests_for_one_number_are_both_kept_and_tried() {
    let mut world = World::new();
    world.generation(1, 1, 1);
    let cache = world.contents.clone();
    let mut other = World::new();
    other.generation(1, 1, 2);
    let view = other.view(&cache);
    let bundles = &view.candidates[0].bundles;
    assert_eq!(bundles.len(), 2);
    assert!(bundles.iter().all(|bundle| bundle.sealed.is_some()));
    assert!(view.findings.iter().any(|finding| finding.class == "two-digests"));
}

#[test]
fn another_vaults_objects_are_not_looked_at() {
    let mut world = World::new();
    world.generation(1, 1, 1);
    let other =
        Contents { objects: vec![Object::whole("vaults/other/generations/5/all.1.age", "x")], ..Contents::default() };
    assert_eq!(world.view(&other), world.view(&Contents::default()));
}
