//! Which rule of which `.sops.yaml` counts for a file.

use std::path::Path;

use harness::sops::cases::{Verdict, differences, report, same_lines};
use harness::sops::{Bed, Deliberate, Output, Sops};

use super::attacks::verdict;
use super::changing::recipients;
use super::corpus::with_recipients;

/// Files, and a call of `encrypt` among them.
struct Setting {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
    within: &'static str,
    arguments: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
}

const PLAIN: (&str, &str) = ("s/plain.yaml", "a: 1\nb_unencrypted: 2\n");

const fn setting(
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
    within: &'static str,
    arguments: &'static [&'static str],
) -> Setting {
    Setting { name, files, within, arguments, variables: &[] }
}

const ALICE: &str = "creation_rules: [{age: '@alice'}]";
const BOB: &str = "creation_rules: [{age: '@bob'}]";

const SETTINGS: &[Setting] = &[
    setting("in the folder", &[PLAIN, ("s/.sops.yaml", ALICE)], "s", &["encrypt", "plain.yaml"]),
    setting("above the folder", &[PLAIN, (".sops.yaml", ALICE)], "s", &["encrypt", "plain.yaml"]),
    setting("nearest first", &[PLAIN, (".sops.yaml", BOB), ("s/.sops.yaml", ALICE)], "s", &["encrypt", "plain.yaml"]),
    setting(
        "from the working folder, not the file's",
        &[PLAIN, (".sops.yaml", BOB), ("s/.sops.yaml", ALICE)],
        "",
        &["encrypt", "s/plain.yaml"],
    ),
    setting("only beside the file", &[PLAIN, ("s/.sops.yaml", ALICE)], "", &["encrypt", "s/plain.yaml"]),
    setting(
        "nearest without rules",
        &[PLAIN, (".sops.yaml", ALICE), ("s/.sops.yaml", "stores: {}")],
        "s",
        &["encrypt", "plain.yaml"],
    ),
    setting("of the other ending", &[PLAIN, ("s/.sops.yml", ALICE)], "s", &["encrypt", "plain.yaml"]),
    setting(
        "of both endings",
        &[PLAIN, ("s/.sops.yml", BOB), ("s/.sops.yaml", ALICE)],
        "s",
        &["encrypt", "plain.yaml"],
    ),
    setting(
        "by flag",
        &[PLAIN, ("s/.sops.yaml", BOB), ("other.yaml", ALICE)],
        "s",
        &["--config", "../other.yaml", "encrypt", "plain.yaml"],
    ),
    setting(
        "by flag, missing",
        &[PLAIN, ("s/.sops.yaml", BOB)],
        "s",
        &["--config", "nowhere.yaml", "encrypt", "plain.yaml"],
    ),
    Setting {
        variables: &[("SOPS_CONFIG", "../other.yaml")],
        ..setting(
            "by variable",
            &[PLAIN, ("s/.sops.yaml", BOB), ("other.yaml", ALICE)],
            "s",
            &["encrypt", "plain.yaml"],
        )
    },
    Setting {
        variables: &[("SOPS_CONFIG", "../bob.yaml")],
        ..setting(
            "flag over variable",
            &[PLAIN, ("bob.yaml", BOB), ("other.yaml", ALICE)],
            "s",
            &["--config", "../other.yaml", "encrypt", "plain.yaml"],
        )
    },
    Setting {
        variables: &[("SOPS_AGE_RECIPIENTS", "@bob")],
        ..setting("recipients by variable", &[PLAIN, ("s/.sops.yaml", ALICE)], "s", &["encrypt", "plain.yaml"])
    },
    Setting {
        variables: &[("SOPS_AGE_RECIPIENTS", "@bob")],
        ..setting("flag over recipients by variable", &[PLAIN], "s", &["encrypt", "--age", "@carol", "plain.yaml"])
    },
    setting(
        "recipients by flag over a rule",
        &[PLAIN, ("s/.sops.yaml", "creation_rules: [{age: '@alice', encrypted_regex: b}]")],
        "s",
        &["encrypt", "--age", "@bob", "plain.yaml"],
    ),
    setting(
        "recipients by flag, no rule fits",
        &[PLAIN, ("s/.sops.yaml", "creation_rules: [{path_regex: x, age: '@alice'}]")],
        "s",
        &["encrypt", "--age", "@bob", "plain.yaml"],
    ),
    setting(
        "recipients by flag, a broken configuration",
        &[PLAIN, ("s/.sops.yaml", "creation_rules: [")],
        "s",
        &["encrypt", "--age", "@bob", "plain.yaml"],
    ),
    setting(
        "rule by flag over a rule",
        &[PLAIN, ("s/.sops.yaml", "creation_rules: [{age: '@alice', encrypted_regex: b}]")],
        "s",
        &["encrypt", "--encrypted-regex", "a", "plain.yaml"],
    ),
    setting(
        "rule by flag of another kind than the rule",
        &[PLAIN, ("s/.sops.yaml", "creation_rules: [{age: '@alice', encrypted_regex: b}]")],
        "s",
        &["encrypt", "--unencrypted-suffix", "x", "plain.yaml"],
    ),
    setting("nothing at all", &[PLAIN], "s", &["encrypt", "plain.yaml"]),
    setting(
        "path from the folder of the configuration",
        &[PLAIN, (".sops.yaml", "creation_rules: [{path_regex: ^s/plain, age: '@alice'}, {age: '@bob'}]")],
        "s",
        &["encrypt", "plain.yaml"],
    ),
    setting(
        "path from its own folder",
        &[PLAIN, ("s/.sops.yaml", "creation_rules: [{path_regex: ^plain, age: '@alice'}, {age: '@bob'}]")],
        "s",
        &["encrypt", "plain.yaml"],
    ),
    setting(
        "path with a dot",
        &[PLAIN, ("s/.sops.yaml", "creation_rules: [{path_regex: ^plain, age: '@alice'}, {age: '@bob'}]")],
        "s",
        &["encrypt", "./plain.yaml"],
    ),
    setting(
        "path with two dots",
        &[PLAIN, ("s/.sops.yaml", "creation_rules: [{path_regex: ^plain, age: '@alice'}, {age: '@bob'}]")],
        "s",
        &["encrypt", "../s/plain.yaml"],
    ),
    setting(
        "path of a file outside",
        &[PLAIN, ("t/.sops.yaml", "creation_rules: [{path_regex: ^/.*/s/plain, age: '@alice'}, {age: '@bob'}]")],
        "t",
        &["encrypt", "../s/plain.yaml"],
    ),
    setting(
        "path of a file outside, from its folder",
        &[PLAIN, ("t/.sops.yaml", "creation_rules: [{path_regex: ^s/plain, age: '@alice'}, {age: '@bob'}]")],
        "t",
        &["encrypt", "../s/plain.yaml"],
    ),
    setting(
        "path by an end",
        &[
            PLAIN,
            (
                "s/.sops.yaml",
                "creation_rules: [{path_regex: '\\.json$', age: '@bob'}, {path_regex: '\\.ya?ml$', age: '@alice'}]",
            ),
        ],
        "s",
        &["encrypt", "plain.yaml"],
    ),
    setting(
        "path by a part",
        &[PLAIN, ("s/.sops.yaml", "creation_rules: [{path_regex: lai, age: '@alice'}, {age: '@bob'}]")],
        "s",
        &["encrypt", "plain.yaml"],
    ),
    setting(
        "path in capitals",
        &[
            PLAIN,
            (
                "s/.sops.yaml",
                "creation_rules: [{path_regex: PLAIN, age: '@bob'}, {path_regex: '(?i)PLAIN', age: '@alice'}]",
            ),
        ],
        "s",
        &["encrypt", "plain.yaml"],
    ),
    setting(
        "empty path",
        &[PLAIN, ("s/.sops.yaml", "creation_rules: [{path_regex: '', age: '@alice'}, {age: '@bob'}]")],
        "s",
        &["encrypt", "plain.yaml"],
    ),
    setting(
        "no rule fits",
        &[PLAIN, ("s/.sops.yaml", "creation_rules: [{path_regex: x, age: '@bob'}]")],
        "s",
        &["encrypt", "plain.yaml"],
    ),
    setting(
        "another name by flag",
        &[PLAIN, ("s/.sops.yaml", "creation_rules: [{path_regex: ^other, age: '@alice'}, {age: '@bob'}]")],
        "s",
        &["encrypt", "--filename-override", "other.yaml", "plain.yaml"],
    ),
    setting(
        "another format by flag",
        &[("s/plain.txt", "a: 1\n"), ("s/.sops.yaml", ALICE)],
        "s",
        &["encrypt", "--input-type", "yaml", "--output-type", "json", "plain.txt"],
    ),
    setting(
        "line ends of Windows",
        &[PLAIN, ("s/.sops.yaml", "creation_rules:\r\n  - age: '@alice'\r\n")],
        "s",
        &["encrypt", "plain.yaml"],
    ),
    setting(
        "comments and documents",
        &[PLAIN, ("s/.sops.yaml", "---\n# rules\ncreation_rules: # x\n  - age: '@alice' # y\n")],
        "s",
        &["encrypt", "plain.yaml"],
    ),
    setting(
        "anchors",
        &[PLAIN, ("s/.sops.yaml", "keys:\n  - &a '@alice'\ncreation_rules:\n  - age: *a\n")],
        "s",
        &["encrypt", "plain.yaml"],
    ),
    setting(
        "anchors in groups",
        &[
            PLAIN,
            (
                "s/.sops.yaml",
                "keys:\n  - &a '@alice'\n  - &b '@bob'\ncreation_rules:\n  - key_groups:\n      - age:\n          - *a\n          - *b\n",
            ),
        ],
        "s",
        &["encrypt", "plain.yaml"],
    ),
    setting("a file that is not there", &[("s/.sops.yaml", ALICE)], "s", &["encrypt", "plain.yaml"]),
    setting("no file", &[("s/.sops.yaml", ALICE)], "s", &["encrypt"]),
    setting("a folder as the file", &[PLAIN, ("s/.sops.yaml", ALICE)], "s", &["encrypt", "../s"]),
];

