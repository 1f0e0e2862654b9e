//! Any bytes, sealed as a whole: `{"data": "ENC[…]", "sops": {…}}`.

use zeroize::Zeroizing;

use super::{Changes, New, Unwritable, flat, json};
use crate::sops::tree::{Document, Entry, Item, Leaf, Node, Text, Tree, Value};

const KEY: &str = "data";

pub(super) fn parse(source: &[u8]) -> Tree {
    if let Some(envelope) = envelope(source) {
        return envelope;
    }
    let at = 0..source.len();
    let value = Value::Str(Zeroizing::new(source.to_vec()));
    let leaf = Leaf { value, at: at.clone(), indent: None, alias: None };
    let entry = Entry { key: KEY.to_owned(), node: Node::Leaf(leaf), at };
    let document = Document { root: vec![Item::Entry(entry)], block: None, end: source.len(), column: 0 };
    Tree { documents: vec![document], notes: Vec::new() }
}

/// The file as an envelope, if it is one: an object with a text under `data` and a block.
fn envelope(source: &[u8]) -> Option<Tree> {
    if !source.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let tree = json::parse(source).ok()?;
    let document = tree.documents.first()?;
    (document.block.is_some() && text_of(document).is_some()).then_some(tree)
}

fn text_of(document: &Document) -> Option<&Value> {
    document.root.iter().find_map(|item| match item {
        Item::Entry(Entry { key, node: Node::Leaf(Leaf { value: value @ Value::Str(_), .. }), .. }) if key == KEY => {
            Some(value)
        }
        _ => None,
    })
}

pub(super) fn rewrite(source: &[u8], tree: &Tree, changes: &Changes<'_>) -> Result<Text, Unwritable> {
    let [document] = tree.documents.as_slice() else { return Err(no_bytes()) };
    match (&document.block, changes.block) {
        (Some(_), Some(_)) => json::rewrite(source, tree, changes),
        (Some(_), None) => match changes.spellings.as_slice() {
            [(_, New::Value(value))] => Ok(flat::text(value)),
            [] => text_of(document).map(flat::text).ok_or_else(no_bytes),
            _ => Err(no_bytes()),
        },
        (None, None) => match changes.spellings.as_slice() {
            [] => Ok(Zeroizing::new(source.to_vec())),
            [(_, New::Value(value))] => Ok(flat::text(value)),
            _ => Err(no_bytes()),
        },
        (None, Some(block)) => {
            let cipher = match changes.spellings.as_slice() {
                [(_, New::Cipher(cipher))] => cipher.as_str(),
                // Nothing is sealed where there is nothing.
                [] if source.is_empty() => "",
                _ => return Err(Unwritable::new("a binary file whose bytes are not sealed")),
            };
            let root = vec![Item::entry(KEY, Node::text(cipher))];
            json::emit(
                &Tree { documents: vec![Document { root, ..Document::default() }], notes: Vec::new() },
                Some(block),
            )
        }
    }
}

pub(super) fn emit(tree: &Tree, block: Option<&Node>) -> Result<Text, Unwritable> {
    if block.is_some() {
        return json::emit(tree, block);
    }
    let [document] = tree.documents.as_slice() else { return Err(no_bytes()) };
    text_of(document).map(flat::text).ok_or_else(no_bytes)
}

fn no_bytes() -> Unwritable {
    Unwritable::new("no text under the key data, which is all that a binary file holds")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sops::formats::{Format, parse, rewrite};

    fn block() -> Node {
        Node::Map(vec![Item::entry("mac", Node::text("ENC[m]"))])
    }

    #[test]
    fn bytes_go_into_an_envelope_and_come_out_again() {
        let bytes: Vec<u8> = (0..=255).collect();
        let tree = parse(Format::Binary, &bytes).unwrap();
        let changes = Changes { spellings: vec![(0..256, New::Cipher("ENC[x]".into()))], block: Some(&block()) };
        let sealed = rewrite(Format::Binary, &bytes, &tree, &changes).unwrap();
        assert_eq!(
            std::str::from_utf8(&sealed).unwrap(),
            "{\n\t\"data\": \"ENC[x]\",\n\t\"sops\": {\n\t\t\"mac\": \"ENC[m]\"\n\t}\n}\n"
        );
        let tree = parse(Format::Binary, &sealed).unwrap();
        let at = match &tree.documents[0].root[0] {
            Item::Entry(Entry { node: Node::Leaf(leaf), .. }) => leaf.at.clone(),
            _ => panic!("no value"),
        };
        let changes = Changes { spellings: vec![(at, New::Value(Value::Str(bytes.clone().into())))], block: None };
        assert_eq!(*rewrite(Format::Binary, &sealed, &tree, &changes).unwrap(), bytes);
    }

    #[test]
    fn json_that_is_no_envelope_is_bytes() {
        for source in ["{\"data\": \"x\"}", "{\"sops\": {}}", "{", "", "[1]"] {
            let tree = parse(Format::Binary, source.as_bytes()).unwrap();
            assert!(tree.documents[0].block.is_none());
            assert_eq!(*emit(&tree, None).unwrap(), source.as_bytes());
        }
    }
}
