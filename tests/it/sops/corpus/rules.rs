//! Which values are encrypted: the six rules, by flag and by configuration, and keys in groups.

use harness::sops::Format;

use super::Case;

const DOCUMENT: &str = "\
kind: Secret
metadata:
  name: x
  labels: [a, b]
data:
  password: p
  data_extra: q
stringData:
  user: u
  port: 5432
plain_unencrypted: 1
secret_enc:
  deep: {deeper: [1, 2]}
list:
  - data: 1
  - other: 2
";

const SAME_IN_JSON: &str = r#"{
  "kind": "Secret",
  "metadata": {"name": "x", "labels": ["a", "b"]},
  "data": {"password": "p", "data_extra": "q"},
  "plain_unencrypted": 1,
  "secret_enc": {"deep": {"deeper": [1, 2]}},
  "list": [{"data": 1}, {"other": 2}]
}
"#;

const COMMENTED: &str = "\
a: 1
# keep: clear
b: 2
c: 3
d:
  # seal
  e: 4
  f:
    # keep
    g: 5
  h: 6
";

pub(super) fn cases() -> Vec<Case> {
    [by_flags(), by_comments(), syntax(), groups()].concat()
}

fn by_flags() -> Vec<Case> {
    let flags: [&[&'static str]; 7] = [
        &["--unencrypted-suffix", "_enc"],
        &["--encrypted-suffix", "_enc"],
        &["--unencrypted-regex", "^(kind|metadata)$"],
        &["--encrypted-regex", "^(data|stringData)$"],
        &["--encrypted-regex", "nothing"],
        &["--encrypted-suffix", "nothing"],
        &["--unencrypted-regex", "."],
    ];
    let pairs = [(Format::Yaml, DOCUMENT), (Format::Json, SAME_IN_JSON)];
    let dotenv = "A_enc=1\nB=2\ndata=3\nkind=4\nA_unencrypted=5\n";
    let ini = "[data]\nA_enc=1\nB=2\n[kind]\ndata=3\nC_unencrypted=4\n";
    let all = pairs.into_iter().chain([(Format::Dotenv, dotenv), (Format::Ini, ini)]);
    let of = |(format, text): (Format, &str)| {
        let plain = Case::new("rule: none", format, text);
        let ruled =
            flags.iter().map(|flags| Case::new(&format!("rule: {}", flags.join(" ")), format, text).flags(flags));
        std::iter::once(plain).chain(ruled).collect::<Vec<_>>()
    };
    all.flat_map(of).collect()
}

fn by_comments() -> Vec<Case> {
    let yaml = |name: &str, config| Case::new(name, Format::Yaml, COMMENTED).config(config);
    vec![
        yaml("rule: unencrypted comment", "creation_rules: [{age: '@alice', unencrypted_comment_regex: keep}]"),
        yaml("rule: encrypted comment", "creation_rules: [{age: '@alice', encrypted_comment_regex: seal}]"),
        yaml(
            "rule: encrypted comment, mac of the encrypted",
            "creation_rules: [{age: '@alice', encrypted_comment_regex: seal, mac_only_encrypted: true}]",
        ),
        yaml(
            "rule: encrypted comment, none fits",
            "creation_rules: [{age: '@alice', encrypted_comment_regex: nothing}]",
        ),
        Case::new("rule: encrypted comment in a list", Format::Yaml, "l:\n  # seal\n  - 1\n  - 2\nm: 3\n")
            .config("creation_rules: [{age: '@alice', encrypted_comment_regex: seal}]"),
        Case::new("rule: unencrypted comment in a list", Format::Yaml, "l:\n  # keep\n  - 1\n  - 2\nm: 3\n")
            .config("creation_rules: [{age: '@alice', unencrypted_comment_regex: keep}]"),
        Case::new(
            "rule: unencrypted comment over a map",
            Format::Yaml,
            "# keep\nl:\n  a: {b: 1}\nm: 3\n# keep\nn: 4 # x\no: 5\n",
        )
        .config("creation_rules: [{age: '@alice', unencrypted_comment_regex: keep}]"),
    ]
}

/// Expressions in the syntax of Go.
fn syntax() -> Vec<Case> {
    let keys = "data: 1\ndate: 2\nDATA: 3\nd.ta: 4\n'a-b': 5\n'0': 6\ngrüße: 7\n'x y': 8\n";
    let expressions: [&[&'static str]; 14] = [
        &["--encrypted-regex", "^da"],
        &["--encrypted-regex", "(?i)^data$"],
        &["--encrypted-regex", "d\\.ta"],
        &["--encrypted-regex", "\\Qd.ta\\E"],
        &["--encrypted-regex", "^[[:lower:]]+$"],
        &["--encrypted-regex", "^\\w+$"],
        &["--encrypted-regex", "\\d"],
        &["--encrypted-regex", "\\p{L}\\z"],
        &["--encrypted-regex", "ü"],
        &["--encrypted-regex", "\\bdat"],
        &["--encrypted-regex", "(?P<name>data)"],
        &["--encrypted-regex", "^d.{2}[ae]$"],
        &["--encrypted-regex", "a|^x\\s"],
        &["--encrypted-regex", ""],
    ];
    let case =
        |flags: &&[&'static str]| Case::new(&format!("expression {}", flags[1]), Format::Yaml, keys).flags(flags);
    expressions.iter().map(case).collect()
}

fn groups() -> Vec<Case> {
    let pairs = [
        ("two recipients", "creation_rules: [{age: '@bob,@alice'}]"),
        ("recipients as a list", "creation_rules: [{age: ['@bob', '@alice', '@carol']}]"),
        ("one group", "creation_rules: [{key_groups: [{age: ['@alice', '@bob']}]}]"),
        ("two of two groups", "creation_rules: [{key_groups: [{age: ['@alice']}, {age: ['@alice', '@bob']}]}]"),
        (
            "two of three groups",
            "creation_rules: [{shamir_threshold: 2, key_groups: [{age: ['@alice']}, {age: ['@bob']}, {age: ['@carol', '@alice']}]}]",
        ),
        (
            "three of three groups",
            "creation_rules: [{shamir_threshold: 3, key_groups: [{age: ['@alice']}, {age: ['@alice']}, {age: ['@alice']}]}]",
        ),
        ("two of two groups, one closed", "creation_rules: [{key_groups: [{age: ['@alice']}, {age: ['@bob']}]}]"),
        ("nothing for us", "creation_rules: [{age: '@bob'}]"),
        ("threshold of one group", "creation_rules: [{shamir_threshold: 1, key_groups: [{age: ['@alice']}]}]"),
    ];
    let of = |format: Format, text: &'static str| {
        pairs.map(|(name, config)| Case::new(&format!("keys: {name}"), format, text).config(config)).to_vec()
    };
    [
        of(Format::Yaml, "a: 1\nb: [x, y]\n"),
        of(Format::Json, "{\"a\": 1}\n"),
        of(Format::Dotenv, "A=1\n"),
        of(Format::Ini, "[a]\nb = 1\n"),
        of(Format::Binary, "x"),
    ]
    .concat()
}
