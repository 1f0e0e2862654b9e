//! Custodians with stores of their own: each can be read by itself, all together open it, and a command that is cut off
//! between two of them is finished.

use std::path::Path;
use std::sync::Arc;

use harness::assassin::Assassin;
use harness::command::Output;
use harness::leak::Secrets;
use harness::proxy::{Action, Mode, Moment, Proxy, Trap};
use harness::server::{Product, Storage};
use harness::site::Site;
use harness::wait;
use harness::weed::{ADMIN, BUCKET, READ_WRITE, Weed};
use serde_json::{Value, json};

use super::{LIMIT, fresh, killed_and_open_again, refused};

/// Keys of which one opens the bundles of `a` and `c`, the other that of `b`.
const BOTH: [&str; 2] = ["operator", "unseal/unseal"];

/// The public key in a key file of the installation.
fn recipient(site: &Site, key: &str) -> String {
    let text = std::fs::read_to_string(key_file(site, key)).expect("a key file");
    let line = text.lines().find_map(|line| line.strip_prefix("# public key: "));
    line.expect("a public key").to_owned()
}

/// Three custodians of five shares: `a` with a folder of its own, `b` with a bucket's prefix, `c` in the common store. The
/// daemon's key opens the bundles of `a` and `c`, the operator's that of `b`, and the offline key all.
fn split(site: &mut Site, endpoint: &str) {
    let access = site.folder().write("s3/b.access", READ_WRITE.access);
    let secret = site.folder().write("s3/b.secret", READ_WRITE.secret);
    let to = |key: &str| json!({"one": recipient(site, key), "offline": recipient(site, "offline")});
    let bucket = json!({
        "url": format!("s3://{BUCKET}/custodian-b"), "endpoint": endpoint, "accessKeyFile": access, "secretKeyFile": secret,
    });
    let custodians = json!({
        "a": {"recipients": to("unseal/unseal"), "shares": [1, 4], "store": {"url": folder(site, "store-a")}},
        "b": {"recipients": to("operator"), "shares": [2, 5], "store": bucket},
        "c": {"recipients": to("unseal/unseal"), "shares": [3]},
    });
    site.settings["custodians"] = custodians;
}

fn folder(site: &Site, name: &str) -> String {
    format!("file://{}", site.folder().join(name).display())
}

/// Names below the Vault in one folder store.
fn objects(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![root.join("vaults/main")];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("an entry of the store").path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.push(path.strip_prefix(root).expect("below the root").display().to_string());
            }
        }
    }
    found.sort_unstable();
    found
}

async fn bucket_objects(weed: &Weed) -> Vec<String> {
    let keys = weed.bucket(ADMIN).list("custodian-b/vaults/").await;
    let mut found: Vec<String> =
        keys.iter().filter_map(|key| key.strip_prefix("custodian-b/")).map(Into::into).collect();
    found.sort_unstable();
    found
}

fn with_extension<'o>(objects: &'o [String], extension: &str) -> Vec<&'o str> {
    let has = |path: &&String| Path::new(path).extension().is_some_and(|found| found == extension);
    objects.iter().filter(has).map(String::as_str).collect()
}

fn only_bundle(objects: &[String]) -> Vec<&str> {
    with_extension(objects, "age")
}

fn records(objects: &[String]) -> Vec<&str> {
    with_extension(objects, "json")
}

/// Every store has its own bundle of generation 1 and the same records, and nothing is left over.
async fn complete(site: &Site, weed: &Weed) {
    let (common, a, b) =
        (objects(&site.folder().join("store")), objects(&site.folder().join("store-a")), bucket_objects(weed).await);
    assert_eq!(only_bundle(&common), ["vaults/main/generations/1/c.1.age"]);
    assert_eq!(only_bundle(&a), ["vaults/main/generations/1/a.1.age"]);
    assert_eq!(only_bundle(&b), ["vaults/main/generations/1/b.1.age"]);
    assert_eq!(records(&a), records(&common));
    assert_eq!(records(&b), records(&common));
    for part in ["intents/1.json", "intents/1.closed.", "manifest.1.json", "proven."] {
        assert!(common.iter().any(|path| path.contains(part)), "{part} in {common:?}");
    }
}

/// Sealed copies of init on this host.
fn sealed_copies(site: &Site) -> usize {
    let entries = std::fs::read_dir(site.folder().join("state/main")).into_iter().flatten();
    let names = entries.map(|entry| entry.expect("an entry of stateDir").file_name());
    names.filter(|name| name.to_string_lossy().ends_with(".sealed.json")).count()
}

