use proptest::prelude::*;
use std::time::Duration;

use super::*;
use crate::opener::Refusal;
use crate::status::Condition;
use crate::store::view::{Candidate, Hold, Intent, Seal, SealedBundle, Standing};
use crate::vault::Product;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn seal(sealed: bool, initialized: bool) -> SealStatus {
    SealStatus {
        product: Product::OpenBao,
        seal_type: "shamir".to_owned(),
        initialized,
        sealed,
        threshold: if initialized { 3 } else { 0 },
        shares: if initialized { 5 } else { 0 },
        progress: 0,
        nonce: String::new(),
        version: "2.7.2".to_owned(),
        migration: false,
        recovery_seal: false,
        storage_type: Some("raft".to_owned()),
        cluster_id: (!sealed).then(|| "one".to_owned()),
        removed_from_cluster: false,
    }
}

fn candidate(number: u32, standing: Standing) -> Candidate {
    Candidate {
        generation: Generation(number),
        standing,
        threshold: (standing != Standing::NotAuthentic).then_some(3),
        shares: (standing != Standing::NotAuthentic).then_some(5),
        bundles: vec![SealedBundle {
            path: format!("vaults/main/generations/{number}/all.1.age"),
            seal: Seal(1),
            custodian: "all".to_owned(),
            sealed: Some(Arc::new(vec![1])),
            digest: number.to_string(),
        }],
        created: Some(at(-1000)),
        proven: None,
        cluster_id: None,
    }
}

fn view() -> StoreView {
    StoreView {
        candidates: vec![
            candidate(2, Standing::Proven),
            candidate(1, Standing::Proven),
            candidate(9, Standing::NotAuthentic),
        ],
        current: Some(Generation(2)),
        anything_here: true,
        anything_authentic: true,
        ..StoreView::default()
    }
}

fn facts(view: Option<StoreView>) -> Facts {
    Facts {
        vault: "main".to_owned(),
        place: Place::Local,
        view: view.map(Arc::new),
        store_fault: None,
        leader_opened_with: None,
        local_hold: None,
        local_release: None,
        identity_epoch: 0,
    }
}

fn local_hold() -> LocalHold {
    LocalHold { reason: "maintenance".to_owned(), host: "ops".to_owned(), at: at(-5) }
}

fn answer(seal: SealStatus) -> Answer {
    let leader = (!seal.sealed).then(|| Leader {
        ha_enabled: true,
        is_self: true,
        leader_address: "http://127.0.0.1:8200".to_owned(),
    });
    Answer { seal, leader, peer_active: false, continuity: Continuity::Unwatched }
}

fn silence(kind: VaultErrorKind) -> Observation {
    Observation::Silent(Silence { kind, detail: "no answer".to_owned(), health: None, initialised: None })
}

fn sealed() -> Observation {
    Observation::Answered(answer(seal(true, true)))
}

fn open() -> Observation {
    Observation::Answered(answer(seal(false, true)))
}

fn open_then_sealed() -> Observation {
    Observation::Answered(Answer { continuity: Continuity::Unbroken, ..answer(seal(true, true)) })
}

/// A node that goes through observations, one each second unless told otherwise.
struct Walk {
    state: State,
    facts: Facts,
    now: i64,
}

impl Walk {
    fn new(facts: Facts) -> Self {
        Self { state: State::new(at(0), None), facts, now: 0 }
    }

    fn see(&mut self, observation: &Observation) -> Decision {
        self.after(1, observation)
    }

    fn after(&mut self, seconds: i64, observation: &Observation) -> Decision {
        self.now += seconds;
        let decision = step(self.state.clone(), observation, &self.facts, at(self.now), 0);
        self.state = decision.state.clone();
        decision
    }

    fn fail(&mut self, refusals: &[(u32, Refusal)]) -> Decision {
        let refusals = refusals.iter().map(|(number, refusal)| (Generation(*number), refusal.clone())).collect();
        self.see(&Observation::Attempted(Outcome::Failed(refusals)))
    }
}

