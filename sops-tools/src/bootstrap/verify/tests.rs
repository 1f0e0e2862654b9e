use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::bootstrap::catalogue::BootstrapSecret as Secret;
use crate::bootstrap::look::{Seen, Unread};
use crate::bootstrap::manifest::plain;
use crate::clock::System;
use crate::custody::{Identities, StoreKeys};
use crate::secret::Plaintext;
use crate::sops::file::{Recipe, encrypt};
use crate::sops::formats::Format;
use crate::sops::metadata::KeyId;
use crate::sops::rules::{Rule, RuleField};

const REGEX: &str = "^(data|stringData)$";

/// A folder with all that a sound cluster has, and the identities that go with it.
struct Bed {
    dir: tempfile::TempDir,
    cluster: Identities,
    operator: Identities,
    unseal: Identities,
    stranger: Identities,
}

fn text_of(identities: &Identities) -> String {
    String::from_utf8(identities.to_file_text(Timestamp::UNIX_EPOCH).to_vec()).unwrap()
}

fn copy(identities: &Identities) -> Identities {
    Identities::parse(text_of(identities).as_bytes(), Path::new("")).unwrap()
}

fn recipient(identities: &Identities) -> String {
    identities.to_recipients()[0].to_string()
}

impl Bed {
    fn new() -> Self {
        let bed = Self {
            dir: tempfile::tempdir().unwrap(),
            cluster: Identities::generate(),
            operator: Identities::generate(),
            unseal: Identities::generate(),
            stranger: Identities::generate(),
        };
        bed.config(&format!(
            "creation_rules:\n  - path_regex: \\.sops\\.ya?ml$\n    encrypted_regex: {REGEX}\n    age: {},{}\n",
            recipient(&bed.cluster),
            recipient(&bed.operator)
        ));
        bed.secret(Secret::SopsAge, &[("cluster.agekey", &text_of(&bed.cluster))]);
        bed.secret(Secret::BackupRepo, &[("RESTIC_PASSWORD", "a-long-password-of-the-repository")]);
        bed.s3(Secret::BackupS3, "AKIABACKUP");
        let store = StoreKeys::generate(&System).to_file_text();
        let store = std::str::from_utf8(&store).unwrap();
        bed.secret(Secret::VaultUnsealAge, &[("unseal.agekey", &text_of(&bed.unseal)), ("store.key", store)]);
        bed.s3(Secret::VaultUnsealS3, "AKIAUNSEAL");
        bed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        crate::files::replace(&self.path(name), text.as_bytes(), 0o600).unwrap();
    }

