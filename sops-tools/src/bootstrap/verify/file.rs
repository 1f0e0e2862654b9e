//! One file after the other: what stands in clear, who can open it, whether anybody changed it.

use std::convert::Infallible;

use super::rules::Configs;
use super::{Finding, Level, Order, Report, across, contents};
use crate::bootstrap::catalogue::BootstrapSecret;
use crate::bootstrap::look::{Seen, Several, Unread, opens};
use crate::bootstrap::manifest::{DECRYPT, Head, RECONCILE, SecretManifest};
use crate::custody::Identities;
use crate::sops::data_key::Keyring;
use crate::sops::file::{FileError, OpenFile, SopsFile};
use crate::sops::formats::{self, Format};
use crate::sops::tree::{Item, Tree, Value};
use crate::sops::walk::{Found, walk};

/// What is known of a file once it was looked at.
pub(super) struct Looked {
    pub(super) shown: String,
    /// Where it is sealed and understood.
    pub(super) sealed: Option<SopsFile>,
    /// The bootstrap secrets in it; only those of verified files.
    pub(super) secrets: Vec<(BootstrapSecret, SecretManifest)>,
    pub(super) findings: Vec<Finding>,
}

/// Looks at all files, then at what they are to each other.
pub(super) fn look_at_all(order: &Order<'_>, files: &[Seen]) -> Report {
    let mut configs = Configs::new(order.config.clone(), order.current.clone());
    let given: Vec<&dyn Keyring> =
        order.cluster.iter().chain(&order.operator).map(|identities| identities as &dyn Keyring).collect();
    let at_hand = Several(given.into_iter().chain([order.at_hand]).collect());
    // The identity inside sops-age opens the rest; it counts only where its file was verified.
    let inside = Identities::merged(files.iter().flat_map(|seen| cluster_identities(seen, &at_hand)));
    let mut keyrings: Vec<&dyn Keyring> = vec![&at_hand];
    keyrings.extend(inside.as_ref().map(|identities| identities as &dyn Keyring));
    let all = Several(keyrings);
    let who = Who { cluster: inside.as_ref().or(order.cluster.as_ref()), operator: order.operator.as_ref(), all: &all };
    let mut looked: Vec<Looked> = files.iter().map(|seen| look_at(seen, &who, &mut configs, order)).collect();
    let among = across::findings(order, inside.as_ref(), &looked);
    Report::of(&mut looked, among)
}

/// Looks at one file by itself, with the identities at hand.
pub(super) fn look_at_one(order: &Order<'_>, seen: &Seen) -> Report {
    let mut configs = Configs::new(order.config.clone(), order.current.clone());
    let who = Who { cluster: None, operator: None, all: order.at_hand };
    Report::of(&mut [look_at(seen, &who, &mut configs, order)], Vec::new())
}

/// Whose identities are tried on a file.
struct Who<'a> {
    cluster: Option<&'a Identities>,
    operator: Option<&'a Identities>,
    all: &'a dyn Keyring,
}

/// The identities of `sops-age`, where this is its file.
pub(crate) fn cluster_identities(seen: &Seen, keyring: &dyn Keyring) -> Vec<Identities> {
    let says = |file: &SopsFile| {
        file.tree().documents.iter().any(|document| Head::of(document).secret() == Some(BootstrapSecret::SopsAge))
    };
    if !seen.parse().is_ok_and(|file| says(&file)) {
        return Vec::new();
    }
    let Ok(open) = seen.open(keyring) else { return Vec::new() };
    let manifests = manifests(&open).into_iter().filter(|(secret, _)| *secret == BootstrapSecret::SopsAge);
    manifests.filter_map(|(_, manifest)| contents::identities(&manifest)).collect()
}

/// The bootstrap secrets that can be read from a verified file.
fn manifests(open: &OpenFile) -> Vec<(BootstrapSecret, SecretManifest)> {
    let documents = open.tree().documents.iter().enumerate();
    documents
        .filter_map(|(index, document)| {
            let secret = Head::of(document).secret()?;
            Some((secret, SecretManifest::read(document, index + 1).ok()?))
        })
        .collect()
}