fn sends(decision: &Decision) -> Vec<u32> {
    match &decision.action {
        Action::Unseal(order) => order.iter().map(|generation| generation.0).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn a_sealed_member_gets_every_generation_in_the_order_of_the_store() {
    let mut walk = Walk::new(facts(Some(view())));
    assert_eq!(sends(&walk.see(&sealed())), [2, 1, 9]);
    assert_eq!(walk.state.condition, Condition::Unsealing);
}

#[test]
fn a_generation_of_another_split_is_not_sent() {
    let mut other = view();
    other.candidates[0].threshold = Some(4);
    let mut walk = Walk::new(facts(Some(other)));
    assert_eq!(sends(&walk.see(&sealed())), [1, 9]);
}

#[test]
fn a_joiner_gets_the_current_generation_alone() {
    let mut walk = Walk::new(facts(Some(view())));
    let empty = Observation::Answered(Answer { peer_active: true, ..answer(seal(true, false)) });
    let decision = walk.see(&empty);
    assert_eq!((decision.state.condition, sends(&decision)), (Condition::Joining, vec![]));
    assert_eq!(sends(&walk.see(&sealed())), [2]);
}

#[test]
fn a_joiner_gets_the_generation_that_opened_the_leader_if_there_is_one() {
    let mut walk = Walk::new(Facts { leader_opened_with: Some(Generation(1)), ..facts(Some(view())) });
    walk.see(&Observation::Answered(Answer { peer_active: true, ..answer(seal(true, false)) }));
    assert_eq!(sends(&walk.see(&sealed())), [1]);
}

#[test]
fn a_joiner_gets_nothing_while_a_newer_generation_is_undecided() {
    let mut store = view();
    store.undecided = vec![Generation(3)];
    let mut walk = Walk::new(Facts { leader_opened_with: Some(Generation(2)), ..facts(Some(store)) });
    walk.see(&Observation::Answered(Answer { peer_active: true, ..answer(seal(true, false)) }));
    let decision = walk.see(&sealed());
    assert_eq!((decision.state.condition, sends(&decision)), (Condition::JoiningUndecided, vec![]));
}

#[test]
fn without_an_active_peer_the_full_order_holds() {
    let mut store = view();
    store.undecided = vec![Generation(3)];
    let mut walk = Walk::new(facts(Some(store)));
    walk.see(&Observation::Answered(answer(seal(true, false))));
    assert_eq!(sends(&walk.see(&sealed())), [2, 1, 9]);
}

#[test]
fn a_restart_makes_a_joiner_an_unknown_node_again() {
    let mut walk = Walk::new(facts(Some(view())));
    walk.see(&Observation::Answered(Answer { peer_active: true, ..answer(seal(true, false)) }));
    walk.see(&silence(VaultErrorKind::Refused));
    assert_eq!(sends(&walk.see(&sealed())), [2, 1, 9]);
}

fn sealed_beside_an_active_peer() -> Observation {
    Observation::Answered(Answer { peer_active: true, ..answer(seal(true, true)) })
}

#[test]
fn a_node_that_nobody_saw_empty_counts_as_a_joiner_until_it_refuses_shares() {
    let mut walk = Walk::new(facts(Some(view())));
    assert!(walk.state.asks_peers(&seal(true, true), &walk.facts));
    assert_eq!(
        sends(&walk.see(&sealed_beside_an_active_peer())),
        [2],
        "a joiner may have met its leader before our first look"
    );
    walk.fail(&[(2, Refusal::Rejected)]);
    assert!(!walk.state.asks_peers(&seal(true, true), &walk.facts));
    assert_eq!(sends(&walk.see(&sealed())), [2, 1, 9], "a joiner would hang: this is a member");
    walk.see(&Observation::Answered(answer(seal(true, false))));
    assert_eq!(sends(&walk.see(&sealed_beside_an_active_peer())), [2], "empty again: another process");
}

#[test]
fn a_node_with_an_active_peer_is_sent_nothing_that_is_not_authentic() {
    let store = StoreView { candidates: vec![candidate(9, Standing::NotAuthentic)], current: None, ..view() };
    let mut walk = Walk::new(facts(Some(store)));
    let decision = walk.see(&sealed_beside_an_active_peer());
    assert_eq!((decision.state.condition, sends(&decision)), (Condition::SharesMissing, vec![]));
}

#[test]
fn a_listener_that_may_not_be_sent_a_share_is_named_though_it_answers() {
    let mut walk = Walk::new(facts(Some(view())));
    walk.see(&sealed());
    let detail = "no socket of user 100 alone listens there".to_owned();
    let decision = walk.see(&Observation::Attempted(Outcome::Interrupted { kind: VaultErrorKind::Untrusted, detail }));
    assert_eq!(decision.state.condition, Condition::Unreachable);
    assert!(decision.state.next_step.is_some_and(|next| next.contains("check who listens there")));
    assert_eq!(sends(&walk.after(0, &sealed())), Vec::<u32>::new(), "not asked again at once");
}

#[test]
fn where_one_generation_is_stored_peers_are_not_asked_on_the_way_of_an_unseal() {
    let store = StoreView { candidates: vec![candidate(2, Standing::Proven)], ..view() };
    let walk = Walk::new(facts(Some(store)));
    assert!(!walk.state.asks_peers(&seal(true, true), &walk.facts));
    assert!(walk.state.asks_peers(&seal(true, false), &walk.facts));
}

#[test]
fn a_joiner_that_took_its_shares_is_left_alone_for_six_seconds() {
    let mut walk = Walk::new(facts(Some(view())));
    walk.see(&Observation::Answered(Answer { peer_active: true, ..answer(seal(true, false)) }));
    walk.see(&sealed());
    walk.see(&Observation::Attempted(Outcome::Pending { generation: Generation(2) }));
    for _ in 0..5 {
        assert_eq!(sends(&walk.see(&sealed())), Vec::<u32>::new());
        assert_eq!(walk.state.condition, Condition::Joining);
    }
    assert_eq!(sends(&walk.after(2, &sealed())), [2]);
}

#[test]
fn a_joiner_that_opened_by_itself_counts_as_our_unseal() {
    let mut walk = Walk::new(facts(Some(view())));
    walk.see(&sealed());
    walk.see(&Observation::Attempted(Outcome::Pending { generation: Generation(2) }));
    walk.see(&open());
    assert_eq!((walk.state.unseals, walk.state.opened), (1, Some((at(walk.now), Generation(2)))));
}

#[test]
fn strangers_shares_on_a_joiner_are_waited_for_and_reset_after_a_minute() {
    let mut walk = Walk::new(facts(Some(view())));
    walk.see(&Observation::Answered(Answer { peer_active: true, ..answer(seal(true, false)) }));
    let progress = SealStatus { progress: 1, nonce: "theirs".to_owned(), ..seal(true, true) };
    let look = Observation::Answered(answer(progress.clone()));
    assert_eq!(walk.see(&look).action, Action::Wait);
    assert_eq!(walk.after(58, &look).action, Action::Wait);
    let moved = Observation::Answered(answer(SealStatus { progress: 2, ..progress }));
    assert_eq!(walk.after(5, &moved).action, Action::Wait, "it moved: the minute begins anew");
    assert_eq!(walk.after(61, &moved).action, Action::Reset);
    assert!(walk.state.foreign_seen);
}

#[test]
fn a_stored_hold_is_respected_until_it_is_gone() {
    let mut held = view();
    held.holds = vec![Hold { id: "a".repeat(32), reason: "incident".to_owned(), host: "ops".to_owned(), at: at(-5) }];
    let mut walk = Walk::new(facts(Some(held)));
    let decision = walk.see(&sealed());
    assert_eq!((decision.state.condition, sends(&decision)), (Condition::Held, vec![]));
    assert!(decision.state.message.contains("incident"), "{}", decision.state.message);
    walk.facts.view = Some(Arc::new(view()));
    assert_eq!(sends(&walk.see(&sealed())), [2, 1, 9]);
}

#[test]
fn a_hold_file_on_this_host_is_respected() {
    let mut walk = Walk::new(Facts { local_hold: Some(local_hold()), ..facts(Some(view())) });
    assert_eq!(walk.see(&sealed()).state.condition, Condition::Held);
}

#[test]
fn a_seal_over_an_unbroken_connection_is_a_hold() {
    let mut walk = Walk::new(facts(Some(view())));
    walk.see(&open());
    let decision = walk.after(600, &open_then_sealed());
    assert_eq!((decision.state.condition, sends(&decision)), (Condition::Held, vec![]));
    assert_eq!(walk.after(600, &sealed()).state.condition, Condition::Held);
}

#[test]
fn a_restart_is_no_hold() {
    let mut walk = Walk::new(facts(Some(view())));
    walk.see(&open());
    let restarted = Observation::Answered(Answer { continuity: Continuity::Broken, ..answer(seal(true, true)) });
    assert_eq!(sends(&walk.after(600, &restarted)), [2, 1, 9]);
}

#[test]
fn a_seal_within_a_minute_of_our_unseal_is_no_hold_and_twice_is_a_broken_rotation() {
    let mut walk = Walk::new(facts(Some(view())));
    walk.see(&sealed());
    walk.see(&Observation::Attempted(Outcome::Opened { generation: Generation(2) }));
    walk.see(&open());
    let decision = walk.after(20, &open_then_sealed());
    assert_eq!((decision.state.condition, sends(&decision)), (Condition::Sealed, vec![]), "it backs off first");
    assert_eq!(sends(&walk.after(10, &sealed())), [2, 1, 9]);
    walk.see(&Observation::Attempted(Outcome::Opened { generation: Generation(2) }));
    walk.see(&open());
    let decision = walk.see(&open_then_sealed());
    assert_eq!((decision.state.condition, sends(&decision)), (Condition::BrokenRotation, vec![]));
}

#[test]
fn the_seal_at_the_end_of_a_snapshot_restore_is_no_hold() {
    let mut restoring = view();
    restoring.intents = vec![Intent {
        number: 2,
        purpose: "snapshot-restore".to_owned(),
        host: "ops".to_owned(),
        local_copy: "/x".to_owned(),
        at: at(0),
        closed: false,
    }];
    let mut walk = Walk::new(facts(Some(restoring)));
    walk.see(&open());
    assert_eq!(sends(&walk.after(600, &open_then_sealed())), [2, 1, 9]);
}

fn inferred_walk(store: StoreView) -> Walk {
    let mut walk = Walk::new(facts(Some(store)));
    walk.see(&open());
    walk.after(600, &open_then_sealed());
    assert_eq!(walk.state.condition, Condition::Held);
    walk
}

#[test]
fn an_inferred_hold_ends_by_a_release_that_was_not_known_then() {
    let mut store = view();
    store.releases = vec![("old".to_owned(), at(-100))];
    let mut walk = inferred_walk(store.clone());
    store.releases.insert(0, ("new".to_owned(), at(-200)));
    walk.facts.view = Some(Arc::new(store));
    assert_eq!(sends(&walk.see(&sealed())), [2, 1, 9]);
}

#[test]
fn an_inferred_hold_ends_by_a_local_release_or_when_it_is_seen_open() {
    let mut walk = inferred_walk(view());
    walk.facts.local_release = Some(at(0));
    assert_eq!(walk.see(&sealed()).state.condition, Condition::Held, "released before it began");
    walk.facts.local_release = Some(at(walk.now));
    assert_eq!(sends(&walk.see(&sealed())), [2, 1, 9]);
    let mut walk = inferred_walk(view());
    walk.see(&open());
    assert_eq!(walk.state.inferred, None);
}

#[test]
fn an_inferred_hold_survives_the_daemon() {
    let kept = inferred_walk(view()).state.inferred;
    let mut again = Walk::new(facts(Some(view())));
    again.state = State::new(at(0), kept);
    assert_eq!(again.see(&sealed()).state.condition, Condition::Held);
}

#[test]
fn refused_shares_back_off_up_to_a_limit_and_a_restart_ends_it() {
    let mut walk = Walk::new(facts(Some(view())));
    let mut waits = Vec::new();
    for _ in 0..9 {
        while walk.see(&sealed()).action == Action::Wait {}
        walk.fail(&[(2, Refusal::Rejected), (1, Refusal::Rejected)]);
        assert_eq!(walk.state.condition, Condition::SharesRejected);
        waits.push(walk.state.back_off.as_ref().unwrap().until.duration_since(at(walk.now)).as_secs());
    }
    assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300, 300, 300]);
    assert_eq!(walk.see(&sealed()).action, Action::Wait);
    walk.see(&silence(VaultErrorKind::Refused));
    assert_eq!(sends(&walk.see(&sealed())), [2, 1, 9]);
}

