//! What a file says: ordered items with the places they were read from.
//!
//! A tree is made by a format and read by everything else. Values and comments keep the span of bytes that spells them, so
//! that a change rewrites those bytes and no others.

use std::ops::Range;

use zeroize::Zeroizing;

/// Bytes of the source, from the start of the file.
pub type Span = Range<usize>;

/// A whole file, without its `sops` block.
#[derive(Default)]
pub struct Tree {
    /// The documents, in order; all formats but YAML have exactly one.
    pub documents: Vec<Document>,
    /// Oddities that are read as sops reads them and that a user should hear of.
    pub notes: Vec<Note>,
}

/// Something odd that is no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The line, from 1.
    pub line: usize,
    /// What is odd, without any text of the file.
    pub text: &'static str,
}

/// One document: a map, as every format demands at its top.
#[derive(Default)]
pub struct Document {
    /// What stands at the top level.
    pub root: Vec<Item>,
    /// The document's own `sops` block, as it was read.
    pub block: Option<Block>,
    /// Where a block that is not there yet is written: the end of the content, or the closing brace of a document in braces.
    pub end: usize,
    /// The column of the map at the top, from 0, as the reader of YAML tells it: that of `?` where the first key begins with one.
    pub column: usize,
}

/// The metadata of a document, in the shape of nested maps and lists whatever the format (dotenv and INI flatten it).
pub struct Block {
    /// What it says.
    pub node: Node,
    /// Where it stands: from the first byte of its key to the end of its last line, the line's end included.
    pub at: Span,
}

/// What stands in a map.
pub enum Item {
    /// A comment on a line of its own, or at the end of one.
    Comment(Comment),
    /// A key with what belongs to it.
    Entry(Entry),
}

/// A key with what belongs to it.
pub struct Entry {
    /// The key, unescaped. Formats refuse keys that are not UTF-8 strings, and equal keys in one map (JSON and dotenv
    /// keep them, with a note, as sops does; INI keeps equal sections).
    pub key: String,
    /// The value.
    pub node: Node,
    /// From the key's first byte to the value's last.
    pub at: Span,
}

/// What belongs to a key or stands in a list.
pub enum Node {
    /// A scalar.
    Leaf(Leaf),
    /// A map; `{}` where it is empty.
    Map(Vec<Item>),
    /// A list; `[]` where it is empty.
    List(Vec<Element>),
}

/// What stands in a list.
pub enum Element {
    /// A comment between elements.
    Comment(Comment),
    /// An element.
    Node(Node),
}

/// A scalar and where it stands.
pub struct Leaf {
    /// What it says.
    pub value: Value,
    /// The bytes that spell it, quotes, tags, and a block scalar's header included. Empty at the place where one would be written
    /// for a null that is spelled by nothing.
    pub at: Span,
    /// How far the map or list that holds it is indented, in columns; none inside braces and brackets and in formats without
    /// indentation. Only the format itself needs it.
    pub indent: Option<u16>,
    /// Set where the value is reached through an alias (`*name`). Only the format itself needs it: it refuses to change bytes that
    /// also stand for another path.
    pub alias: Option<Box<Alias>>,
}

/// What a value reached through an alias comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The name of the anchor.
    pub name: String,
    /// Where the value is spelled. The leaf's own span is that of the alias where the alias stands for this one scalar, and this
    /// same span where it stands for a map or list around it.
    pub origin: Span,
}

/// A comment and where it stands.
pub struct Comment {
    /// The text after the comment sign, a leading space included.
    pub text: Text,
    /// The bytes from the comment sign to the end of the text, without the line's end. In INI, where one comment has as many
    /// lines as stand in a row, from behind the first sign and its blanks.
    pub at: Span,
}

impl Value {
    /// Whether both are of one type and say the same. Takes as long as the first difference is away: not for guessing secrets.
    pub fn same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Str(one), Self::Str(other))
            | (Self::Time(one), Self::Time(other))
            | (Self::Comment(one), Self::Comment(other)) => one == other,
            (Self::Int(one), Self::Int(other)) => one == other,
            (Self::Float(one), Self::Float(other)) => one.to_bits() == other.to_bits(),
            (Self::Bool(one), Self::Bool(other)) => one == other,
            _ => false,
        }
    }
}

impl Node {
    /// A scalar that was read nowhere.
    pub fn leaf(value: Value) -> Self {
        Self::Leaf(Leaf { value, at: 0..0, indent: None, alias: None })
    }

    /// Text that was read nowhere.
    pub fn text(text: &str) -> Self {
        Self::leaf(Value::Str(Zeroizing::new(text.as_bytes().to_vec())))
    }
}

impl Item {
    /// A key with its value, read nowhere.
    pub fn entry(key: impl Into<String>, node: Node) -> Self {
        Self::Entry(Entry { key: key.into(), node, at: 0..0 })
    }
}

/// Bytes that are wiped. Most are secrets; all are treated so.
pub type Text = Zeroizing<Vec<u8>>;

/// A scalar as the format reads it: what goes into the MAC and what is encrypted.
///
/// No `Debug`, no `Clone`: it holds secrets.
pub enum Value {
    /// Nothing; in no hash, never encrypted.
    Null,
    /// Text, nearly always UTF-8.
    Str(Text),
    /// A whole number.
    Int(i64),
    /// Any other number, infinities and NaN included.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// A point in time, in the spelling that goes into the MAC: RFC 3339 with as many digits of the second as needed.
    Time(Text),
    /// A comment that stands where a value is expected: sops writes comments of lists this way.
    Comment(Text),
}
