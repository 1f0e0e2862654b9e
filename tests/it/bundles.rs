//! Five ways a stored bundle can be bad: five messages, each with one next step, from every command that opens it.
#![expect(clippy::expect_used, reason = "a scenario that cannot be set up has failed")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::server::{Plan, Product, Storage};
use harness::site::Site;
use serde_json::Value;
use sops_tools::clock::{Clock as _, System};
use sops_tools::custody::Identities;
use sops_tools::secret::{Plaintext, Share};
use unsealer::store::bundle::{self, BundleHead};
use unsealer::store::names::{CustodianName, VaultName};
use unsealer::store::view::{Generation, Seal};

const LIMIT: Duration = Duration::from_mins(1);
const BUNDLE: &str = "store/vaults/main/generations/1/all.1.age";

fn bundle_file(site: &Site) -> PathBuf {
    site.folder().join(BUNDLE)
}

/// A whole, well-formed bundle of another place.
fn bundle_of(vault: &str, generation: u32, seal: Seal, identities: &Identities) -> Vec<u8> {
    let head = BundleHead {
        vault: VaultName::new(vault).expect("a name"),
        generation: Generation(generation),
        seal,
        custodian: CustodianName::all(),
        threshold: 3,
        total: 5,
        created: System.now(),
    };
    let shares: Vec<Share> = (1..=5).map(|number| Share::copy_from(&[vec![7; 32], vec![number]].concat())).collect();
    bundle::make(&head, &shares.iter().collect::<Vec<_>>(), &identities.to_recipients()).expect("sealed")
}

/// The clear text of a bundle, changed and sealed again.
fn rewritten(sealed: &[u8], identities: &Identities, change: impl FnOnce(&str) -> String) -> Vec<u8> {
    let plain = sops_tools::custody::open(sealed, identities).expect("the bundle opens");
    let text = change(std::str::from_utf8(plain.expose()).expect("text"));
    let plain = Plaintext::copy_from(text.as_bytes());
    sops_tools::custody::seal(&plain, &identities.to_recipients()).expect("sealed")
}

/// The first share's text with one character changed.
fn with_a_damaged_share(text: &str) -> String {
    let at = text.find("\"share\":\"").expect("a share") + 12;
    let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
    [&text[..at], other, &text[at + 1..]].concat()
}

/// The first two shares under each other's number.
fn with_swapped_shares(text: &str) -> String {
    let entries: Vec<&str> = text.split("{\"number\":").collect();
    let number = |entry: &str| entry.split(',').next().expect("a number").to_owned();
    let (first, second) = (number(entries[1]), number(entries[2]));
    text.replacen(&format!("\"number\":{first},"), "\"number\":0,", 1)
        .replacen(&format!("\"number\":{second},"), &format!("\"number\":{first},"), 1)
        .replacen("\"number\":0,", &format!("\"number\":{second},"), 1)
}

#[tokio::test]
async fn each_kind_of_bad_bundle_has_its_own_message_and_one_next_step() {
    let mut server = Plan::new(Product::Vault, Storage::File).start().await;
    let keys = server.api().init(5, 3).await;
    let mut site = Site::new().await.vault("main", [server.address()]);
    let file = site.folder().write("shares.txt", keys.shares.join("\n"));
    site.command(&["import", "--shares-file", &file.to_string_lossy()]).await.assert_status(0);
    server.kill();
    server.start_again().await;
    // A host without a cache, which has nothing better than what stands in the store.
    site.settings.as_object_mut().expect("settings").remove("cacheDir");
    let (unseal, offline) = (site.folder().join("keys/unseal"), site.folder().join("keys/offline.agekey"));
    let identities = Identities::load(&[unseal, offline.clone()]).expect("identities");
    let good = std::fs::read(bundle_file(&site)).expect("the bundle");

    let mut messages: [BTreeSet<String>; 4] = Default::default();
    let mut hints = BTreeSet::new();
    for (words, bad) in [
        ("is damaged", rewritten(&good, &identities, with_a_damaged_share)),
        ("swapped", rewritten(&good, &identities, with_swapped_shares)),
        ("an object of generation 7", bundle_of("main", 7, Seal(1), &identities)),
        ("cut short", good[..good.len() - 20].to_vec()),
        ("belongs to another Vault", bundle_of("other", 1, Seal(1), &identities)),
    ] {
        std::fs::remove_file(bundle_file(&site)).expect("the bundle");
        site.folder().write(BUNDLE, bad);
        let check = site.command(&["export", "--check", "--identity", &offline.to_string_lossy()]).await;
        check.assert_status(6);
        let cause = only(words, &check.stderr, |line| line.starts_with("cause:"));
        messages[0].insert(the_line(words, &cause));
        hints.insert(only(words, &check.stderr, |line| line.starts_with("hint:")));
        let unseal = site.command(&["unseal"]).await;
        unseal.assert_status(6);
        messages[1].insert(the_line(words, &unseal.stdout));
        only(words, &unseal.stdout, |line| line.trim_start().starts_with("next:"));
        messages[3].insert(told_by_a_daemon(&site, words).await);
        let verify = site.command(&["store", "verify"]).await;
        verify.assert_status(6);
        // The manifest is read here: it tells the length.
        let words = if words == "cut short" { "truncated" } else { words };
        messages[2].insert(the_line(words, &verify.stdout));
        only(words, &verify.stdout, |line| line.trim_start().starts_with("next:"));
    }
    for of_one_command in &messages {
        assert_eq!(of_one_command.len(), 5, "{of_one_command:?}");
    }
    assert_eq!(hints.len(), 5, "{hints:?}");
    assert!(server.api().sealed().await);
    std::fs::remove_file(bundle_file(&site)).expect("the bundle");
    site.folder().write(BUNDLE, good);
    site.command(&["unseal"]).await.assert_status(0);
}

