//! States of a node that need no rotation, reached on real servers, and visible in status, series and log.
#![expect(clippy::expect_used, reason = "a scenario that cannot be set up has failed")]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::api::Keys;
use harness::daemon::Daemon;
use harness::server::{Cluster, Plan, Product, Server, Storage};
use harness::site::Site;
use harness::stub::Stub;
use harness::wait;
use restore::objects::directory::DirectoryStore;
use serde_json::{Value, json};
use sops_tools::clock::{Clock as _, System};
use sops_tools::custody::{Identities, StoreKeys};
use sops_tools::secret::Share;
use unsealer::store::custodians::Custody;
use unsealer::store::names::{MarkKind, VaultName};
use unsealer::store::publish::{Staging, Writer};
use unsealer::store::records::{IntentRecord, MarkRecord, Purpose};
use unsealer::store::view::{Generation, Seal};

const LIMIT: Duration = Duration::from_mins(1);

/// The directory store of a site, written past the commands.
struct Store {
    objects: DirectoryStore,
    keys: StoreKeys,
    identities: Identities,
    vault: VaultName,
}

impl Store {
    fn of(site: &Site) -> Self {
        let keys = site.folder().join("keys/unseal");
        Self {
            objects: DirectoryStore::open_or_make(site.folder().join("store")).expect("a store"),
            keys: StoreKeys::load(&keys.join("store.key")).expect("a store key"),
            identities: Identities::load(&[keys]).expect("an identity"),
            vault: VaultName::new("main").expect("a name"),
        }
    }

    fn writer(&self) -> Writer<'_> {
        Writer::new(&self.objects, &self.vault, &self.keys, &System, &System)
    }

    /// Stages shares as a generation, neither proven nor abandoned.
    async fn stage(&self, generation: u32, shares: &[Share]) {
        let staging = Staging {
            generation: Generation(generation),
            seal: Seal(1),
            shares,
            total: 5,
            threshold: 3,
            custody: &Custody::single(self.identities.to_recipients()),
            created: System.now(),
        };
        self.writer().stage(&staging, &self.identities).await.expect("stored shares");
    }

    async fn mark(&self, generation: u32, kind: MarkKind) {
        let text = || "test".to_owned();
        let record = MarkRecord { how: text(), command: text(), host: text(), cluster_id: None };
        self.writer().mark(Generation(generation), kind, record).await.expect("a mark");
    }

    async fn intent(&self) {
        let record =
            IntentRecord { purpose: Purpose::Init, host: "ops".to_owned(), local_copy: "/state/main.age".to_owned() };
        self.writer().open_intent(1, record).await.expect("an intent");
    }
}

fn shares(keys: &Keys) -> Vec<Share> {
    keys.shares.iter().map(|text| Share::copy_from(&STANDARD.decode(text).expect("base64"))).collect()
}

/// Shares of no server: of the right form, and of one split of nothing.
fn wrong_shares() -> Vec<Share> {
    (1..=5).map(|number| Share::copy_from(&[vec![7; 32], vec![number]].concat())).collect()
}

fn node(status: &Value, index: usize) -> &Value {
    &status["vaults"][0]["nodes"][index]
}

/// The node comes into the state, and says so in status, series and log.
async fn shows(daemon: &Daemon, index: usize, state: &str) -> Value {
    let status = daemon.until(LIMIT, state, |status| node(status, index)["state"] == state).await;
    let address = node(&status, index)["address"].as_str().expect("an address").to_owned();
    let series = format!("unsealer_node_state{{vault=\"main\",node=\"{address}\",state=\"{state}\"}} 1.0");
    wait::until(LIMIT, &series, async || daemon.metrics().await.contains(&series)).await;
    let said = format!("state=\"{state}\"");
    let logged = || daemon.log().lines().any(|line| line.contains(&said) && line.contains(&address));
    wait::until(LIMIT, &format!("{said} in the log"), async || logged()).await;
    status
}

fn next_step(status: &Value) -> &str {
    node(status, 0)["nextStep"].as_str().unwrap_or_default()
}

async fn site_of(servers: &[&Server]) -> Site {
    Site::new().await.vault("main", servers.iter().map(|server| server.address()))
}

async fn restart(server: &mut Server) {
    server.kill();
    server.start_again().await;
}

#[tokio::test]
async fn from_down_over_empty_and_an_open_intent_to_open() {
    let mut server = Plan::new(Product::Vault, Storage::File).stopped();
    let site = site_of(&[&server]).await;
    let store = Store::of(&site);
    let daemon = site.daemon().await;
    shows(&daemon, 0, "unreachable").await;
    server.start_again().await;
    assert!(next_step(&shows(&daemon, 0, "uninitialised").await).contains("unsealer init"));
    store.intent().await;
    assert!(next_step(&shows(&daemon, 0, "intent-open").await).contains("--continue 1"));
    let keys = server.api().init(5, 3).await;
    daemon
        .until(LIMIT, "the way out of an initialised server", |status| next_step(status).contains("publishes the copy"))
        .await;
    assert!(server.api().sealed().await);
    store.stage(1, &shares(&keys)).await;
    shows(&daemon, 0, "unsealing").await;
    let open = shows(&daemon, 0, "open-active").await;
    assert!(node(&open, 0)["message"].as_str().is_some_and(|message| message.contains("intent 1")), "{open}");
}

