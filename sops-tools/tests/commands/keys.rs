//! `updatekeys` and `rotate`.

use crate::bed::{Bed, with};

const PLAIN: &str = "name: x\npassword: correct-horse-battery\n";

fn line<'a>(text: &'a str, key: &str) -> &'a str {
    text.lines().find(|line| line.starts_with(key)).unwrap()
}

#[test]
fn who_is_only_added_gets_the_data_key_and_nothing_else_changes() {
    let bed = Bed::with_rule();
    bed.sealed("x.yaml", PLAIN);
    let before = bed.get("x.yaml");
    bed.rule(&[&bed.operator, &bed.offline]);
    let seen = bed.run_with(&["updatekeys", "x.yaml"], "n\n", &[]);
    assert_eq!((seen.status, bed.get("x.yaml")), (0, before.clone()), "{}", seen.stderr);
    assert!(seen.stdout.ends_with("x.yaml: left unchanged\n"), "{}", seen.stdout);
    let seen = bed.run_with(&["updatekeys", "x.yaml"], "y\n", &[]);
    assert_eq!(seen.status, 0, "{}", seen.stderr);
    assert!(seen.stdout.contains(&format!("    {}\n+++ {}\n", bed.operator, bed.offline)), "{}", seen.stdout);
    let after = bed.get("x.yaml");
    assert_eq!(
        (line(&after, "password"), line(&after, "    mac")),
        (line(&before, "password"), line(&before, "    mac"))
    );
    let again = bed.run(&["updatekeys", "-y", "x.yaml"]);
    assert_eq!((again.status, again.stdout.as_str(), bed.get("x.yaml")), (0, "x.yaml: already up to date\n", after));
    let offline = bed.path("keys/offline.agekey").display().to_string();
    assert_eq!(bed.run_with(&["decrypt", "x.yaml"], "", &[("SOPS_AGE_KEY_FILE", &offline)]).status, 0);
}

#[test]
fn a_removal_makes_a_new_data_key_and_names_the_values_to_change() {
    let bed = Bed::new();
    bed.rule(&[&bed.operator, &bed.offline]);
    bed.put("x.yaml", PLAIN);
    assert_eq!(bed.run(&["encrypt", "-i", "x.yaml"]).status, 0);
    let before = bed.get("x.yaml");
    bed.rule(&[&bed.operator]);
    let seen = bed.run(&["updatekeys", "-y", "--output", "json", "x.yaml"]);
    let told: serde_json::Value = serde_json::from_str(&seen.stdout).unwrap();
    assert_eq!(told["result"], "new-data-key");
    assert_eq!(told["groups"][0]["removed"][0], bed.offline);
    assert_eq!(told["valuesToChange"], serde_json::json!(["name", "password"]));
    assert_ne!(line(&bed.get("x.yaml"), "password"), line(&before, "password"));
    let offline = bed.path("keys/offline.agekey").display().to_string();
    assert_eq!(bed.run_with(&["decrypt", "x.yaml"], "", &[("SOPS_AGE_KEY_FILE", &offline)]).status, 128);
    assert_eq!(bed.plain("x.yaml").lines().count(), 2);
}

#[test]
fn updatekeys_needs_a_rule_an_answer_and_somebody_who_can_open_the_result() {
    let bed = Bed::new();
    bed.sealed("x.yaml", PLAIN);
    let before = bed.get("x.yaml");
    assert_eq!(bed.refused(&["updatekeys", "-y", "x.yaml"]), with(1, "no-recipients"));
    bed.rule(&[&bed.offline]);
    assert_eq!(bed.refused(&["updatekeys", "x.yaml"]), with(8, "flags"));
    let seen = bed.run(&["updatekeys", "x.yaml"]);
    assert_eq!(seen.status, 1);
    assert!(seen.stderr.starts_with("error: nobody answered the question"), "{}", seen.stderr);
    assert_eq!(bed.refused(&["updatekeys", "-y", "x.yaml"]), with(1, "locked-out"));
    assert_eq!(bed.refused(&["updatekeys", "-y", "nothing.yaml"]), with(1, "no-file"));
    assert_eq!(bed.refused(&["updatekeys", "-y"]), with(100, "no-file"));
    assert_eq!(bed.get("x.yaml"), before);
    assert_eq!(bed.run(&["updatekeys", "-y", "--recovery", &bed.offline, "x.yaml"]).status, 0);
}

