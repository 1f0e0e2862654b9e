//! From what was written to what it means.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use restore::objects::location::{Checksums, LocationSettings, StoreLocation};
use sops_tools::custody::Recipient;
use sops_tools::sops::kubernetes::Reference;
use url::Url;

use super::address::{is_loopback, server_address};
use super::fault::Faults;
use super::reader::{Notes, SOPS_IDENTITY, Section};
use super::source::Source;
use super::{CustodianSettings, DEFAULT_LISTEN, Settings, ShareSelection, VaultSettings};
use crate::store::names::VaultName;
use crate::vault::target::is_server_name;

const STORE_URL: &str = "s3://BUCKET/PREFIX or file:///FOLDER";
const ENDPOINT: &str = "https://HOST or https://HOST:PORT";
const REGION: &str = "a region's name; with an endpoint it may be left out";
const KEY_FILE: &str = "with s3:// the path of the file with this half of the key pair, with file:// none";
const CA_FILE: &str = "the path of a PEM file, where the endpoint is https";
const ADDRESS: &str = "https://HOST:PORT, or http:// on loopback";
const RECIPIENT: &str = "an age public key (age1…)";
const NAME: &str = "1 to 63 of a-z, 0-9 and -";

/// Validates the whole tree; every part is looked at, whatever was wrong before it.
pub(super) fn settings(source: &Source) -> Result<Settings, Faults> {
    let notes = Notes::new(source);
    let settings = whole(&Section::root(&notes));
    let faults = notes.into_faults();
    match settings {
        Some(settings) if faults.is_empty() => Ok(settings),
        _ => Err(Faults(faults)),
    }
}

fn whole(root: &Section<'_>) -> Option<Settings> {
    if !root.has("store") {
        root.fault("store.url", "is missing", STORE_URL);
    }
    let store = root.section("store").and_then(|section| store(&section));
    let sops_identity_file = sops_identity_file(root);
    let store_key_file = root.required_secret("storeKeyFile", "the path of the file with the store key");
    let identities = root.secrets("identities", "paths of identity files, or of folders with *.agekey");
    require_some(root, "identities", "a list of identity files, or of folders with *.agekey");
    let recipients = recipients(root);
    let custodians = custodians(root);
    let same = |one: &Option<StoreLocation>| matches!((one, &store), (Some(one), Some(store)) if one.same_place(store));
    one_store_each(root, &custodians, same);
    let vaults = vaults(root);
    let listen = listen(root);
    let cache_dir = root.path("cacheDir", "a folder");
    let state_dir = root.path("stateDir", "a folder");
    root.finish();
    Some(Settings {
        store: store?,
        sops_identity_file,
        store_key_file: store_key_file?,
        identities,
        recipients,
        custodians,
        vaults,
        listen: listen?,
        cache_dir,
        state_dir,
    })
}

/// It opens the others, so it cannot lie in a SOPS file itself.
fn sops_identity_file(root: &Section<'_>) -> Option<PathBuf> {
    let expected = "the path of an identity file, or of a folder with *.agekey";
    let path = root.path(SOPS_IDENTITY, expected)?;
    if Reference::is_one(&path.to_string_lossy()) {
        root.fault(SOPS_IDENTITY, "points into a SOPS file, and it is what opens them", expected);
    }
    Some(path)
}

fn listen(root: &Section<'_>) -> Option<SocketAddr> {
    let expected = "ADDRESS:PORT, as 127.0.0.1:9797 or [::]:9797";
    let text = root.text("listen", expected);
    if text.is_none() && root.has("listen") {
        return None;
    }
    let address = text.as_deref().unwrap_or(DEFAULT_LISTEN).parse().ok();
    if address.is_none() {
        root.fault("listen", "is not an address with a port", expected);
    }
    address
}

