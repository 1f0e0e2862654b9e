use super::*;
use crate::sops::tree::{Element, Leaf};

fn map(fields: Vec<(&str, Node)>) -> Node {
    Node::Map(fields.into_iter().map(|(name, node)| Item::entry(name, node)).collect())
}

fn list(nodes: Vec<Node>) -> Node {
    Node::List(nodes.into_iter().map(Element::Node).collect())
}

fn text(text: &str) -> Node {
    Node::text(text)
}

fn null() -> Node {
    Node::leaf(Value::Null)
}

fn age(recipient: &str) -> Node {
    map(vec![("recipient", text(recipient)), ("enc", text("sealed"))])
}

/// The node in one line, for comparing.
fn line(node: &Node) -> String {
    match node {
        Node::Leaf(Leaf { value: Value::Null, .. }) => "~".to_owned(),
        Node::Leaf(_) => nodes::scalar(node).flatten().unwrap_or_default(),
        Node::Map(_) => {
            let fields = nodes::fields(node).unwrap_or_default();
            let all: Vec<String> = fields.iter().map(|(name, node)| format!("{name}:{}", line(node))).collect();
            format!("{{{}}}", all.join(" "))
        }
        Node::List(elements) => {
            let all: Vec<String> = elements
                .iter()
                .map(|element| if let Element::Node(node) = element { line(node) } else { String::new() })
                .collect();
            format!("[{}]", all.join(" "))
        }
    }
}

fn read(fields: Vec<(&str, Node)>) -> Metadata {
    Metadata::read(&map(fields)).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(fields: Vec<(&str, Node)>) -> MetadataError {
    Metadata::read(&map(fields)).err().unwrap()
}

#[test]
fn a_block_is_written_as_it_was_read() {
    let block = || {
        map(vec![
            ("kms", list(vec![])),
            ("gcp_kms", null()),
            ("age", list(vec![age("age1a"), age("age1b")])),
            ("lastmodified", text("2026-11-22T15:02:04Z")),
            ("mac", text("ENC[x]")),
            ("pgp", list(vec![map(vec![("created_at", text("2020")), ("fp", text("F")), ("enc", text("P"))])])),
            ("of_the_future", map(vec![("a", list(vec![text("b")]))])),
            ("encrypted_regex", text("^data$")),
            ("version", text("3.13.1")),
        ])
    };
    let metadata = Metadata::read(&block()).ok().unwrap();
    assert_eq!(line(&metadata.to_node()), line(&block()));
    let ids: Vec<String> = metadata.key_ids().concat().iter().map(ToString::to_string).collect();
    assert_eq!(ids, ["age1a", "age1b", "pgp F"]);
    assert_eq!(metadata.rule_fields, [(RuleField::EncryptedRegex, "^data$".to_owned())]);
}

#[test]
fn a_new_block_has_the_order_of_sops() {
    let metadata = Metadata {
        groups: vec![Group { keys: vec![SealedKey::age("age1a", "sealed".to_owned())] }],
        last_modified: Some("T".to_owned()),
        mac: Some("M".to_owned()),
        rule_fields: vec![(RuleField::UnencryptedSuffix, "_u".to_owned())],
        mac_scope: Scope::OnlyEncrypted,
        ..Metadata::default()
    };
    assert_eq!(
        line(&metadata.to_node()),
        "{age:[{recipient:age1a enc:sealed}] lastmodified:T mac:M unencrypted_suffix:_u mac_only_encrypted:True version:3.11.0}"
    );
}

#[test]
fn groups_are_read_and_written_with_their_threshold() {
    let groups =
        || list(vec![map(vec![("age", list(vec![age("age1a")]))]), map(vec![("age", list(vec![age("age1b")]))])]);
    let metadata = read(vec![("shamir_threshold", nodes::number(2)), ("key_groups", groups())]);
    assert_eq!((metadata.groups.len(), metadata.threshold), (2, Some(2)));
    assert!(line(&metadata.to_node()).starts_with("{shamir_threshold:2 key_groups:[{age:[{recipient:age1a"));
    let flat = read(vec![("key_groups", groups()), ("age", list(vec![age("age1c")]))]);
    assert_eq!(flat.key_ids(), [[KeyId::age("age1c")]]);
}

#[test]
fn what_a_file_says_about_the_threshold_is_bounded() {
    let mut metadata = Metadata::default();
    for (threshold, groups, expected) in [(None, 3, 3), (Some(2), 3, 2), (Some(1), 3, 3), (Some(9), 3, 3)] {
        metadata.threshold = threshold;
        assert_eq!(metadata.threshold_for(groups), expected);
    }
}

#[test]
fn types_of_other_formats_are_taken() {
    let metadata = read(vec![
        ("age", list(vec![age("age1a")])),
        ("shamir_threshold", text("2")),
        ("mac_only_encrypted", text("true")),
        ("version", Node::leaf(Value::Float(3.5))),
        ("lastmodified", Node::leaf(Value::Time(b"2026-11-22T15:02:04Z".to_vec().into()))),
        ("mac", text("")),
        ("encrypted_regex", text("")),
    ]);
    assert_eq!(metadata.threshold, Some(2));
    assert_eq!(metadata.mac_scope, Scope::OnlyEncrypted);
    assert_eq!(metadata.last_modified.as_deref(), Some("2026-11-22T15:02:04Z"));
    assert!(metadata.mac.is_none() && metadata.rule_fields.is_empty());
}

#[test]
fn what_cannot_be_a_block_is_refused_by_field() {
    assert_eq!(Metadata::read(&text("x")).err(), Some(MetadataError::NotAMap));
    assert_eq!(refused(vec![]), MetadataError::NoKeys);
    assert_eq!(refused(vec![("age", list(vec![]))]), MetadataError::NoKeys);
    assert_eq!(refused(vec![("age", text("x"))]), MetadataError::WrongType("age".into()));
    assert_eq!(refused(vec![("age", list(vec![text("x")]))]), MetadataError::WrongType("age".into()));
    assert_eq!(refused(vec![("mac", list(vec![]))]), MetadataError::WrongType("mac".into()));
    assert_eq!(refused(vec![("shamir_threshold", text("-1"))]), MetadataError::WrongType("shamir_threshold".into()));
    assert_eq!(refused(vec![("mac", text("a")), ("mac", text("b"))]), MetadataError::Twice("mac".into()));
    let many = (0..=KEY_LIMIT).map(|_| age("age1a")).collect();
    assert_eq!(refused(vec![("age", list(many))]), MetadataError::TooManyKeys);
}

#[test]
fn keys_of_every_kind_have_a_name() {
    let kms = map(vec![("arn", text("arn:x")), ("role", text("r")), ("enc", text("e"))]);
    let vault =
        map(vec![("vault_address", text("https://v")), ("engine_path", text("transit")), ("key_name", text("k"))]);
    let metadata = read(vec![("hc_vault", list(vec![vault])), ("kms", list(vec![kms]))]);
    let names: Vec<String> = metadata.key_ids().concat().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["kms arn:x+r", "hc_vault https://v/v1/transit/keys/k"]);
}

#[test]
fn a_block_is_told_from_a_plain_map_of_that_name() {
    assert!(looks_encrypted(&map(vec![("mac", text("m")), ("version", text("3.11.0"))])));
    assert!(!looks_encrypted(&map(vec![("mac", text("m"))])));
    assert!(!looks_encrypted(&text("x")));
}
