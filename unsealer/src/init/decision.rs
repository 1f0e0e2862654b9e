//! What `init` may do, decided from what was seen.
//!
//! No I/O: the store's view, every server's answer, this host's records and the person's flags go in, one [`Step`] or one
//! refusal comes out. DESIGN §3.6 and §3.7 are this table; each refusal carries its way out.

use sops_tools::report::{ExitStatus, Failure};

use crate::store::view::{Candidate, Generation, Intent, Standing, StoreView};
use crate::vault::SealStatus;

/// What one server said when asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It answered.
    Status(SealStatus),
    /// Seal-status says 500: an init died inside it.
    BrokenInit,
    /// It could not be asked; one line why.
    Unknown(String),
}

/// One server with what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenNode {
    /// Its address.
    pub address: String,
    /// Its answer.
    pub seen: Seen,
}

/// What this host's own record says of an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalRecord {
    /// This host knows nothing of it.
    None,
    /// This host wrote the intent and never sent the init call.
    NoCallSent,
    /// The call was sent; no sealed copy lies here.
    CallSent,
    /// The sealed copy lies here.
    SealedCopy,
}

/// What the person asked for beyond a plain init.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// `--continue N`.
    pub continue_intent: Option<u32>,
    /// `--publish FILE` was given; the intent that the sealed copy names.
    pub publish: Option<u32>,
    /// `--begin-anew VAULT`, the name as typed.
    pub begin_anew: Option<String>,
}

/// Everything the decision looks at.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The Vault's name.
    pub vault: &'a str,
    /// What the store says; read from the store itself, not from a cache.
    pub view: &'a StoreView,
    /// Every configured node and peer.
    pub nodes: &'a [SeenNode],
    /// This host's record of an intent.
    pub local: &'a dyn Fn(&Intent) -> LocalRecord,
    /// Intents whose sealed copies lie on this host, ascending, whatever the store says of them.
    pub copies: &'a [u32],
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing is left to do: initialised, proven, no open intent.
    NothingToDo(Generation),
    /// Write a new intent, then send the one init call.
    Begin {
        /// Earlier generations to mark abandoned first (`--begin-anew`).
        abandon: Vec<Generation>,
        /// Earlier open intents to close first (`--begin-anew`).
        close: Vec<u32>,
    },
    /// The intent is open and no call was sent: send it under that intent.
    SendUnder(u32),
    /// A sealed copy exists (on this host or by `--publish`): publish it and finish.
    Publish(u32),
    /// The bundle is stored, the intent is open, Vault is initialised: open, prove, mark, close.
    Finish {
        /// The open intent.
        intent: u32,
        /// The generation it made.
        generation: Generation,
    },
}

/// Decides.
///
/// # Errors
/// Every refusal of DESIGN §3.6, with its way out; `Unavailable` when a server could not be asked.
pub fn decide(facts: &Facts<'_>, wish: &Wish) -> Result<Step, Failure> {
    let open: Vec<&Intent> = facts.view.intents.iter().filter(|intent| !intent.closed).collect();
    if let Some(intent) = wish.publish {
        return Ok(Step::Publish(intent));
    }
    // Before every refusal: these may be the only shares there are.
    if wish.begin_anew.is_none() {
        if let Some(here) = open.iter().find(|intent| (facts.local)(intent) == LocalRecord::SealedCopy) {
            return Ok(Step::Publish(here.number));
        }
        if let Some(copy) = unknown_copy(facts) {
            return Err(copy_unknown_to_store(facts, copy));
        }
    }
    refuse_foreign_store(facts)?;
    refuse_rolled_back(facts)?;
    if let Some(other) = open.iter().find(|intent| intent.purpose != "init") {
        return Err(other_purpose(facts, other));
    }
    let server = server_state(facts)?;
    if let Some(typed) = &wish.begin_anew {
        return begin_anew(facts, &open, typed, &server);
    }
    let stored: Vec<&Candidate> =
        facts.view.candidates.iter().filter(|c| c.standing != Standing::NotAuthentic).collect();
    match (open.last(), newest_to_finish(&stored), &server) {
        (None, None, Server::Uninitialised) if facts.view.anything_here => Err(something_here(facts)),
        (None, None, Server::Uninitialised) => begin(facts, wish),
        (None, None, Server::Initialised { .. }) => Err(needs_import(facts)),
        (None, Some(newest), Server::Initialised { .. }) => done_or_unproven(facts, newest),
        (Some(intent), None, server) => open_intent_without_bundle(facts, wish, intent, server),
        (Some(intent), Some(newest), Server::Initialised { .. }) => {
            Ok(Step::Finish { intent: intent.number, generation: newest.generation })
        }
        (_, Some(newest), Server::Uninitialised) => Err(not_restored(facts, newest)),
    }
}

