//! SOPS files within Kubernetes Secrets: a plain manifest whose `data` holds a sealed file in base64, which Flux opens field by field.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use zeroize::Zeroizing;

use super::detect::{Looks, look};
use crate::scan::manifest;
use crate::sops::cipher::PREFIX;
use crate::sops::formats::{self, Changes, Format, New};
use crate::sops::tree::{Item, Leaf, Node, Span, Value};

/// A sealed file in a field of a Secret.
pub struct Nested {
    /// The field, as `data.KEY`.
    pub field: String,
    /// Where its value is spelled in the manifest.
    pub at: Span,
    /// The sealed file.
    pub bytes: Vec<u8>,
    /// What it is: sealed or damaged.
    pub looks: Looks,
}

/// The sealed files within the plain Secrets of a manifest.
pub fn nested(path: &Path, manifest: &[u8]) -> Vec<Nested> {
    let format = Format::of_path(path);
    if !manifest::may_hold(path, manifest) {
        return Vec::new();
    }
    let Ok(tree) = formats::parse(format, manifest) else { return Vec::new() };
    let mut found = Vec::new();
    for items in manifest::secrets(&tree) {
        for (key, leaf) in data(items) {
            let Some(bytes) = decoded(leaf) else { continue };
            match look(Path::new(key), &bytes) {
                Looks::Plain => {}
                looks => found.push(Nested { field: format!("data.{key}"), at: leaf.at.clone(), bytes, looks }),
            }
        }
    }
    found
}

/// The manifest with other sealed files in these places; `None` where it cannot be written so that it is read back as meant.
pub fn replaced(path: &Path, manifest: &[u8], changes: &[(Span, &[u8])]) -> Option<Vec<u8>> {
    let format = Format::of_path(path);
    let tree = formats::parse(format, manifest).ok()?;
    let encoded = |bytes: &[u8]| Zeroizing::new(BASE64.encode(bytes).into_bytes());
    let spellings = changes.iter().map(|(at, bytes)| (at.clone(), New::Value(Value::Str(encoded(bytes))))).collect();
    let new = formats::rewrite(format, manifest, &tree, &Changes { spellings, block: None }).ok()?.to_vec();
    let read_back: Vec<Vec<u8>> = nested(path, &new).into_iter().map(|nested| nested.bytes).collect();
    let all_there = changes.iter().all(|(_, bytes)| read_back.iter().any(|read| read == bytes));
    (all_there && read_back.len() == nested(path, manifest).len()).then_some(new)
}

/// The fields of `data` that are text.
fn data(items: &[Item]) -> impl Iterator<Item = (&str, &Leaf)> {
    let fields = items.iter().find_map(|item| match item {
        Item::Entry(entry) if entry.key == "data" => match &entry.node {
            Node::Map(fields) => Some(fields.as_slice()),
            _ => None,
        },
        _ => None,
    });
    fields.unwrap_or_default().iter().filter_map(|item| match item {
        // Bytes that also stand for another place are not changed.
        Item::Entry(entry) => match &entry.node {
            Node::Leaf(leaf) if leaf.alias.is_none() => Some((entry.key.as_str(), leaf)),
            _ => None,
        },
        Item::Comment(_) => None,
    })
}

fn decoded(leaf: &Leaf) -> Option<Vec<u8>> {
    let Value::Str(text) = &leaf.value else { return None };
    let compact: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = BASE64.decode(&compact).ok()?;
    bytes.windows(PREFIX.len()).any(|window| window == PREFIX).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock as _, System};
    use crate::custody::Identities;
    use crate::sops::file::{Recipe, encrypt};
    use crate::sops::metadata::KeyId;

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let keys = Identities::generate().to_recipients().iter().map(KeyId::age).collect();
        encrypt(Format::Dotenv, plain, &Recipe::to(vec![keys]), System.now(), &System).unwrap()
    }

    #[test]
    fn a_sealed_file_in_a_secret_is_found_and_replaced_alone() {
        let (one, other) = (sealed(b"A=b\n"), sealed(b"A=c\n"));
        let manifest = format!(
            "# kept\napiVersion: v1\nkind: Secret\ndata:\n  x.env: {} # kept\n  plain: Zm9v\n---\nkind: ConfigMap\napiVersion: v1\ndata: {{x.env: {}}}\n",
            BASE64.encode(&one),
            BASE64.encode(&one)
        );
        let path = Path::new("x.yaml");
        let found = nested(path, manifest.as_bytes());
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].field.as_str(), &found[0].bytes), ("data.x.env", &one));
        let new = replaced(path, manifest.as_bytes(), &[(found[0].at.clone(), &other)]).unwrap();
        assert_eq!(String::from_utf8(new).unwrap(), manifest.replacen(&BASE64.encode(&one), &BASE64.encode(&other), 1));
        assert!(replaced(path, manifest.as_bytes(), &[(found[0].at.clone(), b"not sealed")]).is_none());
    }
}
