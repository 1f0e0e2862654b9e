//! What stands in the place of a secret and is none: variables, templates, words of examples.

use std::path::Path;

/// Longest text that is looked at for words; what is longer is no placeholder.
const LONGEST: usize = 200;
/// What may be left of an example once its words are taken away.
const REST: usize = 5;

/// What templates and references to secrets begin with or hold.
const TEMPLATES: [&str; 14] = [
    "$",
    "{{",
    "<%",
    "%{",
    "ENC[AES256_GCM,",
    "op://",
    "vault:",
    "ref+",
    "!secret",
    "!vault",
    "secretKeyRef",
    "@@",
    "%(",
    "env:",
];

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
    if text.is_empty() || TEMPLATES.iter().any(|mark| text.starts_with(mark)) {
        return true;
    }
    if ["${", "{{", "$("].iter().any(|mark| text.contains(mark)) || (text.starts_with('<') && text.ends_with('>')) {
        return true;
    }
    if FOLDERS.iter().any(|folder| text.starts_with(folder)) {
        return true;
    }
    text.len() <= LONGEST && (distinct(text.as_bytes()) <= 2 || is_of_words(text))
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
            "ENC[AES256_GCM,data:x",
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
        for text in ["Zk3vQ9pLm2", "my-test-cluster-9f3a8bc2d1", "kartoffelsalat", "b4ckup!9x", "AKfj38fkJfk3902"] {
            assert!(!is_placeholder(text.as_bytes()), "{text:?}");
        }
        assert!(!is_placeholder(&[0xff, 0xfe, 1, 2, 3, 4]));
    }
}
