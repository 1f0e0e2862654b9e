//! What is to be refused when it is to be encrypted.

use harness::sops::Format;

use super::Case;

pub(super) fn cases() -> Vec<Case> {
    [plain(), flags(), configured()].concat()
}

fn plain() -> Vec<Case> {
    let yaml = |name: &str, plain: &str| Case::new(&format!("refused: {name}"), Format::Yaml, plain);
    let json = |name: &str, plain: &str| Case::new(&format!("refused: {name}"), Format::Json, plain);
    let dotenv = |name: &str, plain: &str| Case::new(&format!("refused: {name}"), Format::Dotenv, plain);
    let ini = |name: &str, plain: &str| Case::new(&format!("refused: {name}"), Format::Ini, plain);
    vec![
        yaml("no YAML", "a: [\n"),
        yaml("a tab as indent", "a:\n\tb: 1\n"),
        yaml("two values on one line", "a: b: c\n"),
        yaml("list at the top", "- a\n- b\n"),
        yaml("text at the top", "text\n"),
        yaml("list at the top of a later document", "a: 1\n---\n- b\n"),
        yaml("equal keys", "a: 1\nb: 2\na: 3\n"),
        yaml("equal keys below", "a:\n  b: 1\n  b: 2\n"),
        yaml("equal keys in a later document", "a: 1\n---\nb: 1\nb: 2\n"),
        yaml("the word ~ alone", "~\n"),
        yaml("end marker behind comments alone", "# c\n...\n"),
        yaml("equal keys in flow", "a: {b: 1, b: 2}\n"),
        yaml("number as a key", "5: a\n"),
        yaml("number as a key below", "a:\n  5: b\n"),
        yaml("true as a key", "true: a\n"),
        yaml("null as a key", "~: a\n"),
        yaml("float as a key", "1.5: a\n"),
        yaml("time as a key", "2024-05-06: a\n"),
        yaml("list as a key", "? [a]\n: b\n"),
        yaml("map as a key", "? {a: b}\n: c\n"),
        yaml("number beyond 64 bits with a sign", "a: 9223372036854775808\n"),
        yaml("number beyond 64 bits", "a: 18446744073709551615\n"),
        yaml("number far beyond 64 bits", "a: 18446744073709551616\n"),
        yaml("number beyond 64 bits in a plain value", "a_unencrypted: 18446744073709551615\n"),
        yaml("hexadecimal number beyond 64 bits", "a: 0xffffffffffffffff\n"),
        yaml("sops at the top", "sops: 1\na: 2\n"),
        yaml("sops at the top of a later document", "a: 1\n---\nsops: 1\n"),
        yaml("undefined alias", "a: *x\n"),
        yaml("alias of itself", "a: &x\n  b: *x\n"),
        yaml("alias under another path", "a: &x secret\nb: *x\n"),
        yaml("alias of a map", "a: &x {b: 1}\nc: *x\n"),
        yaml("merge", "a: &x\n  b: 1\nc:\n  <<: *x\n  d: 2\n"),
        yaml("alias of a plain value", "a_unencrypted: &x text\nb_unencrypted: *x\n"),
        yaml("anchor without an alias", "a: &x secret\nb: c\n"),
        yaml("wrong tag", "a: !!int text\n"),
        yaml("wrong base64", "a: !!binary '!!!'\n"),
        yaml("comment that fits its own rule", "a: 1\n"),
        yaml("negative zero", "a_unencrypted: -0.0\n"),
        yaml("negative zero, encrypted", "a: -0.0\n"),
        json("no JSON", "{\"a\": "),
        json("list at the top", "[1, 2]"),
        json("text at the top", "\"text\""),
        json("null at the top", "null"),
        json("text after the end", "{\"a\": 1} x"),
        json("two objects", "{\"a\": 1}{\"b\": 2}"),
        json("sops at the top", "{\"sops\": {}, \"a\": 1}"),
        json("comma at the end", "{\"a\": 1,}"),
        json("comment", "{\"a\": 1 /* x */}"),
        json("single quotes", "{'a': 1}"),
        json("empty file", ""),
        json("number beyond floats", "{\"a\": 1e999}"),
        json("leading zero", "{\"a\": 01}"),
        json("control character", "{\"a\": \"x\ny\"}"),
        json("lone surrogate", "{\"a\": \"\\ud800\"}"),
        dotenv("line without an equal sign", "A=1\nB\n"),
        dotenv("key of the block", "sops_mac=1\nA=2\n"),
        dotenv("key that begins like the block's", "sops_x=1\n"),
        dotenv("sops as a key", "sops=1\n"),
        ini("section of the block", "[sops]\na = 1\n"),
        ini("no key", "[a]\nb\n"),
        ini("broken section", "[a\nb = 1\n"),
        ini("semicolon in a value", "[a]\nb = x ; y\n"),
        ini("hash in a value", "[a]\nb = x # y\n"),
        ini("semicolon in quotes", "[a]\nb = \"x ; y\"\n"),
        ini("equal keys", "[a]\nb = 1\nb = 2\n"),
        ini("continued line", "[a]\nb = x\\\n  y\n"),
        ini("text over lines", "[a]\nb = \"\"\"x\ny\"\"\"\n"),
        Case::new("refused: no UTF-8", Format::Yaml, b"a: \xff\n"),
        Case::new("refused: no UTF-8", Format::Json, b"{\"a\": \"\xff\"}"),
        Case::new("refused: no UTF-8", Format::Dotenv, b"A=\xff\n"),
        Case::new("refused: no UTF-8", Format::Ini, b"[a]\nb = \xff\n"),
        Case::new("refused: zero byte", Format::Yaml, b"a: x\0y\n"),
        Case::new("refused: zero byte", Format::Dotenv, b"A=x\0y\n"),
        Case::new("refused: UTF-16", Format::Yaml, b"\xff\xfea\0:\0 \0b\0\n\0"),
    ]
}

