//! What every task of the daemon knows of the others: written by one, read by all, never waited for.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::status::{
    BundleStatus, Condition, FindingStatus, GenerationStatus, HoldKind, HoldStatus, NodeStatus, SecretFileFault,
    Status, StoreStatus, UnsealStatus, VERSION, VaultStatus,
};
use crate::supervisor::{Facts, Place, State};

/// A task that has not turned for this long is stuck: the longest turn is bounded by [`super::node::TURN`].
const STUCK: std::time::Duration = std::time::Duration::from_mins(5);

/// The whole board.
pub struct Board {
    /// When the daemon started.
    pub started: Timestamp,
    /// In the order of the settings.
    pub vaults: Vec<VaultBoard>,
    /// What is known of the secret files.
    pub secrets: watch::Sender<SecretsReport>,
}

/// One Vault.
pub struct VaultBoard {
    /// Its name.
    pub name: String,
    /// What is stored, and local wishes. [`Facts::leader_opened_with`] is filled in by [`VaultBoard::facts`].
    pub known: watch::Sender<Facts>,
    /// The store as it was last seen.
    pub store: watch::Sender<StoreReport>,
    /// Its servers.
    pub nodes: Vec<NodeBoard>,
}

/// One server.
pub struct NodeBoard {
    /// Address without credentials.
    pub address: String,
    /// Where it runs.
    pub place: Place,
    /// What its task last saw.
    pub report: watch::Sender<NodeReport>,
}

/// What a node's task last saw.
#[derive(Debug, Clone)]
pub struct NodeReport {
    /// The state.
    pub state: State,
    /// The last unsealing by this daemon.
    pub last_unseal: Option<UnsealStatus>,
    /// When the task last turned.
    pub turned: Instant,
}

/// What a store task last saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreReport {
    /// Availability and age.
    pub store: StoreStatus,
    /// Generations with what can be opened of them.
    pub generations: Vec<GenerationStatus>,
}

/// What is known of the secret files.
#[derive(Debug, Clone, Default)]
pub struct SecretsReport {
    /// Identities are loaded.
    pub identities: bool,
    /// A store key is loaded.
    pub store_key: bool,
    /// New contents that could not be used, since the start.
    pub failures: u64,
    /// Files in that state now.
    pub faults: Vec<SecretFileFault>,
}

impl VaultBoard {
    /// The facts for one of its nodes now.
    pub fn facts(&self, node: &NodeBoard) -> Facts {
        let mut facts = self.known.borrow().clone();
        facts.place = node.place;
        let view = facts.view.as_deref();
        facts.leader_opened_with = self.nodes.iter().find_map(|node| node.report.borrow().state.leads_with(view));
        facts
    }

    /// Whether another node of this daemon is active.
    pub fn sibling_active(&self, index: usize) -> bool {
        let mut others = self.nodes.iter().enumerate().filter(|(other, _)| *other != index);
        others.any(|(_, node)| node.report.borrow().state.condition == Condition::OpenActive)
    }

    fn not_ready(&self) -> Option<String> {
        let store = self.store.borrow();
        let able = store.generations.iter().any(|one| {
            let authentic = one.standing != crate::store::view::Standing::NotAuthentic;
            authentic && one.openable
        });
        if able {
            return None;
        }
        let why = match (&store.store.error, store.generations.first()) {
            (_, Some(first)) => format!("no identity opens enough shares of generation {}", first.generation),
            (Some(error), None) => format!("nothing is known of the store: {error}"),
            (None, None) => "no bundle is stored".to_owned(),
        };
        Some(format!("{}: {why}", self.name))
    }

    /// Holds in force, of every kind.
    pub fn holds(&self) -> Vec<HoldStatus> {
        let known = self.known.borrow();
        let stored = known.view.iter().flat_map(|view| &view.holds).map(|hold| HoldStatus {
            kind: HoldKind::Stored,
            id: Some(hold.id.clone()),
            reason: hold.reason.clone(),
            host: hold.host.clone(),
            at: hold.at,
            node: None,
        });
        let local = known.local_hold.iter().map(|hold| HoldStatus {
            kind: HoldKind::Local,
            id: None,
            reason: hold.reason.clone(),
            host: hold.host.clone(),
            at: hold.at,
            node: None,
        });
        let inferred = self.nodes.iter().filter_map(|node| {
            let at = node.report.borrow().state.inferred.as_ref()?.at;
            Some(HoldStatus {
                kind: HoldKind::Inferred,
                id: None,
                reason: "sealed while open, without a hold".to_owned(),
                host: "this daemon".to_owned(),
                at,
                node: Some(node.address.clone()),
            })
        });
        stored.chain(local).chain(inferred).collect()
    }

