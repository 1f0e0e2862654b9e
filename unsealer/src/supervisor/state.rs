//! What is remembered of a node between two looks.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Facts;
use super::order::{Member, joining_matters};
use super::rhythm::jittered;
use crate::status::Condition;
use crate::store::view::{Generation, StoreView};
use crate::vault::{SealStatus, VaultErrorKind};

/// An open server was seen sealed over an unbroken connection: somebody meant it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InferredHold {
    /// When it was seen.
    pub at: Timestamp,
    /// Ids of the releases known then: one that is not among them ends the hold. `None` while nothing stored was readable.
    pub known_releases: Option<BTreeSet<String>>,
}

/// Why the last attempts did not open the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No bundle gives enough shares.
    Missing,
    /// Every generation was refused.
    Rejected,
    /// Shares right, keyring wrong.
    Keyring,
    /// It sealed itself within a minute of our unseal.
    Resealed,
    /// A call failed, or somebody else was at it.
    Disturbed,
    /// The server answers questions, and is not to be trusted with a share.
    Mistrusted(VaultErrorKind),
}

impl Trouble {
    /// First wait and longest wait.
    fn waits(self) -> (Duration, Duration) {
        let seconds = match self {
            Self::Missing => (15, 60),
            Self::Rejected => (10, 300),
            Self::Keyring => (60, 900),
            Self::Resealed => (5, 900),
            Self::Mistrusted(_) => (1, 15),
            Self::Disturbed => return (Duration::from_millis(100), Duration::from_secs(5)),
        };
        (Duration::from_secs(seconds.0), Duration::from_secs(seconds.1))
    }
}

/// What the store said of the current generation since this daemon opened the server. Other hosts' clocks take no part in it. A view
/// that lacks part of the generations says nothing: it may show an older one as current.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SinceOpened {
    /// Nothing that could be trusted to be whole.
    Unknown,
    /// This one was current all the time.
    Current(Option<Generation>),
    /// It changed.
    Changed,
}

impl SinceOpened {
    /// After this view.
    pub(super) fn seen(self, view: &StoreView) -> Self {
        match self {
            _ if view.generations_unread().is_some() => self,
            Self::Unknown => Self::Current(view.current),
            Self::Current(then) if then == view.current => self,
            Self::Current(_) | Self::Changed => Self::Changed,
        }
    }
}

/// A back-off in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BackOff {
    pub(super) trouble: Trouble,
    pub(super) detail: String,
    pub(super) failures: u32,
    pub(super) until: Timestamp,
    /// What was stored and who could open it then: a change ends the back-off.
    pub(super) stored: u64,
}

/// Shares of somebody else in the server's present attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForeignProgress {
    pub(super) nonce: String,
    pub(super) progress: u8,
    pub(super) since: Timestamp,
}

/// Everything remembered of one node.
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a node; every combination occurs")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The state by name.
    pub condition: Condition,
    /// Since when.
    pub since: Timestamp,
    /// What was seen, one line.
    pub message: String,
    /// What a person should do.
    pub next_step: Option<String>,
    /// Last answer to `seal-status`.
    pub seal: Option<SealStatus>,
    /// Cluster id, last seen while open.
    pub cluster_id: Option<String>,
    /// The cluster id is not that of the current proof.
    pub cluster_mismatch: bool,
    /// Since when it has not been open.
    pub closed_since: Option<Timestamp>,
    /// Times opened by this daemon.
    pub unseals: u64,
    /// When this daemon last opened it, and with which generation.
    pub opened: Option<(Timestamp, Generation)>,
    /// Our shares began the present open time. Not so where somebody else opened it after a seal or a restart.
    pub opened_by_us: bool,
    pub(super) since_opened: SinceOpened,
    /// Shares of somebody else were seen in the present sealed time.
    pub foreign_seen: bool,
    /// Deliberate seal that this daemon inferred; the caller keeps it over a restart.
    pub inferred: Option<InferredHold>,
    pub(super) seen_uninitialised: bool,
    pub(super) joiner: bool,
    /// It refused wrong shares in this process: only a member can, so nothing wedges it.
    pub(super) member_shown: bool,
    pub(super) hung_looks: u8,
    pub(super) reseals: u32,
    pub(super) settled: u32,
    pub(super) back_off: Option<BackOff>,
    pub(super) foreign: Option<ForeignProgress>,
    pub(super) pending: Option<(Generation, Timestamp)>,
}