fn look_at(seen: &Seen, who: &Who<'_>, configs: &mut Configs, order: &Order<'_>) -> Looked {
    let shown = seen.shown();
    let nothing =
        |finding: Finding| Looked { shown: shown.clone(), sealed: None, secrets: Vec::new(), findings: vec![finding] };
    if let Err(unread) = &seen.content {
        return nothing(unread_finding(&shown, unread));
    }
    let file = match seen.parse() {
        Ok(file) => file,
        Err(error) => return nothing(unsealed(&shown, seen, &error)),
    };
    let mut findings = blocks(&shown, &file);
    findings.extend(configs.compare(&shown, &seen.path, &file));
    findings.extend(places(&shown, &file));
    findings.extend(closed(&shown, &file, who));
    findings.extend(future(&shown, &file, order));
    let mut secrets = Vec::new();
    match seen.open(who.all) {
        Ok(open) => {
            findings.extend(contents::findings(&shown, &seen.path, &open));
            secrets = manifests(&open);
        }
        Err(error) => findings.push(unopened(&shown, &error)),
    }
    Looked { shown, sealed: Some(file), secrets, findings }
}

fn unread_finding(shown: &str, unread: &Unread) -> Finding {
    let (level, class, next) = match unread {
        Unread::TooLarge => (Level::Drift, "too-large", "split it, or keep it out of the tree"),
        Unread::Failed(_) => (Level::Unread, "unread", "give yourself the right to read it"),
        Unread::Link => (Level::Note, "link", "Flux takes no link out of the tree; put the file itself there"),
    };
    Finding::new(shown, level, class, unread.to_string(), next)
}

/// A file that is no sealed one: in clear, or broken.
fn unsealed(shown: &str, seen: &Seen, error: &FileError) -> Finding {
    if !matches!(error, FileError::NotEncrypted) {
        let next = "take the last good version: git log -p";
        return Finding::new(shown, Level::Integrity, "damaged", error.to_string(), next);
    }
    let tree = formats::parse(seen.format, seen.bytes());
    if tree.is_ok_and(|tree| tree.documents.iter().all(|document| document.root.is_empty())) {
        return Finding::new(
            shown,
            Level::Integrity,
            "damaged",
            "it is empty",
            "take the last good version: git log -p",
        );
    }
    let next = "take it out of Git's sight, seal it (sops-tools encrypt --in-place), and change every value in it: the history keeps them";
    Finding::new(shown, Level::Integrity, "in-clear", "it is not encrypted, or its sops block was removed", next)
}

fn blocks(shown: &str, file: &SopsFile) -> Vec<Finding> {
    let find = |document: usize| {
        let has_block = file.tree().documents.get(document - 1).is_some_and(|one| one.block.is_some());
        let (seen, level) = if has_block {
            (
                format!(
                    "document {document} has another sops block than the first; only the first one is looked at by sops"
                ),
                Level::Drift,
            )
        } else {
            (format!("document {document} has no sops block: Flux would apply the encrypted text"), Level::Integrity)
        };
        Finding::new(
            shown,
            level,
            "block",
            seen,
            "take the last good version (git log -p), or decrypt and encrypt the file anew",
        )
    };
    file.documents_with_other_blocks().into_iter().map(find).collect()
}

/// Values of Kubernetes objects that stand in clear where they should not, and the other way round.
fn places(shown: &str, file: &SopsFile) -> Vec<Finding> {
    let heads: Vec<Head> = file.tree().documents.iter().map(Head::of).collect();
    let is_object: Vec<bool> = file.tree().documents.iter().map(|document| has_key(&document.root, "kind")).collect();
    let (mut clear, mut sealed) = (Vec::new(), Vec::new());
    let done: Result<(), Infallible> = walk(file.tree(), file.rule(), |place| {
        if let Found::Leaf(leaf) = &place.found
            && is_object.get(place.document) == Some(&true)
            && !is_nothing(&leaf.value)
        {
            let path = place.path.display();
            let is_value = path.starts_with("data.") || path.starts_with("stringData.");
            match (is_value, place.is_encrypted) {
                (true, false) => clear.push(path.escape_debug().to_string()),
                (false, true) => sealed.push(path.escape_debug().to_string()),
                _ => {}
            }
        }
        Ok(())
    });
    let Ok(()) = done;
    let mut findings = Vec::new();
    if !clear.is_empty() && heads.iter().any(|head| head.kind.as_deref() == Some("Secret")) {
        let seen = format!("values of a Secret stand in clear: {}", clear.join(", "));
        let next = "give the file the rule encrypted_regex: ^(data|stringData)$, encrypt it anew, and change these values: the history keeps them";
        findings.push(Finding::new(shown, Level::Integrity, "value-in-clear", seen, next));
    }
    if !sealed.is_empty() && file.format() != Format::Binary {
        let seen = format!("encrypted beside data and stringData: {}", list(&sealed));
        let next = "Flux needs kind and metadata in clear: use the rule encrypted_regex: ^(data|stringData)$ and encrypt it anew";
        findings.push(Finding::new(shown, Level::Drift, "sealed-metadata", seen, next));
    }
    if heads.iter().any(|head| head.disables(DECRYPT)) {
        let seen = format!("the annotation {DECRYPT}: disabled lets Flux apply the encrypted text");
        findings.push(Finding::new(
            shown,
            Level::Drift,
            "decrypt-disabled",
            seen,
            "remove the annotation with sops-tools edit",
        ));
    }
    if heads.iter().any(|head| head.disables(RECONCILE)) {
        let seen = format!("the annotation {RECONCILE}: disabled keeps Flux from applying it");
        let next = "remove the annotation with sops-tools edit";
        findings.push(Finding::new(shown, Level::Drift, "reconcile-disabled", seen, next));
    }
    findings
}

