//! `unsealer run` on real servers: what opens, how fast, and what stays shut.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a scenario that cannot be set up has failed; figures are shown"
)]

use std::time::{Duration, Instant};

use harness::api::Keys;
use harness::daemon::Daemon;
use harness::server::{Cluster, Plan, Product, Server, Storage};
use harness::site::Site;
use harness::wait;
use serde_json::Value;

use crate::stock::{Stock, shares};

/// Longest time for a state to come, on a loaded machine.
const LIMIT: Duration = Duration::from_mins(1);

fn node(status: &Value) -> &Value {
    &status["vaults"][0]["nodes"][0]
}

fn is(state: &'static str) -> impl Fn(&Value) -> bool {
    move |status| node(status)["state"] == state
}

/// A server with its shares stored, and the daemon keeping it open.
async fn kept_open(product: Product, storage: Storage) -> (Server, Keys, Site, Daemon) {
    let server = Plan::new(product, storage).start().await;
    let keys = server.api().init(5, 3).await;
    let site = Site::new().await.vault("main", [server.address()]);
    Stock::of(&site, "main").stage(1, &shares(&keys)).await;
    let daemon = site.daemon().await;
    daemon.until(LIMIT, "the Vault to be open", is("open-active")).await;
    (server, keys, site, daemon)
}

/// From the server's first answer to `sealed:false`, looked at every millisecond or so.
async fn reopen_time(server: &mut Server, down: Duration) -> Duration {
    server.kill();
    tokio::time::sleep(down).await;
    server.start_again().await;
    let answered = Instant::now();
    wait::until(LIMIT, "the server to be open again", async || server.api().open().await).await;
    answered.elapsed()
}

async fn restarts(product: Product, storage: Storage) {
    let (mut server, _, _site, daemon) = kept_open(product, storage).await;
    let mut times = Vec::new();
    for round in 0..6_u64 {
        times.push(reopen_time(&mut server, Duration::from_millis(150 * round)).await);
    }
    times.sort_unstable();
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{product:?} {storage:?}: open again {median:?} after the first answer in the median, {worst:?} at worst");
    assert!(worst < Duration::from_secs(3), "worst of {times:?}");
    let status = daemon.until(LIMIT, "the daemon to have seen it", is("open-active")).await;
    assert_eq!(node(&status)["unseals"], 7, "{status}");
    assert_eq!(node(&status)["lastUnseal"]["generation"], 1, "{status}");
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_restarted_openbao_on_raft_is_open_again() {
    restarts(Product::OpenBao, Storage::Raft).await;
}

#[tokio::test]
async fn a_restarted_vault_on_raft_is_open_again() {
    restarts(Product::Vault, Storage::Raft).await;
}

#[tokio::test]
async fn a_restarted_vault_on_files_is_open_again() {
    restarts(Product::Vault, Storage::File).await;
}

#[tokio::test]
async fn a_boot_without_the_store_opens_from_the_cache() {
    let (mut server, _, site, daemon) = kept_open(Product::Vault, Storage::File).await;
    daemon.kill();
    server.kill();
    std::fs::rename(site.folder().join("store"), site.folder().join("gone")).expect("moving the store away");
    server.start_again().await;
    let daemon = site.daemon().await;
    let open = daemon.until(LIMIT, "the Vault to be open", is("open-active")).await;
    let store = &open["vaults"][0]["store"];
    assert_eq!(store["available"], false, "{open}");
    assert!(store["cachedAt"].is_string() && store["error"].is_string(), "{open}");
    assert_eq!(open["ready"], true, "it could open it again: {open}");
    let metrics = daemon.metrics().await;
    assert!(metrics.contains("unsealer_store_available{vault=\"main\"} 0.0"), "{metrics}");
}

#[tokio::test]
async fn servers_that_hang_delay_no_other() {
    let mut servers = Vec::new();
    let mut site = Site::new().await;
    for number in 0..4 {
        let server = Plan::new(Product::Vault, Storage::Inmem).start().await;
        let keys = server.api().init(5, 3).await;
        let vault = format!("v{number}");
        Stock::of(&site, &vault).stage(1, &shares(&keys)).await;
        site = site.vault(&vault, [server.address()]);
        servers.push(server);
    }
    // They take connections into their backlog and never answer.
    let mut deaf = Vec::new();
    for number in 0..2 {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        site = site.vault(&format!("deaf{number}"), [format!("http://{}", listener.local_addr().expect("an address"))]);
        deaf.push(listener);
    }
    let daemon = site.daemon().await;
    let served = Instant::now();
    let all = |status: &Value| (0..4).all(|vault| status["vaults"][vault]["nodes"][0]["state"] == "open-active");
    let status = daemon.until(LIMIT, "the others to be open", all).await;
    println!("four servers open {:?} after the daemon served, beside two that hang", served.elapsed());
    // A call to one that hangs takes 5 s: the others did not wait for it.
    assert!(served.elapsed() < Duration::from_secs(5), "{status}");
    assert_eq!(status["vaults"][4]["nodes"][0]["state"], "unreachable", "{status}");
}

async fn three_nodes(product: Product) {
    let mut cluster = Cluster::start(product, 3, None).await;
    let keys = cluster.nodes[0].api().init(5, 3).await;
    let site = Site::new().await.vault("main", cluster.nodes.iter().map(Server::address));
    Stock::of(&site, "main").stage(1, &shares(&keys)).await;
    let daemon = site.daemon().await;
    let open = |status: &Value| {
        let nodes = status["vaults"][0]["nodes"].as_array().expect("nodes");
        nodes.iter().all(|node| node["state"].as_str().is_some_and(|state| state.starts_with("open-")))
    };
    daemon.until(LIMIT, "the joiners to be open", open).await;
    for node in &mut cluster.nodes {
        node.kill();
    }
    for node in cluster.nodes.iter_mut().rev() {
        node.start_again().await;
    }
    for node in &cluster.nodes {
        wait::until(LIMIT, "every node to be open again", async || node.api().open().await).await;
    }
    daemon.until(LIMIT, "the daemon to see it", open).await;
}

#[tokio::test]
async fn three_openbao_nodes_killed_at_once_are_all_open_again() {
    three_nodes(Product::OpenBao).await;
}

#[tokio::test]
async fn three_vault_nodes_killed_at_once_are_all_open_again() {
    three_nodes(Product::Vault).await;
}
