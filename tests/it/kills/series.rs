//! One kill at every call.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use harness::assassin::Assassin;
use harness::proxy::{Action, Moment, Trap};
use harness::server::{Product, Storage};
use harness::weed::Weed;

use super::bed::{Bed, Kind, LIMIT, Order, Side};
use super::follow::follow;
use super::tally::{Tally, long};

/// Exit status of a program that SIGKILL ended.
pub(super) const KILLED: i32 = 128 + 9;
/// Trials under way at once.
pub(super) const PARALLEL: usize = 3;
/// A command may end by itself in the instant of the kill; then the trial is made again.
const TRIES: usize = 5;
const MOMENTS: [Moment; 3] = [Moment::BeforeForwarding, Moment::BeforeAnswering, Moment::AfterAnswering];

/// The calls of one undisturbed run, in order.
pub(super) struct Record {
    pub(super) vault: Vec<String>,
    pub(super) store: Vec<String>,
    pub(super) took: Duration,
}

/// Runs `order` undisturbed and prints its calls.
pub(super) async fn record(weed: &Weed, order: Order, kind: Kind) -> Record {
    let mut bed = Bed::new(weed, kind).await;
    bed.prepare(order).await;
    let before = (bed.vault.count(), bed.store.count());
    let begun = Instant::now();
    bed.run(order, &[]).await.assert_status(0);
    let took = begun.elapsed();
    let names = |side: Side, from: usize| -> Vec<String> {
        bed.proxy(side).calls()[from..].iter().map(|call| call.name.clone()).collect()
    };
    let record = Record { vault: names(Side::Vault, before.0), store: names(Side::Store, before.1), took };
    bed.opens_from_the_store().await;
    println!("{order:?} on {kind:?}: {} Vault calls, {} store calls", record.vault.len(), record.store.len());
    for (side, calls) in [("vault", &record.vault), ("store", &record.store)] {
        for (number, call) in calls.iter().enumerate() {
            println!("  {side} {number}: {call}");
        }
    }
    record
}

/// One call of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
enum At {
    /// The call to Vault of this name, and which of them.
    Vault(String, usize),
    /// The store call with this number.
    Store(usize),
}

/// Where one trial is killed.
#[derive(Debug, Clone)]
struct Point {
    at: At,
    moment: Moment,
}

/// Vault's calls by name and turn. A question asked again until its answer changes counts once: how often is chance.
fn vault_calls(calls: &[String]) -> Vec<At> {
    let mut distinct = calls.to_vec();
    distinct.dedup_by(|later, earlier| later == earlier && later.starts_with("GET "));
    let turn = |at: usize| distinct[..at].iter().filter(|call| **call == distinct[at]).count();
    (0..distinct.len()).map(|at| At::Vault(distinct[at].clone(), turn(at))).collect()
}

/// Every call × every moment; in a sample each call once, the moments in turn.
fn points(record: &Record, sides: &[Side]) -> Vec<Point> {
    let mut points = Vec::new();
    for side in sides {
        let calls = match side {
            Side::Vault => vault_calls(&record.vault),
            Side::Store => (0..record.store.len()).map(At::Store).collect(),
        };
        for (number, at) in calls.into_iter().enumerate() {
            let moments = if long() { &MOMENTS[..] } else { &MOMENTS[number % 3..=number % 3] };
            points.extend(moments.iter().map(|moment| Point { at: at.clone(), moment: *moment }));
        }
    }
    points
}

/// Which call of this name a trial waits for. How often a question is asked until its answer changes is chance, also with others
/// in between: where the last one of the record does not come twice, the one before it is taken.
fn turn_of(name: &str, recorded: usize, attempt: usize) -> usize {
    if name.starts_with("GET ") { recorded.saturating_sub(attempt / 2) } else { recorded }
}

async fn trial(weed: &Weed, order: Order, kind: Kind, point: &Point) -> Vec<String> {
    for attempt in 0..TRIES {
        let mut bed = Bed::new(weed, kind).await;
        bed.prepare(order).await;
        let assassin = Assassin::default();
        let hand = assassin.clone();
        let deed = move || {
            hand.strike();
            Action::Reset
        };
        let side = match &point.at {
            At::Vault(name, turn) => {
                bed.vault.trap(Trap::nth(name, turn_of(name, *turn, attempt), point.moment, deed));
                Side::Vault
            }
            At::Store(number) => {
                bed.store.trap(Trap::at(bed.store.count() + number, point.moment, deed));
                Side::Store
            }
        };
        let mut running = bed.launch(order);
        assassin.aim(running.process());
        let status = running.output(LIMIT).await.status;
        if status == KILLED && bed.proxy(side).sprung() {
            let followed = follow(&mut bed, order).await;
            bed.opens_from_the_store().await;
            return followed;
        }
    }
    panic!("{order:?} on {kind:?}: {point:?} was recorded, and no trial was killed there");
}

