use std::process::Command;

use super::*;
use crate::clock::System;
use crate::custody::Identities;
use crate::sops::cipher::DataKey;
use crate::sops::data_key::{Keyrings, recover, seal};
use crate::sops::metadata::{KeyId, Metadata};

/// A new key pair, made by `ssh-keygen`: the private file and the public line.
fn pair(kind: &[&str], passphrase: &str) -> (Vec<u8>, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-N", passphrase, "-C", "a person", "-f"])
        .arg(&path)
        .args(kind)
        .status();
    assert!(made.unwrap().success(), "ssh-keygen is needed for this test");
    let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
    (std::fs::read(&path).unwrap(), public.trim().to_owned())
}

#[test]
fn ssh_keys_open_what_is_sealed_to_them() {
    for kind in [&["-t", "ed25519"][..], &["-t", "rsa", "-b", "2048"]] {
        let (private, public) = pair(kind, "");
        let key = DataKey::generate(&System);
        let groups = seal(&key, &[vec![KeyId::age(&public)]], None, &System).unwrap();
        assert_eq!(groups[0].keys[0].id.name, public);
        let metadata = Metadata { groups, ..Metadata::default() };
        let ssh = SshIdentities::parse(&private).ok().unwrap();
        assert_eq!(recover(&metadata, &ssh).unwrap().expose(), key.expose());
        assert!(public.starts_with(&ssh.to_recipients()[0]));
        let stranger = Identities::generate();
        assert_eq!(recover(&metadata, &Keyrings(&[&stranger, &ssh])).unwrap().expose(), key.expose());
        let error = recover(&metadata, &stranger).err().unwrap().to_string();
        assert!(error.contains("sealed to an SSH key"), "{error}");
    }
}

#[test]
fn keys_that_cannot_be_used_are_refused_by_name() {
    let parsed = |kind: &[&str], passphrase: &str| SshIdentities::parse(&pair(kind, passphrase).0).err();
    assert_eq!(parsed(&["-t", "ed25519"], "a passphrase"), Some(SshFault::Passphrase));
    assert_eq!(parsed(&["-t", "ecdsa"], ""), Some(SshFault::Unsupported));
    for text in [&b""[..], b"-----BEGIN OPENSSH PRIVATE KEY-----\n", b"AGE-SECRET-KEY-1", b"\xff"] {
        assert_eq!(SshIdentities::parse(text).err(), Some(SshFault::Malformed));
    }
    let recipient = |text: &str| text.parse::<SshRecipient>().map(|_| ()).unwrap_err();
    assert_eq!(recipient("ssh-ed25519 AAAA"), SshFault::Malformed);
    assert_eq!(recipient(&pair(&["-t", "ecdsa"], "").1), SshFault::Unsupported);
}
