//! Split custody: who gets which shares, and what is refused before anything is sent.

use harness::server::{Product, Storage};
use harness::site::Site;
use serde_json::{Value, json};

use super::{fresh, is, killed_and_open_again, refused, stored};

/// One custodian for each count, all sealed to both recipients of the installation.
fn custodians(site: &Site, shares: &[Value]) -> Value {
    let each = shares.iter().enumerate().map(|(number, shares)| {
        let custodian = json!({"recipients": site.settings["recipients"], "shares": shares});
        (format!("c{number}"), custodian)
    });
    Value::Object(each.collect())
}

#[tokio::test]
async fn custodians_with_fewer_shares_than_the_threshold_open_it_together() {
    let (mut server, mut site) = fresh(Product::Vault, Storage::File).await;
    site.settings["custodians"] = custodians(&site, &[json!(2), json!(2), json!(1)]);
    site.init("main").await.assert_status(0);
    let bundles = stored(&site).iter().filter(|path| path.ends_with(".1.age")).count();
    assert_eq!(bundles, 3);
    let _daemon = site.daemon().await;
    killed_and_open_again(&mut server).await;
}

#[tokio::test]
async fn with_two_shares_in_other_hands_the_daemon_says_what_it_lacks() {
    let (mut server, mut site) = fresh(Product::Vault, Storage::File).await;
    let mut all = custodians(&site, &[json!(2), json!(2), json!(1)]);
    // The operator's and the cluster's key stand for people elsewhere.
    for custodian in ["c1", "c2"] {
        let others = ["operator", "cluster"].map(|key| {
            let text = std::fs::read_to_string(site.folder().join(format!("keys/{key}.agekey"))).expect("a key file");
            let line = text.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("a public key");
            (key.to_owned(), Value::from(line))
        });
        all[custodian]["recipients"] = Value::Object(others.into_iter().collect());
    }
    site.settings["custodians"] = all;
    site.init("main").await.assert_status(0);
    assert!(server.api().open().await, "init has all shares for that minute");
    let daemon = site.daemon().await;
    server.kill();
    server.start_again().await;
    let status = daemon.until(super::LIMIT, "the lack to be named", is("shares-missing")).await;
    assert!(status.to_string().contains("2 of 3 shares"), "{status}");
    assert!(server.api().sealed().await);
}

#[tokio::test]
async fn custody_that_does_not_fit_is_refused_before_anything_is_sent() {
    let (server, mut site) = fresh(Product::Vault, Storage::Inmem).await;
    let init = ["init", "--shares", "5", "--threshold", "3", "--discard-root-token"];

    site.settings["custodians"] = custodians(&site, &[json!(3), json!(2)]);
    refused(&site, &init, 3, "custody").await;
    site.settings["custodians"] = custodians(&site, &[json!(2), json!(2)]);
    refused(&site, &init, 3, "custody").await;
    // One share for two, one that does not exist, one for nobody, and a threshold by number.
    for numbers in [
        json!([[1, 2], [2, 4], [5]]),
        json!([[1, 2], [3, 4], [6]]),
        json!([[1, 2], [3, 4]]),
        json!([[1, 2, 3], [4, 5]]),
    ] {
        site.settings["custodians"] = custodians(&site, numbers.as_array().expect("a list"));
        refused(&site, &init, 3, "custody").await;
    }
    site.settings["custodians"] = custodians(&site, &[json!(2), json!(2), json!(1)]);
    site.settings["custodians"]["c1"]["store"] = site.settings["store"].clone();
    refused(&site, &init, 2, "settings").await;

    assert_eq!(stored(&site), Vec::<String>::new());
    assert_eq!(server.api().health().await, 501);
}
