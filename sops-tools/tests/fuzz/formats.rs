//! The surface formats: read, put back, spelled anew, written from nothing, changed in one place.

use sops_tools::sops::formats::{Changes, Format, New, Step, emit, parse, rewrite, set, unset};
use sops_tools::sops::tree::{Element, Entry, Item, Node, Span, Tree, Value};
use sops_tools::sops::value::same;

use super::engine::{Target, Verdict, run, seen};

const YAML_WORDS: [&str; 40] = [
    "sops:",
    "sops:\n    mac: ENC[x]\n",
    "---\n",
    "...\n",
    "- ",
    "? ",
    ": ",
    "&a ",
    "*a",
    "<<: ",
    "|\n",
    ">-\n",
    "|2+\n",
    "# c\n",
    " #",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "'",
    "\\",
    "\\u0000",
    "!!binary ",
    "!!str ",
    "!<x> ",
    "%YAML 1.1\n",
    "\u{feff}",
    "\t",
    "\r\n",
    "~",
    ".inf",
    ".nan",
    "0o7",
    "1_0:2",
    "2024-05-06T01:02:03.4+05:06",
    "=",
    "- - - - - - - - ",
    "{a: {a: {a: ",
];
const JSON_WORDS: [&str; 20] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\u0000",
    "\\ud800",
    "\\\"",
    "null",
    "true",
    "1e5",
    "-0",
    "\"sops\":{}",
    "{\"a\":",
    "[[[[[[[[",
    "\u{2028}",
    "\t",
    "\"a\":1,",
];
const DOTENV_WORDS: [&str; 14] = [
    "=",
    "#",
    "\n",
    "\\n",
    "A=",
    "sops_",
    "sops_mac=x\n",
    "sops_age__list_0__map_enc=x\n",
    "__map_",
    "__list_9999999",
    "\r\n",
    "\"",
    "'",
    "export ",
];
const INI_WORDS: [&str; 16] = [
    "[",
    "]",
    "[sops]\n",
    "[s]\n",
    " = ",
    ":",
    ";",
    "#",
    "`",
    "\"\"\"",
    "\\\n",
    "age__list_0__map_enc = x\n",
    "[DEFAULT]\n",
    "%(a)s",
    "-",
    "\r\n",
];
const BINARY_WORDS: [&str; 8] = ["{", "}", "\"data\":", "\"sops\":{", "\"", ",", "\\n", "\0"];

fn fuzz(name: &'static str, format: Format, words: &[&str]) {
    run(&Target { name, corpus: super::corpus(name), words, check: &|input| check(format, input) });
}

#[test]
fn yaml() {
    fuzz("yaml", Format::Yaml, &YAML_WORDS);
}

#[test]
fn json() {
    fuzz("json", Format::Json, &JSON_WORDS);
}

#[test]
fn dotenv() {
    fuzz("dotenv", Format::Dotenv, &DOTENV_WORDS);
}

#[test]
fn ini() {
    fuzz("ini", Format::Ini, &INI_WORDS);
}

#[test]
fn binary() {
    fuzz("binary", Format::Binary, &BINARY_WORDS);
}

fn check(format: Format, source: &[u8]) -> Verdict {
    let tree = match parse(format, source) {
        Ok(tree) => tree,
        Err(malformed) => return Ok(seen(malformed.problem)),
    };
    let facts = leaves(&tree);
    let outcomes = (
        stays(format, source, &tree)?,
        sealed_anew(format, source, &tree)?,
        emitted(format, &tree, &facts)?,
        one_changed(format, source, &tree, &facts)?,
    );
    Ok(seen((shape(&tree, &facts), outcomes)))
}

/// A change of nothing changes no byte.
fn stays(format: Format, source: &[u8], tree: &Tree) -> Result<&'static str, String> {
    let blocks: Vec<_> = tree.documents.iter().map(|document| document.block.as_ref()).collect();
    // Without a change, a block of the first document would be written into the others, and a missing one is not removed.
    let block = match blocks.as_slice() {
        [block] => block.map(|block| &block.node),
        blocks if blocks.iter().all(Option::is_none) => None,
        _ => return Ok("several blocks"),
    };
    match rewrite(format, source, tree, &Changes { spellings: Vec::new(), block }) {
        // The envelope of a binary file is written anew, and without a block there is none.
        Ok(_) if format == Format::Binary => Ok("envelope"),
        Ok(same) if *same == *source => Ok("same"),
        Ok(_) => Err("a change of nothing changes bytes".to_owned()),
        Err(error) => Ok(error.problem),
    }
}

/// All values sealed, the file is read again with as many of them.
fn sealed_anew(format: Format, source: &[u8], tree: &Tree) -> Result<&'static str, String> {
    let spellings = spans(tree).into_iter().map(|at| (at, New::Cipher("ENC[x]".to_owned()))).collect();
    let block = Node::Map(vec![Item::entry("mac", Node::text("ENC[y]"))]);
    match rewrite(format, source, tree, &Changes { spellings, block: Some(&block) }) {
        Err(error) => Ok(error.problem),
        Ok(new) => match parse(format, &new) {
            Err(malformed) => Err(format!("sealed, it is not read again: {malformed}")),
            Ok(again) if again.documents.first().is_none_or(|document| document.block.is_none()) => {
                Err("sealed, it has no block".to_owned())
            }
            Ok(again) => {
                let plain = leaves(&again).iter().filter(|(_, value)| !matches!(value, Value::Null)).any(|(_, value)| {
                    !matches!(value, Value::Str(text) | Value::Comment(text) if text.as_slice() == b"ENC[x]")
                });
                if plain && format != Format::Binary {
                    Err("sealed, it still has a value in clear".to_owned())
                } else {
                    Ok("sealed")
                }
            }
        },
    }
}

