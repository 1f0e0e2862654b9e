//! YAML as people write it: comments, styles, nesting, anchors, documents.

use harness::sops::Format;

use super::Case;

fn yaml(name: &str, plain: impl AsRef<[u8]>) -> Case {
    Case::new(name, Format::Yaml, plain)
}

pub(super) fn cases() -> Vec<Case> {
    [comments(), strings(), structures(), documents(), files()].concat()
}

fn comments() -> Vec<Case> {
    vec![
        yaml("comment at the head", "# head\na: 1\n"),
        yaml("comments at the head, apart", "# first\n\n# second\n\na: 1\n"),
        yaml("comment between keys", "a: 1\n# between\nb: 2\n"),
        yaml("comment at the end", "a: 1\n# end\n"),
        yaml("comment at the end of a line", "a: 1 # inline\nb: 2\n"),
        yaml("comment at the end of a key's line", "a: # inline\n  b: 2\nc: # other\n  - 1\n"),
        yaml("comment in a map", "a:\n  # in a\n  b: 1\n  # after b\n  c: 2\n  # end of a\nd: 3\n"),
        yaml("comment in a list", "a:\n  - 1\n  # between\n  - 2\n"),
        yaml("comment at the head of a list", "a:\n  # head\n  - 1\n  - 2\n"),
        yaml("comment at the end of a list", "a:\n  - 1\n  - 2\n  # end\nb: 3\n"),
        yaml(
            "comments in a list of maps",
            "a:\n  # one\n  - b: 1 # inline\n    # in one\n    c: 2\n  # two\n  - b: 3\n",
        ),
        yaml("comments of a list without an indent", "a:\n# head\n- 1\n# between\n- 2\nb: 3\n"),
        yaml("comment in a list of lists", "a:\n  - - 1\n    # inner\n    - 2\n  # outer\n  - - 3\n"),
        yaml("comment without a space", "#tight\na: 1\n#:odd\nb: 2\n"),
        yaml("empty comments", "#\na: 1\n# \nb: 2\n##\nc: 3\n#\n"),
        yaml("comment that looks encrypted", "# ENC[AES256_GCM,data:x,iv:y,tag:z,type:comment]\na: 1\n"),
        yaml("comment in unicode", "# grüße 日本 \u{1f600}\na: 1\n"),
        yaml("comment over blank lines", "a: 1\n\n\n# far\n\n\nb: 2\n\n\n"),
        yaml("comment beside a block scalar", "a: | # inline\n  text\n# after\nb: 1\n"),
        yaml(
            "comment at every level",
            "# 0\na:\n  # 1\n  b:\n    # 2\n    c:\n      # 3\n      - d\n      # 3 end\n    # 2 end\n  # 1 end\n# 0 end\n",
        ),
        yaml("equal comments", "# same\na: 1\n# same\nb: 2\n# same\n"),
        yaml("comments only in values that stay plain", "a_unencrypted:\n  # plain\n  b: 1\nc: 2\n"),
    ]
}

fn strings() -> Vec<Case> {
    let certificate: String = (0..40).map(|line| format!("    {}\n", format!("{line:02}").repeat(32))).collect();
    vec![
        yaml("literal", "a: |\n  one\n  two\n\n  four\nb: x\n"),
        yaml("literal, stripped", "a: |-\n  one\n  two\nb: x\n"),
        yaml("literal, kept", "a: |+\n  one\n\n\nb: x\n"),
        yaml("literal with an indent", "a: |2\n    two more\n  none\nb: x\n"),
        yaml("literal at the end of the file, no newline", "a: |\n  one\n  two"),
        yaml("literal, empty", "a: |\nb: |-\nc: |+\n\nd: >\n"),
        yaml("folded", "a: >\n  one\n  two\n\n  three\n    kept\n  four\nb: x\n"),
        yaml("folded, stripped", "a: >-\n  one\n  two\nb: x\n"),
        yaml("plain over lines", "a: one\n  two\n  three\nb: x\n"),
        yaml("quoted over lines", "a: \"one\n  two\\\n  three\\n\n\n  four\"\nb: 'one\n\n  two'\n"),
        yaml("literal in a list", "a:\n  - |\n    one\n  - >-\n    two\n    three\n"),
        yaml(
            "certificate",
            format!(
                "tls.crt: |\n  -----BEGIN CERTIFICATE-----\n{}  -----END CERTIFICATE-----\n",
                certificate.replace("    ", "  ")
            ),
        ),
        yaml("long line", format!("a: {}\nb: \"{} {}\"\n", "x".repeat(5000), "y".repeat(3000), "z".repeat(3000))),
        yaml("text of YAML", "a: |\n  # no comment\n  b: 1\n  ---\n  sops: x\nc: 1\n"),
        yaml("equal values", "a: same\nb: same\nc: [same, same]\nd:\n  a: same\n"),
        yaml("tab in a text", "a: \"x\\ty\"\nb: |\n  x\ty\n"),
        yaml("spaces at line ends", "a: x   \nb:   y  \nc:  \n  d: z  \n"),
    ]
}

