//! Who can open a file, who shall, and what lies between.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::sops::metadata::KeyId;

/// The keys of one group before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupChange {
    /// Which can open it before and after.
    pub(crate) kept: Vec<KeyId>,
    /// Which are new.
    pub(crate) added: Vec<KeyId>,
    /// Which are gone.
    pub(crate) removed: Vec<KeyId>,
}

/// What lies between the groups of a file and those wanted, group by group; the order of keys does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// As many as the longer of the two has.
    pub(crate) groups: Vec<GroupChange>,
}

impl Difference {
    pub(crate) fn between(before: &[Vec<KeyId>], after: &[Vec<KeyId>]) -> Self {
        let empty = Vec::new();
        let groups = (0..before.len().max(after.len())).map(|index| {
            let (before, after) = (before.get(index).unwrap_or(&empty), after.get(index).unwrap_or(&empty));
            let (kept, added) = after.iter().cloned().partition(|key| before.contains(key));
            let removed = before.iter().filter(|key| !after.contains(key)).cloned().collect();
            GroupChange { kept, added, removed }
        });
        Self { groups: groups.collect() }
    }

    /// Whether nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.iter().all(|group| group.added.is_empty() && group.removed.is_empty())
    }

    /// Who loses something: removed from a group, whether or not another group still has it.
    pub(crate) fn removed(&self) -> Vec<&KeyId> {
        self.groups.iter().flat_map(|group| &group.removed).collect()
    }

    /// For a person, in the form of sops.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for (index, group) in self.groups.iter().enumerate() {
            let _ = writeln!(text, "Group {}", index + 1);
            for (sign, keys) in [("    ", &group.kept), ("+++ ", &group.added), ("--- ", &group.removed)] {
                for key in keys {
                    let _ = writeln!(text, "{sign}{key}");
                }
            }
        }
        text
    }

    /// For a program.
    pub(crate) fn to_json(&self) -> Value {
        let names = |keys: &[KeyId]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
        let groups = self.groups.iter().map(
            |group| json!({"kept": names(&group.kept), "added": names(&group.added), "removed": names(&group.removed)}),
        );
        groups.collect()
    }
}

/// Keys of a file that nobody expects there: anybody can write one in, and a new data key would be given to it.
pub(crate) fn unexpected<'a>(
    of_file: &'a [Vec<KeyId>],
    expected: &[Vec<KeyId>],
    to_remove: &[KeyId],
) -> Vec<&'a KeyId> {
    let known: BTreeSet<&KeyId> = expected.iter().flatten().chain(to_remove).collect();
    let mut seen = BTreeSet::new();
    of_file.iter().flatten().filter(|key| !known.contains(key) && seen.insert(*key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Vec<KeyId> {
        names.iter().map(KeyId::age).collect()
    }

    #[test]
    fn a_difference_is_told_group_by_group_and_order_does_not_matter() {
        let before = [keys(&["a", "b"]), keys(&["c"])];
        assert!(Difference::between(&before, &[keys(&["b", "a"]), keys(&["c"])]).is_empty());
        let difference = Difference::between(&before, &[keys(&["b", "d"])]);
        assert_eq!(difference.to_text(), "Group 1\n    b\n+++ d\n--- a\nGroup 2\n--- c\n");
        assert_eq!(difference.removed().len(), 2);
        assert_eq!(difference.to_json()[0]["added"], json!(["d"]));
    }

    #[test]
    fn a_key_that_is_expected_nowhere_is_named_once() {
        let of_file = [keys(&["a", "evil", "old"]), keys(&["evil", "b"])];
        let found = unexpected(&of_file, &[keys(&["a"]), keys(&["b"])], &keys(&["old"]));
        assert_eq!(found, [&KeyId::age("evil")]);
    }
}
