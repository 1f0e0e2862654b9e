//! Attacks on the `sops` block.

use harness::sops::{Bed, Format};

use super::Attack;
use super::bases::{Bases, enc_of, flipped, line_of, parts, put, without_lines};

pub(super) fn attacks(bed: &Bed, bases: &Bases) -> Vec<Attack> {
    let yaml = bases.of(Format::Yaml);
    let mut attacks: Vec<_> = [mac(yaml), time(yaml), version(yaml), rules(yaml), recipients(bed, yaml), block(yaml)]
        .into_iter()
        .flatten()
        .map(|(what, text)| Attack::new(&what, Format::Yaml, text))
        .collect();
    let others = [groups(&bases.groups), partial(&bases.partial), shared(&bases.shared)].into_iter().flatten();
    attacks.extend(others.map(|(what, text)| Attack::new(&what, Format::Yaml, text)));
    for (format, sealed) in bases.by_format.iter().filter(|(format, _)| *format != Format::Yaml) {
        attacks.extend(other_formats(*format, sealed));
    }
    attacks
}

type Named = Vec<(String, String)>;

fn named<const N: usize>(pairs: [(&str, String); N]) -> Named {
    pairs.into_iter().map(|(what, text)| (what.to_owned(), text)).collect()
}

fn mac(yaml: &str) -> Named {
    let enc = enc_of(yaml, "mac:");
    let mac = line_of(yaml, "mac:");
    named([
        ("mac removed", put(yaml, mac, "")),
        ("mac empty", put(yaml, enc, "\"\"")),
        ("mac null", put(yaml, enc, "null")),
        ("mac a number", put(yaml, enc, "5")),
        ("mac a list", put(yaml, enc, "[]")),
        ("mac twice", put(yaml, mac, &mac.repeat(2))),
        ("mac quoted", put(yaml, enc, &format!("'{enc}'"))),
        ("mac of another type", put(yaml, enc, &enc.replace("type:str", "type:int"))),
        ("mac that is a comment", put(yaml, enc, &enc.replace("type:str", "type:comment"))),
    ])
}

fn time(yaml: &str) -> Named {
    let line = line_of(yaml, "lastmodified:");
    let quoted = line.trim().trim_start_matches("lastmodified: ");
    let bare = quoted.trim_matches('"');
    let seconds = bare.trim_end_matches('Z');
    let at = |new: &str| put(yaml, quoted, new);
    let (rest, last) = seconds.split_at(seconds.len() - 1);
    let day = format!("{rest}{}Z", if last == "0" { "1" } else { "0" });
    named([
        ("lastmodified another second", at(&format!("\"{day}\""))),
        ("lastmodified removed", put(yaml, line, "")),
        ("lastmodified empty", at("\"\"")),
        ("lastmodified null", at("null")),
        ("lastmodified no time", at("yesterday")),
        ("lastmodified a number", at("5")),
        ("lastmodified unquoted", at(bare)),
        ("lastmodified with a fraction", at(&format!("\"{seconds}.25Z\""))),
        ("lastmodified with +00:00", at(&format!("\"{seconds}+00:00\""))),
        ("lastmodified with -00:00", at(&format!("\"{seconds}-00:00\""))),
        ("lastmodified with another zone", at(&format!("\"{seconds}+01:00\""))),
        ("lastmodified in small letters", at(&format!("\"{}\"", bare.to_lowercase()))),
        ("lastmodified with a space", at(&format!("\"{}\"", bare.replace('T', " ")))),
        ("lastmodified twice", put(yaml, line, &line.repeat(2))),
    ])
}

fn version(yaml: &str) -> Named {
    let line = "version: 3.11.0";
    let versions = ["\"\"", "null", "99.0.0", "0.0.1", "garbage", "5", "3.11", "[]", "3.11.0-dev", "v3.11.0"];
    let mut all: Named = versions
        .iter()
        .map(|version| (format!("version {version}"), put(yaml, line, &format!("version: {version}"))))
        .collect();
    all.push(("version removed".to_owned(), without_lines(yaml, line)));
    all
}

