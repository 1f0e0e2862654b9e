//! Places in a tree that a person names: keys and indices from the top.

use std::ops::Range;

use super::error::FileError;
use crate::sops::formats::{Misplaced, Step};
use crate::sops::tree::{Comment, Document, Element, Item, Node, Tree, Value};

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// The document, from 0. `None` is the only one, or, in a file of several, the first if it has the first key of the path.
    pub document: Option<usize>,
    /// From its top. Comments do not count among the elements of a list.
    pub steps: Vec<Step>,
}

/// Why a place cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// There is nothing.
    #[error("there is nothing at {0}; keys stand in the file in clear, look at their spelling")]
    Absent(String),
    /// The first step has to be a key.
    #[error("a path begins with a key, as in [\"key\"][0]")]
    NoKey,
    /// No such document.
    #[error("the file has {count} documents, there is no number {asked}")]
    NoDocument {
        /// Which one was asked for, from 1.
        asked: usize,
        /// How many there are.
        count: usize,
    },
    /// sops would add the key to the first document.
    #[error("the file has {count} documents and the first has no key {key:?}: say which document is meant")]
    WhichDocument {
        /// How many there are.
        count: usize,
        /// The first key of the path.
        key: String,
    },
    /// An element that would leave a gap.
    #[error("{0} is behind the end of the list; the number after its last element adds one")]
    Beyond(String),
    /// A key of a list, an element of a map, anything of a scalar.
    #[error("{0} is not of the kind that the path needs: keys belong to maps, numbers to lists")]
    WrongKind(String),
    /// Several of equal keys.
    #[error("the key at {0} stands twice; which one is meant cannot be known")]
    Twice(String),
    /// The block is not a value.
    #[error("the key sops at the top is the file's block and cannot be changed as a value")]
    Block,
}

/// Steps of a path, as sops writes them.
pub(super) fn told(steps: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Key(key) => format!("[{key:?}]"),
        Step::Index(index) => format!("[{index}]"),
    };
    steps.iter().map(step).collect()
}

/// What a path leads to.
pub(super) struct Target<'a> {
    /// Which document, from 0.
    pub(super) document: usize,
    /// How many steps lead to something that is there.
    pub(super) depth: usize,
    /// What is there, after so many steps; the document's top after none.
    pub(super) node: Option<&'a Node>,
    /// The places of it, as the walk counts them.
    pub(super) places: Range<usize>,
    /// The path as the format counts, for which comments that sops wrote as elements of a list are elements.
    pub(super) steps: Vec<Step>,
}

