//! What the daemon says of itself: the document behind `/status.json`, read again by `unsealer status`.
//!
//! No secret has a place in it: addresses, numbers, times and sentences only. Field names are camelCase. Unknown fields are
//! ignored by readers, so fields may be added; a change of meaning raises [`VERSION`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::view::Standing;

/// Version of the document.
pub const VERSION: u32 = 1;

/// The state of one node, as `run` sees it. None of them ends the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// No answer: down, starting, or inside a raft init.
    Unreachable,
    /// Answers, holds no data, and nothing is stored for it.
    Uninitialised,
    /// An init or a snapshot restore was begun and not finished.
    IntentOpen,
    /// The server says that its barrier exists without a seal configuration.
    BrokenInit,
    /// Uninitialised although a bundle is stored: its volume was not restored.
    NotRestored,
    /// Sealed; shares are about to be sent, or wait for a reason that the message names.
    Sealed,
    /// Shares were sent and not yet judged.
    Unsealing,
    /// A new raft node that takes its data from a leader.
    Joining,
    /// A new raft node; nothing is sent while a newer generation is neither proven nor abandoned.
    JoiningUndecided,
    /// Hangs for ever after wrong shares: only a restart of the server helps.
    Wedged,
    /// Unsealed, another node is active.
    OpenStandby,
    /// Unsealed and active.
    OpenActive,
    /// Unsealed, but the cluster has no active node.
    NoLeader,
    /// Sealed on purpose; nothing is sent.
    Held,
    /// No stored bundle gives enough shares for this server.
    SharesMissing,
    /// Every stored generation was refused.
    SharesRejected,
    /// A rotation died half-way: the server takes shares and cannot use them.
    BrokenRotation,
    /// Another kind of seal: not ours to open.
    NotShamir,
    /// A seal migration is pending: a person's work.
    Migrating,
}

impl Condition {
    /// Every state, in the order of the documentation.
    pub const ALL: [Self; 19] = [
        Self::Unreachable,
        Self::Uninitialised,
        Self::IntentOpen,
        Self::BrokenInit,
        Self::NotRestored,
        Self::Sealed,
        Self::Unsealing,
        Self::Joining,
        Self::JoiningUndecided,
        Self::Wedged,
        Self::OpenStandby,
        Self::OpenActive,
        Self::NoLeader,
        Self::Held,
        Self::SharesMissing,
        Self::SharesRejected,
        Self::BrokenRotation,
        Self::NotShamir,
        Self::Migrating,
    ];

    /// The stable word: `open-active`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Uninitialised => "uninitialised",
            Self::IntentOpen => "intent-open",
            Self::BrokenInit => "broken-init",
            Self::NotRestored => "not-restored",
            Self::Sealed => "sealed",
            Self::Unsealing => "unsealing",
            Self::Joining => "joining",
            Self::JoiningUndecided => "joining-undecided",
            Self::Wedged => "wedged",
            Self::OpenStandby => "open-standby",
            Self::OpenActive => "open-active",
            Self::NoLeader => "no-leader",
            Self::Held => "held",
            Self::SharesMissing => "shares-missing",
            Self::SharesRejected => "shares-rejected",
            Self::BrokenRotation => "broken-rotation",
            Self::NotShamir => "not-shamir",
            Self::Migrating => "migrating",
        }
    }

    /// Whether the server is unsealed.
    pub fn open(self) -> bool {
        matches!(self, Self::OpenActive | Self::OpenStandby | Self::NoLeader)
    }

    /// Whether a person has to do something before this node opens.
    pub fn needs_a_person(self) -> bool {
        matches!(
            self,
            Self::Uninitialised
                | Self::IntentOpen
                | Self::BrokenInit
                | Self::NotRestored
                | Self::JoiningUndecided
                | Self::Wedged
                | Self::Held
                | Self::SharesMissing
                | Self::SharesRejected
                | Self::BrokenRotation
                | Self::Migrating
        )
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// The whole document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// Version of the program.
    pub tool: String,
    /// When it was written, by the daemon's clock.
    pub at: Timestamp,
    /// When the daemon started.
    pub started: Timestamp,
    /// Whether the daemon could unseal every Vault: the answer of `/ready`.
    pub ready: bool,
    /// Why not, one line each; empty when ready.
    pub not_ready: Vec<String>,
    /// One entry for each configured Vault, in the order of the settings.
    pub vaults: Vec<VaultStatus>,
    /// Secret files whose new content was not usable; the old content is still in use.
    pub secret_files: Vec<SecretFileFault>,
}