#[test]
fn a_back_off_ends_when_what_is_stored_or_who_can_open_it_changes() {
    let mut walk = Walk::new(facts(Some(view())));
    walk.see(&sealed());
    walk.fail(&[(2, Refusal::TooFewShares("sealed to none of our identities".to_owned()))]);
    assert_eq!(walk.see(&sealed()).state.condition, Condition::SharesMissing);
    walk.facts.identity_epoch += 1;
    assert_eq!(sends(&walk.see(&sealed())), [2, 1, 9]);
}

#[test]
fn right_shares_with_a_wrong_keyring_are_a_broken_rotation_with_a_cure() {
    let mut walk = Walk::new(facts(Some(view())));
    walk.see(&sealed());
    walk.fail(&[(2, Refusal::Keyring), (1, Refusal::Rejected)]);
    assert_eq!(walk.state.condition, Condition::BrokenRotation);
    assert!(walk.state.next_step.as_ref().unwrap().contains("raft snapshot"));
}

#[test]
fn a_server_that_hangs_twice_and_answers_aside_is_wedged() {
    let mut walk = Walk::new(facts(Some(view())));
    let hang = |health, initialised| {
        Observation::Silent(Silence {
            kind: VaultErrorKind::TimedOut,
            detail: "no answer".to_owned(),
            health,
            initialised,
        })
    };
    assert_eq!(walk.see(&hang(Some(Health::Sealed), None)).state.condition, Condition::Unreachable);
    assert_eq!(walk.see(&hang(None, Some(true))).state.condition, Condition::Wedged);
    assert_eq!(walk.see(&hang(None, None)).state.condition, Condition::Unreachable, "inside raft init nothing answers");
}

