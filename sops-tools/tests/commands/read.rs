//! `decrypt` and `get`.

use std::os::unix::fs::PermissionsExt as _;

use crate::bed::{Bed, SECRET, with};

const PLAIN: &str = "# head\nname: x\npassword: correct-horse-battery\nlist: [1, {b: c}]\nport: 5\n";

fn bed() -> Bed {
    let bed = Bed::new();
    bed.sealed("x.yaml", PLAIN);
    bed
}

#[test]
fn what_was_encrypted_comes_back_byte_for_byte_in_every_spelling_of_the_command() {
    let bed = bed();
    assert!(!bed.get("x.yaml").contains(SECRET));
    for words in [
        &["decrypt", "x.yaml"][..],
        &["-d", "x.yaml"],
        &["--decrypt", "x.yaml"],
        &["decrypt", "--output", "/dev/stdout", "x.yaml"],
    ] {
        let seen = bed.run(words);
        assert_eq!((seen.status, seen.stderr.as_str()), (0, ""), "{words:?}");
        assert!(
            seen.stdout.contains("password: \"correct-horse-battery\"")
                || seen.stdout.contains("password: correct-horse-battery")
        );
        assert!(seen.stdout.starts_with("# head\n") && seen.stdout.ends_with("port: 5\n"), "{}", seen.stdout);
    }
    let seen = bed.run(&["--indent", "2", "-s", "-d", "x.yaml"]);
    assert_eq!((seen.status, seen.stdout), (0, bed.plain("x.yaml")), "flags of sops that do nothing here");
    for words in [
        &["decrypt", "--input-type", "yaml"][..],
        &["decrypt", "--input-type", "yaml", "-"],
        &["-d", "--filename-override", "x.yaml", "/dev/stdin"],
    ] {
        let seen = bed.run_with(words, &bed.get("x.yaml"), &[]);
        assert_eq!((seen.status, seen.stdout), (0, bed.plain("x.yaml")), "{words:?}");
    }
}

#[test]
fn one_value_is_given_out_as_sops_gives_it() {
    let bed = bed();
    for (path, value) in [
        ("[\"password\"]", SECRET),
        ("[\"port\"]", "5\n"),
        ("[\"list\"][1][\"b\"]", "c"),
        ("[\"list\"]", "- 1\n- b: c\n"),
    ] {
        let seen = bed.run(&["decrypt", "--extract", path, "x.yaml"]);
        assert_eq!((seen.status, seen.stdout.as_str()), (0, value), "{path}");
        assert_eq!(bed.run(&["get", "x.yaml", path]).stdout, value, "{path}");
    }
    let seen = bed.run(&["get", "--output-type", "json", "x.yaml", "[\"list\"]"]);
    assert_eq!(seen.stdout, "[\n\t1,\n\t{\n\t\t\"b\": \"c\"\n\t}\n]");
    assert_eq!(bed.refused(&["get", "x.yaml", "[\"nothing\"]"]), with(1, "absent"));
    assert_eq!(bed.refused(&["get", "x.yaml", "[\"list\"][7]"]), with(1, "absent"));
    assert_eq!(bed.refused(&["get", "x.yaml", "password"]), with(91, "path"));
}