/// The first few of a long list.
fn list(all: &[String]) -> String {
    const MOST: usize = 5;
    let first = all.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > MOST { format!("{first} and {} more", all.len() - MOST) } else { first }
}

fn has_key(items: &[Item], key: &str) -> bool {
    items.iter().any(|item| matches!(item, Item::Entry(entry) if entry.key == key))
}

/// What is never encrypted.
fn is_nothing(value: &Value) -> bool {
    matches!(value, Value::Null) || matches!(value, Value::Str(text) if text.is_empty())
}

/// Whom the file should open for and does not.
fn closed(shown: &str, file: &SopsFile, who: &Who<'_>) -> Vec<Finding> {
    let roles = [("cluster", who.cluster), ("operator", who.operator)];
    // Some keep the cluster's identity in a file that the cluster itself cannot open, and apply it by hand.
    let holds_cluster =
        file.tree().documents.iter().any(|one| Head::of(one).secret() == Some(BootstrapSecret::SopsAge));
    let closed = roles.into_iter().filter_map(|(role, identities)| {
        let identities = identities.filter(|identities| !opens(file, *identities))?;
        let labels: Vec<String> = file.metadata().key_ids().into_iter().flatten().map(|key| key.name).collect();
        let named =
            identities.to_recipients().iter().any(|recipient| labels.iter().any(|label| label == recipient.as_str()));
        let class = if role == "cluster" { "cluster-closed" } else { "operator-closed" };
        if role == "cluster" && holds_cluster && !named {
            return None;
        }
        Some(if named {
            let seen = format!("it names the recipient of the {role}, but what is sealed there does not open");
            let next =
                "somebody put that name there, or it is damaged: look at git log -p, then sops-tools rotate FILE";
            Finding::new(shown, Level::Integrity, class, seen, next)
        } else {
            let seen = format!("the identity of the {role} does not open it");
            let next = format!("put the recipient of the {role} into .sops.yaml and run sops-tools updatekeys FILE");
            Finding::new(shown, Level::Drift, class, seen, next)
        })
    });
    closed.collect()
}

/// A clock that was wrong, or a file made to win over later ones.
fn future(shown: &str, file: &SopsFile, order: &Order<'_>) -> Option<Finding> {
    const SLACK: i64 = 24 * 3600;
    let said: crate::clock::Timestamp = file.metadata().last_modified.as_deref()?.parse().ok()?;
    (said.as_second() > order.now.as_second() + SLACK).then(|| {
        let seen = format!("its last change lies in the future: {said}");
        Finding::new(shown, Level::Note, "future", seen, "look at the clock of who changed it: git log")
    })
}

fn unopened(shown: &str, error: &FileError) -> Finding {
    let seen = error.to_string().replace("\n  ", "; ");
    match error {
        FileError::NoDataKey(error) => {
            let keys: Vec<String> = error.groups.iter().flatten().map(|(key, _)| key.to_string()).collect();
            let seen = format!("none of the identities at hand opens it; it is sealed to {}", keys.join(", "));
            let next =
                "give the operator's identity: --identity FILE or --keys DIR; unopened it does not count as sound";
            Finding::new(shown, Level::Absent, "closed", seen, next)
        }
        FileError::Mac(_) => {
            let next = "apply nothing of it, and take the last good version";
            Finding::new(shown, Level::Integrity, "mac", seen, next)
        }
        _ => Finding::new(shown, Level::Integrity, "value", seen, "take the last good version: git log -p"),
    }
}

/// For whoever has a tree that was verified elsewhere: whether what falls under the rule is just data and stringData.
pub(crate) fn encrypts_only_values(tree: &Tree, rule: &crate::sops::rules::Rule) -> bool {
    let mut fits = true;
    let done: Result<(), Infallible> = walk(tree, rule, |place| {
        if matches!(place.found, Found::Leaf(_)) {
            let path = place.path.display();
            let is_value = path.starts_with("data.") || path.starts_with("stringData.");
            fits &= is_value == place.is_encrypted;
        }
        Ok(())
    });
    let Ok(()) = done;
    fits
}
