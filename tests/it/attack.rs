//! Somebody who holds the store's write key and the public recipients, against the daemon on real servers.
//!
//! Whatever such a person writes or deletes: with a cache that has seen the true state the Vault keeps opening, nothing moves, and each
//! deed is alarmed by name. Without a cache each deed ends in a state with a name and a way out that works.
#![expect(clippy::expect_used, reason = "a scenario that cannot be set up has failed")]

use std::time::Duration;

use harness::daemon::Daemon;
use harness::proxy::Proxy;
use harness::s3::Bucket;
use harness::server::{Cluster, Plan, Product, Server, Storage};
use harness::site::Site;
use harness::wait;
use harness::weed::{BUCKET, READ_ONLY, READ_WRITE, Weed};
use restore::objects::location::{Checksums, S3Location};
use restore::objects::s3::S3Store;
use serde_json::Value;
use sops_tools::clock::{Clock as _, System};
use sops_tools::custody::{Recipient, StoreKeys};
use sops_tools::secret::Share;
use unsealer::store::bundle::{self, BundleHead};
use unsealer::store::names::{CustodianName, MarkKind, VaultName};
use unsealer::store::publish::Writer;
use unsealer::store::records::{HoldRecord, MarkRecord};
use unsealer::store::view::{Generation, Seal};

const LIMIT: Duration = Duration::from_mins(1);
const ROOT: &str = "prod/vaults/main";
const ID: &str = "0123456789abcdef0123456789abcdef";

/// What the attacker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attack {
    NewerRubbish,
    HugeGeneration,
    Hold,
    ProvenMark,
    SwappedManifest,
    DeleteAll,
    OldState,
}

impl Attack {
    const ALL: [Self; 7] = [
        Self::NewerRubbish,
        Self::HugeGeneration,
        Self::Hold,
        Self::ProvenMark,
        Self::SwappedManifest,
        Self::DeleteAll,
        Self::OldState,
    ];

    /// The alarm's class, and a part of the path it names, for a daemon that has seen the true state.
    fn alarm(self) -> (&'static str, &'static str) {
        match self {
            Self::NewerRubbish => ("not-authentic", "/generations/2/all.1.age"),
            Self::HugeGeneration => ("number-out-of-range", "/generations/9223372036854775808/all.1.age"),
            Self::Hold => ("not-authentic", "/holds/"),
            Self::ProvenMark => ("not-authentic", "/generations/2/proven."),
            Self::SwappedManifest => ("swapped", "/generations/1/manifest.1.json"),
            Self::DeleteAll => ("rolled-back", "/generations/1/manifest.1.json"),
            Self::OldState => ("rolled-back", "/holds/"),
        }
    }

    /// The state of the sealed node of a daemon that has never seen the true state.
    fn without_a_cache(self) -> &'static str {
        match self {
            Self::DeleteAll => "shares-missing",
            Self::OldState => "held",
            _ => "open-active",
        }
    }
}

/// An S3 server with the stored shares of one Vault: generation 1, proven, and a hold that was released again.
struct Ground {
    weed: Weed,
    site: Site,
    attacker: Bucket,
    truth: Vec<(String, Vec<u8>)>,
}

impl Ground {
    async fn new(nodes: impl IntoIterator<Item = String>) -> Self {
        let weed = Weed::start().await;
        let mut site = Site::new().await.vault("main", nodes);
        site.use_s3(&weed.endpoint(), "prod", READ_WRITE);
        let attacker = weed.bucket(READ_WRITE);
        Self { weed, site, attacker, truth: Vec::new() }
    }

    /// Stores what an honest operator stores, and remembers it.
    async fn honest(&mut self) {
        self.site.init("main").await.assert_status(0);
        self.site.command(&["hold", "--reason", "audit"]).await.assert_status(0);
        self.site.command(&["release", "--all"]).await.assert_status(0);
        for key in self.attacker.list(ROOT).await {
            let bytes = self.attacker.get(&key).await.expect("a listed object");
            self.truth.push((key, bytes));
        }
        self.site.use_s3(&self.weed.endpoint(), "prod", READ_ONLY);
    }

    /// Puts the store back as the honest operator left it.
    async fn put_back(&self) {
        self.attacker.delete_all(ROOT).await;
        for (key, bytes) in &self.truth {
            self.attacker.put(key, bytes).await;
        }
    }

    /// From here on a cache that has seen nothing; the old one is kept where it was.
    fn new_cache(&mut self, name: &str) {
        self.site.settings["cacheDir"] = self.site.folder().join(name).to_string_lossy().into_owned().into();
    }

