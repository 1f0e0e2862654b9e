use super::*;
use crate::clock::{Clock as _, System};
use crate::custody::Identities;
use crate::sops::file::{Recipe, SopsFile, encrypt};
use crate::sops::formats::Format;
use crate::sops::metadata::KeyId;
use crate::sops::rules::{Rule, RuleField};

const NAME: SecretName<'_> = SecretName { namespace: "secrets", name: "backup-repo" };
const ANY: ExpectedKeys<'_> = ExpectedKeys::AtLeast(&[]);

const HEAD: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n    name: backup-repo\n    namespace: secrets\n";

fn seal(plain: &str) -> (Identities, Vec<u8>) {
    let ours = Identities::generate();
    let keys = ours.to_recipients().iter().map(KeyId::age).collect();
    let rule = Rule::of(RuleField::EncryptedRegex, "^(data|stringData)$").unwrap();
    let recipe = Recipe { rule, ..Recipe::to(vec![keys]) };
    let sealed = encrypt(Format::Yaml, plain.as_bytes(), &recipe, System.now(), &System).unwrap();
    (ours, sealed)
}

fn open(plain: &str) -> OpenFile {
    let (ours, sealed) = seal(plain);
    SopsFile::parse(Format::Yaml, &sealed).unwrap().unlock(&ours).ok().unwrap().verified().ok().unwrap()
}

fn fault(body: &str, expected: ExpectedKeys<'_>, key: &str) -> String {
    secret_value(&open(&format!("{HEAD}{body}")), NAME, expected, key).err().unwrap().to_string()
}

#[test]
fn values_of_both_sections_are_given_out() {
    let file = open(&format!("{HEAD}data:\n    a: aGVsbG8=\nstringData:\n    b: hunter2\n"));
    let secret = Secret::of(&file, NAME, ExpectedKeys::Exactly(&["b", "a"])).ok().unwrap();
    assert_eq!(secret.value("a").unwrap().expose(), b"hello");
    assert_eq!(secret.value("b").unwrap().expose(), b"hunter2");
}

#[test]
fn another_secret_is_not_taken_for_the_one_meant() {
    let body = "stringData:\n    a: x\n";
    let refused = |plain: &str| secret_value(&open(plain), NAME, ANY, "a").err().unwrap().to_string();
    assert_eq!(
        refused(&format!("{HEAD}{body}").replace("namespace: secrets", "namespace: other")),
        "the file holds no Secret secrets/backup-repo; it holds other/backup-repo"
    );
    assert!(refused(&format!("{HEAD}{body}").replace("kind: Secret", "kind: ConfigMap")).ends_with("no Secret at all"));
    assert!(refused(&format!("{HEAD}{body}---\n{HEAD}{body}")).contains("more than once"));
}

#[test]
fn the_keys_are_those_expected() {
    let body = "stringData:\n    a: x\n    b: y\n";
    assert!(fault(body, ExpectedKeys::Exactly(&["a"]), "a").contains("\"b\" that does not belong there"));
    assert!(fault(body, ExpectedKeys::AtLeast(&["c"]), "a").contains("has no key \"c\""));
    assert!(fault(body, ANY, "z").contains("has no key \"z\""));
    assert!(fault("data:\n    a: eA==\nstringData:\n    a: x\n", ANY, "a").contains("stands twice"));
}

#[test]
fn only_text_that_is_not_empty_is_a_value() {
    assert!(fault("stringData:\n    a: \"\"\n", ANY, "a").contains("is empty"));
    assert!(fault("data:\n    a: \"\"\n", ANY, "a").contains("is empty"));
    assert!(fault("stringData:\n    a: 5\n", ANY, "a").contains("is not text"));
    assert!(fault("stringData:\n    a: null\n", ANY, "a").contains("is not text"));
    assert!(fault("stringData:\n    a: {}\n", ANY, "a").contains("is not text"));
    assert!(fault("data:\n    a: hunter2!\n", ANY, "a").contains("is not base64"));
    assert!(!fault("data:\n    a: hunter2!\n", ANY, "a").contains("hunter"));
}

#[test]
fn a_setting_opens_one_value_in_memory() {
    let (ours, sealed) = seal(&format!("{HEAD}stringData:\n    RESTIC_PASSWORD: hunter2\n"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("repo.sops.yaml");
    crate::files::create_new(&path, &sealed, 0o600).unwrap();
    let setting = |key: &str| Reference::parse(&format!("{}#/stringData/{key}", path.display())).unwrap();
    assert_eq!(setting("RESTIC_PASSWORD").open(&ours).unwrap().expose(), b"hunter2");
    let key_file = directory.path().join("age.agekey");
    crate::files::create_new(&key_file, &ours.to_file_text(System.now()), 0o600).unwrap();
    assert_eq!(setting("RESTIC_PASSWORD").open_with(&[&key_file]).unwrap().expose(), b"hunter2");
    assert!(matches!(setting("RESTIC_PASSWORD").open_with(&[&path]), Err(ReferenceError::Identities(_))));
    assert!(setting("OTHER").open(&ours).err().unwrap().to_string().contains("has no key \"OTHER\""));
    let stranger = setting("RESTIC_PASSWORD").open(&Identities::generate()).err().unwrap().to_string();
    assert!(stranger.contains("repo.sops.yaml: the data key cannot be opened"), "{stranger}");
    let gone = Reference::parse("/nowhere/x.sops.yaml#/data/a").unwrap();
    assert!(matches!(gone.open(&ours), Err(ReferenceError::Unreadable(_))));
}

#[test]
fn a_setting_of_two_secrets_is_refused() {
    let body = "stringData:\n    a: x\n";
    let (ours, sealed) = seal(&format!("{HEAD}{body}---\n{HEAD}{body}"));
    let reference = Reference::parse("x.yaml#/stringData/a").unwrap();
    assert!(matches!(reference.open_bytes(&sealed, &ours), Err(ReferenceError::NotOne { count: 2, .. })));
}

#[test]
fn places_are_told_from_files() {
    assert!(Reference::is_one("a.sops.yaml#/stringData/K") && !Reference::is_one("/etc/key"));
    let place = Reference::parse("dir/a#b.sops.yaml#/data/K.x").unwrap();
    assert_eq!(
        (place.path.to_str(), place.section, place.key.as_str()),
        (Some("dir/a#b.sops.yaml"), Section::Data, "K.x")
    );
    for text in ["", "a", "#/data/a", "a#/data", "a#/data/", "a#/spec/a", "a#/data/a/b", "a#/data/a b"] {
        assert!(Reference::parse(text).is_err(), "{text}");
    }
}
