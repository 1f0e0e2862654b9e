//! Everything was down, and the store holds a newer generation that nobody has decided about: a rotation died near its commit.

use harness::api::Keys;
use harness::proxy::Proxy;
use harness::server::{Cluster, Plan, Product, Server, Storage};
use harness::site::Site;
use harness::wait;
use serde_json::Value;
use unsealer::store::names::MarkKind;

use super::{LIMIT, every_member_votes, node, shows, site_of};
use crate::stock::{Stock, shares, wrong_shares};

/// Generation 1 is proven and the server refuses it; generation 2 is undecided and the right one. The full order finds it; a joiner
/// would be wedged by its first try.
async fn rotated_and_undecided(site: &Site, keys: &Keys) -> Stock {
    let stock = Stock::of(site, "main");
    stock.stage(1, &wrong_shares()).await;
    stock.mark(1, MarkKind::Proven).await;
    stock.stage(2, &shares(keys)).await;
    stock
}

fn opened_with(status: &Value, index: usize) -> &Value {
    &node(status, index)["lastUnseal"]["generation"]
}

async fn one_node(product: Product) {
    let mut server = Plan::new(product, Storage::Raft).start().await;
    let keys = server.api().init(5, 3).await;
    server.kill();
    let site = site_of(&[&server]).await;
    rotated_and_undecided(&site, &keys).await;
    let daemon = site.daemon().await;
    shows(&daemon, 0, "unreachable").await;
    server.start_again().await;
    let open = shows(&daemon, 0, "open-active").await;
    assert_eq!(opened_with(&open, 0), 2, "{open}");
}

#[tokio::test]
async fn one_openbao_node_opens_with_the_full_order() {
    one_node(Product::OpenBao).await;
}

#[tokio::test]
async fn one_vault_node_opens_with_the_full_order() {
    one_node(Product::Vault).await;
}

/// Three members, all open, then all dead.
async fn dead_cluster(product: Product) -> (Cluster, Keys) {
    let mut cluster = Cluster::start(product, 3, None).await;
    let keys = cluster.nodes[0].api().init(5, 3).await;
    cluster.nodes[0].api().unseal(&keys).await;
    cluster.nodes[0].api().active().await;
    for member in &cluster.nodes[1..] {
        let api = member.api();
        wait::until(LIMIT, "the joiner to meet its leader", async || {
            api.try_seal_status().await.is_ok_and(|status| status["t"] == 3)
        })
        .await;
        api.unseal(&keys).await;
        wait::until(LIMIT, "the joiner to be standby", async || api.health().await == 429).await;
    }
    every_member_votes(&cluster, &keys).await;
    cluster.nodes.iter_mut().for_each(Server::kill);
    (cluster, keys)
}

async fn three_nodes(product: Product) {
    let (mut cluster, keys) = dead_cluster(product).await;
    let late = Proxy::to(cluster.nodes[2].port()).await;
    let addresses = [cluster.nodes[0].address(), cluster.nodes[1].address(), late.address()];
    let site = Site::new().await.vault("main", addresses);
    let stock = rotated_and_undecided(&site, &keys).await;
    let daemon = site.daemon().await;
    for member in &mut cluster.nodes[..2] {
        member.launch();
    }
    let quorum = |status: &Value| {
        let states = [0, 1].map(|index| node(status, index)["state"].clone());
        states.contains(&"open-active".into()) && states.contains(&"open-standby".into())
    };
    daemon.until(LIMIT, "a quorum to be open", quorum).await;
    // It is a member, which cannot be seen from outside: with an active peer it is taken for a joiner.
    cluster.nodes[2].launch();
    shows(&daemon, 2, "joining-undecided").await;
    let sent = || late.calls().iter().filter(|call| call.name == "PUT /v1/sys/unseal").count();
    let looks = late.count();
    wait::until(LIMIT, "three more looks", async || late.count() > looks + 2).await;
    assert_eq!(sent(), 0, "{:?}", late.calls());
    stock.mark(2, MarkKind::Proven).await;
    let open = shows(&daemon, 2, "open-standby").await;
    assert_eq!(sent(), 3, "the shares of generation 2 and no other: {:?}", late.calls());
    assert_eq!(opened_with(&open, 2), 2, "{open}");
    assert!(!daemon.log().contains("state=\"wedged\""), "{}", daemon.log());
}

#[tokio::test]
async fn three_openbao_nodes_open_by_quorum_and_the_last_after_the_decision() {
    three_nodes(Product::OpenBao).await;
}

#[tokio::test]
async fn three_vault_nodes_open_by_quorum_and_the_last_after_the_decision() {
    three_nodes(Product::Vault).await;
}
