use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;
use crate::clock::{Clock as _, System};
use crate::custody::Identities;
use crate::sops::file::{Recipe, encrypt};
use crate::sops::formats::Format;

struct Ground {
    dir: tempfile::TempDir,
    people: Vec<(Identities, KeyId)>,
}

impl Ground {
    fn new(people: usize) -> Self {
        let people = (0..people).map(|_| {
            let identities = Identities::generate();
            let key = KeyId::age(&identities.to_recipients()[0]);
            (identities, key)
        });
        Self { dir: tempfile::tempdir().unwrap(), people: people.collect() }
    }

    fn keys(&self, who: &[usize]) -> Vec<KeyId> {
        who.iter().map(|&one| self.people[one].1.clone()).collect()
    }

    /// A sealed file for some of the people.
    fn file(&self, name: &str, who: &[usize]) -> Sealed {
        let plain = format!("name: {name}\nlist:\n- a\n- b\npassword: hunter2\n");
        let source =
            encrypt(Format::Yaml, plain.as_bytes(), &Recipe::to(vec![self.keys(who)]), System.now(), &System).unwrap();
        self.sealed(name, source)
    }

    fn sealed(&self, name: &str, source: Vec<u8>) -> Sealed {
        let path = self.dir.path().canonicalize().unwrap().join(name);
        crate::files::replace(&path, &source, 0o644).unwrap();
        let file = SopsFile::parse(Format::Yaml, &source).unwrap();
        Sealed { at: FileAt { relative: name.into(), path, shown: name.to_owned() }, source, file, within: None }
    }

    /// Rules: everything for some of the people.
    fn rules(&self, who: &[usize], files: &[Sealed]) -> Configs {
        let keys: Vec<String> = self.keys(who).iter().map(ToString::to_string).collect();
        let text = format!("creation_rules:\n- age: '{}'\n", keys.join(","));
        crate::files::replace(&self.dir.path().join(".sops.yaml"), text.as_bytes(), 0o644).unwrap();
        Configs::of(None, files.iter().map(|file| file.at.path.as_path()))
    }

    fn plan(
        &self,
        verb: Verb,
        files: &[Sealed],
        rule: &[usize],
        wishes: &Wishes,
        me: usize,
    ) -> Result<Vec<Planned>, Vec<Obstacle>> {
        let configs = self.rules(rule, files);
        let means = Means { keyring: &self.people[me].0, now: System.now(), entropy: &System };
        plan(verb, files, &configs, wishes, &means, &|| {})
    }
}

fn classes(result: Result<Vec<Planned>, Vec<Obstacle>>) -> Vec<(String, &'static str)> {
    result.err().unwrap().into_iter().map(|obstacle| (obstacle.file, obstacle.class)).collect()
}

fn recipients(bytes: &[u8]) -> Vec<KeyId> {
    SopsFile::parse(Format::Yaml, bytes).unwrap().metadata().key_ids().concat()
}

fn plain(bytes: &[u8], who: &Identities) -> Vec<u8> {
    let file = SopsFile::parse(Format::Yaml, bytes).unwrap().unlock(who).unwrap().verified().unwrap();
    file.to_plain().unwrap().to_vec()
}

#[test]
fn who_is_only_added_gets_the_old_data_key_and_a_second_run_changes_nothing() {
    let ground = Ground::new(2);
    let files = [ground.file("a", &[0]), ground.file("b", &[0, 1])];
    let planned = ground.plan(Verb::UpdateKeys, &files, &[0, 1], &Wishes::default(), 0).unwrap();
    assert_eq!(planned.iter().map(|one| one.action).collect::<Vec<_>>(), [Action::Added, Action::Unchanged]);
    assert_eq!(planned[0].added, ground.keys(&[1]));
    assert_eq!(planned[1].new, files[1].source);
    let again = [ground.sealed("a", planned[0].new.clone())];
    let planned = ground.plan(Verb::UpdateKeys, &again, &[0, 1], &Wishes::default(), 0).unwrap();
    assert_eq!(planned[0].action, Action::Unchanged);
    assert_eq!(planned[0].new, again[0].source);
}

