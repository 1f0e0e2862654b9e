//! Texts inside files: the configuration, the block, one sealed value, regular expressions.

use std::path::Path;

use sops_tools::clock::System;
use sops_tools::sops::cipher::{Cipher, DataKey, Iv, Sealed};
use sops_tools::sops::config::Config;
use sops_tools::sops::formats::{Format, parse};
use sops_tools::sops::go_regex;
use sops_tools::sops::metadata::Metadata;
use sops_tools::sops::tree::Value;
use sops_tools::sops::value::same;

use super::engine::{Target, Verdict, run, seen};

#[test]
fn config() {
    let words = [
        "creation_rules:\n",
        "  - ",
        "path_regex: ",
        "age: ",
        "key_groups:\n",
        "shamir_threshold: ",
        "encrypted_regex: ",
        "unencrypted_suffix: ",
        "stores:\n",
        "indent: ",
        "destination_rules:\n",
        "pgp: ",
        "kms: ",
        "merge:\n",
        "age1",
        ",",
        "[",
        "(",
        "*",
        ">-\n",
        "mac_only_encrypted: true\n",
        "&a ",
        "*a",
        "- - ",
        "null",
        "9999999999",
    ];
    run(&Target {
        name: "config",
        corpus: super::corpus("config"),
        words: &words,
        check: &|text| Ok(check_config(text)),
    });
}

fn check_config(text: &[u8]) -> u64 {
    let config = match Config::parse(text, Path::new("/repo/.sops.yaml")) {
        Ok(config) => config,
        Err(error) => return seen(kind(&error.to_string())),
    };
    let faults: Vec<_> = config.faults().map(|fault| kind(&fault.to_string())).take(4).collect();
    let mut rules = Vec::new();
    for file in ["/repo/a.yaml", "/repo/deep/er/secret.enc.json", "/elsewhere/x", ".env"] {
        rules.push(match config.rule_for(Path::new(file), Path::new("/repo")) {
            Ok(None) => 0,
            Ok(Some(rule)) => match config.groups_of(rule) {
                Ok(groups) => 3 + groups.len().min(3),
                Err(_) => 1,
            },
            Err(_) => 2,
        });
    }
    seen((faults, rules))
}

/// The words of a message, without what it quotes.
fn kind(message: &str) -> String {
    message.split_whitespace().filter(|word| word.chars().all(|letter| letter.is_ascii_lowercase())).take(12).collect()
}

#[test]
fn metadata() {
    let words = [
        "age:\n",
        "    - recipient: age1x\n      enc: x\n",
        "key_groups:\n",
        "shamir_threshold: ",
        "lastmodified: ",
        "mac: ",
        "version: ",
        "kms: []\n",
        "hc_vault: null\n",
        "pgp:\n    - fp: x\n",
        "encrypted_regex: ",
        "unencrypted_comment_regex: ",
        "mac_only_encrypted: ",
        "\"\"",
        "- ",
        "{}",
        "[]",
        "|\n",
        "version: 9.9.9\n",
        "version: 3.11.0-x+y\n",
        "2026-01-01T00:00:00Z",
    ];
    run(&Target { name: "metadata", corpus: super::corpus("metadata"), words: &words, check: &check_metadata });
}

fn check_metadata(text: &[u8]) -> Verdict {
    let Ok(tree) = parse(Format::Yaml, text) else { return Ok(0) };
    let Some(block) = tree.documents.first().and_then(|document| document.block.as_ref()) else { return Ok(1) };
    let metadata = match Metadata::read(&block.node) {
        Ok(metadata) => metadata,
        Err(error) => return Ok(seen(kind(&error.to_string()))),
    };
    let rule =
        metadata.rule().map_or_else(|error| kind(&error.to_string()), |rule| format!("{:?}", rule.field().is_some()));
    let again =
        Metadata::read(&metadata.to_node()).map_err(|error| format!("what was written is not read: {error}"))?;
    let facts = |one: &Metadata| {
        (
            one.key_ids(),
            one.threshold_for(one.groups.len()),
            one.last_modified.clone(),
            one.mac.clone(),
            one.rule_fields.clone(),
            one.version.clone(),
        )
    };
    // A threshold means nothing in one group, and one that cannot hold is all groups.
    // A block that is written has a version, whatever was read.
    let (mut one, other) = (facts(&metadata), facts(&again));
    one.5.clone_from(&other.5);
    if one != other {
        return Err("what was written says something else".to_owned());
    }
    Ok(seen((metadata.groups.len().min(4), metadata.threshold.map(|many| many.min(5)), rule)))
}

