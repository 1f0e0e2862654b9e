//! Every kind of plain scalar that YAML, as sops reads it, knows; and numbers of JSON.

use harness::sops::Format;

use super::Case;

/// One scalar as it is spelled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row(pub(crate) &'static str);

/// Spellings in the place of `value` in `key: value`. What they mean is what sops says.
const SPELLINGS: &[&str] = &[
    // whole numbers: decimal, octal in two ways, hexadecimal, binary, underscores, signs
    "0",
    "7",
    "-7",
    "+12",
    "-0",
    "0644",
    "+0o17",
    "0O17",
    "0_7",
    "0o17",
    "0x1F",
    "0X1f",
    "-0x1F",
    "0x_ff",
    "0b101",
    "0b",
    "0B11",
    "-0b11",
    "1_000",
    "1__0",
    "_1",
    "1_",
    "0899",
    "09",
    "-09",
    "00",
    "0x",
    "0o",
    "0o8",
    "0xg",
    "08.5",
    "9223372036854775807",
    "-9223372036854775808",
    "0x7fffffffffffffff",
    "0777777777777777777777",
    "1 000",
    "1,000",
    // floats
    "1_000.5",
    "1e3",
    "12e03",
    "1.e3",
    "1e21",
    "1E+5",
    "1e-7",
    ".5",
    "5.",
    "+.5",
    "-.5",
    "0.10",
    "1.0",
    "-0.5",
    "1.5e300",
    "5e-324",
    "1e400",
    "123456789012345678901234567890",
    "0.1e",
    ".e1",
    ".",
    "..",
    "1.2.3",
    "+",
    "1e",
    "e1",
    "0x1p4",
    "1_0e1_0",
    "3.141592653589793",
    "100000000000000000000000",
    ".inf",
    ".Inf",
    ".INF",
    "+.inf",
    "-.inf",
    "+.INF",
    ".iNf",
    ".nan",
    ".NaN",
    ".NAN",
    "NaN",
    "Inf",
    "inf",
    "Infinity",
    "-.nan",
    // true, false, nothing
    "true",
    "True",
    "TRUE",
    "tRue",
    "false",
    "False",
    "FALSE",
    "~",
    "null",
    "Null",
    "NULL",
    "nUll",
    "",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
    "Y",
    "N",
    "Yes",
    "NO",
    // times
    "2024-05-06",
    "2024-5-6",
    "2024-05-06T01:02:03Z",
    "2024-05-06T1:2:3Z",
    "2024-05-06 01:02:03",
    "2024-05-06T01:02:03.500+02:00",
    "2024-05-06T01:02:03.123456789Z",
    "2024-05-06T01:02:03",
    "2024-05-06 01:02:03Z",
    "2001-12-14 21:59:43.10 -5",
    "2024-05-06t01:02:03z",
    "2024-13-06",
    "2024-02-30",
    "2024-02-29",
    "2023-02-29",
    "0000-01-01",
    "9999-12-31",
    "2024-05-06T24:00:00Z",
    "2024-05-06T01:02:60Z",
    "2024-05-06T01:02:03-00:00",
    "2024-05-06T01:02:03+05:30",
    "2024-05-06T01:02:03.Z",
    "2024-05",
    "190:20:30",
    "12:30:45",
    "2024-05-06x",
    "1985-04-12T23:20:50.52Z",
    "2024-05-06 1:2:3",
    "2024-05-06 01:02:03.25",
    // tagged and quoted
    "'5'",
    "\"5\"",
    "\"true\"",
    "'~'",
    "\"\"",
    "''",
    "!!str 5",
    "!!str true",
    "!!str",
    "!!float 1",
    "!!int 5",
    "!!bool true",
    "!!null ~",
    "!!binary aGVsbG8=",
    "!!timestamp 2024-05-06",
    "!local text",
    "!!str 2024-05-06",
    // strings that look like something else
    "=",
    "<<x",
    "ENC[foo]",
    "ENC[AES256_GCM",
    "\"#ENC[x]\"",
    "#nothing",
    "a#b",
    "a:b",
    "http://x/y?z=1#frag",
    "$6$salt$hash",
    "--",
    "---x",
    "...x",
    "\\n",
    "'it''s'",
    "\"tab\\tand \\u00e9\\x41\\U0001F600\"",
    "\"\\0\\a\\b\\e\\f\\v\\N\\_\\L\\P\"",
    "grüße",
    "日本語",
    "\u{1f600}",
    "e\u{301}",
    "\"trailing space \"",
    "' leading'",
    "\"line\\nbreak\"",
    "\"cr\\rlf\\r\\n\"",
    "\"nul\\0byte\"",
    "a%b",
    "x, y",
    "x] y",
    "{}",
    "[]",
    "\"{}\"",
    "'[]'",
    "\"\\\"quoted\\\"\"",
    "\"back\\\\slash\"",
];

/// One row per spelling.
pub(crate) fn rows() -> Vec<Row> {
    SPELLINGS.iter().copied().map(Row).collect()
}

/// The rows as values of a map.
pub(crate) fn document(rows: &[Row]) -> String {
    rows.iter().enumerate().map(|(number, row)| format!("k{number}: {}\n", row.0)).collect()
}

/// The rows of [`rows`] whose files sops itself reads back; what sops breaks is looked at one by one, see `reading`.
fn sound() -> Vec<Row> {
    // A plain -0.0 is written as -0 and read as 0: the MAC does not fit.
    rows().into_iter().filter(|row| !matches!(row.0, "-0.0")).collect()
}

/// Numbers of JSON but for a negative zero, which sops 3.13 reads from plain values as 0, and its own MAC does not fit; whole numbers beyond 2^53 are left to the tests that compare with 3.13 alone.
const NUMBERS: &str = r#"{
  "whole": [0, 1, -1, 5, 1000, 9007199254740991, -9007199254740992],
  "float": [0.5, -0.5, 1.0, 1.50, 1e3, 1E+3, 1e-7, 1e21, 1.5e300, 5e-324, 0.1, 3.141592653589793, 123456789.125, 100e-2],
  "other": [true, false, null, "", {}, []]
}
"#;

pub(super) fn cases() -> Vec<Case> {
    let sound = sound();
    let list: String = sound.iter().filter(|row| !row.0.is_empty()).map(|row| format!("  - {}\n", row.0)).collect();
    vec![
        Case::new("scalars, encrypted", Format::Yaml, document(&sound)),
        Case::new("scalars, plain", Format::Yaml, document(&sound)).flags(&["--unencrypted-regex", "^k"]),
        Case::new("scalars, some plain", Format::Yaml, document(&sound)).flags(&["--encrypted-regex", "[13579]$"]),
        Case::new("scalars, mac of the encrypted", Format::Yaml, document(&sound))
            .config("creation_rules: [{age: '@alice', encrypted_regex: '[13579]$', mac_only_encrypted: true}]"),
        Case::new("scalars in a list", Format::Yaml, format!("list:\n{list}")),
        Case::new("scalars in a plain list", Format::Yaml, format!("list_unencrypted:\n{list}")),
        Case::new("numbers", Format::Json, NUMBERS),
        Case::new("negative zero", Format::Json, "{\"a\": -0, \"b\": [-0.0]}"),
        Case::new("numbers, plain", Format::Json, NUMBERS).flags(&["--unencrypted-regex", "."]),
    ]
}