    fn get(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn change(&self, name: &str, from: &str, to: &str) {
        let text = self.get(name);
        assert!(text.contains(from), "{from} is not in {name}: {text}");
        self.put(name, &text.replacen(from, to, 1));
    }

    fn config(&self, text: &str) {
        self.put(".sops.yaml", text);
    }

    fn manifest(secret: Secret, values: &[(&str, &str)]) -> String {
        let values: Vec<(String, Plaintext)> =
            values.iter().map(|(key, value)| ((*key).to_owned(), Plaintext::copy_from(value.as_bytes()))).collect();
        String::from_utf8(plain(secret, &values).unwrap().to_vec()).unwrap()
    }

    /// A sealed file, as `to` and `regex` have it.
    fn seal(&self, name: &str, text: &str, to: &[&Identities], regex: &str) {
        let keys = to.iter().map(|one| KeyId::age(recipient(one))).collect();
        let rule = Rule::of(RuleField::EncryptedRegex, regex).unwrap();
        let recipe = Recipe { rule, ..Recipe::to(vec![keys]) };
        let sealed =
            encrypt(Format::Yaml, text.as_bytes(), &recipe, crate::clock::Clock::now(&System), &System).unwrap();
        self.put(name, std::str::from_utf8(&sealed).unwrap());
    }

    fn sealed(&self, name: &str, text: &str) {
        self.seal(name, text, &[&self.cluster, &self.operator], REGEX);
    }

    fn secret(&self, secret: Secret, values: &[(&str, &str)]) {
        self.sealed(&secret.file(), &Self::manifest(secret, values));
    }

    fn s3(&self, secret: Secret, id: &str) {
        self.secret(secret, &[("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", "the-secret-half")]);
    }

    fn report(&self, change: impl FnOnce(&mut Order<'_>)) -> Report {
        let nobody = crate::bootstrap::look::Several(Vec::new());
        let mut order = Order {
            places: vec![self.dir.path().to_owned()],
            wanted: Secret::ALL.into_iter().filter(|secret| secret.is_needed()).collect(),
            cluster: None,
            operator: Some(copy(&self.operator)),
            at_hand: &nobody,
            config: None,
            current: self.dir.path().to_owned(),
            now: crate::clock::Clock::now(&System),
        };
        change(&mut order);
        verify(&order).unwrap()
    }

    fn found(&self) -> Vec<(&'static str, Level)> {
        self.report(|_| ()).findings().map(|finding| (finding.class, finding.level)).collect()
    }
}

/// How each finding comes about, in a tree that is sound without it.
type Case = (&'static str, Level, fn(&Bed));

const S3: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "half")];

const CASES: [Case; 40] = [
    ("mac", Level::Integrity, |bed| bed.change("backup-s3.sops.yaml", "type: Opaque", "type: Opaque2")),
    ("value", Level::Integrity, |bed| {
        bed.change("backup-s3.sops.yaml", "ID: ENC[AES256_GCM,data:", "ID: ENC[AES256_GCM,data:AAAA");
    }),
    ("in-clear", Level::Integrity, |bed| bed.put("backup-s3.sops.yaml", &Bed::manifest(Secret::BackupS3, &S3))),
    ("damaged", Level::Integrity, |bed| bed.put("backup-s3.sops.yaml", "a: [\n")),
    ("damaged", Level::Integrity, |bed| bed.put("backup-s3.sops.yaml", "")),
    ("too-large", Level::Drift, |bed| bed.put("x.sops.yaml", &"#".repeat(6 << 20))),
    ("link", Level::Note, |bed| std::os::unix::fs::symlink("backup-s3.sops.yaml", bed.path("l.sops.yaml")).unwrap()),
    ("block", Level::Integrity, |bed| {
        let text = format!(
            "{}---\n{}",
            Bed::manifest(Secret::BackupS3, &S3),
            "kind: Secret\nmetadata: {name: x}\nstringData: {a: b}\n"
        );
        bed.sealed("backup-s3.sops.yaml", &text);
        let text = bed.get("backup-s3.sops.yaml");
        let (start, second) = text.split_once("\n---\n").unwrap();
        let (second, _) = second.split_once("\nsops:").unwrap();
        bed.put("backup-s3.sops.yaml", &format!("{start}\n---\n{second}\n"));
    }),
    ("value-in-clear", Level::Integrity, |bed| {
        bed.seal(
            "backup-s3.sops.yaml",
            &Bed::manifest(Secret::BackupS3, &S3),
            &[&bed.cluster, &bed.operator],
            "^data$",
        );
    }),
    ("sealed-metadata", Level::Drift, |bed| {
        bed.seal(
            "backup-s3.sops.yaml",
            &Bed::manifest(Secret::BackupS3, &S3),
            &[&bed.cluster, &bed.operator],
            "Data$|type",
        );
    }),
    ("decrypt-disabled", Level::Drift, |bed| {
        let text = Bed::manifest(Secret::BackupS3, &S3)
            .replace("kustomize.toolkit.fluxcd.io/substitute", crate::bootstrap::manifest::DECRYPT);
        bed.sealed("backup-s3.sops.yaml", &text);
    }),
    ("cluster-closed", Level::Drift, |bed| {
        bed.seal("backup-s3.sops.yaml", &Bed::manifest(Secret::BackupS3, &S3), &[&bed.operator], REGEX);
    }),
    ("cluster-closed", Level::Integrity, |bed| {
        bed.seal("backup-s3.sops.yaml", &Bed::manifest(Secret::BackupS3, &S3), &[&bed.stranger, &bed.operator], REGEX);
        bed.change("backup-s3.sops.yaml", &recipient(&bed.stranger), &recipient(&bed.cluster));
    }),
    ("operator-closed", Level::Drift, |bed| {
        bed.seal("backup-s3.sops.yaml", &Bed::manifest(Secret::BackupS3, &S3), &[&bed.cluster], REGEX);
    }),
    ("operator-closed", Level::Integrity, |bed| {
        bed.seal("backup-s3.sops.yaml", &Bed::manifest(Secret::BackupS3, &S3), &[&bed.cluster, &bed.stranger], REGEX);
        bed.change("backup-s3.sops.yaml", &recipient(&bed.stranger), &recipient(&bed.operator));
    }),
    ("closed", Level::Absent, |bed| {
        bed.seal("backup-s3.sops.yaml", &Bed::manifest(Secret::BackupS3, &S3), &[&bed.stranger], REGEX);
    }),
    ("wrong-name", Level::Integrity, |bed| {
        bed.sealed(
            "backup-s3.sops.yaml",
            &Bed::manifest(Secret::BackupS3, &S3).replace("name: backup-s3", "name: backup-s4"),
        );
    }),
    ("empty-value", Level::Integrity, |bed| {
        bed.change("backup-s3.sops.yaml", "stringData:\n", "stringData:\n    region: \"\"\n");
    }),
    ("twice", Level::Drift, |bed| {
        let text = Bed::manifest(Secret::BackupS3, &S3) + "data:\n    AWS_ACCESS_KEY_ID: QUtJQQ==\n";
        bed.sealed("backup-s3.sops.yaml", &text);
    }),
    ("not-a-secret", Level::Integrity, |bed| {
        bed.sealed("backup-s3.sops.yaml", &Bed::manifest(Secret::BackupS3, &S3).replace("AKIA", "12"));
    }),
    ("missing-key", Level::Absent, |bed| bed.secret(Secret::SopsAge, &[("cluster.key", &text_of(&bed.cluster))])),
    ("ignored-key", Level::Drift, |bed| {
        let identity = text_of(&bed.cluster);
        bed.secret(Secret::SopsAge, &[("cluster.agekey", &identity), ("old.key", &identity)]);
    }),
    ("unknown-key", Level::Note, |bed| bed.secret(Secret::BackupS3, &[S3[0], S3[1], ("remark", "x")])),
    ("content", Level::Integrity, |bed| {
        bed.secret(Secret::SopsAge, &[("cluster.agekey", &text_of(&bed.cluster).replace('\n', "\r\n"))]);
    }),
    ("substitution", Level::Drift, |bed| {
        let text = Bed::manifest(Secret::BackupS3, &[S3[0], ("AWS_SECRET_ACCESS_KEY", "a${b}c")]);
        bed.sealed("backup-s3.sops.yaml", &text.replace("substitute: disabled", "substitute: enabled"));
    }),
    ("endpoint-inside", Level::Drift, |bed| {
        bed.secret(Secret::BackupS3, &[S3[0], S3[1], ("endpoint", "https://minio.gitlab.svc.cluster.local:9000/x")]);
    }),
    ("two-passwords", Level::Drift, |bed| {
        bed.secret(
            Secret::BackupRepo,
            &[("RESTIC_PASSWORD", "one-long-password-x"), ("password", "another-long-password")],
        );
    }),
    ("short-password", Level::Note, |bed| bed.secret(Secret::BackupRepo, &[("password", "short")])),
    ("no-config", Level::Absent, |bed| std::fs::remove_file(bed.path(".sops.yaml")).unwrap()),
    ("no-rule", Level::Drift, |bed| bed.change(".sops.yaml", "ya?ml", "json")),
    ("config", Level::Drift, |bed| bed.config("creation_rules: [\n")),
    ("foreign-recipient", Level::Drift, |bed| {
        let to = [&bed.cluster, &bed.operator, &bed.stranger];
        bed.seal("backup-s3.sops.yaml", &Bed::manifest(Secret::BackupS3, &S3), &to, REGEX);
    }),
    ("missing-recipient", Level::Drift, |bed| {
        bed.change(".sops.yaml", "age: ", &format!("age: {},", recipient(&bed.stranger)));
    }),
    ("groups", Level::Drift, |bed| {
        bed.config(&format!(
            "creation_rules:\n  - encrypted_regex: {REGEX}\n    key_groups:\n      - age: [{}]\n      - age: [{}]\n",
            recipient(&bed.cluster),
            recipient(&bed.operator)
        ));
    }),
    ("rule", Level::Drift, |bed| bed.change(".sops.yaml", "^(data|stringData)$", "^stringData$")),
    ("missing", Level::Absent, |bed| std::fs::remove_file(bed.path("backup-s3.sops.yaml")).unwrap()),
    ("several", Level::Drift, |bed| bed.put("copy.sops.yaml", &bed.get("backup-s3.sops.yaml"))),
    ("rotation", Level::Note, |bed| {
        bed.secret(
            Secret::SopsAge,
            &[("cluster.agekey", &text_of(&bed.cluster)), ("cluster-2.agekey", &text_of(&bed.stranger))],
        );
    }),
    ("unseal-opens-git", Level::Drift, |bed| {
        let to = [&bed.cluster, &bed.operator, &bed.unseal];
        bed.seal("backup-s3.sops.yaml", &Bed::manifest(Secret::BackupS3, &S3), &to, REGEX);
    }),
    ("same-s3-key", Level::Note, |bed| bed.s3(Secret::VaultUnsealS3, "AKIABACKUP")),
];

#[test]
fn a_sound_tree_has_no_finding() {
    let bed = Bed::new();
    let report = bed.report(|_| ());
    assert_eq!(report.findings().collect::<Vec<_>>(), Vec::<&Finding>::new());
    assert_eq!(report.judgement(), None);
    assert_eq!(report.to_text().matches("good ").count(), 5, "{}", report.to_text());
}

#[test]
fn every_finding_is_made_where_there_is_reason_for_it_and_none_holds_a_value() {
    let mut wrong = Vec::new();
    for (class, level, change) in CASES {
        let bed = Bed::new();
        change(&bed);
        let report = bed.report(|_| ());
        let found: Vec<_> = report.findings().map(|finding| (finding.class, finding.level)).collect();
        if !found.contains(&(class, level)) {
            wrong.push(format!("{class}: {found:?}"));
        }
        let told = report.to_text() + &report.to_json().to_string();
        for secret in ["the-secret-half", "a-long-password", "AKIA", "AGE-SECRET-KEY", "unsealer-store-key-1:"] {
            if told.replace("a line of unsealer-store-key-1:", "").contains(secret) {
                wrong.push(format!("{class} tells {secret}: {told}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_others_have_beside_the_files_is_compared() {
    let bed = Bed::new();
    let classes = |change: &dyn Fn(&mut Order<'_>)| -> Vec<&str> {
        bed.report(|order| change(order)).findings().map(|finding| finding.class).collect()
    };
    assert_eq!(classes(&|order| order.cluster = Some(copy(&bed.cluster))), Vec::<&str>::new());
    assert_eq!(classes(&|order| order.cluster = Some(copy(&bed.stranger))), ["other-identity"]);
    assert_eq!(classes(&|order| order.now = Timestamp::UNIX_EPOCH), ["future"; 5]);
    let with_write = |order: &mut Order<'_>| order.wanted.push(Secret::VaultUnsealS3Write);
    assert_eq!(classes(&with_write), ["missing"]);
    bed.s3(Secret::VaultUnsealS3Write, "AKIAUNSEAL");
    assert_eq!(classes(&with_write), ["same-s3-key"]);
}

#[test]
fn files_that_only_the_cluster_opens_are_told() {
    let bed = Bed::new();
    bed.change(".sops.yaml", &format!(",{}", recipient(&bed.operator)), "");
    bed.seal("backup-s3.sops.yaml", &Bed::manifest(Secret::BackupS3, &S3), &[&bed.cluster], REGEX);
    assert!(bed.found().contains(&("cluster-alone", Level::Drift)));
}

#[test]
fn what_cannot_be_read_does_not_count_as_sound() {
    let seen = Seen { path: "x.sops.yaml".into(), format: Format::Yaml, content: Err(Unread::Failed("no".into())) };
    let nobody = crate::bootstrap::look::Several(Vec::new());
    let report = verify_one(&seen, &nobody, None, Path::new("/"), Timestamp::UNIX_EPOCH);
    let judgement = report.judgement().unwrap();
    assert_eq!((judgement.status, judgement.class), (ExitStatus::Unavailable, "bootstrap-unread"));
}

#[test]
fn the_worst_finding_gives_the_exit_status() {
    let bed = Bed::new();
    let status = |bed: &Bed| bed.report(|_| ()).judgement().map(|failure| failure.status);
    bed.secret(Secret::BackupRepo, &[("password", "short")]);
    assert_eq!(status(&bed), None);
    bed.put("copy.sops.yaml", &bed.get("backup-s3.sops.yaml"));
    assert_eq!(status(&bed), Some(ExitStatus::Refused));
    std::fs::remove_file(bed.path("backup-repo.sops.yaml")).unwrap();
    assert_eq!(status(&bed), Some(ExitStatus::Absent));
    bed.put("backup-s3.sops.yaml", "");
    assert_eq!(status(&bed), Some(ExitStatus::Integrity));
}

#[test]
fn every_class_of_a_finding_is_documented_and_nothing_else_is() {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/bootstrap-secrets.md")).unwrap();
    let (_, table) = page.split_once("<!-- findings -->\n").unwrap();
    let (table, _) = table.split_once("<!-- end -->").unwrap();
    let rows = table.lines().skip(2).map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    let documented: BTreeSet<String> = rows.map(|row| row[0].trim_matches('`').to_owned()).collect();
    // The last three are told of files whose Secret the other cases leave as it is, two of them by Git alone.
    let others =
        ["unread", "other-identity", "future", "cluster-alone", "ignored", "not-committed", "reconcile-disabled"];
    let made: BTreeSet<String> = CASES.iter().map(|(class, ..)| *class).chain(others).map(str::to_owned).collect();
    assert_eq!(documented, made);
    // What the tests provoke is what the source can say.
    let sources = [
        include_str!("file.rs"),
        include_str!("contents.rs"),
        include_str!("across.rs"),
        include_str!("rules.rs"),
        include_str!("../../cli/bootstrap/verify.rs"),
    ];
    for class in &made {
        assert!(sources.iter().any(|source| source.contains(&format!("\"{class}\""))), "{class} is in no source");
    }
}