    fn old_cache(&mut self) {
        self.new_cache("cache");
    }

    fn key_of(&self, part: &str) -> &str {
        let mut keys = self.truth.iter().map(|(key, _)| key.as_str());
        keys.find(|key| key.contains(part)).expect("an object of the honest operator")
    }

    fn bytes_of(&self, part: &str) -> &[u8] {
        let mut objects = self.truth.iter();
        objects.find(|(key, _)| key.contains(part)).map(|(_, bytes)| bytes).expect("an object of the honest operator")
    }

    /// The key of the release among the two objects under `holds/`.
    fn release_key(&self) -> String {
        let holds = self.truth.iter().filter(|(key, _)| key.contains("/holds/"));
        let release = holds.filter(|(_, bytes)| String::from_utf8_lossy(bytes).contains("releases"));
        release.map(|(key, _)| key.clone()).next().expect("a release")
    }

    /// The attacker's own client, which signs with a store key of his own.
    fn store(&self) -> S3Store {
        let file = |kind: &str| self.site.folder().join(format!("s3/{}.{kind}", READ_WRITE.access));
        S3Store::open(S3Location {
            bucket: BUCKET.to_owned(),
            prefix: "prod".to_owned(),
            endpoint: Some(self.weed.endpoint().parse().expect("an address")),
            region: "us-east-1".to_owned(),
            access_key_file: file("access").into(),
            secret_key_file: file("secret").into(),
            ca_file: None,
            checksums: Checksums::Always,
        })
        .expect("a store")
    }

    /// A whole bundle of shares of the attacker's own: everything it takes is public.
    fn rubbish(&self, generation: u32) -> Vec<u8> {
        let recipients = self.site.settings["recipients"].as_object().expect("recipients").values();
        let recipients: Vec<Recipient> =
            recipients.map(|text| text.as_str().expect("text").parse().expect("a recipient")).collect();
        let head = BundleHead {
            vault: name(),
            generation: Generation(generation),
            seal: Seal(1),
            custodian: CustodianName::all(),
            threshold: 3,
            total: 5,
            created: System.now(),
        };
        let shares: Vec<Share> =
            (1..=5).map(|number| Share::copy_from(&[vec![7; 32], vec![number]].concat())).collect();
        bundle::make(&head, &shares.iter().collect::<Vec<_>>(), &recipients).expect("sealed")
    }

    async fn commit(&self, attack: Attack) {
        let (store, keys, vault) = (self.store(), StoreKeys::generate(&System), name());
        let forger = Writer::new(&store, &vault, &keys, &System, &System);
        let text = || "attacker".to_owned();
        let rubbish = async || {
            self.attacker.put(&format!("{ROOT}/generations/2/all.1.age"), &self.rubbish(2)).await;
            self.attacker.put(&format!("{ROOT}/generations/2/manifest.1.json"), b"{}").await;
        };
        match attack {
            Attack::NewerRubbish => rubbish().await,
            Attack::HugeGeneration => {
                let key = format!("{ROOT}/generations/9223372036854775808/all.1.age");
                self.attacker.put(&key, &self.rubbish(3)).await;
            }
            Attack::Hold => {
                forger.hold(HoldRecord { reason: text(), host: text() }).await.expect("a forged hold");
                self.attacker.put(&format!("{ROOT}/holds/{ID}.json"), self.bytes_of("/holds/")).await;
            }
            Attack::ProvenMark => {
                rubbish().await;
                let proof = MarkRecord { how: text(), command: text(), host: text(), cluster_id: None };
                forger.mark(Generation(2), MarkKind::Proven, proof).await.expect("a forged mark");
            }
            Attack::SwappedManifest => {
                let manifest = self.key_of("/generations/1/manifest.1.json");
                self.attacker.put(manifest, self.bytes_of("/generations/1/proven.")).await;
            }
            Attack::DeleteAll => self.attacker.delete_all(ROOT).await,
            Attack::OldState => self.attacker.delete(&self.release_key()).await,
        }
    }

    /// A daemon that has read the store, and where its log begins.
    async fn daemon(&self) -> (Daemon, usize) {
        let log = self.site.folder().join("daemon.log");
        let begin = std::fs::metadata(&log).map_or(0, |about| usize::try_from(about.len()).expect("a short log"));
        let daemon = self.site.daemon().await;
        daemon.until(LIMIT, "the store to be read", |status| status["vaults"][0]["store"]["available"] == true).await;
        (daemon, begin)
    }
}

fn name() -> VaultName {
    VaultName::new("main").expect("a name")
}

