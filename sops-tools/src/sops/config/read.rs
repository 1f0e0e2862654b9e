//! From the text of a configuration to its rules, with everything that is wrong on the way.

use std::path::Path;

use serde_json::{Map, Value};

use super::yaml::yaml;
use super::{Config, CreationRule, Fault, Indents, Selection, age_key};
use crate::sops::go_regex;
use crate::sops::metadata::KeyId;
use crate::sops::rules::{Rule, RuleError, RuleField};

/// Deepest nesting of `merge` in a group.
const MERGE_DEPTH: usize = 16;

/// Fields of a rule for keys that are not age's.
const OTHER_FIELDS: [(&str, &str); 7] = [
    ("pgp", "PGP keys"),
    ("kms", "keys of AWS KMS"),
    ("gcp_kms", "keys of GCP KMS"),
    ("hckms", "keys of HuaweiCloud KMS"),
    ("azure_keyvault", "keys of Azure Key Vault"),
    ("hc_vault_transit_uri", "keys of Vault's transit engine"),
    ("plugins", "keys of sops plugins"),
];

/// The same in a group of `key_groups`.
const OTHER_GROUP_FIELDS: [(&str, &str); 7] = [
    ("pgp", "PGP keys"),
    ("kms", "keys of AWS KMS"),
    ("gcp_kms", "keys of GCP KMS"),
    ("hckms", "keys of HuaweiCloud KMS"),
    ("azure_keyvault", "keys of Azure Key Vault"),
    ("hc_vault", "keys of Vault's transit engine"),
    ("plugins", "keys of sops plugins"),
];

/// Fields of a rule beside those of keys and the six of [`RuleField`].
const RULE_FIELDS: [&str; 6] =
    ["path_regex", "age", "key_groups", "shamir_threshold", "mac_only_encrypted", "aws_profile"];

pub(super) fn config(text: &[u8], path: &Path) -> Result<Config, Vec<Fault>> {
    let mut reader = Reader::default();
    let top = match yaml(text) {
        Ok(Value::Object(map)) => map,
        Ok(Value::Null) => Map::new(),
        Ok(_) => return Err(vec![fault("", "it is not a map at its top")]),
        Err(wrong) => return Err(vec![fault("", wrong)]),
    };
    reader.note_unknown("", &top, &["creation_rules", "destination_rules", "stores", "keys"]);
    let rules = reader.list("creation_rules", top.get("creation_rules"));
    let rules = rules.iter().enumerate().filter_map(|(index, rule)| reader.rule(index, rule)).collect();
    let indents = reader.indents(top.get("stores"));
    if reader.faults.is_empty() {
        Ok(Config { path: path.to_owned(), rules, indents, notes: reader.notes })
    } else {
        Err(reader.faults)
    }
}

fn fault(key: impl Into<String>, wrong: impl Into<String>) -> Fault {
    Fault { key: key.into(), wrong: wrong.into() }
}

#[derive(Default)]
struct Reader {
    /// Of the file's form: nothing of it can be relied on.
    faults: Vec<Fault>,
    notes: Vec<String>,
}

impl Reader {
    fn note_unknown(&mut self, key: &str, map: &Map<String, Value>, known: &[&str]) {
        for name in map.keys().filter(|name| !known.contains(&name.as_str())) {
            let dot = if key.is_empty() { "" } else { "." };
            self.notes.push(format!("{key}{dot}{name}: sops knows no such key; it is ignored"));
        }
    }

