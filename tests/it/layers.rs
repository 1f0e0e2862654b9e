//! The crate graph is the stage graph: what a stage may not know it cannot even link.

#![expect(clippy::unwrap_used, reason = "a test may end where its ground breaks away")]

use std::collections::BTreeSet;
use std::process::Command;

use harness::tools::workspace;

/// Names of all crates that `package` is built from.
fn linked_into(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--package", package])
        .args(["--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let names: BTreeSet<String> = text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    assert!(names.contains(package) && names.len() > 10, "an implausible tree of {package}: {text}");
    names
}

fn assert_none(package: &str, banned: &[&str]) {
    let names = linked_into(package);
    let found: Vec<&&str> = banned.iter().filter(|name| names.contains(**name)).collect();
    assert_eq!(found, Vec::<&&str>::new(), "linked into {package}");
}

#[test]
fn a_restore_knows_nothing_of_vault() {
    assert_none("restore", &["vaultrs", "rustify", "unsealer"]);
}

#[test]
fn custody_is_synchronous_and_knows_no_network() {
    let network = ["tokio", "hyper", "reqwest", "rustls", "kube", "aws-sdk-s3", "vaultrs", "restore", "unsealer"];
    assert_none("sops-tools", &network);
}

/// RSA is decrypted in variable time, so SSH keys are for a person's own files; and a daemon walks no work tree.
#[test]
fn a_daemon_has_no_ssh_keys_and_none_of_the_commands_of_sops_tools() {
    assert_none("unsealer", &["rsa", "ignore", "indicatif"]);
    assert_none("restore", &["rsa", "ignore", "indicatif", "clap"]);
    assert!(linked_into("sops-tools").contains("rsa"));
}

#[test]
fn one_tls_stack_is_linked() {
    assert_none("unsealer", &["ring", "openssl", "openssl-sys", "native-tls"]);
    assert!(linked_into("unsealer").contains("aws-lc-rs"));
}
