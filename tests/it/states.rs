//! Every state of a node that needs no rotation, reached on real servers, and visible in status, series and log.
#![expect(clippy::expect_used, reason = "a scenario that cannot be set up has failed")]

mod alone;
mod cold_start;
mod raft;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use harness::api::Keys;
use harness::daemon::Daemon;
use harness::server::{Cluster, Server};
use harness::site::Site;
use harness::wait;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::Value;
use unsealer::daemon::local::{LocalWord, say};

/// Longest time for a state to come, on a loaded machine.
pub(crate) const LIMIT: Duration = Duration::from_mins(2);

/// One node of the first Vault.
pub(crate) fn node(status: &Value, index: usize) -> &Value {
    &status["vaults"][0]["nodes"][index]
}

/// The node comes into the state, and says so in status, series and log. The three are looked at together, so that a state that
/// lasts a moment only is seen in each of them.
pub(crate) async fn shows(daemon: &Daemon, index: usize, state: &str) -> Value {
    let (mut told, mut counted) = (None, false);
    wait::for_some(LIMIT, state, async || {
        let (status, metrics) = tokio::join!(daemon.status(), daemon.metrics());
        let address = node(&status, index)["address"].as_str().expect("an address").to_owned();
        let series = format!("unsealer_node_state{{vault=\"main\",node=\"{address}\",state=\"{state}\"}} 1.0");
        counted |= metrics.contains(&series);
        let said = format!("state=\"{state}\"");
        let logged = daemon.log().lines().any(|line| line.contains(&said) && line.contains(&address));
        let seen = node(&status, index).to_string();
        if node(&status, index)["state"] == state {
            told = Some(status);
        }
        if counted
            && logged
            && let Some(status) = told.take()
        {
            return Ok(status);
        }
        Err(format!("in status: {}, in series: {counted}, in log: {logged}; now {seen}", told.is_some()))
    })
    .await
}

/// The next step that the first node's state names.
pub(crate) fn next_step(status: &Value) -> &str {
    node(status, 0)["nextStep"].as_str().unwrap_or_default()
}

/// A site with these servers as the nodes of `main`.
pub(crate) async fn site_of(servers: &[&Server]) -> Site {
    Site::new().await.vault("main", servers.iter().map(|server| server.address()))
}

/// Kills a server and starts it again.
pub(crate) async fn restart(server: &mut Server) {
    server.kill();
    server.start_again().await;
}

/// Makes the daemon look at every node within 2 s: an open one is looked at every 75 s, and whenever there is news. The news is a
/// release on this host from long ago, which releases nothing.
pub(crate) fn look_now(site: &Site) {
    static NEWS: AtomicI64 = AtomicI64::new(1);
    let at = Timestamp::from_second(NEWS.fetch_add(1, Ordering::Relaxed)).expect("a second of 1970");
    say(&site.folder().join("cache"), "main", &LocalWord::Release(at)).expect("a local word");
}

/// Waits until every member of a cluster has a vote: a new one has none for its first 14 s, and neither loses nor makes a quorum.
async fn every_member_votes(cluster: &Cluster, keys: &Keys) {
    wait::for_some(LIMIT, "every member to have a vote", async || {
        let path = "sys/storage/raft/configuration";
        let config = cluster.nodes[0].api().call(Method::GET, path, Some(&keys.root_token), None).await.good();
        let servers = config["data"]["config"]["servers"].as_array().cloned().unwrap_or_default();
        let voters = servers.iter().filter(|server| server["voter"] == true).count();
        if voters == cluster.nodes.len() { Ok(()) } else { Err(config.to_string()) }
    })
    .await;
}
