//! Adding, replacing and removing in YAML made by indentation; braces and brackets are changed as in JSON.

use zeroize::Zeroizing;

use super::emit::Emitter;
use super::outline::outline;
use super::rewrite::{block_header, line_before};
use crate::sops::formats::outline::{Found, Kind, Misplaced, Spot, Step, follow};
use crate::sops::formats::splice::{self, Splice};
use crate::sops::formats::{Unwritable, edit, json};
use crate::sops::tree::{Element, Item, Node, Span, Text, Tree};

pub(in super::super) fn set(
    source: &[u8],
    tree: &Tree,
    document: usize,
    path: &[Step],
    node: &Node,
) -> Result<Text, Misplaced> {
    let editor = Editor::new(source, tree, document)?;
    let splice = match follow(&editor.root, path)? {
        Found::There(way) => editor.replaced(&way, node)?,
        Found::Until(way, index) => edit::wrapped(path, index, node, |step, node| editor.added(&way, step, node))?,
    };
    editor.check_aliases(&splice.at)?;
    Ok(splice::apply(source, editor.with_last_line_kept(splice))?)
}

pub(in super::super) fn unset(source: &[u8], tree: &Tree, document: usize, path: &[Step]) -> Result<Text, Misplaced> {
    let editor = Editor::new(source, tree, document)?;
    let Found::There(way) = follow(&editor.root, path)? else { return Err(Misplaced::Absent) };
    let splice = editor.removed(&way)?;
    editor.check_aliases(&splice.at)?;
    Ok(splice::apply(source, vec![splice])?)
}

struct Editor<'a> {
    source: &'a [u8],
    tree: &'a Tree,
    document: usize,
    root: Spot,
    newline: &'static str,
    step: usize,
}

impl<'a> Editor<'a> {
    fn new(source: &'a [u8], tree: &'a Tree, document: usize) -> Result<Self, Misplaced> {
        let text = std::str::from_utf8(source).map_err(|_| Unwritable::new("the file is not UTF-8"))?;
        let root = outline(text, document)?;
        let step = step(tree);
        Ok(Self { source, tree, document, root, newline: splice::newline(source), step })
    }

    /// No byte may go that an alias elsewhere stands for.
    fn check_aliases(&self, gone: &Span) -> Result<(), Unwritable> {
        let inside = |span: &Span| gone.start <= span.start && span.end <= gone.end && !gone.is_empty();
        for leaf in splice::leaves(self.tree) {
            if let Some(alias) = &leaf.alias
                && inside(&alias.origin)
                && (leaf.at == alias.origin || !inside(&leaf.at))
            {
                let problem = "what goes is used elsewhere through an alias; write it out there first";
                return Err(Unwritable::named(problem, &alias.name));
            }
        }
        Ok(())
    }

    fn emitter(&self, blocks: bool) -> Emitter {
        let mut emitter = Emitter::new(self.newline, self.step);
        emitter.blocks = blocks;
        emitter
    }

    fn replaced(&self, way: &[&Spot], node: &Node) -> Result<Splice, Misplaced> {
        let [.., outer, spot] = way else { return Err(Misplaced::Absent) };
        match &outer.kind {
            Kind::Map { flow: false, entries } => {
                let Some(entry) = entries.iter().find(|entry| std::ptr::eq(&raw const entry.value, *spot)) else {
                    return Err(Misplaced::Absent);
                };
                let colon = self.colon(entry.key_at.end)?;
                let at = colon + 1..spot.at.end.max(colon + 1);
                let mut emitter = self.emitter(self.may_end_in_block(at.end, outer.column));
                emitter.value(node, outer.column, 0)?;
                Ok(Splice { new: self.without_line_end(emitter.out), at })
            }
            Kind::List { flow: false, elements } => {
                let Some(element) = elements.iter().find(|element| std::ptr::eq(&raw const element.value, *spot))
                else {
                    return Err(Misplaced::Absent);
                };
                let at = element.dash..spot.at.end.max(element.dash + 1);
                let column = self.column(element.dash);
                let mut emitter = self.emitter(self.may_end_in_block(at.end, column));
                emitter.element(node, column, 0)?;
                Ok(Splice { new: self.without_line_end(emitter.out), at })
            }
            _ => Ok(json::edit::replaced(self.source, spot, node)?),
        }
    }

