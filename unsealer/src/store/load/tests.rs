use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use restore::objects::memory::{Fault, MemoryStore, Operation};
use restore::objects::{Bounds, Survey, Wanted};

use super::*;
use crate::store::listing::ENTRY_LIMIT;
use crate::store::names::MarkKind;
use crate::store::testing::{World, fixed_id, vault};
use crate::store::view::{Standing, derive};

fn stored(world: &World) -> MemoryStore {
    let store = MemoryStore::new();
    for object in &world.contents.objects {
        store.put(object.path.clone(), object.bytes().cloned().unwrap_or_default().to_vec());
    }
    store
}

async fn loaded(store: &dyn ReadObjects, world: &World, previous: Option<&Contents>) -> Contents {
    load(store, &vault(), &world.keys, &Contents::default(), previous)
        .await
        .unwrap_or_else(|fault| unreachable!("{fault}"))
}

#[tokio::test]
async fn what_was_loaded_gives_the_view_of_what_stands_there() {
    let world = World::proven_and_held();
    let contents = loaded(&stored(&world), &world, None).await;
    let view = derive(&vault(), &contents, &world.keys, &Contents::default());
    assert_eq!(view, world.view(&Contents::default()));
}

#[tokio::test]
async fn a_store_that_cannot_be_listed_is_an_error_and_never_empty() {
    let world = World::proven_and_held();
    let store = stored(&world);
    store.inject(Operation::List, [Fault::Denied]);
    let error = load(&store, &vault(), &world.keys, &Contents::default(), None).await;
    assert_eq!(error.map_err(|error| error.kind), Err(ErrorKind::Denied));
}

#[tokio::test]
async fn one_object_that_cannot_be_read_does_not_spoil_the_rest() {
    let world = World::proven_and_held();
    let store = stored(&world);
    store.inject(Operation::Get, [Fault::Denied]);
    let contents = loaded(&store, &world, None).await;
    let unread = contents.objects.iter().filter(|object| matches!(object.body, Body::Unread(_))).count();
    assert_eq!((unread, contents.objects.len()), (1, 4));
}

#[tokio::test]
async fn rubbish_is_not_kept_in_memory_and_large_objects_are_not_read() {
    let world = World::proven_and_held();
    let store = stored(&world);
    store.put("vaults/vault/holds/0123456789abcdef0123456789abcdef.json", vec![b'{'; 1000]);
    store.put("vaults/vault/generations/2/manifest.1.json", vec![b' '; JSON_LIMIT + 1]);
    for generation in 100..150 {
        store.put(format!("vaults/vault/generations/{generation}/all.1.age"), vec![0; 1000]);
    }
    let contents = loaded(&store, &world, None).await;
    let count = |wanted: fn(&Body) -> bool| contents.objects.iter().filter(|object| wanted(&object.body)).count();
    assert_eq!(count(|body| matches!(body, Body::NotAuthentic(_))), 1);
    assert_eq!(count(|body| matches!(body, Body::TooLarge)), 1);
    assert_eq!(count(|body| matches!(body, Body::Skipped)), 50 - NOT_AUTHENTIC_LIMIT);
    let view = derive(&vault(), &contents, &world.keys, &Contents::default());
    assert_eq!(view.candidates[0], world.view(&Contents::default()).candidates[0]);
    assert_eq!(view.candidates.len(), 1 + NOT_AUTHENTIC_LIMIT);
    assert!(view.candidates[1..].iter().all(|candidate| candidate.standing == Standing::NotAuthentic));
    assert_eq!(view.findings.len(), 52, "each is alarmed");
}

#[tokio::test]
async fn strangers_names_are_counted_and_hide_nothing() {
    let world = World::proven_and_held();
    let store = stored(&world);
    for number in 0..6000 {
        store.put(format!("vaults/vault/x/{number}"), "x");
    }
    let contents = loaded(&store, &world, None).await;
    assert_eq!((contents.foreign, contents.unread().count()), (6000, 0));
    assert_eq!(contents.objects.len(), world.contents.objects.len() + Survey::EXAMPLES, "the rest is not kept");
    let view = derive(&vault(), &contents, &world.keys, &Contents::default());
    assert_eq!((view.foreign, &view.unread), (6000, &Vec::new()));
    assert_eq!(view.candidates, world.view(&Contents::default()).candidates);
    assert_eq!(view.findings.len(), Survey::EXAMPLES, "the first few are alarmed by name");
}

