//! What a sealed member is sent, and what follows from a refusal.

use super::*;

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