fn key_file(site: &Site, key: &str) -> String {
    site.folder().join(format!("keys/{key}.agekey")).display().to_string()
}

/// Opens by hand with the identities of these keys.
async fn exported(site: &Site, keys: &[&str], options: &[&str]) -> Output {
    let files: Vec<String> = keys.iter().map(|key| key_file(site, key)).collect();
    let given = files.iter().flat_map(|file| ["--identity", file]);
    site.command(&["export"].into_iter().chain(given).chain(options.iter().copied()).collect::<Vec<_>>()).await
}

fn identities(site: &mut Site, keys: &[&str]) {
    site.settings["identities"] = keys.iter().map(|key| Value::from(key_file(site, key))).collect();
}

#[tokio::test]
async fn three_stores_open_it_together_and_each_says_what_the_others_have() {
    let weed = Weed::start().await;
    let (mut server, mut site) = fresh(Product::Vault, Storage::File).await;
    split(&mut site, &weed.endpoint());
    site.init("main").await.assert_status(0);
    complete(&site, &weed).await;

    // Fewer than the threshold with one custodian's key: said so, and nothing sent.
    server.kill();
    server.start_again().await;
    identities(&mut site, &["operator"]);
    let short = site.command(&["unseal"]).await;
    short.assert_status(6);
    assert!(short.text().contains("2 of 3 shares"), "{}", short.text());
    assert!(server.api().sealed().await);

    // Together.
    identities(&mut site, &BOTH);
    site.command(&["unseal"]).await.assert_status(0);
    assert!(server.api().open().await);
    site.command(&["store", "verify"]).await.assert_status(0);
    let opened = exported(&site, &BOTH, &[]).await;
    opened.assert_status(0);
    let shares: Vec<&str> = opened.stdout.lines().collect();
    assert_eq!(shares.len(), 5, "one share a line");

    // By hand, with what export gave.
    server.kill();
    server.start_again().await;
    for share in &shares[..3] {
        server.api().send_share(share).await.good();
    }
    wait::until(LIMIT, "the server to be open", async || server.api().open().await).await;

    // One store alone, without the others' settings.
    let whole = site.settings.clone();
    site.settings
        .as_object_mut()
        .expect("settings")
        .retain(|key, _| !["custodians", "cacheDir"].contains(&key.as_str()));
    let own = |custodian: &str| whole["custodians"][custodian]["store"].clone();
    for (store, others) in [(own("a"), ["b", "c"]), (own("b"), ["a", "c"]), (whole["store"].clone(), ["a", "b"])] {
        site.settings["store"] = store;
        let verified = site.command(&["store", "verify"]).await;
        assert_eq!(verified.status, 0, "{}", verified.text());
        let checked = exported(&site, &BOTH, &["--check", "--output", "json"]).await;
        checked.assert_status(0);
        let lack = checked.json()["lack"].as_str().unwrap_or_default().to_owned();
        for other in others {
            assert!(lack.contains(&format!("custodian {other} has")), "{lack}");
        }
        let mut secrets = Secrets::default();
        for share in &shares {
            secrets.add("a share", share);
        }
        secrets.assert_absent("what --check prints", &checked.text());
    }
}

#[tokio::test]
async fn a_custodians_store_that_is_away_is_named_and_is_not_empty() {
    let weed = Weed::start().await;
    let (mut server, mut site) = fresh(Product::Vault, Storage::File).await;
    let proxy = Proxy::to(weed.port()).await;
    split(&mut site, &proxy.address());
    site.init("main").await.assert_status(0);
    proxy.set(Mode::Reset);
    site.settings.as_object_mut().expect("settings").remove("cacheDir");

    for output in [site.command(&["store", "verify"]).await, exported(&site, &["unseal/unseal"], &["--check"]).await] {
        assert!(output.text().contains("custodian b"), "{}", output.text());
        assert!(!output.text().contains("missing-bundle") && !output.text().contains("went back"), "{}", output.text());
    }
    let theirs = exported(&site, &["operator"], &["--check", "--output", "json"]).await;
    theirs.assert_status(5);
    assert!(theirs.text().contains("the store of custodian b"), "its bundle may be there: {}", theirs.text());
    refused(&site, &["store", "verify"], 5, "store-unavailable").await;
    let held = site.command(&["hold", "--reason", "test", "--output", "json"]).await;
    assert_eq!(held.status, 5, "who writes needs every store: {}", held.text());

    // What the daemon's key opens in the stores that answer is enough.
    server.kill();
    server.start_again().await;
    let opened = site.command(&["unseal"]).await;
    opened.assert_status(0);
    assert!(opened.text().contains("custodian b did not answer"), "{}", opened.text());

    // And for the daemon, which says whose store is away.
    let daemon = site.daemon().await;
    killed_and_open_again(&mut server).await;
    assert!(daemon.log().contains("its store does not answer"), "{}", daemon.log());

    // It is asked again at the pace of a failure, not of the next whole reading five minutes later.
    proxy.set(Mode::Pass);
    let again = "the stores of all custodians answer again";
    wait::until(LIMIT, "the store to be read again", async || daemon.log().contains(again)).await;
    assert_eq!(daemon.stop().await, Some(0));
    site.command(&["store", "verify"]).await.assert_status(0);
}

