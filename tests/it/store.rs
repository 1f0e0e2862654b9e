//! The share store on a real S3 server: racing writers, and an attacker who has the write key.
#![expect(clippy::expect_used, reason = "a test may end where its ground breaks away")]

use harness::s3::{Bucket, Credentials};
use harness::weed::{ADMIN, BUCKET, READ_ONLY, READ_WRITE, Weed};
use harness::workdir::Workdir;
use restore::objects::ErrorKind;
use restore::objects::location::{Checksums, S3Location};
use restore::objects::s3::S3Store;
use sops_tools::clock::{Clock as _, System};
use sops_tools::custody::{Identities, StoreKeys};
use sops_tools::secret::Share;
use unsealer::store::bundle::{self, BundleHead};
use unsealer::store::contents::Contents;
use unsealer::store::copy;
use unsealer::store::custodians::Custody;
use unsealer::store::load::load;
use unsealer::store::names::{CustodianName, MarkKind, VaultName};
use unsealer::store::publish::{PublishError, Staged, Staging, Writer};
use unsealer::store::records::{HoldRecord, MarkRecord};
use unsealer::store::view::{Generation, Seal, Standing, StoreView, derive};

/// A server and all that an operator holds.
struct Site {
    weed: Weed,
    folder: Workdir,
    vault: VaultName,
    keys: StoreKeys,
    identities: Identities,
}

impl Site {
    async fn new() -> Self {
        Self {
            weed: Weed::start().await,
            folder: Workdir::new("store"),
            vault: VaultName::new("main").expect("a vault's name"),
            keys: StoreKeys::generate(&System),
            identities: Identities::generate(),
        }
    }

    fn store(&self, credentials: Credentials) -> S3Store {
        let file = |kind: &str, text: &str| {
            let name = format!("{}.{kind}", credentials.access);
            self.folder.write(&name, text);
            self.folder.join(&name)
        };
        let location = S3Location {
            bucket: BUCKET.to_owned(),
            prefix: "prod".to_owned(),
            endpoint: Some(self.weed.endpoint().parse().expect("an address")),
            region: "us-east-1".to_owned(),
            access_key_file: file("access", credentials.access).into(),
            secret_key_file: file("secret", credentials.secret).into(),
            ca_file: None,
            checksums: Checksums::Always,
        };
        S3Store::open(location).expect("a store")
    }

    async fn stage(&self, store: &S3Store, generation: u32, seed: u8) -> Result<Staged, PublishError> {
        let shares: Vec<Share> = (1..=3).map(|number| share(number, seed)).collect();
        let custody = Custody::single(self.identities.to_recipients());
        let staging = Staging {
            generation: Generation(generation),
            seal: Seal(1),
            shares: &shares,
            total: u8::try_from(shares.len()).expect("at most 255 shares"),
            threshold: 2,
            custody: &custody,
            created: System.now(),
        };
        Writer::new(store, &self.vault, &self.keys, &System, &System).stage(&staging, &self.identities).await
    }

    async fn contents(&self) -> Contents {
        let store = self.store(READ_ONLY);
        load(&store, &self.vault, &self.keys, &Contents::default(), None).await.expect("the store is read")
    }

    async fn view(&self, cache: &Contents) -> StoreView {
        derive(&self.vault, &self.contents().await, &self.keys, cache)
    }

    /// One proven generation and one hold.
    async fn honest(&self) {
        let store = self.store(READ_WRITE);
        self.stage(&store, 1, 1).await.expect("staged");
        let writer = Writer::new(&store, &self.vault, &self.keys, &System, &System);
        writer.probe().await.expect("conditions work");
        let text = || "test".to_owned();
        let proof = MarkRecord { how: text(), command: text(), host: text(), cluster_id: Some("c".to_owned()) };
        writer.mark(Generation(1), MarkKind::Proven, proof).await.expect("marked");
        writer.hold(HoldRecord { reason: text(), host: text() }).await.expect("held");
    }

    /// What somebody can make who knows the recipients: a whole bundle with shares of his own.
    fn rubbish(&self, generation: u32) -> Vec<u8> {
        let head = BundleHead {
            vault: self.vault.clone(),
            generation: Generation(generation),
            seal: Seal(1),
            custodian: CustodianName::all(),
            threshold: 1,
            total: 2,
            created: System.now(),
        };
        bundle::make(&head, &[&share(1, 99)], &self.identities.to_recipients()).expect("sealed")
    }
}

fn share(number: u8, seed: u8) -> Share {
    let mut bytes = [seed; 33];
    bytes[32] = number;
    Share::copy_from(&bytes)
}

