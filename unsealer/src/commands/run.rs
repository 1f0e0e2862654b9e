//! `unsealer run`: keeps every configured Vault open, for ever.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sops_tools::clock::{Clock, Entropy, System};
use sops_tools::files;
use sops_tools::report::{ExitStatus, Failure};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

use crate::daemon::board::Board;
use crate::daemon::stored::{MakeStore, StoredShelf};
use crate::daemon::{self, MakeNode, Secrets, Surroundings, VaultPlan};
use crate::http::{self, Pages};
use crate::lifecycle::{GRACE, Lifecycle};
use crate::opener::{Custody, FileKeyring};
use crate::session::store_inside_cluster;
use crate::settings::{Settings, VaultSettings};
use crate::store::cache::Cache;
use crate::store::names::VaultName;
use crate::supervisor::Place;
use crate::vault::client::Client;
use crate::vault::target::Target;
use crate::vault::{Node, VaultError, VaultErrorKind};

/// Largest CA file, bytes.
const CA_LIMIT: usize = 1 << 20;
/// Threads for what blocks: decrypting, files, DNS. A hanging resolver must not stop decryption.
const BLOCKING_THREADS: usize = 16;
/// Time between two words to the service manager where it sets no watchdog.
const TELL: Duration = Duration::from_secs(10);

/// Runs the daemon until a signal.
///
/// # Errors
/// Faults of the settings, a port that is taken, and the death of a task. Nothing that a server, the store or a secret file does ends
/// it.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(Duration::from_secs(5))
        .build()
        .map_err(|error| Failure::new(ExitStatus::Unexpected, "runtime", "the runtime cannot start").cause(error))?;
    let outcome = runtime.block_on(keep(settings));
    // A resolver that hangs in a blocking thread must not hold up the end.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

async fn keep(settings: &Settings) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(System);
    let entropy: Arc<dyn Entropy> = Arc::new(System);
    let listener = http::bind(settings.listen).await?;
    let listen = listener.local_addr().unwrap_or(settings.listen);
    let mut lifecycle = Lifecycle::new();
    // The files are read once before the first look, so that a boot does not wait for the first round.
    let (first, _) = Secrets::default().reread(&settings.identities, &settings.store_key_file);
    let secrets = watch::Sender::new(first);
    let make_store = daemon::stored::maker(settings);
    let plans = settings.vaults.iter().map(|vault| plan(vault, settings, &make_store, &secrets, &mut lifecycle));
    let plans = plans.collect();
    let around = Surroundings { clock: Arc::clone(&clock), entropy, cache_dir: settings.cache_dir.clone() };
    let board = daemon::start(plans, &around, &mut lifecycle);
    lifecycle.spawn(
        "secret files",
        daemon::watch_files(
            settings.identities.clone(),
            settings.store_key_file.clone(),
            secrets,
            Arc::clone(&board),
            Arc::clone(&clock),
            lifecycle.soft(),
        ),
    );
    let pages = Pages { board: Arc::clone(&board), clock };
    lifecycle.spawn("web pages", http::serve(listener, pages, lifecycle.soft()));
    lifecycle.spawn("service manager", tell(Arc::clone(&board), lifecycle.soft()));
    announce(settings, listen);
    lifecycle.run(GRACE, stopping).await
}

fn announce(settings: &Settings, listen: std::net::SocketAddr) {
    tracing::info!(%listen, store = %settings.store, "serving /live, /ready, /metrics and /status.json");
    for vault in &settings.vaults {
        let nodes: Vec<&str> = vault.nodes.iter().map(Url::as_str).collect();
        let name = vault.name.as_str();
        tracing::info!(vault = name, nodes = nodes.join(" "), peers = vault.peers.len(), "keeping it open");
    }
    if let Some(host) = store_inside_cluster(settings) {
        tracing::warn!(
            host,
            next_step =
                "keep the shares outside: a store inside the cluster comes up after the Vault that it has to open",
            "store-inside-cluster: after a cold start only the cache can open a Vault"
        );
    }
    if settings.cache_dir.is_none() {
        tracing::warn!("no `cacheDir` is set: after a start without the store nothing can be opened");
    }
}

fn stopping() {
    tracing::info!("stopping");
    notify(&[sd_notify::NotifyState::Stopping]);
}

/// A service manager that is not there, or does not listen, is no fault.
fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager could not be told");
    }
}