    fn added(&self, way: &[&Spot], step: &Step, node: &Node) -> Result<Splice, Misplaced> {
        let [before @ .., outer] = way else { return Err(Misplaced::Absent) };
        match &outer.kind {
            Kind::Map { flow: false, entries } => {
                let Step::Key(key) = step else { return Err(Misplaced::Absent) };
                let at_root = before.is_empty();
                let last = entries.iter().rev().find(|entry| !(at_root && entry.key == "sops"));
                let end = match (last, entries.first()) {
                    (Some(last), _) => self.end_of_line(last.value.at.end.max(last.key_at.end)),
                    (None, Some(block)) => block.key_at.start - line_before(self.source, block.key_at.start).len(),
                    (None, None) => outer.at.end,
                };
                let mut emitter = self.emitter(self.may_end_in_block(end, outer.column));
                emitter.items(std::slice::from_ref(&item(key, node)?), outer.column, 0)?;
                Ok(self.new_lines(end, emitter.out))
            }
            Kind::List { flow: false, elements } => {
                let Some(last) = elements.last() else { return Err(Misplaced::Absent) };
                let end = self.end_of_line(last.value.at.end.max(last.dash + 1));
                let column = self.column(last.dash);
                let mut emitter = self.emitter(self.may_end_in_block(end, column));
                emitter.elements(std::slice::from_ref(&element(node)?), column, 0)?;
                Ok(self.new_lines(end, emitter.out))
            }
            Kind::Map { flow: true, entries } if entries.is_empty() && self.in_lines(before) => {
                self.filled(way, step, node)
            }
            Kind::List { flow: true, elements } if elements.is_empty() && self.in_lines(before) => {
                self.filled(way, step, node)
            }
            Kind::Null => self.filled(way, step, node),
            _ => json::edit::added(self.source, outer, step, node),
        }
    }

    /// Something with content in the place of nothing, `{}` or `[]`.
    fn filled(&self, way: &[&Spot], step: &Step, node: &Node) -> Result<Splice, Misplaced> {
        let made = edit::around(step, node)?;
        if way.len() > 1 {
            return self.replaced(way, &made);
        }
        let (Node::Map(items), Some(document)) = (&made, self.tree.documents.get(self.document)) else {
            return Err(Misplaced::Unfit { step: 1 });
        };
        let mut emitter = self.emitter(false);
        emitter.items(items, 0, 0)?;
        let empty = &self.root.at;
        if empty.is_empty() {
            return Ok(self.new_lines(document.end, emitter.out));
        }
        let mut new = emitter.out;
        if !line_before(self.source, empty.start).is_empty() {
            new = Zeroizing::new([self.newline.as_bytes(), &new].concat());
        }
        Ok(Splice { at: empty.clone(), new: self.without_line_end(new) })
    }

    /// Whether what holds this is made by indentation.
    fn in_lines(&self, before: &[&Spot]) -> bool {
        match before.last() {
            Some(outer) => matches!(outer.kind, Kind::Map { flow: false, .. } | Kind::List { flow: false, .. }),
            None => !self.source.trim_ascii_start().starts_with(b"{\""),
        }
    }

    fn removed(&self, way: &[&Spot]) -> Result<Splice, Misplaced> {
        let [before @ .., outer, spot] = way else { return Err(Misplaced::Absent) };
        let (start, end, only, next) = match &outer.kind {
            Kind::Map { flow: false, entries } => {
                let Some(index) = entries.iter().position(|entry| std::ptr::eq(&raw const entry.value, *spot)) else {
                    return Err(Misplaced::Absent);
                };
                let start = entries.get(index).map_or(spot.at.start, |entry| entry.key_at.start);
                let end = entries.get(index).map_or(spot.at.end, |entry| entry.key_at.end + 1).max(spot.at.end);
                (start, end, entries.len() == 1, entries.get(index + 1).map(|next| next.key_at.start))
            }
            Kind::List { flow: false, elements } => {
                let Some(index) = elements.iter().position(|element| std::ptr::eq(&raw const element.value, *spot))
                else {
                    return Err(Misplaced::Absent);
                };
                let start = elements.get(index).map_or(spot.at.start, |element| element.dash);
                let end = spot.at.end.max(start + 1);
                (start, end, elements.len() == 1, elements.get(index + 1).map(|next| next.dash))
            }
            _ => return Ok(json::edit::removed(self.source, outer, spot)),
        };
        if only {
            return self.emptied(way, before, outer);
        }
        let line = line_before(self.source, start);
        if line.iter().all(|byte| *byte == b' ') {
            return Ok(Splice { at: start - line.len()..self.end_of_line(end), new: Text::default() });
        }
        // The first behind a dash: the next one comes up to it.
        match next {
            Some(next) if self.blank(end, next) => Ok(Splice { at: start..next, new: Text::default() }),
            _ => Err(Unwritable::new("an entry that shares its line with something else").into()),
        }
    }