fn rules(yaml: &str) -> Named {
    let line = "    unencrypted_suffix: _unencrypted\n";
    let with = |new: &str| put(yaml, line, new);
    named([
        ("rule removed", with("")),
        ("rule empty", with("    unencrypted_suffix: \"\"\n")),
        ("rule null", with("    unencrypted_suffix: null\n")),
        ("rule a number", with("    unencrypted_suffix: 5\n")),
        ("rule of another suffix", with("    unencrypted_suffix: _plain\n")),
        ("rule of another kind", with("    encrypted_suffix: word\n")),
        ("rule of a regex", with("    unencrypted_regex: _unencrypted$\n")),
        ("rule of a regex for all", with("    encrypted_regex: .\n")),
        ("rule of a regex for none", with("    unencrypted_regex: .\n")),
        ("rule of an invalid regex", with("    encrypted_regex: (\n")),
        ("rule of an invalid regex for plain values", with("    unencrypted_regex: (\n")),
        ("rule of a comment", with("    encrypted_comment_regex: x\n")),
        ("rule of a comment for plain values", with("    unencrypted_comment_regex: x\n")),
        ("rule of an invalid comment regex", with("    unencrypted_comment_regex: (\n")),
        ("two rules", with("    unencrypted_suffix: _unencrypted\n    encrypted_regex: x\n")),
        ("two equal rules", with("    unencrypted_suffix: _unencrypted\n    unencrypted_suffix: _unencrypted\n")),
        ("mac only for the encrypted", with(&format!("{line}    mac_only_encrypted: true\n"))),
        ("mac not only for the encrypted", with(&format!("{line}    mac_only_encrypted: false\n"))),
        ("mac only for the encrypted, as text", with(&format!("{line}    mac_only_encrypted: \"true\"\n"))),
    ])
}

fn partial(yaml: &str) -> Named {
    let line = "    mac_only_encrypted: true\n";
    named([
        ("mac of the encrypted: made a full one", put(yaml, line, "")),
        ("mac of the encrypted: plain value altered", put(yaml, "backup-repo", "another")),
        ("mac of the encrypted: plain value added", format!("more_unencrypted: x\n{yaml}")),
        ("mac of the encrypted: plain value removed", put(yaml, line_of(yaml, "name_unencrypted"), "")),
        ("mac of the encrypted: entry removed", put(yaml, line_of(yaml, "password"), "")),
        (
            "mac of the encrypted: values exchanged",
            super::bases::swapped(yaml, line_of(yaml, "user"), line_of(yaml, "password")),
        ),
    ])
}

/// The armored text of the first recipient.
fn armor(yaml: &str) -> &str {
    let start = yaml.find("-----BEGIN").expect("an armor");
    let end = yaml.find("-----END AGE ENCRYPTED FILE-----").expect("its end");
    &yaml[start..end]
}

fn recipients(bed: &Bed, yaml: &str) -> Named {
    let (alice, mallory) = (bed.recipient("alice"), bed.recipient("mallory"));
    let armor = armor(yaml);
    let body = armor.lines().nth(2).expect("a line of the armor").trim();
    let entry_start = yaml.find("        - recipient").expect("the entry");
    let entry = &yaml[entry_start..yaml.find("    lastmodified").expect("what follows")];
    let junk = entry.replace(alice, mallory).replace(body, &flipped(body));
    named([
        ("label of a recipient altered", put(yaml, alice, mallory)),
        ("label of a recipient no key", put(yaml, alice, "nobody")),
        ("label of a recipient empty", put(yaml, alice, "\"\"")),
        ("label of a recipient removed", put(yaml, &format!("- recipient: {alice}\n          "), "- ")),
        ("recipient with junk added behind", put(yaml, entry, &format!("{entry}{junk}"))),
        ("recipient with junk added before", put(yaml, entry, &format!("{junk}{entry}"))),
        ("recipient twice", put(yaml, entry, &entry.repeat(2))),
        ("no recipients", put(yaml, &format!("age:\n{entry}"), "age: []\n")),
        ("recipients null", put(yaml, &format!("age:\n{entry}"), "age:\n")),
        ("recipients a map", put(yaml, "age:\n        - recipient", "age:\n          recipient")),
        ("recipients removed", put(yaml, &format!("    age:\n{entry}"), "")),
        ("sealed data key altered", put(yaml, body, &flipped(body))),
        ("sealed data key cut short", put(yaml, &format!("            {body}\n"), "")),
        ("sealed data key empty", put(yaml, &entry[entry.find("enc:").expect("enc")..], "enc: \"\"\n")),
        ("sealed data key null", put(yaml, &entry[entry.find("enc:").expect("enc")..], "enc:\n")),
        ("sealed data key a number", put(yaml, &entry[entry.find("enc:").expect("enc")..], "enc: 5\n")),
        ("sealed data key of another header", put(yaml, "BEGIN AGE ENCRYPTED FILE", "BEGIN PGP MESSAGE")),
        ("blank line before the armor", put(yaml, "enc: |\n", "enc: |\n\n")),
        (
            "blank lines after the armor",
            put(yaml, "-----END AGE ENCRYPTED FILE-----\n", "-----END AGE ENCRYPTED FILE-----\n\n\n"),
        ),
        ("no newline after the armor", put(yaml, "enc: |\n", "enc: |-\n")),
        (
            "text after the armor",
            put(yaml, "-----END AGE ENCRYPTED FILE-----\n", "-----END AGE ENCRYPTED FILE-----\n            more\n"),
        ),
        (
            "space before the armor",
            put(yaml, "enc: |\n            -----BEGIN", "enc: |2\n                      -----BEGIN"),
        ),
    ])
}

