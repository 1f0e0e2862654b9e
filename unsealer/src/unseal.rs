//! One shot: open every node of a Vault now, or say why not.
//!
//! Reads the store, and where it is away this host's cache. Never initialises, writes nothing. A node that has to join a raft cluster gets
//! the current generation alone, and nothing while a newer one is undecided or part of the generations could not be read: wrong shares would wedge it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use sops_tools::report::{ExitStatus, Failure};
use tokio::time::{Instant, sleep};

use crate::opener::{self, Custody, Outcome, Refusal};
use crate::session::Session;
use crate::store::contents::Contents;
use crate::store::view::{Candidate, Generation, Standing, StoreView, derive};
use crate::supervisor::generations_unread;
use crate::vault::client::Client;
use crate::vault::{Health, Node, SealStatus};

/// Longest wait for a joining node to learn of its cluster, and for a node to be open after its last share.
const LONGEST: Duration = Duration::from_secs(30);
/// Time between two looks.
const EVERY: Duration = Duration::from_millis(50);

/// What became of one node.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeReport {
    /// Its address.
    pub address: String,
    /// It is open now.
    pub open: bool,
    /// Stable word: `open-already`, `opened`, `held`, `uninitialised`, `joining-undecided`, `shares-missing`, `shares-rejected`, `broken-rotation`,
    /// `not-shamir`, `unreachable`, `not-open-yet`, and in a dry run `sealed`.
    pub state: &'static str,
    /// The generation that opened it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// One line.
    pub message: String,
    /// What to do next, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    #[serde(skip)]
    status: ExitStatus,
}

/// What `unseal` did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The Vault's name.
    pub vault: String,
    /// Every node, in the order of the settings.
    pub nodes: Vec<NodeReport>,
    /// The store could not be asked, and this host's cache was used; one line why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_cache: Option<String>,
    /// Custodians' stores that did not answer, each with its fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<String>,
}

impl Report {
    /// Done when every node is open, else the status of the first that is not.
    pub fn status(&self) -> ExitStatus {
        self.nodes.iter().find(|node| !node.open).map_or(ExitStatus::Done, |node| node.status)
    }
}

/// Opens what can be opened.
///
/// # Errors
/// When neither store nor cache gives anything to open with.
pub async fn unseal(session: &Session, despite_hold: bool, dry_run: bool) -> Result<Report, Failure> {
    let (view, from_cache) = look(session).await?;
    let keyring: Arc<dyn Custody> = Arc::new(session.keyring());
    let held = (!despite_hold).then(|| hold_of(&view)).flatten();
    let attempt = Attempt { session, view: &view, keyring: &keyring, held: held.as_deref(), dry_run };
    let work = session.nodes.iter().map(|node| attempt.one_node(node));
    let silent = view.silent.iter().map(|part| {
        format!("the store of custodian {} did not answer: {}", part.name, part.fault.as_deref().unwrap_or_default())
    });
    let silent = silent.collect();
    Ok(Report { vault: session.name.as_str().to_owned(), nodes: join_all(work).await, from_cache, silent })
}

/// What the store says, or what it said when this host last saw it.
async fn look(session: &Session) -> Result<(StoreView, Option<String>), Failure> {
    let asked = match session.reader() {
        Ok(store) => session.look_at_readable(store.as_ref()).await,
        Err(failure) => Err(failure),
    };
    let failure = match asked {
        Ok(view) => return Ok((view, None)),
        Err(failure) => failure,
    };
    let cached = session.cached()?;
    let view = derive(&session.name, &Contents::default(), &session.keys, &cached);
    if view.candidates.is_empty() { Err(failure) } else { Ok((view, Some(failure.problem))) }
}

fn hold_of(view: &StoreView) -> Option<String> {
    if let Some(path) = view.unread.iter().find(|path| path.contains("/holds/")) {
        return Some(format!("{path} is there and cannot be read: it may be a hold"));
    }
    view.holds.first().map(|hold| format!("held since {} by {}: {}", hold.at, hold.host, hold.reason))
}

struct Attempt<'a> {
    session: &'a Session,
    view: &'a StoreView,
    keyring: &'a Arc<dyn Custody>,
    held: Option<&'a str>,
    dry_run: bool,
}

