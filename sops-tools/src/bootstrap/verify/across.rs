//! What the files are to each other: what is missing, what is there twice, whose identity opens what.

use super::contents::identities;
use super::file::Looked;
use super::{Finding, Level, Order};
use crate::bootstrap::catalogue::BootstrapSecret;
use crate::bootstrap::look::opens;
use crate::bootstrap::manifest::SecretManifest;
use crate::custody::Identities;

pub(super) fn findings(order: &Order<'_>, inside: Option<&Identities>, looked: &[Looked]) -> Vec<Finding> {
    let mut findings = presence(order, looked);
    findings.extend(cluster(order, inside, looked));
    findings.extend(unseal(inside, looked));
    findings.extend(s3_keys(looked));
    findings
}

fn manifests(looked: &[Looked], secret: BootstrapSecret) -> Vec<(&str, &SecretManifest)> {
    let all = looked
        .iter()
        .flat_map(|file| file.secrets.iter().map(move |(of, manifest)| (of, file.shown.as_str(), manifest)));
    all.filter(|(of, _, _)| **of == secret).map(|(_, shown, manifest)| (shown, manifest)).collect()
}

/// Which secrets are there, by what files say or are called: one that is damaged is not missing as well.
fn presence(order: &Order<'_>, looked: &[Looked]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for secret in BootstrapSecret::ALL {
        let verified = manifests(looked, secret);
        let named =
            looked.iter().any(|file| BootstrapSecret::of_file(std::path::Path::new(&file.shown)) == Some(secret));
        if verified.is_empty() && !named && order.wanted.contains(&secret) {
            let seen = format!("no file holds it: {}", secret.purpose());
            let next = format!(
                "name the folder that has it; if it was there once, take it from Git (git log --all -- '*{}'); for a new cluster sops-tools bootstrap secrets DIR makes it",
                secret.file()
            );
            findings.push(Finding::new(secret.to_string(), Level::Absent, "missing", seen, next));
        }
        if verified.len() > 1 {
            let places: Vec<&str> = verified.iter().map(|(shown, _)| *shown).collect();
            let seen = format!("several files hold it: {}", places.join(", "));
            let next = "keep the right one: which of them counts depends on the order in which they are applied";
            findings.push(Finding::new(secret.to_string(), Level::Drift, "several", seen, next));
        }
    }
    findings
}

fn cluster(order: &Order<'_>, inside: Option<&Identities>, looked: &[Looked]) -> Vec<Finding> {
    let place = BootstrapSecret::SopsAge.to_string();
    let mut findings = Vec::new();
    if let (Some(inside), Some(given)) = (inside, &order.cluster) {
        let has = inside.to_recipients();
        if given.to_recipients().iter().any(|recipient| !has.contains(recipient)) {
            let seen = "the cluster's identity that you gave is not the one in sops-age: the cluster would get another";
            let next = "after bootstrap rotate the folder of keys is old: put the new identity there; else find out which of them the cluster has before you apply anything";
            findings.push(Finding::new(place.clone(), Level::Drift, "other-identity", seen, next));
        }
    }
    let Some(inside) = inside else { return findings };
    if inside.len() > 1 {
        let seen = format!("it holds {} identities: a change of the cluster's identity is under way", inside.len());
        let next = "sops-tools bootstrap rotate says how far it came and what comes next";
        findings.push(Finding::new(place, Level::Note, "rotation", seen, next));
    }
    let of_cluster = inside.to_recipients();
    for file in looked {
        let keys = file.sealed.iter().flat_map(|sealed| sealed.metadata().key_ids()).flatten();
        let mut keys = keys.peekable();
        if keys.peek().is_some() && keys.all(|key| of_cluster.iter().any(|recipient| recipient.as_str() == key.name)) {
            let seen = "only the cluster's own identity opens it: with the cluster it is lost";
            let next = "put the operator's recipient into .sops.yaml and run sops-tools updatekeys FILE";
            findings.push(Finding::new(file.shown.clone(), Level::Drift, "cluster-alone", seen, next));
        }
    }
    findings
}

/// The daemon's identity lies in Vault's namespace: it must open nothing in Git.
fn unseal(inside: Option<&Identities>, looked: &[Looked]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (shown, manifest) in manifests(looked, BootstrapSecret::VaultUnsealAge) {
        let Some(daemon) = identities(manifest) else { continue };
        let opened: Vec<&str> = looked
            .iter()
            .filter(|file| file.sealed.as_ref().is_some_and(|sealed| opens(sealed, &daemon)))
            .map(|file| file.shown.as_str())
            .collect();
        if !opened.is_empty() {
            let seen = format!("the unseal daemon's identity opens SOPS files: {}", opened.join(", "));
            let next =
                "give the daemon an identity of its own: whoever gets into Vault's namespace could read all of Git";
            findings.push(Finding::new(shown, Level::Drift, "unseal-opens-git", seen, next));
        } else if inside.is_some_and(|inside| shares(inside, &daemon)) {
            let seen = "the unseal daemon has the cluster's identity";
            let next = "give the daemon an identity of its own, so that each can be changed alone";
            findings.push(Finding::new(shown, Level::Drift, "unseal-opens-git", seen, next));
        }
    }
    findings
}

fn shares(one: &Identities, other: &Identities) -> bool {
    let of_one = one.to_recipients();
    other.to_recipients().iter().any(|recipient| of_one.contains(recipient))
}

/// One S3 key for several purposes may do too much in at least one of them.
fn s3_keys(looked: &[Looked]) -> Vec<Finding> {
    use BootstrapSecret::{BackupS3, VaultUnsealS3, VaultUnsealS3Write};
    let pairs = [
        (VaultUnsealS3, VaultUnsealS3Write, Level::Drift, "the daemon could write into the store"),
        (VaultUnsealS3, BackupS3, Level::Note, "whoever gets the daemon's key has the backups too"),
    ];
    let mut findings = Vec::new();
    for (secret, other, level, why) in pairs {
        for (shown, manifest) in manifests(looked, secret) {
            let key = manifest.value("AWS_ACCESS_KEY_ID");
            let same = manifests(looked, other).iter().any(|(_, other)| {
                key.zip(other.value("AWS_ACCESS_KEY_ID")).is_some_and(|(one, other)| one.same_as(other))
            });
            if same {
                let seen = format!("it is the S3 key of {other} as well: {why}");
                findings.push(Finding::new(
                    shown,
                    level,
                    "same-s3-key",
                    seen,
                    "make a key of its own with fewer rights",
                ));
            }
        }
    }
    findings
}
