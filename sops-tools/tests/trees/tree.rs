//! `updatekeys` and `rotate` over folders.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::bed::{Bed, KEY_VALUES, every_format, is_there};

#[test]
fn somebody_joins_a_whole_tree_and_a_second_run_changes_no_byte() {
    let bed = Bed::with_git();
    let (me, new) = (bed.person("me"), bed.person("new"));
    bed.rule(&[&me]);
    every_format(&bed);
    bed.rule(&[&me, &new]);
    let before = bed.files();
    let rehearsal = bed.run(Some(&me), &["updatekeys", "--dry-run", "--output", "json", "."]);
    assert_eq!(rehearsal.status, 0, "{}", rehearsal.stderr);
    assert_eq!(bed.files(), before, "a rehearsal changes nothing");
    let seen = bed.run(Some(&me), &["updatekeys", "--yes", "--output", "json", "."]);
    assert_eq!(seen.status, 0, "{}", seen.stderr);
    let (told, planned) = (seen.json(), rehearsal.json());
    assert_eq!(told["files"], planned["files"], "what was rehearsed is what was done");
    assert_eq!((&planned["dryRun"], &told["dryRun"]), (&true.into(), &false.into()));
    let files = told["files"].as_array().unwrap();
    assert_eq!(files.len(), 5);
    assert!(files.iter().all(|file| file["result"] == "added" && file["added"][0] == new.recipient.as_str()));
    for (name, plain) in KEY_VALUES {
        assert_eq!(bed.decrypt(&new, name).stdout, plain, "{name}");
    }
    let after = bed.files();
    let again = bed.run(Some(&me), &["updatekeys", "--yes", "."]);
    assert_eq!(
        (again.status, again.stdout.as_str()),
        (0, "already right: 5 of 5 files\nnothing to change\n"),
        "{}",
        again.stderr
    );
    assert_eq!(bed.files(), after);
    assert!(!is_there(&bed.path(".git/sops-tools/journal.json")) && !is_there(&bed.path(".git/sops-tools/contents")));
}

#[test]
fn somebody_leaves_by_name_alone_with_new_data_keys_and_a_list_of_what_to_change() {
    let bed = Bed::with_git();
    let (me, leaver) = (bed.person("me"), bed.person("leaver"));
    bed.rule(&[&me, &leaver]);
    every_format(&bed);
    bed.rule(&[&me]);
    let before = bed.files();
    let refused = bed.run(Some(&me), &["updatekeys", "--yes", "."]);
    assert_eq!(refused.status, 3, "{}", refused.stdout);
    assert_eq!(refused.stderr.matches(&leaver.recipient).count(), 5, "each file is named: {}", refused.stderr);
    assert_eq!(bed.files(), before);
    let seen = bed.run(Some(&me), &["updatekeys", "--yes", "--rm-age", &leaver.recipient, "."]);
    assert_eq!(seen.status, 0, "{}", seen.stderr);
    for line in [
        "  secrets/a.yaml: name\n",
        "  secrets/a.yaml: password\n",
        "  secrets/c.env: PASSWORD\n",
        "  secrets/d.ini: s.password\n",
    ] {
        assert!(seen.stdout.contains(line), "{line}: {}", seen.stdout);
    }
    assert!(!seen.stdout.contains("kartoffelsalat"));
    for (name, plain) in KEY_VALUES {
        assert_eq!(bed.decrypt(&me, name).stdout, plain, "{name}");
        assert_eq!(bed.decrypt(&leaver, name).status, 128, "{name}");
    }
}

