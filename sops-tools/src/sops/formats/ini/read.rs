//! Reading INI.

use std::collections::HashSet;

use zeroize::Zeroizing;

use super::{BLOCK, DEFAULT};
use crate::sops::formats::flat::{unescaped, unflatten};
use crate::sops::formats::{Fault, Malformed};
use crate::sops::tree::{Block, Comment, Document, Entry, Item, Leaf, Node, Span, Text, Tree, Value};

/// Reads sections of keys.
pub(in super::super) fn parse(source: &[u8]) -> Result<Tree, Malformed> {
    let text = crate::sops::formats::text(source)?;
    let mut reader = Reader {
        lines: Lines { source: text, at: text.len() - text.trim_start_matches('\u{feff}').len(), number: 0 },
        root: Vec::new(),
        section: Section { name: DEFAULT.to_owned(), at: 0..0, items: Vec::new(), keys: HashSet::new() },
        comment: None,
        block: None,
    };
    while let Some(line) = reader.lines.next() {
        reader.line(&line)?;
    }
    reader.end_of_section()?;
    reader.late_comment();
    let end = text.len();
    let document = Document { root: reader.root, block: reader.block, end, column: 0 };
    Ok(Tree { documents: vec![document], notes: Vec::new() })
}

struct Lines<'a> {
    source: &'a str,
    at: usize,
    number: usize,
}

/// A line without its end.
struct Line<'a> {
    text: &'a str,
    at: usize,
    number: usize,
    /// Where the next line begins.
    next: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<Line<'a>> {
        let rest = self.source.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').map_or(rest.len(), |newline| newline + 1);
        let text = rest.get(..length)?.trim_end_matches(['\n', '\r']);
        let at = self.at;
        self.at += length;
        self.number += 1;
        Some(Line { text, at, number: self.number, next: self.at })
    }
}

struct Section {
    name: String,
    at: Span,
    items: Vec<Item>,
    keys: HashSet<String>,
}

struct Reader<'a> {
    lines: Lines<'a>,
    root: Vec<Item>,
    section: Section,
    /// The text of a comment that belongs to what comes next.
    comment: Option<Span>,
    block: Option<Block>,
}

