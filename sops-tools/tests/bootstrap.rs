//! The bootstrap secrets from nothing to another identity, as a user sees it.
#![expect(clippy::unwrap_used, reason = "a test may end where its ground breaks away")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

const PASSWORD: &str = "the-password-of-the-old-repository";
const S3_SECRET: &str = "half/of+an/S3/key";

#[derive(Debug)]
struct Seen {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }

    fn class(&self) -> (i32, String) {
        let value = self.json();
        assert_eq!(value["error"]["status"], self.status, "{value}");
        (self.status, value["error"]["class"].as_str().unwrap().to_owned())
    }
}

/// A folder with keygen's keys, values for the S3 keys, and nothing else.
struct Bed(tempfile::TempDir);

impl Bed {
    fn new() -> Self {
        let bed = Self(tempfile::tempdir().unwrap());
        assert_eq!(bed.run(&["bootstrap", "keygen", "--out", "keys"]).status, 0);
        for name in ["backup-s3", "vault-unseal-s3"] {
            bed.put(&format!("values/{name}/AWS_ACCESS_KEY_ID"), &format!("AKIA-{name}\n"));
            bed.put(&format!("values/{name}/AWS_SECRET_ACCESS_KEY"), &format!("{S3_SECRET}-{name}\n"));
        }
        bed
    }

    /// With the five secrets in `t/secrets`.
    fn made() -> Self {
        let bed = Self::new();
        let seen = bed.run(&MAKE);
        assert_eq!(seen.status, 0, "{}{}", seen.stdout, seen.stderr);
        bed
    }

    fn run(&self, arguments: &[&str]) -> Seen {
        let output = Command::new(env!("CARGO_BIN_EXE_sops-tools"))
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path().join("home"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Seen {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.exists() {
            std::fs::remove_file(&path).unwrap();
        }
        sops_tools::files::create_new(&path, text.as_bytes(), 0o600).unwrap();
    }

    fn get(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Every file below the tree with its content.
    fn tree(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.path("t")];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.insert(path.clone(), std::fs::read(path).unwrap());
                }
            }
        }
        found
    }

    /// One decrypted value of a secret.
    fn value(&self, secret: &str, key: &str) -> String {
        let file = format!("t/secrets/{secret}.sops.yaml");
        let seen =
            self.run(&["get", &file, &format!("[\"stringData\"][\"{key}\"]"), "--identity", "keys/operator.agekey"]);
        assert_eq!(seen.status, 0, "{seen:?}");
        seen.stdout
    }

    /// The public half of a key of keygen.
    fn public(&self, name: &str) -> String {
        let text = self.get(&format!("keys/{name}"));
        text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned()
    }

    fn verify(&self) -> Seen {
        self.run(&["bootstrap", "verify", "t", "--keys", "keys", "--output", "json"])
    }

    /// Words that may stand in no output but that of `show`.
    fn secrets(&self) -> Vec<String> {
        let mut all = vec![PASSWORD.to_owned(), S3_SECRET.to_owned(), "AKIA-".to_owned()];
        for name in ["cluster.agekey", "operator.agekey", "offline.agekey", "unseal/unseal.agekey", "unseal/store.key"]
        {
            let text = self.get(&format!("keys/{name}"));
            all.push(text.lines().find(|line| !line.starts_with('#')).unwrap().to_owned());
        }
        all
    }

    fn tells_no_secret(&self, seen: &Seen) {
        for secret in self.secrets() {
            assert!(!seen.stdout.contains(&secret) && !seen.stderr.contains(&secret), "{seen:?}");
        }
    }
}

const MAKE: [&str; 7] = ["bootstrap", "secrets", "t/secrets", "--keys", "keys", "--values", "values"];

