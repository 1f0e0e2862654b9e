//! Reads a section key by key, noting each fault and going on.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Map, Value};
use sops_tools::secret_file::{PLACE_FORM, SecretFile, SecretFileFault};

use super::fault::Fault;
use super::source::Source;

/// Key of what opens the SOPS files that other keys point into.
pub(super) const SOPS_IDENTITY: &str = "sopsIdentityFile";

/// What is wrong with a setting that points into a SOPS file.
pub(super) fn wrong_place(fault: SecretFileFault) -> &'static str {
    match fault {
        SecretFileFault::NotAPlace => "names no place in a SOPS file",
        SecretFileFault::NoIdentity => "points into a SOPS file, and nothing is set that opens it",
    }
}

/// What such a setting needs.
pub(super) fn expected_place(fault: SecretFileFault) -> &'static str {
    match fault {
        SecretFileFault::NotAPlace => PLACE_FORM,
        SecretFileFault::NoIdentity => "sopsIdentityFile beside it: the age identity that opens the SOPS file",
    }
}

/// A map in the settings, and which of its keys were asked for.
pub(super) struct Section<'a> {
    path: String,
    values: &'a Map<String, Value>,
    asked: RefCell<BTreeSet<&'static str>>,
    notes: &'a Notes<'a>,
}

/// Faults seen so far.
pub(super) struct Notes<'a> {
    source: &'a Source,
    sops_identities: Vec<PathBuf>,
    faults: RefCell<Vec<Fault>>,
}

impl<'a> Notes<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        let identity = source.tree.get(SOPS_IDENTITY).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let sops_identities = identity.map(|text| source.folder.join(text)).into_iter().collect();
        Self { source, sops_identities, faults: RefCell::default() }
    }

    pub(super) fn fault(&self, key: &str, wrong: impl Into<String>, expected: impl Into<String>) {
        self.faults.borrow_mut().push(Fault {
            key: key.to_owned(),
            origin: self.source.origin(key),
            wrong: wrong.into(),
            expected: expected.into(),
        });
    }

    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults.into_inner()
    }
}

impl<'a> Section<'a> {
    /// The whole tree.
    pub(super) fn root(notes: &'a Notes<'a>) -> Self {
        Self::new(String::new(), &notes.source.tree, notes)
    }

    fn new(path: String, values: &'a Map<String, Value>, notes: &'a Notes<'a>) -> Self {
        Self { path, values, asked: RefCell::default(), notes }
    }

    /// Path of a key of this section.
    pub(super) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes a fault of one of this section's keys.
    pub(super) fn fault(&self, key: &str, wrong: impl Into<String>, expected: impl Into<String>) {
        self.notes.fault(&self.key(key), wrong, expected);
    }

    /// The value, if it is set to anything but null.
    pub(super) fn value(&self, key: &'static str) -> Option<&'a Value> {
        self.asked.borrow_mut().insert(key);
        self.values.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| !value.is_null())
    }

    /// Text that is not empty.
    pub(super) fn text(&self, key: &'static str, expected: &str) -> Option<String> {
        let value = self.value(key)?;
        let text = self.as_text(&self.key(key), value, expected)?;
        Some(text.to_owned())
    }

    /// Text that must be there.
    pub(super) fn required(&self, key: &'static str, expected: &str) -> Option<String> {
        if self.value(key).is_none() {
            self.fault(key, "is missing", expected);
        }
        self.text(key, expected)
    }

    /// A path, made absolute against the file's folder.
    pub(super) fn path(&self, key: &'static str, expected: &str) -> Option<PathBuf> {
        self.text(key, expected).map(|text| self.notes.source.folder.join(text))
    }

    /// Where a secret is read, its file made absolute.
    pub(super) fn secret(&self, key: &'static str, expected: &str) -> Option<SecretFile> {
        let text = self.text(key, expected)?;
        self.as_secret(&self.key(key), &text)
    }

    /// A secret that must be there.
    pub(super) fn required_secret(&self, key: &'static str, expected: &str) -> Option<SecretFile> {
        let text = self.required(key, expected)?;
        self.as_secret(&self.key(key), &text)
    }

