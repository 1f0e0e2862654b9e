//! From what was written to what it means.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use sops_tools::custody::Recipient;
use url::Url;

use super::address::{is_loopback, plain_address, server_address};
use super::fault::Faults;
use super::reader::{Notes, Section};
use super::source::Source;
use super::{
    CustodianSettings, DEFAULT_LISTEN, DEFAULT_REGION, S3Settings, Settings, ShareSelection, StoreSettings, VaultName,
    VaultSettings,
};

const STORE_URL: &str = "s3://BUCKET/PREFIX or file:///FOLDER";
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
    let store_key_file = root.required_path("storeKeyFile", "the path of the file with the store key");
    let identities = root.paths("identities", "paths of identity files, or of folders with *.agekey");
    require_some(root, "identities", "a list of identity files, or of folders with *.agekey");
    let recipients = recipients(root);
    let custodians = custodians(root);
    let vaults = vaults(root);
    let listen = listen(root);
    let cache_dir = root.path("cacheDir", "a folder");
    let state_dir = root.path("stateDir", "a folder");
    root.finish();
    Some(Settings {
        store: store?,
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

fn store(section: &Section<'_>) -> Option<StoreSettings> {
    let text = section.required("url", STORE_URL);
    let url = text.as_deref().and_then(|text| {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "s3" | "file"));
        if url.is_none() {
            section.fault("url", "is not a store's address", STORE_URL);
        }
        url
    });
    let settings = match url {
        Some(url) if url.scheme() == "file" => directory(section, &url),
        Some(url) => s3(section, &url),
        // Without a usable address nothing is known of what belongs beside it, except that these are keys.
        None => {
            for key in S3_KEYS {
                section.value(key);
            }
            None
        }
    };
    section.finish();
    settings
}

const S3_KEYS: [&str; 5] = ["endpoint", "region", "accessKeyFile", "secretKeyFile", "caFile"];

fn directory(section: &Section<'_>, url: &Url) -> Option<StoreSettings> {
    for key in S3_KEYS {
        if section.value(key).is_some() {
            section.fault(key, "has no meaning for a folder", "this key with an s3:// address alone");
        }
    }
    let folder = url.to_file_path().ok().filter(|path| path.parent().is_some());
    if folder.is_none() || url.query().is_some() || url.fragment().is_some() {
        section.fault("url", "is not the path of a folder", "file:/// and an absolute path");
        return None;
    }
    folder.map(StoreSettings::Directory)
}

fn s3(section: &Section<'_>, url: &Url) -> Option<StoreSettings> {
    let bucket = bucket(section, url);
    let prefix = prefix(section, url);
    let endpoint = section.text("endpoint", "https://HOST").map(|text| {
        plain_address(&text)
            .map_err(|fault| section.fault("endpoint", fault.to_string(), "https://HOST or https://HOST:PORT"))
    });
    let region = section.text("region", "a region's name").unwrap_or_else(|| DEFAULT_REGION.to_owned());
    let access_key_file = section.required_path("accessKeyFile", "the path of the file with the access key id");
    let secret_key_file = section.required_path("secretKeyFile", "the path of the file with the secret key");
    let ca_file = section.path("caFile", "the path of a PEM file");
    Some(StoreSettings::S3(Box::new(S3Settings {
        bucket: bucket?,
        prefix: prefix?,
        endpoint: endpoint.transpose().ok()?,
        region,
        access_key_file: access_key_file?,
        secret_key_file: secret_key_file?,
        ca_file,
    })))
}

fn bucket(section: &Section<'_>, url: &Url) -> Option<String> {
    let extra = !url.username().is_empty()
        || url.password().is_some()
        || url.port().is_some()
        || url.query().is_some()
        || url.fragment().is_some();
    let letters = |name: &str| name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'));
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    let name = url.host_str().filter(|name| !extra && (3..=63).contains(&name.len()) && letters(name));
    if name.is_none() {
        section.fault("url", "has no bucket's name after s3://", STORE_URL);
    }
    name.map(str::to_owned)
}

fn prefix(section: &Section<'_>, url: &Url) -> Option<String> {
    let prefix = url.path().trim_matches('/');
    let plain = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    if prefix.is_empty() || prefix.split('/').all(plain) {
        return Some(prefix.to_owned());
    }
    section.fault("url", "has a prefix with other than letters, digits, - _ . and single slashes", STORE_URL);
    None
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
        if VaultName::parse(name).is_none() {
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
        if VaultName::parse(&name).is_none() {
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
        let name = VaultName::parse(&text);
        if name.is_none() {
            section.fault("name", "is not a usable name", NAME);
        }
        name
    });
    let nodes = addresses(section, "nodes");
    require_some(section, "nodes", &format!("a list of servers: {ADDRESS}"));
    let peers = addresses(section, "peers");
    let ca_file = section.path("caFile", "the path of a PEM file");
    let server_uid = section.number("serverUid", 0..=u32::MAX - 1);
    let token_file: Option<PathBuf> = section.path("tokenFile", "the path of a file with a token");
    if ca_file.is_none() && !section.has("caFile") && nodes.iter().chain(&peers).any(|url| url.scheme() == "https") {
        section.fault("caFile", "is missing", "the CA of the https servers: the system's are not asked");
    }
    if server_uid.is_some() && !nodes.iter().all(is_loopback) {
        section.fault("serverUid", "cannot be checked on another machine", "this key with loopback nodes alone");
    }
    section.finish();
    Some(VaultSettings { name: name?, nodes, peers, ca_file, server_uid, token_file })
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