fn names(tree: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<String> {
    tree.keys().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn the_five_secrets_are_made_from_nothing_and_are_sound() {
    let bed = Bed::new();
    let planned = bed.run(&[MAKE.as_slice(), &["--dry-run"]].concat());
    assert_eq!(planned.status, 0, "{planned:?}");
    assert!(
        planned.stdout.contains("would make t/secrets/.sops.yaml") && planned.stdout.ends_with("nothing was written\n")
    );
    assert!(bed.tree().is_empty());
    let seen = bed.run(&MAKE);
    assert_eq!(seen.status, 0, "{seen:?}");
    bed.tells_no_secret(&planned);
    bed.tells_no_secret(&seen);
    assert!(seen.stdout.contains("RESTIC_PASSWORD is random"), "{}", seen.stdout);
    let wanted = [
        ".sops.yaml",
        "backup-repo.sops.yaml",
        "backup-s3.sops.yaml",
        "sops-age.sops.yaml",
        "vault-unseal-age.sops.yaml",
        "vault-unseal-s3.sops.yaml",
    ];
    assert_eq!(names(&bed.tree()), wanted);
    for (path, text) in bed.tree() {
        let text = String::from_utf8(text).unwrap();
        bed.secrets().iter().for_each(|secret| assert!(!text.contains(secret), "{} holds a secret", path.display()));
    }
    assert_eq!(bed.value("backup-s3", "AWS_SECRET_ACCESS_KEY"), format!("{S3_SECRET}-backup-s3"));
    assert_eq!(bed.value("sops-age", "cluster.agekey"), bed.get("keys/cluster.agekey"));
    assert_eq!(bed.value("vault-unseal-age", "store.key"), bed.get("keys/unseal/store.key"));
    assert_eq!(bed.value("backup-repo", "RESTIC_PASSWORD").len(), 43);
    let verified = bed.verify();
    assert_eq!(verified.status, 0, "{verified:?}");
    assert_eq!(verified.json()["files"].as_array().unwrap().len(), 5);
    bed.tells_no_secret(&verified);
}

#[test]
fn what_is_there_is_kept_byte_for_byte_and_what_is_missing_is_made() {
    let bed = Bed::made();
    let before = bed.tree();
    let again = bed.run(&MAKE);
    assert_eq!(again.status, 0, "{again:?}");
    assert!(again.stdout.contains("nothing was left to do"), "{}", again.stdout);
    assert_eq!(bed.tree(), before);
    std::fs::remove_file(bed.path("t/secrets/backup-s3.sops.yaml")).unwrap();
    let seen = bed.run(&[MAKE.as_slice(), &["--output", "json"]].concat());
    assert_eq!(seen.status, 0, "{seen:?}");
    let value = seen.json();
    assert_eq!((value["made"].as_array().unwrap().len(), value["kept"].as_array().unwrap().len()), (1, 4));
    assert_eq!(value["made"][0]["secret"], "secrets/backup-s3");
    assert_eq!(bed.verify().status, 0);
    let others: Vec<_> = before.iter().filter(|(path, _)| !path.ends_with("backup-s3.sops.yaml")).collect();
    assert!(others.iter().all(|(path, text)| bed.tree().get(*path) == Some(text)));
}

#[test]
fn all_that_is_missing_or_wrong_is_told_at_once_and_nothing_is_written() {
    let bed = Bed::new();
    bed.put("values/backup-s3/AWS_SECRET_ACCESS_KEY", &format!(" {S3_SECRET}\n"));
    std::fs::remove_file(bed.path("values/vault-unseal-s3/AWS_ACCESS_KEY_ID")).unwrap();
    std::fs::remove_file(bed.path("keys/unseal/store.key")).unwrap();
    let seen = bed.run(&[MAKE.as_slice(), &["--value", "backup-repo/PASSWORD=x", "--output", "json"]].concat());
    assert_eq!(seen.class(), (2, "bootstrap-values".to_owned()));
    let causes = seen.json()["error"]["causes"].as_array().unwrap().iter().map(ToString::to_string).collect::<String>();
    for part in [
        "secrets/backup-repo has no key PASSWORD",
        "AWS_SECRET_ACCESS_KEY from values/backup-s3/AWS_SECRET_ACCESS_KEY: it begins or ends with white space",
        "secrets/vault-unseal-s3: AWS_ACCESS_KEY_ID is not given: --value vault-unseal-s3/AWS_ACCESS_KEY_ID=FILE",
        "secrets/vault-unseal-age: store.key is not given: --keys DIR with unseal/store.key",
    ] {
        assert!(causes.contains(part), "{part}: {causes}");
    }
    assert!(!causes.contains(S3_SECRET));
    assert!(bed.tree().is_empty());
    let seen = bed.run(&["bootstrap", "secrets", "t/secrets", "--only", "backup-repo", "--output", "json"]);
    assert_eq!(seen.class(), (2, "bootstrap-values".to_owned()), "without recipients nothing is made");
    assert!(bed.tree().is_empty());
}

#[test]
fn values_that_something_still_needs_are_never_replaced() {
    let bed = Bed::made();
    let before = bed.tree();
    bed.put("password", PASSWORD);
    bed.put("values/backup-s3/AWS_ACCESS_KEY_ID", "AKIA-new\n");
    let refused = |more: &[&str], part: &str| {
        let seen = bed.run(&[MAKE.as_slice(), more, &["--output", "json"]].concat());
        assert_eq!(seen.class(), (3, "bootstrap-refused".to_owned()), "{more:?}");
        assert!(seen.stdout.contains(part), "{part}: {}", seen.stdout);
        bed.tells_no_secret(&seen);
    };
    refused(&[], "give --regenerate backup-s3");
    refused(
        &["--regenerate", "backup-s3,backup-repo", "--value", "backup-repo/RESTIC_PASSWORD=password"],
        "restic key add",
    );
    refused(&["--regenerate", "sops-age,backup-s3"], "bootstrap rotate");
    std::fs::remove_dir_all(bed.path("keys/unseal")).unwrap();
    assert_eq!(bed.run(&["bootstrap", "keygen", "--out", "keys", "--only", "unseal,store-key"]).status, 0);
    refused(&["--regenerate", "vault-unseal-age,backup-s3"], "append the old lines");
    refused(&["--regenerate", "backup-s3"], "another identity or store key than --keys");
    assert_eq!(bed.tree(), before);
    let seen = bed.run(&[
        "bootstrap",
        "secrets",
        "t/secrets",
        "--values",
        "values",
        "--identity",
        "keys/operator.agekey",
        "--value",
        "backup-repo/RESTIC_PASSWORD=password",
        "--regenerate",
        "backup-s3,backup-repo",
        "--new-repository-password",
    ]);
    assert_eq!(seen.status, 0, "{seen:?}");
    assert_eq!(bed.value("backup-repo", "RESTIC_PASSWORD"), PASSWORD);
    assert_eq!(bed.value("backup-s3", "AWS_ACCESS_KEY_ID"), "AKIA-new");
    assert_eq!(bed.value("backup-s3", "AWS_SECRET_ACCESS_KEY"), format!("{S3_SECRET}-backup-s3"));
    assert_eq!(bed.verify().json()["findings"].as_array().unwrap().len(), 0);
}

#[test]
fn a_password_that_was_lost_is_not_made_up() {
    let bed = Bed::made();
    std::fs::remove_file(bed.path("t/secrets/backup-repo.sops.yaml")).unwrap();
    let before = bed.tree();
    let seen = bed.run(&[MAKE.as_slice(), &["--output", "json"]].concat());
    assert_eq!(seen.class(), (3, "bootstrap-refused".to_owned()));
    assert!(seen.stdout.contains("git log --all -- '*backup-repo.sops.yaml'"), "{}", seen.stdout);
    assert_eq!(bed.tree(), before);
    bed.put("password", PASSWORD);
    let seen = bed.run(&[MAKE.as_slice(), &["--value", "backup-repo/RESTIC_PASSWORD=password"]].concat());
    assert_eq!(seen.status, 0, "{seen:?}");
    assert_eq!(bed.value("backup-repo", "RESTIC_PASSWORD"), PASSWORD);
    std::fs::remove_file(bed.path("t/secrets/backup-repo.sops.yaml")).unwrap();
    assert_eq!(bed.run(&[MAKE.as_slice(), &["--new-repository-password"]].concat()).status, 0);
    assert_eq!(bed.value("backup-repo", "RESTIC_PASSWORD").len(), 43);
}

#[test]
fn a_file_that_does_not_pass_is_never_written_over() {
    let bed = Bed::made();
    let path = "t/secrets/backup-s3.sops.yaml";
    bed.put(path, &bed.get(path).replace("type: Opaque", "type: Opaque2"));
    let before = bed.tree();
    for more in [&[][..], &["--regenerate", "backup-s3"]] {
        let seen = bed.run(&[MAKE.as_slice(), more, &["--output", "json"]].concat());
        assert_eq!(seen.class(), (3, "bootstrap-refused".to_owned()));
        assert!(seen.stdout.contains("nothing is written over it"), "{}", seen.stdout);
    }
    assert_eq!(bed.tree(), before);
    let verified = bed.verify();
    assert_eq!(verified.class(), (6, "bootstrap-damaged".to_owned()));
    let shown = bed.run(&["bootstrap", "show", "--from", "t", "--keys", "keys", "--output", "json"]);
    assert_eq!(shown.class(), (6, "bootstrap-damaged".to_owned()));
    bed.tells_no_secret(&shown);
}

#[test]
fn a_rule_that_is_there_is_followed_and_one_that_does_not_fit_is_refused() {
    let bed = Bed::new();
    let recipient = |name: &str| {
        let text = bed.get(&format!("keys/{name}"));
        text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned()
    };
    let (cluster, operator, offline) =
        (recipient("cluster.agekey"), recipient("operator.agekey"), recipient("offline.agekey"));
    bed.put("t/.sops.yaml", &format!("creation_rules: [{{age: {operator}}}]\n"));
    let seen = bed.run(&[MAKE.as_slice(), &["--output", "json"]].concat());
    assert_eq!(seen.class(), (3, "bootstrap-refused".to_owned()));
    assert!(
        seen.stdout.contains("does not name the cluster's recipient")
            && seen.stdout.contains("just data and stringData")
    );
    bed.put(
        "t/.sops.yaml",
        &format!("creation_rules:\n  - encrypted_regex: ^(data|stringData)$\n    mac_only_encrypted: true\n    age: [{cluster}, {operator}, {offline}]\n"),
    );
    let before = bed.get("t/.sops.yaml");
    let seen = bed.run(&MAKE);
    assert_eq!(seen.status, 0, "{seen:?}");
    assert_eq!(bed.get("t/.sops.yaml"), before);
    assert!(!bed.path("t/secrets/.sops.yaml").exists());
    let file = bed.get("t/secrets/backup-s3.sops.yaml");
    assert!(file.contains(&offline) && file.contains("mac_only_encrypted: true"), "{file}");
    assert_eq!(bed.verify().status, 0);
}

#[test]
fn show_gives_out_everything_verified_and_to_no_terminal() {
    let bed = Bed::made();
    let shown = bed.run(&["bootstrap", "show", "--from", "t", "--identity", "keys/operator.agekey"]);
    assert_eq!(shown.status, 0, "{shown:?}");
    assert_eq!(shown.stdout.matches("kind: Secret\n").count(), 5);
    assert_eq!(shown.stdout.matches("---\n").count(), 5);
    assert!(shown.stdout.contains(&format!("{S3_SECRET}-backup-s3")) && !shown.stdout.contains("sops:"));
    let one = bed.run(&["bootstrap", "show", "--from", "t", "--keys", "keys", "sops-age"]);
    assert!(one.stdout.contains("AGE-SECRET-KEY-1") && one.stdout.matches("kind: Secret\n").count() == 1);
    let absent =
        bed.run(&["bootstrap", "show", "--from", "t", "--keys", "keys", "vault-unseal-s3-write", "--output", "json"]);
    assert_eq!(absent.class(), (4, "bootstrap-missing".to_owned()));
    let closed = bed.run(&["bootstrap", "show", "--from", "t", "--output", "json"]);
    assert_eq!(closed.class(), (4, "bootstrap-closed".to_owned()));
    assert!(closed.stdout.contains("SOPS_AGE_KEY_FILE: not set"), "{}", closed.stdout);
}

#[test]
fn a_moved_secret_is_not_given_out_under_its_new_name() {
    let bed = Bed::made();
    let [repo, s3] = ["backup-repo", "backup-s3"].map(|name| format!("t/secrets/{name}.sops.yaml"));
    let (one, other) = (bed.get(&repo), bed.get(&s3));
    bed.put(&repo, &other);
    bed.put(&s3, &one);
    let shown = bed.run(&["bootstrap", "show", "--from", "t", "--keys", "keys", "backup-s3", "--output", "json"]);
    assert!(shown.status == 3 || shown.status == 6, "{shown:?}");
    bed.tells_no_secret(&shown);
    assert_eq!(bed.verify().class(), (6, "bootstrap-damaged".to_owned()));
}

#[test]
fn the_clusters_identity_is_changed_in_phases_and_each_can_be_run_again() {
    let bed = Bed::made();
    let rotate =
        |more: &[&str]| bed.run(&[&["bootstrap", "rotate", "t", "--identity", "keys/operator.agekey"], more].concat());
    let json = |seen: &Seen| {
        assert_eq!(seen.status, 0, "{seen:?}");
        bed.tells_no_secret(seen);
        seen.json()
    };
    let nothing = json(&rotate(&["--remove-old", "--output", "json"]));
    assert_eq!((nothing["action"].as_str(), nothing["changed"].as_array().unwrap().len()), (Some("nothing"), 0));
    let before = bed.tree();
    let planned = json(&rotate(&["--dry-run", "--output", "json"]));
    assert_eq!((planned["phase"].as_str(), planned["action"].as_str()), (Some("single"), Some("add")));
    assert_eq!(planned["files"].as_array().unwrap().len(), 6, "{planned}");
    assert_eq!(bed.tree(), before);

    let added = json(&rotate(&["--output", "json"]));
    assert_eq!((added["action"].as_str(), added["key"].as_str()), (Some("add"), Some("cluster-2.agekey")));
    assert_eq!(added["changed"].as_array().unwrap().len(), 6, "{added}");
    let new = bed.value("sops-age", "cluster-2.agekey");
    assert_eq!(bed.value("sops-age", "cluster.agekey"), bed.get("keys/cluster.agekey"));
    bed.put("new.agekey", &new);
    // The cluster opens with either, and the values are sealed as they were.
    for identity in ["new.agekey", "keys/cluster.agekey"] {
        let seen = bed.run(&["decrypt", "t/secrets/backup-s3.sops.yaml", "--identity", identity]);
        assert_eq!(seen.status, 0, "{identity}: {seen:?}");
    }
    let verified = bed.verify();
    assert_eq!(verified.status, 0, "{verified:?}");
    assert!(verified.stdout.contains("\"rotation\""), "{}", verified.stdout);

    let between = bed.tree();
    let waiting = rotate(&[]);
    assert_eq!(waiting.status, 0, "{waiting:?}");
    assert!(
        waiting.stdout.contains("flux get kustomizations") && waiting.stdout.contains("--remove-old"),
        "{}",
        waiting.stdout
    );
    assert_eq!(bed.tree(), between);

    let removed = json(&rotate(&["--remove-old", "--output", "json"]));
    assert_eq!((removed["action"].as_str(), removed["changed"].as_array().unwrap().len()), (Some("remove"), 6));
    assert_eq!(removed["valuesToChange"].as_array().unwrap().len(), 5);
    assert!(removed.to_string().contains("stringData.AWS_SECRET_ACCESS_KEY"), "{removed}");
    let old = bed.run(&["decrypt", "t/secrets/backup-s3.sops.yaml", "--identity", "keys/cluster.agekey"]);
    assert_eq!(old.status, 128, "{old:?}");
    assert_eq!(bed.run(&["decrypt", "t/secrets/backup-s3.sops.yaml", "--identity", "new.agekey"]).status, 0);
    let sops_age = bed.run(&["bootstrap", "show", "--from", "t", "--identity", "keys/operator.agekey", "sops-age"]);
    assert!(sops_age.stdout.contains("cluster-2.agekey") && !sops_age.stdout.contains("cluster.agekey"));
    let lines = |text: &str| text.lines().filter(|line| line.contains("ENC[")).map(str::to_owned).collect::<Vec<_>>();
    let path = bed.path("t/secrets/backup-s3.sops.yaml");
    let (was, is) =
        (lines(std::str::from_utf8(&between[&path]).unwrap()), lines(&bed.get("t/secrets/backup-s3.sops.yaml")));
    assert!(was.iter().all(|line| !is.contains(line)), "every value is sealed with a new data key");

    let end = bed.tree();
    let again = json(&rotate(&["--remove-old", "--output", "json"]));
    assert_eq!(again["action"], "nothing");
    assert_eq!(bed.tree(), end);
    let verified = bed.run(&["bootstrap", "verify", "t", "--identity", "keys/operator.agekey", "--output", "json"]);
    assert_eq!(verified.status, 0, "{verified:?}");
}

#[test]
fn files_elsewhere_in_the_tree_change_as_well() {
    let bed = Bed::made();
    git(&bed, &["init", "-q"]);
    bed.put("t/apps/.sops.yaml", &bed.get("t/secrets/.sops.yaml"));
    bed.put("t/apps/app.sops.yaml", "kind: Secret\nmetadata: {name: app}\nstringData: {token: hidden}\n");
    let seen = bed.run(&["encrypt", "--in-place", "t/apps/app.sops.yaml", "--config", "t/apps/.sops.yaml"]);
    assert_eq!(seen.status, 0, "{seen:?}");
    let seen = bed.run(&["bootstrap", "rotate", "t/secrets", "--keys", "keys", "--output", "json"]);
    assert_eq!(seen.status, 0, "{seen:?}");
    assert_eq!(seen.json()["changed"].as_array().unwrap().len(), 8, "{}", seen.stdout);
    let new = seen.json()["recipient"].as_str().unwrap().to_owned();
    assert!(bed.get("t/apps/app.sops.yaml").contains(&new) && bed.get("t/apps/.sops.yaml").contains(&new));
}

#[test]
fn a_sealed_file_within_a_plain_secret_changes_as_well() {
    use base64::Engine as _;
    let bed = Bed::made();
    bed.put("t/secrets/inner.sops.yaml", "token: hidden\n");
    let rules = bed.get("t/secrets/.sops.yaml").replace("    encrypted_regex: ^(data|stringData)$\n", "");
    bed.put("all.yaml", &rules);
    assert_eq!(bed.run(&["encrypt", "--in-place", "t/secrets/inner.sops.yaml", "--config", "all.yaml"]).status, 0);
    let inner = base64::prelude::BASE64_STANDARD.encode(bed.get("t/secrets/inner.sops.yaml"));
    std::fs::remove_file(bed.path("t/secrets/inner.sops.yaml")).unwrap();
    let name = "t/secrets/outer.sops.yaml";
    bed.put(name, &format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: outer}}\ndata:\n  values.yaml: {inner}\n"));
    let seen = bed.run(&["bootstrap", "rotate", "t", "--keys", "keys", "--output", "json"]);
    assert_eq!(seen.status, 0, "{seen:?}");
    let new = seen.json()["recipient"].as_str().unwrap().to_owned();
    let field =
        bed.get(name).lines().find_map(|line| line.trim().strip_prefix("values.yaml: ").map(str::to_owned)).unwrap();
    let field = String::from_utf8(base64::prelude::BASE64_STANDARD.decode(field).unwrap()).unwrap();
    assert!(field.contains(&new), "{field}");
    let seen = bed.run(&["bootstrap", "rotate", "t", "--keys", "keys", "--remove-old", "--output", "json"]);
    assert_eq!(seen.status, 0, "{seen:?}");
    assert!(seen.stdout.contains("outer.sops.yaml (data.values.yaml)"), "{}", seen.stdout);
}

#[test]
fn a_stranger_among_the_recipients_stops_a_rotation() {
    let bed = Bed::made();
    let path = "t/secrets/backup-s3.sops.yaml";
    let operator = bed.get("keys/operator.agekey");
    let operator = operator.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    let offline = bed.get("keys/offline.agekey");
    let offline = offline.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    bed.put(path, &bed.get(path).replace(operator, offline));
    let before = bed.tree();
    let seen = bed.run(&["bootstrap", "rotate", "t", "--keys", "keys", "--output", "json"]);
    assert_eq!(seen.class(), (3, "rotation-unclear".to_owned()));
    assert!(seen.stdout.contains(&format!("not in the rule: {offline}")), "{}", seen.stdout);
    assert_eq!(bed.tree(), before);
}

#[test]
fn a_configuration_written_in_an_odd_way_is_changed_by_a_person_and_the_command_goes_on() {
    let bed = Bed::made();
    let recipient = |name: &str| {
        let text = bed.get(&format!("keys/{name}"));
        text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned()
    };
    let (cluster, operator) = (recipient("cluster.agekey"), recipient("operator.agekey"));
    // The same text as far as YAML goes, and not found by its letters.
    let odd = |recipient: &str| format!("\"\\x61{}\"", &recipient[1..]);
    let rules = |names: &[&str]| {
        let names = names.iter().map(|name| odd(name)).collect::<Vec<_>>().join(", ");
        format!("creation_rules:\n  - encrypted_regex: ^(data|stringData)$\n    age: [{names}]\n")
    };
    bed.put("t/secrets/.sops.yaml", &rules(&[&cluster, &operator]));
    let rotate =
        |more: &[&str]| bed.run(&[&["bootstrap", "rotate", "t", "--keys", "keys", "--output", "json"], more].concat());
    let seen = rotate(&[]);
    assert_eq!(seen.class(), (3, "rotation-config".to_owned()));
    let hint = seen.json()["error"]["hint"].as_str().unwrap().to_owned();
    let new = hint.split_whitespace().find(|word| word.starts_with("age1")).unwrap().to_owned();
    assert!(bed.value("sops-age", "cluster-2.agekey").contains(&new), "the new identity is kept first");
    let too_early = rotate(&["--remove-old"]);
    assert_eq!(too_early.class(), (3, "rotation-too-early".to_owned()));
    bed.put("t/secrets/.sops.yaml", &rules(&[&cluster, &operator, &new]));
    let seen = rotate(&[]);
    assert_eq!(seen.status, 0, "{seen:?}");
    assert_eq!(seen.json()["action"], "go-on");
    assert_eq!(bed.verify().status, 0);
    assert_eq!(rotate(&["--remove-old"]).class(), (3, "rotation-config".to_owned()));
    bed.put("t/secrets/.sops.yaml", &rules(&[&new, &operator]));
    assert_eq!(rotate(&[]).class(), (3, "rotation-too-late".to_owned()));
    let seen = rotate(&["--remove-old"]);
    assert_eq!(seen.status, 0, "{seen:?}");
    assert!(!bed.get("t/secrets/backup-s3.sops.yaml").contains(&cluster));
}

#[test]
fn a_file_that_cannot_be_read_and_may_be_sealed_to_the_identity_stops_a_rotation() {
    let bed = Bed::made();
    let broken = bed.get("t/secrets/backup-s3.sops.yaml").replace("stringData:\n", "stringData: [\n");
    bed.put("t/elsewhere/broken.yaml", &broken);
    let before = bed.tree();
    let seen = bed.run(&["bootstrap", "rotate", "t", "--keys", "keys", "--output", "json"]);
    assert_eq!(seen.class(), (3, "rotation-not-made".to_owned()));
    assert!(seen.stdout.contains("elsewhere/broken.yaml"), "{}", seen.stdout);
    assert_eq!(bed.tree(), before);
    // One that names nobody of ours is none of ours.
    bed.put("t/elsewhere/broken.yaml", "sops: [\nENC[AES256_GCM,\n");
    assert_eq!(bed.run(&["bootstrap", "rotate", "t", "--keys", "keys"]).status, 0);
}

#[test]
fn without_the_operators_identity_nothing_is_changed() {
    let bed = Bed::made();
    let before = bed.tree();
    let seen = bed.run(&["bootstrap", "rotate", "t", "--output", "json"]);
    assert_eq!(seen.class(), (4, "bootstrap-closed".to_owned()));
    // The cluster's old identity opens the files now, and would open none of them afterwards.
    assert_eq!(bed.run(&["bootstrap", "rotate", "t", "--identity", "keys/cluster.agekey"]).status, 0);
    let between = bed.tree();
    assert_ne!(between, before);
    let seen =
        bed.run(&["bootstrap", "rotate", "t", "--remove-old", "--identity", "keys/cluster.agekey", "--output", "json"]);
    assert_eq!(seen.class(), (3, "rotation-not-made".to_owned()));
    assert_eq!(bed.tree(), between);
}

#[test]
fn the_help_of_each_command_has_examples() {
    let bed = Bed(tempfile::tempdir().unwrap());
    for command in ["secrets", "verify", "show", "rotate"] {
        let seen = bed.run(&["bootstrap", command, "--help"]);
        assert_eq!(seen.status, 0);
        assert!(seen.stdout.contains(&format!("Examples:\n  sops-tools bootstrap {command} ")), "{}", seen.stdout);
    }
}

impl Bed {
    /// Runs the program and kills it after so many milliseconds, if it still runs.
    fn killed(&self, arguments: &[&str], after: u64) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sops-tools"))
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path().join("home"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(after));
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().unwrap();
    }

    /// Every file that is there is whole: what is wrong, if anything, is that some are not there or not changed yet.
    fn is_whole(&self) {
        let seen = self.run(&["bootstrap", "verify", "t", "--identity", "keys/operator.agekey", "--output", "json"]);
        assert_ne!(seen.status, 6, "{seen:?}");
    }
}

