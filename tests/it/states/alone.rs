//! States of a server that stands alone.

use harness::proxy::{Action, Moment, Proxy, Trap};
use harness::server::{Plan, Product, Server, Storage};
use harness::site::Site;
use harness::wait;
use reqwest::Method;
use serde_json::{Value, json};
use unsealer::store::names::MarkKind;

use super::{LIMIT, next_step, node, restart, shows, site_of};
use crate::stock::{Stock, shares, wrong_shares};

#[tokio::test]
async fn from_down_over_empty_and_an_open_intent_to_open() {
    let mut server = Plan::new(Product::Vault, Storage::File).stopped();
    let site = site_of(&[&server]).await;
    let stock = Stock::of(&site, "main");
    let daemon = site.daemon().await;
    shows(&daemon, 0, "unreachable").await;
    server.start_again().await;
    assert!(next_step(&shows(&daemon, 0, "uninitialised").await).contains("unsealer init"));
    stock.intent().await;
    assert!(next_step(&shows(&daemon, 0, "intent-open").await).contains("--continue 1"));
    let keys = server.api().init(5, 3).await;
    daemon
        .until(LIMIT, "the way out of an initialised server", |status| next_step(status).contains("publishes the copy"))
        .await;
    assert!(server.api().sealed().await);
    stock.stage(1, &shares(&keys)).await;
    let open = shows(&daemon, 0, "open-active").await;
    assert!(node(&open, 0)["message"].as_str().is_some_and(|message| message.contains("intent 1")), "{open}");
}

#[tokio::test]
async fn shares_that_are_under_way_are_named() {
    let server = Plan::new(Product::Vault, Storage::File).start().await;
    let keys = server.api().init(5, 3).await;
    let proxy = Proxy::to(server.port()).await;
    let site = Site::new().await.vault("main", [proxy.address()]);
    Stock::of(&site, "main").stage(1, &shares(&keys)).await;
    // The third share is not passed on, and its call is given up after 15 s.
    proxy.trap(Trap::nth("PUT /v1/sys/unseal", 2, Moment::BeforeForwarding, || Action::Hang));
    let daemon = site.daemon().await;
    shows(&daemon, 0, "unsealing").await;
    wait::until(LIMIT, "the third share to be under way", async || proxy.sprung()).await;
    assert!(server.api().sealed().await);
    shows(&daemon, 0, "open-active").await;
}

#[tokio::test]
async fn shares_that_are_missing_or_of_another_split_are_named() {
    let server = Plan::new(Product::OpenBao, Storage::Raft).start().await;
    let keys = server.api().init(5, 3).await;
    let site = site_of(&[&server]).await;
    let stock = Stock::of(&site, "main");
    let daemon = site.daemon().await;
    assert!(next_step(&shows(&daemon, 0, "shares-missing").await).contains("unsealer import"));
    stock.stage(1, &wrong_shares()).await;
    assert!(next_step(&shows(&daemon, 0, "shares-rejected").await).contains("unsealer import"));
    // Something new in the store ends the back-off.
    stock.stage(2, &shares(&keys)).await;
    shows(&daemon, 0, "open-active").await;
}

#[tokio::test]
async fn an_empty_server_with_stored_shares_is_a_volume_that_was_not_restored() {
    let mut server = Plan::new(Product::Vault, Storage::File).start().await;
    let keys = server.api().init(5, 3).await;
    let site = site_of(&[&server]).await;
    Stock::of(&site, "main").stage(1, &shares(&keys)).await;
    server.kill();
    server.empty_storage();
    server.start_again().await;
    let daemon = site.daemon().await;
    assert!(next_step(&shows(&daemon, 0, "not-restored").await).contains("restore the volume"));
    assert_eq!(server.api().seal_status().await["initialized"], false, "nothing was done to it");
}

#[tokio::test]
async fn an_init_that_died_half_way_is_named() {
    let mut server = Plan::new(Product::Vault, Storage::File).start().await;
    server.api().init(5, 3).await;
    server.kill();
    // An init that is killed between two of its writes leaves a barrier without a seal configuration.
    let config = server.folder().join("data/core/_seal-config");
    std::fs::remove_file(&config).expect("the seal configuration, a file");
    server.launch();
    let site = site_of(&[&server]).await;
    let daemon = site.daemon().await;
    shows(&daemon, 0, "broken-init").await;
    let seal = server.api().call(Method::GET, "sys/seal-status", None, None).await;
    assert_eq!(seal.status, 500, "{}", seal.body);
}