const ENC_WORDS: [&str; 16] = [
    "ENC[AES256_GCM,",
    "data:",
    ",iv:",
    ",tag:",
    ",type:",
    "str",
    "int",
    "float",
    "bool",
    "time",
    "comment",
    "bytes",
    "]",
    "=",
    "\r",
    "AAAA",
];

#[test]
fn enc() {
    let cipher = Cipher::new(&DataKey::of(&[7; 32]).unwrap());
    let values = [
        Value::Str(b"text".to_vec().into()),
        Value::Int(-5),
        Value::Float(1e300),
        Value::Bool(true),
        Value::Time(b"2024-05-06T01:02:03Z".to_vec().into()),
        Value::Comment(b" c".to_vec().into()),
    ];
    let mut corpus = super::corpus("enc");
    corpus.extend(
        values.iter().map(|value| cipher.seal(value, b"a:", Iv::generate(&System)).unwrap().to_text().into_bytes()),
    );
    let check = |text: &[u8]| check_enc(&cipher, &values, text);
    run(&Target { name: "enc", corpus, words: &ENC_WORDS, check: &check });
}

fn check_enc(cipher: &Cipher, values: &[Value], text: &[u8]) -> Verdict {
    let sealed = match Sealed::parse(text) {
        Ok(sealed) => sealed,
        Err(fault) => return Ok(seen(kind(&fault.to_string()))),
    };
    if Sealed::parse(sealed.to_text().as_bytes()).as_ref() != Ok(&sealed) {
        return Err("its own spelling is read differently".to_owned());
    }
    match cipher.open(&sealed, b"a:") {
        Err(fault) => Ok(seen(("closed", kind(&fault.to_string()), sealed.kind()))),
        // The type alone can be forged.
        Ok(value) => {
            let spelled = sops_tools::sops::value::spelling(&value);
            let known = |one: &Value| same(one, &value) || *sops_tools::sops::value::spelling(one) == *spelled;
            if sealed.kind() == sops_tools::sops::value::Kind::Str && !values.iter().any(known) {
                return Err("opened to what nobody sealed".to_owned());
            }
            Ok(seen(("open", sealed.kind())))
        }
    }
}

#[test]
fn regex() {
    let words = [
        "\\Q",
        "\\E",
        "\\C",
        "[[:alpha:]]",
        "[^",
        "]",
        "(?i)",
        "(?P<a>",
        "(?<a>",
        "\\pN",
        "\\p{Greek}",
        "\\x{10FFFF}",
        "\\d",
        "\\b",
        "{1000}",
        "{0,1000}",
        "*",
        "+?",
        "|",
        "^",
        "$",
        "\\z",
        "\\A",
        "&&",
        "--",
        "~~",
        "(?s:",
        "(((((((((",
        "\\w",
        ".",
        "\\07",
        "(?U)",
    ];
    run(&Target { name: "regex", corpus: super::corpus("regex"), words: &words, check: &|text| Ok(check_regex(text)) });
}

fn check_regex(text: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(text) else { return 0 };
    match go_regex::compile(text) {
        Err(invalid) => seen(kind(&invalid.to_string())),
        Ok(regex) => {
            // As long as no key is; with more of it the largest expressions take seconds without optimisation, on a busy machine too many.
            let long = [b'a'; 1024];
            let subjects = [&b"password"[..], b"", b"a_unencrypted", b"\xff\x00\n", "Größe".as_bytes(), &long];
            seen(subjects.map(|subject| regex.find(subject).map(|found| found.range())))
        }
    }
}
