//! Secret files that change under a running daemon.

use std::time::Duration;

use harness::server::{Plan, Product, Storage};
use harness::site::Site;
use serde_json::{Value, json};
use sops_tools::files;

use crate::stock::{Stock, shares};

/// Longest time for a state to come, on a loaded machine.
const LIMIT: Duration = Duration::from_mins(1);

fn node(status: &Value) -> &Value {
    &status["vaults"][0]["nodes"][0]
}

/// The daemon reads an identity anew for each opening: an unusable file closes it, is named, and a mended one opens again.
#[tokio::test]
async fn an_identity_file_that_breaks_is_named_and_opens_again_once_mended() {
    let mut server = Plan::new(Product::OpenBao, Storage::Raft).start().await;
    let keys = server.api().init(5, 3).await;
    let site = Site::new().await.vault("main", [server.address()]);
    Stock::of(&site, "main").stage(1, &shares(&keys)).await;
    let daemon = site.daemon().await;
    daemon.until(LIMIT, "the Vault to be open", |status| node(status)["state"] == "open-active").await;

    let file = site.folder().join("keys/unseal/unseal.agekey");
    let good = std::fs::read(&file).expect("the identity");
    files::replace(&file, b"rubbish", 0o600).expect("a broken identity");
    let broken = daemon.until(LIMIT, "the fault to be named", |status| status["secretFiles"] != json!([])).await;
    let fault = &broken["secretFiles"][0];
    assert!(fault["path"].as_str().is_some_and(|path| path.ends_with("unseal.agekey")), "{broken}");
    assert_eq!(broken["ready"], false, "{broken}");
    assert!(!broken.to_string().contains("rubbish"), "{broken}");

    server.kill();
    server.start_again().await;
    let closed =
        daemon.until(LIMIT, "the Vault to stay closed", |status| node(status)["state"] == "shares-missing").await;
    assert!(node(&closed)["message"].as_str().is_some_and(|why| why.contains("no age identity")), "{closed}");
    files::replace(&file, &good, 0o600).expect("the mended identity");
    daemon.until(LIMIT, "the Vault to be open again", |status| node(status)["state"] == "open-active").await;
}

#[tokio::test]
async fn one_broken_identity_of_several_stands_in_nobodys_way() {
    let mut server = Plan::new(Product::Vault, Storage::File).start().await;
    let keys = server.api().init(5, 3).await;
    let site = Site::new().await.vault("main", [server.address()]);
    Stock::of(&site, "main").stage(1, &shares(&keys)).await;
    let daemon = site.daemon().await;
    daemon.until(LIMIT, "the Vault to be open", |status| node(status)["state"] == "open-active").await;

    files::create_new(&site.folder().join("keys/unseal/other.agekey"), b"rubbish", 0o600)
        .expect("a broken identity beside");
    let broken = daemon.until(LIMIT, "the fault to be named", |status| status["secretFiles"] != json!([])).await;
    assert_eq!(broken["ready"], true, "{broken}");
    server.kill();
    server.start_again().await;
    daemon.until(LIMIT, "the Vault to be open again", |status| node(status)["state"] == "open-active").await;
}
