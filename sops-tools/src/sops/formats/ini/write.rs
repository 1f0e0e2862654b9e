//! Writing INI.

use zeroize::Zeroizing;

use super::{BLOCK, DEFAULT};
use crate::sops::formats::flat::{self, escaped, flatten};
use crate::sops::formats::splice::{self, Splice};
use crate::sops::formats::{Changes, New, Unwritable, parse};
use crate::sops::tree::{Document, Item, Node, Span, Text, Tree, Value};

pub(in super::super) fn rewrite(source: &[u8], tree: &Tree, changes: &Changes<'_>) -> Result<Text, Unwritable> {
    let comments = comments(tree);
    let mut splices = Vec::with_capacity(changes.spellings.len() + 1);
    for (at, new) in &changes.spellings {
        let comment = comments.binary_search(&at.start).is_ok();
        let mut new = match new {
            New::Cipher(cipher) => Zeroizing::new(cipher.as_bytes().to_vec()),
            New::Value(value) if comment => comment_text(&flat::text(value))?,
            New::Value(value) => value_text(&flat::text(value))?,
        };
        if at.is_empty() && at.start.checked_sub(1).and_then(|before| source.get(before)) != Some(&b' ') {
            new = join(&[b" ", &new]);
        }
        splices.push(Splice { at: at.clone(), new });
    }
    for document in &tree.documents {
        block(source, document, changes.block, &mut splices)?;
    }
    splice::apply(source, splices)
}

/// Where comments begin, in order.
fn comments(tree: &Tree) -> Vec<usize> {
    let mut found = Vec::new();
    for item in tree.documents.iter().flat_map(|document| &document.root) {
        match item {
            Item::Comment(comment) => found.push(comment.at.start),
            Item::Entry(entry) => {
                if let Node::Map(items) = &entry.node {
                    found.extend(items.iter().filter_map(|item| match item {
                        Item::Comment(comment) => Some(comment.at.start),
                        Item::Entry(_) => None,
                    }));
                }
            }
        }
    }
    found.sort_unstable();
    found
}

fn block(source: &[u8], document: &Document, new: Option<&Node>, splices: &mut Vec<Splice>) -> Result<(), Unwritable> {
    if let (Some(old), Some(new)) = (&document.block, new)
        && let Some(differences) = flat::differences(&old.node, new)?
    {
        for (old, text) in differences {
            splices.push(Splice { at: old.at.clone(), new: value_text(&escaped(&text))? });
        }
        return Ok(());
    }
    let newline = splice::newline(source);
    let text = match new {
        Some(new) => block_section(new, newline)?,
        None => Text::default(),
    };
    let Some(old) = &document.block else {
        if new.is_some() {
            let gap: &[&str] = match source {
                [] => &[],
                _ if source.ends_with(b"\n") => &[newline],
                _ => &[newline, newline],
            };
            let text = join(&[gap.concat().as_bytes(), &text]);
            splices.push(Splice { at: source.len()..source.len(), new: text });
        }
        return Ok(());
    };
    let mut at = old.at.clone();
    if new.is_none() {
        // The blank line that was written above it goes too.
        let head = source.get(..at.start).unwrap_or_default();
        let blank = [newline, newline].concat();
        if head.ends_with(blank.as_bytes()) {
            at.start -= newline.len();
        }
    }
    splices.push(Splice { at, new: text });
    Ok(())
}

fn block_section(block: &Node, newline: &str) -> Result<Text, Unwritable> {
    let lines = flatten(block)?;
    let width = lines.iter().map(|line| line.key.chars().count()).max().unwrap_or_default();
    let mut out = format!("[{BLOCK}]{newline}").into_bytes();
    for line in lines {
        check_key(&line.key)?;
        let value = value_text(&escaped(&line.text))?;
        out.extend_from_slice(format!("{:width$} = ", line.key).as_bytes());
        out.extend_from_slice(&value);
        out.extend_from_slice(newline.as_bytes());
    }
    Ok(Zeroizing::new(out))
}

/// A value, quoted where it would be read otherwise.
fn value_text(text: &[u8]) -> Result<Text, Unwritable> {
    let text = std::str::from_utf8(text).map_err(|_| Unwritable::new("text that is not UTF-8"))?;
    let quotes = if text.contains(['\n', '`']) {
        "\"\"\""
    } else if needs_quotes(text) {
        "`"
    } else {
        ""
    };
    let spelled = join(&[quotes.as_bytes(), text.as_bytes(), quotes.as_bytes()]);
    if quotes.is_empty() || reads_back(&spelled, text) {
        Ok(spelled)
    } else {
        Err(Unwritable::new("a value that INI cannot hold; it has quotes or line ends of several kinds"))
    }
}

fn needs_quotes(text: &str) -> bool {
    text != text.trim()
        || text.contains(['#', ';', '\r'])
        || text.ends_with('\\')
        || text.starts_with(['"', '\'', '`'])
        || text.contains(|letter: char| letter.is_control() && letter != '\t')
}

