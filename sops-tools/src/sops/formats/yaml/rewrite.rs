//! Changes back into the bytes of a YAML file.

use zeroize::Zeroizing;

use super::emit::{check_comment, next_column};
use super::spell::{self, BlockPlace, Place};
use crate::sops::formats::splice::{self, Splice, leaves};
use crate::sops::formats::{Changes, New, Unwritable};
use crate::sops::tree::{Leaf, Node, Span, Text, Tree, Value};

mod block;

pub(super) fn rewrite(source: &[u8], tree: &Tree, changes: &Changes<'_>) -> Result<Text, Unwritable> {
    let writer = Writer::new(source, tree);
    let mut order: Vec<&(Span, New)> = changes.spellings.iter().collect();
    order.sort_by_key(|(at, _)| (at.start, std::cmp::Reverse(at.end)));
    writer.check_aliases(&order)?;
    let mut splices = Vec::with_capacity(order.len() + tree.documents.len());
    let mut order = order.into_iter().peekable();
    while let Some((at, new)) = order.next() {
        // A comment in the header line of a block of text.
        let inside = order.next_if(|(inner, _)| inner.start < at.end);
        splices.push(writer.spelling(at, new, inside)?);
    }
    for document in &tree.documents {
        writer.block(document, changes.block, &mut splices)?;
    }
    splice::apply(source, splices)
}

struct Writer<'a> {
    source: &'a [u8],
    /// Sorted by where they stand.
    leaves: Vec<&'a Leaf>,
    newline: &'static str,
    step: usize,
    /// Whether there is one document only.
    alone: bool,
    /// Where the last element stands of each list that holds nothing but comments.
    bare: Vec<usize>,
}

impl<'a> Writer<'a> {
    fn new(source: &'a [u8], tree: &'a Tree) -> Self {
        let step = super::edit::step(tree);
        let mut leaves = leaves(tree);
        leaves.sort_by_key(|leaf| (leaf.at.start, leaf.at.end));
        Self {
            source,
            leaves,
            newline: splice::newline(source),
            step,
            alone: tree.documents.len() < 2,
            bare: bare_lists(tree),
        }
    }

    /// No change may reach another path through an alias.
    fn check_aliases(&self, order: &[&(Span, New)]) -> Result<(), Unwritable> {
        let changed = |span: &Span| {
            order
                .binary_search_by_key(&(span.start, std::cmp::Reverse(span.end)), |(at, _)| {
                    (at.start, std::cmp::Reverse(at.end))
                })
                .is_ok()
        };
        for leaf in &self.leaves {
            if let Some(alias) = &leaf.alias
                && changed(&alias.origin)
                && (alias.origin == leaf.at || !changed(&leaf.at))
            {
                return Err(Unwritable::named(
                    "a value under an anchor would change in other places too; write it out in place of the alias",
                    &alias.name,
                ));
            }
        }
        Ok(())
    }

    fn spelling(&self, at: &Span, new: &New, inside: Option<&(Span, New)>) -> Result<Splice, Unwritable> {
        let old = self.source.get(at.clone()).unwrap_or_default();
        if old.starts_with(b"#") {
            return Ok(Splice { at: at.clone(), new: self.comment(at, new)? });
        }
        if let New::Value(Value::Comment(text)) = new {
            return self.element_to_comment(at, text);
        }
        let leaf = self.leaf(at);
        let mut spelled = match new {
            New::Cipher(cipher) if leaf.is_some_and(|leaf| leaf.indent.is_none()) => spell::quoted(cipher),
            New::Cipher(cipher) => Zeroizing::new(cipher.as_bytes().to_vec()),
            New::Value(value) => spell::value(value, self.place(leaf, at))?,
        };
        if let Some(anchor) = anchor_behind_tag(old) {
            spelled = join(&[anchor, b" ", &spelled]);
        }
        if at.is_empty() && at.start.checked_sub(1).and_then(|before| self.source.get(before)) != Some(&b' ') {
            spelled = join(&[b" ", &spelled]);
        }
        match inside {
            Some((inner, new)) => spelled = join(&[&spelled, b" ", &self.comment(inner, new)?]),
            None => {
                if let Some(comment) = header_comment(old) {
                    spelled = join(&[&spelled, b" ", comment]);
                }
            }
        }
        Ok(Splice { at: at.clone(), new: spelled })
    }

