//! The refusals of `init`: what was found, when and on which host, and the way out of each.

use sops_tools::report::{ExitStatus, Failure};

use super::{Facts, SeenNode, bundle_lies_there};
use crate::store::view::{Candidate, Generation, Intent, Standing};
use crate::vault::SealStatus;

pub(super) fn copy_unknown_to_store(facts: &Facts<'_>, copy: u32) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "sealed-copy-here",
        format!("{}: this host has the sealed copy init-{copy}.sealed.json, and the store knows nothing of its init", facts.vault),
    )
    .hint("it may hold the only shares of this Vault: store them with `unsealer init --publish FILE`. If it is surely another Vault's, move the file out of stateDir and run init again")
}

/// Whatever stands under the name may be what an unrestored volume needs.
pub(super) fn something_here(facts: &Facts<'_>) -> Failure {
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

pub(super) fn bundle_unproven(facts: &Facts<'_>, intent: &Intent) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "bundle-unproven",
        format!(
            "{}: Vault is initialised and sealed, intent {} of host {} is open, and a bundle lies in the store that nothing proves",
            facts.vault, intent.number, intent.host
        ),
    )
    .hint(if all_given_up_before(facts, intent) {
        format!(
            "run init on host {} if its {} is still there. Else the volume may have been put back: `unsealer unseal` tries every generation that was given up. If the server refuses them all, nobody has the shares of this init, and this Vault was never unsealed by them: if nothing was restored into it, empty its storage, start it, and run `unsealer init --continue {}`",
            intent.host, intent.local_copy, intent.number
        )
    } else {
        format!(
            "run init on host {} if its {} is still there; else run `unsealer unseal`: it tries that bundle. Nothing is to be emptied while a bundle lies there",
            intent.host, intent.local_copy
        )
    })
}

/// Whether every bundle is one that a person gave up before this init was begun.
fn all_given_up_before(facts: &Facts<'_>, intent: &Intent) -> bool {
    facts.view.candidates.iter().all(|one| {
        matches!(one.standing, Standing::Abandoned | Standing::Retired)
            && one.created.is_some_and(|created| created < intent.at)
    })
}

pub(super) fn not_by_this_init(facts: &Facts<'_>, intent: &Intent) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "initialised-by-others",
        format!(
            "{}: Vault is initialised, and intent {} of this host never sent its call: something else initialised it, or its volume was put back",
            facts.vault, intent.number
        ),
    )
    .hint("open it with the shares it has: `unsealer unseal` tries what is stored, `unsealer import` takes others over; nothing is to be emptied")
}

pub(super) fn no_such_open_intent(facts: &Facts<'_>, number: u32) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "no-such-intent",
        format!("{}: the store has no open intent {number}", facts.vault),
    )
    .hint("`unsealer store verify` lists the intents; without an open one run init without --continue and --publish")
}

pub(super) fn other_purpose(facts: &Facts<'_>, intent: &Intent) -> Failure {
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

pub(super) fn needs_import(facts: &Facts<'_>) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "already-initialised",
        format!("{}: Vault is initialised already and the store holds no shares of it", facts.vault),
    )
    .hint("bring its existing shares into the store with `unsealer import`")
}

pub(super) fn not_restored(facts: &Facts<'_>, newest: &Candidate) -> Failure {
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

pub(super) fn intent_open(facts: &Facts<'_>, intent: &Intent) -> Failure {
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
pub(super) fn answer_lost(facts: &Facts<'_>, intent: &Intent) -> Failure {
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

pub(super) fn open_but_unstored(facts: &Facts<'_>, intent: &Intent) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "open-but-unstored",
        format!(
            "{}: Vault is initialised and open, but nothing in the store counts as its shares; intent {} of {} on host {} is open",
            facts.vault, intent.number, intent.at, intent.host
        ),
    )
    .hint(format!(
        "keep it running. Publish the sealed copy {} of host {} with `unsealer init --publish FILE`, or bring the shares that opened it with `unsealer import`",
        intent.local_copy, intent.host
    ))
}

pub(super) fn broken_init(facts: &Facts<'_>, node: &SeenNode, another_initialised: bool) -> Failure {
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

pub(super) fn not_shamir(facts: &Facts<'_>, node: &SeenNode, status: &SealStatus) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "not-shamir",
        format!("{}: {} has a {} seal", facts.vault, node.address, status.seal_type),
    )
    .hint("this Vault unseals itself or by another service; unsealer keeps Shamir shares only")
}

pub(super) fn wrong_name(facts: &Facts<'_>, typed: &str) -> Failure {
    Failure::new(
        ExitStatus::Usage,
        "begin-anew-name",
        format!("--begin-anew says {typed:?}, the Vault is named {:?}", facts.vault),
    )
    .hint("type the Vault's own name: it is asked for so that no other Vault is begun anew by accident")
}

pub(super) fn already_initialised(facts: &Facts<'_>) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "already-initialised",
        format!("{}: Vault is initialised, so there is nothing to begin anew", facts.vault),
    )
    .hint("init works on an uninitialised Vault only; to keep this one open use `unsealer import` or `unsealer run`")
}

/// Stored, and the intent closed: only a proof is missing.
pub(super) fn stored_unproven(facts: &Facts<'_>, newest: &Candidate) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "initialised-unproven",
        format!("{}: Vault is initialised and generation {} is stored but not proven", facts.vault, newest.generation),
    )
    .hint("run `unsealer unseal` while it is sealed, or prove other shares with `unsealer import`; init has nothing to do here")
}

/// Begun anew and cut off, and then the old volume came back after all.
pub(super) fn given_up_only(facts: &Facts<'_>) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "initialised-unproven",
        format!("{}: Vault is initialised, and nothing in the store counts as its shares: what lies there was given up or is not authentic", facts.vault),
    )
    .hint("run `unsealer unseal` while it is sealed: it tries what was given up too. `unsealer import` then takes the shares that open it over")
}

/// Bundle and intent are there; the sealed copy with the root token is on another host, if anywhere.
pub(super) fn root_token_elsewhere(facts: &Facts<'_>, intent: &Intent, generation: Generation) -> Failure {
    Failure::new(
        ExitStatus::Refused,
        "root-token-elsewhere",
        format!(
            "{}: generation {generation} of the init begun at {} on host {} (intent {}) is stored, and its root token is not at hand here",
            facts.vault, intent.at, intent.host, intent.number
        ),
    )
    .hint(format!(
        "run this on host {}: the root token lies there in the sealed copy {}, if that was not lost. Or finish here without it: `unsealer init --discard-root-token`; it is then not revoked, and on OpenBao a lost root token cannot be made again. Nothing was changed",
        intent.host, intent.local_copy
    ))
}
