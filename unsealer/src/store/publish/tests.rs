use restore::objects::ReadObjects as _;
use restore::objects::memory::{Fault, MemoryStore, Operation};
use sops_tools::clock::{Fixed, System};
use sops_tools::custody::Identities;
use sops_tools::secret::Share;

use super::*;
use crate::store::contents::Contents;
use crate::store::custodians::{Custodian, Custody, Portion};
use crate::store::load::load;
use crate::store::names::CustodianName;
use crate::store::records::Purpose;
use crate::store::testing::{fixed_id, keys, share, time, vault};
use crate::store::view::{Standing, derive};

/// All that a command at work holds.
struct Site {
    vault: VaultName,
    keys: StoreKeys,
    clock: Fixed,
    identities: Identities,
    custody: Custody,
}

impl Site {
    fn new() -> Self {
        let identities = Identities::generate();
        let mut recipients = identities.to_recipients();
        recipients.extend(Identities::generate().to_recipients());
        let custody = Custody::single(recipients);
        Self { vault: vault(), keys: keys(1), clock: Fixed(time(5)), identities, custody }
    }

    fn writer<'a>(&'a self, store: &'a MemoryStore) -> Writer<'a> {
        Writer::new(store, &self.vault, &self.keys, &self.clock, &System)
    }

    async fn stage(&self, store: &MemoryStore, generation: u32, shares: &[Share]) -> Result<Staged, PublishError> {
        let staging = Staging {
            total: u8::try_from(shares.len()).unwrap(),
            generation: Generation(generation),
            seal: Seal(1),
            shares,
            threshold: 2,
            custody: &self.custody,
            created: time(1),
        };
        self.writer(store).stage(&staging, &self.identities).await
    }

    async fn view(&self, store: &MemoryStore) -> StoreView {
        let empty = Contents::default();
        let contents = load(store, &self.vault, &self.keys, &empty, None).await.unwrap_or_default();
        derive(&self.vault, &contents, &self.keys, &empty)
    }
}

fn shares(seed: u8) -> Vec<Share> {
    [9, 3, 77].into_iter().map(|number| share(number, seed)).collect()
}

fn intent(host: &str) -> IntentRecord {
    IntentRecord { purpose: Purpose::Init, host: host.to_owned(), local_copy: "/state/copy.age".to_owned() }
}

fn proof() -> MarkRecord {
    let text = || "test".to_owned();
    MarkRecord { how: text(), command: text(), host: text(), cluster_id: Some("c".to_owned()) }
}

/// The writes of an init, in order.
async fn init(site: &Site, store: &MemoryStore, shares: &[Share]) -> Result<(), PublishError> {
    let writer = site.writer(store);
    writer.open_intent(1, intent("h")).await?;
    site.stage(store, 1, shares).await?;
    writer.root_token(Generation(1), &fixed_id(7), b"sealed token", &[]).await?;
    writer.mark(Generation(1), MarkKind::Proven, proof()).await?;
    writer.close_intent(1, IntentCloseRecord { outcome: "done".to_owned(), host: "h".to_owned() }).await
}

/// As many objects as one [`init`] writes.
const WRITES: usize = 7;

#[tokio::test]
async fn a_staged_generation_is_read_back_and_opened() {
    let (site, store, shares) = (Site::new(), MemoryStore::new(), shares(1));
    let staged = site.stage(&store, 1, &shares).await.unwrap_or_else(|fault| unreachable!("{fault}"));
    assert!(staged.opened[0].same_shares(&shares.iter().collect::<Vec<_>>()));
    assert_eq!(staged.manifest.custodians[0].share_numbers, [3, 9, 77]);
    let view = site.view(&store).await;
    assert_eq!(view.current, Some(Generation(1)));
    assert_eq!((view.candidates[0].standing, view.candidates[0].threshold), (Standing::Staged, Some(2)));
    assert_eq!(view.findings, []);
    assert_eq!(view.next_generation, Some(2));
}

