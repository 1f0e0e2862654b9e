//! Events to a tree.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::alias::{Budget, copy};
use super::events::{Events, Kind, Mark, Scalar, Style, What};
use crate::sops::formats::{Fault, MAX_DEPTH, Malformed};
use crate::sops::tree::{Comment, Document, Element, Entry, Item, Leaf, Node, Span, Tree, Value};

mod comments;
mod meaning;

use meaning::{block, fault, key_fault, key_text, too_far, value};

/// Reads all documents of a text.
pub(super) fn tree(source: &str) -> Result<Tree, Malformed> {
    let mut events = Events::new(source);
    let mut builder = Builder::new(source);
    while let Some(mark) = builder.take(events.next()?)? {
        builder.met(&mark);
    }
    Ok(builder.tree)
}

struct Builder<'a> {
    source: &'a str,
    tree: Tree,
    document: Document,
    open: bool,
    frames: Vec<Frame<'a>>,
    /// Comments on lines of their own whose place the next event tells.
    pending: Vec<Pending>,
    anchors: HashMap<usize, Node>,
    has_aliases: bool,
    budget: Budget,
    /// The end of what was met last.
    cursor: usize,
    /// The end of the last bytes that belong to a node.
    ink: usize,
}

/// A comment on a line of its own.
struct Pending {
    comment: Comment,
    column: usize,
}

/// A map or list that is not closed yet.
struct Frame<'a> {
    style: Style,
    column: usize,
    anchor: Option<usize>,
    content: Content<'a>,
}

enum Content<'a> {
    Map { items: Vec<Item>, keys: HashSet<Cow<'a, str>>, key: Option<Key> },
    List(Vec<Element>),
}

/// A key whose value comes next.
struct Key {
    text: String,
    at: Span,
}