fn state(status: &Value) -> &str {
    status["vaults"][0]["nodes"][0]["state"].as_str().unwrap_or_default()
}

/// What must not move: the authentic generations in their order, and the holds in force.
fn standing(status: &Value) -> (Vec<Value>, Value) {
    let vault = &status["vaults"][0];
    let mut generations = vault["generations"].as_array().expect("generations").clone();
    generations.retain(|one| one["standing"] != "not-authentic");
    (generations, vault["holds"].clone())
}

/// The alarm is in the status, the series and the log, by class and path.
async fn alarmed(daemon: &Daemon, log_begin: usize, (class, path): (&str, &str)) {
    let named = |finding: &Value| {
        finding["class"] == class && finding["path"].as_str().is_some_and(|named| named.contains(path))
    };
    let listed = |status: &Value| status["vaults"][0]["findings"].as_array().is_some_and(|all| all.iter().any(named));
    daemon.until(LIMIT, &format!("the alarm {class} on {path}"), listed).await;
    let metrics = daemon.metrics().await;
    let none = format!("unsealer_store_findings{{vault=\"main\",class=\"{class}\"}} 0.0");
    assert!(!metrics.contains(&none) && metrics.contains(none.trim_end_matches("0.0")), "{metrics}");
    let log = daemon.log();
    let said = log[log_begin..].lines().any(|line| line.contains(class) && line.contains(path));
    assert!(said, "{class} on {path} is not in the log:\n{}", &log[log_begin..]);
}

async fn restart(server: &mut Server) {
    server.kill();
    server.start_again().await;
}

#[tokio::test]
async fn with_a_cache_that_has_seen_the_true_state_an_attacker_moves_nothing() {
    let mut server = Plan::new(Product::Vault, Storage::File).start().await;
    let mut ground = Ground::new([server.address()]).await;
    ground.honest().await;
    let (daemon, _) = ground.daemon().await;
    let before = daemon.until(LIMIT, "the Vault to be open", |status| state(status) == "open-active").await;
    let before = standing(&before);
    daemon.kill();
    for attack in Attack::ALL {
        ground.commit(attack).await;
        let (daemon, log_begin) = ground.daemon().await;
        alarmed(&daemon, log_begin, attack.alarm()).await;
        restart(&mut server).await;
        wait::until(LIMIT, &format!("the Vault to be open after {attack:?}"), async || server.api().open().await).await;
        let after = daemon.until(LIMIT, "the daemon to see it", |status| state(status) == "open-active").await;
        assert_eq!(standing(&after), before, "{attack:?}");
        let rolled_back = matches!(attack, Attack::DeleteAll | Attack::OldState);
        assert!(!rolled_back || after["vaults"][0]["store"]["rolledBack"] == true, "{attack:?}: {after}");
        let series = "unsealer_store_rolled_back{vault=\"main\"} 1.0";
        assert!(!rolled_back || daemon.metrics().await.contains(series), "{attack:?}");
        daemon.kill();
        ground.put_back().await;
    }
}

#[tokio::test]
async fn without_a_cache_each_attack_ends_in_a_named_state_with_a_way_out() {
    let mut server = Plan::new(Product::Vault, Storage::File).start().await;
    let mut ground = Ground::new([server.address()]).await;
    ground.honest().await;
    // The cache of another daemon, for the way out.
    let (other, _) = ground.daemon().await;
    other.until(LIMIT, "the Vault to be open", |status| state(status) == "open-active").await;
    assert_eq!(other.stop().await, Some(0));
    for attack in Attack::ALL {
        ground.commit(attack).await;
        ground.new_cache(&format!("cache-{attack:?}"));
        restart(&mut server).await;
        let (daemon, log_begin) = ground.daemon().await;
        let wanted = attack.without_a_cache();
        let named = daemon.until(LIMIT, wanted, |status| state(status) == wanted).await;
        if wanted == "open-active" {
            alarmed(&daemon, log_begin, attack.alarm()).await;
            assert_eq!(standing(&named).1, Value::Array(Vec::new()), "{attack:?}");
        } else {
            assert!(named["vaults"][0]["nodes"][0]["nextStep"].is_string(), "{named}");
            assert!(server.api().sealed().await, "{attack:?}");
            if attack == Attack::OldState {
                ground.site.command(&["unseal"]).await.assert_status(3);
                ground.site.command(&["unseal", "--despite-hold"]).await.assert_status(0);
                assert!(server.api().open().await);
                restart(&mut server).await;
                daemon.until(LIMIT, "held again", |status| state(status) == "held").await;
            }
            ground.old_cache();
            ground.site.use_s3(&ground.weed.endpoint(), "prod", READ_WRITE);
            ground.site.command(&["store", "copy", "--from", "cache"]).await.assert_status(0);
            ground.site.use_s3(&ground.weed.endpoint(), "prod", READ_ONLY);
            wait::until(LIMIT, &format!("the Vault to be open after {attack:?}"), async || server.api().open().await)
                .await;
        }
        daemon.kill();
        ground.put_back().await;
    }
}

