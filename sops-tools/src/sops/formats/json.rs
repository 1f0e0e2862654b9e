//! JSON, with the place of every value.

pub(super) mod edit;
mod emit;
mod outline;
mod read;

use zeroize::Zeroizing;

pub(super) use emit::{Layout, string};
pub(super) use read::parse;

use super::splice::{self, Splice, differences};
use super::{Changes, New, Unwritable};
use crate::sops::tree::{Document, Item, Node, Span, Text, Tree};

pub(super) fn rewrite(source: &[u8], tree: &Tree, changes: &Changes<'_>) -> Result<Text, Unwritable> {
    let mut splices = Vec::with_capacity(changes.spellings.len() + 1);
    for (at, new) in &changes.spellings {
        let new = match new {
            New::Cipher(cipher) => string(cipher.as_bytes())?,
            New::Value(value) => emit::value(value)?,
        };
        splices.push(Splice { at: at.clone(), new });
    }
    for document in &tree.documents {
        block(source, document, changes.block, &mut splices)?;
    }
    splice::apply(source, splices)
}

pub(super) fn emit_node(node: &Node) -> Result<Text, Unwritable> {
    emit::node(node)
}

pub(super) fn emit(tree: &Tree, block: Option<&Node>) -> Result<Text, Unwritable> {
    let [document] = tree.documents.as_slice() else {
        return Err(Unwritable::new("several documents in one JSON file"));
    };
    emit::document(document, block)
}

/// `"key": value` without line ends.
pub(super) fn in_one_line(key: &str, node: &Node) -> Result<Text, Unwritable> {
    emit::entry(key, node, &Layout::one_line())
}

/// An entry in braces with the comma that goes with it: the one before it, or for the first the one behind.
pub(super) fn with_comma(source: &[u8], at: &Span) -> Span {
    let before = source.get(..at.start).unwrap_or_default().trim_ascii_end();
    if before.ends_with(b",") {
        return before.len() - 1..at.end;
    }
    let after = source.get(at.end..).unwrap_or_default();
    let blanks = after.len() - after.trim_ascii_start().len();
    if after.get(blanks) != Some(&b',') {
        return at.clone();
    }
    let comma = at.end + blanks + 1;
    let after = source.get(comma..).unwrap_or_default();
    at.start..comma + (after.len() - after.trim_ascii_start().len())
}

/// A lone entry with the space around it: `{}` is left.
fn with_space(source: &[u8], at: &Span) -> Span {
    let before = source.get(..at.start).unwrap_or_default().trim_ascii_end().len();
    let after = source.get(at.end..).unwrap_or_default();
    before..at.end + (after.len() - after.trim_ascii_start().len())
}

fn block(source: &[u8], document: &Document, new: Option<&Node>, splices: &mut Vec<Splice>) -> Result<(), Unwritable> {
    match (&document.block, new) {
        (None, None) => {}
        (Some(old), None) => {
            let alone = !document.root.iter().any(|item| matches!(item, Item::Entry(_)));
            let at = if alone { with_space(source, &old.at) } else { with_comma(source, &old.at) };
            splices.push(Splice { at, new: Text::default() });
        }
        (Some(old), Some(new)) => {
            if let Some(differences) = differences(&old.node, new) {
                for (old, new) in differences {
                    splices.push(Splice { at: old.at.clone(), new: emit::value(&new.value)? });
                }
            } else {
                let text = emit::entry("sops", new, &layout(source, document, old.at.start))?;
                splices.push(Splice { at: old.at.clone(), new: text });
            }
        }
        (None, Some(new)) => splices.push(appended(source, document, new)?),
    }
    Ok(())
}

fn appended(source: &[u8], document: &Document, new: &Node) -> Result<Splice, Unwritable> {
    let first = document.root.iter().find_map(|item| match item {
        Item::Entry(entry) => Some(entry.at.start),
        Item::Comment(_) => None,
    });
    let inside = source.get(..document.end).unwrap_or_default().trim_ascii_end().len();
    let Some(first) = first else {
        let layout = Layout::sops();
        let entry = emit::entry("sops", new, &layout)?;
        let new = Zeroizing::new([&layout.line(1), &entry[..], &layout.line(0)].concat());
        return Ok(Splice { at: inside..document.end, new });
    };
    let layout = layout(source, document, first);
    let entry = emit::entry("sops", new, &layout)?;
    let new = Zeroizing::new([b",".as_slice(), &layout.line(1), &entry].concat());
    Ok(Splice { at: inside..inside, new })
}

/// How the file is laid out, told by what stands before one of its top-level keys.
fn layout(source: &[u8], document: &Document, key: usize) -> Layout {
    let head = source.get(..key).unwrap_or_default();
    let line = head.iter().rposition(|byte| *byte == b'\n').map(|newline| newline + 1);
    let indent = line.and_then(|line| head.get(line..)).filter(|indent| indent.trim_ascii().is_empty());
    match indent {
        Some(indent) if !indent.is_empty() => Layout::lines(indent, splice::newline(source)),
        _ if document.end > 0 => Layout::one_line(),
        _ => Layout::sops(),
    }
}

#[cfg(test)]
mod tests;
