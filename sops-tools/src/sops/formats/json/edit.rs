//! Adding, replacing and removing in braces and brackets, in JSON and in YAML.

use zeroize::Zeroizing;

use super::emit::{self, Layout};
use super::outline::outline;
use super::with_comma;
use crate::sops::formats::outline::{Found, Kind, Misplaced, Spot, Step, follow};
use crate::sops::formats::splice::{self, Splice, entries, nodes};
use crate::sops::formats::{Unwritable, edit};
use crate::sops::tree::{Node, Span, Text, Tree};

pub(in super::super) fn set(source: &[u8], tree: &Tree, path: &[Step], node: &Node) -> Result<Text, Misplaced> {
    let root = outline(source, tree);
    let splice = match follow(&root, path)? {
        Found::There(way) => {
            let Some(spot) = way.last() else { return Err(Misplaced::Absent) };
            replaced(source, spot, node)?
        }
        Found::Until(way, index) => {
            let Some(spot) = way.last() else { return Err(Misplaced::Absent) };
            edit::wrapped(path, index, node, |step, node| match spot.kind {
                Kind::Map { .. } | Kind::List { .. } => added(source, spot, step, node),
                _ => Ok(replaced(source, spot, &edit::around(step, node)?)?),
            })?
        }
    };
    Ok(splice::apply(source, vec![splice])?)
}

pub(in super::super) fn unset(source: &[u8], tree: &Tree, path: &[Step]) -> Result<Text, Misplaced> {
    let root = outline(source, tree);
    let Found::There(way) = follow(&root, path)? else { return Err(Misplaced::Absent) };
    let [.., outer, spot] = way.as_slice() else { return Err(Misplaced::Absent) };
    Ok(splice::apply(source, vec![removed(source, outer, spot)])?)
}

/// A new value in the place of another.
pub(in super::super) fn replaced(source: &[u8], old: &Spot, node: &Node) -> Result<Splice, Unwritable> {
    let is_simple = match node {
        Node::Leaf(_) => true,
        Node::Map(items) => entries(items).is_empty(),
        Node::List(elements) => nodes(elements).is_empty(),
    };
    let layout = if is_simple { Layout::one_line() } else { layout_of_line(source, old.at.start) };
    let mut new = emit::node_at(node, &layout, 0)?;
    if old.at.is_empty() {
        new = Zeroizing::new([b" ", new.as_slice()].concat());
    }
    Ok(Splice { at: old.at.clone(), new })
}

/// A new last entry or element.
pub(in super::super) fn added(source: &[u8], outer: &Spot, step: &Step, node: &Node) -> Result<Splice, Misplaced> {
    let (first, last) = match &outer.kind {
        Kind::Map { entries, .. } => {
            let last = entries.iter().rev().find(|entry| entry.key != "sops").or(entries.last());
            (entries.first().map(|entry| entry.key_at.start), last.map(|last| last.key_at.start..last.value.at.end))
        }
        Kind::List { elements, .. } => {
            (elements.first().map(|first| first.value.at.start), elements.last().map(|last| last.value.at.clone()))
        }
        _ => return Err(Misplaced::Absent),
    };
    let spelled = |layout: &Layout, depth: usize| match step {
        Step::Key(key) => emit::entry_at(key, node, layout, depth),
        Step::Index(_) => emit::node_at(node, layout, depth),
    };
    let (Some(first), Some(last)) = (first, last) else {
        let layout = layout_of_line(source, outer.at.start);
        let new = spelled(&layout, 1)?;
        let (before, after) =
            if layout.is_one_line() { (Vec::new(), Vec::new()) } else { (layout.line(1), layout.line(0)) };
        let at = outer.at.start + 1..outer.at.end - 1;
        return Ok(Splice { at, new: Zeroizing::new([&before, new.as_slice(), &after].concat()) });
    };
    let layout = match blanks_before(source, last.start).or_else(|| blanks_before(source, first)) {
        Some(indent) => Layout::lines(&unit(source), splice::newline(source)).within(indent),
        None => Layout::one_line(),
    };
    let new = spelled(&layout, 0)?;
    let gap = if layout.is_one_line() { b" ".to_vec() } else { layout.line(0) };
    let new = Zeroizing::new([b",", gap.as_slice(), &new].concat());
    Ok(Splice { at: last.end..last.end, new })
}

/// Without one entry or element, and without its comma and line.
pub(in super::super) fn removed(source: &[u8], outer: &Spot, gone: &Spot) -> Splice {
    let (at, only) = match &outer.kind {
        Kind::Map { entries, .. } => {
            let entry = entries.iter().find(|entry| entry.value.at == gone.at);
            let at =
                entry.map_or(gone.at.clone(), |entry| entry.key_at.start..entry.value.at.end.max(entry.key_at.end));
            (at, entries.len() == 1)
        }
        Kind::List { elements, .. } => (gone.at.clone(), elements.len() == 1),
        _ => (gone.at.clone(), false),
    };
    let at: Span = if only { outer.at.start + 1..outer.at.end - 1 } else { with_comma(source, &at) };
    Splice { at, new: Text::default() }
}

/// The blanks before something that is the first in its line.
fn blanks_before(source: &[u8], at: usize) -> Option<&[u8]> {
    let head = source.get(..at)?;
    let line = head.iter().rposition(|byte| *byte == b'\n')? + 1;
    head.get(line..).filter(|blanks| blanks.iter().all(|byte| matches!(byte, b' ' | b'\t')))
}

/// The indentation of one level: that of the first line that has some.
fn unit(source: &[u8]) -> Vec<u8> {
    let mut lines = source.split(|byte| *byte == b'\n');
    let indent = lines.find_map(|line| {
        let count = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        line.get(..count).filter(|indent| !indent.is_empty())
    });
    indent.map_or_else(|| b"\t".to_vec(), <[u8]>::to_vec)
}

/// The layout of something new in this line: spread over lines where the file is.
fn layout_of_line(source: &[u8], at: usize) -> Layout {
    let head = source.get(..at).unwrap_or_default();
    let is_json = source.trim_ascii_start().starts_with(b"{");
    if !is_json || (!source.trim_ascii().contains(&b'\n') && source.trim_ascii().len() > 2) {
        return Layout::one_line();
    }
    let line = head.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let line = head.get(line..).unwrap_or_default();
    let count = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    Layout::lines(&unit(source), splice::newline(source)).within(line.get(..count).unwrap_or_default())
}
