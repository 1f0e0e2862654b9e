//! Shares of a Vault that was initialised by hand: proven, or not stored.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::api::Keys;
use harness::server::{Product, Server, Storage};
use harness::site::Site;

use super::{fresh, killed_and_open_again, refused, stored};

async fn by_hand(product: Product) -> (Server, Keys, Site) {
    let storage = if product == Product::Vault { Storage::File } else { Storage::Inmem };
    let (server, site) = fresh(product, storage).await;
    let keys = server.api().init(5, 3).await;
    (server, keys, site)
}

/// A file with these shares, one a line.
fn file(site: &Site, shares: &[String]) -> String {
    site.folder().write("shares.txt", shares.join("\n")).display().to_string()
}

/// One bit of its value is another one; its number stays.
fn damaged(share: &str) -> String {
    let mut bytes = STANDARD.decode(share).expect("base64");
    bytes[7] ^= 0x10;
    STANDARD.encode(bytes)
}

async fn import(site: &Site, shares: &[String]) -> serde_json::Value {
    let shares = file(site, shares);
    let output = site.command(&["import", "--shares-file", &shares, "--output", "json"]).await;
    output.assert_status(0);
    output.json()
}

#[tokio::test]
async fn shares_of_a_sealed_vault_are_proven_by_unsealing_it_and_keep_it_open() {
    let (mut server, keys, site) = by_hand(Product::Vault).await;
    let report = import(&site, &keys.shares).await;
    assert_eq!((&report["proof"], &report["taken"]), (&"unsealed".into(), &5.into()), "{report}");
    assert!(server.api().open().await);
    let _daemon = site.daemon().await;
    killed_and_open_again(&mut server).await;
}

#[tokio::test]
async fn shares_of_an_open_vault_are_proven_by_a_drill() {
    let (mut server, keys, site) = by_hand(Product::Vault).await;
    server.api().unseal(&keys).await;
    let report = import(&site, keys.enough()).await;
    assert_eq!((&report["proof"], &report["taken"]), (&"drill".into(), &3.into()), "{report}");
    assert!(server.api().open().await, "a drill seals nothing");
    let _daemon = site.daemon().await;
    killed_and_open_again(&mut server).await;
}

#[tokio::test]
async fn an_open_openbao_proves_shares_with_a_token_and_refuses_without() {
    let (server, keys, mut site) = by_hand(Product::OpenBao).await;
    server.api().unseal(&keys).await;
    server.api().active().await;
    let shares = file(&site, &keys.shares);
    let text = refused(&site, &["import", "--shares-file", &shares], 3, "drill-denied").await;
    assert!(text.contains("tokenFile"), "{text}");
    assert_eq!(stored(&site), Vec::<String>::new(), "nothing is stored before it is proven");

    let token = site.folder().write("token", &keys.root_token);
    site.settings["vaults"][0]["tokenFile"] = token.display().to_string().into();
    let report = import(&site, &keys.shares).await;
    assert_eq!(report["proof"], "drill", "{report}");
}

#[tokio::test]
async fn one_damaged_share_of_five_is_named_without_asking_the_server() {
    let (server, keys, site) = by_hand(Product::Vault).await;
    let mut shares = keys.shares.clone();
    shares[1] = damaged(&shares[1]);
    let shares = file(&site, &shares);
    let text = refused(&site, &["import", "--shares-file", &shares], 6, "damaged-share").await;
    assert!(text.contains("share 2 (counted from 1)"), "{text}");
    assert_eq!(stored(&site), Vec::<String>::new());
    assert!(server.api().sealed().await, "no share was sent");
}

#[tokio::test]
async fn one_damaged_share_of_four_is_found_by_trying_on_the_sealed_server() {
    let (_server, keys, site) = by_hand(Product::Vault).await;
    let mut shares = keys.shares[..4].to_vec();
    shares[2] = damaged(&shares[2]);
    let shares = file(&site, &shares);
    let text = refused(&site, &["import", "--shares-file", &shares], 6, "damaged-share").await;
    assert!(text.contains("share 3 (counted from 1)"), "{text}");
    assert_eq!(stored(&site), Vec::<String>::new());
}

#[tokio::test]
async fn three_shares_of_another_vault_are_refused_by_the_server() {
    let (server, _, site) = by_hand(Product::Vault).await;
    let (_other, keys, _site) = by_hand(Product::Vault).await;
    let shares = file(&site, keys.enough());
    refused(&site, &["import", "--shares-file", &shares], 6, "shares-refused").await;
    assert_eq!(stored(&site), Vec::<String>::new());
    assert!(server.api().sealed().await);
}
