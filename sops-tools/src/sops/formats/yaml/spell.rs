//! Values as YAML text, spelled so that they are read back as the same type and content.

use std::fmt::Write as _;

use base64::Engine as _;
use zeroize::Zeroizing;

use super::resolve;
use crate::sops::formats::Unwritable;
use crate::sops::tree::{Text, Value};

/// What surrounds a scalar.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The column of a block of text written here, and that of the map or list around it; none where there can be no such block.
    pub(super) block: Option<BlockPlace>,
    /// Inside braces or brackets.
    pub(super) flow: bool,
    /// The end of lines.
    pub(super) newline: &'static str,
}

/// Where a block of text is written.
#[derive(Clone, Copy)]
pub(super) struct BlockPlace {
    /// The column of its lines.
    pub(super) column: usize,
    /// How much deeper than what holds it, from 1 to 9.
    pub(super) deeper: usize,
    /// Whether it may end in blank lines: nothing but blank lines of the text itself come before the next key.
    pub(super) keep: bool,
}

/// One scalar.
pub(super) fn value(value: &Value, place: Place) -> Result<Text, Unwritable> {
    let plain = match value {
        Value::Null => "null".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Float(number) => float(*number),
        Value::Str(text) | Value::Comment(text) => return Ok(string(text, place)),
        Value::Time(text) => return time(text, place),
    };
    Ok(Zeroizing::new(plain.into_bytes()))
}

fn time(text: &Text, place: Place) -> Result<Text, Unwritable> {
    let same = std::str::from_utf8(text).ok().and_then(|text| resolve::plain(text).ok());
    match same {
        Some(Value::Time(read)) if read == *text => {
            if place.flow {
                // A colon is risky in braces.
                let quoted = [b"!!timestamp \"", text.as_slice(), b"\""].concat();
                return Ok(Zeroizing::new(quoted));
            }
            Ok(Zeroizing::new(text.to_vec()))
        }
        _ => Err(Unwritable::new("a time that YAML has no spelling for")),
    }
}

/// A number that YAML reads as no whole number.
fn float(number: f64) -> String {
    if number.is_nan() {
        return ".nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{number:e}");
        return match text.split_once('e') {
            Some((digits, power)) if !power.starts_with('-') => format!("{digits}e+{power}"),
            _ => text,
        };
    }
    let mut text = number.to_string();
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

/// Text: plain where safe, a block of text where it has several lines and may be one here, else in double quotes.
pub(super) fn string(bytes: &[u8], place: Place) -> Text {
    let Ok(text) = std::str::from_utf8(bytes) else { return binary(bytes) };
    if !place.flow && is_plain(text) {
        return Zeroizing::new(bytes.to_vec());
    }
    if let Some(block) = place.block
        && let Some(spelled) = literal(text, block, place.newline)
    {
        return spelled;
    }
    quoted(text)
}

fn binary(bytes: &[u8]) -> Text {
    let digits = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(bytes));
    Zeroizing::new([b"!!binary \"", digits.as_bytes(), b"\""].concat())
}

/// A key, always on one line. `merges` says whether what stands under it can be merged, as YAML does with what is under `<<`.
pub(super) fn key(key: &str, merges: bool) -> String {
    if (key == "<<" && merges) || (is_plain(key) && key.len() < 120) {
        return key.to_owned();
    }
    String::from_utf8(quoted(key).to_vec()).unwrap_or_default()
}

/// Whether a text means itself without quotes, for every YAML reader that one meets.
fn is_plain(text: &str) -> bool {
    let mut before = ' ';
    for (index, letter) in text.char_indices() {
        let fine = match letter {
            ' ' | '#' => before != ' ' && index != 0,
            '.' | '/' | '_' | '+' | '$' | '(' | ')' | ';' | '^' | '~' | '<' => true,
            '-' | '=' | '!' | '%' | '&' | '*' | '?' | '@' | '|' | '>' | '\'' | '"' | '`' | ',' | '\\' | '[' | ']'
            | '{' | '}' => index != 0,
            ':' => index != 0 && text.get(index + 1..).is_some_and(|rest| !rest.is_empty() && !rest.starts_with(' ')),
            _ => letter.is_alphanumeric(),
        };
        if !fine {
            return false;
        }
        before = letter;
    }
    before != ' ' && !text.starts_with("...") && !is_word(text) && !is_sixty(text) && resolve::is_text(text)
}

/// What YAML 1.1 takes for a truth, and other words with a meaning.
fn is_word(text: &str) -> bool {
    const WORDS: [&str; 11] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "<<", "="];
    text.len() <= 5 && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// What YAML 1.1 takes for a number to the base of sixty: `12:30`.
fn is_sixty(text: &str) -> bool {
    text.contains(':')
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'_' | b'+' | b'-'))
}

/// A text of several lines as a block, each line as it is.
fn literal(text: &str, place: BlockPlace, newline: &str) -> Option<Text> {
    let body = text.trim_end_matches('\n');
    let ends = text.len() - body.len();
    let chomping = match ends {
        0 => "-",
        1 => "",
        _ if place.keep => "+",
        _ => return None,
    };
    let last = body.rsplit('\n').next().unwrap_or_default();
    let blank = |line: &str| line.trim_matches([' ', '\t']).is_empty();
    if !text.contains('\n') || blank(last) || !text.chars().all(is_printable) {
        return None;
    }
    let mut header = String::from("|");
    if body.starts_with([' ', '\t', '\n']) {
        if !(1..=9).contains(&place.deeper) {
            return None;
        }
        write!(header, "{}", place.deeper).ok()?;
    }
    let lines = text.split('\n').count();
    let mut out = Zeroizing::new(Vec::with_capacity(text.len() + 4 + lines * (place.column + 2)));
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(chomping.as_bytes());
    for line in body.split('\n') {
        out.extend_from_slice(newline.as_bytes());
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(b' ', place.column));
            out.extend_from_slice(line.as_bytes());
        }
    }
    // The end of the last line is written by whoever writes the line.
    out.extend(std::iter::repeat_n(newline.as_bytes(), ends.saturating_sub(1)).flatten());
    Some(out)
}

/// Printable in YAML without escapes, in every reader.
fn is_printable(letter: char) -> bool {
    matches!(letter, '\n' | '\t' | ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}')
        || matches!(letter, '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

/// In double quotes, on one line.
pub(super) fn quoted(text: &str) -> Text {
    let mut out = Zeroizing::new(String::with_capacity(text.len() + 2 + text.chars().map(escaped).sum::<usize>()));
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            _ if is_printable(letter) => out.push(letter),
            _ => {
                // Writing into a string cannot fail.
                let _ = match u32::from(letter) {
                    code @ ..=0xffff => write!(out, "\\u{code:04x}"),
                    code => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push('"');
    Zeroizing::new(std::mem::take(&mut *out).into_bytes())
}

/// How many bytes more than its own a letter takes at most.
fn escaped(letter: char) -> usize {
    match letter {
        '"' | '\\' | '\n' | '\t' | '\r' => 1,
        _ if is_printable(letter) => 0,
        _ => 9,
    }
}