#[test]
fn uninitialised_with_a_bundle_is_a_volume_that_was_not_restored() {
    let mut walk = Walk::new(facts(Some(view())));
    let decision = walk.see(&Observation::Answered(answer(seal(true, false))));
    assert_eq!((decision.state.condition, decision.action), (Condition::NotRestored, Action::Wait));
    assert!(!decision.state.next_step.unwrap().contains("empty"));
}

#[test]
fn uninitialised_with_an_open_intent_alone_says_how_to_go_on() {
    let mut store = StoreView { anything_here: true, anything_authentic: true, ..StoreView::default() };
    store.intents = vec![Intent {
        number: 4,
        purpose: "init".to_owned(),
        host: "ops-1".to_owned(),
        local_copy: "/var/lib/unsealer/state/main.age".to_owned(),
        at: at(-60),
        closed: false,
    }];
    let mut walk = Walk::new(facts(Some(store)));
    let decision = walk.see(&Observation::Answered(answer(seal(true, false))));
    assert_eq!(decision.state.condition, Condition::IntentOpen);
    let next = decision.state.next_step.unwrap();
    assert!(next.contains("ops-1") && next.contains("main.age") && next.contains("--continue 4"), "{next}");
    let decision = walk.see(&sealed());
    assert_eq!(decision.state.condition, Condition::IntentOpen);
    let next = decision.state.next_step.unwrap();
    assert!(next.contains("ops-1") && next.contains("main.age") && next.contains("`unsealer init`"), "{next}");
}

