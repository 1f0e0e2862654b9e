//! JSON from nothing, as Go writes it.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use crate::sops::formats::splice::entries;
use crate::sops::formats::{MAX_DEPTH, Unwritable};
use crate::sops::tree::{Document, Element, Node, Text, Value};

/// How maps and lists are spread over lines.
pub(in super::super) struct Layout {
    /// The end of lines; none for everything in one line.
    newline: Option<&'static str>,
    /// The indentation of one level.
    unit: Vec<u8>,
    /// What every line is indented by besides.
    base: Vec<u8>,
}

impl Layout {
    /// As sops has it.
    pub(in super::super) fn sops() -> Self {
        Self::lines(b"\t", "\n")
    }

    pub(super) fn lines(unit: &[u8], newline: &'static str) -> Self {
        Self { newline: Some(newline), unit: unit.to_vec(), base: Vec::new() }
    }

    pub(super) fn one_line() -> Self {
        Self { newline: None, unit: Vec::new(), base: Vec::new() }
    }

    /// The same for something that is indented already.
    pub(super) fn within(self, base: &[u8]) -> Self {
        Self { base: base.to_vec(), ..self }
    }

    /// Whether everything comes in one line.
    pub(super) fn is_one_line(&self) -> bool {
        self.newline.is_none()
    }

    /// What comes before something at this depth.
    pub(super) fn line(&self, depth: usize) -> Vec<u8> {
        match self.newline {
            Some(newline) => [newline.as_bytes(), &self.base, &self.unit.repeat(depth)].concat(),
            None if depth == 0 => Vec::new(),
            None => b" ".to_vec(),
        }
    }

    /// What comes before the first element, and before the closing sign.
    fn edge(&self, depth: usize) -> Vec<u8> {
        if self.newline.is_some() { self.line(depth) } else { Vec::new() }
    }
}

pub(super) fn document(document: &Document, block: Option<&Node>) -> Result<Text, Unwritable> {
    let mut writer = Writer { out: Text::default(), layout: &Layout::sops() };
    let root: Vec<_> = entries(&document.root).into_iter().map(|entry| (entry.key.as_str(), &entry.node)).collect();
    let block = block.map(|block| ("sops", block));
    writer.map(root.into_iter().chain(block), 0)?;
    writer.bytes(b"\n");
    Ok(writer.out)
}

/// One node, without a line's end.
pub(super) fn node(node: &Node) -> Result<Text, Unwritable> {
    let mut writer = Writer { out: Text::default(), layout: &Layout::sops() };
    writer.node(node, 0)?;
    Ok(writer.out)
}

/// `"key": value` at the top level of an object.
pub(super) fn entry(key: &str, node: &Node, layout: &Layout) -> Result<Text, Unwritable> {
    entry_at(key, node, layout, 1)
}

/// `"key": value` at some depth.
pub(super) fn entry_at(key: &str, node: &Node, layout: &Layout, depth: usize) -> Result<Text, Unwritable> {
    let mut writer = Writer { out: Text::default(), layout };
    writer.entry(key, node, depth)?;
    Ok(writer.out)
}

/// A node at some depth.
pub(super) fn node_at(node: &Node, layout: &Layout, depth: usize) -> Result<Text, Unwritable> {
    let mut writer = Writer { out: Text::default(), layout };
    writer.node(node, depth)?;
    Ok(writer.out)
}

pub(super) fn value(value: &Value) -> Result<Text, Unwritable> {
    let plain = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => float(*number)?,
        Value::Str(text) | Value::Time(text) => return string(text),
        Value::Comment(_) => return Err(Unwritable::new("a comment; JSON has none")),
    };
    Ok(Zeroizing::new(plain.into_bytes()))
}