fn reads_back(spelled: &[u8], text: &str) -> bool {
    let line = join(&[b"k = ", spelled, b"\n"]);
    let Ok(tree) = parse(crate::sops::formats::Format::Ini, &line) else { return false };
    let root = tree.documents.first().map(|document| document.root.as_slice());
    let Some([Item::Entry(section)]) = root else { return false };
    match &section.node {
        Node::Map(items) => matches!(items.as_slice(),
            [Item::Entry(entry)] if matches!(&entry.node,
                Node::Leaf(leaf) if matches!(&leaf.value, Value::Str(read) if read.as_slice() == text.as_bytes()))),
        _ => false,
    }
}

/// The text of a comment behind its sign; further lines have signs of their own.
fn comment_text(text: &[u8]) -> Result<Text, Unwritable> {
    let text = std::str::from_utf8(text).map_err(|_| Unwritable::new("text that is not UTF-8"))?;
    let fine = |line: &str| line.trim().is_empty() || line.trim_start().starts_with([';', '#']);
    // A return inside of a line is text of the comment; at its end it is read as part of the line's end.
    if text.ends_with('\r') || !text.split('\n').skip(1).all(fine) {
        return Err(Unwritable::new("a comment with lines that would be none"));
    }
    Ok(Zeroizing::new(text.as_bytes().to_vec()))
}

fn check_key(key: &str) -> Result<(), Unwritable> {
    let odd = key.is_empty()
        || key == "-"
        || key != key.trim()
        || key.starts_with(['"', '`', '[', ';', '#'])
        || key.contains(['=', ':', '\n', '\r']);
    if odd { Err(Unwritable::named("a key that INI cannot hold", key)) } else { Ok(()) }
}

pub(in super::super) fn emit(tree: &Tree, block: Option<&Node>) -> Result<Text, Unwritable> {
    let [document] = tree.documents.as_slice() else {
        return Err(Unwritable::new("several documents in one INI file"));
    };
    let mut parts: Vec<Text> = Vec::new();
    for item in &document.root {
        match item {
            Item::Comment(comment) => parts.push(comment_line(&comment.text)?),
            Item::Entry(entry) => section(&entry.key, &entry.node, &mut parts)?,
        }
    }
    if let Some(block) = block {
        if !parts.is_empty() {
            parts.push(Zeroizing::new(b"\n".to_vec()));
        }
        parts.push(block_section(block, "\n")?);
    }
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_slice()).collect();
    Ok(join(&parts))
}

fn section(name: &str, node: &Node, parts: &mut Vec<Text>) -> Result<(), Unwritable> {
    let Node::Map(items) = node else {
        return Err(Unwritable::named("a value outside of any section; INI has keys in sections", name));
    };
    let line = section_line(name, "\n")?;
    let first = parts.is_empty();
    if !first {
        parts.push(Zeroizing::new(b"\n".to_vec()));
    }
    let named = !first || name != DEFAULT;
    if named {
        parts.push(Zeroizing::new(line.into_bytes()));
    }
    let entries = splice::entries(items);
    let width = entries.iter().map(|entry| entry.key.chars().count()).max().unwrap_or_default();
    for item in items {
        match item {
            Item::Comment(comment) => parts.push(comment_line(&comment.text)?),
            Item::Entry(entry) => {
                let line = padded_line(&entry.key, &entry.node, width)?;
                parts.push(join(&[&line, b"\n"]));
            }
        }
    }
    Ok(())
}

fn comment_line(text: &[u8]) -> Result<Text, Unwritable> {
    let text = comment_text(text)?;
    Ok(join(&[b"; ", &text, b"\n"]))
}

/// One key with its value, without the end of the line; the key padded to `width`.
fn padded_line(key: &str, node: &Node, width: usize) -> Result<Text, Unwritable> {
    check_key(key)?;
    let Node::Leaf(leaf) = node else {
        return Err(Unwritable::named("a map or list in a section; INI has only text there", key));
    };
    let value = value_text(&flat::text(&leaf.value))?;
    Ok(join(&[format!("{key:width$} = ").as_bytes(), &value]))
}

/// One key with its value, without the end of the line.
pub(in super::super) fn entry_line(key: &str, node: &Node) -> Result<Text, Unwritable> {
    padded_line(key, node, 0)
}

/// A value in the place of another.
pub(in super::super) fn leaf_text(node: &Node, source: &[u8], at: &Span) -> Result<Text, Unwritable> {
    let Node::Leaf(leaf) = node else { return Err(Unwritable::new("a map or list; INI has only text in sections")) };
    let value = value_text(&flat::text(&leaf.value))?;
    let blank = at.start.checked_sub(1).and_then(|before| source.get(before)) == Some(&b' ');
    Ok(if at.is_empty() && !blank { join(&[b" ", &value]) } else { value })
}

/// The line that begins a section.
pub(in super::super) fn section_line(name: &str, newline: &str) -> Result<String, Unwritable> {
    if name.is_empty() || name == BLOCK || name.contains([']', '\n', '\r']) {
        return Err(Unwritable::named("a section that INI cannot hold", name));
    }
    Ok(format!("[{name}]{newline}"))
}

fn join(parts: &[&[u8]]) -> Text {
    Zeroizing::new(parts.concat())
}
