//! The Vault client on the real servers: every answer it tells apart, and that a share goes nowhere else.

#![expect(clippy::expect_used, reason = "a fault here fails the test")]

mod hazards;

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::api::Keys;
use harness::cert::Authority;
use harness::server::{Cluster, Plan, Product, Server, Storage};
use harness::wait;
use reqwest::Method;
use serde_json::json;
use sops_tools::secret::{Share, Token};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use unsealer::shamir::{self, Consistency};
use unsealer::vault::client::Client;
use unsealer::vault::target::Target;
use unsealer::vault::{self, DrillOutcome, Health, Node as _, ShareAnswer, VaultErrorKind};

fn client(address: &str, authority: Option<&Authority>, uid: Option<u32>) -> Client {
    let pem = authority.map(Authority::pem);
    let target = Target::new(address, pem.as_ref().map(String::as_bytes), uid, None).expect("settings");
    Client::new(target).expect("a client")
}

fn share(text: &str) -> Share {
    Share::copy_from(&STANDARD.decode(text).expect("base64"))
}

fn enough(keys: &Keys) -> Vec<Share> {
    keys.enough().iter().map(|text| share(text)).collect()
}

fn damaged(good: &Share) -> Share {
    let mut bytes = good.expose().to_vec();
    bytes[5] ^= 1;
    Share::copy_from(&bytes)
}

/// An open server in memory, its shares and a client.
async fn open(product: Product) -> (Server, Keys, Client) {
    let server = Plan::new(product, Storage::Inmem).start().await;
    let keys = server.api().init(5, 3).await;
    server.api().unseal(&keys).await;
    server.api().active().await;
    let client = client(&server.address(), None, None);
    (server, keys, client)
}

/// The token that OpenBao needs for a drill and Vault does not.
fn drill_token(product: Product, keys: &Keys) -> Option<Token> {
    (product == Product::OpenBao).then(|| Token::copy_from(keys.root_token.as_bytes()))
}

