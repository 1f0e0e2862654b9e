//! Scalars as the bytes that are encrypted and that go into the MAC.

use zeroize::Zeroizing;

use super::tree::{Text, Value};

mod instant;

pub use instant::{instant, to_the_second};

/// What an encrypted value says it is. Nothing authenticates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Text.
    Str,
    /// A whole number of 64 bits.
    Int,
    /// Any other number.
    Float,
    /// True or false.
    Bool,
    /// A point in time.
    Time,
    /// A comment.
    Comment,
}

/// A plaintext that does not spell what its type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the decrypted text is not of its type, {}", .0.name())]
pub struct Misspelt(pub Kind);

impl Kind {
    /// The word after `type:`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Str => "str",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Time => "time",
            Self::Comment => "comment",
        }
    }

    /// The type of that name. `bytes` is none: sops names it but neither writes nor reads it.
    pub fn of_name(name: &[u8]) -> Option<Self> {
        [Self::Str, Self::Int, Self::Float, Self::Bool, Self::Time, Self::Comment]
            .into_iter()
            .find(|kind| kind.name().as_bytes() == name)
    }

    /// What a value is; null is nothing.
    pub fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => return None,
            Value::Str(_) => Self::Str,
            Value::Int(_) => Self::Int,
            Value::Float(_) => Self::Float,
            Value::Bool(_) => Self::Bool,
            Value::Time(_) => Self::Time,
            Value::Comment(_) => Self::Comment,
        })
    }

    /// The value that a decrypted text spells.
    ///
    /// # Errors
    /// A text that is not of this type.
    pub fn read(self, plain: Text) -> Result<Value, Misspelt> {
        let misspelt = Misspelt(self);
        let text = || std::str::from_utf8(&plain).map_err(|_| misspelt);
        Ok(match self {
            Self::Str => Value::Str(plain),
            Self::Comment => Value::Comment(plain),
            Self::Int => Value::Int(text()?.parse().map_err(|_| misspelt)?),
            Self::Float => Value::Float(float(text()?).ok_or(misspelt)?),
            Self::Bool => Value::Bool(truth(&plain).ok_or(misspelt)?),
            Self::Time => Value::Time(Zeroizing::new(instant(text()?).ok_or(misspelt)?.into_bytes())),
        })
    }
}

/// The bytes of a value, for the cipher and for the MAC. Empty for null, which is in neither.
pub fn spelling(value: &Value) -> Text {
    Zeroizing::new(match value {
        Value::Null => Vec::new(),
        Value::Str(text) | Value::Time(text) | Value::Comment(text) => text.to_vec(),
        Value::Int(number) => number.to_string().into_bytes(),
        Value::Float(number) => float_text(*number).into_bytes(),
        Value::Bool(true) => b"True".to_vec(),
        Value::Bool(false) => b"False".to_vec(),
    })
}

/// Another value that says the same, in a wiped buffer of its own.
pub fn copy(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Str(text) => Value::Str(text.clone()),
        Value::Int(number) => Value::Int(*number),
        Value::Float(number) => Value::Float(*number),
        Value::Bool(truth) => Value::Bool(*truth),
        Value::Time(text) => Value::Time(text.clone()),
        Value::Comment(text) => Value::Comment(text.clone()),
    }
}

/// Whether two values are of one type and say the same.
pub fn same(one: &Value, other: &Value) -> bool {
    Kind::of(one) == Kind::of(other) && spelling(one) == spelling(other)
}

/// Shortest digits that give the number back, never an exponent: what Go's `FormatFloat(v, 'f', -1, 64)` writes.
fn float_text(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        number.to_string()
    }
}

/// As Go's `ParseFloat`, but for hexadecimal ones, which nobody writes: no overflow to infinity, no sign before NaN.
fn float(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    let spelled_out = text.bytes().any(|byte| byte.is_ascii_digit());
    let signed = text.starts_with(['+', '-']);
    let spelled_as_go = !(spelled_out || number.is_nan() && signed);
    (number.is_finite() || spelled_as_go).then_some(number)
}

fn truth(text: &[u8]) -> Option<bool> {
    match text {
        b"1" | b"t" | b"T" | b"TRUE" | b"true" | b"True" => Some(true),
        b"0" | b"f" | b"F" | b"FALSE" | b"false" | b"False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
