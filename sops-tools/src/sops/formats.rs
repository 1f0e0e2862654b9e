//! The surface formats: bytes to a tree, and changes back into the same bytes.

use std::path::Path;

use super::tree::{Node, Span, Text, Tree, Value};

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
    /// The top level, or a `sops` key at the top level, is no map.
    Top,
    /// Nested deeper, or expanded further by aliases, than is read.
    Limit,
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

// To come, one module per format behind these three functions:
//
// pub fn parse(format: Format, source: &[u8]) -> Result<Tree, Malformed>
// pub fn rewrite(format: Format, source: &[u8], tree: &Tree, changes: &Changes<'_>) -> Result<Text, Unwritable>
// pub fn emit(format: Format, tree: &Tree, block: Option<&Node>) -> Result<Text, Unwritable>   // from nothing: other output types, extracts
#[expect(dead_code, reason = "the signatures above")]
type Signatures = (Text, Tree);
