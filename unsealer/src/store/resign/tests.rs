use restore::objects::memory::{Fault, MemoryStore, Operation};
use sops_tools::clock::{Fixed, System};

use super::*;
use crate::store::custodians::{Custodian, Portion};
use crate::store::load::load;
use crate::store::names::MarkKind;
use crate::store::records::{HoldRecord, MarkRecord, ReleaseRecord};
use crate::store::testing::{fixed_id, keys, keys_of, share, time, vault};
use crate::store::verify::verify;
use crate::store::view::derive;

struct Site {
    identities: Identities,
    custody: Custody,
    store: MemoryStore,
}

const BY: By<'static> = By { command: "store re-sign", host: "h" };

impl Site {
    /// Two generations, a proof, a hold that stands and one that was released, a root token; all under key 1.
    async fn new() -> Self {
        let identities = Identities::generate();
        let custody = Custody::single(identities.to_recipients());
        let site = Self { identities, custody, store: MemoryStore::new() };
        let result = site.history().await;
        assert!(result.is_ok(), "{:?}", result.err());
        site
    }

    async fn history(&self) -> Result<(), PublishError> {
        let (vault, keys, clock) = (vault(), keys(1), Fixed(time(10)));
        let writer = Writer::new(&self.store, &vault, &keys, &clock, &System);
        for generation in [1_u8, 2] {
            let shares: Vec<Share> = [4, 5, 6].into_iter().map(|number| share(number, generation)).collect();
            let staging = Staging {
                generation: Generation(generation.into()),
                seal: Seal(1),
                shares: &shares,
                total: u8::try_from(shares.len()).unwrap(),
                threshold: 2,
                custody: &self.custody,
                created: time(i64::from(generation)),
            };
            writer.stage(&staging, &self.identities).await?;
        }
        let text = || "t".to_owned();
        let proof = MarkRecord { how: text(), command: text(), host: text(), cluster_id: Some("c".to_owned()) };
        writer.mark(Generation(1), MarkKind::Proven, proof).await?;
        let over = writer.hold(HoldRecord { reason: "over".to_owned(), host: text() }).await?;
        let releases = vec![over.to_string()];
        writer.release(ReleaseRecord { releases, reason: text(), host: text() }).await?;
        writer.hold(HoldRecord { reason: "stands".to_owned(), host: text() }).await?;
        writer.root_token(Generation(1), &fixed_id(3), b"sealed token", &[]).await
    }

    async fn contents(&self, keys: &StoreKeys) -> Contents {
        load(&self.store, &vault(), keys, &Contents::default(), None).await.unwrap_or_default()
    }

    async fn plan(&self, keys: &StoreKeys, key_lost: bool) -> ResignPlan {
        plan(&vault(), &self.contents(keys).await, keys, &self.identities, key_lost)
    }

    async fn apply(&self, plan: &ResignPlan, keys: &StoreKeys) -> Result<(), PublishError> {
        let (vault, clock) = (vault(), Fixed(time(90)));
        let writer = Writer::new(&self.store, &vault, keys, &clock, &System);
        apply(plan, &writer, &self.custody, &self.identities, BY).await
    }

    async fn view(&self, keys: &StoreKeys) -> StoreView {
        derive(&vault(), &self.contents(keys).await, keys, &Contents::default())
    }
}

fn is_empty(plan: &ResignPlan) -> bool {
    plan.reseals.is_empty() && plan.records.is_empty() && plan.unmarked.is_empty()
}

/// What both keys must see alike: current, and every generation with its standing and latest proof.
#[derive(Debug, PartialEq)]
struct Essence {
    current: Option<Generation>,
    generations: Vec<(Generation, Standing, Option<Timestamp>)>,
}

fn essence(view: &StoreView) -> Essence {
    let candidates = view.candidates.iter().filter(|candidate| candidate.standing != Standing::NotAuthentic);
    let generations =
        candidates.map(|candidate| (candidate.generation, candidate.standing, candidate.proven)).collect();
    Essence { current: view.current, generations }
}

fn holds(view: &StoreView) -> Vec<&str> {
    view.holds.iter().map(|hold| hold.reason.as_str()).collect()
}