fn structures() -> Vec<Case> {
    let deep = (0..40).map(|depth| format!("{}k{depth}:\n", "  ".repeat(depth))).collect::<String>()
        + &"  ".repeat(40)
        + "end: 1\n";
    vec![
        yaml("nested", "a:\n  b:\n    c: 1\n    d: [1, two, 3.5]\n  e: {f: g, h: [i, {j: k}]}\n"),
        yaml("deep", deep),
        yaml("deep list", format!("a: {}1{}\n", "[".repeat(30), "]".repeat(30))),
        yaml("list without an indent", "a:\n- 1\n- b: 2\n  c: 3\n- - 4\n  - 5\n"),
        yaml("lists in lists", "a:\n  - - 1\n    - 2\n  - - - 3\n"),
        yaml("list of maps", "a:\n  - b: 1\n    c: 2\n  -\n    b: 3\n  - {b: 4}\n"),
        yaml("empties", "a: {}\nb: []\nc: ''\nd:\ne: ~\nf: {g: {}, h: [], i: }\nj: [[], {}, '', ~]\n"),
        yaml("nothing but null", "a:\nb: ~\nc: null\n"),
        yaml("nothing but empties", "a: {}\nb: []\nc: \"\"\n"),
        yaml(
            "odd keys",
            "'': 1\n'a b': 2\n\"a:b\": 3\n'#x': 4\ny: 5\n'1': 6\n'true': 7\n\"\\n\": 8\ngrüße: 9\n'[x]': 10\n'~': 11\n\"a\\\"b\": 12\n.: 13\n",
        ),
        yaml("keys that look like words of YAML", "yes_: 1\n'no': 2\n'null': 3\n'0x1': 4\n'2024-05-06': 5\n=: 6\n"),
        yaml("key over a colon in its path", "'a:b': x\na:\n  b: x\n"),
        yaml("long key", format!("{}: 1\n", "k".repeat(120))),
        yaml("explicit key", "? a\n: 1\n? b\n:\n  c: 2\n"),
        yaml("flow at the top", "{a: 1, b: [x, 'y', \"z\"], c: {d: e}}\n"),
        yaml("JSON text", "{\n  \"a\": 1,\n  \"b\": [\"x\", null, true],\n  \"c\": {\"d\": \"e\"}\n}\n"),
        yaml("flow over lines", "a: {\n  b: 1, # one\n  c: 2,\n}\nd: [\n  x,\n  y,\n]\n"),
        yaml("tags", "a: !!str 1\nb: !custom x\nc: !!map {d: 1}\ne: !!seq [1]\nf: !<tag:yaml.org,2002:int> 5\n"),
        yaml("keys of the block's name below the top", "a:\n  sops: 1\n  sops_mac: 2\nsops_x: 3\n"),
        yaml("many keys", (0..400).map(|number| format!("key{number}: value {number}\n")).collect::<String>()),
        yaml("suffix of plain values", "a_unencrypted: 1\nb:\n  c_unencrypted: {d: x, e: [y]}\n  f: z\n"),
        yaml("indent of 1", "a:\n b:\n  - 1\n  -\n   c: 2\n"),
        yaml("indent of 8", "a:\n        b:\n                - 1\n"),
    ]
}

fn documents() -> Vec<Case> {
    vec![
        yaml("two documents", "a: 1\n---\nb: 2\n"),
        yaml("three documents, marked", "---\na: 1\n---\nb: 2\n...\n---\nc: 3\n...\n"),
        yaml("documents with comments", "# one\n---\n# two\na: 1\n# three\n---\n# four\nb: 2 # five\n# six\n"),
        yaml("documents of the same keys", "kind: A\nv: 1\n---\nkind: B\nv: 2\n"),
        yaml("document with a directive", "%YAML 1.1\n---\na: 1\n"),
        yaml("marker with a comment", "--- # x\na: 1\n"),
        yaml("empty map as a document", "a: 1\n---\n{}\n"),
        yaml("text on the marker's line", "--- {a: 1}\n--- {b: 2}\n"),
    ]
}

fn files() -> Vec<Case> {
    vec![
        yaml("no newline at the end", "a: 1\nb: x"),
        yaml("CRLF", "# c\r\na: 1\r\nb:\r\n  - x\r\n  - 'y'\r\nc: |\r\n  one\r\n  two\r\n"),
        yaml("CRLF in documents", "a: 1\r\n---\r\nb: x\r\n"),
        yaml("blank lines around", "\n\n\na: 1\n\n\n\nb: 2\n\n\n"),
        yaml("byte order mark", "\u{feff}a: 1\nb: x\n"),
        yaml("empty map", "{}\n"),
        yaml("marker alone", "---\n{}\n"),
        yaml("empty file", ""),
        yaml("comments alone", "# nothing\n"),
    ]
}
