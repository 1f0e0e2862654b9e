//! What `doctor` says about a host, a store and servers that will not be there on the day they are needed.
#![expect(clippy::expect_used, reason = "a scenario that cannot be set up has failed")]

use std::time::Duration;

use harness::command::{Output, run};
use harness::disk::SmallDisk;
use harness::process::Program;
use harness::server::{Plan, Product, Server, Storage};
use harness::site::Site;
use harness::stub::{Stub, sealed_vault};
use harness::weed::{ADMIN, READ_ONLY, Weed};
use reqwest::Method;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_mins(1);
const TRACE: &str = "state/offline-key/main.json";

async fn scene() -> (Server, Site) {
    let server = Plan::new(Product::Vault, Storage::File).start().await;
    let site = Site::new().await.vault("main", [server.address()]);
    site.init("main").await.assert_status(0);
    (server, site)
}

/// The check of this name: how it came out, what was seen and the next step, the same in JSON and text.
async fn check(site: &Site, name: &str, seen_by: impl Fn(Program) -> Program) -> (String, String) {
    let json = run(seen_by(site.program(&["doctor", "--output", "json"])), LIMIT).await;
    let text = run(seen_by(site.program(&["doctor"])), LIMIT).await;
    let checks = json.json()["checks"].as_array().cloned().expect("checks");
    let found = checks.iter().find(|check| check["check"] == name);
    assert!(found.is_some(), "no check {name}: {}", json.text());
    let found = found.expect("just seen");
    let word = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    let (result, seen) = (word("result"), word("seen"));
    assert_eq!(result == "good", found["hint"].is_null(), "a next step where it is not good: {found}");
    said_alike(&text, &result, name, &word("hint"));
    (result, seen)
}

fn said_alike(text: &Output, result: &str, name: &str, hint: &str) {
    let line = |line: &str| line.starts_with(result) && line.contains(&format!("  {name}: "));
    assert!(text.stdout.lines().any(line), "{result} {name}: {}", text.text());
    assert!(hint.is_empty() || text.stdout.contains(&format!("hint: {hint}")), "{hint}: {}", text.text());
}

async fn plain(site: &Site, name: &str) -> (String, String) {
    check(site, name, |program| program).await
}

fn is(found: &(String, String), result: &str, words: &str) {
    assert!(found.0 == result && found.1.contains(words), "{result} {words:?} is not {found:?}");
}

#[tokio::test]
async fn the_state_folder_must_be_writable_and_on_a_disk() {
    let (_server, mut site) = scene().await;
    is(&plain(&site, "state-dir").await, "good", "on a disk");
    site.settings["stateDir"] = site.folder().join("not-there").display().to_string().into();
    is(&plain(&site, "state-dir").await, "weak", "is not there");
    let disk = SmallDisk::new().await;
    site.settings["stateDir"] = disk.path().display().to_string().into();
    is(&check(&site, "state-dir", |program| disk.seen_by(program)).await, "bad", "in memory");
    disk.make_read_only().await;
    is(&check(&site, "state-dir", |program| disk.seen_by(program)).await, "bad", "cannot be written");
    site.settings.as_object_mut().expect("settings").remove("stateDir");
    is(&plain(&site, "state-dir").await, "weak", "not set");
    site.settings.as_object_mut().expect("settings").remove("recipients");
    is(&plain(&site, "state-dir").await, "good", "only opens");
}

#[tokio::test]
async fn a_second_copy_counts_only_on_another_disk() {
    let (_server, mut site) = scene().await;
    is(&plain(&site, "copies").await, "weak", "the cache holds nothing");
    let daemon = site.daemon().await;
    let read = |status: &Value| status["vaults"][0]["store"]["available"] == true;
    daemon.until(LIMIT, "the store to be read", read).await;
    assert_eq!(daemon.stop().await, Some(0));
    is(&plain(&site, "copies").await, "weak", "the store's own file system");
    let disk = SmallDisk::new().await;
    site.settings["cacheDir"] = disk.path().join("cache").display().to_string().into();
    let daemon = site.daemon_with(|program| disk.seen_by(program)).await;
    daemon.until(LIMIT, "the store to be read", read).await;
    assert_eq!(daemon.stop().await, Some(0));
    is(&check(&site, "copies", |program| disk.seen_by(program)).await, "good", "second copy");
    site.settings.as_object_mut().expect("settings").remove("cacheDir");
    is(&plain(&site, "copies").await, "weak", "cacheDir is not set");
}