/// Written from nothing, it is read with the same keys and values.
fn emitted(format: Format, tree: &Tree, facts: &[(String, &Value)]) -> Result<&'static str, String> {
    let text = match emit(format, tree, None) {
        Ok(text) => text,
        Err(error) => return Ok(error.problem),
    };
    let again = parse(format, &text).map_err(|malformed| format!("what was emitted is not read: {malformed}"))?;
    if format == Format::Binary {
        return Ok("emitted");
    }
    alike(facts, &leaves(&again)).map_err(|place| format!("what was emitted is read differently at {place:?}"))?;
    Ok("emitted")
}

fn alike(one: &[(String, &Value)], other: &[(String, &Value)]) -> Result<(), String> {
    let differs =
        one.iter().zip(other).find(|((path, value), (other_path, other))| path != other_path || !as_good(value, other));
    match differs {
        Some(((path, _), _)) => Err(path.clone()),
        None if one.len() != other.len() => Err(format!("{} and {} values", one.len(), other.len())),
        None => Ok(()),
    }
}

/// JSON writes 7 for 7.0, as sops does: the bytes that count are the same.
fn as_good(one: &Value, other: &Value) -> bool {
    let number = |value: &Value| matches!(value, Value::Int(_) | Value::Float(_));
    same(one, other)
        || number(one)
            && number(other)
            && sops_tools::sops::value::spelling(one) == sops_tools::sops::value::spelling(other)
}

/// One value set and one removed: the others stay what they are.
fn one_changed(format: Format, source: &[u8], tree: &Tree, facts: &[(String, &Value)]) -> Result<&'static str, String> {
    let Some((document, key)) = last_key(tree) else { return Ok("no key") };
    let path = [Step::Key(key.to_owned())];
    let prefix = format!("{document}/{key:?}");
    let others = |facts: &[(String, &Value)]| facts.iter().filter(|(path, _)| !path.starts_with(&prefix)).count();
    let mut outcome = "refused";
    for new in [
        set(format, source, tree, document, &path, &Node::text("x\ny: z\n")),
        unset(format, source, tree, document, &path),
    ] {
        let Ok(new) = new else { continue };
        let again = parse(format, &new).map_err(|malformed| format!("changed, it is not read again: {malformed}"))?;
        let (before, after) = (others(facts), others(&leaves(&again)));
        if before != after {
            return Err(format!("a change of one key leaves {after} other values of {before}"));
        }
        outcome = "changed";
    }
    Ok(outcome)
}

fn last_key(tree: &Tree) -> Option<(usize, &str)> {
    let (number, document) = tree.documents.iter().enumerate().next_back()?;
    let key = document.root.iter().rev().find_map(|item| match item {
        Item::Entry(Entry { key, .. }) => Some(key.as_str()),
        Item::Comment(_) => None,
    })?;
    Some((number, key))
}

/// Every value with its path, comments left out, empty maps and lists as none.
pub(crate) fn leaves(tree: &Tree) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (number, document) in tree.documents.iter().enumerate() {
        for item in &document.root {
            in_item(item, &number.to_string(), &mut |value, path, _| found.push((path.to_owned(), value)));
        }
    }
    found
}

/// Where all values but nulls stand; of an alias, nowhere.
fn spans(tree: &Tree) -> Vec<Span> {
    let mut found = Vec::new();
    for document in &tree.documents {
        for item in &document.root {
            in_item(item, "", &mut |value, _, at| {
                if !matches!(value, Value::Null) {
                    found.push(at.clone());
                }
            });
        }
    }
    found
}

fn in_item<'a>(item: &'a Item, path: &str, seen: &mut dyn FnMut(&'a Value, &str, &'a Span)) {
    if let Item::Entry(entry) = item {
        in_node(&entry.node, &format!("{path}/{:?}", entry.key), seen);
    }
}

/// The formats limit the depth.
fn in_node<'a>(node: &'a Node, path: &str, seen: &mut dyn FnMut(&'a Value, &str, &'a Span)) {
    match node {
        Node::Leaf(leaf) => seen(&leaf.value, path, &leaf.at),
        Node::Map(items) => items.iter().for_each(|item| in_item(item, path, seen)),
        Node::List(elements) => {
            for (index, element) in elements.iter().enumerate() {
                if let Element::Node(node) = element {
                    in_node(node, &format!("{path}/{}", index.min(9)), seen);
                }
            }
        }
    }
}

/// What kinds of things it holds, for telling inputs apart.
fn shape(tree: &Tree, facts: &[(String, &Value)]) -> u64 {
    let kinds = facts.iter().fold(0_u32, |kinds, (_, value)| {
        kinds
            | 1 << match value {
                Value::Null => 0,
                Value::Str(text) if text.is_empty() => 1,
                Value::Str(_) => 2,
                Value::Int(_) => 3,
                Value::Float(_) => 4,
                Value::Bool(_) => 5,
                Value::Time(_) => 6,
                Value::Comment(_) => 7,
            }
    });
    let depth = facts.iter().map(|(path, _)| path.matches('/').count().min(6)).max();
    let mut notes: Vec<_> = tree.notes.iter().map(|note| note.text).collect();
    notes.sort_unstable();
    notes.dedup();
    seen((kinds, depth, facts.len().min(8), tree.documents.len().min(4), notes))
}
