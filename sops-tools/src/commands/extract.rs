//! One value of a file, given out by itself.

use zeroize::Zeroizing;

use super::failure::file_failure;
use super::open::Opened;
use crate::report::{Failure, SopsExit};
use crate::sops::file::{FileError, Step};
use crate::sops::formats;
use crate::sops::tree::{Element, Item, Node, Value};

/// What belongs to `path`: text as it is, anything else in the format of the output. Only the first document is looked at, as in
/// sops.
///
/// # Errors
/// Class `absent`: there is no such key or element.
pub(crate) fn extract(opened: &Opened, path: &[Step]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let documents = &opened.file.tree().documents;
    let shown = opened.input.place.shown();
    let absent = |depth: usize| {
        let failure =
            Failure::sops(SopsExit::Generic, "absent", format!("{shown}: there is nothing at {}", told(path, depth)));
        if documents.len() > 1 {
            return failure.hint("only the first document of a file is looked at");
        }
        failure.hint("the keys stand in the file in clear: look at their spelling")
    };
    let root = documents.first().map(|document| document.root.as_slice()).unwrap_or_default();
    let node = descend(root, path).map_err(absent)?;
    match node {
        Node::Leaf(leaf) => match &leaf.value {
            Value::Str(text) => Ok(text.clone()),
            Value::Float(number) => {
                emit(opened, &whole(*number).map_or_else(|| Node::leaf(Value::Float(*number)), Node::leaf))
            }
            _ => emit(opened, node),
        },
        _ => emit(opened, node),
    }
}

fn emit(opened: &Opened, node: &Node) -> Result<Zeroizing<Vec<u8>>, Failure> {
    formats::emit_node(opened.output, node)
        .map_err(|error| file_failure(&opened.input.place.shown(), FileError::Unwritable(error)))
}

/// A float without a fraction, as scripts know it from sops: 7, not 7.0.
fn whole(number: f64) -> Option<Value> {
    let digits = (number.fract() == 0.0).then(|| number.to_string())?;
    digits.parse().ok().map(Value::Int)
}

/// The node at a path, or how far it goes.
fn descend<'a>(root: &'a [Item], path: &[Step]) -> Result<&'a Node, usize> {
    let (first, rest) = path.split_first().ok_or(0_usize)?;
    let Step::Key(key) = first else { return Err(1) };
    let mut node = entry(root, key).ok_or(1_usize)?;
    for (depth, step) in rest.iter().enumerate() {
        let next = match (step, node) {
            (Step::Key(key), Node::Map(items)) => entry(items, key),
            (Step::Index(index), Node::List(elements)) => element(elements, *index),
            // A key that is a number is written without quotes as well.
            (Step::Index(index), Node::Map(items)) => entry(items, &index.to_string()),
            _ => None,
        };
        node = next.ok_or(depth + 2)?;
    }
    Ok(node)
}

/// Of equal keys, which JSON alone has, the last counts, as in most readers.
fn entry<'a>(items: &'a [Item], key: &str) -> Option<&'a Node> {
    items.iter().rev().find_map(|item| match item {
        Item::Entry(entry) if entry.key == key => Some(&entry.node),
        _ => None,
    })
}

/// Comments between elements, of either form, are no elements.
fn element(elements: &[Element], index: usize) -> Option<&Node> {
    let mut nodes = elements.iter().filter_map(|element| match element {
        Element::Node(node) if !is_comment(node) => Some(node),
        _ => None,
    });
    nodes.nth(index)
}

fn is_comment(node: &Node) -> bool {
    matches!(node, Node::Leaf(leaf) if matches!(leaf.value, Value::Comment(_)))
}

/// The first steps of a path, as sops writes them.
fn told(path: &[Step], depth: usize) -> String {
    let step = |step: &Step| match step {
        Step::Key(key) => format!("[{key:?}]"),
        Step::Index(index) => format!("[{index}]"),
    };
    path.iter().take(depth).map(step).collect()
}
