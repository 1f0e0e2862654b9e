use proptest::prelude::*;

use super::*;
use crate::sops::formats::{emit, random, show};

fn path(steps: &[&str]) -> Vec<Step> {
    steps.iter().map(|step| step.parse().map_or_else(|_| Step::Key((*step).to_owned()), Step::Index)).collect()
}

fn put(format: Format, source: &str, steps: &[&str], node: &Node) -> Result<String, Misplaced> {
    let tree = parse(format, source.as_bytes()).unwrap();
    let new = set(format, source.as_bytes(), &tree, 0, &path(steps), node)?;
    Ok(String::from_utf8(new.to_vec()).unwrap())
}

fn take(format: Format, source: &str, steps: &[&str]) -> Result<String, Misplaced> {
    let tree = parse(format, source.as_bytes()).unwrap();
    let new = unset(format, source.as_bytes(), &tree, 0, &path(steps))?;
    Ok(String::from_utf8(new.to_vec()).unwrap())
}

const YAML: &str = "\
# head
a: 1 # one
b:
  # first
  - x
  - k: v
    l: w
c:
  d: |
    text

  e: {f: [1, 2], g: x}
h: {}
i:
- z
sops:
  mac: ENC[x]
";

#[test]
fn yaml_gets_new_values_in_its_own_style() {
    let map = Node::Map(vec![
        Item::entry("x", Node::text("1")),
        Item::entry("w", Node::List(vec![Element::Node(Node::text("z"))])),
    ]);
    for (steps, node, old, new) in [
        (&["a"][..], Node::text("2\n3"), "a: 1 # one\n", "a: \"2\\n3\" # one\n"),
        (&["c", "d"], Node::text("new\nlines\n"), "d: |\n    text\n\n", "d: |\n    new\n    lines\n\n"),
        (&["c", "q"], Node::text("m"), "g: x}\n", "g: x}\n  q: m\n"),
        (&["c", "e", "q"], Node::text("m"), "g: x}\n", "g: x, \"q\": \"m\"}\n"),
        (&["c", "e", "f", "2"], Node::leaf(Value::Int(3)), "[1, 2]", "[1, 2, 3]"),
        (&["c", "e", "f", "0"], Node::text("3"), "[1, 2]", "[\"3\", 2]"),
        (&["b", "2"], Node::text("r"), "    l: w\n", "    l: w\n  - r\n"),
        (&["b", "1", "m"], Node::text("r"), "    l: w\n", "    l: w\n    m: r\n"),
        (&["b", "0"], Node::text("- y"), "- x\n", "- \"- y\"\n"),
        (&["i", "1"], Node::text("r"), "- z\n", "- z\n- r\n"),
        (&["h", "q", "0"], Node::text("m"), "h: {}\n", "h:\n  q:\n    - m\n"),
        (&["q"], Node::text("m"), "- z\n", "- z\nq: m\n"),
        (&["q", "o"], map, "- z\n", "- z\nq:\n  o:\n    x: \"1\"\n    w:\n      - z\n"),
    ] {
        assert_eq!(put(Format::Yaml, YAML, steps, &node).unwrap(), YAML.replacen(old, new, 1), "{steps:?}");
    }
}

#[test]
fn yaml_loses_an_entry_with_its_lines() {
    for (steps, old, new) in [
        (&["a"][..], "a: 1 # one\n", ""),
        (&["b", "0"], "  - x\n", ""),
        (&["b", "1", "k"], "k: v\n    l", "l"),
        (&["b", "1", "l"], "    l: w\n", ""),
        (&["c", "d"], "  d: |\n    text\n", ""),
        (&["c", "e", "f", "0"], "[1, 2]", "[2]"),
        (&["c", "e", "f"], "{f: [1, 2], g: x}", "{g: x}"),
        (&["c", "e", "g"], ", g: x", ""),
        (&["i", "0"], "i:\n- z\n", "i: []\n"),
        (&["h"], "h: {}\n", ""),
    ] {
        assert_eq!(take(Format::Yaml, YAML, steps).unwrap(), YAML.replacen(old, new, 1), "{steps:?}");
    }
    assert_eq!(take(Format::Yaml, "a: 1\n", &["a"]).unwrap(), "{}\n");
    assert_eq!(take(Format::Yaml, "# c\na:\n  b: 1\n", &["a", "b"]).unwrap(), "# c\na: {}\n");
}

