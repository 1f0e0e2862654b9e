use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::sops::rules::RuleField;
use crate::sops::tree::{Document, Entry, Value};

fn comment(text: &str) -> Comment {
    Comment { text: Zeroizing::new(text.as_bytes().to_vec()), at: 0..0 }
}

fn note(text: &str) -> Item {
    Item::Comment(comment(text))
}

fn leaf(text: &str) -> Node {
    Node::text(text)
}

fn entry(key: &str, node: Node) -> Item {
    Item::entry(key, node)
}

fn tree(root: Vec<Item>) -> Tree {
    Tree { documents: vec![Document { root, ..Document::default() }], ..Tree::default() }
}

/// Text, path, and a mark for what is encrypted.
fn seen(tree: &Tree, rule: &Rule) -> Vec<String> {
    let mut all = Vec::new();
    let done: Result<(), ()> = walk(tree, rule, |place| {
        let text = match &place.found {
            Found::Leaf(Leaf { value: Value::Str(text), .. }) => text.to_vec(),
            Found::Leaf(_) => Vec::new(),
            Found::Comment(comment) => [b"#", comment.text.as_slice()].concat(),
        };
        assert_eq!(place.index, all.len());
        let aad = String::from_utf8_lossy(place.path.aad()).into_owned();
        let mark = if place.is_encrypted { "!" } else { "" };
        all.push(format!("{}@{aad}{mark}", String::from_utf8_lossy(&text)));
        Ok(())
    });
    assert_eq!(done, Ok(()));
    all
}

#[test]
fn places_come_in_document_order_with_their_paths() {
    let list = Node::List(vec![
        Element::Node(leaf("1")),
        Element::Comment(comment("c")),
        Element::Node(Node::Map(vec![entry("k", leaf("2"))])),
        Element::Node(Node::List(vec![Element::Node(leaf("3"))])),
    ]);
    let tree = tree(vec![
        note("top"),
        entry("a", Node::Map(vec![note("in"), entry("b", list)])),
        entry("z_unencrypted", leaf("4")),
    ]);
    let expected = ["#top@:!", "#in@a:!", "1@a:b:!", "#c@a:b:!", "2@a:b:k:!", "3@a:b:!", "4@z_unencrypted:"];
    assert_eq!(seen(&tree, &Rule::default()), expected);
}

#[test]
fn what_is_below_a_matching_key_inherits() {
    let rule = Rule::of(RuleField::EncryptedRegex, "^data$").unwrap();
    let inner = Node::Map(vec![note("c"), entry("deep", Node::Map(vec![entry("er", leaf("1"))]))]);
    let tree = tree(vec![note("top"), entry("data", inner), entry("kind", leaf("2"))]);
    assert_eq!(seen(&tree, &rule), ["#top@:", "#c@data:!", "1@data:deep:er:!", "2@kind:"]);
}

#[test]
fn a_comment_counts_until_the_next_value_of_its_level() {
    let root = || {
        vec![
            note(" mark"),
            note(" second"),
            note(" mark again"),
            entry("a", Node::Map(vec![entry("x", leaf("1")), entry("y", leaf("2"))])),
            entry("b", leaf("3")),
            note(" mark"),
            entry("c", leaf("4")),
            entry("d", leaf("5")),
        ]
    };
    let sealed = Rule::of(RuleField::EncryptedCommentRegex, "mark").unwrap();
    assert_eq!(
        seen(&tree(root()), &sealed),
        ["# mark@:", "# second@:!", "# mark again@:!", "1@a:x:!", "2@a:y:!", "3@b:", "# mark@:", "4@c:!", "5@d:"]
    );
    let plain = Rule::of(RuleField::UnencryptedCommentRegex, "mark").unwrap();
    assert_eq!(
        seen(&tree(root()), &plain),
        ["# mark@:", "# second@:", "# mark again@:", "1@a:x:", "2@a:y:", "3@b:!", "# mark@:", "4@c:", "5@d:!"]
    );
}

#[test]
fn comments_do_not_reach_into_the_next_document() {
    let documents = vec![
        Document { root: vec![note("mark")], ..Document::default() },
        Document { root: vec![entry("a", leaf("1"))], ..Document::default() },
    ];
    let rule = Rule::of(RuleField::EncryptedCommentRegex, "mark").unwrap();
    assert_eq!(seen(&Tree { documents, ..Tree::default() }, &rule), ["#mark@:", "1@a:"]);
}

#[test]
fn an_error_ends_the_walk() {
    let tree = tree(vec![entry("a", leaf("1")), entry("b", leaf("2"))]);
    let mut count = 0;
    let end = walk(&tree, &Rule::default(), |_| {
        count += 1;
        Err("stop")
    });
    assert_eq!((end, count), (Err("stop"), 1));
}

proptest! {
    #[test]
    fn paths_are_whole_again_after_every_nest(depths in proptest::collection::vec(0usize..40, 1..10)) {
        let nest = |depth: usize| (0..depth).fold(leaf("x"), |node, _| Node::Map(vec![entry("k", node)]));
        let root = depths.iter().map(|&depth| entry("top", nest(depth))).collect();
        let expected: Vec<String> = depths.iter().map(|&depth| format!("x@top:{}!", "k:".repeat(depth))).collect();
        prop_assert_eq!(seen(&tree(root), &Rule::default()), expected);
    }
}

#[test]
fn comments_are_sealed_where_sops_looks_for_them() {
    let deep = Node::Map(vec![entry("x", Node::List(vec![Element::Node(leaf("1"))]))]);
    let flow = Entry { key: "f".to_owned(), node: Node::List(Vec::new()), at: 100..110 };
    let behind = Comment { text: Zeroizing::new(b"behind brackets".to_vec()), at: 112..120 };
    let map = Node::Map(vec![
        note("head"),
        entry("n", deep),
        Item::Comment(behind),
        Item::Entry(flow),
        entry("m", Node::Map(vec![entry("y", leaf("2"))])),
        note("last"),
    ]);
    let tree = tree(vec![entry("a", map), note("end")]);
    let mut sealed_with = Vec::new();
    let done: Result<(), ()> = walk(&tree, &Rule::default(), |place| {
        if let Found::Comment(comment) = &place.found {
            let text = String::from_utf8_lossy(&comment.text).into_owned();
            assert!(place.candidates().contains(&place.aad()), "{text}");
            sealed_with.push((text, String::from_utf8(place.aad()).unwrap()));
        }
        Ok(())
    });
    assert_eq!(done, Ok(()));
    let found: Vec<(&str, &str)> = sealed_with.iter().map(|(text, aad)| (text.as_str(), aad.as_str())).collect();
    assert_eq!(found, [("head", "a:"), ("behind brackets", "a:f:"), ("last", "a:m:"), ("end", ":")]);
}
