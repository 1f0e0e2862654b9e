//! Adding, replacing and removing single entries in the bytes of a file.

use super::outline::{Misplaced, Step};
use super::splice::{self, Splice};
use super::{Format, Unwritable, dotenv, ini, json, parse, yaml};
use crate::sops::tree::{Element, Entry, Item, Leaf, Node, Span, Text, Tree, Value};

/// Puts a node at a path in one document, from 0: in the place of what stands there, or as a new last entry of the map, or, by
/// the index after the last, as a new last element of the list, with whatever maps and lists the rest of the path asks for.
/// A null on the way gives room to them. All other bytes stay.
///
/// # Errors
/// When the path goes through a value or behind the end of a list, and when the format cannot say it there.
pub fn set(
    format: Format,
    source: &[u8],
    tree: &Tree,
    document: usize,
    path: &[Step],
    node: &Node,
) -> Result<Text, Misplaced> {
    checked(tree, document, path)?;
    let new = match format {
        Format::Yaml => yaml::set(source, tree, document, path, node)?,
        Format::Json => json::edit::set(source, tree, path, node)?,
        Format::Dotenv | Format::Ini => set_line(format, source, tree, path, node)?,
        Format::Binary => return Err(Unwritable::new("a binary file has no keys to set").into()),
    };
    still_reads(format, new)
}

/// Removes what stands at a path in one document, from 0, together with its key or dash and the lines it fills.
///
/// # Errors
/// [`Misplaced::Absent`] when there is nothing, and as [`set`].
pub fn unset(format: Format, source: &[u8], tree: &Tree, document: usize, path: &[Step]) -> Result<Text, Misplaced> {
    checked(tree, document, path)?;
    let new = match format {
        Format::Yaml => yaml::unset(source, tree, document, path)?,
        Format::Json => json::edit::unset(source, tree, path)?,
        Format::Dotenv | Format::Ini => unset_line(format, source, tree, path)?,
        Format::Binary => return Err(Unwritable::new("a binary file has no keys to remove").into()),
    };
    still_reads(format, new)
}

fn checked(tree: &Tree, document: usize, path: &[Step]) -> Result<(), Misplaced> {
    if document >= tree.documents.len() {
        return Err(Misplaced::NoDocument);
    }
    match path {
        [] => Err(Misplaced::Unfit { step: 1 }),
        [Step::Key(key), ..] if key == "sops" => Err(Unwritable::new("the block of SOPS itself").into()),
        _ => Ok(()),
    }
}

/// What is not read back is not written: an alias that lost its anchor, a text that swallowed a comment.
fn still_reads(format: Format, new: Text) -> Result<Text, Misplaced> {
    match parse(format, &new) {
        Ok(_) => Ok(new),
        Err(_) => Err(Unwritable::new("the file would not be read any more; change it by hand with edit").into()),
    }
}

/// A node inside the maps and lists that a step and those behind it ask for; handed on with the first of these steps.
pub(super) fn wrapped<T>(
    path: &[Step],
    index: usize,
    node: &Node,
    place: impl FnOnce(&Step, &Node) -> Result<T, Misplaced>,
) -> Result<T, Misplaced> {
    let (Some(step), Some(rest)) = (path.get(index), path.get(index + 1..)) else { return Err(Misplaced::Absent) };
    let mut inner = Zipped::Given(node);
    for step in rest.iter().rev() {
        inner = Zipped::Made(around(step, inner.as_node())?);
    }
    place(step, inner.as_node())
}

enum Zipped<'n> {
    Given(&'n Node),
    Made(Node),
}

impl Zipped<'_> {
    fn as_node(&self) -> &Node {
        match self {
            Self::Given(node) => node,
            Self::Made(node) => node,
        }
    }
}

/// A map or list with a copy of this one node in it.
pub(super) fn around(step: &Step, node: &Node) -> Result<Node, Unwritable> {
    let copied = copy(node, super::MAX_DEPTH)?;
    match step {
        Step::Key(key) => Ok(Node::Map(vec![Item::entry(key.clone(), copied)])),
        Step::Index(0) => Ok(Node::List(vec![Element::Node(copied)])),
        Step::Index(_) => Err(Unwritable::new("a new list begins with the index 0")),
    }
}

fn copy(node: &Node, depth: usize) -> Result<Node, Unwritable> {
    let deeper = depth.checked_sub(1).ok_or_else(|| Unwritable::new("nested deeper than 64 levels"))?;
    Ok(match node {
        Node::Leaf(leaf) => Node::leaf(match &leaf.value {
            Value::Null => Value::Null,
            Value::Int(number) => Value::Int(*number),
            Value::Float(number) => Value::Float(*number),
            Value::Bool(truth) => Value::Bool(*truth),
            Value::Str(text) => Value::Str(text.clone()),
            Value::Time(text) => Value::Time(text.clone()),
            Value::Comment(text) => Value::Comment(text.clone()),
        }),
        Node::Map(items) => {
            let entries = splice::entries(items).into_iter();
            Node::Map(
                entries.map(|entry| Ok(Item::entry(entry.key.clone(), copy(&entry.node, deeper)?))).collect::<Result<
                    _,
                    Unwritable,
                >>(
                )?,
            )
        }
        Node::List(elements) => {
            let nodes = splice::nodes(elements).into_iter();
            Node::List(nodes.map(|node| Ok(Element::Node(copy(node, deeper)?))).collect::<Result<_, Unwritable>>()?)
        }
    })
}