#[test]
fn places_that_are_none_are_told() {
    assert_eq!(take(Format::Yaml, YAML, &["nothing"]), Err(Misplaced::Absent));
    assert_eq!(take(Format::Yaml, YAML, &["b", "9"]), Err(Misplaced::Beyond { step: 2 }));
    assert_eq!(put(Format::Yaml, YAML, &["a", "b"], &Node::text("x")), Err(Misplaced::Unfit { step: 2 }));
    assert_eq!(put(Format::Yaml, YAML, &["b", "k"], &Node::text("x")), Err(Misplaced::Unfit { step: 2 }));
    assert!(matches!(put(Format::Yaml, YAML, &["sops", "mac"], &Node::text("x")), Err(Misplaced::Unwritable(_))));
    let anchored = "a: &x\n  k: 1\nb: *x\nc: &y 1\nd: *y\n";
    for steps in [&["a"][..], &["a", "k"], &["c"]] {
        assert!(
            matches!(put(Format::Yaml, anchored, steps, &Node::text("x")), Err(Misplaced::Unwritable(_))),
            "{steps:?}"
        );
    }
    assert!(matches!(put(Format::Yaml, anchored, &["b", "k"], &Node::text("x")), Err(Misplaced::Unwritable(_))));
    assert_eq!(put(Format::Yaml, anchored, &["b"], &Node::text("x")).unwrap(), anchored.replace("b: *x", "b: x"));
    let tree = parse(Format::Yaml, b"a: 1\n").unwrap();
    assert!(matches!(unset(Format::Yaml, b"a: 1\n", &tree, 1, &path(&["a"])), Err(Misplaced::NoDocument)));
}

#[test]
fn the_last_line_without_an_end_stays_what_it_is() {
    assert_eq!(put(Format::Yaml, "a: |\n  x", &["b"], &Node::text("q")).unwrap(), "a: |-\n  x\nb: q\n");
    assert_eq!(put(Format::Yaml, "a: |+\n  x\n\n", &["b"], &Node::text("q")).unwrap(), "a: |+\n  x\n\nb: q\n");
    assert_eq!(put(Format::Yaml, "a: x", &["b"], &Node::text("q")).unwrap(), "a: x\nb: q\n");
    assert_eq!(put(Format::Yaml, "", &["b"], &Node::text("q")).unwrap(), "b: q\n");
    assert_eq!(put(Format::Yaml, "{}\n", &["b"], &Node::text("q")).unwrap(), "b: q\n");
    assert_eq!(
        put(Format::Yaml, "a:\r\n  - x\r\n", &["b", "c"], &Node::text("q")).unwrap(),
        "a:\r\n  - x\r\nb:\r\n  c: q\r\n"
    );
}

#[test]
fn json_keeps_its_layout() {
    let json = "{\n  \"a\": {\"b\": 1, \"c\": [1]},\n  \"d\": {},\n  \"sops\": {\n    \"mac\": \"ENC[x]\"\n  }\n}\n";
    for (steps, old, new) in [
        (&["a", "b"][..], "\"b\": 1", "\"b\": \"n\""),
        (&["a", "c", "1"], "[1]", "[1, \"n\"]"),
        (&["a", "e"], "[1]}", "[1], \"e\": \"n\"}"),
        (&["d", "e"], "{}", "{\n    \"e\": \"n\"\n  }"),
        (&["n"], "{},\n", "{},\n  \"n\": \"n\",\n"),
        (&["n", "m"], "{},\n", "{},\n  \"n\": {\n    \"m\": \"n\"\n  },\n"),
    ] {
        assert_eq!(put(Format::Json, json, steps, &Node::text("n")).unwrap(), json.replacen(old, new, 1), "{steps:?}");
    }
    assert_eq!(put(Format::Json, "{\"a\":1}", &["b"], &Node::text("n")).unwrap(), "{\"a\":1, \"b\": \"n\"}");
    assert_eq!(take(Format::Json, json, &["d"]).unwrap(), json.replacen(",\n  \"d\": {}", "", 1));
    assert_eq!(take(Format::Json, json, &["a", "b"]).unwrap(), json.replacen("\"b\": 1, ", "", 1));
    assert_eq!(take(Format::Json, json, &["a", "c", "0"]).unwrap(), json.replacen("[1]", "[]", 1));
}

