//! The `sops` block in a document: appended, replaced, changed in its values, removed.

use zeroize::Zeroizing;

use super::super::emit::{Emitter, INDENT};
use super::super::spell;
use super::{Writer, join, line_before, strip_last_line};
use crate::sops::formats::splice::{self, Splice, differences};
use crate::sops::formats::{Unwritable, json};
use crate::sops::tree::{Document, Item, Leaf, Node, Text, Value};

impl Writer<'_> {
    pub(super) fn block(
        &self,
        document: &Document,
        new: Option<&Node>,
        splices: &mut Vec<Splice>,
    ) -> Result<(), Unwritable> {
        let in_braces = self.source.get(document.end) == Some(&b'}');
        match (&document.block, new) {
            (None, None) => {}
            (Some(old), Some(new)) => {
                if let Some(differences) = differences(&old.node, new) {
                    for (old, new) in differences {
                        splices.push(self.block_leaf(old, &new.value)?);
                    }
                } else if in_braces {
                    splices.push(Splice { at: old.at.clone(), new: json::in_one_line("sops", new)? });
                } else {
                    let at = old.at.clone();
                    let text = self.spelled_block(document, new, self.block_step(&old.node, at.start), at.end)?;
                    splices.push(Splice { at, new: text });
                }
            }
            (Some(old), None) if in_braces => {
                splices.push(Splice { at: json::with_comma(self.source, &old.at), new: Text::default() });
            }
            (Some(old), None) => {
                let start = old.at.start - self.line_before(old.at.start).len();
                // A file of nothing would be none, and so would be a first document of nothing; behind a marker one is a document.
                let head = self.source.get(..start).unwrap_or_default();
                let marked = head.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"---"));
                let empty = (self.alone || !marked) && !document.root.iter().any(|item| matches!(item, Item::Entry(_)));
                let new = if empty { join(&[b"{}", self.newline.as_bytes()]) } else { Text::default() };
                splices.push(Splice { at: start..old.at.end, new });
            }
            (None, Some(new)) if in_braces => {
                let text = json::in_one_line("sops", new)?;
                let start = self.source.get(..document.end).unwrap_or_default().trim_ascii_end().len();
                let comma: &[u8] = match start.checked_sub(1).and_then(|last| self.source.get(last)) {
                    Some(b'{') => b"",
                    Some(b',') => b" ",
                    _ => b", ",
                };
                splices.push(Splice { at: start..start, new: join(&[comma, &text]) });
            }
            (None, Some(new)) => self.append_block(document, new, splices)?,
        }
        Ok(())
    }
    fn append_block(&self, document: &Document, new: &Node, splices: &mut Vec<Splice>) -> Result<(), Unwritable> {
        let end = document.end.min(self.source.len());
        let mut text = self.spelled_block(document, new, self.step.max(2), end)?;
        let column = root_column(document, self.source)?;
        text = join(&[&b" ".repeat(column), &text]);
        let head = self.source.get(..end).unwrap_or_default();
        if !head.is_empty() && !head.ends_with(b"\n") {
            text = join(&[self.newline.as_bytes(), &text]);
            strip_last_line(head, &self.leaves, splices);
        }
        splices.push(Splice { at: end..end, new: text });
        Ok(())
    }
    /// The whole block, from its key to the end of its last line, but for the indentation of the first.
    fn spelled_block(&self, document: &Document, new: &Node, step: usize, end: usize) -> Result<Text, Unwritable> {
        let mut emitter = Emitter::new(self.newline, step);
        emitter.entry("sops", new, root_column(document, self.source)?, 0)?;
        let mut text = emitter.out;
        let file_goes_on = self.source.get(end..).is_some_and(|rest| !rest.is_empty());
        let ended = self.source.get(..end).unwrap_or_default().ends_with(b"\n");
        if !file_goes_on && !ended && document.block.is_some() {
            let length = text.len() - self.newline.len();
            text.truncate(length);
        }
        Ok(text)
    }
    fn block_step(&self, old: &Node, start: usize) -> usize {
        let own = self.line_before(start).len();
        let Node::Map(items) = old else { return INDENT };
        let column = splice::entries(items).first().map(|first| self.line_before(first.at.start).len());
        column.and_then(|column| column.checked_sub(own)).unwrap_or(INDENT).clamp(2, 9)
    }
    fn block_leaf(&self, old: &Leaf, new: &Value) -> Result<Splice, Unwritable> {
        let place = self.place(Some(old), &old.at);
        let is_cipher =
            matches!(new, Value::Str(text) if !place.flow && text.starts_with(b"ENC[") && !text.contains(&b' '));
        let mut new = match new {
            Value::Str(text) if is_cipher => Zeroizing::new(text.to_vec()),
            _ => spell::value(new, place)?,
        };
        // A field without a value ends with its colon.
        if old.at.is_empty() && !self.source.get(..old.at.start).is_some_and(|head| head.ends_with(b" ")) {
            new = join(&[b" ", &new]);
        }
        Ok(Splice { at: old.at.clone(), new })
    }
}

/// The column of the keys at the top level.
fn root_column(document: &Document, source: &[u8]) -> Result<usize, Unwritable> {
    let block = document.block.as_ref().map(|block| block.at.start);
    let first = document.root.iter().find_map(|item| match item {
        Item::Entry(entry) => Some(entry.at.start),
        Item::Comment(_) => None,
    });
    let line = line_before(source, block.or(first).unwrap_or(0));
    let column = line.iter().take_while(|byte| **byte == b' ').count();
    if line.get(column) == Some(&b'\t') {
        return Err(Unwritable::new("the top level is indented with tabs; YAML wants spaces"));
    }
    // Comments may part a key from its `?`, which then stands further to the left.
    Ok(column.min(document.column))
}