#[test]
fn rotate_gives_every_file_a_new_data_key_and_never_serves_a_stranger() {
    let bed = Bed::with_git();
    let (me, stranger) = (bed.person("me"), bed.person("stranger"));
    bed.rule(&[&me]);
    every_format(&bed);
    let before = bed.files();
    let seen = bed.run(Some(&me), &["rotate", "."]);
    assert_eq!(seen.status, 0, "{}", seen.stderr);
    for (name, plain) in KEY_VALUES {
        assert_ne!(before[&bed.path(name)], std::fs::read(bed.path(name)).unwrap(), "{name}");
        assert_eq!(bed.decrypt(&me, name).stdout, plain, "{name}");
    }
    // What an attacker without any key can do: write itself in.
    let text = bed.read("secrets/a.yaml");
    let start = text.find("        - recipient:").or_else(|| text.find("    - recipient:")).unwrap();
    let entry = text[start..].split("lastmodified").next().unwrap().trim_end().to_owned();
    let forged = text.replacen(&entry, &format!("{entry}\n{}", entry.replace(&me.recipient, &stranger.recipient)), 1);
    bed.put("secrets/a.yaml", &forged);
    let before = bed.files();
    let refused = bed.run(Some(&me), &["rotate", "."]);
    assert_eq!(refused.status, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("secrets/a.yaml: it names a recipient that is expected nowhere"),
        "{}",
        refused.stderr
    );
    assert_eq!(bed.files(), before, "no file was touched");
}

#[test]
fn one_bad_file_keeps_all_others_as_they_are() {
    let bed = Bed::with_git();
    let me = bed.person("me");
    bed.rule(&[&me]);
    every_format(&bed);
    let good = bed.read("secrets/a.yaml");
    let broken: String = good.lines().filter(|line| !line.starts_with("name:")).flat_map(|line| [line, "\n"]).collect();
    bed.put("secrets/a.yaml", &broken);
    let before = bed.files();
    let refused = bed.run(Some(&me), &["rotate", "secrets"]);
    assert_eq!(refused.status, 6, "{}", refused.stderr);
    assert!(refused.stderr.contains("--accept-mac-mismatch"), "{}", refused.stderr);
    assert_eq!(bed.files(), before);
    let accepted = bed.run(Some(&me), &["rotate", "--accept-mac-mismatch", "secrets/a.yaml", "secrets"]);
    assert_eq!(accepted.status, 0, "{}", accepted.stderr);
    assert!(accepted.stdout.contains("in spite of its MAC"), "{}", accepted.stdout);
    assert_eq!(bed.decrypt(&me, "secrets/a.yaml").stdout, "password: kartoffelsalat\n");
    bed.put("secrets/a.yaml", &format!("<<<<<<< HEAD\n{good}"));
    let refused = bed.run(Some(&me), &["rotate", "secrets"]);
    assert_eq!(refused.status, 6, "{}", refused.stderr);
}