impl At {
    /// Follows the path as far as it goes. A step of the wrong kind is an error, one to something that is not there is none.
    ///
    /// In a sealed tree the comments that sops wrote as elements of lists look like values, so the path is one as the format counts.
    pub(super) fn find<'a>(&self, tree: &'a Tree) -> Result<Target<'a>, PathFault> {
        let Some(Step::Key(first)) = self.steps.first() else { return Err(PathFault::NoKey) };
        if first == "sops" {
            return Err(PathFault::Block);
        }
        let number = self.document(tree, first)?;
        let before: usize = tree.documents.iter().take(number).map(|document| count_items(&document.root)).sum();
        let root = tree.documents.get(number).map(|document| document.root.as_slice()).unwrap_or_default();
        let places = before..before + count_items(root);
        let mut target = Target { document: number, depth: 0, node: None, places, steps: self.steps.clone() };
        for (depth, step) in self.steps.iter().enumerate() {
            let found = match (step, target.node) {
                (Step::Key(key), None) => entry(root, key).map_err(|Twice| PathFault::Twice(self.told(depth + 1)))?,
                (Step::Key(key), Some(Node::Map(items))) => {
                    entry(items, key).map_err(|Twice| PathFault::Twice(self.told(depth + 1)))?
                }
                (Step::Index(index), Some(Node::List(elements))) => {
                    let (found, counted) = element(elements, *index);
                    if let Some(step) = target.steps.get_mut(depth) {
                        *step = Step::Index(counted.ok_or_else(|| PathFault::Beyond(self.told(depth + 1)))?);
                    }
                    found
                }
                // Nothing gives room to a map or list.
                (_, Some(Node::Leaf(leaf))) if matches!(leaf.value, Value::Null) => None,
                _ => return Err(PathFault::WrongKind(self.told(depth))),
            };
            let Some((node, skipped)) = found else { break };
            target.depth += 1;
            target.node = Some(node);
            let start = target.places.start + skipped;
            target.places = start..start + count(node);
        }
        Ok(target)
    }

    fn document(&self, tree: &Tree, first: &str) -> Result<usize, PathFault> {
        let count = tree.documents.len();
        let has_first = |document: &Document| !matches!(entry(&document.root, first), Ok(None));
        match self.document {
            Some(number) if number < count => Ok(number),
            Some(number) => Err(PathFault::NoDocument { asked: number.saturating_add(1), count }),
            None if count < 2 || tree.documents.first().is_some_and(has_first) => Ok(0),
            None => Err(PathFault::WhichDocument { count, key: first.to_owned() }),
        }
    }

    /// Why the format cannot change this place.
    pub(super) fn fault(&self, problem: Misplaced) -> FileError {
        FileError::Path(match problem {
            Misplaced::Absent => PathFault::Absent(self.told(self.steps.len())),
            Misplaced::Unfit { step } => PathFault::WrongKind(self.told(step.saturating_sub(1))),
            Misplaced::Beyond { step } => PathFault::Beyond(self.told(step)),
            Misplaced::NoDocument => PathFault::NoDocument { asked: self.document.unwrap_or(0) + 1, count: 0 },
            Misplaced::Unwritable(problem) => return problem.into(),
        })
    }

    /// The first steps.
    pub(super) fn told(&self, depth: usize) -> String {
        told(self.steps.get(..depth).unwrap_or(&self.steps))
    }
}

/// Two equal keys, which JSON alone has.
struct Twice;

/// The entry of that key, and how many places stand before it.
fn entry<'a>(items: &'a [Item], key: &str) -> Result<Option<(&'a Node, usize)>, Twice> {
    let mut found = None;
    let mut before = 0;
    for item in items {
        match item {
            Item::Comment(_) => before += 1,
            Item::Entry(entry) => {
                if entry.key == key && found.replace((&entry.node, before)).is_some() {
                    return Err(Twice);
                }
                before += count(&entry.node);
            }
        }
    }
    Ok(found)
}

/// The element of that index with how many places stand before it, and its index as the format counts: `None` for one that would
/// leave a gap.
fn element(elements: &[Element], index: usize) -> (Option<(&Node, usize)>, Option<usize>) {
    let (mut before, mut number, mut counted) = (0, 0, 0);
    for element in elements {
        match element {
            Element::Comment(_) => before += 1,
            Element::Node(node) if is_comment(node) => {
                before += 1;
                counted += 1;
            }
            Element::Node(node) => {
                if number == index {
                    return (Some((node, before)), Some(counted));
                }
                number += 1;
                counted += 1;
                before += count(node);
            }
        }
    }
    (None, (number == index).then_some(counted))
}

/// sops writes comments of lists as elements.
fn is_comment(node: &Node) -> bool {
    matches!(node, Node::Leaf(leaf) if matches!(leaf.value, Value::Comment(_)))
}

fn count_items(items: &[Item]) -> usize {
    items
        .iter()
        .map(|item| match item {
            Item::Comment(Comment { .. }) => 1,
            Item::Entry(entry) => count(&entry.node),
        })
        .sum()
}

/// How many places a node has.
fn count(node: &Node) -> usize {
    let mut all = 0;
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        match node {
            Node::Leaf(_) => all += 1,
            Node::Map(items) => {
                for item in items {
                    match item {
                        Item::Comment(_) => all += 1,
                        Item::Entry(entry) => open.push(&entry.node),
                    }
                }
            }
            Node::List(elements) => {
                for element in elements {
                    match element {
                        Element::Comment(_) => all += 1,
                        Element::Node(node) => open.push(node),
                    }
                }
            }
        }
    }
    all
}
