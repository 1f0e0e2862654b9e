//! What stands in the place of a secret and is none: variables, templates, words of examples.

use std::path::Path;

/// Longest text that is looked at for words; what is longer is no placeholder.
const LONGEST: usize = 200;
/// What may be left of an example once its words are taken away.
const REST: usize = 5;

/// What references to secrets begin with.
const REFERENCES: [&str; 8] = ["op://", "vault:", "ref+", "!secret", "!vault", "secretKeyRef", "%(", "env:"];

/// What templates hold, from an opening to its closing sign.
const TEMPLATES: [(&str, &str); 6] = [("${", "}"), ("{{", "}}"), ("$(", ")"), ("<%", "%>"), ("%{", "}"), ("@@", "@@")];

/// Where mounted files lie: the path of a secret is none.
const FOLDERS: [&str; 10] = ["/run/", "/etc/", "/var/", "/vault/", "/secrets/", "/mnt/", "/tmp/", "./", "../", "~/"];

/// Words of examples, longest first where one begins another.
const WORDS: [&str; 82] = [
    "placeholder",
    "minioadmin",
    "passphrase",
    "credentials",
    "credential",
    "supersecret",
    "changeme",
    "redacted",
    "password",
    "encoded",
    "example",
    "default",
    "dummies",
    "postgres",
    "replace",
    "testing",
    "secrets",
    "insert",
    "sample",
    "hunter",
    "passwd",
    "secret",
    "string",
    "random",
    "strong",
    "access",
    "change",
    "restic",
    "backup",
    "super",
    "dummy",
    "tests",
    "value",
    "admin",
    "local",
    "vault",
    "token",
    "minio",
    "mysql",
    "redis",
    "never",
    "really",
    "repo",
    "fake",
    "test",
    "pass",
    "your",
    "with",
    "here",
    "this",
    "that",
    "none",
    "null",
    "true",
    "false",
    "long",
    "some",
    "very",
    "root",
    "user",
    "demo",
    "todo",
    "base64",
    "swordfish",
    "correct",
    "horse",
    "battery",
    "staple",
    "dev",
    "foo",
    "bar",
    "baz",
    "qux",
    "key",
    "aws",
    "not",
    "the",
    "and",
    "tbd",
    "my",
    "me",
    "ci",
];

/// Ends of names of examples and templates, in small letters,
const EXAMPLE_ENDS: [&str; 8] = [".example", ".sample", ".template", ".tmpl", ".tpl", ".dist", ".j2", ".in"];
/// and what stands within such names.
const EXAMPLE_PARTS: [&str; 7] =
    [".example.", ".sample.", ".template.", "-example.", "_example.", "-sample.", "example-"];

/// Whether the name of a file says that it is an example or a template.
pub fn is_example(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    EXAMPLE_ENDS.iter().any(|end| name.ends_with(end)) || EXAMPLE_PARTS.iter().any(|part| name.contains(part))
}

/// Whether a text that stands where a secret would is none.
pub fn is_placeholder(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let Ok(text) = std::str::from_utf8(text) else { return false };
    if text.is_empty() || REFERENCES.iter().any(|mark| text.starts_with(mark)) {
        return true;
    }
    if is_variable(text) || is_sealed(text) || TEMPLATES.iter().any(|marks| holds_template(text, *marks)) {
        return true;
    }
    if text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).is_some_and(|inner| !has_digit(inner)) {
        return true;
    }
    if FOLDERS.iter().any(|folder| text.starts_with(folder)) {
        return true;
    }
    text.len() <= LONGEST && (distinct(text.as_bytes()) <= 2 || is_of_words(text))
}

/// What is written between angles is told in words.
fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

/// `$NAME` and nothing else. A name is of capitals or of small letters: a password that begins with a dollar sign mixes them.
fn is_variable(text: &str) -> bool {
    let Some(name) = text.strip_prefix('$') else { return false };
    let is_name = |letters: fn(&u8) -> bool, digits: bool| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|first| letters(&first) || first == b'_')
            && bytes.all(|byte| letters(&byte) || byte == b'_' || (digits && byte.is_ascii_digit()))
    };
    is_name(u8::is_ascii_uppercase, true) || is_name(u8::is_ascii_lowercase, false)
}

/// A whole value that sops sealed.
pub fn is_sealed(text: &str) -> bool {
    text.strip_prefix("ENC[AES256_GCM,data:")
        .is_some_and(|rest| rest.ends_with(']') && [",iv:", ",tag:", ",type:"].iter().all(|part| rest.contains(part)))
}

fn holds_template(text: &str, (opening, closing): (&str, &str)) -> bool {
    text.split_once(opening).is_some_and(|(_, rest)| rest.contains(closing))
}

/// How many different bytes there are.
pub fn distinct(text: &[u8]) -> usize {
    let mut seen = [false; 256];
    for byte in text {
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            *seen = true;
        }
    }
    seen.iter().filter(|seen| **seen).count()
}

/// Whether little is left once words of examples and what stands between them are taken away.
fn is_of_words(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let mut rest = text.as_str();
    let (mut left, mut letters) = (0, 0);
    while let Some(first) = rest.chars().next() {
        let word = WORDS.iter().filter(|word| rest.starts_with(*word)).max_by_key(|word| word.len());
        let length = word.map_or(first.len_utf8(), |word| word.len());
        if word.is_none() && first.is_alphanumeric() {
            left += 1;
            letters += usize::from(first.is_alphabetic());
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    // Counting up is no secret: test1234.
    left <= REST && letters <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_templates_and_words_of_examples_are_no_secrets() {
        for text in [
            "",
            "  ",
            "${RESTIC_PASSWORD}",
            "$PASSWORD",
            "$(cat file)",
            "{{ .Values.password }}",
            "<your password>",
            "changeme",
            "your-restic-password-here",
            "test1234",
            "password",
            "xxxxxxxx",
            "********",
            "...",
            "/run/secrets/x",
            "ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]",
            "$my_password",
            "$DB_PASSWORD_2",
            "@@password@@",
            "EXAMPLE",
            "prefix-${X}",
            "correct horse battery staple",
            "hunter2",
            "s3cret".replace("s3cret", "secret").as_str(),
        ] {
            assert!(is_placeholder(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn what_somebody_chose_is_one() {
        for text in [
            "$ecretZk3vQ9pLm2",
            "$Zk3vQ9",
            "Zk3{{vQ9pLm2",
            "Zk3vQ9pLm2xENC[AES256_GCM,zz",
            "ENC[AES256_GCM,Zk3vQ9pLm2]",
            "@@Zk3vQ9pLm2",
            "<Zk3vQ9pLm2>",
            "Zk3vQ9$(pLm2",
            "Zk3vQ9pLm2",
            "my-test-cluster-9f3a8bc2d1",
            "kartoffelsalat",
            "b4ckup!9x",
            "AKfj38fkJfk3902",
        ] {
            assert!(!is_placeholder(text.as_bytes()), "{text:?}");
        }
        assert!(!is_placeholder(&[0xff, 0xfe, 1, 2, 3, 4]));
    }
}
