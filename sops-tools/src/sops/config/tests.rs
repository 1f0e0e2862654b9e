use std::fmt::Write as _;

use super::*;

const A: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
const B: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

fn config(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text.as_bytes(), Path::new("/repo/.sops.yaml"))
}

fn rule<'a>(config: &'a Config, file: &str) -> &'a CreationRule {
    config.rule_for(Path::new(file), Path::new("/repo/deep")).unwrap().unwrap()
}

fn faults(error: ConfigError) -> Vec<String> {
    match error {
        ConfigError::Faulty { faults, .. } => faults.iter().map(ToString::to_string).collect(),
        other => vec![other.to_string()],
    }
}

fn texts(group: &[KeyId]) -> Vec<&str> {
    group.iter().map(|key| key.name.as_str()).collect()
}

#[test]
fn the_first_rule_that_matches_the_path_from_the_configurations_folder_wins() {
    let text = format!(
        "creation_rules:\n- path_regex: ^prod/\n  age: {A}\n- path_regex: \\.yaml$\n  age: '{A},{B},'\n- age: [{B}]\n"
    );
    let config = config(&text).unwrap();
    assert_eq!(rule(&config, "/repo/prod/x.yaml").number, 1);
    assert_eq!(rule(&config, "../prod/./x.yaml").number, 1, "relative to the current folder, cleaned");
    assert_eq!(rule(&config, "prod/x.yaml").number, 2, "deep/prod/x.yaml");
    assert_eq!(rule(&config, "x.json").number, 3);
    assert_eq!(rule(&config, "/elsewhere/prod/x.json").number, 3, "a file outside keeps its whole path");
    assert_eq!(texts(&rule(&config, "x.yaml").groups[0]), [A, B]);
}

#[test]
fn no_rules_count_as_no_configuration_and_no_match_is_an_error() {
    for text in ["", "{}", "creation_rules:\n", "stores: {yaml: {indent: 2}}"] {
        assert!(config(text).unwrap().rule_for(Path::new("x"), Path::new("/repo")).unwrap().is_none(), "{text}");
    }
    let config = config(&format!("creation_rules: [{{path_regex: ^prod/, age: {A}}}]")).unwrap();
    let error = config.rule_for(Path::new("x"), Path::new("/repo")).unwrap_err();
    assert_eq!(error.to_string(), "/repo/.sops.yaml: no creation rule is for x");
}

#[test]
fn groups_are_read_with_what_is_merged_and_each_recipient_once() {
    let text = format!(
        "keys: [&a {A}, &b {B}]\ncreation_rules:\n- shamir_threshold: 2\n  mac_only_encrypted: true\n  age: {B}\n  key_groups:\n  - merge: [{{age: [*a]}}, {{age: [*b]}}]\n    age: [*a]\n  - age: ['{A}, {B}']\n"
    );
    let config = config(&text).unwrap();
    let rule = rule(&config, "x");
    assert_eq!(rule.groups.iter().map(|group| texts(group)).collect::<Vec<_>>(), [[A, B], [A, B]]);
    assert_eq!((rule.threshold, rule.mac_only_encrypted), (Some(2), true));
    assert!(config.notes.is_empty(), "{:?}", config.notes);
}

#[test]
fn all_faults_are_told_at_once_and_none_repeats_a_value() {
    let text = format!(
        "creation_rules:\n- age: {A},AGE-SECRET-KEY-1HUNTER\n  pgp: HUNTER2\n  encrypted_regex: '(HUNTER'\n  unencrypted_suffix: _x\n- key_groups: [{{kms: [{{arn: HUNTER}}]}}, {{}}]\n- path_regex: 'HUNTER['\n"
    );
    let error = config(&text).unwrap().rule_for(Path::new("x"), Path::new("/repo")).unwrap_err();
    let faults = faults(error);
    let places: Vec<&str> = faults.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "creation_rules[0].encrypted_regex",
            "creation_rules[0]",
            "creation_rules[0].age",
            "creation_rules[0].pgp",
            "creation_rules[1].key_groups[0].kms",
            "creation_rules[1].key_groups[1]",
            "creation_rules[2].path_regex"
        ]
    );
    assert!(!faults.join("\n").contains("HUNTER"), "{faults:?}");
}

#[test]
fn a_faulty_rule_for_other_files_does_not_stand_in_the_way_but_one_that_cannot_be_asked_does() {
    let text = format!("creation_rules:\n- path_regex: ^pgp/\n  pgp: ABC\n- age: {A}\n");
    let read = config(&text).unwrap();
    assert_eq!(rule(&read, "x").number, 2);
    assert!(read.groups_of(rule(&read, "x")).is_ok());
    assert!(read.groups_of(rule(&read, "/repo/pgp/x")).is_err());
    let text = format!("creation_rules:\n- path_regex: '('\n  age: {A}\n- age: {A}\n");
    assert!(config(&text).unwrap().rule_for(Path::new("x"), Path::new("/repo")).is_err());
}

#[test]
fn recipients_that_cannot_be_served_are_refused_by_kind_and_never_dropped() {
    for (recipient, word) in
        [("age1pq1qqqqqqqq", "post-quantum"), ("age1yubikey1qqqqqqqq", "yubikey"), ("ssh-ed25519 AAAA", "SSH key")]
    {
        let read = config(&format!("creation_rules: [{{age: '{A},{recipient}'}}]")).unwrap();
        let error = read.groups_of(rule(&read, "x")).unwrap_err();
        assert!(faults(error)[0].contains(word), "{recipient}");
    }
}

#[test]
fn what_is_of_another_form_is_told_with_its_place() {
    let told = |text: &str| faults(config(text).unwrap_err());
    assert_eq!(told("- a"), ["it is not a map at its top"]);
    assert_eq!(told("a: [\n"), ["it is not readable YAML at line 1, column 4"]);
    assert_eq!(
        told("creation_rules: [x, {age: 5, shamir_threshold: x, mac_only_encrypted: 'yes', path_regex: 1}]"),
        [
            "creation_rules[0]: it is not a map",
            "creation_rules[1].path_regex: it is not text; put it in quotes",
            "creation_rules[1].mac_only_encrypted: it is not true or false",
            "creation_rules[1].shamir_threshold: it is not a whole number from 0",
            "creation_rules[1].age: it is neither text nor a list of texts"
        ]
    );
}

#[test]
fn a_key_that_nobody_knows_is_noted_and_indents_are_read() {
    let read = config("stores: {yaml: {indent: 2}, json: {indent: -1}}\ncreation_rules: [{agee: x}]").unwrap();
    assert_eq!(read.indents, Indents { yaml: Some(2), json: None, json_binary: None });
    assert_eq!(read.notes, ["creation_rules[0].agee: sops knows no such key; it is ignored"]);
}

#[test]
fn the_nearest_configuration_above_is_found_and_the_other_spelling_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a/b");
    std::fs::create_dir_all(&deep).unwrap();
    crate::files::create_new(&dir.path().join(NAME), b"{}", 0o600).unwrap();
    crate::files::create_new(&dir.path().join("a").join(WRONG_NAME), b"{}", 0o600).unwrap();
    let found = find(&deep);
    assert_eq!(found.path, Some(dir.path().join(NAME)));
    assert_eq!(found.ignored, Some(dir.path().join("a").join(WRONG_NAME)));
}

#[test]
fn a_bomb_of_aliases_is_refused_quickly() {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..12 {
        let one = format!("*a{}", level - 1);
        writeln!(text, "a{level}: &a{level} [{}]", [one.as_str(); 9].join(",")).unwrap();
    }
    assert!(config(&text).is_err());
}
