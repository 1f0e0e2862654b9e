//! `git textconv` and `git install`.

use crate::bed::{Bed, every_format};

#[test]
fn git_shows_what_changed_and_no_value() {
    let bed = Bed::with_git();
    let me = bed.person("me");
    bed.rule(&[&me]);
    every_format(&bed);
    bed.seal("secrets/x.sops.yaml", "a: 1\n");
    bed.commit();
    let rehearsal = bed.run(None, &["git", "install", "--dry-run"]);
    assert_eq!(rehearsal.status, 0, "{}", rehearsal.stderr);
    assert!(!bed.path(".gitattributes").exists());
    let seen = bed.run(None, &["git", "install", "--output", "json"]);
    assert_eq!(seen.status, 0, "{}", seen.stderr);
    let attributes = bed.read(".gitattributes");
    assert!(
        attributes.contains("*.sops.yaml diff=sops-tools\n")
            && attributes.contains("/secrets/deep/e.bin diff=sops-tools\n"),
        "{attributes}"
    );
    assert_eq!(bed.git(&["config", "diff.sops-tools.cachetextconv"]), "false\n");
    let again = bed.run(None, &["git", "install"]);
    assert_eq!(again.stdout, "all of it is there already\n");
    assert_eq!(bed.read(".gitattributes"), attributes);

    let set = bed.run(Some(&me), &["set", "secrets/a.yaml", "[\"password\"]", "\"nudelsalat\""]);
    assert_eq!(set.status, 0, "{}", set.stderr);
    let diff = |who: Option<&crate::bed::Person>| {
        let mut git = std::process::Command::new("git");
        git.args(["diff", "--", "secrets/a.yaml"]).current_dir(bed.root()).env("HOME", bed.path("../home"));
        if let Some(who) = who {
            git.env("SOPS_AGE_KEY_FILE", &who.file);
        }
        let output = git.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = diff(Some(&me));
    assert!(
        shown.contains("\n-password: str ") && shown.contains("\n+password: str ") && shown.contains("\n name: str "),
        "{shown}"
    );
    assert!(!shown.contains("salat") && !shown.contains("ENC["), "{shown}");
    let shown = diff(None);
    assert!(shown.contains("\n-password: sealed ") && !shown.contains("salat"), "{shown}");
    // A new data key is no change of a value.
    bed.commit();
    assert_eq!(bed.run(Some(&me), &["rotate", "secrets"]).status, 0);
    let shown = diff(Some(&me));
    assert!(!shown.contains("\n-password") && !shown.contains("\n+password"), "{shown}");
}

#[test]
fn values_never_go_where_git_could_keep_them() {
    let bed = Bed::with_git();
    let me = bed.person("me");
    bed.rule(&[&me]);
    every_format(&bed);
    let seen = bed.run(Some(&me), &["git", "textconv", "--values", "secrets/a.yaml"]);
    assert_eq!((seen.status, seen.stdout.as_str()), (3, ""), "{}", seen.stderr);
    assert!(!seen.stderr.contains("salat"));
    bed.git(&["config", "diff.sops-tools.cachetextconv", "true"]);
    assert_eq!(bed.run(None, &["git", "install"]).status, 0);
    assert_eq!(bed.git(&["config", "diff.sops-tools.cachetextconv"]), "false\n");
}

#[test]
fn a_plain_or_damaged_file_is_shown_as_it_is_so_that_a_diff_goes_on() {
    let bed = Bed::with_git();
    let me = bed.person("me");
    bed.rule(&[&me]);
    bed.put("x.yaml", "a: 1\n");
    let seen = bed.run(None, &["git", "textconv", "x.yaml"]);
    assert_eq!((seen.status, seen.stdout.as_str()), (0, "a: 1\n"));
    bed.seal("secrets/a.yaml", "a: kartoffelsalat\n");
    let conflict = format!("<<<<<<< HEAD\n{}", bed.read("secrets/a.yaml"));
    bed.put("secrets/a.yaml", &conflict);
    let seen = bed.run(Some(&me), &["git", "textconv", "secrets/a.yaml"]);
    assert_eq!((seen.status, seen.stdout), (0, conflict));
    assert_eq!(bed.run(None, &["git", "textconv", "absent"]).status, 5);
}

#[test]
fn without_a_repository_nothing_is_installed() {
    let bed = Bed::new();
    let seen = bed.run(None, &["git", "install"]);
    assert_eq!(seen.status, 4, "{}", seen.stderr);
}
