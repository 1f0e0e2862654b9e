//! `set`, `unset` and `edit`.

use harness::sops::Format;

use super::Change;

const YAML: &str = "\
# head
text: old
number: 5
map:
  inner: x
  plain_unencrypted: y
  # last
list:
  - one
  - two: 2
  - [3, 4]
empty: {}
none: []
nothing:
end: z
";

const JSON: &str = r#"{"text": "old", "number": 5, "map": {"inner": "x", "plain_unencrypted": "y"}, "list": ["one", {"two": 2}, [3, 4]], "empty": {}, "none": [], "nothing": null, "end": "z"}"#;

const DOTENV: &str = "# head\ntext=old\nplain_unencrypted=y\nend=z\n";

const INI: &str = "[map]\ntext = old\nplain_unencrypted = y\n[other]\nend = z\n";

const DOCUMENTS: &str = "text: one\n---\ntext: two\nonly: here\n";

/// A path and a value of `set`.
const SETS: &[(&str, &str, &str)] = &[
    ("text", r#"["text"]"#, r#""new""#),
    ("text to the same", r#"["text"]"#, r#""old""#),
    ("text to nothing", r#"["text"]"#, r#""""#),
    ("text to a number", r#"["text"]"#, "7"),
    ("text to a float", r#"["text"]"#, "0.5"),
    ("text to a whole float", r#"["text"]"#, "7.0"),
    ("text to true", r#"["text"]"#, "true"),
    ("text to null", r#"["text"]"#, "null"),
    ("text to a map", r#"["text"]"#, r#"{"a": {"b": [1, "c"]}}"#),
    ("text to a list", r#"["text"]"#, r#"["a", 1, null, {"b": "c"}]"#),
    ("text to an empty map", r#"["text"]"#, "{}"),
    ("text to an empty list", r#"["text"]"#, "[]"),
    ("text over lines", r#"["text"]"#, r#""a\nb\n""#),
    ("text with odd letters", r#"["text"]"#, r#""\"'\\\t#: \u00e9\ud83d\ude00 ""#),
    ("text that looks like a number", r#"["text"]"#, r#""0644""#),
    ("text that looks encrypted", r#"["text"]"#, r#""ENC[x]""#),
    ("large number", r#"["number"]"#, "9007199254740993"),
    ("negative number", r#"["number"]"#, "-1"),
    ("map to text", r#"["map"]"#, r#""flat""#),
    ("list to text", r#"["list"]"#, r#""flat""#),
    ("inner", r#"["map"]["inner"]"#, r#""new""#),
    ("plain value", r#"["map"]["plain_unencrypted"]"#, r#""new""#),
    ("new key", r#"["fresh"]"#, r#""new""#),
    ("new key that needs quotes", r#"["a: b #c"]"#, r#""new""#),
    ("new key that looks like a number", r#"["12"]"#, r#""new""#),
    ("new empty key", r#"[""]"#, r#""new""#),
    ("new key of a map", r#"["map"]["fresh"]"#, r#""new""#),
    ("new plain key", r#"["fresh_unencrypted"]"#, r#""new""#),
    ("new key with a map", r#"["fresh"]"#, r#"{"a": 1, "b": [true]}"#),
    ("new keys below each other", r#"["one"]["two"]["three"]"#, r#""new""#),
    ("new list below a key", r#"["one"][0]"#, r#""new""#),
    ("new key of an empty map", r#"["empty"]["fresh"]"#, r#""new""#),
    ("new item of an empty list", r#"["none"][0]"#, r#""new""#),
    ("key below nothing", r#"["nothing"]["fresh"]"#, r#""new""#),
    ("key below text", r#"["text"]["fresh"]"#, r#""new""#),
    ("item below text", r#"["text"][0]"#, r#""new""#),
    ("key of a list", r#"["list"]["fresh"]"#, r#""new""#),
    ("item of a map", r#"["map"][0]"#, r#""new""#),
    ("first item", r#"["list"][0]"#, r#""new""#),
    ("item that is a map", r#"["list"][1]"#, r#""new""#),
    ("key of an item", r#"["list"][1]["two"]"#, r#""new""#),
    ("new key of an item", r#"["list"][1]["three"]"#, r#""new""#),
    ("item of an item", r#"["list"][2][1]"#, r#""new""#),
    ("item behind the last", r#"["list"][3]"#, r#""new""#),
    ("item far behind the last", r#"["list"][9]"#, r#""new""#),
    ("item before the first", r#"["list"][-1]"#, r#""new""#),
    ("last key", r#"["end"]"#, r#""new""#),
    ("value that is no JSON", r#"["text"]"#, "new"),
    ("two values", r#"["text"]"#, r#""a" "b""#),
    ("no value", r#"["text"]"#, ""),
    ("path without quotes", "[text]", r#""new""#),
    ("path without brackets", "text", r#""new""#),
    ("empty path", "", r#""new""#),
    ("path that is open", r#"["text""#, r#""new""#),
    ("path with single quotes", "['text']", r#""new""#),
    ("path of the block", r#"["sops"]"#, r#""new""#),
    ("path into the block", r#"["sops"]["mac"]"#, r#""new""#),
];

const UNSETS: &[(&str, &str)] = &[
    ("text", r#"["text"]"#),
    ("last key", r#"["end"]"#),
    ("map", r#"["map"]"#),
    ("list", r#"["list"]"#),
    ("inner", r#"["map"]["inner"]"#),
    ("plain value", r#"["map"]["plain_unencrypted"]"#),
    ("nothing", r#"["nothing"]"#),
    ("first item", r#"["list"][0]"#),
    ("middle item", r#"["list"][1]"#),
    ("last item", r#"["list"][2]"#),
    ("key of an item", r#"["list"][1]["two"]"#),
    ("missing key", r#"["fresh"]"#),
    ("missing key of a map", r#"["map"]["fresh"]"#),
    ("missing item", r#"["list"][9]"#),
    ("key below text", r#"["text"]["fresh"]"#),
    ("item of a map", r#"["map"][0]"#),
    ("path without brackets", "text"),
];

pub(super) fn changes() -> Vec<Change> {
    [sets(), unsets(), flags(), lines(), documents(), edits()].concat()
}

fn sets() -> Vec<Change> {
    let of = |(format, plain): (Format, &'static str)| {
        let set = move |(name, path, value): &(&str, &'static str, &'static str)| {
            Change::new(&format!("set {name}"), format, plain, &["set", "@file", path, value])
        };
        SETS.iter().map(set).collect::<Vec<_>>()
    };
    [(Format::Yaml, YAML), (Format::Json, JSON)].into_iter().flat_map(of).collect()
}

fn unsets() -> Vec<Change> {
    let of = |(format, plain): (Format, &'static str)| {
        let unset = move |(name, path): &(&str, &'static str)| {
            Change::new(&format!("unset {name}"), format, plain, &["unset", "@file", path])
        };
        UNSETS.iter().map(unset).collect::<Vec<_>>()
    };
    [(Format::Yaml, YAML), (Format::Json, JSON)].into_iter().flat_map(of).collect()
}

fn flags() -> Vec<Change> {
    let yaml = |name: &str, arguments: &[&'static str]| Change::new(name, Format::Yaml, YAML, arguments);
    let with_input = |mut change: Change, input| {
        change.input = Some(input);
        change
    };
    vec![
        yaml("set the same, idempotent", &["set", "--idempotent", "@file", "[\"text\"]", "\"old\""]),
        yaml("set another, idempotent", &["set", "--idempotent", "@file", "[\"text\"]", "\"new\""]),
        yaml("unset a missing key, idempotent", &["unset", "--idempotent", "@file", "[\"fresh\"]"]),
        yaml("unset a missing item, idempotent", &["unset", "--idempotent", "@file", "[\"list\"][9]"]),
        yaml("unset a key, idempotent", &["unset", "--idempotent", "@file", "[\"text\"]"]),
        with_input(yaml("set from the input", &["set", "--value-stdin", "@file", "[\"text\"]"]), "{\"a\": \"b\"}"),
        with_input(yaml("set from the input, no JSON", &["set", "--value-stdin", "@file", "[\"text\"]"]), "a"),
        yaml("set from a file that is not there", &["set", "--value-file", "@file", "[\"text\"]", "/nowhere"]),
        yaml("set without a value", &["set", "@file", "[\"text\"]"]),
        yaml("set without a path", &["set", "@file"]),
        yaml("set a file that is not there", &["set", "/nowhere.yaml", "[\"text\"]", "1"]),
        yaml("unset without a path", &["unset", "@file"]),
        yaml("set in the spelling of old", &["--set", "[\"text\"] \"new\"", "@file"]),
        yaml("decrypt in place", &["decrypt", "-i", "@file"]),
    ]
}

/// dotenv, INI, binary.
fn lines() -> Vec<Change> {
    let dotenv = |name: &str, arguments: &[&'static str]| Change::new(name, Format::Dotenv, DOTENV, arguments);
    let ini = |name: &str, arguments: &[&'static str]| Change::new(name, Format::Ini, INI, arguments);
    let binary = |name: &str, arguments: &[&'static str]| Change::new(name, Format::Binary, "text", arguments);
    vec![
        dotenv("set text", &["set", "@file", "[\"text\"]", "\"new\""]),
        dotenv("set text over lines", &["set", "@file", "[\"text\"]", "\"a\\nb\""]),
        dotenv("set a number", &["set", "@file", "[\"text\"]", "5"]),
        dotenv("set a map", &["set", "@file", "[\"text\"]", "{\"a\": 1}"]),
        dotenv("set a new key", &["set", "@file", "[\"fresh\"]", "\"new\""]),
        dotenv("set a plain key", &["set", "@file", "[\"plain_unencrypted\"]", "\"new\""]),
        dotenv("set a key of a key", &["set", "@file", "[\"text\"][\"a\"]", "\"new\""]),
        dotenv("unset text", &["unset", "@file", "[\"text\"]"]),
        dotenv("unset a missing key", &["unset", "@file", "[\"fresh\"]"]),
        ini("set text", &["set", "@file", "[\"map\"][\"text\"]", "\"new\""]),
        ini("set text over lines", &["set", "@file", "[\"map\"][\"text\"]", "\"a\\nb\""]),
        ini("set text with a semicolon", &["set", "@file", "[\"map\"][\"text\"]", "\"a;b\""]),
        ini("set a new key", &["set", "@file", "[\"map\"][\"fresh\"]", "\"new\""]),
        ini("set a new section", &["set", "@file", "[\"fresh\"][\"key\"]", "\"new\""]),
        ini("set a section to text", &["set", "@file", "[\"map\"]", "\"new\""]),
        ini("set a plain key", &["set", "@file", "[\"map\"][\"plain_unencrypted\"]", "\"new\""]),
        ini("unset text", &["unset", "@file", "[\"map\"][\"text\"]"]),
        ini("unset a section", &["unset", "@file", "[\"map\"]"]),
        ini("unset a missing key", &["unset", "@file", "[\"map\"][\"fresh\"]"]),
        binary("set data", &["set", "@file", "[\"data\"]", "\"new\""]),
        binary("set another key", &["set", "@file", "[\"more\"]", "\"new\""]),
        binary("unset data", &["unset", "@file", "[\"data\"]"]),
    ]
}

fn documents() -> Vec<Change> {
    let yaml = |name: &str, arguments: &[&'static str]| {
        Change::new(&format!("{name} of several documents"), Format::Yaml, DOCUMENTS, arguments)
    };
    vec![
        yaml("set in the first", &["set", "@file", "[\"text\"]", "\"new\""]),
        yaml("set a key of the second", &["set", "@file", "[\"only\"]", "\"new\""]),
        yaml("set a new key", &["set", "@file", "[\"fresh\"]", "\"new\""]),
        yaml("unset in the first", &["unset", "@file", "[\"text\"]"]),
        yaml("unset a key of the second", &["unset", "@file", "[\"only\"]"]),
    ]
}

fn edits() -> Vec<Change> {
    let edit = |name: &str, format: Format, plain: &'static str, script: &'static str| {
        let mut change = Change::new(&format!("edit: {name}"), format, plain, &["edit", "@file"]);
        change.editor = Some(script);
        change
    };
    vec![
        edit("one value", Format::Yaml, YAML, "sed -i s/old/new/ \"$1\""),
        edit("nothing", Format::Yaml, YAML, "true"),
        edit("a new key", Format::Yaml, YAML, "echo 'fresh: new' >>\"$1\""),
        edit("a key removed", Format::Yaml, YAML, "sed -i /^end/d \"$1\""),
        edit("the whole file", Format::Yaml, YAML, "echo 'other: file' >\"$1\""),
        edit("a second document", Format::Yaml, YAML, "printf -- '---\\nmore: x\\n' >>\"$1\""),
        edit("the second document", Format::Yaml, DOCUMENTS, "sed -i s/two/three/ \"$1\""),
        edit("the editor fails", Format::Yaml, YAML, "sed -i s/old/new/ \"$1\"; exit 3"),
        edit("one value", Format::Json, JSON, "sed -i s/old/new/ \"$1\""),
        edit("one value", Format::Dotenv, DOTENV, "sed -i s/old/new/ \"$1\""),
        edit("one value", Format::Ini, INI, "sed -i s/old/new/ \"$1\""),
        edit("one value", Format::Binary, "old text\n", "sed -i s/old/new/ \"$1\""),
        edit("nothing", Format::Binary, "old text\n", "true"),
    ]
}
