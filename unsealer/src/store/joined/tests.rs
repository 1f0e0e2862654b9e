use jiff::SignedDuration;
use restore::objects::memory::{Fault, MemoryStore, Operation};
use sops_tools::clock::{Fixed, System};
use sops_tools::custody::Identities;
use sops_tools::secret::Share;

use super::*;
use crate::store::custodians::{Custodian, Custody, Portion};
use crate::store::listing::ENTRY_LIMIT;
use crate::store::names::MarkKind;
use crate::store::publish::{Parcel, Staging, Writer};
use crate::store::records::{IntentCloseRecord, IntentRecord, MarkRecord, Purpose};
use crate::store::testing::{fixed_id, keys, share, time, vault};
use crate::store::view::{Elsewhere, Generation, Seal, StoreView, derive};

/// A common store with the bundle of `ops`, and one of its own for `audit`, whose identity is not at hand.
struct Site {
    common: Arc<MemoryStore>,
    audit: Arc<MemoryStore>,
    identities: Identities,
    custody: Custody,
    keys: StoreKeys,
}

fn name(text: &str) -> CustodianName {
    CustodianName::new(text).unwrap_or_else(|fault| unreachable!("{fault}"))
}

impl Site {
    fn new() -> Self {
        let identities = Identities::generate();
        let custodian = |of: &str, count, recipients, own_store| Custodian {
            name: name(of),
            recipients,
            portion: Portion::Count(count),
            own_store,
        };
        let others = Identities::generate().to_recipients();
        let custody = Custody::split(vec![
            custodian("audit", 1, others, true),
            custodian("ops", 2, identities.to_recipients(), false),
        ]);
        let (common, audit) = (Arc::default(), Arc::default());
        Self { common, audit, identities, custody, keys: keys(1) }
    }

    fn joined(&self) -> Joined<dyn WriteObjects> {
        let (common, audit): (Arc<dyn WriteObjects>, Arc<dyn WriteObjects>) = (self.common.clone(), self.audit.clone());
        Joined::new(common, vec![Own { custodian: name("audit"), store: Ok(audit) }], OnSilence::Fail)
    }

    fn reader(&self) -> Joined<dyn ReadObjects> {
        let (common, audit): (Arc<dyn ReadObjects>, Arc<dyn ReadObjects>) = (self.common.clone(), self.audit.clone());
        Joined::new(common, vec![Own { custodian: name("audit"), store: Ok(audit) }], OnSilence::GoOn)
    }

    fn staging<'s>(&'s self, shares: &'s [Share]) -> Staging<'s> {
        let (generation, seal, custody) = (Generation(1), Seal(1), &self.custody);
        Staging { generation, seal, shares, total: 3, threshold: 3, custody, created: time(1) }
    }

    /// The writes of an init, in order; `parcel` is kept between two tries.
    async fn init(&self, shares: &[Share], parcel: &Parcel) -> Result<(), crate::store::publish::PublishError> {
        let (joined, vault, clock) = (self.joined(), vault(), Fixed(time(5)));
        let writer = Writer::new(&joined, &vault, &self.keys, &clock, &System);
        let text = || "test".to_owned();
        let intent = IntentRecord { purpose: Purpose::Init, host: text(), local_copy: text() };
        writer.open_intent(1, intent).await?;
        writer.send(&self.staging(shares), parcel, &self.identities).await?;
        let mark = MarkRecord { how: text(), command: text(), host: text(), cluster_id: None };
        writer.mark(Generation(1), MarkKind::Proven, mark).await?;
        writer.close_intent(1, IntentCloseRecord { outcome: text(), host: text() }).await
    }

    async fn view(&self, store: &dyn ReadObjects) -> StoreView {
        let nothing = Contents::default();
        let contents = load(store, &vault(), &self.keys, &nothing, None).await.unwrap_or_default();
        derive(&vault(), &contents, &self.keys, &nothing)
    }
}

fn shares() -> Vec<Share> {
    [9, 3, 77].into_iter().map(|number| share(number, 1)).collect()
}

