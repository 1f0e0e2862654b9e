//! Reading JSON.

use std::collections::HashSet;

use zeroize::Zeroizing;

use crate::sops::formats::{Fault, MAX_DEPTH, Malformed};
use crate::sops::tree::{Block, Document, Element, Entry, Item, Leaf, Node, Note, Text, Tree, Value};

/// Reads one object, with nothing but blanks around it.
///
/// A whole number is one if it fits into 64 bits with a sign, else a float. Equal keys in one map are kept and noted.
pub(in super::super) fn parse(source: &[u8]) -> Result<Tree, Malformed> {
    let text = crate::sops::formats::text(source)?;
    let mut reader = Reader { source: text.as_bytes(), at: 0, notes: Vec::new() };
    reader.skip_blanks();
    if reader.peek() != Some(b'{') {
        let valid = matches!(reader.peek(), Some(b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'));
        return Err(if valid {
            reader.fault(Fault::Top, "the top level is no object")
        } else {
            reader.syntax("this is not JSON: no object begins here")
        });
    }
    let items = reader.object(0)?;
    let end = reader.at - 1;
    reader.skip_blanks();
    if reader.at < source.len() {
        return Err(reader.syntax("text after the end of the JSON object"));
    }
    let document = document(items, end, &reader)?;
    Ok(Tree { documents: vec![document], notes: reader.notes })
}

fn document(items: Vec<Item>, end: usize, reader: &Reader<'_>) -> Result<Document, Malformed> {
    let mut document = Document { end, ..Document::default() };
    for item in items {
        match item {
            Item::Entry(Entry { key, node, at }) if key == "sops" => {
                if document.block.is_some() {
                    return Err(reader.fault_at(
                        at.start,
                        Fault::Duplicate,
                        "the key sops stands twice at the top level",
                    ));
                }
                if !matches!(node, Node::Map(_)) {
                    let problem = "the top-level key sops holds no map, so it is no metadata of SOPS";
                    return Err(reader.fault_at(at.start, Fault::Block, problem));
                }
                document.block = Some(Block { node, at });
            }
            item => document.root.push(item),
        }
    }
    Ok(document)
}

struct Reader<'a> {
    source: &'a [u8],
    at: usize,
    notes: Vec<Note>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.source.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn line_of(&self, at: usize) -> usize {
        1 + crate::sops::formats::line_ends(self.source.get(..at).unwrap_or_default())
    }

    fn fault_at(&self, at: usize, fault: Fault, problem: &'static str) -> Malformed {
        Malformed { line: self.line_of(at), fault, problem }
    }

    fn fault(&self, fault: Fault, problem: &'static str) -> Malformed {
        self.fault_at(self.at, fault, problem)
    }

    fn syntax(&self, problem: &'static str) -> Malformed {
        self.fault(Fault::Syntax, problem)
    }

    fn take(&mut self, wanted: u8, problem: &'static str) -> Result<(), Malformed> {
        if self.peek() != Some(wanted) {
            return Err(self.syntax(problem));
        }
        self.at += 1;
        Ok(())
    }

    fn node(&mut self, depth: usize) -> Result<Node, Malformed> {
        match self.peek() {
            Some(b'{') => Ok(Node::Map(self.object(deeper(self, depth)?)?)),
            Some(b'[') => Ok(Node::List(self.array(deeper(self, depth)?)?)),
            _ => {
                let start = self.at;
                let value = self.scalar()?;
                Ok(Node::Leaf(Leaf { value, at: start..self.at, indent: None, alias: None }))
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Vec<Item>, Malformed> {
        self.at += 1;
        let mut items = Vec::new();
        let mut keys = HashSet::new();
        self.skip_blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(items);
        }
        loop {
            self.skip_blanks();
            let start = self.at;
            let entry = self.entry(depth)?;
            if !keys.insert(entry.key.clone()) && self.notes.len() < 100 {
                self.notes.push(Note { line: self.line_of(start), text: "this key stands twice in the same map" });
            }
            items.push(Item::Entry(entry));
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.syntax("a comma or a closing brace is missing")),
            }
        }
        self.at += 1;
        Ok(items)
    }

    fn entry(&mut self, depth: usize) -> Result<Entry, Malformed> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.syntax("a key in double quotes is missing"));
        }
        let key = self.string()?;
        let key = String::from_utf8(key.to_vec()).map_err(|_| self.syntax("a key that is not UTF-8"))?;
        self.skip_blanks();
        self.take(b':', "a colon is missing")?;
        self.skip_blanks();
        let node = self.node(depth)?;
        Ok(Entry { key, node, at: start..self.at })
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Element>, Malformed> {
        self.at += 1;
        let mut elements = Vec::new();
        self.skip_blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(elements);
        }
        loop {
            self.skip_blanks();
            elements.push(Element::Node(self.node(depth)?));
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.syntax("a comma or a closing bracket is missing")),
            }
        }
        self.at += 1;
        Ok(elements)
    }

    fn scalar(&mut self) -> Result<Value, Malformed> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::Str),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                for (word, value) in [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)]
                {
                    if self.source.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                Err(self.syntax("a value is missing"))
            }
        }
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if start == self.at { Err(self.syntax("a digit is missing")) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Value, Malformed> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = self.source.get(start..self.at).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
        if let Ok(number) = text.parse() {
            return Ok(Value::Int(number));
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            _ => Err(self.fault_at(start, Fault::Number, "a number too large for a 64-bit float")),
        }
    }

    fn string(&mut self) -> Result<Text, Malformed> {
        self.at += 1;
        let rest = self.source.get(self.at..).unwrap_or_default();
        let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
        if rest.get(plain) == Some(&b'"') {
            self.at += plain + 1;
            return Ok(Zeroizing::new(rest.get(..plain).unwrap_or_default().to_vec()));
        }
        self.string_with_escapes()
    }

    fn string_with_escapes(&mut self) -> Result<Text, Malformed> {
        // No escape is longer than it is spelled.
        let mut text = Zeroizing::new(Vec::with_capacity(self.length_of_string()));
        loop {
            let rest = self.source.get(self.at..).unwrap_or_default();
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
            text.extend_from_slice(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    self.at += 1;
                    let letter = self.escape()?;
                    text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(_) => return Err(self.syntax("a control character in a string")),
                None => return Err(self.syntax("a string without its end")),
            }
        }
    }

    fn length_of_string(&self) -> usize {
        let mut escaped = false;
        let rest = self.source.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        });
        end.unwrap_or(rest.len())
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        let letter = self.peek();
        self.at += 1;
        Ok(match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.syntax("an escape that JSON does not know")),
        })
    }

    /// Half of a surrogate pair without the other becomes U+FFFD, as in Go.
    fn unicode(&mut self) -> Result<char, Malformed> {
        let first = self.four_digits()?;
        if let Some(letter) = char::from_u32(first) {
            return Ok(letter);
        }
        let after = self.at;
        if (0xd800..0xdc00).contains(&first) && self.source.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u"))
        {
            self.at += 2;
            let second = self.four_digits()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = after;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn four_digits(&mut self) -> Result<u32, Malformed> {
        let digits = self.source.get(self.at..self.at + 4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let code = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.syntax("four hexadecimal digits are missing"))?;
        self.at += 4;
        Ok(code)
    }
}

fn deeper(reader: &Reader<'_>, depth: usize) -> Result<usize, Malformed> {
    if depth + 1 < MAX_DEPTH { Ok(depth + 1) } else { Err(reader.fault(Fault::Limit, "nested deeper than 64 levels")) }
}
