//! What a person reads when the command line or the settings are wrong: exact text and exit status.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::path::Path;
use std::process::{Command, Output};

fn unsealer(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_unsealer"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .output()
        .expect("the binary that cargo built")
}

#[track_caller]
fn check(output: &Output, status: i32, stdout: &str, stderr: &str) {
    assert_eq!(String::from_utf8_lossy(&output.stderr), stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), stdout);
    assert_eq!(output.status.code(), Some(status));
}

fn write(folder: &Path, name: &str, text: &str) {
    sops_tools::files::replace(&folder.join(name), text.as_bytes(), 0o600).expect("a file in the test's folder");
}

const SMALL: &str = "\
store: {url: file:///srv/store}
storeKeyFile: store.key
identities: [/run/identities]
vaults: [{name: main, nodes: [http://127.0.0.1:8200]}]
";

#[test]
fn settings_faults_are_listed_together_and_end_with_2() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "unsealer.yaml", "store: {url: nonsense}\nlisten: 9797\nvaults: [{name: main, nods: [x]}]\n");
    let output = unsealer(folder.path(), &["config", "show"]);
    let stderr = "\
error: the settings have 6 faults
cause: store.url (unsealer.yaml): is not a store's address; expected s3://BUCKET/PREFIX or file:///FOLDER
cause: storeKeyFile (unsealer.yaml): is missing; expected the path of the file with the store key
cause: identities (unsealer.yaml): is missing; expected a list of identity files, or of folders with *.agekey
cause: vaults[0].nodes (unsealer.yaml): is missing; expected a list of servers: https://HOST:PORT, or http:// on loopback
cause: vaults[0].nods (unsealer.yaml): is not a setting; expected one of caFile, name, nodes, peers, serverName, serverUid, tokenFile
cause: listen (unsealer.yaml): is a number (quote it if it is meant as text); expected ADDRESS:PORT, as 127.0.0.1:9797 or [::]:9797

hint: docs/settings.md lists every key; `unsealer config show` prints what is in force
";
    check(&output, 2, "", stderr);
}

#[test]
fn without_a_settings_file_the_report_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let output = unsealer(folder.path(), &["config", "show", "--config", "other.yaml"]);
    let stderr = "\
error: the settings have a fault
cause: other.yaml: is not there; expected a readable settings file

hint: docs/settings.md lists every key; `unsealer config show` prints what is in force
";
    check(&output, 2, "", stderr);
}

#[test]
fn config_show_prints_what_is_in_force_and_where_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "unsealer.yaml", SMALL);
    let output = unsealer(folder.path(), &["config", "show", "--listen", "[::]:1"]);
    let here = folder.path().display();
    let key = format!("storeKeyFile: {here}/store.key");
    let width = key.len().max("vaults[0].nodes[0]: http://127.0.0.1:8200/".len()).min(60);
    let lines = [
        ("store.url: file:///srv/store", "unsealer.yaml"),
        (key.as_str(), "unsealer.yaml"),
        ("identities[0]: /run/identities", "unsealer.yaml"),
        ("vaults[0].name: main", "unsealer.yaml"),
        ("vaults[0].nodes[0]: http://127.0.0.1:8200/", "unsealer.yaml"),
        ("listen: [::]:1", "--listen"),
    ];
    let text: Vec<String> = lines.iter().map(|(line, origin)| format!("{line:width$}  # {origin}\n")).collect();
    check(&output, 0, &format!("# unsealer.yaml\n{}", text.concat()), "");
}