/// Tells the service manager that the daemon is up, what it sees, and that every task turns.
async fn tell(board: Arc<Board>, soft: CancellationToken) {
    let every = sd_notify::watchdog_enabled().map_or(TELL, |limit| limit / 3);
    let mut first = true;
    loop {
        let summary = summary(&board);
        let mut states = vec![sd_notify::NotifyState::Status(&summary)];
        if first {
            states.push(sd_notify::NotifyState::Ready);
        }
        if board.stuck().is_empty() {
            states.push(sd_notify::NotifyState::Watchdog);
        }
        notify(&states);
        first = false;
        tokio::select! {
            () = soft.cancelled() => return,
            () = sleep(every) => {}
        }
    }
}

/// `2 of 3 nodes open`, and the first that is not.
fn summary(board: &Board) -> String {
    let nodes: Vec<_> = board.vaults.iter().flat_map(|vault| &vault.nodes).collect();
    let states: Vec<_> = nodes.iter().map(|node| node.report.borrow().state.condition).collect();
    let open = states.iter().filter(|state| state.open()).count();
    let closed = nodes.iter().zip(&states).find(|(_, state)| !state.open());
    let closed = closed.map_or_else(String::new, |(node, state)| format!("; {} is {state}", node.address));
    format!("{open} of {} nodes open{closed}", nodes.len())
}

fn plan(
    vault: &VaultSettings,
    settings: &Settings,
    make_store: &MakeStore,
    secrets: &watch::Sender<Secrets>,
    lifecycle: &mut Lifecycle,
) -> VaultPlan {
    let name = vault.name.clone();
    let cache = settings.cache_dir.as_ref().map(Cache::new);
    let shelf =
        StoredShelf::new(name.clone(), settings.store.to_string(), Arc::clone(make_store), cache, secrets.subscribe());
    VaultPlan {
        name: name.as_str().to_owned(),
        nodes: vault.nodes.iter().map(|url| (address(url), place(url), make_node(url, vault, true))).collect(),
        peers: vault.peers.iter().map(|url| make_node(url, vault, false)).collect(),
        shelf: Arc::new(shelf),
        custody: custody(name, secrets, lifecycle),
    }
}

/// Follows the secret files: the custody of one Vault, anew with every change.
fn custody(
    vault: VaultName,
    secrets: &watch::Sender<Secrets>,
    lifecycle: &mut Lifecycle,
) -> watch::Receiver<Option<Arc<dyn Custody>>> {
    fn of(vault: &VaultName, secrets: &Secrets) -> Option<Arc<dyn Custody>> {
        let identities = secrets.identities.clone()?;
        Some(Arc::new(FileKeyring { vault: vault.clone(), identities }))
    }
    let mut changes = secrets.subscribe();
    let first = of(&vault, &changes.borrow_and_update());
    let (sender, receiver) = watch::channel(first);
    let soft = lifecycle.soft();
    lifecycle.spawn(format!("custody of {}", vault.as_str()), async move {
        loop {
            tokio::select! {
                () = soft.cancelled() => return,
                news = changes.changed() => if news.is_err() {
                    soft.cancelled().await;
                    return;
                }
            }
            let now = of(&vault, &changes.borrow_and_update());
            sender.send_replace(now);
        }
    });
    receiver
}

/// The client of one server; its CA file is read each time. A peer's socket has no owner to check.
fn make_node(url: &Url, vault: &VaultSettings, own: bool) -> MakeNode {
    let url = url.clone();
    let ca_file = vault.ca_file.clone();
    let server_name = vault.server_name.clone().filter(|_| url.scheme() == "https");
    let server_uid = vault.server_uid.filter(|_| own && place(&url) == Place::Local);
    Arc::new(move || {
        let ca = ca_file.as_ref().map(|file| ca(file, &url)).transpose()?;
        let target = Target::new(url.as_str(), ca.as_deref(), server_uid, server_name.as_deref())?;
        Ok(Arc::new(Client::new(target)?) as Arc<dyn Node>)
    })
}

fn ca(file: &Path, url: &Url) -> Result<Vec<u8>, VaultError> {
    files::read_limited(file, CA_LIMIT).map_err(|error| VaultError {
        kind: VaultErrorKind::Tls,
        call: "reading the CA file",
        address: address(url),
        detail: error.to_string(),
    })
}

fn address(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn place(url: &Url) -> Place {
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    };
    if local { Place::Local } else { Place::Remote }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_addresses_are_local() {
        for (text, expected) in [
            ("http://127.0.0.1:8200", Place::Local),
            ("http://[::1]:8200", Place::Local),
            ("https://localhost:8200", Place::Local),
            ("https://vault-1.vault-internal:8200", Place::Remote),
        ] {
            assert_eq!(place(&Url::parse(text).unwrap()), expected, "{text}");
        }
    }
}
