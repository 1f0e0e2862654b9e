//! What a person reads of each state: what was seen, and what to do next.
//!
//! No sentence tells anybody to empty a Vault that may hold data, and the ones that speak of emptying storage are made only for
//! servers that are uninitialised or whose init never finished.

use std::time::Duration;

use jiff::Timestamp;

use super::Facts;
use super::state::{InferredHold, passed};
use crate::opener::Refusal;
use crate::status::Condition;
use crate::store::view::{Generation, Intent, StoreView};
use crate::vault::{SealStatus, VaultErrorKind};

pub(super) type Words = (String, Option<String>);

/// A closed snapshot restore still explains a seal for this long.
const RESTORE_ECHO: Duration = Duration::from_hours(1);

fn plain(message: impl Into<String>) -> Words {
    (message.into(), None)
}

fn with(message: impl Into<String>, next: impl Into<String>) -> Words {
    (message.into(), Some(next.into()))
}

pub(super) fn not_shamir(kind: &str) -> Words {
    plain(format!("its seal is of the kind {kind:?}, not shamir: it opens without us"))
}

pub(super) fn migrating() -> Words {
    with("a seal migration is pending: no share is sent", "finish or abort the migration on the server")
}

pub(super) fn open(condition: Condition, mismatch: bool, facts: &Facts) -> Words {
    let message = match condition {
        Condition::OpenActive => "open and active",
        Condition::NoLeader => "unsealed, but its cluster has no active node",
        _ => "open, another node is active",
    };
    if mismatch {
        return with(
            format!("{message}; its cluster id is not that of the current proof of {}", facts.vault),
            "two clusters use one name or prefix in the store: give one of them a name of its own",
        );
    }
    let bundle = facts.view.as_ref().is_some_and(|view| !view.candidates.is_empty());
    if let (Some(intent), true) = (facts.view.as_ref().and_then(|view| open_intent(view)), bundle) {
        return with(
            format!("{message}; intent {} of {} is still open", intent.number, intent.at),
            "run `unsealer init` on any host: it proves the stored shares and closes the intent",
        );
    }
    if condition == Condition::NoLeader {
        return with(message, "look for the other nodes, their disks and the quorum");
    }
    plain(message)
}

pub(super) fn resealed() -> String {
    "it sealed itself within a minute of our unseal".to_owned()
}

/// A restore of a snapshot is under way or was a short time ago: the server seals itself at its end.
pub(super) fn snapshot_restore(view: &StoreView, now: Timestamp) -> bool {
    view.intents
        .iter()
        .filter(|intent| intent.purpose == "snapshot-restore")
        .any(|intent| !intent.closed || passed(intent.at, now) < RESTORE_ECHO)
}

pub(super) fn waits_for_leader() -> Words {
    plain("a new raft node that has not met its leader yet")
}

fn open_intent(view: &StoreView) -> Option<&Intent> {
    view.intents.iter().rev().find(|intent| !intent.closed)
}

fn bundle_stored(view: &StoreView) -> bool {
    view.candidates.iter().any(|one| one.standing != crate::store::view::Standing::NotAuthentic)
}

/// Words for an uninitialised server.
pub(super) fn empty(facts: &Facts, raft: bool) -> (Condition, Words) {
    let Some(view) = facts.view.as_deref() else {
        let (fault, next) = store_unread(facts);
        return (Condition::Uninitialised, (format!("the server says it was never initialised; {fault}"), next));
    };
    if bundle_stored(view) {
        return (Condition::NotRestored, not_restored(facts, view, raft));
    }
    if let Some(intent) = open_intent(view) {
        return (Condition::IntentOpen, intent_on_empty(intent));
    }
    if view.anything_here && !view.anything_authentic {
        return (
            Condition::Uninitialised,
            with(
                format!(
                    "uninitialised, and what stands under {} in the store is signed with another store key",
                    facts.vault
                ),
                "use the right store key, or another prefix",
            ),
        );
    }
    let words = with(
        "the server says it was never initialised, and nothing is stored for it",
        format!("to begin, run `unsealer init --vault {}`; a raft follower waits for its leader instead", facts.vault),
    );
    (Condition::Uninitialised, words)
}