#[tokio::test]
async fn the_offline_key_counts_as_tried_when_it_has_opened_the_current_generation() {
    let (_server, site) = scene().await;
    is(&plain(&site, "offline-key").await, "weak", "never tried");
    // The daemon's own identity proves nothing about the offline one, and one that opens nothing proves nothing at all.
    let identity = |name: &str| site.folder().join(name).display().to_string();
    let own = identity("keys/unseal/unseal.agekey");
    site.command(&["export", "--check", "--identity", &own]).await.assert_status(0);
    site.command(&["export", "--check", "--identity", &identity("keys/cluster.agekey")]).await.assert_status(6);
    is(&plain(&site, "offline-key").await, "weak", "never tried");
    site.command(&["export", "--check", "--identity", &identity("keys/offline.agekey")]).await.assert_status(0);
    is(&plain(&site, "offline-key").await, "good", "generation 1");
    let text = std::fs::read_to_string(site.folder().join(TRACE)).expect("the trace");
    site.folder().write(TRACE, text.replace("\"generation\":1", "\"generation\":7"));
    is(&plain(&site, "offline-key").await, "weak", "generation 7");
    site.folder().write(TRACE, r#"{"at":"2020-01-01T00:00:00Z","generation":1}"#);
    is(&plain(&site, "offline-key").await, "weak", "2020");
}

#[tokio::test]
async fn a_bucket_without_versions_or_locks_is_named_and_a_key_that_may_not_ask_is_told_apart() {
    let weed = Weed::start().await;
    let mut site = Site::new().await.vault("main", ["http://127.0.0.1:1".to_owned()]);
    site.use_s3(&weed.endpoint(), "prod", ADMIN);
    is(&plain(&site, "store-protection").await, "weak", "versioning and object lock are off");
    let on = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let answer = weed.bucket(ADMIN).request(Method::PUT, "", "versioning=", &[], on).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    is(&plain(&site, "store-protection").await, "weak", "versioning is on and object lock is off");
    is(&plain(&site, "store-clock").await, "good", "agrees");
    site.use_s3(&weed.endpoint(), "prod", READ_ONLY);
    let told = plain(&site, "store-protection").await;
    assert!(told.0 == "weak", "{told:?}");
}

#[tokio::test]
async fn what_protects_a_custodians_store_is_not_told_of_the_common_one() {
    let weed = Weed::start().await;
    let mut site = Site::new().await.vault("main", ["http://127.0.0.1:1".to_owned()]);
    std::fs::create_dir_all(site.folder().join("store")).expect("a common store that can be opened");
    let common = site.settings["store"].clone();
    site.use_s3(&weed.endpoint(), "prod", ADMIN);
    let bucket = std::mem::replace(&mut site.settings["store"], common);
    let recipients = site.settings["recipients"].clone();
    site.settings["custodians"] = json!({
        "a": {"recipients": recipients, "shares": 2},
        "b": {"recipients": recipients, "shares": 1, "store": bucket},
    });
    is(&plain(&site, "store-protection").await, "weak", "main: custodians.b.store: versioning and object lock are off");
    is(&plain(&site, "store-clock").await, "good", "main: custodians.b.store: its clock");
}

#[tokio::test]
async fn clocks_that_differ_are_named_with_their_measure() {
    const OLD: &str = "Date: Wed, 01 Jan 2020 00:00:00 GMT";
    let (_server, site) = scene().await;
    is(&plain(&site, "server-clock").await, "good", "agrees");
    let vault = Stub::start(|call| {
        let (status, _, body) = sealed_vault(call);
        (status, OLD.to_owned(), body)
    });
    let store = Stub::start(|_| {
        let body = "<Error><Code>RequestTimeTooSkewed</Code><Message>clock</Message></Error>".to_owned();
        (403, OLD.to_owned(), body)
    });
    let mut site = Site::new().await.vault("main", [vault.url()]);
    site.use_s3(&store.url(), "prod", READ_ONLY);
    is(&plain(&site, "server-clock").await, "bad", "s behind ours");
    is(&plain(&site, "store-clock").await, "bad", "s behind ours");
}
