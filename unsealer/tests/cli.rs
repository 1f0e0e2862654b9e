//! What a person reads when the command line or the settings are wrong: exact text and exit status.

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
cause: vaults[0].nods (unsealer.yaml): is not a setting; expected one of caFile, name, nodes, peers, serverUid, tokenFile
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
    let text: String = lines.iter().map(|(line, origin)| format!("{line:width$}  # {origin}\n")).collect();
    check(&output, 0, &format!("# unsealer.yaml\n{text}"), "");
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
