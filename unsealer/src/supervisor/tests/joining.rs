//! A raft node that may still have to join: what it is sent, and when nothing.

use proptest::prelude::*;

use super::*;

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

/// Generation 1 alone, proven long ago.
fn before_the_rekey() -> StoreView {
    StoreView { candidates: vec![proven(1, -1000)], current: Some(Generation(1)), ..view() }
}

/// Generation 2, proven at that time, before generation 1.
fn after_the_rekey(second: i64) -> StoreView {
    StoreView { candidates: vec![proven(2, second), proven(1, -1000)], ..view() }
}

fn proven(number: u32, second: i64) -> Candidate {
    Candidate { proven: Some(at(second)), ..candidate(number, Standing::Proven) }
}

/// A leader that this daemon opened with this generation at this second, and has seen open.
fn leader(generation: u32, second: i64) -> Walk {
    let mut walk = Walk::new(facts(Some(before_the_rekey())));
    walk.after(second, &sealed());
    walk.after(0, &Observation::Attempted(Outcome::Opened { generation: Generation(generation) }));
    walk.after(0, &open());
    walk
}

/// What a joiner beside this leader is sent.
fn joiner_beside(leader: &Walk, store: StoreView) -> Vec<u32> {
    let leader_opened_with = leader.state.leads_with(Some(&store));
    sends(&Walk::new(Facts { leader_opened_with, ..facts(Some(store)) }).see(&sealed_beside_an_active_peer()))
}

#[test]
fn a_joiner_is_not_sent_what_opened_the_leader_before_a_later_rekey() {
    let mut leader = leader(1, 10);
    assert_eq!(joiner_beside(&leader, before_the_rekey()), [1]);
    assert_eq!(joiner_beside(&leader, after_the_rekey(500)), [2], "generation 2 was proven since");
    leader.after(1000, &open());
    assert_eq!(joiner_beside(&leader, after_the_rekey(500)), [2], "to see it open again proves nothing");
}

#[test]
fn a_joiner_is_sent_what_opened_the_restored_volume_of_the_leader() {
    assert_eq!(joiner_beside(&leader(1, 600), after_the_rekey(500)), [1], "it was opened with 1 after 2 was proven");
}

#[test]
fn a_leader_that_somebody_else_opened_tells_a_joiner_nothing() {
    let mut restarted = leader(1, 600);
    restarted.see(&silence(VaultErrorKind::Refused));
    restarted.see(&open());
    assert_eq!(joiner_beside(&restarted, after_the_rekey(500)), [2]);
    let mut sealed_and_opened = leader(1, 600);
    sealed_and_opened.after(600, &open_then_sealed());
    sealed_and_opened.see(&open());
    assert_eq!(joiner_beside(&sealed_and_opened, after_the_rekey(500)), [2]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_later_of_proof_and_opening_decides_what_a_joiner_is_sent(
        opened in 0_i64..1000, proof in 0_i64..1000, looks in prop::collection::vec(0_i64..200, 0..5),
    ) {
        let mut leader = leader(1, opened);
        for passed in looks {
            leader.after(passed, &open());
        }
        let wanted = if proof > opened { 2 } else { 1 };
        prop_assert_eq!(joiner_beside(&leader, after_the_rekey(proof)), [wanted]);
    }
}