    fn status(&self) -> VaultStatus {
        let store = self.store.borrow().clone();
        let findings = self.known.borrow().view.iter().flat_map(|view| view.findings.clone()).collect::<Vec<_>>();
        VaultStatus {
            name: self.name.clone(),
            nodes: self.nodes.iter().map(NodeBoard::status).collect(),
            store: store.store,
            generations: store.generations,
            holds: self.holds(),
            findings: findings
                .into_iter()
                .map(|one| FindingStatus { class: one.class.to_owned(), path: one.path, detail: one.detail })
                .collect(),
        }
    }
}

impl NodeBoard {
    fn status(&self) -> NodeStatus {
        let report = self.report.borrow();
        let state = &report.state;
        NodeStatus {
            address: self.address.clone(),
            state: state.condition,
            since: state.since,
            message: state.message.clone(),
            next_step: state.next_step.clone(),
            product: state.seal.as_ref().map(|seal| seal.product.to_string()),
            server_version: state.seal.as_ref().map(|seal| seal.version.clone()),
            cluster_id: state.cluster_id.clone(),
            cluster_mismatch: state.cluster_mismatch,
            foreign_progress: state.foreign_seen,
            closed_since: state.closed_since,
            unseals: state.unseals,
            last_unseal: report.last_unseal.clone(),
        }
    }
}

impl Board {
    /// Why the daemon could not unseal, one line each; empty = ready.
    pub fn not_ready(&self) -> Vec<String> {
        let secrets = self.secrets.borrow();
        let mut reasons = Vec::new();
        if !secrets.identities {
            reasons.push("no age identity could be read".to_owned());
        }
        if !secrets.store_key {
            reasons.push("no store key could be read".to_owned());
        }
        drop(secrets);
        reasons.extend(self.vaults.iter().filter_map(VaultBoard::not_ready));
        reasons
    }

    /// Addresses of nodes whose task no longer turns.
    pub fn stuck(&self) -> Vec<String> {
        let nodes = self.vaults.iter().flat_map(|vault| &vault.nodes);
        nodes.filter(|node| node.report.borrow().turned.elapsed() > STUCK).map(|node| node.address.clone()).collect()
    }

    /// The whole as a document.
    pub fn status(&self, now: Timestamp) -> Status {
        let not_ready = self.not_ready();
        Status {
            version: VERSION,
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            at: now,
            started: self.started,
            ready: not_ready.is_empty(),
            not_ready,
            vaults: self.vaults.iter().map(VaultBoard::status).collect(),
            secret_files: self.secrets.borrow().faults.clone(),
        }
    }
}

/// A board with every Vault and node on it, before anything was seen.
pub fn blank(started: Timestamp, vaults: Vec<(String, Vec<(String, Place)>)>) -> Arc<Board> {
    let vaults = vaults.into_iter().map(|(name, nodes)| VaultBoard {
        known: watch::Sender::new(Facts::unknown(&name)),
        name,
        store: watch::Sender::new(StoreReport::default()),
        nodes: nodes
            .into_iter()
            .map(|(address, place)| NodeBoard {
                address,
                place,
                report: watch::Sender::new(NodeReport {
                    state: State::new(started, None),
                    last_unseal: None,
                    turned: Instant::now(),
                }),
            })
            .collect(),
    });
    Arc::new(Board { started, vaults: vaults.collect(), secrets: watch::Sender::new(SecretsReport::default()) })
}

/// A bundle's line for the status, before it was opened.
pub(super) fn bundle_line(bundle: &crate::store::view::SealedBundle, authentic: bool) -> BundleStatus {
    BundleStatus {
        seal: bundle.seal.0,
        custodian: bundle.custodian.clone(),
        authentic,
        openable: false,
        recipient: None,
        fault: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::view::Generation;

    #[test]
    fn what_opened_the_leader_is_a_fact_for_every_node() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let node = |name: &str| (name.to_owned(), Place::Remote);
        let board = blank(start, vec![("main".to_owned(), vec![node("joiner"), node("leader")])]);
        let [joiner, leader] = &board.vaults[0].nodes[..] else { panic!("two nodes") };
        let told = || board.vaults[0].facts(joiner).leader_opened_with;
        assert_eq!(told(), None);
        leader.report.send_modify(|report| {
            report.state.opened = Some((start, Generation(2)));
            report.state.opened_by_us = true;
        });
        assert_eq!(told(), None, "it does not lead yet");
        leader.report.send_modify(|report| report.state.condition = Condition::OpenActive);
        assert_eq!(told(), Some(Generation(2)));
    }
}
