//! Files that are changed: `set`, `unset`, `rotate`, `updatekeys`, `edit`, by us and by sops, from the same file.
//!
//! Both must end alike, and both versions must read what became of ours.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use harness::sops::cases::{Verdict, differences, report, same_lines};
use harness::sops::{Bed, Call, Deliberate, Format, Output, Sops, Trees, as_sops_writes, without_comments};

use super::corpus::with_recipients;

mod keys;
mod values;

/// A change of a file: arguments with `@file` for it and `@alice` and so on for public keys.
#[derive(Debug, Clone)]
struct Change {
    name: String,
    format: Format,
    plain: &'static str,
    /// How the file is made; empty: for alice.
    config: &'static str,
    /// What a `.sops.yaml` beside it says at the time of the change; empty: there is none.
    later: &'static str,
    arguments: Vec<&'static str>,
    input: Option<&'static str>,
    /// A shell script that edits `$1`.
    editor: Option<&'static str>,
}

impl Change {
    fn new(name: &str, format: Format, plain: &'static str, arguments: &[&'static str]) -> Self {
        let name = format!("{} in {}", name, format.name());
        let arguments = arguments.to_vec();
        Self { name, format, plain, config: "", later: "", arguments, input: None, editor: None }
    }

    /// The file, sealed by sops 3.11.0; made once for all changes of the same file.
    fn sealed(&self, bed: &Bed, made: &Made) -> Result<Vec<u8>, String> {
        let key = (self.format, self.plain, self.config);
        if let Some(sealed) = made.lock().expect("no holder panics").get(&key) {
            return Ok(sealed.clone());
        }
        let sealed = self.seal(bed)?;
        made.lock().expect("no holder panics").insert(key, sealed.clone());
        Ok(sealed)
    }

    fn seal(&self, bed: &Bed) -> Result<Vec<u8>, String> {
        if self.config.is_empty() {
            return bed.encrypt(Sops::Old, self.format, self.plain.as_bytes(), &[]);
        }
        let config = bed.file("config.yaml", with_recipients(bed, self.config));
        let file = bed.file(self.format.file(), self.plain);
        bed.call(Sops::Old).arg("--config").arg(config).arg("encrypt").arg(file).run().succeeded("sealing")
    }

    /// Changes a copy of `sealed`.
    fn make(&self, bed: &Bed, sops: Sops, sealed: &[u8]) -> (Output, PathBuf) {
        let file = bed.file(self.format.file(), sealed);
        let folder = file.parent().expect("in a folder").to_owned();
        if !self.later.is_empty() {
            copy(&bed.file("config", with_recipients(bed, self.later)), &folder.join(".sops.yaml"));
        }
        let mut call: Call = bed.call(sops).within(&folder);
        for argument in &self.arguments {
            call = call.arg(with_recipients(bed, &argument.replace("@file", &file.to_string_lossy())));
        }
        if let Some(script) = self.editor {
            let script = bed.file("editor.sh", script);
            call = call.env("EDITOR", format!("sh {}", script.display()));
        }
        if let Some(input) = self.input {
            call = call.stdin(input.as_bytes());
        }
        (call.run(), file)
    }
}

/// Sealed files by format, text and configuration.
type Made = Mutex<HashMap<(Format, &'static str, &'static str), Vec<u8>>>;

fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
}

#[test]
fn changes_end_as_those_of_sops_and_both_versions_read_them() {
    let (bed, trees, meant) = (Bed::new("changing"), Trees::start(), Deliberate::of("change"));
    let changes = [values::changes(), keys::changes()].concat();
    let made = Made::default();
    let check = |change: &Change| judge(&bed, &trees, &meant, &change.sealed(&bed, &made)?, change);
    let mut found = differences(&changes, |change| change.name.clone(), check);
    found.extend(meant.unseen());
    report("changes", changes.len(), &found);
}

fn judge(bed: &Bed, trees: &Trees, meant: &Deliberate, sealed: &[u8], change: &Change) -> Verdict {
    let (theirs, their_file) = change.make(bed, Sops::New, sealed);
    let (ours, our_file) = change.make(bed, Sops::Ours, sealed);
    let theirs_said = if theirs.crashed() && ours.status != 0 { ours.status } else { theirs.status };
    meant
        .judge(&change.name, &theirs_said.to_string(), ours.status)
        .map_err(|fault| format!("{fault}\nsops: {}\nours: {}", theirs.summary(), ours.summary()))?;
    let read = |path: &Path| std::fs::read(path).map_err(|error| error.to_string());
    let (their_sealed, our_sealed) = (read(&their_file)?, read(&our_file)?);
    if !ours.good() {
        let untouched = our_sealed == sealed;
        return if untouched { Ok(()) } else { Err("a refusal that changed the file".to_owned()) };
    }
    if !theirs.good() {
        return Ok(()); // a difference that is meant
    }
    if their_sealed == sealed && our_sealed != sealed {
        return Err("sops left the file untouched, we changed it".to_owned());
    }
    let same = same_result(bed, trees, change, &their_sealed, &our_sealed);
    if same.is_err() && meant.otherwise(&change.name) { Ok(()) } else { same }
}

/// Whether both results say the same to everybody.
fn same_result(bed: &Bed, trees: &Trees, change: &Change, theirs: &[u8], ours: &[u8]) -> Verdict {
    let about_keys = !change.later.is_empty();
    let people = if about_keys { &["alice", "bob", "carol"][..] } else { &["alice"] };
    for &person in people {
        let expected = bed.decrypt_as(Sops::New, person, change.format, theirs);
        for sops in [Sops::New, Sops::Old, Sops::Ours] {
            if person != "alice" && sops != Sops::New {
                continue;
            }
            let found = bed.decrypt_as(sops, person, change.format, ours);
            if expected.status != found.status {
                let text = String::from_utf8_lossy(ours);
                return Err(format!(
                    "{person} gets {} of theirs, by {} {} of ours\n{text}",
                    expected.summary(),
                    sops.name(),
                    found.summary()
                ));
            }
            if expected.good() {
                let [expected, found] = [&expected, &found].map(|output| leaves(trees, bed, change.format, output));
                same_lines(&format!("leaves by {}", sops.name()), &expected?, &found?)?;
            }
        }
    }
    same_lines("recipients", &recipients(theirs), &recipients(ours))
}

fn leaves(trees: &Trees, bed: &Bed, format: Format, output: &Output) -> Result<Vec<String>, String> {
    Ok(as_sops_writes(&without_comments(&trees.read(bed, format, &output.stdout)?)))
}

/// Every public key that a file names, in the order of letters, once per place.
pub(super) fn recipients(sealed: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(sealed);
    let mut found: Vec<String> = text
        .match_indices("age1")
        .map(|(place, _)| text[place..].chars().take_while(char::is_ascii_alphanumeric).collect::<String>())
        .filter(|key| key.len() == 62)
        .collect();
    found.sort();
    found
}
