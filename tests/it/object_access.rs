//! Our object access on a real S3 server, and on that server behind a proxy that breaks what passes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::proxy::{Mode, Proxy};
use harness::s3::Credentials;
use harness::weed::{ADMIN, BUCKET, NO_LIST, READ_ONLY, READ_WRITE, Weed};
use harness::workdir::Workdir;
use jiff::{SignedDuration, Timestamp};
use restore::objects::location::{Checksums, LocationSettings, S3Location, StoreLocation};
use restore::objects::s3::S3Store;
use restore::objects::{Created, ErrorKind, ObjectPath, ProbeVerdict, ReadObjects as _, WriteObjects as _};
use sops_tools::clock::Fixed;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

/// Upper bound of any call: the last attempt starts at 8 s and takes 4 s and a second for the body; a write that is
/// looked for afterwards takes an attempt more. Rounded up for a loaded machine.
const LONGEST: Duration = Duration::from_secs(25);

fn path(text: &str) -> ObjectPath {
    ObjectPath::new(text).unwrap()
}

fn location(folder: &Workdir, endpoint: &str, bucket: &str, access: &str, secret: &str) -> S3Location {
    let settings = LocationSettings {
        url: format!("s3://{bucket}/some/prefix"),
        endpoint: Some(endpoint.to_owned()),
        access_key_file: Some(folder.write("access", access)),
        secret_key_file: Some(folder.write("secret", secret)),
        ..LocationSettings::default()
    };
    let StoreLocation::S3(location) = settings.check().unwrap() else { panic!("an S3 location") };
    *location
}

fn store(endpoint: &str, key: Credentials) -> (Workdir, S3Store) {
    let folder = Workdir::new("keys");
    let store = S3Store::open(location(&folder, endpoint, BUCKET, key.access, key.secret)).unwrap();
    (folder, store)
}

#[tokio::test]
async fn objects_are_stored_once_read_back_and_listed_below_the_prefix() {
    let weed = Weed::start().await;
    let (_keys, store) = store(&weed.endpoint(), READ_WRITE);
    weed.bucket(ADMIN).put("some/prefixed-otherwise", b"foreign").await;
    assert_eq!(store.create(&path("a/b"), b"one").await.unwrap(), Created::Stored);
    assert_eq!(store.create(&path("a/b"), b"one").await.unwrap(), Created::AlreadyOurs);
    assert_eq!(store.create(&path("a/b"), b"two").await.unwrap_err().kind, ErrorKind::Conflict);
    assert_eq!(store.get(&path("a/b"), 3).await.unwrap(), b"one");
    assert_eq!(store.get(&path("a/c"), 3).await.unwrap_err().kind, ErrorKind::Absent);
    let entries = store.list("", 10).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].path.as_str(), entries[0].size), ("a/b", 3));
    assert!(entries[0].modified.is_some() && entries[0].tag.is_some());
    assert_eq!(store.probe().await.unwrap(), ProbeVerdict::ConditionsWork);
    assert_eq!(weed.bucket(ADMIN).list("some/prefix/probe/").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_racing_writers_exactly_one_wins() {
    let weed = Weed::start().await;
    let (_keys, store) = store(&weed.endpoint(), READ_WRITE);
    for round in 0..10 {
        let mut writers = JoinSet::new();
        for writer in 0..16_u8 {
            let store = store.clone();
            writers.spawn(async move { (writer, store.create(&path(&format!("race/{round}")), &[writer; 64]).await) });
        }
        let results = writers.join_all().await;
        let winners: Vec<u8> = results.iter().filter(|(_, result)| result.is_ok()).map(|(writer, _)| *writer).collect();
        assert_eq!(winners.len(), 1, "round {round}: {results:?}");
        assert!(results.iter().filter_map(|(_, result)| result.as_ref().err()).all(|e| e.kind == ErrorKind::Conflict));
        assert_eq!(store.get(&path(&format!("race/{round}")), 64).await.unwrap(), [winners[0]; 64]);
    }
}

#[tokio::test]
async fn keys_without_the_right_and_wrong_settings_are_told_apart() {
    let weed = Weed::start().await;
    let bucket = weed.bucket(ADMIN);
    bucket.put("some/prefix/a", b"kept").await;
    let (_keys, reader) = store(&weed.endpoint(), READ_ONLY);
    assert_eq!(reader.get(&path("a"), 9).await.unwrap(), b"kept");
    assert_eq!(reader.create(&path("new"), b"x").await.unwrap_err().kind, ErrorKind::Denied);
    assert_eq!(reader.probe().await.unwrap_err().kind, ErrorKind::Denied);
    assert_eq!(bucket.list("some/prefix/").await, ["some/prefix/a"]);

    let (_keys, blind) = store(&weed.endpoint(), NO_LIST);
    assert_eq!(blind.list("", 9).await.unwrap_err().kind, ErrorKind::Denied);

    let wrong = Credentials { secret: "another-secret-altogether", ..READ_ONLY };
    let unknown = Credentials { access: "AKIANOBODY", ..READ_ONLY };
    for key in [wrong, unknown] {
        let (_keys, refused) = store(&weed.endpoint(), key);
        let error = refused.get(&path("a"), 9).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied, "{error}");
        assert!(error.hint.contains("secretKeyFile"), "{error:?}");
        assert!(!format!("{error:?}").contains(key.secret));
    }

    let folder = Workdir::new("keys");
    let elsewhere = location(&folder, &weed.endpoint(), "no-such-bucket", ADMIN.access, ADMIN.secret);
    let elsewhere = S3Store::open(elsewhere).unwrap();
    for kind in [
        elsewhere.get(&path("a"), 9).await.unwrap_err().kind,
        elsewhere.list("", 9).await.unwrap_err().kind,
        elsewhere.create(&path("a"), b"x").await.unwrap_err().kind,
    ] {
        assert_eq!(kind, ErrorKind::Settings);
    }
}

