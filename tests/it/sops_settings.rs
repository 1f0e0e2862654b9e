//! Secrets that settings name inside of SOPS files: a Git clone and the operator's key are enough.
#![expect(clippy::expect_used, reason = "a scenario that cannot be set up has failed")]

use std::path::PathBuf;
use std::time::Duration;

use harness::bin;
use harness::command::{Output, run};
use harness::leak::Secrets;
use harness::memscan::{Needle, found_in_memory};
use harness::process::Program;
use harness::server::{Plan, Product, Storage};
use harness::site::Site;
use harness::weed::{READ_WRITE, Weed};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_mins(1);

fn state(status: &Value) -> &str {
    status["vaults"][0]["nodes"][0]["state"].as_str().unwrap_or_default()
}

async fn sops_tools(site: &Site, arguments: &[&str]) -> Output {
    let program = Program::new("sops-tools", bin::sops_tools()).args(arguments).current_dir(site.folder().path());
    run(program, LIMIT).await
}

/// Puts every secret of a site into SOPS files under `git`, for its operator's identity, and takes the plain files away.
async fn move_into_sops(site: &mut Site) {
    for name in ["backup-s3", "vault-unseal-s3"] {
        site.folder().write(&format!("values/{name}/AWS_ACCESS_KEY_ID"), READ_WRITE.access);
        site.folder().write(&format!("values/{name}/AWS_SECRET_ACCESS_KEY"), READ_WRITE.secret);
    }
    let made = ["bootstrap", "secrets", "git/secrets", "--keys", "keys", "--values", "values"];
    sops_tools(site, &made).await.assert_status(0);
    for folder in ["keys/unseal", "values", "s3"] {
        let _ = std::fs::remove_dir_all(site.folder().join(folder));
    }
    let place = |file: &str, key: &str| format!("git/secrets/{file}.sops.yaml#/stringData/{key}");
    site.settings["sopsIdentityFile"] = json!("keys/operator.agekey");
    site.settings["storeKeyFile"] = json!(place("vault-unseal-age", "store.key"));
    site.settings["identities"] = json!([place("vault-unseal-age", "unseal.agekey")]);
    if site.settings["store"]["accessKeyFile"].is_string() {
        site.settings["store"]["accessKeyFile"] = json!(place("vault-unseal-s3", "AWS_ACCESS_KEY_ID"));
        site.settings["store"]["secretKeyFile"] = json!(place("vault-unseal-s3", "AWS_SECRET_ACCESS_KEY"));
    }
}

/// The line of an identity file that is secret.
fn identity_line(site: &Site, file: &str) -> String {
    let text = std::fs::read_to_string(site.folder().join(file)).expect("an identity file");
    text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).expect("an identity").to_owned()
}

fn needles(name: &str, line: &str) -> [Needle; 2] {
    let (_, raw) = bech32::decode(line).expect("an identity is bech32");
    [Needle::tail_of(&format!("text of {name}"), line.as_bytes()), Needle::whole(name, &raw[8..24])]
}