#[test]
fn killed_at_any_moment_every_file_is_whole_and_the_same_command_goes_on() {
    for after in [1, 20, 50, 90, 140] {
        let bed = Bed::new();
        bed.killed(&MAKE, after);
        if bed.path("t").exists() {
            bed.is_whole();
        }
        let seen = bed.run(&MAKE);
        assert_eq!(seen.status, 0, "after {after} ms: {seen:?}");
        assert_eq!(bed.verify().status, 0);
        let rotate = ["bootstrap", "rotate", "t", "--identity", "keys/operator.agekey"];
        let remove = [rotate.as_slice(), &["--remove-old"]].concat();
        for command in [rotate.as_slice(), &remove] {
            bed.killed(command, after);
            bed.is_whole();
            let seen = bed.run(command);
            assert_eq!(seen.status, 0, "{command:?} after {after} ms: {seen:?}");
        }
        let verified = bed.run(&["bootstrap", "verify", "t", "--identity", "keys/operator.agekey", "--output", "json"]);
        assert_eq!(verified.status, 0, "after {after} ms: {verified:?}");
        assert!(!bed.get("t/secrets/backup-s3.sops.yaml").contains(&bed.public("cluster.agekey")), "after {after} ms");
        let left: Vec<String> = names(&bed.tree()).into_iter().filter(|name| !name.ends_with(".sops.yaml")).collect();
        assert_eq!(left, Vec::<String>::new(), "after {after} ms");
    }
}

