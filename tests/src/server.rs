//! Real Vault and OpenBao servers as child processes, one interface for both.
//!
//! ```no_run
//! # use harness::server::{Plan, Product, Storage};
//! # async fn example() {
//! let mut server = Plan::new(Product::OpenBao, Storage::Raft).start().await;
//! let keys = server.api().init(5, 3).await;
//! server.api().unseal(&keys).await;
//! server.kill();
//! server.start_again().await; // same data, same address, sealed
//! # }
//! ```

use std::time::Duration;

use crate::api::Api;
use crate::cert::{Authority, ServerFiles};
use crate::ports::Port;
use crate::process::{Process, Program};
use crate::tools::program;
use crate::wait;
use crate::workdir::Workdir;

/// Longest time a server may take to answer after its start, on a loaded machine.
const START_LIMIT: Duration = Duration::from_mins(1);
/// Longest time a server may take to end after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// OpenBao, the shipped program.
    OpenBao,
    /// The core of HashiCorp Vault.
    Vault,
}

impl Product {
    /// Both, for scenarios that run over each.
    pub const BOTH: [Self; 2] = [Self::OpenBao, Self::Vault];
}

/// Where a server keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// In memory: a restart forgets everything, the initialisation too.
    Inmem,
    /// Files, Vault alone.
    File,
    /// Raft.
    Raft,
}

/// A server that is not started yet; its address is settled already.
#[derive(Debug)]
pub struct Plan {
    product: Product,
    storage: Storage,
    folder: Workdir,
    api_port: Port,
    cluster_port: Port,
    tls: Option<(ServerFiles, String)>,
    joins: Vec<String>,
    node: String,
}

impl Plan {
    /// A server of its own folder and ports, over plain http on 127.0.0.1.
    pub fn new(product: Product, storage: Storage) -> Self {
        let folder = Workdir::new("server");
        folder.folder("data");
        let (api_port, cluster_port) = (Port::take(), Port::take());
        let node = format!("n{}", api_port.number());
        Self { product, storage, folder, api_port, cluster_port, tls: None, joins: Vec::new(), node }
    }

    /// Serves https with a certificate of `authority`.
    #[must_use]
    pub fn tls(mut self, authority: &Authority) -> Self {
        self.tls = Some((authority.server_files(&self.folder), authority.pem()));
        self
    }

    /// Joins a raft cluster through any of these addresses, again and again until one has a leader.
    #[must_use]
    pub fn join(mut self, addresses: impl IntoIterator<Item = String>) -> Self {
        self.joins.extend(addresses);
        self
    }

    /// Address of the API.
    pub fn address(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.api_port.address())
    }

    /// Writes the settings without starting anything: a server that is down, until [`Server::start_again`].
    pub fn stopped(self) -> Server {
        if self.product == Product::OpenBao {
            self.folder.write("server.hcl", self.openbao_settings());
        }
        let api = Api::new(&self.address(), self.tls.as_ref().map(|(_, pem)| pem.as_str()));
        Server { api, plan: self, process: None }
    }

    /// Starts it and waits until it answers.
    pub async fn start(self) -> Server {
        let mut server = self.stopped();
        server.start_again().await;
        server
    }

    fn openbao_settings(&self) -> String {
        let data = self.folder.join("data");
        let storage = match self.storage {
            Storage::Inmem => "storage \"inmem\" {}\n".to_owned(),
            Storage::File => panic!("OpenBao has no file storage"),
            Storage::Raft => {
                let authority = self.tls.as_ref().map(|(files, _)| files.authority.display());
                let authority = authority.map(|path| format!("leader_ca_cert_file = \"{path}\"")).unwrap_or_default();
                let join = |address: &String| {
                    format!("  retry_join {{\n    leader_api_addr = \"{address}\"\n    {authority}\n  }}\n")
                };
                let joins = self.joins.iter().map(join).collect::<Vec<_>>().concat();
                format!(
                    "storage \"raft\" {{\n  path = \"{}\"\n  node_id = \"{}\"\n  performance_multiplier = 1\n{joins}}}\n",
                    data.display(),
                    self.node,
                )
            }
        };
        let tls = match &self.tls {
            None => "tls_disable = true".to_owned(),
            Some((files, _)) => format!(
                "tls_cert_file = \"{}\"\n  tls_key_file = \"{}\"",
                files.certificate.display(),
                files.key.display()
            ),
        };
        format!(
            "{storage}listener \"tcp\" {{\n  address = \"{api}\"\n  cluster_address = \"{cluster}\"\n  {tls}\n}}\n\
             api_addr = \"{address}\"\ncluster_addr = \"https://{cluster}\"\nui = false\n",
            api = self.api_port.address(),
            cluster = self.cluster_port.address(),
            address = self.address(),
        )
    }

    fn program(&self) -> Program {
        match self.product {
            Product::OpenBao => Program::new(&format!("OpenBao {}", self.node), program("bao"))
                .args(["server", "-config"])
                .arg(self.folder.join("server.hcl")),
            Product::Vault => self.vault_program(),
        }
    }

    fn vault_program(&self) -> Program {
        let storage = match self.storage {
            Storage::Inmem => "inmem",
            Storage::File => "file",
            Storage::Raft => "raft",
        };
        let mut program = Program::new(&format!("Vault core {}", self.node), program("vault-core"))
            .args(["-addr", &self.api_port.address()])
            .args(["-cluster-addr", &format!("https://{}", self.cluster_port.address())])
            .args(["-storage", storage, "-node-id", &self.node, "-performance-multiplier", "1"])
            .arg("-path")
            .arg(self.folder.join("data"));
        for address in &self.joins {
            program = program.args(["-retry-join", address]);
        }
        if let Some((files, _)) = &self.tls {
            program = program.arg("-tls-cert").arg(&files.certificate).arg("-tls-key").arg(&files.key);
            program = program.arg("-retry-join-ca").arg(&files.authority);
        }
        program
    }
}

