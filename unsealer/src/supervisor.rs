//! What to do about one node, decided without doing it.
//!
//! [`step`] takes the state so far, one observation, the facts of the Vault, the time and a random number, and gives the next
//! state, one action and the time of the next look. It does no I/O, so each rule can be tested for every pair of state and
//! observation:
//!
//! - nothing is sent to a server that is held, not Shamir, migrating, uninitialised, wedged or open;
//! - a joining raft node gets one generation, the current one or the one that this daemon has just seen open the leader: wrong shares
//!   would wedge it for ever. It gets none while a newer one is undecided, and not the current one while a newer one may be among what
//!   could not be read. A sealed raft node beside an active peer counts as joining until it has refused shares: it may have met its
//!   leader before our first look;
//! - refusals are answered by a capped back-off, which ends as soon as the server restarts or what is stored changes;
//! - every wake time is bounded.

mod answer;
mod order;
mod rhythm;
mod sentence;
mod state;

use std::sync::Arc;

use jiff::Timestamp;

use crate::opener::Outcome;
use crate::store::view::{Generation, StoreView};
use crate::vault::{Health, Leader, SealStatus, VaultErrorKind};

pub use order::order;
pub use rhythm::{Meanwhile, Place, Wake};
pub(crate) use sentence::generations_unread;
pub use state::{InferredHold, State};

/// One look at a node, or the end of an attempt to open it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// `seal-status` answered.
    Answered(Answer),
    /// `seal-status` gave no usable answer.
    Silent(Silence),
    /// Shares were sent.
    Attempted(Outcome),
}

/// What a node answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// `seal-status`.
    pub seal: SealStatus,
    /// `leader`; only asked of an unsealed node, `None` where it gave no answer.
    pub leader: Option<Leader>,
    /// One of the Vault's `peers` is active. `false` also where none is set or reachable.
    pub peer_active: bool,
    /// What is known of the time since the last look.
    pub continuity: Continuity,
}

/// Whether the server may have restarted since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// A connection stood the whole time: it is the same process.
    Unbroken,
    /// The connection ended: most likely another process.
    Broken,
    /// No connection was held.
    Unwatched,
}

/// Why a node gave no answer, and what the second questions to a hanging one gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Kind of the failure.
    pub kind: VaultErrorKind,
    /// One line, without a server body.
    pub detail: String,
    /// `health`, asked only where `seal-status` timed out.
    pub health: Option<Health>,
    /// `GET sys/init`, asked only where `seal-status` timed out.
    pub initialised: Option<bool>,
}

/// `hold --local`: a wish written on this host, for times without a store.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LocalHold {
    /// Why, in the words of who set it.
    pub reason: String,
    /// Host that set it.
    pub host: String,
    /// When.
    pub at: Timestamp,
}

/// What is known besides the node itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The Vault's name.
    pub vault: String,
    /// Whether the server runs on this host.
    pub place: Place,
    /// What is stored. `None`: neither store nor cache could be read yet, which is not the same as "nothing there".
    pub view: Option<Arc<StoreView>>,
    /// Why the store could not be read last time.
    pub store_fault: Option<String>,
    /// The generation with which this daemon has just seen the leader open.
    pub leader_opened_with: Option<Generation>,
    /// The hold file on this host.
    pub local_hold: Option<LocalHold>,
    /// Time of the last `release --local` on this host.
    pub local_release: Option<Timestamp>,
    /// Grows whenever the identities of this daemon change.
    pub identity_epoch: u64,
}

impl Facts {
    /// Before anything was read.
    pub fn unknown(vault: &str) -> Self {
        Self {
            vault: vault.to_owned(),
            place: Place::Remote,
            view: None,
            store_fault: None,
            leader_opened_with: None,
            local_hold: None,
            local_release: None,
            identity_epoch: 0,
        }
    }
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing; look again when the time has come.
    Wait,
    /// Send shares of these generations, in this order.
    Unseal(Vec<Generation>),
    /// Forget progress of somebody else that has stood for a minute.
    Reset,
}

/// What [`step`] decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The state from now on.
    pub state: State,
    /// What to do first.
    pub action: Action,
    /// When to look again.
    pub wake: Wake,
}

/// Decides. `jitter` is uniformly random: two daemons that start together shall not stay in step.
pub fn step(state: State, observation: &Observation, facts: &Facts, now: Timestamp, jitter: u16) -> Decision {
    let before = state.condition;
    let mut state = state;
    state.clock_went_back(now);
    let (action, wake) = match observation {
        Observation::Answered(answer) => answer::answered(&mut state, answer, facts, now, jitter),
        Observation::Silent(silence) => answer::silent(&mut state, silence, facts, jitter),
        Observation::Attempted(outcome) => answer::attempted(&mut state, outcome, facts, now, jitter),
    };
    if state.condition != before {
        state.since = now;
    }
    if state.condition.open() {
        state.closed_since = None;
    } else if state.closed_since.is_none() {
        state.closed_since = Some(now);
    }
    Decision { state, action, wake: Wake { after: wake.after.min(rhythm::LONGEST), ..wake } }
}

#[cfg(test)]
mod tests;
