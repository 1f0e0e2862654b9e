//! `scan`.

use crate::bed::{Bed, every_format};

const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\nstringData:\n  PASSWORD: kartoffelsalat\n";

fn found(told: &serde_json::Value) -> Vec<(String, String)> {
    let findings = told["findings"].as_array().unwrap();
    let place = |finding: &serde_json::Value| {
        let place = &finding["places"][0];
        format!("{} {}:{}", place["where"].as_str().unwrap(), place["file"].as_str().unwrap(), place["line"])
    };
    findings.iter().map(|finding| (finding["kind"].as_str().unwrap().to_owned(), place(finding))).collect()
}

#[test]
fn a_clean_repository_of_the_usual_shape_is_silent() {
    let bed = Bed::with_git();
    let me = bed.person("me");
    bed.rule(&[&me]);
    every_format(&bed);
    bed.put("README.md", "Set `RESTIC_PASSWORD=<password>` or `RESTIC_PASSWORD=${RESTIC_PASSWORD}` and run `age-keygen`.\nAGE-SECRET-KEY-1...\n");
    bed.put(
        "secrets/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n",
    );
    bed.put("apps/config.yaml", "apiVersion: v1\nkind: ConfigMap\ndata:\n  AWS_ACCESS_KEY_ID: AKIAIOSFODNN7EXAMPLE\n  KEY: value-of-the-config\n");
    bed.put("apps/template.yaml", "apiVersion: v1\nkind: Secret\nstringData:\n  A: ${A}\n  B: {{ .Values.b }}\n");
    bed.put("apps/substituted.yaml", "apiVersion: v1\nkind: Secret\nstringData:\n  A: ${A}\n");
    bed.put("Cargo.lock", "checksum = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n");
    bed.put("keys/me.pub", &format!("{}\n", me.recipient));
    bed.put("ca.crt", "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ\n-----END CERTIFICATE-----\n");
    bed.commit();
    let seen = bed.run(None, &["scan"]);
    assert_eq!((seen.status, seen.stdout.as_str()), (0, ""), "{}", seen.stderr);
}

#[test]
fn a_secret_is_found_in_the_work_tree_the_index_and_the_history_and_never_shown() {
    let bed = Bed::with_git();
    let me = bed.person("me");
    let identity = std::fs::read_to_string(&me.file).unwrap();
    bed.rule(&[&me]);
    bed.put("old.agekey", &identity);
    bed.commit();
    std::fs::remove_file(bed.path("old.agekey")).unwrap();
    bed.commit();
    bed.put("staged.yaml", SECRET);
    bed.git(&["add", "staged.yaml"]);
    std::fs::remove_file(bed.path("staged.yaml")).unwrap();
    bed.put("env/prod.env", "export RESTIC_PASSWORD=kartoffelsalat\n");
    bed.put("secrets/plain.yaml", "password: kartoffelsalat\n");
    let seen = bed.run(None, &["scan", "--output", "json"]);
    let told = seen.json();
    let mut all = found(&told);
    all.sort();
    let expected = [
        ("age-identity", "commit old.agekey:3"),
        ("restic-password", "worktree env/prod.env:1"),
        ("secret-manifest", "index staged.yaml:6"),
        ("unsealed", "worktree secrets/plain.yaml:null"),
    ];
    assert_eq!(all, expected.map(|(kind, place)| (kind.to_owned(), place.to_owned())), "{}", seen.stdout);
    assert_eq!((seen.status, told["error"]["class"].as_str()), (6, Some("scan-findings")));
    let text = bed.run(None, &["scan"]);
    assert!(
        text.stderr.contains("rewrite the history") && text.stdout.contains("old.agekey:3 (commit "),
        "{}{}",
        text.stdout,
        text.stderr
    );
    let key = identity.lines().last().unwrap();
    for output in [&seen.stdout, &seen.stderr, &text.stdout, &text.stderr] {
        assert!(!output.contains("kartoffel") && !output.contains(&key[..25]), "{output}");
    }
    let without = bed.run(None, &["scan", "--no-history", "--output", "json"]);
    assert_eq!(found(&without.json()).len(), 3);
    let narrow = bed.run(None, &["scan", "env", "--output", "json"]);
    assert_eq!(found(&narrow.json()).len(), 1);
}

