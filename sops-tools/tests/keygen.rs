//! What a user sees of `sops-tools`: exact texts, exit statuses, files.
#![expect(clippy::unwrap_used, reason = "a test may end where its ground breaks away")]

use std::path::Path;
use std::process::{Command, Stdio};

struct Seen {
    status: i32,
    stdout: String,
    stderr: String,
}

fn sops_tools(folder: &Path, arguments: &[&str]) -> Seen {
    let output = Command::new(env!("CARGO_BIN_EXE_sops-tools"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Seen {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn secret_lines(folder: &Path) -> Vec<String> {
    ["cluster.agekey", "operator.agekey", "offline.agekey", "unseal/unseal.agekey", "unseal/store.key"]
        .iter()
        .map(|name| {
            let text = std::fs::read_to_string(folder.join("keys").join(name)).unwrap();
            text.lines().find(|line| !line.starts_with('#')).unwrap().to_owned()
        })
        .collect()
}

fn public_of(folder: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(folder.join("keys").join(name)).unwrap();
    let found = text.lines().find_map(|line| line.strip_prefix("# public key: ").or(line.strip_prefix("# key id: ")));
    found.unwrap().to_owned()
}

#[test]
fn keygen_shows_public_halves_places_and_the_next_step() {
    let dir = folder();
    let seen = sops_tools(dir.path(), &["bootstrap", "keygen", "--out", "keys"]);
    let [cluster, unseal, operator, offline, store] =
        ["cluster.agekey", "unseal/unseal.agekey", "operator.agekey", "offline.agekey", "unseal/store.key"]
            .map(|name| public_of(dir.path(), name));
    let expected = format!(
        "\
cluster: keys/cluster.agekey
  recipient: {cluster}
  keep: in the cluster as flux-system/sops-age (key cluster.agekey), and a copy with the offline key; it opens every SOPS file sealed to it
unseal: keys/unseal/unseal.agekey
  recipient: {unseal}
  keep: with the daemon only: the Secret secrets/vault-unseal-age (key unseal.agekey), as a SOPS file in Git
operator: keys/operator.agekey
  recipient: {operator}
  keep: on the operator's workstation, for sops and init; not in the cluster
offline: keys/offline.agekey
  recipient: {offline}
  keep: on two media away from every machine that has the store; the way in when all else is lost
store-key: keys/unseal/store.key
  key id: {store}
  keep: beside the daemon's identity: the Secret secrets/vault-unseal-age (key store.key), and where init, rotate and drill are run

next: put recipients: {{unseal: {unseal}, offline: {offline}}} into unsealer.yaml, move the offline key away, then run: unsealer init --root-token-to FILE
"
    );
    assert_eq!((seen.status, seen.stdout.as_str(), seen.stderr.as_str()), (0, expected.as_str(), ""));
    for secret in secret_lines(dir.path()) {
        assert!(!seen.stdout.contains(&secret), "a secret was printed");
    }
}

#[test]
fn keygen_for_programs_is_one_json_value_without_secrets() {
    let dir = folder();
    let seen = sops_tools(dir.path(), &["bootstrap", "keygen", "--out", "keys", "--output", "json", "-vv"]);
    let value: serde_json::Value = serde_json::from_str(&seen.stdout).unwrap();
    assert_eq!(value["keys"][1]["role"], "unseal");
    assert_eq!(value["keys"][1]["recipient"], public_of(dir.path(), "unseal/unseal.agekey"));
    assert_eq!(value["keys"][4]["keyId"], public_of(dir.path(), "unseal/store.key"));
    for secret in secret_lines(dir.path()) {
        assert!(!seen.stdout.contains(&secret) && !seen.stderr.contains(&secret), "a secret was printed");
    }
}

#[test]
fn keygen_refuses_to_overwrite_and_names_what_exists() {
    let dir = folder();
    assert_eq!(
        sops_tools(dir.path(), &["bootstrap", "keygen", "--out", "keys", "--only", "store-key,offline"]).status,
        0
    );
    let seen = sops_tools(dir.path(), &["bootstrap", "keygen", "--out", "keys"]);
    assert_eq!((seen.status, seen.stdout.as_str()), (3, ""));
    assert_eq!(
        seen.stderr,
        "error: keys exist already, none was made: keys/offline.agekey, keys/unseal/store.key

hint: name another folder, or only the missing keys with --only; an existing key may be the only one that opens something
"
    );
    assert!(!dir.path().join("keys/cluster.agekey").exists());
    let seen = sops_tools(dir.path(), &["--output", "json", "bootstrap", "keygen", "--out", "keys", "--dry-run"]);
    let value: serde_json::Value = serde_json::from_str(&seen.stdout).unwrap();
    assert_eq!(
        (seen.status, &value["error"]["class"], &value["error"]["status"]),
        (3, &"key-exists".into(), &3.into())
    );
    assert_eq!(seen.stderr, "");
}

#[test]
fn a_dry_run_makes_nothing() {
    let dir = folder();
    let seen =
        sops_tools(dir.path(), &["bootstrap", "keygen", "--out", "keys", "--only", "unseal,store-key", "--dry-run"]);
    assert_eq!(
        (seen.status, seen.stdout.as_str()),
        (
            0,
            "would make keys/unseal/unseal.agekey: unseal\nwould make keys/unseal/store.key: store-key\nnothing was made\n"
        )
    );
    assert!(!dir.path().join("keys").exists());
}

#[test]
fn a_folder_that_cannot_be_used_is_status_5() {
    let dir = folder();
    std::os::unix::fs::symlink("/proc/self", dir.path().join("keys")).unwrap();
    let seen = sops_tools(dir.path(), &["bootstrap", "keygen", "--out", "keys"]);
    assert_eq!(seen.status, 5, "{}", seen.stderr);
    assert!(
        seen.stderr.starts_with("error: cannot write keys/cluster.agekey; no key was made\ncause: "),
        "{}",
        seen.stderr
    );
    assert!(
        seen.stderr.ends_with("\n\nhint: name a folder that you may write to, with space left\n"),
        "{}",
        seen.stderr
    );
}

#[test]
fn a_wrong_command_line_is_status_2_and_help_is_0() {
    let dir = folder();
    for wrong in
        [&["bootstrap", "keygen"][..], &["bootstrap", "keygen", "--out", "keys", "--only", "root"], &["no-such"], &[]]
    {
        let seen = sops_tools(dir.path(), wrong);
        assert_eq!((seen.status, seen.stdout.as_str()), (2, ""), "{wrong:?}");
    }
    let help = sops_tools(dir.path(), &["bootstrap", "keygen", "--help"]);
    assert_eq!((help.status, help.stderr.as_str()), (0, ""));
    assert!(help.stdout.contains("sops-tools bootstrap keygen --out keys --dry-run"), "{}", help.stdout);
}

#[test]
fn completions_and_the_manual_page_name_every_command() {
    let dir = folder();
    for shell in ["bash", "zsh", "fish"] {
        let seen = sops_tools(dir.path(), &["completions", shell]);
        assert_eq!(seen.status, 0);
        assert!(seen.stdout.contains("keygen"), "{shell}");
    }
    let seen = sops_tools(dir.path(), &["man"]);
    assert_eq!(seen.status, 0);
    assert!(seen.stdout.contains(".TH sops-tools 1") && seen.stdout.contains("bootstrap"), "{}", seen.stdout);
}

#[test]
fn a_full_disk_behind_a_redirection_is_told() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sops-tools")).arg("man").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("error: cannot print the result\ncause: "), "{stderr}");
}
