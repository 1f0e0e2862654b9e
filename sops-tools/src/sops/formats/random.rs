//! Random trees, for properties.

use proptest::prelude::*;
use zeroize::Zeroizing;

use crate::sops::tree::{Comment, Document, Element, Item, Node, Span, Tree, Value};

/// What a format can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rich {
    Yaml,
    Json,
}

/// A tree as data, because trees themselves cannot be cloned or printed.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    Null,
    Str(Vec<u8>),
    Int(i64),
    Float(f64),
    Bool(bool),
    Time(&'static str),
    Map(Vec<(Option<String>, String, Shape)>),
    List(Vec<(Option<String>, Shape)>),
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&super::show::tree(self))
    }
}

pub(super) fn tree(rich: Rich) -> impl Strategy<Value = Tree> {
    let documents = if rich == Rich::Yaml { 1..3_usize } else { 1..2 };
    proptest::collection::vec(map(node(rich), rich), documents).prop_map(|documents| Tree {
        documents: documents
            .into_iter()
            .map(|shape| match build(&shape) {
                Node::Map(root) => Document { root, ..Document::default() },
                _ => Document::default(),
            })
            .collect(),
        notes: Vec::new(),
    })
}

pub(super) fn node(rich: Rich) -> BoxedStrategy<Shape> {
    leaf(rich)
        .prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                map(inner.clone(), rich),
                proptest::collection::vec((comment(rich), inner), 0..4).prop_map(Shape::List)
            ]
        })
        .boxed()
}

fn map(inner: impl Strategy<Value = Shape>, rich: Rich) -> impl Strategy<Value = Shape> {
    let key = prop_oneof![4 => "[a-z]{1,6}", 1 => "[a-zA-Z0-9:# .'\"{-]{0,6}", 1 => any::<String>()];
    proptest::collection::vec((comment(rich), key, inner), 0..4).prop_map(|mut entries| {
        let mut seen = std::collections::HashSet::new();
        entries.retain(|(_, key, _)| seen.insert(key.clone()) && key != "sops");
        Shape::Map(entries)
    })
}

fn comment(rich: Rich) -> BoxedStrategy<Option<String>> {
    if rich == Rich::Json {
        return Just(None).boxed();
    }
    prop_oneof![3 => Just(None), 1 => "[ a-z#:]{0,8}".prop_map(Some)].boxed()
}

fn leaf(rich: Rich) -> BoxedStrategy<Shape> {
    let text = prop_oneof![
        "[a-z]{0,6}",
        "[a-z \n#:\t'\"-]{0,12}",
        "( {0,2}[a-z]{0,3}\n){1,4}",
        "[0-9.eE+x_:-]{1,8}",
        "(yes|no|null|~|true|<<|=|2024-05-06|0644|\\.inf|---|\\.\\.\\.|- a|ENC\\[x\\])",
        any::<String>(),
    ];
    let json = prop_oneof![
        1 => Just(Shape::Null),
        6 => text.prop_map(|text| Shape::Str(text.into_bytes())),
        1 => any::<i64>().prop_map(Shape::Int),
        1 => any::<f64>().prop_filter("told", move |number| is_told(*number, rich)).prop_map(Shape::Float),
        1 => any::<bool>().prop_map(Shape::Bool),
    ];
    if rich == Rich::Json {
        return json.boxed();
    }
    prop_oneof![
        8 => json,
        1 => proptest::collection::vec(any::<u8>(), 0..8).prop_map(Shape::Str),
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)].prop_map(Shape::Float),
        1 => prop_oneof![Just("2024-05-06T00:00:00Z"), Just("2024-05-06T01:02:03.5+02:00")].prop_map(Shape::Time),
    ]
    .boxed()
}

/// Whether a format can tell this float from a whole number; JSON is written as sops does, 7 for 7.0.
fn is_told(number: f64, rich: Rich) -> bool {
    let whole = number.fract() == 0.0 && number.abs() < 1e19 && !(number == 0.0 && number.is_sign_negative());
    number.is_finite() && !(whole && rich == Rich::Json)
}

pub(super) fn build(shape: &Shape) -> Node {
    let comment = |text: &String| Comment { text: Zeroizing::new(text.as_bytes().to_vec()), at: 0..0 };
    match shape {
        Shape::Null => Node::leaf(Value::Null),
        Shape::Str(text) => Node::leaf(Value::Str(Zeroizing::new(text.clone()))),
        Shape::Int(number) => Node::leaf(Value::Int(*number)),
        Shape::Float(number) => Node::leaf(Value::Float(*number)),
        Shape::Bool(truth) => Node::leaf(Value::Bool(*truth)),
        Shape::Time(text) => Node::leaf(Value::Time(Zeroizing::new(text.as_bytes().to_vec()))),
        Shape::Map(entries) => Node::Map(
            entries
                .iter()
                .flat_map(|(note, key, value)| {
                    note.iter().map(comment).map(Item::Comment).chain([Item::entry(key.clone(), build(value))])
                })
                .collect(),
        ),
        Shape::List(elements) => Node::List(
            elements
                .iter()
                .flat_map(|(note, value)| {
                    note.iter().map(comment).map(Element::Comment).chain([Element::Node(build(value))])
                })
                .collect(),
        ),
    }
}

/// Where all values but nulls, and all comments, stand.
pub(super) fn spans(tree: &Tree) -> Vec<Span> {
    let mut found = Vec::new();
    each(tree, &mut |value, at| {
        if !matches!(value, Some(Value::Null)) {
            found.push(at.clone());
        }
    });
    found
}

/// Copies of what stands at these places.
pub(super) fn values(tree: &Tree) -> Vec<Value> {
    let mut found = Vec::new();
    for document in &tree.documents {
        in_items(&document.root, &mut |value, comment, _| match (value, comment) {
            (Some(Value::Null), _) | (None, None) => {}
            (Some(value), _) => found.push(copy(value)),
            (None, Some(comment)) => found.push(Value::Comment(Zeroizing::new(comment.text.to_vec()))),
        });
    }
    found
}

fn copy(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Str(text) => Value::Str(Zeroizing::new(text.to_vec())),
        Value::Int(number) => Value::Int(*number),
        Value::Float(number) => Value::Float(*number),
        Value::Bool(truth) => Value::Bool(*truth),
        Value::Time(text) => Value::Time(Zeroizing::new(text.to_vec())),
        Value::Comment(text) => Value::Comment(Zeroizing::new(text.to_vec())),
    }
}

fn each(tree: &Tree, seen: &mut impl FnMut(Option<&Value>, &Span)) {
    for document in &tree.documents {
        in_items(&document.root, &mut |value, _, at| seen(value, at));
    }
}

/// Takes a value or a comment, and its place.
type Seen<'s> = dyn FnMut(Option<&Value>, Option<&Comment>, &Span) + 's;

fn in_items(items: &[Item], seen: &mut Seen<'_>) {
    for item in items {
        match item {
            Item::Comment(comment) => seen(None, Some(comment), &comment.at),
            Item::Entry(entry) => in_node(&entry.node, seen),
        }
    }
}

fn in_node(node: &Node, seen: &mut Seen<'_>) {
    match node {
        Node::Leaf(leaf) => seen(Some(&leaf.value), None, &leaf.at),
        Node::Map(items) => in_items(items, seen),
        Node::List(elements) => {
            for element in elements {
                match element {
                    Element::Comment(comment) => seen(None, Some(comment), &comment.at),
                    Element::Node(node) => in_node(node, seen),
                }
            }
        }
    }
}