/// As sops spells it: a float without a fraction as a whole number. Every number of a file by sops 3.11 is a float, and who reads
/// a port does not expect 5432.0. A negative zero stays one: -0 is read as 0.
fn float(number: f64) -> Result<String, Unwritable> {
    if !number.is_finite() {
        return Err(Unwritable::new("an infinity or NaN; JSON has no such number"));
    }
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{number:e}");
        return Ok(match text.split_once('e') {
            Some((digits, power)) if !power.starts_with('-') => format!("{digits}e+{power}"),
            _ => text,
        });
    }
    Ok(if magnitude == 0.0 && number.is_sign_negative() { "-0.0".to_owned() } else { number.to_string() })
}

/// A string in double quotes, with the escapes that Go writes.
pub(in super::super) fn string(bytes: &[u8]) -> Result<Text, Unwritable> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| Unwritable::new("text that is not UTF-8; JSON has no such strings"))?;
    let length: usize = text.chars().map(spelled_length).sum();
    let mut out = Zeroizing::new(String::with_capacity(length + 2));
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            _ if is_escaped(letter) => {
                // Writing into a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
    Ok(Zeroizing::new(std::mem::take(&mut *out).into_bytes()))
}

fn is_escaped(letter: char) -> bool {
    matches!(letter, '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}

fn spelled_length(letter: char) -> usize {
    match letter {
        '"' | '\\' => 2,
        _ if is_escaped(letter) => 6,
        _ => letter.len_utf8(),
    }
}

struct Writer<'l> {
    out: Text,
    layout: &'l Layout,
}

impl Writer<'_> {
    /// Grows by hand, so that no copy of a secret is left behind unwiped.
    fn bytes(&mut self, bytes: &[u8]) {
        if self.out.capacity() - self.out.len() < bytes.len() {
            let mut larger = Zeroizing::new(Vec::with_capacity((self.out.len() + bytes.len()) * 2));
            larger.extend_from_slice(&self.out);
            self.out = larger;
        }
        self.out.extend_from_slice(bytes);
    }

    fn node(&mut self, node: &Node, depth: usize) -> Result<(), Unwritable> {
        if depth > MAX_DEPTH {
            return Err(Unwritable::new("nested deeper than 64 levels"));
        }
        match node {
            Node::Leaf(leaf) => {
                let spelled = value(&leaf.value)?;
                self.bytes(&spelled);
                Ok(())
            }
            Node::Map(items) => {
                self.map(entries(items).into_iter().map(|entry| (entry.key.as_str(), &entry.node)), depth)
            }
            Node::List(elements) => self.list(elements, depth),
        }
    }

    fn map<'n>(&mut self, entries: impl Iterator<Item = (&'n str, &'n Node)>, depth: usize) -> Result<(), Unwritable> {
        self.bytes(b"{");
        let mut empty = true;
        for (key, node) in entries {
            self.before(empty, depth + 1);
            empty = false;
            self.entry(key, node, depth + 1)?;
        }
        if !empty {
            self.bytes(&self.layout.edge(depth));
        }
        self.bytes(b"}");
        Ok(())
    }

    fn before(&mut self, first: bool, depth: usize) {
        if first {
            self.bytes(&self.layout.edge(depth));
        } else {
            self.bytes(b",");
            self.bytes(&self.layout.line(depth));
        }
    }

    fn entry(&mut self, key: &str, node: &Node, depth: usize) -> Result<(), Unwritable> {
        let key = string(key.as_bytes())?;
        self.bytes(&key);
        self.bytes(b": ");
        self.node(node, depth)
    }

    /// Comments are left out: JSON has none, and sops leaves them out too.
    fn list(&mut self, elements: &[Element], depth: usize) -> Result<(), Unwritable> {
        self.bytes(b"[");
        let mut empty = true;
        for element in elements {
            let Element::Node(node) = element else { continue };
            if matches!(node, Node::Leaf(leaf) if matches!(leaf.value, Value::Comment(_))) {
                continue;
            }
            self.before(empty, depth + 1);
            empty = false;
            self.node(node, depth + 1)?;
        }
        if !empty {
            self.bytes(&self.layout.edge(depth));
        }
        self.bytes(b"]");
        Ok(())
    }
}
