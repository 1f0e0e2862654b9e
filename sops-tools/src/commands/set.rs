//! `set` and `unset`: one value of a file.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::destination::{Told, unchanged};
use super::failure::file_failure;
use super::input::{INPUT_LIMIT, read_file, read_stream};
use super::open::Opening;
use super::site::Site;
use crate::report::{Failure, SopsExit};
use crate::sops::file::{At, Change, FileError, PathFault, Step};
use crate::sops::formats::{self, Format, large_integer};
use crate::sops::tree::{Element, Item, Node};

/// What YAML takes for an order to merge maps. <https://yaml.org/type/merge.html>
const MERGE: &str = "<<";

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
    /// Where it is.
    pub(crate) at: At,
    /// Whether nothing to remove is no error.
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
        if let Some(line) = large_integer(&text) {
            let problem = format!("line {line} of the value has a whole number that no 64-bit integer holds");
            return Err(Failure::sops(SopsExit::InvalidPath, "value", problem)
                .hint("write it as text, in double quotes: as a number it would be rounded"));
        }
        json(&text).ok_or_else(|| {
            Failure::sops(SopsExit::InvalidPath, "value", "the value is not valid JSON")
                .hint("text stands in double quotes: '\"text\"'; numbers, true, false, null, {…} and […] stand without")
        })
    }
}

/// Whether a map in a value has the key.
fn has_key(node: &Node, key: &str) -> bool {
    match node {
        Node::Leaf(_) => false,
        Node::Map(items) => items.iter().any(|item| match item {
            Item::Entry(entry) => entry.key == key || has_key(&entry.node, key),
            Item::Comment(_) => false,
        }),
        Node::List(elements) => elements.iter().any(|element| match element {
            Element::Node(node) => has_key(node, key),
            Element::Comment(_) => false,
        }),
    }
}

/// Gives one place of a file another value.
///
/// # Errors
/// The value is no JSON, the path does not fit the file, it was not opened, or the result was not written.
pub(crate) fn set(opening: Opening, target: &Target, given: Given, site: &Site<'_>) -> Result<Told, Failure> {
    let value = given.read()?;
    let opened = opening.read(SopsExit::UnreadableInput)?.open(site)?;
    let shown = opened.input.place.shown();
    if opened.file.format() == Format::Yaml
        && (target.at.steps.iter().any(|step| matches!(step, Step::Key(key) if key == MERGE)) || has_key(&value, MERGE))
    {
        return Err(Failure::sops(
            SopsExit::InvalidPath,
            "value",
            "<< is no key in YAML: what stands under it is merged into its map",
        )
        .hint("set the keys that it would bring, one by one"));
    }
    let change = opened.file.set(&target.at, &value, site.clock.now(), site.entropy);
    match change.map_err(|error| file_failure(&shown, error))? {
        // Whether or not that was asked for: no byte would say more.
        Change::Unchanged => Ok(Some(unchanged(&shown))),
        Change::Written(sealed) => opened.replace(&sealed),
    }
}

/// Removes one place of a file.
///
/// # Errors
/// There is nothing at the path, unless that is to be no error; the file was not opened, or the result was not written.
pub(crate) fn unset(opening: Opening, target: &Target, site: &Site<'_>) -> Result<Told, Failure> {
    let opened = opening.read(SopsExit::UnreadableInput)?.open(site)?;
    let shown = opened.input.place.shown();
    match opened.file.unset(&target.at, site.clock.now(), site.entropy) {
        Ok(sealed) => opened.replace(&sealed),
        Err(FileError::Path(PathFault::Absent(_) | PathFault::Beyond(_))) if target.idempotent => {
            Ok(Some(unchanged(&shown)))
        }
        // To remove what is behind the end of a list is to remove what is not there.
        Err(FileError::Path(PathFault::Beyond(place))) => Err(file_failure(&shown, PathFault::Absent(place).into())),
        Err(error) => Err(file_failure(&shown, error)),
    }
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
