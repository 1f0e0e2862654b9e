//! Copies of what an anchor names, for each of its aliases.

use zeroize::Zeroizing;

use crate::sops::tree::{Alias, Element, Entry, Item, Leaf, Node, Text, Value};

/// How much aliases may still copy. Without it, ten lines expand to gigabytes.
pub(super) struct Budget {
    nodes: usize,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { nodes: 200_000, bytes: 32 << 20 }
    }
}

impl Budget {
    fn spend(&mut self, bytes: usize) -> Option<()> {
        self.nodes = self.nodes.checked_sub(1)?;
        self.bytes = self.bytes.checked_sub(bytes)?;
        Some(())
    }
}

/// A copy without comments, marked as reached through the alias `name` where there is one; none where the budget is spent or
/// it nests deeper than `depth`.
pub(super) fn copy(node: &Node, name: Option<&str>, depth: usize, budget: &mut Budget) -> Option<Node> {
    let deeper = depth.checked_sub(1);
    Some(match node {
        Node::Leaf(leaf) => Node::Leaf(copy_leaf(leaf, name, budget)?),
        Node::Map(items) => {
            budget.spend(0)?;
            let entries = items.iter().filter_map(|item| match item {
                Item::Entry(entry) => Some(entry),
                Item::Comment(_) => None,
            });
            Node::Map(entries.map(|entry| copy_entry(entry, name, deeper?, budget)).collect::<Option<_>>()?)
        }
        Node::List(elements) => {
            budget.spend(0)?;
            let nodes = elements.iter().filter_map(|element| match element {
                Element::Node(node) => Some(node),
                Element::Comment(_) => None,
            });
            Node::List(
                nodes.map(|node| Some(Element::Node(copy(node, name, deeper?, budget)?))).collect::<Option<_>>()?,
            )
        }
    })
}

fn copy_entry(entry: &Entry, name: Option<&str>, depth: usize, budget: &mut Budget) -> Option<Item> {
    budget.spend(entry.key.len())?;
    let node = copy(&entry.node, name, depth, budget)?;
    Some(Item::Entry(Entry { key: entry.key.clone(), node, at: entry.at.clone() }))
}

fn copy_leaf(leaf: &Leaf, name: Option<&str>, budget: &mut Budget) -> Option<Leaf> {
    let value = match &leaf.value {
        Value::Null => Value::Null,
        Value::Int(number) => Value::Int(*number),
        Value::Float(number) => Value::Float(*number),
        Value::Bool(truth) => Value::Bool(*truth),
        Value::Str(text) => Value::Str(copy_text(text, budget)?),
        Value::Time(text) => Value::Time(copy_text(text, budget)?),
        Value::Comment(text) => Value::Comment(copy_text(text, budget)?),
    };
    budget.spend(0)?;
    let alias = match name {
        Some(name) => Some(Box::new(Alias { name: name.to_owned(), origin: leaf.at.clone() })),
        None => leaf.alias.clone(),
    };
    Some(Leaf { value, at: leaf.at.clone(), indent: leaf.indent, alias })
}

fn copy_text(text: &Text, budget: &mut Budget) -> Option<Text> {
    budget.spend(text.len())?;
    Some(Zeroizing::new(text.to_vec()))
}
