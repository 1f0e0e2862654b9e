//! Secrets of Kubernetes as files hold them: read with their types, written from nothing.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::catalogue::BootstrapSecret;
use crate::secret::Plaintext;
use crate::sops::formats::{self, Format, Unwritable};
use crate::sops::tree::{Document, Entry, Item, Node, Text, Tree, Value};

/// The annotation that keeps Flux from replacing `${…}` in values.
pub const SUBSTITUTE: &str = "kustomize.toolkit.fluxcd.io/substitute";
/// The annotation that keeps Flux from deleting an object whose file is gone.
pub const PRUNE: &str = "kustomize.toolkit.fluxcd.io/prune";
/// The annotation that keeps Flux from decrypting.
pub const DECRYPT: &str = "kustomize.toolkit.fluxcd.io/decrypt";
/// The annotation that keeps Flux from applying an object at all.
pub const RECONCILE: &str = "kustomize.toolkit.fluxcd.io/reconcile";
/// What these annotations say to switch it off.
pub const DISABLED: &str = "disabled";

/// What an object says of itself. Proven only where the file was verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// `kind`, where it is text.
    pub kind: Option<String>,
    /// `metadata.name`
    pub name: Option<String>,
    /// `metadata.namespace`
    pub namespace: Option<String>,
    /// `metadata.annotations` that are text.
    pub annotations: Vec<(String, String)>,
}

/// Which of the two fields of a Secret a value stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `data`, in base64.
    Data,
    /// `stringData`, as it is.
    StringData,
}

/// A Secret.
pub struct SecretManifest {
    /// Which document of its file, from 1.
    pub document: usize,
    /// What it says of itself.
    pub head: Head,
    /// Its keys, in the order of the file; each once.
    pub entries: Vec<SecretEntry>,
}

/// A key of a Secret with its value.
pub struct SecretEntry {
    /// The key.
    pub key: String,
    /// The value, decoded; never empty.
    pub value: Plaintext,
    /// Where it stands.
    pub field: Field,
}

/// What is wrong with a Secret. Keys are named, values never.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestFault {
    /// It is something else.
    #[error("its kind is not Secret")]
    NotASecret,
    /// Objects have names.
    #[error("metadata.name is not there or is not text")]
    NoName,
    /// `data` or `stringData` of another form.
    #[error("{0} is not a map of keys")]
    NotAMap(&'static str),
    /// A number, a map: the API server takes text alone, and a changed type is a sign of forgery.
    #[error("the value of {0} is not text")]
    NotText(String),
    /// Not base64 under `data`.
    #[error("the value of {0} stands under data and is not base64")]
    NotBase64(String),
    /// Nothing there: anybody can put an empty value into a SOPS file without any key.
    #[error("the value of {0} is empty or null; SOPS does not protect empty values, so anybody may have put it there")]
    Empty(String),
    /// Under `data` and under `stringData`.
    #[error("{0} stands under data and under stringData; the second wins")]
    Twice(String),
    /// No key at all.
    #[error("it holds no value")]
    NoValues,
    /// Another version, or none.
    #[error("its apiVersion is not v1: the API server does not take it for a Secret")]
    OtherVersion,
    /// A type that asks for keys of its own.
    #[error("its type is not Opaque")]
    OtherType,
    /// A field that a Secret has not.
    #[error("it has a field {0}, which a Secret has not: the API server refuses it")]
    UnknownField(String),
    /// A key that no Secret can have.
    #[error("{0} cannot be a key of a Secret: only letters, digits, -, _ and . can stand in one")]
    KeyName(String),
}

impl Field {
    /// Its name in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::StringData => "stringData",
        }
    }
}

impl Head {
    /// Of a document, sealed or not.
    pub fn of(document: &Document) -> Self {
        let metadata = map(&document.root, "metadata").unwrap_or_default();
        let annotations = map(metadata, "annotations").unwrap_or_default();
        Self {
            kind: text(&document.root, "kind"),
            name: text(metadata, "name"),
            namespace: text(metadata, "namespace"),
            annotations: entries(annotations)
                .filter_map(|entry| Some((entry.key.clone(), text_of(&entry.node)?)))
                .collect(),
        }
    }

    /// Which bootstrap secret it says it is.
    pub fn secret(&self) -> Option<BootstrapSecret> {
        BootstrapSecret::of_manifest(self.namespace.as_deref(), self.name.as_deref()?)
    }

    /// Whether an annotation switches something off.
    pub fn disables(&self, annotation: &str) -> bool {
        self.annotations.iter().any(|(name, value)| name == annotation && value == DISABLED)
    }
}