impl Reader<'_> {
    fn line(&mut self, line: &Line<'_>) -> Result<(), Malformed> {
        let content = line.text.trim();
        let start = line.at + (line.text.len() - line.text.trim_start().len());
        match content.as_bytes() {
            [] => {}
            [b';' | b'#', ..] => self.comment_line(content, start),
            [b'[', ..] => self.start_section(content, start, line)?,
            _ => self.key(content, start, line)?,
        }
        Ok(())
    }

    /// Lines in a row are one comment, blank lines between them included.
    fn comment_line(&mut self, content: &str, start: usize) {
        let end = start + content.len();
        let text = if content.starts_with(';') {
            content.trim_start_matches([';', ' '])
        } else {
            content.trim_start_matches(['#', ' '])
        };
        if text.is_empty() && self.comment.is_none() {
            // A bare sign begins no text; it stays as it is.
            return;
        }
        self.comment = Some(self.comment.take().map_or(end - text.len(), |before| before.start)..end);
    }

    fn take_comment(&mut self) {
        if let Some(at) = self.comment.take() {
            let text = self.comment_text(&at);
            self.section.items.push(Item::Comment(Comment { text, at }));
        }
    }

    /// A comment that nothing follows belongs to the last section that is not the block.
    fn late_comment(&mut self) {
        let Some(at) = self.comment.take() else { return };
        if self.block.as_ref().is_some_and(|block| block.at.contains(&at.start)) {
            return;
        }
        let text = self.comment_text(&at);
        let comment = Item::Comment(Comment { text, at: at.clone() });
        match self.root.last_mut() {
            Some(Item::Entry(Entry { node: Node::Map(items), .. })) => items.push(comment),
            _ => self.root.push(Item::Entry(Entry { key: DEFAULT.to_owned(), node: Node::Map(vec![comment]), at })),
        }
    }

    /// As sops has it: without blank lines, and no line indented.
    fn comment_text(&self, at: &Span) -> Text {
        let text = self.lines.source.get(at.clone()).unwrap_or_default();
        let lines: Vec<&str> = text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect();
        Zeroizing::new(lines.join("\n").into_bytes())
    }

    fn start_section(&mut self, content: &str, start: usize, line: &Line<'_>) -> Result<(), Malformed> {
        let Some((name, after)) = content.get(1..).and_then(|content| content.rsplit_once(']')) else {
            return Err(syntax(line.number, "a section without its closing bracket"));
        };
        if name.is_empty() {
            return Err(syntax(line.number, "a section without a name"));
        }
        if !after.trim().is_empty() {
            return Err(syntax(line.number, "text behind the name of a section; move it to a line of its own"));
        }
        if name == BLOCK {
            // The comment above belongs to what stands above.
            self.take_comment();
        }
        self.end_of_section()?;
        self.section = Section { name: name.to_owned(), at: start..line.next, items: Vec::new(), keys: HashSet::new() };
        self.take_comment();
        Ok(())
    }

    fn end_of_section(&mut self) -> Result<(), Malformed> {
        let Section { name, at, items, .. } = std::mem::replace(
            &mut self.section,
            Section { name: String::new(), at: 0..0, items: Vec::new(), keys: HashSet::new() },
        );
        if name == BLOCK {
            return self.end_of_block(items, at);
        }
        if !items.is_empty() || !at.is_empty() {
            self.root.push(Item::Entry(Entry { key: name, node: Node::Map(items), at }));
        }
        Ok(())
    }

    fn end_of_block(&mut self, items: Vec<Item>, at: Span) -> Result<(), Malformed> {
        let number = 1 + self.lines.source.get(..at.start).unwrap_or_default().matches('\n').count();
        if self.block.is_some() {
            return Err(Malformed { line: number, fault: Fault::Duplicate, problem: "the section sops stands twice" });
        }
        let lines = items.into_iter().filter_map(|item| match item {
            Item::Entry(Entry { key, node: Node::Leaf(mut leaf), .. }) => {
                if let Value::Str(text) = &leaf.value {
                    leaf.value = Value::Str(std::str::from_utf8(text).map(unescaped).unwrap_or_default());
                }
                Some((number, key, leaf))
            }
            _ => None,
        });
        self.block = Some(Block { node: unflatten(lines.collect())?, at });
        Ok(())
    }

    fn key(&mut self, content: &str, start: usize, line: &Line<'_>) -> Result<(), Malformed> {
        let Some(sign) = content.find(['=', ':']) else {
            return Err(syntax(line.number, "neither a section, a key with a value, nor a comment"));
        };
        let key = content.get(..sign).unwrap_or_default().trim();
        if key.is_empty() || key == "-" || key.starts_with(['"', '`']) {
            return Err(syntax(line.number, "a key that is empty, quoted, or a dash; give it a plain name"));
        }
        if !self.section.keys.insert(key.to_owned()) {
            return Err(Malformed {
                line: line.number,
                fault: Fault::Duplicate,
                problem: "this key stands twice in its section, and the first value would be lost",
            });
        }
        self.take_comment();
        let raw = content.get(sign + 1..).unwrap_or_default();
        let value = raw.trim();
        // An empty value is written at the end of its line.
        let value_at = if value.is_empty() {
            line.at + line.text.len()
        } else {
            start + sign + 1 + (raw.len() - raw.trim_start().len())
        };
        let (text, at) = self.value(value, value_at, line)?;
        if self.section.at.is_empty() {
            self.section.at = start..start;
        }
        self.section.at.end = self.lines.at;
        let leaf = Leaf { value: Value::Str(text), at: at.clone(), indent: None, alias: None };
        self.section.items.push(Item::Entry(Entry { key: key.to_owned(), node: Node::Leaf(leaf), at: start..at.end }));
        Ok(())
    }

    fn value(&mut self, value: &str, at: usize, line: &Line<'_>) -> Result<(Text, Span), Malformed> {
        let number = line.number;
        let quote = if value.starts_with("\"\"\"") && line.next > at + 3 {
            "\"\"\""
        } else if value.starts_with('`') {
            "`"
        } else {
            return self.unquoted(value, at, number);
        };
        let body = value.get(quote.len()..).unwrap_or_default();
        if let Some((text, after)) = body.rsplit_once(quote) {
            if !after.trim().is_empty() {
                return Err(syntax(number, "text behind a quoted value"));
            }
            return Ok((text_of(text), at..at + value.len()));
        }
        self.lines_up_to(quote, at, number)
    }

    /// A value of several lines, up to the line with the closing quotes.
    fn lines_up_to(&mut self, quote: &str, at: usize, number: usize) -> Result<(Text, Span), Malformed> {
        let body = at + quote.len();
        while let Some(line) = self.lines.next() {
            let Some((before, after)) = line.text.rsplit_once(quote) else { continue };
            if !after.trim().is_empty() {
                return Err(syntax(line.number, "text behind a quoted value"));
            }
            let end = line.at + before.len();
            let text = self.lines.source.get(body..end).unwrap_or_default();
            return Ok((text_of(text), at..end + quote.len()));
        }
        Err(syntax(number, "a quoted value without its end"))
    }

    fn unquoted(&mut self, value: &str, at: usize, number: usize) -> Result<(Text, Span), Malformed> {
        let mut end = at + value.len();
        let mut text = Zeroizing::new(value.to_owned());
        // Lines that go on are taken as they are: quotes stay, and nothing in them is a comment.
        let goes_on = text.ends_with('\\');
        while text.ends_with('\\') {
            text.pop();
            let Some(line) = self.lines.next() else { break };
            let next = line.text.trim();
            if next.is_empty() {
                break;
            }
            end = line.at + line.text.trim_end().len();
            text.push_str(next);
        }
        if goes_on {
            return Ok((text_of(&text), at..end));
        }
        if text.contains(['#', ';']) {
            let problem = "a ; or # in a value, where sops cuts it off; put the value in backticks or the comment on its own line";
            return Err(syntax(number, problem));
        }
        Ok((text_of(without_quotes(&text)), at..end))
    }
}

/// Without the quotes around a value, if there are no others in it.
fn without_quotes(text: &str) -> &str {
    ['\'', '"']
        .iter()
        .find_map(|quote| {
            let inner = text.strip_prefix(*quote)?.strip_suffix(*quote)?;
            (!inner.contains(*quote)).then_some(inner)
        })
        .unwrap_or(text)
}

fn text_of(text: &str) -> Text {
    Zeroizing::new(text.as_bytes().to_vec())
}

fn syntax(line: usize, problem: &'static str) -> Malformed {
    Malformed { line, fault: Fault::Syntax, problem }
}
