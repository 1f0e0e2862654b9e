//! Attacks on keys, plain values, comments and the order of things.

use harness::sops::Format;

use super::Attack;
use super::bases::{Bases, enc, enc_of, flipped, line_of, parts, put, swapped, without_lines};

pub(super) fn attacks(bases: &Bases) -> Vec<Attack> {
    [every_format(bases), yaml(bases), json(bases), lines(bases)].into_iter().flatten().collect()
}

/// What can be done alike wherever a value has a line of its own.
fn every_format(bases: &Bases) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (format, sealed) in bases.by_format.iter().filter(|(format, _)| *format != Format::Binary) {
        let mut attack = |what: &str, sealed: String| attacks.push(Attack::new(what, *format, sealed));
        let (user, password) = (line_of(sealed, "user"), line_of(sealed, "password"));
        attack("key renamed", put(sealed, "password", "passphrase"));
        attack("entry removed", put(sealed, password, ""));
        attack("entries exchanged", swapped(sealed, user, password));
        attack("entry twice", put(sealed, password, &password.repeat(2)));
        attack("plain key renamed", put(sealed, "name_unencrypted", "title_unencrypted"));
        attack("plain key made one to be decrypted", put(sealed, "name_unencrypted", "name"));
        attack("key of a secret made a plain one", put(sealed, "password", "password_unencrypted"));
        attack("plain entry removed", put(sealed, line_of(sealed, "name_unencrypted"), ""));
    }
    attacks
}

fn yaml(bases: &Bases) -> Vec<Attack> {
    let sealed = bases.of(Format::Yaml);
    let comment = enc_of(sealed, "#ENC");
    let old = parts(comment);
    let pairs = [
        ("plain value altered", put(sealed, "backup-repo", "backup-repos")),
        ("plain number altered", put(sealed, "count_unencrypted: 5", "count_unencrypted: 6")),
        ("plain number made text", put(sealed, "count_unencrypted: 5", "count_unencrypted: \"5\"")),
        ("plain number respelled", put(sealed, "count_unencrypted: 5", "count_unencrypted: 0x5")),
        ("plain number made a float", put(sealed, "count_unencrypted: 5", "count_unencrypted: 5.0")),
        (
            "letters moved between plain neighbours",
            put(sealed, "backup-repo\nspace_unencrypted: secrets", "backup-repose\nspace_unencrypted: crets"),
        ),
        ("plain neighbours made one", put(sealed, "backup-repo\nspace_unencrypted: secrets", "backup-reposecrets")),
        ("plain value made a list", put(sealed, "name_unencrypted: backup-repo", "name_unencrypted: [backup, -repo]")),
        (
            "plain value made a map",
            put(sealed, "name_unencrypted: backup-repo", "name_unencrypted: {a: backup-, b: repo}"),
        ),
        ("plain keys exchanged", swapped(sealed, "name_unencrypted", "space_unencrypted")),
        ("empty value added", put(sealed, "data:\n", "data:\n    more: \"\"\n")),
        ("null added", put(sealed, "data:\n", "data:\n    more: null\n")),
        ("nothing added", put(sealed, "data:\n", "data:\n    more:\n")),
        ("empty map added", put(sealed, "data:\n", "data:\n    more: {}\n")),
        ("empty list added", put(sealed, "data:\n", "data:\n    more: []\n")),
        ("plain secret added", put(sealed, "data:\n", "data:\n    more: text\n")),
        ("plain value added", put(sealed, "data:\n", "data:\n    more_unencrypted: text\n")),
        ("empty value made null", put(sealed, "void: \"\"", "void: null")),
        ("null made empty", put(sealed, "none: null", "none: \"\"")),
        ("empty map made a list", put(sealed, "hollow: {}", "hollow: []")),
        ("empty map made null", put(sealed, "hollow: {}", "hollow:")),
        ("empty pair twice", put(sealed, "void: \"\"", "void: \"\"\n    void: \"\"")),
        ("empty pair twice at the top", put(sealed, "data:\n", "top: \"\"\ntop: \"\"\ndata:\n")),
        ("map renamed", put(sealed, "deeper:", "lower:")),
        ("map folded into its key", put(sealed, "    deeper:\n        deepest", "    \"deeper:deepest\"")),
        ("value one level up", put(sealed, "    deeper:\n        deepest", "    deepest")),
        ("map moved", moved_map(sealed)),
        ("comment altered", put(sealed, comment, &enc(&flipped(old.data), old.iv, old.tag, old.kind))),
        ("comment removed", put(sealed, line_of(sealed, "#ENC"), "")),
        ("plain comment added", put(sealed, "data:\n", "# told you so\ndata:\n")),
        ("plain comment in a list", put(sealed, "list:\n", "list:\n    # told you so\n")),
        (
            "comment moved to another map",
            put(
                &put(sealed, line_of(sealed, "#ENC"), ""),
                "    deeper:\n",
                &format!("    {}    deeper:\n", line_of(sealed, "#ENC")),
            ),
        ),
        ("item of a list removed", put(sealed, line_of(sealed, "- ENC"), "")),
        ("item of a list twice", put(sealed, line_of(sealed, "- ENC"), &line_of(sealed, "- ENC").repeat(2))),
        ("list made nested", put(sealed, "    - ENC", "    - - ENC")),
        ("empty item in a list", put(sealed, "list:\n", "list:\n    - \"\"\n")),
        ("null in a list", put(sealed, "list:\n", "list:\n    -\n")),
        ("item of a list plain", put(sealed, "list:\n", "list:\n    - text\n")),
        ("number as a key", put(sealed, "data:\n", "data:\n    5: \"\"\n")),
        ("list as a key", put(sealed, "data:\n", "data:\n    ? [a]\n    : \"\"\n")),
        (
            "alias for a value",
            put(&put(sealed, "user: ENC", "user: &x ENC"), "data:\n", "copy: &y \"\"\ndata:\n    more: *y\n"),
        ),
        (
            "alias of an encrypted value",
            put(&put(sealed, "user: ENC", "user: &x ENC"), "    port:", "    more: *x\n    port:"),
        ),
        ("alias undefined", put(sealed, "data:\n", "data:\n    more: *x\n")),
        ("merge of a map", put(&put(sealed, "data:\n", "data: &x\n"), "nested:\n", "nested:\n    <<: *x\n")),
        ("tag on a value", put(sealed, "user: ENC", "user: !!str ENC")),
        ("own tag on a value", put(sealed, "user: ENC", "user: !mine ENC")),
        ("tag of a number on a value", put(sealed, "user: ENC", "user: !!int ENC")),
        (
            "tag of bytes on a value",
            put(sealed, enc_of(sealed, "user"), &format!("!!binary {}", enc_of(sealed, "user"))),
        ),
    ];
    pairs.into_iter().map(|(what, text)| Attack::new(what, Format::Yaml, text)).collect()
}

