//! `edit`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::bed::{Bed, SECRET, with};

const PLAIN: &str = "name: x\npassword: correct-horse-battery\n";

fn bed() -> Bed {
    let bed = Bed::with_rule();
    bed.sealed("x.yaml", PLAIN);
    bed
}

/// Waits until something holds, for at most 20 seconds.
fn wait(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_plain_text_is_in_memory_and_the_owners_alone_and_gone_afterwards() {
    let bed = bed();
    let before = bed.get("x.yaml");
    let seen_file = bed.path("seen");
    let editor = bed.script(
        "editor",
        &format!(
            "echo \"$1\" $(stat -c %a \"$1\") $(stat -c %a \"$(dirname \"$1\")\") $(stat -f -c %T \"$1\") \"$TMPDIR\" \"$SOPS_AGE_KEY\" > '{}'\nsed -i s/x/changed/ \"$1\"",
            seen_file.display()
        ),
    );
    let seen = bed.run_with(&["edit", "x.yaml"], "", &[("EDITOR", &editor), ("SOPS_AGE_KEY", "AGE-SECRET-KEY-1NOT")]);
    assert_eq!((seen.status, seen.stdout.as_str()), (0, ""), "{}", seen.stderr);
    let told = bed.get("seen");
    let words: Vec<&str> = told.split_whitespace().collect();
    let [file, mode, folder_mode, kind, temporary] = words[..] else { panic!("{told}") };
    assert!(file.ends_with("/x.yaml"), "an editor knows the kind of file by its name: {file}");
    assert_eq!((mode, folder_mode, kind), ("600", "700", "tmpfs"));
    assert_eq!(Path::new(temporary), Path::new(file).parent().unwrap());
    assert!(!Path::new(temporary).exists());
    let after = bed.get("x.yaml");
    let line = |text: &str| text.lines().find(|line| line.starts_with("password")).unwrap().to_owned();
    assert_eq!(line(&after), line(&before), "what was not changed keeps its text");
    assert_eq!(bed.run(&["get", "x.yaml", "[\"name\"]"]).stdout, "changed");
}

#[test]
fn nothing_changed_or_an_editor_that_fails_writes_nothing() {
    let bed = bed();
    let before = bed.get("x.yaml");
    let run = |editor: &str| bed.run_with(&["edit", "x.yaml"], "", &[("SOPS_EDITOR", editor)]);
    assert_eq!(run("true").status, 200);
    assert_eq!(run("false").status, 201);
    assert_eq!(run("/no/such/editor").status, 201);
    assert_eq!(run("'open").status, 201);
    let old = bed.run_with(&["x.yaml"], "", &[("EDITOR", "true")]);
    assert_eq!(old.status, 200, "the old spelling: {}", old.stderr);
    assert_eq!(bed.get("x.yaml"), before);
}

#[test]
fn after_a_mistake_the_editor_opens_again_and_the_mistake_is_not_repeated() {
    let bed = bed();
    let editor = bed.script(
        "editor",
        "if grep -q broken \"$1\"; then echo 'name: mended' > \"$1\"; else echo 'broken: [' > \"$1\"; fi",
    );
    let seen = bed.run_with(&["edit", "x.yaml"], "\n", &[("EDITOR", &editor)]);
    assert_eq!(seen.status, 0, "{}", seen.stderr);
    assert!(seen.stderr.contains("line ") && !seen.stderr.contains("broken"), "{}", seen.stderr);
    assert_eq!(bed.plain("x.yaml"), "name: mended\n");
    bed.sealed("y.yaml", PLAIN);
    let before = bed.get("y.yaml");
    let seen = bed.run_with(&["edit", "y.yaml"], "", &[("EDITOR", &editor)]);
    assert_eq!((seen.status, bed.get("y.yaml")), (2, before), "nobody is there to go back");
}

#[test]
fn a_new_file_gets_the_recipients_of_its_rule_or_is_not_begun() {
    let bed = Bed::with_rule();
    let editor = bed.script("editor", &format!("echo 'password: {SECRET}' > \"$1\""));
    let seen = bed.run_with(&["edit", "new.yaml"], "", &[("EDITOR", &editor)]);
    assert_eq!(seen.status, 0, "{}", seen.stderr);
    assert!(!bed.get("new.yaml").contains(SECRET) && bed.plain("new.yaml").contains(SECRET));
    assert_eq!(bed.run_with(&["edit", "other.yaml"], "", &[("EDITOR", "true")]).status, 200);
    assert!(!bed.path("other.yaml").exists());
    std::fs::remove_file(bed.path(".sops.yaml")).unwrap();
    let marked = bed.script("marking", &format!("touch '{}'", bed.path("begun").display()));
    let seen = bed.run_with(&["edit", "third.yaml"], "", &[("EDITOR", &marked)]);
    assert_eq!(seen.status, 1);
    assert!(!bed.path("begun").exists(), "nobody writes what cannot be kept");
}

#[test]
fn what_somebody_else_wrote_meanwhile_is_kept_and_so_is_the_edit() {
    let bed = bed();
    bed.put("theirs", "theirs\n");
    let editor = bed.script(
        "editor",
        &format!("sed -i s/x/mine/ \"$1\"; cp '{}' '{}'", bed.path("theirs").display(), bed.path("x.yaml").display()),
    );
    let seen = bed.run_with(&["edit", "x.yaml"], "", &[("EDITOR", &editor)]);
    assert_eq!((seen.status, bed.get("x.yaml").as_str()), (3, "theirs\n"));
    let kept = seen
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("cause: what you wrote is kept, encrypted, in "))
        .unwrap();
    assert!(!bed.get(kept).contains("mine"));
    assert_eq!(bed.run(&["get", kept, "[\"name\"]"]).stdout, "mine");
}

#[test]
fn a_file_that_cannot_be_written_is_not_edited_in_vain() {
    let bed = bed();
    std::fs::set_permissions(bed.path("x.yaml"), std::fs::Permissions::from_mode(0o444)).unwrap();
    let marked = bed.script("marking", &format!("touch '{}'", bed.path("begun").display()));
    let seen = bed.run_with(&["edit", "x.yaml"], "", &[("EDITOR", &marked)]);
    assert_eq!(seen.status, 3, "{}", seen.stderr);
    assert!(!bed.path("begun").exists());
}

#[test]
fn a_program_that_is_killed_leaves_no_plain_text() {
    let bed = bed();
    let place = bed.path("place");
    let editor =
        bed.script("editor", &format!("echo \"$1\" > '{0}.new'; mv '{0}.new' '{0}'; sleep 5", place.display()));
    for signal in ["KILL", "TERM", "INT", "HUP"] {
        let _ = std::fs::remove_file(&place);
        let mut child = bed.command(&["edit", "x.yaml"]).env("EDITOR", &editor).spawn().unwrap();
        wait("the editor begins", || place.exists());
        let file = PathBuf::from(bed.get("place").trim_end());
        assert!(file.exists());
        let killed = std::process::Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        child.wait().unwrap();
        wait("the plain text is removed", || !file.parent().unwrap().exists());
    }
}

#[test]
fn standard_input_and_nothing_cannot_be_edited() {
    let bed = bed();
    assert_eq!(bed.run(&["edit"]).status, 2);
    assert_eq!(bed.refused(&["clean-up-after", "/tmp"]), with(3, "not-scratch"));
}