#[test]
fn what_a_killed_run_left_without_its_name_is_no_finding_and_goes_away() {
    let bed = Bed::new();
    let left = "t/secrets/.sops-age.sops.yaml.0123abcd.tmp";
    bed.put(left, "stringData: {a: ENC[AES256_GCM,data:x]}\nsops: {");
    bed.put("t/secrets/.other.0123abcd.tmp", "somebody else's");
    assert_eq!(bed.run(&MAKE).status, 0);
    assert!(!bed.path(left).exists() && bed.path("t/secrets/.other.0123abcd.tmp").exists());
    assert_eq!(bed.verify().status, 0);
}

#[test]
fn what_could_not_be_written_is_told_and_the_same_command_goes_on() {
    let bed = Bed::new();
    bed.put("t", "in the way\n");
    let seen = bed.run(&[MAKE.as_slice(), &["--output", "json"]].concat());
    assert_eq!(seen.class(), (5, "bootstrap-partly".to_owned()));
    assert!(seen.stdout.contains("written before it, each whole: nothing"), "{}", seen.stdout);
    std::fs::remove_file(bed.path("t")).unwrap();
    assert_eq!(bed.run(&MAKE).status, 0);
    let seen = bed.run(&[MAKE.as_slice(), &["--config", "nowhere.yaml", "--output", "json"]].concat());
    assert_eq!(seen.class(), (3, "bootstrap-refused".to_owned()));
    assert!(!bed.path("nowhere.yaml").exists());
}