/// `nested` in front of `data`.
fn moved_map(sealed: &str) -> String {
    let start = sealed.find("nested:\n").expect("the map");
    let end = start + sealed[start..].find("#ENC").expect("what follows");
    let map = &sealed[start..end];
    put(&put(sealed, map, ""), "data:\n", &format!("{map}data:\n"))
}

fn json(bases: &Bases) -> Vec<Attack> {
    let sealed = bases.of(Format::Json);
    let pairs = [
        ("plain value altered", put(sealed, "backup-repo", "backup-repos")),
        ("plain number made text", put(sealed, "\"count_unencrypted\": 5", "\"count_unencrypted\": \"5\"")),
        ("plain number respelled", put(sealed, "\"count_unencrypted\": 5", "\"count_unencrypted\": 5e0")),
        ("plain keys exchanged", swapped(sealed, "name_unencrypted", "space_unencrypted")),
        ("empty value added", put(sealed, "\"data\": {", "\"data\": {\"more\": \"\",")),
        ("null added", put(sealed, "\"data\": {", "\"data\": {\"more\": null,")),
        ("plain secret added", put(sealed, "\"data\": {", "\"data\": {\"more\": \"text\",")),
        ("empty pair twice", put(sealed, "\"void\": \"\"", "\"void\": \"\", \"void\": \"\"")),
        ("empty value made null", put(sealed, "\"void\": \"\"", "\"void\": null")),
        ("key escaped", put(sealed, "\"password\"", "\"\\u0070assword\"")),
        ("value escaped", put(sealed, "\"password\": \"ENC[", "\"password\": \"\\u0045NC[")),
    ];
    pairs.into_iter().map(|(what, text)| Attack::new(what, Format::Json, text)).collect()
}

/// dotenv and INI.
fn lines(bases: &Bases) -> Vec<Attack> {
    let (dotenv, ini) = (bases.of(Format::Dotenv), bases.of(Format::Ini));
    let mut attacks = Vec::new();
    let mut attack = |what: &str, format: Format, text: String| attacks.push(Attack::new(what, format, text));
    attack("plain value altered", Format::Dotenv, put(dotenv, "=plain", "=plane"));
    attack("plain secret added", Format::Dotenv, format!("more=text\n{dotenv}"));
    attack("empty value added", Format::Dotenv, format!("more=\n{dotenv}"));
    attack("comment removed", Format::Dotenv, without_lines(dotenv, "#ENC"));
    attack("plain comment added", Format::Dotenv, format!("# told you so\n{dotenv}"));
    attack("line without an equal sign", Format::Dotenv, format!("more\n{dotenv}"));
    attack("space before the equal sign", Format::Dotenv, put(dotenv, "user=", "user ="));
    attack("space before the value", Format::Dotenv, put(dotenv, "user=ENC", "user= ENC"));
    attack(
        "value in quotes",
        Format::Dotenv,
        put(dotenv, enc_of(dotenv, "user"), &format!("\"{}\"", enc_of(dotenv, "user"))),
    );
    attack("plain value altered", Format::Ini, put(ini, "= plain", "= plane"));
    attack("section renamed", Format::Ini, put(ini, "[data]", "[date]"));
    attack("entry moved to another section", Format::Ini, {
        let user = line_of(ini, "user");
        put(&put(ini, user, ""), "[other]\n", &format!("[other]\n{user}"))
    });
    attack("plain secret added", Format::Ini, put(ini, "[data]\n", "[data]\nmore = text\n"));
    attack("empty value added", Format::Ini, put(ini, "[data]\n", "[data]\nmore =\n"));
    attack("empty section added", Format::Ini, format!("[empty]\n{ini}"));
    attack("plain comment added", Format::Ini, format!("; told you so\n{ini}"));
    attack("value in quotes", Format::Ini, put(ini, enc_of(ini, "user"), &format!("\"{}\"", enc_of(ini, "user"))));
    attack("line without an equal sign", Format::Ini, put(ini, "[data]\n", "[data]\nmore\n"));
    attacks
}
