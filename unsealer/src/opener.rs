//! One attempt to open one node, shared by `run`, `unseal`, `init` and `import`.
//!
//! Bundles are decrypted on a thread of their own just before their shares are sent; the shares are wiped when the generation is
//! done with. Answers are judged by status and progress. A refusal leads to the next generation, a failed call ends the
//! attempt: the next look decides anew. Nothing here waits longer than the calls' own time-outs, and each generation is
//! sent at most [`ROUNDS`] times.

mod keyring;

use std::sync::Arc;

use sops_tools::secret::Share;

pub use keyring::{FileKeyring, Keyring};

use crate::store::view::{Candidate, Elsewhere, Generation, SealedBundle, lack};
use crate::vault::{Node, ShareAnswer, VaultError, VaultErrorKind};

/// Rounds with one generation while somebody else sends shares too.
pub const ROUNDS: u8 = 3;

/// What an attempt ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server is open.
    Opened {
        /// By shares of this generation.
        generation: Generation,
    },
    /// A raft joiner took the shares and opens by itself seconds later.
    Pending {
        /// The generation it got.
        generation: Generation,
    },
    /// It was open before the shares told anything: somebody else was faster.
    AlreadyOpen,
    /// No generation opened it. One entry for each that was tried, in that order.
    Failed(Vec<(Generation, Refusal)>),
    /// A call failed; nothing is known of the shares.
    Interrupted {
        /// Kind of the failure.
        kind: VaultErrorKind,
        /// One line.
        detail: String,
    },
}

/// Why a generation did not open the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Refused at the threshold: shares of another generation, or damaged ones.
    Rejected,
    /// The shares are right and the keyring is not: a rotation died in its commit.
    Keyring,
    /// Somebody else's shares were in the way in every round.
    Disturbed,
    /// Our identities open fewer shares than are needed. One line why.
    TooFewShares(String),
}

/// Who can open sealed bundles. Opening is pure computation; it is called from a thread where blocking is allowed.
pub trait Custody: Send + Sync {
    /// The shares in one bundle, checked against the place it was found at.
    ///
    /// # Errors
    /// One line: what is wrong with the bundle and what to do. Says nothing of a share's content.
    fn open(&self, generation: Generation, bundle: &SealedBundle) -> Result<Vec<Share>, String>;

    /// Fingerprint of the recipient whose identity opens, where there is one identity only.
    fn recipient(&self) -> Option<String> {
        None
    }
}

/// Shares of one generation, opened.
pub struct OpenedShares {
    /// Distinct shares, as many as the custody gave.
    pub shares: Vec<Share>,
    /// Paths of the bundles that opened.
    pub opened: Vec<String>,
    /// Paths of the bundles that did not, and why.
    pub faults: Vec<(String, String)>,
}

/// Opens what can be opened of one generation: of each custodian the newest seal that opens.
pub fn open_candidate(candidate: &Candidate, custody: &dyn Custody) -> OpenedShares {
    let mut result = OpenedShares { shares: Vec::new(), opened: Vec::new(), faults: Vec::new() };
    let mut done: Vec<&str> = Vec::new();
    for bundle in &candidate.bundles {
        if done.contains(&bundle.custodian.as_str()) {
            continue;
        }
        match custody.open(candidate.generation, bundle) {
            Ok(shares) => {
                done.push(&bundle.custodian);
                result.opened.push(bundle.path.clone());
                for share in shares {
                    if !result.shares.iter().any(|known| known.same_as(&share)) {
                        result.shares.push(share);
                    }
                }
            }
            Err(fault) => result.faults.push((bundle.path.clone(), fault)),
        }
    }
    result
}