fn flags() -> Vec<Case> {
    let lists: [&[&'static str]; 9] = [
        &["--encrypted-regex", "("],
        &["--unencrypted-regex", "("],
        &["--encrypted-regex", "a{1001}"],
        &["--encrypted-regex", "(?=a)"],
        &["--encrypted-regex", "a", "--unencrypted-regex", "b"],
        &["--encrypted-regex", "a", "--encrypted-suffix", "b"],
        &["--unencrypted-suffix", ""],
        &["--shamir-secret-sharing-threshold", "2"],
        &["--encrypted-suffix", ""],
    ];
    lists
        .iter()
        .map(|flags| Case::new(&format!("flags: {}", flags.join(" ")), Format::Yaml, "a: 1\nb: 2\n").flags(flags))
        .collect()
}

fn configured() -> Vec<Case> {
    let configs = [
        ("empty", ""),
        ("no YAML", "creation_rules: ["),
        ("without rules", "stores: {}"),
        ("with no rules", "creation_rules: []"),
        ("rules that are text", "creation_rules: text"),
        ("no rule fits", "creation_rules: [{path_regex: nothing, age: '@alice'}]"),
        ("invalid path_regex", "creation_rules: [{path_regex: '(', age: '@alice'}]"),
        ("invalid path_regex in a later rule", "creation_rules: [{age: '@alice'}, {path_regex: '(', age: '@alice'}]"),
        ("invalid encrypted_regex", "creation_rules: [{age: '@alice', encrypted_regex: '('}]"),
        ("invalid unencrypted_regex", "creation_rules: [{age: '@alice', unencrypted_regex: '('}]"),
        ("invalid encrypted_comment_regex", "creation_rules: [{age: '@alice', encrypted_comment_regex: '('}]"),
        ("two rules of values", "creation_rules: [{age: '@alice', encrypted_regex: a, unencrypted_suffix: b}]"),
        ("no keys", "creation_rules: [{path_regex: .}]"),
        ("empty keys", "creation_rules: [{age: ''}]"),
        ("no groups", "creation_rules: [{key_groups: []}]"),
        ("an empty group", "creation_rules: [{key_groups: [{}]}]"),
        ("an empty group beside another", "creation_rules: [{key_groups: [{age: ['@alice']}, {}]}]"),
        (
            "threshold above the groups",
            "creation_rules: [{shamir_threshold: 3, key_groups: [{age: ['@alice']}, {age: ['@bob']}]}]",
        ),
        (
            "threshold 1 of two groups",
            "creation_rules: [{shamir_threshold: 1, key_groups: [{age: ['@alice']}, {age: ['@bob']}]}]",
        ),
        (
            "negative threshold",
            "creation_rules: [{shamir_threshold: -1, key_groups: [{age: ['@alice']}, {age: ['@bob']}]}]",
        ),
        ("broken recipient", "creation_rules: [{age: age1nonsense}]"),
        ("recipient of another case", "creation_rules: [{age: AGE1NONSENSE}]"),
        ("identity as a recipient", "creation_rules: [{age: AGE-SECRET-KEY-1QQQQ}]"),
        ("recipients with spaces", "creation_rules: [{age: ' @alice , @bob '}]"),
        ("recipients with an empty one", "creation_rules: [{age: '@alice,,@bob'}]"),
        ("recipient twice", "creation_rules: [{age: '@alice,@alice'}]"),
        ("recipients over lines", "creation_rules:\n  - age: >-\n      @alice,\n      @bob\n"),
        ("an unknown field", "creation_rules: [{age: '@alice', unknown: 1}]\nmore: 2"),
        ("unknown field in a group", "creation_rules: [{key_groups: [{age: ['@alice'], unknown: 1}]}]"),
        ("merged groups", "creation_rules: [{key_groups: [{merge: [{age: ['@alice']}, {age: ['@bob', '@alice']}]}]}]"),
        ("flat keys and groups", "creation_rules: [{age: '@bob', key_groups: [{age: ['@alice']}]}]"),
        ("equal keys", "creation_rules: [{age: '@alice', age: '@bob'}]"),
        ("keys of another kind", "creation_rules: [{age: '@alice', pgp: 0000000000000000000000000000000000000000}]"),
        ("indents of stores", "stores: {yaml: {indent: 2}, json: {indent: 3}}\ncreation_rules: [{age: '@alice'}]"),
        (
            "first rule that fits",
            "creation_rules: [{path_regex: '\\.json$', age: '@bob'}, {path_regex: 'file\\.yaml$', age: '@alice'}, {age: '@carol'}]",
        ),
        ("rule of the encrypted suffix", "creation_rules: [{age: '@alice', encrypted_suffix: b}]"),
        ("rule of the unencrypted suffix", "creation_rules: [{age: '@alice', unencrypted_suffix: b}]"),
        ("mac of the encrypted", "creation_rules: [{age: '@alice', encrypted_regex: b, mac_only_encrypted: true}]"),
        ("a comment that fits its own rule", "creation_rules: [{age: '@alice', unencrypted_comment_regex: 'ENC'}]"),
    ];
    let plain = "a: 1\n# c\nb: [x]\n";
    configs
        .into_iter()
        .map(|(name, config)| Case::new(&format!("config: {name}"), Format::Yaml, plain).config(config))
        .collect()
}