#[test]
fn lines_come_and_go_in_dotenv_and_ini() {
    let env = "A=1\n# c\nB=2\nsops_mac=x\n";
    assert_eq!(put(Format::Dotenv, env, &["A"], &Node::text("x\ny")).unwrap(), env.replace("A=1", "A=x\\ny"));
    assert_eq!(put(Format::Dotenv, env, &["C"], &Node::text("3")).unwrap(), env.replace("B=2\n", "B=2\nC=3\n"));
    assert_eq!(take(Format::Dotenv, env, &["A"]).unwrap(), env.replace("A=1\n", ""));
    assert!(put(Format::Dotenv, env, &["A", "b"], &Node::text("x")).is_err());
    let ini = "a = 1\n\n[s]\nb =\n\n[sops]\nmac = x\n";
    assert_eq!(put(Format::Ini, ini, &["s", "b"], &Node::text("x#")).unwrap(), ini.replace("b =", "b = `x#`"));
    assert_eq!(
        put(Format::Ini, ini, &["DEFAULT", "c"], &Node::text("2")).unwrap(),
        ini.replace("a = 1\n", "a = 1\nc = 2\n")
    );
    assert_eq!(
        put(Format::Ini, ini, &["t", "c"], &Node::text("2")).unwrap(),
        ini.replace("[sops]", "[t]\nc = 2\n\n[sops]")
    );
    assert_eq!(take(Format::Ini, ini, &["s", "b"]).unwrap(), ini.replace("b =\n", ""));
    assert_eq!(take(Format::Ini, ini, &["s"]).unwrap(), ini.replace("[s]\nb =\n", ""));
}

/// What `set` and `unset` should make of a tree; whether there was such a place.
fn model(items: &mut Vec<Item>, path: &[Step], node: Option<&Node>) -> bool {
    let Some((Step::Key(key), rest)) = path.split_first() else { return false };
    let found = items.iter().position(|item| matches!(item, Item::Entry(entry) if entry.key == *key));
    match (found.and_then(|index| items.get_mut(index)), rest, node) {
        (Some(Item::Entry(entry)), [], Some(node)) => entry.node = copy(node, 64).unwrap(),
        (Some(_), [], None) => drop(items.remove(found.unwrap())),
        (Some(Item::Entry(entry)), rest, node) => return model_in(&mut entry.node, rest, node),
        (_, [], Some(node)) => items.push(Item::entry(key.clone(), copy(node, 64).unwrap())),
        _ => return false,
    }
    true
}

fn model_in(inner: &mut Node, path: &[Step], node: Option<&Node>) -> bool {
    match (inner, path) {
        (Node::Map(items), path) => model(items, path, node),
        (Node::List(elements), [Step::Index(index), rest @ ..]) => {
            elements.retain(|element| matches!(element, Element::Node(_)));
            let length = elements.len();
            match (elements.get_mut(*index), rest, node) {
                (Some(element), [], Some(node)) => *element = Element::Node(copy(node, 64).unwrap()),
                (Some(_), [], None) => drop(elements.remove(*index)),
                (Some(Element::Node(inner)), rest, node) => return model_in(inner, rest, node),
                (None, [], Some(node)) if *index == length => elements.push(Element::Node(copy(node, 64).unwrap())),
                _ => return false,
            }
            true
        }
        _ => false,
    }
}

