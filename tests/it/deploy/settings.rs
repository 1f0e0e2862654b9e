//! The real program reads every settings file that is shipped, and knows every command, flag and variable.

use std::collections::BTreeSet;
use std::time::Duration;

use harness::bin;
use harness::command::{Output, run};
use harness::process::Program;
use harness::workdir::Workdir;
use serde_json::Value;
use sops_tools::custody::Identities;
use unsealer::settings::variables::OVERRIDES;

use super::files;

const LIMIT: Duration = Duration::from_secs(30);
/// Read by the build and the tests, not by the program.
const BUILD_VARIABLES: [&str; 2] = ["UNSEALER_BIN", "UNSEALER_STATIC_BIN"];

/// Every settings file: where it stands, and its text.
fn shipped() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = ["unsealer.yaml", "many-vaults.yaml", "init.yaml"]
        .map(|name| (format!("systemd/{name}"), files::text(&format!("systemd/{name}"))))
        .into();
    for (file, documents) in files::yaml_files() {
        for text in documents.iter().filter_map(|document| document.pointer("/data/unsealer.yaml")) {
            all.push((file.display().to_string(), text.as_str().expect("text").to_owned()));
        }
    }
    assert_eq!(all.len(), 5, "settings files: {all:?}");
    all
}

/// With real recipients in place of the words.
fn filled_in(text: &str) -> String {
    let recipient = || Identities::generate_with_recipient().1.to_string();
    text.replace("RECIPIENT-OF-UNSEAL", &recipient()).replace("RECIPIENT-OF-OFFLINE", &recipient())
}

async fn show(text: &str) -> Output {
    let folder = Workdir::new("shipped");
    let file = folder.write("unsealer.yaml", text);
    run(Program::new("unsealer", bin::unsealer()).args(["config", "show", "--config"]).arg(file), LIMIT).await
}

async fn help(command: &str) -> Output {
    run(Program::new("unsealer", bin::unsealer()).args([command, "--help"]), LIMIT).await
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).any(|found| found == word)
}

#[tokio::test]
async fn the_program_accepts_every_settings_file_that_is_shipped() {
    for (name, text) in shipped() {
        let output = show(&filled_in(&text)).await;
        assert_eq!(output.status, 0, "{name}: {}", output.text());
    }
}

#[tokio::test]
async fn the_program_refuses_a_shipped_file_with_one_misspelt_key() {
    for (name, text) in shipped() {
        let output = show(&filled_in(&text).replace("storeKeyFile:", "storeKeyfile:")).await;
        assert_eq!(output.status, 2, "{name}: {}", output.text());
        assert!(output.text().contains("storeKeyfile"), "{name}: {}", output.text());
    }
}

/// Commands with the flags they are given, from container arguments, the unit, and the lines of the README and comments.
fn commands() -> BTreeSet<(String, Vec<String>)> {
    let mut all = BTreeSet::new();
    let mut note = |words: &[&str]| {
        let flags = words.iter().filter(|word| word.starts_with("--"));
        let flags = flags.map(|flag| flag.split_once('=').map_or(*flag, |(name, _)| name).to_owned());
        all.insert((words[0].to_owned(), flags.collect()));
    };
    for container in super::kubernetes::containers() {
        let arguments: Vec<&str> =
            container["args"].as_array().expect("args").iter().filter_map(Value::as_str).collect();
        note(&arguments);
    }
    for (_, text) in files::texts() {
        // A command at the start of a line, in backticks, or after ExecStart= and a path.
        for line in text.lines() {
            let line = line.trim_start_matches("ExecStart=/usr/local/bin/").trim_start();
            let quoted = line.split('`').skip(1).step_by(2);
            for command in std::iter::once(line).chain(quoted).filter_map(|part| part.strip_prefix("unsealer ")) {
                let words: Vec<&str> = command.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
                if words.first().is_some_and(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-')) {
                    note(&words);
                }
            }
        }
    }
    all
}

#[tokio::test]
async fn the_program_knows_every_command_and_flag_of_the_manifests_and_the_readme() {
    let commands = commands();
    let verbs: BTreeSet<&str> = commands.iter().map(|(verb, _)| verb.as_str()).collect();
    for wanted in ["run", "init", "gate", "status", "hold", "import"] {
        assert!(verbs.contains(wanted), "{wanted} is not found in deploy/: {verbs:?}");
    }
    for (verb, flags) in &commands {
        let output = help(verb).await;
        assert_eq!(output.status, 0, "unsealer {verb}: {}", output.text());
        for flag in flags {
            assert!(has_word(&output.stdout, flag), "unsealer {verb} has no {flag}: {}", output.stdout);
        }
    }
}

#[test]
fn every_variable_is_one_that_the_program_or_the_build_reads() {
    let mut found = BTreeSet::new();
    for (file, text) in files::texts() {
        for word in
            text.split(|c: char| !(c.is_ascii_uppercase() || c == '_')).filter(|word| word.starts_with("UNSEALER_"))
        {
            let known = OVERRIDES.iter().any(|over| over.variable == word) || BUILD_VARIABLES.contains(&word);
            assert!(known, "{}: nothing reads {word}", file.display());
            found.insert(word.to_owned());
        }
    }
    assert!(found.contains("UNSEALER_STATIC_BIN"), "the search finds nothing: {found:?}");
}

#[test]
fn no_key_is_shipped() {
    for (file, text) in files::texts() {
        assert!(!text.contains("AGE-SECRET-KEY-1"), "{}", file.display());
    }
}