/// One trial for each point; each must have been killed where it was to be.
async fn series(order: Order, kind: Kind, sides: &[Side]) {
    let weed = Weed::start().await;
    let record = record(&weed, order, kind).await;
    let points = points(&record, sides);
    let mut tally = Tally::default();
    let trials = points.iter().map(|point| trial(&weed, order, kind, point));
    let mut trials = futures::stream::iter(trials).buffer_unordered(PARALLEL);
    while let Some(followed) = trials.next().await {
        tally.count(&followed);
    }
    assert_eq!(tally.total(), points.len(), "a kill for every point");
    tally.print(&format!("{order:?} on {kind:?}, killed at {sides:?} calls"));
}

/// Kills at times spread over the length of a run, with no proxy between: server and store see the client vanish.
async fn at_random_times(order: Order, kind: Kind, count: u32) {
    let weed = Weed::start().await;
    let took = record(&weed, order, kind).await.took;
    let mut tally = Tally::default();
    let trials = (0..count).map(|number| {
        let weed = &weed;
        async move {
            let mut bed = Bed::new(weed, kind).await;
            bed.prepare(order).await;
            bed.direct(weed);
            let mut running = bed.launch(order);
            tokio::time::sleep(took * number / count).await;
            running.process().kill();
            let status = running.output(LIMIT).await.status;
            let followed = follow(&mut bed, order).await;
            bed.opens_from_the_store().await;
            (status, followed)
        }
    });
    let mut trials = futures::stream::iter(trials).buffer_unordered(PARALLEL);
    let mut early = 0;
    while let Some((status, followed)) = trials.next().await {
        if status == KILLED {
            tally.count(&followed);
        } else {
            early += 1;
        }
    }
    tally.print(&format!("{order:?} on {kind:?}, killed at random times ({early} more were done before)"));
    assert!(tally.total() > 0, "at least one was killed");
}

const FILES: Kind = (Product::Vault, Storage::File);
const VAULT_RAFT: Kind = (Product::Vault, Storage::Raft);
const OPENBAO_RAFT: Kind = (Product::OpenBao, Storage::Raft);

#[tokio::test]
async fn init_killed_at_every_vault_call() {
    series(Order::Init, FILES, &[Side::Vault]).await;
}

#[tokio::test]
async fn init_killed_at_every_store_call() {
    series(Order::Init, FILES, &[Side::Store]).await;
}

#[tokio::test]
async fn init_killed_at_every_vault_call_on_openbao_raft() {
    series(Order::Init, OPENBAO_RAFT, &[Side::Vault]).await;
}

#[tokio::test]
async fn import_killed_at_every_call() {
    series(Order::Import, FILES, &[Side::Vault, Side::Store]).await;
}

#[tokio::test]
async fn unseal_killed_at_every_call() {
    series(Order::Unseal, FILES, &[Side::Vault, Side::Store]).await;
}

#[tokio::test]
async fn init_killed_at_random_times() {
    let count = if long() { 24 } else { 4 };
    at_random_times(Order::Init, VAULT_RAFT, count).await;
}

#[tokio::test]
async fn openbao_init_killed_at_random_times() {
    let count = if long() { 24 } else { 4 };
    at_random_times(Order::Init, OPENBAO_RAFT, count).await;
}

#[tokio::test]
async fn import_and_unseal_killed_at_random_times() {
    let count = if long() { 12 } else { 3 };
    at_random_times(Order::Import, OPENBAO_RAFT, count).await;
    at_random_times(Order::Unseal, OPENBAO_RAFT, count).await;
}

#[test]
fn a_question_asked_again_is_one_call_and_shares_are_each_their_own() {
    let calls = ["GET status", "PUT init", "GET status", "GET status", "PUT share", "PUT share", "GET status"];
    let named = |name: &str, turn| At::Vault(name.to_owned(), turn);
    let wanted = [
        named("GET status", 0),
        named("PUT init", 0),
        named("GET status", 1),
        named("PUT share", 0),
        named("PUT share", 1),
        named("GET status", 2),
    ];
    assert_eq!(vault_calls(&calls.map(str::to_owned)), wanted);
}