/// A server, running or stopped. Dropped: killed, its data gone.
#[derive(Debug)]
pub struct Server {
    process: Option<Process>,
    api: Api,
    plan: Plan,
}

impl Server {
    /// Direct calls to it.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Address of the API, such as `http://127.0.0.1:12800`.
    pub fn address(&self) -> String {
        self.plan.address()
    }

    /// Which server it is.
    pub fn product(&self) -> Product {
        self.plan.product
    }

    /// The port of the API; it stays ours while the server is down.
    pub fn port(&self) -> u16 {
        self.plan.api_port.number()
    }

    /// Folder of its data, `data` inside, and its log.
    pub fn folder(&self) -> &Workdir {
        &self.plan.folder
    }

    /// The running process.
    ///
    /// # Panics
    /// While it is stopped.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("the server runs")
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Stops it as an administrator would, with SIGTERM.
    pub async fn terminate(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate(STOP_LIMIT).await;
        }
    }

    /// Starts the process without waiting for an answer.
    ///
    /// # Panics
    /// Where it runs already.
    pub fn launch(&mut self) {
        assert!(self.process.is_none(), "the server runs already");
        self.process = Some(self.plan.program().start(&self.plan.folder.join("server.log")));
    }

    /// Starts it in the network namespace of the process `pid`, where its address is another machine's loopback to us: nothing
    /// here can ask it any more.
    ///
    /// # Panics
    /// Where it runs already.
    pub fn launch_in_network_of(&mut self, pid: u32) {
        assert!(self.process.is_none(), "the server runs already");
        let program = self.plan.program().in_network_of(pid);
        self.process = Some(program.start(&self.plan.folder.join("server.log")));
    }

    /// Starts it with the data and address it had, and waits until it answers.
    pub async fn start_again(&mut self) {
        self.launch();
        self.answers().await;
    }

    /// Waits until it answers seal-status.
    pub async fn answers(&mut self) {
        let what = format!("{} to answer", self.address());
        let (api, process) = (&self.api, self.process.as_mut().expect("the server runs"));
        wait::for_some(START_LIMIT, &what, async || {
            if let Some(status) = process.ended() {
                panic!("{} ended at its start: {status}", api.base());
            }
            api.try_seal_status().await
        })
        .await;
    }

    /// Empties its storage, as an administrator would whose init was cut off.
    ///
    /// # Panics
    /// While it runs.
    pub fn empty_storage(&mut self) {
        assert!(self.process.is_none(), "stop the server first");
        std::fs::remove_dir_all(self.plan.folder.join("data")).expect("data of the server");
        self.plan.folder.folder("data");
    }
}

/// Raft nodes that find each other by `retry_join`.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes; `init` goes to the first.
    pub nodes: Vec<Server>,
}

impl Cluster {
    /// Starts `count` nodes and waits until each answers. None is initialised.
    pub async fn start(product: Product, count: usize, authority: Option<&Authority>) -> Self {
        let plans: Vec<Plan> = (0..count)
            .map(|_| {
                let plan = Plan::new(product, Storage::Raft);
                if let Some(authority) = authority { plan.tls(authority) } else { plan }
            })
            .collect();
        let addresses: Vec<String> = plans.iter().map(Plan::address).collect();
        let mut nodes: Vec<Server> = plans
            .into_iter()
            .enumerate()
            .map(|(number, plan)| {
                // The first one founds the cluster on a fresh start; later restarts need no join at all.
                let others = addresses.iter().enumerate().filter(|(other, _)| *other != number);
                let others = others.map(|(_, address)| address.clone());
                if number == 0 { plan.stopped() } else { plan.join(others).stopped() }
            })
            .collect();
        for node in &mut nodes {
            node.launch();
        }
        for node in &mut nodes {
            node.answers().await;
        }
        Self { nodes }
    }
}