#[test]
fn one_secret_in_many_places_is_one_finding() {
    let bed = Bed::with_git();
    bed.put("a.env", "RESTIC_PASSWORD=kartoffelsalat\n");
    bed.commit();
    bed.put("a.env", "# more\nRESTIC_PASSWORD=kartoffelsalat\n");
    bed.put("b.env", "RESTIC_PASSWORD=kartoffelsalat\n");
    bed.commit();
    let told = bed.run(None, &["scan", "--output", "json"]).json();
    let findings = told["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{told}");
    // Twice in the work tree, twice in the index; the old and the new version in the history, and b.env, which has the old content.
    assert_eq!(findings[0]["places"].as_array().unwrap().len(), 6, "{told}");
}

#[test]
fn what_is_about_to_be_committed_is_looked_at_alone_also_before_the_first_commit() {
    let bed = Bed::with_git();
    bed.put("a.yaml", SECRET);
    assert_eq!(bed.run(None, &["scan", "--staged"]).status, 0, "it is not staged");
    bed.git(&["add", "a.yaml"]);
    bed.put("a.yaml", "clean: true\n");
    let seen = bed.run(None, &["scan", "--staged"]);
    assert_eq!(seen.status, 6);
    assert!(seen.stdout.starts_with("a.yaml:6 (staged): secret-manifest: "), "{}", seen.stdout);
    bed.commit();
    bed.put("b.yaml", "b: 1\n");
    bed.git(&["add", "b.yaml"]);
    assert_eq!(bed.run(None, &["scan", "--staged"]).status, 0, "what was committed earlier is not the next commit's");
    let other_index = bed.path("../index");
    bed.put("c.yaml", SECRET);
    let command = |arguments: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.args(arguments)
            .current_dir(bed.root())
            .env("GIT_INDEX_FILE", &other_index)
            .env("HOME", bed.path("../home"));
        assert!(git.status().unwrap().success());
    };
    command(&["add", "c.yaml"]);
    let output = bed.command(None).args(["scan", "--staged"]).env("GIT_INDEX_FILE", &other_index).output().unwrap();
    assert_eq!(output.status.code(), Some(6), "git commit FILE has an index of its own");
}

#[test]
fn what_was_accepted_is_silent_until_it_is_another_secret() {
    let bed = Bed::with_git();
    bed.put("tests/x.env", "RESTIC_PASSWORD=kartoffelsalat\n");
    bed.commit();
    let lines = bed.run(None, &["scan", "--allow-lines"]);
    assert_eq!(lines.stdout.lines().count(), 1, "{}", lines.stdout);
    assert!(
        lines.stdout.starts_with("allow-1 restic-password ") && lines.stdout.ends_with(" tests/x.env\n"),
        "{}",
        lines.stdout
    );
    bed.put(".sops-tools-allow", &format!("# the tests need one\n{}", lines.stdout));
    let seen = bed.run(None, &["scan"]);
    assert_eq!((seen.status, seen.stdout.as_str()), (0, ""), "{}", seen.stderr);
    bed.put("tests/x.env", "RESTIC_PASSWORD=nudelsalat\n");
    assert_eq!(bed.run(None, &["scan"]).status, 6);
    bed.put(".sops-tools-allow", "tests/x.env\n");
    let seen = bed.run(None, &["scan"]);
    assert_eq!(seen.status, 2, "{}", seen.stderr);
    assert!(seen.stderr.contains("line 1"), "{}", seen.stderr);
}

#[test]
fn doubt_has_a_status_of_its_own() {
    let bed = Bed::with_git();
    bed.put("x.txt", &format!("id: AKIA{}\n", "QWERTYUIOPASDFGH"));
    let seen = bed.run(None, &["scan"]);
    assert_eq!(seen.status, 3, "{}", seen.stderr);
    assert!(seen.stdout.contains("(not sure)"), "{}", seen.stdout);
}

#[test]
fn a_value_in_clear_in_a_sealed_file_and_an_older_plain_version_are_found() {
    let bed = Bed::with_git();
    let me = bed.person("me");
    bed.rule(&[&me]);
    bed.put("secrets/a.yaml", "one: kartoffelsalat\n");
    bed.commit();
    assert_eq!(bed.run(None, &["encrypt", "--in-place", "secrets/a.yaml"]).status, 0);
    bed.commit();
    let told = bed.run(None, &["scan", "--output", "json"]).json();
    assert_eq!(found(&told), [("unsealed".to_owned(), "commit secrets/a.yaml:null".to_owned())]);
    let text = format!("two: kartoffelsalat\n{}", bed.read("secrets/a.yaml"));
    bed.put("secrets/a.yaml", &text);
    let told = bed.run(None, &["scan", "--no-history", "--output", "json"]).json();
    assert_eq!(found(&told), [("clear-value".to_owned(), "worktree secrets/a.yaml:1".to_owned())]);
}