fn shared(yaml: &str) -> Named {
    let first = yaml.find("        - recipient").expect("alice");
    let second = first + 10 + yaml[first + 10..].find("        - recipient").expect("bob");
    let end = yaml.find("    lastmodified").expect("what follows");
    let (alice, bob) = (&yaml[first..second], &yaml[second..end]);
    named([
        ("another recipient removed", put(yaml, bob, "")),
        ("own recipient removed", put(yaml, alice, "")),
        ("recipients exchanged", super::bases::swapped(yaml, alice, bob)),
        ("sealed data keys exchanged", super::bases::swapped(yaml, armor(alice), armor(bob))),
    ])
}

fn groups(yaml: &str) -> Named {
    let threshold = line_of(yaml, "shamir_threshold");
    let with = |new: &str| put(yaml, threshold, new);
    let first = yaml.find("        - age:").or_else(|| yaml.find("        - hc_vault:")).expect("a group");
    let mark = &yaml[first..first + 14];
    let second = first + 10 + yaml[first + 10..].find(mark).expect("a second group");
    let third = second + 10 + yaml[second + 10..].find(mark).expect("a third group");
    let end = third + yaml[third..].find("\n    lastmodified").expect("what follows") + 1;
    let [a, b, c] = [&yaml[first..second], &yaml[second..third], &yaml[third..end]];
    named([
        ("threshold removed", with("")),
        ("threshold 0", with("    shamir_threshold: 0\n")),
        ("threshold 1", with("    shamir_threshold: 1\n")),
        ("threshold 3", with("    shamir_threshold: 3\n")),
        ("threshold above the groups", with("    shamir_threshold: 9\n")),
        ("threshold negative", with("    shamir_threshold: -1\n")),
        ("threshold text", with("    shamir_threshold: two\n")),
        ("group removed, two of three left", put(yaml, c, "")),
        ("two groups removed", put(&put(yaml, c, ""), b, "")),
        ("two groups removed, threshold 1", put(&put(&with("    shamir_threshold: 1\n"), c, ""), b, "")),
        ("group in the place of another", put(yaml, b, a)),
        ("groups exchanged", super::bases::swapped(yaml, a, b)),
        (
            "group altered",
            put(yaml, armor(b).lines().nth(2).expect("a line"), &flipped(armor(b).lines().nth(2).expect("a line"))),
        ),
        (
            "no groups",
            format!(
                "{}    key_groups: []\n{}",
                &yaml[..yaml.find("    key_groups").expect("the groups")],
                &yaml[end..]
            ),
        ),
    ])
}

