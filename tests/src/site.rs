//! One installation of the product: its keys, its store, its settings, and the commands run on it.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bin;
use crate::command::{Output, Running, run};
use crate::daemon::Daemon;
use crate::ports::Port;
use crate::process::Program;
use crate::s3::Credentials;
use crate::weed::BUCKET;
use crate::workdir::Workdir;

/// Longest time a command may take; init on a loaded machine is the slowest.
const LIMIT: Duration = Duration::from_mins(3);

/// Keys, folders and settings of one installation. The keys are made by `sops-tools bootstrap keygen`.
///
/// The settings are a JSON value (every JSON is YAML), so a test changes a setting with `site.settings["store"] = …`.
#[derive(Debug)]
pub struct Site {
    /// What is written to the settings file before each command.
    pub settings: Value,
    folder: Workdir,
    listen: Port,
}

impl Site {
    /// An installation with fresh keys and a directory store, for Vaults that [`Site::vault`] adds.
    pub async fn new() -> Self {
        let folder = Workdir::new("site");
        let keys = folder.join("keys");
        let keygen = Program::new("sops-tools", bin::sops_tools())
            .args(["bootstrap", "keygen", "--output", "json", "--out"])
            .arg(&keys);
        run(keygen, LIMIT).await.assert_status(0);
        let recipient = |file: &str| {
            let text = std::fs::read_to_string(keys.join(file)).expect("a key file");
            let line = text.lines().find_map(|line| line.strip_prefix("# public key: "));
            line.expect("the public key in a key file").to_owned()
        };
        let listen = Port::take();
        let settings = json!({
            "store": {"url": format!("file://{}", folder.join("store").display())},
            "storeKeyFile": keys.join("unseal/store.key"),
            "identities": [keys.join("unseal")],
            "recipients": {"unseal": recipient("unseal/unseal.agekey"), "offline": recipient("offline.agekey")},
            "vaults": [],
            "listen": listen.address(),
            "cacheDir": folder.join("cache"),
            "stateDir": folder.join("state"),
        });
        Self { settings, folder, listen }
    }

    /// Adds a Vault of this name and these node addresses.
    #[must_use]
    pub fn vault(mut self, name: &str, nodes: impl IntoIterator<Item = String>) -> Self {
        let nodes: Vec<String> = nodes.into_iter().collect();
        let vaults = self.settings["vaults"].as_array_mut().expect("the list of Vaults");
        vaults.push(json!({"name": name, "nodes": nodes}));
        self
    }

    /// Keeps the store in the bucket of an S3 server, below `prefix`, used with `credentials`. May be called again, to go
    /// on with another key or through another address.
    pub fn use_s3(&mut self, endpoint: &str, prefix: &str, credentials: Credentials) {
        let access = self.folder.write(&format!("s3/{}.access", credentials.access), credentials.access);
        let secret = self.folder.write(&format!("s3/{}.secret", credentials.access), credentials.secret);
        self.settings["store"] = json!({
            "url": format!("s3://{BUCKET}/{prefix}"),
            "endpoint": endpoint,
            "region": "us-east-1",
            "accessKeyFile": access,
            "secretKeyFile": secret,
        });
    }

    /// The folder of everything: `keys`, `store`, `cache`, `state`.
    pub fn folder(&self) -> &Workdir {
        &self.folder
    }

    /// Writes the settings file and returns its path.
    pub fn write_settings(&self) -> PathBuf {
        self.folder.write("unsealer.yaml", serde_json::to_vec_pretty(&self.settings).expect("settings as JSON"))
    }

    /// `unsealer COMMAND… --config FILE`, not started yet.
    pub fn program(&self, arguments: &[&str]) -> Program {
        let settings = self.write_settings();
        Program::new("unsealer", bin::unsealer())
            .args(arguments)
            .arg("--config")
            .arg(settings)
            .current_dir(self.folder.path())
    }

    /// Runs `unsealer COMMAND… --config FILE` to its end.
    pub async fn command(&self, arguments: &[&str]) -> Output {
        run(self.program(arguments), LIMIT).await
    }

    /// Starts such a command, to be killed under way.
    pub fn launch(&self, arguments: &[&str]) -> Running {
        Running::start(self.program(arguments))
    }

    /// Initialises a Vault with 5 shares, 3 of them needed, and no root token kept.
    pub async fn init(&self, vault: &str) -> Output {
        let arguments = ["init", "--vault", vault, "--shares", "5", "--threshold", "3", "--discard-root-token"];
        self.command(&arguments).await
    }

    /// Starts `unsealer run` and waits until it serves.
    pub async fn daemon(&self) -> Daemon {
        Daemon::start(self.program(&["run"]), &self.folder, self.listen.number()).await
    }

    /// Starts `unsealer run` with more arguments or variables, as `change` says, and waits until it serves.
    pub async fn daemon_with(&self, change: impl FnOnce(Program) -> Program) -> Daemon {
        Daemon::start(change(self.program(&["run"])), &self.folder, self.listen.number()).await
    }
}