#[tokio::test]
async fn an_init_cut_off_between_any_two_writes_is_finished_by_the_next_run() {
    let (site, shares) = (Site::new(), shares(1));
    for cut in 0..WRITES {
        let store = MemoryStore::new();
        store.inject(Operation::Create, std::iter::repeat_n(Fault::None, cut).chain([Fault::Denied]));
        assert!(init(&site, &store, &shares).await.is_err(), "write {cut} failed and nobody noticed");
        assert_eq!(store.pending_faults(Operation::Create), 0);
        let view = site.view(&store).await;
        assert_eq!(view.anything_here, cut > 0);
        assert!(view.intents.iter().all(|intent| !intent.closed), "not closed before the last write");
        // The bundle of a run that died before its manifest is there for a person to see, and not authentic.
        assert_eq!(view.candidates.len(), usize::from(cut > 1));
        init(&site, &store, &shares).await.unwrap_or_else(|fault| unreachable!("after cut {cut}: {fault}"));
        let view = site.view(&store).await;
        assert_eq!((view.current, view.candidates.len()), (Some(Generation(1)), 1), "after cut {cut}");
        assert_eq!(view.candidates[0].standing, Standing::Proven);
        assert_eq!(view.intents.iter().map(|intent| intent.closed).collect::<Vec<_>>(), [true]);
        assert_eq!(view.findings, [], "after cut {cut}");
    }
    let store = MemoryStore::new();
    store.inject(Operation::Create, std::iter::repeat_n(Fault::None, WRITES).chain([Fault::Denied]));
    assert!(init(&site, &store, &shares).await.is_ok());
    assert_eq!(store.pending_faults(Operation::Create), 1, "an init has {WRITES} writes");
}

#[tokio::test]
async fn a_lost_answer_at_any_write_is_no_failure() {
    let (site, shares) = (Site::new(), shares(1));
    for lost in 0..WRITES {
        let store = MemoryStore::new();
        store.inject(Operation::Create, std::iter::repeat_n(Fault::None, lost).chain([Fault::LostAnswer]));
        init(&site, &store, &shares).await.unwrap_or_else(|fault| unreachable!("write {lost}: {fault}"));
        assert_eq!(store.contents().len(), WRITES);
    }
}

#[tokio::test]
async fn a_failed_read_at_any_point_is_an_error_and_the_next_run_finishes() {
    let (site, shares) = (Site::new(), shares(1));
    let mut cut = 0;
    loop {
        let store = MemoryStore::new();
        store.inject(Operation::Get, std::iter::repeat_n(Fault::None, cut).chain([Fault::Denied]));
        let first = init(&site, &store, &shares).await;
        if store.pending_faults(Operation::Get) > 0 {
            assert!(first.is_ok());
            break;
        }
        assert!(matches!(first, Err(PublishError::Store(_))), "read {cut}");
        init(&site, &store, &shares).await.unwrap_or_else(|fault| unreachable!("after read {cut}: {fault}"));
        assert_eq!(site.view(&store).await.current, Some(Generation(1)));
        cut += 1;
    }
    assert!(cut > WRITES, "everything is read back");
}

#[tokio::test]
async fn other_shares_never_take_a_number_that_is_in_use() {
    let (site, store) = (Site::new(), MemoryStore::new());
    assert!(site.stage(&store, 1, &shares(1)).await.is_ok());
    let before = store.contents();
    assert!(matches!(site.stage(&store, 1, &shares(2)).await, Err(PublishError::Taken { .. })));
    assert_eq!(store.contents(), before);
}

#[tokio::test]
async fn a_strangers_manifest_takes_the_number_and_the_next_one_is_as_good() {
    let (site, store) = (Site::new(), MemoryStore::new());
    store.put("vaults/vault/generations/1/manifest.1.json", b"rubbish".to_vec());
    let taken = site.stage(&store, 1, &shares(1)).await;
    assert!(matches!(taken, Err(PublishError::Taken { .. })), "a stranger must not stop init for ever");
    assert_eq!(site.stage(&store, 2, &shares(1)).await.ok().unwrap().opened.len(), 1);
}

#[tokio::test]
async fn of_sixteen_stagers_of_one_generation_exactly_one_wins() {
    let (site, store) = (Site::new(), MemoryStore::new());
    let all: Vec<Vec<Share>> = (1..=16).map(shares).collect();
    let results = futures::future::join_all(all.iter().map(|shares| site.stage(&store, 1, shares))).await;
    let won = results.iter().filter(|result| result.is_ok()).count();
    let taken = results.iter().filter(|result| matches!(result, Err(PublishError::Taken { .. }))).count();
    assert_eq!((won, taken), (1, 15));
}