#[test]
fn a_read_only_file_or_one_without_a_rule_is_refused_in_the_plan() {
    let bed = Bed::with_git();
    let me = bed.person("me");
    bed.rule(&[&me]);
    every_format(&bed);
    std::fs::set_permissions(bed.path("secrets/c.env"), std::fs::Permissions::from_mode(0o444)).unwrap();
    let before = bed.files();
    let refused = bed.run(Some(&me), &["rotate", "--dry-run", "."]);
    assert_eq!(refused.status, 3);
    assert!(refused.stderr.contains("cause: secrets/c.env: it is read-only"), "{}", refused.stderr);
    std::fs::set_permissions(bed.path("secrets/c.env"), std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::set_permissions(bed.path("secrets/deep"), std::fs::Permissions::from_mode(0o555)).unwrap();
    let refused = bed.run(Some(&me), &["rotate", "."]);
    assert_eq!(refused.status, 3);
    assert!(refused.stderr.contains("cause: secrets/deep/e.bin: its folder is read-only"), "{}", refused.stderr);
    std::fs::set_permissions(bed.path("secrets/deep"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::copy(bed.path("secrets/a.yaml"), bed.path("stray.yaml")).unwrap();
    let refused = bed.run(Some(&me), &["rotate", "--output", "json", "."]);
    assert_eq!((refused.status, refused.json()["error"]["class"].as_str()), (3, Some("no-rule")));
    std::fs::remove_file(bed.path("stray.yaml")).unwrap();
    assert_eq!(bed.files(), before);
}

#[test]
fn file_modes_stay_and_an_ignored_file_that_git_tracks_is_not_missed() {
    let bed = Bed::with_git();
    let me = bed.person("me");
    bed.rule(&[&me]);
    every_format(&bed);
    std::fs::set_permissions(bed.path("secrets/a.yaml"), std::fs::Permissions::from_mode(0o640)).unwrap();
    bed.commit();
    bed.put(".gitignore", "*.env\nlocal/\n");
    bed.seal("secrets/local/x.yaml", "a: kartoffelsalat\n");
    let before = bed.files();
    let seen = bed.run(Some(&me), &["rotate", "--output", "json", "."]);
    assert_eq!(seen.status, 0, "{}", seen.stderr);
    assert_eq!(seen.json()["files"].as_array().unwrap().len(), 5);
    assert_ne!(before[&bed.path("secrets/c.env")], std::fs::read(bed.path("secrets/c.env")).unwrap());
    assert_eq!(before[&bed.path("secrets/local/x.yaml")], std::fs::read(bed.path("secrets/local/x.yaml")).unwrap());
    let mode = bed.path("secrets/a.yaml").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

/// Makes a tree as a run leaves it that was killed after so many of its files.
fn cut_off(bed: &Bed, me: &crate::bed::Person, done: usize) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    use sops_tools::worktree::journal::Journal;
    let names = ["secrets/a.yaml", "secrets/b.json", "secrets/c.env"];
    let old: Vec<Vec<u8>> = names.iter().map(|name| std::fs::read(bed.path(name)).unwrap()).collect();
    let seen = bed.run(Some(me), &["rotate", "."]);
    assert_eq!(seen.status, 0, "{}", seen.stderr);
    let new: Vec<Vec<u8>> = names.iter().map(|name| std::fs::read(bed.path(name)).unwrap()).collect();
    let changes = names
        .iter()
        .zip(&old)
        .zip(&new)
        .map(|((name, old), new)| (std::path::Path::new(*name), old.as_slice(), new.as_slice()));
    let (journal, contents) = Journal::new("1".repeat(32), "rotate .".into(), "2026-11-27T00:00:00Z".into(), changes);
    let state = bed.path(".git/sops-tools");
    sops_tools::files::create_new(&state.join("journal.json"), &journal.to_text(), 0o600).unwrap();
    sops_tools::files::create_new(&state.join("contents"), &contents, 0o600).unwrap();
    for (index, entry) in journal.files.iter().enumerate().skip(done) {
        sops_tools::files::replace(&bed.root().join(&entry.path), &old[index], 0o644).unwrap();
        sops_tools::files::create_new(&bed.root().join(&entry.temporary), &new[index], 0o644).unwrap();
    }
    (old, new)
}

#[test]
fn a_run_that_was_cut_off_is_finished_by_the_same_command_which_does_nothing_more() {
    let bed = Bed::with_git();
    let me = bed.person("me");
    bed.rule(&[&me]);
    every_format(&bed);
    let (_, new) = cut_off(&bed, &me, 1);
    let check = bed.run(Some(&me), &["verify", "--check", "."]);
    assert_eq!(check.status, 3, "{}", check.stdout);
    assert!(check.stdout.contains("unfinished-run"), "{}", check.stdout);
    let rehearsal = bed.run(Some(&me), &["rotate", "--dry-run", "."]);
    assert_eq!(rehearsal.status, 3, "{}", rehearsal.stderr);
    let seen = bed.run(Some(&me), &["rotate", "."]);
    assert_eq!(seen.status, 0, "{}", seen.stderr);
    assert!(seen.stderr.contains("was cut off; it is finished now: 2 files were left"), "{}", seen.stderr);
    for (name, new) in ["secrets/a.yaml", "secrets/b.json", "secrets/c.env"].iter().zip(new) {
        assert_eq!(std::fs::read(bed.path(name)).unwrap(), new);
    }
    let leftovers: Vec<_> =
        bed.files().into_keys().filter(|path| path.to_string_lossy().contains(".sops-tools-")).collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
    assert!(!is_there(&bed.path(".git/sops-tools/journal.json")));
}

#[test]
fn a_run_that_was_cut_off_is_taken_back_and_what_somebody_changed_is_not_lost() {
    let bed = Bed::with_git();
    let me = bed.person("me");
    bed.rule(&[&me]);
    every_format(&bed);
    let (old, _) = cut_off(&bed, &me, 1);
    bed.put("secrets/b.json", "theirs\n");
    let refused = bed.run(Some(&me), &["rotate", "--undo", "."]);
    assert_eq!(refused.status, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("cause: secrets/b.json") && refused.stderr.contains("--keep"),
        "{}",
        refused.stderr
    );
    let seen = bed.run(Some(&me), &["rotate", "--undo", "--keep", "secrets/b.json", "."]);
    assert_eq!(seen.status, 0, "{}", seen.stderr);
    assert_eq!(std::fs::read(bed.path("secrets/a.yaml")).unwrap(), old[0]);
    assert_eq!(bed.read("secrets/b.json"), "theirs\n");
    assert_eq!(std::fs::read(bed.path("secrets/c.env")).unwrap(), old[2]);
    let none = bed.run(Some(&me), &["rotate", "--undo", "."]);
    assert_eq!(none.status, 4, "{}", none.stderr);
}

#[test]
fn a_sealed_file_within_a_plain_secret_is_not_missed() {
    use base64::Engine as _;
    let bed = Bed::with_git();
    let (me, new) = (bed.person("me"), bed.person("new"));
    bed.rule(&[&me]);
    bed.seal("secrets/x.env", "PASSWORD=kartoffelsalat\n");
    let encoded = base64::prelude::BASE64_STANDARD.encode(bed.read("secrets/x.env"));
    let head = "# kept\napiVersion: v1\nkind: Secret\ndata:\n  x.env: ";
    bed.put("secrets/manifest.yaml", &format!("{head}{encoded}\n"));
    bed.rule(&[&me, &new]);
    let told = bed.run(Some(&me), &["verify", "--output", "json"]).json();
    assert_eq!((&told["sealed"], told["findings"].as_array().unwrap().len()), (&2.into(), 2), "{told}");
    let seen = bed.run(Some(&me), &["updatekeys", "--yes", "."]);
    assert_eq!(seen.status, 0, "{}", seen.stderr);
    assert!(seen.stdout.contains("secrets/manifest.yaml (data.x.env): has more recipients"), "{}", seen.stdout);
    let text = bed.read("secrets/manifest.yaml");
    let inner = base64::prelude::BASE64_STANDARD.decode(text.strip_prefix(head).unwrap().trim_end()).unwrap();
    bed.put("secrets/y.env", &String::from_utf8(inner).unwrap());
    assert_eq!(bed.decrypt(&new, "secrets/y.env").stdout, "PASSWORD=kartoffelsalat\n");
    assert_eq!(bed.run(Some(&me), &["verify", "--check"]).status, 0);
}

#[test]
fn a_run_that_was_cut_off_in_a_folder_of_its_own_is_not_passed_over() {
    let bed = Bed::new();
    let me = bed.person("me");
    bed.rule(&[&me]);
    every_format(&bed);
    bed.put("secrets/.sops-tools/journal.json", "{}");
    let refused = bed.run(Some(&me), &["rotate", "."]);
    assert_eq!(refused.status, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("secrets/.sops-tools: a run was cut off"), "{}", refused.stderr);
    assert_eq!(bed.run(Some(&me), &["verify", "--check", "."]).status, 3);
}

#[test]
fn a_named_file_that_is_not_sealed_is_told() {
    let bed = Bed::with_git();
    let me = bed.person("me");
    bed.rule(&[&me]);
    every_format(&bed);
    bed.put("secrets/plain.yaml", "a: 1\n");
    let seen = bed.run(Some(&me), &["rotate", "secrets/a.yaml", "secrets/plain.yaml"]);
    assert_eq!((seen.status, seen.stdout.as_str()), (0, "secrets/a.yaml: has a new data key\n"));
    assert!(
        seen.stderr.contains("this is no SOPS file") && seen.stderr.contains("secrets/plain.yaml"),
        "{}",
        seen.stderr
    );
}

#[test]
fn two_runs_do_not_mix() {
    let bed = Bed::with_git();
    let me = bed.person("me");
    bed.rule(&[&me]);
    every_format(&bed);
    let lock = sops_tools::worktree::place::Tree::of(&[bed.root()]).unwrap().lock().unwrap();
    let refused = bed.run(Some(&me), &["rotate", "--output", "json", "."]);
    assert_eq!((refused.status, refused.json()["error"]["class"].as_str()), (5, Some("tree-locked")));
    drop(lock);
    assert_eq!(bed.run(Some(&me), &["rotate", "."]).status, 0);
}

#[test]
fn without_git_the_tree_is_that_of_the_configuration_and_nothing_is_left_in_it() {
    let bed = Bed::new();
    let me = bed.person("me");
    bed.rule(&[&me]);
    every_format(&bed);
    let names: Vec<_> = bed.files().into_keys().collect();
    let seen = bed.run(Some(&me), &["rotate", "secrets"]);
    assert_eq!(seen.status, 0, "{}", seen.stderr);
    assert_eq!(bed.files().into_keys().collect::<Vec<_>>(), names);
    assert!(!is_there(&bed.path(".sops-tools")));
    bed.put("plain/x", "x");
    let none = bed.run(Some(&me), &["rotate", "plain"]);
    assert_eq!(none.status, 4, "{}", none.stderr);
}

#[test]
fn a_run_that_is_killed_at_any_time_leaves_every_file_readable_and_the_next_one_ends_it() {
    let bed = Bed::with_git();
    let me = bed.person("me");
    bed.rule(&[&me]);
    bed.seal("secrets/0.yaml", "password: kartoffelsalat\n");
    let sealed = bed.read("secrets/0.yaml");
    for number in 1..16 {
        bed.put(&format!("secrets/{number}.yaml"), &sealed);
    }
    let begun = std::time::Instant::now();
    assert_eq!(bed.run(Some(&me), &["rotate", "."]).status, 0);
    let whole = begun.elapsed();
    for part in 1..14 {
        let mut child =
            bed.command(Some(&me)).args(["rotate", "."]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole * part / 12);
        child.kill().unwrap();
        child.wait().unwrap();
        let told = bed.run(Some(&me), &["verify", "--output", "json", "secrets"]).json();
        assert_eq!(told["sealed"], 16, "{told}");
        let findings = told["findings"].as_array().unwrap();
        assert!(findings.iter().all(|finding| finding["class"] == "unfinished-run"), "{told}");
    }
    let last = bed.run(Some(&me), &["rotate", "."]);
    assert_eq!(last.status, 0, "{}", last.stderr);
    assert_eq!(bed.run(Some(&me), &["verify", "--check", "."]).status, 0);
    let leftovers: Vec<_> =
        bed.files().into_keys().filter(|path| path.to_string_lossy().contains(".sops-tools-")).collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
}

#[test]
fn a_tracked_file_that_is_not_there_is_told() {
    let bed = Bed::with_git();
    let me = bed.person("me");
    bed.rule(&[&me]);
    every_format(&bed);
    bed.git(&["add", "."]);
    std::fs::remove_file(bed.path("secrets/a.yaml")).unwrap();
    let seen = bed.run(Some(&me), &["verify", "--output", "json"]);
    let told = seen.json()["notLookedAt"].to_string();
    assert!(told.contains("secrets/a.yaml") && told.contains("sparse checkout"), "{told}");
    let seen = bed.run(Some(&me), &["rotate", "."]);
    assert!(seen.stderr.contains("not in the work tree"), "{}", seen.stderr);
}