#[test]
fn an_unread_store_is_never_an_empty_one() {
    let mut walk = Walk::new(Facts { store_fault: Some("503".to_owned()), ..facts(None) });
    let decision = walk.see(&Observation::Answered(answer(seal(true, false))));
    assert_eq!(decision.state.condition, Condition::Uninitialised);
    assert!(!decision.state.message.contains("nothing is stored"), "{}", decision.state.message);
    assert_eq!(walk.see(&sealed()).state.condition, Condition::SharesMissing);
}

#[test]
fn a_threshold_of_zero_right_after_init_passes() {
    let mut walk = Walk::new(facts(Some(view())));
    let fresh = SealStatus { threshold: 0, shares: 0, ..seal(true, true) };
    let decision = walk.see(&Observation::Answered(answer(fresh)));
    assert_eq!((decision.state.condition, decision.action), (Condition::Sealed, Action::Wait));
}

#[test]
fn a_server_on_this_host_that_is_down_is_knocked_at_and_one_elsewhere_asked_now_and_then() {
    let mut walk = Walk::new(facts(Some(view())));
    assert_eq!(walk.see(&silence(VaultErrorKind::Refused)).wake.meanwhile, Meanwhile::Knock);
    walk.facts.place = Place::Remote;
    let cut = walk.see(&silence(VaultErrorKind::Unreachable)).wake.after;
    assert!(cut >= Duration::from_millis(250), "{cut:?}");
    walk.facts.place = Place::Local;
    let cut = walk.see(&silence(VaultErrorKind::Unreachable)).wake.after;
    assert!(cut <= Duration::from_millis(25), "a starting server cuts connections: {cut:?}");
    walk.facts.place = Place::Remote;
    let elsewhere = walk.see(&silence(VaultErrorKind::Refused)).wake;
    assert_eq!(elsewhere.meanwhile, Meanwhile::Sleep);
    assert!(elsewhere.after >= Duration::from_millis(250), "{elsewhere:?}");
}

