use std::fmt::Write as _;

use proptest::prelude::*;
use zeroize::Zeroizing;

use crate::sops::formats::{Changes, Fault, Format, New, emit, parse, random, rewrite, show};
use crate::sops::tree::{Element, Item, Node, Tree, Value};

fn read(text: &str) -> Tree {
    parse(Format::Yaml, text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

fn shown(text: &str) -> String {
    show::tree(&read(text))
}

fn fault(text: &str) -> Fault {
    parse(Format::Yaml, text.as_bytes()).err().map(|error| error.fault).expect("refused")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Every scalar and comment replaced by a cipher text, and by itself again.
fn there_and_back(source: &str) -> (String, String) {
    let tree = read(source);
    let spellings =
        random::spans(&tree).into_iter().map(|at| (at, New::Cipher("ENC[AES256_GCM,data:+/=,type:str]".into())));
    let changes = Changes { spellings: spellings.collect(), block: None };
    let sealed = rewrite(Format::Yaml, source.as_bytes(), &tree, &changes).unwrap();
    let sealed_tree = parse(Format::Yaml, &sealed).unwrap_or_else(|error| panic!("{error}: {:?}", text(&sealed)));
    let values = random::values(&tree);
    let spans = random::spans(&sealed_tree);
    assert_eq!(values.len(), spans.len(), "{:?}", text(&sealed));
    let changes = Changes {
        spellings: spans.into_iter().zip(values).map(|(at, value)| (at, New::Value(value))).collect(),
        block: None,
    };
    let opened = rewrite(Format::Yaml, &sealed, &sealed_tree, &changes).unwrap();
    (text(&sealed), text(&opened))
}

/// A plain scalar and what sops 3.11 reads in it.
#[rustfmt::skip]
const SCALARS: &[(&str, &str)] = &[
    ("0644", "i420"),
    ("+0o17", "i15"),
    ("0O17", "i15"),
    ("0_7", "i7"),
    ("0o17", "i15"),
    ("0x1F", "i31"),
    ("0X1f", "i31"),
    ("-0x1F", "i-31"),
    ("0x_ff", "i255"),
    ("0b101", "i5"),
    ("0b", "\"0b\""),
    ("1_000", "i1000"),
    ("1__0", "i10"),
    ("_1", "\"_1\""),
    ("0899", "f899.0"),
    ("09", "f9.0"),
    ("1_000.5", "f1000.5"),
    ("1e3", "f1000.0"),
    ("12e03", "f12000.0"),
    ("1.e3", "f1000.0"),
    ("1e21", "f1e21"),
    (".5", "f0.5"),
    ("5.", "f5.0"),
    ("+.5", "f0.5"),
    ("0.10", "f0.1"),
    ("1.0", "f1.0"),
    ("+12", "i12"),
    ("-0", "i0"),
    ("0x7fffffffffffffff", "i9223372036854775807"),
    ("-9223372036854775808", "i-9223372036854775808"),
    ("123456789012345678901234567890", "f1.2345678901234568e29"),
    ("true", "true"),
    ("True", "true"),
    ("TRUE", "true"),
    ("FALSE", "false"),
    ("~", "null"),
    ("null", "null"),
    ("Null", "null"),
    ("NULL", "null"),
    ("", "null"),
    ("2024-05-06", "t2024-05-06T00:00:00Z"),
    ("2024-5-6", "t2024-05-06T00:00:00Z"),
    ("2024-05-06T01:02:03Z", "t2024-05-06T01:02:03Z"),
    ("2024-05-06T1:2:3Z", "t2024-05-06T01:02:03Z"),
    ("2024-05-06 01:02:03", "t2024-05-06T01:02:03Z"),
    ("2024-05-06T01:02:03.500+02:00", "t2024-05-06T01:02:03.5+02:00"),
    ("2024-05-06T01:02:03", "\"2024-05-06T01:02:03\""),
    ("2024-05-06 01:02:03Z", "\"2024-05-06 01:02:03Z\""),
    ("2001-12-14 21:59:43.10 -5", "\"2001-12-14 21:59:43.10 -5\""),
    ("2024-13-06", "\"2024-13-06\""),
    ("2023-02-29", "\"2023-02-29\""),
    ("190:20:30", "\"190:20:30\""),
    ("yes", "\"yes\""),
    ("y", "\"y\""),
    ("off", "\"off\""),
    ("NaN", "\"NaN\""),
    (".inf", "finf"),
    (".Inf", "finf"),
    ("+.inf", "finf"),
    ("-.inf", "f-inf"),
    (".nan", "fNaN"),
    ("'12'", "\"12\""),
    ("!!str 12", "\"12\""),
    ("!!binary aGVsbG8=", "\"hello\""),
    ("!!float 1", "f1.0"),
    ("! 12", "i12"),
    ("<<", "\"<<\""),
    ("!!merge <<", "\"<<\""),
    ("!custom 12", "\"12\""),
    ("2024-05-06t01:02:03Z", "t2024-05-06T01:02:03Z"),
    ("0b-101", "i-5"),
    ("2024-12-29  01:0:59", "t2024-12-29T01:00:59Z"),
    ("-0.0", "f-0.0"),
    ("1e999", "\"1e999\""),
];

#[test]
fn plain_scalars_are_read_as_sops_reads_them() {
    for (source, expected) in SCALARS {
        assert_eq!(shown(&format!("k: {source}\n")), format!("{{k={expected}}}"), "{source}");
    }
}

#[test]
fn what_sops_cannot_hold_is_refused_by_kind() {
    assert_eq!(fault("k: 18446744073709551615\n"), Fault::Number);
    assert_eq!(fault("k: 0xffffffffffffffff\n"), Fault::Number);
    for key in ["1", "true", "null", "~", "1.5", "2024-05-06", "[a]", "{a: b}", "!!int 1"] {
        assert_eq!(fault(&format!("? {key}\n: x\n")), Fault::Key, "{key}");
    }
    assert_eq!(fault("a: 1\nb: {c: 1, c: 2}\n"), Fault::Duplicate);
    assert_eq!(fault("a: 1\n---\nb: 1\nb: 2\n"), Fault::Duplicate);
    assert_eq!(fault("- a\n"), Fault::Top);
    assert_eq!(fault("a\n"), Fault::Top);
    assert_eq!(fault("sops: a\n"), Fault::Block);
    assert_eq!(fault("a: *b\n"), Fault::Syntax);
    assert_eq!(fault("a: &b [*b]\n"), Fault::Syntax);
    assert_eq!(fault("a: !!int x\n"), Fault::Syntax);
    assert_eq!(fault("a: 1\n...\nb: 2\n"), Fault::Syntax);
    assert_eq!(fault("...\nb: 2\n"), Fault::Syntax);
    assert_eq!(fault("...\n# c\n"), Fault::Syntax);
    assert_eq!(fault("~\n"), Fault::Top);
    assert_eq!(fault("# c\n\u{feff}a: b\n"), Fault::Syntax);
    assert_eq!(fault("--- ~ # c\n"), Fault::Top);
    assert_eq!(fault("\ta: 1\n"), Fault::Syntax);
    assert_eq!(fault("a: 2024-05-06T01:02:03+24:00\n"), Fault::Syntax);
    let deep = format!("a: {}", "[".repeat(70));
    assert!(matches!(fault(&deep), Fault::Limit | Fault::Syntax));
    assert_eq!(fault(&format!("a: {}{}\n", "[".repeat(64), "]".repeat(64))), Fault::Limit);
    assert_eq!(parse(Format::Yaml, b"a: \xff\n").err().map(|error| error.fault), Some(Fault::Encoding));
}

#[test]
fn aliases_are_copies_and_their_number_is_limited() {
    assert_eq!(shown("a: &x {k: 1}\nb: *x\n<<: *x\n"), "{a={k=i1} b={k=i1} <<={k=i1}}");
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{inner}]").unwrap();
    }
    assert_eq!(fault(&bomb), Fault::Limit);
    let mut tower = String::from("a0: &a0 [x]\n");
    for level in 1..80 {
        writeln!(tower, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    assert_eq!(fault(&tower), Fault::Limit);
}

#[test]
fn comments_stand_before_what_they_describe() {
    assert_eq!(
        shown(
            "# head\na: 1 # end of line\nb:\n    - x # in list\n    # between\n    - y\n    # last\n# c head\nc: |  # text\n  t\n# foot\n"
        ),
        "{#\" head\" #\" end of line\" a=i1 b=[#\" in list\" \"x\" #\" between\" \"y\" #\" last\"] #\" c head\" #\" text\" c=\"t\\n\" #\" foot\"}"
    );
    assert_eq!(shown("a:\n- 1\n# b head\nb: 2\n"), "{a=[i1] #\" b head\" b=i2}");
    assert_eq!(
        shown("# one\n---\na: 1\n# two\n---\n# three\nb: 2\n"),
        "{#\" one\" a=i1 #\" two\"}\n{#\" three\" b=i2}"
    );
    assert_eq!(shown("a:\n- 1\n  # b head\nb: 2\n"), "{a=[i1] #\" b head\" b=i2}");
    assert_eq!(shown("a:\n- 1\n# foot\n\nb: 2\n"), "{a=[i1 #\" foot\"] b=i2}");
    assert_eq!(shown("a:\n- 1\n# foot\n"), "{a=[i1] #\" foot\"}");
    assert_eq!(shown("a:\n- 1\n# foot\n\n"), "{a=[i1 #\" foot\"]}");
    assert_eq!(shown("l:\n  - a: 1\n  # c\n\nz: 1\n"), "{l=[{a=i1}] #\" c\" z=i1}");
    assert_eq!(shown("l:\n  - a: 1\n  # c\nz: 1\n"), "{l=[{a=i1 #\" c\"}] z=i1}");
    assert_eq!(shown("m:\n  k:\n    a: 1\n  # c\n\nz: 1\n"), "{m={k={a=i1} #\" c\"} z=i1}");
    assert_eq!(shown("m:\n  k:\n    a: 1\n  # c\nz: 1\n"), "{m={k={a=i1 #\" c\"}} z=i1}");
}

#[test]
fn every_style_becomes_one_line_and_comes_back() {
    let source = "a: plain\nb: 'single'\nc: \"double\\n\"\nd: |\n  lines\n  more\n\ne: >-\n  folded\n  text\n# note\nf: plain\n  on lines\ng: [x, 'y', {z: 1}]\nh:\n- &anchor !!str 5\n- |-\n  last\n  line";
    let (sealed, opened) = there_and_back(source);
    let cipher = "ENC[AES256_GCM,data:+/=,type:str]";
    assert_eq!(
        sealed,
        format!(
            "a: {cipher}\nb: {cipher}\nc: {cipher}\nd: {cipher}\n\ne: {cipher}\n#{cipher}\nf: {cipher}\ng: [\"{cipher}\", \"{cipher}\", {{z: \"{cipher}\"}}]\nh:\n- &anchor {cipher}\n- {cipher}"
        )
    );
    assert_eq!(
        opened,
        "a: plain\nb: single\nc: \"double\\n\"\nd: |\n    lines\n    more\n\ne: folded text\n# note\nf: plain on lines\ng: [\"x\", \"y\", {z: 1}]\nh:\n- &anchor \"5\"\n- |-\n  last\n  line"
            .replace("c: \"double\\n\"", "c: |\n    double")
    );
    assert_eq!(shown(&opened), shown(source));
}

#[test]
fn text_becomes_a_block_only_where_that_changes_nothing_else() {
    let value = |source: &str| {
        let tree = read(source);
        let changes = Changes {
            spellings: random::spans(&tree)
                .into_iter()
                .take(1)
                .map(|at| (at, New::Value(Value::Str(b"1\n2\n".to_vec().into()))))
                .collect(),
            block: None,
        };
        text(&rewrite(Format::Yaml, source.as_bytes(), &tree, &changes).unwrap())
    };
    assert_eq!(value("a: x\nb: 1\n"), "a: |\n    1\n    2\nb: 1\n");
    assert_eq!(value("a: x\r\nb: 1\r\n"), "a: |\r\n    1\r\n    2\r\nb: 1\r\n");
    assert_eq!(value("a: x\n        # far in\nb: 1\n"), "a: \"1\\n2\\n\"\n        # far in\nb: 1\n");
    assert_eq!(value("a: x\n \t \nb: 1\n"), "a: \"1\\n2\\n\"\n \t \nb: 1\n");
    assert_eq!(value("{a: x}\n"), "{a: \"1\\n2\\n\"}\n");
}

#[test]
fn an_anchor_that_is_used_elsewhere_does_not_change() {
    let source = "a: &x {k: 1}\nb: *x\nc: &y 2\nd: *y\n";
    let tree = read(source);
    let change = |at: usize| {
        let start = source[at..].find(['1', '2']).unwrap() + at;
        let changes = Changes { spellings: vec![(start..start + 1, New::Cipher("ENC[]".into()))], block: None };
        rewrite(Format::Yaml, source.as_bytes(), &tree, &changes)
    };
    assert_eq!(change(0).unwrap_err().name.as_deref(), Some("x"));
    assert_eq!(change(18).unwrap_err().name.as_deref(), Some("y"));
    let two = source.find('2').unwrap();
    let alias = source.find("*y").unwrap();
    let changes = Changes {
        spellings: vec![(two..two + 1, New::Cipher("ENC[1]".into())), (alias..alias + 2, New::Cipher("ENC[2]".into()))],
        block: None,
    };
    assert_eq!(
        text(&rewrite(Format::Yaml, source.as_bytes(), &tree, &changes).unwrap()),
        "a: &x {k: 1}\nb: *x\nc: &y ENC[1]\nd: ENC[2]\n"
    );
}

fn block(mac: &str) -> Node {
    let age = Node::Map(vec![
        Item::entry("recipient", Node::text("age1")),
        Item::entry("enc", Node::text("-----BEGIN\nx\n-----END\n")),
    ]);
    Node::Map(vec![
        Item::entry("age", Node::List(vec![Element::Node(age)])),
        Item::entry("lastmodified", Node::text("2026-11-22T15:02:04Z")),
        Item::entry("mac", Node::text(mac)),
        Item::entry("version", Node::text("3.11.0")),
    ])
}

const BLOCK: &str = "sops:\n    age:\n        - recipient: age1\n          enc: |\n            -----BEGIN\n            x\n            -----END\n    lastmodified: \"2026-11-22T15:02:04Z\"\n    mac: ENC[AES256_GCM,data:x,type:str]\n    version: 3.11.0\n";

fn with_block(source: &str, block: Option<&Node>) -> String {
    text(&rewrite(Format::Yaml, source.as_bytes(), &read(source), &Changes { spellings: Vec::new(), block }).unwrap())
}

#[test]
fn the_block_is_appended_replaced_in_its_values_and_removed() {
    let mac = "ENC[AES256_GCM,data:x,type:str]";
    let new = block(mac);
    for source in ["a: 1\n", "a: 1\n# foot\n", "a: 1\n---\n  # only\n", "a: 1\n---\nb: |\n    x\n", "a: 1\n...\n"] {
        let sealed = with_block(source, Some(&new));
        assert_eq!(sealed.matches(BLOCK).count(), read(source).documents.len(), "{sealed}");
        assert_eq!(with_block(&sealed, Some(&new)), sealed);
        assert_eq!(with_block(&sealed, None), source);
        let other = with_block(&sealed, Some(&block("ENC[y]")));
        assert_eq!(other, sealed.replace(mac, "ENC[y]"));
    }
    let sorted = "a: 1\nsops:\n  version: 3.11.0\n  mac: ENC[old]\n  lastmodified: \"2026-11-22T15:02:04Z\"\n  age:\n  - enc: |\n      -----BEGIN\n      x\n      -----END\n    recipient: age1\n";
    assert_eq!(with_block(sorted, Some(&new)), sorted.replace("ENC[old]", mac));
    assert_eq!(with_block("a: 1", Some(&new)), format!("a: 1\n{BLOCK}"));
    assert_eq!(with_block("a: |\n  x", Some(&new)), format!("a: |-\n  x\n{BLOCK}"));
}

#[test]
fn a_first_document_of_nothing_stays_a_document() {
    let sealed = format!("{BLOCK}---\nb: 2\n{BLOCK}");
    assert_eq!(with_block(&sealed, None), "{}\n---\nb: 2\n");
    assert_eq!(with_block(&format!("---\n{sealed}"), None), "---\n---\nb: 2\n");
}

#[test]
fn an_element_that_is_a_comment_becomes_one_at_the_head_of_an_inner_list() {
    let opened = |source: &str| {
        let start = source.find("ENC[]").unwrap();
        let comment = Value::Comment(Zeroizing::new(b" c".to_vec()));
        let changes = Changes { spellings: vec![(start..start + 5, New::Value(comment))], block: None };
        text(&rewrite(Format::Yaml, source.as_bytes(), &read(source), &changes).unwrap())
    };
    assert_eq!(opened("a:\n- ENC[]\n- 1\n"), "a:\n# c\n- 1\n");
    assert_eq!(opened("a:\n- - ENC[]\n  - 1\n"), "a:\n- # c\n  - 1\n");
}

#[test]
fn a_list_of_nothing_but_a_comment_stays_a_list() {
    for (source, opened) in
        [("a:\n- ENC[]\n", "a:\n# c\n []\n"), ("a:\n    - ENC[]\nb: 1\n", "a:\n    # c\n     []\nb: 1\n")]
    {
        let mut tree = read(source);
        let Some(Item::Entry(entry)) = tree.documents[0].root.first_mut() else { panic!("an entry") };
        let Node::List(elements) = &mut entry.node else { panic!("a list") };
        let Some(Element::Node(Node::Leaf(leaf))) = elements.first_mut() else { panic!("an element") };
        let comment = || Value::Comment(Zeroizing::new(b" c".to_vec()));
        leaf.value = comment();
        let changes = Changes { spellings: vec![(leaf.at.clone(), New::Value(comment()))], block: None };
        let new = text(&rewrite(Format::Yaml, source.as_bytes(), &tree, &changes).unwrap());
        assert_eq!(new, opened);
        assert!(shown(&new).contains("a=["), "{}", shown(&new));
    }
}

#[test]
fn a_document_in_braces_has_its_block_in_braces() {
    let new = block("ENC[x]");
    for source in ["{\"a\": 1}\n", "{}\n", "{\n  \"a\": 1\n}\n", "{a: 1,}\n"] {
        let sealed = with_block(source, Some(&new));
        assert!(sealed.contains("\"mac\": \"ENC["), "{sealed}");
        assert!(read(&sealed).documents[0].block.is_some());
        assert_eq!(shown(&with_block(&sealed, None)), shown(source), "{sealed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_written_is_read_back(tree in random::tree(random::Rich::Yaml)) {
        let written = emit(Format::Yaml, &tree, None).unwrap();
        let read = parse(Format::Yaml, &written).unwrap_or_else(|error| panic!("{error}\n{}", text(&written)));
        prop_assert_eq!(show::tree(&read), show::tree(&tree), "{}", text(&written));
        let same = rewrite(Format::Yaml, &written, &read, &Changes::default()).unwrap();
        prop_assert_eq!(text(&same), text(&written));
    }

    #[test]
    fn sealed_and_opened_it_says_the_same(tree in random::tree(random::Rich::Yaml)) {
        let written = text(&emit(Format::Yaml, &tree, None).unwrap());
        let (sealed, opened) = there_and_back(&written);
        prop_assert_eq!(shown(&opened), show::tree(&tree), "{}\n{}", sealed, opened);
        prop_assert_eq!(sealed.lines().filter(|line| line.ends_with("type:str]")).count(), random::spans(&read(&sealed)).len());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(Format::Yaml, &bytes);
    }

    #[test]
    fn no_signs_make_it_panic(source in "[-a:#&*!|>'\"\\[\\]{},?% \n\t0.]{0,80}") {
        if let Ok(tree) = parse(Format::Yaml, source.as_bytes()) {
            let changes = Changes { spellings: random::spans(&tree).into_iter().map(|at| (at, New::Cipher("ENC[x]".into()))).collect(), block: Some(&block("ENC[x]")) };
            if let Ok(new) = rewrite(Format::Yaml, source.as_bytes(), &tree, &changes) {
                let read = parse(Format::Yaml, &new);
                prop_assert!(read.is_ok(), "{:?} to {:?}: {:?}", source, text(&new), read.err());
            }
        }
    }
}