impl Attempt<'_> {
    async fn one_node(&self, node: &Client) -> NodeReport {
        let seen = match node.seal_status().await {
            Ok(seen) => seen,
            Err(error) => {
                return report(node, "unreachable", ExitStatus::Unavailable, error.to_string())
                    .next("start the server, then run the command again");
            }
        };
        if seen.seal_type != "shamir" {
            return report(node, "not-shamir", ExitStatus::Refused, format!("it has a {} seal", seen.seal_type))
                .next("it unseals itself or by another service");
        }
        if !seen.sealed {
            return opened(node, "open-already", None, "open already".to_owned());
        }
        if let Some(held) = self.held {
            return report(node, "held", ExitStatus::Refused, held.to_owned())
                .next("`unsealer release` ends the hold; `unsealer unseal --despite-hold` opens it this once");
        }
        // A joiner may have met its leader before it answered us: with an active member a sealed raft node counts as one.
        let raft = seen.storage_type.as_deref() == Some("raft");
        let joining = !seen.initialized || (raft && cluster_is_up(self.session, node).await);
        let seen = match ready(self.session, node, seen).await {
            Ok(seen) => seen,
            Err(report) => return report,
        };
        let candidates = match order(self.view, &seen, joining) {
            Ok(candidates) => candidates,
            Err((state, message, next)) => {
                return NodeReport { next, ..report(node, state, ExitStatus::Refused, message) };
            }
        };
        if candidates.is_empty() {
            return report(
                node,
                "shares-missing",
                ExitStatus::Absent,
                format!("no stored generation has {} of {} shares", seen.threshold, seen.shares),
            )
            .next("check the Vault's name and the prefix; `unsealer import` takes its shares over");
        }
        if self.dry_run {
            let order: Vec<String> = candidates.iter().map(|one| one.generation.to_string()).collect();
            return report(
                node,
                "sealed",
                ExitStatus::Done,
                format!("it would be sent, in this order, generation {}", order.join(", ")),
            );
        }
        let mut outcome = opener::attempt(node, candidates, self.keyring, seen.threshold, seen.progress).await;
        if joining && refused(&outcome) {
            // A joiner hangs at wrong shares. This one answered: it is a member, and may be sent everything.
            let everything = order(self.view, &seen, false).unwrap_or_default();
            outcome = opener::attempt(node, everything, self.keyring, seen.threshold, 0).await;
        }
        conclude(node, outcome).await
    }
}

fn refused(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(all) if all.iter().any(|(_, why)| matches!(why, Refusal::Rejected)))
}

/// An uninitialised node is either empty or joins a cluster that exists: then it learns of it within seconds.
async fn ready(session: &Session, node: &Client, mut seen: SealStatus) -> Result<SealStatus, NodeReport> {
    if !seen.initialized && !cluster_is_up(session, node).await {
        return Err(report(
            node,
            "uninitialised",
            ExitStatus::Refused,
            "it is uninitialised and no other member is active".to_owned(),
        )
        .next("restore its volume; `unsealer init` is for a Vault that never was"));
    }
    let deadline = Instant::now() + LONGEST;
    while !seen.initialized || seen.threshold == 0 {
        if Instant::now() >= deadline {
            return Err(report(
                node,
                "uninitialised",
                ExitStatus::TimedOut,
                "it did not learn of its cluster within 30 s".to_owned(),
            )
            .next("check its retry_join, then run the command again"));
        }
        sleep(EVERY).await;
        seen = node
            .seal_status()
            .await
            .map_err(|error| report(node, "unreachable", ExitStatus::Unavailable, error.to_string()))?;
    }
    Ok(seen)
}

/// Whether another node or peer is active. One that does not answer is not.
async fn cluster_is_up(session: &Session, node: &Client) -> bool {
    let others = session.nodes.iter().chain(&session.peers).filter(|other| other.address() != node.address());
    let healths = join_all(others.map(|other| async move { other.health().await })).await;
    healths.into_iter().any(|health| matches!(health, Ok(Health::Active)))
}