/// A place among lines of `key = value`.
struct Lines<'t> {
    /// What stands there already.
    old: Option<&'t Entry>,
    /// Where a new line comes.
    end: usize,
    key: &'t str,
    /// The section of an INI file that is not there yet.
    new_section: Option<&'t str>,
}

fn lines<'t>(format: Format, tree: &'t Tree, source: &[u8], path: &'t [Step]) -> Result<Lines<'t>, Misplaced> {
    let Some(document) = tree.documents.first() else { return Err(Misplaced::NoDocument) };
    let block = document.block.as_ref().map(|block| block.at.start);
    match (format, path) {
        (Format::Dotenv, [Step::Key(key)]) => {
            let entries = splice::entries(&document.root);
            let old = entries.iter().find(|entry| entry.key == *key).copied();
            let end = entries.last().map_or(block.unwrap_or(source.len()), |last| line_end(source, last.at.end));
            Ok(Lines { old, end, key, new_section: None })
        }
        (Format::Ini, [Step::Key(section), Step::Key(key)]) => {
            let sections = splice::entries(&document.root);
            let Some(found) = sections.iter().find(|entry| entry.key == *section) else {
                let end = block.unwrap_or(source.len());
                return Ok(Lines { old: None, end, key, new_section: Some(section) });
            };
            let Node::Map(items) = &found.node else { return Err(Misplaced::Unfit { step: 2 }) };
            let entries = splice::entries(items);
            let old = entries.iter().find(|entry| entry.key == *key).copied();
            let end = entries.last().map_or(found.at.end, |last| line_end(source, last.at.end));
            Ok(Lines { old, end, key, new_section: None })
        }
        (Format::Ini, [Step::Key(_)]) => Err(Unwritable::new("an INI file has values in sections only").into()),
        _ => Err(Misplaced::Unfit { step: path.len().min(2) }),
    }
}

/// Behind the end of the line.
fn line_end(source: &[u8], at: usize) -> usize {
    let rest = source.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |newline| newline + 1)
}

fn set_line(format: Format, source: &[u8], tree: &Tree, path: &[Step], node: &Node) -> Result<Text, Misplaced> {
    let place = lines(format, tree, source, path)?;
    let line = match format {
        Format::Dotenv => dotenv::entry_line(place.key, node)?,
        _ => ini::entry_line(place.key, node)?,
    };
    let newline = if format == Format::Dotenv { "\n" } else { splice::newline(source) };
    if let Some(old) = place.old {
        let at: Span = match &old.node {
            // The spelling of the key stays.
            Node::Leaf(Leaf { at, .. }) => at.clone(),
            _ => old.at.clone(),
        };
        let value = match format {
            Format::Dotenv => dotenv::leaf_text(node)?,
            _ => ini::leaf_text(node, source, &at)?,
        };
        return Ok(splice::apply(source, vec![Splice { at, new: value }])?);
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    let head = source.get(..place.end).unwrap_or_default();
    if !head.is_empty() && !head.ends_with(b"\n") {
        parts.push(newline.as_bytes());
    }
    let section = place.new_section.map(|section| ini::section_line(section, newline)).transpose()?;
    if let Some(section) = &section {
        parts.push(section.as_bytes());
    }
    parts.extend([line.as_slice(), newline.as_bytes()]);
    if section.is_some() && place.end < source.len() {
        parts.push(newline.as_bytes());
    }
    let new = Text::new(parts.concat());
    Ok(splice::apply(source, vec![Splice { at: place.end..place.end, new }])?)
}

fn unset_line(format: Format, source: &[u8], tree: &Tree, path: &[Step]) -> Result<Text, Misplaced> {
    let place = match lines(format, tree, source, path) {
        Ok(place) => place,
        Err(Misplaced::Unwritable(_)) if format == Format::Ini => return unset_section(source, tree, path),
        Err(problem) => return Err(problem),
    };
    let old = place.old.ok_or(Misplaced::Absent)?;
    let start = old.at.start - blanks_before(source, old.at.start);
    let at = start..line_end(source, old.at.end);
    Ok(splice::apply(source, vec![Splice { at, new: Text::default() }])?)
}

fn blanks_before(source: &[u8], at: usize) -> usize {
    let head = source.get(..at).unwrap_or_default();
    head.iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

fn unset_section(source: &[u8], tree: &Tree, path: &[Step]) -> Result<Text, Misplaced> {
    let [Step::Key(name)] = path else { return Err(Misplaced::Absent) };
    let document = tree.documents.first().ok_or(Misplaced::NoDocument)?;
    let section = splice::entries(&document.root).into_iter().find(|entry| entry.key == *name);
    let at = section.ok_or(Misplaced::Absent)?.at.clone();
    Ok(splice::apply(source, vec![Splice { at, new: Text::default() }])?)
}

#[cfg(test)]
mod tests;