#[test]
fn who_is_removed_by_name_leaves_with_a_new_data_key_and_a_list_of_values() {
    let ground = Ground::new(2);
    let files = [ground.file("a", &[0, 1])];
    let wishes = Wishes { remove: ground.keys(&[1]), ..Wishes::default() };
    let planned = ground.plan(Verb::UpdateKeys, &files, &[0], &wishes, 0).unwrap();
    assert_eq!((planned[0].action, &planned[0].removed), (Action::NewDataKey, &ground.keys(&[1])));
    assert_eq!(planned[0].to_change, ["name", "list", "password"]);
    assert_eq!(recipients(&planned[0].new), ground.keys(&[0]));
    assert_eq!(plain(&planned[0].new, &ground.people[0].0), plain(&files[0].source, &ground.people[0].0));
    let file = SopsFile::parse(Format::Yaml, &planned[0].new).unwrap();
    assert!(file.unlock(&ground.people[1].0).is_err());
}

#[test]
fn a_recipient_nobody_expects_stops_all_files_and_is_named_in_each() {
    let ground = Ground::new(3);
    let files = [ground.file("a", &[0]), ground.file("b", &[0, 1]), ground.file("c", &[0, 1, 2])];
    for verb in [Verb::UpdateKeys, Verb::Rotate] {
        let obstacles = ground.plan(verb, &files, &[0], &Wishes::default(), 0).err().unwrap();
        let named: Vec<&str> = obstacles.iter().map(|obstacle| obstacle.file.as_str()).collect();
        assert_eq!(named, ["b", "c", "c"]);
        let evil = ground.people[1].1.to_string();
        assert!(obstacles[0].text.contains(&evil) && obstacles[0].class == "recipient-unexpected");
    }
    let wishes = Wishes { remove: ground.keys(&[1]), ..Wishes::default() };
    assert_eq!(classes(ground.plan(Verb::Rotate, &files, &[0], &wishes, 0)), [("c".into(), "recipient-unexpected")]);
}

#[test]
fn nobody_is_locked_out_unless_a_recovery_recipient_is_named() {
    let ground = Ground::new(2);
    let files = [ground.file("a", &[0])];
    let wishes = Wishes { remove: ground.keys(&[0]), ..Wishes::default() };
    assert_eq!(classes(ground.plan(Verb::UpdateKeys, &files, &[1], &wishes, 0)), [("a".into(), "locked-out")]);
    let wishes = Wishes { recovery: ground.keys(&[1]), ..wishes };
    let planned = ground.plan(Verb::UpdateKeys, &files, &[1], &wishes, 0).unwrap();
    assert_eq!(recipients(&planned[0].new), ground.keys(&[1]));
}

#[test]
fn what_is_removed_and_named_by_its_rule_is_a_contradiction() {
    let ground = Ground::new(2);
    let files = [ground.file("a", &[0, 1])];
    let wishes = Wishes { remove: ground.keys(&[1]), ..Wishes::default() };
    assert_eq!(
        classes(ground.plan(Verb::UpdateKeys, &files, &[0, 1], &wishes, 0)),
        [("a".into(), "removed-is-expected")]
    );
}

#[test]
fn a_broken_mac_is_sealed_anew_only_for_the_file_that_is_named() {
    let ground = Ground::new(1);
    let broken = |name: &str| {
        let sealed = ground.file(name, &[0]);
        let text = String::from_utf8(sealed.source).unwrap().replacen("password:", "passwort:", 1);
        ground.sealed(name, text.into_bytes())
    };
    // The key of a value is authenticated with it, so that is not even opened.
    assert_eq!(
        classes(ground.plan(Verb::Rotate, &[broken("a")], &[0], &Wishes::default(), 0)),
        [("a".into(), "value-not-opened")]
    );
    let removed = |name: &str| {
        let sealed = ground.file(name, &[0]);
        let text = String::from_utf8(sealed.source).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("name:")).collect();
        ground.sealed(name, (lines.join("\n") + "\n").into_bytes())
    };
    let files = [removed("a"), removed("b")];
    for verb in [Verb::UpdateKeys, Verb::Rotate] {
        let wishes = Wishes { accept_mac_mismatch: vec![files[0].at.path.clone()], ..Wishes::default() };
        let result = ground.plan(verb, &files, &[0], &wishes, 0);
        if verb == Verb::Rotate {
            assert_eq!(classes(result), [("b".into(), "mac-mismatch")]);
        }
    }
    let wishes = Wishes { accept_mac_mismatch: vec![files[0].at.path.clone()], ..Wishes::default() };
    let planned = ground.plan(Verb::Rotate, &files[..1], &[0], &wishes, 0).unwrap();
    assert!(planned[0].mac_accepted);
    assert_eq!(plain(&planned[0].new, &ground.people[0].0), b"list:\n- a\n- b\npassword: hunter2\n");
}