#[test]
fn what_passes_within_moments_is_looked_at_without_a_pause_at_first_and_patiently_later() {
    let fresh = Observation::Answered(answer(SealStatus { threshold: 0, shares: 0, ..seal(true, true) }));
    for passing in [fresh, Observation::Answered(answer(seal(true, false)))] {
        let mut walk = Walk::new(facts(Some(view())));
        walk.see(&silence(VaultErrorKind::Refused));
        let first = walk.after(0, &passing).wake.after;
        assert!(first < Duration::from_millis(10), "{first:?} for {passing:?}");
        let later = walk.after(2, &passing).wake.after;
        assert!(later >= Duration::from_millis(20), "{later:?} for {passing:?}");
    }
}

#[test]
fn another_clusters_id_raises_an_alarm() {
    let mut store = view();
    store.cluster_id = Some("two".to_owned());
    let mut walk = Walk::new(facts(Some(store)));
    assert!(walk.see(&open()).state.cluster_mismatch);
}

#[test]
fn an_open_server_is_asked_at_most_twice_a_minute() {
    let mut walk = Walk::new(facts(Some(view())));
    let first = walk.see(&open());
    assert_eq!(first.wake.meanwhile, Meanwhile::Watch, "a connection tells when it ends");
    // Each look is seal-status and leader; the held connection costs one more in four minutes.
    assert!(first.wake.after >= Duration::from_secs(75));
}

// --- properties over every pair of state and observation

fn any_kind() -> impl Strategy<Value = VaultErrorKind> {
    proptest::sample::select(vec![
        VaultErrorKind::Refused,
        VaultErrorKind::Unreachable,
        VaultErrorKind::TimedOut,
        VaultErrorKind::Tls,
        VaultErrorKind::Untrusted,
        VaultErrorKind::Redirected,
        VaultErrorKind::BrokenInit,
        VaultErrorKind::Fault,
        VaultErrorKind::Malformed,
        VaultErrorKind::NotReady,
    ])
}

prop_compose! {
    fn any_seal()(
        sealed: bool, initialized: bool, threshold in 0_u8..5, progress in 0_u8..3, migration in prop::bool::weighted(0.1),
        recovery in prop::bool::weighted(0.1), kind in prop::sample::select(vec!["shamir", "shamir", "shamir", "static"]),
        storage in prop::sample::select(vec![None, Some("raft"), Some("raft"), Some("file")]),
    ) -> SealStatus {
        SealStatus {
            seal_type: kind.to_owned(), migration, recovery_seal: recovery, progress,
            nonce: if progress > 0 { "n".to_owned() } else { String::new() },
            threshold, storage_type: storage.map(ToOwned::to_owned), ..seal(sealed, initialized)
        }
    }
}

fn any_answer() -> impl Strategy<Value = Observation> {
    let continuity = proptest::sample::select(vec![Continuity::Unbroken, Continuity::Broken, Continuity::Unwatched]);
    (any_seal(), any::<bool>(), any::<bool>(), continuity).prop_map(|(seal, leader, peer_active, continuity)| {
        let leader = leader.then(|| Leader { ha_enabled: true, is_self: peer_active, leader_address: String::new() });
        Observation::Answered(Answer { seal, leader, peer_active, continuity })
    })
}