#[tokio::test]
async fn a_section_above_the_limit_is_unread_and_the_others_count() {
    let mut world = World::new();
    world.generation(1, 1, 1);
    world.mark(1, MarkKind::Proven, 2);
    // The honest hold stands behind all others.
    world.counter = 1_000_000_000;
    world.hold(3);
    let store = stored(&world);
    for number in 0..=ENTRY_LIMIT as u64 {
        store.put(Name::Hold { id: fixed_id(1_000_000 + number) }.path(&vault()), "x");
    }
    let contents = loaded(&store, &world, None).await;
    let view = derive(&vault(), &contents, &world.keys, &Contents::default());
    assert_eq!(view.unread, ["vaults/vault/holds/"]);
    assert_eq!(view.candidates, world.view(&Contents::default()).candidates);
    // What the cache has seen and the cut listing does not show may stand there all the same.
    let view = derive(&vault(), &contents, &world.keys, &world.contents);
    assert_eq!((view.rolled_back, view.holds.len()), (false, 1));
    let holds = load_holds(&store, &vault(), &world.keys, Some(&contents)).await.unwrap_or_default();
    let mut again = contents.clone();
    again.replace_holds(&vault(), holds);
    assert_eq!(again.cut, contents.cut);
}

#[tokio::test]
async fn a_flood_that_cannot_be_read_in_time_is_unread_after_what_opens() {
    let world = World::proven_and_held();
    let store = Slow(stored(&world));
    for number in 0..1000 {
        store.0.put(Name::Hold { id: fixed_id(1_000_000 + number) }.path(&vault()), "x");
    }
    tokio::time::pause();
    let contents = loaded(&store, &world, None).await;
    let view = derive(&vault(), &contents, &world.keys, &Contents::default());
    assert!(view.unread.len() > 100 && view.unread.len() < 1000, "{}", view.unread.len());
    assert!(view.unread.iter().all(|path| path.contains("/holds/")), "{:?}", view.unread.first());
    assert_eq!(view.candidates, world.view(&Contents::default()).candidates);
}

#[tokio::test]
async fn what_was_read_before_is_not_forgotten_where_nothing_was_seen() {
    let mut world = World::new();
    world.generation(1, 1, 1);
    world.mark(1, MarkKind::Proven, 2);
    world.counter = 1_000_000_000;
    world.hold(3);
    let store = stored(&world);
    let before = loaded(&store, &world, None).await;
    for number in 0..=ENTRY_LIMIT as u64 {
        store.put(Name::Hold { id: fixed_id(1_000_000 + number) }.path(&vault()), "x");
    }
    let holds = |contents: &Contents| derive(&vault(), contents, &world.keys, &Contents::default()).holds.len();
    assert_eq!(holds(&loaded(&store, &world, None).await), 0, "the honest one is behind the flood");
    assert_eq!(holds(&loaded(&store, &world, Some(&before)).await), 1);

    let silent = Silent(stored(&world));
    let bundles = |contents: &Contents| contents.objects.iter().filter(|one| is_bundle(&one.path)).count();
    assert_eq!(bundles(&loaded(&silent, &world, None).await), 0);
    let again = loaded(&silent, &world, Some(&before)).await;
    assert_eq!(bundles(&again), 1);
    assert_eq!(bundles(&loaded(&silent, &world, Some(&again)).await), 1, "for as long as it is silent");
    // A store that answers and has it no more is believed.
    let emptied = stored(&world);
    let path = again.objects.iter().map(|one| &one.path).find(|path| is_bundle(path));
    assert!(path.is_some_and(|path| emptied.remove(path).is_some()));
    assert_eq!(bundles(&loaded(&emptied, &world, Some(&again)).await), 0);
}

fn is_bundle(path: &str) -> bool {
    matches!(Name::parse(path), Ok((_, Name::Bundle { .. })))
}

/// The bundles lie in a part that does not answer.
struct Silent(MemoryStore);

#[async_trait]
impl ReadObjects for Silent {
    async fn get(&self, path: &ObjectPath, limit_bytes: u64) -> Result<Vec<u8>, ObjectError> {
        self.0.get(path, limit_bytes).await
    }

