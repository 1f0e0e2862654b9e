use proptest::prelude::*;

use crate::sops::formats::{Changes, Fault, Format, New, emit, parse, random, rewrite, show};
use crate::sops::tree::{Element, Item, Node};

fn shown(text: &str) -> String {
    show::tree(&parse(Format::Dotenv, text.as_bytes()).unwrap())
}

fn changed(source: &str, changes: &Changes<'_>) -> String {
    let tree = parse(Format::Dotenv, source.as_bytes()).unwrap();
    String::from_utf8(rewrite(Format::Dotenv, source.as_bytes(), &tree, changes).unwrap().to_vec()).unwrap()
}

fn block(version: &str) -> Node {
    let key = Node::Map(vec![Item::entry("recipient", Node::text("age1")), Item::entry("enc", Node::text("a\nb\n"))]);
    Node::Map(vec![
        Item::entry("version", Node::text(version)),
        Item::entry("mac", Node::text("ENC[m]")),
        Item::entry("age", Node::List(vec![Element::Node(key)])),
    ])
}

const BLOCK: &str =
    "sops_age__list_0__map_enc=a\\nb\\n\nsops_age__list_0__map_recipient=age1\nsops_mac=ENC[m]\nsops_version=3.11.0\n";

#[test]
fn lines_are_taken_as_they_are() {
    assert_eq!(
        shown("A=1\n# c\n\nB=x\\ny\nC=a=b\n D = 'sp' \nE=\nexport F=1\r\nG=ENC[x]\r\n"),
        "{A=\"1\" #\" c\" B=\"x\\ny\" C=\"a=b\"  D =\" 'sp' \" E=\"\" export F=\"1\\r\" G=\"ENC[x]\"}"
    );
    let error = parse(Format::Dotenv, b"A=1\nsecret\n").err().unwrap();
    assert_eq!((error.line, error.fault), (2, Fault::Syntax));
    assert_eq!(parse(Format::Dotenv, b"A=1\nA=2\n").unwrap().notes[0].line, 2);
}

#[test]
fn the_block_is_flat_in_the_file_and_nested_in_the_tree() {
    let sealed = changed("A=1\nB=2", &Changes { spellings: Vec::new(), block: Some(&block("3.11.0")) });
    assert_eq!(sealed, format!("A=1\nB=2\n{BLOCK}"));
    assert_eq!(
        shown(&sealed),
        "{A=\"1\" B=\"2\"} sops={age=[{enc=\"a\\nb\\n\" recipient=\"age1\"}] mac=\"ENC[m]\" version=\"3.11.0\"}"
    );
    let windows = changed("A=1\r\n", &Changes { spellings: Vec::new(), block: Some(&block("3.11.0")) });
    assert_eq!(windows, format!("A=1\r\n{BLOCK}"));
    assert_eq!(
        changed(
            &windows.replace("3.11.0", "3.10.0"),
            &Changes { spellings: Vec::new(), block: Some(&block("3.11.0")) }
        ),
        windows
    );
    let mixed = "A=1\nsops_mac=x\nB=2\nsops_version=1\nC=3\n";
    assert_eq!(
        changed(mixed, &Changes { spellings: Vec::new(), block: Some(&block("3.11.0")) }),
        format!("A=1\n{BLOCK}B=2\nC=3\n")
    );
    assert_eq!(changed(mixed, &Changes::default()), "A=1\nB=2\nC=3\n");
}

#[test]
fn what_would_be_read_back_otherwise_is_refused() {
    let tree = |key: &str, node: Node| {
        let document = crate::sops::tree::Document { root: vec![Item::entry(key, node)], ..Default::default() };
        crate::sops::tree::Tree { documents: vec![document], notes: Vec::new() }
    };
    for (key, node) in [
        ("a", Node::Map(Vec::new())),
        ("a=b", Node::text("")),
        ("#a", Node::text("")),
        ("sops_a", Node::text("")),
        ("a", Node::text("\\n")),
    ] {
        assert!(emit(Format::Dotenv, &tree(key, node), None).is_err(), "{key}");
    }
}

proptest! {
    #[test]
    fn sealed_and_opened_it_is_the_same(source in "([A-Z]{1,3}=[ -~éx]{0,8}\n|#[ -~]{0,5}\n|\n){0,6}") {
        let tree = parse(Format::Dotenv, source.as_bytes()).unwrap();
        prop_assert_eq!(&changed(&source, &Changes::default()), &source);
        let spans = random::spans(&tree);
        let spellings = spans.into_iter().map(|at| (at, New::Cipher("ENC[x]".into()))).collect();
        let sealed = changed(&source, &Changes { spellings, block: Some(&block("1")) });
        let sealed_tree = parse(Format::Dotenv, sealed.as_bytes()).unwrap();
        let spellings = random::spans(&sealed_tree).into_iter().zip(random::values(&tree)).map(|(at, value)| (at, New::Value(value))).collect();
        let opened = rewrite(Format::Dotenv, sealed.as_bytes(), &sealed_tree, &Changes { spellings, block: None }).unwrap();
        prop_assert_eq!(std::str::from_utf8(&opened).unwrap(), source);
    }

    #[test]
    fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100), source in "(sops_|__|list_|map_|[0-9a=#\n\r]){0,20}") {
        let _ = parse(Format::Dotenv, &bytes);
        let _ = parse(Format::Dotenv, source.as_bytes());
    }
}
