//! Break glass: the offline identity and the store are enough, without the store key and without our programs.

use harness::leak::Secrets;
use harness::server::{Product, Storage};

use super::fresh;

#[tokio::test]
async fn the_offline_identity_opens_the_shares_without_a_store_key_and_they_open_the_server_by_hand() {
    let (mut server, mut site) = fresh(Product::Vault, Storage::File).await;
    site.init("main").await.assert_status(0);
    site.settings["storeKeyFile"] = site.folder().join("lost/store.key").display().to_string().into();
    site.settings["identities"] = serde_json::json!([site.folder().join("lost")]);
    let identity = site.folder().join("keys/offline.agekey").display().to_string();

    let exported = site.command(&["export", "--identity", &identity]).await;
    exported.assert_status(0);
    let shares: Vec<&str> = exported.stdout.lines().collect();
    assert_eq!(shares.len(), 5, "one share a line");

    let check = site.command(&["export", "--check", "--identity", &identity]).await;
    check.assert_status(0);
    assert!(check.stdout.contains("5 of 5 shares") && check.stdout.contains("no store key"), "{}", check.text());
    let mut secrets = Secrets::default();
    for share in &shares {
        secrets.add("a share", share);
    }
    secrets.assert_absent("what --check prints", &check.text());
    secrets.assert_absent("what export logs", &exported.stderr);

    server.kill();
    server.start_again().await;
    for share in &shares[1..4] {
        server.api().send_share(share).await.good();
    }
    harness::wait::until(super::LIMIT, "the server to be open", async || server.api().open().await).await;
}

#[tokio::test]
async fn an_identity_that_is_no_recipient_opens_nothing() {
    let (_server, site) = fresh(Product::Vault, Storage::Inmem).await;
    site.init("main").await.assert_status(0);
    let identity = site.folder().join("keys/cluster.agekey").display().to_string();
    super::refused(&site, &["export", "--check", "--identity", &identity], 6, "bundle-closed").await;
}