#[tokio::test]
async fn a_git_clone_and_the_operators_key_initialise_and_keep_a_vault_open() {
    let mut server = Plan::new(Product::OpenBao, Storage::Raft).start().await;
    let weed = Weed::start().await;
    let mut site = Site::new().await.vault("main", [server.address()]);
    site.use_s3(&weed.endpoint(), "prod", READ_WRITE);
    let unseal = identity_line(&site, "keys/unseal/unseal.agekey");
    let operator = identity_line(&site, "keys/operator.agekey");
    move_into_sops(&mut site).await;
    site.init("main").await.assert_status(0);
    site.command(&["doctor"]).await;
    server.kill();
    server.start_again().await;

    let daemon = site.daemon_with(|program| program.arg("-vv")).await;
    daemon.until(LIMIT, "the Vault to be open", |status| state(status) == "open-active").await;
    server.kill();
    server.start_again().await;
    daemon.until(LIMIT, "the Vault to be open again", |status| status["vaults"][0]["nodes"][0]["unseals"] == 2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let all = [needles("the unseal identity", &unseal), needles("the operator's identity", &operator)].concat();
    assert_eq!(found_in_memory(daemon.pid(), &all), Vec::<String>::new(), "nothing that opens is kept");
    let mut secrets = Secrets::default();
    secrets.add("the S3 key", READ_WRITE.secret);
    secrets.assert_absent("the log", &daemon.log());
    secrets.assert_absent("the arguments", &Secrets::command_line(daemon.pid()));
    let shown = site.command(&["config", "show"]).await;
    assert!(shown.assert_status(0).text().contains("vault-unseal-age.sops.yaml#/stringData/store.key"));
}

/// The daemon notices a SOPS file that changes under it, as it does with plain files.
#[tokio::test]
async fn a_sops_file_that_breaks_is_named_and_counts_again_once_mended() {
    let mut server = Plan::new(Product::Vault, Storage::File).start().await;
    let mut site = Site::new().await.vault("main", [server.address()]);
    move_into_sops(&mut site).await;
    site.init("main").await.assert_status(0);
    let daemon = site.daemon().await;
    daemon.until(LIMIT, "the Vault to be open", |status| state(status) == "open-active").await;
    let file = site.folder().join("git/secrets/vault-unseal-age.sops.yaml");
    let good = std::fs::read(&file).expect("the SOPS file");
    let forged = String::from_utf8(good.clone()).expect("text").replace("namespace: secrets", "namespace: others");
    sops_tools::files::replace(&file, forged.as_bytes(), 0o600).expect("a forged file");
    let broken = daemon.until(LIMIT, "the fault to be named", |status| status["secretFiles"] != json!([])).await;
    let said = broken["secretFiles"].to_string();
    assert!(
        said.contains("vault-unseal-age.sops.yaml#/stringData/unseal.agekey") && said.contains("do not fit the mac"),
        "{said}"
    );
    sops_tools::files::replace(&file, &good, 0o600).expect("the mended file");
    server.kill();
    server.start_again().await;
    daemon.until(LIMIT, "the Vault to be open again", |status| state(status) == "open-active").await;
}

#[tokio::test]
async fn what_cannot_be_opened_is_refused_with_its_place_and_never_with_a_value() {
    let mut site = Site::new().await.vault("main", ["http://127.0.0.1:9".to_owned()]);
    let password = identity_line(&site, "keys/unseal/unseal.agekey");
    move_into_sops(&mut site).await;
    let file = site.folder().join("git/secrets/vault-unseal-age.sops.yaml");
    let good = std::fs::read_to_string(&file).expect("the SOPS file");
    let place = "git/secrets/vault-unseal-age.sops.yaml#/stringData/store.key";
    let other = site.folder().join("keys/offline.agekey");
    let cases: [(&str, &str, Option<PathBuf>, String); 6] = [
        ("#/stringData/nothing", "has no key \\\"nothing\\\"", None, good.clone()),
        ("#/data/store.key", "stands under stringData; write ", None, good.clone()),
        ("#/spec/store.key", "names no place in a SOPS file", None, good.clone()),
        ("#/stringData/store.key", "the data key cannot be opened", Some(other), good.clone()),
        (
            "#/stringData/store.key",
            "do not fit the mac",
            None,
            good.replace("name: vault-unseal-age", "name: something-else"),
        ),
        ("#/stringData/store.key", "holds no Kubernetes Secret", None, String::new()),
    ];
    for (pointer, expected, identity, content) in cases {
        let content = if content.is_empty() { plain_values(&site).await } else { content };
        sops_tools::files::replace(&file, content.as_bytes(), 0o600).expect("the file of this case");
        site.settings["storeKeyFile"] = json!(place.replace("#/stringData/store.key", pointer));
        site.settings["sopsIdentityFile"] = match identity {
            Some(path) => json!(path),
            None => json!("keys/operator.agekey"),
        };
        let output = site.command(&["unseal", "--output", "json"]).await;
        let text = output.assert_status(2).text();
        assert!(text.contains(expected), "{pointer}: {text}");
        assert!(!text.contains("AGE-SECRET-KEY") && !text.contains(&password[20..]), "{text}");
    }
    site.settings.as_object_mut().expect("settings").remove("sopsIdentityFile");
    let missing = site.command(&["unseal"]).await;
    let text = missing.assert_status(2).text();
    assert!(text.contains("storeKeyFile") && text.contains("identities[0]"), "all faults at once: {text}");
    assert!(text.contains("sopsIdentityFile beside it"), "{text}");
}

/// A SOPS file for the operator that is no Secret.
async fn plain_values(site: &Site) -> String {
    site.folder().write("values.yaml", "store.key: hunter2\n");
    let recipient = sops_tools::custody::Identities::load(&[site.folder().join("keys/operator.agekey")])
        .expect("the operator's identity")
        .to_recipients();
    let arguments = ["encrypt", "--age", recipient[0].as_str(), "values.yaml"];
    sops_tools(site, &arguments).await.assert_status(0).stdout.clone()
}