    /// A list of secrets.
    pub(super) fn secrets(&self, key: &'static str, expected: &str) -> Vec<SecretFile> {
        let each = self.texts(key, expected).into_iter();
        each.filter_map(|(path, text)| self.as_secret(&path, text)).collect()
    }

    /// What opens the SOPS files that settings point into.
    pub(super) fn sops_identities(&self) -> &[PathBuf] {
        &self.notes.sops_identities
    }

    /// A whole number within `range`.
    pub(super) fn number(&self, key: &'static str, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let value = self.value(key)?;
        let number =
            value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| range.contains(number));
        if number.is_none() {
            self.fault(
                key,
                "is not such a number",
                format!("a whole number from {} to {}", range.start(), range.end()),
            );
        }
        number
    }

    /// A list of texts, each with its path; an absent list is empty.
    pub(super) fn texts(&self, key: &'static str, expected: &str) -> Vec<(String, &'a str)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Value::Array(values) = value else {
            self.fault(key, "is not a list", format!("a list: {expected}"));
            return Vec::new();
        };
        let each = values.iter().enumerate();
        each.filter_map(|(index, value)| {
            let path = format!("{}[{index}]", self.key(key));
            self.as_text(&path, value, expected).map(|text| (path, text))
        })
        .collect()
    }

    /// A map of texts; an absent one is empty.
    pub(super) fn text_map(&self, key: &'static str, expected: &str) -> BTreeMap<String, String> {
        let Some(value) = self.value(key) else { return BTreeMap::new() };
        let Value::Object(map) = value else {
            self.fault(key, "is not a map", format!("a map from names to {expected}"));
            return BTreeMap::new();
        };
        map.iter()
            .filter_map(|(name, value)| {
                let path = format!("{}.{name}", self.key(key));
                self.as_text(&path, value, expected).map(|text| (name.clone(), text.to_owned()))
            })
            .collect()
    }

    /// A section inside this one.
    pub(super) fn section(&self, key: &'static str) -> Option<Section<'a>> {
        self.map_at(self.key(key), self.value(key)?)
    }

    /// A list of sections; an absent list is empty.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Value::Array(values) = value else {
            self.fault(key, "is not a list", "a list of maps");
            return Vec::new();
        };
        let each = values.iter().enumerate();
        each.filter_map(|(index, value)| self.map_at(format!("{}[{index}]", self.key(key)), value)).collect()
    }

    /// Sections by name; an absent map is empty.
    pub(super) fn named_sections(&self, key: &'static str) -> Vec<(String, Section<'a>)> {
        let Some(section) = self.section(key) else { return Vec::new() };
        let each = section.values.iter();
        each.filter_map(|(name, value)| Some((name.clone(), self.map_at(section.key(name), value)?))).collect()
    }

    /// Notes every key that nothing asked for.
    pub(super) fn finish(&self) {
        let asked = self.asked.borrow();
        let known = asked.iter().copied().collect::<Vec<_>>().join(", ");
        for key in self.values.keys().filter(|key| !asked.contains(key.as_str())) {
            self.fault(key, "is not a setting", format!("one of {known}"));
        }
    }

    fn as_secret(&self, path: &str, text: &str) -> Option<SecretFile> {
        let named = self.notes.source.folder.join(text);
        let secret = SecretFile::of_setting(&named, &self.notes.sops_identities);
        secret.map_err(|fault| self.notes.fault(path, wrong_place(fault), expected_place(fault))).ok()
    }

    fn map_at(&self, path: String, value: &'a Value) -> Option<Section<'a>> {
        if let Value::Object(map) = value {
            return Some(Self::new(path, map, self.notes));
        }
        self.notes.fault(&path, "is not a map", "a map");
        None
    }

    fn as_text(&self, path: &str, value: &'a Value, expected: &str) -> Option<&'a str> {
        let wrong = match value {
            Value::String(text) if !text.trim().is_empty() => return Some(text),
            Value::String(_) => "is empty",
            Value::Number(_) => "is a number (quote it if it is meant as text)",
            Value::Bool(_) => "is true or false (quote it if it is meant as text)",
            Value::Array(_) => "is a list",
            Value::Object(_) => "is a map",
            Value::Null => "is null",
        };
        self.notes.fault(path, wrong, expected);
        None
    }
}
