//! The main story, as a person lives it: keys, init with the write key, `run` with a key that only reads and no token,
//! restarts, and `status`. Everything by the real programs, the store on a real S3 server.
#![expect(clippy::expect_used, reason = "a scenario that cannot be set up has failed")]

mod export;
mod import;
mod own_stores;
mod root_token;
mod server_name;
mod split;

use std::time::Duration;

use harness::command::Output;
use harness::server::{Plan, Product, Server, Storage};
use harness::site::Site;
use harness::wait;
use harness::weed::{ADMIN, READ_ONLY, READ_WRITE, Weed};
use serde_json::Value;

/// Longest time for a state to come, on a loaded machine.
const LIMIT: Duration = Duration::from_mins(1);

fn is(state: &'static str) -> impl Fn(&Value) -> bool {
    move |status| status["vaults"][0]["nodes"][0]["state"] == state
}

/// A failed command: its exit status and its class, and both outputs for what the test still wants to read.
async fn refused(site: &Site, arguments: &[&str], status: i32, class: &str) -> String {
    let output = site.command(&[arguments, &["--output", "json"]].concat()).await;
    output.assert_status(status);
    assert_eq!(output.json()["error"]["class"], class, "{}", output.text());
    output.text()
}

/// A server of this kind, and an installation for it as the Vault `main`.
async fn fresh(product: Product, storage: Storage) -> (Server, Site) {
    let server = Plan::new(product, storage).start().await;
    let site = Site::new().await.vault("main", [server.address()]);
    (server, site)
}

/// Restarts the server and waits until something has opened it.
async fn killed_and_open_again(server: &mut Server) {
    server.kill();
    server.start_again().await;
    wait::until(LIMIT, "the server to be open again", async || server.api().open().await).await;
}

/// Files of generations, intents and holds in a directory store: what a refused command must not leave behind.
fn stored(site: &Site) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![site.folder().join("store/vaults")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("an entry of the store").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.display().to_string());
            }
        }
    }
    found.sort_unstable();
    found
}

/// The installation after init with the write key: open, its objects in the bucket, and the daemon's settings from now on.
async fn initialised_on_s3(weed: &Weed, server: &Server, site: &mut Site) -> Vec<String> {
    site.use_s3(&weed.endpoint(), "prod", READ_ONLY);
    let denied = site.init("main").await;
    assert_ne!(denied.status, 0, "init with the key that only reads: {}", denied.text());
    assert_eq!(server.api().health().await, 501, "nothing was sent: {}", denied.text());

    site.use_s3(&weed.endpoint(), "prod", READ_WRITE);
    site.init("main").await.assert_status(0);
    assert!(server.api().open().await, "init leaves the server open");

    site.use_s3(&weed.endpoint(), "prod", READ_ONLY);
    let objects = weed.bucket(ADMIN).list("prod/vaults/").await;
    assert!(objects.iter().any(|key| key.ends_with("generations/1/all.1.age")), "{objects:?}");
    objects
}

async fn says_it_would_open(site: &Site) {
    let output = site.command(&["status", "--output", "json"]).await;
    output.assert_status(0);
    let vault = &output.json()["vaults"][0];
    assert_eq!((&vault["name"], &vault["answer"]), (&Value::from("main"), &Value::from("yes")), "{}", output.text());
    assert_eq!(vault["store"]["current"], 1, "{}", output.text());
    let screen: Output = site.command(&["status"]).await;
    assert!(screen.assert_status(0).stdout.starts_with("main: "), "{}", screen.text());
}

async fn story(product: Product, storage: Storage) {
    let weed = Weed::start().await;
    let (mut server, mut site) = fresh(product, storage).await;
    let objects = initialised_on_s3(&weed, &server, &mut site).await;
    let daemon = site.daemon().await;
    daemon.until(LIMIT, "the open Vault to be seen", is("open-active")).await;
    for _ in 0..2 {
        killed_and_open_again(&mut server).await;
    }
    daemon.until(LIMIT, "the daemon to see it open", is("open-active")).await;
    says_it_would_open(&site).await;
    assert_eq!(weed.bucket(ADMIN).list("prod/vaults/").await, objects, "the daemon writes nothing into the store");
    // It needs no help of a running daemon's memory: a new one opens it as well.
    assert_eq!(daemon.stop().await, Some(0));
    server.kill();
    server.start_again().await;
    let _daemon = site.daemon().await;
    wait::until(LIMIT, "a new daemon to open it", async || server.api().open().await).await;
}

#[tokio::test]
async fn the_main_story_on_openbao_raft() {
    story(Product::OpenBao, Storage::Raft).await;
}

#[tokio::test]
async fn the_main_story_on_vault_raft() {
    story(Product::Vault, Storage::Raft).await;
}

#[tokio::test]
async fn the_main_story_on_vault_files() {
    story(Product::Vault, Storage::File).await;
}

#[tokio::test]
async fn a_server_that_keeps_nothing_is_opened_once_and_its_loss_is_named() {
    let weed = Weed::start().await;
    let (mut server, mut site) = fresh(Product::OpenBao, Storage::Inmem).await;
    initialised_on_s3(&weed, &server, &mut site).await;
    let daemon = site.daemon().await;
    daemon.until(LIMIT, "the open Vault to be seen", is("open-active")).await;
    server.kill();
    server.start_again().await;
    daemon.until(LIMIT, "the loss to be named", is("not-restored")).await;
    assert_eq!(server.api().health().await, 501, "run never initialises");
}

#[tokio::test]
async fn an_emptied_vault_is_begun_anew_only_when_its_name_is_typed() {
    let (mut server, site) = fresh(Product::Vault, Storage::File).await;
    site.init("main").await.assert_status(0);
    server.kill();
    server.empty_storage();
    server.start_again().await;
    let before = stored(&site);
    refused(&site, &["init", "--discard-root-token"], 3, "not-restored").await;
    let mistyped = site.command(&["init", "--discard-root-token", "--begin-anew", "mian"]).await;
    assert_ne!(mistyped.status, 0, "{}", mistyped.text());
    assert_eq!(stored(&site), before, "a refused init writes nothing");
    assert_eq!(server.api().health().await, 501);

    site.command(&["init", "--discard-root-token", "--begin-anew", "main"]).await.assert_status(0);
    let after = stored(&site);
    assert!(before.iter().all(|path| after.contains(path)), "nothing is deleted: {after:?}");
    assert!(after.iter().any(|path| path.contains("generations/1/abandoned.")), "{after:?}");
    assert!(after.iter().any(|path| path.ends_with("generations/2/all.1.age")), "{after:?}");
    let daemon = site.daemon().await;
    killed_and_open_again(&mut server).await;
    let status = daemon.until(LIMIT, "the daemon to have opened it", is("open-active")).await;
    assert_eq!(status["vaults"][0]["nodes"][0]["lastUnseal"]["generation"], 2, "{status}");
}
