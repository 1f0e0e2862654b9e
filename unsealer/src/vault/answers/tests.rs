use super::*;

const WRONG_KEY: &str = r#"{"errors":["unable to retrieve stored keys: invalid key: failed to decrypt keys from storage: error decrypting seal wrapped value\nerror decrypting using seal shamir: cipher: message authentication failed"]}"#;

fn counted(progress: u8) -> ShareAnswer {
    ShareAnswer::Counted { progress, nonce: "a-1".to_owned() }
}

#[test]
fn every_answer_to_a_share_has_its_meaning() {
    use ShareAnswer::{Busy, Pending, Rejected, RejectedByKeyring, Unsealed};
    let cases: [(u16, &str, bool, Judged<ShareAnswer>); 15] = [
        (200, r#"{"sealed":true,"t":3,"n":5,"progress":1,"nonce":"a-1"}"#, false, Ok(counted(1))),
        (200, r#"{"sealed":true,"t":3,"n":5,"progress":2,"nonce":"a-1","new":{}}"#, true, Ok(counted(2))),
        (200, r#"{"sealed":false,"progress":0,"nonce":""}"#, true, Ok(Unsealed)),
        (200, r#"{"sealed":false,"progress":null}"#, false, Ok(Unsealed)),
        (200, r#"{"sealed":true,"progress":0,"nonce":""}"#, true, Ok(Pending)),
        (400, WRONG_KEY, true, Ok(Rejected)),
        (400, r#"{"errors":["duplicate part detected"]}"#, true, Ok(Rejected)),
        (400, r#"{"errors":["Unseal failed, invalid key"]}"#, true, Ok(RejectedByKeyring)),
        (400, r#"{"errors":["unseal failed, invalid key"]}"#, true, Ok(RejectedByKeyring)),
        (400, r#"{"errors":["key is shorter than minimum 16 bytes"]}"#, false, Err(VaultErrorKind::Rejected)),
        (500, r#"{"errors":["failed to create cipher: crypto/aes: invalid key size 0"]}"#, true, Ok(Busy)),
        (500, r#"{"errors":["no space left on device"]}"#, true, Err(VaultErrorKind::Fault)),
        (503, r#"{"errors":["Vault is sealed"]}"#, true, Err(VaultErrorKind::NotReady)),
        (200, "<html>", true, Err(VaultErrorKind::Malformed)),
        (200, "{}", true, Err(VaultErrorKind::Malformed)),
    ];
    for (status, body, last, expected) in cases {
        assert_eq!(share_answer(status, body.as_bytes(), last), expected, "{status} {body} {last}");
    }
}

#[test]
fn seal_status_tells_the_products_apart_and_bears_absent_and_unknown_fields() {
    let vault = seal_status(
        200,
        br#"{"type":"shamir","initialized":false,"sealed":true,"t":0,"n":0,"progress":0,"nonce":"","version":"1.21.4","build_date":"x","migration":false,"recovery_seal":false,"storage_type":"raft","removed_from_cluster":false,"later":[1]}"#,
    )
    .unwrap();
    assert_eq!((vault.product, vault.threshold, vault.storage_type.as_deref()), (Product::Vault, 0, Some("raft")));
    let bao = seal_status(
        200,
        br#"{"type":"shamir","initialized":true,"sealed":false,"t":3,"n":5,"commit_date":"x","cluster_id":"c"}"#,
    )
    .unwrap();
    assert_eq!((bao.product, bao.threshold, bao.cluster_id.as_deref()), (Product::OpenBao, 3, Some("c")));
    assert_eq!(seal_status(200, br#"{"initialized":true,"sealed":true}"#).unwrap().product, Product::Unknown);
}

#[test]
fn a_body_that_does_not_say_whether_it_is_sealed_is_no_seal_status() {
    for body in [&b"{}"[..], br#"{"initialized":true}"#, br#"{"initialized":true,"sealed":true,"t":999}"#, b"[]", b""] {
        assert_eq!(seal_status(200, body), Err(VaultErrorKind::Malformed));
    }
}

#[test]
fn only_the_missing_seal_configuration_counts_as_a_broken_init() {
    let broken = br#"{"errors":["core: Barrier reports initialized but no seal configuration found"]}"#;
    assert_eq!(seal_status(500, broken), Err(VaultErrorKind::BrokenInit));
    assert_eq!(seal_status(500, br#"{"errors":["i/o timeout"]}"#), Err(VaultErrorKind::Fault));
}

#[test]
fn the_answer_to_init_is_read_whole() {
    let answer = init(200, br#"{"keys":["00"],"keys_base64":["AQID","BA\u003d\u003d"],"root_token":"s.x","more":1}"#)
        .ok()
        .unwrap();
    assert_eq!(answer.shares.iter().map(|share| share.expose().to_vec()).collect::<Vec<_>>(), [vec![1, 2, 3], vec![4]]);
    assert_eq!(answer.root_token.expose(), b"s.x");
}

#[test]
fn the_refusals_of_init_are_told_apart() {
    let kind = |status, text: &str| init(status, format!("{{\"errors\":[\"{text}\"]}}").as_bytes()).err();
    assert_eq!(kind(400, "Vault is already initialized"), Some(VaultErrorKind::AlreadyInitialised));
    let state = "could not bootstrap clustered storage: cluster already has state";
    assert_eq!(kind(400, state), Some(VaultErrorKind::ClusterHasState));
    assert_eq!(kind(400, "invalid seal configuration"), Some(VaultErrorKind::Rejected));
    assert_eq!(kind(200, "x"), Some(VaultErrorKind::Malformed));
}

#[test]
fn a_rotation_is_read_flat_and_nested() {
    let flat = rotation(200, br#"{"nonce":"a-1","started":true,"t":3,"n":5,"progress":0,"verification_required":true,"pgp_fingerprints":null}"#);
    let nested = rotation(200, br#"{"request_id":"x","data":{"nonce":"a-1","started":true,"t":3,"n":5,"progress":0,"verification_required":true}}"#);
    assert!(flat.as_ref().is_ok_and(|rotation| rotation.started && rotation.verification_required && rotation.n == 5));
    assert_eq!(flat, nested);
    assert_eq!(rotation(200, br#"{"nonce":"a\"b"}"#), Err(VaultErrorKind::Malformed));
}

#[test]
fn a_leader_without_high_availability_is_active() {
    let leader = |body: &str| super::leader(200, body.as_bytes()).unwrap();
    assert!(leader(r#"{"ha_enabled":false}"#).active());
    assert!(leader(r#"{"ha_enabled":false,"is_self":false,"leader_address":""}"#).active());
    assert!(!leader(r#"{"ha_enabled":true,"is_self":false,"leader_address":""}"#).exists());
    assert_eq!(super::leader(503, b"{}"), Err(VaultErrorKind::NotReady));
}