#[test]
fn a_file_without_a_rule_and_one_that_cannot_be_opened_stop_the_run() {
    let ground = Ground::new(2);
    let files = [ground.file("a", &[1])];
    assert_eq!(classes(ground.plan(Verb::Rotate, &files, &[1], &Wishes::default(), 0)), [("a".into(), "no-data-key")]);
    let none = Configs::of(Some(&ground.dir.path().join("absent")), []);
    let means = Means { keyring: &ground.people[1].0, now: System.now(), entropy: &System };
    let result = plan(Verb::Rotate, &files, &none, &Wishes::default(), &means, &|| {});
    assert_eq!(classes(result), [("a".into(), "config-faulty")]);
    let wishes = Wishes { instead: ground.keys(&[1]), ..Wishes::default() };
    assert!(plan(Verb::Rotate, &files, &none, &wishes, &means, &|| {}).is_ok());
}

#[test]
fn a_read_only_file_is_found_before_anything_is_opened() {
    let ground = Ground::new(1);
    let files = [ground.file("a", &[0]), ground.file("b", &[0])];
    let mut permissions = files[1].at.path.metadata().unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&files[1].at.path, permissions).unwrap();
    let configs = ground.rules(&[0], &files);
    let opened = AtomicUsize::new(0);
    let means = Means { keyring: &ground.people[0].0, now: System.now(), entropy: &System };
    let each = || {
        opened.fetch_add(1, Ordering::Relaxed);
    };
    let result = plan(Verb::Rotate, &files, &configs, &Wishes::default(), &means, &each);
    assert_eq!(classes(result), [("b".into(), "not-writable")]);
    assert_eq!(opened.into_inner(), 0);
    // What needs no change needs no right to write either.
    assert!(ground.plan(Verb::UpdateKeys, &files, &[0], &Wishes::default(), 0).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever stands in the files and the rule: a plan gives exactly the people of the rule, loses no value, changes the data key
    /// where somebody goes, and never serves anybody that was neither expected nor named.
    #[test]
    fn a_plan_gives_the_rule_and_nothing_else(
        in_file in prop::collection::btree_set(0_usize..4, 1..4),
        in_rule in prop::collection::btree_set(0_usize..4, 1..4),
        removed in prop::collection::btree_set(0_usize..4, 0..3),
        rotate in any::<bool>(),
    ) {
        let ground = Ground::new(4);
        let (in_file, in_rule): (Vec<usize>, Vec<usize>) = (in_file.into_iter().collect(), in_rule.into_iter().collect());
        let removed: Vec<usize> = removed.into_iter().collect();
        let me = in_file[0];
        let verb = if rotate { Verb::Rotate } else { Verb::UpdateKeys };
        let wishes = Wishes { remove: ground.keys(&removed), ..Wishes::default() };
        let files = [ground.file("a", &in_file)];
        let foreign = in_file.iter().any(|one| !in_rule.contains(one) && !removed.contains(one));
        let contradiction = removed.iter().any(|one| in_rule.contains(one));
        match ground.plan(verb, &files, &in_rule, &wishes, me) {
            Err(obstacles) => {
                let class = obstacles[0].class;
                let fits = match class {
                    "removed-is-expected" => contradiction,
                    "recipient-unexpected" => foreign,
                    "locked-out" => !in_rule.contains(&me),
                    _ => false,
                };
                prop_assert!(fits, "{class}");
            }
            Ok(planned) => {
                let one = &planned[0];
                prop_assert!(!foreign && !contradiction && in_rule.contains(&me));
                let (mut has, mut wants) = (recipients(&one.new), ground.keys(&in_rule));
                has.sort();
                wants.sort();
                prop_assert_eq!(has, wants);
                let (who, old) = (&ground.people[me].0, &files[0].source);
                prop_assert_eq!(plain(&one.new, who), plain(old, who));
                let somebody_went = in_file.iter().any(|one| !in_rule.contains(one));
                prop_assert_eq!(one.action == Action::NewDataKey, rotate || somebody_went);
                prop_assert_eq!(one.to_change.is_empty(), !somebody_went);
            }
        }
    }
}
