//! `KEY=VALUE` lines, as sops reads them: nothing is quoted, trimmed or expanded, and `\n` in a value is a line end.

use std::collections::HashSet;

use zeroize::Zeroizing;

use super::flat::{self, escaped, flatten, unescaped, unflatten};
use super::splice::{self, Splice};
use super::{Changes, Fault, Malformed, New, Unwritable};
use crate::sops::tree::{Block, Comment, Document, Entry, Item, Leaf, Node, Note, Span, Text, Tree, Value};

/// What every key of the block begins with.
const PREFIX: &str = "sops_";

pub(super) fn parse(source: &[u8]) -> Result<Tree, Malformed> {
    let text = super::text(source)?;
    let mut document = Document { end: source.len(), ..Document::default() };
    let mut notes = Vec::new();
    let mut keys = HashSet::new();
    let mut block = Vec::new();
    let mut block_at: Option<Span> = None;
    for (index, line) in lines(text).enumerate() {
        let number = index + 1;
        match line.content {
            "" => {}
            comment if comment.starts_with('#') => {
                let text = Zeroizing::new(comment.as_bytes().get(1..).unwrap_or_default().to_vec());
                let at = line.at..line.at + comment.len();
                document.root.push(Item::Comment(Comment { text, at }));
            }
            content => {
                let entry = entry(content, line.at, number)?;
                if let (Some(key), Node::Leaf(leaf)) = (entry.key.strip_prefix(PREFIX), &entry.node) {
                    let leaf = without_carriage_return(leaf, content, line.at, key.len() + PREFIX.len() + 1);
                    block.push((number, key.to_owned(), leaf));
                    block_at = Some(block_at.map_or(line.at, |at| at.start)..line.end);
                    continue;
                }
                if !keys.insert(entry.key.clone()) && notes.len() < 100 {
                    notes.push(Note { line: number, text: "this key stands twice" });
                }
                document.root.push(Item::Entry(entry));
            }
        }
    }
    if let Some(at) = block_at {
        document.block = Some(Block { node: unflatten(block)?, at });
    }
    Ok(Tree { documents: vec![document], notes })
}

/// One line, its place, and where the next begins.
struct Line<'a> {
    content: &'a str,
    at: usize,
    end: usize,
}

fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        Line { content: line.strip_suffix('\n').unwrap_or(line), at: start, end: at }
    })
}

fn entry(content: &str, start: usize, line: usize) -> Result<Entry, Malformed> {
    let Some((key, value)) = content.split_once('=') else {
        return Err(Malformed { line, fault: Fault::Syntax, problem: "neither KEY=VALUE nor a comment" });
    };
    // A line end of Windows behind a cipher text is no part of it, though it is of plain values.
    let value = if value.starts_with("ENC[") { value.strip_suffix('\r').unwrap_or(value) } else { value };
    let value_at = start + key.len() + 1;
    let at = value_at..value_at + value.len();
    let end = at.end;
    let leaf = Leaf { value: Value::Str(unescaped(value)), at, indent: None, alias: None };
    Ok(Entry { key: key.to_owned(), node: Node::Leaf(leaf), at: start..end })
}

fn without_carriage_return(leaf: &Leaf, content: &str, start: usize, value: usize) -> Leaf {
    let text = content.get(value..).unwrap_or_default();
    let text = text.strip_suffix('\r').unwrap_or(text);
    let at = start + value..start + value + text.len();
    debug_assert!(at.end <= leaf.at.end);
    Leaf { value: Value::Str(unescaped(text)), at, indent: None, alias: None }
}

pub(super) fn rewrite(source: &[u8], tree: &Tree, changes: &Changes<'_>) -> Result<Text, Unwritable> {
    let mut splices = Vec::with_capacity(changes.spellings.len() + 1);
    for (at, new) in &changes.spellings {
        let comment = source.get(at.clone()).is_some_and(|old| old.starts_with(b"#")) && starts_line(source, at.start);
        let new = match new {
            New::Cipher(cipher) if comment => Zeroizing::new([b"#", cipher.as_bytes()].concat()),
            New::Cipher(cipher) => Zeroizing::new(cipher.as_bytes().to_vec()),
            New::Value(value) if comment => comment_line(&flat::text(value))?,
            New::Value(value) => value_text(&flat::text(value))?,
        };
        splices.push(Splice { at: at.clone(), new });
    }
    for document in &tree.documents {
        block(source, document, changes.block, &mut splices)?;
    }
    splice::apply(source, splices)
}

fn starts_line(source: &[u8], at: usize) -> bool {
    at.checked_sub(1).is_none_or(|before| source.get(before) == Some(&b'\n'))
}

