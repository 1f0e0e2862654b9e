//! What single objects and single writes may do to us on real servers: size, races, and who answers over TLS.
#![expect(clippy::expect_used, reason = "a scenario that cannot be set up has failed")]

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use harness::cert::Authority;
use harness::server::{Plan, Product, Storage};
use harness::site::Site;
use harness::wait;
use harness::weed::{ADMIN, BUCKET, READ_ONLY, READ_WRITE, Weed};
use harness::workdir::Workdir;
use restore::objects::directory::DirectoryStore;
use restore::objects::location::LocationSettings;
use restore::objects::{ErrorKind, ObjectPath, WriteObjects};

const LIMIT: Duration = Duration::from_mins(1);
const MEBIBYTE: usize = 1024 * 1024;
/// Larger than any memory that a read of 64 KiB may take.
const HUGE: usize = 110 * MEBIBYTE;
/// The most that refusing such an object may add.
const ALLOWED: usize = 24 * MEBIBYTE;
/// Set for the process that measures itself.
const CHILD: &str = "OBJECT_LIMITS_STORE";

fn path(text: &str) -> ObjectPath {
    ObjectPath::new(text).expect("a path")
}

fn settings(folder: &Workdir, endpoint: &str) -> LocationSettings {
    LocationSettings {
        url: format!("s3://{BUCKET}/prod"),
        endpoint: Some(endpoint.to_owned()),
        access_key_file: Some(folder.write("access", READ_WRITE.access)),
        secret_key_file: Some(folder.write("secret", READ_WRITE.secret)),
        ..LocationSettings::default()
    }
}

fn open(settings: &LocationSettings) -> std::sync::Arc<dyn WriteObjects> {
    settings.check().expect("a location").open().expect("a store")
}

/// Bytes of a line of `/proc/<pid>/status`.
fn memory(pid: &str, line: &str) -> usize {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid).join("status")).expect("a process");
    let kilobytes = status.lines().find_map(|each| each.strip_prefix(line)?.trim().strip_suffix(" kB"));
    kilobytes.and_then(|number| number.trim().parse::<usize>().ok()).expect("a number of kB") * 1024
}

#[tokio::test]
async fn a_huge_object_is_refused_without_taking_memory() {
    if let Ok(settings) = std::env::var(CHILD) {
        return refuse_it(&serde_json::from_str(&settings).expect("settings")).await;
    }
    let weed = Weed::start().await;
    weed.bucket(ADMIN).put("prod/huge", &vec![7; HUGE]).await;
    let folder = Workdir::new("huge");
    let bucket = settings(&folder, &weed.endpoint());
    let disk = folder.folder("store");
    File::create(disk.join("huge")).and_then(|file| file.set_len(HUGE as u64)).expect("a huge file");
    for settings in [bucket, LocationSettings::directory(&disk)] {
        let mut child = Command::new(std::env::current_exe().expect("this program"));
        child.args(["--exact", "object_limits::a_huge_object_is_refused_without_taking_memory", "--nocapture"]);
        child.env(CHILD, serde_json::to_string(&settings).expect("JSON"));
        let ended = tokio::task::spawn_blocking(move || child.status()).await.expect("a thread").expect("a child");
        assert!(ended.success(), "{}", settings.url);
    }
}

/// In a process of its own, whose peak nothing else has raised.
async fn refuse_it(settings: &LocationSettings) {
    let store = open(settings);
    store.list("", 10).await.expect("a listing");
    let before = memory("self", "VmRSS:");
    let error = store.get(&path("huge"), 64 * 1024).await.expect_err("a huge object");
    assert_eq!(error.kind, ErrorKind::TooLarge, "{error}");
    let error = store.create(&path("huge"), b"small").await.expect_err("a taken name");
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    let grown = memory("self", "VmHWM:").saturating_sub(before);
    assert!(grown < ALLOWED, "{grown} bytes more at the peak");
}

