//! Keys, tokens and passwords in a text, known by their form.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::bytes::{Captures, Regex};

use super::placeholder::{distinct, is_placeholder};
use super::{Hit, Kind};

/// Most findings in one text: more say nothing more.
pub const MOST_HITS: usize = 200;

/// How sure a look at a match makes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    No,
    Unsure,
    Sure,
}

struct Pattern {
    kind: Kind,
    regex: Regex,
    judge: fn(&Captures<'_>, &[u8]) -> Verdict,
}

type Judge = fn(&Captures<'_>, &[u8]) -> Verdict;

/// The last group of each is the secret.
const PATTERNS: [(Kind, &str, Judge); 16] = [
    (Kind::AgeIdentity, r"(?i-u)\b(AGE-SECRET-KEY-1[0-9A-Z]{58})(?:[^0-9A-Z]|$)", age_identity),
    (Kind::AgeIdentity, r"(?-u)\b(AGE-SECRET-KEY-PQ-1[0-9A-Z]{58,512})", random),
    (Kind::StoreKey, r"(?-u)unsealer-store-key-1:([A-Za-z0-9+/]{43}=)", random),
    // The same in base64, wherever in a group of three bytes they begin.
    (
        Kind::AgeIdentity,
        r"(?-u)((?:QUdFLVNFQ1JFVC1LRVktM|FHRS1TRUNSRVQtS0VZLT|BR0UtU0VDUkVULUtFWS0x)[A-Za-z0-9+/\r\n]{56,})",
        random,
    ),
    (
        Kind::StoreKey,
        r"(?-u)((?:dW5zZWFsZXItc3RvcmUta2V5LTE6|Vuc2VhbGVyLXN0b3JlLWtleS0xO|1bnNlYWxlci1zdG9yZS1rZXktMT)[A-Za-z0-9+/\r\n]{56,})",
        random,
    ),
    (Kind::UnsealKey, r"(?-u)Unseal Key [0-9]{1,2}: ([A-Za-z0-9+/]{43}[A-Za-z0-9+/=]|[0-9a-f]{64,66})", random),
    (
        Kind::UnsealKey,
        r#"(?i-u)(?:unseal_?keys?(?:_b64|_hex)?(?:_[0-9]+)?|keys_base64)["']?\s*[:=]\s*\[?\s*(?:-\s*)?["']?([A-Za-z0-9+/]{43}[A-Za-z0-9+/=]|[0-9a-f]{64,66})(?:[^A-Za-z0-9+/=]|$)"#,
        random,
    ),
    (Kind::VaultToken, r"(?-u)\b(hv[sbr]\.[A-Za-z0-9_-]{24,512})", random),
    (Kind::VaultToken, r#"(?m-u)(?:^|[\s"'=:`])(s\.[A-Za-z0-9]{24})(?:[\s"',;`]|$)"#, old_token),
    (
        Kind::ResticPassword,
        r#"(?m-u)(?:^|[\s"'`,({])RESTIC_PASSWORD["']?(?:=|:[ \t]+|[ \t]*=[ \t]*)(?:"([^"\n]*)"|'([^'\n]*)'|([A-Za-z0-9+/=_.@%^!?~*,-]{6,})(?:[\s;&"'`#]|$))"#,
        password,
    ),
    (
        Kind::ResticPassword,
        r#"(?m-u)name:[ \t]*["']?RESTIC_PASSWORD["']?[ \t]*\r?\n[ \t]*value:[ \t]*(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"'#\[{&*!|>][^\r\n]*))"#,
        password,
    ),
    (
        Kind::S3SecretKey,
        r#"(?m-u)(?:^|[\s"'`,({])AWS_SECRET_ACCESS_KEY["']?(?:=|:[ \t]+|[ \t]*=[ \t]*)(?:"([^"\n]*)"|'([^'\n]*)'|([A-Za-z0-9+/=_.-]{8,})(?:[\s;&"'`#]|$))"#,
        password,
    ),
    (
        Kind::S3SecretKey,
        r#"(?i-u)(?:aws_?)?secret_?(?:access_?)?key["']?[ \t]*[:=][ \t]*["']?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"#,
        mixed,
    ),
    (Kind::S3AccessKey, r"(?-u)\b((?:AKIA|ASIA)[A-Z2-7]{16})(?:[^A-Za-z0-9]|$)", access_key),
    (
        Kind::PrivateKey,
        r#"(?-u)-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\\r|\\n|[\s"'+|,>-])*((?:(?:Proc-Type|DEK-Info|Version|Comment)[^\r\n\\]{0,100}(?:\\r|\\n|\s)*)*[A-Za-z0-9+/]{20,100})"#,
        pem,
    ),
    (
        Kind::PrivateKey,
        r"(?-u)\bPuTTY-User-Key-File-[23]: [\s\S]{1,600}?Private-Lines: [0-9]+\r?\n([A-Za-z0-9+/=]{20,64})",
        random,
    ),
];

static COMPILED: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let compiled = PATTERNS
        .into_iter()
        .filter_map(|(kind, text, judge)| Some(Pattern { kind, regex: Regex::new(text).ok()?, judge }));
    compiled.collect()
});

/// A text in UTF-16, as other systems write it, in UTF-8; any other as it is. What is no text in UTF-16 stays what it is.
pub fn utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let (big, body) = match bytes {
        [0xff, 0xfe, body @ ..] => (false, body),
        [0xfe, 0xff, body @ ..] => (true, body),
        [0, _, ..] if has_zeros(bytes, 0) => (true, bytes),
        [_, 0, ..] if has_zeros(bytes, 1) => (false, bytes),
        _ => return Cow::Borrowed(bytes),
    };
    let units =
        body.as_chunks().0.iter().map(|pair| if big { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) });
    Cow::Owned(
        char::decode_utf16(units)
            .map(|one| one.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect::<String>()
            .into_bytes(),
    )
}