#[test]
fn what_only_a_merge_brought_is_found_and_every_reference_counts() {
    let bed = Bed::with_git();
    bed.put("a", "1\n");
    bed.commit();
    bed.git(&["checkout", "-q", "-b", "side"]);
    bed.put("side.env", "RESTIC_PASSWORD=kartoffelsalat\n");
    bed.commit();
    bed.git(&["rm", "-q", "side.env"]);
    bed.put("b", "1\n");
    bed.commit();
    bed.git(&["checkout", "-q", "main"]);
    bed.put("c", "1\n");
    bed.commit();
    bed.git(&["merge", "-q", "--no-commit", "--no-ff", "side"]);
    bed.put("merged.env", "RESTIC_PASSWORD=nudelsalat\n");
    bed.commit();
    bed.git(&["rm", "-q", "merged.env"]);
    bed.put("d", "1\n");
    bed.commit();
    bed.git(&["checkout", "-q", "--orphan", "other"]);
    bed.put("other.env", "RESTIC_PASSWORD=tomatensalat\n");
    bed.commit();
    bed.git(&["checkout", "-q", "main"]);
    let mut all = found(&bed.run(None, &["scan", "--output", "json"]).json());
    all.sort();
    let expected = ["commit merged.env:1", "commit other.env:1", "commit side.env:1"];
    assert_eq!(all, expected.map(|place| ("restic-password".to_owned(), place.to_owned())));
}

#[test]
fn a_shallow_clone_is_not_called_clean() {
    let bed = Bed::with_git();
    bed.put("a", "1\n");
    bed.commit();
    bed.put("a", "2\n");
    bed.commit();
    let source = format!("file://{}", bed.root().display());
    let shallow = Bed::new();
    shallow.git(&["clone", "-q", "--depth", "1", &source, "clone"]);
    let clone = shallow.path("clone");
    let run =
        |arguments: &[&str]| shallow.command(None).args(arguments).current_dir(&clone).output().unwrap().status.code();
    assert_eq!(run(&["scan"]), Some(5));
    assert_eq!(run(&["scan", "--no-history"]), Some(0));
}

#[test]
fn the_hooks_for_pre_commit_are_commands_that_can_be_run() {
    let hooks = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../.pre-commit-hooks.yaml")).unwrap();
    let entries: Vec<&str> = hooks.lines().filter_map(|line| line.trim().strip_prefix("entry: ")).collect();
    assert_eq!(entries.len(), 2);
    let bed = Bed::with_git();
    for entry in entries {
        let words: Vec<&str> = entry.split(' ').collect();
        assert_eq!(words[0], "sops-tools");
        assert_eq!(bed.run(None, &words[1..]).status, 0, "{entry}");
    }
}

#[test]
fn settings_of_the_repository_start_no_program_and_no_secret_reaches_git() {
    let bed = Bed::with_git();
    let spy = bed.path("../spy.sh");
    let seen = bed.path("../seen");
    let script = format!("#!/bin/sh\nenv >> {}\nexit 1\n", seen.display());
    sops_tools::files::create_new(&spy, script.as_bytes(), 0o755).unwrap();
    bed.put("a.yaml", "a: 1\n");
    bed.commit();
    for name in ["core.fsmonitor", "core.pager", "diff.x.textconv", "filter.x.smudge", "filter.x.clean", "gpg.program"]
    {
        bed.git(&["config", name, &spy.display().to_string()]);
    }
    bed.git(&["config", "log.showSignature", "true"]);
    bed.put(".gitattributes", "* diff=x filter=x\n");
    let output = bed.command(None).args(["scan"]).env("SOPS_AGE_KEY", "AGE-SECRET-KEY-1X").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!seen.exists(), "{}", std::fs::read_to_string(&seen).unwrap_or_default());
}

#[test]
fn without_a_repository_the_files_are_looked_at() {
    let bed = Bed::new();
    bed.put("a.yaml", SECRET);
    assert_eq!(bed.run(None, &["scan"]).status, 6);
    assert_eq!(bed.run(None, &["scan", "--staged"]).status, 2);
}
