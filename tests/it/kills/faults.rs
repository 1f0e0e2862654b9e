//! Every way a store can break, at every store call of init and import.

use std::time::Duration;

use futures::StreamExt as _;
use harness::proxy::{Action, Lasting, Mode, Moment, Trap};
use harness::server::{Product, Storage};
use harness::weed::Weed;

use super::bed::{Bed, Kind, LIMIT, Order, Side};
use super::follow::follow;
use super::series::{PARALLEL, record};
use super::tally::{Tally, long};

/// What one call can suffer.
const MODES: [Mode; 11] = [
    Mode::Latency(Duration::from_millis(200)),
    Mode::Blackhole,
    Mode::Reset,
    Mode::Cut(100),
    Mode::Fin(100),
    Mode::Stall(100),
    Mode::Slow(Duration::from_millis(50)),
    Mode::HangAnswer,
    Mode::DropAnswer,
    Mode::DropFirst,
    Mode::Corrupt,
];
/// How long a store stays away that goes away for good.
const AWAY: Duration = Duration::from_secs(2);
const FILES: Kind = (Product::Vault, Storage::File);

/// Runs `order` with the fault; where it fails it is followed. The classes, first the failed run's own.
async fn trial(weed: &Weed, order: Order, number: usize, lasting: Lasting, mode: Mode) -> Vec<String> {
    let mut bed = Bed::new(weed, FILES).await;
    bed.prepare(order).await;
    let call = bed.store.count() + number;
    bed.store.break_at(call, lasting, mode);
    bed.store.trap(Trap::at(call, Moment::BeforeForwarding, || Action::GoOn));
    let running = bed.launch(order);
    let heal = async {
        if lasting == Lasting::FromThenOn {
            let reached = async || bed.store.sprung();
            harness::wait::until(LIMIT, "the call that breaks", reached).await;
            tokio::time::sleep(AWAY).await;
            bed.store.set(Mode::Pass);
        }
    };
    let (output, ()) = futures::join!(running.output(LIMIT), heal);
    assert!(bed.store.sprung(), "{order:?} never made store call {number}");
    bed.store.set(Mode::Pass);
    let mut followed = Vec::new();
    if output.status != 0 {
        followed.push(format!("exit {}", output.status));
        followed.extend(follow(&mut bed, order).await);
    }
    bed.opens_from_the_store().await;
    followed
}

/// All modes at all calls; in a sample each mode once, at calls spread over the run.
async fn series(order: Order, lasting: Lasting, modes: &[Mode]) {
    let weed = Weed::start().await;
    let calls = record(&weed, order, FILES).await.store.len();
    let all = modes.iter().flat_map(|mode| (0..calls).map(move |number| (number, *mode)));
    let sample = modes.iter().enumerate().map(|(turn, mode)| ((turn * 7 + 3) % calls, *mode));
    let points: Vec<(usize, Mode)> = if long() { all.collect() } else { sample.collect() };
    let mut tally = Tally::default();
    let trials = points.iter().map(|(number, mode)| trial(&weed, order, *number, lasting, *mode));
    let mut trials = futures::stream::iter(trials).buffer_unordered(PARALLEL);
    while let Some(followed) = trials.next().await {
        tally.count(&followed);
    }
    tally.print(&format!("{order:?} with {lasting:?} faults of the store"));
    assert_eq!(tally.total(), points.len());
}

#[tokio::test]
async fn init_with_every_fault_of_one_store_call() {
    series(Order::Init, Lasting::OneCall, &MODES).await;
}

#[tokio::test]
async fn import_with_every_fault_of_one_store_call() {
    series(Order::Import, Lasting::OneCall, &MODES).await;
}

#[tokio::test]
async fn init_with_a_store_that_goes_away_for_a_while() {
    series(Order::Init, Lasting::FromThenOn, &[Mode::Reset, Mode::HangAnswer, Mode::DropAnswer]).await;
}

#[tokio::test]
async fn init_over_a_store_that_resets_every_second_connection() {
    let weed = Weed::start().await;
    let mut bed = Bed::new(&weed, FILES).await;
    bed.proxy(Side::Store).set(Mode::Flaky);
    let followed = follow(&mut bed, Order::Init).await;
    bed.store.set(Mode::Pass);
    println!("init over a flaky store: {followed:?}");
    bed.opens_from_the_store().await;
}
