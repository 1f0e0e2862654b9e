//! A SOPS file as a text for `git diff`: every key on a line, and a fingerprint in the place of each encrypted value.
//!
//! The fingerprint is a MAC under a key of the repository's own, over path and value, cut to 32 bits: equal values under one path
//! look equal, also after a change of the data key, and that is all that can be learned. Where no identity opens the file the
//! encrypted text is fingerprinted instead, which is public: then a new data key looks like a change of every value.

use std::convert::Infallible;
use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::clock::hex;
use crate::secret::wiping_stack;
use crate::sops::data_key::Keyring;
use crate::sops::file::SopsFile;
use crate::sops::metadata::Metadata;
use crate::sops::rules::Rule;
use crate::sops::tree::{Text, Tree};
use crate::sops::value::{Kind, spelling};
use crate::sops::walk::{Found, Place, walk};

/// Bytes of the key of fingerprints.
pub const KEY_BYTES: usize = 32;
/// Bytes of a fingerprint.
const SHOWN: usize = 4;

/// What stands in the place of encrypted values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Fingerprints.
    Fingerprints,
    /// The values.
    Values,
}

/// The readable form of a file. Plain values stand there as they do in the file.
pub fn readable(file: SopsFile, keyring: &dyn Keyring, key: &[u8; KEY_BYTES], show: Show) -> Text {
    wiping_stack(|| {
        let mut text: Text = Zeroizing::new(Vec::new());
        let head = recipients(file.metadata());
        let sealed = lines(file.tree(), file.rule(), key, Show::Fingerprints, "sealed");
        // What is not verified is shown all the same: somebody looks for what changed.
        let opened = file.unlock(keyring).and_then(|unlocked| {
            let fits = unlocked.mac().is_ok();
            unlocked.despite_mac().map(|open| (open, fits))
        });
        if let Ok((open, fits)) = opened {
            if !fits {
                text.extend_from_slice(b"# the MAC does not fit: something was changed without sops\n");
            }
            text.extend_from_slice(&lines(open.tree(), open.rule(), key, show, "value"));
        } else {
            text.extend_from_slice(b"# not opened: fingerprints are of the encrypted text\n");
            text.extend_from_slice(&sealed);
        }
        text.extend_from_slice(head.as_bytes());
        text
    })
}

fn recipients(metadata: &Metadata) -> String {
    let mut text = String::new();
    let groups = metadata.key_ids();
    for (number, group) in groups.iter().enumerate() {
        for key in group {
            let _ = match groups.len() {
                1 => writeln!(text, "sops: recipient {key}"),
                _ => writeln!(text, "sops: group {} recipient {key}", number + 1),
            };
        }
    }
    if groups.len() > 1 {
        let _ = writeln!(text, "sops: groups needed {}", metadata.threshold_for(groups.len()));
    }
    for (field, rule) in &metadata.rule_fields {
        let _ = writeln!(text, "sops: {} {rule:?}", field.name());
    }
    text
}

fn lines(tree: &Tree, rule: &Rule, key: &[u8; KEY_BYTES], show: Show, word: &str) -> Text {
    let mut text: Text = Zeroizing::new(Vec::new());
    let mut document = 0;
    let done: Result<(), Infallible> = walk(tree, rule, |place| {
        if place.document != document {
            document = place.document;
            text.extend_from_slice(b"---\n");
        }
        line(place, key, show, word, &mut text);
        Ok(())
    });
    let Ok(()) = done;
    text
}

fn line(place: &Place<'_, '_>, key: &[u8; KEY_BYTES], show: Show, word: &str, text: &mut Text) {
    let path = place.path.display();
    let (kind, spelled, dash) = match &place.found {
        Found::Leaf(leaf) => (
            Kind::of(&leaf.value).map_or("null", Kind::name),
            spelling(&leaf.value),
            if place.in_list { " -" } else { "" },
        ),
        Found::Comment(comment) => ("comment", comment.text.clone(), " #"),
    };
    text.extend_from_slice(path.as_bytes());
    text.extend_from_slice(dash.as_bytes());
    if !place.is_encrypted || spelled.is_empty() || show == Show::Values {
        text.extend_from_slice(b": ");
        for line in spelled.split(|byte| *byte == b'\n') {
            text.extend_from_slice(line);
            text.extend_from_slice(b"\n");
        }
        return;
    }
    let fingerprint = fingerprint(key, place.path.aad(), &spelled);
    // The type of what is not opened is not known.
    let told = if word == "sealed" { format!(": {word} {fingerprint}\n") } else { format!(": {kind} {fingerprint}\n") };
    text.extend_from_slice(told.as_bytes());
}

fn fingerprint(key: &[u8; KEY_BYTES], aad: &[u8], value: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(b"sops-tools/fingerprint/v1\0");
    mac.update(&(aad.len() as u64).to_be_bytes());
    mac.update(aad);
    mac.update(value);
    mac.finalize().into_bytes().get(..SHOWN).map(hex).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock as _, System};
    use crate::custody::Identities;
    use crate::sops::file::{Guard, Keys, Recipe, encrypt};
    use crate::sops::formats::Format;
    use crate::sops::metadata::KeyId;

    const PLAIN: &[u8] = b"# note\na: hunter2\nb:\n- hunter2\n- 5\nc_unencrypted: seen\nd: ''\n---\na: hunter2\n";

    fn sealed(who: &Identities) -> (Vec<u8>, Keys) {
        let keys: Vec<KeyId> = who.to_recipients().iter().map(KeyId::age).collect();
        let sealed = encrypt(Format::Yaml, PLAIN, &Recipe::to(vec![keys.clone()]), System.now(), &System).unwrap();
        (sealed, Keys { groups: vec![keys], threshold: None })
    }

    fn text(bytes: &[u8], who: &Identities, show: Show) -> String {
        let file = SopsFile::parse(Format::Yaml, bytes).unwrap();
        String::from_utf8(readable(file, who, &[7; 32], show).to_vec()).unwrap()
    }

    #[test]
    fn no_value_is_shown_and_a_new_data_key_changes_no_fingerprint() {
        let who = Identities::generate();
        let (bytes, keys) = sealed(&who);
        let first = text(&bytes, &who, Show::Fingerprints);
        assert!(!first.contains("hunter2") && !first.contains("note") && !first.contains("ENC["), "{first}");
        assert!(
            first.contains("c_unencrypted: seen\n") && first.contains("d: \n") && first.contains("---\n"),
            "{first}"
        );
        let open = SopsFile::parse(Format::Yaml, &bytes).unwrap().unlock(&who).unwrap().verified().unwrap();
        let guard = Guard { keyring: &who, recovery: &[] };
        let rotated = open.rotate(&keys, &guard, System.now(), &System).unwrap();
        assert_eq!(text(&rotated, &who, Show::Fingerprints), first);
        let lines: Vec<&str> =
            first.lines().filter(|line| line.starts_with("a:") || line.starts_with("b -:")).collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0], lines[3], "one value under one path");
        assert_ne!(lines[0].split_once(": ").unwrap().1, lines[1].split_once(": ").unwrap().1, "under another path");
    }

    #[test]
    fn a_file_that_cannot_be_opened_still_shows_its_keys() {
        let (bytes, _) = sealed(&Identities::generate());
        let shown = text(&bytes, &Identities::generate(), Show::Values);
        assert!(
            shown.starts_with("# not opened") && shown.contains("a: sealed ") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[test]
    fn values_are_shown_when_they_are_asked_for() {
        let who = Identities::generate();
        let (bytes, _) = sealed(&who);
        assert!(text(&bytes, &who, Show::Values).contains("a: hunter2\n"));
    }
}