fn store(section: &Section<'_>) -> Option<StoreLocation> {
    let url = section.required("url", STORE_URL);
    let written = LocationSettings {
        url: url.clone().unwrap_or_default(),
        endpoint: section.text("endpoint", ENDPOINT),
        region: section.text("region", REGION),
        access_key_file: key_file(section, "accessKeyFile"),
        secret_key_file: key_file(section, "secretKeyFile"),
        ca_file: section.path("caFile", CA_FILE),
        checksums: checksums(section),
        sops_identities: section.sops_identities().to_vec(),
    };
    section.finish();
    // Without a url nothing is known of what belongs beside it.
    url?;
    let faults = match written.check() {
        Ok(location) => return Some(location),
        Err(faults) => faults,
    };
    let unread = [
        ("endpoint", written.endpoint.is_none()),
        ("region", written.region.is_none()),
        ("accessKeyFile", written.access_key_file.is_none()),
        ("secretKeyFile", written.secret_key_file.is_none()),
    ];
    for fault in faults {
        // What is no text was noted when it was read.
        if !unread.iter().any(|(key, unread)| *key == fault.key && *unread && section.has(key)) {
            section.fault(fault.key, fault.problem, expected_of(fault.key));
        }
    }
    None
}

fn key_file(section: &Section<'_>, key: &'static str) -> Option<PathBuf> {
    section.secret(key, KEY_FILE).map(|file| file.name().to_owned())
}

fn checksums(section: &Section<'_>) -> Checksums {
    let expected = "`always`, or `when-required` for an old server that refuses checksums";
    let Some(text) = section.text("checksums", expected) else { return Checksums::default() };
    let found = Checksums::ALL.into_iter().find(|one| one.word() == text);
    if found.is_none() {
        section.fault("checksums", "is not such a word", expected);
    }
    found.unwrap_or_default()
}

fn expected_of(key: &str) -> &'static str {
    match key {
        "url" => STORE_URL,
        "endpoint" => ENDPOINT,
        "region" => REGION,
        "caFile" => CA_FILE,
        _ => KEY_FILE,
    }
}

/// Reads `recipients` of the root or of a custodian.
fn recipients(section: &Section<'_>) -> BTreeMap<String, Recipient> {
    let texts = section.text_map("recipients", RECIPIENT);
    let distinct: BTreeSet<&String> = texts.values().collect();
    if distinct.len() < texts.len() {
        section.fault("recipients", "names one key twice", "different keys under different names");
    }
    let mut recipients = BTreeMap::new();
    for (name, text) in &texts {
        let path = format!("recipients.{name}");
        if VaultName::new(name).is_err() {
            section.fault(&path, "has an unusable name", NAME);
        }
        match text.parse::<Recipient>() {
            Ok(recipient) => {
                recipients.insert(name.clone(), recipient);
            }
            Err(error) => section.fault(&path, error.to_string(), RECIPIENT),
        }
    }
    recipients
}

fn custodians(root: &Section<'_>) -> BTreeMap<String, CustodianSettings> {
    let each = root.named_sections("custodians").into_iter();
    each.filter_map(|(name, section)| {
        if VaultName::new(&name).is_err() {
            root.fault(&format!("custodians.{name}"), "has an unusable name", NAME);
        }
        let recipients = recipients(&section);
        if recipients.is_empty() && !section.has("recipients") {
            section.fault("recipients", "is missing", format!("a map from names to {RECIPIENT}"));
        }
        let shares = share_selection(&section);
        let store = section.section("store").map(|section| store(&section));
        section.finish();
        let store = match store {
            Some(None) => return None,
            Some(store) => store,
            None => None,
        };
        Some((name, CustodianSettings { recipients, shares: shares?, store }))
    })
    .collect()
}

/// A store of one's own is nobody else's: a bundle beside the others' would be no custody of its own.
fn one_store_each(
    root: &Section<'_>,
    custodians: &BTreeMap<String, CustodianSettings>,
    is_common: impl Fn(&Option<StoreLocation>) -> bool,
) {
    for (name, custodian) in custodians {
        let Some(own) = &custodian.store else { continue };
        let earlier = custodians.range::<String, _>(..name.clone()).filter_map(|(_, other)| other.store.as_ref());
        if is_common(&custodian.store) || earlier.into_iter().any(|other| other.same_place(own)) {
            let key = format!("{}.url", super::own_store_key(name));
            root.fault(&key, "is also the store of another", "a place that no other store of the settings has");
        }
    }
}