impl State {
    /// A node that was never looked at. `inferred` is what an earlier run of the daemon kept.
    pub fn new(now: Timestamp, inferred: Option<InferredHold>) -> Self {
        Self {
            condition: Condition::Unreachable,
            since: now,
            message: "not looked at yet".to_owned(),
            next_step: None,
            seal: None,
            cluster_id: None,
            cluster_mismatch: false,
            closed_since: Some(now),
            unseals: 0,
            opened: None,
            opened_by_us: false,
            since_opened: SinceOpened::Unknown,
            foreign_seen: false,
            inferred,
            seen_uninitialised: false,
            joiner: false,
            member_shown: false,
            hung_looks: 0,
            reseals: 0,
            settled: 0,
            back_off: None,
            foreign: None,
            pending: None,
        }
    }

    /// Whether the node may still have to join its cluster.
    pub fn member(&self) -> Member {
        if self.joiner { Member::Joining } else { Member::Settled }
    }

    /// Whether it matters, for a node that answered so, if one of its peers is active: for one that is empty, and for one that would be
    /// sent something else if it were still joining. Where one generation is stored the peers are not on the way of an unseal.
    pub fn asks_peers(&self, seal: &SealStatus, facts: &Facts) -> bool {
        let raft = seal.storage_type.as_deref() == Some("raft");
        let settled = self.member_shown || self.joiner;
        raft && seal.sealed
            && (!seal.initialized || self.seen_uninitialised || (!settled && joining_matters(seal, facts)))
    }

    /// The generation with which this daemon has just seen it open, where it is the active node. `None` where another generation became
    /// current since: a rekey while it was open makes the one that opened it the old one.
    pub fn leads_with(&self, view: Option<&StoreView>) -> Option<Generation> {
        let (_, generation) = self.opened?;
        let since = view.map_or(self.since_opened, |view| self.since_opened.seen(view));
        let active = self.condition == Condition::OpenActive;
        (active && self.opened_by_us && since != SinceOpened::Changed).then_some(generation)
    }

    /// Shares of this generation, sent by this daemon, opened it.
    pub(super) fn opened_by_our_shares(&mut self, generation: Generation, now: Timestamp) {
        self.opened = Some((now, generation));
        self.opened_by_us = true;
        self.since_opened = SinceOpened::Unknown;
        self.unseals += 1;
    }

    /// Names the state and says why.
    pub(super) fn is(&mut self, condition: Condition, (message, next_step): (String, Option<String>)) {
        self.condition = condition;
        self.message = message;
        self.next_step = next_step;
    }

    /// The server is another process than before: what was learned of the old one is void.
    pub(super) fn new_process(&mut self) {
        self.opened_by_us = false;
        self.seen_uninitialised = false;
        self.joiner = false;
        self.member_shown = false;
        self.hung_looks = 0;
        self.reseals = 0;
        self.back_off = None;
        self.foreign = None;
        self.foreign_seen = false;
        self.pending = None;
    }

    /// Starts or lengthens the back-off.
    pub(super) fn back_off(&mut self, trouble: Trouble, detail: String, facts: &Facts, now: Timestamp, jitter: u16) {
        let failures = match &self.back_off {
            Some(earlier) if earlier.trouble == trouble => earlier.failures.saturating_add(1),
            _ => 1,
        };
        let (first, longest) = trouble.waits();
        let wait = first.saturating_mul(1_u32 << (failures - 1).min(16)).min(longest);
        let until = later(now, jittered(wait, jitter));
        self.back_off = Some(BackOff { trouble, detail, failures, until, stored: stored(facts) });
    }

    /// A clock that was set back must not make a back-off or a wait endless.
    pub(super) fn clock_went_back(&mut self, now: Timestamp) {
        let limit = later(now, Duration::from_mins(20));
        if self.back_off.as_ref().is_some_and(|back_off| back_off.until > limit) {
            self.back_off = None;
        }
        if self.pending.is_some_and(|(_, until)| until > limit) {
            self.pending = None;
        }
        if let Some(foreign) = &mut self.foreign
            && foreign.since > now
        {
            foreign.since = now;
        }
    }
}

/// `now` plus `wait`; the end of time where that overflows.
pub(super) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Time from `earlier` to `now`; zero where the clock was set back.
pub(super) fn passed(earlier: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(earlier)).unwrap_or_default()
}

/// A fingerprint of what could be tried: candidates, their bundles, and our identities.
pub(super) fn stored(facts: &Facts) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    facts.identity_epoch.hash(&mut hasher);
    if let Some(view) = &facts.view {
        for candidate in &view.candidates {
            candidate.generation.hash(&mut hasher);
            candidate.standing.hash(&mut hasher);
            for bundle in &candidate.bundles {
                (&bundle.digest, bundle.sealed.is_some()).hash(&mut hasher);
            }
        }
    }
    hasher.finish()
}
