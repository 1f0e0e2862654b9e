//! One server, one store and one installation, with a proxy before each of the two.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use harness::command::{Output, Running};
use harness::proxy::Proxy;
use harness::server::{Plan, Product, Server, Storage};
use harness::site::Site;
use harness::wait;
use harness::weed::{READ_WRITE, Weed};
use serde_json::json;

/// Longest time for anything here on a loaded machine.
pub(super) const LIMIT: Duration = Duration::from_mins(3);
/// The Vault's name.
pub(super) const VAULT: &str = "main";

/// Which server, on which storage.
pub(super) type Kind = (Product, Storage);

/// The command under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Init,
    Import,
    Unseal,
}

/// Which proxy sees a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Vault,
    Store,
}

/// The scene of one trial.
pub(super) struct Bed {
    pub(super) server: Server,
    pub(super) vault: Arc<Proxy>,
    pub(super) store: Arc<Proxy>,
    pub(super) site: Site,
}

impl Bed {
    /// A fresh server and an empty prefix of `weed`.
    pub(super) async fn new(weed: &Weed, (product, storage): Kind) -> Self {
        let server = Plan::new(product, storage).start().await;
        let vault = Arc::new(Proxy::to(server.port()).await);
        let store = Arc::new(Proxy::to(weed.port()).await);
        let mut site = Site::new().await.vault(VAULT, [vault.address()]);
        site.use_s3(&store.address(), &format!("k{}", server.port()), READ_WRITE);
        Self { server, vault, store, site }
    }

    /// No proxy any more: a killed client is seen by server and store at once.
    pub(super) fn direct(&mut self, weed: &Weed) {
        self.site.settings["vaults"] = json!([{"name": VAULT, "nodes": [self.server.address()]}]);
        self.site.settings["store"]["endpoint"] = json!(weed.endpoint());
    }

    pub(super) fn proxy(&self, side: Side) -> &Arc<Proxy> {
        match side {
            Side::Vault => &self.vault,
            Side::Store => &self.store,
        }
    }

    /// Brings everything to where `order` is what a person would run.
    pub(super) async fn prepare(&mut self, order: Order) {
        match order {
            Order::Init => {}
            Order::Import => {
                let keys = self.server.api().init(5, 3).await;
                self.site.folder().write("shares", keys.shares.join("\n"));
            }
            Order::Unseal => {
                self.site.init(VAULT).await.assert_status(0);
                self.restart().await;
            }
        }
    }

    fn arguments(&self, order: Order, more: &[String]) -> Vec<String> {
        let shares = self.site.folder().join("shares").display().to_string();
        let own: &[&str] = match order {
            Order::Init => &["init", "--shares", "5", "--threshold", "3", "--discard-root-token"],
            Order::Import => &["import", "--shares-file", &shares],
            Order::Unseal => &["unseal"],
        };
        let common = ["--vault", VAULT, "--output", "json"];
        own.iter().chain(&common).map(ToString::to_string).chain(more.iter().cloned()).collect()
    }

    pub(super) fn launch(&self, order: Order) -> Running {
        let arguments = self.arguments(order, &[]);
        self.site.launch(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    pub(super) async fn run(&self, order: Order, more: &[String]) -> Output {
        let arguments = self.arguments(order, more);
        self.site.command(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    /// Kills the server and starts it on its data; one that was initialised says so again when this returns.
    pub(super) async fn restart(&mut self) {
        let known = self.server.api().try_seal_status().await;
        self.server.kill();
        self.server.start_again().await;
        if known.is_ok_and(|status| status["initialized"] == true) {
            let api = self.server.api();
            let again = async || api.try_seal_status().await.is_ok_and(|status| status["initialized"] == true);
            wait::until(LIMIT, "the server to find its data", again).await;
        }
    }

    /// Empties the storage, as the sentence said. It must never say so of a server that is open.
    pub(super) async fn empty(&mut self) {
        assert!(!self.server.api().open().await, "an open server was to be emptied");
        self.server.kill();
        self.server.empty_storage();
        self.server.start_again().await;
    }

    /// Where this host keeps what init has to store.
    pub(super) fn state(&self) -> PathBuf {
        self.site.folder().join("state")
    }

    /// The promise: a restarted server opens with what the store alone holds.
    pub(super) async fn opens_from_the_store(&mut self) {
        if self.state().exists() {
            std::fs::rename(self.state(), self.site.folder().join("state.gone")).expect("moving stateDir away");
        }
        self.site.settings.as_object_mut().expect("settings").remove("cacheDir");
        self.restart().await;
        assert!(self.server.api().sealed().await, "a restarted server is sealed");
        self.run(Order::Unseal, &[]).await.assert_status(0);
        assert!(self.server.api().open().await, "opened with the shares of the store");
    }
}