fn not_restored(facts: &Facts, view: &StoreView, raft: bool) -> Words {
    let newest = view.candidates.iter().max_by_key(|one| one.created);
    let what = newest.map_or_else(String::new, |one| {
        let made = one.created.map_or_else(String::new, |at| format!(" of {at}"));
        format!("generation {}{made}", one.generation)
    });
    let host =
        view.intents.last().map_or_else(String::new, |intent| format!(", initialised from host {}", intent.host));
    let follower =
        if raft { " (a raft follower that has not met its leader says the same: open its peers first)" } else { "" };
    with(
        format!(
            "{what} is stored{host}, and the server says it was never initialised: its volume was not restored{follower}"
        ),
        format!(
            "restore the volume or a raft snapshot; only to begin anew on purpose `unsealer init --begin-anew {}`",
            facts.vault
        ),
    )
}

fn what(intent: &Intent) -> String {
    format!("intent {} ({}) of {} on host {} is open", intent.number, intent.purpose, intent.at, intent.host)
}

fn intent_on_empty(intent: &Intent) -> Words {
    with(
        format!("{} and no bundle is stored: it was cut off; the server is uninitialised", what(intent)),
        format!(
            "on {} look for the sealed copy {}: where it exists, its Vault's volume is missing here; where it does not, run \
             `unsealer init --continue {}`",
            intent.host, intent.local_copy, intent.number
        ),
    )
}

fn intent_on_sealed(intent: &Intent) -> Words {
    with(
        format!("{}, no bundle is stored, and the server is initialised", what(intent)),
        format!(
            "on {host} run `unsealer init` (its sealed copy is {copy}): it looks anew, publishes the copy, or says what to do; \
             empty nothing on this line's word",
            host = intent.host,
            copy = intent.local_copy
        ),
    )
}

pub(super) fn broken_init(facts: &Facts) -> Words {
    let message = "its init died half-way: the barrier exists without a seal configuration";
    let intent = facts.view.as_deref().filter(|view| !bundle_stored(view)).and_then(open_intent);
    match intent {
        Some(intent) => with(
            format!("{message}; {}", what(intent)),
            format!("run `unsealer init` on host {}: it looks anew and says what to do", intent.host),
        ),
        None => with(message, "restore its volume or a snapshot; `unsealer doctor` says what is stored"),
    }
}

pub(super) fn held(facts: &Facts, inferred: Option<&InferredHold>) -> Option<Words> {
    let stored = facts.view.as_ref().and_then(|view| view.holds.first());
    if let Some(hold) = stored {
        return Some(with(
            format!("held since {} by {}: {}", hold.at, hold.host, hold.reason),
            format!("`unsealer release --all --vault {}` ends the hold", facts.vault),
        ));
    }
    if let Some(hold) = &facts.local_hold {
        return Some(with(
            format!("held since {} by a file on this host: {}", hold.at, hold.reason),
            format!("`unsealer release --local --vault {}` on this host ends the hold", facts.vault),
        ));
    }
    inferred.map(|hold| {
        with(
            format!("it was sealed while open, seen at {}: taken as meant, nothing is sent", hold.at),
            format!(
                "`unsealer release --local --vault {0}` on this host ends the hold; `unsealer unseal --despite-hold --vault {0}` \
                 opens it at once",
                facts.vault
            ),
        )
    })
}

pub(super) fn passing() -> Words {
    plain("initialised a moment ago: the server does not say yet how many shares it needs")
}

pub(super) fn opening_by_itself(generation: Generation) -> Words {
    plain(format!("it took the shares of generation {generation} and opens by itself within seconds"))
}

pub(super) fn store_unread(facts: &Facts) -> Words {
    match &facts.store_fault {
        Some(fault) => with(
            format!("the store could not be read and the cache holds nothing: {fault}"),
            "mend the access to the store; `unsealer doctor` checks it",
        ),
        None => plain("the store is being read for the first time"),
    }
}

pub(super) fn undecided(generations: &[Generation]) -> Words {
    with(
        format!(
            "a joining raft node; generation {} is neither proven nor abandoned, so nothing is sent",
            list(generations)
        ),
        "prove which generation is right: `unsealer import` the shares that open the active node",
    )
}

