//! What we need of a Vault or OpenBao server, as a trait, and what its answers mean.
//!
//! One [`Node`] is one server process under one address; there is no load balancing here. Answers are
//! judged by HTTP status and fields, never by error text, and no server body ever reaches an error or a log.

pub mod client;
pub mod target;

mod answers;
mod drill;
mod endpoints;
mod listener;
mod presence;
mod wire;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use sops_tools::secret::{Share, Token};

/// Which product answers. Told apart by `commit_date` (OpenBao) and `build_date` (Vault) in seal-status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Product {
    /// OpenBao.
    OpenBao,
    /// HashiCorp Vault.
    Vault,
    /// Neither field was there.
    Unknown,
}

/// `GET sys/seal-status`. Unknown fields are ignored, absent ones have the neutral value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the server's own fields")]
pub struct SealStatus {
    /// The product that answered.
    pub product: Product,
    /// Kind of seal: `shamir`, or one we stay out of.
    pub seal_type: String,
    /// Whether the barrier exists. A raft joiner says `false` until it has met a leader.
    pub initialized: bool,
    /// Whether shares are needed.
    pub sealed: bool,
    /// Shares needed; 0 while uninitialised and for a moment after init.
    pub threshold: u8,
    /// Shares that exist.
    pub shares: u8,
    /// Shares received in the present attempt.
    pub progress: u8,
    /// Id of the present attempt, empty when there is none.
    pub nonce: String,
    /// Server version as it says itself.
    pub version: String,
    /// A seal migration is pending.
    pub migration: bool,
    /// The seal has recovery keys, so t and n above are not ours.
    pub recovery_seal: bool,
    /// `raft`, `file`, `inmem`, …
    pub storage_type: Option<String>,
    /// Only while unsealed.
    pub cluster_id: Option<String>,
    /// Vault on raft only: this node was removed from its cluster.
    pub removed_from_cluster: bool,
}

/// `GET sys/health`, by status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// 200.
    Active,
    /// 429 or 472 to 474: unsealed, not active; also a node without a leader.
    Standby,
    /// 501.
    Uninitialised,
    /// 503.
    Sealed,
    /// 500 and anything else.
    Other(u16),
}

/// `GET sys/leader` of an unsealed server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// High availability is on. Off means this node is the leader, whatever `is_self` says.
    pub ha_enabled: bool,
    /// This node is the leader.
    pub is_self: bool,
    /// API address of the leader, empty when there is none.
    pub leader_address: String,
}

impl Leader {
    /// Whether this node is the active one.
    pub fn active(&self) -> bool {
        !self.ha_enabled || self.is_self
    }

    /// Whether the cluster has an active node at all.
    pub fn exists(&self) -> bool {
        self.active() || !self.leader_address.is_empty()
    }
}

/// The one answer that must not be lost.
pub struct InitAnswer {
    /// All shares, in the order the server gave them.
    pub shares: Vec<Share>,
    /// The root token.
    pub root_token: Token,
}

/// What the server said to one share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShareAnswer {
    /// Below the threshold: counted (or seen before).
    Counted {
        /// Shares received in this attempt.
        progress: u8,
        /// Id of the attempt.
        nonce: String,
    },
    /// `sealed:false`.
    Unsealed,
    /// Threshold reached, still sealed, progress 0 and no error: a raft joiner opens seconds later.
    Pending,
    /// 400 at the threshold, progress back to 0: these shares are of another generation, or damaged.
    Rejected,
    /// 400 "unseal failed, invalid key": the shares are right and the keyring is not (a broken rotation).
    RejectedByKeyring,
    /// 500 "invalid key size 0": sent to a joiner that is still opening; harmless.
    Busy,
}

/// Result of a drill: shares proven against an open server, nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrillOutcome {
    /// The server accepted the shares.
    Accepted,
    /// The server refused them.
    Refused,
}

