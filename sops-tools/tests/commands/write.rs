//! `encrypt`, `set` and `unset`.

use std::os::unix::fs::PermissionsExt as _;

use crate::bed::{Bed, SECRET, with};

const PLAIN: &str = "# head\nname: x\npassword: correct-horse-battery\nlist: [one, two]\n";

#[test]
fn a_file_is_encrypted_and_decrypted_in_its_place_and_keeps_its_mode() {
    let bed = Bed::with_rule();
    bed.put("x.yaml", PLAIN);
    std::fs::set_permissions(bed.path("x.yaml"), std::fs::Permissions::from_mode(0o640)).unwrap();
    for words in [
        &["encrypt", "-i", "x.yaml"][..],
        &["decrypt", "-i", "x.yaml"],
        &["-e", "-i", "x.yaml"],
        &["-d", "-i", "x.yaml"],
    ] {
        let seen = bed.run(words);
        assert_eq!((seen.status, seen.stdout.as_str(), seen.stderr.as_str()), (0, "", ""), "{words:?}");
        assert_eq!(bed.path("x.yaml").metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(bed.get("x.yaml").contains(SECRET), words.iter().any(|word| word.starts_with('d') || *word == "-d"));
    }
    assert!(bed.get("x.yaml").starts_with("# head\nname: x\n"));
    let names: Vec<_> = std::fs::read_dir(bed.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "nothing is left behind: {names:?}");
}

#[test]
fn the_configuration_says_who_and_what_and_flags_win() {
    let bed = Bed::new();
    let rule = format!(
        "creation_rules:\n- path_regex: ^in/\n  age: {}\n- encrypted_regex: ^pass\n  mac_only_encrypted: true\n  age: {}\n",
        bed.offline, bed.operator
    );
    bed.put(".sops.yaml", &rule);
    bed.put("x.yaml", PLAIN);
    let sealed = bed.run(&["encrypt", "x.yaml"]).stdout;
    assert!(
        sealed.contains("name: x\n")
            && sealed.contains("encrypted_regex: ^pass")
            && sealed.contains("mac_only_encrypted: true"),
        "{sealed}"
    );
    assert!(sealed.contains(&bed.operator) && !sealed.contains(&bed.offline) && !sealed.contains(SECRET));
    let piped = bed.run_with(&["encrypt", "--filename-override", "in/y.yaml"], PLAIN, &[]);
    assert!(piped.stdout.contains(&bed.offline) && !piped.stdout.contains("name: x\n"), "{}", piped.stdout);
    let both = format!("{},{}", bed.operator, bed.offline);
    let flagged = bed.run_with(&["encrypt", "x.yaml"], "", &[("SOPS_AGE_RECIPIENTS", &both)]);
    assert!(flagged.stdout.contains(&bed.operator) && flagged.stdout.contains(&bed.offline));
    std::fs::create_dir(bed.path("other")).unwrap();
    bed.put("other/rules", &format!("creation_rules: [{{age: {}}}]", bed.offline));
    for words in [&["encrypt", "--config", "other/rules", "x.yaml"][..], &["--config", "other/rules", "-e", "x.yaml"]] {
        assert!(bed.run(words).stdout.contains(&bed.offline), "{words:?}");
    }
    assert!(bed.run_with(&["encrypt", "x.yaml"], "", &[("SOPS_CONFIG", "other/rules")]).stdout.contains(&bed.offline));
}

#[test]
fn what_would_write_clear_text_or_lock_somebody_out_is_refused() {
    let bed = Bed::new();
    bed.put("x.yaml", PLAIN);
    let age = bed.operator.as_str();
    assert_eq!(bed.refused(&["encrypt", "x.yaml"]), with(1, "no-recipients"));
    assert_eq!(bed.refused(&["encrypt", "--age", age, "--encrypted-regex", "(", "x.yaml"]), with(1, "selection"));
    assert_eq!(
        bed.refused(&["encrypt", "--age", age, "--encrypted-regex", "a", "--encrypted-suffix", "b", "x.yaml"]),
        with(8, "flags")
    );
    for recipient in ["age1pq1qqqqqqqq", "age1yubikey1qqqqqqqq", "ssh-ed25519 AAAA", "nonsense"] {
        assert_eq!(bed.refused(&["encrypt", "--age", &format!("{age},{recipient}"), "x.yaml"]), with(1, "recipient"));
    }
    assert_eq!(bed.refused(&["encrypt", "--age", age, "--pgp", "ABC", "x.yaml"]), with(1, "key-kind"));
    let seen = bed.run_with(&["encrypt", "--age", age, "x.yaml"], "", &[("SOPS_PGP_FP", "ABC")]);
    assert_eq!((seen.status, seen.stdout.as_str()), (1, ""));
    for rule in ["pgp: ABC", "encrypted_regex: '('", "path_regex: '('", "encrypted_suffix: a, unencrypted_suffix: b"] {
        bed.put(".sops.yaml", &format!("creation_rules: [{{age: {age}, {rule}}}]"));
        assert_eq!(bed.refused(&["encrypt", "x.yaml"]), with(1, "config-faulty"), "{rule}");
    }
    bed.put(".sops.yaml", &format!("creation_rules: [{{age: {age}, path_regex: ^y}}]"));
    assert_eq!(bed.refused(&["encrypt", "x.yaml"]), with(1, "no-rule"));
    assert_eq!(bed.refused(&["encrypt", "--config", "nothing", "x.yaml"]), with(1, "config-unreadable"));
    assert_eq!(bed.get("x.yaml"), PLAIN);
}

#[test]
fn what_cannot_be_encrypted_has_the_number_of_sops() {
    let bed = Bed::with_rule();
    bed.sealed("sealed.yaml", PLAIN);
    bed.put("empty.yaml", "");
    bed.put("broken.yaml", "a: [correct-horse-battery\n");
    bed.put("twice.yaml", "a: correct-horse-battery\na: 1\n");
    bed.put("list.yaml", "- correct-horse-battery\n");
    bed.put("keys.yaml", "1: correct-horse-battery\n");
    assert_eq!(bed.refused(&["encrypt", "sealed.yaml"]), with(203, "already-encrypted"));
    assert_eq!(bed.refused(&["encrypt", "empty.yaml"]), with(92, "empty-input"));
    for name in ["broken.yaml", "twice.yaml", "list.yaml"] {
        assert_eq!(bed.refused(&["encrypt", name]), with(2, "malformed"), "{name}");
    }
    assert_eq!(bed.refused(&["encrypt", "keys.yaml"]), with(23, "malformed"));
    assert_eq!(bed.refused(&["encrypt", "nothing.yaml"]), with(100, "no-file"));
    assert_eq!(bed.refused(&["encrypt"]), with(8, "flags"));
}

#[test]
fn a_file_that_cannot_be_written_stays_as_it_is() {
    let bed = Bed::with_rule();
    bed.put("x.yaml", PLAIN);
    std::fs::set_permissions(bed.path("x.yaml"), std::fs::Permissions::from_mode(0o444)).unwrap();
    assert_eq!(bed.refused(&["encrypt", "-i", "x.yaml"]), with(3, "output-unusable"));
    assert_eq!(bed.get("x.yaml"), PLAIN);
    let seen = bed.run(&["encrypt", "--output", "no/such/folder", "x.yaml"]);
    assert_eq!(seen.status, 3);
    assert!(seen.stderr.starts_with("error: no/such/folder was not written"), "{}", seen.stderr);
}

#[test]
fn one_value_is_set_and_removed_and_all_others_keep_their_text() {
    let bed = Bed::with_rule();
    bed.sealed("x.yaml", PLAIN);
    let before = bed.get("x.yaml");
    let line = |text: &str, key: &str| text.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    for (words, stdin) in [
        (&["set", "x.yaml", "[\"name\"]", "\"y\""][..], ""),
        (&["set", "--value-stdin", "x.yaml", "[\"name\"]"], "\"y\""),
        (&["set", "--value-file", "x.yaml", "[\"name\"]", "value"], ""),
        (&["--set", "[\"name\"] \"y\"", "x.yaml"], ""),
    ] {
        bed.put("x.yaml", &before);
        bed.put("value", "\"y\"\n");
        let seen = bed.run_with(words, stdin, &[]);
        assert_eq!((seen.status, seen.stderr.as_str()), (0, ""), "{words:?}");
        let after = bed.get("x.yaml");
        assert_ne!(line(&after, "name:"), line(&before, "name:"));
        assert_eq!(line(&after, "password:"), line(&before, "password:"));
        assert_eq!(bed.run(&["get", "x.yaml", "[\"name\"]"]).stdout, "y");
    }
    assert_eq!(bed.run(&["set", "x.yaml", "[\"new\"][\"deep\"]", "-5"]).status, 0);
    assert_eq!(bed.run(&["get", "x.yaml", "[\"new\"][\"deep\"]"]).stdout, "-5\n");
    let unchanged = bed.get("x.yaml");
    assert_eq!(bed.run(&["set", "--idempotent", "x.yaml", "[\"name\"]", "\"y\""]).status, 0);
    assert_eq!(bed.get("x.yaml"), unchanged);
    assert_eq!(bed.run(&["unset", "x.yaml", "[\"name\"]"]).status, 0);
    assert_eq!(bed.refused(&["unset", "x.yaml", "[\"name\"]"]), with(1, "absent"));
    assert_eq!(bed.refused(&["unset", "x.yaml", "[\"list\"][2]"]), with(1, "absent"));
    for path in ["[\"name\"]", "[\"list\"][2]"] {
        assert_eq!(bed.run(&["unset", "--idempotent", "x.yaml", path]).status, 0);
    }
    assert!(bed.plain("x.yaml").contains(SECRET));
}

#[test]
fn a_program_is_told_what_was_done() {
    let bed = Bed::with_rule();
    bed.put("x.yaml", PLAIN);
    let told = |words: &[&str]| -> serde_json::Value {
        let seen = bed.run(&[words, &["--output", "json"]].concat());
        assert_eq!(seen.status, 0, "{}", seen.stderr);
        serde_json::from_str(&seen.stdout).unwrap()
    };
    let wanted = serde_json::json!({"file": "x.yaml", "result": "written"});
    assert_eq!(told(&["encrypt", "-i", "x.yaml"]), wanted);
    assert_eq!(told(&["set", "x.yaml", "[\"name\"]", "\"y\""]), wanted);
    assert_eq!(told(&["set", "x.yaml", "[\"name\"]", "\"y\""])["result"], "unchanged");
    assert_eq!(told(&["unset", "x.yaml", "[\"name\"]"]), wanted);
    assert_eq!(told(&["rotate", "-i", "x.yaml"])["result"], "new-data-key");
    assert_eq!(told(&["decrypt", "-i", "x.yaml"]), wanted);
}

#[test]
fn set_refuses_what_it_cannot_understand_and_never_repeats_it() {
    let bed = Bed::with_rule();
    bed.sealed("x.yaml", PLAIN);
    let before = bed.get("x.yaml");
    assert_eq!(bed.refused(&["set", "x.yaml", "[\"name\"]", SECRET]), with(7, "value"));
    assert_eq!(bed.refused(&["set", "x.yaml", "name", "1"]), with(7, "path"));
    assert_eq!(bed.refused(&["unset", "x.yaml", "name"]), with(7, "path"));
    assert_eq!(bed.refused(&["set", "x.yaml"]), with(100, "no-file"));
    assert_eq!(bed.refused(&["set", "x.yaml", "[\"name\"]"]), with(100, "no-file"));
    assert_eq!(bed.refused(&["set", "nothing.yaml", "[\"name\"]", "1"]), with(2, "no-file"));
    assert_eq!(bed.refused(&["set", "--value-file", "x.yaml", "[\"name\"]", "nothing"]), with(1, "no-file"));
    assert_eq!(bed.get("x.yaml"), before);
}

#[test]
fn in_a_file_of_several_documents_the_one_meant_has_to_be_named() {
    let bed = Bed::with_rule();
    bed.sealed("x.yaml", "one: a\n---\ntwo: b\n");
    assert_eq!(bed.refused(&["set", "x.yaml", "[\"two\"]", "\"c\""]), with(7, "which-document"));
    assert_eq!(bed.run(&["set", "--document", "2", "x.yaml", "[\"two\"]", "\"c\""]).status, 0);
    assert_eq!(bed.plain("x.yaml").lines().next_back(), Some("two: c"));
    assert_eq!(bed.run(&["set", "x.yaml", "[\"one\"]", "\"d\""]).status, 0);
}

#[test]
fn set_writes_nothing_that_means_something_else_to_others() {
    let bed = Bed::with_rule();
    bed.sealed("x.yaml", PLAIN);
    let before = bed.get("x.yaml");
    assert_eq!(bed.refused(&["set", "x.yaml", "[\"<<\"]", "\"merge\""]), with(7, "value"));
    assert_eq!(bed.refused(&["set", "x.yaml", "[\"q\"]", "{\"<<\":{\"z\":1}}"]), with(7, "value"));
    for large in ["12345678901234567890", "{\"a\": [1, -12345678901234567890]}"] {
        assert_eq!(bed.refused(&["set", "x.yaml", "[\"q\"]", large]), with(7, "value"), "{large}");
    }
    assert_eq!(bed.get("x.yaml"), before);
    for fine in ["9223372036854775807", "1e300", "12345678901234567890.5", "\"12345678901234567890\""] {
        let seen = bed.run_with(&["set", "x.yaml", "[\"q\"]", fine], "", &[]);
        assert_eq!(seen.status, 0, "{fine}: {}", seen.stderr);
    }
    bed.put("n.json", "{\"text\": \"12345678901234567890 \\\" 1\",\n \"n\": 12345678901234567890}\n");
    assert_eq!(bed.refused(&["encrypt", "n.json"]).0, 23);
}
