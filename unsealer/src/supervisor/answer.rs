//! The rules: what an answer, a silence or an attempt means for the state.

use std::time::Duration;

use jiff::Timestamp;

use super::order::{Member, order};
use super::rhythm::{self, Meanwhile, Place, Wake};
use super::sentence;
use super::state::{ForeignProgress, InferredHold, State, Trouble, later, passed, stored};
use super::{Action, Answer, Continuity, Facts, Silence};
use crate::opener::{Outcome, Refusal};
use crate::status::Condition;
use crate::store::view::StoreView;
use crate::vault::{Health, SealStatus, VaultErrorKind};

type Next = (Action, Wake);

/// A seal within this time of our own unseal is a broken variant or a colleague, not a wish to stay sealed.
const OWN_UNSEAL: Duration = Duration::from_mins(1);
/// Progress of somebody else that stands this long is forgotten there (two unsealers must not reset each other for ever).
const STALE_PROGRESS: Duration = Duration::from_mins(1);
/// A joiner opens 0.6 to 3 s after its last share; no second round before this.
const JOINER_OPENS: Duration = Duration::from_secs(6);
/// A restarted member says `initialized:false` for moments, a joiner until it has met its leader.
const EMPTY_IS_FRESH: Duration = Duration::from_secs(30);
/// Looks in a row that must hang before a server counts as wedged.
const HUNG_LOOKS: u8 = 2;

/// `seal-status` answered.
pub(super) fn answered(state: &mut State, answer: &Answer, facts: &Facts, now: Timestamp, jitter: u16) -> Next {
    if answer.continuity == Continuity::Broken {
        state.new_process();
    }
    state.hung_looks = 0;
    let was_open = state.condition.open();
    state.seal = Some(answer.seal.clone());
    let seal = &answer.seal;
    // The server names the seal it migrates to, so this comes before its kind.
    if seal.migration && seal.sealed {
        state.is(Condition::Migrating, sentence::migrating());
        return (Action::Wait, rhythm::patient(None, jitter));
    }
    if seal.seal_type != "shamir" || seal.recovery_seal {
        state.is(Condition::NotShamir, sentence::not_shamir(&seal.seal_type));
        return (Action::Wait, rhythm::patient(None, jitter));
    }
    if !seal.sealed {
        return open(state, answer, facts, now, jitter);
    }
    state.opened_by_us = false;
    if (was_open && answer.continuity != Continuity::Unbroken) || !seal.initialized {
        // Most likely another process, and on another volume perhaps.
        state.member_shown = false;
    }
    if was_open && answer.continuity == Continuity::Unbroken && seal.initialized {
        sealed_in_place(state, facts, now, jitter);
    }
    if !seal.initialized {
        return empty(state, answer, facts, now, jitter);
    }
    note_joiner(state, answer);
    sealed(state, seal, facts, now, jitter)
}

fn open(state: &mut State, answer: &Answer, facts: &Facts, now: Timestamp, jitter: u16) -> Next {
    if let Some((generation, _)) = state.pending.take() {
        state.opened_by_our_shares(generation, now);
    }
    if let Some(view) = facts.view.as_deref() {
        state.since_opened = state.since_opened.seen(view);
    }
    let first = !state.condition.open();
    state.settled = if first { 0 } else { state.settled.saturating_add(1) };
    state.inferred = None;
    state.joiner = false;
    state.member_shown = true;
    state.seen_uninitialised = false;
    state.foreign = None;
    state.foreign_seen = false;
    if state.opened.is_none_or(|(at, _)| passed(at, now) > OWN_UNSEAL) {
        state.reseals = 0;
        state.back_off = None;
    }
    let seal = &answer.seal;
    if seal.cluster_id.is_some() {
        state.cluster_id.clone_from(&seal.cluster_id);
    }
    let proven = facts.view.as_ref().and_then(|view| view.cluster_id.as_ref());
    state.cluster_mismatch = matches!((proven, &state.cluster_id), (Some(proven), Some(seen)) if proven != seen);
    let condition = match &answer.leader {
        Some(leader) if leader.active() => Condition::OpenActive,
        Some(leader) if leader.exists() => Condition::OpenStandby,
        Some(_) => Condition::NoLeader,
        // The question failed: nothing new is known.
        None if state.condition.open() => state.condition,
        None => Condition::OpenStandby,
    };
    state.is(condition, sentence::open(condition, state.cluster_mismatch, facts));
    (Action::Wait, rhythm::open(condition, state.settled, jitter))
}

