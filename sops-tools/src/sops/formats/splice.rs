//! Replacing some spans of a source.

use std::collections::HashMap;

use zeroize::Zeroizing;

use super::Unwritable;
use crate::sops::tree::{Element, Item, Leaf, Node, Span, Text, Tree};

/// What comes in the place of some bytes.
pub(super) struct Splice {
    pub(super) at: Span,
    pub(super) new: Text,
}

/// The source with its splices, which must not overlap. Two insertions at one place keep their order.
pub(super) fn apply(source: &[u8], mut splices: Vec<Splice>) -> Result<Text, Unwritable> {
    splices.sort_by_key(|splice| (splice.at.start, splice.at.end));
    let added: usize = splices.iter().map(|splice| splice.new.len()).sum();
    // Sized at once: a growing buffer would leave copies of secrets behind.
    let mut out = Zeroizing::new(Vec::with_capacity(source.len() + added));
    let mut done = 0;
    for splice in &splices {
        let kept = source.get(done..splice.at.start).filter(|_| splice.at.end <= source.len());
        out.extend_from_slice(kept.ok_or(OVERLAP)?);
        out.extend_from_slice(&splice.new);
        done = splice.at.end;
    }
    out.extend_from_slice(source.get(done..).ok_or(OVERLAP)?);
    Ok(out)
}

const OVERLAP: Unwritable = Unwritable { problem: "two changes to the same bytes", name: None };

/// All leaves of a tree, without the blocks.
pub(super) fn leaves(tree: &Tree) -> Vec<&Leaf> {
    let mut found = Vec::new();
    for document in &tree.documents {
        of_items(&document.root, &mut found);
    }
    found
}

pub(super) fn of_node<'t>(node: &'t Node, found: &mut Vec<&'t Leaf>) {
    match node {
        Node::Leaf(leaf) => found.push(leaf),
        Node::Map(items) => of_items(items, found),
        Node::List(elements) => {
            for element in elements {
                if let Element::Node(node) = element {
                    of_node(node, found);
                }
            }
        }
    }
}

fn of_items<'t>(items: &'t [Item], found: &mut Vec<&'t Leaf>) {
    for item in items {
        if let Item::Entry(entry) = item {
            of_node(&entry.node, found);
        }
    }
}

/// The line ends of a source: those of its first line.
pub(super) fn newline(source: &[u8]) -> &'static str {
    let first = source.iter().position(|byte| *byte == b'\n').unwrap_or_default();
    let before = first.checked_sub(1).and_then(|before| source.get(before));
    if before == Some(&b'\r') { "\r\n" } else { "\n" }
}

/// Where the leaves of two blocks differ, when they are built alike: the old leaf and the new one. None when they are not.
pub(super) fn differences<'o, 'n>(old: &'o Node, new: &'n Node) -> Option<Vec<(&'o Leaf, &'n Leaf)>> {
    let mut found = Vec::new();
    compare(old, new, &mut found).then_some(found)
}

fn compare<'o, 'n>(old: &'o Node, new: &'n Node, found: &mut Vec<(&'o Leaf, &'n Leaf)>) -> bool {
    match (old, new) {
        (Node::Leaf(old), Node::Leaf(new)) => {
            if old.value.same_as(&new.value) {
                return true;
            }
            found.push((old, new));
            // What an alias stands for is spelled elsewhere, too.
            old.alias.is_none()
        }
        (Node::Map(old), Node::Map(new)) => {
            // The order of keys differs from one version of sops to the next.
            let (old, new) = (entries(old), entries(new));
            let by_key: HashMap<&str, &Node> = new.iter().map(|entry| (entry.key.as_str(), &entry.node)).collect();
            old.len() == new.len()
                && by_key.len() == new.len()
                && old.iter().all(|old| by_key.get(old.key.as_str()).is_some_and(|new| compare(&old.node, new, found)))
        }
        (Node::List(old), Node::List(new)) => {
            let (old, new) = (nodes(old), nodes(new));
            old.len() == new.len() && old.iter().zip(&new).all(|(old, new)| compare(old, new, found))
        }
        _ => false,
    }
}

/// The entries among some items.
pub(super) fn entries(items: &[Item]) -> Vec<&crate::sops::tree::Entry> {
    items.iter().filter_map(|item| if let Item::Entry(entry) = item { Some(entry) } else { None }).collect()
}

/// The nodes among some elements.
pub(super) fn nodes(elements: &[Element]) -> Vec<&Node> {
    elements.iter().filter_map(|element| if let Element::Node(node) = element { Some(node) } else { None }).collect()
}
