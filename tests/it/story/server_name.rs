//! `serverName`: the certificate of a server that is reached by an address it does not carry.

use harness::cert::Authority;
use harness::server::{Plan, Product, Storage};
use harness::site::Site;
use serde_json::Value;

use super::killed_and_open_again;

#[tokio::test]
async fn a_server_is_opened_under_the_name_of_the_settings_and_under_no_other() {
    let authority = Authority::new();
    let mut server = Plan::new(Product::Vault, Storage::File).tls(&authority).start().await;
    let mut site = Site::new().await.vault("main", [server.address()]);
    let ca = site.folder().write("vault-ca.pem", authority.pem());
    site.settings["vaults"][0]["caFile"] = ca.to_string_lossy().into_owned().into();
    site.settings["vaults"][0]["serverName"] = "vault.vault.svc".into();
    site.init("main").await.assert_status(0);

    let daemon = site.daemon().await;
    killed_and_open_again(&mut server).await;
    assert_eq!(daemon.stop().await, Some(0));
    server.kill();
    server.start_again().await;
    site.settings["vaults"][0]["serverName"] = "vault.other.svc".into();
    let output = site.command(&["unseal", "--output", "json"]).await;
    output.assert_status(5);
    assert!(output.text().contains("certificate"), "{}", output.text());
    assert!(server.api().sealed().await, "no share was sent");

    site.settings["vaults"][0]["serverName"] = Value::from("vault.vault.svc");
    site.command(&["unseal"]).await.assert_status(0);
}