/// What must not move, whatever stands beside it.
fn standing(view: &StoreView) -> StoreView {
    let mut view = view.clone();
    view.candidates.retain(|candidate| candidate.standing != Standing::NotAuthentic);
    StoreView { findings: Vec::new(), next_generation: None, next_intent: None, foreign: 0, rolled_back: false, ..view }
}

fn alarms(view: &StoreView, class: &str) -> usize {
    view.findings.iter().filter(|finding| finding.class == class).count()
}

const GENERATIONS: &str = "prod/vaults/main/generations";
const ID: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn of_sixteen_stagers_of_one_generation_on_a_real_store_exactly_one_wins() {
    let site = Site::new().await;
    let store = site.store(READ_WRITE);
    let results = futures::future::join_all((1..=16).map(|seed| site.stage(&store, 1, seed))).await;
    let won: Vec<&Staged> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert_eq!(won.len(), 1, "{:?}", results.iter().filter_map(|result| result.as_ref().err()).collect::<Vec<_>>());
    assert!(results.iter().all(|result| matches!(result, Ok(_) | Err(PublishError::Taken { .. }))));
    let view = site.view(&Contents::default()).await;
    assert_eq!(view.candidates[0].bundles[0].digest, won[0].manifest.custodians[0].digest);
    assert_eq!(view.findings, []);
}

#[tokio::test]
async fn a_read_only_key_reads_all_and_writes_nothing() {
    let site = Site::new().await;
    site.honest().await;
    assert_eq!(site.view(&Contents::default()).await.current, Some(Generation(1)));
    let refused = site.stage(&site.store(READ_ONLY), 2, 2).await.err();
    assert!(matches!(refused, Some(PublishError::Store(error)) if error.kind == ErrorKind::Denied));
}

async fn attack(site: &Site, bucket: &Bucket, true_state: &Contents) {
    bucket.put(&format!("{GENERATIONS}/2/all.1.age"), &site.rubbish(2)).await;
    bucket.put(&format!("{GENERATIONS}/2/manifest.1.json"), b"{}").await;
    bucket.put(&format!("{GENERATIONS}/9223372036854775808/all.1.age"), b"x").await;
    bucket
        .put(&format!("{GENERATIONS}/2/proven.{ID}.json"), b"{\"payload\":\"{}\",\"keyId\":\"00\",\"mac\":\"00\"}")
        .await;
    let object = |part: &str| {
        let object = true_state.objects.iter().find(|object| object.path.contains(part));
        object.and_then(|object| object.bytes()).expect("an authentic object").to_vec()
    };
    bucket.put(&format!("prod/vaults/main/holds/{ID}.json"), &object("/holds/")).await;
    bucket.put(&format!("{GENERATIONS}/3/manifest.1.json"), &object("manifest.1.json")).await;
    bucket.put(&format!("{GENERATIONS}/1/retired.{ID}.json"), &object("/proven.")).await;
}

#[tokio::test]
async fn an_attacker_with_the_write_key_moves_nothing_and_is_alarmed_by_name() {
    let site = Site::new().await;
    site.honest().await;
    let cache = site.contents().await;
    let before = site.view(&cache).await;
    assert_eq!((before.current, before.holds.len(), before.findings.len()), (Some(Generation(1)), 1, 0));

    let bucket = site.weed.bucket(ADMIN);
    attack(&site, &bucket, &cache).await;
    for seen in [&cache, &Contents::default()] {
        let view = site.view(seen).await;
        assert_eq!(standing(&view), standing(&before));
        assert_eq!(alarms(&view, "number-out-of-range"), 1);
        assert_eq!(alarms(&view, "swapped"), 3, "hold, manifest and mark: {:?}", view.findings);
        assert_eq!(alarms(&view, "not-authentic"), 3, "{:?}", view.findings);
        assert_eq!(view.undecided, [], "a joiner waits for nothing and is sent nothing foreign");
        assert_eq!(view.next_generation, Some(4), "occupied numbers are skipped");
        assert!(!view.rolled_back);
    }

    bucket.delete_all("prod/vaults/").await;
    let view = site.view(&cache).await;
    assert_eq!(standing(&view), standing(&before));
    assert!(view.rolled_back && alarms(&view, "rolled-back") > 0);
    assert!(!site.view(&Contents::default()).await.anything_here, "without a cache nothing is left");

    let target = site.contents().await;
    let plan = copy::plan(&site.vault, &cache, &target, &site.keys);
    let taken = copy::apply(&plan, &site.store(READ_WRITE)).await.expect("copied");
    assert_eq!(taken, Vec::<String>::new());
    assert_eq!(site.view(&cache).await, before, "the way out works");
}
