//! Holds: stored, on this host, and inferred from a deliberate seal.

use super::*;

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
