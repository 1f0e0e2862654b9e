use std::collections::BTreeMap;

use super::*;
use crate::clock::Timestamp;

fn key() -> (String, String) {
    let (identities, recipient) = Identities::generate_with_recipient();
    let text = String::from_utf8(identities.to_file_text(Timestamp::UNIX_EPOCH).to_vec()).unwrap();
    let line = text.lines().find(|line| line.starts_with("AGE")).unwrap().to_owned();
    (line, recipient.to_string())
}

fn gathered(flags: &[PathBuf], variables: &[(&str, &str)]) -> Result<Gathered, UnusableFlag> {
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    gather(flags, &|name| variables.get(name).map(OsString::from))
}

fn recipients(gathered: &Gathered) -> Vec<String> {
    let identities = gathered.identities.as_ref();
    let mut all: Vec<String> =
        identities.map(|all| all.to_recipients().iter().map(ToString::to_string).collect()).unwrap_or_default();
    all.sort();
    all
}

fn told(gathered: &Gathered) -> Vec<String> {
    gathered.asked.iter().map(ToString::to_string).collect()
}

#[test]
fn all_sources_are_merged_and_each_identity_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let keys: Vec<(String, String)> = (0..5).map(|_| key()).collect();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        crate::files::create_new(&path, text.as_bytes(), 0o600).unwrap();
        path.display().to_string()
    };
    let flag = file("flag.agekey", &keys[0].0);
    let named = file("named", &format!("# c\r\n{}\r\n", keys[1].0));
    file(".config/sops/age/keys.txt", &keys[2].0);
    let on_one_line = format!("# comment with words\n{} {}", keys[3].0, keys[0].0);
    let command = format!("printf '%s\\n' '{}'", keys[4].0);
    let home = dir.path().display().to_string();
    let gathered = gathered(
        &[flag.into()],
        &[
            ("HOME", &home),
            ("SOPS_AGE_KEY", &on_one_line),
            ("SOPS_AGE_KEY_FILE", &named),
            ("SOPS_AGE_KEY_CMD", &command),
        ],
    )
    .unwrap();
    let mut wanted: Vec<String> = keys.into_iter().map(|(_, recipient)| recipient).collect();
    wanted.sort();
    assert_eq!(recipients(&gathered), wanted);
}

#[test]
fn a_broken_source_stands_in_no_other_ones_way_and_is_told() {
    let (line, recipient) = key();
    let broken = format!("AGE-SECRET-KEY-1BROKEN\nAGE-SECRET-KEY-PQ-1X\nAGE-PLUGIN-X-1Y\n{line}");
    let gathered = gathered(
        &[],
        &[("SOPS_AGE_KEY", &broken), ("SOPS_AGE_KEY_FILE", "/no/such/file"), ("SOPS_AGE_KEY_CMD", "false")],
    )
    .unwrap();
    assert_eq!(recipients(&gathered), [recipient]);
    let told = told(&gathered);
    assert!(told[0].starts_with("SOPS_AGE_KEY: 1 identity; not an age identity"), "{told:?}");
    assert!(told[0].contains("post-quantum") && told[0].contains("plugin"), "{told:?}");
    assert_eq!(
        told[1..],
        ["SOPS_AGE_KEY_FILE (/no/such/file): it does not exist", "SOPS_AGE_KEY_CMD: it failed: exit status: 1"]
    );
    assert!(!told.join("\n").contains("BROKEN"));
}

#[cfg(not(feature = "ssh"))]
#[test]
fn without_any_identity_every_place_that_was_looked_at_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(".ssh")).unwrap();
    crate::files::create_new(&dir.path().join(".ssh/id_ed25519"), b"-----BEGIN", 0o600).unwrap();
    let home = dir.path().display().to_string();
    let gathered = gathered(
        &[],
        &[
            ("HOME", &home),
            ("SOPS_AGE_SSH_PRIVATE_KEY_FILE", "/ssh"),
            ("SOPS_AGE_SSH_PRIVATE_KEY_CMD", "cat /ssh"),
            ("SOPS_AGE_KEY", ""),
        ],
    )
    .unwrap();
    assert!(gathered.identities.is_none());
    let ssh = IdentityProblem::Ssh;
    assert_eq!(
        told(&gathered),
        [
            format!("SOPS_AGE_SSH_PRIVATE_KEY_FILE (/ssh): {ssh}"),
            format!("{home}/.ssh/id_ed25519: {ssh}"),
            format!("SOPS_AGE_SSH_PRIVATE_KEY_CMD: {ssh}"),
            "SOPS_AGE_KEY: not set".into(),
            "SOPS_AGE_KEY_FILE: not set".into(),
            "SOPS_AGE_KEY_CMD: not set".into(),
            format!("{home}/.config/sops/age/keys.txt: it does not exist"),
        ]
    );
}

#[test]
fn a_file_asked_for_by_flag_must_be_usable() {
    let error = gathered(&["/no/such/file".into()], &[]).err().unwrap();
    assert_eq!(error.to_string(), "/no/such/file: it does not exist");
}

#[test]
fn the_folder_of_configurations_can_be_named() {
    let lookup = |name: &str| (name == "XDG_CONFIG_HOME").then(|| OsString::from("/x"));
    assert_eq!(keys_file(&lookup), Some("/x/sops/age/keys.txt".into()));
    assert_eq!(keys_file(&|_| None), None);
}

#[cfg(feature = "ssh")]
#[test]
fn ssh_keys_of_the_home_and_of_the_variables_open_files() {
    use crate::clock::System;
    use crate::sops::config::age_key;
    use crate::sops::file::{Recipe, SopsFile, encrypt};
    use crate::sops::formats::Format;

    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(".ssh")).unwrap();
    let path = dir.path().join(".ssh/id_ed25519");
    let made =
        std::process::Command::new("ssh-keygen").args(["-q", "-N", "", "-t", "ed25519", "-f"]).arg(&path).status();
    assert!(made.unwrap().success(), "ssh-keygen is needed for this test");
    let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
    let recipe = Recipe::to(vec![vec![age_key(public.trim()).unwrap()]]);
    let sealed = encrypt(Format::Yaml, b"a: x\n", &recipe, Timestamp::UNIX_EPOCH, &System).unwrap();
    let (home, file) = (dir.path().display().to_string(), path.display().to_string());
    let command = format!("cat {file}");
    for variables in [
        ("HOME", home.as_str()),
        ("SOPS_AGE_SSH_PRIVATE_KEY_FILE", file.as_str()),
        ("SOPS_AGE_SSH_PRIVATE_KEY_CMD", command.as_str()),
    ] {
        let gathered = gathered(&[], &[variables]).unwrap();
        assert!(told(&gathered)[0].ends_with(": 1 identity"), "{:?}", told(&gathered));
        let opened = SopsFile::parse(Format::Yaml, &sealed).unwrap().unlock(&gathered).unwrap().verified().unwrap();
        assert!(opened.to_plain().unwrap().starts_with(b"a: "));
    }
    let gathered = gathered(&[], &[("SOPS_AGE_SSH_PRIVATE_KEY_CMD", "echo nonsense")]).unwrap();
    assert_eq!(told(&gathered)[0], "SOPS_AGE_SSH_PRIVATE_KEY_CMD: not an SSH key, or damaged");
}
