//! Keys and elements that come or go.

use super::error::FileError;
use super::open::OpenFile;
use super::path::{At, PathFault, Step};
use super::print::{Scope, print};
use crate::clock::{Entropy, Timestamp};
use crate::sops::formats;
use crate::sops::metadata::copy_node;
use crate::sops::tree::{Element, Item, Node, Tree, Value};

impl OpenFile {
    /// Puts a value at a place, or takes away what is there: `None`.
    ///
    /// The file is laid out anew, as sops does for every change; values that did not change keep their sealed form.
    pub(super) fn restructure(
        &self,
        at: &At,
        document: usize,
        value: Option<&Node>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, FileError> {
        let plain = self.to_plain()?;
        let mut tree = formats::parse(self.format(), &plain).map_err(FileError::MalformedPlain)?;
        edit(&mut tree, document, &at.steps, value).ok_or_else(|| PathFault::WrongKind(at.told(at.steps.len())))?;
        let laid_out = formats::emit(self.format(), &tree, None)?;
        let read_again = formats::parse(self.format(), &laid_out).map_err(FileError::MalformedPlain)?;
        if print(&tree, &Scope::Values) != print(&read_again, &Scope::Values) {
            return Err(FileError::NotAsMeant("the values differ from those that went in".to_owned()));
        }
        self.reseal(&laid_out, now, entropy)
    }
}

/// Puts a value at the end of a path, or takes away what is there; `None` where the path does not fit.
fn edit(tree: &mut Tree, document: usize, steps: &[Step], value: Option<&Node>) -> Option<()> {
    let root = &mut tree.documents.get_mut(document)?.root;
    let mut top = Node::Map(std::mem::take(root));
    let done = edit_below(&mut top, steps, value);
    if let Node::Map(items) = top {
        *root = items;
    }
    done
}

fn edit_below(top: &mut Node, steps: &[Step], value: Option<&Node>) -> Option<()> {
    let (mut node, mut rest) = (top, steps);
    loop {
        let (step, below) = rest.split_first()?;
        if below.is_empty() {
            return match value {
                Some(value) => put(node, step, copy_node(value)),
                None => take(node, step),
            };
        }
        if child(node, step).is_none() {
            return put(node, step, nested(below, value?));
        }
        node = child(node, step)?;
        rest = below;
    }
}

/// Maps and lists of one around a value.
fn nested(steps: &[Step], value: &Node) -> Node {
    steps.iter().rev().fold(copy_node(value), |inner, step| match step {
        Step::Key(key) => Node::Map(vec![Item::entry(key, inner)]),
        Step::Index(_) => Node::List(vec![Element::Node(inner)]),
    })
}

fn put(node: &mut Node, step: &Step, value: Node) -> Option<()> {
    if let Some(old) = child(node, step) {
        *old = value;
        return Some(());
    }
    match (step, node) {
        (Step::Key(key), Node::Map(items)) => items.push(Item::entry(key, value)),
        (Step::Index(_), Node::List(elements)) => elements.push(Element::Node(value)),
        _ => return None,
    }
    Some(())
}

fn take(node: &mut Node, step: &Step) -> Option<()> {
    match (step, node) {
        (Step::Key(key), Node::Map(items)) => {
            let at = items.iter().position(|item| matches!(item, Item::Entry(entry) if entry.key == *key))?;
            items.remove(at);
        }
        (Step::Index(index), Node::List(elements)) => {
            let at = element(elements, *index)?;
            elements.remove(at);
        }
        _ => return None,
    }
    Some(())
}

fn child<'a>(node: &'a mut Node, step: &Step) -> Option<&'a mut Node> {
    match (step, node) {
        (Step::Key(key), Node::Map(items)) => items.iter_mut().find_map(|item| match item {
            Item::Entry(entry) if entry.key == *key => Some(&mut entry.node),
            _ => None,
        }),
        (Step::Index(index), Node::List(elements)) => {
            let at = element(elements, *index)?;
            match elements.get_mut(at)? {
                Element::Node(node) => Some(node),
                Element::Comment(_) => None,
            }
        }
        _ => None,
    }
}

/// Where the element of that number is; comments do not count.
fn element(elements: &[Element], index: usize) -> Option<usize> {
    let is_value = |element: &Element| match element {
        Element::Node(Node::Leaf(leaf)) => !matches!(leaf.value, Value::Comment(_)),
        Element::Node(_) => true,
        Element::Comment(_) => false,
    };
    elements.iter().enumerate().filter(|(_, element)| is_value(element)).nth(index).map(|(at, _)| at)
}