    fn leaf(&self, at: &Span) -> Option<&Leaf> {
        let index = self.leaves.binary_search_by_key(&(at.start, at.end), |leaf| (leaf.at.start, leaf.at.end)).ok()?;
        self.leaves.get(index).copied()
    }

    fn comment(&self, at: &Span, new: &New) -> Result<Text, Unwritable> {
        let text = match new {
            New::Cipher(cipher) => cipher.as_bytes(),
            New::Value(Value::Comment(text) | Value::Str(text)) => text,
            New::Value(_) => return Err(Unwritable::new("a comment that is no text")),
        };
        self.comment_lines(at.start, text)
    }

    /// A comment sign and the text; further lines only where the comment has its line for itself.
    fn comment_lines(&self, start: usize, text: &[u8]) -> Result<Text, Unwritable> {
        let before = self.line_before(start);
        let own_line = before.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'-'));
        let mut out = Zeroizing::new(Vec::with_capacity(text.len() + 1));
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            check_comment(line)?;
            if index > 0 {
                if !own_line {
                    return Err(Unwritable::new("a comment of several lines at the end of a line"));
                }
                let blanks: Vec<u8> = before.iter().map(|_| b' ').collect();
                out = join(&[&out, self.newline.as_bytes(), &blanks]);
            }
            out = join(&[&out, b"#", line]);
        }
        Ok(out)
    }

    /// A list element that was a comment becomes one: without its dash. It may be the first of a list that begins in the line of an
    /// outer element.
    fn element_to_comment(&self, at: &Span, text: &[u8]) -> Result<Splice, Unwritable> {
        let before = self.line_before(at.start);
        let blanks = before.len() - before.trim_ascii_end().len();
        let dash = at.start - blanks;
        let dashes = before.iter().all(|byte| matches!(byte, b'-' | b' '));
        if !dashes || !before.trim_ascii_end().ends_with(b"-") {
            return Err(Unwritable::new("a comment in the place of a value"));
        }
        let mut new = self.comment_lines(dash - 1, text)?;
        if self.bare.binary_search(&at.start).is_ok() {
            // Without an element the list would be read as nothing.
            let blanks = vec![b' '; before.trim_ascii_end().len()];
            new = join(&[&new, self.newline.as_bytes(), &blanks, b"[]"]);
        }
        Ok(Splice { at: dash - 1..at.end, new })
    }

    fn line_before(&self, place: usize) -> &'a [u8] {
        line_before(self.source, place)
    }

    fn place(&self, leaf: Option<&Leaf>, at: &Span) -> Place {
        let flow = leaf.is_some_and(|leaf| leaf.indent.is_none());
        let block = leaf.and_then(|leaf| leaf.indent).and_then(|indent| {
            let in_list = self.line_before(at.start).trim_ascii_end().ends_with(b"-");
            let outer = usize::from(indent);
            let column = if in_list { outer + 2 } else { next_column(outer, self.step) };
            self.allows_block(at.end, column).then_some(BlockPlace { column, deeper: column - outer, keep: false })
        });
        Place { block, flow, newline: self.newline }
    }

    /// Whether nothing stands behind the value in its line, and no blank or comment line below would become part of a block.
    fn allows_block(&self, end: usize, column: usize) -> bool {
        let mut lines = self.source.get(end..).unwrap_or_default().split(|byte| *byte == b'\n');
        let rest = lines.next().unwrap_or_default();
        if !rest.trim_ascii().is_empty() {
            return false;
        }
        for line in lines {
            let blanks = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            match line.get(blanks) {
                None | Some(b'\r') if blanks > 0 => return false,
                Some(b'#') if blanks >= column => return false,
                None | Some(b'\r' | b'#') => {}
                Some(_) => return true,
            }
        }
        true
    }
}