#[tokio::test]
async fn an_intent_number_goes_to_one_host_alone() {
    let (site, store) = (Site::new(), MemoryStore::new());
    let writer = site.writer(&store);
    assert!(writer.open_intent(1, intent("a")).await.is_ok());
    assert!(writer.open_intent(1, intent("a")).await.is_ok(), "the same record again is a repetition");
    assert!(matches!(writer.open_intent(1, intent("b")).await, Err(PublishError::Taken { .. })));
}

#[tokio::test]
async fn holds_and_releases_are_seen_by_the_view() {
    let (site, store) = (Site::new(), MemoryStore::new());
    let writer = site.writer(&store);
    let hold = writer.hold(HoldRecord { reason: "why".to_owned(), host: "h".to_owned() }).await;
    let hold = hold.unwrap_or_else(|fault| unreachable!("{fault}"));
    assert_eq!(site.view(&store).await.holds[0].id, hold.as_str());
    let releases = vec![hold.to_string()];
    let release = ReleaseRecord { releases, reason: "over".to_owned(), host: "h".to_owned() };
    assert!(writer.release(release).await.is_ok());
    assert_eq!(site.view(&store).await.holds, []);
}

#[tokio::test]
async fn in_split_custody_each_bundle_holds_its_own_shares() {
    let (mut site, store, shares) = (Site::new(), MemoryStore::new(), shares(1));
    let custodian = |name: &str, count, recipients| Custodian {
        name: CustodianName::new(name).unwrap_or_else(|fault| unreachable!("{fault}")),
        recipients,
        portion: Portion::Count(count),
        own_store: false,
    };
    let others = Identities::generate().to_recipients();
    site.custody =
        Custody::split(vec![custodian("ops", 1, site.identities.to_recipients()), custodian("audit", 2, others)]);
    let staged = site.stage(&store, 1, &shares).await.unwrap_or_else(|fault| unreachable!("{fault}"));
    assert_eq!(staged.opened.len(), 1, "the other one is sealed to others");
    assert!(staged.opened[0].same_shares(&[&shares[1]]));
    let entries: Vec<_> =
        staged.manifest.custodians.iter().map(|entry| (entry.name.as_str(), entry.share_numbers.clone())).collect();
    assert_eq!(entries, [("ops", vec![3]), ("audit", vec![9, 77])]);
}

#[tokio::test]
async fn what_starts_something_new_refuses_foreign_and_rolled_back_stores() {
    let (site, store) = (Site::new(), MemoryStore::new());
    assert_eq!(may_begin(&site.view(&store).await), Ok(()));
    store.put("vaults/vault/generations/1/all.1.age", "rubbish");
    let view = site.view(&store).await;
    assert_eq!((may_begin(&view), may_add(&view)), (Err(Refusal::OtherStoreKey), Err(Refusal::OtherStoreKey)));
    let rolled_back = StoreView { anything_here: true, anything_authentic: true, rolled_back: true, ..view };
    assert_eq!((may_begin(&rolled_back), may_add(&rolled_back)), (Err(Refusal::RolledBack), Ok(())));
}

#[tokio::test]
async fn a_store_that_ignores_conditions_is_refused() {
    let (site, store) = (Site::new(), MemoryStore::new());
    assert!(site.writer(&store).probe().await.is_ok());
    store.ignore_conditions();
    let refused = site.writer(&store).probe().await;
    assert!(matches!(refused, Err(PublishError::Refused(Refusal::ConditionsIgnored))));
}

#[tokio::test]
async fn no_share_stands_in_the_store_in_clear() {
    let (site, store, shares) = (Site::new(), MemoryStore::new(), shares(0xA7));
    assert!(init(&site, &store, &shares).await.is_ok());
    let entries = store.list("", 100).await.unwrap_or_default();
    assert_eq!(entries.len(), WRITES);
    for (path, bytes) in store.contents() {
        assert!(!bytes.windows(16).any(|window| window == [0xA7; 16]), "{path}");
    }
}
