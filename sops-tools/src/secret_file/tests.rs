use super::*;
use crate::clock::{Clock as _, System};
use crate::custody::Identities;
use crate::files::{create_new, replace};
use crate::sops::file::{Recipe, encrypt};
use crate::sops::formats::Format;
use crate::sops::metadata::KeyId;
use crate::sops::rules::{Rule, RuleField};

struct Site {
    folder: tempfile::TempDir,
    identity: PathBuf,
}

/// A folder with a SOPS file `s.sops.yaml` and the identity that opens it.
fn site(body: &str) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let identity = folder.path().join("age.agekey");
    let ours = Identities::generate();
    create_new(&identity, &ours.to_file_text(System.now()), 0o600).unwrap();
    let keys = ours.to_recipients().iter().map(KeyId::age).collect();
    let rule = Rule::of(RuleField::EncryptedRegex, "^(data|stringData)$").unwrap();
    let recipe = Recipe { rule, ..Recipe::to(vec![keys]) };
    let plain = format!("apiVersion: v1\nkind: Secret\nmetadata:\n    name: a\n    namespace: b\n{body}");
    let sealed = encrypt(Format::Yaml, plain.as_bytes(), &recipe, System.now(), &System).unwrap();
    create_new(&folder.path().join("s.sops.yaml"), &sealed, 0o600).unwrap();
    Site { folder, identity }
}

impl Site {
    fn secret(&self, place: &str) -> SecretFile {
        let setting = self.folder.path().join(format!("s.sops.yaml{place}"));
        SecretFile::of_setting(&setting, std::slice::from_ref(&self.identity)).unwrap()
    }

    fn fault(&self, place: &str) -> String {
        self.secret(place).read(100).map(drop).unwrap_err().to_string()
    }
}

#[test]
fn a_plain_path_is_read_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    create_new(&path, b"hunter2\n", 0o600).unwrap();
    let secret = SecretFile::of_setting(&path, &[]).unwrap();
    assert_eq!(secret.read(8).unwrap().as_slice(), b"hunter2\n");
    assert_eq!(secret.read(7).unwrap_err().file_kind(), Some(FileErrorKind::TooLarge));
    assert_eq!((secret.plain(), secret.sources()), (Some(path.as_path()), vec![path.as_path()]));
}

#[test]
fn a_place_is_opened_in_memory_each_time() {
    let site = site("stringData:\n    one: hunter2\ndata:\n    two: aHVudGVyMw==\n");
    let secret = site.secret("#/stringData/one");
    assert_eq!(secret.read(7).unwrap().as_slice(), b"hunter2");
    assert_eq!(site.secret("#/data/two").read(7).unwrap().as_slice(), b"hunter3");
    assert_eq!(secret.sources(), [site.folder.path().join("s.sops.yaml").as_path(), site.identity.as_path()]);
    assert_eq!(secret.plain(), None);
    replace(&site.identity, &Identities::generate().to_file_text(System.now()), 0o600).unwrap();
    assert!(secret.read(7).is_err(), "nothing is kept");
}

#[test]
fn the_limit_holds_for_the_value_not_for_the_file() {
    let site = site(&format!("stringData:\n    one: hunter2\n    other: {}\n", "x".repeat(5000)));
    assert!(site.secret("#/stringData/one").read(7).is_ok());
    let error = site.secret("#/stringData/one").read(6).map(drop).unwrap_err().to_string();
    assert!(error.ends_with("s.sops.yaml#/stringData/one: the value is larger than 6 bytes"), "{error}");
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_never_with_a_value() {
    let site = site("stringData:\n    one: hunter2\n    none: \"\"\n");
    assert!(site.fault("#/stringData/two").contains("the Secret b/a has no key \"two\""));
    let elsewhere = site.fault("#/data/one");
    assert!(elsewhere.contains("under stringData") && elsewhere.contains("#/stringData/one"), "{elsewhere}");
    assert!(site.fault("#/stringData/none").contains("is empty"));
    let path = site.folder.path().join("s.sops.yaml");
    let sealed = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
    let renamed = sealed.replace("name: a\n", "name: c\n");
    replace(&path, renamed.as_bytes(), 0o600).unwrap();
    let changed = site.fault("#/stringData/one");
    assert!(changed.contains("do not fit the mac") && !changed.contains("hunter"), "{changed}");
}

#[test]
fn a_setting_that_can_mean_nothing_is_a_fault_before_any_file_is_touched() {
    let identities = [PathBuf::from("/nowhere/age.agekey")];
    for setting in ["a.yaml#/spec/x", "a.yaml#/stringData", "a.yaml#/stringdata/x", "#/data/x"] {
        let fault = SecretFile::of_setting(Path::new(setting), &identities).unwrap_err();
        assert_eq!(fault, SecretFileFault::NotAPlace, "{setting}");
    }
    let fault = SecretFile::of_setting(Path::new("a.yaml#/data/x"), &[]).unwrap_err();
    assert_eq!(fault, SecretFileFault::NoIdentity);
}