/// Where the last element stands of each list that holds comments alone, some of them written as elements.
fn bare_lists(tree: &Tree) -> Vec<usize> {
    let mut bare = Vec::new();
    let mut nodes: Vec<&Node> = Vec::new();
    for document in &tree.documents {
        nodes.extend(splice::entries(&document.root).into_iter().map(|entry| &entry.node));
    }
    while let Some(node) = nodes.pop() {
        match node {
            Node::Leaf(_) => {}
            Node::Map(items) => nodes.extend(splice::entries(items).into_iter().map(|entry| &entry.node)),
            Node::List(elements) => {
                let inner = splice::nodes(elements);
                let comment =
                    |node: &&Node| matches!(node, Node::Leaf(leaf) if matches!(leaf.value, Value::Comment(_)));
                if inner.iter().all(comment)
                    && let Some(Node::Leaf(last)) = inner.last()
                {
                    bare.push(last.at.start);
                }
                nodes.extend(inner);
            }
        }
    }
    bare.sort_unstable();
    bare
}

fn join(parts: &[&[u8]]) -> Text {
    Zeroizing::new(parts.concat())
}

/// What stands in the same line before a place.
pub(super) fn line_before(source: &[u8], place: usize) -> &[u8] {
    let head = source.get(..place).unwrap_or_default();
    let start = head.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')).map_or(0, |newline| newline + 1);
    head.get(start..).unwrap_or_default()
}

/// A block of text that ends with the file, in a line without an end, would gain a line feed when lines follow.
pub(super) fn strip_last_line(source: &[u8], leaves: &[&Leaf], splices: &mut Vec<Splice>) {
    let Some(leaf) = leaves.last().filter(|leaf| leaf.at.end == source.len()) else { return };
    let unchanged = !splices.iter().any(|splice| splice.at == leaf.at);
    let old = source.get(leaf.at.clone()).unwrap_or_default();
    let Some(header) = block_header(old).filter(|_| unchanged) else { return };
    let line = old.get(header..).unwrap_or_default();
    let length = line.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
    let indicators = line.get(..length).unwrap_or_default();
    if !indicators.contains(&b'-') {
        let kept: Vec<u8> = indicators.iter().copied().filter(|byte| *byte != b'+').collect();
        let start = leaf.at.start + header;
        splices.push(Splice { at: start..start + length, new: join(&[&kept, b"-"]) });
    }
}

/// Where the `|` or `>` stands in a spelling that has one.
pub(super) fn block_header(spelling: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match spelling.get(at)? {
            b'|' | b'>' => return Some(at),
            b'!' | b'&' => at += spelling.get(at..)?.iter().take_while(|byte| !byte.is_ascii_whitespace()).count(),
            byte if byte.is_ascii_whitespace() => at += 1,
            _ => return None,
        }
    }
}

/// The comment behind the header of a block of text.
fn header_comment(spelling: &[u8]) -> Option<&[u8]> {
    let header = spelling.get(block_header(spelling)?..)?;
    let line = header.split(|byte| *byte == b'\n').next()?;
    let sign = line.iter().position(|byte| *byte == b'#')?;
    Some(line.get(sign..)?.trim_ascii_end())
}

/// The anchor of a spelling that begins with a tag: it stays, the tag goes.
fn anchor_behind_tag(spelling: &[u8]) -> Option<&[u8]> {
    if !spelling.starts_with(b"!") {
        return None;
    }
    let mut words = spelling.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.next()?;
    words.next().filter(|word| word.starts_with(b"&"))
}
