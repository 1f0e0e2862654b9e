//! Kubernetes Secrets in clear.

use std::path::Path;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use regex::bytes::Regex;
use zeroize::Zeroizing;

use super::placeholder::is_placeholder;
use super::{Hit, Kind, line_of};
use crate::secret::wiping_stack;
use crate::sops::formats::{self, Format};
use crate::sops::tree::{Element, Entry, Item, Leaf, Node, Text, Tree, Value};
use crate::sops::value::spelling;

/// Keys whose values are no secrets by themselves.
const PUBLIC_KEYS: [&str; 25] = [
    "username",
    "user",
    "host",
    "hostname",
    "url",
    "uri",
    "type",
    "endpoint",
    "bucket",
    "region",
    "port",
    "name",
    "namespace",
    "project",
    "server",
    "database",
    "dbname",
    "email",
    "ca.crt",
    "tls.crt",
    "known_hosts",
    "identity.pub",
    "aws_default_region",
    "restic_repository",
    "repository",
];

static MARK: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?-u)["']?kind["']?\s*:\s*["']?Secret["']?\s*(?:[#,}\r\n]|$)"#).ok());

/// Whether a file may hold a Secret at all: a quick look.
pub fn may_hold(path: &Path, bytes: &[u8]) -> bool {
    matches!(Format::of_path(path), Format::Yaml | Format::Json)
        && MARK.as_ref().is_some_and(|mark| mark.is_match(bytes))
}

/// The Secrets of a YAML or JSON file that hold a value in clear; one finding each.
///
/// A document that is no readable YAML, such as a template, holds none.
pub fn hits(path: &Path, bytes: &[u8]) -> Vec<Hit> {
    if !may_hold(path, bytes) {
        return Vec::new();
    }
    let format = Format::of_path(path);
    wiping_stack(|| match formats::parse(format, bytes) {
        Ok(tree) => in_tree(&tree, bytes),
        Err(_) if format == Format::Yaml => one_by_one(bytes),
        Err(_) => Vec::new(),
    })
}

/// Each document for itself, where one of them spoils the file.
fn one_by_one(bytes: &[u8]) -> Vec<Hit> {
    let (mut hits, mut start, mut line) = (Vec::new(), 0, 1);
    let mut take = |from: usize, to: usize, first_line: usize| {
        let document = bytes.get(from..to).unwrap_or_default();
        let found = formats::parse(Format::Yaml, document).map(|tree| in_tree(&tree, document)).unwrap_or_default();
        hits.extend(found.into_iter().map(|hit| Hit {
            line: hit.line + first_line - 1,
            secret: hit.secret.start + from..hit.secret.end + from,
            ..hit
        }));
    };
    let (mut at, mut first_line) = (0, 1);
    for text in bytes.split_inclusive(|byte| *byte == b'\n') {
        at += text.len();
        line += 1;
        if text.trim_ascii_end() == b"---" {
            take(start, at - text.len(), first_line);
            (start, first_line) = (at, line);
        }
    }
    take(start, bytes.len(), first_line);
    hits
}

/// The same of a tree that was read already.
pub fn in_tree(tree: &Tree, bytes: &[u8]) -> Vec<Hit> {
    let hit = |leaf: &Leaf| Hit {
        kind: Kind::SecretManifest,
        line: line_of(bytes, leaf.at.start),
        sure: true,
        secret: leaf.at.clone(),
    };
    secrets(tree).into_iter().filter_map(|items| first_clear(items).map(hit)).collect()
}

/// Every Secret, also those within a list of manifests, in their order.
pub fn secrets(tree: &Tree) -> Vec<&[Item]> {
    let mut found = Vec::new();
    let mut open: Vec<&[Item]> = tree.documents.iter().rev().map(|document| document.root.as_slice()).collect();
    while let Some(items) = open.pop() {
        if is_secret(items) {
            found.push(items);
            continue;
        }
        let start = open.len();
        for entry in entries(items) {
            push_maps(&entry.node, &mut open);
        }
        open.get_mut(start..).unwrap_or_default().reverse();
    }
    found
}

/// Whether a map is a manifest of Kubernetes, of whatever kind; `None` for no manifest.
pub fn kind_of(items: &[Item]) -> Option<String> {
    text_of(items, "apiVersion").and(text_of(items, "kind"))
}

fn is_secret(items: &[Item]) -> bool {
    text_of(items, "kind").is_some_and(|kind| kind == "Secret")
}

fn text_of(items: &[Item], name: &str) -> Option<String> {
    let entry = entries(items).find(|entry| entry.key == name)?;
    match &entry.node {
        Node::Leaf(Leaf { value: Value::Str(text), .. }) => String::from_utf8(text.to_vec()).ok(),
        _ => None,
    }
}

fn entries(items: &[Item]) -> impl Iterator<Item = &Entry> {
    items.iter().filter_map(|item| match item {
        Item::Entry(entry) => Some(entry),
        Item::Comment(_) => None,
    })
}

/// The maps at or in a node, not those within them: trees are not deeper than the formats read them.
fn push_maps<'a>(node: &'a Node, open: &mut Vec<&'a [Item]>) {
    let mut nodes = vec![node];
    while let Some(node) = nodes.pop() {
        match node {
            Node::Map(items) => open.push(items),
            Node::List(elements) => nodes.extend(elements.iter().filter_map(|element| match element {
                Element::Node(node) => Some(node),
                Element::Comment(_) => None,
            })),
            Node::Leaf(_) => {}
        }
    }
}

