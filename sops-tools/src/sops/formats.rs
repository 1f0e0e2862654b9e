//! The surface formats: bytes to a tree, and changes back into the same bytes.

use std::path::Path;

use super::tree::{Node, Span, Text, Tree, Value};

mod binary;
mod dotenv;
mod edit;
mod flat;
mod ini;
mod json;
mod outline;
mod splice;
mod yaml;

pub use edit::{set, unset};
pub use outline::{Misplaced, Step};

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod random;
#[cfg(test)]
mod show;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// YAML, one document or several.
    Yaml,
    /// JSON.
    Json,
    /// `KEY=VALUE` lines.
    Dotenv,
    /// Sections of keys.
    Ini,
    /// Anything: sealed as a whole, in a JSON envelope.
    Binary,
}

impl Format {
    /// By the ending of the name, as sops does: `.yaml .yml .json .env .ini`, else binary.
    pub fn of_path(path: &Path) -> Self {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("yaml" | "yml") => Self::Yaml,
            Some("json") => Self::Json,
            Some("env") => Self::Dotenv,
            Some("ini") => Self::Ini,
            _ => Self::Binary,
        }
    }
}

/// What is put in the place of one leaf or comment.
pub enum New {
    /// One line of ASCII that the format writes as an unquoted string where it has such a thing: an `ENC[…]` text.
    Cipher(String),
    /// A value, spelled so that it is read back as the same type and content.
    Value(Value),
}

/// Changes to the bytes of a file; all spans are those of its tree, none overlaps another.
#[derive(Default)]
pub struct Changes<'a> {
    /// Leaves and comments to spell anew.
    pub spellings: Vec<(Span, New)>,
    /// The new `sops` block: written in place of the old one, or at the end of every document that has none. `None` removes it.
    pub block: Option<&'a Node>,
}

/// Why a text is not of its format. Says where, never what stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct Malformed {
    /// From 1.
    pub line: usize,
    /// The kind of fault.
    pub fault: Fault,
    /// What is wrong, without any text of the file.
    pub problem: &'static str,
}

/// The kinds of [`Malformed`] that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not text of this format at all.
    Syntax,
    /// It is not UTF-8.
    Encoding,
    /// A key that is no string.
    Key,
    /// Two equal keys in one map.
    Duplicate,
    /// A whole number above the largest signed one of 64 bits.
    Number,
    /// The top level is no map.
    Top,
    /// A `sops` key at the top level is no map.
    Block,
    /// Nested deeper, or expanded further by aliases, than is read.
    Limit,
}

/// The line, from 1, of the first whole number in a JSON text that no signed integer of 64 bits holds. Read as a number it would be rounded to
/// what a float holds, as sops does without a word.
pub fn large_integer(json: &[u8]) -> Option<usize> {
    let (mut at, mut line) = (0, 1);
    while let Some(byte) = json.get(at) {
        match byte {
            b'\n' => line += 1,
            b'"' => {
                let rest = json.get(at + 1..)?;
                let mut skipped = 0;
                while let Some(inner) = rest.get(skipped).filter(|inner| **inner != b'"') {
                    line += usize::from(*inner == b'\n');
                    skipped += if *inner == b'\\' { 2 } else { 1 };
                }
                at += skipped + 1;
            }
            b'-' | b'0'..=b'9' => {
                let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
                let number = json.get(at..).unwrap_or_default();
                let number = number.get(..number.iter().position(|byte| !is_part(byte)).unwrap_or(number.len()))?;
                let text = std::str::from_utf8(number).unwrap_or_default();
                if !text.contains(['.', 'e', 'E']) && text.len() > 1 && text.parse::<i64>().is_err() {
                    return Some(line);
                }
                at += number.len().saturating_sub(1);
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Why something cannot be written in a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}{}", place(name.as_deref()))]
pub struct Unwritable {
    /// What cannot be written and why, without any value.
    pub problem: &'static str,
    /// The key or the anchor it is about, where one can be named.
    pub name: Option<String>,
}

impl Unwritable {
    fn new(problem: &'static str) -> Self {
        Self { problem, name: None }
    }

    fn named(problem: &'static str, name: &str) -> Self {
        Self { problem, name: Some(name.to_owned()) }
    }
}

fn place(name: Option<&str>) -> String {
    name.map(|name| format!(": {name:?}")).unwrap_or_default()
}

/// Deepest nesting of maps and lists that is read or written.
pub const MAX_DEPTH: usize = 64;

/// Reads a file.
///
/// A binary file is read as one value under the key `data`: what its envelope holds, or, where it is no envelope, all its bytes.
///
/// # Errors
/// The first fault. Oddities that sops passes over are no errors but [`Tree::notes`](super::tree::Tree::notes).
pub fn parse(format: Format, source: &[u8]) -> Result<Tree, Malformed> {
    match format {
        Format::Yaml => yaml::parse(source),
        Format::Json => json::parse(source),
        Format::Dotenv => dotenv::parse(source),
        Format::Ini => ini::parse(source),
        Format::Binary => Ok(binary::parse(source)),
    }
}

/// The file with changes; all other bytes stay as they are.
///
/// `tree` is what [`parse`] made of the same `source`. A new block that differs from the old one only in values changes only
/// these values in place.
///
/// # Errors
/// When a new value cannot be spelled in its place, and when a change would also change another path: values under an anchor
/// that is used elsewhere.
pub fn rewrite(format: Format, source: &[u8], tree: &Tree, changes: &Changes<'_>) -> Result<Text, Unwritable> {
    match format {
        Format::Yaml => yaml::rewrite(source, tree, changes),
        Format::Json => json::rewrite(source, tree, changes),
        Format::Dotenv => dotenv::rewrite(source, tree, changes),
        Format::Ini => ini::rewrite(source, tree, changes),
        Format::Binary => binary::rewrite(source, tree, changes),
    }
}

/// A file from nothing, laid out as sops would: for another format than that of the source, or a part of a tree.
///
/// Without a block, a binary file is the bytes of its one value.
///
/// # Errors
/// When the format cannot say it: nested values in dotenv, infinities in JSON, several documents in any format but YAML…
pub fn emit(format: Format, tree: &Tree, block: Option<&Node>) -> Result<Text, Unwritable> {
    match format {
        Format::Yaml => yaml::emit(tree, block),
        Format::Json => json::emit(tree, block),
        Format::Dotenv => dotenv::emit(tree, block),
        Format::Ini => ini::emit(tree, block),
        Format::Binary => binary::emit(tree, block),
    }
}

/// One value by itself, as sops gives it out when it is extracted: a map, a list or a scalar.
///
/// # Errors
/// When the format cannot say it; dotenv, INI and binary files have no form for a value by itself.
pub fn emit_node(format: Format, node: &Node) -> Result<Text, Unwritable> {
    match format {
        Format::Yaml => yaml::emit_node(node),
        Format::Json => json::emit_node(node),
        Format::Dotenv | Format::Ini | Format::Binary => {
            Err(Unwritable::new("what is not text cannot be given out by itself in this format"))
        }
    }
}

/// How many lines end in a text.
fn line_ends(text: &[u8]) -> usize {
    text.split(|byte| *byte == b'\n').count() - 1
}

/// The text of a source; a byte order mark is part of it.
fn text(source: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(source).map_err(|error| {
        let valid = source.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + line_ends(valid);
        Malformed { line, fault: Fault::Encoding, problem: "not UTF-8 text" }
    })
}
