//! What the nodes, the store and the daemon say, gathered without judging.

use jiff::Timestamp;
use restore::objects::ReadObjects;
use sops_tools::report::Failure;

use crate::commands::daemon_page;
use crate::session::Session;
use crate::settings::Settings;
use crate::store::load::load;
use crate::store::verify::verify;
use crate::store::view::{Finding, Hold};
use crate::vault::client::Client;
use crate::vault::{Node as _, SealStatus};

/// Everything known of one Vault.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) vault: String,
    pub(super) nodes: Vec<NodeFacts>,
    pub(super) location: String,
    /// One line where the store could not be asked.
    pub(super) store: Result<StoreFacts, String>,
    pub(super) daemon_address: String,
    /// One line where no daemon of this Vault answers.
    pub(super) daemon: Result<DaemonFacts, String>,
}

/// One server.
#[derive(Debug)]
pub(super) struct NodeFacts {
    pub(super) address: String,
    /// One line where it could not be asked.
    pub(super) status: Result<SealStatus, String>,
}

/// What the store offers.
#[derive(Debug, Clone, Default)]
pub(super) struct StoreFacts {
    pub(super) current: Option<u32>,
    pub(super) openable: bool,
    pub(super) threshold: Option<u8>,
    pub(super) undecided: Vec<u32>,
    pub(super) open_intent: bool,
    pub(super) rolled_back: bool,
    pub(super) cluster_id: Option<String>,
    pub(super) holds: Vec<Hold>,
    pub(super) findings: Vec<Finding>,
    pub(super) foreign: u64,
    pub(super) unread: Vec<String>,
    /// What the current generation lacks, in words.
    pub(super) lack: Option<String>,
    /// Custodians' stores that did not answer.
    pub(super) silent: Vec<String>,
}

/// What the daemon says of itself.
#[derive(Debug, Clone)]
pub(super) struct DaemonFacts {
    pub(super) ready: bool,
    pub(super) not_ready: Vec<String>,
    pub(super) read_at: Option<Timestamp>,
    /// Holds that only this daemon knows of: local and inferred ones.
    pub(super) own_holds: Vec<String>,
    /// Nodes that need a person: address, state and next step.
    pub(super) stuck: Vec<String>,
}

impl StoreFacts {
    /// One phrase.
    pub(super) fn shown(&self) -> String {
        let opens = if self.openable { "opens with our identity" } else { "does not open with our identity" };
        self.current.map_or_else(|| "no generation counts".to_owned(), |number| format!("generation {number}, {opens}"))
    }
}

impl NodeFacts {
    /// One phrase.
    pub(super) fn shown(&self) -> String {
        match &self.status {
            Ok(status) if status.recovery_seal || status.seal_type != "shamir" => {
                format!("seal {}: not ours", status.seal_type)
            }
            Ok(status) if !status.initialized => "not initialised".to_owned(),
            Ok(status) if status.sealed => format!("sealed, {} of {} shares needed", status.threshold, status.shares),
            Ok(status) => format!("open, {} {}", status.product, status.version),
            Err(why) => why.clone(),
        }
    }
}

/// Asks everybody.
///
/// # Errors
/// Secret files that cannot be read: nothing can be said without them.
pub(super) async fn gather(settings: &Settings, vault: &str) -> Result<Facts, Failure> {
    let session = Session::open(settings.clone(), Some(vault))?;
    let (nodes, store, daemon) = futures::future::join3(nodes(&session.nodes), store(&session), daemon(&session)).await;
    let daemon_address = daemon_page::address(settings.listen).map_or_else(String::new, |url| url.to_string());
    Ok(Facts { vault: vault.to_owned(), nodes, location: settings.store.to_string(), store, daemon_address, daemon })
}

async fn nodes(clients: &[Client]) -> Vec<NodeFacts> {
    let each = clients.iter().map(async |client| NodeFacts {
        address: client.address().to_owned(),
        status: client.seal_status().await.map_err(|error| error.detail),
    });
    futures::future::join_all(each).await
}

async fn store(session: &Session) -> Result<StoreFacts, String> {
    let store = session.reader().map_err(|failure| line(&failure))?;
    store_facts(session, &*store).await.map_err(|failure| line(&failure))
}

async fn store_facts(session: &Session, store: &dyn ReadObjects) -> Result<StoreFacts, Failure> {
    let cached = session.cached()?;
    let contents = load(store, &session.name, &session.keys, &cached, None).await?;
    let checked = verify(&session.name, &contents, &session.keys, &session.identities, &cached);
    let current = checked.view.current;
    let lack = current.and_then(|current| checked.lack(current));
    let view = checked.view;
    Ok(StoreFacts {
        current: current.map(|generation| generation.0),
        openable: current.is_some_and(|current| checked.opens.contains(&(current, true))),
        threshold: view.candidates.iter().find(|one| Some(one.generation) == current).and_then(|one| one.threshold),
        undecided: view.undecided.iter().map(|generation| generation.0).collect(),
        open_intent: view.intents.iter().any(|intent| !intent.closed),
        rolled_back: view.rolled_back,
        cluster_id: view.cluster_id,
        holds: view.holds,
        findings: view.findings,
        foreign: view.foreign,
        unread: view.unread,
        lack,
        silent: view
            .silent
            .iter()
            .map(|part| format!("custodian {}: {}", part.name, part.fault.as_deref().unwrap_or_default()))
            .collect(),
    })
}

async fn daemon(session: &Session) -> Result<DaemonFacts, String> {
    let address = daemon_page::address(session.settings.listen).ok_or("`listen` is no address to ask")?;
    let status = daemon_page::read(&address).await?;
    let name = session.name.as_str();
    let Some(vault) = status.vaults.iter().find(|vault| vault.name == name) else {
        return Err(format!("{address}: this daemon does not keep {name} open"));
    };
    let stuck = vault.nodes.iter().filter(|node| node.state.needs_a_person());
    Ok(DaemonFacts {
        ready: status.ready,
        not_ready: status.not_ready.clone(),
        read_at: vault.store.read_at,
        own_holds: vault.holds.iter().filter(|hold| hold.id.is_none()).map(|hold| hold.reason.clone()).collect(),
        stuck: stuck
            .map(|node| {
                format!("{} is {}: {}", node.address, node.state, node.next_step.as_deref().unwrap_or(&node.message))
            })
            .collect(),
    })
}

fn line(failure: &Failure) -> String {
    failure.causes.first().map_or_else(|| failure.problem.clone(), |cause| format!("{}: {cause}", failure.problem))
}