async fn initialised() -> Site {
    let (site, shares) = (Site::new(), shares());
    let parcel = Parcel::seal(&vault(), &site.staging(&shares)).unwrap_or_else(|fault| unreachable!("{fault}"));
    site.init(&shares, &parcel).await.unwrap_or_else(|fault| unreachable!("{fault}"));
    site
}

const AUDIT: &str = "vaults/vault/generations/1/audit.1.age";
const OPS: &str = "vaults/vault/generations/1/ops.1.age";

fn elsewhere(custodian: &str, shares: usize) -> Vec<Elsewhere> {
    vec![Elsewhere { custodian: custodian.to_owned(), shares, silent: None }]
}

#[tokio::test]
async fn each_store_has_its_own_bundle_and_all_records_and_can_be_read_by_itself() {
    let site = initialised().await;
    let (common, audit) = (site.common.contents(), site.audit.contents());
    assert!(common.contains_key(OPS) && !common.contains_key(AUDIT));
    assert!(audit.contains_key(AUDIT) && !audit.contains_key(OPS));
    let records = |of: &BTreeMap<String, Vec<u8>>| {
        of.iter()
            .filter(|(path, _)| ![OPS, AUDIT].contains(&path.as_str()))
            .map(|(p, b)| (p.clone(), b.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(records(&common).len(), 4);
    assert_eq!(records(&common), records(&audit), "the same bytes");
    for (store, missing) in [(&site.common, elsewhere("audit", 1)), (&site.audit, elsewhere("ops", 2))] {
        let view = site.view(&**store).await;
        assert_eq!(view.findings, []);
        assert_eq!((view.current, view.candidates[0].bundles.len()), (Some(Generation(1)), 1));
        assert_eq!(view.candidates[0].elsewhere, missing);
        assert!(view.intents.iter().all(|intent| intent.closed));
    }
    let whole = site.view(&site.reader()).await;
    assert_eq!((whole.findings.len(), whole.candidates[0].bundles.len()), (0, 2));
    assert_eq!(whole.candidates[0].elsewhere, []);
}

#[tokio::test]
async fn a_store_that_lacks_records_of_another_is_named_and_one_that_is_silent_lacks_nothing() {
    let site = initialised().await;
    let lacking = async || site.reader().lacking(&vault(), &site.keys).await.map_err(|error| error.to_string());
    assert_eq!(lacking().await, Ok(vec![]));
    let record = "vaults/vault/generations/1/manifest.1.json";
    site.audit.remove(record);
    let one = |store: &str| Ok(vec![Lacking { store: store.to_owned(), records: vec![record.to_owned()] }]);
    assert_eq!(lacking().await, one("the store of custodian audit"));
    site.audit.inject(Operation::List, [Fault::Denied]);
    assert_eq!(lacking().await, Ok(vec![]), "nobody can tell");
    assert_eq!(site.joined().level(&vault(), &site.keys).await, Ok(1));
    site.common.remove(record);
    assert_eq!(lacking().await, one("the common store"));
}

#[tokio::test]
async fn an_init_cut_off_between_any_two_writes_of_either_store_is_finished_by_the_next_run() {
    for own in [false, true] {
        let mut cut = 0;
        loop {
            let (site, shares) = (Site::new(), shares());
            let parcel = Parcel::seal(&vault(), &site.staging(&shares)).unwrap_or_else(|fault| unreachable!("{fault}"));
            let broken = if own { &site.audit } else { &site.common };
            broken.inject(Operation::Create, std::iter::repeat_n(Fault::None, cut).chain([Fault::Denied]));
            if site.init(&shares, &parcel).await.is_ok() {
                break;
            }
            site.init(&shares, &parcel).await.unwrap_or_else(|fault| unreachable!("own {own}, cut {cut}: {fault}"));
            let level = site.joined().level(&vault(), &site.keys).await;
            assert!(level.is_ok(), "own {own}, cut {cut}: {level:?}");
            assert_eq!(site.joined().level(&vault(), &site.keys).await, Ok(0));
            for store in [&site.common, &site.audit] {
                let view = site.view(&**store).await;
                assert_eq!(view.findings, [], "own {own}, cut {cut}");
                assert_eq!((view.current, view.candidates.len()), (Some(Generation(1)), 1), "own {own}, cut {cut}");
                assert!(view.intents.iter().all(|intent| intent.closed), "own {own}, cut {cut}");
            }
            cut += 1;
        }
        assert_eq!(cut, 5, "intent, bundle, manifest, mark, close");
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_named_and_nothing_is_missing() {
    let site = initialised().await;
    site.audit.inject(Operation::List, [Fault::Denied]);
    let view = site.view(&site.reader()).await;
    assert_eq!(view.findings, []);
    assert_eq!(view.silent.len(), 1);
    assert!(view.candidates[0].elsewhere[0].silent.is_some(), "{:?}", view.candidates[0].elsewhere);
    site.audit.inject(Operation::List, [Fault::Denied]);
    let refused = load(&site.joined(), &vault(), &site.keys, &Contents::default(), None).await;
    let detail = refused.map(drop).map_err(|error| error.detail).err().unwrap_or_default();
    assert!(detail.contains("custodian audit"), "who writes must see everything: {detail}");
}

#[tokio::test]
async fn a_bundle_that_its_answering_store_lost_is_missing() {
    let site = initialised().await;
    site.audit.remove(AUDIT);
    let view = site.view(&site.reader()).await;
    assert_eq!(
        view.findings.iter().map(|one| (one.class, one.path.as_str())).collect::<Vec<_>>(),
        [("missing-bundle", AUDIT)]
    );
    assert_eq!(view.candidates[0].elsewhere, []);
}

#[tokio::test]
async fn a_cache_of_all_stores_sees_a_loss_but_not_in_a_store_that_is_silent() {
    let site = initialised().await;
    let cache = load(&site.reader(), &vault(), &site.keys, &Contents::default(), None).await.unwrap_or_default();
    let look = async || {
        let contents = load(&site.reader(), &vault(), &site.keys, &cache, None).await.unwrap_or_default();
        derive(&vault(), &contents, &site.keys, &cache)
    };
    site.audit.inject(Operation::List, [Fault::Denied]);
    let silent = look().await;
    assert!(!silent.rolled_back, "{:?}", silent.findings);
    assert_eq!(silent.candidates[0].bundles.len(), 2, "the cache still serves it");
    site.audit.remove(AUDIT);
    assert!(look().await.rolled_back);
}

#[tokio::test]
async fn a_part_whose_listing_was_cut_is_unread_and_hides_nothing_of_the_others() {
    let site = initialised().await;
    for number in 0..=ENTRY_LIMIT as u64 {
        site.audit.put(
            Name::Bundle { generation: Generation(900), custodian: name(&format!("z{number}")), seal: Seal(1) }
                .path(&vault()),
            "x",
        );
    }
    site.audit.remove(AUDIT);
    let nothing = Contents::default();
    let contents = load(&site.reader(), &vault(), &site.keys, &nothing, None).await.unwrap_or_default();
    assert_eq!(
        contents.cut.iter().map(|(prefix, _)| prefix.as_str()).collect::<Vec<_>>(),
        ["vaults/vault/generations/"]
    );
    let view = derive(&vault(), &contents, &site.keys, &nothing);
    assert_eq!(view.unread, ["vaults/vault/generations/"]);
    assert!(!view.findings.iter().any(|one| one.class == "missing-bundle"), "it may stand there: {:?}", view.findings);
    let ops: Vec<&str> =
        view.candidates[0].bundles.iter().filter(|one| one.sealed.is_some()).map(|one| one.path.as_str()).collect();
    assert_eq!((view.current, ops), (Some(Generation(1)), vec![OPS]));
}

#[tokio::test]
async fn strangers_names_are_counted_over_all_stores() {
    let site = initialised().await;
    for number in 0..20 {
        site.common.put(format!("vaults/vault/x/{number}"), "x");
        site.audit.put(format!("vaults/vault/y/{number}"), "x");
    }
    let view = site.view(&site.reader()).await;
    assert_eq!((view.foreign, view.findings.len()), (40, Survey::EXAMPLES));
}

#[tokio::test]
async fn a_store_that_falls_silent_between_two_listings_of_one_look_stays_silent() {
    let site = initialised().await;
    for number in 0..=ENTRY_LIMIT as u64 {
        site.common.put(Name::Hold { id: fixed_id(1_000_000 + number) }.path(&vault()), "x");
    }
    // The whole prefix is listed, then each section: the first section goes unanswered, the last does not.
    site.audit.inject(Operation::List, [Fault::None, Fault::Denied]);
    let view = site.view(&site.reader()).await;
    assert_eq!(view.silent.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), ["audit"]);
    assert!(!view.findings.iter().any(|one| one.class == "missing-bundle"), "{:?}", view.findings);
}

#[test]
fn of_several_stores_the_weakest_protection_and_the_worst_clock_are_told() {
    let about = |versioning, seconds| About {
        clock_ahead: Some(SignedDuration::from_secs(seconds)),
        protection: Some(Protection { versioning, object_lock: Switch::On }),
    };
    let untold = || Switch::NotTold("denied".to_owned());
    assert_eq!(weaker(about(Switch::On, 5), about(Switch::Off, -60)), about(Switch::Off, -60));
    assert_eq!(weaker(about(Switch::Off, 5), about(Switch::On, 5)), about(Switch::Off, 5));
    assert_eq!(weaker(about(untold(), 60), about(Switch::On, 5)), about(untold(), 60));
    for (one, other) in [(About::default(), about(Switch::On, 5)), (about(Switch::On, 5), About::default())] {
        let protection = weaker(one, other).protection;
        let told = protection.map(|told| [told.versioning, told.object_lock]).into_iter().flatten();
        assert!(told.inspect(|switch| assert_ne!(*switch, Switch::On, "one store has none")).count() == 2);
    }
    assert_eq!(
        weaker(About::default(), about(Switch::Off, 5)).protection.map(|told| told.versioning),
        Some(Switch::Off)
    );
    assert_eq!(weaker(About::default(), About::default()), About::default());
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_protects_nothing() {
    let common: Arc<dyn ReadObjects> = Arc::new(MemoryStore::new());
    let store = Err(ObjectError::new(ErrorKind::Settings, "open", "file:///audit", "no such folder"));
    let joined = Joined::new(common, vec![Own { custodian: name("audit"), store }], OnSilence::GoOn);
    let Some(Protection { versioning: Switch::NotTold(why), .. }) = joined.about().await.protection else {
        unreachable!("left out");
    };
    assert!(why.contains("custodian audit"), "{why}");
}

#[tokio::test]
async fn records_that_any_store_lost_are_put_back_from_the_others_and_no_bundle_moves() {
    let site = initialised().await;
    let (common, audit) = (site.common.contents(), site.audit.contents());
    let level = async || site.joined().level(&vault(), &site.keys).await;
    for path in common.keys() {
        site.common.remove(path);
    }
    assert_eq!(site.joined().count_lacks(&vault(), &site.keys).await, Ok(4));
    assert_eq!(level().await, Ok(4), "intent, manifest, mark, close");
    let mut records = common.clone();
    records.remove(OPS);
    assert_eq!(site.common.contents(), records, "a bundle of audit has no place there");
    site.common.put(OPS, common[OPS].clone());

    // Each has what the other lost.
    let mark = |of: &BTreeMap<String, Vec<u8>>| of.keys().find(|path| path.contains("proven.")).cloned();
    site.common.remove(&mark(&common).unwrap_or_default());
    site.audit.remove("vaults/vault/intents/1.json");
    assert_eq!(level().await, Ok(2));
    assert_eq!((site.common.contents(), site.audit.contents()), (common.clone(), audit));
    assert_eq!(level().await, Ok(0));

    // What stands there is never overwritten, and a damaged copy hides no good one.
    site.common.put("vaults/vault/intents/1.json", "something else");
    site.audit.remove(&mark(&common).unwrap_or_default());
    assert_eq!(level().await, Ok(1));
    assert_eq!(site.common.contents()["vaults/vault/intents/1.json"], b"something else");
}
