use proptest::prelude::*;

use crate::sops::formats::{Changes, Fault, Format, New, emit, parse, random, rewrite, show};
use crate::sops::tree::{Document, Element, Item, Node, Tree};

fn shown(text: &str) -> String {
    show::tree(&parse(Format::Ini, text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text:?}")))
}

fn changed(source: &str, changes: &Changes<'_>) -> String {
    let tree = parse(Format::Ini, source.as_bytes()).unwrap();
    String::from_utf8(rewrite(Format::Ini, source.as_bytes(), &tree, changes).unwrap().to_vec()).unwrap()
}

fn block() -> Node {
    let key = Node::Map(vec![Item::entry("recipient", Node::text("age1")), Item::entry("enc", Node::text("a\nb\n"))]);
    Node::Map(vec![Item::entry("mac", Node::text("ENC[m]")), Item::entry("age", Node::List(vec![Element::Node(key)]))])
}

const BLOCK: &str = "[sops]\nage__list_0__map_enc       = a\\nb\\n\nage__list_0__map_recipient = age1\nmac                        = ENC[m]\n";

#[test]
fn sections_and_values_are_read_as_sops_reads_them() {
    assert_eq!(
        shown(
            "; top\ntopkey = topval\n[one]\n# c1\n#c2\na = 1\nb=two words  \nd = 'single'\ne = back\\nslash\ng: colon\nh = a=b\nempty =\n\
             [DEFAULT]\nx = y\n[two]\nk = `back\ntick`\nmulti = \"\"\"line1\nline2\"\"\"\ncont = abc \\\n def\nq = \"a\"b\"\n[one]\na2 = `again ; #`\n; late\n"
        ),
        "{DEFAULT={#\"top\" topkey=\"topval\"} one={#\"c1\\n#c2\" a=\"1\" b=\"two words\" d=\"single\" e=\"back\\\\nslash\" g=\"colon\" h=\"a=b\" empty=\"\"} \
         DEFAULT={x=\"y\"} two={k=\"back\\ntick\" multi=\"line1\\nline2\" cont=\"abc def\" q=\"\\\"a\\\"b\\\"\"} one={a2=\"again ; #\" #\"late\"}}"
    );
}

#[test]
fn what_sops_would_cut_off_or_misread_is_refused() {
    for source in
        ["a = b ; c\n", "a = \"b # c\"\n", "a\n", "[a\n", "[]\n", "= b\n", "\"a\" = b\n", "a = `b\n", "[s] ; c\n"]
    {
        assert_eq!(
            parse(Format::Ini, source.as_bytes()).err().map(|error| error.fault),
            Some(Fault::Syntax),
            "{source}"
        );
    }
    assert_eq!(parse(Format::Ini, b"a = 1\na = 2\n").err().map(|error| error.fault), Some(Fault::Duplicate));
    assert_eq!(parse(Format::Ini, b"[sops]\nmac = 1\n[sops]\n").err().map(|error| error.fault), Some(Fault::Duplicate));
}

#[test]
fn the_block_is_a_section() {
    let with = Changes { spellings: Vec::new(), block: Some(&block()) };
    for source in ["; only\n", "a = 1\n", "[s]\na = 1\n; late\n"] {
        let sealed = changed(source, &with);
        assert_eq!(sealed, format!("{source}\n{BLOCK}"));
        assert_eq!(changed(&sealed, &with), sealed);
        assert_eq!(changed(&sealed, &Changes::default()), source);
        assert_eq!(
            shown(&sealed),
            format!("{} sops={{age=[{{enc=\"a\\nb\\n\" recipient=\"age1\"}}] mac=\"ENC[m]\"}}", shown(source))
        );
    }
    // In any order, as sops writes it: only what changed changes.
    let shuffled =
        "a = 1\n\n[sops]\nmac = ENC[n]\nage__list_0__map_recipient=age1\nage__list_0__map_enc   = a\\nb\\n\n";
    assert_eq!(changed(shuffled, &with), shuffled.replace("ENC[n]", "ENC[m]"));
    let newer = "[s]\na = 1\n\n[sops]\nage__list_0__map_enc = \"\"\"a\nb\n\"\"\"\n[t]\nb = 2\n";
    assert_eq!(shown(newer), "{s={a=\"1\"} t={b=\"2\"}} sops={age=[{enc=\"a\\nb\\n\"}]}");
    assert_eq!(changed(newer, &Changes::default()), "[s]\na = 1\n[t]\nb = 2\n");
}

#[test]
fn a_tree_that_is_no_ini_is_refused() {
    let tree = |root| Tree { documents: vec![Document { root, ..Document::default() }], notes: Vec::new() };
    let one = |node| tree(vec![Item::entry("s", Node::Map(vec![Item::entry("a", node)]))]);
    assert!(emit(Format::Ini, &tree(vec![Item::entry("a", Node::text("x"))]), None).is_err());
    assert!(emit(Format::Ini, &one(Node::Map(Vec::new())), None).is_err());
    assert!(emit(Format::Ini, &one(Node::text("`\"\"\"\n\"\"\"`\"\"\"x")), None).is_err());
    assert!(emit(Format::Ini, &one(Node::text("a\r\n")), None).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn values_come_back_as_they_were(value in prop_oneof!["[ -~\t]{0,8}", "[`\"'#;\\\\\n\r =a]{0,8}", any::<String>()]) {
        let items = vec![Item::entry("a", Node::text(&value)), Item::entry("b", Node::text("1"))];
        let tree = Tree { documents: vec![Document { root: vec![Item::entry("s", Node::Map(items))], ..Document::default() }], notes: Vec::new() };
        if let Ok(written) = emit(Format::Ini, &tree, None) {
            prop_assert_eq!(shown(std::str::from_utf8(&written).unwrap()), show::tree(&tree));
        }
    }

    #[test]
    fn sealed_and_opened_it_says_the_same(source in "(\\[[a-c]\\]\n|[;#]{1,2} ?[a-z]{0,3}\n|\n){0,6}") {
        let source = format!("{source}k = 1\nl=`;`\nm =\n[x]\nn: 'y'\n");
        let tree = parse(Format::Ini, source.as_bytes()).unwrap();
        prop_assert_eq!(&changed(&source, &Changes::default()), &source);
        let spellings = random::spans(&tree).into_iter().map(|at| (at, New::Cipher("ENC[x]".into()))).collect();
        let sealed = changed(&source, &Changes { spellings, block: Some(&block()) });
        let sealed_tree = parse(Format::Ini, sealed.as_bytes()).unwrap();
        let spellings = random::spans(&sealed_tree).into_iter().zip(random::values(&tree)).map(|(at, value)| (at, New::Value(value))).collect();
        let opened = rewrite(Format::Ini, sealed.as_bytes(), &sealed_tree, &Changes { spellings, block: None }).unwrap();
        prop_assert_eq!(shown(std::str::from_utf8(&opened).unwrap()), show::tree(&tree), "{}", sealed);
    }

    #[test]
    fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100), source in "[a\\[\\]=:;#`\"'\\\\ \n\r]{0,40}") {
        let _ = parse(Format::Ini, &bytes);
        let _ = parse(Format::Ini, source.as_bytes());
    }
}

#[test]
fn three_quotes_alone_begin_a_text() {
    assert_eq!(shown("a = 'b # \\\n c'\n"), "{DEFAULT={a=\"'b # c'\"}}");
    assert_eq!(shown("a = \"\"\"\nb\n\"\"\"\n"), "{DEFAULT={a=\"\\nb\\n\"}}");
    assert_eq!(shown("a = \"\"\""), "{DEFAULT={a=\"\\\"\\\"\\\"\"}}");
}