#[test]
fn a_failure_for_programs_is_json_on_stdout() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "unsealer.yaml", &SMALL.replace("main", "Main"));
    let output = unsealer(folder.path(), &["config", "show", "--output", "json"]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["error"]["class"], "settings");
    assert_eq!(value["error"]["status"], 2);
    assert_eq!(
        value["error"]["causes"][0],
        "vaults[0].name (unsealer.yaml): is not a usable name; expected 1 to 63 of a-z, 0-9 and -"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_gate_stays_closed_on_an_empty_volume_with_4() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    sops_tools::files::create_directory(&data, 0o700).unwrap();
    let output = unsealer(folder.path(), &["gate", "--require-data", "data", "--wait", "0s", "--log-format", "json"]);
    let stderr = "\
error: this Vault must not start: it would begin empty
cause: data has no Vault's data

hint: restore its volume first; for a Vault that is new on purpose, run it without this gate once and use `unsealer init`
";
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    let (log, failure) = shown.split_once("error: ").unwrap();
    assert!(log.contains("waiting: data has no Vault's data"), "{log}");
    assert_eq!(format!("error: {failure}"), stderr);
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn a_gate_that_could_not_ask_ends_with_5_and_one_with_data_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let gate = |data: &str| {
        let leader = ["--or-leader", "http://127.0.0.1:9"];
        unsealer(folder.path(), &[&["gate", "--wait", "0s", "--require-data", data][..], &leader].concat())
    };
    assert_eq!(gate("absent").status.code(), Some(5));
    sops_tools::files::create_directory(&folder.path().join("data"), 0o700).unwrap();
    assert_eq!(gate("data").status.code(), Some(5), "the leader could not be asked");
    write(folder.path(), "data/vault.db", "x");
    check(&gate("data"), 0, "open: data has vault.db\n", "");
}

#[test]
fn plain_http_to_another_machine_is_refused_without_repeating_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let output = unsealer(folder.path(), &["gate", "--require-data", ".", "--or-leader", "http://10.1.2.3:8200"]);
    check(
        &output,
        2,
        "",
        "error: --or-leader is plain http to another machine\n\nhint: an address is https://HOST:PORT, or http:// on loopback\n",
    );
}

#[test]
fn help_ends_with_0_and_nonsense_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let help = unsealer(folder.path(), &["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("  3  refused, needs a person\n"));
    assert_eq!(unsealer(folder.path(), &["frobnicate"]).status.code(), Some(2));
    assert_eq!(unsealer(folder.path(), &[]).status.code(), Some(2));
}

#[test]
fn completions_and_manual_pages_cover_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = unsealer(folder.path(), &["completions", shell]);
        let script = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && script.contains("require-data"), "{shell}");
    }
    assert!(unsealer(folder.path(), &["man", "--out", "."]).status.success());
    for page in ["unsealer.1", "unsealer-gate.1", "unsealer-config-show.1"] {
        assert!(folder.path().join(page).is_file(), "{page}");
    }
    let main = unsealer(folder.path(), &["man"]);
    assert!(String::from_utf8_lossy(&main.stdout).contains("unsealer"));
}

/// Settings with fresh keys, a folder store that exists, and a server and a daemon that do not.
fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let entropy = sops_tools::clock::System;
    let (ours, recipient) = sops_tools::custody::Identities::generate_with_recipient();
    let (_, offline) = sops_tools::custody::Identities::generate_with_recipient();
    let key = sops_tools::custody::StoreKeys::generate(&entropy);
    let at = jiff::Timestamp::UNIX_EPOCH;
    sops_tools::files::replace(&folder.path().join("own.agekey"), &ours.to_file_text(at), 0o600).unwrap();
    sops_tools::files::replace(&folder.path().join("store.key"), &key.to_file_text(), 0o600).unwrap();
    sops_tools::files::create_directory(&folder.path().join("store"), 0o700).unwrap();
    let text = format!(
        "store: {{url: file://{}/store}}\nstoreKeyFile: store.key\nidentities: [own.agekey]\n\
         recipients: {{unseal: {}, offline: {}}}\nvaults: [{{name: main, nodes: [http://127.0.0.1:9]}}]\n\
         listen: 127.0.0.1:9\ncacheDir: cache\n",
        folder.path().display(),
        recipient.as_str(),
        offline.as_str(),
    );
    write(folder.path(), "unsealer.yaml", &text);
    folder
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).expect("one JSON value on stdout")
}

