//! JSON, dotenv, INI and binary files.

use harness::sops::Format;

use super::Case;

pub(super) fn cases() -> Vec<Case> {
    [json(), dotenv(), ini(), binary()].concat()
}

fn json() -> Vec<Case> {
    let case = |name: &str, plain: &str| Case::new(name, Format::Json, plain);
    vec![
        case("flat", "{\"a\": \"x\", \"b\": true, \"c\": null}\n"),
        case("nested", "{\"a\": {\"b\": [1, {\"c\": \"d\"}, [\"e\"]]}, \"f\": {}}"),
        case("dense", "{\"a\":\"x\",\"b\":[\"y\",{\"c\":\"z\"}]}"),
        case("empties", "{\"a\": \"\", \"b\": {}, \"c\": [], \"d\": null, \"e\": [\"\", {}, [], null]}"),
        case("empty", "{}"),
        case("escapes", r#"{"a": "\"\\\/\b\f\n\r\t\u00e9\u0000\ud83d\ude00", "k\n\"\u00e9": "x"}"#),
        case(
            "characters that Go escapes",
            "{\"<a>&\": \"<b>&\u{2028}\u{2029}\u{7f}\", \"p_unencrypted\": \"<b>&\u{2028}\"}",
        ),
        case("unicode", "{\"grüße\": \"日本 \u{1f600}\"}"),
        case("odd keys", "{\"\": 1, \" \": 2, \"a:b\": 3, \"a\": {\"b\": 4}, \"#\": 5}"),
        case("indent of 4, CRLF", "{\r\n    \"a\": \"x\",\r\n    \"b\": [\r\n        \"y\"\r\n    ]\r\n}\r\n"),
        case("blank space around", "\n\n  {\"a\" : \"x\" , \"b\":\t\"y\"}  \n\n"),
        case("suffix of plain values", "{\"a_unencrypted\": {\"b\": [1, 2.5, true, null, \"x\"]}, \"c\": \"y\"}"),
        case("equal keys", "{\"a\": \"x\", \"a\": \"y\"}"),
        case("look-alikes", "{\"a\": \"ENC[AES256_GCM,data:x]\", \"b\": \"#ENC[\", \"c\": \"true\", \"d\": \"5\"}"),
        case("deep", &format!("{}1{}", "{\"a\":[".repeat(20), "]}".repeat(20))),
        case("long value", &format!("{{\"a\": \"{}\"}}", "x".repeat(20_000))),
        case("key of the block's name below the top", "{\"a\": {\"sops\": {\"mac\": \"x\"}}}"),
    ]
}

fn dotenv() -> Vec<Case> {
    let case = |name: &str, plain: &str| Case::new(name, Format::Dotenv, plain);
    vec![
        case("flat", "A=1\nB=two\n"),
        case("comments", "# head\nA=1\n#tight\nB=2\n# end\n"),
        case("empty value", "A=\nB=x\n"),
        case("equal signs and quotes", "A=b=c==\nB=\"quoted\"\nC='single'\nD=$VAR ${VAR}\n"),
        case("spaces", "A = spaced \nB=  led\nC=trailed  \n"),
        case("escaped newline", "A=one\\ntwo\\\\n\nB=x\\ty\n"),
        case("blank lines", "\nA=1\n\n\nB=2\n\n"),
        case("no newline at the end", "A=1\nB=2"),
        case("CRLF", "A=1\r\nB=2\r\n"),
        case("unicode", "A=grüße 日本\nÄ=x\n"),
        case("equal keys", "A=1\nA=2\n"),
        case("hash in a value", "A=x # no comment\nB=#\n"),
        case("suffix of plain values", "A_unencrypted=1\nB=2\n"),
        case("export", "export A=1\n"),
        case("empty key", "=x\nB=1\n"),
        case("long value", &format!("A={}\n", "x".repeat(20_000))),
        case("empty file", ""),
        case("look-alikes", "A=ENC[x]\nB=true\nC=5\n"),
    ]
}

fn ini() -> Vec<Case> {
    let case = |name: &str, plain: &str| Case::new(name, Format::Ini, plain);
    vec![
        case("flat", "[a]\nb = 1\nc = two\n[d]\ne = f\n"),
        case("keys above the first section", "x = 1\n[a]\nb = 2\n"),
        case("comments", "; head\n[a]\n; of b\nb = 1\n# of c\nc = 2\n"),
        case("dense", "[a]\nb=1\nc=2\n"),
        case("colons", "[a]\nb: 1\nc : 2\n"),
        case("quotes", "[a]\nb = \"q\"\nc = 'q'\nd = `q`\n"),
        case("empty value", "[a]\nb =\nc = x\n"),
        case("empty section", "[a]\n[b]\nc = 1\n"),
        case("equal sections", "[a]\nb = 1\n[c]\nd = 2\n[a]\ne = 3\n"),
        case("spaces", "[ a b ]\n  c d  =  e f  \n"),
        case("unicode", "[grüße]\nä = 日本\n"),
        case("equal signs", "[a]\nb = c=d==\n"),
        case("CRLF", "[a]\r\nb = 1\r\n"),
        case("no newline at the end", "[a]\nb = 1"),
        case("blank lines", "\n\n[a]\n\nb = 1\n\n\n"),
        case("suffix of plain values", "[a]\nb_unencrypted = 1\nc = 2\n"),
        case("long value", &format!("[a]\nb = {}\n", "x".repeat(5000))),
        case("empty file", ""),
        case("child section", "[a.b]\nc = 1\n[a]\nd = 2\n"),
    ]
}

fn binary() -> Vec<Case> {
    let case = |name: &str, plain: &[u8]| Case::new(name, Format::Binary, plain);
    let all: Vec<u8> = (0..=255).collect();
    vec![
        case("text", b"some text\n"),
        case("empty", b""),
        case("all bytes", &all),
        case("a mebibyte", &all.repeat(4096)),
        case("newlines alone", b"\n\r\n\n"),
        case("text of JSON", b"{\"data\": \"x\", \"a\": 1}\n"),
        case("no UTF-8", b"\xff\xfe\xc3\x28"),
        case("zero bytes", b"\0\0\0"),
        case("look-alike", b"ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]"),
        case("rule that is not for it", b"x").flags(&["--unencrypted-regex", "."]),
    ]
}
