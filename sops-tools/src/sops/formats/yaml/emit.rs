//! YAML from nothing, laid out as sops does.

use zeroize::Zeroizing;

use super::spell::{self, BlockPlace, Place};
use crate::sops::formats::{MAX_DEPTH, Unwritable};
use crate::sops::tree::{Element, Item, Node, Text, Tree, Value};

/// Longest key, in its spelling, that a reader looks for in front of a colon.
const LONGEST_KEY: usize = 1024;

/// Columns for each level, as sops has it.
pub(super) const INDENT: usize = 4;

pub(super) fn emit(tree: &Tree, block: Option<&Node>) -> Result<Text, Unwritable> {
    let mut emitter = Emitter::new("\n", INDENT);
    for (index, document) in tree.documents.iter().enumerate() {
        if index > 0 {
            emitter.raw("---\n");
        }
        emitter.items(&document.root, 0, 0)?;
        if let Some(block) = block {
            emitter.entry("sops", block, 0, 0)?;
        } else if !document.root.iter().any(|item| matches!(item, Item::Entry(_))) {
            emitter.raw("{}\n");
        }
    }
    Ok(emitter.out)
}

/// One node at the first column.
pub(super) fn node(node: &Node) -> Result<Text, Unwritable> {
    let mut emitter = Emitter::new("\n", INDENT);
    match node {
        Node::Leaf(leaf) => emitter.spelled(&leaf.value, 0, INDENT)?,
        Node::Map(items) if has_entries(items) => emitter.items(items, 0, 0)?,
        Node::List(elements) if has_nodes(elements) => emitter.elements(elements, 0, 0)?,
        Node::Map(_) => emitter.raw("{}\n"),
        Node::List(_) => emitter.raw("[]\n"),
    }
    Ok(emitter.out)
}

/// The column of what belongs to a key: the next multiple of the step, as sops has it.
pub(super) fn next_column(column: usize, step: usize) -> usize {
    (column / step + 1) * step
}

/// Writes nodes line by line.
pub(super) struct Emitter {
    pub(super) out: Text,
    newline: &'static str,
    step: usize,
    /// Whether text may be written as blocks.
    pub(super) blocks: bool,
}

impl Emitter {
    pub(super) fn new(newline: &'static str, step: usize) -> Self {
        Self { out: Zeroizing::new(Vec::new()), newline, step: step.max(2), blocks: true }
    }

