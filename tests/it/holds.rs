//! A deliberate seal is respected: holds from the store, of this host, and inferred ones, on a real server.
#![expect(clippy::expect_used, reason = "a scenario that cannot be set up has failed")]

use std::time::{Duration, Instant};

use harness::daemon::Daemon;
use harness::server::{Plan, Product, Server, Storage};
use harness::site::Site;
use harness::wait;
use serde_json::Value;

use crate::states::{LIMIT, look_now, next_step, node, restart, shows, site_of};
use crate::stock::{Stock, shares};

/// An open server whose shares are stored, and a daemon that sees it open and has read the store. `opener` opens it.
async fn kept(opener: Opener) -> (Server, String, Site, Daemon) {
    let server = Plan::new(Product::Vault, Storage::File).start().await;
    let keys = server.api().init(5, 3).await;
    if opener == Opener::Hand {
        server.api().unseal(&keys).await;
    }
    let site = site_of(&[&server]).await;
    let stock = Stock::of(&site, "main");
    stock.stage(1, &shares(&keys)).await;
    // A release that is known before the seal ends nothing.
    stock.release(&[]).await;
    let daemon = site.daemon().await;
    shows(&daemon, 0, "open-active").await;
    daemon.until(LIMIT, "the store to be read", |status| status["vaults"][0]["store"]["available"] == true).await;
    (server, keys.root_token, site, daemon)
}

/// Long enough for the idle connection that proves it to be the same process: no two are begun within 2 s, and nobody outside can
/// see that it stands.
const STANDS: Duration = Duration::from_secs(4);

/// Who opened the server before the daemon saw it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opener {
    /// A person: the daemon has unsealed nothing.
    Hand,
    /// The daemon.
    Daemon,
}

fn holds(status: &Value) -> &Vec<Value> {
    status["vaults"][0]["holds"].as_array().expect("holds")
}

/// Seals, and has the daemon look within 2 s.
async fn seal_in_place(server: &Server, token: &str, site: &Site) {
    tokio::time::sleep(STANDS).await;
    server.api().seal(token).await;
    look_now(site);
}

/// Seals, and waits until the daemon shows the hold.
async fn seal(server: &Server, token: &str, site: &Site, daemon: &Daemon) -> Value {
    seal_in_place(server, token, site).await;
    let held = shows(daemon, 0, "held").await;
    assert!(server.api().sealed().await);
    held
}

/// An inferred hold, seen in all three views.
async fn sealed_on_purpose() -> (Server, String, Site, Daemon) {
    let (server, token, site, daemon) = kept(Opener::Hand).await;
    let held = seal(&server, &token, &site, &daemon).await;
    assert_eq!((holds(&held).len(), &holds(&held)[0]["kind"]), (1, &"inferred".into()), "{held}");
    assert!(next_step(&held).contains("unsealer release"), "{held}");
    let series = "unsealer_holds{vault=\"main\",kind=\"inferred\"} 1.0";
    assert!(daemon.metrics().await.contains(series));
    (server, token, site, daemon)
}

#[tokio::test]
async fn a_deliberate_seal_outlives_the_daemon_and_ends_by_a_later_release() {
    let (server, _, site, daemon) = sealed_on_purpose().await;
    assert_eq!(daemon.stop().await, Some(0));
    let daemon = site.daemon().await;
    daemon.until(LIMIT, "the hold to be remembered", |status| node(status, 0)["state"] == "held").await;
    assert!(server.api().sealed().await);
    site.command(&["release", "--all"]).await.assert_status(0);
    wait::until(LIMIT, "the Vault to be open again", async || server.api().open().await).await;
    daemon.until(LIMIT, "no hold", |status| holds(status).is_empty()).await;
}

#[tokio::test]
async fn a_deliberate_seal_ends_by_a_release_on_this_host_without_the_store() {
    let (server, _, site, daemon) = sealed_on_purpose().await;
    std::fs::rename(site.folder().join("store"), site.folder().join("away")).expect("moving the store away");
    site.command(&["release", "--local"]).await.assert_status(0);
    wait::until(LIMIT, "the Vault to be open again", async || server.api().open().await).await;
    shows(&daemon, 0, "open-active").await;
}