/// Kills init at the n-th write into custodian b's bucket, and runs it again.
async fn killed_at_write(number: usize, moment: Moment) {
    let weed = Weed::start().await;
    let (mut server, mut site) = fresh(Product::Vault, Storage::File).await;
    let proxy = Arc::new(Proxy::to(weed.port()).await);
    split(&mut site, &proxy.address());
    let init = ["init", "--shares", "5", "--threshold", "3", "--discard-root-token"];
    let assassin = Assassin::default();
    let hand = assassin.clone();
    proxy.trap(Trap::nth("PUT /unseal/custodian-b/vaults", number, moment, move || {
        hand.strike();
        Action::Reset
    }));
    let mut running = site.launch(&init);
    assassin.aim(running.process());
    let output = running.output(LIMIT).await;
    assert_ne!(output.status, 0, "write {number}: {}", output.text());
    assert!(proxy.sprung(), "write {number} never came: {}", output.text());
    let again = site.command(&init).await;
    assert_eq!(again.status, 0, "write {number}: {}", again.text());
    complete(&site, &weed).await;
    // All shares stand in the sealed copy under one key: it goes with the last step, also where that was cut off.
    assert_eq!(sealed_copies(&site), 0, "write {number}");
    server.kill();
    server.start_again().await;
    site.command(&["unseal"]).await.assert_status(0);
}

#[tokio::test]
async fn an_init_killed_between_two_stores_is_finished_by_the_next() {
    // Intent, bundle, manifest, mark, close.
    for number in 0..5 {
        killed_at_write(number, Moment::BeforeForwarding).await;
    }
    // The bundle is stored, sealed to others alone, and nobody here knows that it arrived.
    killed_at_write(1, Moment::BeforeAnswering).await;
}

/// Kills the first import at the n-th write into custodian b's bucket, and runs it again.
async fn import_killed_at_write(number: usize, moment: Moment) {
    let weed = Weed::start().await;
    let (mut server, mut site) = fresh(Product::Vault, Storage::File).await;
    let keys = server.api().init(5, 3).await;
    let proxy = Arc::new(Proxy::to(weed.port()).await);
    split(&mut site, &proxy.address());
    let shares = site.folder().write("shares.txt", keys.shares.join("\n")).display().to_string();
    let import = ["import", "--shares-file", &shares, "--output", "json"];
    let assassin = Assassin::default();
    let hand = assassin.clone();
    proxy.trap(Trap::nth("PUT /unseal/custodian-b/vaults", number, moment, move || {
        hand.strike();
        Action::Reset
    }));
    let mut running = site.launch(&import);
    assassin.aim(running.process());
    let output = running.output(LIMIT).await;
    assert_ne!(output.status, 0, "write {number}: {}", output.text());
    assert!(proxy.sprung(), "write {number} never came: {}", output.text());
    let again = site.command(&import).await;
    assert_eq!(again.status, 0, "write {number}: {}", again.text());
    assert_eq!(again.json()["generation"], 2, "{}", again.text());
    server.kill();
    server.start_again().await;
    site.command(&["unseal"]).await.assert_status(0);
}

#[tokio::test]
async fn a_first_import_killed_between_two_stores_takes_the_next_number() {
    // The bundle, which stands there or not when nothing is authentic yet; and the manifest, when the common store has it.
    import_killed_at_write(0, Moment::BeforeForwarding).await;
    import_killed_at_write(0, Moment::BeforeAnswering).await;
    import_killed_at_write(1, Moment::BeforeForwarding).await;
}

