//! The outline of a JSON text that has been read before.

use crate::sops::formats::outline::{ElementSpot, KeySpot, Kind, Spot};
use crate::sops::tree::{Element, Entry, Item, Node, Tree, Value};

/// The root of the object.
pub(super) fn outline(source: &[u8], tree: &Tree) -> Spot {
    let mut entries = Vec::new();
    let mut end = 0;
    for document in &tree.documents {
        end = document.end;
        entries = map(source, &document.root);
        if let Some(block) = &document.block {
            let value = value_of(source, &block.node, block.at.start);
            entries.push(KeySpot { key: "sops".to_owned(), key_at: block.at.start..block.at.start + 6, value });
        }
    }
    entries.sort_by_key(|entry| entry.key_at.start);
    let start = source.iter().position(|byte| *byte == b'{').unwrap_or_default();
    Spot { at: start..end + 1, column: 0, kind: Kind::Map { flow: true, entries } }
}

fn map(source: &[u8], items: &[Item]) -> Vec<KeySpot> {
    let entries = items.iter().filter_map(|item| match item {
        Item::Entry(entry) => Some(entry),
        Item::Comment(_) => None,
    });
    entries.map(|entry| key(source, entry)).collect()
}

fn key(source: &[u8], entry: &Entry) -> KeySpot {
    let key_at = entry.at.start..end_of_string(source, entry.at.start);
    KeySpot { key: entry.key.clone(), key_at, value: value_of(source, &entry.node, entry.at.start) }
}

/// The value behind the key that begins here.
fn value_of(source: &[u8], value: &Node, key: usize) -> Spot {
    let blanks = |at: usize| {
        let rest = source.get(at..).unwrap_or_default();
        at + rest.len() - rest.trim_ascii_start().len()
    };
    let colon = blanks(end_of_string(source, key));
    node(source, value, blanks(colon + 1))
}

fn end_of_string(source: &[u8], start: usize) -> usize {
    let mut escaped = false;
    let rest = source.get(start + 1..).unwrap_or_default();
    let length = rest.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    start + 2 + length.unwrap_or(rest.len())
}

/// A node that begins here.
fn node(source: &[u8], node: &Node, start: usize) -> Spot {
    let (kind, end) = match node {
        Node::Leaf(leaf) => (if matches!(leaf.value, Value::Null) { Kind::Null } else { Kind::Scalar }, leaf.at.end),
        Node::Map(items) => {
            let entries = map(source, items);
            let last = entries.last().map_or(start + 1, |last| last.value.at.end);
            (Kind::Map { flow: true, entries }, behind(source, last, b'}'))
        }
        Node::List(elements) => {
            let elements = list(source, elements, start + 1);
            let last = elements.last().map_or(start + 1, |last| last.value.at.end);
            (Kind::List { flow: true, elements }, behind(source, last, b']'))
        }
    };
    Spot { at: start..end, column: 0, kind }
}

/// Elements one after the other, from behind the opening bracket.
fn list(source: &[u8], elements: &[Element], start: usize) -> Vec<ElementSpot> {
    let mut found = Vec::new();
    let mut at = start;
    for element in elements {
        let Element::Node(element) = element else { continue };
        while source.get(at).is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b',') {
            at += 1;
        }
        let value = node(source, element, at);
        at = value.at.end;
        found.push(ElementSpot { dash: value.at.start, value });
    }
    found
}

/// Behind the next sign of this kind.
fn behind(source: &[u8], start: usize, sign: u8) -> usize {
    let rest = source.get(start..).unwrap_or_default();
    start + rest.iter().position(|byte| *byte == sign).map_or(rest.len(), |sign| sign + 1)
}
