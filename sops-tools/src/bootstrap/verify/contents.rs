//! What a verified file says: the names, the keys and the form of their contents.

use std::path::Path;

use super::{Finding, Level};
use crate::bootstrap::catalogue::{AGEKEY, BootstrapSecret, KeyName};
use crate::bootstrap::manifest::{Field, Head, ManifestFault, SUBSTITUTE, SecretManifest, shown as shown_key};
use crate::custody::Identities;
use crate::sops::file::OpenFile;

/// A password that can be guessed is told.
const SHORT_PASSWORD: usize = 16;

/// Everything that is wrong with the bootstrap secrets of a verified file.
pub(super) fn findings(shown: &str, path: &Path, open: &OpenFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let named = BootstrapSecret::of_file(path);
    let heads: Vec<Head> = open.tree().documents.iter().map(Head::of).collect();
    if let Some(secret) = named.filter(|secret| !heads.iter().any(|head| head.secret() == Some(*secret))) {
        findings.push(wrong_name(shown, secret, &heads));
    }
    for (index, (document, head)) in open.tree().documents.iter().zip(&heads).enumerate() {
        let Some(secret) = head.secret() else { continue };
        match SecretManifest::read(document, index + 1) {
            Err(faults) => findings.extend(faults.iter().map(|fault| manifest_finding(shown, fault))),
            Ok(manifest) => findings.extend(of_manifest(shown, secret, &manifest)),
        }
    }
    findings
}

fn wrong_name(shown: &str, secret: BootstrapSecret, heads: &[Head]) -> Finding {
    let says: Vec<String> = heads
        .iter()
        .map(|head| {
            let part = |text: &Option<String>| text.as_deref().map_or_else(|| "?".to_owned(), shown_key);
            format!("{} {}/{}", part(&head.kind), part(&head.namespace), part(&head.name))
        })
        .collect();
    let seen = format!("by its name it is the Secret {secret}, and it says that it is {}", says.join(", "));
    let next = "somebody moved or renamed it: look at git log -p; never apply it as it is";
    Finding::new(shown, Level::Integrity, "wrong-name", seen, next)
}

fn manifest_finding(shown: &str, fault: &ManifestFault) -> Finding {
    let (level, class) = match fault {
        ManifestFault::Empty(_) | ManifestFault::NoValues => (Level::Integrity, "empty-value"),
        ManifestFault::Twice(_) => (Level::Drift, "twice"),
        _ => (Level::Integrity, "not-a-secret"),
    };
    let next = "put it right with sops-tools edit, or take the last good version: git log -p";
    Finding::new(shown, level, class, fault.to_string(), next)
}

fn of_manifest(shown: &str, secret: BootstrapSecret, manifest: &SecretManifest) -> Vec<Finding> {
    let mut findings = Vec::new();
    for shape in secret.keys().iter().filter(|shape| shape.is_needed) {
        if !manifest.entries.iter().any(|entry| shape.name.fits(&entry.key)) {
            findings.push(missing_key(shown, secret, manifest, shape.name));
        }
    }
    for entry in &manifest.entries {
        let key = shown_key(&entry.key);
        match secret.key(&entry.key) {
            None => findings.push(unknown_key(shown, secret, &key)),
            Some(shape) => {
                for fault in shape.content.faults(entry.value.expose()) {
                    let next = "put it right with sops-tools edit";
                    findings.push(Finding::new(shown, Level::Integrity, "content", format!("{key}: {fault}"), next));
                }
            }
        }
        if entry.field == Field::StringData && !manifest.head.disables(SUBSTITUTE) && has_variable(entry.value.expose())
        {
            let seen = format!("{key} holds ${{…}}, which Flux' postBuild replaces in stringData");
            let next = format!("add the annotation {SUBSTITUTE}: disabled with sops-tools edit");
            findings.push(Finding::new(shown, Level::Drift, "substitution", seen, next));
        }
    }
    if secret == BootstrapSecret::BackupRepo {
        findings.extend(passwords(shown, manifest));
    }
    if manifest.value("endpoint").is_some_and(|endpoint| is_inside_a_cluster(endpoint.expose())) {
        let seen =
            "the S3 endpoint is a Service of the cluster: it would come up after the volumes that it has to bring back";
        let next = "keep backups in a store outside of the cluster";
        findings.push(Finding::new(shown, Level::Drift, "endpoint-inside", seen, next));
    }
    findings
}

/// Whether the host of an address is a name that only a cluster's own name server knows.
fn is_inside_a_cluster(endpoint: &[u8]) -> bool {
    let text = String::from_utf8_lossy(endpoint).to_ascii_lowercase();
    let host = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or_default();
    host.split('.').skip(1).any(|part| part == "svc")
}

fn missing_key(shown: &str, secret: BootstrapSecret, manifest: &SecretManifest, name: KeyName) -> Finding {
    let others: Vec<String> = manifest.entries.iter().map(|entry| shown_key(&entry.key)).collect();
    let next = if matches!(name, KeyName::EndingWith(..)) {
        "rename the key so that it ends with .agekey (sops-tools edit): Flux ignores every other name without a word"
    } else {
        "add it with sops-tools edit"
    };
    let seen = format!("{secret} has no key {name}, but {}", others.join(", "));
    Finding::new(shown, Level::Absent, "missing-key", seen, next)
}

fn unknown_key(shown: &str, secret: BootstrapSecret, key: &str) -> Finding {
    if secret == BootstrapSecret::SopsAge {
        let seen = format!("{key} does not end with {AGEKEY}: Flux ignores it without a word");
        return Finding::new(shown, Level::Drift, "ignored-key", seen, "rename or remove it with sops-tools edit");
    }
    Finding::new(
        shown,
        Level::Note,
        "unknown-key",
        format!("nobody reads the key {key}"),
        "remove it if you do not know it",
    )
}

fn has_variable(value: &[u8]) -> bool {
    value.windows(2).any(|two| two == b"${")
}

fn passwords(shown: &str, manifest: &SecretManifest) -> Vec<Finding> {
    let mut findings = Vec::new();
    let both = manifest.value("RESTIC_PASSWORD").zip(manifest.value("password"));
    if both.is_some_and(|(one, other)| !one.same_as(other)) {
        let seen = "RESTIC_PASSWORD and password are there and differ";
        let next = "find out which one opens the repository, and remove the other with sops-tools edit";
        findings.push(Finding::new(shown, Level::Drift, "two-passwords", seen, next));
    }
    let found = manifest.value("RESTIC_PASSWORD").or_else(|| manifest.value("password"));
    if found.is_some_and(|password| password.len() < SHORT_PASSWORD) {
        let seen = format!("the password has fewer than {SHORT_PASSWORD} characters");
        let next =
            "add a longer one to the repository (restic key add), put it here, then remove the old (restic key remove)";
        findings.push(Finding::new(shown, Level::Note, "short-password", seen, next));
    }
    findings
}

/// The identities of a manifest that can be read.
pub(crate) fn identities(manifest: &SecretManifest) -> Option<Identities> {
    let all = manifest.ending_with(AGEKEY);
    Identities::merged(all.filter_map(|entry| Identities::parse_readable(entry.value.expose(), Path::new("")).0))
}
