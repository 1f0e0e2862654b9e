//! The checks, from the host outwards.

use restore::objects::ProbeVerdict;
use restore::objects::location::{StoreLocation, is_inside_cluster};
use sops_tools::clock::{Clock as _, System};
use sops_tools::custody::Identities;

use super::{Check, CheckResult, host, remote};
use crate::commands::daemon_page;
use crate::session::Session;
use crate::settings::Settings;
use crate::store::load::load;
use crate::store::verify::{Verification, verify};
use crate::store::view::Generation;
use crate::vault::client::Client;
use crate::vault::{Node as _, VaultErrorKind};

/// What the settings say by themselves.
pub(super) fn settings(settings: &Settings) -> Vec<Check> {
    let mut checks = vec![recipients(settings), cache(settings), host::state_dir(settings)];
    for (key, location) in settings.stores() {
        let StoreLocation::S3(s3) = location else { continue };
        let Some(endpoint) = &s3.endpoint else { continue };
        let host = endpoint.host_str().unwrap_or_default();
        checks.push(if is_inside_cluster(host, &[]) {
            let hint = "keep the shares outside: this store comes up after the Vault that it is to open";
            Check::other("store-place", CheckResult::Bad, format!("{key}: it is inside the cluster"), hint)
        } else {
            Check::good("store-place", format!("{key}: not a Service of the cluster"))
        });
        if endpoint.scheme() == "http" {
            let hint = "use https and store.caFile: over plain http anybody on the way can withhold or replace objects";
            checks.push(Check::other("store-tls", CheckResult::Weak, format!("{key}: asked over plain http"), hint));
        }
    }
    checks
}

/// Who can open what is sealed.
fn recipients(settings: &Settings) -> Check {
    let name = "recipients";
    let identities = match Identities::load_all(&settings.identities) {
        Ok(identities) => identities.to_recipients(),
        Err(error) => {
            let hint = "make the identity files readable for this user, one age key in each";
            return Check::other(name, CheckResult::Bad, error.to_string(), hint);
        }
    };
    let ours = settings.recipients.values().filter(|recipient| identities.contains(recipient)).count();
    let others = settings.recipients.len() - ours;
    match (settings.recipients.is_empty(), ours, others) {
        (true, ..) => Check::good(name, "none are set: this host only opens"),
        (_, 0, _) => Check::other(
            name,
            CheckResult::Bad,
            "none of them is an identity of these settings",
            "name the daemon's own public key under recipients",
        ),
        (.., 0) => Check::other(
            name,
            CheckResult::Weak,
            "there is no offline recipient",
            "add the public half of a key that lies offline: one lost key then loses nothing",
        ),
        _ => Check::good(name, format!("{ours} of ours, {others} offline")),
    }
}