/// The first value that is a secret in clear.
fn first_clear(items: &[Item]) -> Option<&Leaf> {
    for (field, is_base64) in [("stringData", false), ("data", true)] {
        let Some(Node::Map(values)) = entries(items).find(|entry| entry.key == field).map(|entry| &entry.node) else {
            continue;
        };
        let clear = entries(values).find_map(|entry| match &entry.node {
            Node::Leaf(leaf) if is_clear(&entry.key, leaf, is_base64) => Some(leaf),
            _ => None,
        });
        if clear.is_some() {
            return clear;
        }
    }
    None
}

fn is_clear(key: &str, leaf: &Leaf, is_base64: bool) -> bool {
    let text = spelling(&leaf.value);
    if is_placeholder(&text) {
        return false;
    }
    let decoded: Text = if is_base64 {
        let compact: Zeroizing<Vec<u8>> =
            Zeroizing::new(text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect());
        BASE64.decode(&*compact).map(Zeroizing::new).unwrap_or(text)
    } else {
        text
    };
    let has = |word: &[u8]| decoded.windows(word.len()).any(|window| window == word);
    if is_placeholder(&decoded) || is_sealed_file(&decoded) {
        return false;
    }
    let is_public_key = PUBLIC_KEYS.contains(&key.to_ascii_lowercase().as_str())
        || [".pub", ".crt"].iter().any(|end| key.ends_with(end));
    let has_password = decoded.split(|byte| *byte == b'/').any(|part| part.contains(&b'@') && part.contains(&b':'));
    let is_certificate = has(b"-----BEGIN CERTIFICATE-----") && !has(b"PRIVATE KEY");
    !(is_certificate || is_public_key && !has_password)
}

/// A whole file that sops sealed, as a value: its MAC is sealed too. It is looked at by itself.
fn is_sealed_file(text: &[u8]) -> bool {
    [&b"mac: ENC[AES256_GCM,"[..], b"\"mac\": \"ENC[AES256_GCM,", b"sops_mac=ENC[AES256_GCM,", b"mac = ENC[AES256_GCM,"]
        .iter()
        .any(|mac| text.windows(mac.len()).any(|window| window == *mac))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(name: &str, text: &str) -> Vec<usize> {
        hits(Path::new(name), text.as_bytes()).iter().map(|hit| hit.line).collect()
    }

    #[test]
    fn a_secret_with_a_value_in_clear_is_found_wherever_it_stands() {
        let plain = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\nstringData:\n  A: Zk3vQ9pLm2\n";
        assert_eq!(lines("x.yaml", plain), [6]);
        assert_eq!(lines("x.yaml", &format!("a: b\n---\n{plain}---\n{plain}")), [8, 15]);
        let encoded =
            "apiVersion: v1\nkind: Secret\ndata:\n  username: Zm9vYmFyYmF6cXV4\n  password: WmszdlE5cExtMg==\n";
        assert_eq!(lines("x.yaml", encoded), [5]);
        let list =
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  stringData: {A: Zk3vQ9pLm2}\n";
        assert_eq!(lines("x.yml", list), [6]);
        let json = "{\"apiVersion\": \"v1\", \"kind\": \"Secret\",\n\"stringData\": {\"A\": \"Zk3vQ9pLm2\"}}";
        assert_eq!(lines("x.json", json), [2]);
        let url = "apiVersion: v1\nkind: Secret\nstringData:\n  url: postgres://u:Zk3vQ9pLm2@db/x\n";
        assert_eq!(lines("x.yaml", url), [4]);
        assert_eq!(lines("x.yaml", &format!("a: {{{{ .b }}}} c\n---\n{plain}")), [8], "beside a template");
    }

    #[test]
    fn sealed_empty_public_and_templated_secrets_are_silent() {
        let head = "apiVersion: v1\nkind: Secret\n";
        for rest in [
            "stringData:\n  A: ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\n",
            "stringData:\n  A: ${PASSWORD}\n",
            "type: kubernetes.io/service-account-token\n",
            "data: {}\n",
            "stringData:\n  A: changeme\n  B: ''\n",
            "data:\n  A: Y2hhbmdlbWU=\n",
            "stringData:\n  url: https://git.example.net/x\n  type: git\n",
            "data:\n  ca: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUQK\n",
            "stringData:\n  A: {{ .Values.password }}\n",
        ] {
            assert_eq!(lines("x.yaml", &format!("{head}{rest}")), [] as [usize; 0], "{rest}");
        }
        assert_eq!(
            lines("x.yaml", "kind: SecretStore\napiVersion: x\nstringData: {A: Zk3vQ9pLm2}\n"),
            [] as [usize; 0]
        );
        assert_eq!(lines("x.md", &format!("{head}stringData:\n  A: Zk3vQ9pLm2\n")), [] as [usize; 0]);
    }
}