fn share_selection(section: &Section<'_>) -> Option<ShareSelection> {
    let expected = "a count, or a list of share numbers from 1 to 255";
    let byte = |value: &serde_json::Value| value.as_u64().and_then(|n| u8::try_from(n).ok()).filter(|n| *n > 0);
    let Some(value) = section.value("shares") else {
        section.fault("shares", "is missing", expected);
        return None;
    };
    let selection = match value.as_array() {
        None => byte(value).map(ShareSelection::Count),
        Some(list) => {
            let numbers: Option<Vec<u8>> = list.iter().map(byte).collect();
            numbers
                .filter(|numbers| !numbers.is_empty() && numbers.iter().collect::<BTreeSet<_>>().len() == numbers.len())
                .map(ShareSelection::Numbers)
        }
    };
    if selection.is_none() {
        section.fault("shares", "is neither a count nor a list of different numbers", expected);
    }
    selection
}

fn vaults(root: &Section<'_>) -> Vec<VaultSettings> {
    let sections = root.sections("vaults");
    require_some(root, "vaults", "a list with at least one {name, nodes}");
    let mut names = BTreeSet::new();
    let mut vaults = Vec::new();
    for section in &sections {
        let vault = vault(section);
        if let Some(vault) = vault {
            if !names.insert(vault.name.clone()) {
                section.fault("name", "is used twice", "a name of its own for each Vault");
            }
            vaults.push(vault);
        }
    }
    vaults
}

fn vault(section: &Section<'_>) -> Option<VaultSettings> {
    let name = section.required("name", NAME).and_then(|text| {
        let name = VaultName::new(&text).ok();
        if name.is_none() {
            section.fault("name", "is not a usable name", NAME);
        }
        name
    });
    let nodes = addresses(section, "nodes");
    require_some(section, "nodes", &format!("a list of servers: {ADDRESS}"));
    let peers = addresses(section, "peers");
    let ca_file = section.path("caFile", "the path of a PEM file");
    let server_name = server_name(section, nodes.iter().chain(&peers));
    let server_uid = section.number("serverUid", 0..=u32::MAX - 1);
    let token_file = section.secret("tokenFile", "the path of a file with a token");
    if ca_file.is_none() && !section.has("caFile") && nodes.iter().chain(&peers).any(|url| url.scheme() == "https") {
        section.fault("caFile", "is missing", "the CA of the https servers: the system's are not asked");
    }
    if server_uid.is_some() && !nodes.iter().all(is_loopback) {
        section.fault("serverUid", "cannot be checked on another machine", "this key with loopback nodes alone");
    }
    section.finish();
    Some(VaultSettings { name: name?, nodes, peers, ca_file, server_name, server_uid, token_file })
}

fn server_name<'u>(section: &Section<'_>, mut addresses: impl Iterator<Item = &'u Url>) -> Option<String> {
    let expected = "a host name that the server's certificate carries";
    let name = section.text("serverName", expected)?;
    if !is_server_name(&name) {
        section.fault("serverName", "is no host name", expected);
    }
    if !addresses.any(|url| url.scheme() == "https") {
        section.fault("serverName", "has no meaning without https", "this key with https nodes or peers alone");
    }
    Some(name)
}

/// Notes a list that is absent or empty; what else may be wrong with it is noted by who reads it.
fn require_some(section: &Section<'_>, key: &'static str, expected: &str) {
    match section.value(key) {
        None => section.fault(key, "is missing", expected),
        Some(serde_json::Value::Array(list)) if list.is_empty() => section.fault(key, "is an empty list", expected),
        Some(_) => {}
    }
}

fn addresses(section: &Section<'_>, key: &'static str) -> Vec<Url> {
    let mut seen = BTreeSet::new();
    let mut addresses = Vec::new();
    for (path, text) in section.texts(key, ADDRESS) {
        let index = path.rfind('[').map_or("", |start| &path[start..]);
        match server_address(text) {
            Ok(url) if seen.insert(url.clone()) => addresses.push(url),
            Ok(_) => section.fault(&format!("{key}{index}"), "is named twice", "each server once"),
            Err(fault) => section.fault(&format!("{key}{index}"), fault.to_string(), ADDRESS),
        }
    }
    addresses
}
