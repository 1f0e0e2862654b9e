//! The task of one node: look, decide, act, wait. A node that hangs delays nobody but itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use sops_tools::clock::{Clock, Entropy};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::board::{Board, NodeBoard, VaultBoard};
use super::presence::Presence;
use super::{MakeNode, local};
use crate::opener::{self, Custody, Outcome, Refusal};
use crate::status::{Condition, UnsealStatus};
use crate::store::view::Generation;
use crate::supervisor::{Action, Answer, Continuity, Decision, Facts, InferredHold, Observation, Silence, Wake, step};
use crate::vault::{Health, Node, VaultErrorKind};

/// Longest time for one attempt with all its generations; a share has 15 s of its own.
pub(super) const TURN: Duration = Duration::from_mins(2);
/// Longest time for all peers together: one of them answers at once, or it is not reachable.
const PEERS: Duration = Duration::from_secs(1);
/// How long an answer of the peers is good enough for a node that waits for its leader.
const PEER_ANSWER: Duration = Duration::from_millis(500);
/// A restarted raft member says "uninitialised" for moments: such a state is logged once it has stood this long.
const PASSING: Duration = Duration::from_secs(2);

/// What a node's task works with.
pub(super) struct Keeper {
    pub(super) make: MakeNode,
    /// Every other member of its cluster that the settings name.
    pub(super) peers: Vec<MakeNode>,
    pub(super) board: Arc<Board>,
    pub(super) vault: usize,
    pub(super) index: usize,
    pub(super) custody: watch::Receiver<Option<Arc<dyn Custody>>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// Where an inferred hold is kept over a restart of the daemon.
    pub(super) memory: Option<PathBuf>,
}

/// What is remembered of a node besides its state.
struct Present {
    node: Option<Arc<dyn Node>>,
    presence: Presence,
    continuity: Continuity,
    first_answer: Option<Instant>,
    logged: Option<(Condition, Option<String>)>,
    kept: Option<InferredHold>,
    /// Answer of the peers, and when they gave it.
    peers: Option<(Instant, bool)>,
}

impl Keeper {
    /// Keeps the node open until `soft` is cancelled. An attempt under way is finished first.
    pub(super) async fn keep(self, soft: CancellationToken) {
        let mut present = Present {
            node: None,
            presence: Presence::default(),
            continuity: Continuity::Unwatched,
            first_answer: None,
            logged: None,
            kept: self.recall(),
            peers: None,
        };
        self.here().report.send_modify(|report| report.state.inferred.clone_from(&present.kept));
        let mut known = self.vault().known.subscribe();
        while !soft.is_cancelled() {
            known.mark_unchanged();
            let wake = self.turn(&mut present).await;
            tokio::select! {
                () = soft.cancelled() => return,
                continuity = present.presence.wait(present.node.as_ref(), wake, &mut known) => present.continuity = continuity,
            }
        }
    }

    fn vault(&self) -> &VaultBoard {
        &self.board.vaults[self.vault]
    }

    fn here(&self) -> &NodeBoard {
        &self.vault().nodes[self.index]
    }

    fn recall(&self) -> Option<InferredHold> {
        let file = self.memory.as_ref()?;
        local::inferred(file).unwrap_or_else(|fault| {
            tracing::warn!(vault = self.vault().name, %fault, "an inferred hold of an earlier run cannot be read");
            None
        })
    }

    /// One look, and what follows from it.
    async fn turn(&self, present: &mut Present) -> Wake {
        let observation = self.look(present).await;
        match &observation {
            Observation::Answered(_) => {
                present.first_answer.get_or_insert_with(Instant::now);
            }
            _ => present.first_answer = None,
        }
        let mut decision = self.decide(&observation, present);
        if let (Action::Unseal(order), Some(node)) = (&decision.action, &present.node) {
            let outcome = self.attempt(node.as_ref(), order).await;
            let opened = if let Outcome::Opened { generation } = &outcome { Some(*generation) } else { None };
            decision = self.decide(&Observation::Attempted(outcome), present);
            if let Some(generation) = opened {
                self.opened(generation, present);
            }
        }
        if let (Action::Reset, Some(node)) = (&decision.action, &present.node)
            && let Err(error) = node.reset_unseal().await
        {
            tracing::warn!(vault = self.vault().name, %error, "stale shares of somebody else could not be reset");
        }
        decision.wake
    }

    fn decide(&self, observation: &Observation, present: &mut Present) -> Decision {
        let now = self.clock.now();
        let facts = self.vault().facts(self.here());
        let state = self.here().report.borrow().state.clone();
        let mut jitter = [0; 2];
        self.entropy.fill(&mut jitter);
        let decision = step(state, observation, &facts, now, u16::from_le_bytes(jitter));
        self.log(&decision, present);
        if decision.state.inferred != present.kept {
            present.kept.clone_from(&decision.state.inferred);
            self.remember(present.kept.as_ref());
        }
        self.here().report.send_modify(|report| {
            report.state = decision.state.clone();
            report.turned = Instant::now();
        });
        decision
    }

    fn remember(&self, hold: Option<&InferredHold>) {
        let Some(file) = &self.memory else { return };
        if let Err(fault) = local::keep_inferred(file, hold) {
            tracing::warn!(vault = self.vault().name, %fault, "an inferred hold cannot be kept over a restart");
        }
    }

