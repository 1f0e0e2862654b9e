//! Nodes of a block: taken apart and made.

use super::MetadataError;
use crate::sops::tree::{Element, Entry, Item, Node, Value};
use crate::sops::value;

/// Deeper nodes of a block are dropped; formats refuse them anyway.
const DEPTH: usize = 64;

/// The fields of a map, comments left out; `None` where it is none.
pub(super) fn fields(node: &Node) -> Option<Vec<(String, Node)>> {
    let Node::Map(items) = node else { return None };
    Some(entries(items).map(|entry| (entry.key.clone(), copy(&entry.node))).collect())
}

fn entries(items: &[Item]) -> impl Iterator<Item = &Entry> {
    items.iter().filter_map(|item| match item {
        Item::Entry(entry) => Some(entry),
        Item::Comment(_) => None,
    })
}

/// The field of that name.
pub(super) fn find<'a>(fields: &'a [(String, Node)], name: &str) -> Option<&'a Node> {
    fields.iter().find(|(field, _)| field == name).map(|(_, node)| node)
}

/// A scalar field as text, whatever the format took it for; `None` where it is missing or null.
pub(super) fn text_of(fields: &[(String, Node)], name: &'static str) -> Result<Option<String>, MetadataError> {
    match find(fields, name) {
        None => Ok(None),
        Some(node) => scalar(node).ok_or_else(|| MetadataError::WrongType(name.to_owned())),
    }
}

/// The text of a scalar; the inner `None` is null, the outer one is not a scalar.
#[expect(clippy::option_option, reason = "no scalar, no value, a value")]
pub(super) fn scalar(node: &Node) -> Option<Option<String>> {
    let Node::Leaf(leaf) = node else { return None };
    match &leaf.value {
        Value::Null => Some(None),
        Value::Comment(_) => None,
        value => String::from_utf8(value::spelling(value).to_vec()).ok().map(Some),
    }
}

/// The elements of a list that is missing, null, or a list.
pub(super) fn list<'a>(fields: &'a [(String, Node)], name: &str) -> Result<Vec<&'a Node>, MetadataError> {
    let wrong = || MetadataError::WrongType(name.to_owned());
    match find(fields, name) {
        None => Ok(Vec::new()),
        Some(Node::List(found)) => Ok(elements(found)),
        Some(node) if is_empty(node) => Ok(Vec::new()),
        Some(_) => Err(wrong()),
    }
}

fn elements(list: &[Element]) -> Vec<&Node> {
    list.iter()
        .filter_map(|element| match element {
            Element::Node(node) => Some(node),
            Element::Comment(_) => None,
        })
        .collect()
}

/// Null, an empty text, an empty map or list.
pub(super) fn is_empty(node: &Node) -> bool {
    match node {
        Node::Leaf(leaf) => value::spelling(&leaf.value).is_empty(),
        Node::Map(items) => items.is_empty(),
        Node::List(elements) => elements.is_empty(),
    }
}

pub(super) fn number(number: usize) -> Node {
    Node::leaf(Value::Int(i64::try_from(number).unwrap_or(i64::MAX)))
}

/// The same node without its places; comments are left out.
pub(in crate::sops) fn copy(node: &Node) -> Node {
    copy_to(node, DEPTH)
}

fn copy_to(node: &Node, depth: usize) -> Node {
    let Some(depth) = depth.checked_sub(1) else { return Node::leaf(Value::Null) };
    match node {
        Node::Leaf(found) => Node::leaf(value::copy(&found.value)),
        Node::Map(items) => {
            Node::Map(entries(items).map(|found| Item::entry(&found.key, copy_to(&found.node, depth))).collect())
        }
        Node::List(list) => {
            Node::List(elements(list).into_iter().map(|node| Element::Node(copy_to(node, depth))).collect())
        }
    }
}

/// Whether two nodes say the same; comments and places do not count.
pub(in crate::sops) fn same(one: &Node, other: &Node) -> bool {
    match (one, other) {
        (Node::Leaf(one), Node::Leaf(other)) => value::same(&one.value, &other.value),
        (Node::Map(one), Node::Map(other)) => {
            let (one, other): (Vec<_>, Vec<_>) = (entries(one).collect(), entries(other).collect());
            let same_entry = |(one, other): (&Entry, &Entry)| one.key == other.key && same(&one.node, &other.node);
            one.len() == other.len() && one.into_iter().zip(other).all(same_entry)
        }
        (Node::List(one), Node::List(other)) => {
            let (one, other) = (elements(one), elements(other));
            one.len() == other.len() && one.into_iter().zip(other).all(|(one, other)| same(one, other))
        }
        _ => false,
    }
}
