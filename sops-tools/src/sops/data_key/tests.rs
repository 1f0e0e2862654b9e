use super::seal::SealTo;
use super::*;
use crate::clock::System;

fn keys(identities: &[&Identities]) -> Vec<KeyId> {
    identities.iter().flat_map(|identities| identities.to_recipients()).map(KeyId::age).collect()
}

fn metadata(groups: Vec<Group>) -> Metadata {
    Metadata { groups, ..Metadata::default() }
}

#[test]
fn each_recipient_of_one_group_opens_the_key() {
    let key = DataKey::generate(&System);
    let (one, other, stranger) = (Identities::generate(), Identities::generate(), Identities::generate());
    let groups = seal(&key, &[keys(&[&one, &other])], None, &System).unwrap();
    assert!(groups[0].keys[0].enc.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
    assert!(groups[0].keys[0].enc.ends_with("-----END AGE ENCRYPTED FILE-----\n"));
    let metadata = metadata(groups);
    for identities in [&one, &other] {
        assert_eq!(recover(&metadata, identities).unwrap().expose(), key.expose());
    }
    let error = recover(&metadata, &stranger).err().unwrap().to_string();
    let [a, b, c] = [&one, &other, &stranger].map(|identities| identities.to_recipients()[0].to_string());
    let none = "sealed to none of our identities";
    assert_eq!(
        error,
        format!("the data key cannot be opened\n  {a}: {none}\n  {b}: {none}\n  tried: the identity of {c}")
    );
}

#[test]
fn labels_prove_nothing_and_armor_is_trimmed() {
    let key = DataKey::generate(&System);
    let (one, other) = (Identities::generate(), Identities::generate());
    let sealed = seal(&key, &[keys(&[&one])], None, &System).unwrap();
    let enc = format!("\n\n{}\n", sealed[0].keys[0].enc);
    let label = other.to_recipients()[0].to_string();
    let group = Group { keys: vec![SealedKey::age("age1junk", "junk".to_owned()), SealedKey::age(&label, enc)] };
    assert_eq!(recover(&metadata(vec![group]), &one).unwrap().expose(), key.expose());
}

#[test]
fn groups_need_as_many_as_the_threshold() {
    let key = DataKey::generate(&System);
    let [a, b, c] = [(); 3].map(|()| Identities::generate());
    let groups = seal(&key, &[keys(&[&a]), keys(&[&b]), keys(&[&c])], Some(2), &System).unwrap();
    let metadata = metadata(groups);
    let together = |all: &[&Identities]| {
        let text: Vec<u8> =
            all.iter().flat_map(|one| one.to_file_text(crate::clock::Timestamp::UNIX_EPOCH).to_vec()).collect();
        Identities::parse(&text, std::path::Path::new("keys")).ok().unwrap()
    };
    for pair in [[&a, &b], [&b, &c], [&c, &a]] {
        assert_eq!(recover(&metadata, &together(&pair)).unwrap().expose(), key.expose());
    }
    assert_eq!(recover(&metadata, &together(&[&a, &b, &c])).unwrap().expose(), key.expose());
    let error = recover(&metadata, &b).err().unwrap();
    assert_eq!(error.parts, Some(ShamirError::TooFew));
    assert!(error.to_string().contains("\n  group 1: not opened\n    age1"), "{error}");
    assert!(error.to_string().contains("\n  group 2: opened"), "{error}");
}

#[test]
fn keys_of_other_kinds_are_named_not_skipped() {
    let fault = |kind, name: &str| {
        let ours = Identities::generate();
        let enc =
            seal(&DataKey::generate(&System), &[keys(&[&ours])], None, &System).unwrap().remove(0).keys.remove(0).enc;
        let mut key = SealedKey::age(name, enc);
        key.id.kind = kind;
        recover(&metadata(vec![Group { keys: vec![key] }]), &Identities::generate()).err().unwrap().groups[0][0]
            .1
            .clone()
    };
    assert_eq!(fault(KeyKind::Pgp, "F"), KeyFault::OtherKind);
    assert_eq!(fault(KeyKind::Age, "ssh-ed25519 AAAA"), KeyFault::Ssh);
    assert_eq!(fault(KeyKind::Age, "age1pq1qqqq"), KeyFault::PostQuantum);
    assert_eq!(fault(KeyKind::Age, "age1yubikey1qqqq"), KeyFault::Plugin);
    let wanted = |key: KeyId| seal(&DataKey::generate(&System), &[vec![key]], None, &System).err().unwrap().to_string();
    assert!(wanted(KeyId { kind: KeyKind::Pgp, name: "F".into() }).starts_with("cannot seal to pgp F: only age"));
    assert!(wanted(KeyId::age("ssh-ed25519 AAAA")).starts_with("cannot seal to ssh-ed25519 AAAA: "));
    let secret = wanted(KeyId::age("AGE-SECRET-KEY-1HUNTER2"));
    assert!(secret.contains("secret half") && !secret.contains("HUNTER2"), "{secret}");
}

#[test]
fn what_nobody_could_open_is_not_sealed() {
    let key = DataKey::generate(&System);
    let one = Identities::generate();
    let refused = |wanted: &[Vec<KeyId>], threshold| seal(&key, wanted, threshold, &System).err().unwrap().to_string();
    assert!(refused(&[], None).starts_with("no recipients"));
    assert!(refused(&[vec![]], None).starts_with("no recipients"));
    assert!(refused(&[keys(&[&one]), vec![]], None).starts_with("group 2 is empty"));
    assert!(refused(&[keys(&[&one]), keys(&[&one])], Some(1)).starts_with("a threshold of 1 with 2 groups"));
    assert!(refused(&[keys(&[&one]), keys(&[&one])], Some(3)).starts_with("a threshold of 3 with 2 groups"));
}

#[test]
fn a_key_of_another_length_is_no_data_key() {
    let one = Identities::generate();
    for length in [0, 16, 24, 31, 33] {
        let sealed = seal_to(&SealTo::Age(one.to_recipients().remove(0)), &vec![7; length]).unwrap();
        let error = recover(&metadata(vec![Group { keys: vec![sealed] }]), &one).err().unwrap();
        assert_eq!(error.groups[0][0].1, KeyFault::NotADataKey(length));
    }
}

#[test]
fn keyrings_are_asked_one_after_the_other() {
    let key = DataKey::generate(&System);
    let (one, other) = (Identities::generate(), Identities::generate());
    let metadata = metadata(seal(&key, &[keys(&[&other])], None, &System).unwrap());
    assert_eq!(recover(&metadata, &Keyrings(&[&one, &other])).unwrap().expose(), key.expose());
    let error = recover(&metadata, &Keyrings(&[&one])).err().unwrap();
    assert_eq!((error.tried.len(), &error.groups[0][0].1), (1, &KeyFault::Age(OpenError::NoMatchingIdentity)));
}
