//! `rotate` and `updatekeys`.

use harness::sops::Format;

use super::Change;

const PLAINS: [(Format, &str); 5] = [
    (Format::Yaml, "# head\na: 1\nb: [x, {c: d}] # in\ne_unencrypted: f\n---\ng: h\n"),
    (Format::Json, "{\"a\": 1.5, \"b\": [\"x\", {\"c\": null}], \"e_unencrypted\": \"f\"}"),
    (Format::Dotenv, "# head\nA=1\nB_unencrypted=2\n"),
    (Format::Ini, "; head\n[a]\nb = 1\nc_unencrypted = 2\n"),
    (Format::Binary, "bytes"),
];

const ALICE: &str = "creation_rules: [{age: '@alice'}]";
const BOTH: &str = "creation_rules: [{age: '@alice,@bob'}]";
const BOB: &str = "creation_rules: [{age: '@bob'}]";
const GROUPS: &str = "creation_rules: [{shamir_threshold: 2, key_groups: [{age: ['@alice']}, {age: ['@alice', '@bob']}, {age: ['@carol']}]}]";

pub(super) fn changes() -> Vec<Change> {
    [rotations(), updates()].concat()
}

fn change(name: &str, config: &'static str, later: &'static str, arguments: &[&'static str]) -> Change {
    let mut change = Change::new(name, Format::Yaml, PLAINS[0].1, arguments);
    (change.config, change.later) = (config, later);
    change
}

fn rotations() -> Vec<Change> {
    let plain = PLAINS.map(|(format, plain)| {
        let mut change = Change::new("rotate", format, plain, &["rotate", "-i", "@file"]);
        change.later = ALICE;
        change
    });
    let more = [
        change("rotate for two", BOTH, BOTH, &["rotate", "-i", "@file"]),
        change("rotate and add", ALICE, BOTH, &["rotate", "-i", "--add-age", "@bob", "@file"]),
        change("rotate and remove", BOTH, ALICE, &["rotate", "-i", "--rm-age", "@bob", "@file"]),
        change(
            "rotate, add and remove",
            BOTH,
            "creation_rules: [{age: '@alice,@carol'}]",
            &["rotate", "-i", "--add-age", "@carol", "--rm-age", "@bob", "@file"],
        ),
        change(
            "rotate and add a broken recipient",
            ALICE,
            ALICE,
            &["rotate", "-i", "--add-age", "age1nonsense", "@file"],
        ),
        change("rotate groups", GROUPS, GROUPS, &["rotate", "-i", "@file"]),
        change("rotate what is not there", ALICE, ALICE, &["rotate", "-i", "/nowhere.yaml"]),
        change("rotate without a configuration", ALICE, "", &["rotate", "-i", "@file"]),
        change("rotate for one whom the configuration does not name", BOTH, ALICE, &["rotate", "-i", "@file"]),
    ];
    plain.into_iter().chain(more).collect()
}

fn updates() -> Vec<Change> {
    let plain = PLAINS.map(|(format, plain)| {
        let mut change = Change::new("updatekeys", format, plain, &["updatekeys", "-y", "@file"]);
        (change.config, change.later) = (ALICE, BOTH);
        change
    });
    let more = [
        change("updatekeys that changes nothing", BOTH, BOTH, &["updatekeys", "-y", "@file"]),
        change(
            "updatekeys that exchanges",
            "creation_rules: [{age: '@alice,@bob'}]",
            "creation_rules: [{age: '@bob,@alice'}]",
            &["updatekeys", "-y", "@file"],
        ),
        change("updatekeys that removes", BOTH, ALICE, &["updatekeys", "-y", "@file"]),
        change("updatekeys that locks us out", ALICE, BOB, &["updatekeys", "-y", "@file"]),
        change("updatekeys to groups", ALICE, GROUPS, &["updatekeys", "-y", "@file"]),
        change("updatekeys from groups", GROUPS, ALICE, &["updatekeys", "-y", "@file"]),
        change(
            "updatekeys of groups",
            GROUPS,
            "creation_rules: [{shamir_threshold: 2, key_groups: [{age: ['@alice']}, {age: ['@bob']}]}]",
            &["updatekeys", "-y", "@file"],
        ),
        change(
            "updatekeys without a rule",
            ALICE,
            "creation_rules: [{path_regex: nothing, age: '@bob'}]",
            &["updatekeys", "-y", "@file"],
        ),
        change("updatekeys without a configuration", ALICE, "", &["updatekeys", "-y", "@file"]),
        change("updatekeys what is not there", ALICE, ALICE, &["updatekeys", "-y", "/nowhere.yaml"]),
        change(
            "updatekeys of a rule with a regex",
            ALICE,
            "creation_rules: [{age: '@alice,@bob', encrypted_regex: '^a$'}]",
            &["updatekeys", "-y", "@file"],
        ),
        asked("updatekeys, answered yes", "y\n"),
        asked("updatekeys, answered no", "n\n"),
    ];
    plain.into_iter().chain(more).collect()
}

fn asked(name: &str, answer: &'static str) -> Change {
    let mut change = change(name, ALICE, BOTH, &["updatekeys", "@file"]);
    change.input = Some(answer);
    change
}
