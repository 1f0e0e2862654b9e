//! Our keys and sealed objects against the real age, both ways.
#![expect(clippy::expect_used, clippy::panic, reason = "a test may end where its ground breaks away")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use harness::tools::program;
use sops_tools::bootstrap::keygen::{KeyRole, KeygenPlan};
use sops_tools::clock::System;
use sops_tools::custody::{Identities, IdentityProblem, OpenError, Recipient, RecipientError, open, seal};
use sops_tools::secret::Plaintext;

/// Runs a real program with `input` on its stdin.
fn run(name: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(program(name))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A program that refuses may close its stdin early; its status tells.
    let _ = child.stdin.take().expect("stdin is piped").write_all(input);
    child.wait_with_output().expect("the program ends")
}

/// The same, and it must end well.
fn done(name: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let output = run(name, arguments, input);
    assert!(output.status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A folder with keys of ours, and the text of a path in it.
fn our_keys() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    KeygenPlan::new(dir.path(), &[]).apply(&System, &System).expect("keys are made");
    dir
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}

fn load(path: &Path) -> Identities {
    Identities::load(&[path]).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn real_age_opens_what_we_seal_with_either_key_file_of_ours() {
    let keys = our_keys();
    let (unseal, offline) = (keys.path().join("unseal/unseal.agekey"), keys.path().join("offline.agekey"));
    let recipients = [load(&unseal).to_recipients(), load(&offline).to_recipients()].concat();
    for plain in [&b""[..], b"thirty-three bytes make one share", &vec![0xA5; 40_000]] {
        let sealed = seal(&Plaintext::copy_from(plain), &recipients).expect("it is sealed");
        for key in [&unseal, &offline] {
            assert_eq!(done("age", &["--decrypt", "-i", text(key)], &sealed), plain);
        }
    }
    let stranger = run("age", &["--decrypt", "-i", text(&keys.path().join("cluster.agekey"))], &{
        seal(&Plaintext::copy_from(b"share"), &recipients).expect("it is sealed")
    });
    assert!(!stranger.status.success(), "a key it was not sealed to opened it");
}

#[test]
fn we_open_what_real_age_seals_binary_and_armored() {
    let keys = our_keys();
    let identities = load(&keys.path().join("unseal"));
    let recipient = identities.to_recipients()[0].to_string();
    for arguments in [&["-r", &recipient][..], &["--armor", "-r", &recipient]] {
        let sealed = done("age", arguments, b"a share");
        let opened = open(&sealed, &identities).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        assert_eq!(opened.expose(), b"a share");
        assert_eq!(open(&sealed, &Identities::generate()).err(), Some(OpenError::NoMatchingIdentity));
    }
}

#[test]
fn real_age_keygen_reads_the_public_half_of_every_key_file_of_ours() {
    let keys = our_keys();
    for role in KeyRole::ALL.into_iter().filter(|role| *role != KeyRole::StoreKey) {
        let path = keys.path().join(role.file());
        let public = done("age-keygen", &["-y", text(&path)], b"");
        assert_eq!(String::from_utf8_lossy(&public).trim(), load(&path).to_recipients()[0].to_string());
    }
}

#[test]
fn keys_of_real_age_keygen_are_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("made.agekey");
    done("age-keygen", &["-o", text(&path)], b"");
    let public = String::from_utf8(done("age-keygen", &["-y", text(&path)], b"")).expect("text");
    let identities = load(dir.path());
    assert_eq!(identities.to_recipients(), [public.trim().parse::<Recipient>().expect("a recipient")]);
    let sealed = seal(&Plaintext::copy_from(b"share"), &identities.to_recipients()).expect("it is sealed");
    assert_eq!(done("age", &["--decrypt", "-i", text(&path)], &sealed), b"share");
}

#[test]
fn post_quantum_keys_of_real_age_keygen_are_refused_by_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("hybrid.agekey");
    done("age-keygen", &["-pq", "-o", text(&path)], b"");
    let error = Identities::load(&[&path]).err().expect("it is refused");
    assert_eq!(error.faults[0].problem, IdentityProblem::PostQuantum);
    let public = String::from_utf8(done("age-keygen", &["-y", text(&path)], b"")).expect("text");
    assert_eq!(public.parse::<Recipient>().err(), Some(RecipientError::PostQuantum));
}

#[test]
fn an_identity_file_that_real_age_encrypted_is_refused_by_name() {
    let keys = our_keys();
    let operator = load(&keys.path().join("operator.agekey")).to_recipients()[0].to_string();
    let secret = keys.path().join("offline.agekey");
    for arguments in [&["-r", &operator, text(&secret)][..], &["--armor", "-r", &operator, text(&secret)]] {
        let encrypted = done("age", arguments, b"");
        let error = Identities::parse(&encrypted, Path::new("offline.agekey")).err().expect("it is refused");
        assert_eq!(error.faults[0].problem, IdentityProblem::Encrypted);
    }
}