#[tokio::test]
async fn export_takes_what_an_authentic_manifest_names_before_a_newer_seal_of_a_stranger() {
    let server = Plan::new(Product::Vault, Storage::File).start().await;
    let keys = server.api().init(5, 3).await;
    let site = Site::new().await.vault("main", [server.address()]);
    let file = site.folder().write("shares.txt", keys.shares.join("\n"));
    site.command(&["import", "--shares-file", &file.to_string_lossy()]).await.assert_status(0);
    let offline = site.folder().join("keys/offline.agekey");
    let identities = Identities::load(&[site.folder().join("keys/unseal"), offline.clone()]).expect("identities");
    // Everything it takes is public: the recipients.
    let strange = bundle_of("main", 1, Seal(2), &identities);
    site.folder().write("store/vaults/main/generations/1/all.2.age", strange);
    let offline = offline.to_string_lossy().into_owned();
    let check = site.command(&["export", "--check", "--identity", &offline]).await;
    check.assert_status(0);
    assert!(check.stdout.contains("(authentic)"), "{}", check.text());
    let exported = site.command(&["export", "--identity", &offline]).await;
    exported.assert_status(0);
    let shares = |text: &str| text.lines().map(decoded).collect::<BTreeSet<Vec<u8>>>();
    assert_eq!(shares(&exported.stdout), shares(&keys.shares.join("\n")));
    assert!(exported.stderr.contains("all.2.age"), "the stranger's is named: {}", exported.text());
}

/// A share, in hex as the server gave it or in base64 as it is printed.
fn decoded(text: &str) -> Vec<u8> {
    let hex = || (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect();
    let hex: Option<Vec<u8>> = if text.len() == 66 { hex() } else { None };
    hex.unwrap_or_else(|| STANDARD.decode(text).expect("base64"))
}

/// The one line of `text` that is `wanted`.
fn only(words: &str, text: &str, wanted: impl Fn(&str) -> bool) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| wanted(line)).collect();
    assert_eq!(lines.len(), 1, "{words}: {text}");
    lines[0].to_owned()
}

/// The first line that says `words`.
fn the_line(words: &str, text: &str) -> String {
    let line = text.lines().find(|line| line.contains(words));
    assert!(line.is_some(), "{words:?} is not said: {text}");
    line.unwrap_or_default().to_owned()
}

/// What the daemon's status says of the bundle.
async fn told_by_a_daemon(site: &Site, words: &str) -> String {
    let daemon = site.daemon().await;
    let fault = |status: &Value| {
        let generations = status["vaults"][0]["generations"].as_array().cloned().unwrap_or_default();
        let bundles = generations.iter().filter_map(|one| one["bundles"].as_array()).flatten();
        bundles.filter_map(|bundle| bundle["fault"].as_str()).find(|fault| fault.contains(words)).map(str::to_owned)
    };
    let status = daemon.until(LIMIT, words, |status| fault(status).is_some()).await;
    assert_eq!(daemon.stop().await, Some(0));
    fault(&status).expect("just seen")
}
