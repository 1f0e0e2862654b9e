//! The `sops` block: who can open the file, its rule, its MAC.
//!
//! Nothing in it is authenticated but what the MAC covers. It is read tolerantly, as old and foreign writers leave it, and written as
//! sops 3.11 reads it; fields that are not known here stay as they are.

use std::collections::HashSet;

use super::mac::Scope;
use super::rules::{Rule, RuleError, RuleField};
use super::tree::{Item, Node, Value};

mod keys;
mod nodes;
mod version;

pub use keys::{Group, KeyId, KeyKind, SealedKey};
pub(super) use nodes::{copy as copy_node, same as same_nodes};
pub use version::WRITTEN as WRITTEN_VERSION;

/// Most keys that a file may name, over all groups.
const KEY_LIMIT: usize = 512;

/// The block as read, or as it is to be written.
#[derive(Default)]
pub struct Metadata {
    /// Who can open the file: one group, or several of which as many as the threshold must agree.
    pub groups: Vec<Group>,
    /// How many groups are needed; only a hint in a file that is read.
    pub threshold: Option<usize>,
    /// When the file was last changed, as it stands there.
    pub last_modified: Option<String>,
    /// The sealed MAC, as it stands there.
    pub mac: Option<String>,
    /// Those of the six rule fields that are set.
    pub rule_fields: Vec<(RuleField, String)>,
    /// Which values the MAC covers.
    pub mac_scope: Scope,
    /// Which sops wrote it.
    pub version: Option<String>,
    /// All fields as they were read, in their order.
    pub(super) original: Vec<(String, Node)>,
}

/// Why a block cannot be understood. Names fields, never their values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// It is something else than a map of fields.
    #[error("the sops block is not a map of fields")]
    NotAMap,
    /// A field is of another type than sops gives it.
    #[error("the field {0} of the sops block is not what sops writes there")]
    WrongType(String),
    /// A field stands twice.
    #[error("the field {0} stands twice in the sops block")]
    Twice(String),
    /// Nobody can open the file.
    #[error("the sops block names no key: nobody could ever open the file")]
    NoKeys,
    /// More than any file has.
    #[error("the sops block names more than {KEY_LIMIT} keys")]
    TooManyKeys,
    /// The rule.
    #[error(transparent)]
    Rule(#[from] RuleError),
}

/// The fields in the order in which sops 3.11 writes them.
const ORDER: [&str; 19] = [
    "shamir_threshold",
    "key_groups",
    "kms",
    "gcp_kms",
    "hckms",
    "azure_kv",
    "hc_vault",
    "age",
    "lastmodified",
    "mac",
    "pgp",
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
    "mac_only_encrypted",
    "version",
];

impl Metadata {
    /// Reads a block.
    ///
    /// # Errors
    /// Fields of the wrong type, or no key at all. A missing MAC, time or version is no error here.
    pub fn read(block: &Node) -> Result<Self, MetadataError> {
        let original = nodes::fields(block).ok_or(MetadataError::NotAMap)?;
        let mut names = HashSet::new();
        if let Some((twice, _)) = original.iter().find(|(name, _)| !names.insert(name)) {
            return Err(MetadataError::Twice(twice.clone()));
        }
        let text = |name: &'static str| nodes::text_of(&original, name);
        let mut rule_fields = Vec::new();
        for field in RuleField::ALL {
            rule_fields.extend(text(field.name())?.filter(|value| !value.is_empty()).map(|value| (field, value)));
        }
        let only_encrypted = match text("mac_only_encrypted")?.as_deref() {
            None | Some("false" | "False" | "FALSE" | "") => false,
            Some("true" | "True" | "TRUE") => true,
            Some(_) => return Err(MetadataError::WrongType("mac_only_encrypted".to_owned())),
        };
        let threshold = match text("shamir_threshold")?.as_deref() {
            None | Some("" | "0") => None,
            Some(number) => Some(number.parse().map_err(|_| MetadataError::WrongType("shamir_threshold".to_owned()))?),
        };
        let metadata = Self {
            groups: keys::read_groups(&original)?,
            threshold,
            last_modified: text("lastmodified")?,
            mac: text("mac")?.filter(|mac| !mac.is_empty()),
            rule_fields,
            mac_scope: if only_encrypted { Scope::OnlyEncrypted } else { Scope::Everything },
            version: text("version")?,
            original,
        };
        match metadata.groups.iter().map(|group| group.keys.len()).sum() {
            0 => Err(MetadataError::NoKeys),
            count if count > KEY_LIMIT => Err(MetadataError::TooManyKeys),
            _ => Ok(metadata),
        }
    }