fn block(yaml: &str) -> Named {
    let start = yaml.find("sops:\n").expect("the block");
    let (body, block) = yaml.split_at(start);
    let entries = block.trim_start_matches("sops:\n");
    named([
        ("block removed", body.to_owned()),
        ("block empty", format!("{body}sops: {{}}\n")),
        ("block null", format!("{body}sops:\n")),
        ("block text", format!("{body}sops: text\n")),
        ("block a list", format!("{body}sops: []\n")),
        ("block twice", format!("{body}{block}{block}")),
        ("block first", format!("{block}{body}")),
        ("block renamed", put(yaml, "sops:\n", "Sops:\n")),
        ("block quoted", put(yaml, "sops:\n", "\"sops\":\n")),
        ("block with an unknown field", put(yaml, "sops:\n", "sops:\n    unknown: {a: [1]}\n")),
        (
            "block with the lists of old",
            put(
                yaml,
                "sops:\n",
                "sops:\n    kms: []\n    gcp_kms: []\n    azure_kv: []\n    hc_vault: []\n    pgp: []\n",
            ),
        ),
        (
            "block with lists of null",
            put(yaml, "sops:\n", "sops:\n    kms:\n    gcp_kms: null\n    azure_kv: ~\n    pgp: null\n"),
        ),
        ("block with a comment", put(yaml, "sops:\n", "sops:\n    # a comment\n")),
        (
            "block with an indent of 2",
            format!(
                "{body}sops:\n{}",
                entries
                    .lines()
                    .map(|line| format!("  {}\n", line.trim_start_matches("    ")))
                    .collect::<String>()
                    .replace("  - recipient", "    - recipient")
                    .replace("  enc: |", "      enc: |")
                    .lines()
                    .map(reindented)
                    .collect::<String>()
            ),
        ),
        ("block with both kinds of lists", put(yaml, "sops:\n", "sops:\n    key_groups: []\n")),
    ])
}

/// A line of the block at an indent of two: the armor's lines have to be deeper than their key.
fn reindented(line: &str) -> String {
    let text = line.trim_start();
    let armor = !text.contains(": ") && !text.ends_with(':') && !text.starts_with("- ");
    if armor { format!("        {text}\n") } else { format!("{line}\n") }
}

/// The same where the block is written otherwise.
fn other_formats(format: Format, sealed: &str) -> Vec<Attack> {
    let attack = |what: &str, text: String| Attack::new(what, format, text);
    let version = line_of(sealed, "version");
    let time = line_of(sealed, "lastmodified");
    let mac = line_of(sealed, "mac");
    let enc = parts(enc_of(mac, "mac"));
    let mut attacks = vec![
        attack("lastmodified another second", put(sealed, time, &time.replace("0:", "1:").replace("2026", "2025"))),
        attack("lastmodified removed", put(sealed, time, "")),
        attack("mac removed", put(sealed, mac, "")),
        attack("mac altered", put(sealed, mac, &mac.replace(enc.data, &flipped(enc.data)))),
        attack("mac empty", put(sealed, enc_of(mac, "mac"), "")),
        attack("version garbage", put(sealed, version, &version.replace("3.11.0", "garbage"))),
        attack("version 99.0.0", put(sealed, version, &version.replace("3.11.0", "99.0.0"))),
        attack(
            "recipients removed",
            match format {
                Format::Dotenv | Format::Ini => without_lines(sealed, "age__list"),
                _ => put(sealed, "\"age\"", "\"old\""),
            },
        ),
    ];
    if matches!(format, Format::Dotenv | Format::Ini) {
        attacks.push(attack("version removed", put(sealed, version, "")));
        attacks.push(attack("rule removed", without_lines(sealed, "unencrypted_suffix")));
        attacks.push(attack(
            "block removed",
            sealed
                .lines()
                .filter(|line| !line.starts_with("sops_") && !line.contains("[sops]"))
                .map(|line| format!("{line}\n"))
                .collect(),
        ));
        attacks.push(attack("mac twice", put(sealed, mac, &mac.repeat(2))));
        attacks.push(attack("recipients with a gap", sealed.replace("age__list_0", "age__list_7")));
        attacks.push(attack("recipients with a broken number", sealed.replace("age__list_0", "age__list_x")));
        attacks.push(attack("recipients with a huge number", sealed.replace("age__list_0", "age__list_999999999999")));
        attacks.push(attack(
            "block with an unknown field",
            put(sealed, mac, &format!("{mac}{}unknown=x\n", if format == Format::Dotenv { "sops_" } else { "" })),
        ));
    } else {
        attacks.push(attack("block renamed", put(sealed, "\"sops\"", "\"soaps\"")));
        attacks
            .push(attack("block with an unknown field", put(sealed, "\"sops\": {", "\"sops\": {\"unknown\": [{}],")));
        attacks.push(attack(
            "block with the lists of old",
            put(sealed, "\"sops\": {", "\"sops\": {\"kms\": null, \"pgp\": null, \"hc_vault\": [],"),
        ));
        attacks.push(attack("version a number", put(sealed, "\"3.11.0\"", "3")));
        attacks.push(attack("version removed", put(sealed, ",\n\t\t\"version\": \"3.11.0\"", "")));
    }
    attacks
}
