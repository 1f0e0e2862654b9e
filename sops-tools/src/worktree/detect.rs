//! Whether a file is a SOPS file, by what is in it and not by its name.

use std::path::Path;
use std::sync::LazyLock;

use regex::bytes::Regex;

use crate::sops::file::{FileError, SopsFile};
use crate::sops::formats::Format;

/// What a file is.
pub enum Looks {
    /// A SOPS file.
    Sealed(Box<SopsFile>),
    /// A SOPS file that cannot be read, and why.
    Damaged(FileError),
    /// Anything else.
    Plain,
}

struct Marks {
    format: Format,
    block: Regex,
}

/// What the block of each format begins with.
static MARKS: LazyLock<Vec<Marks>> = LazyLock::new(|| {
    let patterns = [
        (Format::Json, r#""sops"\s*:"#),
        (Format::Yaml, r#"(?m)^[ \t]*[{]?[ \t]*["']?sops["']?[ \t]*:"#),
        (Format::Dotenv, r"(?m)^sops_(mac|lastmodified|version|age__|pgp__|kms__)"),
        (Format::Ini, r"(?m)^[ \t]*\[sops\]"),
    ];
    let marks =
        patterns.iter().filter_map(|(format, text)| Some(Marks { format: *format, block: Regex::new(text).ok()? }));
    marks.collect()
});

/// What every SOPS file holds: a word that is not frequent elsewhere.
static ANY: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"sops").ok());
static SEALED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"ENC\[AES256_GCM,data:").ok());

/// Looks at the content of a file; the name only says which format is tried first.
pub fn look(path: &Path, bytes: &[u8]) -> Looks {
    if !has(&ANY, bytes) {
        return Looks::Plain;
    }
    let marked: Vec<Format> =
        MARKS.iter().filter(|marks| marks.block.is_match(bytes)).map(|marks| marks.format).collect();
    let mut fault = None;
    for format in order(Format::of_path(path), &marked) {
        match SopsFile::parse(format, bytes) {
            Ok(file) => return Looks::Sealed(Box::new(file)),
            Err(FileError::NotEncrypted) => {}
            // What the name says is what a person expects to hear about.
            Err(error) => drop(fault.get_or_insert(error)),
        }
    }
    match fault {
        // A key of that name alone makes no SOPS file.
        Some(error) if has(&SEALED, bytes) => Looks::Damaged(error),
        _ => Looks::Plain,
    }
}

fn has(regex: &LazyLock<Option<Regex>>, bytes: &[u8]) -> bool {
    regex.as_ref().is_some_and(|regex| regex.is_match(bytes))
}

/// The formats to try: that of the name first, then those whose marks are there. What is binary stands in JSON.
fn order(named: Format, marked: &[Format]) -> Vec<Format> {
    let is_marked = |format: Format| match format {
        Format::Binary => marked.contains(&Format::Json),
        other => marked.contains(&other),
    };
    let all = [named, Format::Binary, Format::Json, Format::Yaml, Format::Dotenv, Format::Ini];
    let mut formats = Vec::new();
    for format in all {
        if is_marked(format) && !formats.contains(&format) {
            formats.push(format);
        }
    }
    formats
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock as _, System};
    use crate::custody::Identities;
    use crate::sops::file::{Recipe, encrypt};
    use crate::sops::metadata::KeyId;

    fn sealed(format: Format, plain: &[u8]) -> Vec<u8> {
        let keys = Identities::generate().to_recipients().iter().map(KeyId::age).collect();
        encrypt(format, plain, &Recipe::to(vec![keys]), System.now(), &System).unwrap()
    }

    fn format(name: &str, bytes: &[u8]) -> Option<Format> {
        match look(Path::new(name), bytes) {
            Looks::Sealed(file) => Some(file.format()),
            _ => None,
        }
    }

    #[test]
    fn a_sops_file_is_known_whatever_its_name() {
        for (wanted, plain) in [
            (Format::Yaml, b"a: b\n".as_slice()),
            (Format::Json, b"{\"a\": \"b\"}"),
            (Format::Dotenv, b"A=b\n"),
            (Format::Ini, b"[s]\na = b\n"),
            (Format::Binary, b"\x00\x01"),
        ] {
            let bytes = sealed(wanted, plain);
            for name in ["x.yaml", "x.json", "x.env", "x.ini", "x"] {
                let found = format(name, &bytes).unwrap_or_else(|| panic!("{wanted:?} as {name}"));
                let fits = found == wanted
                    // JSON is YAML too, and the envelope of a binary file is JSON: the name decides.
                    || matches!((wanted, found), (Format::Json | Format::Binary, Format::Yaml | Format::Json));
                assert!(fits, "{wanted:?} as {name} was taken for {found:?}");
            }
        }
    }

    #[test]
    fn plain_files_that_speak_of_sops_are_plain() {
        for (name, text) in [
            ("x.md", "Run sops -d secret.yaml\n"),
            (".sops.yaml", "creation_rules:\n  - age: age1\n"),
            ("values.yaml", "sops:\n  enabled: true\n"),
            ("x.json", "{\"sops\": 1}"),
            ("x.ini", "[sops]\na = b\n"),
            ("x", ""),
        ] {
            assert!(matches!(look(Path::new(name), text.as_bytes()), Looks::Plain), "{name}");
        }
    }

    #[test]
    fn a_file_with_a_merge_conflict_is_a_damaged_sops_file() {
        let mut bytes = sealed(Format::Yaml, b"a: b\n");
        bytes.splice(0..0, *b"<<<<<<< HEAD\n");
        assert!(matches!(look(Path::new("x.yaml"), &bytes), Looks::Damaged(FileError::MalformedSealed(_))));
    }
}