/// Whether nearly every second byte at the beginning is zero, from `offset` on, and the others are not.
fn has_zeros(bytes: &[u8], offset: usize) -> bool {
    let head = bytes.get(..bytes.len().min(512)).unwrap_or_default();
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let half = head.len() / 2;
    half >= 8 && zeros(offset) * 10 >= half * 9 && zeros(1 - offset) * 10 <= half
}

/// What stands in a text, in the order of the lines.
pub fn hits(text: &[u8]) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    for pattern in COMPILED.iter() {
        for found in pattern.regex.captures_iter(text).take(MOST_HITS) {
            let verdict = (pattern.judge)(&found, text);
            let Some(secret) = last(&found).filter(|_| verdict != Verdict::No) else { continue };
            // Two patterns may know the same secret.
            if !hits.iter().any(|hit| hit.secret.start < secret.end && secret.start < hit.secret.end) {
                hits.push(Hit { kind: pattern.kind, line: 0, sure: verdict == Verdict::Sure, secret });
            }
        }
    }
    hits.sort_by_key(|hit| hit.secret.start);
    hits.truncate(MOST_HITS);
    number_lines(text, &mut hits);
    hits
}

/// Gives each its line, in one pass.
fn number_lines(text: &[u8], hits: &mut [Hit]) {
    let (mut line, mut at) = (1, 0);
    for hit in hits {
        let between = text.get(at..hit.secret.start).unwrap_or_default();
        line += between.split(|byte| *byte == b'\n').count() - 1;
        at = hit.secret.start;
        hit.line = line;
    }
}

/// The last group that took part.
fn last(found: &Captures<'_>) -> Option<std::ops::Range<usize>> {
    found.iter().skip(1).flatten().last().map(|group| group.range())
}

fn secret<'t>(found: &Captures<'_>, text: &'t [u8]) -> &'t [u8] {
    last(found).and_then(|range| text.get(range)).unwrap_or_default()
}

fn sure_if(condition: bool) -> Verdict {
    if condition { Verdict::Sure } else { Verdict::No }
}

/// One whose checksum is right: anything else opens nothing.
fn age_identity(found: &Captures<'_>, text: &[u8]) -> Verdict {
    let key = std::str::from_utf8(secret(found, text)).unwrap_or_default();
    sure_if(key.to_ascii_uppercase().parse::<age::x25519::Identity>().is_ok())
}

/// Random bytes in some alphabet have many different signs.
fn random(found: &Captures<'_>, text: &[u8]) -> Verdict {
    let secret = secret(found, text);
    sure_if(distinct(secret) >= 10 && !has_example(secret))
}

fn mixed(found: &Captures<'_>, text: &[u8]) -> Verdict {
    let secret = secret(found, text);
    sure_if(distinct(secret) >= 14 && is_mixed(secret, 2) && !has_example(secret))
}

/// The older form is short: it counts beside the word alone.
fn old_token(found: &Captures<'_>, text: &[u8]) -> Verdict {
    let start = last(found).map_or(0, |range| range.start);
    let line_start =
        text.get(..start).and_then(|before| before.iter().rposition(|byte| *byte == b'\n')).map_or(0, |at| at + 1);
    let before = text.get(line_start..start).unwrap_or_default().to_ascii_lowercase();
    let near = before.get(before.len().saturating_sub(100)..).unwrap_or_default();
    sure_if(is_mixed(secret(found, text), 2) && near.windows(5).any(|word| word == b"token"))
}

fn password(found: &Captures<'_>, text: &[u8]) -> Verdict {
    let secret = secret(found, text);
    if is_placeholder(secret) || has_example(secret) {
        return Verdict::No;
    }
    if secret.len() < 6 { Verdict::Unsure } else { Verdict::Sure }
}

fn access_key(found: &Captures<'_>, text: &[u8]) -> Verdict {
    let secret = secret(found, text);
    if has_example(secret) || distinct(secret) < 8 { Verdict::No } else { Verdict::Unsure }
}

/// One behind a passphrase is only as good as that.
fn pem(found: &Captures<'_>, text: &[u8]) -> Verdict {
    let whole = found.get(0).map(|all| all.as_bytes()).unwrap_or_default();
    let has = |word: &[u8]| whole.windows(word.len()).any(|window| window == word);
    if distinct(secret(found, text)) < 8 || has_example(secret(found, text)) {
        Verdict::No
    } else if has(b"ENCRYPTED") {
        Verdict::Unsure
    } else {
        Verdict::Sure
    }
}

/// Digits, capitals and small letters, so many of each.
fn is_mixed(text: &[u8], each: usize) -> bool {
    let count = |test: fn(&u8) -> bool| text.iter().filter(|byte| test(byte)).count() >= each;
    count(u8::is_ascii_digit) && count(u8::is_ascii_uppercase) && count(u8::is_ascii_lowercase)
}

fn has_example(text: &[u8]) -> bool {
    text.windows(7).any(|window| window.eq_ignore_ascii_case(b"example"))
}

#[cfg(test)]
mod tests;
