//! The way back: values into a tree.

use crate::sops::tree::{Element, Item, Node, Tree, Value};
use crate::sops::value::spelling;

/// Puts values into a tree, in the order of [`walk`](super::walk()): `next` is asked at every place and gives what stands there from now on, or nothing.
pub fn fill(tree: &mut Tree, mut next: impl FnMut() -> Option<Value>) {
    enum Open<'a> {
        Map(std::slice::IterMut<'a, Item>),
        List(std::slice::IterMut<'a, Element>),
    }
    for document in &mut tree.documents {
        let mut open = vec![Open::Map(document.root.iter_mut())];
        while let Some(level) = open.last_mut() {
            let node = match level {
                Open::Map(items) => items.next().map(|item| match item {
                    Item::Comment(comment) => Err(comment),
                    Item::Entry(entry) => Ok(&mut entry.node),
                }),
                Open::List(elements) => elements.next().map(|element| match element {
                    Element::Comment(comment) => Err(comment),
                    Element::Node(node) => Ok(node),
                }),
            };
            match node {
                None => {
                    open.pop();
                }
                Some(Ok(Node::Map(items))) => open.push(Open::Map(items.iter_mut())),
                Some(Ok(Node::List(elements))) => open.push(Open::List(elements.iter_mut())),
                Some(Ok(Node::Leaf(leaf))) => {
                    if let Some(value) = next() {
                        leaf.value = value;
                    }
                }
                Some(Err(comment)) => {
                    if let Some(value) = next() {
                        comment.text = spelling(&value);
                    }
                }
            }
        }
    }
}
