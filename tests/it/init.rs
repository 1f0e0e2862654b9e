//! The root token of an init that was cut off: revoked twice, asked for on another host, dead before its time.
#![expect(clippy::expect_used, reason = "a scenario that cannot be set up has failed")]

use std::time::Duration;

use harness::assassin::Assassin;
use harness::command::Output;
use harness::proxy::{Action, Moment, Proxy, Trap};
use harness::server::{Plan, Product, Server, Storage};
use harness::site::Site;
use serde_json::json;

/// Longest time for a command, on a loaded machine.
const LIMIT: Duration = Duration::from_mins(3);
/// Exit status of a program that SIGKILL ended.
const KILLED: i32 = 128 + 9;
const POLICY: &str = "sys/policies/acl/auditor";

/// A server behind a proxy, and an installation for it as the Vault `main`.
async fn scene(product: Product) -> (Server, Proxy, Site) {
    let server = Plan::new(product, Storage::Inmem).start().await;
    let proxy = Proxy::to(server.port()).await;
    let site = Site::new().await.vault("main", [proxy.address()]);
    (server, proxy, site)
}

/// A file of requests: what stands before the policy, then the policy.
fn requests(site: &Site, first: &[serde_json::Value]) -> String {
    let policy =
        json!({"method": "PUT", "path": POLICY, "body": {"policy": "path \"x\" { capabilities = [\"read\"] }"}});
    let all: Vec<_> = first.iter().cloned().chain([policy]).collect();
    site.folder().write("requests.json", json!(all).to_string()).display().to_string()
}

/// Kills init at the first call whose name contains `part`.
async fn killed(proxy: &Proxy, site: &Site, arguments: &[&str], part: &str, moment: Moment) {
    let assassin = Assassin::default();
    let hand = assassin.clone();
    proxy.trap(Trap::on(part, moment, move || {
        hand.strike();
        Action::Reset
    }));
    let mut running = site.launch(arguments);
    assassin.aim(running.process());
    let output = running.output(LIMIT).await;
    assert_eq!(output.status, KILLED, "{}", output.text());
}

async fn refused(site: &Site, arguments: &[&str], class: &str) -> String {
    let output: Output = site.command(&[arguments, &["--output", "json"]].concat()).await;
    assert_eq!(output.assert_status(3).json()["error"]["class"], class, "{}", output.text());
    output.text()
}

/// Names of the intents' objects in the directory store.
fn intents(site: &Site) -> Vec<String> {
    let folder = std::fs::read_dir(site.folder().join("store/vaults/main/intents")).expect("intents");
    let mut names: Vec<String> =
        folder.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

fn is_closed(site: &Site) -> bool {
    intents(site).iter().any(|name| name.starts_with("1.closed."))
}

#[tokio::test]
async fn a_kill_between_the_revocation_and_the_close_is_finished_by_a_re_run() {
    for product in Product::BOTH {
        let (_server, proxy, site) = scene(product).await;
        let file = requests(&site, &[]);
        let init = ["init", "--after-init", &file];
        killed(&proxy, &site, &init, "auth/token/revoke-self", Moment::BeforeAnswering).await;
        let revoked = proxy.calls().into_iter().find(|call| call.name.ends_with("revoke-self"));
        assert_eq!(revoked.and_then(|call| call.status), Some(204), "the server revoked it");
        assert!(!is_closed(&site));

        refused(&site, &init, "identity-wanted").await;
        let offline = site.folder().join("keys/offline.agekey").display().to_string();
        let output = site.command(&[&init[..], &["--identity", &offline]].concat()).await;
        assert!(output.assert_status(0).stdout.contains("root token: revoked"), "{}", output.text());
        assert!(is_closed(&site), "{:?}", intents(&site));
        assert!(!site.folder().join("state/main/init-1.sealed.json").exists());
        let sent = proxy.calls().iter().filter(|call| call.name.ends_with(POLICY)).count();
        assert_eq!(sent, 1, "the request was not sent again");
    }
}

#[tokio::test]
async fn a_token_that_died_before_its_requests_is_no_success_and_has_a_way_out() {
    for product in Product::BOTH {
        let (_server, _proxy, site) = scene(product).await;
        let file = requests(&site, &[json!({"method": "POST", "path": "auth/token/revoke-self"})]);
        let told = refused(&site, &["init", "--after-init", &file], "after-init-request").await;
        assert!(told.contains("request 2") && told.contains("--discard-root-token"), "{told}");
        let offline = site.folder().join("keys/offline.agekey").display().to_string();
        refused(&site, &["init", "--after-init", &file, "--identity", &offline], "after-init-request").await;
        assert!(!is_closed(&site), "what is outstanding keeps the intent open");
        site.command(&["init", "--discard-root-token"]).await.assert_status(0);
        assert!(is_closed(&site));
    }
}

#[tokio::test]
async fn another_host_finishes_an_init_only_without_its_root_token() {
    let (server, proxy, mut site) = scene(Product::OpenBao).await;
    let init = ["init", "--root-token-to", "store"];
    killed(&proxy, &site, &init, "PUT /v1/sys/unseal", Moment::BeforeForwarding).await;
    let copy = site.folder().join("state/main/init-1.sealed.json");
    assert!(copy.exists());

    site.settings["stateDir"] = json!(site.folder().join("state-of-another-host"));
    let before = intents(&site);
    let file = requests(&site, &[]);
    let token = site.folder().join("root.age");
    let to_file = token.display().to_string();
    for wish in [&["--root-token-to", "store"][..], &["--root-token-to", &to_file], &["--after-init", &file], &[]] {
        let told = refused(&site, &[&["init"], wish].concat(), "root-token-elsewhere").await;
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        for named in [&host, &copy.display().to_string(), "`unsealer init --discard-root-token`"] {
            assert!(told.contains(named), "{named} is not in: {told}");
        }
    }
    assert!(
        server.api().sealed().await && !token.exists() && intents(&site) == before,
        "a refused init changes nothing"
    );

    let output = site.command(&["init", "--discard-root-token"]).await;
    assert!(output.assert_status(0).stdout.contains(&copy.display().to_string()), "{}", output.text());
    assert!(is_closed(&site) && server.api().open().await);
}
