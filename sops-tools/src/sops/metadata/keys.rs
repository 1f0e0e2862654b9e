//! The keys that a block names: flat lists, or groups of them.

use std::fmt;

use super::{MetadataError, nodes};
use crate::sops::tree::{Element, Item, Node};

/// What kind of key it is, by the name of its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// `kms`, of AWS.
    Kms,
    /// `gcp_kms`
    GcpKms,
    /// `hckms`, of Huawei Cloud.
    HcKms,
    /// `azure_kv`
    AzureKv,
    /// `hc_vault`
    HcVault,
    /// `age`
    Age,
    /// `pgp`
    Pgp,
}

/// Which key, as a person names it: what rules and files are compared by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId {
    /// Its kind.
    pub kind: KeyKind,
    /// The age recipient, the PGP fingerprint, the ARN, the URL.
    pub name: String,
}

/// A key of a file, with the data key (or a part of it) sealed to it.
pub struct SealedKey {
    /// Which one it says it is. Nothing proves it.
    pub id: KeyId,
    /// The sealed data key; empty where the file has none.
    pub enc: String,
    fields: Node,
}

/// Keys each of which opens the group.
#[derive(Default)]
pub struct Group {
    /// In the order of the file, kind by kind.
    pub keys: Vec<SealedKey>,
}

impl KeyKind {
    /// All, in the order in which sops writes their lists.
    pub const ALL: [Self; 7] =
        [Self::Kms, Self::GcpKms, Self::HcKms, Self::AzureKv, Self::HcVault, Self::Age, Self::Pgp];

    /// The name of its list in the block.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kms => "kms",
            Self::GcpKms => "gcp_kms",
            Self::HcKms => "hckms",
            Self::AzureKv => "azure_kv",
            Self::HcVault => "hc_vault",
            Self::Age => "age",
            Self::Pgp => "pgp",
        }
    }

    /// The fields that name a key of this kind, and what stands before each.
    fn naming_fields(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Kms => &[("", "arn"), ("+", "role")],
            Self::GcpKms => &[("", "resource_id")],
            Self::HcKms => &[("", "key_id")],
            Self::AzureKv => &[("", "vault_url"), ("/keys/", "name"), ("/", "version")],
            Self::HcVault => &[("", "vault_address"), ("/v1/", "engine_path"), ("/keys/", "key_name")],
            Self::Age => &[("", "recipient")],
            Self::Pgp => &[("", "fp")],
        }
    }
}

impl KeyId {
    /// The key of an age recipient, or of an SSH key that age seals to.
    pub fn age(recipient: impl fmt::Display) -> Self {
        Self { kind: KeyKind::Age, name: recipient.to_string() }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.name.is_empty() { "(without a name)" } else { &self.name };
        // A file can hold anything: no control characters reach a terminal or a log.
        let name = name.escape_debug();
        match self.kind {
            KeyKind::Age => write!(f, "{name}"),
            kind => write!(f, "{} {name}", kind.name()),
        }
    }
}

impl SealedKey {
    /// An age recipient with what was sealed to it.
    pub fn age(recipient: &str, enc: String) -> Self {
        let fields = vec![Item::entry("recipient", Node::text(recipient)), Item::entry("enc", Node::text(&enc))];
        Self { id: KeyId::age(recipient), enc, fields: Node::Map(fields) }
    }

    /// The same key with all its fields.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self { id: self.id.clone(), enc: self.enc.clone(), fields: nodes::copy(&self.fields) }
    }

    fn read(kind: KeyKind, node: &Node) -> Result<Self, MetadataError> {
        let wrong = || MetadataError::WrongType(kind.name().to_owned());
        let fields = nodes::fields(node).ok_or_else(wrong)?;
        let text = |name: &str| match nodes::find(&fields, name) {
            None => Ok(String::new()),
            Some(node) => nodes::scalar(node).map(Option::unwrap_or_default).ok_or_else(wrong),
        };
        let mut name = String::new();
        for (mark, field) in kind.naming_fields() {
            let part = text(field)?;
            if !part.is_empty() {
                name.push_str(mark);
                name.push_str(&part);
            }
        }
        Ok(Self { id: KeyId { kind, name }, enc: text("enc")?, fields: nodes::copy(node) })
    }
}

impl Group {
    fn read(fields: &[(String, Node)]) -> Result<Self, MetadataError> {
        let mut keys = Vec::new();
        for kind in KeyKind::ALL {
            for node in nodes::list(fields, kind.name())? {
                keys.push(SealedKey::read(kind, node)?);
            }
        }
        Ok(Self { keys })
    }

    /// Its lists by name, empty ones left out.
    pub(super) fn to_lists(&self) -> Vec<(&'static str, Node)> {
        let of_kind = |kind: KeyKind| {
            let keys = self.keys.iter().filter(move |key| key.id.kind == kind);
            keys.map(|key| Element::Node(nodes::copy(&key.fields))).collect::<Vec<_>>()
        };
        KeyKind::ALL
            .into_iter()
            .map(|kind| (kind.name(), of_kind(kind)))
            .filter(|(_, keys)| !keys.is_empty())
            .map(|(name, keys)| (name, Node::List(keys)))
            .collect()
    }
}

/// The groups of a block. A flat list that is not empty wins over `key_groups`, as in sops.
pub(super) fn read_groups(fields: &[(String, Node)]) -> Result<Vec<Group>, MetadataError> {
    let flat = Group::read(fields)?;
    if !flat.keys.is_empty() {
        return Ok(vec![flat]);
    }
    let wrong = || MetadataError::WrongType("key_groups".to_owned());
    nodes::list(fields, "key_groups")?
        .into_iter()
        .map(|node| Group::read(&nodes::fields(node).ok_or_else(wrong)?))
        .collect()
}

/// Several groups as one node.
pub(super) fn groups_node(groups: &[Group]) -> Node {
    let group = |group: &Group| {
        let lists = group.to_lists().into_iter().map(|(name, node)| Item::entry(name, node));
        Element::Node(Node::Map(lists.collect()))
    };
    Node::List(groups.iter().map(group).collect())
}
