//! What becomes of the root token: sealed for the offline identity, or used once and revoked.

use std::path::Path;

use harness::command::run;
use harness::process::Program;
use harness::server::{Product, Server, Storage};
use harness::site::Site;
use harness::tools::program;
use reqwest::Method;
use serde_json::json;

use super::{fresh, stored};

/// Opens a file with the real age and the offline identity: the token in it.
async fn token_in(site: &Site, sealed: &Path) -> String {
    let offline = site.folder().join("keys/offline.agekey");
    let age = Program::new("age", program("age")).args(["--decrypt", "-i"]).arg(offline).arg(sealed);
    let output = run(age, super::LIMIT).await;
    output.assert_status(0);
    output.stdout
}

async fn is_root(server: &Server, token: &str) {
    let answer = server.api().call(Method::GET, "auth/token/lookup-self", Some(token), None).await.good();
    assert_eq!(answer["data"]["policies"], json!(["root"]));
}

#[tokio::test]
async fn a_root_token_sealed_into_a_file_opens_with_the_offline_identity_alone() {
    let (server, site) = fresh(Product::OpenBao, Storage::Inmem).await;
    let file = site.folder().join("root.age");
    site.command(&["init", "--root-token-to", &file.display().to_string()]).await.assert_status(0);
    is_root(&server, &token_in(&site, &file).await).await;
    let unseal = site.folder().join("keys/unseal/unseal.agekey");
    let age = Program::new("age", program("age")).args(["--decrypt", "-i"]).arg(unseal).arg(&file);
    assert_ne!(run(age, super::LIMIT).await.status, 0, "the daemon's own identity does not open it");
}

#[tokio::test]
async fn a_root_token_sealed_into_the_store_opens_with_the_offline_identity() {
    let (server, site) = fresh(Product::Vault, Storage::Inmem).await;
    site.command(&["init", "--root-token-to", "store"]).await.assert_status(0);
    let files = stored(&site);
    let sealed = files.iter().find(|path| path.contains("/root-token.") && !path.contains(".json"));
    let sealed = sealed.unwrap_or_else(|| panic!("no root token in {files:?}"));
    is_root(&server, &token_in(&site, Path::new(sealed)).await).await;
}

/// A token of our own name, an orphan: it outlives the root token that made it.
const AUDITOR: &str = "story-auditor-000000000";

#[tokio::test]
async fn requests_after_init_are_run_and_then_the_root_token_is_revoked() {
    let policy = r#"path "auth/token/accessors" { capabilities = ["list", "sudo"] }"#;
    let requests = json!([
        {"method": "PUT", "path": "sys/policies/acl/auditor", "body": {"policy": policy}},
        {"method": "POST", "path": "auth/token/create-orphan", "body": {"id": AUDITOR, "policies": ["auditor"]}},
    ]);
    for product in Product::BOTH {
        let (server, site) = fresh(product, Storage::Inmem).await;
        let file = site.folder().write("requests.json", requests.to_string()).display().to_string();
        let output = site.command(&["init", "--after-init", &file]).await;
        assert!(output.assert_status(0).stdout.contains("root token: revoked"), "{}", output.text());
        let list = Method::from_bytes(b"LIST").expect("a method");
        let answer = server.api().call(list, "auth/token/accessors", Some(AUDITOR), None).await.good();
        let tokens = answer["data"]["keys"].as_array().expect("accessors").len();
        assert_eq!(tokens, 1, "the auditor's token alone is left on {product:?}");
    }
}
