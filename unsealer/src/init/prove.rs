//! Proof that shares open a server: by unsealing it with them, or by a drill where it is open already.

use std::time::Duration;

use sops_tools::report::{ExitStatus, Failure};
use sops_tools::secret::{Share, Token};
use tokio::time::{Instant, sleep};

use crate::opener::{self, Outcome, Refusal};
use crate::store::view::Generation;
use crate::vault::{DrillOutcome, Health, Node, SealStatus, VaultErrorKind};

/// Longest wait for a server to say how many shares it wants, and to be open after the last one: a raft node elects itself first.
const LONGEST: Duration = Duration::from_mins(1);
/// Longest time in which a server that was started on its data says that it is uninitialised.
const FINDS_WITHIN: Duration = Duration::from_secs(10);
/// Time between two looks.
const EVERY: Duration = Duration::from_millis(50);

/// What was proven, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// `unsealed` or `drill`.
    pub how: &'static str,
    /// The server's cluster id.
    pub cluster_id: Option<String>,
}

/// Proves `shares` on `node`. `token` is needed where the server is open and an OpenBao.
///
/// # Errors
/// `Integrity` when the server refuses the shares, `Refused` when it is open and no drill is possible, `Unavailable` and `TimedOut`
/// when nothing was learned.
pub async fn prove(
    node: &dyn Node,
    generation: Generation,
    shares: &[Share],
    token: Option<&Token>,
) -> Result<Proof, Failure> {
    let status = settled(node).await?;
    let unsealed = status.sealed && unseal(node, generation, shares, &status).await?;
    let status = serving(node).await?;
    if !unsealed {
        drill(node, shares, token, &status).await?;
    }
    Ok(Proof { how: if unsealed { "unsealed" } else { "drill" }, cluster_id: status.cluster_id })
}

/// `false` when somebody else was faster: what opened the server is not known from this.
async fn unseal(
    node: &dyn Node,
    generation: Generation,
    shares: &[Share],
    status: &SealStatus,
) -> Result<bool, Failure> {
    let mut progress = status.progress;
    match opener::send(node, generation, shares, status.threshold, &mut progress).await {
        Outcome::Opened { .. } | Outcome::Pending { .. } => {
            wait(node, "is open", |status| !status.sealed).await?;
            Ok(true)
        }
        Outcome::AlreadyOpen => Ok(false),
        Outcome::Failed(refused) => Err(match refused.first() {
            Some((_, Refusal::Disturbed)) | None => not_proven(node, "somebody else sends shares too"),
            Some((_, Refusal::TooFewShares(why))) => not_proven(node, why),
            Some((_, Refusal::Rejected | Refusal::Keyring)) => shares_refused(node),
        }),
        Outcome::Interrupted { kind, detail } => Err(unavailable(node, kind, &detail)),
    }
}

async fn drill(node: &dyn Node, shares: &[Share], token: Option<&Token>, status: &SealStatus) -> Result<(), Failure> {
    let exact = &shares[..shares.len().min(usize::from(status.threshold))];
    match node.drill(token, exact, status.shares, status.threshold).await {
        Ok(DrillOutcome::Accepted) => Ok(()),
        Ok(DrillOutcome::Refused) => Err(shares_refused(node)),
        Err(error) if error.kind == VaultErrorKind::Denied => Err(Failure::new(
            ExitStatus::Refused,
            "drill-denied",
            format!("{} is open, and proving shares on it needs a token that may rotate", node.address()),
        )
        .cause(error)
        .hint("give one with tokenFile (policy: sys/rotate/root/* create, read, update, delete), or run the command again while the server is sealed")),
        Err(error) if error.kind == VaultErrorKind::InProgress => Err(Failure::new(
            ExitStatus::Refused,
            "rotation-in-progress",
            format!("{}: a rotation of somebody else is in progress, so shares cannot be proven now", node.address()),
        )
        .cause(error)
        .hint("let it finish or be cancelled by whoever started it, then run the command again")),
        Err(error) => Err(unavailable(node, error.kind, &error.detail)),
    }
}

/// The status once the server says how many shares it wants: right after init it says 0 for a moment.
async fn settled(node: &dyn Node) -> Result<SealStatus, Failure> {
    wait(node, "says how many shares it wants", |status| status.initialized && status.threshold > 0).await
}

/// Whether the server is initialised, or is so within [`FINDS_WITHIN`]. What could not be asked is left to the proof that follows.
pub(super) async fn finds_its_data(node: &dyn Node) -> bool {
    let deadline = Instant::now() + FINDS_WITHIN;
    loop {
        match node.seal_status().await {
            Ok(status) if !status.initialized && Instant::now() < deadline => sleep(EVERY).await,
            Ok(status) => return status.initialized,
            Err(_) => return true,
        }
    }
}

/// The status once requests are served: an unsealed raft node answers 500 to them until its cluster has a leader.
async fn serving(node: &dyn Node) -> Result<SealStatus, Failure> {
    let deadline = Instant::now() + LONGEST;
    while Instant::now() < deadline {
        let active = matches!(node.health().await, Ok(Health::Active));
        if active || node.leader().await.is_ok_and(|leader| !leader.active() && leader.exists()) {
            break;
        }
        sleep(EVERY).await;
    }
    wait(node, "is open", |status| !status.sealed).await
}

async fn wait(node: &dyn Node, what: &str, reached: impl Fn(&SealStatus) -> bool) -> Result<SealStatus, Failure> {
    let deadline = Instant::now() + LONGEST;
    loop {
        let seen = node.seal_status().await;
        match seen {
            Ok(status) if reached(&status) => return Ok(status),
            Err(error) if Instant::now() >= deadline => return Err(unavailable(node, error.kind, &error.detail)),
            Ok(_) if Instant::now() >= deadline => {
                return Err(Failure::new(
                    ExitStatus::TimedOut,
                    "server-not-settled",
                    format!("{}: waited {} s until it {what}", node.address(), LONGEST.as_secs()),
                )
                .hint("look at the server's log, then run the command again: it goes on where it stopped"));
            }
            _ => sleep(EVERY).await,
        }
    }
}

fn not_proven(node: &dyn Node, why: &str) -> Failure {
    Failure::new(ExitStatus::Refused, "not-proven", format!("{}: the shares were not proven", node.address()))
        .cause(why)
        .hint("run the command again; it goes on where it stopped")
}

fn shares_refused(node: &dyn Node) -> Failure {
    Failure::new(
        ExitStatus::Integrity,
        "shares-refused",
        format!("{}: the server refuses these shares", node.address()),
    )
    .hint("they are of another generation or of another Vault; nothing was marked proven")
}

fn unavailable(node: &dyn Node, kind: VaultErrorKind, detail: &str) -> Failure {
    let status = if kind == VaultErrorKind::TimedOut { ExitStatus::TimedOut } else { ExitStatus::Unavailable };
    Failure::new(status, "server-unavailable", format!("{}: the server could not be asked", node.address()))
        .cause(detail)
        .hint("start the server, then run the command again: it goes on where it stopped")
}
