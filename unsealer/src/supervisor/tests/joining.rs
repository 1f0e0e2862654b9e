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

/// What may hide a newer proof, and what cannot.
const UNREAD: [(&str, bool); 7] = [
    ("vaults/main/generations/", true),
    ("vaults/main/generations/2/manifest.1.json", true),
    ("vaults/main/generations/2/proven.0000000000000000000000000000000a.json", true),
    ("vaults/main/generations/1/superseded.1.0000000000000000000000000000000a.json", true),
    ("vaults/main/generations/2/all.1.age", false),
    ("vaults/main/holds/", false),
    ("vaults/main/intents/3.json", false),
];

/// Generation 2 stands there and this could not be read: generation 1 looks current.
fn without_its_newest(path: &str) -> StoreView {
    StoreView { unread: vec![path.to_owned()], ..before_the_rekey() }
}

#[test]
fn a_joiner_is_sent_nothing_while_a_newer_generation_may_be_among_what_could_not_be_read() {
    for (path, hides) in UNREAD {
        let mut walk = Walk::new(facts(Some(without_its_newest(path))));
        let decision = walk.see(&sealed_beside_an_active_peer());
        if !hides {
            assert_eq!(sends(&decision), [1], "{path}");
            continue;
        }
        assert_eq!((decision.state.condition, sends(&decision)), (Condition::JoiningUndecided, vec![]), "{path}");
        assert!(decision.state.message.contains("could not be read"), "{}", decision.state.message);
        assert!(decision.state.message.contains(path), "{}", decision.state.message);
        assert!(decision.state.next_step.is_some());
        walk.facts = facts(Some(after_the_rekey(-500)));
        assert_eq!(sends(&walk.see(&sealed_beside_an_active_peer())), [2], "it was read: {path}");
    }
}

#[test]
fn what_could_not_be_read_keeps_nothing_from_a_member() {
    for (path, _) in UNREAD {
        assert_eq!(sends(&Walk::new(facts(Some(without_its_newest(path)))).see(&sealed())), [1], "{path}");
    }
}

#[test]
fn peers_are_asked_where_a_newer_generation_may_be_among_what_could_not_be_read() {
    for (path, hides) in UNREAD {
        let walk = Walk::new(facts(Some(without_its_newest(path))));
        assert_eq!(walk.state.asks_peers(&seal(true, true), &walk.facts), hides, "{path}");
    }
}