#[test]
fn a_folder_that_is_not_there_is_absent() {
    let bed = Bed(tempfile::tempdir().unwrap());
    let seen = bed.run(&["bootstrap", "verify", "nowhere", "--output", "json"]);
    assert_eq!(seen.class(), (4, "bootstrap-unreadable".to_owned()));
    std::fs::create_dir(bed.path("t")).unwrap();
    let seen = bed.run(&["bootstrap", "verify", "t", "--output", "json"]);
    assert_eq!(seen.class(), (4, "bootstrap-absent".to_owned()));
    assert_eq!(seen.json()["findings"].as_array().unwrap().len(), 5);
    let seen = bed.run(&["bootstrap", "verify", "t", "--keys", "nowhere", "--output", "json"]);
    assert_eq!(seen.class(), (2, "identity-file".to_owned()));
    assert!(Path::new(&bed.path("t")).exists());
}

fn git(bed: &Bed, words: &[&str]) {
    let done = Command::new("git")
        .args(["-C", "t", "-c", "user.name=x", "-c", "user.email=x@example.net"])
        .args(words)
        .current_dir(bed.0.path())
        .env("HOME", bed.path("home"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn what_no_commit_would_hold_is_no_backup() {
    let bed = Bed::made();
    git(&bed, &["init", "-q"]);
    let seen = bed.verify();
    assert_eq!(seen.status, 0, "{seen:?}");
    assert!(seen.stdout.contains("\"not-committed\""), "{}", seen.stdout);
    git(&bed, &["add", "."]);
    assert!(!bed.verify().stdout.contains("not-committed"));
    git(&bed, &["rm", "-q", "--cached", "secrets/backup-s3.sops.yaml"]);
    bed.put("t/secrets/.gitignore", "*.sops.yaml\n");
    let seen = bed.verify();
    assert_eq!(seen.status, 3, "{seen:?}");
    assert!(seen.stdout.matches("\"ignored\"").count() == 1, "those that are tracked are held: {}", seen.stdout);
}

#[test]
fn the_old_identity_goes_only_after_a_commit_has_the_new_one() {
    let bed = Bed::made();
    git(&bed, &["init", "-q"]);
    git(&bed, &["add", "."]);
    git(&bed, &["commit", "-q", "-m", "one"]);
    let rotate =
        |more: &[&str]| bed.run(&[&["bootstrap", "rotate", "t", "--identity", "keys/operator.agekey"], more].concat());
    assert_eq!(rotate(&[]).status, 0);
    let before = bed.tree();
    let early = rotate(&["--remove-old", "--output", "json"]);
    assert_eq!(early.class(), (3, "rotation-too-early".to_owned()), "{early:?}");
    assert_eq!(bed.tree(), before);
    git(&bed, &["add", "."]);
    assert_eq!(rotate(&["--remove-old"]).status, 3, "it is staged, and in no commit");
    git(&bed, &["commit", "-q", "-m", "two"]);
    let removed = rotate(&["--remove-old"]);
    assert_eq!(removed.status, 0, "{removed:?}");
}

#[test]
fn what_flux_ignores_or_the_api_server_refuses_is_found() {
    let bed = Bed::made();
    let name = "t/secrets/backup-repo.sops.yaml";
    let good = bed.get(name);
    let plain = bed.run(&["decrypt", name, "--identity", "keys/operator.agekey"]).stdout;
    for (from, to, class) in [
        ("apiVersion: v1", "apiVersion: v2", "not-a-secret"),
        ("apiVersion: v1\n", "", "not-a-secret"),
        ("type: Opaque", "type: kubernetes.io/tls", "not-a-secret"),
        ("kind: Secret\n", "kind: Secret\nspec: {a: b}\n", "not-a-secret"),
        ("RESTIC_PASSWORD:", "\"A KEY\": x\n  RESTIC_PASSWORD:", "not-a-secret"),
        ("kustomize.toolkit.fluxcd.io/substitute", "kustomize.toolkit.fluxcd.io/reconcile", "reconcile-disabled"),
    ] {
        let indent = plain.lines().find(|line| line.trim_start().starts_with("name:")).unwrap();
        let indent = &indent[..indent.len() - indent.trim_start().len()];
        let changed = plain.replacen(from, &to.replace("\n  ", &format!("\n{indent}")), 1);
        assert_ne!(changed, plain, "{from}");
        bed.put(name, &changed);
        let sealed = bed.run(&["encrypt", "--in-place", name, "--config", "t/secrets/.sops.yaml"]);
        assert_eq!(sealed.status, 0, "{from}: {sealed:?}");
        let seen = bed.verify();
        assert!(seen.status != 0 && seen.stdout.contains(&format!("\"{class}\"")), "{from}: {seen:?}");
        bed.put(name, &good);
    }
}
