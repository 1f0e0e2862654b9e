//! A disk that really has no room left, under the cache and under the directory store.
#![expect(clippy::expect_used, reason = "a scenario that cannot be set up has failed")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::command::{Output, run};
use harness::disk::SmallDisk;
use harness::server::{Plan, Product, Storage};
use harness::site::Site;
use harness::wait;

const LIMIT: Duration = Duration::from_mins(2);

/// Runs a command that sees the disk.
async fn command(site: &Site, disk: &SmallDisk, arguments: &[&str]) -> Output {
    run(disk.seen_by(site.program(arguments)), LIMIT).await
}

fn is_full(text: &str) -> bool {
    text.to_ascii_lowercase().contains("no space left")
}

/// Files below `folder` that may be taken for objects, as paths from there on.
fn objects(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if path.is_dir() {
                waiting.push(path);
            } else if !hidden {
                found.push(path.strip_prefix(folder).expect("below").to_owned());
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_full_cache_keeps_nothing_half_and_the_vault_open() {
    let disk = SmallDisk::new().await;
    let mut server = Plan::new(Product::Vault, Storage::File).start().await;
    let mut site = Site::new().await.vault("main", [server.address()]);
    site.settings.as_object_mut().expect("settings").remove("cacheDir");
    site.init("main").await.assert_status(0);
    site.settings["cacheDir"] = disk.path().join("cache").to_string_lossy().into_owned().into();
    disk.fill();
    server.kill();
    server.start_again().await;
    let daemon = site.daemon_with(|program| disk.seen_by(program)).await;
    wait::until(LIMIT, "the Vault to be open with a full cache", async || server.api().open().await).await;
    wait::until(LIMIT, "the full disk in the log", async || {
        daemon.log().lines().any(|line| line.contains("the cache cannot be written") && is_full(line))
    })
    .await;
    let (cache, store) = (disk.from_outside(&disk.path().join("cache/vaults")), site.folder().join("store/vaults"));
    assert_eq!(objects(&cache), Vec::<PathBuf>::new(), "nothing half-written looks like an object");
    server.kill();
    server.start_again().await;
    wait::until(LIMIT, "the Vault to be open again", async || server.api().open().await).await;
    disk.make_room();
    wait::until(LIMIT, "the cache to be filled", async || objects(&cache) == objects(&store)).await;
    for path in objects(&store) {
        assert_eq!(std::fs::read(cache.join(&path)).ok(), std::fs::read(store.join(&path)).ok(), "{}", path.display());
    }
    assert_eq!(daemon.stop().await, Some(0));
    // What was kept opens it without the store.
    std::fs::rename(&store, site.folder().join("store/elsewhere")).expect("the store taken away");
    server.kill();
    server.start_again().await;
    let daemon = site.daemon_with(|program| disk.seen_by(program)).await;
    wait::until(LIMIT, "the Vault to be open from the cache", async || server.api().open().await).await;
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test]
async fn a_full_directory_store_refuses_before_the_server_is_asked_and_takes_the_next_run() {
    const INIT: [&str; 6] = ["init", "--discard-root-token", "--shares", "5", "--threshold", "3"];
    let disk = SmallDisk::new().await;
    let server = Plan::new(Product::Vault, Storage::File).start().await;
    let mut site = Site::new().await.vault("main", [server.address()]);
    site.settings["store"]["url"] = format!("file://{}", disk.path().join("store").display()).into();
    disk.fill();
    let full = command(&site, &disk, &INIT).await;
    full.assert_status(5);
    assert!(is_full(&full.stderr) && full.stderr.contains("free space"), "{}", full.text());
    assert_eq!(server.api().health().await, 501, "still uninitialised");
    let store = disk.from_outside(&disk.path().join("store/vaults"));
    assert_eq!(objects(&store), Vec::<PathBuf>::new(), "nothing half-written looks like an object");

    disk.make_room();
    command(&site, &disk, &INIT).await.assert_status(0);
    let whole = objects(&store);
    disk.fill();
    let hold = command(&site, &disk, &["hold", "--reason", "audit"]).await;
    hold.assert_status(5);
    assert!(is_full(&hold.stderr) && hold.stderr.contains("free space"), "{}", hold.text());
    assert_eq!(objects(&store), whole, "nothing half-written looks like an object");
    command(&site, &disk, &["store", "verify"]).await.assert_status(0);
    disk.make_room();
    command(&site, &disk, &["hold", "--reason", "audit"]).await.assert_status(0);
}