/// Why a call gave no answer to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VaultErrorKind {
    /// Connection refused: no process listens.
    Refused,
    /// Not reachable for another reason: DNS, reset, no route.
    Unreachable,
    /// No answer within the call's time-out. A server inside raft init hangs so, a wedged joiner too.
    TimedOut,
    /// The server's certificate or name did not verify.
    Tls,
    /// The socket's owner is not the expected user, or plain http to another machine. Nothing was sent.
    Untrusted,
    /// A redirect. It is never followed.
    Redirected,
    /// 403: token missing, or its policy lacks the path.
    Denied,
    /// 404 or 405: the server has no such call.
    Unsupported,
    /// 400: the server refused the request.
    Rejected,
    /// 400 on init: "already initialized".
    AlreadyInitialised,
    /// 400 on init: "cluster already has state": an init was killed before a leader existed.
    ClusterHasState,
    /// 400 on a rotation start: one is in progress already.
    InProgress,
    /// 503 "Vault is sealed", or 501.
    NotReady,
    /// 500 on seal-status: barrier without seal configuration, an init died in the middle.
    BrokenInit,
    /// Another 5xx.
    Fault,
    /// The body is not what the call promises, or larger than allowed.
    Malformed,
}

/// A call to a server that failed. Never holds a body, a share or a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{address}: {call}: {detail}")]
pub struct VaultError {
    /// What went wrong.
    pub kind: VaultErrorKind,
    /// The call, as `GET sys/seal-status`.
    pub call: &'static str,
    /// The server's address.
    pub address: String,
    /// One line in our own words, with the HTTP status where there was one.
    pub detail: String,
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenBao => "OpenBao",
            Self::Vault => "Vault",
            Self::Unknown => "server of unknown make",
        })
    }
}

/// One server.
///
/// Every call has its own time-out: 5 s, a share 15 s, init 300 s (it takes 5 to 10 s on raft; a lost answer loses the
/// shares). No call is retried here.
#[async_trait]
pub trait Node: Send + Sync {
    /// The address, without credentials.
    fn address(&self) -> &str;

    /// `GET sys/seal-status`.
    async fn seal_status(&self) -> Result<SealStatus, VaultError>;

    /// `GET sys/health`, with a time-out of 2 s; any status code is an answer, not an error.
    async fn health(&self) -> Result<Health, VaultError>;

    /// `GET sys/leader`.
    async fn leader(&self) -> Result<Leader, VaultError>;

    /// `GET sys/init`: a wedged Vault joiner answers only this.
    async fn initialised(&self) -> Result<bool, VaultError>;

    /// `PUT sys/init`. Sent once, never retried.
    async fn init(&self, shares: u8, threshold: u8) -> Result<InitAnswer, VaultError>;

    /// `PUT sys/unseal` with one share. `last` says that the share completes the threshold.
    async fn send_share(&self, share: &Share, last: bool) -> Result<ShareAnswer, VaultError>;

    /// `PUT sys/unseal {"reset": true}`.
    async fn reset_unseal(&self) -> Result<(), VaultError>;

    /// Proves `shares` (exactly the threshold, distinct) on the active node and cancels: changes nothing. `shares_total` and
    /// `threshold` are what seal-status says. New shares that the server hands out are wiped unseen. `token` is needed by OpenBao.
    ///
    /// # Errors
    /// `InProgress` when a rotation of somebody else runs: it is left alone. `NotReady` on a node that is not the active one.
    ///
    /// # Cancel safety
    /// None: a future dropped in the middle leaves the started rotation on the server.
    async fn drill(
        &self,
        token: Option<&Token>,
        shares: &[Share],
        shares_total: u8,
        threshold: u8,
    ) -> Result<DrillOutcome, VaultError>;

    /// Any call of an `--after-init` file: `path` below `/v1/`, a JSON body. Gives the HTTP status; the body is dropped.
    async fn request(
        &self,
        token: &Token,
        method: &str,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<u16, VaultError>;

    /// `POST auth/token/revoke-self`.
    async fn revoke_self(&self, token: &Token) -> Result<(), VaultError>;

    /// Opens one connection to the server, makes one cheap request so that the server keeps it (by default 5 minutes, against 10 s for
    /// a silent one), and returns when the server ends it or `longest` has passed. `true` = it ended: the server died, or let an idle
    /// connection go; ask seal-status.
    async fn connection_ended(&self, longest: Duration) -> Result<bool, VaultError>;

    /// Returns when something listens at the server's address, or when `longest` has passed. Nothing is asked of it. Meant for a server
    /// on this host that refuses connections; where the address must be resolved first it only waits.
    async fn listens(&self, longest: Duration);
}
