//! Decrypted manifests, for `kubectl apply`.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::catalogue::BootstrapSecret;
use super::look::{Seen, find};
use super::manifest::{Head, SecretManifest};
use crate::report::{ExitStatus, Failure};
use crate::sops::data_key::Keyring;
use crate::sops::file::{FileError, OpenFile};
use crate::sops::formats::Format;
use crate::sops::tree::Text;

/// What to give out.
pub struct Order<'a> {
    /// Folders and files to look in.
    pub places: Vec<PathBuf>,
    /// Which secrets.
    pub secrets: Vec<BootstrapSecret>,
    /// Whether those that are not needed may be missing; those that were named may not.
    pub are_named: bool,
    /// Who can open them.
    pub keyring: &'a dyn Keyring,
}

/// YAML documents, one for each secret in the order of [`BootstrapSecret::ALL`]. Nothing is given out unless every one of them was
/// opened and verified and is what its name says.
///
/// # Errors
/// Class `bootstrap-missing` where a secret is in no file, `bootstrap-twice`, `bootstrap-closed`, `bootstrap-damaged`.
pub fn show(order: &Order<'_>) -> Result<Text, Failure> {
    let files = find(&order.places)?;
    let mut text = Zeroizing::new(Vec::new());
    let mut faults: Vec<Failure> = Vec::new();
    for secret in BootstrapSecret::ALL.into_iter().filter(|secret| order.secrets.contains(secret)) {
        match one(secret, &files, order) {
            Ok(Some(document)) => append(&mut text, &document),
            Ok(None) => {}
            Err(fault) => faults.push(fault),
        }
    }
    // All faults in one report; the worst one gives the status.
    faults.sort_by_key(|fault| std::cmp::Reverse(fault.status.code()));
    let mut faults = faults.into_iter();
    let Some(worst) = faults.next() else { return Ok(text) };
    Err(faults.fold(worst, |failure, other| failure.cause(other.problem)))
}

/// Grows by hand: a buffer that grows by itself leaves copies of secrets behind.
fn append(text: &mut Text, document: &[u8]) {
    let mut larger = Zeroizing::new(Vec::with_capacity(text.len() + document.len() + 8));
    larger.extend_from_slice(text);
    if !document.starts_with(b"---") {
        larger.extend_from_slice(b"---\n");
    }
    larger.extend_from_slice(document);
    if !document.ends_with(b"\n") {
        larger.push(b'\n');
    }
    *text = larger;
}

fn one(secret: BootstrapSecret, files: &[Seen], order: &Order<'_>) -> Result<Option<Text>, Failure> {
    let mut found = files.iter().filter(|seen| seen.claims(secret));
    let seen = match (found.next(), found.next()) {
        (Some(seen), None) => seen,
        (Some(one), Some(other)) => {
            let problem = format!("{secret}: {} and {} both hold it", one.shown(), other.shown());
            return Err(Failure::new(ExitStatus::Refused, "bootstrap-twice", problem)
                .hint("keep the right one, or name the file: --from FILE"));
        }
        (None, _) if !secret.is_needed() && !order.are_named => return Ok(None),
        (None, _) => {
            return Err(Failure::new(ExitStatus::Absent, "bootstrap-missing", format!("{secret}: no file holds it"))
                .hint("name the folder that has it with --from DIR, or make it: sops-tools bootstrap secrets DIR"));
        }
    };
    let open = seen.open(order.keyring).map_err(|error| unopened(secret, seen, &error))?;
    check(secret, seen, &open)?;
    // The file may be JSON; kubectl takes both, but not in one stream.
    let text = if open.format() == Format::Yaml { open.to_plain() } else { open.to_plain_as(Format::Yaml) };
    text.map(Some).map_err(|error| damaged(secret, seen, error.to_string()))
}

/// The file is one document, that Secret, with all its keys and nothing empty.
fn check(secret: BootstrapSecret, seen: &Seen, open: &OpenFile) -> Result<(), Failure> {
    let documents = &open.tree().documents;
    let [document] = documents.as_slice() else {
        return Err(damaged(
            secret,
            seen,
            format!("it has {} documents; apply such a file through Flux, or split it", documents.len()),
        ));
    };
    let head = Head::of(document);
    if head.secret() != Some(secret) {
        return Err(damaged(
            secret,
            seen,
            "it says that it is another object: somebody moved or renamed it".to_owned(),
        ));
    }
    let manifest = SecretManifest::read(document, 1).map_err(|faults| {
        damaged(secret, seen, faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })?;
    for shape in secret.keys().iter().filter(|shape| shape.is_needed) {
        if !manifest.entries.iter().any(|entry| shape.name.fits(&entry.key)) {
            return Err(damaged(secret, seen, format!("it has no key {}", shape.name)));
        }
    }
    for entry in &manifest.entries {
        let faults = secret.key(&entry.key).map(|shape| shape.content.faults(entry.value.expose())).unwrap_or_default();
        if let Some(fault) = faults.first() {
            return Err(damaged(secret, seen, format!("{}: {fault}", super::manifest::shown(&entry.key))));
        }
    }
    Ok(())
}

fn damaged(secret: BootstrapSecret, seen: &Seen, cause: String) -> Failure {
    let problem = format!("{secret}: {} is not what it should be, and nothing was given out", seen.shown());
    Failure::new(ExitStatus::Integrity, "bootstrap-damaged", problem)
        .cause(cause)
        .hint("sops-tools bootstrap verify DIR says all that is wrong; take the last good version: git log -p")
}

fn unopened(secret: BootstrapSecret, seen: &Seen, error: &FileError) -> Failure {
    match error {
        FileError::NoDataKey(_) => {
            let problem = format!("{secret}: none of the identities at hand opens {}", seen.shown());
            let failure = Failure::new(ExitStatus::Absent, "bootstrap-closed", problem);
            let told = error.to_string();
            let failure = told.lines().skip(1).fold(failure, |failure, line| failure.cause(line.trim()));
            failure.hint("give the operator's identity: --identity FILE, or --keys DIR")
        }
        _ => damaged(secret, seen, error.to_string()),
    }
}
