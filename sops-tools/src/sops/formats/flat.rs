//! The `sops` block in formats that nest nothing: `age__list_0__map_recipient`.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::{Fault, MAX_DEPTH, Malformed, Unwritable};
use crate::sops::tree::{Element, Item, Leaf, Node, Text, Value};

/// Where the lines of two blocks differ, when they have the same names: the old value and the new one. None when they have not.
pub(super) fn differences<'o>(old: &'o Node, new: &Node) -> Result<Option<Vec<(&'o Leaf, Text)>>, Unwritable> {
    let (names, lines) = (flatten(old)?, flatten(new)?);
    let mut leaves = Vec::new();
    super::splice::of_node(old, &mut leaves);
    let same_names = names.len() == lines.len() && names.iter().zip(&lines).all(|(old, new)| old.key == new.key);
    if !same_names || leaves.len() != names.len() {
        return Ok(None);
    }
    // Sorted by names as the lines are, which is not the order of the tree: an index of ten comes before one of two there.
    let mut places: Vec<(String, &Leaf)> = Vec::new();
    name_leaves(old, "", 0, &mut places);
    places.sort_by(|one, other| one.0.cmp(&other.0));
    let changed = places.into_iter().zip(names).zip(lines).filter(|((_, old), new)| old.text != new.text);
    Ok(Some(changed.map(|(((_, leaf), _), new)| (leaf, new.text)).collect()))
}

fn name_leaves<'o>(node: &'o Node, name: &str, depth: usize, found: &mut Vec<(String, &'o Leaf)>) {
    match node {
        Node::Leaf(leaf) => found.push((name.to_owned(), leaf)),
        Node::Map(items) => {
            for entry in super::splice::entries(items) {
                let inner = if depth == 0 { entry.key.clone() } else { format!("{name}__map_{}", entry.key) };
                name_leaves(&entry.node, &inner, depth + 1, found);
            }
        }
        Node::List(elements) => {
            for (index, element) in super::splice::nodes(elements).into_iter().enumerate() {
                name_leaves(element, &format!("{name}__list_{index}"), depth + 1, found);
            }
        }
    }
}

/// One line of a flat block.
pub(super) struct Flat {
    pub(super) key: String,
    /// With real line ends.
    pub(super) text: Text,
}

/// All values of a block under their flat names, sorted. Nulls and empty maps and lists have none.
pub(super) fn flatten(block: &Node) -> Result<Vec<Flat>, Unwritable> {
    let mut found = Vec::new();
    collect(block, "", 0, &mut found)?;
    found.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(found)
}

fn collect(node: &Node, name: &str, depth: usize, found: &mut Vec<Flat>) -> Result<(), Unwritable> {
    if depth > MAX_DEPTH {
        return Err(Unwritable::new("nested deeper than 64 levels"));
    }
    match node {
        Node::Leaf(leaf) => {
            if !matches!(leaf.value, Value::Null) {
                found.push(Flat { key: name.to_owned(), text: text(&leaf.value) });
            }
        }
        Node::Map(items) => {
            for entry in super::splice::entries(items) {
                let inner = if depth == 0 { entry.key.clone() } else { format!("{name}__map_{}", entry.key) };
                collect(&entry.node, &inner, depth + 1, found)?;
            }
        }
        Node::List(elements) => {
            for (index, element) in super::splice::nodes(elements).into_iter().enumerate() {
                collect(element, &format!("{name}__list_{index}"), depth + 1, found)?;
            }
        }
    }
    Ok(())
}

/// A value as formats write it that know only text.
pub(super) fn text(value: &Value) -> Text {
    Zeroizing::new(match value {
        Value::Null => Vec::new(),
        Value::Bool(truth) => truth.to_string().into_bytes(),
        Value::Int(number) => number.to_string().into_bytes(),
        Value::Float(number) if number.is_nan() => b"NaN".to_vec(),
        Value::Float(number) if number.is_infinite() => if *number > 0.0 { "+Inf" } else { "-Inf" }.into(),
        Value::Float(number) => number.to_string().into_bytes(),
        Value::Str(text) | Value::Time(text) | Value::Comment(text) => text.to_vec(),
    })
}

/// What is built while flat lines come in.
enum Part {
    Leaf(Leaf),
    Map(BTreeMap<String, Part>),
    List(BTreeMap<u32, Part>),
}

/// One step of a flat name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(u32),
}

/// The nested block of flat lines; each with the number of its line.
pub(super) fn unflatten(lines: Vec<(usize, String, Leaf)>) -> Result<Node, Malformed> {
    let mut root = Part::Map(BTreeMap::new());
    for (line, name, leaf) in lines {
        let steps = steps(&name);
        if steps.len() > MAX_DEPTH {
            return Err(Malformed { line, fault: Fault::Limit, problem: "nested deeper than 64 levels" });
        }
        let leaf = typed(&name, leaf);
        if !put(&mut root, &steps, leaf) {
            return Err(Malformed {
                line,
                fault: Fault::Duplicate,
                problem: "this key of the block contradicts another",
            });
        }
    }
    Ok(node(root))
}

