//! What the store offers for one Vault, derived from authentic objects alone.

use std::fmt::Write as _;

use jiff::Timestamp;
use restore::objects::Part;

use super::names::Name;

mod derive;
mod generations;
mod rollback;

pub use derive::{conclude, derive};
pub use generations::NOT_AUTHENTIC_LIMIT;

#[cfg(test)]
mod tests;

/// A generation number: decimal 1…999999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Generation(pub u32);

/// A seal number: which re-sealing of a generation. Decimal 1…999999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Seal(pub u32);

impl std::fmt::Display for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Display for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What is known of a generation, by authentic marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Seen to open Vault (the latest such mark decides what is current).
    Proven,
    /// Stored, neither proven nor abandoned.
    Staged,
    /// A command decided that Vault never took it.
    Abandoned,
    /// A person said that no backup needs it any more.
    Retired,
    /// No authentic manifest: anybody could have put it there.
    NotAuthentic,
}

/// One sealed bundle that may be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedBundle {
    /// Path from `vaults/` on.
    pub path: String,
    /// Re-sealing number.
    pub seal: Seal,
    /// Custodian name, `all` by default.
    pub custodian: String,
    /// The ciphertext, at most 64 KiB. `None` when the store and cache could not give it.
    pub sealed: Option<std::sync::Arc<Vec<u8>>>,
    /// SHA-256 of the ciphertext, lower-case hex.
    pub digest: String,
}

/// Shares that stand in a store that was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// Who holds them.
    pub custodian: String,
    /// How many.
    pub shares: usize,
    /// Its store was asked and did not answer: the fault. `None` where the settings name no such store.
    pub silent: Option<String>,
}

/// `2 of 3 shares opened here; custodian b has 2 more in another store`
pub fn lack(here: usize, threshold: u8, elsewhere: &[Elsewhere]) -> String {
    let mut text = format!("{here} of {threshold} shares opened");
    if !elsewhere.is_empty() {
        text.push_str(" here");
    }
    for one in elsewhere {
        let Elsewhere { custodian, shares, silent } = one;
        let _ = write!(text, "; custodian {custodian} has {shares} more in another store");
        if let Some(fault) = silent {
            let _ = write!(text, ", which did not answer: {fault}");
        }
    }
    text
}

/// One generation in the order of trying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its number.
    pub generation: Generation,
    /// What is known of it.
    pub standing: Standing,
    /// Shares needed, by the authentic manifest; `None` where there is none.
    pub threshold: Option<u8>,
    /// Shares in all, by the authentic manifest.
    pub shares: Option<u8>,
    /// Bundles, newest seal first, and within a seal one per custodian.
    pub bundles: Vec<SealedBundle>,
    /// Custodians of its newest seal whose bundles are not among them, because they stand in another store.
    pub elsewhere: Vec<Elsewhere>,
    /// When its manifest says it was made.
    pub created: Option<Timestamp>,
    /// When it was last proven, by the latest authentic mark.
    pub proven: Option<Timestamp>,
    /// Cluster id of the latest proof.
    pub cluster_id: Option<String>,
}

/// An authentic intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Its number.
    pub number: u32,
    /// `init` or `snapshot-restore`.
    pub purpose: String,
    /// Host that wrote it.
    pub host: String,
    /// Path of the local sealed copy on that host.
    pub local_copy: String,
    /// When.
    pub at: Timestamp,
    /// Whether an authentic close object names it.
    pub closed: bool,
}

/// An authentic hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its id, 32 hex digits.
    pub id: String,
    /// Why, in the words of who set it.
    pub reason: String,
    /// Host that set it.
    pub host: String,
    /// When.
    pub at: Timestamp,
}

/// Something in the store that raises an alarm by name and moves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Finding {
    /// Stable word: `foreign-name`, `not-authentic`, `damaged`, `swapped`, `number-out-of-range`, `rolled-back`, `two-digests`, `missing-bundle`,
    /// `missing-manifest`, `unreadable`, `newer-version`.
    pub class: &'static str,
    /// Path from `vaults/` on, escaped: a stranger may have chosen it.
    pub path: String,
    /// One line.
    pub detail: String,
}

/// Everything the store says about one Vault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreView {
    /// In the order of trying (DESIGN §4.3): current, other proven, staged newest first, abandoned, retired, at most 8 not authentic.
    pub candidates: Vec<Candidate>,
    /// The generation of the latest authentic proof, or the only authentic one.
    pub current: Option<Generation>,
    /// Authentic generations newer than current that are neither proven nor abandoned: a joiner must wait for a drill.
    pub undecided: Vec<Generation>,
    /// Authentic intents, oldest first.
    pub intents: Vec<Intent>,
    /// Authentic holds that no authentic release names.
    pub holds: Vec<Hold>,
    /// Times of authentic releases seen, newest first (an inferred hold ends by a release first seen after it).
    pub releases: Vec<(String, Timestamp)>,
    /// Cluster id of the current proof.
    pub cluster_id: Option<String>,
    /// Alarms, sorted.
    pub findings: Vec<Finding>,
    /// Highest generation that an authentic object names; 0 where there is none.
    pub highest_generation: u32,
    /// Highest intent that an authentic object names; 0 where there is none.
    pub highest_intent: u32,
    /// The next generation to write: the first above `highest_generation` under which nothing stands, authentic or not. `None`
    /// when no number is left.
    pub next_generation: Option<u32>,
    /// The next intent to write, in the same way.
    pub next_intent: Option<u32>,
    /// Whether anything at all stands under the Vault's name.
    pub anything_here: bool,
    /// Whether anything authentic stands there.
    pub anything_authentic: bool,
    /// How many objects stand in the store under names that are none of the layout, as far as they were counted.
    pub foreign: u64,
    /// Objects that stand in the store, that it would not give, and that this host's cache does not hold: paths from `vaults/` on;
    /// and prefixes (ending in `/`) that were not listed to their end. What they say is not known, so nothing may be concluded
    /// from their silence.
    pub unread: Vec<String>,
    /// Custodians' own stores that the settings name and that did not answer: nothing is known of what stands there.
    pub silent: Vec<Part>,
    /// The store went back: authentic objects that the cache has seen are gone from the store.
    pub rolled_back: bool,
}

impl StoreView {
    /// The first of `unread` that may hide which generation is current: a manifest, a mark (of an older generation too: one that
    /// was restored is proven anew), or generations that were not listed to their end. A bundle says nothing of that.
    pub fn generations_unread(&self) -> Option<&str> {
        self.unread.iter().map(String::as_str).find(|path| hides_generations(path))
    }
}

fn hides_generations(path: &str) -> bool {
    if path.ends_with('/') {
        // `vaults/<vault>/<section>/`, or what lies above.
        return path.split('/').nth(2).is_none_or(|section| matches!(section, "" | "generations"));
    }
    matches!(Name::parse(path), Ok((_, Name::Manifest { .. } | Name::Mark { .. } | Name::Superseded { .. })))
}