#[tokio::test]
async fn shares_that_are_missing_foreign_or_of_another_split_are_named() {
    let server = Plan::new(Product::OpenBao, Storage::Raft).start().await;
    let keys = server.api().init(5, 3).await;
    let site = site_of(&[&server]).await;
    let store = Store::of(&site);
    let daemon = site.daemon().await;
    assert!(next_step(&shows(&daemon, 0, "shares-missing").await).contains("unsealer import"));
    store.stage(1, &wrong_shares()).await;
    assert!(next_step(&shows(&daemon, 0, "shares-rejected").await).contains("unsealer import"));
    // Something new in the store ends the back-off.
    store.stage(2, &shares(&keys)).await;
    shows(&daemon, 0, "open-active").await;
}

#[tokio::test]
async fn an_init_that_died_half_way_is_named() {
    // A real server says so after one of 36 kills inside its init: its answer is given here word for word.
    let body = r#"{"errors":["barrier reports initialized but no seal configuration found"]}"#;
    let server = Stub::start(move |_| (500, String::new(), body.to_owned()));
    let site = Site::new().await.vault("main", [server.url()]);
    let daemon = site.daemon().await;
    shows(&daemon, 0, "broken-init").await;
}

#[tokio::test]
async fn a_store_that_is_away_or_went_back_is_named_beside_the_state() {
    let server = Plan::new(Product::Vault, Storage::File).start().await;
    let keys = server.api().init(5, 3).await;
    let site = site_of(&[&server]).await;
    let store = Store::of(&site);
    store.stage(1, &shares(&keys)).await;
    store.mark(1, MarkKind::Proven).await;
    let daemon = site.daemon().await;
    shows(&daemon, 0, "open-active").await;
    daemon.kill();
    let folder = site.folder().join("store/vaults/main/generations/1");
    std::fs::remove_file(folder.join("manifest.1.json")).expect("a manifest");
    let daemon = site.daemon().await;
    let back = daemon.until(LIMIT, "a rollback", |status| status["vaults"][0]["store"]["rolledBack"] == true).await;
    assert!(daemon.metrics().await.contains("unsealer_store_rolled_back{vault=\"main\"} 1.0"), "{back}");
    assert!(daemon.log().contains("store-rolled-back"));
    std::fs::rename(site.folder().join("store"), site.folder().join("away")).expect("moving the store away");
    let away = |status: &Value| status["vaults"][0]["store"]["available"] == false;
    daemon.until(LIMIT, "the store to be away", away).await;
    assert!(daemon.metrics().await.contains("unsealer_store_available{vault=\"main\"} 0.0"));
    assert!(daemon.log().contains("store-unavailable"));
}

#[tokio::test]
async fn a_store_inside_the_cluster_is_warned_of() {
    let server = Plan::new(Product::Vault, Storage::File).stopped();
    let mut site = site_of(&[&server]).await;
    site.use_s3("http://minio.storage.svc:9000", "prod", harness::weed::READ_ONLY);
    let daemon = site.daemon().await;
    let warned = |line: &str| line.contains("WARN") && line.contains("store-inside-cluster");
    wait::until(LIMIT, "the warning", async || daemon.log().lines().any(warned)).await;
}

/// Nodes of which the first is open and active, and a store with the right shares as generation 1, proven.
async fn cluster(nodes: usize) -> (Cluster, Keys, Site, Store) {
    let cluster = Cluster::start(Product::OpenBao, nodes, None).await;
    let keys = cluster.nodes[0].api().init(5, 3).await;
    cluster.nodes[0].api().unseal(&keys).await;
    cluster.nodes[0].api().active().await;
    let site = site_of(&cluster.nodes.iter().collect::<Vec<_>>()).await;
    let store = Store::of(&site);
    store.stage(1, &shares(&keys)).await;
    store.mark(1, MarkKind::Proven).await;
    (cluster, keys, site, store)
}

#[tokio::test]
async fn a_joiner_that_was_sent_wrong_shares_by_hand_is_wedged_until_its_restart() {
    let (mut cluster, _, mut site, _) = cluster(2).await;
    site.settings["vaults"][0]["nodes"] = vec![cluster.nodes[1].address()].into();
    site.settings["vaults"][0]["peers"] = vec![cluster.nodes[0].address()].into();
    let joiner = cluster.nodes[1].api();
    wait::until(LIMIT, "the joiner to meet its leader", async || {
        joiner.try_seal_status().await.is_ok_and(|status| status["t"] == 3)
    })
    .await;
    for share in wrong_shares().iter().take(3) {
        let body = json!({"key": STANDARD.encode(share.expose())});
        // The last of them is never answered.
        drop(joiner.try_call(reqwest::Method::PUT, "sys/unseal", None, Some(&body), Duration::from_secs(3)).await);
    }
    let daemon = site.daemon().await;
    assert!(next_step(&shows(&daemon, 0, "wedged").await).contains("restart this server's process"));
    restart(&mut cluster.nodes[1]).await;
    shows(&daemon, 0, "open-standby").await;
}