/// Stops a raft node, and starts it with one more stanza in its settings.
async fn with_static_seal(server: &mut Server) {
    let key = server.folder().write("static.key", [7_u8; 32]);
    let settings = server.folder().join("server.hcl");
    let text = std::fs::read_to_string(&settings).expect("settings of the server");
    let stanza =
        format!("seal \"static\" {{\n  current_key_id = \"k1\"\n  current_key = \"file://{}\"\n}}\n", key.display());
    server.kill();
    server.folder().write("server.hcl", text + &stanza);
    server.start_again().await;
}

#[tokio::test]
async fn a_pending_seal_migration_and_another_kind_of_seal_are_left_alone() {
    let mut server = Plan::new(Product::OpenBao, Storage::Raft).start().await;
    let keys = server.api().init(5, 3).await;
    server.api().unseal(&keys).await;
    server.api().active().await;
    let proxy = Proxy::to(server.port()).await;
    let site = Site::new().await.vault("main", [proxy.address()]);
    Stock::of(&site, "main").stage(1, &shares(&keys)).await;
    with_static_seal(&mut server).await;
    let daemon = site.daemon().await;
    shows(&daemon, 0, "migrating").await;
    let seal = server.api().seal_status().await;
    assert_eq!((&seal["migration"], &seal["sealed"]), (&true.into(), &true.into()), "{seal}");
    for share in keys.enough() {
        let body = json!({"key": share, "migrate": true});
        server.api().call(Method::PUT, "sys/unseal", None, Some(&body)).await.good();
    }
    shows(&daemon, 0, "not-shamir").await;
    restart(&mut server).await;
    wait::until(LIMIT, "the server to open by itself", async || server.api().open().await).await;
    let sent = proxy.calls().iter().filter(|call| call.name == "PUT /v1/sys/unseal").count();
    assert_eq!(sent, 0, "{:?}", proxy.calls());
}

#[tokio::test]
async fn a_store_that_is_away_or_went_back_is_named_beside_the_state() {
    let server = Plan::new(Product::Vault, Storage::File).start().await;
    let keys = server.api().init(5, 3).await;
    let site = site_of(&[&server]).await;
    let stock = Stock::of(&site, "main");
    stock.stage(1, &shares(&keys)).await;
    stock.mark(1, MarkKind::Proven).await;
    let daemon = site.daemon().await;
    shows(&daemon, 0, "open-active").await;
    daemon.kill();
    let folder = site.folder().join("store/vaults/main/generations/1");
    std::fs::remove_file(folder.join("manifest.1.json")).expect("a manifest");
    let daemon = site.daemon().await;
    let back = daemon.until(LIMIT, "a rollback", |status| status["vaults"][0]["store"]["rolledBack"] == true).await;
    assert!(daemon.metrics().await.contains("unsealer_store_rolled_back{vault=\"main\"} 1.0"), "{back}");
    assert!(daemon.log().contains("store-rolled-back"));
    std::fs::rename(site.folder().join("store"), site.folder().join("away")).expect("moving the store away");
    let away = |status: &Value| status["vaults"][0]["store"]["available"] == false;
    daemon.until(LIMIT, "the store to be away", away).await;
    assert!(daemon.metrics().await.contains("unsealer_store_available{vault=\"main\"} 0.0"));
    assert!(daemon.log().contains("store-unavailable"));
}

#[tokio::test]
async fn a_store_inside_the_cluster_is_warned_of() {
    let server = Plan::new(Product::Vault, Storage::File).stopped();
    let mut site = site_of(&[&server]).await;
    site.use_s3("http://minio.storage.svc:9000", "prod", harness::weed::READ_ONLY);
    let daemon = site.daemon().await;
    let warned = |line: &str| line.contains("WARN") && line.contains("store-inside-cluster");
    wait::until(LIMIT, "the warning", async || daemon.log().lines().any(warned)).await;
}