#[test]
fn what_opened_the_leader_is_right_for_a_joiner_whatever_could_not_be_read() {
    let store = without_its_newest(UNREAD[0].0);
    let mut walk = Walk::new(Facts { leader_opened_with: Some(Generation(1)), ..facts(Some(store)) });
    assert_eq!(sends(&walk.see(&sealed_beside_an_active_peer())), [1]);
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

/// A leader that this daemon opened with this generation while the store said this, and has seen open.
fn leader(generation: u32, store: StoreView) -> Walk {
    let mut walk = Walk::new(facts(Some(store)));
    walk.see(&sealed());
    walk.see(&Observation::Attempted(Outcome::Opened { generation: Generation(generation) }));
    walk.see(&open());
    walk
}

/// What a joiner beside this leader is sent.
fn joiner_beside(leader: &Walk, store: StoreView) -> Vec<u32> {
    let leader_opened_with = leader.state.leads_with(Some(&store));
    sends(&Walk::new(Facts { leader_opened_with, ..facts(Some(store)) }).see(&sealed_beside_an_active_peer()))
}

#[test]
fn a_joiner_is_not_sent_what_opened_the_leader_before_a_later_rekey() {
    let mut leader = leader(1, before_the_rekey());
    assert_eq!(joiner_beside(&leader, before_the_rekey()), [1]);
    assert_eq!(joiner_beside(&leader, after_the_rekey(500)), [2], "generation 2 was proven since");
    leader.after(1000, &open());
    assert_eq!(joiner_beside(&leader, after_the_rekey(500)), [2], "to see it open again proves nothing");
}

#[test]
fn a_rekey_that_was_seen_once_is_not_forgotten_where_the_store_loses_it_again() {
    let mut leader = leader(1, before_the_rekey());
    leader.facts = facts(Some(after_the_rekey(500)));
    leader.see(&open());
    assert_eq!(joiner_beside(&leader, without_its_newest(UNREAD[1].0)), Vec::<u32>::new());
    assert_eq!(joiner_beside(&leader, after_the_rekey(500)), [2]);
}

#[test]
fn a_joiner_is_sent_what_opened_the_restored_volume_of_the_leader() {
    let mut leader = leader(1, after_the_rekey(-500));
    assert_eq!(joiner_beside(&leader, after_the_rekey(-500)), [1], "it was opened with 1 after 2 was proven");
    // A proof that cannot be read for a time is no rekey.
    leader.facts = facts(Some(without_its_newest(UNREAD[1].0)));
    leader.see(&open());
    assert_eq!(joiner_beside(&leader, after_the_rekey(-500)), [1]);
}

#[test]
fn a_leader_that_was_opened_while_part_of_the_store_could_not_be_read_is_held_against_the_first_whole_view() {
    let mut leader = leader(1, without_its_newest(UNREAD[0].0));
    leader.facts = facts(Some(after_the_rekey(-500)));
    leader.see(&open());
    assert_eq!(joiner_beside(&leader, after_the_rekey(-500)), [1]);
}

#[test]
fn a_leader_that_somebody_else_opened_tells_a_joiner_nothing() {
    let mut restarted = leader(1, after_the_rekey(-500));
    restarted.see(&silence(VaultErrorKind::Refused));
    restarted.see(&open());
    assert_eq!(joiner_beside(&restarted, after_the_rekey(-500)), [2]);
    let mut sealed_and_opened = leader(1, after_the_rekey(-500));
    sealed_and_opened.after(600, &open_then_sealed());
    sealed_and_opened.see(&open());
    assert_eq!(joiner_beside(&sealed_and_opened, after_the_rekey(-500)), [2]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whether_the_leader_was_opened_before_the_rekey_decides_whatever_the_clock_of_the_proof_says(
        rekeyed_since: bool, proof in -2000_i64..2000, looks in prop::collection::vec(0_i64..200, 0..5),
    ) {
        // Generation 1's own proof is older than any other.
        let proof = proof.max(-999);
        let mut leader = leader(1, if rekeyed_since { before_the_rekey() } else { after_the_rekey(proof) });
        for passed in looks {
            leader.after(passed, &open());
        }
        let wanted = if rekeyed_since { 2 } else { 1 };
        prop_assert_eq!(joiner_beside(&leader, after_the_rekey(proof)), [wanted]);
    }

    #[test]
    fn a_joiner_is_sent_what_opened_its_leader_or_nothing_while_generations_are_unread(
        unread in prop::collection::vec(prop::sample::select(UNREAD.map(|(path, _)| path).to_vec()), 0..6),
        leader_opened_with in prop::option::of((1_u32..3).prop_map(Generation)), undecided: bool, both: bool,
    ) {
        let hides = UNREAD.iter().any(|(path, hides)| *hides && unread.contains(path));
        let unread = unread.into_iter().map(ToOwned::to_owned).collect();
        let undecided = if undecided { vec![Generation(3)] } else { Vec::new() };
        let store = if both { view() } else { before_the_rekey() };
        let current = store.current;
        let store = StoreView { unread, undecided: undecided.clone(), ..store };
        let stands = |one: &Generation| both || *one == Generation(1);
        let wanted = match leader_opened_with {
            _ if !undecided.is_empty() => None,
            Some(leader) => Some(leader),
            None if hides => None,
            None => current,
        };
        let wanted: Vec<u32> = wanted.filter(stands).iter().map(|one| one.0).collect();
        let sent = Walk::new(Facts { leader_opened_with, ..facts(Some(store)) }).see(&sealed_beside_an_active_peer());
        prop_assert_eq!(sends(&sent), wanted);
    }
}