    fn raw(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Grows by hand, so that no copy of a secret is left behind unwiped.
    fn bytes(&mut self, bytes: &[u8]) {
        if self.out.capacity() - self.out.len() < bytes.len() {
            let mut larger = Zeroizing::new(Vec::with_capacity((self.out.len() + bytes.len()) * 2));
            larger.extend_from_slice(&self.out);
            self.out = larger;
        }
        self.out.extend_from_slice(bytes);
    }

    fn indent(&mut self, column: usize) {
        self.raw(&" ".repeat(column));
    }

    fn line_end(&mut self) {
        self.raw(self.newline);
    }

    pub(super) fn items(&mut self, items: &[Item], column: usize, depth: usize) -> Result<(), Unwritable> {
        for item in items {
            match item {
                Item::Comment(comment) => self.comment(&comment.text, column)?,
                Item::Entry(entry) => {
                    self.indent(column);
                    self.entry(&entry.key, &entry.node, column, depth)?;
                }
            }
        }
        Ok(())
    }

    /// A key and its value; the key's column has been reached.
    pub(super) fn entry(&mut self, key: &str, node: &Node, column: usize, depth: usize) -> Result<(), Unwritable> {
        let key = spell::key(key, !matches!(node, Node::Leaf(_)));
        if key.len() > LONGEST_KEY {
            return Err(Unwritable::new("a key longer than YAML reads in front of its colon"));
        }
        self.raw(&key);
        self.raw(":");
        self.value(node, column, depth)
    }

    /// What stands behind the colon of a key in this column.
    pub(super) fn value(&mut self, node: &Node, column: usize, depth: usize) -> Result<(), Unwritable> {
        match node {
            Node::Leaf(leaf) => {
                self.raw(" ");
                self.leaf(&leaf.value, column)?;
            }
            Node::Map(items) if has_entries(items) => {
                self.line_end();
                self.items(items, next_column(column, self.step), deeper(depth)?)?;
            }
            Node::List(elements) if has_nodes(elements) => {
                self.line_end();
                self.elements(elements, next_column(column, self.step), deeper(depth)?)?;
            }
            Node::Map(items) => {
                self.raw(" {}");
                self.line_end();
                self.comments_of_items(items, next_column(column, self.step))?;
            }
            Node::List(elements) => {
                self.raw(" []");
                self.line_end();
                self.comments_of_elements(elements, next_column(column, self.step))?;
            }
        }
        Ok(())
    }

    fn comments_of_items(&mut self, items: &[Item], column: usize) -> Result<(), Unwritable> {
        items.iter().try_for_each(|item| match item {
            Item::Comment(comment) => self.comment(&comment.text, column),
            Item::Entry(_) => Ok(()),
        })
    }

    fn comments_of_elements(&mut self, elements: &[Element], column: usize) -> Result<(), Unwritable> {
        elements.iter().try_for_each(|element| match element_comment(element) {
            Some(text) => self.comment(text, column),
            None => Ok(()),
        })
    }

    pub(super) fn elements(&mut self, elements: &[Element], column: usize, depth: usize) -> Result<(), Unwritable> {
        for element in elements {
            if let Some(text) = element_comment(element) {
                self.comment(text, column)?;
            } else if let Element::Node(node) = element {
                self.indent(column);
                self.element(node, column, depth)?;
            }
        }
        Ok(())
    }

    /// A dash and what it holds; the dash's column has been reached.
    pub(super) fn element(&mut self, node: &Node, column: usize, depth: usize) -> Result<(), Unwritable> {
        self.raw("-");
        let inner = column + 2;
        match node {
            Node::Leaf(leaf) => {
                self.raw(" ");
                self.spelled(&leaf.value, inner, 2)
            }
            Node::Map(items) if has_entries(items) => {
                if let Some((Item::Entry(first), rest)) = items.split_first() {
                    self.raw(" ");
                    let depth = deeper(depth)?;
                    self.entry(&first.key, &first.node, inner, depth)?;
                    self.items(rest, inner, depth)
                } else {
                    self.line_end();
                    self.items(items, inner, deeper(depth)?)
                }
            }
            Node::List(elements) if has_nodes(elements) => match elements.split_first() {
                Some((Element::Node(first), rest)) if !matches!(first, Node::Leaf(leaf) if is_comment(&leaf.value)) => {
                    self.raw(" ");
                    let depth = deeper(depth)?;
                    self.element(first, inner, depth)?;
                    self.elements(rest, inner, depth)
                }
                _ => {
                    self.line_end();
                    self.elements(elements, inner, deeper(depth)?)
                }
            },
            Node::Map(_) => {
                self.raw(" {}");
                self.line_end();
                Ok(())
            }
            Node::List(_) => {
                self.raw(" []");
                self.line_end();
                Ok(())
            }
        }
    }

    fn leaf(&mut self, value: &Value, column: usize) -> Result<(), Unwritable> {
        let inner = next_column(column, self.step);
        self.spelled(value, inner, inner - column)
    }

    fn spelled(&mut self, value: &Value, column: usize, deeper: usize) -> Result<(), Unwritable> {
        let block = self.blocks.then_some(BlockPlace { column, deeper, keep: true });
        let spelled = spell::value(value, Place { block, flow: false, newline: self.newline })?;
        self.bytes(&spelled);
        self.line_end();
        Ok(())
    }

    fn comment(&mut self, text: &[u8], column: usize) -> Result<(), Unwritable> {
        for line in text.split(|byte| *byte == b'\n') {
            check_comment(line)?;
            self.indent(column);
            self.raw("#");
            self.bytes(line);
            self.line_end();
        }
        Ok(())
    }
}

/// A line of a comment must not be read as more than one.
pub(super) fn check_comment(line: &[u8]) -> Result<(), Unwritable> {
    let text = std::str::from_utf8(line).map_err(|_| Unwritable::new("a comment that is not UTF-8"))?;
    let odd = |letter: char| {
        (letter.is_control() && letter != '\t') || matches!(letter, '\u{feff}' | '\u{2028}' | '\u{2029}')
    };
    if text.contains(odd) { Err(Unwritable::new("a comment with control characters")) } else { Ok(()) }
}

fn deeper(depth: usize) -> Result<usize, Unwritable> {
    if depth + 1 < MAX_DEPTH { Ok(depth + 1) } else { Err(Unwritable::new("nested deeper than 64 levels")) }
}

fn has_entries(items: &[Item]) -> bool {
    items.iter().any(|item| matches!(item, Item::Entry(_)))
}

fn has_nodes(elements: &[Element]) -> bool {
    elements.iter().any(|element| element_comment(element).is_none())
}

fn is_comment(value: &Value) -> bool {
    matches!(value, Value::Comment(_))
}

/// The text of a comment, also of one that stood where an element does.
fn element_comment(element: &Element) -> Option<&Text> {
    match element {
        Element::Comment(comment) => Some(&comment.text),
        Element::Node(Node::Leaf(leaf)) => match &leaf.value {
            Value::Comment(text) => Some(text),
            _ => None,
        },
        Element::Node(_) => None,
    }
}