    /// The elements of a list; nothing counts as an empty one.
    fn list<'a>(&mut self, key: &str, value: Option<&'a Value>) -> &'a [Value] {
        match value {
            None | Some(Value::Null) => &[],
            Some(Value::Array(list)) => list,
            Some(_) => {
                self.faults.push(fault(key, "it is not a list"));
                &[]
            }
        }
    }

    /// A text; nothing and empty count as none.
    fn text<'a>(&mut self, key: &str, map: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
        match map.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.as_str()).filter(|text| !text.is_empty()),
            Some(_) => {
                self.faults.push(fault(format!("{key}.{name}"), "it is not text; put it in quotes"));
                None
            }
        }
    }

    fn flag(&mut self, key: &str, map: &Map<String, Value>, name: &str) -> bool {
        match map.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.faults.push(fault(format!("{key}.{name}"), "it is not true or false"));
                false
            }
        }
    }

    fn number(&mut self, key: &str, map: &Map<String, Value>, name: &str) -> Option<usize> {
        match map.get(name) {
            None | Some(Value::Null) => None,
            Some(value) => {
                let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
                if number.is_none() {
                    self.faults.push(fault(format!("{key}.{name}"), "it is not a whole number from 0"));
                }
                number
            }
        }
    }

    fn indents(&mut self, stores: Option<&Value>) -> Indents {
        let mut indent = |name: &str| {
            let store = stores.and_then(Value::as_object)?.get(name)?.as_object()?;
            // sops takes a negative number for its default.
            if store.get("indent").and_then(Value::as_i64).is_some_and(i64::is_negative) {
                return None;
            }
            self.number(&format!("stores.{name}"), store, "indent")
        };
        Indents {
            yaml: indent("yaml").filter(|spaces| *spaces > 0),
            json: indent("json"),
            json_binary: indent("json_binary"),
        }
    }

    fn rule(&mut self, index: usize, value: &Value) -> Option<CreationRule> {
        let key = format!("creation_rules[{index}]");
        let Value::Object(map) = value else {
            self.faults.push(fault(key, "it is not a map"));
            return None;
        };
        let others = OTHER_FIELDS.iter().map(|(name, _)| *name);
        let six = RuleField::ALL.iter().map(|field| field.name());
        let known: Vec<&str> = RULE_FIELDS.into_iter().chain(others).chain(six).collect();
        self.note_unknown(&key, map, &known);
        let mut faults = Vec::new();
        let path_regex = self.text(&key, map, "path_regex").and_then(|text| match go_regex::compile(text) {
            Ok(regex) => Some(regex),
            Err(error) => {
                faults.push(fault(format!("{key}.path_regex"), error.to_string()));
                None
            }
        });
        let selection = self.selection(&key, map, &mut faults);
        let mac_only_encrypted = self.flag(&key, map, "mac_only_encrypted");
        let threshold = self.number(&key, map, "shamir_threshold");
        let mut key_faults = Vec::new();
        let groups = self.groups(&key, map, &mut key_faults);
        Some(CreationRule {
            number: index + 1,
            path_regex,
            groups,
            threshold,
            selection,
            mac_only_encrypted,
            faults,
            key_faults,
        })
    }

    fn selection(&mut self, key: &str, map: &Map<String, Value>, faults: &mut Vec<Fault>) -> Option<Selection> {
        let all: Vec<Selection> = RuleField::ALL
            .into_iter()
            .filter_map(|field| Some(Selection { field, text: self.text(key, map, field.name())?.to_owned() }))
            .collect();
        for one in &all {
            if let Err(RuleError::InvalidRegex { error, .. }) = Rule::of(one.field, &one.text) {
                let wrong = format!("{error}; sops would let it match nothing and could write secrets in clear");
                faults.push(fault(format!("{key}.{}", one.field.name()), wrong));
            }
        }
        if all.len() > 1 {
            let names: Vec<&str> = all.iter().map(|one| one.field.name()).collect();
            faults.push(fault(key, format!("it says twice what is encrypted: {}; keep one", names.join(", "))));
        }
        all.into_iter().next()
    }

    fn groups(&mut self, key: &str, map: &Map<String, Value>, faults: &mut Vec<Fault>) -> Vec<Vec<KeyId>> {
        let groups = self.list(&format!("{key}.key_groups"), map.get("key_groups"));
        if groups.is_empty() {
            let mut group = Vec::new();
            self.keys(key, map, &OTHER_FIELDS, &mut group, faults);
            return if group.is_empty() { Vec::new() } else { vec![group] };
        }
        let mut found = Vec::with_capacity(groups.len());
        for (index, value) in groups.iter().enumerate() {
            let key = format!("{key}.key_groups[{index}]");
            let mut group = Vec::new();
            self.group(&key, value, 0, &mut group, faults);
            if group.is_empty() && !faults.iter().any(|fault| fault.key.starts_with(&key)) {
                faults.push(fault(key, "the group is empty: no key could ever give its part"));
            }
            found.push(group);
        }
        found
    }

    /// One group, and first those that are merged into it.
    fn group(&mut self, key: &str, value: &Value, depth: usize, group: &mut Vec<KeyId>, faults: &mut Vec<Fault>) {
        let Value::Object(map) = value else {
            self.faults.push(fault(key, "it is not a map"));
            return;
        };
        let others = OTHER_GROUP_FIELDS.iter().map(|(name, _)| *name);
        self.note_unknown(key, map, &["age", "merge"].into_iter().chain(others).collect::<Vec<_>>());
        let merged = self.list(&format!("{key}.merge"), map.get("merge"));
        if depth == MERGE_DEPTH && !merged.is_empty() {
            self.faults.push(fault(format!("{key}.merge"), "it is nested too deeply"));
            return;
        }
        for (index, value) in merged.iter().enumerate() {
            self.group(&format!("{key}.merge[{index}]"), value, depth + 1, group, faults);
        }
        self.keys(key, map, &OTHER_GROUP_FIELDS, group, faults);
    }

    /// The recipients of one map, and a fault for each that cannot be served.
    fn keys(
        &mut self,
        key: &str,
        map: &Map<String, Value>,
        others: &[(&str, &str)],
        group: &mut Vec<KeyId>,
        faults: &mut Vec<Fault>,
    ) {
        for text in self.texts(&format!("{key}.age"), map.get("age")) {
            match age_key(&text) {
                Ok(recipient) if group.contains(&recipient) => {}
                Ok(recipient) => group.push(recipient),
                Err(wrong) => faults.push(fault(format!("{key}.age"), wrong)),
            }
        }
        for (name, what) in others {
            let empty = match map.get(*name) {
                None | Some(Value::Null) => true,
                Some(Value::String(text)) => text.trim_matches([',', ' ']).is_empty(),
                Some(Value::Array(list)) => list.is_empty(),
                Some(_) => false,
            };
            if !empty {
                let wrong = format!("{what} cannot be served, only age recipients; left out they would be locked out");
                faults.push(fault(format!("{key}.{name}"), wrong));
            }
        }
    }

    /// A text with commas, or a list of such.
    fn texts(&mut self, key: &str, value: Option<&Value>) -> Vec<String> {
        let words = |text: &str| -> Vec<String> {
            text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        match value {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) => words(text),
            Some(Value::Array(list)) => list
                .iter()
                .flat_map(|one| {
                    if !one.is_string() {
                        self.faults.push(fault(key, "an element is not text"));
                    }
                    one.as_str().map(words).unwrap_or_default()
                })
                .collect(),
            Some(_) => {
                self.faults.push(fault(key, "it is neither text nor a list of texts"));
                Vec::new()
            }
        }
    }
}