/// Takes connections, answers each with `answer` and keeps what it read.
async fn recorder(answer: String) -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, seen) = (listener.local_addr().expect("its address"), Arc::new(Mutex::new(Vec::new())));
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (kept, answer) = (Arc::clone(&kept), answer.clone());
            tokio::spawn(async move {
                let mut buffer = [0_u8; 4096];
                while let Ok(count @ 1..) = socket.read(&mut buffer).await {
                    kept.lock().expect("no panic while it is held").extend_from_slice(&buffer[..count]);
                    if socket.write_all(answer.as_bytes()).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    (address, seen)
}

fn bytes(seen: &Mutex<Vec<u8>>) -> Vec<u8> {
    seen.lock().expect("no panic while it is held").clone()
}

#[tokio::test]
async fn the_states_from_empty_to_open_are_told_apart() {
    for (product, make) in [(Product::OpenBao, vault::Product::OpenBao), (Product::Vault, vault::Product::Vault)] {
        let server = Plan::new(product, Storage::Raft).start().await;
        let client = client(&server.address(), None, None);
        let empty = client.seal_status().await.unwrap();
        assert_eq!((empty.product, empty.initialized, empty.sealed, empty.threshold), (make, false, true, 0));
        assert_eq!(empty.storage_type.as_deref(), Some("raft"));
        assert_eq!(client.health().await, Ok(Health::Uninitialised));
        assert_eq!(client.initialised().await, Ok(false));
        assert_eq!(client.leader().await.unwrap_err().kind, VaultErrorKind::NotReady);

        let answer = client.init(5, 3).await.unwrap();
        assert_eq!(shamir::check(&answer.shares, 3), Consistency::Consistent, "shares of a real server");
        let again = client.init(5, 3).await.err().expect("a second init is refused");
        assert_eq!(again.kind, VaultErrorKind::AlreadyInitialised);
        wait::until(Duration::from_secs(10), "the threshold to be known", async || {
            client.seal_status().await.is_ok_and(|status| status.initialized && status.threshold == 3)
        })
        .await;
        assert_eq!(client.health().await, Ok(Health::Sealed));
        for (at, share) in answer.shares[..3].iter().enumerate() {
            client.send_share(share, at == 2).await.unwrap();
        }
        wait::until(Duration::from_secs(30), "the server to be active", async || {
            client.health().await == Ok(Health::Active)
        })
        .await;
        assert!(client.leader().await.unwrap().active());
        assert!(client.seal_status().await.unwrap().cluster_id.is_some());
    }
}

#[tokio::test]
async fn every_answer_to_a_share_is_seen() {
    for product in Product::BOTH {
        let server = Plan::new(product, Storage::Inmem).start().await;
        let keys = server.api().init(5, 3).await;
        let (client, shares) = (client(&server.address(), None, None), enough(&keys));
        let first = client.send_share(&shares[0], false).await.unwrap();
        assert!(matches!(&first, ShareAnswer::Counted { progress: 1, nonce } if !nonce.is_empty()), "{first:?}");
        assert_eq!(client.send_share(&shares[0], false).await.as_ref(), Ok(&first), "sent again, it counts once");
        let short = client.send_share(&Share::copy_from(&[1; 8]), false).await.unwrap_err();
        assert_eq!(short.kind, VaultErrorKind::Rejected);
        client.send_share(&shares[1], false).await.unwrap();
        assert_eq!(client.send_share(&damaged(&shares[2]), true).await, Ok(ShareAnswer::Rejected));
        assert_eq!(client.seal_status().await.unwrap().progress, 0);

        client.send_share(&shares[0], false).await.unwrap();
        client.reset_unseal().await.unwrap();
        assert_eq!(client.seal_status().await.unwrap().progress, 0);
        for share in &shares[..2] {
            client.send_share(share, false).await.unwrap();
        }
        assert_eq!(client.send_share(&shares[2], true).await, Ok(ShareAnswer::Unsealed));
        assert_eq!(client.send_share(&shares[0], false).await, Ok(ShareAnswer::Unsealed), "open already");
        assert_eq!(client.reset_unseal().await.unwrap_err().kind, VaultErrorKind::Rejected);
    }
}

#[tokio::test]
async fn a_joining_node_is_pending_and_opens_by_itself() {
    for product in Product::BOTH {
        let cluster = Cluster::start(product, 3, None).await;
        let keys = cluster.nodes[0].api().init(5, 3).await;
        cluster.nodes[0].api().unseal(&keys).await;
        cluster.nodes[0].api().active().await;
        let client = client(&cluster.nodes[1].address(), None, None);
        wait::until(Duration::from_secs(30), "the joiner to meet its leader", async || {
            client.seal_status().await.is_ok_and(|status| status.initialized && status.threshold == 3)
        })
        .await;
        let mut answers = Vec::new();
        for (at, share) in enough(&keys).iter().enumerate() {
            answers.push(client.send_share(share, at == 2).await.unwrap());
        }
        assert_eq!(answers[2], ShareAnswer::Pending, "{product:?}");
        wait::until(Duration::from_secs(30), "the joiner to open", async || {
            client.health().await == Ok(Health::Standby)
        })
        .await;
        assert!(client.leader().await.is_ok_and(|leader| leader.exists() && !leader.active()));
        let refusal = client.drill(drill_token(product, &keys).as_ref(), &enough(&keys), 5, 3).await.unwrap_err();
        assert_eq!(refusal.kind, VaultErrorKind::NotReady, "a drill on a standby proves nothing");
    }
}

#[tokio::test]
async fn a_drill_proves_good_and_bad_shares_and_leaves_nothing_behind() {
    for product in Product::BOTH {
        let (server, keys, client) = open(product).await;
        let path = if product == Product::OpenBao { "sys/rotate/root/init" } else { "sys/rekey/init" };
        let state = async || {
            let body = server.api().call(Method::GET, path, Some(&keys.root_token), None).await.good();
            body.get("data").cloned().unwrap_or(body)
        };
        let (token, good) = (drill_token(product, &keys), enough(&keys));
        let drill = async |shares: &[Share]| client.drill(token.as_ref(), shares, 5, 3).await;

        assert_eq!(drill(&good).await, Ok(DrillOutcome::Accepted));
        assert_eq!(state().await["started"], false);
        let bad = [share(&keys.shares[0]), share(&keys.shares[1]), damaged(&good[2])];
        assert_eq!(drill(&bad).await, Ok(DrillOutcome::Refused));
        assert_eq!(state().await["started"], false);
        let twice = [share(&keys.shares[0]), share(&keys.shares[0]), share(&keys.shares[2])];
        assert_eq!(drill(&twice).await.unwrap_err().kind, VaultErrorKind::Rejected);
        assert_eq!(state().await["started"], false, "cancelled after an error too");
        if product == Product::OpenBao {
            assert_eq!(client.drill(None, &good, 5, 3).await.unwrap_err().kind, VaultErrorKind::Denied);
        }

        let theirs = json!({"secret_shares": 7, "secret_threshold": 4, "require_verification": true});
        server.api().call(Method::PUT, path, Some(&keys.root_token), Some(&theirs)).await.good();
        let before = state().await;
        assert_eq!(drill(&good).await.unwrap_err().kind, VaultErrorKind::InProgress);
        assert_eq!(state().await, before, "somebody else's rotation is left alone");

        server.api().seal(&keys.root_token).await;
        server.api().unseal(&keys).await;
    }
}

#[tokio::test]
async fn requests_run_with_a_token_until_it_is_revoked() {
    for product in Product::BOTH {
        let (_server, keys, client) = open(product).await;
        let token = Token::copy_from(keys.root_token.as_bytes());
        let mount = json!({"type": "kv"});
        assert_eq!(client.request(&token, "POST", "sys/mounts/kv", Some(&mount)).await, Ok(204));
        assert_eq!(client.request(&token, "get", "/kv/absent", None).await, Ok(404));
        client.revoke_self(&token).await.unwrap();
        assert_eq!(client.request(&token, "GET", "kv/absent", None).await, Ok(403));
        let unfit = Token::copy_from(b"two\nlines");
        assert_eq!(client.revoke_self(&unfit).await.unwrap_err().kind, VaultErrorKind::Rejected);
    }
}

#[tokio::test]
async fn the_certificate_must_carry_the_servers_name_where_one_is_given() {
    for product in [Product::OpenBao, Product::Vault] {
        let authority = Authority::new();
        let server = Plan::new(product, Storage::Inmem).tls(&authority).start().await;
        for (name, carried) in [("vault.vault.svc", true), ("a.named.test", true), ("vault.other.svc", false)] {
            let pem = authority.pem();
            let target = Target::new(&server.address(), Some(pem.as_bytes()), None, Some(name)).expect("settings");
            let client = Client::new(target).expect("a client");
            assert_eq!(client.address(), server.address(), "what people set is what they read");
            let wrong = (!carried).then_some(VaultErrorKind::Tls);
            assert_eq!(client.seal_status().await.err().map(|error| error.kind), wrong, "{product:?} {name}");
            let watched = client.connection_ended(Duration::from_millis(1)).await;
            assert_eq!(watched.err().map(|error| error.kind), wrong, "{product:?} {name}, idle connection");
        }
    }
}

#[tokio::test]
async fn only_the_given_authority_is_trusted() {
    for product in Product::BOTH {
        let authority = Authority::new();
        let server = Plan::new(product, Storage::Inmem).tls(&authority).start().await;
        let good = client(&server.address(), Some(&authority), None);
        assert!(good.seal_status().await.is_ok());
        assert_eq!(good.connection_ended(Duration::from_millis(300)).await, Ok(false));
        let stranger = client(&server.address(), Some(&Authority::new()), None);
        assert_eq!(stranger.seal_status().await.unwrap_err().kind, VaultErrorKind::Tls);
        assert_eq!(stranger.connection_ended(Duration::from_secs(1)).await.unwrap_err().kind, VaultErrorKind::Tls);
    }
}

#[tokio::test]
async fn a_share_reaches_its_server_over_both_schemes() {
    let authority = Authority::new();
    for authority in [None, Some(&authority)] {
        let plan = Plan::new(Product::OpenBao, Storage::Inmem);
        let server = if let Some(authority) = authority { plan.tls(authority) } else { plan }.start().await;
        let keys = server.api().init(5, 3).await;
        let answer = client(&server.address(), authority, None).send_share(&share(&keys.shares[0]), false).await;
        assert!(matches!(answer, Ok(ShareAnswer::Counted { progress: 1, .. })), "{answer:?}");
        if authority.is_some() {
            let stranger = client(&server.address(), Some(&Authority::new()), None);
            let refusal = stranger.send_share(&share(&keys.shares[1]), false).await.unwrap_err();
            assert_eq!(refusal.kind, VaultErrorKind::Tls, "verification is on");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_the_environment_sees_nothing() {
    let (proxy, seen) = recorder("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n".to_owned()).await;
    let mut socket = tokio::net::TcpStream::connect(proxy).await.unwrap();
    socket.write_all(b"control").await.unwrap();
    socket.read_u8().await.unwrap();
    assert_eq!(bytes(&seen), b"control", "the recorder records");

    let child = tokio::task::spawn_blocking(move || {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "vault_client::a_share_reaches_its_server_over_both_schemes"]);
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            child.env(name, format!("http://{proxy}"));
        }
        child.env("VAULT_SKIP_VERIFY", "").env("VAULT_ADDR", format!("http://{proxy}"));
        child.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap()
    });
    let output = child.await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(bytes(&seen), b"control");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, seen) = recorder("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()).await;
    let answer = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{elsewhere}/v1/sys/unseal\r\nContent-Length: 0\r\n\r\n"
    );
    let (front, _) = recorder(answer).await;
    let refusal =
        client(&format!("http://{front}"), None, None).send_share(&Share::copy_from(&[3; 33]), true).await.unwrap_err();
    assert_eq!(refusal.kind, VaultErrorKind::Redirected);
    assert_eq!(bytes(&seen), b"");
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_off_and_not_repeated() {
    let body = "marker-of-the-body".repeat(100_000);
    let (server, _) = recorder(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())).await;
    let refusal = client(&format!("http://{server}"), None, None).seal_status().await.unwrap_err();
    assert_eq!(refusal.kind, VaultErrorKind::Malformed);
    assert!(!format!("{refusal:?}").contains("marker"));
}

#[tokio::test]
async fn a_listener_of_another_user_gets_no_share_token_or_init() {
    let (impostor, seen) = recorder("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()).await;
    let own = rustix::process::getuid().as_raw();
    let (address, secret) = (format!("http://{impostor}"), Share::copy_from(&[3; 33]));
    let wary = client(&address, None, Some(own + 1));
    assert_eq!(wary.send_share(&secret, false).await.unwrap_err().kind, VaultErrorKind::Untrusted);
    assert_eq!(wary.init(5, 3).await.err().map(|error| error.kind), Some(VaultErrorKind::Untrusted));
    let token = Token::copy_from(b"s.token");
    assert_eq!(wary.revoke_self(&token).await.unwrap_err().kind, VaultErrorKind::Untrusted);
    assert_eq!(bytes(&seen), b"");

    let trusting = client(&address, None, Some(own));
    assert_eq!(trusting.send_share(&secret, false).await.unwrap_err().kind, VaultErrorKind::Malformed);
    assert!(!bytes(&seen).is_empty(), "a listener of the expected user is asked");
}

#[tokio::test]
async fn nothing_listening_and_nothing_answering_are_two_things() {
    let mut server = Plan::new(Product::OpenBao, Storage::Inmem).start().await;
    let client = client(&server.address(), None, None);
    server.process().freeze();
    assert_eq!(client.health().await.unwrap_err().kind, VaultErrorKind::TimedOut);
    server.process().thaw();
    server.kill();
    assert_eq!(client.seal_status().await.unwrap_err().kind, VaultErrorKind::Refused);
    assert_eq!(client.connection_ended(Duration::from_secs(1)).await.unwrap_err().kind, VaultErrorKind::Refused);
}

#[tokio::test]
async fn an_idle_connection_outlives_the_header_timeout_and_ends_with_the_server() {
    for product in Product::BOTH {
        let (mut server, _, client) = open(product).await;
        let watching = tokio::spawn(async move {
            let ended = client.connection_ended(Duration::from_mins(1)).await;
            (ended, Instant::now())
        });
        // Go's server drops a connection that asked nothing after 10 s.
        tokio::time::sleep(Duration::from_secs(12)).await;
        assert!(!watching.is_finished(), "{product:?} let the idle connection go");
        let killed = Instant::now();
        server.kill();
        let (ended, noticed) = watching.await.unwrap();
        assert_eq!(ended, Ok(true));
        assert!(noticed.duration_since(killed) < Duration::from_millis(100), "{:?}", noticed.duration_since(killed));
    }
}
