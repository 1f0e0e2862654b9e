//! What the functional tests of sops ask for (getsops/sops, `functional-tests`), asked of ours with age keys.
//!
//! Each case has the name that it has there. Left out, and why:
//! - `publish_json_file_s3`, `publish_json_file_vault`, `publish_json_file_vault_version_1`: no `publish`
//! - `encrypt_json_file_kms`, `roundtrip_kms_encryption_context`: no cloud keys, refused by name
//! - `exec_env`, `exec_file`, `exec_file_filename`: no `exec-env` and `exec-file`: a secret in the environment of a child is what
//!   this product avoids
//! - `test_no_keygroups`, `test_zero_keygroups`, `test_empty_keygroup`: the text of the message; that they are refused is compared
//!   in `writing`
//! - `set_json_file_update_idempotent_write`: it shows the write by another `--output-type`; `set` changes a file in its place
//! - `decrypt_comments_unencrypted_comments`, `test_decrypt_file_multiple_keys`, `decrypt_format`: their fixtures are sealed for
//!   PGP; the same kinds of files, made with age, are compared in `reading`

use std::path::{Path, PathBuf};

use harness::sops::cases::{Verdict, each};
use harness::sops::{Bed, Output, Sops};

use super::corpus::with_recipients;

type Case = (&'static str, fn(&Bed) -> Verdict);

const CASES: &[Case] = &[
    ("encrypt_json_file", encrypt_json_file),
    ("encrypt_from_stdin", encrypt_from_stdin),
    ("test_ini_values_as_strings", ini_values_as_strings),
    ("encrypt_yaml_file", encrypt_yaml_file),
    ("set_json_file_update", |bed| set(bed, "json", "[\"a\"]", "{\"aa\": \"aaa\"}", "\"aa\": \"ENC[")),
    ("set_json_file_insert", |bed| set(bed, "json", "[\"c\"]", "{\"cc\": \"ccc\"}", "\"cc\": \"ENC[")),
    ("set_yaml_file_update", |bed| set(bed, "yaml", "[\"a\"]", "{\"aa\": \"aaa\"}", "aa: ENC[")),
    ("set_yaml_file_insert", |bed| set(bed, "yaml", "[\"c\"]", "{\"cc\": \"ccc\"}", "cc: ENC[")),
    ("set_json_file_update_idempotent_nowrite", set_the_same_idempotent),
    ("set_json_file_insert_with_value_file", set_from_a_file),
    ("set_json_file_insert_with_value_stdin", set_from_stdin),
    ("set_yaml_file_string", set_string),
    ("set_yaml_file_string_compat", set_string_in_the_spelling_of_old),
    ("test_yaml_time", yaml_time),
    ("unset_json_file", |bed| unset(bed, "json")),
    ("unset_yaml_file", |bed| unset(bed, "yaml")),
    ("decrypt_file_no_mac", no_mac),
    ("decrypt_from_stdin", decrypt_from_stdin),
    ("encrypt_comments", |bed| comments(bed, "# first comment in file\nlorem: ipsum\n# this-is-a-comment\ndolor: sit")),
    ("encrypt_comments_list", |bed| comments(bed, "lorem:\n- foo\n#this-is-a-comment\n- bar")),
    ("roundtrip_shamir", |bed| shamir(bed, "@alice", 0)),
    ("roundtrip_shamir_missing_decryption_key", |bed| shamir(bed, "@bob", 128)),
    ("extract_string", extract_string),
    ("roundtrip_binary", roundtrip_binary),
    ("output_flag", output_flag),
    ("edit in place (bin/editor)", edit_yaml),
];

#[test]
fn what_the_functional_tests_of_sops_ask_for_holds() {
    let bed = Bed::new("functional");
    each("functional cases", CASES, |(name, _)| (*name).to_owned(), |(_, check)| check(&bed));
}

const JSON: &str = "{\"a\": 2, \"b\": \"ba\"}";

fn ours(bed: &Bed, arguments: &[&str]) -> Output {
    bed.call(Sops::Ours).args(arguments).run()
}

fn good(bed: &Bed, arguments: &[&str]) -> Result<String, String> {
    let stdout = ours(bed, arguments).succeeded(&arguments.join(" "))?;
    String::from_utf8(stdout).map_err(|error| error.to_string())
}

fn name(path: &Path) -> &str {
    path.to_str().expect("a path of the test")
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

/// A file that is encrypted in place for alice.
fn sealed(bed: &Bed, ending: &str, plain: impl AsRef<[u8]>) -> Result<PathBuf, String> {
    let file = bed.file(format!("file.{ending}"), plain);
    good(bed, &["encrypt", "-i", "--age", bed.recipient("alice"), name(&file)])?;
    Ok(file)
}

fn same(what: &str, expected: &str, found: &str) -> Verdict {
    if expected == found { Ok(()) } else { Err(format!("{what}: expected {expected:?}\n   found {found:?}")) }
}

fn holds(what: &str, text: &str, part: &str) -> Verdict {
    if text.contains(part) { Ok(()) } else { Err(format!("{what}: no {part:?} in\n{text}")) }
}

fn lacks(what: &str, text: &str, part: &str) -> Verdict {
    if text.contains(part) { Err(format!("{what}: {part:?} in\n{text}")) } else { Ok(()) }
}

fn encrypt_json_file(bed: &Bed) -> Verdict {
    let file = bed.file("file.json", "{\n    \"foo\": 2,\n    \"bar\": \"baz\"\n}");
    let text = good(bed, &["encrypt", "--age", bed.recipient("alice"), name(&file)])?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    for key in ["foo", "bar"] {
        let sealed = value[key].as_str().is_some_and(|value| value.starts_with("ENC["));
        if !sealed || !value["sops"].is_object() {
            return Err(text);
        }
    }
    same("the file itself", "{\n    \"foo\": 2,\n    \"bar\": \"baz\"\n}", &read(&file)?)
}

fn encrypt_from_stdin(bed: &Bed) -> Verdict {
    let flags = ["encrypt", "--age", bed.recipient("alice"), "--filename-override", "x.yaml", "--output-type", "json"];
    let output =
        bed.call(Sops::Ours).args(flags).stdin(b"foo: 2\nbar: baz\n").run().succeeded("encrypt from the input")?;
    let value: serde_json::Value = serde_json::from_slice(&output).map_err(|error| error.to_string())?;
    holds("bar", &value["bar"].to_string(), "ENC[")?;
    holds("foo", &value["foo"].to_string(), "ENC[")
}

fn ini_values_as_strings(bed: &Bed) -> Verdict {
    let plain = "the_section:\n  int: 123\n  float: 1.23\n  bool: true\n  date: 2025-01-02\n  timestamp: 2025-01-02 03:04:05\n  utc_timestamp: 2025-01-02T03:04:05Z\n  string: this is a string";
    let file = sealed(bed, "yaml", plain)?;
    let text = good(bed, &["decrypt", "--output-type", "ini", name(&file)])?;
    let lines: Vec<String> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "[the_section]",
        "int = 123",
        "float = 1.23",
        "bool = true",
        "date = 2025-01-02T00:00:00Z",
        "timestamp = 2025-01-02T03:04:05Z",
        "utc_timestamp = 2025-01-02T03:04:05Z",
        "string = this is a string",
    ];
    same("INI", &expected.join("\n"), &lines.join("\n"))
}

fn encrypt_yaml_file(bed: &Bed) -> Verdict {
    let text = read(&sealed(bed, "yaml", "foo: 2\nbar: baz")?)?;
    holds("foo", &text, "foo: ENC[")?;
    holds("bar", &text, "bar: ENC[")?;
    holds("block", &text, "\nsops:\n")
}

fn set(bed: &Bed, ending: &str, path: &str, value: &str, part: &str) -> Verdict {
    let file = sealed(bed, ending, if ending == "json" { JSON } else { "a: 2\nb: ba" })?;
    good(bed, &["set", name(&file), path, value])?;
    holds("set", &read(&file)?, part)
}

fn set_the_same_idempotent(bed: &Bed) -> Verdict {
    let file = sealed(bed, "json", JSON)?;
    let before = read(&file)?;
    good(bed, &["set", "--idempotent", name(&file), "[\"b\"]", "\"ba\""])?;
    same("the file", &before, &read(&file)?)
}

fn set_from_a_file(bed: &Bed) -> Verdict {
    let (file, value) = (sealed(bed, "json", JSON)?, bed.file("value.json", "{\"cc\": \"ccc\"}"));
    good(bed, &["set", "--value-file", name(&file), "[\"c\"]", name(&value)])?;
    holds("set", &read(&file)?, "\"cc\": \"ENC[")
}

fn set_from_stdin(bed: &Bed) -> Verdict {
    let file = sealed(bed, "json", JSON)?;
    let call = bed.call(Sops::Ours).args(["set", "--value-stdin", name(&file), "[\"c\"]"]);
    call.stdin(b"{\"cc\": \"ccc\"}").run().succeeded("set from the input")?;
    holds("set", &read(&file)?, "\"cc\": \"ENC[")
}

fn set_string(bed: &Bed) -> Verdict {
    let file = sealed(bed, "yaml", "a: 2\nb: ba")?;
    good(bed, &["set", name(&file), "[\"a\"]", "\"aaa\""])?;
    good(bed, &["decrypt", "-i", name(&file)])?;
    holds("decrypted", &read(&file)?, "a: aaa\n")
}

fn set_string_in_the_spelling_of_old(bed: &Bed) -> Verdict {
    let file = bed.file("file.yaml", "a: 2\nb: ba");
    good(bed, &["-e", "-i", "--age", bed.recipient("alice"), name(&file)])?;
    good(bed, &["--set", "[\"a\"] \"aaa\"", "-i", name(&file)])?;
    good(bed, &["-d", "-i", name(&file)])?;
    holds("decrypted", &read(&file)?, "a: aaa\n")
}

fn yaml_time(bed: &Bed) -> Verdict {
    let file = sealed(bed, "yaml", "a: 2024-01-01\nb: 2006-01-02T15:04:05+07:06")?;
    let plain = good(bed, &["decrypt", name(&file)])?;
    same("decrypted", "a: 2024-01-01T00:00:00Z\nb: 2006-01-02T15:04:05+07:06", plain.trim_end())
}

fn unset(bed: &Bed, ending: &str) -> Verdict {
    let file = sealed(bed, ending, "{\"a\": 2, \"b\": \"ba\", \"c\": [1,2]}")?;
    good(bed, &["unset", name(&file), "[\"a\"]"])?;
    let once = read(&file)?;
    same("second key", "ba", &good(bed, &["decrypt", "--extract", "[\"b\"]", name(&file)])?)?;
    if ours(bed, &["decrypt", "--extract", "[\"a\"]", name(&file)]).good() {
        return Err("the key is still there".to_owned());
    }
    good(bed, &["unset", "--idempotent", name(&file), "[\"a\"]"])?;
    same("idempotent", &once, &read(&file)?)?;
    good(bed, &["unset", name(&file), "[\"c\"][1]"])?;
    let twice = read(&file)?;
    good(bed, &["unset", "--idempotent", name(&file), "[\"c\"][1]"])?;
    same("idempotent item", &twice, &read(&file)?)?;
    let left = good(bed, &["decrypt", "--extract", "[\"c\"][0]", name(&file)])?;
    same("item that is left", "1", left.trim_end())
}

fn no_mac(bed: &Bed) -> Verdict {
    let file = sealed(bed, "yaml", "a: 1\n")?;
    let text = read(&file)?;
    let without: String = text.lines().filter(|line| !line.contains("mac:")).map(|line| format!("{line}\n")).collect();
    let file = bed.file("file.yaml", without);
    let refused = ours(bed, &["decrypt", name(&file)]);
    if refused.status != 51 {
        return Err(format!("without a MAC: {}", refused.summary()));
    }
    same("with --ignore-mac", "a: 1\n", &good(bed, &["decrypt", "--ignore-mac", name(&file)])?)
}

fn decrypt_from_stdin(bed: &Bed) -> Verdict {
    let sealed = read(&sealed(bed, "yaml", "lorem: ipsum\n# c\ndolor: sit\n")?)?;
    let call = bed.call(Sops::Ours).args(["decrypt", "--input-type", "yaml", "--output-type", "yaml"]);
    let output = call.stdin(sealed.as_bytes()).run().succeeded("decrypt from the input")?;
    same("decrypted", "lorem: ipsum\n# c\ndolor: sit\n", &String::from_utf8_lossy(&output))
}

fn comments(bed: &Bed, plain: &str) -> Verdict {
    let file = sealed(bed, "yaml", plain)?;
    let text = read(&file)?;
    lacks("comment", &text, "first comment")?;
    lacks("comment", &text, "this-is-a-comment")?;
    holds("decrypted", &good(bed, &["decrypt", name(&file)])?, "this-is-a-comment")
}

fn shamir(bed: &Bed, second: &str, status: i32) -> Verdict {
    let config = format!("creation_rules: [{{key_groups: [{{age: ['@alice']}}, {{age: ['{second}']}}]}}]");
    let config = bed.file("config.yaml", with_recipients(bed, &config));
    let file = bed.file("file.yaml", "a: secret\n");
    good(bed, &["--config", name(&config), "encrypt", "-i", name(&file)])?;
    let output = ours(bed, &["decrypt", name(&file)]);
    let right = output.status == status && (status != 0 || output.text() == "a: secret\n");
    if right { Ok(()) } else { Err(format!("expected {status}: {}", output.summary())) }
}

fn extract_string(bed: &Bed) -> Verdict {
    let file = sealed(bed, "yaml", "multiline: |\n  multi\n  line")?;
    let text = good(bed, &["decrypt", "--extract", "[\"multiline\"]", name(&file)])?;
    same("extracted", "multi\nline", &text)
}

fn roundtrip_binary(bed: &Bed) -> Verdict {
    let file = sealed(bed, "binary", "\"\"{}this_is_binary_data")?;
    same("decrypted", "\"\"{}this_is_binary_data", &good(bed, &["decrypt", name(&file)])?)
}

fn output_flag(bed: &Bed) -> Verdict {
    let (file, target) = (bed.file("file.binary", "foo"), bed.file("target.txt", ""));
    let printed = good(bed, &["encrypt", "--age", bed.recipient("alice"), "--output", name(&target), name(&file)])?;
    same("standard output", "", &printed)?;
    holds("the target", &read(&target)?, "ENC[")
}

fn edit_yaml(bed: &Bed) -> Verdict {
    let file = sealed(bed, "yaml", "hello: world\n")?;
    let editor = bed.file("editor.sh", "sed -i s/world/there/ \"$1\"\n");
    let call = bed.call(Sops::Ours).env("EDITOR", format!("sh {}", editor.display())).arg("edit").arg(&file);
    call.run().succeeded("edit")?;
    same("edited", "hello: there\n", &good(bed, &["decrypt", name(&file)])?)
}
