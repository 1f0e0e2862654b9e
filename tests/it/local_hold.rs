//! A local hold file that the daemon cannot read: told each time it happens, and told once.
#![expect(clippy::expect_used, reason = "a local word that cannot be written fails the test")]

use std::time::Duration;

use harness::daemon::Daemon;
use harness::ports::Port;
use harness::site::Site;
use harness::wait;
use sops_tools::clock::{Clock as _, System};
use unsealer::daemon::local::{LocalWord, say};
use unsealer::supervisor::LocalHold;

/// Longest time for a state to come, on a loaded machine.
const LIMIT: Duration = Duration::from_mins(1);

fn hold() -> LocalWord {
    LocalWord::Hold(LocalHold { reason: "disk".to_owned(), host: "here".to_owned(), at: System.now() })
}

fn lines(daemon: &Daemon, text: &str) -> usize {
    daemon.log().lines().filter(|line| line.contains(text)).count()
}

/// Says holds and releases of the Vault `other` until the daemon has read local files several times.
async fn read_again_and_again(site: &Site, daemon: &Daemon) {
    let cache = site.folder().join("cache");
    for held in [true, false, true, false] {
        let word = if held { hold() } else { LocalWord::Release(System.now()) };
        say(&cache, "other", &word).expect("a local word");
        let seen = |status: &serde_json::Value| status["vaults"][1]["holds"][0].is_object() == held;
        daemon.until(LIMIT, "the local word about the other Vault", seen).await;
    }
}

#[tokio::test]
async fn an_unreadable_local_hold_file_is_told_once_each_time_and_what_was_known_stays() {
    let (main, other) = (Port::take(), Port::take());
    let address = |port: &Port| format!("http://{}", port.address());
    let site = Site::new().await.vault("main", [address(&main)]).vault("other", [address(&other)]);
    let daemon = site.daemon().await;
    let cache = site.folder().join("cache");
    for time in 1..=2 {
        say(&cache, "main", &hold()).expect("a local hold");
        daemon.until(LIMIT, "the hold", |status| status["vaults"][0]["holds"][0]["kind"] == "local").await;
        wait::until(LIMIT, "the file to be read again", async || lines(&daemon, "can be read again") == time - 1).await;

        site.folder().write("cache/local/main.json", "{}");
        wait::until(LIMIT, "the fault", async || lines(&daemon, "hold file cannot be read") == time).await;
        read_again_and_again(&site, &daemon).await;
        assert_eq!(lines(&daemon, "hold file cannot be read"), time, "told once: {}", daemon.log());
        let status = daemon.status().await;
        assert_eq!(status["vaults"][0]["holds"][0]["kind"], "local", "what was known stays: {status}");
    }
}
