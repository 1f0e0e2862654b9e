//! The real S3 server really serves, and keeps to the rights of its keys.

use harness::weed::{ADMIN, NO_LIST, READ_ONLY, READ_WRITE, Weed};
use reqwest::Method;

#[tokio::test]
async fn seaweedfs_serves_and_keeps_its_objects_over_a_kill() {
    let mut weed = Weed::start().await;
    let bucket = weed.bucket(READ_WRITE);
    bucket.put("a/one", b"1").await;
    bucket.put("a/two words", b"2").await;
    assert_eq!(bucket.get("a/one").await.as_deref(), Some(&b"1"[..]));
    assert_eq!(bucket.get("a/three").await, None);
    assert_eq!(bucket.list("a/").await, ["a/one", "a/two words"]);

    weed.kill();
    weed.start_again().await;
    assert_eq!(weed.bucket(READ_ONLY).list("a/").await, ["a/one", "a/two words"]);

    let admin = weed.bucket(ADMIN);
    admin.delete_all("a/").await;
    assert_eq!(admin.list("").await, Vec::<String>::new());
}

#[tokio::test]
async fn seaweedfs_refuses_what_a_key_may_not_do() {
    let weed = Weed::start().await;
    weed.bucket(ADMIN).put("kept", b"old").await;
    let complaint = weed.bucket(READ_ONLY).try_put("kept", b"new").await.expect_err("a read-only key");
    assert!(complaint.contains("403"), "{complaint}");
    let listing = weed.bucket(NO_LIST).request(Method::GET, "", "list-type=2", &[], b"").await.expect("an answer");
    assert_eq!(listing.status, 403);
    assert_eq!(weed.bucket(READ_ONLY).get("kept").await.as_deref(), Some(&b"old"[..]));
}

#[tokio::test]
async fn seaweedfs_obeys_create_only_writes() {
    let weed = Weed::start().await;
    let bucket = weed.bucket(READ_WRITE);
    for (content, status) in [(b"first", 200), (b"later", 412)] {
        let answer = bucket.request(Method::PUT, "once", "", &[("if-none-match", "*")], content).await;
        assert_eq!(answer.expect("an answer").status, status);
    }
    assert_eq!(bucket.get("once").await.as_deref(), Some(&b"first"[..]));
}
