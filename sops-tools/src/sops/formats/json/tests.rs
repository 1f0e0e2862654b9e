use proptest::prelude::*;

use crate::sops::formats::{Changes, Fault, Format, New, emit, parse, random, rewrite, show};
use crate::sops::tree::{Item, Node};

fn shown(text: &str) -> String {
    show::tree(&parse(Format::Json, text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text:?}")))
}

fn fault(text: &str) -> Fault {
    parse(Format::Json, text.as_bytes()).err().map(|error| error.fault).expect("refused")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn values_keep_type_and_order() {
    assert_eq!(
        shown(
            r#" {"b": [1, 1.0, -0.5e3, 9223372036854775808, true, null, {}], "a": "x\n\u00e9\ud83d\ude00\ud800\/"} "#
        ),
        "{b=[i1 f1.0 f-500.0 f9.223372036854776e18 true null {}] a=\"x\\né😀\u{fffd}/\"}"
    );
}

#[test]
fn what_is_no_json_object_is_refused() {
    for wrong in [
        "",
        "{",
        "{\"a\"}",
        "{\"a\":01}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\":\"\n\"}",
        "{\"a\":1} x",
        "{\"a\":.5}",
        "{\"a\":\"\\x\"}",
        "{\"a\":nul}",
        "{\"a\":\"\\u12\"}",
    ] {
        assert_eq!(fault(wrong), Fault::Syntax, "{wrong}");
    }
    assert_eq!(fault("[1]"), Fault::Top);
    assert_eq!(fault("{\"sops\": 1}"), Fault::Block);
    assert_eq!(fault("{\"a\": 1e999}"), Fault::Number);
    assert_eq!(fault(&"{\"a\":".repeat(100)), Fault::Limit);
    let twice = parse(Format::Json, b"{\"a\": 1,\n\"a\": 2}").unwrap();
    assert_eq!(show::tree(&twice), "{a=i1 a=i2}");
    assert_eq!(twice.notes[0].line, 2);
}

#[test]
fn the_block_comes_and_goes_and_leaves_the_rest() {
    let block =
        |mac: &str| Node::Map(vec![Item::entry("mac", Node::text(mac)), Item::entry("age", Node::List(Vec::new()))]);
    let change = |source: &str, block: Option<&Node>| {
        let tree = parse(Format::Json, source.as_bytes()).unwrap();
        text(&rewrite(Format::Json, source.as_bytes(), &tree, &Changes { spellings: Vec::new(), block }).unwrap())
    };
    for source in ["{\n\t\"a\": 1\n}\n", "{\r\n  \"a\": 1\r\n}", "{\"a\":1}", "{ \"a\" : 1 }\n"] {
        let sealed = change(source, Some(&block("ENC[x]")));
        assert!(sealed.contains("\"mac\": \"ENC["), "{sealed}");
        assert_eq!(change(&sealed, Some(&block("ENC[y]"))), sealed.replace("ENC[x]", "ENC[y]"));
        assert_eq!(change(&sealed, None), source);
    }
    let alone = "{\n\t\"sops\": {\n\t\t\"mac\": \"ENC[x]\",\n\t\t\"age\": []\n\t}\n}\n";
    assert_eq!(change("{}\n", Some(&block("ENC[x]"))), alone);
    assert_eq!(change(alone, None), "{}\n");
}

#[test]
fn strings_are_escaped_as_go_does() {
    let tree = parse(Format::Json, br#"{"<k>": "a&b \u2028 \u0001 \"\\ \b"}"#).unwrap();
    assert_eq!(
        text(&emit(Format::Json, &tree, None).unwrap()),
        "{\n\t\"\\u003ck\\u003e\": \"a\\u0026b \\u2028 \\u0001 \\\"\\\\ \\b\"\n}\n"
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(tree in random::tree(random::Rich::Json)) {
        let written = emit(Format::Json, &tree, None).unwrap();
        let read = parse(Format::Json, &written).unwrap();
        prop_assert_eq!(show::tree(&read), show::tree(&tree));
        let same = rewrite(Format::Json, &written, &read, &Changes::default()).unwrap();
        prop_assert_eq!(text(&same), text(&written));
        let spellings = random::spans(&read).into_iter().map(|at| (at, New::Cipher("ENC[x]".into()))).collect();
        let sealed = rewrite(Format::Json, &written, &read, &Changes { spellings, block: None }).unwrap();
        let sealed_tree = parse(Format::Json, &sealed).unwrap();
        let spellings = random::spans(&sealed_tree).into_iter().zip(random::values(&tree)).map(|(at, value)| (at, New::Value(value))).collect();
        let opened = rewrite(Format::Json, &sealed, &sealed_tree, &Changes { spellings, block: None }).unwrap();
        prop_assert_eq!(text(&opened), text(&written));
    }

    #[test]
    fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100), signs in "[{}\\[\\]\":,0-9.eu\\\\a \n-]{0,60}") {
        let _ = parse(Format::Json, &bytes);
        let _ = parse(Format::Json, signs.as_bytes());
    }
}