/// A sealed copy of this host whose intent the store has lost, or has closed with nothing stored.
fn unknown_copy(facts: &Facts<'_>) -> Option<u32> {
    let stored = facts.view.candidates.iter().any(|one| one.standing != Standing::NotAuthentic);
    facts
        .copies
        .iter()
        .copied()
        .rfind(|number| !stored && facts.view.intents.iter().all(|intent| intent.number != *number || intent.closed))
}

fn copy_unknown_to_store(facts: &Facts<'_>, copy: u32) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "sealed-copy-here",
        format!("{}: this host has the sealed copy init-{copy}.sealed.json, and the store knows nothing of its init", facts.vault),
    )
    .hint("it may hold the only shares of this Vault: store them with `unsealer init --publish FILE`. If it is surely another Vault's, move the file out of stateDir and run init again")
}

/// What the servers say together.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Server {
    Uninitialised,
    Initialised { sealed: bool },
}

/// Asks for an answer of every node: one that cannot be asked may be the initialised one.
fn server_state(facts: &Facts<'_>) -> Result<Server, Failure> {
    let mut initialised = None;
    let mut broken = None;
    for node in facts.nodes {
        match &node.seen {
            Seen::Unknown(why) => {
                return Err(Failure::new(
                    ExitStatus::Unavailable,
                    "server-unavailable",
                    format!("{}: {} could not be asked whether it is initialised", facts.vault, node.address),
                )
                .cause(why)
                .hint("start every configured node and peer (or take it out of the settings), then run init again; nothing was changed"));
            }
            Seen::BrokenInit => broken = broken.or(Some(node)),
            Seen::Status(status) if status.seal_type != "shamir" => return Err(not_shamir(facts, node, status)),
            Seen::Status(status) if status.initialized => {
                let all_sealed = initialised.unwrap_or(true) && status.sealed;
                initialised = Some(all_sealed);
            }
            Seen::Status(_) => {}
        }
    }
    if let Some(node) = broken {
        return Err(broken_init(facts, node, initialised.is_some()));
    }
    Ok(initialised.map_or(Server::Uninitialised, |sealed| Server::Initialised { sealed }))
}

/// The newest authentic generation that is not abandoned or retired.
fn newest_to_finish<'a>(stored: &[&'a Candidate]) -> Option<&'a Candidate> {
    stored
        .iter()
        .copied()
        .filter(|c| matches!(c.standing, Standing::Proven | Standing::Staged))
        .max_by_key(|c| c.generation)
}

fn begin(facts: &Facts<'_>, wish: &Wish) -> Result<Step, Failure> {
    if let Some(number) = wish.continue_intent {
        return Err(no_such_open_intent(facts, number));
    }
    Ok(Step::Begin { abandon: Vec::new(), close: Vec::new() })
}

fn done_or_unproven(facts: &Facts<'_>, newest: &Candidate) -> Result<Step, Failure> {
    if facts.view.current.is_some() && newest.proven.is_some() {
        return Ok(Step::NothingToDo(newest.generation));
    }
    Err(Failure::new(
        ExitStatus::Refused,
        "initialised-unproven",
        format!("{}: Vault is initialised and generation {} is stored but not proven", facts.vault, newest.generation),
    )
    .hint("run `unsealer unseal` while it is sealed, or prove other shares with `unsealer import`; init has nothing to do here"))
}

fn open_intent_without_bundle(
    facts: &Facts<'_>,
    wish: &Wish,
    intent: &Intent,
    server: &Server,
) -> Result<Step, Failure> {
    if wish.continue_intent.is_some_and(|number| number != intent.number) {
        return Err(no_such_open_intent(facts, wish.continue_intent.unwrap_or_default()));
    }
    let never_sent = (facts.local)(intent) == LocalRecord::NoCallSent;
    match server {
        Server::Uninitialised if never_sent || wish.continue_intent.is_some() => Ok(Step::SendUnder(intent.number)),
        Server::Uninitialised => Err(intent_open(facts, intent)),
        Server::Initialised { sealed: true } if never_sent => Err(not_by_this_init(facts, intent)),
        Server::Initialised { sealed: true } if bundle_lies_there(facts) => Err(bundle_unproven(facts, intent)),
        Server::Initialised { sealed: true } => Err(answer_lost(facts, intent)),
        Server::Initialised { sealed: false } => Err(open_but_unstored(facts, intent)),
    }
}

