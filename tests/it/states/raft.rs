//! States of raft nodes beside others: joining, waiting, wedged, without a leader.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::api::Keys;
use harness::proxy::{Action, Moment, Proxy, Trap};
use harness::server::{Cluster, Plan, Product, Server, Storage};
use harness::site::Site;
use harness::wait;
use reqwest::Method;
use serde_json::json;
use unsealer::store::names::MarkKind;

use super::{LIMIT, every_member_votes, look_now, next_step, node, restart, shows, site_of};
use crate::stock::{Stock, shares, wrong_shares};

/// Nodes of which the first is open and active.
async fn led(product: Product, nodes: usize) -> (Cluster, Keys) {
    let cluster = Cluster::start(product, nodes, None).await;
    let keys = cluster.nodes[0].api().init(5, 3).await;
    cluster.nodes[0].api().unseal(&keys).await;
    cluster.nodes[0].api().active().await;
    (cluster, keys)
}

/// The right shares as generation 1, proven.
async fn proven(site: &Site, keys: &Keys) -> Stock {
    let stock = Stock::of(site, "main");
    stock.stage(1, &shares(keys)).await;
    stock.mark(1, MarkKind::Proven).await;
    stock
}

async fn met_its_leader(joiner: &Server) {
    wait::until(LIMIT, "the joiner to meet its leader", async || {
        joiner.api().try_seal_status().await.is_ok_and(|status| status["t"] == 3)
    })
    .await;
}

async fn waits_for_its_leader(product: Product) {
    let first = Plan::new(product, Storage::Raft).start().await;
    let keys = first.api().init(5, 3).await;
    // It joins nobody by itself.
    let second = Plan::new(product, Storage::Raft).start().await;
    let site = site_of(&[&first, &second]).await;
    proven(&site, &keys).await;
    let daemon = site.daemon().await;
    shows(&daemon, 0, "open-active").await;
    shows(&daemon, 1, "joining").await;
    let leader = json!({"leader_api_addr": first.address()});
    second.api().call(Method::PUT, "sys/storage/raft/join", None, Some(&leader)).await.good();
    shows(&daemon, 1, "open-standby").await;
}

#[tokio::test]
async fn a_node_of_openbao_that_has_not_met_its_leader_is_joining() {
    waits_for_its_leader(Product::OpenBao).await;
}

#[tokio::test]
async fn a_node_of_vault_that_has_not_met_its_leader_is_joining() {
    waits_for_its_leader(Product::Vault).await;
}

/// The joiner stands behind a proxy that lists what it is sent. The daemon has seen neither node before, and its first look at the
/// leader takes 5 s: until then only the question for its health tells the joiner's task that there is one.
async fn undecided(product: Product) {
    let (cluster, keys) = led(product, 2).await;
    met_its_leader(&cluster.nodes[1]).await;
    let (leader, proxy) = (Proxy::to(cluster.nodes[0].port()).await, Proxy::to(cluster.nodes[1].port()).await);
    leader.trap(Trap::on("GET /v1/sys/seal-status", Moment::BeforeAnswering, || Action::Hang));
    let site = Site::new().await.vault("main", [leader.address(), proxy.address()]);
    let stock = proven(&site, &keys).await;
    stock.stage(2, &wrong_shares()).await;
    let daemon = site.daemon().await;
    let waiting = shows(&daemon, 1, "joining-undecided").await;
    let next = node(&waiting, 1)["nextStep"].as_str().unwrap_or_default();
    assert!(next.contains("`unsealer import`"), "{waiting}");
    let sent = || proxy.calls().iter().filter(|call| call.name == "PUT /v1/sys/unseal").count();
    let looks = proxy.count();
    wait::until(LIMIT, "three more looks", async || proxy.count() > looks + 2).await;
    assert_eq!(sent(), 0, "{:?}", proxy.calls());
    shows(&daemon, 0, "open-active").await;
    stock.mark(2, MarkKind::Abandoned).await;
    shows(&daemon, 1, "open-standby").await;
    assert_eq!(sent(), 3, "the shares of generation 1 and no other: {:?}", proxy.calls());
}

#[tokio::test]
async fn a_joiner_of_openbao_gets_nothing_while_a_newer_generation_is_undecided() {
    undecided(Product::OpenBao).await;
}

#[tokio::test]
async fn a_joiner_of_vault_gets_nothing_while_a_newer_generation_is_undecided() {
    undecided(Product::Vault).await;
}

async fn without_a_leader(product: Product) {
    let (mut cluster, keys) = led(product, 2).await;
    let site = site_of(&cluster.nodes.iter().collect::<Vec<_>>()).await;
    proven(&site, &keys).await;
    let daemon = site.daemon().await;
    shows(&daemon, 0, "open-active").await;
    shows(&daemon, 1, "open-standby").await;
    every_member_votes(&cluster, &keys).await;
    // A survivor of a dead leader goes on naming it; a leader without its quorum steps down and names nobody.
    cluster.nodes[1].kill();
    let survivor = cluster.nodes[0].api();
    wait::for_some(LIMIT, "the leader to step down", async || {
        let answer = survivor.try_call(Method::GET, "sys/leader", None, None, Duration::from_secs(5)).await?;
        // OpenBao leaves the field out, Vault leaves it empty.
        let named = answer.body["leader_address"].as_str().unwrap_or_default();
        if named.is_empty() && answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await;
    look_now(&site);
    shows(&daemon, 0, "no-leader").await;
    cluster.nodes[1].start_again().await;
    let whole = |status: &serde_json::Value| {
        let states = [0, 1].map(|index| node(status, index)["state"].clone());
        states.contains(&"open-active".into()) && states.contains(&"open-standby".into())
    };
    daemon.until(LIMIT, "a leader again", whole).await;
}

#[tokio::test]
async fn an_openbao_node_that_lost_its_quorum_has_no_leader() {
    without_a_leader(Product::OpenBao).await;
}

#[tokio::test]
async fn a_vault_node_that_lost_its_quorum_has_no_leader() {
    without_a_leader(Product::Vault).await;
}

async fn wedged(product: Product) {
    let (mut cluster, keys) = led(product, 2).await;
    let mut site = site_of(&[&cluster.nodes[1]]).await;
    site.settings["vaults"][0]["peers"] = vec![cluster.nodes[0].address()].into();
    proven(&site, &keys).await;
    met_its_leader(&cluster.nodes[1]).await;
    for share in wrong_shares().iter().take(3) {
        let body = json!({"key": STANDARD.encode(share.expose())});
        // The last of them is never answered.
        let call =
            cluster.nodes[1].api().try_call(Method::PUT, "sys/unseal", None, Some(&body), Duration::from_secs(3));
        drop(call.await);
    }
    let daemon = site.daemon().await;
    assert!(next_step(&shows(&daemon, 0, "wedged").await).contains("restart this server's process"));
    restart(&mut cluster.nodes[1]).await;
    shows(&daemon, 0, "open-standby").await;
}

#[tokio::test]
async fn an_openbao_joiner_that_was_sent_wrong_shares_by_hand_is_wedged_until_its_restart() {
    wedged(Product::OpenBao).await;
}

#[tokio::test]
async fn a_vault_joiner_that_was_sent_wrong_shares_by_hand_is_wedged_until_its_restart() {
    wedged(Product::Vault).await;
}