impl SecretManifest {
    /// Reads a decrypted document; `number` counts documents from 1.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(document: &Document, number: usize) -> Result<Self, Vec<ManifestFault>> {
        let head = Head::of(document);
        let mut faults = Vec::new();
        if head.kind.as_deref() != Some("Secret") {
            return Err(vec![ManifestFault::NotASecret]);
        }
        if head.name.is_none() {
            faults.push(ManifestFault::NoName);
        }
        faults.extend(of_the_whole(document));
        let mut found: Vec<SecretEntry> = Vec::new();
        for field in [Field::Data, Field::StringData] {
            match node(&document.root, field.name()) {
                None => {}
                Some(Node::Map(items)) => {
                    for entry in entries(items) {
                        match value(entry, field) {
                            Ok(value) if found.iter().all(|known| known.key != entry.key) => {
                                found.push(SecretEntry { key: entry.key.clone(), value, field });
                            }
                            Ok(_) => faults.push(ManifestFault::Twice(shown(&entry.key))),
                            Err(fault) => faults.push(fault),
                        }
                    }
                }
                Some(_) => faults.push(ManifestFault::NotAMap(field.name())),
            }
        }
        if found.is_empty() && faults.is_empty() {
            faults.push(ManifestFault::NoValues);
        }
        if faults.is_empty() { Ok(Self { document: number, head, entries: found }) } else { Err(faults) }
    }

    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&Plaintext> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The values whose keys end so, with their keys.
    pub fn ending_with<'a>(&'a self, end: &'a str) -> impl Iterator<Item = &'a SecretEntry> {
        self.entries.iter().filter(move |entry| entry.key.ends_with(end))
    }
}

/// What keeps the API server from taking the document for the Secret that it is meant to be.
fn of_the_whole(document: &Document) -> Vec<ManifestFault> {
    const FIELDS: [&str; 7] = ["apiVersion", "kind", "metadata", "type", "data", "stringData", "immutable"];
    let mut faults = Vec::new();
    if text(&document.root, "apiVersion").as_deref() != Some("v1") {
        faults.push(ManifestFault::OtherVersion);
    }
    if node(&document.root, "type").is_some() && text(&document.root, "type").as_deref() != Some("Opaque") {
        faults.push(ManifestFault::OtherType);
    }
    let odd =
        entries(&document.root).map(|entry| entry.key.as_str()).filter(|key| !FIELDS.contains(key) && *key != "sops");
    faults.extend(odd.map(|key| ManifestFault::UnknownField(shown(key))));
    let keys = ["data", "stringData"].into_iter().filter_map(|field| map(&document.root, field)).flat_map(entries);
    let is_key = |key: &str| {
        (1..=253).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    faults.extend(keys.filter(|entry| !is_key(&entry.key)).map(|entry| ManifestFault::KeyName(shown(&entry.key))));
    faults
}

/// A key for a message: what a file holds may be anything, and no control character reaches a terminal.
pub fn shown(key: &str) -> String {
    key.escape_debug().to_string()
}

fn value(entry: &Entry, field: Field) -> Result<Plaintext, ManifestFault> {
    let name = || shown(&entry.key);
    let text = match &entry.node {
        Node::Leaf(leaf) => match &leaf.value {
            Value::Str(text) => text,
            Value::Null => return Err(ManifestFault::Empty(name())),
            _ => return Err(ManifestFault::NotText(name())),
        },
        Node::Map(items) if items.is_empty() => return Err(ManifestFault::Empty(name())),
        Node::List(elements) if elements.is_empty() => return Err(ManifestFault::Empty(name())),
        Node::Map(_) | Node::List(_) => return Err(ManifestFault::NotText(name())),
    };
    let value = match field {
        Field::StringData => Plaintext::copy_from(text),
        Field::Data => decoded(text).ok_or_else(|| ManifestFault::NotBase64(name()))?,
    };
    if value.is_empty() { Err(ManifestFault::Empty(name())) } else { Ok(value) }
}

fn decoded(text: &[u8]) -> Option<Plaintext> {
    // Line breaks inside are taken by the API server.
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    plain.extend(text.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
    let mut bytes = Zeroizing::new(vec![0_u8; base64::decoded_len_estimate(plain.len())]);
    let length = BASE64_STANDARD.decode_slice(plain.as_slice(), &mut bytes).ok()?;
    bytes.truncate(length);
    Some(Plaintext::new(bytes))
}

fn entries(items: &[Item]) -> impl Iterator<Item = &Entry> {
    items.iter().filter_map(|item| match item {
        Item::Entry(entry) => Some(entry),
        Item::Comment(_) => None,
    })
}

fn node<'a>(items: &'a [Item], key: &str) -> Option<&'a Node> {
    entries(items).find(|entry| entry.key == key).map(|entry| &entry.node)
}

fn map<'a>(items: &'a [Item], key: &str) -> Option<&'a [Item]> {
    match node(items, key)? {
        Node::Map(items) => Some(items),
        _ => None,
    }
}

fn text(items: &[Item], key: &str) -> Option<String> {
    text_of(node(items, key)?)
}

fn text_of(node: &Node) -> Option<String> {
    match node {
        Node::Leaf(leaf) => match &leaf.value {
            Value::Str(text) => String::from_utf8(text.to_vec()).ok(),
            _ => None,
        },
        _ => None,
    }
}