fn begin_anew(facts: &Facts<'_>, open: &[&Intent], typed: &str, server: &Server) -> Result<Step, Failure> {
    if typed != facts.vault {
        return Err(Failure::new(
            ExitStatus::Usage,
            "begin-anew-name",
            format!("--begin-anew says {typed:?}, the Vault is named {:?}", facts.vault),
        )
        .hint("type the Vault's own name: it is asked for so that no other Vault is begun anew by accident"));
    }
    if let Server::Initialised { .. } = server {
        return Err(Failure::new(
            ExitStatus::Refused,
            "already-initialised",
            format!("{typed}: Vault is initialised, so there is nothing to begin anew"),
        )
        .hint(
            "init works on an uninitialised Vault only; to keep this one open use `unsealer import` or `unsealer run`",
        ));
    }
    let abandon = facts
        .view
        .candidates
        .iter()
        .filter(|c| matches!(c.standing, Standing::Proven | Standing::Staged))
        .map(|c| c.generation)
        .collect();
    Ok(Step::Begin { abandon, close: open.iter().map(|intent| intent.number).collect() })
}

fn refuse_foreign_store(facts: &Facts<'_>) -> Result<(), Failure> {
    if facts.view.anything_here && !facts.view.anything_authentic {
        return Err(Failure::new(
            ExitStatus::Refused,
            "another-store-key",
            format!("{}: objects stand under this name and none is authentic: signed with another store key", facts.vault),
        )
        .hint("give the right storeKeyFile (an older key may stand on a further line), or use another prefix in store.url"));
    }
    Ok(())
}

fn refuse_rolled_back(facts: &Facts<'_>) -> Result<(), Failure> {
    if facts.view.rolled_back {
        return Err(Failure::new(
            ExitStatus::Refused,
            "store-rolled-back",
            format!("{}: the store went back: objects that this host has seen are gone from it", facts.vault),
        )
        .hint(
            "put them back with `unsealer store copy --from cache --to settings` (a cache directory is a valid FROM), then run init again",
        ));
    }
    Ok(())
}

/// Whatever stands under the name may be what an unrestored volume needs.
fn something_here(facts: &Facts<'_>) -> Failure {
    let what = match facts.view.candidates.first() {
        Some(one) => format!("generation {} lies there and counts for nothing now", one.generation),
        None => "records of an earlier init lie there, and no bundle".to_owned(),
    };
    Failure::new(
        ExitStatus::Refused,
        "something-here",
        format!("{}: Vault is uninitialised, but this name was used before: {what}", facts.vault),
    )
    .hint(format!(
        "restore the volume if it was lost, and put lost objects back (`unsealer store copy`). To begin anew on purpose: `unsealer init --begin-anew {}`",
        facts.vault
    ))
}

/// A bundle of any standing: it may hold the very shares.
fn bundle_lies_there(facts: &Facts<'_>) -> bool {
    !facts.view.candidates.is_empty()
}

fn bundle_unproven(facts: &Facts<'_>, intent: &Intent) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "bundle-unproven",
        format!(
            "{}: Vault is initialised and sealed, intent {} of host {} is open, and a bundle lies in the store that nothing proves",
            facts.vault, intent.number, intent.host
        ),
    )
    .hint(format!(
        "run init on host {} if its {} is still there; else run `unsealer unseal`: it tries that bundle. Nothing is to be emptied while a bundle lies there",
        intent.host, intent.local_copy
    ))
}

fn not_by_this_init(facts: &Facts<'_>, intent: &Intent) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "initialised-by-others",
        format!(
            "{}: Vault is initialised and sealed, and intent {} of this host never sent its call: something else initialised it, or its volume was put back",
            facts.vault, intent.number
        ),
    )
    .hint("open it with the shares it has: `unsealer unseal` tries what is stored, `unsealer import` takes others over; nothing is to be emptied")
}

fn no_such_open_intent(facts: &Facts<'_>, number: u32) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "no-such-intent",
        format!("{}: the store has no open intent {number}", facts.vault),
    )
    .hint("`unsealer store verify` lists the intents; without an open one run init without --continue and --publish")
}