#[tokio::test]
async fn a_rotated_key_counts_without_a_restart() {
    let weed = Weed::start().await;
    weed.bucket(ADMIN).put("some/prefix/a", b"kept").await;
    let old = Credentials { access: "AKIAOLD", secret: "withdrawn-secret" };
    let (folder, store) = store(&weed.endpoint(), old);
    assert_eq!(store.get(&path("a"), 9).await.unwrap_err().kind, ErrorKind::Denied);
    folder.write("access", READ_ONLY.access);
    folder.write("secret", READ_ONLY.secret);
    assert_eq!(store.get(&path("a"), 9).await.unwrap(), b"kept");
}

#[tokio::test]
async fn a_wrong_clock_is_named_with_its_measure() {
    let weed = Weed::start().await;
    let folder = Workdir::new("keys");
    let location = location(&folder, &weed.endpoint(), BUCKET, READ_ONLY.access, READ_ONLY.secret);
    let slow = Timestamp::now().checked_sub(SignedDuration::from_hours(1)).unwrap();
    let error = S3Store::open_with_clock(location, Arc::new(Fixed(slow))).unwrap().list("", 9).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert!(error.detail.contains("RequestTimeTooSkewed") && error.detail.contains("s ahead of ours"), "{error}");
}

#[tokio::test]
async fn an_object_over_the_limit_is_refused_without_reading_it() {
    let weed = Weed::start().await;
    let proxy = Proxy::to(weed.port()).await;
    let (_keys, store) = store(&proxy.address(), READ_ONLY);
    weed.bucket(ADMIN).put("some/prefix/large", &vec![7; 20 * 1024 * 1024]).await;
    // At 256 bytes a second its body would take a day.
    proxy.set(Mode::Slow(Duration::from_secs(1)));
    let started = Instant::now();
    let error = store.get(&path("large"), 64 * 1024).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge, "{error}");
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_listing_of_several_pages_is_whole_or_an_error() {
    let weed = Weed::start().await;
    let bucket = weed.bucket(ADMIN);
    let mut puts = JoinSet::new();
    for part in 0..8 {
        let bucket = bucket.clone();
        puts.spawn(async move {
            for number in (0..1100).filter(|number| number % 8 == part) {
                bucket.put(&format!("some/prefix/many/{number:04}"), b"x").await;
            }
        });
    }
    puts.join_all().await;
    let (_keys, store) = store(&weed.endpoint(), READ_ONLY);
    let names: Vec<String> = store.list("many/", 1100).await.unwrap().into_iter().map(|entry| entry.path).collect();
    let expected: Vec<String> = (0..1100).map(|number| format!("many/{number:04}")).collect();
    assert_eq!(names, expected);
    assert_eq!(store.list("many/", 1099).await.unwrap_err().kind, ErrorKind::TooLarge);
}

