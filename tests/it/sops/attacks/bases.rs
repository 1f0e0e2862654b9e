//! Sealed files to be attacked, and the knife.

use harness::sops::{Bed, Format, Sops};

use crate::sops::corpus::with_recipients;

const YAML: &str = "\
kind_unencrypted: Secret
name_unencrypted: backup-repo
space_unencrypted: secrets
count_unencrypted: 5
data:
  user: alice
  password: hunter2 and more
  port: 5432
  ratio: 0.5
  flag: true
  day: 2024-05-06
  void: \"\"
  none: null
  hollow: {}
list:
  - one
  - two
  # between
  - three
nested:
  deeper:
    deepest: deep value
# closing
last: end of it
";

const JSON: &str = r#"{
  "kind_unencrypted": "Secret",
  "name_unencrypted": "backup-repo",
  "space_unencrypted": "secrets",
  "count_unencrypted": 5,
  "data": {"user": "alice", "password": "hunter2 and more", "port": 5432, "ratio": 0.5, "flag": true, "void": "", "none": null},
  "list": ["one", "two", "three"],
  "last": "end of it"
}
"#;

const DOTENV: &str = "# head\nuser=alice\npassword=hunter2 and more\nname_unencrypted=plain\nlast=end of it\n";

const INI: &str =
    "[data]\nuser = alice\npassword = hunter2 and more\nname_unencrypted = plain\n[other]\nlast = end of it\n";

const DOCUMENTS: &str = "kind: A\npassword: first\n---\nkind: B\npassword: second\n---\nkind: C\npassword: third\n";

/// Sealed by sops 3.11.0 for alice.
pub(super) struct Bases {
    /// One per format.
    pub(super) by_format: Vec<(Format, String)>,
    /// The same plain files, sealed again: other data keys.
    pub(super) again: Vec<(Format, String)>,
    /// YAML of three documents.
    pub(super) documents: String,
    /// YAML of three groups, of which two are needed; alice opens all.
    pub(super) groups: String,
    /// YAML whose MAC covers the encrypted values alone.
    pub(super) partial: String,
    /// YAML for alice and bob.
    pub(super) shared: String,
    /// The YAML file with another password, sealed with the same data key.
    pub(super) older: String,
}

impl Bases {
    pub(super) fn new(bed: &Bed) -> Self {
        let plain = [
            (Format::Yaml, YAML),
            (Format::Json, JSON),
            (Format::Dotenv, DOTENV),
            (Format::Ini, INI),
            (Format::Binary, "hunter2 and more"),
        ];
        let seal = |(format, text): (Format, &str)| (format, sealed(bed, format, text, &[]));
        let by_format: Vec<_> = plain.map(seal).to_vec();
        let configured = |text: &str| {
            let config = bed.file("config.yaml", with_recipients(bed, text));
            sealed(bed, Format::Yaml, YAML, &["--config", &config.to_string_lossy()])
        };
        let groups = "creation_rules: [{shamir_threshold: 2, key_groups: [{age: ['@alice']}, {age: ['@alice']}, {age: ['@alice']}]}]";
        Self {
            older: older(bed, &by_format[0].1),
            again: plain.map(seal).to_vec(),
            documents: sealed(bed, Format::Yaml, DOCUMENTS, &[]),
            groups: configured(groups),
            partial: configured(
                "creation_rules: [{age: '@alice', unencrypted_suffix: _unencrypted, mac_only_encrypted: true}]",
            ),
            shared: configured("creation_rules: [{age: '@alice,@bob'}]"),
            by_format,
        }
    }

    /// The base of a format.
    pub(super) fn of(&self, format: Format) -> &str {
        let found = self.by_format.iter().find(|(this, _)| *this == format);
        &found.expect("one base per format").1
    }
}