    async fn survey(&self, prefix: &str, wanted: Wanted, bounds: Bounds) -> Result<Survey, ObjectError> {
        let mut survey = self.0.survey(prefix, wanted, bounds).await?;
        survey.entries.retain(|entry| !is_bundle(&entry.path));
        survey.parts.push(restore::objects::Part { name: "b".to_owned(), fault: Some("away".to_owned()) });
        Ok(survey)
    }

    fn describe(&self) -> String {
        self.0.describe()
    }
}

/// Every read takes a second.
struct Slow(MemoryStore);

#[async_trait]
impl ReadObjects for Slow {
    async fn get(&self, path: &ObjectPath, limit_bytes: u64) -> Result<Vec<u8>, ObjectError> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.0.get(path, limit_bytes).await
    }

    async fn survey(&self, prefix: &str, wanted: Wanted, bounds: Bounds) -> Result<Survey, ObjectError> {
        self.0.survey(prefix, wanted, bounds).await
    }

    fn describe(&self) -> String {
        self.0.describe()
    }
}

#[tokio::test]
async fn the_holds_alone_take_the_place_of_the_holds_loaded_before() {
    let mut world = World::proven_and_held();
    let mut contents = loaded(&stored(&world), &world, None).await;
    let hold = world.hold(4);
    world.release(&hold, 5);
    let holds = load_holds(&stored(&world), &vault(), &world.keys, None).await;
    contents.replace_holds(&vault(), holds.unwrap_or_default());
    let view = derive(&vault(), &contents, &world.keys, &Contents::default());
    assert_eq!(view, world.view(&Contents::default()));
    assert_eq!((view.holds.len(), view.releases.len()), (1, 1));
}

/// A store with tags, as S3 has them, that counts reads.
struct Tagged {
    store: MemoryStore,
    reads: AtomicUsize,
}

#[async_trait]
impl ReadObjects for Tagged {
    async fn get(&self, path: &ObjectPath, limit_bytes: u64) -> Result<Vec<u8>, ObjectError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.store.get(path, limit_bytes).await
    }

    async fn survey(&self, prefix: &str, wanted: Wanted, bounds: Bounds) -> Result<Survey, ObjectError> {
        let mut survey = self.store.survey(prefix, wanted, bounds).await?;
        let contents = self.store.contents();
        for entry in &mut survey.entries {
            entry.tag = contents.get(&entry.path).map(|bytes| crate::store::bundle::digest(bytes));
        }
        Ok(survey)
    }

    fn describe(&self) -> String {
        "tagged memory".to_owned()
    }
}

#[tokio::test]
async fn what_did_not_change_is_not_read_again() {
    let mut world = World::proven_and_held();
    let store = Tagged { store: stored(&world), reads: AtomicUsize::new(0) };
    store.store.put("vaults/vault/intents/1.json", "{}");
    let first = loaded(&store, &world, None).await;
    assert_eq!(store.reads.swap(0, Ordering::Relaxed), 5);
    let second = loaded(&store, &world, Some(&first)).await;
    assert_eq!(store.reads.swap(0, Ordering::Relaxed), 0);
    let view = |contents: &Contents| derive(&vault(), contents, &world.keys, &Contents::default());
    assert_eq!(view(&second), view(&first));
    let bundle = "vaults/vault/generations/1/all.1.age";
    store.store.put(bundle, "other");
    world.put(bundle, "other");
    world.put("vaults/vault/intents/1.json", "{}");
    let third = loaded(&store, &world, Some(&second)).await;
    assert_eq!(store.reads.swap(0, Ordering::Relaxed), 1);
    assert_eq!(derive(&vault(), &third, &world.keys, &Contents::default()), world.view(&Contents::default()));
}

#[tokio::test]
async fn what_the_store_would_not_give_is_told_and_never_taken_for_absent() {
    let world = World::proven_and_held();
    let count = world.contents.objects.len();
    for failing in 0..count {
        let store = stored(&world);
        // All reads before it go through.
        store.inject(Operation::Get, std::iter::repeat_n(Fault::None, failing).chain([Fault::Denied]));
        let contents = loaded(&store, &world, None).await;
        let view = derive(&vault(), &contents, &world.keys, &Contents::default());
        assert_eq!(view.unread.len(), 1, "read {failing}");
        let cached = derive(&vault(), &contents, &world.keys, &world.contents);
        assert!(cached.unread.is_empty(), "the cache holds it");
    }
}