/// It was open, it is the same process, and it is sealed now.
fn sealed_in_place(state: &mut State, facts: &Facts, now: Timestamp, jitter: u16) {
    if state.opened.is_some_and(|(at, _)| passed(at, now) <= OWN_UNSEAL) {
        state.reseals = state.reseals.saturating_add(1);
        state.back_off(Trouble::Resealed, sentence::resealed(), facts, now, jitter);
        return;
    }
    let restoring = facts.view.as_ref().is_some_and(|view| sentence::snapshot_restore(view, now));
    let broken = state.back_off.as_ref().is_some_and(|one| one.trouble == Trouble::Keyring);
    if restoring || broken || held_by_word(facts) {
        return;
    }
    let known_releases = facts.view.as_ref().map(|view| view.releases.iter().map(|(id, _)| id.clone()).collect());
    state.inferred = Some(InferredHold { at: now, known_releases });
}

fn held_by_word(facts: &Facts) -> bool {
    facts.local_hold.is_some() || facts.view.as_ref().is_some_and(|view| !view.holds.is_empty())
}

/// Uninitialised: never our doing, only our naming.
fn empty(state: &mut State, answer: &Answer, facts: &Facts, now: Timestamp, jitter: u16) -> Next {
    let raft = answer.seal.storage_type.as_deref() == Some("raft");
    let known_since = if state.seen_uninitialised { state.since } else { now };
    state.seen_uninitialised = true;
    if raft && answer.peer_active {
        state.joiner = true;
        state.is(Condition::Joining, sentence::waits_for_leader());
        return (Action::Wait, rhythm::tight(facts.place, jitter));
    }
    let (condition, words) = sentence::empty(facts, raft);
    state.is(condition, words);
    let stood = passed(known_since, now);
    if stood < EMPTY_IS_FRESH {
        return (Action::Wait, rhythm::passing(facts.place, stood, jitter));
    }
    let slower = Wake { after: rhythm::jittered(Duration::from_millis(500), jitter), meanwhile: Meanwhile::Sleep };
    (Action::Wait, slower)
}

/// A sealed node with an active peer may still have to join: a joiner meets its leader before it answers at all, so that nobody need
/// have seen it empty. Until it has refused shares, which a joiner cannot, it is taken for one.
fn note_joiner(state: &mut State, answer: &Answer) {
    let raft = answer.seal.storage_type.as_deref() == Some("raft");
    if raft && answer.peer_active && !state.member_shown {
        state.joiner = true;
    }
    state.seen_uninitialised = false;
}

fn sealed(state: &mut State, seal: &SealStatus, facts: &Facts, now: Timestamp, jitter: u16) -> Next {
    end_inferred(state, facts);
    if let Some(words) = sentence::held(facts, state.inferred.as_ref()) {
        state.is(Condition::Held, words);
        return (Action::Wait, rhythm::patient(None, jitter));
    }
    if seal.threshold == 0 {
        let stood = if state.condition == Condition::Sealed { passed(state.since, now) } else { Duration::ZERO };
        state.is(Condition::Sealed, sentence::passing());
        return (Action::Wait, rhythm::passing(facts.place, stood, jitter));
    }
    if let Some((generation, until)) = state.pending {
        if now < until {
            state.is(Condition::Joining, sentence::opening_by_itself(generation));
            return (Action::Wait, rhythm::tight(facts.place, jitter));
        }
        state.pending = None;
    }
    watch_progress(state, seal, now);
    let Some(view) = facts.view.as_deref() else {
        // "Could not read" is a fault of the store, "not read yet" is none.
        let condition = if facts.store_fault.is_some() { Condition::SharesMissing } else { Condition::Sealed };
        state.is(condition, sentence::store_unread(facts));
        return (Action::Wait, rhythm::patient(Some(Duration::from_millis(50)), jitter));
    };
    if let Some(next) = backing_off(state, facts, now, jitter) {
        return next;
    }
    choose(state, seal, view, facts, now, jitter)
}

