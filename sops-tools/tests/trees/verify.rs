//! `verify`.

use crate::bed::{Bed, every_format};

fn classes(told: &serde_json::Value) -> Vec<(String, String)> {
    let findings = told["findings"].as_array().unwrap();
    let mut all: Vec<(String, String)> = findings
        .iter()
        .map(|finding| (finding["file"].as_str().unwrap().to_owned(), finding["class"].as_str().unwrap().to_owned()))
        .collect();
    all.sort();
    all
}

#[test]
fn a_tree_in_order_is_told_so_with_and_without_a_key() {
    let bed = Bed::with_git();
    let me = bed.person("me");
    bed.rule(&[&me]);
    every_format(&bed);
    let seen = bed.run(Some(&me), &["verify", "--check"]);
    assert_eq!((seen.status, seen.stdout.as_str()), (0, "5 SOPS files: nothing wrong\n"), "{}", seen.stderr);
    let seen = bed.run(None, &["verify", "--check"]);
    let expected = "5 SOPS files: nothing wrong; MACs were not checked, for there is no identity\n";
    assert_eq!((seen.status, seen.stdout.as_str()), (0, expected));
    let seen = bed.run(Some(&me), &["verify", "--without-keys", "--output", "json"]);
    assert_eq!((seen.json()["macChecked"].as_bool(), seen.json()["sealed"].as_u64()), (Some(false), Some(5)));
}

#[test]
fn each_thing_that_is_wrong_is_named_with_what_to_do() {
    let bed = Bed::with_git();
    let (me, other) = (bed.person("me"), bed.person("other"));
    bed.rule(&[&me]);
    every_format(&bed);
    // The MAC of a.yaml, the value of c.env, the form of d.ini.
    let text: String = bed
        .read("secrets/a.yaml")
        .lines()
        .filter(|line| !line.starts_with("name:"))
        .flat_map(|line| [line.to_owned(), "\n".to_owned()])
        .collect();
    bed.put("secrets/a.yaml", &text);
    let text = bed.read("secrets/c.env").replacen("PASSWORD=", "PASSWORT=", 1);
    bed.put("secrets/c.env", &text);
    let text = bed.read("secrets/d.ini") + "not a line of ini\n";
    bed.put("secrets/d.ini", &text);
    // A value in clear, a file that was never sealed, one without a rule, one for somebody else.
    bed.seal("secrets/clear.yaml", "one: kartoffelsalat\n");
    let text = format!("two: kartoffelsalat\n{}", bed.read("secrets/clear.yaml"));
    bed.put("secrets/clear.yaml", &text);
    bed.put("secrets/plain.yaml", "password: kartoffelsalat\n");
    std::fs::copy(bed.path("secrets/b.json"), bed.path("stray.json")).unwrap();
    bed.rule(&[&other]);
    bed.seal("secrets/theirs.yaml", "one: kartoffelsalat\n");
    bed.rule(&[&me]);
    let seen = bed.run(Some(&me), &["verify", "--output", "json"]);
    let told = seen.json();
    let expected = [
        ("secrets/a.yaml", "mac-broken"),
        ("secrets/c.env", "value-broken"),
        ("secrets/clear.yaml", "clear-value"),
        ("secrets/d.ini", "damaged"),
        ("secrets/plain.yaml", "unsealed"),
        ("secrets/theirs.yaml", "cannot-open"),
        ("secrets/theirs.yaml", "foreign-recipient"),
        ("secrets/theirs.yaml", "missing-recipient"),
        ("stray.json", "no-rule"),
    ];
    assert_eq!(classes(&told), expected.map(|(file, class)| (file.to_owned(), class.to_owned())), "{}", seen.stdout);
    assert_eq!((seen.status, told["error"]["class"].as_str()), (6, Some("verify-findings")));
    let text = bed.run(Some(&me), &["verify"]);
    assert!(text.stdout.contains("secrets/clear.yaml:1: clear-value: "), "{}", text.stdout);
    assert!(text.stdout.lines().last().unwrap().starts_with("8 SOPS files: 9 findings"), "{}", text.stdout);
    assert!(!text.stdout.contains("kartoffelsalat") && !text.stderr.contains("kartoffelsalat"));
}

#[test]
fn drift_is_an_error_with_check_alone() {
    let bed = Bed::with_git();
    let (me, new) = (bed.person("me"), bed.person("new"));
    bed.rule(&[&me]);
    every_format(&bed);
    bed.put(
        ".sops.yaml",
        &format!("creation_rules:\n- age: '{},{}'\n  encrypted_regex: ^password$\n", me.recipient, new.recipient),
    );
    let seen = bed.run(None, &["verify", "secrets/a.yaml"]);
    assert_eq!(seen.status, 0, "{}", seen.stderr);
    assert!(seen.stdout.contains(&format!(
        "missing-recipient: somebody cannot open it whom the creation rule names: {}",
        new.recipient
    )));
    assert!(
        seen.stdout.contains("rule-drift") && seen.stdout.contains("encrypted_regex \"^password$\""),
        "{}",
        seen.stdout
    );
    assert_eq!(bed.run(None, &["verify", "--check", "secrets/a.yaml"]).status, 3);
}

#[test]
fn a_second_document_without_a_block_and_a_nearer_configuration_count() {
    let bed = Bed::with_git();
    let (me, other) = (bed.person("me"), bed.person("other"));
    bed.rule(&[&me]);
    bed.seal("secrets/a.yaml", "one: kartoffelsalat\n");
    let text = bed.read("secrets/a.yaml") + "---\nplain_unencrypted: 1\n";
    bed.put("secrets/a.yaml", &text);
    let told = bed.run(None, &["verify", "--output", "json"]).json();
    assert_eq!(classes(&told), [("secrets/a.yaml".to_owned(), "other-block".to_owned())]);
    bed.put("secrets/.sops.yaml", &format!("creation_rules:\n- age: {}\n", other.recipient));
    let told = bed.run(None, &["verify", "--output", "json"]).json();
    assert_eq!(told["findings"].as_array().unwrap().len(), 3, "{told}");
}

#[test]
fn a_path_that_does_not_exist_is_an_error_and_not_a_tree_in_order() {
    let bed = Bed::with_git();
    assert_eq!(bed.run(None, &["verify", "--check", "absent"]).status, 4);
    assert_eq!(bed.run(None, &["verify", "--output", "x.json"]).status, 2);
}

#[test]
fn the_page_on_trees_names_every_finding_and_every_kind_of_secret_has_a_remedy() {
    use sops_tools::scan::Kind;
    use sops_tools::worktree::judge::Class;
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/trees.md")).unwrap();
    for class in Class::ALL {
        let rows: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with("| `") && line.contains(&format!("`{}`", class.name())))
            .collect();
        let [row] = rows[..] else { panic!("{}: {rows:?}", class.name()) };
        assert!(row.ends_with(&format!("| {} |", class.status().code())), "{}: {row}", class.name());
    }
    assert!(Kind::ALL.iter().all(|kind| !kind.remedy().is_empty() && !kind.what().is_empty()));
}