/// A path into a tree, chosen by some numbers; it ends at what is there or one step further.
fn choose(root: &[Item], choices: &[usize]) -> Vec<Step> {
    fn deeper(node: &Node, choices: &[usize], path: &mut Vec<Step>) {
        match node {
            Node::Map(items) => map(items, choices, path),
            Node::List(elements) => {
                let nodes = splice::nodes(elements);
                let Some((choice, rest)) = choices.split_first() else { return };
                let index = choice % (nodes.len() + 1);
                path.push(Step::Index(index));
                if let Some(node) = nodes.get(index) {
                    deeper(node, rest, path);
                }
            }
            Node::Leaf(_) => {}
        }
    }
    fn map(items: &[Item], choices: &[usize], path: &mut Vec<Step>) {
        let entries = splice::entries(items);
        let Some((choice, rest)) = choices.split_first() else { return };
        match entries.get(choice % (entries.len() + 1)) {
            Some(entry) => {
                path.push(Step::Key(entry.key.clone()));
                deeper(&entry.node, rest, path);
            }
            None => path.push(Step::Key("new one".to_owned())),
        }
    }
    let mut path = Vec::new();
    map(root, choices, &mut path);
    path
}

fn check(format: Format, tree: Tree, choices: &[usize], node: Option<&Node>) -> Result<(), TestCaseError> {
    let mut tree = tree;
    let written = emit(format, &tree, None).unwrap();
    let steps = choose(&tree.documents[0].root, choices);
    let read = parse(format, &written).unwrap();
    let new = match node {
        Some(node) => set(format, &written, &read, 0, &steps, node),
        None => unset(format, &written, &read, 0, &steps),
    };
    let there = model(&mut tree.documents[0].root, &steps, node);
    let text = String::from_utf8_lossy(&written);
    match new {
        Ok(new) => {
            prop_assert!(there);
            let read = parse(format, &new).unwrap();
            prop_assert_eq!(
                show::bare(&read),
                show::bare(&tree),
                "{}\n{:?}\n{}",
                text,
                steps,
                String::from_utf8_lossy(&new)
            );
        }
        Err(Misplaced::Unwritable(problem)) if problem.problem.contains("shares its line") => {}
        Err(problem) => prop_assert!(!there, "{problem}: {text} {steps:?}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn yaml_says_what_was_set(tree in random::tree(random::Rich::Yaml), choices in proptest::collection::vec(0_usize..5, 1..5), node in random::node(random::Rich::Yaml)) {
        check(Format::Yaml, tree, &choices, Some(&random::build(&node)))?;
    }

    #[test]
    fn yaml_no_longer_says_what_was_removed(tree in random::tree(random::Rich::Yaml), choices in proptest::collection::vec(0_usize..5, 1..5)) {
        check(Format::Yaml, tree, &choices, None)?;
    }

    #[test]
    fn json_says_what_was_set(tree in random::tree(random::Rich::Json), choices in proptest::collection::vec(0_usize..5, 1..5), node in random::node(random::Rich::Json)) {
        check(Format::Json, tree, &choices, Some(&random::build(&node)))?;
    }

    #[test]
    fn json_no_longer_says_what_was_removed(tree in random::tree(random::Rich::Json), choices in proptest::collection::vec(0_usize..5, 1..5)) {
        check(Format::Json, tree, &choices, None)?;
    }

    #[test]
    fn no_file_makes_it_panic(source in "[-a:#&*!|>'\"\\[\\]{},? \n]{0,60}", choices in proptest::collection::vec(0_usize..5, 1..4)) {
        if let Ok(tree) = parse(Format::Yaml, source.as_bytes()) {
            let steps = choose(&tree.documents[0].root, &choices);
            let _ = set(Format::Yaml, source.as_bytes(), &tree, 0, &steps, &Node::text("x\ny\n"));
            let _ = unset(Format::Yaml, source.as_bytes(), &tree, 0, &steps);
        }
    }
}