/// What each fault does to a read of 60 kB and to a write.
async fn under(mode: Mode, port: u16) -> (Mode, Result<usize, ErrorKind>, Result<Created, ErrorKind>, Duration) {
    let proxy = Proxy::to(port).await;
    let (_keys, store) = store(&proxy.address(), READ_WRITE);
    proxy.set(mode);
    let started = Instant::now();
    let read = store.get(&path("read"), 64 * 1024).await;
    let reading = started.elapsed();
    proxy.set(Mode::Pass);
    drop(store.list("", 9).await);
    proxy.set(mode);
    let started = Instant::now();
    let name = path(&format!("write/{port}-{}", proxy.port()));
    let written = store.create(&name, b"mine").await;
    let longest = reading.max(started.elapsed());
    (mode, read.map(|bytes| bytes.len()).map_err(|error| error.kind), written.map_err(|error| error.kind), longest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_ends_in_time_and_is_never_taken_for_absence() {
    let weed = Weed::start().await;
    weed.bucket(ADMIN).put("some/prefix/read", &vec![7; 60_000]).await;
    let away = Err(ErrorKind::Unavailable);
    let mut cases = JoinSet::new();
    for mode in [
        Mode::Latency(Duration::from_millis(50)),
        Mode::Flaky,
        Mode::DropFirst,
        Mode::Blackhole,
        Mode::Reset,
        Mode::Cut(20_000),
        Mode::Fin(20_000),
        Mode::Stall(20_000),
        Mode::Slow(Duration::from_millis(100)),
        Mode::HangAnswer,
        Mode::DropAnswer,
    ] {
        cases.spawn(under(mode, weed.port()));
    }
    while let Some(case) = cases.join_next().await {
        let (mode, read, written, longest) = case.unwrap();
        assert!(longest < LONGEST, "{mode:?}: {longest:?}");
        match mode {
            Mode::Latency(_) | Mode::Flaky | Mode::DropFirst => {
                assert_eq!(read, Ok(60_000), "{mode:?}");
                assert!(written.is_ok(), "{mode:?}: {written:?}");
            }
            // Their answers to a small write are whole before the fault.
            Mode::Cut(_) | Mode::Fin(_) | Mode::Stall(_) | Mode::Slow(_) => assert_eq!(read, away, "{mode:?}"),
            _ => {
                assert_eq!(read, away, "{mode:?}");
                assert_eq!(written, Err(ErrorKind::Unavailable), "{mode:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_lost_answer_of_a_write_ends_as_our_own_object() {
    let weed = Weed::start().await;
    let proxy = Proxy::to(weed.port()).await;
    let (_keys, store) = store(&proxy.address(), READ_WRITE);
    proxy.set(Mode::DropFirst);
    assert_eq!(store.create(&path("a"), b"mine").await.unwrap(), Created::AlreadyOurs);
    assert_eq!(weed.bucket(ADMIN).get("some/prefix/a").await.as_deref(), Some(&b"mine"[..]));
}

#[tokio::test]
async fn a_bit_flipped_on_the_way_is_corrupt() {
    let weed = Weed::start().await;
    let proxy = Proxy::to(weed.port()).await;
    let (_keys, store) = store(&proxy.address(), READ_WRITE);
    store.create(&path("a"), &[7; 1000]).await.unwrap();
    proxy.set(Mode::Corrupt);
    let error = store.get(&path("a"), 1000).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
}

/// Set for the process that [`a_proxy_in_the_environment_is_ignored`] starts of itself.
const CHILD: &str = "OBJECT_ACCESS_ENDPOINT";

#[tokio::test]
async fn a_proxy_in_the_environment_is_ignored() {
    if let Ok(endpoint) = std::env::var(CHILD) {
        let (_keys, store) = store(&endpoint, READ_WRITE);
        store.create(&path("child"), b"was here").await.unwrap();
        return;
    }
    let weed = Weed::start().await;
    let trap = Proxy::to(weed.port()).await;
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "object_access::a_proxy_in_the_environment_is_ignored"]).env(CHILD, weed.endpoint());
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"] {
        child.env(variable, trap.address());
    }
    // The child's one call is bounded by itself.
    let ended = tokio::task::spawn_blocking(move || child.status()).await.unwrap().unwrap();
    assert!(ended.success());
    assert_eq!(trap.connections(), 0);
    assert!(weed.bucket(ADMIN).get("some/prefix/child").await.is_some());
}

/// A store that answers every write with 200 and keeps the last one, whatever its condition says.
async fn serve_careless_store(listener: tokio::net::TcpListener) {
    let objects = Arc::new(tokio::sync::Mutex::new(std::collections::BTreeMap::<String, Vec<u8>>::new()));
    while let Ok((mut client, _)) = listener.accept().await {
        let objects = Arc::clone(&objects);
        tokio::spawn(async move {
            let mut read = Vec::new();
            let end = loop {
                if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                    break end + 4;
                }
                if client.read_buf(&mut read).await.unwrap_or(0) == 0 {
                    return;
                }
            };
            let head = String::from_utf8_lossy(&read[..end]).into_owned();
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            while read.len() < end + length.unwrap_or(0) {
                if client.read_buf(&mut read).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            let mut words = head.split([' ', '?']);
            let (method, name) = (words.next().unwrap(), words.next().unwrap().to_owned());
            let body = if method == "PUT" {
                objects.lock().await.insert(name, read[end..].to_vec());
                Vec::new()
            } else {
                objects.lock().await.get(&name).cloned().unwrap_or_default()
            };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            drop(client.write_all(&[head.as_bytes(), &body].concat()).await);
        });
    }
}

#[tokio::test]
async fn a_store_that_ignores_conditions_is_found_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(serve_careless_store(listener));
    let folder = Workdir::new("keys");
    let mut location = location(&folder, &endpoint, BUCKET, READ_WRITE.access, READ_WRITE.secret);
    location.checksums = Checksums::WhenRequired;
    let store = S3Store::open(location).unwrap();
    assert_eq!(store.probe().await.unwrap(), ProbeVerdict::ConditionsIgnored);
    serving.abort();
}

#[tokio::test]
async fn nothing_listening_is_unavailable_at_once() {
    let port = harness::ports::Port::take();
    let (_keys, store) = store(&format!("http://{}", port.address()), READ_WRITE);
    let started = Instant::now();
    assert_eq!(store.list("", 9).await.unwrap_err().kind, ErrorKind::Unavailable);
    assert_eq!(store.create(&path("a"), b"x").await.unwrap_err().kind, ErrorKind::Unavailable);
    assert!(started.elapsed() < Duration::from_secs(10));
}
