//! Manifests as people keep them in Flux repositories: encrypting, changing and giving new keys in place touches values, the
//! `sops` block and nothing else.

use std::path::{Path, PathBuf};

use harness::sops::cases::{Verdict, each, same_lines};
use harness::sops::{Bed, Format, Sops, Trees, as_sops_writes, without_comments};

use super::changing::recipients;
use super::corpus::with_recipients;
use super::reading::comments;

/// A file, its rule, and a value in its first document that has an encrypted one, as a path of `set`.
struct Manifest {
    name: &'static str,
    text: String,
    rule: &'static str,
    /// Path of a value in the first document, and what it is set to.
    set: (&'static str, &'static str),
}

const OF_KUBERNETES: &str = "encrypted_regex: '^(data|stringData)$'";

fn manifests() -> Vec<Manifest> {
    let (apps, secret, values) =
        (include_str!("flux/apps.yaml"), include_str!("flux/secret.yaml"), include_str!("flux/values.yaml"));
    // Everything from the Secret on, which then is the first document.
    let secrets = apps
        .split_once("---\napiVersion: v1\nkind: Secret")
        .map(|(_, rest)| format!("apiVersion: v1\nkind: Secret{rest}"));
    let secrets = secrets.expect("a Secret among the manifests");
    let password = ("[\"stringData\"][\"password\"]", "\"another: one #2\"");
    let user = ("[\"stringData\"][\"PAPERLESS_ADMIN_USER\"]", "\"root\"");
    let make = |name, text: &str, rule, set| Manifest { name, text: text.to_owned(), rule, set };
    vec![
        make("manifests", &secrets, OF_KUBERNETES, user),
        make("manifests, line ends of Windows", &secrets.replace('\n', "\r\n"), OF_KUBERNETES, user),
        make("manifests, everything encrypted", &secrets, "unencrypted_suffix: _plain", user),
        make("a Secret", secret, OF_KUBERNETES, password),
        make(
            "a Secret, mac of the encrypted",
            secret,
            "encrypted_regex: '^(data|stringData)$', mac_only_encrypted: true",
            password,
        ),
        make("a Secret, no newline at the end", secret.trim_end(), OF_KUBERNETES, password),
        make("a Secret, line ends of Windows", &secret.replace('\n', "\r\n"), OF_KUBERNETES, password),
        make(
            "values of a chart",
            values,
            "encrypted_regex: '^(auth|smtp)$'",
            ("[\"smtp\"][\"password\"]", "\"87654321\""),
        ),
        make(
            "values of a chart, everything encrypted",
            values,
            "unencrypted_suffix: _plain",
            ("[\"auth\"][\"users\"][1][\"hash\"]", "\"x\""),
        ),
    ]
}

#[test]
fn manifests_keep_every_byte_but_values_and_the_block() {
    let (bed, trees) = (Bed::new("flux"), Trees::start());
    each("manifests", &manifests(), |manifest| manifest.name.to_owned(), |manifest| judge(&bed, &trees, manifest));
}

fn judge(bed: &Bed, trees: &Trees, manifest: &Manifest) -> Verdict {
    let folder = bed.case();
    let rule =
        |people: &str| with_recipients(bed, &format!("creation_rules:\n  - {{age: '{people}', {}}}\n", manifest.rule));
    put(&folder.join(".sops.yaml"), &rule("@alice"));
    let file = folder.join("manifest.yaml");
    put(&file, &manifest.text);
    let run = |arguments: &[&str]| {
        let call = bed.call(Sops::Ours).within(&folder).args(arguments);
        call.run().succeeded(&arguments.join(" "))
    };
    run(&["encrypt", "-i", "manifest.yaml"])?;
    let sealed = read(&file)?;
    plain_lines_stay(&manifest.text, &sealed)?;
    both_read(bed, trees, &sealed, Some(&manifest.text))?;

    run(&["set", "manifest.yaml", manifest.set.0, manifest.set.1])?;
    let changed = read(&file)?;
    same_lines("lines around set", &around(&sealed), &around(&changed))?;
    let values = values(&sealed).iter().zip(values(&changed)).filter(|(before, after)| *before != after).count();
    if values != 1 {
        return Err(format!("set changed {values} values"));
    }
    in_block(&sealed, &changed, &["mac", "lastmodified"])?;
    both_read(bed, trees, &changed, None)?;

    put(&folder.join(".sops.yaml"), &rule("@alice,@bob"));
    run(&["updatekeys", "-y", "manifest.yaml"])?;
    let shared = read(&file)?;
    same_lines("lines around updatekeys", &without_blocks(&changed), &without_blocks(&shared))?;
    if !recipients(shared.as_bytes()).contains(&bed.recipient("bob").to_owned()) {
        return Err("updatekeys did not add bob".to_owned());
    }
    both_read(bed, trees, &shared, None)?;

    run(&["rotate", "-i", "manifest.yaml"])?;
    let rotated = read(&file)?;
    same_lines("lines around rotate", &around(&shared), &around(&rotated))?;
    in_block(&shared, &rotated, &["mac", "lastmodified", "enc"])?;
    // A sealed data key has a part of random length for each recipient, in every document.
    if rotated.len().abs_diff(shared.len()) > 3000 {
        return Err(format!("rotate made {} bytes of {}", rotated.len(), shared.len()));
    }
    both_read(bed, trees, &rotated, None)
}

