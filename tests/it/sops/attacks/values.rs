//! Attacks on encrypted values.

use harness::sops::Format;

use super::Attack;
use super::bases::{Bases, Enc, enc, enc_of, flipped, parts, put, swapped};

/// What becomes of one `ENC[…]`.
type Cut = fn(&Enc<'_>) -> String;

const CUTS: &[(&str, Cut)] = &[
    ("data altered", |of| enc(&flipped(of.data), of.iv, of.tag, of.kind)),
    ("iv altered", |of| enc(of.data, &flipped(of.iv), of.tag, of.kind)),
    ("tag altered", |of| enc(of.data, of.iv, &flipped(of.tag), of.kind)),
    ("data cut short", |of| enc(&of.data[..of.data.len() / 8 * 4], of.iv, of.tag, of.kind)),
    ("data removed", |of| enc("", of.iv, of.tag, of.kind)),
    ("data without its padding", |of| enc(of.data.trim_end_matches('='), of.iv, of.tag.trim_end_matches('='), of.kind)),
    ("data that is no base64", |of| enc("!!!!", of.iv, of.tag, of.kind)),
    ("data in base64 for URLs", |of| enc("-_-_", of.iv, of.tag, of.kind)),
    ("iv cut to 12 bytes", |of| enc(of.data, &of.iv[..16], of.tag, of.kind)),
    ("iv cut to 6 bytes", |of| enc(of.data, &of.iv[..8], of.tag, of.kind)),
    ("iv removed", |of| enc(of.data, "", of.tag, of.kind)),
    ("tag cut to 12 bytes", |of| enc(of.data, of.iv, &of.tag[..16], of.kind)),
    ("tag cut to 3 bytes", |of| enc(of.data, of.iv, &of.tag[..4], of.kind)),
    ("tag removed", |of| enc(of.data, of.iv, "", of.kind)),
    ("tag lengthened", |of| enc(of.data, of.iv, &format!("AAAA{}", of.tag), of.kind)),
    ("iv in the place of the tag", |of| enc(of.data, of.tag, of.iv, of.kind)),
    ("type removed", |of| enc(of.data, of.iv, of.tag, "")),
    ("type unknown", |of| enc(of.data, of.iv, of.tag, "text")),
    ("type in capitals", |of| enc(of.data, of.iv, of.tag, "STR")),
    ("type bytes", |of| enc(of.data, of.iv, of.tag, "bytes")),
    ("another cipher", |of| enc(of.data, of.iv, of.tag, of.kind).replace("AES256", "AES128")),
    ("text after the value", |of| enc(of.data, of.iv, of.tag, of.kind) + "x"),
    ("second value after the value", |of| enc(of.data, of.iv, of.tag, of.kind).repeat(2)),
    ("text before the value", |of| format!("x{}", enc(of.data, of.iv, of.tag, of.kind))),
    ("value in small letters", |of| enc(of.data, of.iv, of.tag, of.kind).to_lowercase()),
    ("value without its end", |of| enc(of.data, of.iv, of.tag, of.kind).trim_end_matches(']').to_owned()),
    ("field missing", |of| format!("ENC[AES256_GCM,data:{},iv:{},type:{}]", of.data, of.iv, of.kind)),
    ("field more", |of| {
        format!("ENC[AES256_GCM,data:{},iv:{},tag:{},more:x,type:{}]", of.data, of.iv, of.tag, of.kind)
    }),
    ("fields in another order", |of| {
        format!("ENC[AES256_GCM,iv:{},data:{},tag:{},type:{}]", of.iv, of.data, of.tag, of.kind)
    }),
    ("value replaced by text", |_| "plain".to_owned()),
    ("value replaced by nothing to decrypt", |_| "ENC[]".to_owned()),
];

/// The same in YAML and JSON, where a value may be anything.
const REPLACED: &[(&str, &str)] = &[
    ("value replaced by a number", "5"),
    ("value replaced by a float", "5.5"),
    ("value replaced by true", "true"),
    ("value replaced by null", "null"),
    ("value replaced by empty text", "\"\""),
    ("value replaced by an empty map", "{}"),
    ("value replaced by an empty list", "[]"),
    ("value replaced by a map of text", "{\"x\": \"y\"}"),
    ("value replaced by a list of text", "[\"x\"]"),
];

pub(super) fn attacks(bases: &Bases) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (format, sealed) in &bases.by_format {
        let key = if *format == Format::Binary { "data" } else { "password" };
        cuts(&mut attacks, *format, sealed, key, "");
        if *format == Format::Yaml {
            // The MAC is opened alike in every format.
            cuts(&mut attacks, *format, sealed, "mac", "mac: ");
        }
    }
    attacks.extend(types(bases));
    attacks.extend(replaced(bases));
    attacks.extend(moved(bases));
    attacks
}

