//! The systemd unit, as far as systemd judges it without running it.

use std::path::PathBuf;
use std::time::Duration;

use harness::bin;
use harness::command::{Output, run};
use harness::process::Program;
use harness::workdir::Workdir;
use serde_json::Value;

use super::files;

const LIMIT: Duration = Duration::from_mins(1);
const UNIT: &str = "systemd/unsealer.service";

/// The unit in a folder of its own, its program one that exists, with lines exchanged.
fn unit(folder: &Workdir, from: &str, to: &str) -> PathBuf {
    let program = bin::unsealer().display().to_string();
    let text = files::text(UNIT).replace("/usr/local/bin/unsealer", &program);
    assert!(text.contains(from), "{from:?} is not in the unit");
    folder.write("unsealer.service", text.replace(from, to))
}

async fn analyze(arguments: &[&str], unit: PathBuf) -> Output {
    run(Program::new("systemd-analyze", "systemd-analyze").args(arguments).arg(unit), LIMIT).await
}

#[tokio::test]
async fn systemd_accepts_the_unit_and_refuses_a_misspelt_one() {
    let folder = Workdir::new("unit");
    let output = analyze(&["verify"], unit(&folder, "", "")).await;
    assert_eq!((output.status, output.text().trim()), (0, ""), "{}", output.text());
    let output = analyze(&["verify"], unit(&folder, "WatchdogSec=", "WatchDogSec=")).await;
    assert!(output.text().contains("WatchDogSec"), "{}", output.text());
}

#[tokio::test]
async fn the_sandbox_stays_tight() {
    let folder = Workdir::new("unit");
    let arguments = ["security", "--offline=true", "--threshold=20", "--no-pager"];
    analyze(&arguments, unit(&folder, "", "")).await.assert_status(0);
    let output = analyze(&arguments, unit(&folder, "SystemCallFilter=", "# SystemCallFilter=")).await;
    assert_ne!(output.status, 0, "a looser unit passes as well");
}

/// Names of the credentials that a unit file loads.
fn credentials(name: &str) -> Vec<String> {
    let text = files::text(name);
    let lines = text.lines().filter_map(|line| line.strip_prefix("LoadCredential="));
    lines.map(|line| line.split_once(':').expect("ID:PATH").0.to_owned()).collect()
}

/// Every text that is the path of a credential.
fn paths(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => {
            text.strip_prefix("/run/credentials/unsealer.service").map(str::to_owned).into_iter().collect()
        }
        Value::Array(values) => values.iter().flat_map(paths).collect(),
        Value::Object(map) => map.values().flat_map(paths).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_settings_name_credentials_that_the_unit_loads() {
    let mut loaded = credentials(UNIT);
    assert!(loaded.iter().any(|name| name.ends_with(".agekey")), "the folder would be empty: {loaded:?}");
    for (settings, dropin) in [("systemd/unsealer.yaml", false), ("systemd/many-vaults.yaml", true)] {
        if dropin {
            loaded.extend(credentials("systemd/unsealer.service.d/vault-ca.conf"));
        }
        let named = paths(&files::one(settings));
        assert!(named.len() >= 4, "{settings}: {named:?}");
        for path in named.iter().filter(|path| !path.is_empty()) {
            assert!(loaded.iter().any(|name| *name == path[1..]), "{settings}: {path} of {loaded:?}");
        }
    }
}

#[test]
fn nothing_hides_the_owner_of_the_server_s_socket() {
    // serverUid reads /proc/net/tcp: these two would make it refuse every server.
    let text = files::text(UNIT);
    let set = |key: &str| text.lines().any(|line| line.starts_with(key));
    assert!(!set("ProcSubset=") && !set("PrivateUsers="));
}
