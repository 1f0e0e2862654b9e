//! Each real server really serves: what the other scenarios stand on.

use harness::cert::Authority;
use harness::server::{Cluster, Plan, Product, Server, Storage};
use std::time::Duration;

/// Initialises, opens, writes and reads a value.
async fn put_to_use(server: &Server) -> harness::api::Keys {
    let api = server.api();
    let keys = api.init(5, 3).await;
    assert_eq!(keys.shares.len(), 5);
    assert!(api.sealed().await, "a fresh server is sealed");
    api.unseal(&keys).await;
    api.active().await;
    api.mount_kv(&keys.root_token).await;
    api.write(&keys.root_token, "greeting", "hello").await;
    assert_eq!(api.read(&keys.root_token, "greeting").await.as_deref(), Some("hello"));
    keys
}

/// Killed and started again it is sealed, opens with the same shares and still has the value.
async fn survives_a_kill(mut server: Server) {
    let keys = put_to_use(&server).await;
    server.kill();
    assert!(server.api().try_seal_status().await.is_err(), "a killed server answers nothing");
    server.start_again().await;
    harness::wait::until(Duration::from_secs(10), "the restarted server to be sealed", async || {
        let status = server.api().try_seal_status().await;
        status.is_ok_and(|status| status["initialized"] == true && status["sealed"] == true)
    })
    .await;
    server.api().unseal(&keys).await;
    server.api().active().await;
    assert_eq!(server.api().read(&keys.root_token, "greeting").await.as_deref(), Some("hello"));
    server.terminate().await;
}

#[tokio::test]
async fn openbao_serves_from_memory_and_forgets() {
    let mut server = Plan::new(Product::OpenBao, Storage::Inmem).start().await;
    put_to_use(&server).await;
    server.kill();
    server.start_again().await;
    assert_eq!(server.api().health().await, 501, "a memory server forgets its initialisation");
}

#[tokio::test]
async fn openbao_serves_from_raft() {
    survives_a_kill(Plan::new(Product::OpenBao, Storage::Raft).start().await).await;
}

#[tokio::test]
async fn vault_serves_from_memory_and_forgets() {
    let mut server = Plan::new(Product::Vault, Storage::Inmem).start().await;
    put_to_use(&server).await;
    server.kill();
    server.start_again().await;
    assert_eq!(server.api().health().await, 501, "a memory server forgets its initialisation");
}

#[tokio::test]
async fn vault_serves_from_raft() {
    survives_a_kill(Plan::new(Product::Vault, Storage::Raft).start().await).await;
}

#[tokio::test]
async fn vault_serves_from_files() {
    survives_a_kill(Plan::new(Product::Vault, Storage::File).start().await).await;
}

#[tokio::test]
async fn both_products_serve_tls_and_are_trusted_by_their_own_authority_alone() {
    let (authority, other) = (Authority::new(), Authority::new());
    for product in Product::BOTH {
        let server = Plan::new(product, Storage::Inmem).tls(&authority).start().await;
        put_to_use(&server).await;
        let stranger = harness::api::Api::new(&server.address(), Some(&other.pem()));
        let complaint = stranger.try_seal_status().await.expect_err("another authority");
        assert!(complaint.contains("InvalidCertificate"), "{complaint}");
    }
}

#[tokio::test]
async fn a_frozen_server_accepts_and_does_not_answer_and_a_thawed_one_does() {
    let mut server = Plan::new(Product::OpenBao, Storage::Inmem).start().await;
    server.process().freeze();
    let complaint = server.api().try_seal_status().await.expect_err("frozen");
    assert!(complaint.contains("TimedOut"), "{complaint}");
    server.process().thaw();
    server.answers().await;
}

#[tokio::test]
async fn three_raft_nodes_of_each_product_find_each_other() {
    for product in Product::BOTH {
        let cluster = Cluster::start(product, 3, None).await;
        let leader = cluster.nodes[0].api();
        let keys = leader.init(5, 3).await;
        leader.unseal(&keys).await;
        leader.active().await;
        for node in &cluster.nodes[1..] {
            harness::wait::until(Duration::from_secs(30), "the joiner to be initialised", async || {
                node.api().try_seal_status().await.is_ok_and(|status| status["initialized"] == true)
            })
            .await;
            node.api().unseal(&keys).await;
            harness::wait::until(Duration::from_secs(30), "the joiner to be standby", async || {
                node.api().health().await == 429
            })
            .await;
        }
    }
}