/// The two fields that are no text in the other formats.
fn typed(name: &str, mut leaf: Leaf) -> Leaf {
    let value = match &leaf.value {
        Value::Str(text) => match (name, std::str::from_utf8(text)) {
            ("shamir_threshold", Ok(text)) => text.parse().ok().map(Value::Int),
            ("mac_only_encrypted", Ok("true")) => Some(Value::Bool(true)),
            ("mac_only_encrypted", Ok("false")) => Some(Value::Bool(false)),
            _ => None,
        },
        _ => None,
    };
    if let Some(value) = value {
        leaf.value = value;
    }
    leaf
}

fn steps(name: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (position, part) in name.split("__").enumerate() {
        let index = part.strip_prefix("list_").and_then(|index| index.parse().ok());
        match (index, part.strip_prefix("map_"), steps.last_mut()) {
            (Some(index), _, _) if position > 0 => steps.push(Step::Index(index)),
            (_, Some(key), _) if position > 0 => steps.push(Step::Key(key.to_owned())),
            // Two underscores that are part of a key.
            (_, _, Some(Step::Key(key))) => {
                key.push_str("__");
                key.push_str(part);
            }
            _ => steps.push(Step::Key(part.to_owned())),
        }
    }
    steps
}

/// Whether there was room: not where a name stands twice, or once for a value and once for a map or list.
fn put(mut part: &mut Part, steps: &[Step], leaf: Leaf) -> bool {
    let Some((last, before)) = steps.split_last() else { return false };
    for (step, next) in before.iter().zip(steps.iter().skip(1)) {
        let empty = || match next {
            Step::Key(_) => Part::Map(BTreeMap::new()),
            Step::Index(_) => Part::List(BTreeMap::new()),
        };
        part = match (part, step) {
            (Part::Map(map), Step::Key(key)) => map.entry(key.clone()).or_insert_with(empty),
            (Part::List(parts), Step::Index(index)) => parts.entry(*index).or_insert_with(empty),
            _ => return false,
        };
    }
    match (part, last) {
        (Part::Map(map), Step::Key(key)) => map.insert(key.clone(), Part::Leaf(leaf)).is_none(),
        (Part::List(parts), Step::Index(index)) => parts.insert(*index, Part::Leaf(leaf)).is_none(),
        _ => false,
    }
}

fn node(part: Part) -> Node {
    match part {
        Part::Leaf(leaf) => Node::Leaf(leaf),
        Part::Map(map) => Node::Map(map.into_iter().map(|(key, part)| Item::entry(key, node(part))).collect()),
        Part::List(list) => Node::List(list.into_values().map(|part| Element::Node(node(part))).collect()),
    }
}

/// Line ends as `\n`.
pub(super) fn escaped(text: &[u8]) -> Text {
    let lines = super::line_ends(text);
    let mut out = Zeroizing::new(Vec::with_capacity(text.len() + lines));
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if index > 0 {
            out.extend_from_slice(b"\\n");
        }
        out.extend_from_slice(line);
    }
    out
}

/// `\n` as line ends.
pub(super) fn unescaped(text: &str) -> Text {
    Zeroizing::new(text.replace("\\n", "\n").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sops::formats::show;

    fn shown(lines: &[(&str, &str)]) -> Option<String> {
        let leaf = |text: &str| Leaf {
            value: Value::Str(text.as_bytes().to_vec().into()),
            at: 0..0,
            indent: None,
            alias: None,
        };
        let lines = lines.iter().map(|(key, text)| (1, (*key).to_owned(), leaf(text))).collect();
        let mut out = String::new();
        show::node(&unflatten(lines).ok()?, &mut out);
        Some(out)
    }

    #[test]
    fn names_nest_and_contradictions_are_refused() {
        assert_eq!(
            shown(&[
                ("age__list_10__map_enc", "b"),
                ("age__list_2__map_enc", "a"),
                ("mac_only_encrypted", "true"),
                ("shamir_threshold", "2"),
                ("x__y", "z")
            ])
            .as_deref(),
            Some("{age=[{enc=\"a\"} {enc=\"b\"}] mac_only_encrypted=true shamir_threshold=i2 x__y=\"z\"}")
        );
        assert_eq!(shown(&[("a", "1"), ("a", "2")]), None);
        assert_eq!(shown(&[("a", "1"), ("a__list_0", "2")]), None);
        assert_eq!(shown(&[("a__list_0", "1"), ("a__map_b", "2")]), None);
        assert_eq!(shown(&[("a__list_0", "1"), ("a", "2")]), None);
    }
}
