//! What a plain scalar means: the mix of YAML 1.1 and 1.2 that sops reads.
//!
//! The result goes into the MAC, so `0644` must be the number 420 here although YAML 1.2 reads 644.

use zeroize::Zeroizing;

use super::timestamp;
use crate::sops::tree::Value;

/// Why a scalar has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// A whole number above the largest signed one of 64 bits.
    TooBig,
    /// It is not of the type that its tag names.
    NotOfItsTag,
}

/// The value of a scalar without a tag, not quoted.
pub(super) fn plain(text: &str) -> Result<Value, Unresolved> {
    resolve(text, true)
}

/// Whether a text written plainly is read back as this same text.
pub(super) fn is_text(text: &str) -> bool {
    matches!(plain(text), Ok(Value::Str(_)))
}

/// The value of a scalar with a tag of the YAML namespace, quoted or not.
pub(super) fn tagged(tag: &str, text: &str) -> Result<Value, Unresolved> {
    match tag {
        // A value that looks like the merge key is text; sops writes it with this tag.
        "str" | "merge" => return Ok(string(text)),
        "binary" => return binary(text),
        _ => {}
    }
    let value = resolve(text, tag == "timestamp")?;
    match (tag, value) {
        #[expect(clippy::cast_precision_loss, reason = "as sops reads it")]
        ("float", Value::Int(number)) => Ok(Value::Float(number as f64)),
        ("float", value @ Value::Float(_))
        | ("int", value @ Value::Int(_))
        | ("bool", value @ Value::Bool(_))
        | ("null", value @ Value::Null)
        | ("timestamp", value @ Value::Time(_)) => Ok(value),
        _ => Err(Unresolved::NotOfItsTag),
    }
}

fn string(text: &str) -> Value {
    Value::Str(Zeroizing::new(text.as_bytes().to_vec()))
}

fn binary(text: &str) -> Result<Value, Unresolved> {
    use base64::Engine as _;
    let digits: Zeroizing<Vec<u8>> =
        Zeroizing::new(text.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect());
    let bytes = base64::engine::general_purpose::STANDARD.decode(&*digits).map_err(|_| Unresolved::NotOfItsTag)?;
    Ok(Value::Str(Zeroizing::new(bytes)))
}

fn resolve(text: &str, times: bool) -> Result<Value, Unresolved> {
    Ok(match text.as_bytes() {
        [] => Value::Null,
        [b'0'..=b'9' | b'+' | b'-', ..] => return number(text, times),
        [b'.', ..] => dotted(text),
        _ => word(text).unwrap_or_else(|| string(text)),
    })
}

fn word(text: &str) -> Option<Value> {
    Some(match text {
        "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Value::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

/// A text that begins with a dot: a number, or a name of one.
fn dotted(text: &str) -> Value {
    word(text).or_else(|| float(text)).unwrap_or_else(|| string(text))
}

/// A text that begins as a number does.
fn number(text: &str, times: bool) -> Result<Value, Unresolved> {
    if let Some(value) = word(text) {
        return Ok(value);
    }
    if times && let Some(time) = timestamp::normalized(text) {
        // sops takes this for a time and then cannot write it.
        if timestamp::offset_hours(&time) >= 24 {
            return Err(Unresolved::NotOfItsTag);
        }
        return Ok(Value::Time(Zeroizing::new(time.into_bytes())));
    }
    let digits = Zeroizing::new(text.replace('_', ""));
    match whole(&digits) {
        Whole::Number(number) => return Ok(Value::Int(number)),
        Whole::TooBig => return Err(Unresolved::TooBig),
        Whole::No => {}
    }
    if decimal_shape(digits.as_bytes())
        && let Some(value) = float(&digits)
    {
        return Ok(value);
    }
    Ok(signed_after_prefix(&digits).unwrap_or_else(|| string(text)))
}

/// A finite number in decimal spelling; one too large for a float is text.
fn float(text: &str) -> Option<Value> {
    decimal_shape(text.as_bytes())
        .then(|| text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::Float))
        .flatten()
}

enum Whole {
    Number(i64),
    TooBig,
    No,
}

/// A whole number: decimal, `0x`, `0o`, `0b`, or octal with a leading zero.
fn whole(digits: &str) -> Whole {
    let (negative, signed, magnitude) = match digits.as_bytes() {
        [b'-', ..] => (true, true, digits.get(1..).unwrap_or_default()),
        [b'+', ..] => (false, true, digits.get(1..).unwrap_or_default()),
        _ => (false, false, digits),
    };
    let (radix, magnitude) = match magnitude.as_bytes() {
        [b'0'] => (10, magnitude),
        [b'0', b'x' | b'X', _, ..] => (16, magnitude.get(2..).unwrap_or_default()),
        [b'0', b'o' | b'O', _, ..] => (8, magnitude.get(2..).unwrap_or_default()),
        [b'0', b'b' | b'B', _, ..] => (2, magnitude.get(2..).unwrap_or_default()),
        [b'0', ..] => (8, magnitude.get(1..).unwrap_or_default()),
        _ => (10, magnitude),
    };
    // Rust would take a second sign here.
    if magnitude.starts_with(['+', '-']) {
        return Whole::No;
    }
    let Ok(number) = u64::from_str_radix(magnitude, radix) else { return Whole::No };
    let limited = if negative { 0_i64.checked_sub_unsigned(number) } else { i64::try_from(number).ok() };
    match limited {
        Some(number) => Whole::Number(number),
        None if signed => Whole::No,
        None => Whole::TooBig,
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn decimal_shape(text: &[u8]) -> bool {
    let text = match text {
        [b'+' | b'-', rest @ ..] => rest,
        _ => text,
    };
    let (before, rest) = digits(text);
    let (after, rest) = match rest {
        [b'.', rest @ ..] => digits(rest),
        _ => (0, rest),
    };
    if before + after == 0 {
        return false;
    }
    match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', rest @ ..] | [b'e' | b'E', rest @ ..] => matches!(digits(rest), (1.., [])),
        _ => false,
    }
}

fn digits(text: &[u8]) -> (usize, &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count, text.get(count..).unwrap_or_default())
}

/// `0b-1` and `0o+7`: Go reads a sign after these prefixes too.
fn signed_after_prefix(digits: &str) -> Option<Value> {
    let (radix, rest) = match digits.get(..2)? {
        "0b" => (2, digits.get(2..)?),
        "0o" => (8, digits.get(2..)?),
        _ => return None,
    };
    i64::from_str_radix(rest, radix).ok().map(Value::Int)
}