#[test]
fn a_file_with_plain_text_is_its_owners_alone_and_output_may_be_any_file() {
    let bed = bed();
    for name in ["plain", "./json", "sub.text"] {
        let seen = bed.run(&["decrypt", "--output", name, "x.yaml"]);
        assert_eq!((seen.status, seen.stdout.as_str()), (0, ""));
        assert_eq!(bed.path(name).metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(bed.get(name), bed.plain("x.yaml"));
    }
    let seen = bed.run(&["decrypt", "--output", "json", "x.yaml"]);
    assert_eq!(seen.stdout, bed.plain("x.yaml"), "the word json is the form of failures");
}

#[test]
fn each_verdict_has_the_number_of_sops() {
    let bed = bed();
    let sealed = bed.get("x.yaml");
    let changed = |from: &str, to: &str| {
        assert!(sealed.contains(from), "{from}");
        bed.put("changed.yaml", &sealed.replacen(from, to, 1));
        bed.refused(&["decrypt", "changed.yaml"])
    };
    assert_eq!(changed("name: ENC[", "other: ENC["), with(25, "value-not-opened"));
    assert_eq!(changed("name: ENC[AES256_GCM,data:", "name: ENC[AES256_GCM,data:AAAA"), with(25, "value-not-opened"));
    assert_eq!(changed("    mac: ENC[", "    nomac: ENC["), with(51, "mac-mismatch"));
    assert_eq!(changed("port: ENC[", "plain_unencrypted: new\nport: ENC["), with(51, "mac-mismatch"));
    assert_eq!(changed("    lastmodified: \"2", "    lastmodified: \"1"), with(51, "mac-mismatch"));
    assert_eq!(changed("sops:\n", "other:\n"), with(1, "not-encrypted"));
    let seen = bed.run(&["decrypt", "changed.yaml"]);
    assert!(seen.stderr.starts_with("error: changed.yaml: the file has no sops block"), "{}", seen.stderr);
}

#[test]
fn a_broken_mac_is_passed_over_only_where_that_is_asked_for_and_then_it_is_logged() {
    let bed = bed();
    let sealed = bed.get("x.yaml").replacen("port: ENC[", "plain_unencrypted: new\nport: ENC[", 1);
    bed.put("x.yaml", &sealed);
    let seen = bed.run(&["decrypt", "--ignore-mac", "x.yaml"]);
    assert_eq!(seen.status, 0);
    assert!(seen.stdout.contains("plain_unencrypted: new"), "{}", seen.stdout);
    assert!(seen.stderr.contains("in spite of its MAC"), "{}", seen.stderr);
    let seen = bed.run(&["decrypt", "x.yaml"]);
    assert_eq!((seen.status, seen.stdout.as_str()), (51, ""));
    let hash = |text: &str| text.split(|one: char| !one.is_ascii_hexdigit()).any(|word| word.len() >= 64);
    assert!(seen.stderr.contains("--ignore-mac") && !hash(&seen.stderr), "{}", seen.stderr);
}

#[test]
fn refusals_before_anything_is_opened() {
    let bed = bed();
    bed.put("plain.yaml", PLAIN);
    bed.put("broken.yaml", "a: [\n");
    assert_eq!(bed.refused(&["decrypt", "nothing.yaml"]), with(100, "no-file"));
    assert_eq!(bed.refused(&["decrypt", "plain.yaml"]), with(1, "not-encrypted"));
    assert_eq!(bed.refused(&["decrypt", "broken.yaml"]), with(1, "malformed"));
    assert_eq!(bed.refused(&["decrypt", "keys"]), with(2, "input-unreadable"));
    assert_eq!(bed.refused(&["decrypt", "--keyservice", "tcp://x", "x.yaml"]), with(1, "key-kind"));
    assert_eq!(bed.refused(&["decrypt", "--in-place", "--extract", "[\"port\"]", "x.yaml"]), with(8, "flags"));
    assert_eq!(bed.run(&["decrypt", "--in-place", "--output", "y", "x.yaml"]).status, 8);
    assert_eq!(bed.run(&["decrypt", "--in-place", "-"]).status, 8);
    assert_eq!(bed.run(&["decrypt", "--output", "/dev/full", "x.yaml"]).status, 3);
}

#[test]
fn without_a_fitting_identity_every_key_and_source_is_named() {
    let bed = bed();
    let offline = bed.path("keys/offline.agekey").display().to_string();
    let seen =
        bed.run_with(&["decrypt", "x.yaml"], "", &[("SOPS_AGE_KEY_FILE", &offline), ("SOPS_AGE_KEY_CMD", "false")]);
    assert_eq!((seen.status, seen.stdout.as_str()), (128, ""));
    let keys = bed.path("home/.config/sops/age/keys.txt").display().to_string();
    assert_eq!(
        seen.stderr,
        format!(
            "error: x.yaml: the data key cannot be opened
cause: {}: sealed to none of our identities
cause: tried: SOPS_AGE_KEY: not set
cause: tried: SOPS_AGE_KEY_FILE ({offline}): 1 identity
cause: tried: SOPS_AGE_KEY_CMD: it failed: exit status: 1
cause: tried: {keys}: it does not exist

hint: give an identity of one of the recipients: --identity FILE, SOPS_AGE_KEY_FILE, or sops/age/keys.txt
",
            bed.operator
        )
    );
    let seen = bed.run_with(
        &["decrypt", "--identity", "keys/operator.agekey", "x.yaml"],
        "",
        &[("SOPS_AGE_KEY_FILE", &offline)],
    );
    assert_eq!(seen.status, 0, "{}", seen.stderr);
    assert_eq!(bed.refused(&["decrypt", "--identity", "nothing", "x.yaml"]), with(128, "identity-file"));
}

#[test]
fn identities_come_from_the_variable_and_the_command_too() {
    let bed = bed();
    let text = bed.get("keys/operator.agekey");
    let none = ("SOPS_AGE_KEY_FILE", "");
    let command = format!("cat '{}'", bed.path("keys/operator.agekey").display());
    for variable in [("SOPS_AGE_KEY", text.as_str()), ("SOPS_AGE_KEY_CMD", &command)] {
        let seen = bed.run_with(&["decrypt", "x.yaml"], "", &[none, variable]);
        assert_eq!(seen.status, 0, "{}: {}", variable.0, seen.stderr);
    }
}