/// One Vault: its servers and what is stored for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VaultStatus {
    /// Its name in the settings and in the store.
    pub name: String,
    /// Its servers.
    pub nodes: Vec<NodeStatus>,
    /// The share store as this daemon last saw it.
    pub store: StoreStatus,
    /// Generations in the order of trying.
    pub generations: Vec<GenerationStatus>,
    /// Holds in force that this daemon knows of.
    pub holds: Vec<HoldStatus>,
    /// Alarms about stored objects.
    pub findings: Vec<FindingStatus>,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// Address without credentials.
    pub address: String,
    /// Its state.
    pub state: Condition,
    /// Since when it has been in this state.
    pub since: Timestamp,
    /// What was seen, one line.
    pub message: String,
    /// What a person should do, where there is something to do.
    pub next_step: Option<String>,
    /// `OpenBao` or `Vault`, once it has answered.
    pub product: Option<String>,
    /// Version as the server says it.
    pub server_version: Option<String>,
    /// Cluster id, last seen while open.
    pub cluster_id: Option<String>,
    /// The cluster id is not that of the current proof: two clusters on one prefix.
    pub cluster_mismatch: bool,
    /// Somebody else sends shares to it, or the address is a Service in front of several servers.
    pub foreign_progress: bool,
    /// Since when it has not been open; absent while open.
    pub closed_since: Option<Timestamp>,
    /// Times that this daemon opened it since the daemon's start.
    pub unseals: u64,
    /// The last of them.
    pub last_unseal: Option<UnsealStatus>,
}

/// One unsealing by this daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnsealStatus {
    /// When it was open.
    pub at: Timestamp,
    /// The generation that opened it.
    pub generation: u32,
    /// Milliseconds from the server's first answer to `sealed:false`.
    pub milliseconds: u64,
}

/// The share store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreStatus {
    /// The last reading succeeded.
    pub available: bool,
    /// Where it is, without credentials.
    pub location: String,
    /// The last successful reading.
    pub read_at: Option<Timestamp>,
    /// What is shown comes from the local cache, written at that time.
    pub cached_at: Option<Timestamp>,
    /// Objects that were seen are gone: the daemon keeps opening, what writes refuses.
    pub rolled_back: bool,
    /// Why the last reading failed.
    pub error: Option<String>,
    /// Objects under the Vault's name that are none of the layout, as far as they were counted.
    #[serde(default)]
    pub foreign: u64,
    /// Objects that the store would not give, and prefixes that were not listed to their end.
    #[serde(default)]
    pub unread: Vec<String>,
}

/// One stored generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GenerationStatus {
    /// Its number.
    pub generation: u32,
    /// What is known of it.
    pub standing: Standing,
    /// It is the one tried first.
    pub current: bool,
    /// Shares needed, by the authentic manifest.
    pub threshold: Option<u8>,
    /// Shares in all.
    pub shares: Option<u8>,
    /// Enough shares can be opened with the identities of this daemon.
    pub openable: bool,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it was last proven.
    pub proven: Option<Timestamp>,
    /// Its bundles, newest seal first.
    pub bundles: Vec<BundleStatus>,
}

/// One sealed bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BundleStatus {
    /// Seal number.
    pub seal: u32,
    /// Custodian.
    pub custodian: String,
    /// An authentic manifest names its digest.
    pub authentic: bool,
    /// Opened with an identity of this daemon.
    pub openable: bool,
    /// Fingerprint of the recipient that opened it.
    pub recipient: Option<String>,
    /// Why it cannot be opened.
    pub fault: Option<String>,
}

/// A hold in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldStatus {
    /// Where it comes from.
    pub kind: HoldKind,
    /// Its id in the store; absent for local and inferred holds.
    pub id: Option<String>,
    /// Why.
    pub reason: String,
    /// Host that set it.
    pub host: String,
    /// When.
    pub at: Timestamp,
    /// The one node that it concerns; absent where it concerns all.
    pub node: Option<String>,
}

/// Where a hold comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldKind {
    /// An authentic object in the store.
    Stored,
    /// `hold --local` on this host.
    Local,
    /// This daemon saw an open server get sealed.
    Inferred,
}

/// An alarm about a stored object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingStatus {
    /// Stable word.
    pub class: String,
    /// Path from `vaults/` on.
    pub path: String,
    /// One line.
    pub detail: String,
}

/// A secret file whose new content cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretFileFault {
    /// The file or folder.
    pub path: String,
    /// What is wrong, without its content.
    pub fault: String,
    /// Since when.
    pub since: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_the_word_that_json_uses() {
        for condition in Condition::ALL {
            assert_eq!(serde_json::to_value(condition).unwrap(), condition.word());
        }
    }

    #[test]
    fn readers_ignore_fields_they_do_not_know() {
        let text = r#"{"version":1,"tool":"9","at":"2026-11-24T14:05:00Z","started":"2026-11-24T14:00:00Z","ready":false,
            "notReady":["no identity"],"vaults":[],"secretFiles":[],"later":true}"#;
        let status: Status = serde_json::from_str(text).unwrap();
        assert_eq!(status.not_ready, ["no identity"]);
    }
}