/// Sends the candidates' shares to `node` in the given order until one opens it.
///
/// `threshold` is what the node asks for; `progress` what its last status showed. A node that still has to join gets one
/// candidate: the caller sees to that.
///
/// # Cancel safety
/// Dropping the future leaves at most a share call unanswered; sending the same shares again is safe.
pub async fn attempt(
    node: &dyn Node,
    candidates: Vec<Candidate>,
    custody: &Arc<dyn Custody>,
    threshold: u8,
    progress: u8,
) -> Outcome {
    let mut refused = Vec::new();
    let mut progress = progress;
    for candidate in candidates {
        let generation = candidate.generation;
        let elsewhere = candidate.elsewhere.clone();
        let opened = match decrypt(candidate, Arc::clone(custody)).await {
            Ok(opened) => opened,
            Err(detail) => {
                refused.push((generation, Refusal::TooFewShares(detail)));
                continue;
            }
        };
        if opened.shares.len() < usize::from(threshold) || threshold == 0 {
            refused.push((generation, Refusal::TooFewShares(too_few(&opened, threshold, &elsewhere))));
            continue;
        }
        match send(node, generation, &opened.shares, threshold, &mut progress).await {
            Outcome::Failed(one) => refused.extend(one),
            other => return other,
        }
    }
    Outcome::Failed(refused)
}

/// Sends shares of one generation that are at hand in clear. `progress` is the server's and stays current.
///
/// # Cancel safety
/// As [`attempt`].
pub async fn send(
    node: &dyn Node,
    generation: Generation,
    shares: &[Share],
    threshold: u8,
    progress: &mut u8,
) -> Outcome {
    match send_generation(node, shares, threshold, progress).await {
        Round::Opened => Outcome::Opened { generation },
        Round::Pending => Outcome::Pending { generation },
        Round::AlreadyOpen => Outcome::AlreadyOpen,
        Round::Refused(refusal) => Outcome::Failed(vec![(generation, refusal)]),
        Round::Failed(error) => Outcome::Interrupted { kind: error.kind, detail: error.detail },
    }
}

async fn decrypt(candidate: Candidate, custody: Arc<dyn Custody>) -> Result<OpenedShares, String> {
    tokio::task::spawn_blocking(move || open_candidate(&candidate, custody.as_ref()))
        .await
        .map_err(|_| "opening the bundle was cut off".to_owned())
}

fn too_few(opened: &OpenedShares, threshold: u8, elsewhere: &[Elsewhere]) -> String {
    let lack = lack(opened.shares.len(), threshold, elsewhere);
    match opened.faults.first() {
        Some((path, fault)) => format!("{lack}; {path}: {fault}"),
        None => lack,
    }
}

enum Round {
    Opened,
    Pending,
    AlreadyOpen,
    Refused(Refusal),
    Failed(VaultError),
}

/// Sends one generation, again where somebody else's shares were mixed in. `progress` is the server's and stays current.
async fn send_generation(node: &dyn Node, shares: &[Share], threshold: u8, progress: &mut u8) -> Round {
    for _ in 0..ROUNDS {
        let clean = *progress == 0;
        match send_round(node, shares, threshold, progress).await {
            (Round::Refused(Refusal::Rejected), ours) if !clean || !ours => {}
            (round, _) => return round,
        }
    }
    Round::Refused(Refusal::Disturbed)
}

/// Sends up to all shares once. The flag says that every share counted was ours.
async fn send_round(node: &dyn Node, shares: &[Share], threshold: u8, progress: &mut u8) -> (Round, bool) {
    let mut ours = true;
    let mut nonce: Option<String> = None;
    for share in shares {
        let last = progress.saturating_add(1) >= threshold;
        let first = nonce.is_none();
        match node.send_share(share, last).await {
            Ok(ShareAnswer::Counted { progress: now, nonce: attempt }) => {
                ours &= now == progress.saturating_add(1) && nonce.as_ref().is_none_or(|known| *known == attempt);
                nonce = Some(attempt);
                *progress = now;
            }
            Ok(ShareAnswer::Unsealed) if first && !last => return (Round::AlreadyOpen, ours),
            Ok(ShareAnswer::Unsealed) => return (Round::Opened, ours),
            Ok(ShareAnswer::Pending | ShareAnswer::Busy) => return (Round::Pending, ours),
            Ok(ShareAnswer::Rejected) => {
                *progress = 0;
                return (Round::Refused(Refusal::Rejected), ours);
            }
            Ok(ShareAnswer::RejectedByKeyring) => {
                *progress = 0;
                return (Round::Refused(Refusal::Keyring), ours);
            }
            Err(error) => return (Round::Failed(error), ours),
        }
    }
    // Every share was counted and the threshold is still not reached: somebody reset the attempt meanwhile.
    (Round::Refused(Refusal::Rejected), false)
}

#[cfg(test)]
mod tests;