/// A plain manifest with these keys, as YAML.
///
/// # Errors
/// A value that YAML cannot hold as text.
pub fn plain(secret: BootstrapSecret, values: &[(String, Plaintext)]) -> Result<Text, Unwritable> {
    let word = |key: &str, value: &str| Item::entry(key, Node::text(value));
    let mut annotations = vec![word(SUBSTITUTE, DISABLED)];
    if secret == BootstrapSecret::SopsAge {
        // Deleted, nothing else could be decrypted any more.
        annotations.push(word(PRUNE, DISABLED));
    }
    let metadata = vec![
        word("name", secret.name()),
        word("namespace", secret.namespace()),
        Item::entry("annotations", Node::Map(annotations)),
    ];
    let values = values.iter().map(|(key, value)| {
        let text = Zeroizing::new(value.expose().to_vec());
        Item::entry(key.clone(), Node::leaf(Value::Str(text)))
    });
    let root = vec![
        word("apiVersion", "v1"),
        word("kind", "Secret"),
        Item::entry("metadata", Node::Map(metadata)),
        word("type", "Opaque"),
        Item::entry("stringData", Node::Map(values.collect())),
    ];
    let document = Document { root, ..Document::default() };
    formats::emit(Format::Yaml, &Tree { documents: vec![document], ..Tree::default() }, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SecretManifest, Vec<ManifestFault>> {
        let tree = formats::parse(Format::Yaml, text.as_bytes()).unwrap();
        SecretManifest::read(&tree.documents[0], 1)
    }

    fn faults(text: &str) -> Vec<ManifestFault> {
        read(&format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\n{text}")).err().unwrap_or_default()
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let values = [
            ("AWS_ACCESS_KEY_ID".to_owned(), Plaintext::copy_from(b"0123")),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), Plaintext::copy_from(b"a: b # ${c}\nd")),
        ];
        let text = plain(BootstrapSecret::BackupS3, &values).unwrap();
        let manifest = read(std::str::from_utf8(&text).unwrap()).ok().unwrap();
        assert_eq!(manifest.head.secret(), Some(BootstrapSecret::BackupS3));
        assert!(manifest.head.disables(SUBSTITUTE) && !manifest.head.disables(PRUNE));
        for (key, value) in &values {
            assert!(manifest.value(key).unwrap().same_as(value), "{key}");
        }
    }

    #[test]
    fn the_identity_of_the_cluster_is_not_pruned() {
        let text = plain(BootstrapSecret::SopsAge, &[("x.agekey".to_owned(), Plaintext::copy_from(b"y"))]).unwrap();
        let manifest = read(std::str::from_utf8(&text).unwrap()).ok().unwrap();
        assert!(manifest.head.disables(PRUNE));
        assert_eq!(manifest.ending_with(".agekey").count(), 1);
    }

    #[test]
    fn data_is_decoded() {
        let manifest =
            read("apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata:\n  a: aHVu\n  b: |\n    aHVu\n    dGVy\n")
                .ok()
                .unwrap();
        assert_eq!(manifest.value("a").unwrap().expose(), b"hun");
        assert_eq!(manifest.value("b").unwrap().expose(), b"hunter");
        assert_eq!(manifest.entries[0].field, Field::Data);
    }

    #[test]
    fn whatever_the_api_server_or_a_careful_reader_would_refuse_is_a_fault() {
        let key = || "a".to_owned();
        assert_eq!(read("kind: Deployment\n").err().unwrap(), [ManifestFault::NotASecret]);
        assert_eq!(read("apiVersion: v1\nkind: Secret\nstringData: {a: b}\n").err().unwrap(), [ManifestFault::NoName]);
        assert_eq!(faults("stringData: []\n"), [ManifestFault::NotAMap("stringData")]);
        assert_eq!(faults("stringData: {a: 5}\n"), [ManifestFault::NotText(key())]);
        assert_eq!(faults("stringData: {a: {b: c}}\n"), [ManifestFault::NotText(key())]);
        for empty in ["''", "null", "~", "", "{}", "[]"] {
            assert_eq!(faults(&format!("stringData:\n  a: {empty}\n")), [ManifestFault::Empty(key())], "{empty}");
        }
        assert_eq!(faults("data: {a: '-'}\n"), [ManifestFault::NotBase64(key())]);
        assert_eq!(faults("data: {a: aHVu}\nstringData: {a: x}\n"), [ManifestFault::Twice(key())]);
        assert_eq!(faults("type: Opaque\n"), [ManifestFault::NoValues]);
        assert_eq!(faults("type: kubernetes.io/tls\nstringData: {a: b}\n"), [ManifestFault::OtherType]);
        assert_eq!(
            faults("stringdata: {a: b}\nstringData: {a: b}\n"),
            [ManifestFault::UnknownField("stringdata".into())]
        );
        assert_eq!(faults("stringData: {'a b': c}\n"), [ManifestFault::KeyName("a b".into())]);
        let other = read("apiVersion: v2\nkind: Secret\nmetadata: {name: x}\nstringData: {a: b}\n");
        assert_eq!(other.err().unwrap(), [ManifestFault::OtherVersion]);
    }
}