fn any_silence() -> impl Strategy<Value = Observation> {
    (any_kind(), any::<bool>(), any::<bool>()).prop_map(|(kind, health, initialised)| {
        Observation::Silent(Silence {
            kind,
            detail: "no answer".to_owned(),
            health: health.then_some(Health::Sealed),
            initialised: initialised.then_some(true),
        })
    })
}

fn any_outcome() -> impl Strategy<Value = Observation> {
    let refusal = proptest::sample::select(vec![
        Refusal::Rejected,
        Refusal::Keyring,
        Refusal::Disturbed,
        Refusal::TooFewShares("0 of 3 shares opened".to_owned()),
    ]);
    prop_oneof![
        Just(Outcome::Opened { generation: Generation(2) }),
        Just(Outcome::Pending { generation: Generation(2) }),
        Just(Outcome::AlreadyOpen),
        any_kind().prop_map(|kind| Outcome::Interrupted { kind, detail: "no answer".to_owned() }),
        prop::collection::vec((Just(Generation(2)), refusal), 1..3).prop_map(Outcome::Failed),
    ]
    .prop_map(Observation::Attempted)
}

prop_compose! {
    fn any_facts()(
        known in prop::bool::weighted(0.9), undecided in prop::bool::weighted(0.2), hold in prop::bool::weighted(0.1),
        local in prop::bool::weighted(0.1), leader in prop::option::of(1_u32..3), remote: bool, empty in prop::bool::weighted(0.1),
    ) -> Facts {
        let mut store = if empty { StoreView::default() } else { view() };
        if undecided { store.undecided = vec![Generation(3)]; }
        if hold { store.holds = vec![Hold { id: "a".repeat(32), reason: "r".to_owned(), host: "h".to_owned(), at: at(0) }]; }
        Facts {
            place: if remote { Place::Remote } else { Place::Local },
            leader_opened_with: leader.map(Generation),
            local_hold: local.then(local_hold),
            ..facts(known.then_some(store))
        }
    }
}

fn check(before: &State, observation: &Observation, facts: &Facts, decision: &Decision) {
    assert!(decision.wake.after <= rhythm::LONGEST, "{decision:?}");
    assert!(decision.wake.after >= Duration::from_millis(1), "{decision:?}");
    assert!(!decision.state.message.is_empty());
    assert_eq!(decision.state.condition.open(), decision.state.closed_since.is_none());
    let Action::Unseal(order) = &decision.action else {
        if decision.action == Action::Reset {
            assert!(before.foreign.is_some());
        }
        return;
    };
    let Observation::Answered(answer) = observation else {
        panic!("shares are sent after an answer only: {decision:?}")
    };
    let seal = &answer.seal;
    assert!(seal.sealed && seal.initialized && !seal.migration && !seal.recovery_seal && seal.seal_type == "shamir");
    assert!(seal.threshold > 0 && !order.is_empty());
    let store = facts.view.as_ref().expect("nothing is sent that is not known");
    assert!(store.holds.is_empty() && facts.local_hold.is_none() && decision.state.inferred.is_none());
    if decision.state.member() == order::Member::Joining {
        assert!(store.undecided.is_empty() && order.len() == 1 && seal.progress == 0);
        assert!(order[0] == facts.leader_opened_with.unwrap_or(Generation(2)));
    }
    for candidate in store.candidates.iter().filter(|one| order.contains(&one.generation)) {
        assert!(candidate.threshold.is_none_or(|threshold| threshold == seal.threshold));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_walk_keeps_the_rules(
        walk in prop::collection::vec(
            (prop_oneof![4 => any_answer(), 1 => any_silence(), 1 => any_outcome()], any_facts(), 0_i64..200, any::<u16>()),
            1..40,
        )
    ) {
        let mut state = State::new(at(0), None);
        let mut now = 0;
        for (observation, facts, passed, jitter) in walk {
            now += passed - 20;
            let decision = step(state.clone(), &observation, &facts, at(now), jitter);
            check(&state, &observation, &facts, &decision);
            state = decision.state;
        }
    }
}