type Undecided = (&'static str, String, Option<String>);

/// What may be sent: DESIGN's order, a joiner the current generation alone.
fn order(view: &StoreView, seen: &SealStatus, joining: bool) -> Result<Vec<Candidate>, Undecided> {
    let fits = |candidate: &&Candidate| {
        candidate.threshold.is_none_or(|threshold| threshold == seen.threshold)
            && candidate.shares.is_none_or(|shares| shares == seen.shares)
    };
    if !joining {
        return Ok(view.candidates.iter().filter(fits).cloned().collect());
    }
    if let Some(newer) = view.undecided.first() {
        return Err((
            "joining-undecided",
            format!(
                "it has to join, and generation {newer} is neither proven nor abandoned: wrong shares would wedge it"
            ),
            Some(
                "find out which generation is right (unseal an initialised member first), then run the command again"
                    .to_owned(),
            ),
        ));
    }
    if let Some(path) = view.generations_unread() {
        let (message, next) = generations_unread(path);
        return Err(("joining-undecided", message, next));
    }
    let current = |one: &&Candidate| Some(one.generation) == view.current && one.standing != Standing::NotAuthentic;
    Ok(view.candidates.iter().filter(current).filter(fits).cloned().collect())
}

async fn conclude(node: &Client, outcome: Outcome) -> NodeReport {
    match outcome {
        Outcome::Opened { generation } | Outcome::Pending { generation } => after_last_share(node, generation).await,
        Outcome::AlreadyOpen => opened(node, "open-already", None, "somebody else opened it meanwhile".to_owned()),
        Outcome::Interrupted { detail, .. } => report(node, "unreachable", ExitStatus::Unavailable, detail)
            .next("run the command again: sending the same shares twice is safe"),
        Outcome::Failed(refused) => refusal(node, &refused),
    }
}

async fn after_last_share(node: &Client, generation: Generation) -> NodeReport {
    let deadline = Instant::now() + LONGEST;
    loop {
        match node.seal_status().await {
            Ok(seen) if !seen.sealed => {
                return opened(node, "opened", Some(generation), format!("opened with generation {generation}"));
            }
            _ if Instant::now() >= deadline => {
                return report(
                    node,
                    "not-open-yet",
                    ExitStatus::TimedOut,
                    format!("it took the shares of generation {generation} and is not open after 30 s"),
                )
                .next("look at the server's log; a broken rotation seals it again by itself");
            }
            _ => sleep(EVERY).await,
        }
    }
}

fn refusal(node: &Client, refused: &[(Generation, Refusal)]) -> NodeReport {
    let lines: Vec<String> =
        refused.iter().map(|(generation, why)| format!("generation {generation}: {}", words(why))).collect();
    let message = lines.join("; ");
    if refused.iter().any(|(_, why)| matches!(why, Refusal::Keyring)) {
        return report(node, "broken-rotation", ExitStatus::Integrity, message)
            .next("do not restart it again and again: a rotation died in its commit; restore the newest raft snapshot from before it");
    }
    if refused.iter().all(|(_, why)| matches!(why, Refusal::TooFewShares(_))) {
        return report(node, "shares-missing", ExitStatus::Integrity, message)
            .next("give the identity of a recipient; `unsealer store verify` reads everything");
    }
    report(node, "shares-rejected", ExitStatus::Integrity, message)
        .next("the volume is older or newer than these shares, or of another Vault; `unsealer import` takes other shares over")
}

fn words(why: &Refusal) -> String {
    match why {
        Refusal::Rejected => "refused: another generation, or damaged".to_owned(),
        Refusal::Keyring => "the shares are right and the keyring is not".to_owned(),
        Refusal::Disturbed => "mixed with shares of somebody else".to_owned(),
        Refusal::TooFewShares(detail) => detail.clone(),
    }
}

fn opened(node: &Client, state: &'static str, generation: Option<Generation>, message: String) -> NodeReport {
    NodeReport {
        address: node.address().to_owned(),
        open: true,
        state,
        generation,
        message,
        next: None,
        status: ExitStatus::Done,
    }
}

fn report(node: &Client, state: &'static str, status: ExitStatus, message: String) -> NodeReport {
    NodeReport { address: node.address().to_owned(), open: false, state, generation: None, message, next: None, status }
}

impl NodeReport {
    fn next(mut self, next: &str) -> Self {
        self.next = Some(next.to_owned());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Product;

    fn sealed() -> SealStatus {
        SealStatus {
            product: Product::OpenBao,
            seal_type: "shamir".to_owned(),
            initialized: true,
            sealed: true,
            threshold: 3,
            shares: 5,
            progress: 0,
            nonce: String::new(),
            version: "2.7.2".to_owned(),
            migration: false,
            recovery_seal: false,
            storage_type: Some("raft".to_owned()),
            cluster_id: None,
            removed_from_cluster: false,
        }
    }

    #[test]
    fn a_joiner_alone_is_sent_nothing_while_a_newer_generation_may_be_among_what_could_not_be_read() {
        let only = Candidate {
            elsewhere: Vec::new(),
            generation: Generation(1),
            standing: Standing::Proven,
            threshold: Some(3),
            shares: Some(5),
            bundles: Vec::new(),
            created: None,
            proven: None,
            cluster_id: None,
        };
        let view = |unread: &str| StoreView {
            candidates: vec![only.clone()],
            current: Some(Generation(1)),
            unread: vec![unread.to_owned()],
            ..StoreView::default()
        };
        let newer = view("vaults/main/generations/2/manifest.1.json");
        let (state, message, next) = order(&newer, &sealed(), true).unwrap_err();
        assert_eq!(state, "joining-undecided");
        assert!(message.contains("generations/2/manifest.1.json") && next.is_some(), "{message}");
        assert_eq!(order(&newer, &sealed(), false).unwrap(), std::slice::from_ref(&only));
        assert_eq!(order(&view("vaults/main/intents/"), &sealed(), true).unwrap(), std::slice::from_ref(&only));
    }
}