fn other_purpose(facts: &Facts<'_>, intent: &Intent) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "other-intent-open",
        format!(
            "{}: a {} was begun at {} on host {} (intent {}) and is not finished",
            facts.vault, intent.purpose, intent.at, intent.host, intent.number
        ),
    )
    .hint(format!("finish that {} on host {} first; init would stand in its way", intent.purpose, intent.host))
}

fn needs_import(facts: &Facts<'_>) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "already-initialised",
        format!("{}: Vault is initialised already and the store holds no shares of it", facts.vault),
    )
    .hint("bring its existing shares into the store with `unsealer import`")
}

fn not_restored(facts: &Facts<'_>, newest: &Candidate) -> Failure {
    let when = newest.created.map(|at| format!(" of {at}")).unwrap_or_default();
    Failure::new(
        ExitStatus::Refused,
        "not-restored",
        format!(
            "{}: Vault is uninitialised, but the store holds its generation {}{when}: its volume was not restored",
            facts.vault, newest.generation
        ),
    )
    .hint(format!(
        "restore the volume (or a raft snapshot) and start Vault on it; the stored shares will open it. To give up that data and begin anew on purpose: `unsealer init --begin-anew {}`",
        facts.vault
    ))
}

fn intent_open(facts: &Facts<'_>, intent: &Intent) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "intent-open",
        format!(
            "{}: init was begun at {} on host {} (intent {}) and never finished; Vault is uninitialised",
            facts.vault, intent.at, intent.host, intent.number
        ),
    )
    .hint(format!(
        "make sure that no init is running on {}, then run `unsealer init --continue {}`",
        intent.host, intent.number
    ))
}

/// DESIGN §3.7: the only place that speaks of emptying a storage, and never while the server is unsealed.
fn answer_lost(facts: &Facts<'_>, intent: &Intent) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "init-answer-lost",
        format!(
            "{}: Vault is initialised and sealed, but the answer of the init begun at {} on host {} (intent {}) is not in the store",
            facts.vault, intent.at, intent.host, intent.number
        ),
    )
    .hint(format!(
        "make sure that this init is not running any more. Look for the sealed copy {} on host {}: if it is there, run init on that host again, or `unsealer init --publish FILE`. If it is nowhere, nobody has the shares; this Vault was never unsealed by them, so if nothing else was ever restored into it, empty its storage, start it, and run `unsealer init --continue {}`",
        intent.local_copy, intent.host, intent.number
    ))
}

fn open_but_unstored(facts: &Facts<'_>, intent: &Intent) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "open-but-unstored",
        format!(
            "{}: Vault is initialised and open, but no share of it is stored; intent {} of {} on host {} is open",
            facts.vault, intent.number, intent.at, intent.host
        ),
    )
    .hint(format!(
        "keep it running. Publish the sealed copy {} of host {} with `unsealer init --publish FILE`, or bring the shares that opened it with `unsealer import`",
        intent.local_copy, intent.host
    ))
}

fn broken_init(facts: &Facts<'_>, node: &SeenNode, another_initialised: bool) -> Failure {
    let open = facts.view.intents.iter().rfind(|intent| !intent.closed);
    let hint = match open {
        _ if another_initialised || bundle_lies_there(facts) => {
            "shares of this Vault are stored, or another member is initialised: this storage is damaged or half restored. Restore its volume or a snapshot, or let the member join anew; nothing else is to be emptied".to_owned()
        }
        Some(intent) => format!(
            "the init begun at {} on host {} died inside the server. Look for {} on that host first. A storage in this state was never unsealed and holds no data of Vault: if nothing was restored into it, empty it, start the server, and run `unsealer init --continue {}`",
            intent.at, intent.host, intent.local_copy, intent.number
        ),
        None => "an init of another program died inside the server; this store knows nothing of it. Restore the volume, or ask whoever ran that init before anything is emptied".to_owned(),
    };
    Failure::new(
        ExitStatus::Refused,
        "broken-init",
        format!(
            "{}: {} has a barrier without a seal configuration (seal-status answers 500)",
            facts.vault, node.address
        ),
    )
    .hint(hint)
}

fn not_shamir(facts: &Facts<'_>, node: &SeenNode, status: &SealStatus) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "not-shamir",
        format!("{}: {} has a {} seal", facts.vault, node.address, status.seal_type),
    )
    .hint("this Vault unseals itself or by another service; unsealer keeps Shamir shares only")
}

#[cfg(test)]
#[path = "decision/tests.rs"]
mod tests;