/// Lines outside of the blocks stay as they were, or hold a value that is encrypted now.
fn plain_lines_stay(plain: &str, sealed: &str) -> Verdict {
    let mut before = plain.split_inclusive('\n').peekable();
    for line in without_blocks(sealed.trim_end_matches(['\r', '\n'])) {
        let key = line.split("ENC[").next().unwrap_or_default();
        let fits = |old: &str| {
            old.trim_end_matches(['\r', '\n']) == line
                || line.contains("ENC[") && old.starts_with(key.trim_end_matches(['#', '"']).trim_end())
        };
        // The lines of a block scalar that became one value are skipped.
        if !before.by_ref().any(fits) {
            return Err(format!("a line that was not there, or not in this order: {line}"));
        }
    }
    let ends = |text: &str| (text.matches("\r\n").count(), text.matches('\n').count());
    let (windows, all) = ends(sealed);
    let expected = if ends(plain).0 > 0 { all } else { 0 };
    if windows == expected {
        Ok(())
    } else {
        Err(format!("{windows} of {all} lines end as those of Windows, expected {expected}"))
    }
}

/// Both versions open it to the same tree; that of `plain`, where it is given.
fn both_read(bed: &Bed, trees: &Trees, sealed: &str, plain: Option<&str>) -> Verdict {
    let ours = bed.decrypt(Sops::Ours, Format::Yaml, sealed.as_bytes()).succeeded("sops-tools decrypts")?;
    let expected = trees.read(bed, Format::Yaml, plain.map_or(ours.as_slice(), str::as_bytes))?;
    let leaves = |leaves: &[String]| as_sops_writes(&without_comments(leaves));
    let found = trees.read(bed, Format::Yaml, &ours)?;
    same_lines("leaves by sops-tools", &leaves(&expected), &leaves(&found))?;
    same_lines("comments by sops-tools", &comments(&expected), &comments(&found))?;
    for sops in Sops::REAL {
        let theirs = bed.decrypt(sops, Format::Yaml, sealed.as_bytes()).succeeded(sops.name())?;
        let found = trees.read(bed, Format::Yaml, &theirs)?;
        same_lines(&format!("leaves by {}", sops.name()), &leaves(&expected), &leaves(&found))?;
        // sops places some comments elsewhere than we do, and does not decrypt those; a value never.
        let text = String::from_utf8_lossy(&theirs);
        if let Some(line) = text.lines().find(|line| line.contains("ENC[") && !line.trim_start().starts_with('#')) {
            return Err(format!("{} left something encrypted: {line}", sops.name()));
        }
    }
    Ok(())
}

/// Every line outside of the blocks, without its end.
fn without_blocks(sealed: &str) -> Vec<String> {
    parted(sealed).0
}

/// The same with every encrypted value masked.
fn around(sealed: &str) -> Vec<String> {
    without_blocks(sealed).iter().map(|line| masked(line)).collect()
}

fn masked(line: &str) -> String {
    let mut text = line.to_owned();
    let mut from = 0;
    while let Some(start) = text[from..].find("ENC[AES256_GCM").map(|start| start + from) {
        let Some(end) = text[start..].find(']').map(|end| end + start) else { break };
        text.replace_range(start..=end, "ENC[]");
        from = start + 5;
    }
    text
}

/// The encrypted values outside of the blocks.
fn values(sealed: &str) -> Vec<String> {
    without_blocks(sealed).into_iter().filter(|line| line.contains("ENC[AES256_GCM")).collect()
}

/// Lines of the blocks that differ are those of the named fields alone.
fn in_block(before: &str, after: &str, fields: &[&str]) -> Verdict {
    let armored = fields.contains(&"enc");
    let kept = |line: &String| {
        let text = line.trim();
        let armor = armored && !text.contains(": ") && !text.ends_with(':') && !text.starts_with("---");
        !armor
            && !fields
                .iter()
                .any(|field| text.starts_with(&format!("{field}:")) || text.starts_with(&format!("- {field}:")))
    };
    let lines = |text: &str| parted(text).1.into_iter().filter(kept).collect::<Vec<_>>();
    same_lines("lines of the block", &lines(before), &lines(after))
}

/// Lines outside of the blocks, and those of the blocks.
fn parted(sealed: &str) -> (Vec<String>, Vec<String>) {
    let (mut outside, mut inside, mut block) = (Vec::new(), Vec::new(), false);
    for line in sealed.split('\n').map(|line| line.trim_end_matches('\r')) {
        let top = !line.is_empty() && !line.starts_with([' ', '#']);
        if top {
            block = line.starts_with("sops:");
        }
        if block { &mut inside } else { &mut outside }.push(line.to_owned());
    }
    (outside, inside)
}

fn put(path: &PathBuf, text: &str) {
    use std::io::Write as _;
    std::fs::File::create(path).and_then(|mut file| file.write_all(text.as_bytes())).expect("a file");
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}
