//! How often a server is looked at.

use super::*;

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
fn an_open_server_is_asked_at_most_twice_a_minute() {
    let mut walk = Walk::new(facts(Some(view())));
    let first = walk.see(&open());
    assert_eq!(first.wake.meanwhile, Meanwhile::Watch, "a connection tells when it ends");
    // Each look is seal-status and leader; the held connection costs one more in four minutes.
    assert!(first.wake.after >= Duration::from_secs(75));
}
