//! Files made to hurt: none may panic, and the time must grow no faster than the file.

use proptest::prelude::*;

use super::{Changes, Format, New, Step, parse, random, rewrite, set, unset};
use crate::sops::tree::Node;

const FORMATS: [Format; 5] = [Format::Yaml, Format::Json, Format::Dotenv, Format::Ini, Format::Binary];

/// A reader that takes the square of its length is far beyond the limit with this.
const LENGTH: usize = 48 << 10;

/// Much more than needed, even unoptimised on a busy machine.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(5);

#[test]
fn long_repetitions_take_no_longer_than_their_length() {
    let all = |unit: &str| unit.repeat(LENGTH / unit.len());
    let numbered = |line: fn(usize) -> String| (0..LENGTH / 16).map(line).collect::<String>();
    let mut sources: Vec<String> = [
        "[", "{", "- ", "&a ", "*a ", "? ", "a: ", "#", "#\n", "\"", "'", "`", "\\", " ", "\n", "\t", "!", "---\n",
        "...\n", "%a\n", "{\"a\":", "a:\n  ", ";\n", "a=\n", "[a]\n", "\"\"\"\n", "a=\\\n",
    ]
    .iter()
    .map(|unit| all(unit))
    .collect();
    sources.extend(["a:\n", "a: [", "a: {", "a: \"", "a: |\n", "a = ", "# \n", "a: &x [1]\nb: "].iter().flat_map(
        |head| {
            ["x, ", "- # c\n", "-\n", "\n", " \n", "[],", "b, # c\n", "*x\n"].map(|unit| format!("{head}{}", all(unit)))
        },
    ));
    sources.push(numbered(|index| format!("k{index}: &a{index} |\n  x\n# c\n")));
    sources.push(format!("a: &a x\n{}", numbered(|index| format!("k{index}: *a\n"))));
    sources.push(numbered(|index| format!("sops_a__list_{index}=x\n")));
    sources.push(format!("[sops]\n{}", numbered(|index| format!("a__map_{index} = x\n"))));
    for source in sources {
        for format in FORMATS {
            let start = std::time::Instant::now();
            exercise(format, source.as_bytes(), "k1");
            let head: String = source.chars().take(24).collect();
            assert!(start.elapsed() < LIMIT, "{format:?} {head:?}");
        }
    }
}

/// Reads, seals everything, sets and removes one key.
fn exercise(format: Format, source: &[u8], key: &str) {
    let Ok(tree) = parse(format, source) else { return };
    let spellings = random::spans(&tree).into_iter().map(|at| (at, New::Cipher("ENC[x]".into()))).collect();
    let block = Node::Map(Vec::new());
    let _ = rewrite(format, source, &tree, &Changes { spellings, block: Some(&block) });
    let path = [Step::Key(key.to_owned())];
    let _ = set(format, source, &tree, 0, &path, &Node::text("x\ny\n"));
    let _ = unset(format, source, &tree, 0, &path);
}

const YAML: &str = "# c\na: &x 1 # d\nb:\n  - k: |\n      t\n    l: *x\n  # e\n  - {m: [n, 'o']}\nsops:\n    mac: ENC[x]\n---\n\"p\": >-\n  q\n";
const JSON: &str =
    "{\n\t\"a\": [1, -2.5e3, {\"b\": \"\\u00e9\\n\"}],\n\t\"c\": null,\n\t\"sops\": {\"mac\": \"ENC[x]\"}\n}\n";
const DOTENV: &str = "A=1\n# c\nB=x\\ny\nsops_age__list_0__map_enc=a\nsops_mac=x\n";
const INI: &str = "; c\na = 1\n[s]\nb = `x\ny`\nc = d \\\n e\n[sops]\nage__list_0__map_enc = a\nmac = x\n";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_damage_makes_it_panic(
        which in 0_usize..4,
        cut in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), prop::sample::select(b"-:#&*!|>'\"[]{},?% \n\t=;`\\".to_vec())]), 0..6),
    ) {
        let (format, source) = [(Format::Yaml, YAML), (Format::Json, JSON), (Format::Dotenv, DOTENV), (Format::Ini, INI)][which];
        let mut bytes = source.as_bytes().to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cut.index(4) == 0 {
            bytes.truncate(cut.index(source.len()));
        }
        for key in ["a", "b", "A", "s", "p"] {
            exercise(format, &bytes, key);
        }
    }
}