fn cuts(attacks: &mut Vec<Attack>, format: Format, sealed: &str, key: &str, prefix: &str) {
    let enc = enc_of(sealed, key);
    for (what, cut) in CUTS {
        attacks.push(Attack::new(&format!("{prefix}{what}"), format, put(sealed, enc, &cut(&parts(enc)))));
    }
}

/// Another type for the same bytes: it is not authenticated.
fn types(bases: &Bases) -> Vec<Attack> {
    let kinds = ["str", "int", "float", "bool", "time", "comment", "bytes"];
    let yaml = bases.of(Format::Yaml);
    let keys = ["password", "port", "ratio", "flag", "day"];
    let pairs = keys.iter().flat_map(|key| kinds.iter().map(move |kind| (*key, *kind)));
    let mut attacks: Vec<_> = pairs
        .filter_map(|(key, kind)| {
            let old = parts(enc_of(yaml, key));
            let other = enc(old.data, old.iv, old.tag, kind);
            (old.kind != kind).then(|| {
                Attack::new(
                    &format!("type {} made {kind}", old.kind),
                    Format::Yaml,
                    put(yaml, enc_of(yaml, key), &other),
                )
            })
        })
        .collect();
    for kind in ["str", "int", "text"] {
        let old = parts(enc_of(yaml, "#ENC"));
        let other = enc(old.data, old.iv, old.tag, kind);
        attacks.push(Attack::new(
            &format!("type comment made {kind}"),
            Format::Yaml,
            put(yaml, enc_of(yaml, "#ENC"), &other),
        ));
    }
    attacks
}

fn replaced(bases: &Bases) -> Vec<Attack> {
    let both = [(Format::Yaml, ""), (Format::Json, "\"")];
    let of = |(format, quote): (Format, &str)| {
        let sealed = bases.of(format);
        let enc = format!("{quote}{}{quote}", enc_of(sealed, "password"));
        REPLACED.iter().map(|(what, new)| Attack::new(what, format, put(sealed, &enc, new))).collect::<Vec<_>>()
    };
    both.into_iter().flat_map(of).collect()
}

/// Values that are sound, in another place.
fn moved(bases: &Bases) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (format, sealed) in bases.by_format.iter().filter(|(format, _)| *format != Format::Binary) {
        let (user, password) = (enc_of(sealed, "user"), enc_of(sealed, "password"));
        attacks.push(Attack::new("values of two keys exchanged", *format, swapped(sealed, user, password)));
        attacks.push(Attack::new("value copied to another key", *format, put(sealed, user, password)));
    }
    for (format, sealed) in &bases.by_format {
        let key = if *format == Format::Binary { "data" } else { "password" };
        let again =
            bases.again.iter().find(|(this, _)| this == format).map(|(_, again)| again.as_str()).unwrap_or_default();
        attacks.push(Attack::new(
            "value of another file",
            *format,
            put(sealed, enc_of(sealed, key), enc_of(again, key)),
        ));
        attacks.push(Attack::new(
            "mac of another file",
            *format,
            put(sealed, enc_of(sealed, "mac"), enc_of(again, "mac")),
        ));
    }
    let (yaml, older) = (bases.of(Format::Yaml), bases.older.as_str());
    attacks.push(Attack::new(
        "value of an older version",
        Format::Yaml,
        put(yaml, enc_of(yaml, "password"), enc_of(older, "password")),
    ));
    attacks.push(Attack::new(
        "mac of an older version",
        Format::Yaml,
        put(yaml, enc_of(yaml, "mac"), enc_of(older, "mac")),
    ));
    for (format, start) in [(Format::Yaml, "- ENC"), (Format::Json, "\t\t\"ENC")] {
        let sealed = bases.of(format);
        let items: Vec<&str> = sealed.lines().filter(|line| line.contains(start)).collect();
        let (first, second) = (enc_of(items[0], "ENC"), enc_of(items[1], "ENC"));
        attacks.push(Attack::new("items of one list exchanged", format, swapped(sealed, first, second)));
        attacks.push(Attack::new(
            "item of a list in the place of a key",
            format,
            put(sealed, enc_of(sealed, "password"), first),
        ));
    }
    attacks
}