    /// What loses its only content becomes `{}` or `[]`.
    fn emptied(&self, way: &[&Spot], before: &[&Spot], outer: &Spot) -> Result<Splice, Misplaced> {
        let empty = match outer.kind {
            Kind::List { .. } => Node::List(Vec::new()),
            _ => Node::Map(Vec::new()),
        };
        if before.is_empty() {
            let line = line_before(self.source, outer.at.start);
            let new = Zeroizing::new([b"{}", self.newline.as_bytes()].concat());
            return Ok(Splice { at: outer.at.start - line.len()..self.end_of_line(outer.at.end), new });
        }
        self.replaced(way.get(..way.len() - 1).unwrap_or_default(), &empty)
    }

    /// Whether nothing but blanks stands between two places.
    fn blank(&self, start: usize, end: usize) -> bool {
        self.source.get(start..end).is_some_and(|between| between.trim_ascii().is_empty())
    }

    fn colon(&self, key_end: usize) -> Result<usize, Unwritable> {
        let rest = self.source.get(key_end..).unwrap_or_default();
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        if rest.get(blanks) == Some(&b':') {
            Ok(key_end + blanks)
        } else {
            Err(Unwritable::new("a key whose colon is on another line"))
        }
    }

    fn column(&self, at: usize) -> usize {
        String::from_utf8_lossy(line_before(self.source, at)).chars().count()
    }

    /// Behind the end of the line, and behind blank lines that belong to a block of text.
    fn end_of_line(&self, at: usize) -> usize {
        let end_of = |at: usize| {
            let rest = self.source.get(at..).unwrap_or_default();
            at + rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |newline| newline + 1)
        };
        let mut end = end_of(at);
        let keeps = splice::leaves(self.tree).iter().any(|leaf| {
            let old = self.source.get(leaf.at.clone()).unwrap_or_default();
            leaf.at.end == at
                && block_header(old).and_then(|header| old.get(header..)).is_some_and(|text| {
                    text.iter().take_while(|byte| !byte.is_ascii_whitespace()).any(|byte| *byte == b'+')
                })
        });
        while keeps && end < self.source.len() && self.blank(end, end_of(end)) {
            end = end_of(end);
        }
        end
    }

    /// Whether a block of text at the end of what is written would not swallow what follows: comments and lines of blanks.
    fn may_end_in_block(&self, end: usize, column: usize) -> bool {
        let start = if line_before(self.source, end).is_empty() { end } else { self.end_of_line(end) };
        if !self.blank(end, start) {
            return false;
        }
        let rest = self.source.get(start..).unwrap_or_default();
        for line in rest.split(|byte| *byte == b'\n') {
            let blanks = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            match line.get(blanks) {
                None | Some(b'\r') if blanks > 0 => return false,
                None | Some(b'\r') => {}
                Some(b'#') => return blanks <= column,
                Some(_) => return true,
            }
        }
        true
    }

    fn without_line_end(&self, mut text: Text) -> Text {
        if text.ends_with(self.newline.as_bytes()) {
            let length = text.len() - self.newline.len();
            text.truncate(length);
        }
        text
    }

    /// New lines, after the end of the one before.
    fn new_lines(&self, at: usize, text: Text) -> Splice {
        let head = self.source.get(..at).unwrap_or_default();
        if head.is_empty() || head.ends_with(b"\n") {
            return Splice { at: at..at, new: text };
        }
        Splice { at: at..at, new: Zeroizing::new([self.newline.as_bytes(), &text].concat()) }
    }

    /// A block of text in the last line of a file, which has no end, gains none when lines follow.
    fn with_last_line_kept(&self, splice: Splice) -> Vec<Splice> {
        let mut splices = Vec::new();
        if splice.at.is_empty() && splice.at.start == self.source.len() {
            super::rewrite::strip_last_line(self.source, &splice::leaves(self.tree), &mut splices);
        }
        splices.push(splice);
        splices
    }
}

fn item(key: &str, node: &Node) -> Result<Item, Unwritable> {
    match edit::around(&Step::Key(key.to_owned()), node)? {
        Node::Map(mut items) => items.pop().ok_or_else(|| Unwritable::new("no entry")),
        _ => Err(Unwritable::new("no entry")),
    }
}

fn element(node: &Node) -> Result<Element, Unwritable> {
    match edit::around(&Step::Index(0), node)? {
        Node::List(mut elements) => elements.pop().ok_or_else(|| Unwritable::new("no element")),
        _ => Err(Unwritable::new("no element")),
    }
}

/// Columns for each level: as far as the file's first level is indented.
pub(super) fn step(tree: &Tree) -> usize {
    let leaves = splice::leaves(tree);
    let least = leaves.iter().filter_map(|leaf| leaf.indent).filter(|indent| *indent > 0).min();
    least.map_or(super::emit::INDENT, |indent| usize::from(indent).clamp(2, 9))
}
