//! Keys and elements that come or go.

use super::conceal::{Reuse, Sealing, at_of, value_of};
use super::error::FileError;
use super::open::OpenFile;
use super::path::{At, PathFault, Target};
use super::print::{Scope, print};
use super::reveal::reveal;
use super::write::Draft;
use crate::clock::{Entropy, Timestamp};
use crate::sops::cipher::Cipher;
use crate::sops::formats::{self, Changes, New, Step};
use crate::sops::metadata::copy_node;
use crate::sops::tree::{Element, Item, Node, Span, Text, Tree, Value};
use crate::sops::walk::walk;

impl OpenFile {
    /// Puts a value at a place, or takes away what is there: `None`. The sealed file changes there and in its block, nowhere else.
    pub(super) fn restructure(
        &self,
        at: &At,
        target: &Target<'_>,
        value: Option<&Node>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, FileError> {
        let (format, rule) = (self.format(), self.rule());
        let read = |bytes: &[u8]| formats::parse(format, bytes).map_err(FileError::MalformedSealed);
        // Read anew: what the format is given must not hold a secret that it could write.
        let sealed_tree = read(self.source())?;
        let changed: Text = match value {
            Some(value) => formats::set(format, self.source(), &sealed_tree, target.document, &target.steps, value),
            None => formats::unset(format, self.source(), &sealed_tree, target.document, &target.steps),
        }
        .map_err(|problem| at.fault(problem))?;
        let tree = read(&changed)?;
        let cipher = Cipher::new(&self.key);
        let spellings = if value.is_some() { self.seal_new(target, &tree, &cipher, entropy)? } else { Vec::new() };
        let block = self.metadata().to_node();
        let sealed = formats::rewrite(format, &changed, &tree, &Changes { spellings, block: Some(&block) })?;
        let mut tree = read(&sealed)?;
        let revealed =
            reveal(&tree, rule, self.metadata().mac_scope, &cipher).map_err(|fault| fault.in_source(&sealed))?;
        let (_, mac) = revealed.fill(&mut tree);
        if print(&tree, &Scope::Values) != print(&self.edited(at, target.document, value)?, &Scope::Values) {
            return Err(FileError::NotAsMeant("other values would have changed as well".to_owned()));
        }
        let mut metadata = self.metadata().copy();
        metadata.stamp(&mac, &cipher, now, entropy);
        let draft = Draft { format, source: &sealed, tree: &tree, spellings: Vec::new(), metadata: &metadata };
        draft.write(&self.key, &print(&tree, &Scope::Everything), &Scope::Everything)
    }

    /// Seals what was put into a sealed file in clear and falls under encryption there.
    fn seal_new(
        &self,
        target: &Target<'_>,
        tree: &Tree,
        cipher: &Cipher,
        entropy: &dyn Entropy,
    ) -> Result<Vec<(Span, New)>, FileError> {
        let reuse = Reuse::of(self.tree(), self.rule(), &self.spots);
        let scope = self.metadata().mac_scope;
        let sealing = Sealing { rule: self.rule(), scope, cipher, reuse: &reuse, entropy };
        // In a sealed tree such comments look like values, so the path is as the format counts.
        let new = At { document: Some(target.document), steps: target.steps.clone() };
        let places = new.find(tree)?.places;
        let mut spellings = Vec::new();
        walk(tree, self.rule(), |place| {
            if places.contains(&place.index)
                && place.is_encrypted
                && let Some(text) = sealing.seal(&value_of(place), place)
            {
                spellings.push((at_of(place), New::Cipher(text)));
            }
            Ok::<(), FileError>(())
        })?;
        Ok(spellings)
    }

    /// The decrypted tree as it should be afterwards.
    fn edited(&self, at: &At, document: usize, value: Option<&Node>) -> Result<Tree, FileError> {
        let mut tree = formats::parse(self.format(), &self.to_plain()?).map_err(FileError::MalformedPlain)?;
        edit(&mut tree, document, &at.steps, value).ok_or_else(|| PathFault::WrongKind(at.told(at.steps.len())))?;
        Ok(tree)
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
        if child(node, step).is_none_or(|child| is_nothing(child)) {
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

fn is_nothing(node: &Node) -> bool {
    matches!(node, Node::Leaf(leaf) if matches!(leaf.value, Value::Null))
}