#[tokio::test]
async fn huge_objects_under_our_names_cost_the_daemon_no_memory() {
    let server = Plan::new(Product::Vault, Storage::File).start().await;
    let site = Site::new().await.vault("main", [server.address()]);
    site.init("main").await.assert_status(0);
    let root = site.folder().join("store/vaults/main");
    for name in
        ["generations/2/all.1.age", "generations/2/manifest.1.json", "holds/0123456789abcdef0123456789abcdef.json"]
    {
        let file = root.join(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        File::create(&file).and_then(|file| file.set_len(HUGE as u64)).expect("a huge file");
    }
    let daemon = site.daemon().await;
    let large = |status: &serde_json::Value| {
        let findings = status["vaults"][0]["findings"].as_array().cloned().unwrap_or_default();
        findings.iter().filter(|one| one["path"].as_str().is_some_and(|path| path.contains("generations/2/"))).count()
            == 2
    };
    daemon.until(LIMIT, "the huge objects to be alarmed", large).await;
    let peak = memory(&daemon.pid().to_string(), "VmHWM:");
    assert!(peak < HUGE, "{peak} bytes at the peak");
    assert_eq!(daemon.stop().await, Some(0));
}

/// Two writers, each with a client of its own, 30 times for one name.
async fn race(one: &dyn WriteObjects, other: &dyn WriteObjects) {
    for round in 0..30 {
        let name = path(&format!("race/{round}"));
        let (first, second) = futures::join!(one.create(&name, b"first"), other.create(&name, b"second"));
        let outcomes = [first, second].map(|outcome| outcome.map_err(|error| error.kind));
        let won = outcomes.each_ref().map(Result::is_ok);
        assert_ne!(won[0], won[1], "round {round}: {outcomes:?}");
        assert!(outcomes.contains(&Err(ErrorKind::Conflict)), "round {round}: {outcomes:?}");
        let wanted: &[u8] = if won[0] { b"first" } else { b"second" };
        assert_eq!(one.get(&name, 10).await.expect("the winner's"), wanted, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_racing_writers_exactly_one_wins_in_a_bucket() {
    let weed = Weed::start().await;
    let folder = Workdir::new("race");
    let settings = settings(&folder, &weed.endpoint());
    race(&*open(&settings), &*open(&settings)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_racing_writers_exactly_one_wins_in_a_directory() {
    let folder = Workdir::new("race");
    let store = || DirectoryStore::open(folder.path()).expect("a store");
    race(&store(), &store()).await;
}

#[tokio::test]
async fn a_store_over_tls_is_trusted_by_its_own_authority_alone() {
    let (authority, other) = (Authority::new(), Authority::new());
    let weed = Weed::start_with_tls(&authority).await;
    let mut server = Plan::new(Product::Vault, Storage::File).start().await;
    let mut site = Site::new().await.vault("main", [server.address()]);
    site.use_s3(&weed.tls_endpoint(), "prod", READ_WRITE);
    let wrong = site.folder().write("other-ca.pem", other.pem());
    let right = site.folder().write("ca.pem", authority.pem());

    site.settings["store"]["caFile"] = wrong.to_string_lossy().into_owned().into();
    let refused = site.init("main").await;
    refused.assert_status(2);
    assert!(refused.stderr.contains("certificate") && refused.stderr.contains("caFile"), "{}", refused.text());
    assert_eq!(server.api().health().await, 501, "still uninitialised");

    site.settings["store"]["caFile"] = right.to_string_lossy().into_owned().into();
    site.init("main").await.assert_status(0);
    site.use_s3(&weed.tls_endpoint(), "prod", READ_ONLY);
    site.settings.as_object_mut().expect("settings").remove("cacheDir");
    server.kill();
    server.start_again().await;
    site.settings["store"]["caFile"] = wrong.to_string_lossy().into_owned().into();
    let daemon = site.daemon().await;
    let told = |status: &serde_json::Value| {
        status["vaults"][0]["store"]["error"].as_str().is_some_and(|error| error.contains("certificate"))
    };
    daemon.until(LIMIT, "the certificate in the status", told).await;
    assert!(server.api().sealed().await);
    assert_eq!(daemon.stop().await, Some(0));

    site.settings["store"]["caFile"] = right.to_string_lossy().into_owned().into();
    let daemon = site.daemon().await;
    wait::until(LIMIT, "the Vault to be open", async || server.api().open().await).await;
    assert_eq!(daemon.stop().await, Some(0));
}
