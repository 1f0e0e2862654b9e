//! What a test writes into a site's directory store past the commands.
#![expect(clippy::expect_used, reason = "a scenario that cannot be set up has failed")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::api::Keys;
use harness::site::Site;
use restore::objects::directory::DirectoryStore;
use sops_tools::clock::{Clock as _, System};
use sops_tools::custody::{Identities, Recipient, StoreKeys};
use sops_tools::secret::Share;
use unsealer::store::custodians::Custody;
use unsealer::store::names::{MarkKind, VaultName};
use unsealer::store::publish::{Staging, Writer};
use unsealer::store::records::{IntentRecord, MarkRecord, Purpose, ReleaseRecord};
use unsealer::store::view::{Generation, Seal};

/// The store of one Vault of a site.
pub(crate) struct Stock {
    objects: DirectoryStore,
    keys: StoreKeys,
    identities: Identities,
    recipients: Vec<Recipient>,
    vault: VaultName,
}

fn words() -> String {
    "test".to_owned()
}

impl Stock {
    /// For the Vault of this name.
    pub(crate) fn of(site: &Site, vault: &str) -> Self {
        let keys = site.folder().join("keys/unseal");
        let recipients = site.settings["recipients"].as_object().expect("recipients");
        let text = |value: &serde_json::Value| value.as_str().expect("text").parse().expect("a recipient");
        Self {
            objects: DirectoryStore::open_or_make(site.folder().join("store")).expect("a store"),
            keys: StoreKeys::load(&keys.join("store.key").into()).expect("a store key"),
            identities: Identities::load(&[keys]).expect("an identity"),
            recipients: recipients.values().map(text).collect(),
            vault: VaultName::new(vault).expect("a name"),
        }
    }

    fn writer(&self) -> Writer<'_> {
        Writer::new(&self.objects, &self.vault, &self.keys, &System, &System)
    }

    /// Stages five shares, three of them needed, as a generation that is neither proven nor abandoned.
    pub(crate) async fn stage(&self, generation: u32, shares: &[Share]) {
        let staging = Staging {
            generation: Generation(generation),
            seal: Seal(1),
            shares,
            total: 5,
            threshold: 3,
            custody: &Custody::single(self.recipients.clone()),
            created: System.now(),
        };
        self.writer().stage(&staging, &self.identities).await.expect("stored shares");
    }

    /// Marks a generation.
    pub(crate) async fn mark(&self, generation: u32, kind: MarkKind) {
        let record = MarkRecord { how: words(), command: words(), host: words(), cluster_id: None };
        self.writer().mark(Generation(generation), kind, record).await.expect("a mark");
    }

    /// Opens intent 1 of an init.
    pub(crate) async fn intent(&self) {
        let record =
            IntentRecord { purpose: Purpose::Init, host: "ops".to_owned(), local_copy: "/state/main.age".to_owned() };
        self.writer().open_intent(1, record).await.expect("an intent");
    }

    /// Writes a release of these holds.
    pub(crate) async fn release(&self, releases: &[String]) {
        let record = ReleaseRecord { releases: releases.to_vec(), reason: words(), host: words() };
        self.writer().release(record).await.expect("a release");
    }
}

/// The shares that a server gave at its init.
pub(crate) fn shares(keys: &Keys) -> Vec<Share> {
    keys.shares.iter().map(|text| Share::copy_from(&STANDARD.decode(text).expect("base64"))).collect()
}

/// Shares of no server: of the right form, and of one split of nothing.
pub(crate) fn wrong_shares() -> Vec<Share> {
    (1..=5).map(|number| Share::copy_from(&[vec![7; 32], vec![number]].concat())).collect()
}
