//! What holds for every file.

use proptest::prelude::*;

use super::print::{Scope, print};
use super::{FileError, OpenFile, Recipe, SopsFile, Unlocked, encrypt};
use crate::clock::{Clock as _, System};
use crate::custody::Identities;
use crate::sops::formats::{self, Format};
use crate::sops::metadata::KeyId;

const PLAIN: &str =
    "a: one\nb:\n    - two\n    # note\n    - three: 4\nc:\n    d: \"\"\n    e: null\n    f: |\n        x\n        y\n";

fn seal(ours: &Identities, format: Format, plain: &[u8]) -> Result<Vec<u8>, FileError> {
    let recipe = Recipe::to(vec![ours.to_recipients().iter().map(KeyId::age).collect()]);
    encrypt(format, plain, &recipe, System.now(), &System)
}

fn open(ours: &Identities, format: Format, sealed: &[u8]) -> Result<OpenFile, FileError> {
    SopsFile::parse(format, sealed)?.unlock(ours).and_then(Unlocked::verified)
}

fn says(format: Format, plain: &[u8]) -> [u8; 32] {
    print(&formats::parse(format, plain).unwrap(), &Scope::Values)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn binary_files_come_back(plain in proptest::collection::vec(any::<u8>(), 0..400)) {
        let ours = Identities::generate();
        let sealed = seal(&ours, Format::Binary, &plain).unwrap();
        prop_assert_eq!(open(&ours, Format::Binary, &sealed).ok().unwrap().to_plain().unwrap().to_vec(), plain);
    }

    #[test]
    fn yaml_files_say_the_same_afterwards(keys in proptest::collection::btree_map("[a-zA-Z_:. -]{1,8}", "[ -~\u{e9}\n]{0,30}", 1..8)) {
        let ours = Identities::generate();
        let line = |(key, value)| format!("{}: {}\n", serde_json::to_string(key).unwrap(), serde_json::to_string(value).unwrap());
        let lines = keys.iter().filter(|(key, _)| key.as_str() != "sops").map(line).collect::<Vec<_>>().concat();
        prop_assume!(!lines.is_empty());
        let sealed = seal(&ours, Format::Yaml, lines.as_bytes()).unwrap();
        let file = open(&ours, Format::Yaml, &sealed).ok().unwrap();
        prop_assert_eq!(says(Format::Yaml, &file.to_plain().unwrap()), says(Format::Yaml, lines.as_bytes()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_changed_byte_never_changes_what_a_file_says(at in 0.0..1.0_f64, bit in 0_u8..8) {
        let ours = identities();
        let sealed = sealed(ours);
        let mut changed = sealed.clone();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "any byte will do")]
        let at = (at * changed.len() as f64) as usize;
        changed[at] ^= 1 << bit;
        if let Ok(file) = open(ours, Format::Yaml, &changed) {
            let plain = file.to_plain().unwrap();
            let without_types = |plain: &[u8]| String::from_utf8_lossy(plain).replace('"', "");
            let expected = without_types(&open(ours, Format::Yaml, sealed).ok().unwrap().to_plain().unwrap());
            // Comments, the spelling of nothing and the key of an empty text are not protected, and types are not.
            let kept = |plain: &str| plain.lines().filter(|line| !line.contains('#') && !line.contains("e:") && !line.ends_with(": ")).collect::<Vec<_>>().join("\n");
            prop_assert_eq!(kept(&without_types(&plain)), kept(&expected));
        }
    }

    #[test]
    fn no_bytes_are_too_odd(cut in 0.0..1.0_f64, odd in proptest::collection::vec(any::<u8>(), 0..40)) {
        let ours = identities();
        let sealed = sealed(ours);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "any byte will do")]
        let cut = (cut * sealed.len() as f64) as usize;
        let (head, tail) = sealed.split_at(cut);
        for bytes in [odd.clone(), [head, &odd].concat(), [head, &odd, tail].concat(), [head, tail.get(odd.len()..).unwrap_or_default()].concat()] {
            for format in [Format::Yaml, Format::Json, Format::Dotenv, Format::Ini, Format::Binary] {
                let _ = open(ours, format, &bytes);
            }
        }
    }
}

fn identities() -> &'static Identities {
    static OURS: std::sync::OnceLock<Identities> = std::sync::OnceLock::new();
    OURS.get_or_init(Identities::generate)
}

fn sealed(ours: &Identities) -> &'static Vec<u8> {
    static SEALED: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    SEALED.get_or_init(|| seal(ours, Format::Yaml, PLAIN.as_bytes()).unwrap())
}
