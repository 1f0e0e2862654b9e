//! `run`: one task for each node, one for each Vault's store, one for the secret files, one for the web pages.
//!
//! Nothing here is fatal but a task's own death: every fault of a server, the store or a secret file is a state on the [`board`].

pub mod board;
pub mod local;
mod node;
mod presence;
mod secrets;
mod shelf;
pub mod stored;

use std::path::PathBuf;
use std::sync::Arc;

use sops_tools::clock::{Clock, Entropy};
use tokio::sync::{Semaphore, watch};

use crate::lifecycle::Lifecycle;
use crate::opener::Custody;
use crate::supervisor::Place;
use crate::vault::{Node, VaultError};
use board::Board;

pub use secrets::{Secrets, watch_files};
pub use shelf::Shelf;

/// Makes the client of one server; called again where its CA file may have changed.
pub type MakeNode = Arc<dyn Fn() -> Result<Arc<dyn Node>, VaultError> + Send + Sync>;

/// One Vault to keep open.
pub struct VaultPlan {
    /// Its name.
    pub name: String,
    /// Its servers: address without credentials, where it runs, and how to reach it.
    pub nodes: Vec<(String, Place, MakeNode)>,
    /// Other members of its cluster, asked for their health alone.
    pub peers: Vec<MakeNode>,
    /// Its share store.
    pub shelf: Arc<dyn Shelf>,
    /// Who opens its bundles; `None` while no identity could be read.
    pub custody: watch::Receiver<Option<Arc<dyn Custody>>>,
}

/// What the tasks need besides the Vaults.
pub struct Surroundings {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Folder for local words and inferred holds; `None` = they do not outlive the daemon.
    pub cache_dir: Option<PathBuf>,
}

/// Puts every Vault on a board and starts its tasks.
pub fn start(vaults: Vec<VaultPlan>, around: &Surroundings, lifecycle: &mut Lifecycle) -> Arc<Board> {
    let names = vaults.iter().map(|vault| {
        let nodes = vault.nodes.iter().map(|(address, place, _)| (address.clone(), *place)).collect();
        (vault.name.clone(), nodes)
    });
    let board = board::blank(around.clock.now(), names.collect());
    let permits = Arc::new(Semaphore::new(shelf::AT_ONCE));
    for (index, vault) in vaults.into_iter().enumerate() {
        start_vault(index, vault, &board, &permits, around, lifecycle);
    }
    board
}

fn start_vault(
    index: usize,
    vault: VaultPlan,
    board: &Arc<Board>,
    permits: &Arc<Semaphore>,
    around: &Surroundings,
    lifecycle: &mut Lifecycle,
) {
    let stocktaker = shelf::Stocktaker {
        shelf: vault.shelf,
        board: Arc::clone(board),
        vault: index,
        custody: vault.custody.clone(),
        permits: Arc::clone(permits),
        clock: Arc::clone(&around.clock),
        entropy: Arc::clone(&around.entropy),
        cache_dir: around.cache_dir.clone(),
        local_faults: local::Faults::default(),
    };
    lifecycle.spawn(format!("store of {}", vault.name), Box::pin(stocktaker.keep(lifecycle.soft())));
    let members: Vec<MakeNode> = vault.nodes.iter().map(|(_, _, make)| Arc::clone(make)).collect();
    for (number, (address, _, make)) in vault.nodes.into_iter().enumerate() {
        let keeper = node::Keeper {
            make,
            peers: other_members(&members, number, &vault.peers),
            board: Arc::clone(board),
            vault: index,
            index: number,
            custody: vault.custody.clone(),
            clock: Arc::clone(&around.clock),
            entropy: Arc::clone(&around.entropy),
            memory: around.cache_dir.as_ref().map(|cache| local::inferred_file(cache, &vault.name, &address)),
        };
        lifecycle.spawn(format!("node {address} of {}", vault.name), Box::pin(keeper.keep(lifecycle.soft())));
    }
}

/// Whom a node's task asks whether its cluster is up: the peers, and the other nodes too, since at the start of the daemon none of
/// their tasks has looked yet.
fn other_members(nodes: &[MakeNode], own: usize, peers: &[MakeNode]) -> Vec<MakeNode> {
    let others = nodes.iter().enumerate().filter(|(number, _)| *number != own).map(|(_, make)| make);
    others.chain(peers).map(Arc::clone).collect()
}
