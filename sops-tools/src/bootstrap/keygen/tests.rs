use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::clock::System;
use crate::files::read_limited;

fn apply(folder: &Path, roles: &[KeyRole]) -> Result<Vec<MadeKey>, Failure> {
    KeygenPlan::new(folder, roles).apply(&System, &System)
}

#[test]
fn the_unseal_folder_works_as_the_mounted_secret_would() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("new/keys");
    let made = apply(&out, &[]).unwrap();
    assert_eq!(made.iter().map(|key| key.role).collect::<Vec<_>>(), KeyRole::ALL);
    let identities = Identities::load(&[out.join("unseal")]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(PublicHalf::Recipient(identities.to_recipients()[0].clone()), made[1].public);
    let keys = StoreKeys::load(&out.join("unseal/store.key").into()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(PublicHalf::KeyId(keys.key_id().to_owned()), made[4].public);
}

#[test]
fn keys_and_folders_are_for_their_owner_only_and_all_differ() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("keys");
    let made = apply(&out, &[]).unwrap();
    let bits = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((bits(&out), bits(&out.join("unseal"))), (0o700, 0o700));
    assert!(made.iter().all(|key| bits(&key.path) == 0o600));
    let publics: std::collections::BTreeSet<String> = made.iter().map(|key| key.public.to_string()).collect();
    assert_eq!(publics.len(), 5);
}

#[test]
fn an_existing_key_stops_everything_and_every_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    apply(dir.path(), &[KeyRole::Offline, KeyRole::StoreKey]).unwrap();
    let before = read_limited(&dir.path().join("offline.agekey"), 1000).unwrap();
    let failure = apply(dir.path(), &[]).unwrap_err();
    assert_eq!((failure.status, failure.class), (ExitStatus::Refused, "key-exists"));
    assert!(failure.problem.ends_with(&format!("{0}/offline.agekey, {0}/unseal/store.key", dir.path().display())));
    assert!(!dir.path().join("cluster.agekey").exists());
    assert_eq!(read_limited(&dir.path().join("offline.agekey"), 1000).unwrap(), before);
}

#[test]
fn when_one_key_cannot_be_written_those_before_it_are_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    // Nothing can be made below /proc, whoever runs the test.
    std::os::unix::fs::symlink("/proc/self", dir.path().join("unseal")).unwrap();
    let failure = apply(dir.path(), &[]).unwrap_err();
    assert_eq!((failure.status, failure.class), (ExitStatus::Unavailable, "folder-unusable"));
    assert!(!dir.path().join("cluster.agekey").exists());
}

#[test]
fn only_the_named_roles_are_planned_each_once() {
    let plan = KeygenPlan::new(Path::new("d"), &[KeyRole::StoreKey, KeyRole::Cluster, KeyRole::StoreKey]);
    assert_eq!(plan.roles, [KeyRole::Cluster, KeyRole::StoreKey]);
}
