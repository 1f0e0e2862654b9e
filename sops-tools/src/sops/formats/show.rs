//! Trees as text, for tests to compare.

use std::fmt::Write as _;

use crate::sops::tree::{Element, Item, Node, Tree, Value};

/// A tree on one line for each document, without spans.
pub(super) fn tree(tree: &Tree) -> String {
    let documents = tree.documents.iter().map(|document| {
        let mut out = String::new();
        items(&document.root, &mut out);
        if let Some(block) = &document.block {
            out.push_str(" sops=");
            node(&block.node, &mut out);
        }
        out
    });
    documents.collect::<Vec<_>>().join("\n")
}

/// The same without comments.
pub(super) fn bare(tree: &Tree) -> String {
    let documents = tree.documents.iter().map(|document| {
        let mut out = String::new();
        bare_items(&document.root, &mut out);
        out
    });
    documents.collect::<Vec<_>>().join("\n")
}

fn bare_items(items: &[Item], out: &mut String) {
    out.push('{');
    for item in items {
        if let Item::Entry(entry) = item {
            write!(out, "{:?}=", entry.key).unwrap();
            bare_node(&entry.node, out);
            out.push(' ');
        }
    }
    out.push('}');
}

fn bare_node(one: &Node, out: &mut String) {
    match one {
        Node::Leaf(leaf) => value(&leaf.value, out),
        Node::Map(map) => bare_items(map, out),
        Node::List(elements) => {
            out.push('[');
            for element in elements {
                if let Element::Node(one) = element {
                    bare_node(one, out);
                    out.push(' ');
                }
            }
            out.push(']');
        }
    }
}

fn items(items: &[Item], out: &mut String) {
    out.push('{');
    for item in items {
        match item {
            Item::Comment(comment) => write!(out, "#{:?} ", String::from_utf8_lossy(&comment.text)).unwrap(),
            Item::Entry(entry) => {
                write!(out, "{}=", entry.key).unwrap();
                node(&entry.node, out);
                out.push(' ');
            }
        }
    }
    out.truncate(out.trim_end_matches(' ').len());
    out.push('}');
}

pub(super) fn node(one: &Node, out: &mut String) {
    match one {
        Node::Leaf(leaf) => value(&leaf.value, out),
        Node::Map(map) => items(map, out),
        Node::List(elements) => {
            out.push('[');
            for element in elements {
                match element {
                    Element::Comment(comment) => write!(out, "#{:?} ", String::from_utf8_lossy(&comment.text)).unwrap(),
                    Element::Node(one) => {
                        node(one, out);
                        out.push(' ');
                    }
                }
            }
            out.truncate(out.trim_end_matches(' ').len());
            out.push(']');
        }
    }
}

pub(super) fn value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Str(text) => match std::str::from_utf8(text) {
            Ok(text) => write!(out, "{text:?}").unwrap(),
            Err(_) => write!(out, "bytes{:?}", &**text).unwrap(),
        },
        Value::Int(number) => write!(out, "i{number}").unwrap(),
        Value::Float(number) => write!(out, "f{number:?}").unwrap(),
        Value::Bool(truth) => write!(out, "{truth}").unwrap(),
        Value::Time(text) => write!(out, "t{}", String::from_utf8_lossy(text)).unwrap(),
        Value::Comment(text) => write!(out, "c{:?}", String::from_utf8_lossy(text)).unwrap(),
    }
}