#[tokio::test]
async fn after_re_signing_the_new_key_alone_sees_the_same() {
    let site = Site::new().await;
    let before = essence(&site.view(&keys(1)).await);
    let both = keys_of(&[2, 1]);
    let plan = site.plan(&both, false).await;
    assert_eq!((plan.reseals.len(), plan.records.len(), plan.unopened.len()), (2, 3, 0));
    assert!(plan.reseals.iter().all(|reseal| reseal.seal == Seal(2) && !reseal.needs_drill));
    assert!(site.apply(&plan, &both).await.is_ok());
    let after = site.view(&keys(2)).await;
    assert_eq!((essence(&after), holds(&after)), (before, vec!["stands"]));
    assert!(is_empty(&site.plan(&both, false).await), "nothing is left to do");
    let verification = verify(&vault(), &site.contents(&both).await, &both, &site.identities, &Contents::default());
    assert!(verification.is_sound(), "{:?}", verification.view.findings);
    assert_eq!(verification.opens, [(Generation(1), true), (Generation(2), true)]);
}

#[tokio::test]
async fn a_re_signing_cut_off_at_any_write_is_finished_by_the_next() {
    let both = keys_of(&[2, 1]);
    for cut in 0.. {
        let site = Site::new().await;
        let before = essence(&site.view(&keys(1)).await);
        let plan = site.plan(&both, false).await;
        site.store.inject(Operation::Create, std::iter::repeat_n(Fault::None, cut).chain([Fault::Denied]));
        let first = site.apply(&plan, &both).await;
        if site.store.pending_faults(Operation::Create) > 0 {
            assert!(first.is_ok());
            assert_eq!(cut, 10, "three records with a token, two bundles, two manifests, two superseded marks");
            return;
        }
        assert!(first.is_err());
        assert_eq!(essence(&site.view(&both).await), before, "after cut {cut}");
        let plan = site.plan(&both, false).await;
        assert!(site.apply(&plan, &both).await.is_ok());
        let after = site.view(&keys(2)).await;
        assert_eq!((essence(&after), holds(&after)), (before, vec!["stands"]), "after cut {cut}");
        assert!(is_empty(&site.plan(&both, false).await), "after cut {cut}");
    }
}

#[tokio::test]
async fn with_the_old_key_lost_generations_come_back_after_a_drill() {
    let site = Site::new().await;
    let new = keys(2);
    assert!(!site.view(&new).await.anything_authentic);
    assert!(site.plan(&new, false).await.reseals.is_empty());
    let plan = site.plan(&new, true).await;
    assert_eq!(plan.reseals.len(), 2);
    assert!(plan.reseals.iter().all(|reseal| reseal.needs_drill));
    assert!(plan.records.is_empty(), "nothing vouches for marks and holds");
    assert!(site.apply(&plan, &new).await.is_ok());
    let view = site.view(&new).await;
    assert_eq!(view.undecided, [Generation(1), Generation(2)]);
    assert_eq!(view.holds, []);
}

#[tokio::test]
async fn a_generation_with_shares_in_a_store_that_was_not_read_stays_as_it_is() {
    let site = Site::new().await;
    let (vault, keys, clock) = (vault(), keys(1), Fixed(time(20)));
    let writer = Writer::new(&site.store, &vault, &keys, &clock, &System);
    let shares: Vec<Share> = [1, 2, 3].into_iter().map(|number| share(number, 3)).collect();
    let custodian = |name: &str, portion, own_store| Custodian {
        name: CustodianName::new(name).unwrap(),
        recipients: site.identities.to_recipients(),
        portion: Portion::Numbers(portion),
        own_store,
    };
    let custody = Custody::split(vec![custodian("here", [1, 2].into(), false), custodian("away", [3].into(), true)]);
    let staging = Staging {
        generation: Generation(3),
        seal: Seal(1),
        shares: &shares,
        total: 3,
        threshold: 2,
        custody: &custody,
        created: time(3),
    };
    writer.stage(&staging, &site.identities).await.unwrap();
    let whole = site.plan(&keys_of(&[2, 1]), false).await;
    assert_eq!((whole.reseals.len(), whole.unopened.len()), (3, 0));
    assert!(site.store.remove("vaults/vault/generations/3/away.1.age").is_some());
    let plan = site.plan(&keys_of(&[2, 1]), false).await;
    assert_eq!(plan.unopened, [Generation(3)], "two of three shares open it and are not all of it");
    assert_eq!(plan.reseals.len(), 2);
}

#[tokio::test]
async fn a_generation_that_does_not_open_stays_as_it_is() {
    let site = Site { identities: Identities::generate(), ..Site::new().await };
    let plan = site.plan(&keys_of(&[2, 1]), false).await;
    assert_eq!((plan.reseals.len(), plan.unopened.len()), (0, 2));
}