fn cache(settings: &Settings) -> Check {
    match &settings.cache_dir {
        None => Check::other(
            "cache",
            CheckResult::Weak,
            "cacheDir is not set",
            "set cacheDir: without it a boot while the store is away opens nothing",
        ),
        Some(folder) => match std::fs::metadata(folder) {
            Ok(about) if about.is_dir() => Check::good("cache", format!("{} is there", folder.display())),
            Ok(_) => Check::other(
                "cache",
                CheckResult::Bad,
                format!("{} is not a folder", folder.display()),
                "name a folder",
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Check::other(
                "cache",
                CheckResult::Weak,
                format!("{} is not there yet", folder.display()),
                "`unsealer run` makes it; look again when it has run",
            ),
            Err(error) => Check::other(
                "cache",
                CheckResult::Unknown,
                format!("{}: {}", folder.display(), error.kind()),
                "run it as the daemon's user",
            ),
        },
    }
}

/// One Vault: its files, store, servers and daemon.
pub(super) async fn vault(settings: &Settings, name: &str, probe: bool) -> Vec<Check> {
    let session = match Session::open(settings.clone(), Some(name)) {
        Ok(session) => session,
        Err(failure) => {
            let causes = failure.causes.iter().map(|cause| {
                Check::other(
                    "secret-files",
                    CheckResult::Bad,
                    format!("{name}: {cause}"),
                    "mend the file that is named",
                )
            });
            return causes.collect();
        }
    };
    let mut checks = vec![Check::good("secret-files", format!("{name}: identities, store key and CA can be read"))];
    checks.extend(store(&session, probe).await);
    for (node, peer) in
        session.nodes.iter().map(|node| (node, false)).chain(session.peers.iter().map(|peer| (peer, true)))
    {
        checks.push(server(node, peer).await);
        checks.extend(remote::server_clock(node, || System.now()).await);
    }
    checks.push(daemon(&session).await);
    checks
}

async fn store(session: &Session, probe: bool) -> Vec<Check> {
    let name = session.name.as_str();
    let read = async {
        let store = session.reader()?;
        let cached = session.cached()?;
        let contents = load(&*store, &session.name, &session.keys, &cached, None).await?;
        Ok::<_, sops_tools::report::Failure>(verify(
            &session.name,
            &contents,
            &session.keys,
            &session.identities,
            &cached,
        ))
    };
    let mut checks = match read.await {
        Ok(found) => {
            let mut checks = stored(name, &found);
            checks.extend(host::offline_key(session, found.view.current, System.now()));
            checks
        }
        Err(failure) => {
            let seen = std::iter::once(failure.problem).chain(failure.causes).collect::<Vec<_>>().join(": ");
            vec![Check::other(
                "store",
                CheckResult::Unknown,
                format!("{name}: {seen}"),
                "check address, credentials (Get and List) and CA of the store",
            )]
        }
    };
    checks.push(host::copies(session));
    // Each by itself: what protects one protects no other. One that cannot be opened is named by the check `store`.
    for (key, location) in session.settings.stores() {
        let Ok(store) = location.open_read_only() else { continue };
        let (whose, about) = (format!("{name}: {key}"), store.about().await);
        checks.extend(remote::protection(&whose, &about));
        checks.extend(remote::store_clock(&whose, &about));
    }
    if probe {
        checks.push(probed(session).await);
    }
    checks
}

fn stored(name: &str, found: &Verification) -> Vec<Check> {
    let mut checks = Vec::new();
    checks.push(match found.view.current {
        Some(current) if found.opens.contains(&(current, true)) => {
            Check::good("shares", format!("{name}: generation {current} opens"))
        }
        Some(current) => Check::other(
            "shares",
            CheckResult::Bad,
            format!("{name}: generation {current} does not open{}", lack_of(found, current)),
            "give the identity it was sealed to, or export it with the offline one",
        ),
        None if found.view.anything_here => Check::other(
            "shares",
            CheckResult::Bad,
            format!("{name}: objects are stored, and none is a generation that counts"),
            "run `unsealer store verify`; give the store key they were signed with",
        ),
        None => Check::other(
            "shares",
            CheckResult::Bad,
            format!("{name}: nothing is stored"),
            "run `unsealer init`, or `unsealer import` for a Vault that lives already",
        ),
    });
    for part in &found.view.silent {
        checks.push(Check::other(
            "store",
            CheckResult::Unknown,
            format!("{name}: custodian {}: {}", part.name, part.fault.as_deref().unwrap_or_default()),
            "check address, credentials (Get and List) and CA of that custodian's store",
        ));
    }
    if found.view.rolled_back {
        checks.push(Check::other(
            "store-history",
            CheckResult::Bad,
            format!("{name}: objects that this host has seen are gone"),
            "put them back with `unsealer store copy --from cache`",
        ));
    }
    if found.view.foreign > 0 {
        let seen = format!("{name}: {} foreign objects stand under this Vault's name", found.view.foreign);
        let hint = "find out who writes there, and move these objects away";
        checks.push(Check::other("store-foreign", CheckResult::Bad, seen, hint));
    }
    if let Some(path) = found.view.unread.first() {
        let seen = format!("{name}: part of the store could not be read: {}, first {path}", found.view.unread.len());
        let hint = "look at the store's own log, and for objects of strangers under this name";
        checks.push(Check::other("store-unread", CheckResult::Bad, seen, hint));
    }
    if !found.view.findings.is_empty() {
        let seen = format!("{name}: {} objects are not what they should be", found.view.findings.len());
        checks.push(Check::other("store-objects", CheckResult::Bad, seen, "`unsealer store verify` names each"));
    }
    if !found.view.undecided.is_empty() {
        checks.push(Check::other(
            "generations",
            CheckResult::Weak,
            format!("{name}: a newer generation is neither proven nor abandoned"),
            "new raft nodes wait for it; prove it by a drill",
        ));
    }
    checks
}

fn lack_of(found: &Verification, generation: Generation) -> String {
    found.lack(generation).map_or_else(String::new, |lack| format!(": {lack}"))
}

async fn probed(session: &Session) -> Check {
    let name = session.name.as_str();
    let store = match session.store() {
        Ok(store) => store,
        Err(failure) => {
            return Check::other(
                "create-only",
                CheckResult::Unknown,
                format!("{name}: {}", failure.problem),
                "check the store's settings",
            );
        }
    };
    match store.probe().await {
        Ok(ProbeVerdict::ConditionsWork) => {
            Check::good("create-only", format!("{name}: a second write to one name was refused (checked, not proven)"))
        }
        Ok(ProbeVerdict::ConditionsIgnored) => Check::other(
            "create-only",
            CheckResult::Bad,
            format!("{name}: the store overwrites"),
            "use a store that honours If-None-Match, or a directory",
        ),
        Err(error) => Check::other(
            "create-only",
            CheckResult::Unknown,
            format!("{name}: {error}"),
            "the probe needs the write key; `run` does not",
        ),
    }
}

async fn server(server: &Client, peer: bool) -> Check {
    let name = if peer { "peer" } else { "node" };
    let address = server.address().to_owned();
    match server.seal_status().await {
        Ok(status) if status.recovery_seal || status.seal_type != "shamir" => Check::other(
            name,
            CheckResult::Bad,
            format!("{address}: seal {}", status.seal_type),
            "this seal opens by itself: take the server out of the settings",
        ),
        Ok(status) => Check::good(
            name,
            format!(
                "{address}: {} {}, {}",
                status.product,
                status.version,
                if status.sealed { "sealed" } else { "open" }
            ),
        ),
        Err(error) => {
            let (result, hint) = match error.kind {
                VaultErrorKind::Tls => {
                    (CheckResult::Bad, "give the CA that signed the server's certificate, and the name it is made for")
                }
                VaultErrorKind::Untrusted => (
                    CheckResult::Bad,
                    "another user's process listens there, or serverUid is wrong: nothing is sent to it",
                ),
                VaultErrorKind::Redirected => {
                    (CheckResult::Bad, "name the server itself: a redirect is never followed")
                }
                _ => (CheckResult::Unknown, "start the server, or mend its address"),
            };
            Check::other(name, result, format!("{address}: {}", error.detail), hint)
        }
    }
}

async fn daemon(session: &Session) -> Check {
    let Some(address) = daemon_page::address(session.settings.listen) else {
        return Check::other("daemon", CheckResult::Unknown, "`listen` is no address to ask", "set listen");
    };
    match daemon_page::read(&address).await {
        Ok(status) if status.ready => Check::good("daemon", format!("{address}: ready")),
        Ok(status) => Check::other(
            "daemon",
            CheckResult::Bad,
            format!("{address}: {}", status.not_ready.join("; ")),
            "the lines of its log say the same in full",
        ),
        Err(why) => {
            Check::other("daemon", CheckResult::Unknown, why, "start `unsealer run`, or ask on the host where it runs")
        }
    }
}