/// A leader that is open and a joiner behind a proxy that lists what it is sent; the daemon knows the leader as a peer alone.
struct Joining {
    cluster: Cluster,
    proxy: Proxy,
    ground: Ground,
}

impl Joining {
    async fn new(product: Product) -> Self {
        let cluster = Cluster::start(product, 2, None).await;
        let proxy = Proxy::to(cluster.nodes[1].port()).await;
        let mut ground = Ground::new([cluster.nodes[0].address()]).await;
        let keys = cluster.nodes[0].api().init(5, 3).await;
        let file = ground.site.folder().write("shares.txt", keys.shares.join("\n"));
        ground.import(&file.to_string_lossy()).await;
        cluster.nodes[0].api().active().await;
        ground.site.settings["vaults"][0]["nodes"] = vec![proxy.address()].into();
        ground.site.settings["vaults"][0]["peers"] = vec![cluster.nodes[0].address()].into();
        Self { cluster, proxy, ground }
    }

    fn shares_sent(&self) -> usize {
        self.proxy.calls().iter().filter(|call| call.name == "PUT /v1/sys/unseal").count()
    }
}

impl Ground {
    /// The honest operator takes shares over; the server is sealed until then.
    async fn import(&mut self, file: &str) {
        let import = ["import", "--vault", "main", "--shares-file", file, "--threshold", "3"];
        self.site.command(&import).await.assert_status(0);
        for key in self.attacker.list(ROOT).await {
            let bytes = self.attacker.get(&key).await.expect("a listed object");
            self.truth.push((key, bytes));
        }
        self.site.use_s3(&self.weed.endpoint(), "prod", READ_ONLY);
    }
}

#[tokio::test]
async fn a_joining_node_is_sent_nothing_foreign() {
    let joining = Joining::new(Product::Vault).await;
    for attack in [Attack::ProvenMark, Attack::HugeGeneration] {
        joining.ground.commit(attack).await;
    }
    let (daemon, log_begin) = joining.ground.daemon().await;
    let open = |status: &Value| state(status) == "open-standby";
    daemon.until(LIMIT, "the joiner to be open", open).await;
    alarmed(&daemon, log_begin, Attack::ProvenMark.alarm()).await;
    assert_eq!(joining.shares_sent(), 3, "the shares of generation 1 and no other: {:?}", joining.proxy.calls());
}

#[tokio::test]
async fn a_joining_node_is_sent_nothing_where_only_foreign_objects_are_left() {
    let mut joining = Joining::new(Product::OpenBao).await;
    // A daemon elsewhere has seen the true state.
    joining.ground.new_cache("other");
    let address = joining.cluster.nodes[0].address();
    let (nodes, peers) = (joining.ground.site.settings["vaults"][0]["nodes"].clone(), vec![address.clone()]);
    joining.ground.site.settings["vaults"][0]["nodes"] = vec![address].into();
    let (other, _) = joining.ground.daemon().await;
    assert_eq!(other.stop().await, Some(0));
    joining.ground.site.settings["vaults"][0]["nodes"] = nodes;
    joining.ground.site.settings["vaults"][0]["peers"] = peers.into();

    joining.ground.attacker.delete_all(ROOT).await;
    joining.ground.commit(Attack::ProvenMark).await;
    joining.ground.new_cache("empty");
    let (daemon, _) = joining.ground.daemon().await;
    daemon.until(LIMIT, "nothing to send", |status| state(status) == "shares-missing").await;
    // Several looks more: nothing is sent in any of them.
    let looks = joining.proxy.count();
    wait::until(LIMIT, "three more looks", async || joining.proxy.count() > looks + 2).await;
    assert_eq!(joining.shares_sent(), 0, "{:?}", joining.proxy.calls());
    joining.ground.new_cache("other");
    joining.ground.site.use_s3(&joining.ground.weed.endpoint(), "prod", READ_WRITE);
    joining.ground.site.command(&["store", "copy", "--from", "cache"]).await.assert_status(0);
    daemon.until(LIMIT, "the joiner to be open", |status| state(status) == "open-standby").await;
    assert_eq!(joining.shares_sent(), 3, "{:?}", joining.proxy.calls());
}