#[test]
fn rotate_gives_no_new_data_key_to_somebody_who_is_expected_nowhere() {
    let bed = Bed::with_rule();
    bed.put("x.yaml", PLAIN);
    let both = format!("{},{}", bed.operator, bed.offline);
    assert_eq!(bed.run(&["encrypt", "-i", "--age", &both, "x.yaml"]).status, 0);
    let before = bed.get("x.yaml");
    let seen = bed.run(&["rotate", "-i", "x.yaml"]);
    assert_eq!((seen.status, bed.get("x.yaml")), (1, before.clone()));
    assert!(seen.stderr.contains(&format!("cause: {}\n", bed.offline)), "{}", seen.stderr);
    assert_eq!(bed.refused(&["rotate", "x.yaml"]), with(1, "recipient-unexpected"));
    let seen = bed.run(&["rotate", "-i", "--rm-age", &bed.offline, "x.yaml"]);
    assert_eq!(seen.status, 0, "{}", seen.stderr);
    assert!(
        seen.stderr.contains(&format!("--- {}", bed.offline)) && seen.stderr.contains("\n  password\n"),
        "{}",
        seen.stderr
    );
    assert!(!bed.get("x.yaml").contains(&bed.offline));
    let seen = bed.run(&["-r", "-i", "--add-age", &bed.offline, "x.yaml"]);
    assert_eq!(seen.status, 0, "{}", seen.stderr);
    assert!(bed.get("x.yaml").contains(&bed.offline));
}

#[test]
fn rotate_seals_every_value_anew_for_the_same_recipients() {
    let bed = Bed::with_rule();
    bed.sealed("x.yaml", PLAIN);
    let (before, plain) = (bed.get("x.yaml"), bed.plain("x.yaml"));
    let printed = bed.run(&["rotate", "x.yaml"]);
    assert_eq!((printed.status, bed.get("x.yaml")), (0, before.clone()));
    assert_ne!(line(&printed.stdout, "password"), line(&before, "password"));
    assert_eq!(bed.run(&["rotate", "-i", "x.yaml"]).status, 0);
    assert_ne!(line(&bed.get("x.yaml"), "password"), line(&before, "password"));
    assert_eq!(bed.plain("x.yaml"), plain);
    bed.put("y.yaml", &before.replacen("password: ENC", "added_unencrypted: z\npassword: ENC", 1));
    assert_eq!(bed.refused(&["rotate", "-i", "y.yaml"]), with(51, "mac-mismatch"));
    assert_eq!(bed.refused(&["rotate", "-i", "nothing.yaml"]), with(2, "no-file"));
    assert_eq!(bed.refused(&["rotate", "-i", "--add-age", &bed.offline, "nothing.yaml"]), with(49, "no-file"));
    assert_eq!(bed.refused(&["rotate"]), with(100, "no-file"));
    assert_eq!(bed.refused(&["rotate", "--add-kms", "arn", "x.yaml"]), with(1, "key-kind"));
}

#[test]
fn without_a_rule_the_recipients_have_to_be_named() {
    let bed = Bed::new();
    bed.sealed("x.yaml", PLAIN);
    assert_eq!(bed.refused(&["rotate", "-i", "x.yaml"]), with(1, "no-recipients"));
    assert_eq!(bed.run(&["rotate", "-i", "--age", &bed.operator, "x.yaml"]).status, 0);
}