    /// One line for each change of state, with the next step.
    fn log(&self, decision: &Decision, present: &mut Present) {
        let state = &decision.state;
        let line = (state.condition, state.next_step.clone());
        if present.logged.as_ref() == Some(&line) {
            return;
        }
        let passing =
            matches!(state.condition, Condition::Uninitialised | Condition::NotRestored | Condition::IntentOpen);
        let stood = self.clock.now().duration_since(state.since);
        if passing && Duration::try_from(stood).unwrap_or_default() < PASSING {
            return;
        }
        let (vault, node) = (&self.vault().name, &self.here().address);
        let (condition, message) = (state.condition.word(), &state.message);
        let next_step = state.next_step.as_deref().unwrap_or_default();
        // A server that is down is everyday business; one that is not to be trusted, or not under this address, is not.
        let unfit = state.condition == Condition::Unreachable && state.next_step.is_some();
        if state.condition.needs_a_person() || state.cluster_mismatch || unfit {
            tracing::warn!(vault, node, state = condition, next_step, "{message}");
        } else {
            tracing::info!(vault, node, state = condition, next_step, "{message}");
        }
        present.logged = Some(line);
    }

    /// The sight of the node now. A node that could not be made (its CA file, for instance) is a silent one.
    async fn look(&self, present: &mut Present) -> Observation {
        let node = match &present.node {
            Some(node) => Arc::clone(node),
            None => match (self.make)() {
                Ok(node) => Arc::clone(present.node.insert(node)),
                Err(error) => return silent(error.kind, error.detail),
            },
        };
        match node.seal_status().await {
            Ok(seal) => {
                let leader = if seal.sealed { None } else { node.leader().await.ok() };
                if present.presence.ended() {
                    present.continuity = Continuity::Broken;
                }
                let facts = self.vault().facts(self.here());
                let asks = self.here().report.borrow().state.asks_peers(&seal, &facts);
                let peer_active = asks && self.peer_active(seal.initialized, present).await;
                Observation::Answered(Answer { seal, leader, peer_active, continuity: present.continuity })
            }
            Err(error) => {
                if error.kind == VaultErrorKind::Tls {
                    // The CA file may be a new one: read it again at the next look.
                    present.node = None;
                    present.presence = Presence::default();
                }
                second_questions(node.as_ref(), error.kind, error.detail).await
            }
        }
    }

    /// Whether another member is active. While the node waits for its leader an answer of half a second ago will do; once it has
    /// met it, the answer decides what it is sent.
    async fn peer_active(&self, decisive: bool, present: &mut Present) -> bool {
        if self.vault().sibling_active(self.index) {
            return true;
        }
        if let Some((at, active)) = present.peers
            && !decisive
            && at.elapsed() < PEER_ANSWER
        {
            return active;
        }
        let active = ask_peers(&self.peers).await;
        present.peers = Some((Instant::now(), active));
        active
    }

    async fn attempt(&self, node: &dyn Node, order: &[Generation]) -> Outcome {
        let facts = self.vault().facts(self.here());
        let Some(custody) = self.custody.borrow().clone() else {
            let missing = Refusal::TooFewShares("no age identity could be read".to_owned());
            return Outcome::Failed(order.iter().map(|generation| (*generation, missing.clone())).collect());
        };
        let seal = self.here().report.borrow().state.seal.clone();
        let (threshold, progress) = seal.map_or((0, 0), |seal| (seal.threshold, seal.progress));
        let attempt = opener::attempt(node, candidates(&facts, order), &custody, threshold, progress);
        timeout(TURN, attempt).await.unwrap_or_else(|_| Outcome::Interrupted {
            kind: VaultErrorKind::TimedOut,
            detail: format!("the attempt took longer than {} s", TURN.as_secs()),
        })
    }

    fn opened(&self, generation: Generation, present: &mut Present) {
        let elapsed = present.first_answer.take().map(|first| first.elapsed()).unwrap_or_default();
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let at = self.clock.now();
        let (vault, node) = (&self.vault().name, &self.here().address);
        tracing::info!(vault, node, generation = generation.0, milliseconds, "opened");
        let unseal = UnsealStatus { at, generation: generation.0, milliseconds };
        self.here().report.send_modify(|report| report.last_unseal = Some(unseal));
    }
}

fn candidates(facts: &Facts, order: &[Generation]) -> Vec<crate::store::view::Candidate> {
    let Some(view) = &facts.view else { return Vec::new() };
    let find = |generation: &Generation| view.candidates.iter().find(|one| one.generation == *generation).cloned();
    order.iter().filter_map(find).collect()
}

async fn ask_peers(peers: &[MakeNode]) -> bool {
    let made = peers.iter().filter_map(|make| make().ok());
    let mut asked: FuturesUnordered<_> =
        made.map(|peer| async move { matches!(peer.health().await, Ok(Health::Active)) }).collect();
    let any = async {
        while let Some(active) = asked.next().await {
            if active {
                return true;
            }
        }
        false
    };
    timeout(PEERS, any).await.unwrap_or(false)
}

fn silent(kind: VaultErrorKind, detail: String) -> Observation {
    Observation::Silent(Silence { kind, detail, health: None, initialised: None })
}

/// A hanging `seal-status` may be a wedged joiner: OpenBao's then still answers `health`, Vault's `GET sys/init` alone.
async fn second_questions(node: &dyn Node, kind: VaultErrorKind, detail: String) -> Observation {
    if kind != VaultErrorKind::TimedOut {
        return silent(kind, detail);
    }
    let (health, initialised) = tokio::join!(node.health(), node.initialised());
    Observation::Silent(Silence { kind, detail, health: health.ok(), initialised: initialised.ok() })
}
