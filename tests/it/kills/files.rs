//! A directory as the store: killed at the instant a file appears.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use harness::assassin::Assassin;
use harness::server::{Product, Storage};
use harness::weed::Weed;
use serde_json::json;

use super::bed::{Bed, Kind, LIMIT, Order, VAULT};
use super::follow::follow;
use super::series::KILLED;
use super::tally::Tally;

const FILES: Kind = (Product::Vault, Storage::File);
/// Time between two looks at the folder.
const LOOK: Duration = Duration::from_micros(200);
/// A command may end by itself before the eye sees its last file; then the trial is made again.
const TRIES: usize = 10;

/// What is waited for.
#[derive(Debug, Clone)]
enum Appears {
    /// So many objects in the store.
    Objects(usize),
    /// This file of stateDir.
    State(&'static str),
}

async fn bed(weed: &Weed) -> Bed {
    let mut bed = Bed::new(weed, FILES).await;
    bed.site.settings["store"] = json!({"url": format!("file://{}", bed.site.folder().join("store").display())});
    bed
}

/// Objects below a folder; what is still being written has a name that begins with a dot.
fn objects(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let counts = entries.map(|entry| match entry.path() {
        path if path.is_dir() => objects(&path),
        _ => usize::from(!entry.file_name().to_string_lossy().starts_with('.')),
    });
    counts.sum()
}

/// Strikes when it appears, on a thread of its own, until told to stop.
fn watch(store: PathBuf, state: PathBuf, awaited: Appears, hand: Assassin, stop: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            let there = match &awaited {
                Appears::Objects(count) => objects(&store) >= *count,
                Appears::State(name) => state.join(VAULT).join(name).exists(),
            };
            if there {
                return hand.strike();
            }
            std::thread::sleep(LOOK);
        }
    });
}

async fn trial(weed: &Weed, awaited: &Appears) -> Vec<String> {
    for _ in 0..TRIES {
        let mut bed = bed(weed).await;
        let (assassin, stop) = (Assassin::default(), Arc::new(AtomicBool::new(false)));
        let mut running = bed.launch(Order::Init);
        assassin.aim(running.process());
        watch(bed.site.folder().join("store"), bed.state(), awaited.clone(), assassin, Arc::clone(&stop));
        let status = running.output(LIMIT).await.status;
        stop.store(true, Ordering::Relaxed);
        if status == KILLED {
            let followed = follow(&mut bed, Order::Init).await;
            bed.opens_from_the_store().await;
            return followed;
        }
    }
    panic!("init was never killed when {awaited:?} appeared");
}

#[tokio::test]
async fn init_into_a_folder_killed_when_each_file_appears() {
    let weed = Weed::start().await;
    let mut undisturbed = bed(&weed).await;
    undisturbed.run(Order::Init, &[]).await.assert_status(0);
    let count = objects(&undisturbed.site.folder().join("store"));
    undisturbed.opens_from_the_store().await;
    println!("init leaves {count} objects in a folder");
    let states = ["init-1.begun.json", "init-1.sent", "init-1.sealed.json"];
    let all: Vec<Appears> = (1..=count).map(Appears::Objects).chain(states.map(Appears::State)).collect();
    let mut tally = Tally::default();
    for awaited in &all {
        tally.count(&trial(&weed, awaited).await);
    }
    assert_eq!(tally.total(), all.len());
    tally.print("Init into a folder, killed when a file appears");
}