/// Sends what may be sent, or names why nothing may.
fn choose(state: &mut State, seal: &SealStatus, view: &StoreView, facts: &Facts, now: Timestamp, jitter: u16) -> Next {
    let member = state.member();
    if member == Member::Joining {
        if !view.undecided.is_empty() {
            state.is(Condition::JoiningUndecided, sentence::undecided(&view.undecided));
            return (Action::Wait, rhythm::patient(None, jitter));
        }
        // A stranger's share would complete a wrong set, and a wrong set wedges a joiner.
        if let Some(foreign) = &state.foreign {
            let stood = passed(foreign.since, now) >= STALE_PROGRESS;
            state.is(Condition::Joining, sentence::foreign_on_joiner(foreign.progress));
            let action = if stood { Action::Reset } else { Action::Wait };
            return (action, rhythm::tight(Place::Remote, jitter));
        }
    }
    let order = order(view, seal, member, facts.leader_opened_with);
    if let (Member::Joining, true, Some(path)) = (member, order.is_empty(), view.generations_unread()) {
        state.is(Condition::JoiningUndecided, sentence::generations_unread(path));
        return (Action::Wait, rhythm::patient(None, jitter));
    }
    if order.is_empty() {
        let (condition, words) = sentence::nothing_to_send(facts, view, seal);
        state.is(condition, words);
        return (Action::Wait, rhythm::patient(None, jitter));
    }
    state.is(Condition::Unsealing, sentence::unsealing(&order));
    (Action::Unseal(order), rhythm::soon())
}

fn end_inferred(state: &mut State, facts: &Facts) {
    let Some(inferred) = &mut state.inferred else { return };
    let mut ended = facts.local_release.is_some_and(|at| at >= inferred.at);
    if let Some(view) = &facts.view {
        let known = inferred.known_releases.get_or_insert_with(|| {
            view.releases.iter().filter(|(_, at)| *at <= inferred.at).map(|(id, _)| id.clone()).collect()
        });
        ended |= view.releases.iter().any(|(id, _)| !known.contains(id));
    }
    if ended {
        state.inferred = None;
    }
}

fn watch_progress(state: &mut State, seal: &SealStatus, now: Timestamp) {
    if seal.progress == 0 {
        state.foreign = None;
        return;
    }
    state.foreign_seen = true;
    let same = state.foreign.as_ref().is_some_and(|seen| seen.nonce == seal.nonce && seen.progress == seal.progress);
    if !same {
        state.foreign = Some(ForeignProgress { nonce: seal.nonce.clone(), progress: seal.progress, since: now });
    }
}

fn backing_off(state: &mut State, facts: &Facts, now: Timestamp, jitter: u16) -> Option<Next> {
    let back_off = state.back_off.as_ref()?;
    if back_off.stored != stored(facts) && back_off.trouble != Trouble::Resealed {
        state.back_off = None;
        return None;
    }
    if now >= back_off.until {
        return None;
    }
    let left = passed(now, back_off.until);
    let condition = condition_of(back_off.trouble, state.reseals);
    let words = match back_off.trouble {
        Trouble::Mistrusted(kind) => sentence::unreachable(kind, &back_off.detail),
        _ => sentence::trouble(condition, &back_off.detail),
    };
    state.is(condition, words);
    Some((Action::Wait, rhythm::patient(Some(left), jitter)))
}

fn condition_of(trouble: Trouble, reseals: u32) -> Condition {
    match trouble {
        Trouble::Mistrusted(_) => Condition::Unreachable,
        Trouble::Missing => Condition::SharesMissing,
        Trouble::Rejected => Condition::SharesRejected,
        Trouble::Keyring => Condition::BrokenRotation,
        // Once may be a person who sealed it right after us; twice is the server itself.
        Trouble::Resealed if reseals > 1 => Condition::BrokenRotation,
        Trouble::Resealed | Trouble::Disturbed => Condition::Sealed,
    }
}