#[test]
fn a_hold_is_stored_shown_and_released() {
    let site = site();
    let held = unsealer(site.path(), &["hold", "--reason", "incident 42", "--output", "json"]);
    assert_eq!(held.status.code(), Some(0));
    let held = json(&held);
    let id = held["hold"].as_str().unwrap();
    assert_eq!(held["next"], "seal after 30 s: daemons list holds every 15 s");
    let status = json(&unsealer(site.path(), &["status", "--output", "json"]));
    assert_eq!(status["vaults"][0]["store"]["holds"][0]["id"], id);
    assert_eq!(status["error"]["status"], 3);
    let unknown = unsealer(site.path(), &["release", "--hold", "00"]);
    check(
        &unknown,
        4,
        "",
        "error: main: 00 is no hold in force\n\nhint: `unsealer status` lists the holds in force; --all ends every one\n",
    );
    let released = json(&unsealer(site.path(), &["release", "--hold", id, "--output", "json"]));
    assert_eq!(released["released"][0], id);
    let status = json(&unsealer(site.path(), &["status", "--output", "json"]));
    assert_eq!(status["vaults"][0]["store"]["holds"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_dry_run_of_a_hold_writes_nothing() {
    let site = site();
    let output = unsealer(site.path(), &["hold", "--reason", "why", "--dry-run"]);
    check(&output, 0, "would hold main: why\nnothing was written\n", "");
    let output = unsealer(site.path(), &["hold", "--reason", "why", "--local", "--dry-run"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(!site.path().join("cache").exists());
    assert_eq!(std::fs::read_dir(site.path().join("store")).unwrap().count(), 0);
}

#[test]
fn a_local_hold_is_a_file_that_the_daemon_of_this_host_reads() {
    let site = site();
    assert!(unsealer(site.path(), &["hold", "--reason", "why", "--local"]).status.success());
    let heard = || unsealer::daemon::local::heard(&site.path().join("cache"), "main").unwrap();
    assert!(matches!(heard(), Some(unsealer::daemon::local::LocalWord::Hold(hold)) if hold.reason == "why"));
    assert!(unsealer(site.path(), &["release", "--local"]).status.success());
    assert!(matches!(heard(), Some(unsealer::daemon::local::LocalWord::Release(_))));
}

#[test]
fn status_says_first_whether_it_would_open_again() {
    let site = site();
    let output = unsealer(site.path(), &["status"]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.starts_with("main: would not open again\n  ! no generation is stored"), "{shown}");
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_copy_carries_what_is_authentic_and_is_safe_to_repeat() {
    let site = site();
    assert!(unsealer(site.path(), &["hold", "--reason", "why"]).status.success());
    let to = format!("file://{}/copy", site.path().display());
    let copy = |arguments: &[&str]| {
        json(&unsealer(site.path(), &[&["store", "copy", "--to", &to, "--output", "json"], arguments].concat()))
    };
    assert_eq!(copy(&["--dry-run"])["vaults"][0]["copied"].as_array().map(Vec::len), Some(1));
    assert_eq!(copy(&[])["vaults"][0]["copied"].as_array().map(Vec::len), Some(1));
    assert_eq!(copy(&[])["vaults"][0]["present"], 1);
    let moved = unsealer(site.path(), &["store", "verify", "--store-url", &to]);
    check(&moved, 0, "main: 1 objects, sound\n", "");
}

#[test]
fn doctor_gives_one_hint_for_each_fault_and_probes_only_when_asked() {
    let site = site();
    let output = unsealer(site.path(), &["doctor", "--output", "json"]);
    let report = json(&output);
    let checks = report["checks"].as_array().unwrap();
    let find = |name: &str| checks.iter().find(|check| check["check"] == name);
    assert_eq!(find("recipients").unwrap()["result"], "good");
    assert_eq!(find("shares").unwrap()["result"], "bad");
    assert!(find("create-only").is_none());
    assert!(checks.iter().all(|check| check["result"] == "good" || check["hint"].is_string()));
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(std::fs::read_dir(site.path().join("store")).unwrap().count(), 0, "nothing is written without --probe");
    let probed = json(&unsealer(site.path(), &["doctor", "--probe", "--output", "json"]));
    assert!(
        probed["checks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|check| check["check"] == "create-only" && check["result"] == "good")
    );
}