    /// The rule of the file.
    ///
    /// # Errors
    /// Two rules, or an expression that sops would misread.
    pub fn rule(&self) -> Result<Rule, RuleError> {
        Rule::of_fields(&self.rule_fields)
    }

    /// Every key that the file names, group by group.
    pub fn key_ids(&self) -> Vec<Vec<KeyId>> {
        self.groups.iter().map(|group| group.keys.iter().map(|key| key.id.clone()).collect()).collect()
    }

    /// How many groups have to agree when the file is written: all, where it says nothing that can hold.
    pub fn threshold_for(&self, groups: usize) -> usize {
        self.threshold.filter(|&threshold| (2..=groups).contains(&threshold)).unwrap_or(groups)
    }

    /// The same block.
    pub(super) fn copy(&self) -> Self {
        let copied = |group: &Group| Group { keys: group.keys.iter().map(SealedKey::copy).collect() };
        Self {
            groups: self.groups.iter().map(copied).collect(),
            threshold: self.threshold,
            last_modified: self.last_modified.clone(),
            mac: self.mac.clone(),
            rule_fields: self.rule_fields.clone(),
            mac_scope: self.mac_scope,
            version: self.version.clone(),
            original: self.original.iter().map(|(name, node)| (name.clone(), nodes::copy(node))).collect(),
        }
    }

    /// The block to write: known fields from this value, all others as they were read; their order as it was, new ones where sops 3.11
    /// has them. The version is at least that of the format written here.
    pub fn to_node(&self) -> Node {
        let mut fresh = self.fresh_fields();
        let mut fields: Vec<(String, Node)> = Vec::new();
        for (name, old) in &self.original {
            match fresh.iter().position(|(fresh, _)| fresh == name) {
                Some(at) => fields.push(fresh.remove(at)),
                // Empty lists and the like, of older versions, and what is not known here.
                None if !ORDER.contains(&name.as_str()) || nodes::is_empty(old) => {
                    fields.push((name.clone(), nodes::copy(old)));
                }
                None => {}
            }
        }
        for (name, node) in fresh {
            let after = |other: &str| rank(other).is_some_and(|other| Some(other) > rank(&name));
            let at = fields.iter().position(|(other, _)| after(other)).unwrap_or(fields.len());
            fields.insert(at, (name, node));
        }
        Node::Map(fields.into_iter().map(|(name, node)| Item::entry(name, node)).collect())
    }

    /// The known fields that have something to say, in sops' order.
    fn fresh_fields(&self) -> Vec<(String, Node)> {
        let mut all: Vec<(&str, Node)> = Vec::new();
        match self.groups.as_slice() {
            [] => {}
            [only] => all.extend(only.to_lists()),
            several => {
                let threshold = self.threshold_for(several.len());
                all.push(("shamir_threshold", nodes::number(threshold)));
                all.push(("key_groups", keys::groups_node(several)));
            }
        }
        let texts = [("lastmodified", &self.last_modified), ("mac", &self.mac)];
        all.extend(texts.into_iter().filter_map(|(name, text)| Some((name, Node::text(text.as_deref()?)))));
        all.extend(self.rule_fields.iter().map(|(field, text)| (field.name(), Node::text(text))));
        if self.mac_scope == Scope::OnlyEncrypted {
            all.push(("mac_only_encrypted", Node::leaf(Value::Bool(true))));
        }
        all.push(("version", Node::text(version::to_write(self.version.as_deref()))));
        all.sort_by_key(|(name, _)| rank(name));
        all.into_iter().map(|(name, node)| (name.to_owned(), node)).collect()
    }
}

fn rank(name: &str) -> Option<usize> {
    ORDER.iter().position(|known| *known == name)
}

/// Whether a map has the fields of such a block, enough to call the file encrypted as sops' `filestatus` does.
pub fn looks_encrypted(block: &Node) -> bool {
    let Node::Map(items) = block else { return false };
    let has = |name: &str| {
        items
            .iter()
            .any(|item| matches!(item, Item::Entry(entry) if entry.key == name && !nodes::is_empty(&entry.node)))
    };
    has("mac") && has("version")
}

#[cfg(test)]
mod tests;