/// `seal-status` gave no usable answer.
pub(super) fn silent(state: &mut State, silence: &Silence, facts: &Facts, jitter: u16) -> Next {
    if silence.kind != VaultErrorKind::TimedOut {
        state.hung_looks = 0;
    }
    match silence.kind {
        VaultErrorKind::BrokenInit => {
            state.is(Condition::BrokenInit, sentence::broken_init(facts));
            return (Action::Wait, rhythm::patient(None, jitter));
        }
        VaultErrorKind::TimedOut => {
            state.hung_looks = state.hung_looks.saturating_add(1);
            let answers_aside = silence.health == Some(Health::Sealed) || silence.initialised == Some(true);
            if answers_aside && (state.hung_looks >= HUNG_LOOKS || state.condition == Condition::Wedged) {
                state.is(Condition::Wedged, sentence::wedged());
                return (Action::Wait, rhythm::patient(None, jitter));
            }
        }
        VaultErrorKind::Refused => {
            // No process: whatever comes next starts anew, and a back-off against the old one is void.
            state.new_process();
            state.is(Condition::Unreachable, sentence::down(&silence.detail));
            return (Action::Wait, rhythm::down(facts.place, jitter));
        }
        _ => {}
    }
    state.is(Condition::Unreachable, sentence::unreachable(silence.kind, &silence.detail));
    if silence.kind == VaultErrorKind::Unreachable && facts.place == Place::Local {
        // A server that dies or starts cuts connections: the next one tells more.
        return (Action::Wait, rhythm::tight(facts.place, jitter));
    }
    let after = rhythm::jittered(Duration::from_millis(250), jitter);
    let slower = rhythm::tight(facts.place, jitter).after.max(after);
    (Action::Wait, Wake { after: slower, meanwhile: Meanwhile::Sleep })
}

/// An attempt ended.
pub(super) fn attempted(state: &mut State, outcome: &Outcome, facts: &Facts, now: Timestamp, jitter: u16) -> Next {
    let (trouble, detail) = match outcome {
        Outcome::Opened { generation } => {
            state.opened_by_our_shares(*generation, now);
            if let Some(view) = facts.view.as_deref() {
                state.since_opened = state.since_opened.seen(view);
            }
            if state.back_off.as_ref().is_some_and(|one| one.trouble != Trouble::Resealed) {
                state.back_off = None;
            }
            state.is(Condition::Unsealing, sentence::opened(*generation));
            return (Action::Wait, rhythm::soon());
        }
        Outcome::AlreadyOpen => return (Action::Wait, rhythm::soon()),
        Outcome::Pending { generation } => {
            state.pending = Some((*generation, later(now, JOINER_OPENS)));
            state.is(Condition::Joining, sentence::opening_by_itself(*generation));
            return (Action::Wait, rhythm::tight(facts.place, jitter));
        }
        Outcome::Interrupted { kind, detail } if mistrusted(*kind) => (Trouble::Mistrusted(*kind), detail.clone()),
        Outcome::Interrupted { detail, .. } => (Trouble::Disturbed, sentence::interrupted(detail)),
        Outcome::Failed(refusals) => {
            let refused = refusals.iter().any(|(_, refusal)| matches!(refusal, Refusal::Rejected));
            if refused && state.joiner {
                // A joiner hangs at wrong shares. This one answered: it is a member, and may be sent everything.
                state.joiner = false;
                state.member_shown = true;
                return (Action::Wait, rhythm::soon());
            }
            judge(refusals)
        }
    };
    state.back_off(trouble, detail, facts, now, jitter);
    backing_off(state, facts, now, jitter).unwrap_or((Action::Wait, rhythm::soon()))
}

/// A listener that answers questions and is sent no share: another user's, one without the right certificate, one that sends us elsewhere.
fn mistrusted(kind: VaultErrorKind) -> bool {
    matches!(kind, VaultErrorKind::Untrusted | VaultErrorKind::Tls | VaultErrorKind::Redirected)
}

fn judge(refusals: &[(crate::store::view::Generation, Refusal)]) -> (Trouble, String) {
    let detail = sentence::refusals(refusals);
    let any = |wanted: fn(&Refusal) -> bool| refusals.iter().any(|(_, refusal)| wanted(refusal));
    let trouble = if any(|one| matches!(one, Refusal::Keyring)) {
        Trouble::Keyring
    } else if any(|one| matches!(one, Refusal::Disturbed)) {
        Trouble::Disturbed
    } else if any(|one| matches!(one, Refusal::Rejected)) {
        Trouble::Rejected
    } else {
        Trouble::Missing
    };
    (trouble, detail)
}
