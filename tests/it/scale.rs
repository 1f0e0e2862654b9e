//! Many Vaults in one daemon, some of them hanging: `SCALE_VAULTS` real OpenBao on raft, 20 without it, every tenth hangs.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a scenario that cannot be set up has failed; figures are shown"
)]

use std::time::{Duration, Instant};

use futures::future::join_all;
use harness::daemon::Daemon;
use harness::server::{Plan, Product, Server, Storage};
use harness::site::Site;
use harness::wait;
use serde_json::Value;

use crate::stock::{Stock, shares};

/// Longest time for all of them, on a loaded machine: a hundred that start at once share two cores.
const LIMIT: Duration = Duration::from_mins(4);
/// A call to a server that hangs is given up after this time.
const HANGING_CALL: Duration = Duration::from_secs(5);

/// Waits until the first node of each Vault in `which` is in this state.
async fn all(daemon: &Daemon, which: std::ops::Range<usize>, what: &str, wanted: &str) -> Value {
    wait::for_some(LIMIT, what, async || {
        let status = daemon.status().await;
        let shown =
            which.clone().map(|vault| status["vaults"][vault]["nodes"][0]["state"].as_str().unwrap_or_default());
        let late: Vec<&str> = shown.filter(|state| *state != wanted).collect();
        if late.is_empty() {
            return Ok(status);
        }
        let late = format!("{} are not: {late:?}", late.len());
        // The page of a hundred Vaults is not asked for in a tight loop.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err(late)
    })
    .await
}

/// Kills these servers at once, starts them at once, and waits until the daemon has opened each: the times that the daemon took from
/// each server's first answer, shortest first.
async fn restart(servers: &mut [Server], first: usize, daemon: &Daemon) -> Vec<Duration> {
    let before = daemon.status().await;
    let which = first..first + servers.len();
    let unseals = |status: &Value| -> Vec<u64> {
        which.clone().map(|vault| status["vaults"][vault]["nodes"][0]["unseals"].as_u64().expect("a count")).collect()
    };
    servers.iter_mut().for_each(Server::kill);
    let begun = Instant::now();
    servers.iter_mut().for_each(Server::launch);
    let status = wait::for_some(LIMIT, "each to be opened once more", async || {
        let status = daemon.status().await;
        let late = unseals(&status).iter().zip(unseals(&before)).filter(|(now, before)| *now <= before).count();
        if late == 0 {
            return Ok(status);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err(format!("{late} are still closed"))
    })
    .await;
    println!(
        "{} servers killed and started at once: all opened {:?} after their start",
        servers.len(),
        begun.elapsed()
    );
    for server in servers.iter() {
        assert!(server.api().open().await, "{} is open", server.address());
    }
    let time = |vault: usize| status["vaults"][vault]["nodes"][0]["lastUnseal"]["milliseconds"].as_u64();
    let mut times: Vec<Duration> =
        which.clone().map(|vault| Duration::from_millis(time(vault).expect("a time"))).collect();
    times.sort_unstable();
    println!(
        "  opened after its first answer: {:?} in the median, {:?} at worst",
        times[times.len() / 2],
        times[times.len() - 1]
    );
    times
}

fn count() -> usize {
    let text = std::env::var_os("SCALE_VAULTS").map(|text| text.to_string_lossy().into_owned());
    text.map_or(20, |text| text.parse().expect("SCALE_VAULTS is a number"))
}

#[tokio::test]
async fn many_vaults_are_opened_by_one_daemon_as_fast_beside_some_that_hang() {
    let (many, hanging) = (count(), count().div_ceil(10));
    let mut servers: Vec<Server> = (0..many).map(|_| Plan::new(Product::OpenBao, Storage::Raft).stopped()).collect();
    servers.iter_mut().for_each(Server::launch);
    join_all(servers.iter_mut().map(Server::answers)).await;
    let keys = join_all(servers.iter().map(|server| server.api().init(5, 3))).await;
    let mut site = Site::new().await;
    for (number, server) in servers.iter().enumerate() {
        let vault = format!("v{number}");
        Stock::of(&site, &vault).stage(1, &shares(&keys[number])).await;
        site = site.vault(&vault, [server.address()]);
    }
    let daemon = site.daemon().await;
    all(&daemon, 0..many, "all to be open", "open-active").await;
    let without = restart(&mut servers, 0, &daemon).await;
    all(&daemon, 0..many, "all to be open again", "open-active").await;

    // These are sealed and hang before the daemon sees them again.
    assert_eq!(daemon.stop().await, Some(0));
    let (deaf, others) = servers.split_at_mut(hanging);
    for server in deaf.iter_mut() {
        server.kill();
        server.start_again().await;
        server.process().freeze();
    }
    let daemon = site.daemon().await;
    all(&daemon, hanging..many, "the others to be open", "open-active").await;
    let with = restart(others, hanging, &daemon).await;
    all(&daemon, 0..hanging, "those that hang to be named", "unreachable").await;
    let worst = |times: &[Duration]| times.last().copied().unwrap_or_default();
    assert!(
        worst(&with) < worst(&without) + HANGING_CALL,
        "none waits for one that hangs: {with:?}, without: {without:?}"
    );

    for server in deaf.iter_mut() {
        server.process().thaw();
    }
    all(&daemon, 0..many, "those that hung to be open", "open-active").await;
}