fn block(source: &[u8], document: &Document, new: Option<&Node>, splices: &mut Vec<Splice>) -> Result<(), Unwritable> {
    if let (Some(old), Some(new)) = (&document.block, new)
        && let Some(differences) = flat::differences(&old.node, new)?
    {
        for (old, text) in differences {
            splices.push(Splice { at: old.at.clone(), new: line_text(&escaped(&text))? });
        }
        return Ok(());
    }
    let mut text = match new {
        Some(new) => block_lines(new)?,
        None => Text::default(),
    };
    let Some(old) = &document.block else {
        if new.is_some() && !source.is_empty() && !source.ends_with(b"\n") {
            text = Zeroizing::new([b"\n", text.as_slice()].concat());
        }
        splices.push(Splice { at: source.len()..source.len(), new: text });
        return Ok(());
    };
    // Its lines may be mixed with others: the first place is kept, all of them go.
    let head = source.get(old.at.clone()).unwrap_or_default();
    let mut at = old.at.start;
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let end = at + line.len();
        if line.starts_with(PREFIX.as_bytes()) {
            let new = if at == old.at.start { std::mem::take(&mut text) } else { Text::default() };
            splices.push(Splice { at: at..end, new });
        }
        at = end;
    }
    Ok(())
}

/// Always with plain line ends: sops takes a carriage return for a part of the value.
fn block_lines(block: &Node) -> Result<Text, Unwritable> {
    let mut out = Vec::new();
    for line in flatten(block)? {
        let text = line_text(&escaped(&line.text))?;
        check_key(&line.key)?;
        out.extend_from_slice(PREFIX.as_bytes());
        out.extend_from_slice(line.key.as_bytes());
        out.push(b'=');
        out.extend_from_slice(&text);
        out.push(b'\n');
    }
    Ok(Zeroizing::new(out))
}

/// A value, if it is read back as it is.
fn value_text(text: &[u8]) -> Result<Text, Unwritable> {
    if text.windows(2).any(|pair| pair == b"\\n") {
        return Err(Unwritable::new("a value with a backslash before an n, which dotenv reads as a line end"));
    }
    line_text(&escaped(text))
}

fn line_text(text: &[u8]) -> Result<Text, Unwritable> {
    if std::str::from_utf8(text).is_err() {
        return Err(Unwritable::new("text that is not UTF-8"));
    }
    Ok(Zeroizing::new(text.to_vec()))
}

fn comment_line(text: &[u8]) -> Result<Text, Unwritable> {
    if text.contains(&b'\n') {
        return Err(Unwritable::new("a comment of several lines"));
    }
    let text = line_text(text)?;
    Ok(Zeroizing::new([b"#", text.as_slice()].concat()))
}

fn check_key(key: &str) -> Result<(), Unwritable> {
    if key.is_empty() || key.starts_with('#') || key.contains(['=', '\n']) {
        return Err(Unwritable::named("a key that dotenv cannot hold", key));
    }
    Ok(())
}

pub(super) fn emit(tree: &Tree, block: Option<&Node>) -> Result<Text, Unwritable> {
    let [document] = tree.documents.as_slice() else {
        return Err(Unwritable::new("several documents in one dotenv file"));
    };
    let mut parts: Vec<Text> = Vec::new();
    for item in &document.root {
        match item {
            Item::Comment(comment) => parts.push(comment_line(&comment.text)?),
            Item::Entry(entry) => parts.push(entry_line(&entry.key, &entry.node)?),
        }
    }
    let lines: Vec<&[u8]> = parts.iter().map(|part| part.as_slice()).collect();
    let mut out = Zeroizing::new(lines.join(b"\n".as_slice()));
    if !lines.is_empty() {
        out = Zeroizing::new([out.as_slice(), b"\n"].concat());
    }
    if let Some(block) = block {
        out = Zeroizing::new([out.as_slice(), &block_lines(block)?].concat());
    }
    Ok(out)
}

/// One line without its end.
pub(super) fn entry_line(key: &str, node: &Node) -> Result<Text, Unwritable> {
    check_key(key)?;
    if key.starts_with(PREFIX) {
        return Err(Unwritable::named("a key that begins as those of the block do", key));
    }
    let text = leaf_text(node).map_err(|problem| Unwritable { name: Some(key.to_owned()), ..problem })?;
    Ok(Zeroizing::new([key.as_bytes(), b"=", &text].concat()))
}

/// A value as it stands behind the equals sign.
pub(super) fn leaf_text(node: &Node) -> Result<Text, Unwritable> {
    let Node::Leaf(leaf) = node else { return Err(Unwritable::new("a map or list; dotenv has only text")) };
    value_text(&flat::text(&leaf.value))
}

#[cfg(test)]
mod tests;
