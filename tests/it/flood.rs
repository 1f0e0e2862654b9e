//! Whoever may write fills a Vault's prefix with more objects than an honest history ever has.
#![expect(clippy::expect_used, reason = "a scenario that cannot be set up has failed")]

use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use harness::s3::Bucket;
use harness::server::{Plan, Product, Server, Storage};
use harness::site::Site;
use harness::wait;
use harness::weed::{ADMIN, READ_ONLY, READ_WRITE, Weed};
use serde_json::Value;

const LIMIT: Duration = Duration::from_mins(2);
/// Above the 4096 names of the layout that a listing keeps.
const FLOOD: usize = 5000;

/// Where the flood goes.
enum Ground {
    Directory,
    S3(Box<Weed>),
}

impl Ground {
    async fn put_all(&self, site: &Site, names: impl Iterator<Item = String>) {
        match self {
            Self::Directory => names.for_each(|name| {
                site.folder().write(&format!("store/vaults/main/{name}"), "x");
            }),
            Self::S3(weed) => {
                let bucket = weed.bucket(READ_WRITE);
                let put = |name: String| put_object(bucket.clone(), format!("prod/vaults/main/{name}"));
                stream::iter(names.map(put)).buffer_unordered(16).collect::<Vec<()>>().await;
            }
        }
    }
}

async fn put_object(bucket: Bucket, key: String) {
    bucket.put(&key, b"x").await;
}

fn foreign() -> impl Iterator<Item = String> {
    (0..FLOOD).map(|number| format!("generations/1/stranger-{number}"))
}

fn false_holds() -> impl Iterator<Item = String> {
    (0..FLOOD).map(|number| format!("holds/{number:032x}.json"))
}

/// A sealed Vault, its shares in the store, and a host without a cache.
async fn scene(ground: &Ground) -> (Server, Site) {
    let mut server = Plan::new(Product::Vault, Storage::File).start().await;
    let mut site = Site::new().await.vault("main", [server.address()]);
    if let Ground::S3(weed) = ground {
        site.use_s3(&weed.endpoint(), "prod", READ_WRITE);
    }
    site.init("main").await.assert_status(0);
    site.settings.as_object_mut().expect("settings").remove("cacheDir");
    server.kill();
    server.start_again().await;
    (server, site)
}

/// The daemon opens, and says what it could not look at.
async fn opens(server: &Server, site: &Site, told: impl Fn(&Value) -> bool) {
    let daemon = site.daemon().await;
    wait::until(LIMIT, "the Vault to be open in spite of the flood", async || server.api().open().await).await;
    daemon.until(LIMIT, "the flood in the status", |status| told(&status["vaults"][0]["store"])).await;
    assert_eq!(daemon.stop().await, Some(0));
}

async fn foreign_objects_hide_nothing(ground: Ground) {
    let (server, mut site) = scene(&ground).await;
    ground.put_all(&site, foreign()).await;
    if let Ground::S3(weed) = &ground {
        site.use_s3(&weed.endpoint(), "prod", READ_ONLY);
    }
    opens(&server, &site, |store| store["foreign"] == FLOOD && store["unread"].as_array().is_some_and(Vec::is_empty))
        .await;
    let status = site.command(&["status"]).await;
    status.assert_status(6);
    assert!(status.stdout.contains("5000 foreign objects"), "{}", status.text());
    let offline = site.folder().join("keys/offline.agekey").display().to_string();
    let check = site.command(&["export", "--check", "--identity", &offline]).await;
    check.assert_status(0);
    assert!(check.stdout.contains("5 of 5 shares") && check.stdout.contains("authentic"), "{}", check.text());
}

async fn names_of_the_layout_cut_their_own_section_alone(ground: Ground) {
    let (server, site) = scene(&ground).await;
    ground.put_all(&site, false_holds()).await;
    opens(&server, &site, |store| store["unread"][0] == "vaults/main/holds/").await;
    // Whether one of them is an honest hold could not be asked: what writes decides nothing.
    let commands = [&["init", "--discard-root-token"][..], &["release", "--all"], &["store", "re-sign"]];
    // Every one reads for half a minute where reads are slow: over the network one stands for all.
    let enough = if matches!(ground, Ground::S3(_)) { 1 } else { commands.len() };
    for command in &commands[..enough] {
        let refused = site.command(command).await;
        refused.assert_status(5);
        assert!(refused.stderr.contains("vaults/main/holds/"), "{}", refused.text());
    }
    if matches!(ground, Ground::S3(_)) {
        return;
    }
    let status = site.command(&["status"]).await;
    status.assert_status(6);
    assert!(status.stdout.contains("part of the store could not be read"), "{}", status.text());
    let offline = site.folder().join("keys/offline.agekey").display().to_string();
    site.command(&["export", "--check", "--identity", &offline]).await.assert_status(0);
}

/// A hold that no listing of a daemon reaches must not be taken for one. Buckets list by name: its random id comes after the strangers'. A
/// directory lists in an order of its own.
async fn hold_says_that_no_daemon_would_list_it(ground: Ground) {
    let (_server, site) = scene(&ground).await;
    ground.put_all(&site, false_holds()).await;
    let unseen = site.command(&["hold", "--reason", "incident 7"]).await;
    unseen.assert_status(5);
    for told in ["is written", "daemons may not see it", "vaults/main/holds/", "unsealer hold --local"] {
        assert!(unseen.stderr.contains(told), "{}", unseen.text());
    }
    assert!(!unseen.stdout.contains("seal after"), "{}", unseen.text());
}

/// An empty Vault over a prefix that holds only strangers' objects.
async fn init_refuses_where_only_strangers_stand(ground: Ground) {
    let server = Plan::new(Product::Vault, Storage::File).start().await;
    let mut site = Site::new().await.vault("main", [server.address()]);
    if let Ground::S3(weed) = &ground {
        site.use_s3(&weed.endpoint(), "prod", READ_WRITE);
    }
    site.settings.as_object_mut().expect("settings").remove("cacheDir");
    ground.put_all(&site, foreign()).await;
    let refused = site.init("main").await;
    refused.assert_status(3);
    assert!(refused.stderr.contains("hint:"), "{}", refused.text());
    assert_eq!(server.api().seal_status().await["initialized"], false);
}

async fn weed() -> Ground {
    let weed = Weed::start().await;
    assert!(weed.bucket(ADMIN).list("prod/").await.is_empty());
    Ground::S3(Box::new(weed))
}

#[tokio::test]
async fn in_a_directory_foreign_objects_hide_nothing() {
    foreign_objects_hide_nothing(Ground::Directory).await;
}

#[tokio::test]
async fn in_a_bucket_foreign_objects_hide_nothing() {
    foreign_objects_hide_nothing(weed().await).await;
}

#[tokio::test]
async fn in_a_directory_a_flood_of_holds_cuts_the_holds_alone() {
    names_of_the_layout_cut_their_own_section_alone(Ground::Directory).await;
}

#[tokio::test]
async fn in_a_bucket_a_flood_of_holds_cuts_the_holds_alone() {
    names_of_the_layout_cut_their_own_section_alone(weed().await).await;
}

#[tokio::test]
async fn in_a_bucket_hold_says_that_no_daemon_would_list_it() {
    hold_says_that_no_daemon_would_list_it(weed().await).await;
}

#[tokio::test]
async fn in_a_directory_init_refuses_where_only_strangers_stand() {
    init_refuses_where_only_strangers_stand(Ground::Directory).await;
}

#[tokio::test]
async fn in_a_bucket_init_refuses_where_only_strangers_stand() {
    init_refuses_where_only_strangers_stand(weed().await).await;
}
