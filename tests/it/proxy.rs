//! The proxy breaks what passes in the ways it says, on a real server's answers.

use std::time::{Duration, Instant};

use harness::api::Api;
use harness::proxy::{Action, Mode, Moment, Proxy, Trap};
use harness::server::{Plan, Product, Server, Storage};
use reqwest::Method;
use serde_json::json;

/// Short of every limit in [`Api`], long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(3);

async fn server_behind_proxy() -> (Server, Proxy, Api) {
    let server = Plan::new(Product::OpenBao, Storage::Inmem).start().await;
    let proxy = Proxy::to(server.port()).await;
    let api = Api::new(&proxy.address(), None);
    (server, proxy, api)
}

async fn ask(api: &Api) -> Result<serde_json::Value, String> {
    api.try_call(Method::GET, "sys/seal-status", None, None, PATIENCE).await.map(|answer| answer.body)
}

#[tokio::test]
async fn calls_are_passed_numbered_and_named() {
    let (_server, proxy, api) = server_behind_proxy().await;
    let keys = api.init(1, 1).await;
    api.unseal(&keys).await;
    let calls = proxy.calls();
    let names: Vec<&str> = calls.iter().map(|call| call.name.as_str()).collect();
    assert_eq!(names[..3], ["PUT /v1/sys/init", "PUT /v1/sys/unseal", "GET /v1/sys/seal-status"]);
    assert!(calls.iter().all(|call| call.status == Some(200)), "{calls:?}");
}

#[tokio::test]
async fn an_answer_is_cut_ended_stalled_withheld_or_corrupted() {
    let (_server, proxy, api) = server_behind_proxy().await;
    let sound = ask(&api).await.expect("an answer");
    // What reqwest says of each, in its own words.
    for (mode, wanted) in [
        (Mode::Reset, "Connect"),
        (Mode::DropAnswer, "ConnectionReset"),
        (Mode::Cut(300), "ConnectionReset"),
        (Mode::Fin(300), "IncompleteBody"),
        (Mode::Stall(300), "TimedOut"),
        (Mode::HangAnswer, "TimedOut"),
        (Mode::Blackhole, "TimedOut"),
    ] {
        proxy.set(mode);
        let complaint = Api::new(&proxy.address(), None);
        let complaint = ask(&complaint).await.expect_err("a broken answer");
        let named = complaint.contains(wanted) || (wanted == "Connect" && complaint.contains("ConnectionReset"));
        assert!(named, "{mode:?}: {complaint}");
    }
    proxy.set(Mode::Corrupt);
    assert_ne!(ask(&api).await.ok(), Some(sound.clone()));
    proxy.set(Mode::Pass);
    assert_eq!(ask(&api).await, Ok(sound));
}

#[tokio::test]
async fn an_answer_comes_late_or_in_drops() {
    let (_server, proxy, api) = server_behind_proxy().await;
    for mode in [Mode::Latency(Duration::from_millis(200)), Mode::Slow(Duration::from_millis(100))] {
        proxy.set(mode);
        let begun = Instant::now();
        ask(&api).await.expect("a late answer");
        assert!(begun.elapsed() >= Duration::from_millis(200), "{mode:?} took {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn every_second_connection_is_reset() {
    let (_server, proxy, _) = server_behind_proxy().await;
    proxy.set(Mode::Flaky);
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        outcomes.push(ask(&Api::new(&proxy.address(), None)).await.is_ok());
    }
    assert_eq!(outcomes.iter().filter(|good| **good).count(), 2, "{outcomes:?}");
}

#[tokio::test]
async fn the_first_good_answer_alone_is_lost_and_the_server_has_done_the_work() {
    let (server, proxy, api) = server_behind_proxy().await;
    proxy.set(Mode::DropFirst);
    let body = json!({"secret_shares": 1, "secret_threshold": 1});
    api.try_call(Method::PUT, "sys/init", None, Some(&body), PATIENCE).await.expect_err("a lost answer");
    assert_eq!(server.api().health().await, 503, "initialised all the same");
    assert!(ask(&api).await.is_ok(), "the second answer arrives");
}

#[tokio::test]
async fn a_trap_stops_one_call_before_the_server_has_seen_it() {
    let (server, proxy, api) = server_behind_proxy().await;
    proxy.trap(Trap::on("PUT /v1/sys/init", Moment::BeforeForwarding, || Action::Reset));
    let body = json!({"secret_shares": 1, "secret_threshold": 1});
    api.try_call(Method::PUT, "sys/init", None, Some(&body), PATIENCE).await.expect_err("a stopped call");
    assert!(proxy.sprung());
    assert_eq!(server.api().health().await, 501, "still uninitialised");
    api.init(1, 1).await;
}

#[tokio::test]
async fn an_idle_connection_ends_when_the_server_is_killed() {
    let (mut server, proxy, _) = server_behind_proxy().await;
    let mut idle = tokio::net::TcpStream::connect(("127.0.0.1", proxy.port())).await.expect("a connection");
    server.kill();
    let ended = tokio::time::timeout(PATIENCE, tokio::io::AsyncReadExt::read(&mut idle, &mut [0; 8])).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
}
