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
    /// What is wrong, without any text of the file.
    pub problem: &'static str,
}

/// Why something cannot be written in a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct Unwritable {
    /// What cannot be written and why, without any value.
    pub problem: &'static str,
}

// To come, one module per format behind these three functions:
//
// pub fn parse(format: Format, source: &[u8]) -> Result<Tree, Malformed>
// pub fn rewrite(format: Format, source: &[u8], tree: &Tree, changes: &Changes<'_>) -> Result<Text, Unwritable>
// pub fn emit(format: Format, tree: &Tree, block: Option<&Node>) -> Result<Text, Unwritable>   // from nothing: other output types, extracts
#[expect(dead_code, reason = "the signatures above")]
type Signatures = (Text, Tree);
