//! What holds for every pair of state and observation, walked through at random.

use proptest::prelude::*;

use super::*;

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
        local in prop::bool::weighted(0.1), leader in prop::option::of(1_u32..3), remote: bool, unread in prop::bool::weighted(0.2), empty in prop::bool::weighted(0.1),
    ) -> Facts {
        let mut store = if empty { StoreView::default() } else { view() };
        if undecided { store.undecided = vec![Generation(3)]; }
        if unread { store.unread = vec!["vaults/main/generations/".to_owned()]; }
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
        assert!(facts.leader_opened_with.is_some() || store.unread.is_empty());
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
