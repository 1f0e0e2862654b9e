//! Commands that keep store and hosts in order, and what they refuse.
#![expect(clippy::expect_used, reason = "a scenario that cannot be set up has failed")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use harness::server::{Plan, Product, Storage};
use harness::site::Site;
use serde_json::json;

/// Puts a new first line into the store key file: the older one authenticates from here on.
fn with_a_new_store_key(site: &Site, other: &Site) {
    const FILE: &str = "keys/unseal/store.key";
    let lines = |site: &Site| std::fs::read_to_string(site.folder().join(FILE)).expect("a store key");
    site.folder().write(FILE, lines(other) + &lines(site));
}

fn stored(site: &Site) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![site.folder().join("store/vaults")];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the store") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.insert(path.display().to_string(), std::fs::read(&path).expect("an object"));
            }
        }
    }
    found
}

#[tokio::test]
async fn re_sign_seals_for_nobody_but_recipients_that_fit() {
    let server = Plan::new(Product::Vault, Storage::File).start().await;
    let mut site = Site::new().await.vault("main", [server.address()]);
    site.init("main").await.assert_status(0);
    let other = Site::new().await;
    with_a_new_store_key(&site, &other);
    let before = stored(&site);
    let ours = site.settings["recipients"].clone();
    let theirs = other.settings["recipients"].clone();
    for (recipients, why) in [(theirs, "none of the identities here is among them"), (json!({}), "nobody")] {
        site.settings["recipients"] = recipients;
        // Settings without recipients are a fault of their own where they are noticed first.
        let refused = site.command(&["store", "re-sign"]).await;
        assert!([2, 3].contains(&refused.status), "{why}: {}", refused.text());
        assert!(refused.stderr.contains("hint:") && refused.stderr.contains("recipient"), "{why}: {}", refused.text());
        assert_eq!(stored(&site), before, "{why}");
    }
    site.settings["recipients"] = ours;
    site.command(&["store", "re-sign"]).await.assert_status(0);
    assert!(stored(&site).len() > before.len());
    site.command(&["store", "verify"]).await.assert_status(0);
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[tokio::test]
async fn a_local_hold_can_be_read_by_a_daemon_of_another_user() {
    let site = Site::new().await.vault("main", ["http://127.0.0.1:1".to_owned()]);
    for words in [&["hold", "--local", "--reason", "audit"][..], &["release", "--local"]] {
        // A careful person's umask must not hide it from the daemon.
        let program = site.program(words).under_umask(0o077);
        harness::command::run(program, std::time::Duration::from_secs(30)).await.assert_status(0);
        let folder = site.folder().join("cache/local");
        let files: Vec<_> = std::fs::read_dir(&folder).expect("the folder of local words").flatten().collect();
        assert_eq!(files.len(), 1);
        assert_eq!((mode(&folder), mode(&files[0].path())), (0o755, 0o644), "{words:?}");
        assert_eq!(mode(&site.folder().join("cache")) & 0o055, 0o055, "{words:?}: the way to it");
    }
}