#[test]
fn the_same_rule_counts_for_us_as_for_sops() {
    let (bed, meant) = (Bed::new("selection"), Deliberate::of("rule"));
    let mut found = differences(SETTINGS, |setting| setting.name.to_owned(), |setting| judge(&bed, &meant, setting));
    found.extend(meant.unseen());
    report("selection", SETTINGS.len(), &found);
}

fn judge(bed: &Bed, meant: &Deliberate, setting: &Setting) -> Verdict {
    let [old, new, ours] = [Sops::Old, Sops::New, Sops::Ours].map(|sops| call(bed, sops, setting));
    let theirs = verdict(&old, &new, ours.status);
    meant.judge(setting.name, &theirs, ours.status).map_err(|fault| {
        format!("{fault}\n3.11.0: {}\n3.13.3: {}\nours: {}", old.summary(), new.summary(), ours.summary())
    })?;
    if ours.good() && new.good() {
        same_lines("recipients", &recipients(&new.stdout), &recipients(&ours.stdout))?;
        same_lines("what is encrypted", &sealed_keys(&new.text()), &sealed_keys(&ours.text()))?;
    }
    Ok(())
}

fn call(bed: &Bed, sops: Sops, setting: &Setting) -> Output {
    let folder = bed.case();
    std::fs::create_dir_all(folder.join(setting.within)).expect("the working folder");
    for (name, text) in setting.files {
        put(&folder.join(name), &with_recipients(bed, text));
    }
    let call = bed.call(sops).within(&folder.join(setting.within));
    let call = setting.variables.iter().fold(call, |call, (name, value)| call.env(name, with_recipients(bed, value)));
    call.args(setting.arguments.iter().map(|argument| with_recipients(bed, argument))).run()
}

fn put(path: &Path, text: &str) {
    use std::io::Write as _;
    std::fs::create_dir_all(path.parent().expect("in a folder")).expect("the file's folder");
    std::fs::File::create(path).and_then(|mut file| file.write_all(text.as_bytes())).expect("a file");
}

/// The keys outside of the block whose values are encrypted.
fn sealed_keys(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.contains("ENC[") && !line.contains("mac"));
    lines.filter_map(|line| line.trim().split(':').next()).map(str::to_owned).collect()
}
