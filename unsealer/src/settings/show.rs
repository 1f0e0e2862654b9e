//! The settings in force as lines of text, each with its origin.

use std::fmt::Display;
use std::path::PathBuf;

use restore::objects::location::StoreLocation;
use sops_tools::secret_file::SecretFile;

use super::{CustodianSettings, Loaded, ShareSelection, VaultSettings};

/// One setting in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Path of its key.
    pub key: String,
    /// Its value; a path where it stands for a secret.
    pub value: String,
    /// The file's name, a variable, a flag or `default`.
    pub origin: String,
}

/// Every setting in force, in the order of the documentation; what is not set and has no default is left out.
pub fn shown(loaded: &Loaded) -> Vec<Shown> {
    let settings = &loaded.settings;
    let mut list = List { loaded, shown: Vec::new() };
    list.store("store", &settings.store);
    list.path("sopsIdentityFile", settings.sops_identity_file.as_ref());
    list.secret("storeKeyFile", Some(&settings.store_key_file));
    for (index, file) in settings.identities.iter().enumerate() {
        list.secret(&format!("identities[{index}]"), Some(file));
    }
    for (name, recipient) in &settings.recipients {
        list.add(&format!("recipients.{name}"), recipient.as_str());
    }
    for (name, custodian) in &settings.custodians {
        list.custodian(&format!("custodians.{name}"), custodian);
    }
    for (index, vault) in settings.vaults.iter().enumerate() {
        list.vault(&format!("vaults[{index}]"), vault);
    }
    list.add("listen", settings.listen);
    list.path("cacheDir", settings.cache_dir.as_ref());
    list.path("stateDir", settings.state_dir.as_ref());
    list.shown
}

struct List<'a> {
    loaded: &'a Loaded,
    shown: Vec<Shown>,
}

impl List<'_> {
    fn add(&mut self, key: &str, value: impl Display) {
        self.shown.push(Shown { key: key.to_owned(), value: value.to_string(), origin: self.loaded.origin(key) });
    }

    fn path(&mut self, key: &str, path: Option<&PathBuf>) {
        if let Some(path) = path {
            self.add(key, path.display());
        }
    }

    /// The place of a secret, never the secret.
    fn secret(&mut self, key: &str, file: Option<&SecretFile>) {
        if let Some(file) = file {
            self.add(key, file);
        }
    }

    fn store(&mut self, key: &str, store: &StoreLocation) {
        self.add(&format!("{key}.url"), store);
        let StoreLocation::S3(s3) = store else { return };
        if let Some(endpoint) = &s3.endpoint {
            self.add(&format!("{key}.endpoint"), endpoint);
        }
        self.add(&format!("{key}.region"), &s3.region);
        self.secret(&format!("{key}.accessKeyFile"), Some(&s3.access_key_file));
        self.secret(&format!("{key}.secretKeyFile"), Some(&s3.secret_key_file));
        self.path(&format!("{key}.caFile"), s3.ca_file.as_ref());
        self.add(&format!("{key}.checksums"), s3.checksums.word());
    }

    fn custodian(&mut self, key: &str, custodian: &CustodianSettings) {
        for (name, recipient) in &custodian.recipients {
            self.add(&format!("{key}.recipients.{name}"), recipient.as_str());
        }
        match &custodian.shares {
            ShareSelection::Count(count) => self.add(&format!("{key}.shares"), count),
            ShareSelection::Numbers(numbers) => self.add(&format!("{key}.shares"), format!("{numbers:?}")),
        }
        if let Some(store) = &custodian.store {
            self.store(&format!("{key}.store"), store);
        }
    }

    fn vault(&mut self, key: &str, vault: &VaultSettings) {
        self.add(&format!("{key}.name"), &vault.name);
        for (index, node) in vault.nodes.iter().enumerate() {
            self.add(&format!("{key}.nodes[{index}]"), node);
        }
        for (index, peer) in vault.peers.iter().enumerate() {
            self.add(&format!("{key}.peers[{index}]"), peer);
        }
        self.path(&format!("{key}.caFile"), vault.ca_file.as_ref());
        if let Some(name) = &vault.server_name {
            self.add(&format!("{key}.serverName"), name);
        }
        if let Some(uid) = vault.server_uid {
            self.add(&format!("{key}.serverUid"), uid);
        }
        self.secret(&format!("{key}.tokenFile"), vault.token_file.as_ref());
    }
}