#[tokio::test]
async fn a_lost_common_store_is_filled_from_the_cache_and_the_custodians_stores() {
    let weed = Weed::start().await;
    let (_server, mut site) = fresh(Product::Vault, Storage::File).await;
    split(&mut site, &weed.endpoint());
    site.init("main").await.assert_status(0);
    let daemon = site.daemon().await;
    assert_eq!(daemon.stop().await, Some(0));
    let lost = || std::fs::remove_dir_all(site.folder().join("store/vaults")).expect("objects in the common store");
    let copy = ["store", "copy", "--from", "cache", "--to", "settings", "--output", "json"];

    lost();
    let first = site.command(&copy).await;
    first.assert_status(0);
    complete(&site, &weed).await;

    // Nothing is left to copy, and still records are missing.
    for record in records(&objects(&site.folder().join("store"))) {
        std::fs::remove_file(site.folder().join("store").join(record)).expect("a record");
    }
    let told = refused(&site, &["store", "verify"], 6, "store-unsound").await;
    assert!(told.contains("\"the common store\""), "{told}");
    let planned = site.command(&[&copy[..], &["--dry-run"]].concat()).await;
    let second = site.command(&copy).await;
    second.assert_status(0);
    let levelled = second.json()["vaults"][0]["levelled"].clone();
    assert_eq!(planned.json()["vaults"][0]["levelled"], levelled);
    assert!(levelled.as_u64().is_some_and(|count| count > 0), "{}", second.text());
    complete(&site, &weed).await;
    let third = site.command(&copy).await;
    assert_eq!(third.json()["vaults"][0]["levelled"], 0, "{}", third.text());
}

/// Shares that exist are dealt by their own numbers: custodians for fewer are refused, and no flag has to be said again.
#[tokio::test]
async fn what_a_sealed_copy_holds_is_dealt_whole_or_not_at_all() {
    let weed = Weed::start().await;
    let (mut server, mut site) = fresh(Product::Vault, Storage::File).await;
    let proxy = Arc::new(Proxy::to(weed.port()).await);
    split(&mut site, &proxy.address());
    let five = site.settings["custodians"].clone();
    site.settings["custodians"]["c"]["shares"] = json!([3, 6, 7]);
    let assassin = Assassin::default();
    let hand = assassin.clone();
    // The second write is the bundle: the sealed copy stands and nothing else.
    proxy.trap(Trap::nth("PUT /unseal/custodian-b/vaults", 1, Moment::BeforeForwarding, move || {
        hand.strike();
        Action::Reset
    }));
    let mut running = site.launch(&["init", "--shares", "7", "--threshold", "4", "--discard-root-token"]);
    assassin.aim(running.process());
    assert_ne!(running.output(LIMIT).await.status, 0);
    assert_eq!(sealed_copies(&site), 1);

    let seven = std::mem::replace(&mut site.settings["custodians"], five);
    let wrong = site.command(&["init", "--discard-root-token"]).await;
    wrong.assert_status(3);
    assert!(wrong.text().contains("the sealed copy holds 7 shares"), "{}", wrong.text());
    assert_eq!(sealed_copies(&site), 1);
    site.settings["custodians"] = seven;
    site.command(&["init", "--discard-root-token"]).await.assert_status(0);
    assert_eq!(sealed_copies(&site), 0);
    server.kill();
    server.start_again().await;
    identities(&mut site, &BOTH);
    site.command(&["unseal"]).await.assert_status(0);
}

/// Without top-level recipients nobody is there for the root token, and it could never be made again on OpenBao.
#[tokio::test]
async fn a_root_token_that_nobody_could_open_is_refused_before_anything_is_sent() {
    let weed = Weed::start().await;
    let (server, mut site) = fresh(Product::Vault, Storage::Inmem).await;
    split(&mut site, &weed.endpoint());
    site.settings["recipients"] = json!({});
    let file = site.folder().join("root.age").display().to_string();
    let init = ["init", "--shares", "5", "--threshold", "3", "--root-token-to", &file];
    refused(&site, &init, 3, "custody").await;
    assert_eq!(server.api().health().await, 501);
}

#[tokio::test]
async fn a_store_that_goes_away_after_the_shares_were_made_is_waited_for() {
    let weed = Weed::start().await;
    let (_server, mut site) = fresh(Product::Vault, Storage::File).await;
    let proxy = Arc::new(Proxy::to(weed.port()).await);
    split(&mut site, &proxy.address());
    let away = Arc::clone(&proxy);
    // The second write is the bundle.
    proxy.trap(Trap::nth("PUT /unseal/custodian-b/vaults", 1, Moment::BeforeForwarding, move || {
        away.set(Mode::Reset);
        Action::Reset
    }));
    let running = site.launch(&["init", "--shares", "5", "--threshold", "3", "--discard-root-token"]);
    wait::until(LIMIT, "the store to go away", async || proxy.sprung()).await;
    let tries = proxy.connections() + 3;
    wait::until(LIMIT, "more tries", async || proxy.connections() >= tries).await;
    proxy.set(Mode::Pass);
    running.output(LIMIT).await.assert_status(0);
    complete(&site, &weed).await;
}
