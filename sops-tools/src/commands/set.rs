//! `set` and `unset`: one value of a file.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::input::{INPUT_LIMIT, read_file, read_stream};
use super::open::Opening;
use super::path::Step;
use super::site::Site;
use crate::report::{Failure, SopsExit};
use crate::sops::formats::{self, Format};
use crate::sops::tree::{Item, Node};

/// Where the new value comes from.
pub(crate) enum Given {
    /// A word of the command line.
    Word(Zeroizing<Vec<u8>>),
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// Which value.
pub(crate) struct Target {
    /// Its path.
    pub(crate) path: Vec<Step>,
    /// Its document, from 1, where one was named.
    pub(crate) document: Option<usize>,
    /// Whether nothing to do is no error.
    pub(crate) idempotent: bool,
}

impl Given {
    /// The value, read as JSON.
    fn read(self) -> Result<Node, Failure> {
        let text = match self {
            Self::Word(text) => text,
            Self::File(path) => read_file(&path, SopsExit::Generic)?,
            Self::Stdin => read_stream(&mut std::io::stdin().lock(), INPUT_LIMIT).map_err(|error| {
                Failure::sops(
                    SopsExit::UnreadableInput,
                    "input-unreadable",
                    "the value cannot be read from standard input",
                )
                .cause(error)
            })?,
        };
        json(&text).ok_or_else(|| {
            Failure::sops(SopsExit::InvalidPath, "value", "the value is not valid JSON")
                .hint("text stands in double quotes: '\"text\"'; numbers, true, false, null, {…} and […] stand without")
        })
    }
}

pub(crate) fn set(_opening: Opening, _target: &Target, given: Given, _site: &Site<'_>) -> Result<(), Failure> {
    given.read().map(|_| ())
}

pub(crate) fn unset(_opening: Opening, _target: &Target, _site: &Site<'_>) -> Result<(), Failure> {
    Err(Failure::sops(SopsExit::Generic, "later", "later"))
}

/// A JSON value, read by the rules of a file.
fn json(text: &[u8]) -> Option<Node> {
    // A value stands in a file under a key; the line's end guards nothing but keeps the text by itself.
    let mut file = Zeroizing::new(Vec::with_capacity(text.len() + 8));
    file.extend_from_slice(b"{\"v\":\n");
    file.extend_from_slice(text);
    file.extend_from_slice(b"\n}");
    let tree = formats::parse(Format::Json, &file).ok()?;
    let root = tree.documents.into_iter().next()?.root;
    // More than one entry: the text closed the value and went on.
    let mut entries = root.into_iter();
    match (entries.next(), entries.next()) {
        (Some(Item::Entry(entry)), None) => Some(entry.node),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sops::tree::Value;

    #[test]
    fn a_value_is_one_json_value_and_nothing_more() {
        assert!(
            matches!(json(b"\"x\""), Some(Node::Leaf(leaf)) if matches!(&leaf.value, Value::Str(text) if **text == *b"x"))
        );
        assert!(matches!(json(b" 3 "), Some(Node::Leaf(leaf)) if matches!(leaf.value, Value::Int(3))));
        assert!(matches!(json(b"{\"a\": [1]}"), Some(Node::Map(_))));
        for wrong in [&b"x"[..], b"", b"1, \"w\": 2", b"1}", b"1 2", b"{", b"1}, {\"v\": 2"] {
            assert!(json(wrong).is_none(), "{}", String::from_utf8_lossy(wrong));
        }
    }
}
