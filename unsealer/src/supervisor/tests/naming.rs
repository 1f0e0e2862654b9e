//! States in which nothing is sent, and what a person reads of them.

use super::*;

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
fn another_clusters_id_raises_an_alarm() {
    let mut store = view();
    store.cluster_id = Some("two".to_owned());
    let mut walk = Walk::new(facts(Some(store)));
    assert!(walk.see(&open()).state.cluster_mismatch);
}
