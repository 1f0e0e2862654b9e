//! Fixed names, keys and times for the store's own tests.

use std::path::Path;

use base64::Engine as _;
use jiff::Timestamp;
use sops_tools::custody::StoreKeys;

use super::names::{ObjectId, VaultName};

pub(crate) fn vault() -> VaultName {
    VaultName::new("vault").unwrap_or_else(|fault| unreachable!("{fault}"))
}

pub(crate) fn fixed_id(number: u64) -> ObjectId {
    ObjectId::new(&format!("{number:032x}")).unwrap_or_else(|fault| unreachable!("{fault}"))
}

pub(crate) fn time(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(crate) fn keys(seed: u8) -> StoreKeys {
    keys_of(&[seed])
}

pub(crate) fn keys_of(seeds: &[u8]) -> StoreKeys {
    use std::fmt::Write as _;
    let mut text = String::new();
    for seed in seeds {
        let encoded = base64::engine::general_purpose::STANDARD.encode([*seed; 32]);
        let _ = writeln!(text, "unsealer-store-key-1:{encoded}");
    }
    StoreKeys::parse(text.as_bytes(), Path::new("test")).unwrap_or_else(|fault| unreachable!("{fault}"))
}

/// A share of the right length with x coordinate `number`.
pub(crate) fn share(number: u8, seed: u8) -> sops_tools::secret::Share {
    let mut bytes = [seed; 33];
    bytes[0] = number;
    bytes[32] = number;
    sops_tools::secret::Share::copy_from(&bytes)
}

/// A manifest with one custodian; two shares are needed.
pub(crate) fn manifest(
    shares: u8,
    custodian: super::records::ManifestCustodian,
    second: i64,
) -> super::records::Manifest {
    super::records::Manifest {
        shares,
        threshold: 2,
        algorithm: super::records::ALGORITHM.to_owned(),
        custodians: vec![custodian],
        created: time(second),
        tool_version: "0".to_owned(),
    }
}

/// Objects as an honest history leaves them.
pub(crate) struct World {
    pub(crate) keys: StoreKeys,
    pub(crate) contents: super::contents::Contents,
    pub(crate) counter: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { keys: keys(1), contents: super::contents::Contents::default(), counter: 0 }
    }

    /// One generation that was proven, and a hold.
    pub(crate) fn proven_and_held() -> Self {
        let mut world = Self::new();
        world.generation(1, 1, 1);
        world.mark(1, super::names::MarkKind::Proven, 2);
        world.hold(3);
        world
    }

    pub(crate) fn id(&mut self) -> ObjectId {
        self.counter += 1;
        fixed_id(self.counter)
    }

    pub(crate) fn put(&mut self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.remove(path);
        self.contents.objects.push(super::contents::Object::whole(path, bytes));
    }

    pub(crate) fn remove(&mut self, path: &str) {
        self.contents.objects.retain(|object| object.path != path);
    }

    pub(crate) fn record(&mut self, name: &super::names::Name, record: super::records::Record, second: i64) {
        let id = self.id();
        let bytes = super::envelope::sign(&vault(), name, record, &id, time(second), &self.keys);
        self.put(&name.path(&vault()), bytes.unwrap_or_else(|fault| unreachable!("{fault}")));
    }

    /// A bundle and its manifest. The bundle's bytes are no age file: the view never looks inside.
    pub(crate) fn generation(&mut self, generation: u32, seal: u32, second: i64) {
        use super::names::{CustodianName, Name};
        use super::records::{ManifestCustodian, Record};
        use super::view::{Generation, Seal};
        let (generation, seal) = (Generation(generation), Seal(seal));
        let bytes = format!("sealed {generation} {seal} {second}").into_bytes();
        let entry = ManifestCustodian {
            name: "all".to_owned(),
            recipients: Vec::new(),
            share_numbers: vec![1, 2, 3],
            digest: super::bundle::digest(&bytes),
            size: bytes.len() as u64,
            own_store: false,
        };
        let manifest = manifest(3, entry, second);
        self.put(&Name::Bundle { generation, custodian: CustodianName::all(), seal }.path(&vault()), bytes);
        self.record(&Name::Manifest { generation, seal }, Record::Manifest(manifest), second);
    }

    pub(crate) fn mark(&mut self, generation: u32, kind: super::names::MarkKind, second: i64) {
        use super::records::{MarkRecord, Record};
        let id = self.id();
        let name = super::names::Name::Mark { generation: super::view::Generation(generation), kind, id };
        let cluster_id = Some(format!("cluster of {generation}"));
        let text = || "test".to_owned();
        let mark = MarkRecord { how: text(), command: text(), host: text(), cluster_id };
        self.record(&name, Record::mark(kind, mark), second);
    }

    pub(crate) fn hold(&mut self, second: i64) -> ObjectId {
        use super::records::{HoldRecord, Record};
        let id = self.id();
        let record = Record::Hold(HoldRecord { reason: "incident".to_owned(), host: "h".to_owned() });
        self.record(&super::names::Name::Hold { id: id.clone() }, record, second);
        id
    }

    pub(crate) fn release(&mut self, hold: &ObjectId, second: i64) {
        use super::records::{Record, ReleaseRecord};
        let id = self.id();
        let releases = vec![hold.to_string()];
        let record = ReleaseRecord { releases, reason: "over".to_owned(), host: "h".to_owned() };
        self.record(&super::names::Name::Hold { id }, Record::Release(record), second);
    }

    pub(crate) fn intent(&mut self, number: u32, second: i64) {
        use super::records::{IntentRecord, Purpose, Record};
        let text = || "x".to_owned();
        let record = IntentRecord { purpose: Purpose::Init, host: text(), local_copy: text() };
        self.record(&super::names::Name::Intent { number }, Record::Intent(record), second);
    }

    pub(crate) fn close(&mut self, number: u32, second: i64) {
        use super::records::{IntentCloseRecord, Record};
        let id = self.id();
        let record = IntentCloseRecord { outcome: "done".to_owned(), host: "h".to_owned() };
        self.record(&super::names::Name::IntentClosed { number, id }, Record::IntentClose(record), second);
    }

    pub(crate) fn view(&self, cache: &super::contents::Contents) -> super::view::StoreView {
        super::view::derive(&vault(), &self.contents, &self.keys, cache)
    }
}