/// `text` sealed; the global flag `--config` stands before the verb.
fn sealed(bed: &Bed, format: Format, text: &str, flags: &[&str]) -> String {
    let file = bed.file(format.file(), text);
    let call = bed.call(Sops::Old).args(flags).arg("encrypt");
    let call = if flags.is_empty() { call.args(["--age", bed.recipient("alice")]) } else { call };
    let sealed = call.arg(file).run().succeeded("sealing a base").unwrap_or_else(|fault| panic!("{fault}"));
    let sealed = String::from_utf8(sealed).expect("sealed files are text");
    if format == Format::Ini { in_order(&sealed) } else { sealed }
}

/// `sealed` with the lines of its last section in order: sops writes them in another order each time.
fn in_order(sealed: &str) -> String {
    let (before, block) = sealed.split_once("[sops]\n").expect("a section for the block");
    let mut lines: Vec<&str> = block.split_inclusive('\n').collect();
    lines.sort_unstable();
    format!("{before}[sops]\n{}", lines.concat())
}

fn older(bed: &Bed, sealed: &str) -> String {
    let file = bed.file("file.yaml", sealed);
    let set = bed.call(Sops::Old).arg("set").arg(&file).args(["[\"data\"][\"password\"]", "\"another one\""]).run();
    set.succeeded("set").unwrap_or_else(|fault| panic!("{fault}"));
    std::fs::read_to_string(file).expect("the changed file")
}

/// Parts of an encrypted value.
pub(super) struct Enc<'a> {
    pub(super) data: &'a str,
    pub(super) iv: &'a str,
    pub(super) tag: &'a str,
    pub(super) kind: &'a str,
}

/// An encrypted value of these parts.
pub(super) fn enc(data: &str, iv: &str, tag: &str, kind: &str) -> String {
    format!("ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:{kind}]")
}

/// The first `ENC[…]` behind `key`, on its line.
pub(super) fn enc_of<'a>(text: &'a str, key: &str) -> &'a str {
    let line = text
        .lines()
        .find(|line| line.contains(key) && line.contains("ENC["))
        .unwrap_or_else(|| panic!("no value of {key} in\n{text}"));
    let start = line.find("ENC[").expect("just seen");
    let end = line[start..].find(']').expect("an end") + start + 1;
    &line[start..end]
}

/// Its parts.
pub(super) fn parts(enc: &str) -> Enc<'_> {
    let between = |from: &str, to: &str| {
        let start = enc.find(from).expect("a part") + from.len();
        &enc[start..start + enc[start..].find(to).expect("its end")]
    };
    Enc { data: between("data:", ","), iv: between("iv:", ","), tag: between("tag:", ","), kind: between("type:", "]") }
}

/// Another letter of base64 in the place of one in the middle.
pub(super) fn flipped(base64: &str) -> String {
    let place = base64.trim_end_matches('=').len() / 2;
    let other = if base64[place..].starts_with('A') { "Q" } else { "A" };
    format!("{}{other}{}", &base64[..place], &base64[place + 1..])
}

/// `text` with `new` in the place of the first `old`.
///
/// # Panics
/// Where `old` is not there: an attack that does nothing would pass.
pub(super) fn put(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "{old:?} is not in\n{text}");
    text.replacen(old, new, 1)
}

/// `text` without the lines that hold `part`.
pub(super) fn without_lines(text: &str, part: &str) -> String {
    assert!(text.lines().any(|line| line.contains(part)), "{part:?} is not in\n{text}");
    text.lines().filter(|line| !line.contains(part)).map(|line| format!("{line}\n")).collect()
}

/// The whole line that holds `part`, its end included.
pub(super) fn line_of<'a>(text: &'a str, part: &str) -> &'a str {
    let found = text.split_inclusive('\n').find(|line| line.contains(part));
    found.unwrap_or_else(|| panic!("{part:?} is not in\n{text}"))
}

/// `text` with two of its parts exchanged.
pub(super) fn swapped(text: &str, one: &str, other: &str) -> String {
    put(&put(&put(text, one, "\u{1}"), other, one), "\u{1}", other)
}
