//! What `init` may do, decided from what was seen.
//!
//! No I/O: the store's view, every server's answer, this host's records and the person's flags go in, one [`Step`] or one
//! refusal comes out. DESIGN §3.6 and §3.7 are this table; each refusal carries its way out.

use sops_tools::report::{ExitStatus, Failure};

use self::refusals::{
    already_initialised, answer_lost, broken_init, bundle_unproven, copy_unknown_to_store, given_up_only, intent_open,
    needs_import, no_such_open_intent, not_by_this_init, not_restored, not_shamir, open_but_unstored, other_purpose,
    root_token_elsewhere, something_here, stored_unproven, wrong_name,
};
use crate::store::view::{Candidate, Generation, Intent, Standing, StoreView};
use crate::vault::SealStatus;

mod refusals;

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
    /// `--discard-root-token`: the init may be finished where the root token is not.
    pub discard_root_token: bool,
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
    /// Give up what stands there (`--begin-anew`; else nothing), write a new intent, then send the one init call.
    Begin {
        /// Written in this order before the new intent.
        give_up: Vec<GiveUp>,
    },
    /// The intent is open and no call was sent: send it under that intent.
    SendUnder(u32),
    /// A sealed copy exists (on this host or by `--publish`): publish it and finish.
    Publish(u32),
    /// A sealed copy exists and every server is uninitialised: store it, and go on only if the server finds its data.
    StoreCopy(u32),
    /// The bundle is stored, the intent is open, Vault is initialised: open, prove, mark, close.
    Finish {
        /// The open intent.
        intent: u32,
        /// The generation it made.
        generation: Generation,
    },
}

/// One object by which `--begin-anew` gives up what was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiveUp {
    /// Close this open intent.
    Close(u32),
    /// Mark this generation abandoned.
    Abandon(Generation),
}

/// Decides.
///
/// # Errors
/// Every refusal of DESIGN §3.6, with its way out; `Unavailable` when a server could not be asked.
pub fn decide(facts: &Facts<'_>, wish: &Wish) -> Result<Step, Failure> {
    let open: Vec<&Intent> = facts.view.intents.iter().filter(|intent| !intent.closed).collect();
    if let Some(intent) = wish.publish {
        return Ok(publish(facts, intent));
    }
    // Before every refusal: these may be the only shares there are.
    if wish.begin_anew.is_none() {
        if let Some(step) = copy_here(facts, &open) {
            return Ok(step);
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
        if typed != facts.vault {
            return Err(wrong_name(facts, typed));
        }
        match server {
            Server::Uninitialised => return Ok(begin_anew(facts, &open)),
            Server::Initialised { .. } if open.is_empty() => return Err(already_initialised(facts)),
            // It was begun anew, and cut off after its call: it goes on like every other init.
            Server::Initialised { .. } => {}
        }
        if let Some(step) = copy_here(facts, &open) {
            return Ok(step);
        }
    }
    let stored: Vec<&Candidate> =
        facts.view.candidates.iter().filter(|c| c.standing != Standing::NotAuthentic).collect();
    match (open.last(), newest_to_finish(&stored), &server) {
        (None, None, Server::Uninitialised) if facts.view.anything_here => Err(something_here(facts)),
        (None, None, Server::Uninitialised) => begin(facts, wish),
        (None, None, Server::Initialised { .. }) => Err(match facts.view.candidates.first() {
            Some(_) => given_up_only(facts),
            None => needs_import(facts),
        }),
        (None, Some(newest), Server::Initialised { .. }) => done_or_unproven(facts, newest),
        (Some(intent), None, server) => open_intent_without_bundle(facts, wish, intent, server),
        (Some(intent), Some(newest), Server::Initialised { .. }) => {
            if !wish.discard_root_token {
                return Err(root_token_elsewhere(facts, intent, newest.generation));
            }
            Ok(Step::Finish { intent: intent.number, generation: newest.generation })
        }
        (_, Some(newest), Server::Uninitialised) => Err(not_restored(facts, newest)),
    }
}

/// The sealed copy that this host has of an open intent.
fn copy_here(facts: &Facts<'_>, open: &[&Intent]) -> Option<Step> {
    let here = open.iter().find(|intent| (facts.local)(intent) == LocalRecord::SealedCopy)?;
    Some(publish(facts, here.number))
}

/// What is stored first needs no server; whether it goes on then does.
fn publish(facts: &Facts<'_>, intent: u32) -> Step {
    let uninitialised = |node: &SeenNode| matches!(&node.seen, Seen::Status(status) if !status.initialized);
    if facts.nodes.iter().all(uninitialised) { Step::StoreCopy(intent) } else { Step::Publish(intent) }
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
    Ok(Step::Begin { give_up: Vec::new() })
}

fn done_or_unproven(facts: &Facts<'_>, newest: &Candidate) -> Result<Step, Failure> {
    if facts.view.current.is_some() && newest.proven.is_some() {
        return Ok(Step::NothingToDo(newest.generation));
    }
    Err(stored_unproven(facts, newest))
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
        Server::Initialised { .. } if never_sent => Err(not_by_this_init(facts, intent)),
        Server::Initialised { sealed: true } if bundle_lies_there(facts) => Err(bundle_unproven(facts, intent)),
        Server::Initialised { sealed: true } => Err(answer_lost(facts, intent)),
        Server::Initialised { sealed: false } => Err(open_but_unstored(facts, intent)),
    }
}

/// Closes come first and the newest generation last, so that a plain init after a cut-off in between is refused with what is
/// still there, and never sends under an intent that was to be given up.
fn begin_anew(facts: &Facts<'_>, open: &[&Intent]) -> Step {
    let mut abandon: Vec<Generation> = facts
        .view
        .candidates
        .iter()
        .filter(|c| matches!(c.standing, Standing::Proven | Standing::Staged))
        .map(|c| c.generation)
        .collect();
    abandon.sort_unstable();
    let close = open.iter().map(|intent| GiveUp::Close(intent.number));
    Step::Begin { give_up: close.chain(abandon.into_iter().map(GiveUp::Abandon)).collect() }
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

/// A bundle of any standing: it may hold the very shares.
fn bundle_lies_there(facts: &Facts<'_>) -> bool {
    !facts.view.candidates.is_empty()
}

#[cfg(test)]
mod tests;