#[tokio::test]
async fn a_deliberate_seal_ends_when_the_vault_is_seen_open() {
    let (mut server, _, site, daemon) = sealed_on_purpose().await;
    site.command(&["unseal", "--despite-hold"]).await.assert_status(0);
    daemon.until(LIMIT, "no hold", |status| holds(status).is_empty()).await;
    restart(&mut server).await;
    wait::until(LIMIT, "the restarted Vault to be open", async || server.api().open().await).await;
}

#[tokio::test]
async fn a_restart_is_no_deliberate_seal() {
    let (mut server, _, _site, daemon) = kept(Opener::Hand).await;
    restart(&mut server).await;
    let open = daemon.until(LIMIT, "the restart to be mended", |status| node(status, 0)["unseals"] == 1).await;
    assert!(holds(&open).is_empty(), "{open}");
    wait::until(LIMIT, "the Vault to be open", async || server.api().open().await).await;
    assert!(!daemon.log().contains("state=\"held\""), "{}", daemon.log());
}

#[tokio::test]
async fn a_seal_within_a_minute_of_our_unseal_is_no_deliberate_one() {
    let (server, token, site, daemon) = kept(Opener::Daemon).await;
    seal_in_place(&server, &token, &site).await;
    let sealed = shows(&daemon, 0, "sealed").await;
    assert!(holds(&sealed).is_empty(), "{sealed}");
    daemon.until(LIMIT, "a second unseal", |status| node(status, 0)["unseals"] == 2).await;
    wait::until(LIMIT, "the Vault to be open", async || server.api().open().await).await;
}

#[tokio::test]
async fn a_hold_that_the_daemon_has_shown_keeps_a_sealed_and_a_restarted_server_shut() {
    let (mut server, token, site, daemon) = kept(Opener::Daemon).await;
    let output =
        site.command(&["hold", "--reason", "incident 7", "--output", "json", "--daemon", daemon.address()]).await;
    let answer = output.assert_status(0).json();
    let id = answer["hold"].as_str().expect("the id of the hold").to_owned();
    let shown = daemon.status().await;
    assert_eq!((holds(&shown).len(), &holds(&shown)[0]["id"]), (1, &id.as_str().into()), "{shown}");
    assert!(daemon.metrics().await.contains("unsealer_holds{vault=\"main\",kind=\"stored\"} 1.0"));
    seal_in_place(&server, &token, &site).await;
    let held = shows(&daemon, 0, "held").await;
    assert!(node(&held, 0)["message"].as_str().is_some_and(|message| message.contains("incident 7")), "{held}");
    restart(&mut server).await;
    daemon.until(LIMIT, "the restarted server to be held", |status| node(status, 0)["state"] == "held").await;
    assert!(server.api().sealed().await);
    site.command(&["unseal"]).await.assert_status(3);
    site.command(&["release", "--hold", &id]).await.assert_status(0);
    daemon.until(LIMIT, "the Vault to be open again", |status| node(status, 0)["state"] == "open-active").await;
}

#[tokio::test]
async fn a_hold_is_seen_within_two_listings_where_no_daemon_is_waited_for() {
    let (_server, _, site, daemon) = kept(Opener::Daemon).await;
    let output = site.command(&["hold", "--reason", "audit"]).await;
    assert!(output.assert_status(0).stdout.contains("seal after 30 s"), "{}", output.text());
    let begun = Instant::now();
    daemon.until(LIMIT, "the hold to be shown", |status| holds(status).len() == 1).await;
    // Listed every 15 s and up to a fifth more; the rest is for a loaded machine.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_hold_on_this_host_works_without_the_store() {
    let (mut server, _, site, daemon) = kept(Opener::Daemon).await;
    std::fs::rename(site.folder().join("store"), site.folder().join("away")).expect("moving the store away");
    site.command(&["hold", "--local", "--reason", "disk"]).await.assert_status(0);
    let shown = daemon.until(LIMIT, "the hold to be seen", |status| holds(status).len() == 1).await;
    assert_eq!(holds(&shown)[0]["kind"], "local", "{shown}");
    restart(&mut server).await;
    let held = shows(&daemon, 0, "held").await;
    assert!(node(&held, 0)["message"].as_str().is_some_and(|message| message.contains("disk")), "{held}");
    assert!(server.api().sealed().await);
    site.command(&["release", "--local"]).await.assert_status(0);
    daemon.until(LIMIT, "the Vault to be open again", |status| node(status, 0)["state"] == "open-active").await;
}