impl<'a> Builder<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            tree: Tree::default(),
            document: Document::default(),
            open: false,
            frames: Vec::new(),
            pending: Vec::new(),
            anchors: HashMap::new(),
            has_aliases: source.contains('*'),
            budget: Budget::default(),
            cursor: 0,
            ink: 0,
        }
    }

    fn met(&mut self, mark: &Span) {
        self.cursor = self.cursor.max(mark.end);
    }

    /// Takes one event in; nothing after the last.
    fn take(&mut self, mark: Mark<'a>) -> Result<Option<Span>, Malformed> {
        let Mark { what, at, line, column } = mark;
        match what {
            What::DocumentStart { explicit } => {
                if !explicit {
                    self.check_implicit_start(at.start, line)?;
                }
                self.start_document();
            }
            What::DocumentEnd => self.end_document(at.start),
            // The parser takes them for text; sops would read what follows as a line of its own, and none could be written.
            What::Comment(text) if text.contains(['\u{85}', '\u{2028}', '\u{2029}']) => {
                return Err(fault(
                    line,
                    Fault::Syntax,
                    "a comment with a Unicode line separator; YAML ends the line there",
                ));
            }
            What::Comment(text) => self.comment(&text, at.clone(), column),
            What::Scalar(scalar) => self.scalar(&scalar, at.clone(), line)?,
            What::Alias(anchor) => self.alias(anchor, at.clone(), line)?,
            What::Start { kind, style, anchor } => self.start(kind, style, anchor, &at, column, line)?,
            What::End => self.end(&at, column, line)?,
            What::StreamEnd => {
                self.finish(line)?;
                return Ok(None);
            }
        }
        Ok(Some(at))
    }

    /// sops cannot read a document that begins behind `...` without `---`.
    fn check_implicit_start(&self, at: usize, line: usize) -> Result<(), Malformed> {
        let head = self.source.get(..at).unwrap_or_default();
        if self.tree.documents.is_empty() && !head.lines().any(|line| line.starts_with("...")) {
            return Ok(());
        }
        Err(fault(line, Fault::Syntax, "a document behind ... that does not begin with ---"))
    }

    fn start_document(&mut self) {
        if let Some(last) = self.tree.documents.last_mut() {
            last.root.extend(self.pending.drain(..).map(|pending| Item::Comment(pending.comment)));
        }
        self.open = true;
    }

    fn end_document(&mut self, at: usize) {
        let mut document = std::mem::take(&mut self.document);
        if document.end == 0 {
            document.end = at;
        }
        document.root.extend(self.pending.drain(..).map(|pending| Item::Comment(pending.comment)));
        // The parser may tell the end of an empty document before its comments.
        if let Some(Item::Comment(comment)) = document.root.last()
            && comment.at.end > document.end
        {
            let rest = self.source.get(comment.at.end..).unwrap_or_default();
            document.end = comment.at.end + rest.find('\n').map_or(rest.len(), |newline| newline + 1);
        }
        self.tree.documents.push(document);
        self.anchors.clear();
        self.open = false;
    }

    fn finish(&mut self, line: usize) -> Result<(), Malformed> {
        if !self.tree.documents.is_empty() {
            self.start_document();
            return Ok(());
        }
        // Comments alone. Behind an end marker sops reads none, and no block could be put in front of it.
        if self.source.lines().any(|line| line.starts_with("...")) {
            return Err(fault(line, Fault::Syntax, "an end marker ... without a document in front of it"));
        }
        self.end_document(self.source.len());
        Ok(())
    }

    fn between(&self, start: usize, end: usize) -> &'a str {
        self.source.get(start..end).unwrap_or_default()
    }

    fn scalar(&mut self, scalar: &Scalar<'a>, at: Span, line: usize) -> Result<(), Malformed> {
        self.flush_before_node();
        if self.expects_key() {
            let text = key_text(scalar, line)?;
            self.ink = self.ink.max(at.end);
            return self.key(text, at, line);
        }
        let at = if at.is_empty() { self.place_of_nothing(at) } else { at };
        let value = value(scalar, line)?;
        let indent = self.frames.last().and_then(Frame::indent);
        let leaf = Leaf { value, at: at.clone(), indent, alias: None };
        self.ink = self.ink.max(at.end);
        self.node(Node::Leaf(leaf), scalar.anchor, line)
    }

    /// Where a value would be written that is spelled by nothing: behind the colon, the anchor, or the dash.
    fn place_of_nothing(&self, at: Span) -> Span {
        let Some(Frame { content: Content::Map { key: Some(key), .. }, .. }) = self.frames.last() else { return at };
        if at.start > key.at.end {
            return at;
        }
        let rest = self.source.get(key.at.end..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let behind = key.at.end + blanks;
        if self.source.as_bytes().get(behind) == Some(&b':') { behind + 1..behind + 1 } else { at }
    }

    fn alias(&mut self, anchor: usize, at: Span, line: usize) -> Result<(), Malformed> {
        self.flush_before_node();
        self.ink = self.ink.max(at.end);
        let Some(target) = self.anchors.get(&anchor) else {
            return Err(fault(line, Fault::Syntax, "an alias inside of what its anchor names"));
        };
        if self.expects_key() {
            let text = match target {
                Node::Leaf(Leaf { value: Value::Str(text), .. }) => String::from_utf8(text.to_vec()).ok(),
                _ => None,
            };
            return self.key(Cow::Owned(text.ok_or_else(|| key_fault(line))?), at, line);
        }
        let name = self.source.get(at.start + 1..at.end).unwrap_or_default();
        let mut node = copy(target, Some(name), MAX_DEPTH - self.frames.len().min(MAX_DEPTH), &mut self.budget)
            .ok_or_else(|| too_far(line))?;
        if let Node::Leaf(leaf) = &mut node {
            leaf.at = at;
            leaf.indent = self.frames.last().and_then(Frame::indent);
        }
        self.node(node, None, line)
    }

    fn start(
        &mut self,
        kind: Kind,
        style: Style,
        anchor: Option<usize>,
        at: &Span,
        column: usize,
        line: usize,
    ) -> Result<(), Malformed> {
        if self.expects_key() {
            return Err(key_fault(line));
        }
        if self.frames.len() >= MAX_DEPTH {
            return Err(fault(line, Fault::Limit, "nested deeper than 64 levels"));
        }
        if self.frames.is_empty() && kind == Kind::List {
            return Err(fault(line, Fault::Top, "the top level is a list; it must be a map"));
        }
        let dash = if kind == Kind::List && style == Style::Block { self.dash_above(at.start) } else { None };
        if style == Style::Flow {
            self.flush_before_node();
        } else {
            self.flush_before_dash(at.start);
        }
        let outer = self.frames.last().map(|outer| outer.column);
        let column = dash.and(outer).unwrap_or(column);
        self.ink = self.ink.max(at.end);
        if self.frames.is_empty() {
            self.document.column = column;
        }
        let content = match kind {
            Kind::Map => Content::Map { items: Vec::new(), keys: HashSet::new(), key: None },
            Kind::List => Content::List(Vec::new()),
        };
        self.frames.push(Frame { style, column, anchor, content });
        Ok(())
    }

    /// The first dash of a list that is indented no further than its key: the parser tells such a list only behind it.
    fn dash_above(&self, list: usize) -> Option<usize> {
        let Some(Frame { content: Content::Map { key: Some(key), .. }, .. }) = self.frames.last() else { return None };
        let mut at = key.at.end;
        for line in self.between(at, list).split_inclusive('\n') {
            let dashed = line.trim_start().strip_prefix('-');
            if at > key.at.end
                && dashed.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
            {
                return Some(at + line.len() - line.trim_start().len());
            }
            at += line.len();
        }
        None
    }

    fn expects_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { content: Content::Map { key: None, .. }, .. }))
    }

    fn key(&mut self, text: Cow<'a, str>, at: Span, line: usize) -> Result<(), Malformed> {
        if self.frames.last().is_some_and(|frame| frame.style == Style::Block) && self.tab_indents(at.start) {
            return Err(fault(line, Fault::Syntax, "a line indented with a tab; YAML wants spaces"));
        }
        if let Some(Frame { content: Content::Map { keys, key, .. }, .. }) = self.frames.last_mut() {
            *key = Some(Key { text: text.clone().into_owned(), at });
            if !keys.insert(text) {
                return Err(fault(line, Fault::Duplicate, "this key stands twice in the same map"));
            }
        }
        Ok(())
    }

    /// The parser lets tabs pass where sops does not.
    fn tab_indents(&self, start: usize) -> bool {
        let head = self.source.as_bytes().get(..start).unwrap_or_default();
        let blanks = head.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t'));
        let (count, tabs) = blanks.fold((0, false), |(count, tabs), byte| (count + 1, tabs || *byte == b'\t'));
        tabs && (count == head.len() || matches!(head.get(head.len() - count - 1), Some(b'\n' | b'\r')))
    }

    fn end(&mut self, at: &Span, column: usize, line: usize) -> Result<(), Malformed> {
        let Some(mut frame) = self.frames.pop() else { return Ok(()) };
        let inner = self.count_inside(&frame, at.start, column);
        frame.content.push_comments(self.pending.drain(..inner));
        let anchor = frame.anchor;
        if frame.style == Style::Flow {
            self.ink = self.ink.max(at.end);
            if self.frames.is_empty() {
                self.document.end = at.start;
            }
        }
        match frame.content {
            Content::Map { items, .. } if self.frames.is_empty() => {
                self.document.root.extend(items);
                Ok(())
            }
            Content::Map { items, .. } => self.node(Node::Map(items), anchor, line),
            Content::List(elements) => self.node(Node::List(elements), anchor, line),
        }
    }

    /// Puts a finished node where it belongs.
    fn node(&mut self, node: Node, anchor: Option<usize>, line: usize) -> Result<(), Malformed> {
        if let Some(anchor) = anchor.filter(|_| self.has_aliases) {
            let kept = copy(&node, None, MAX_DEPTH, &mut self.budget).ok_or_else(|| too_far(line))?;
            self.anchors.insert(anchor, kept);
        }
        let at_root = self.frames.len() == 1;
        match self.frames.last_mut() {
            Some(Frame { content: Content::List(elements), .. }) => elements.push(Element::Node(node)),
            Some(Frame { content: Content::Map { items, key, .. }, style, .. }) => {
                let Some(key) = key.take() else { return Err(key_fault(line)) };
                let at = key.at.start..self.ink.max(key.at.end);
                if at_root && key.text == "sops" {
                    let style = *style;
                    self.document.block = Some(block(node, at, style, self.source, line)?);
                } else {
                    items.push(Item::Entry(Entry { key: key.text, node, at }));
                }
            }
            // Spelled as a word in the first document it leaves no place for the block; in a later one sops reads it as nothing.
            None if matches!(&node, Node::Leaf(Leaf { value: Value::Null, at, .. })
                if at.is_empty() || !self.tree.documents.is_empty()) => {}
            None => return Err(fault(line, Fault::Top, "the top level is a single value; it must be a map")),
        }
        Ok(())
    }
}

impl Frame<'_> {
    fn indent(&self) -> Option<u16> {
        (self.style == Style::Block).then(|| u16::try_from(self.column).ok()).flatten()
    }
}

impl Content<'_> {
    fn push_comments(&mut self, comments: impl Iterator<Item = Pending>) {
        let comments = comments.map(|pending| pending.comment);
        match self {
            Self::Map { items, .. } => items.extend(comments.map(Item::Comment)),
            Self::List(elements) => elements.extend(comments.map(Element::Comment)),
        }
    }
}