/// Said of a joiner by the daemon and by `unseal` alike.
pub(crate) fn generations_unread(path: &str) -> Words {
    with(
        format!(
            "a joining raft node; part of the store could not be read ({path}), and a newer generation may stand there: wrong shares \
             would wedge it, so nothing is sent"
        ),
        "make the store give all it lists, or delete strangers' objects there; `unsealer doctor` checks it. An initialised member can \
         be opened meanwhile",
    )
}

pub(super) fn foreign_on_joiner(progress: u8) -> Words {
    plain(format!("a joining raft node holds {progress} shares of somebody else; waiting until they are gone"))
}

fn list(generations: &[Generation]) -> String {
    generations.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Words where no generation may be sent.
pub(super) fn nothing_to_send(facts: &Facts, view: &StoreView, seal: &SealStatus) -> (Condition, Words) {
    if view.candidates.is_empty() {
        if let Some(intent) = open_intent(view) {
            return (Condition::IntentOpen, intent_on_sealed(intent));
        }
        let words = with(
            format!("no bundle is stored for {}", facts.vault),
            format!(
                "`unsealer import --vault {}` takes shares over; check the Vault's name and the store's prefix",
                facts.vault
            ),
        );
        return (Condition::SharesMissing, words);
    }
    let splits: Vec<String> = view
        .candidates
        .iter()
        .filter_map(|one| Some(format!("generation {} is {} of {}", one.generation, one.threshold?, one.shares?)))
        .collect();
    let message = format!("the server wants {} of {} shares; {}", seal.threshold, seal.shares, splits.join(", "));
    (
        Condition::SharesMissing,
        with(message, "these shares are another server's: check the Vault's name and the prefix"),
    )
}

pub(super) fn unsealing(order: &[Generation]) -> Words {
    plain(format!("sending shares, generations in this order: {}", list(order)))
}

pub(super) fn opened(generation: Generation) -> Words {
    plain(format!("opened with generation {generation}"))
}

pub(super) fn interrupted(detail: &str) -> String {
    format!("a call failed while shares were sent: {detail}")
}

pub(super) fn refusals(refusals: &[(Generation, Refusal)]) -> String {
    let each: Vec<String> = refusals
        .iter()
        .map(|(generation, refusal)| {
            let why = match refusal {
                Refusal::Rejected => "refused by the server".to_owned(),
                Refusal::Keyring => "right, but the server's keyring does not match".to_owned(),
                Refusal::Disturbed => "mixed with shares of somebody else".to_owned(),
                Refusal::TooFewShares(why) => why.clone(),
            };
            format!("generation {generation}: {why}")
        })
        .collect();
    each.join("; ")
}

/// Words for a back-off.
pub(super) fn trouble(condition: Condition, detail: &str) -> Words {
    let next = match condition {
        Condition::SharesMissing => Some(
            "`unsealer status` names each bundle and who can open it; `unsealer export` opens by hand with the offline identity",
        ),
        Condition::SharesRejected => Some(
            "the stored shares are not this server's: an older volume, another cluster, or shares that changed elsewhere; \
             `unsealer store verify` reads everything, `unsealer import` takes newer shares over",
        ),
        Condition::BrokenRotation => Some(
            "a rotation died in its commit: do not restart or seal other nodes; restore the raft snapshot taken before \
             the commit",
        ),
        _ => None,
    };
    (detail.to_owned(), next.map(ToOwned::to_owned))
}

pub(super) fn wedged() -> Words {
    with(
        "seal-status hangs while the server runs: wrong shares wedged it while it was joining",
        "restart this server's process, and prove which generation is right (`unsealer import`) before it is opened",
    )
}

pub(super) fn down(detail: &str) -> Words {
    plain(format!("nothing listens: {detail}"))
}

pub(super) fn unreachable(kind: VaultErrorKind, detail: &str) -> Words {
    let next = match kind {
        VaultErrorKind::Tls => Some("check `caFile`, the server's certificate and the name in the address"),
        VaultErrorKind::Untrusted => {
            Some("check who listens there: no share is sent to another user's socket or in clear to another machine")
        }
        VaultErrorKind::Redirected => Some("use the address of the node itself"),
        _ => None,
    };
    (detail.to_owned(), next.map(ToOwned::to_owned))
}
