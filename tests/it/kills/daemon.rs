//! The daemon killed while it unseals: the next one opens.

use std::time::Duration;

use harness::assassin::Assassin;
use harness::proxy::{Action, Moment, Trap};
use harness::server::{Product, Storage};
use harness::wait;
use harness::weed::Weed;

use super::bed::{Bed, Kind, LIMIT, Order};
use super::series::KILLED;
use super::tally::long;

const FILES: Kind = (Product::Vault, Storage::File);
const THRESHOLD: usize = 3;

/// A stopped daemon's successor opens the sealed server.
async fn next_one_opens(bed: &mut Bed) {
    let daemon = bed.site.daemon().await;
    wait::until(LIMIT, "the next daemon to open it", async || bed.server.api().open().await).await;
    assert_eq!(daemon.stop().await, Some(0));
    bed.restart().await;
}

#[tokio::test]
async fn a_daemon_killed_at_every_share_it_sends_is_followed_by_one_that_opens() {
    let weed = Weed::start().await;
    let mut bed = Bed::new(&weed, FILES).await;
    bed.prepare(Order::Unseal).await;
    let mut kills = 0;
    for number in 0..THRESHOLD {
        for moment in [Moment::BeforeForwarding, Moment::BeforeAnswering, Moment::AfterAnswering] {
            let assassin = Assassin::default();
            let hand = assassin.clone();
            bed.vault.trap(Trap::nth("PUT /v1/sys/unseal", number, moment, move || {
                hand.strike();
                Action::Reset
            }));
            let mut running = bed.site.launch(&["run"]);
            assassin.aim(running.process());
            assert_eq!(running.output(LIMIT).await.status, KILLED, "share {number}, {moment:?}");
            assert!(bed.vault.sprung());
            kills += 1;
            next_one_opens(&mut bed).await;
        }
    }
    println!("run, killed at every share it sends: {kills} kills, the next daemon opened each time");
}

#[tokio::test]
async fn a_daemon_killed_at_random_times_is_followed_by_one_that_opens() {
    let weed = Weed::start().await;
    let mut bed = Bed::new(&weed, (Product::OpenBao, Storage::Raft)).await;
    bed.prepare(Order::Unseal).await;
    bed.direct(&weed);
    let kills = if long() { 30 } else { 4 };
    for number in 0..kills {
        let mut running = bed.site.launch(&["run"]);
        // From before it reads its settings to after the server is open.
        tokio::time::sleep(Duration::from_millis(600) * number / kills).await;
        running.process().kill();
        assert_eq!(running.output(LIMIT).await.status, KILLED);
        next_one_opens(&mut bed).await;
    }
    println!("run, killed at random times: {kills} kills, the next daemon opened each time");
}
